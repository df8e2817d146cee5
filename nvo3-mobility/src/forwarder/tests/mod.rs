//! The rules, on a small healthy NVE: VN 7 with two ports, a TSI running behind each.

mod bounds;
mod drops;
mod fairness;
mod gate;
mod group;
mod order;
mod recent;
mod strangers;
mod tables;
mod ways;

use super::*;
use crate::table::{Action, Binding, Bum, Change, Entry, Gate, Lane, Port, Route, TableChange, VapId};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_nva_proto::{HoldLimits, Instant, Locators, Micros, NveId, Place, TsiKey, Version};
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, arp};

const VN: Vni = Vni::from_bytes([0, 0, 7]);
const OTHER_VN: Vni = Vni::from_bytes([0, 0, 8]);
const P1: VapId = VapId(1);
const P2: VapId = VapId(2);
/// The hold limits of these tests (held frames are bounded, VMM-5-08).
const LIMITS: HoldLimits = HoldLimits { frames: 64, bytes: 64 * 1024, age: Micros::from_secs(3) };

const fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

const fn key(n: u8) -> TsiKey {
    TsiKey { vn: VN, mac: mac(n) }
}

const fn ip(nve: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, nve))
}

const fn place(nve: u8) -> Place {
    Place { nve: NveId(nve as u64), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, nve)) }
}

const fn to_nve(nve: u8) -> Verdict {
    Verdict::Tunnel { to: ip(nve), vn: VN }
}

/// An IPv4 frame of 100 bytes that carries a number.
fn frame(to: Mac, from: Mac, number: u32) -> Vec<u8> {
    let mut frame = alloc::vec![0; 100];
    frame[..6].copy_from_slice(&to.0);
    frame[6..12].copy_from_slice(&from.0);
    frame[12..15].copy_from_slice(&[8, 0, 0x45]);
    frame[26..30].copy_from_slice(&v4(from).0);
    frame[34..38].copy_from_slice(&number.to_be_bytes());
    frame
}

/// An ARP request of the TSI with this MAC to one station.
fn arp_request(to: Mac, from: Mac) -> Vec<u8> {
    let mut frame = alloc::vec![0; arp::FRAME_LEN];
    arp::request((from, v4(from)), v4(to), &mut frame).unwrap();
    frame[..6].copy_from_slice(&to.0);
    frame
}

/// The address of a TSI.
const fn v4(mac: Mac) -> Ipv4 {
    Ipv4([192, 0, 2, mac.0[5]])
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[34..38].try_into().unwrap())
}

const fn holding(party: Option<Place>, bum: Bum) -> Entry {
    Entry {
        party,
        from_party: Action::Hold(Lane::Tunnelled),
        ..Entry::all(Action::Hold(Lane::Direct), bum, Gate::Hold)
    }
}

fn members(nves: &[u8], sources: &[u8]) -> Change {
    let ips = |nves: &[u8]| nves.iter().map(|nve| ip(*nve)).collect();
    Change::Members { vn: VN, locators: ips(nves), sources: ips(sources) }
}

const fn tunnel(nve: u8) -> Entry {
    Entry::all(Action::Tunnel(place(nve)), Bum::Skip, Gate::Open)
}

/// The entry of `nve::rules::State::Prepared`: the VM still runs at the peer.
const fn prepared(peer: u8) -> Entry {
    Entry { party: Some(place(peer)), from_party: Action::Hold(Lane::Tunnelled), gate: Gate::Hold, ..tunnel(peer) }
}

/// The bindings of these MACs, each with the address of its last byte.
fn bindings(macs: &[Mac]) -> Vec<Binding> {
    macs.iter().map(|mac| Binding { mac: *mac, ips: Vec::from([v4(*mac).addr().into()]) }).collect()
}

/// NVE 1 with the TSIs 1 and 2 behind the ports 1 and 2. It has run for a while.
struct World {
    f: Forwarder,
    now: Instant,
    order: u64,
}

impl World {
    fn new() -> Self {
        Self::with(ForwarderConfig::new(place(1).locators))
    }

    fn with(config: ForwarderConfig) -> Self {
        let mut world = Self { f: Forwarder::new(config, 1).unwrap(), now: Instant(10_000_000), order: 0 };
        world.f.handle_timeout(Instant(0));
        world.members(&[]);
        world.port(P1, VN, Some(&[mac(1)]));
        world.port(P2, VN, Some(&[mac(2)]));
        world.tsi(1, Some(P1), Some(Entry::DELIVER), None);
        world.tsi(2, Some(P2), Some(Entry::DELIVER), None);
        world
    }

    fn apply(&mut self, change: Change) {
        self.order += 1;
        self.f.apply(&TableChange { number: self.order, change }).unwrap();
    }

    fn port(&mut self, vap: VapId, vn: Vni, macs: Option<&[Mac]>) {
        let port = macs.map_or(Port::trusted(vn), |macs| Port::untrusted(vn, bindings(macs)));
        self.apply(Change::Port { vap, port: Some(port) });
    }

    fn tsi(&mut self, n: u8, vap: Option<VapId>, entry: Option<Entry>, route: Option<Route>) {
        let version = Version { epoch: 1, generation: 5 };
        self.apply(Change::Tsi { key: key(n), vap, entry, route, version, limits: LIMITS, replay_since: None });
    }

    fn entry(&mut self, n: u8, vap: Option<VapId>, entry: Entry) {
        self.tsi(n, vap, Some(entry), None);
    }

    /// Group frames go to these NVEs. Frames of NVEs 1 to 9 are accepted.
    fn members(&mut self, nves: &[u8]) {
        self.apply(members(nves, &[1, 2, 3, 4, 5, 6, 7, 8, 9]));
    }

    /// Sends a frame from TSI `from`, which is behind the port of the same number.
    fn vap(&mut self, from: u8, to: u8, number: u32) -> Verdict {
        self.f.vap_frame(self.now, VapId(from.into()), &frame(mac(to), mac(from), number))
    }

    /// Sends a frame out of the tunnel from another NVE.
    fn tunnel(&mut self, from: u8, to: u8, number: u32) -> Verdict {
        self.f.tunnel_frame(self.now, ip(from), VN, &frame(mac(to), mac(200), number))
    }

    /// The held frames that may leave now.
    fn flush(&mut self) -> Vec<(Target, u32)> {
        self.flush_while(&mut |_| true)
    }

    fn flush_while(&mut self, room: &mut dyn FnMut(&Target) -> bool) -> Vec<(Target, u32)> {
        let mut out = Vec::new();
        core::iter::from_fn(|| Some((self.f.poll_flush(self.now, room, &mut out)?, number(&out)))).collect()
    }

    fn numbers(&mut self) -> Vec<u32> {
        self.flush().into_iter().map(|(_, number)| number).collect()
    }

    fn notices(&mut self) -> Vec<Notice> {
        core::iter::from_fn(|| self.f.poll_notice()).collect()
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now + Micros::from_millis(ms);
        self.f.handle_timeout(self.now);
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.f.counters().dropped_frames(reason)
    }
}
