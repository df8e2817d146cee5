//! SPEC.md's table of timers and bounds agrees with the configurations.

use crate::document::SPEC;
use nvo3_mobility::Transport;
use nvo3_mobility::nva::NvaConfig;
use nvo3_mobility::nve::NveConfig;
use nvo3_nva_proto::{Locators, NveId, Place, SessionConfig};
use std::collections::BTreeMap;

/// The defaults by owner and name. Times are in microseconds.
type Defaults = BTreeMap<(&'static str, &'static str), u64>;

/// The defaults in the table of SPEC.md §7.3.
fn in_the_table() -> Defaults {
    let section = SPEC.split("\n### 7.3 ").nth(1).unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let defaults = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (number, unit) = cells[2].split_once(' ').unwrap();
        let scale = match unit {
            "s" => 1_000_000.0,
            "ms" => 1_000.0,
            "messages" | "frames" | "bytes" | "moves" => 1.0,
            other => panic!("{}: unit {other}", cells[1]),
        };
        ((cells[3], cells[1]), (number.parse::<f64>().unwrap() * scale) as u64)
    });
    defaults.collect()
}

#[test]
fn every_default_is_what_the_table_says() {
    let session = SessionConfig::default();
    let nva = NvaConfig::new(Transport::Trusted);
    let place = Place { nve: NveId(1), locators: Locators::V4([192, 0, 2, 1].into()) };
    let nve = NveConfig::new(place, Transport::Trusted);
    let times = [
        (("both", "keepalive"), session.keepalive),
        (("both", "dead"), session.dead_after),
        (("both", "first wait"), session.rto_initial),
        (("both", "least wait"), session.rto_min),
        (("both", "longest wait"), session.rto_max),
        (("NVA", "lifetime"), nva.lifetime),
        (("NVA", "negative lifetime"), nva.negative_lifetime),
        (("NVA", "held age"), nva.hold.age),
        (("NVA", "members interval"), nva.members_interval),
        (("NVA", "interest"), nva.in_flight),
        (("NVA", "grace"), nva.grace),
        (("NVA", "duplicate window"), nva.duplicate_window),
        (("NVA", "registration lifetime"), nva.registration_lifetime),
        (("NVA", "yield deadline"), nva.yield_deadline),
        (("NVE", "registration lifetime"), nve.registration_lifetime),
        (("NVE", "confirm"), nve.confirm),
        (("NVE", "claim interval"), nve.claim_interval),
        (("NVE", "in flight"), nve.in_flight),
        (("NVE", "linger"), nve.linger),
        (("NVE", "withdrawn"), nve.negative),
        (("NVE", "pushed"), nve.pushed),
        (("NVE", "hint interval"), nve.hint_interval),
    ];
    let counts = [
        (("both", "window"), session.window.into()),
        (("both", "queue"), session.queue.into()),
        (("NVA", "held frames"), nva.hold.frames.into()),
        (("NVA", "held bytes"), nva.hold.bytes.into()),
        (("NVA", "duplicate moves"), nva.duplicate_moves.into()),
    ];

    let defaults: Defaults = times.map(|(name, time)| (name, time.0)).into_iter().chain(counts).collect();

    assert_eq!(in_the_table(), defaults);
    assert_eq!((nva.session, nve.session), (session, session));
    assert_eq!(nve.hold, nva.hold);
}
