//! The hosts and their ports: frames from hosts and for hosts.

use super::world::{Event, World};
use crate::nve;
use crate::sim::frame::{self, Numbered};
use crate::sim::hypervisor::HandedOver;
use crate::sim::net::{EdgeNo, Node};
use crate::sim::nodes::Entered;
use crate::sim::oracle::Loss;
use crate::sim::scenario::Since;
use crate::sim::tenants::{Received, Tenants};
use crate::table::VapId;
use alloc::format;
use alloc::vec::Vec;
use nvo3_nva_proto::Micros;

/// The time for which a frame stays in a host's port.
const PORT_DELAY: Micros = Micros(5);
/// The time after which a host repeats an unanswered ARP or ND request.
const ASK_AGAIN: Micros = Micros(20_000);

impl World {
    pub(super) fn attach(&mut self, n: EdgeNo, host: usize) {
        let Some(input) = self.tenants.attachment(host) else { return };
        let Some(edge) = self.edges.get_mut(n) else { return };
        if edge.want(Tenants::vap(host), input.clone()) {
            self.tell(n, input);
        }
    }

    /// Attaches the port of a host again, with other addresses.
    pub(super) fn attach_anew(&mut self, n: EdgeNo, host: usize) {
        let Some(input) = self.tenants.attachment(host) else { return };
        if let Some(edge) = self.edges.get_mut(n) {
            edge.want(Tenants::vap(host), input.clone());
            self.tell(n, input);
        }
    }

    pub(super) fn detach(&mut self, n: EdgeNo, host: usize) {
        if let Some(edge) = self.edges.get_mut(n) {
            edge.unwant(Tenants::vap(host));
        }
        self.sync_ports();
    }

    /// Detaches ports that no hypervisor wants any more. An edge that is not ready for it is told again later.
    pub(super) fn sync_ports(&mut self) {
        for n in 0..self.edges.len() {
            for vap in self.edges.get(n).map(|edge| edge.unwanted()).unwrap_or_default() {
                self.tell(n, nve::Input::Detach { vap });
            }
        }
    }

    // ---- frames

    /// Puts a frame of a host into its port at an edge.
    pub(super) fn put_in_port(&mut self, edge: EdgeNo, host: usize, frame: Vec<u8>) {
        let now = self.now();
        self.net.pass_port(now, edge, self.tenants.name(host), &frame);
        self.queue.put(now + PORT_DELAY, Event::Port { edge, host, frame });
    }

    /// The frame reaches the edge.
    pub(super) fn enter(&mut self, n: EdgeNo, host: usize, frame: &[u8]) {
        let now = self.now();
        if let Some(edge) = self.edges.get_mut(n) {
            match edge.port_in(now, Tenants::vap(host), frame) {
                Entered::Forwarded => {}
                Entered::Taken => self.tenants.stopped_at_the_edge(frame, true),
                Entered::Refused => self.tenants.stopped_at_the_edge(frame, false),
            }
        }
        self.drive(Node::Edge(n));
    }

    /// Puts a frame of an edge into the port of a host.
    pub(super) fn out_of_port(&mut self, edge: EdgeNo, port: VapId, frame: &[u8]) {
        let now = self.now();
        let Some(host) = self.tenants.host_at(port) else { return };
        self.net.pass_port(now, edge, self.tenants.name(host), frame);
        let vm = self.tenants.vm(host);
        match vm.map_or(HandedOver::Read, |vm| self.hypervisor.hand_over(now, edge, (vm, host), frame)) {
            HandedOver::Read => self.receive(edge, host, frame),
            HandedOver::Waits => {
                if let Some(id) = frame::numbered(frame) {
                    self.oracle.kept(id, edge);
                }
            }
            HandedOver::ToNobody => {
                if let Some(id) = frame::numbered(frame) {
                    let killed = self.is_unplanned(id);
                    self.oracle.lost(id, if killed { Loss::Unplanned } else { Loss::StoppedVm });
                    let line = || format!("hands datagram {}/{} to a stopped VM", id.flow, id.number);
                    self.did(Node::Edge(edge).name(), line);
                }
            }
        }
    }

    /// Lets a host read a frame from its port at an edge.
    pub(super) fn receive(&mut self, edge: EdgeNo, host: usize, frame: &[u8]) {
        match self.tenants.receive(host, frame) {
            Some(Received::Numbered(id)) => self.delivered(host, id),
            Some(Received::Asked(answer)) => self.put_in_port(edge, host, answer),
            Some(Received::Heard | Received::NotMine | Received::Other) | None => {}
        }
    }

    fn delivered(&mut self, host: usize, id: Numbered) {
        let to = self.tenants.flow(id.flow).map(|(_, to)| to);
        let crosses = to.is_some_and(|to| self.tenants.key(to).vn != self.tenants.key(host).vn);
        if self.oracle.delivered(self.queue.now(), id, to == Some(host), crosses) {
            self.did("hosts", || format!("datagram {}/{} was overtaken", id.flow, id.number));
        }
    }

    // ---- traffic

    /// Starts every flow, each a little later than the one before.
    pub(super) fn begin_traffic(&mut self) {
        let (now, every) = (self.now(), self.tenants.every());
        for edge in &mut self.edges {
            edge.count_from_now();
        }
        for flow in 0..u32::try_from(self.tenants.flows()).unwrap_or(0) {
            let at = now + self.random.between(Micros(0), every);
            self.queue.put(at, Event::Send { flow });
        }
        if self.tenants.plays() {
            self.queue.put(now + every, Event::Tenant(0));
        }
        self.plan_mishaps(Since::Traffic);
    }

    pub(super) fn send(&mut self, flow: u32) {
        let Some(wait) = self.tenants.send_again(self.oracle.sent_by(flow), &mut self.random) else { return };
        let at = self.now() + wait;
        self.queue.put(at, Event::Send { flow });
        self.emit(flow);
    }

    /// Sends the next datagram of a flow, unless its sender is stopped.
    pub(super) fn emit(&mut self, flow: u32) {
        let Some((from, _)) = self.tenants.flow(flow).filter(|(from, _)| !self.is_stopped(*from)) else { return };
        let id = self.oracle.sent(flow);
        match self.tenants.datagram(id) {
            Some(frame) => self.put_in_port(self.edge_of(from), from, frame),
            None => self.oracle.lost(id, Loss::Unresolved),
        }
    }

    pub(super) fn play(&mut self, n: usize) {
        let Some((host, frame)) = self.tenants.play(n) else { return };
        let at = self.now() + self.tenants.every();
        self.queue.put(at, Event::Tenant(n + 1));
        self.put_in_port(self.edge_of(host), host, frame);
    }

    pub(super) fn resolve(&mut self) {
        let questions = self.tenants.questions();
        if questions.is_empty() {
            return;
        }
        for (host, question) in questions {
            self.put_in_port(self.edge_of(host), host, question);
        }
        let at = self.now() + ASK_AGAIN;
        self.queue.put(at, Event::Resolve);
    }
}
