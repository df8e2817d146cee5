//! The cost of one frame for the forwarder: delivered, tunnelled, held and flushed, punted or dropped. Beside it stands the least that
//! any forwarder does: one look-up in a keyed hash table.
#![allow(clippy::unwrap_used, missing_docs, reason = "criterion makes the public items")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Verdict};
use nvo3_mobility::table::{Action, Binding, Bum, Change, Entry, Gate, Lane, Port, Route, TableChange, VapId};
use nvo3_nva_proto::{HoldLimits, Instant, Locators, Micros, NveId, Place, TsiKey, Version};
use nvo3_wire::{Ipv4, Mac, Vni, arp};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

const VN: Vni = Vni::from_bytes([0, 0, 7]);
const NOW: Instant = Instant(1);
const AT: VapId = VapId(1);
const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 4));
/// TSIs, so that the tables do not fit into the nearest cache.
const TSIS: u16 = 10_000;

const SENDER: u16 = 1;
const LOCAL: u16 = 2;
const ROUTED: u16 = 3;
const HELD: u16 = 4;
const NOWHERE: u16 = 5;

const fn key(n: u16) -> TsiKey {
    let [high, low] = n.to_be_bytes();
    TsiKey { vn: VN, mac: Mac([2, 0, 0, 0, high, low]) }
}

const fn place(n: u8) -> Place {
    Place { nve: NveId(n as u64), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, n)) }
}

const TENANT: Ipv4 = Ipv4([203, 0, 113, 1]);

fn frame(to: u16) -> [u8; 100] {
    let mut frame = [0; 100];
    frame[..6].copy_from_slice(&key(to).mac.0);
    frame[6..12].copy_from_slice(&key(SENDER).mac.0);
    frame[12..15].copy_from_slice(&[8, 0, 0x45]);
    frame[26..30].copy_from_slice(&TENANT.0);
    frame
}

fn arp_request() -> [u8; 100] {
    let mut frame = [0; 100];
    arp::request((key(SENDER).mac, TENANT), Ipv4([203, 0, 113, 2]), &mut frame).unwrap();
    frame
}

struct Bench {
    forwarder: Forwarder,
    orders: u64,
}

impl Bench {
    fn new() -> Self {
        let forwarder = Forwarder::new(ForwarderConfig::new(place(1).locators), 1).unwrap();
        let mut bench = Self { forwarder, orders: 0 };
        let bound = vec![Binding { mac: key(SENDER).mac, ips: vec![TENANT.addr().into()] }];
        bench.apply(Change::Port { vap: AT, port: Some(Port::untrusted(VN, bound)) });
        bench.apply(Change::Port { vap: VapId(2), port: Some(Port::trusted(VN)) });
        let members =
            [3, 4, 5, 6, 7, 8].map(|n| place(n).locators).into_iter().filter_map(|nve| nve.v4().map(IpAddr::V4));
        let sources = members.chain([FROM]).collect();
        bench.apply(Change::Members { vn: VN, locators: Vec::new(), sources });
        bench.tsi(SENDER, Some(AT), Some(Entry::DELIVER), None);
        bench.tsi(LOCAL, Some(VapId(2)), Some(Entry::DELIVER), None);
        bench.tsi(NOWHERE, None, None, Some(Route::Nowhere));
        (ROUTED..TSIS).filter(|n| ![HELD, NOWHERE].contains(n)).for_each(|n| {
            bench.tsi(n, None, None, Some(Route::At(place(2))));
        });
        bench
    }

    fn apply(&mut self, change: Change) {
        self.orders += 1;
        self.forwarder.apply(&TableChange { number: self.orders, change }).unwrap();
    }

    fn tsi(&mut self, n: u16, vap: Option<VapId>, entry: Option<Entry>, route: Option<Route>) {
        let limits = HoldLimits { frames: 64, bytes: 64 * 1024, age: Micros::from_secs(3) };
        let (key, version, replay_since) = (key(n), Version::default(), None);
        self.apply(Change::Tsi { key, vap, entry, route, version, limits, replay_since });
    }

    /// Holds 32 frames for a TSI and lets them leave.
    fn hold_and_flush(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let entry = |action| Some(Entry::all(action, Bum::Skip, Gate::Open));
        self.tsi(HELD, None, entry(Action::Hold(Lane::Direct)), None);
        for _ in 0..32 {
            assert_eq!(self.forwarder.vap_frame(NOW, AT, bytes), Verdict::Held);
        }
        self.tsi(HELD, None, entry(Action::Tunnel(place(2))), None);
        while self.forwarder.poll_flush(NOW, &mut |_| true, out).is_some() {}
    }
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("forwarder");
    let mut bench = Bench::new();

    group.throughput(Throughput::Elements(1));
    let mut map = hashbrown::HashMap::with_hasher(ahash::RandomState::with_seeds(1, 2, 3, 4));
    map.extend((0..TSIS).map(|n| (key(n), u64::from(n))));
    group.bench_function("bare look-up", |b| b.iter(|| map.get(black_box(&key(ROUTED)))));
    for (name, bytes) in [
        ("from VAP, delivered", frame(LOCAL)),
        ("from VAP, tunnelled", frame(ROUTED)),
        ("from VAP, punted", arp_request()),
        ("from VAP, dropped", frame(NOWHERE)),
    ] {
        group.bench_function(name, |b| b.iter(|| bench.forwarder.vap_frame(NOW, AT, black_box(&bytes))));
    }
    let bytes = frame(LOCAL);
    group.bench_function("from tunnel, delivered", |b| {
        b.iter(|| bench.forwarder.tunnel_frame(NOW, FROM, VN, black_box(&bytes)));
    });

    group.throughput(Throughput::Elements(32));
    let (bytes, mut out) = (frame(HELD), Vec::new());
    group.bench_function("32 held and flushed", |b| b.iter(|| bench.hold_and_flush(black_box(&bytes), &mut out)));
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
