//! What management and hypervisors do next, as values.

use super::vm::Unread;
use crate::sim::net::EdgeNo;
use crate::sim::scenario::Since;
use crate::{nva, nve};
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::Micros;

/// A step in a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Management asks the authority for the move.
    Ask,
    /// The old hypervisor says that the VM will stop.
    Suspend,
    /// The VM stops.
    Stop,
    /// The old hypervisor says that the VM has stopped.
    SayLate,
    /// The VM starts at the new hypervisor.
    Start,
    /// The VM runs on at the old hypervisor.
    Resume,
}

/// What the world is to do for a hypervisor, in this order and each whole before the next.
#[derive(Debug)]
pub(crate) enum Deed {
    /// The step of this leg is due now.
    Do(usize, Step),
    /// It is due after so long.
    Later(usize, Step, Micros),
    /// It is due within so long, as chance decides.
    Within(usize, Step, Micros),
    /// Give the authority this order. How it takes it answers [`Step::Ask`].
    Order(usize, nva::Input),
    /// Say these words to an edge; nothing that follows from them happens before [`Deed::Drive`]. Whether it takes them
    /// all answers the step.
    Say(usize, Step, EdgeNo, Vec<nve::Input>),
    /// Let an edge do what there is to do.
    Drive(EdgeNo),
    /// Make the port of a host at an edge.
    Attach(EdgeNo, usize),
    /// Take it away.
    Detach(EdgeNo, usize),
    /// The interface of a VM announces itself at an edge.
    Announce(EdgeNo, usize),
    /// A VM reads what waited in the port that it has at an edge.
    Read(EdgeNo, usize, Vec<u8>),
    /// Nobody reads what a stopped VM left in its ports, and nobody remembers it.
    Forget(Unread),
    /// Mishaps may wait for this.
    Happened(Since),
    /// A line of the timeline.
    Did(&'static str, String),
}
