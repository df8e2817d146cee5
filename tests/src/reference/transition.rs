//! Transitions, drawn from bytes: one byte for the kind, and a few for its parameters.

use super::world::{EDGES, STATIONS, VMS};
use arbitrary::{Arbitrary, Unstructured};

/// One transition. It changes nothing if it cannot happen now.
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
    /// The head of a queue of control messages meets a fate.
    Control { queue: Queue, fate: Fate },
    /// The head of a tunnel arrives.
    Tunnel { from: usize, to: usize },
    /// Everything under way arrives, until no machine sends more.
    Carry,
    /// The authority's disk has written what it got.
    Sync,
    /// Time passes, in steps of at least `coarse`.
    Wait { length: usize, coarse: usize },
    /// A node dies. The number after the last edge is the authority.
    Die { node: usize },
    /// A node is started again.
    Return { node: usize },
    /// The messages between the authority and an edge are lost from now on.
    Cut { edge: usize },
    /// The messages between the authority and an edge arrive again.
    Mend { edge: usize },
    /// The forwarder of an edge refuses the next promise that the control plane asks for.
    Refuse { edge: usize },
}

/// The act of a hypervisor for a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The next step of a move without faults.
    Next,
    Suspend,
    Stop,
    /// Stop the VM and tell the edge only later.
    StopUnsaid,
    SayStopped,
    Start,
    Resume,
}

/// The direction of control messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    ToAuthority(usize),
    ToEdge(usize),
    /// Hints of other edges.
    Hints(usize),
}

/// The fate of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Lost,
    /// It arrives and stays under way.
    Repeated,
    /// It goes to the end of its queue.
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
                // Mostly a few datagrams, and sometimes more than an edge may hold.
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
