//! What may happen next, drawn from bytes: one for the kind, a few for what it is about.

use super::world::{EDGES, STATIONS, VMS};
use arbitrary::{Arbitrary, Unstructured};

/// One thing that happens. What cannot happen now changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// A station sends datagrams to another one.
    Send { from: usize, to: usize, count: usize },
    /// A station sends a datagram to all of its VN.
    Broadcast { from: usize },
    /// Management asks for a move.
    Plan { vm: usize, to: usize, deadline: usize },
    /// Management calls a VM's move off.
    CallOff { vm: usize },
    /// The hypervisor says or does something.
    Hypervisor { vm: usize, act: Act },
    /// The head of a queue of control messages.
    Control { queue: Queue, fate: Fate },
    /// The head of a tunnel arrives.
    Tunnel { from: usize, to: usize },
    /// Everything under way arrives, until nothing more is said.
    Carry,
    /// The authority's disk has what it was given.
    Sync,
    /// Time passes, by steps not shorter than `coarse`.
    Wait { length: usize, coarse: usize },
    /// A node dies; the authority is the one after the last edge.
    Die { node: usize },
    /// It is started again.
    Return { node: usize },
    /// What the authority and an edge say to each other is lost from now on.
    Cut { edge: usize },
    /// No longer.
    Mend { edge: usize },
    /// The edge's forwarder refuses the next promise that control asks of it.
    Refuse { edge: usize },
}

/// What a hypervisor does for a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// What comes next where nothing goes wrong.
    Next,
    Suspend,
    Stop,
    /// Stop without a word to the edge.
    StopUnsaid,
    SayStopped,
    Start,
    Resume,
}

/// Which way control messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    ToAuthority(usize),
    ToEdge(usize),
    /// Hints of other edges.
    Hints(usize),
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Lost,
    /// It arrives and stays under way.
    Repeated,
    /// All others of its queue go before it.
    Overtaken,
}

impl<'a> Arbitrary<'a> for Transition {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let kind = u.int_in_range(0..=39_u8)?;
        let (edge, vm) =
            (|u: &mut Unstructured<'a>| u.choose_index(EDGES), |u: &mut Unstructured<'a>| u.choose_index(VMS.len()));
        Ok(match kind {
            0..=6 => {
                let (from, to) = (u.choose_index(STATIONS)?, u.choose_index(STATIONS)?);
                // Seldom more than a few, and now and then more than may be held.
                let count = match u.int_in_range(0..=15_u8)? {
                    15 => 40,
                    14 => 8,
                    few => usize::from(few) % 3 + 1,
                };
                Self::Send { from, to, count }
            }
            7..=8 => Self::Broadcast { from: u.choose_index(STATIONS)? },
            9..=10 => Self::Plan { vm: vm(u)?, to: edge(u)?, deadline: u.choose_index(3)? },
            11 => Self::CallOff { vm: vm(u)? },
            12..=19 => {
                use Act::{Next, Resume, SayStopped, Start, Stop, StopUnsaid, Suspend};
                let acts = [Next, Next, Next, Next, Suspend, Stop, StopUnsaid, SayStopped, Start, Resume];
                Self::Hypervisor { vm: vm(u)?, act: *u.choose(&acts)? }
            }
            20..=25 => {
                let at = edge(u)?;
                let queue = *u.choose(&[Queue::ToAuthority(at), Queue::ToEdge(at), Queue::Hints(at)])?;
                let fate =
                    *u.choose(&[Fate::Delivered, Fate::Delivered, Fate::Lost, Fate::Repeated, Fate::Overtaken])?;
                Self::Control { queue, fate }
            }
            26..=28 => Self::Tunnel { from: edge(u)?, to: edge(u)? },
            29..=30 => Self::Carry,
            31 => Self::Sync,
            32..=34 => Self::Wait { length: u.choose_index(7)?, coarse: u.choose_index(3)? },
            35 => Self::Die { node: u.choose_index(EDGES + 1)? },
            36 => Self::Return { node: u.choose_index(EDGES + 1)? },
            37 => Self::Cut { edge: edge(u)? },
            38 => Self::Mend { edge: edge(u)? },
            _ => Self::Refuse { edge: edge(u)? },
        })
    }
}
