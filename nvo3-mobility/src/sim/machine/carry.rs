//! Carries the effects of nodes and hypervisors to their rooms.

use super::world::{Event, World};
use crate::edge::Peer;
use crate::forwarder::DropReason;
use crate::nva;
use crate::nve;
use crate::sim::frame;
use crate::sim::hypervisor::{Deed, Leg, Step, Unread, Vm};
use crate::sim::net::{EdgeNo, Node};
use crate::sim::nodes::{AuthorityNews, Edge, Effect};
use crate::sim::oracle::{AGREE, Loss};
use crate::sim::scenario::Since;
use alloc::format;
use alloc::string::{String, ToString};
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Message, Micros, TsiKey};

impl World {
    /// Drains a node, and carries out its effects.
    pub(super) fn drive(&mut self, node: Node) {
        let now = self.now();
        match node {
            Node::Nva => self.drive_authority(now),
            Node::Edge(n) => {
                for effect in self.edges.get_mut(n).map(|edge| edge.drive(now)).unwrap_or_default() {
                    self.carry(n, effect);
                }
            }
        }
    }

    fn drive_authority(&mut self, now: Instant) {
        if let Some((upto, start)) = self.authority.take_records() {
            self.queue.put(now + self.sync, Event::Synced { upto, start });
        }
        while let Some((to, bytes)) = self.authority.take_datagram(now) {
            if let Some(edge) = self.net.edge_at(to.ip()) {
                self.say(Node::Nva, Node::Edge(edge), &bytes);
            }
        }
        while let Some(event) = self.authority.take_event(now) {
            if let nva::Event::Move { from, to, .. } = &event {
                self.oracle.authority_state(from, to);
            }
            self.did("NVA", || event.to_string());
            let deeds = self.hypervisor.hear_authority(now, AuthorityNews::from(&event));
            self.act(deeds);
        }
    }

    // ---- what an edge gives

    fn carry(&mut self, n: EdgeNo, effect: Effect) {
        let now = self.now();
        match effect {
            Effect::Control(Peer::Nva, bytes) => self.say(Node::Edge(n), Node::Nva, &bytes),
            Effect::Control(Peer::Nve(to), bytes) => {
                if let Some(to) = self.net.edge_at(to) {
                    self.say(Node::Edge(n), Node::Edge(to), &bytes);
                }
            }
            Effect::Port(vap, frame) => self.out_of_port(n, vap, &frame),
            Effect::Tunnel(to, packet) => self.send_tunnel(n, to, &packet),
            Effect::Event(event) => self.edge_said(n, event),
            Effect::Visited(id) => self.oracle.tunnelled(now, id, n),
            Effect::Kept(id) => self.oracle.kept(id, n),
            Effect::Left(id) => self.oracle.left(id),
            Effect::Lost(id, loss) => self.lost(n, id, loss),
            Effect::Dropped(id, reason) => self.dropped(n, id, reason),
            Effect::Returned(key) => self.oracle.returned(now, n, key),
            Effect::NoPacket => self.oracle.no_packet(now, n),
        }
    }

    /// Notes that an edge lost a datagram: what happened to a VM or to the NVA may explain it.
    fn lost(&mut self, n: EdgeNo, id: frame::Numbered, loss: Loss) {
        self.did(Node::Edge(n).name(), || format!("loses datagram {}/{}: {loss}", id.flow, id.number));
        let to = self.tenants.flow(id.flow).map(|(_, to)| self.edge_of(to));
        let why = match loss {
            Loss::Dropped(DropReason::MissLimited) if self.is_of_flooder(id) => Loss::Flooded,
            Loss::Dropped(_) if to.is_some_and(|to| self.mishaps.is_fenced(to)) => Loss::ToDownNode,
            Loss::Dropped(_) if self.is_unplanned(id) => Loss::Unplanned,
            Loss::Dropped(DropReason::UnknownDestination) if self.was_denied(n, id) => Loss::Unplanned,
            Loss::Dropped(_) if self.mishaps.is_rewound(self.now()) => Loss::Rewound,
            loss => loss,
        };
        self.oracle.lost(id, why);
    }

    fn is_of_flooder(&self, id: frame::Numbered) -> bool {
        self.tenants.flow(id.flow).is_some_and(|(from, _)| self.flooders.contains(&from))
    }

    /// True if what happened to a datagram's sender or receiver without a plan explains its loss.
    pub(super) fn is_unplanned(&self, id: frame::Numbered) -> bool {
        let astray = |host| {
            let vm = self.tenants.vm(host).and_then(|vm| self.hypervisor.vms().get(vm));
            vm.is_some_and(|vm| vm.astray().is_some())
        };
        let before = self.excused.get(&id.flow).is_some_and(|upto| (id.number as usize) < *upto);
        before || self.tenants.flow(id.flow).is_some_and(|(from, to)| astray(from) || astray(to))
    }

    /// True if the NVA lately told an edge that a VM is nowhere, because the VM was killed, and the edge has not heard where it is since.
    fn was_denied(&self, n: EdgeNo, id: frame::Numbered) -> bool {
        let lately = self.now() <= self.mishaps.last_return() + AGREE;
        let Some((_, to)) = self.tenants.flow(id.flow).filter(|_| lately && self.excused.contains_key(&id.flow)) else {
            return false;
        };
        let mapping = self.edges.get(n).and_then(Edge::nve).map(|nve| nve.mapping(&self.tenants.key(to)));
        mapping.is_some_and(|mapping| mapping.is_none_or(|(_, place)| place.is_none()))
    }

    fn send_tunnel(&mut self, n: EdgeNo, to: IpAddr, packet: &[u8]) {
        let Some(to) = self.net.edge_at(to) else { return };
        match self.net.send_tunnel(self.queue.now(), n, to, packet) {
            Some(arrivals) => {
                for at in arrivals {
                    self.queue.put(at, Event::Tunnel { to, packet: packet.into() });
                }
            }
            None => {
                if let Some(id) = frame::tunnelled(packet) {
                    self.oracle.lost(id, Loss::Cut);
                }
            }
        }
    }

    /// Notes a dropped datagram. An edge that died has forgotten its VNs, and the NVA cannot tell it, or cannot tell the sender of a new
    /// place, or has lost what it told the sender. An edge that the NVA cannot reach does not hear which NVEs are new in a VN, and one that died has forgotten which NVEs left one.
    fn dropped(&mut self, n: EdgeNo, id: frame::Numbered, reason: DropReason) {
        self.did(Node::Edge(n).name(), || format!("drops datagram {}/{}: {reason}", id.flow, id.number));
        let forgot = reason == DropReason::UnknownVn && self.edges.get(n).is_some_and(Edge::has_died);
        let sender = self.tenants.flow(id.flow).map(|(from, _)| self.edge_of(from));
        let cut_off = sender.into_iter().chain([n]).any(|edge| self.was_cut_off(edge));
        let unnamed = matches!(reason, DropReason::Stranger | DropReason::StrangerOverflow) && self.may_lack_a_list(n);
        if unnamed || forgot && (cut_off || self.has_lost_records()) {
            self.oracle.lost_for(id, Loss::Forgotten);
        }
    }

    fn edge_said(&mut self, n: EdgeNo, event: nve::Event) {
        let (now, name) = (self.now(), Node::Edge(n).name());
        match event {
            nve::Event::News { key, move_id, news } => {
                self.timeline.did(now, name, || format!("{}: {news}", self.tenants.name_by_key(&key)));
                let host = self.tenants.host_by_key(&key);
                let Some((vm, host)) = host.and_then(|host| Some((self.tenants.vm(host)?, host))) else { return };
                let deeds = self.hypervisor.hear_edge(now, n, (vm, host), (move_id, news));
                self.act(deeds);
            }
            nve::Event::State { key, from, to } => {
                self.oracle.edge_state(&from, &to);
                let tsi = self.tenants.name_by_key(&key);
                self.timeline.did(now, name, || format!("{tsi}: {} -> {}", from.name(), to.name()));
            }
            event => self.did(name, || event.to_string()),
        }
    }

    /// Sends a control datagram of a node.
    fn say(&mut self, from: Node, to: Node, bytes: &[u8]) {
        let now = self.now();
        let arrivals = self.net.send_control(now, from, to, bytes);
        let (names, copies) = ((from.name(), to.name()), arrivals.len());
        match Message::decode(bytes) {
            Ok((header, message)) => {
                match (from, to) {
                    (Node::Nva, Node::Edge(to)) => self.oracle.authority_said(now, to, header.transaction, &message),
                    (Node::Edge(from), Node::Nva) => self.oracle.edge_said(from, header.transaction, &message),
                    _ => {}
                }
                self.oracle.paced(now, (from, to), &message, bytes);
                self.timeline.message(now, names, copies, || format!("{message}"));
            }
            Err(error) => self.timeline.message(now, names, copies, || format!("{error}")),
        }
        for at in arrivals {
            self.queue.put(at, Event::Control { from, to, bytes: bytes.into() });
        }
    }

    // ---- what management and hypervisors do

    pub(super) fn step(&mut self, n: usize, step: Step) {
        let Some((old, new)) = self.hypervisor.legs().get(n).map(Leg::edges) else { return };
        let clock = self.edges.get(old).map(Edge::clock).unwrap_or_default();
        let deeds = self.hypervisor.step(self.queue.now(), n, step, clock, self.mishaps.is_fenced(new));
        self.act(deeds);
    }

    /// Carries out the deeds, each one wholly before the next.
    pub(super) fn act(&mut self, deeds: impl IntoIterator<Item = Deed>) {
        for deed in deeds {
            self.act_one(deed);
        }
    }

    fn act_one(&mut self, deed: Deed) {
        let now = self.now();
        match deed {
            Deed::Do(n, step) => self.step(n, step),
            Deed::Later(n, step, after) => self.queue.put(now + after, Event::Step(n, step)),
            Deed::Within(n, step, most) => {
                let after = self.random.between(Micros(0), most);
                self.queue.put(now + after, Event::Step(n, step));
            }
            Deed::Order(n, order) => {
                let taken = self.tell_authority(order).is_ok();
                let deeds = self.hypervisor.answered(now, n, Step::Ask, taken);
                self.act(deeds);
            }
            Deed::Say(n, step, edge, words) => {
                let mut taken = true;
                for word in words {
                    taken &= self.tell_only(edge, word);
                }
                let deeds = self.hypervisor.answered(now, n, step, taken);
                self.act(deeds);
            }
            Deed::Drive(edge) => self.drive(Node::Edge(edge)),
            Deed::Attach(edge, host) => self.attach(edge, host),
            Deed::Detach(edge, host) => self.detach(edge, host),
            Deed::Announce(edge, host) => {
                let vm = self.tenants.vm(host).and_then(|vm| self.hypervisor.vms().get(vm));
                // A VM that nobody planned to start here shows itself in any form.
                let frame = match vm.and_then(Vm::astray) {
                    Some(_) => self.tenants.claim(host, now.0),
                    None => self.tenants.announcement(host),
                };
                self.put_in_port(edge, host, frame);
            }
            Deed::Read(edge, host, frame) => self.receive(edge, host, &frame),
            Deed::Leave(unread) => self.leave(unread),
            Deed::Happened(since) => self.plan_mishaps(since),
            Deed::Did(node, line) => self.did(node, || line),
        }
    }

    /// Plans the mishaps that waited for this event.
    pub(super) fn plan_mishaps(&mut self, since: Since) {
        let pause = match since {
            Since::Traffic => Micros(0),
            Since::Asked(n) | Since::Stopped(n) => self.hypervisor.legs().get(n).map_or(Micros(0), Leg::pause),
        };
        for (at, n) in self.mishaps.begin(self.queue.now(), since, pause, &mut self.random) {
            self.queue.put(at, Event::Mishap(n));
        }
    }

    // ---- words to edges and to the authority

    /// Gives an edge an input of its hypervisor. True if the edge was up and took it.
    pub(super) fn tell(&mut self, n: EdgeNo, input: nve::Input) -> bool {
        let taken = self.tell_only(n, input);
        self.drive(Node::Edge(n));
        taken
    }

    /// As [`World::tell`], without carrying out the effects.
    fn tell_only(&mut self, n: EdgeNo, input: nve::Input) -> bool {
        let (now, words) = (self.now(), self.words(&input));
        let Some(answer) = self.edges.get_mut(n).and_then(|edge| edge.tell(now, input)) else { return false };
        self.timeline.told(now, Node::Edge(n).name(), &words, &answer);
        answer.is_ok()
    }

    /// The text of an input for the timeline.
    fn words(&self, input: &nve::Input) -> String {
        if !self.timeline.is_on() {
            return String::new();
        }
        let name = |key: &TsiKey| self.tenants.name_by_key(key);
        match input {
            nve::Input::Attach { vap, tsis, .. } => {
                format!("port {} for {}", vap.0, tsis.first().map_or("nobody", |tsi| name(&tsi.key)))
            }
            nve::Input::Detach { vap } => format!("port {} is gone", vap.0),
            nve::Input::Activate { key, move_id: Some(id) } => format!("{} runs here by {id}", name(key)),
            nve::Input::Activate { key, move_id: None } => format!("{} runs here", name(key)),
            nve::Input::Suspend { key, move_id, stopped_at: None } => {
                format!("{} will stop for {move_id}", name(key))
            }
            nve::Input::Suspend { key, move_id, stopped_at: Some(at) } => {
                format!("{} has stopped for {move_id}, {} us ago", name(key), (self.now() - *at).0)
            }
            input => input.to_string(),
        }
    }

    /// Gives the NVA an input of management.
    pub(super) fn tell_authority(&mut self, input: nva::Input) -> Result<(), ()> {
        let now = self.now();
        let words = match &input {
            nva::Input::Move { id, to, .. } => format!("{id} of the VM to {to}"),
            input => input.to_string(),
        };
        let result = self.authority.tell(now, input);
        self.did("NVA", || match &result {
            Ok(()) => format!("is told: {words}"),
            Err(Some(error)) => format!("is told: {words}; refuses: {error}"),
            Err(None) => format!("is told, and is down: {words}"),
        });
        self.drive(Node::Nva);
        result.map_err(|_| ())
    }

    /// Lets management ask about its moves in hand.
    pub(super) fn ask_for_outcomes(&mut self) {
        for n in 0..self.hypervisor.legs().len() {
            if let Some(leg) = self.hypervisor.legs().get(n).filter(|leg| leg.is_in_hand()) {
                let answer = self.authority.knows(leg.id());
                let deeds = self.hypervisor.learn(self.queue.now(), n, answer);
                self.act(deeds);
            }
        }
    }

    /// Notes what becomes of the unread frames in the ports of a stopped VM. The edge has sent its copies after the VM, as far as its
    /// limits allow.
    fn leave(&mut self, unread: Unread) {
        let loss = match self.edges.get(unread.edge()) {
            _ if unread.is_forgotten() => Loss::InDeadNode,
            Some(edge) if edge.has_shed_unread() => Loss::OverLimit,
            _ => return,
        };
        for id in unread.into_frames().iter().filter_map(|(_, frame)| frame::numbered(frame)) {
            self.oracle.lost(id, loss);
        }
    }
}
