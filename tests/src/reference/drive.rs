//! The loop that takes all outputs from the machines.

use super::datagrams::{edge_at, number_of};
use super::transition::Queue;
use super::world::{EDGES, World};
use nvo3_mobility::edge::Peer;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::forwarder::{Entrance, Forwarder, Target};
use nvo3_mobility::nva::Nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::table::{Change, TableChange, VapId};
use nvo3_nva_proto::Instant;

/// An order that changes nothing. It takes the number of a refused order, so that the numbers have no gap.
const NOTHING: Change = Change::Port { vap: VapId(u32::MAX), port: None };
/// The most outputs of an edge at one instant.
const ENOUGH: usize = 10_000;

/// A running edge over one forwarder. The world may look into the forwarder.
pub struct Node {
    pub control: ForeignEdge,
    pub forwarder: Forwarder,
    /// The number of the next promises that the forwarder refuses.
    pub refusals: u8,
}

impl Node {
    fn next_timer(&self) -> Option<Instant> {
        self.control.poll_timeout().into_iter().chain(self.forwarder.poll_timeout()).min()
    }
}

impl World {
    /// The next deadline of a machine.
    pub fn next_timer(&self) -> Option<Instant> {
        let edges = self.edges.iter().filter_map(|edge| edge.live.as_ref()?.next_timer());
        edges.chain(self.nva.iter().filter_map(|nva| nva_timer(nva))).min()
    }

    /// Moves time on to `at`.
    pub fn tick(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        for edge in 0..EDGES {
            if self.edges[edge].live.as_ref().and_then(|node| node.next_timer()).is_some_and(|at| at <= now) {
                self.forward(edge, |forwarder| {
                    forwarder.handle_timeout(now);
                    None
                });
                self.drive(edge);
            }
        }
        if let Some(nva) = self.nva.as_mut().filter(|nva| nva_timer(nva).is_some_and(|at| at <= now)) {
            nva.handle_timeout(now);
            self.drive_authority();
        }
    }

    pub fn drive_all(&mut self) {
        for edge in 0..EDGES {
            self.drive(edge);
        }
        self.drive_authority();
    }

    /// Takes all outputs from an edge.
    pub fn drive(&mut self, edge: usize) {
        for _ in 0..ENOUGH {
            if !self.drive_once(edge) {
                return;
            }
        }
        self.model.wrong.push(format!("edge {edge} is never done"));
    }

    fn drive_once(&mut self, edge: usize) -> bool {
        let (now, mut bytes) = (self.now, Vec::new());
        let Some(node) = &mut self.edges[edge].live else { return false };
        match node.control.poll(now, &mut bytes) {
            Next::Change(order) => self.apply(edge, order),
            Next::Datagram(Peer::Nva) => self.say(Queue::ToAuthority(edge), bytes),
            Next::Datagram(Peer::Nve(to)) => self.say(Queue::Hints(edge_at(to)), bytes),
            Next::Frame(_) => {}
            Next::Event(event) => self.edge_said(edge, event),
            Next::Wait(_) => return self.flush(edge),
        }
        true
    }

    /// The next notice of an edge's forwarder, or the next frame that may leave.
    fn flush(&mut self, edge: usize) -> bool {
        let (now, mut bytes, mut target) = (self.now, Vec::new(), None);
        let node = self.edges[edge].live.as_mut().unwrap();
        if let Some(notice) = node.forwarder.poll_notice() {
            node.control.notice(now, notice);
            return true;
        }
        self.forward(edge, |forwarder| {
            target = forwarder.poll_flush(now, &mut |_| true, &mut bytes);
            None
        });
        match target {
            Some(Target::Port(vap)) => {
                number_of(&bytes).into_iter().for_each(|number| self.out_of_port(edge, vap, number));
            }
            Some(Target::Tunnel { to, vn }) => self.enter_tunnel(edge, to, vn, &bytes),
            Some(Target::Again(Entrance::Vap(vap))) => self.enter_vap(edge, vap.0 as usize, &bytes),
            Some(Target::Again(Entrance::Tunnel { from, vn })) => {
                let verdict = self.forward(edge, |forwarder| Some(forwarder.tunnel_frame(now, from, vn, &bytes)));
                self.follow(edge, verdict, &bytes);
            }
            None => return false,
        }
        true
    }

    fn apply(&mut self, edge: usize, change: TableChange) {
        let (now, number) = (self.now, change.number);
        let node = self.edges[edge].live.as_mut().unwrap();
        let promise = match &change.change {
            Change::Tsi { key, .. } => may_refuse(node.control.nve().state(key).state),
            _ => false,
        };
        if promise && node.refusals > 0 {
            node.refusals -= 1;
            node.forwarder.apply(&TableChange { number, change: NOTHING }).unwrap();
            self.log(|| format!("edge {edge}: its forwarder refuses {:?}", change.change));
            let node = self.edges[edge].live.as_mut().unwrap();
            return node.control.refused(now, 0, number);
        }
        self.forward(edge, |forwarder| {
            forwarder.apply(&change).unwrap();
            None
        });
        let node = self.edges[edge].live.as_mut().unwrap();
        node.control.applied(now, 0, number);
    }

    pub fn drive_authority(&mut self) {
        let (now, mut bytes) = (self.now, Vec::new());
        while let Some((at, record)) = self.nva.as_mut().and_then(|nva| nva.poll_persist()) {
            self.log(|| format!("authority writes {at} {record:?}"));
            self.lines.writing.push((now, at, record));
        }
        while let Some(to) = self.nva.as_mut().and_then(|nva| nva.poll_transmit(now, &mut bytes)) {
            self.say(Queue::ToEdge(edge_at(to.ip())), bytes.clone());
        }
        while let Some(event) = self.nva.as_mut().and_then(|nva| nva.poll_event()) {
            self.authority_said(&event);
        }
    }
}

/// True if the forwarder may refuse an order in this state: one behind a promise of a planned move. After an unplanned move
/// nobody would ask again.
fn may_refuse(state: State) -> bool {
    const UNPLANNED: u64 = 1 << 63;
    state.awaits_forwarder() && state.plan().is_some_and(|plan| plan.id.0 & UNPLANNED == 0)
}

fn nva_timer(nva: &Nva) -> Option<Instant> {
    nva.poll_timeout().map(|(at, _)| at)
}
