//! The mishaps of every day: VMs that start elsewhere without a plan, interfaces that are made anew, liars and floods.

use super::world::{Event, World};
use crate::nve;
use crate::sim::hypervisor::{RETRY, Seat, Vm};
use crate::sim::net::{EdgeNo, Node};
use crate::sim::nodes::Edge;
use crate::sim::scenario::Trouble;
use crate::sim::tenants::Tenants;
use alloc::format;
use alloc::vec::Vec;
use nvo3_nva_proto::Micros;

/// The time in which a claim that nobody planned is decided, with the deadline for the old edge to yield.
const CLAIM: Micros = Micros(8_000_000);
/// The time after which the hypervisors say what frames alone did not show.
const INSIST: Micros = Micros(7_000_000);

impl World {
    /// Carries out a mishap of every day that is due.
    pub(super) fn unplanned(&mut self, n: usize, trouble: &Trouble) {
        let happens = match *trouble {
            Trouble::Crash { vm, to, down, detach, .. } => self.crash(n, vm, to, (down, detach)),
            Trouble::Replug { vm, down } => self.unplug(n, vm, down),
            Trouble::Lie { vm, edge, length } => self.lie(n, vm, edge, length),
            Trouble::Readdress(vm) => {
                self.mishaps.over(n);
                self.readdress(vm)
            }
            Trouble::Flood { host, frames } => {
                self.mishaps.over(n);
                self.flood(host, frames)
            }
            _ => false,
        };
        match happens {
            true => self.mishaps.happened(trouble),
            false => self.mishaps.over(n),
        }
    }

    /// The second part of such a mishap.
    pub(super) fn after_unplanned(&mut self, n: usize) {
        let Some((trouble, _)) = self.mishaps.due(n, &mut self.random) else { return };
        let now = self.now();
        // A VM whose new edge died for good starts where it was.
        let start = |vm, to| if self.mishaps.is_fenced(to) { self.hypervisor.seat(vm).edge() } else { to };
        match trouble {
            Trouble::Crash { vm, to, .. }
                if self.hypervisor.is_killed(vm) && !self.is_up(Node::Edge(start(vm, to))) =>
            {
                return self.queue.put(now + RETRY, Event::Unplanned(n));
            }
            Trouble::Crash { vm, to, .. } if !self.hypervisor.is_killed(vm) => return self.insist(vm, to),
            Trouble::Crash { vm, to, word, .. } => {
                // An edge that died does not know whether the VM ever answered.
                let (old, to) = (self.hypervisor.seat(vm).edge(), start(vm, to));
                let died = self.edges.get(old).is_some_and(|edge| edge.has_died());
                let deeds = self.hypervisor.rise(now, vm, to);
                self.act(deeds);
                if word || died {
                    self.say_that_it_runs(vm, to);
                }
                self.queue.put(now + INSIST, Event::Unplanned(n));
            }
            Trouble::Replug { vm, .. } => {
                let at = self.hypervisor.seat(vm).edge();
                for host in self.hosts_of(vm) {
                    self.attach(at, host);
                }
                self.say_that_it_runs(vm, at);
            }
            Trouble::Lie { vm, edge, .. } => {
                self.lies.remove(&n);
                if self.hypervisor.seat(vm).edge() != edge {
                    self.hosts_of(vm).into_iter().take(1).for_each(|host| self.detach(edge, host));
                }
            }
            _ => {}
        }
        self.mishaps.returned(now + CLAIM);
        self.mishaps.over(n);
    }

    /// A claim by frames was refused, since the VM never spoke where it was killed: its hypervisors say what is true.
    fn insist(&mut self, vm: usize, to: EdgeNo) {
        if let Some(left) = self.hypervisor.vms().get(vm).and_then(Vm::astray).filter(|left| *left != to) {
            self.hosts_of(vm).into_iter().for_each(|host| self.detach(left, host));
            self.say_that_it_runs(vm, to);
            self.mishaps.returned(self.now() + CLAIM);
        }
    }

    /// Notes which VMs every node knows again to be where they are.
    pub(super) fn look_for_the_astray(&mut self) {
        for number in 0..self.hypervisor.vms().len() {
            let vm = self.hypervisor.vms().get(number).filter(|vm| vm.astray().is_some());
            // An edge that was not ready to detach a port has it still, and will not keep it.
            let is_plugged = |vm: &Vm, at: EdgeNo| {
                let wants = |host| self.edges.get(at).is_some_and(|edge| edge.wants(Tenants::vap(host)));
                vm.hosts().all(wants)
            };
            if vm.is_some_and(|vm| matches!(vm.seat(), Seat::Runs(at) if is_plugged(vm, at)) && self.agrees_on(vm)) {
                // What was sent before may still be under way, or held.
                for flow in 0..u32::try_from(self.tenants.flows()).unwrap_or(0) {
                    let touches = |host| self.tenants.vm(host) == Some(number);
                    if self.tenants.flow(flow).is_some_and(|(from, to)| touches(from) || touches(to)) {
                        self.excused.insert(flow, self.oracle.sent_by(flow));
                    }
                }
                let deeds = self.hypervisor.settled(number);
                self.act(deeds);
            }
        }
    }

    fn hosts_of(&self, vm: usize) -> Vec<usize> {
        self.hypervisor.vms().get(vm).map(Vm::hosts).into_iter().flatten().collect()
    }

    fn say_that_it_runs(&mut self, vm: usize, at: EdgeNo) {
        for host in self.hosts_of(vm) {
            self.tell(at, nve::Input::Activate { key: self.tenants.key(host), move_id: None });
        }
    }

    fn crash(&mut self, n: usize, vm: usize, to: EdgeNo, (down, detach): (Micros, bool)) -> bool {
        let Some(at) = self.hypervisor.rests_at(vm).filter(|at| *at != to) else { return false };
        if self.mishaps.is_fenced(to) || self.has_port_elsewhere(vm, at) {
            return false;
        }
        self.hypervisor.go_astray(vm, false);
        self.did("vm", || format!("is killed at {}", Node::Edge(at).name()));
        if detach {
            self.hosts_of(vm).into_iter().for_each(|host| self.detach(at, host));
        }
        let back = self.now() + down;
        self.queue.put(back, Event::Unplanned(n));
        true
    }

    /// True if another edge has a port of a VM. Nobody can tell who lies there once the VM is gone from its own port.
    fn has_port_elsewhere(&self, vm: usize, at: EdgeNo) -> bool {
        let elsewhere = |host| self.edges.iter().any(|edge| edge.no() != at && edge.wants(Tenants::vap(host)));
        self.hosts_of(vm).into_iter().any(elsewhere)
    }

    fn unplug(&mut self, n: usize, vm: usize, down: Micros) -> bool {
        let Some(at) = self.hypervisor.rests_at(vm).filter(|at| !self.has_port_elsewhere(vm, *at)) else {
            return false;
        };
        self.hypervisor.go_astray(vm, true);
        self.hosts_of(vm).into_iter().for_each(|host| self.detach(at, host));
        let back = self.now() + down;
        self.queue.put(back, Event::Unplanned(n));
        true
    }

    /// A port of another edge sends in the name of a VM's first interface, while the VM runs.
    fn lie(&mut self, n: usize, vm: usize, edge: EdgeNo, length: Micros) -> bool {
        let Some(host) = self.hosts_of(vm).first().copied() else { return false };
        let rests = self.hypervisor.rests_at(vm).is_some_and(|at| at != edge);
        let has_port = self.edges.get(edge).is_some_and(|edge| edge.wants(Tenants::vap(host)));
        // Nobody can tell a liar from a VM whose place the NVA has lost. And the port to which the VM comes is its own.
        let lost = self.mishaps.is_rewound(self.now());
        let comes = self.hypervisor.comes_to(vm, edge);
        if !rests || has_port || lost || comes || !self.is_up(Node::Edge(edge)) {
            return false;
        }
        self.did("vm", || format!("a liar at {} takes its name", Node::Edge(edge).name()));
        self.lies.insert(n, (host, edge));
        self.attach(edge, host);
        for frame in self.tenants.claims(host) {
            self.put_in_port(edge, host, frame);
        }
        let end = self.now() + length;
        self.queue.put(end, Event::Unplanned(n));
        true
    }

    fn readdress(&mut self, vm: usize) -> bool {
        if self.hypervisor.rests_at(vm).is_none() {
            return false;
        }
        for host in self.hosts_of(vm) {
            self.tenants.get_address(host, |edge| self.mishaps.is_gone(edge));
            // The next move may have made a port for it already.
            let wants = |edge: &&Edge| edge.wants(Tenants::vap(host));
            for edge in self.edges.iter().filter(wants).map(Edge::no).collect::<Vec<_>>() {
                self.attach_anew(edge, host);
            }
        }
        true
    }

    fn flood(&mut self, host: usize, frames: u32) -> bool {
        let vms: usize = self.hypervisor.vms().iter().map(|vm| vm.hosts().len()).sum();
        let (host, all) = (vms + host, self.tenants.hosts());
        self.flooders.insert(host);
        for frame in (0..frames).filter(|_| host < all).flat_map(|n| self.tenants.flood(host, n)).collect::<Vec<_>>() {
            self.put_in_port(self.tenants.home(host), host, frame);
        }
        host < all
    }
}
