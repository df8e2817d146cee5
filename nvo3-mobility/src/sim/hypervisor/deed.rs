//! The next acts of management and hypervisors, as values.

use super::vm::Unread;
use crate::sim::net::EdgeNo;
use crate::sim::scenario::Since;
use crate::{nva, nve};
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::Micros;

/// A step of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Management asks the authority for the move.
    Ask,
    /// The old hypervisor tells the old edge that the VM will stop.
    Suspend,
    /// The VM stops.
    Stop,
    /// The old hypervisor tells the old edge that the VM has stopped.
    SayLate,
    /// The VM starts at the new hypervisor.
    Start,
    /// The VM runs on at the old hypervisor.
    Resume,
}

/// An act that the world does for a hypervisor. The world finishes one before it begins the next.
#[derive(Debug)]
pub(crate) enum Deed {
    /// Do this step of the leg with this index now.
    Do(usize, Step),
    /// Do this step of the leg after this time.
    Later(usize, Step, Micros),
    /// Do this step of the leg after a random time up to this one.
    Within(usize, Step, Micros),
    /// Give the authority this order. Its acceptance or refusal answers [`Step::Ask`] of the leg.
    Order(usize, nva::Input),
    /// Give an edge these inputs. Their effects happen only at [`Deed::Drive`]. The step is answered with true if the edge
    /// accepts all of them.
    Say(usize, Step, EdgeNo, Vec<nve::Input>),
    /// Let an edge do the work that is due.
    Drive(EdgeNo),
    /// Attach the port of a host at an edge.
    Attach(EdgeNo, usize),
    /// Detach the port of a host at an edge.
    Detach(EdgeNo, usize),
    /// Let the interface of a VM announce itself at an edge.
    Announce(EdgeNo, usize),
    /// Let a VM read a frame that waited in its port at an edge.
    Read(EdgeNo, usize, Vec<u8>),
    /// Nobody reads these frames of a stopped VM. Count those as lost of which the edge has no copy.
    Leave(Unread),
    /// Start the mishaps that wait for this event.
    Happened(Since),
    /// Write a line of the timeline: the node and the event.
    Did(&'static str, String),
}
