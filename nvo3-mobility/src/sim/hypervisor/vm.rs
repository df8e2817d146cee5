//! The VMs: where each runs, and what its ports have for it while it does not.

use crate::sim::net::EdgeNo;
use crate::sim::scenario::Scenario;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use nvo3_nva_proto::{Instant, TsiKey};

/// Where a VM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// It runs there.
    Runs(EdgeNo),
    /// It does not run; there is its last state.
    Stopped(EdgeNo),
}

impl Seat {
    /// Where it runs or last ran.
    pub(crate) const fn edge(self) -> EdgeNo {
        match self {
            Self::Runs(edge) | Self::Stopped(edge) => edge,
        }
    }
}

/// A VM and its interfaces, which are hosts.
#[derive(Debug)]
pub(crate) struct Vm {
    pub(super) name: String,
    pub(super) hosts: Range<usize>,
    /// The address of each of those.
    pub(super) keys: Vec<TsiKey>,
    pub(super) seat: Seat,
    /// In the ports of a stopped VM, until its edge knows.
    pub(super) unread: Option<Unread>,
    /// When it last began to run.
    pub(super) last_run: Option<Instant>,
}

/// What the ports of a VM that stopped have for it, until its edge is told that it stopped. Whoever resumes it there
/// before that reads it; afterwards nobody does. So the port's queue has no race here: what came in the microsecond of
/// the stop is read, and what came later is not.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(super) at: EdgeNo,
    /// The first instant of which nothing is read.
    pub(super) since: Instant,
    /// The same by the edge's clock.
    pub(super) noted: Instant,
    pub(super) frames: Vec<(usize, Vec<u8>)>,
    /// The edge died since, and with it what it remembered of them.
    pub(super) forgotten: bool,
}

impl Unread {
    /// The frames, each with the host to which its port belongs.
    pub(crate) fn into_frames(self) -> Vec<(usize, Vec<u8>)> {
        self.frames
    }
}

/// What became of a frame in the port of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandedOver {
    /// The VM reads it.
    Read,
    /// It waits in the port of a VM that has stopped and whose edge does not know that yet.
    Waits,
    /// The VM does not run there.
    ToNobody,
}

impl Vm {
    /// Those of a world; their interfaces are the first hosts.
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
                last_run: None,
            });
        }
        vms
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub(crate) const fn seat(&self) -> Seat {
        self.seat
    }

    /// The edge that does not know yet that the VM stopped there, if one does not.
    pub(crate) fn unread_at(&self) -> Option<EdgeNo> {
        self.unread.as_ref().map(|unread| unread.at)
    }

    /// An edge puts a frame in the port of one of its interfaces.
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
