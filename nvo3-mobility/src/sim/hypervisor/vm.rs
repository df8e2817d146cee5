//! The VMs: the edge of each, and the unread frames in the ports of a stopped VM.

use crate::sim::net::EdgeNo;
use crate::sim::scenario::Scenario;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use nvo3_nva_proto::{Instant, TsiKey};

/// The edge of a VM, and whether the VM runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The VM runs at this edge.
    Runs(EdgeNo),
    /// The VM does not run. It last ran at this edge.
    Stopped(EdgeNo),
}

impl Seat {
    /// The edge where the VM runs or last ran.
    pub(crate) const fn edge(self) -> EdgeNo {
        match self {
            Self::Runs(edge) | Self::Stopped(edge) => edge,
        }
    }
}

/// A VM and its interfaces. Each interface is a host of [`Tenants`](crate::sim::tenants::Tenants).
#[derive(Debug)]
pub(crate) struct Vm {
    pub(super) name: String,
    pub(super) hosts: Range<usize>,
    /// The key of each interface.
    pub(super) keys: Vec<TsiKey>,
    pub(super) seat: Seat,
    /// The frames in the ports of a stopped VM, until its edge knows of the stop.
    pub(super) unread: Option<Unread>,
    /// The edge where the VM was killed or lost its ports, until every node knows again where the VM is.
    pub(super) astray: Option<EdgeNo>,
    /// The time at which the VM last began to run.
    pub(super) last_run: Option<Instant>,
}

/// The unread frames in the ports of a stopped VM, until the hypervisor tells the edge of the stop.
///
/// A VM that is resumed at this edge before that reads these frames. After that nobody reads them. This leaves no race at the
/// port's queue: the VM reads a frame that came in the microsecond of the stop, and does not read a later one.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(super) at: EdgeNo,
    /// The first instant whose frames the VM does not read.
    pub(super) since: Instant,
    /// `since` by the edge's clock.
    pub(super) noted: Instant,
    pub(super) frames: Vec<(usize, Vec<u8>)>,
    /// True if the edge died after the stop: it lost its own copies of these frames.
    pub(super) forgotten: bool,
}

impl Unread {
    pub(crate) const fn edge(&self) -> EdgeNo {
        self.at
    }

    /// True if the edge died after the stop.
    pub(crate) const fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// The frames, each with the host of its port.
    pub(crate) fn into_frames(self) -> Vec<(usize, Vec<u8>)> {
        self.frames
    }
}

/// The fate of a frame that an edge put in a port of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandedOver {
    /// The VM reads it.
    Read,
    /// The frame waits: the VM has stopped here, and this edge does not know of the stop yet.
    Waits,
    /// The VM does not run at this edge, and nobody reads the frame.
    ToNobody,
}

impl Vm {
    /// The VMs of a scenario, each running at its first edge. Their interfaces are the first hosts.
    pub(super) fn all(scenario: &Scenario, key: impl Fn(usize) -> TsiKey) -> Vec<Self> {
        let mut first = 0;
        let mut vms = Vec::new();
        for (n, vm) in scenario.vms.iter().enumerate() {
            let hosts = first..first + vm.networks.len();
            first = hosts.end;
            vms.push(Self {
                name: Scenario::vm_name(n),
                keys: hosts.clone().map(&key).collect(),
                hosts,
                seat: Seat::Runs(vm.edge),
                unread: None,
                astray: None,
                last_run: None,
            });
        }
        vms
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The edge of the VM, and whether it runs.
    pub(crate) const fn seat(&self) -> Seat {
        self.seat
    }

    /// The edge that does not know yet that the VM stopped there, if there is one.
    pub(crate) fn unread_at(&self) -> Option<EdgeNo> {
        self.unread.as_ref().map(|unread| unread.at)
    }

    /// The edge where the VM was killed or lost its ports, until every node knows again where the VM is.
    pub(crate) const fn astray(&self) -> Option<EdgeNo> {
        self.astray
    }

    /// The interfaces of the VM, as hosts.
    pub(crate) fn hosts(&self) -> Range<usize> {
        self.hosts.clone()
    }

    /// Takes a frame that an edge puts in the port of an interface.
    pub(super) fn hand_over(&mut self, now: Instant, edge: EdgeNo, host: usize, frame: &[u8]) -> HandedOver {
        if self.seat == Seat::Runs(edge) {
            return HandedOver::Read;
        }
        match self.unread.as_mut().filter(|unread| unread.at == edge) {
            Some(unread) if now < unread.since => HandedOver::Read,
            Some(unread) => {
                unread.frames.push((host, frame.into()));
                HandedOver::Waits
            }
            None => HandedOver::ToNobody,
        }
    }
}
