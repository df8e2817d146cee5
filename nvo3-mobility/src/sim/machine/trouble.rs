//! The mishaps: cancelled moves, nodes that die and return, cuts, clocks that jump.

use super::world::{Event, World};
use crate::sim::hypervisor::{Leg, RETRY, Seat};
use crate::sim::net::{EdgeNo, Node, place};
use crate::sim::oracle::AGREE;
use crate::sim::scenario::Trouble;
use crate::{nva, nve};
use alloc::format;
use nvo3_nva_proto::{Instant, Micros};

/// The time in which an NVA that went back waits for what its edges restate.
const GRACE: Micros = Micros(10_000_000);

impl World {
    /// Carries out a mishap that is due.
    pub(super) fn go_wrong(&mut self, n: usize) {
        let Some((trouble, drawn)) = self.mishaps.due(n, &mut self.random) else { return };
        match trouble {
            Trouble::Abort(leg) => {
                self.mishaps.over(n);
                self.call_off(leg, &trouble);
            }
            Trouble::SelfResume(leg) => {
                let deeds = self.hypervisor.resume_by_itself(leg);
                if !deeds.is_empty() {
                    self.mishaps.happened(&trouble);
                }
                self.act(deeds);
            }
            Trouble::Restart { node, down } => {
                let node = Node::from(node);
                if !self.is_up(node) {
                    return self.mishaps.over(n);
                }
                self.mishaps.happened(&trouble);
                self.kill(node, Some((down.unwrap_or(drawn), n)));
            }
            Trouble::Rewind { back, down } => {
                if !self.is_up(Node::Nva) {
                    return self.mishaps.over(n);
                }
                self.mishaps.happened(&trouble);
                self.kill(Node::Nva, Some((down.unwrap_or(drawn), n)));
                self.authority.lose_records(back.map(|back| Instant(self.now().0.saturating_sub(back.0))));
                self.mishaps.rewind();
                self.oracle.authority_forgot();
            }
            Trouble::Cut { nodes: (a, b), length } => {
                self.mishaps.happened(&trouble);
                let (a, b) = (Node::from(a), Node::from(b));
                let line = || format!("{} and {} are cut off for {} ms", a.name(), b.name(), length.0 / 1_000);
                self.did("mgmt", line);
                self.net.cut((a, b));
                let at = self.now() + length;
                self.queue.put(at, Event::Mended(n, (a, b)));
            }
            Trouble::Jump { node, by } => {
                self.mishaps.over(n);
                self.mishaps.happened(&trouble);
                self.jump(Node::from(node), by);
            }
            Trouble::Burst { flow, frames } => {
                self.mishaps.over(n);
                self.mishaps.happened(&trouble);
                let flow = u32::try_from(flow).unwrap_or(u32::MAX);
                for _ in 0..frames {
                    self.emit(flow);
                }
            }
            Trouble::Fence(edge) => self.fence(n, edge, drawn, &trouble),
            Trouble::Crash { .. }
            | Trouble::Replug { .. }
            | Trouble::Lie { .. }
            | Trouble::Readdress(_)
            | Trouble::Flood { .. } => self.unplanned(n, &trouble),
        }
    }

    fn call_off(&mut self, leg: usize, trouble: &Trouble) {
        let Some(id) = self.hypervisor.legs().get(leg).map(Leg::id) else { return };
        self.did("mgmt", || format!("{id} is called off"));
        match self.tell_authority(nva::Input::Cancel(id)) {
            Ok(()) => self.mishaps.happened(trouble),
            Err(()) => self.did("mgmt", || format!("{id}: too late")),
        }
    }

    fn jump(&mut self, node: Node, by: i64) {
        self.did(node.name(), || format!("its clock jumps by {by} us"));
        match node {
            Node::Nva => self.authority.jump(by),
            Node::Edge(edge) => {
                if let Some(edge) = self.edges.get_mut(edge) {
                    edge.jump(by);
                }
            }
        }
        // After a jump back, the node's timers are late by the same time.
        self.mishaps.count_from(self.queue.now() + Micros(by.min(0).unsigned_abs()));
        self.drive(node);
    }

    /// Fences an edge at which no VM has its seat.
    fn fence(&mut self, n: usize, edge: EdgeNo, down: Micros, trouble: &Trouble) {
        let node = Node::Edge(edge);
        if self.mishaps.is_fenced(edge) {
            return self.say_fenced(n, edge);
        }
        if !self.is_up(node) {
            return self.mishaps.over(n);
        }
        if self.hypervisor.vms().iter().any(|vm| vm.seat().edge() == edge) {
            return self.kill(node, Some((down, n)));
        }
        self.mishaps.happened(trouble);
        self.kill(node, None);
        self.mishaps.fence(edge);
        // Fencing includes that no packet of the edge is still on its way.
        let at = self.now() + self.rtt;
        self.queue.put(at, Event::Mishap(n));
    }

    fn say_fenced(&mut self, n: usize, edge: EdgeNo) {
        let now = self.now();
        if !self.authority.is_up() {
            return self.queue.put(now + RETRY, Event::Mishap(n));
        }
        self.mishaps.over(n);
        self.mishaps.count_from(now);
        self.did("mgmt", || format!("{} is fenced", Node::Edge(edge).name()));
        self.authority.fence(now, place(edge).nve);
        self.mishaps.told_gone(edge);
        for host in 0..self.tenants.hosts() {
            if self.edge_of(host) == edge {
                self.oracle.edge_is_gone(&self.tenants.key(host));
            }
        }
        self.drive(Node::Nva);
    }

    /// Ends a cut: two nodes reach each other again.
    pub(super) fn mend(&mut self, n: usize, nodes: (Node, Node)) {
        self.net.mend(nodes);
        self.mishaps.returned(self.queue.now());
        self.mishaps.over(n);
        self.did("mgmt", || "what was cut is mended".into());
    }

    /// True if the NVA could not reach an edge until lately.
    pub(super) fn was_cut_off(&self, edge: EdgeNo) -> bool {
        let lately = self.now() <= self.mishaps.last_return() + AGREE;
        self.net.is_cut(Node::Nva, Node::Edge(edge)) || lately && self.mishaps.was_cut_off(edge)
    }

    /// True if the NVA lost its records, and has not had the time to hear again where VMs are and to tell who has an older mapping.
    pub(super) fn has_lost_records(&self) -> bool {
        self.oracle.went_back() && self.now() <= self.mishaps.last_return() + AGREE
    }

    /// True if an edge may not know who is in a VN, or who left it: the NVA could not tell it until lately, or one of both died lately.
    pub(super) fn may_lack_a_list(&self, edge: EdgeNo) -> bool {
        let lately = self.now() <= self.mishaps.last_return() + AGREE;
        let died = self.edges.get(edge).is_some_and(|edge| edge.has_died()) || self.mishaps.nva_restarted();
        !self.authority.is_up() || lately && died || self.was_cut_off(edge)
    }

    /// Lets a node die with everything in its memory. It returns later if the time and the number of the mishap are given.
    fn kill(&mut self, node: Node, back: Option<(Micros, usize)>) {
        self.did(node.name(), || match back {
            Some((down, _)) => format!("dies, for {} ms", down.0 / 1_000),
            None => "dies for good".into(),
        });
        match node {
            Node::Nva => self.authority.die(),
            Node::Edge(n) => {
                if let Some(edge) = self.edges.get_mut(n) {
                    edge.die();
                    self.oracle.edge_died(n);
                }
                let deeds = self.hypervisor.edge_died(self.now(), n, back.is_some());
                self.act(deeds);
            }
        }
        if let Some((down, mishap)) = back {
            let at = self.now() + down;
            self.queue.put(at, Event::Return(node, mishap));
        }
    }

    pub(super) fn revive(&mut self, node: Node, mishap: usize) {
        let now = self.now();
        self.mishaps.returned(if node == Node::Nva && self.mishaps.is_rewound(now) { now + GRACE } else { now });
        self.mishaps.over(mishap);
        self.did(node.name(), || "is back".into());
        match node {
            Node::Nva => {
                self.authority.start(now);
                self.oracle.authority_returned(now, &self.authority);
                self.drive(node);
            }
            Node::Edge(n) => self.restart_edge(n),
        }
    }

    /// Gives an edge that has returned the ports that its hypervisor wants, and the VMs that run there.
    fn restart_edge(&mut self, n: EdgeNo) {
        let Some(edge) = self.edges.get_mut(n) else { return };
        edge.start();
        for port in edge.wanted() {
            self.tell(n, port);
        }
        for host in 0..self.tenants.hosts() {
            let here = match self.tenants.vm(host) {
                Some(vm) => self.hypervisor.seat(vm) == Seat::Runs(n),
                None => self.tenants.home(host) == n,
            };
            if here {
                self.tell(n, nve::Input::Activate { key: self.tenants.key(host), move_id: None });
            }
        }
        self.tell(n, nve::Input::Connect);
    }
}
