//! An edge whose frames another data plane forwards: here a map from MAC to action, elsewhere a kernel's FDB, eBPF maps or a DPU.
//!
//! `cargo run -p nvo3-mobility --example foreign_plane`
//!
//! The edge gives numbered orders. The program carries out each order in the map, and answers *applied* or *refused*.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::nve::{Input, Nve, NveConfig};
use nvo3_mobility::table::{Action, Change, Ingress, PortPolicy, Route, VapId};
use nvo3_nva_proto::{Instant, Locators, NveId, Place, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// The action for a unicast frame that a VAP sends to a TSI.
type Plane = HashMap<TsiKey, Action>;

/// The most TSIs that this data plane has room for.
const ROOM: usize = 65_536;

/// Carries out one order, or refuses it. A refusal becomes a refusal to the authority: no move relies on what is not in the table.
fn program(plane: &mut Plane, change: Change) -> Result<(), &'static str> {
    // A complete plane also has ports, replication lists, and the actions for frames from tunnels.
    let Change::Tsi { key, entry, route, .. } = change else { return Ok(()) };
    let action = match (entry, route) {
        (Some(entry), _) => entry.act(Ingress::Vap),
        (None, Some(Route::At(place) | Route::Due(place))) => Action::Tunnel(place),
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

/// Does what the edge wants. Returns the time of the next call, if nothing arrives before.
fn carry_out(now: Instant, edge: &mut ForeignEdge, plane: &mut Plane) -> Option<Instant> {
    let mut buffer = Vec::new();
    loop {
        match edge.poll(now, &mut buffer) {
            // Planes may answer later, and many orders at once: `applied` covers every order up to its number.
            Next::Change(order) => match program(plane, order.change) {
                Ok(()) => {
                    println!("order {}: applied", order.number);
                    edge.applied(now, 0, order.number);
                }
                Err(why) => {
                    println!("order {}: refused, {why}", order.number);
                    edge.refused(now, 0, order.number);
                }
            },
            Next::Frame(vap) => println!("send a frame of {} bytes out of {vap}", buffer.len()),
            Next::Datagram(peer) => println!("send a datagram of {} bytes to {peer}", buffer.len()),
            Next::Event(event) => println!("{event}"),
            Next::Wait(until) => return until,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = std::time::Instant::now();
    let clock = || Instant(start.elapsed().as_micros() as u64);
    // RandomState takes its keys from the system's random source. In a test, give a constant.
    let seed = RandomState::new().hash_one(0);
    let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
    // Nothing is sent here. Over a network, use `Transport::Sealed` with keys.
    let mut edge = ForeignEdge::new(Nve::new(NveConfig::new(place, Transport::Trusted), seed)?, 1);
    let mut plane = Plane::new();

    let vn = Vni::new(5001).ok_or("a VNI has 24 bits")?;
    let key = TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, 1]) };
    let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?], role: Role::Unknown };
    edge.tell(clock(), Input::Connect)?;
    edge.tell(clock(), Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })?;
    edge.tell(clock(), Input::Activate { key, move_id: None })?;

    let until = carry_out(clock(), &mut edge, &mut plane).ok_or("an edge that connects has a deadline")?;
    println!("nothing to do until second {until}");
    match plane.get(&key) {
        Some(Action::Hold(_)) => println!("frames for {key} are held until the authority answers the registration"),
        _ => return Err("frames for the VM are not held".into()),
    }
    if edge.unanswered(0) == 0 { Ok(()) } else { Err("an order has no answer".into()) }
}
