//! Hosts and their ports: what they send, what reaches them, and what that was.

use super::capture::LinkType;
use super::frame::{self, Numbered};
use super::host::Received;
use super::hypervisor::Seat;
use super::ledger::{Delivery, EdgeNo, Loss};
use super::scenario::Since;
use super::world::{Event, Node, TENANT, World, vap};
use crate::nve;
use crate::table::VapId;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{Micros, Tsi};

/// A host's port takes no time but keeps what is in it for a moment.
const PORT_DELAY: Micros = Micros(5);
/// How long a question for an address waits for its answer before it is asked again.
const ASK_AGAIN: Micros = Micros(20_000);

impl World {
    pub(super) fn attach(&mut self, n: EdgeNo, host: usize) {
        let Some((ips, vn)) = self.hosts.get(host).map(|host| (host.ips(), host.vn)) else { return };
        let trusted = self.tenant.plays() && host + 1 == self.hosts.len();
        let tsis = vec![Tsi { key: self.key_of(host), ips }];
        let input = nve::Input::Attach { vap: vap(host), vn, tsis, trusted };
        let Some(edge) = self.edges.get_mut(n) else { return };
        if edge.ports.insert(vap(host), input.clone()).is_none() {
            self.tell(n, input);
        }
    }

    pub(super) fn detach(&mut self, n: EdgeNo, host: usize) {
        if let Some(edge) = self.edges.get_mut(n) {
            edge.ports.remove(&vap(host));
        }
        self.sync_ports();
    }

    /// Detaches what no hypervisor wants any more; an edge that is not ready for it is told again.
    pub(super) fn sync_ports(&mut self) {
        for n in 0..self.edges.len() {
            let unwanted: Vec<VapId> = match self.edges.get(n) {
                Some(edge) => edge.attached.iter().filter(|vap| !edge.ports.contains_key(vap)).copied().collect(),
                None => continue,
            };
            for vap in unwanted {
                self.tell(n, nve::Input::Detach { vap });
            }
        }
    }

    /// A host puts a frame in the port that it has at an edge.
    pub(super) fn put_in_port(&mut self, edge: EdgeNo, host: usize, frame: Vec<u8>) {
        let now = self.now();
        let edge_name = self.name(Node::Edge(edge));
        let link = || format!("{edge_name}/{}", self.hosts.get(host).map_or("?", |host| host.name.as_str()));
        self.capture.saw(now, LinkType::Ethernet, link, || frame.clone());
        self.queue.put(now + PORT_DELAY, Event::Port { edge, host, frame });
    }

    pub(super) fn out_of_port(&mut self, edge: EdgeNo, port: VapId, frame: &[u8]) {
        let now = self.now();
        let Some(n) = (0..self.hosts.len()).find(|n| vap(*n) == port) else { return };
        let edge_name = self.name(Node::Edge(edge));
        let link = || format!("{edge_name}/{}", self.hosts.get(n).map_or("?", |host| host.name.as_str()));
        self.capture.saw(now, LinkType::Ethernet, link, || frame.into());
        let machine = self.hosts.get(n).and_then(|host| host.vm).and_then(|vm| self.vms.get_mut(vm));
        if let Some(machine) = machine.filter(|machine| machine.seat != Seat::Runs(edge)) {
            match machine.unread.as_mut().filter(|unread| unread.at == edge) {
                Some(unread) if now < unread.since => {}
                Some(unread) => return unread.frames.push((n, frame.into())),
                None => {
                    if let Some(id) = frame::numbered(frame) {
                        self.ledger.lose(id, Loss::StoppedVm);
                        self.did(edge_name, || format!("hands datagram {}/{} to a stopped VM", id.flow, id.number));
                    }
                    return self.tenant.lost(frame);
                }
            }
        }
        self.receive(edge, n, frame);
    }

    /// A VM runs again at this edge: it reads what its ports have.
    pub(super) fn read_ports(&mut self, vm: usize, edge: EdgeNo) {
        let unread = self.vms.get_mut(vm).and_then(|machine| machine.unread.take_if(|unread| unread.at == edge));
        for (host, frame) in unread.map(|unread| unread.frames).unwrap_or_default() {
            self.receive(edge, host, &frame);
        }
    }

    /// Nobody will read what the ports of a stopped VM have, and nobody remembers it.
    pub(super) fn lose_unread(&mut self, vm: usize) {
        let unread = self.vms.get_mut(vm).and_then(|machine| machine.unread.take());
        for (_, frame) in unread.map(|unread| unread.frames).unwrap_or_default() {
            if let Some(id) = frame::numbered(&frame) {
                self.ledger.lose(id, Loss::InDeadNode);
            }
            self.tenant.lost(&frame);
        }
    }

    fn receive(&mut self, edge: EdgeNo, n: usize, frame: &[u8]) {
        let Some(host) = self.hosts.get_mut(n) else { return };
        let received = host.receive(frame);
        if n == TENANT {
            self.tenant.received(frame);
        }
        match received {
            Received::Numbered(id) => self.delivered(n, id),
            Received::Asked(answer) => self.put_in_port(edge, n, answer),
            Received::Heard | Received::NotMine | Received::Other => {}
        }
    }

    fn delivered(&mut self, host: usize, id: Numbered) {
        let meant_for = self.flows.get(id.flow as usize).map(|(_, to)| *to);
        match self.ledger.deliver(id) {
            _ if meant_for != Some(host) => self.violation_i2(id, "was delivered to another host"),
            Delivery::Duplicate => self.violation_i2(id, "was delivered again"),
            Delivery::Unknown => self.violation_i2(id, "was delivered and never sent"),
            Delivery::Reordered => {
                self.did("hosts", || format!("datagram {}/{} was overtaken", id.flow, id.number));
            }
            Delivery::InOrder => {}
        }
    }

    /// Every flow begins, a little apart.
    pub(super) fn begin_traffic(&mut self) {
        let now = self.now();
        let every = self.every();
        self.before = self.edges.iter().fold((0, 0), |sum, edge| (sum.0 + edge.held, sum.1 + edge.tunnelled));
        for flow in 0..u32::try_from(self.flows.len()).unwrap_or(0) {
            let at = now + self.random.between(Micros(0), every);
            self.queue.put(at, Event::Send { flow });
        }
        if self.tenant.plays() {
            self.queue.put(now + every, Event::Tenant(0));
        }
        self.plan_mishaps(Since::Traffic);
    }

    fn every(&self) -> Micros {
        Micros(1_000_000_u64.checked_div(u64::from(self.scenario.rate)).unwrap_or(1_000_000).max(1))
    }

    pub(super) fn send(&mut self, flow: u32) {
        let limit = self.scenario.frames.map_or(usize::MAX, |frames| frames as usize);
        if !self.sending || self.ledger.sent_by(flow) >= limit {
            return;
        }
        let every = self.every();
        let wait = self.random.between(Micros(every.0 - every.0 / 10), Micros(every.0 + every.0 / 10));
        let at = self.now() + wait;
        self.queue.put(at, Event::Send { flow });
        self.emit(flow);
    }

    /// The next datagram of a flow leaves, unless its sender is stopped.
    pub(super) fn emit(&mut self, flow: u32) {
        let Some(&(from, to)) = self.flows.get(flow as usize) else { return };
        let stopped = |vm| matches!(self.seat(vm), Seat::Stopped(_));
        if self.hosts.get(from).and_then(|host| host.vm).is_some_and(stopped) {
            return;
        }
        let id = self.ledger.send(flow);
        let (Some(host), Some(peer)) = (self.hosts.get(from), self.hosts.get(to)) else { return };
        match host.datagram(&peer.station, id, self.scenario.payload as usize) {
            Some(frame) => self.put_in_port(self.edge_of(from), from, frame),
            None => self.ledger.lose(id, Loss::Unresolved),
        }
    }

    pub(super) fn play(&mut self, n: usize) {
        let Some(frame) = self.tenant.play(n) else { return };
        let at = self.now() + self.every();
        self.queue.put(at, Event::Tenant(n + 1));
        let outside = self.hosts.len() - 1;
        self.put_in_port(self.edge_of(outside), outside, frame);
    }

    pub(super) fn resolve(&mut self) {
        let missing: BTreeSet<_> = self
            .flows
            .iter()
            .filter_map(|&(from, to)| Some((from, to, self.hosts.get(from)?, self.hosts.get(to)?)))
            .flat_map(|(from, to, host, peer)| {
                peer.ips().into_iter().filter(|ip| host.neighbor(*ip).is_none()).map(move |ip| (from, to, ip))
            })
            .collect();
        if missing.is_empty() {
            return;
        }
        for (from, _, ip) in missing {
            let Some(question) = self.hosts.get(from).map(|host| host.ask(ip)) else { continue };
            self.put_in_port(self.edge_of(from), from, question);
        }
        let at = self.now() + ASK_AGAIN;
        self.queue.put(at, Event::Resolve);
    }

    /// Whether every host knows the addresses that it sends to.
    pub(super) fn resolved(&self) -> bool {
        self.flows.iter().all(|&(from, to)| match (self.hosts.get(from), self.hosts.get(to)) {
            (Some(host), Some(peer)) => peer.ips().into_iter().all(|ip| host.neighbor(ip).is_some()),
            _ => true,
        })
    }
}
