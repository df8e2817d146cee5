//! An edge whose frames another data plane forwards: here a map from MAC to action, elsewhere a kernel's FDB, eBPF maps or a DPU.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::nve::{Input, Nve, NveConfig};
use nvo3_mobility::table::{Action, Change, Ingress, Lane, Route, VapId};
use nvo3_nva_proto::{Instant, Locators, NveId, Place, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use std::collections::HashMap;

/// What the data plane does with a unicast frame that a VAP sends to a TSI.
type Plane = HashMap<TsiKey, Action>;

const ROOM: usize = 65_536;

/// Carries out one order, or refuses it.
fn program(plane: &mut Plane, change: Change) -> Result<(), &'static str> {
    let Change::Tsi { key, entry, route, .. } = change else { return Ok(()) };
    let action = match (entry, route) {
        (Some(entry), _) => entry.act(Ingress::Vap),
        (None, Some(Route::At(place))) => Action::Tunnel(place),
        (None, _) => {
            plane.remove(&key);
            return Ok(());
        }
    };
    if plane.len() >= ROOM && !plane.contains_key(&key) {
        return Err("the table is full");
    }
    plane.insert(key, action);
    Ok(())
}

/// Does what the edge wants, until it wants nothing more; then says when to call again at the latest.
fn carry_out(now: Instant, edge: &mut ForeignEdge, plane: &mut Plane) -> Option<Instant> {
    let mut buffer = Vec::new();
    loop {
        match edge.poll(now, &mut buffer) {
            Next::Change(order) => match program(plane, order.change) {
                Ok(()) => edge.applied(now, 0, order.number),
                Err(why) => {
                    println!("order {} refused: {why}", order.number);
                    edge.refused(now, 0, order.number);
                }
            },
            Next::Frame(vap) => println!("{} bytes out of {vap}", buffer.len()),
            Next::Datagram(peer) => println!("{} bytes to {peer}", buffer.len()),
            Next::Event(event) => println!("{event}"),
            Next::Wait(until) => return until,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Instant(0);
    let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
    let mut edge = ForeignEdge::new(Nve::new(NveConfig::new(place, Transport::Trusted), 0x5eed)?, 1);
    let mut plane = Plane::new();

    let vn = Vni::new(5001).ok_or("24 bits")?;
    let key = TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, 1]) };
    let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?] };
    edge.tell(now, Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], trusted: false })?;
    edge.tell(now, Input::Activate { key, move_id: None })?;
    edge.tell(now, Input::Connect)?;

    let until = carry_out(now, &mut edge, &mut plane);
    println!("nothing to do until {until:?}");
    // Until the NVA has answered the registration.
    assert_eq!(plane.get(&key), Some(&Action::Hold(Lane::Direct)));
    assert_eq!(edge.unanswered(0), 0);
    Ok(())
}
