//! What happens to VMs without a plan: they are killed and start elsewhere, or lose their ports for a while.

use super::deed::Deed;
use super::leg::Leg;
use super::management::Hypervisor;
use super::vm::Seat;
use crate::sim::net::{EdgeNo, Node};
use alloc::format;
use alloc::vec::Vec;
use nvo3_nva_proto::Instant;

impl Hypervisor {
    /// The edge of a VM that runs, is in no move, and is where every node takes it to be.
    pub(crate) fn rests_at(&self, number: usize) -> Option<EdgeNo> {
        let vm = self.vms().get(number).filter(|vm| vm.astray.is_none() && vm.unread.is_none())?;
        let moves = self.legs().iter().any(|leg| leg.plan.vm == number && leg.is_in_hand());
        match vm.seat {
            Seat::Runs(at) if !moves => Some(at),
            _ => None,
        }
    }

    /// True if a move of a VM that has not ended goes to this edge.
    pub(crate) fn comes_to(&self, number: usize, edge: EdgeNo) -> bool {
        let to_come = |leg: &&Leg| !leg.is_skipped() && leg.ended().is_none();
        self.legs().iter().filter(to_come).any(|leg| leg.plan.vm == number && leg.plan.to == edge)
    }

    /// A VM that rests is killed, or (`unplugged`) loses its ports.
    pub(crate) fn go_astray(&mut self, number: usize, unplugged: bool) {
        let Some((at, vm)) = self.rests_at(number).zip(self.vms_mut().get_mut(number)) else { return };
        vm.astray = Some(at);
        if !unplugged {
            vm.seat = Seat::Stopped(at);
        }
    }

    /// True if a VM was killed and has not started elsewhere.
    pub(crate) fn is_killed(&self, number: usize) -> bool {
        self.vms().get(number).is_some_and(|vm| vm.astray.is_some() && matches!(vm.seat, Seat::Stopped(_)))
    }

    /// A VM that was killed starts at an edge.
    pub(crate) fn rise(&mut self, now: Instant, number: usize, to: EdgeNo) -> Vec<Deed> {
        let Some(vm) = self.vms_mut().get_mut(number) else { return Vec::new() };
        (vm.seat, vm.last_run) = (Seat::Runs(to), Some(now));
        let line = Deed::Did("vm", format!("{} starts at {}", vm.name, Node::Edge(to).name()));
        let ports = vm.hosts.clone().map(|host| Deed::Attach(to, host));
        [line].into_iter().chain(ports).chain(vm.hosts.clone().map(|host| Deed::Announce(to, host))).collect()
    }

    /// Every node knows where a VM is. The ports where it was killed go.
    pub(crate) fn settled(&mut self, number: usize) -> Vec<Deed> {
        let Some(vm) = self.vms_mut().get_mut(number) else { return Vec::new() };
        let left = vm.astray.take().filter(|left| vm.seat.edge() != *left);
        left.into_iter().flat_map(|left| vm.hosts.clone().map(move |host| Deed::Detach(left, host))).collect()
    }
}
