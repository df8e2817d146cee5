//! Control messages, and the network that carries them.

use nvo3_nva_proto::{MoveResult, Refusal};
use std::fmt;

/// The number of an edge: 0 is A, 1 is B, 2 is C.
pub type At = u8;

/// A control message, in as few bytes as tell messages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Msg {
    Prepare { id: u8, version: u8, old: bool, peer: At, suspended: bool, failover: bool },
    Left { id: u8 },
    Revoke { id: u8, version: u8, peer: At },
    Outcome { id: u8, result: MoveResult, version: u8, place: At },
    Accepted { version: u8 },
    Stale { version: u8, place: At },
    Denied,
    Update { version: u8, place: At },
    Ready { id: u8, version: u8 },
    Refused { id: u8, version: u8, why: Refusal },
    Suspended { id: u8, version: u8 },
    Activated { id: u8, version: u8 },
    Resumed { id: u8, version: u8 },
    Revoked { id: u8, version: u8 },
    OutcomeQuery { id: u8 },
    OutcomeInForce { id: u8 },
    Register { expected: u8, by_word: bool },
}

/// A message of the session with one edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    pub edge: At,
    /// True from the edge to the authority, false in the other direction.
    pub up: bool,
    pub msg: Msg,
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = name(self.edge);
        if self.up { write!(f, "{edge} -> NVA  {:?}", self.msg) } else { write!(f, "NVA -> {edge}  {:?}", self.msg) }
    }
}

pub const fn name(at: At) -> char {
    (b'A' + at) as char
}

/// The messages of the current sessions. A message stays in this set after it arrived. So it may arrive at any time, any
/// number of times, or never: the network loses, repeats and reorders without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Net(Vec<Packet>);

impl Net {
    pub fn send(&mut self, packet: Packet, ordered: bool) {
        if ordered {
            let at = self.0.partition_point(|other| (other.edge, other.up) <= (packet.edge, packet.up));
            self.0.insert(at, packet);
        } else if let Err(at) = self.0.binary_search(&packet) {
            self.0.insert(at, packet);
        }
    }

    /// The messages that can arrive now.
    pub fn can_arrive(&self, ordered: bool) -> impl Iterator<Item = Packet> {
        let first = |n: &usize| *n == 0 || (self.0[n - 1].edge, self.0[n - 1].up) != (self.0[*n].edge, self.0[*n].up);
        (0..self.0.len()).filter(move |n| !ordered || first(n)).map(|n| self.0[n])
    }

    /// True if an Update is under way to an edge.
    pub fn updates(&self, edge: At) -> bool {
        self.0.iter().any(|packet| packet.edge == edge && !packet.up && matches!(packet.msg, Msg::Update { .. }))
    }

    /// The outcome of a move that is under way to an edge.
    pub fn outcome(&self, edge: At, move_id: u8) -> Option<Packet> {
        let to =
            |packet: &&Packet| packet.edge == edge && matches!(packet.msg, Msg::Outcome { id, .. } if id == move_id);
        self.0.iter().find(to).copied()
    }

    pub fn has(&self, packet: Packet) -> bool {
        self.0.contains(&packet)
    }

    /// Keeps the messages that `wanted` selects.
    pub fn retain(&mut self, wanted: impl FnMut(&Packet) -> bool) {
        self.0.retain(wanted);
    }

    pub fn consume(&mut self, packet: Packet) {
        if let Some(at) = self.0.iter().position(|other| *other == packet) {
            self.0.remove(at);
        }
    }

    /// Ends the session with an edge. A later session gets none of its messages.
    pub fn cut(&mut self, edge: At) {
        self.0.retain(|packet| packet.edge != edge);
    }
}
