//! The mishaps of every day: VMs that start elsewhere without a plan, interfaces that are made anew, liars and floods.

use super::world::{Event, World};
use crate::nve;
use crate::sim::hypervisor::{RETRY, Seat, Vm};
use crate::sim::net::{EdgeNo, Node};
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
        match trouble {
            Trouble::Crash { vm, to, .. } if self.hypervisor.seat(vm).edge() != to && !self.is_up(Node::Edge(to)) => {
                return self.queue.put(now + RETRY, Event::Unplanned(n));
            }
            Trouble::Crash { vm, to, .. } if !self.hypervisor.is_killed(vm) => return self.insist(vm, to),
            Trouble::Crash { vm, to, word, .. } => {
                // An edge that died does not know whether the VM ever answered.
                let old = self.hypervisor.seat(vm).edge();
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
                let moves = self.hypervisor.legs().iter().any(|leg| leg.is_in_hand() && leg.edges().1 == edge);
                if self.hypervisor.seat(vm).edge() != edge && !moves {
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
            if vm.is_some_and(|vm| matches!(vm.seat(), Seat::Runs(_)) && self.agrees_on(vm)) {
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
        let lies = |host| self.edges.iter().any(|edge| edge.no() != at && edge.wants(Tenants::vap(host)));
        if self.mishaps.is_fenced(to) || self.hosts_of(vm).into_iter().any(lies) {
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

    fn unplug(&mut self, n: usize, vm: usize, down: Micros) -> bool {
        let Some(at) = self.hypervisor.rests_at(vm) else { return false };
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
        // Nobody can tell a liar from a VM whose place the NVA has lost.
        let lost = self.mishaps.is_rewound(self.now());
        if !rests || has_port || lost || !self.is_up(Node::Edge(edge)) {
            return false;
        }
        self.did("vm", || format!("a liar at {} takes its name", Node::Edge(edge).name()));
        self.attach(edge, host);
        for frame in self.tenants.claims(host) {
            self.put_in_port(edge, host, frame);
        }
        let end = self.now() + length;
        self.queue.put(end, Event::Unplanned(n));
        true
    }

    fn readdress(&mut self, vm: usize) -> bool {
        let Some(at) = self.hypervisor.rests_at(vm) else { return false };
        for host in self.hosts_of(vm) {
            self.tenants.get_address(host);
            self.attach_anew(at, host);
        }
        true
    }

    fn flood(&mut self, host: usize, frames: u32) -> bool {
        let vms: usize = self.hypervisor.vms().iter().map(|vm| vm.hosts().len()).sum();
        let (host, all) = (vms + host, self.tenants.hosts());
        for frame in (0..frames).filter(|_| host < all).flat_map(|n| self.tenants.flood(host, n)).collect::<Vec<_>>() {
            self.put_in_port(self.tenants.home(host), host, frame);
        }
        host < all
    }
}
