//! Numbered datagrams on their path: from a station, through forwarders and tunnels, to a port.

use super::model::{Excuse, Seat, To, Where};
use super::world::{World, place_of, vap};
use nvo3_mobility::forwarder::{DropReason, Forwarder, Target, Verdict};
use nvo3_wire::{Mac, Vni};
use std::collections::VecDeque;
use std::net::IpAddr;

impl World {
    /// A station sends a datagram, if its VM runs.
    pub fn send(&mut self, from: usize, to: To) {
        let Seat::Runs(edge) = self.model.seats[self.stations[from].0] else { return };
        let number = self.model.sends(self.now, from, to);
        self.log(|| format!("station {from} sends {number} to {to:?} at edge {edge}"));
        let mac = match to {
            To::One(to) => self.key(to).mac,
            To::All => Mac::BROADCAST,
        };
        let bytes = frame(number, mac, self.key(from).mac);
        self.enter_vap(edge, from, &bytes);
        self.drive(edge);
    }

    pub fn enter_vap(&mut self, edge: usize, station: usize, bytes: &[u8]) {
        let Some(number) = number_of(bytes) else { return };
        if !self.is_up(edge) {
            return self.model.excuse(number, Excuse::ToDownNode);
        }
        let now = self.now;
        let verdict = self.forward(edge, |forwarder| Some(forwarder.vap_frame(now, vap(station), bytes)));
        self.follow(edge, verdict, bytes);
    }

    /// Lets an edge's forwarder act, and tells the model which held datagrams it dropped.
    pub fn forward(&mut self, edge: usize, act: impl FnOnce(&mut Forwarder) -> Option<Verdict>) -> Option<Verdict> {
        let node = self.edges[edge].live.as_mut().unwrap();
        let dropped = |forwarder: &Forwarder| -> Vec<u64> {
            DropReason::ALL.iter().map(|why| forwarder.counters().dropped_frames(*why)).collect()
        };
        let before = dropped(&node.forwarder);
        let done = act(&mut node.forwarder);
        let after = dropped(&node.forwarder);
        for (n, why) in DropReason::ALL.iter().copied().enumerate() {
            let own = u64::from(done == Some(Verdict::Drop(why)));
            if after[n] == before[n] + own {
                continue;
            }
            self.log(|| format!("edge {edge} drops from its memory: {why:?}"));
            match why {
                DropReason::HoldAge => {
                    self.note_questions();
                    self.model.sheds_old(self.now, edge);
                }
                DropReason::HoldOverflow => self.model.sheds_many(self.now, edge),
                DropReason::Stranger => self.model.sheds_strange(edge),
                // A group frame arrives at most once, and need not arrive.
                DropReason::BumNotTunnelled | DropReason::BumPortShared => {}
                other => self.model.sheds(self.now, edge, &format!("{other:?}")),
            }
        }
        done
    }

    pub fn follow(&mut self, edge: usize, verdict: Option<Verdict>, bytes: &[u8]) {
        let (Some(number), Some(verdict)) = (number_of(bytes), verdict) else { return };
        match verdict {
            Verdict::Deliver(vap) => self.out_of_port(edge, vap, number),
            Verdict::Tunnel { to, vn } => self.enter_tunnel(edge, to, vn, bytes),
            Verdict::Replicate => {
                for target in self.edges[edge].live.as_ref().unwrap().forwarder.replicas().to_vec() {
                    match target {
                        Target::Port(vap) => self.out_of_port(edge, vap, number),
                        Target::Tunnel { to, vn } => self.enter_tunnel(edge, to, vn, bytes),
                        Target::Again(_) => panic!("a copy goes nowhere again"),
                    }
                }
            }
            Verdict::Held => {
                self.model.seen(number, Where::In(edge, self.now));
                self.log(|| format!("edge {edge} holds {number}"));
            }
            Verdict::Drop(why) => {
                self.log(|| format!("edge {edge} drops {number}: {why:?}"));
                match why {
                    DropReason::HoldOverflow => {
                        self.model.seen(number, Where::In(edge, self.now));
                        self.model.sheds_many(self.now, edge);
                    }
                    other => self.model.drops(self.now, number, edge, &format!("{other:?}")),
                }
            }
            Verdict::Punt => panic!("{bytes:?} is not for control"),
        }
    }

    pub fn enter_tunnel(&mut self, edge: usize, to: IpAddr, vn: Vni, bytes: &[u8]) {
        let (to, now) = (edge_at(to), self.now);
        if let Some(number) = number_of(bytes) {
            self.model.seen(number, Where::Tunnel(edge));
            self.log(|| format!("edge {edge} tunnels {number} to edge {to}"));
        }
        self.lines.tunnels.entry((edge, to)).or_default().push_back((now, vn, bytes.to_vec()));
    }

    pub fn leave_tunnel(&mut self, from: usize, to: usize) {
        let Some((_, vn, bytes)) = self.lines.tunnels.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
            return;
        };
        let (now, number) = (self.now, number_of(&bytes));
        self.log(|| format!("edge {to} gets {number:?} from edge {from}"));
        if !self.is_up(to) {
            number.into_iter().for_each(|number| self.model.excuse(number, Excuse::ToDownNode));
            return;
        }
        let source = place_of(from).locators.v4().unwrap().into();
        let verdict = self.forward(to, |forwarder| Some(forwarder.tunnel_frame(now, source, vn, &bytes)));
        self.follow(to, verdict, &bytes);
        self.drive(to);
    }
}

fn frame(number: usize, to: Mac, from: Mac) -> Vec<u8> {
    let header = [&to.0[..], &from.0[..], &[0x88, 0xb5][..], &(number as u32).to_be_bytes()[..]].concat();
    [&header[..], &[0; 42][..]].concat()
}

pub fn number_of(frame: &[u8]) -> Option<usize> {
    (frame[12..14] == [0x88, 0xb5]).then(|| u32::from_be_bytes(frame[14..18].try_into().unwrap()) as usize)
}

pub fn edge_at(address: IpAddr) -> usize {
    let IpAddr::V4(address) = address else { panic!("no edge has an IPv6 locator") };
    usize::from(address.octets()[3]) - 1
}
