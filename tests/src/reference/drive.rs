//! Taking from the machines all that they have to give.

use super::datagrams::{edge_at, number_of};
use super::transition::Queue;
use super::world::{EDGES, World};
use nvo3_mobility::forwarder::{Forwarder, Target};
use nvo3_mobility::nva::Nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Transmit};
use nvo3_mobility::table::{Change, TableChange, VapId};
use nvo3_nva_proto::Instant;

/// An order that changes nothing, so that after one that is refused the next number is the next.
const NOTHING: Change = Change::Port { vap: VapId(u32::MAX), port: None };
/// So often at most an edge has something to give at one instant.
const ENOUGH: usize = 10_000;

/// An edge while it lives.
pub struct Node {
    pub nve: nve::Nve,
    pub forwarder: Forwarder,
    /// Promises that its forwarder is going to refuse.
    pub refusals: u8,
}

impl Node {
    fn next_timer(&self) -> Option<Instant> {
        self.nve.poll_timeout().map(|(at, _)| at).into_iter().chain(self.forwarder.poll_timeout()).min()
    }
}

impl World {
    /// The next deadline of a machine.
    pub fn next_timer(&self) -> Option<Instant> {
        let edges = self.edges.iter().filter_map(|edge| edge.live.as_ref()?.next_timer());
        edges.chain(self.nva.iter().filter_map(|nva| nva_timer(nva))).min()
    }

    /// Time goes on to then.
    pub fn tick(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        for edge in 0..EDGES {
            if let Some(node) =
                self.edges[edge].live.as_mut().filter(|node| node.next_timer().is_some_and(|at| at <= now))
            {
                node.nve.handle_timeout(now);
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

    /// Takes from an edge all that it has to give.
    pub fn drive(&mut self, edge: usize) {
        for _ in 0..ENOUGH {
            if !self.drive_once(edge) {
                return;
            }
        }
        self.model.wrong.push(format!("edge {edge} is never done"));
    }

    fn drive_once(&mut self, edge: usize) -> bool {
        let (now, mut busy, mut bytes) = (self.now, false, Vec::new());
        while let Some(change) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_table_change()) {
            busy = true;
            self.apply(edge, change);
        }
        if !self.is_up(edge) {
            return false;
        }
        while self.edges[edge].live.as_ref().is_some_and(|node| node.forwarder.held_in_all().0 > 0) {
            let mut target = None;
            self.forward(edge, |forwarder| {
                target = forwarder.poll_flush(now, &mut |_| true, &mut bytes);
                None
            });
            let Some(target) = target else { break };
            busy = true;
            match target {
                Target::Port(vap) => {
                    number_of(&bytes).into_iter().for_each(|number| self.out_of_port(edge, vap, number))
                }
                Target::Tunnel { to, vn } => self.enter_tunnel(edge, to, vn, &bytes),
                Target::Again(vap) => self.enter_vap(edge, vap.0 as usize, &bytes.clone()),
            }
        }
        let node = self.edges[edge].live.as_mut().unwrap();
        while let Some(notice) = node.forwarder.poll_notice() {
            busy = true;
            node.nve.handle_notice(now, notice);
        }
        while let Some(event) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_event()) {
            busy = true;
            self.edge_said(edge, event);
        }
        while let Some(to) = self.edges[edge].live.as_mut().and_then(|node| node.nve.poll_transmit(now, &mut bytes)) {
            busy = true;
            match to {
                Transmit::Nva => self.say(Queue::ToAuthority(edge), bytes.clone()),
                Transmit::Nve(to) => self.say(Queue::Hints(edge_at(to)), bytes.clone()),
                Transmit::Port(_) => {}
            }
        }
        busy
    }

    fn apply(&mut self, edge: usize, change: TableChange) {
        let (now, number) = (self.now, change.number);
        let node = self.edges[edge].live.as_mut().unwrap();
        let promise = match &change.change {
            Change::Tsi { key, .. } => may_refuse(node.nve.state(key).state),
            _ => false,
        };
        if promise && node.refusals > 0 {
            node.refusals -= 1;
            node.forwarder.apply(&TableChange { number, change: NOTHING }).unwrap();
            self.log(|| format!("edge {edge}: its forwarder refuses {:?}", change.change));
            let node = self.edges[edge].live.as_mut().unwrap();
            return node.nve.handle(now, nve::Input::Refused { number }).unwrap();
        }
        self.forward(edge, |forwarder| {
            forwarder.apply(&change).unwrap();
            None
        });
        let node = self.edges[edge].live.as_mut().unwrap();
        node.nve.handle(now, nve::Input::Applied(number)).unwrap();
    }

    pub fn drive_authority(&mut self) {
        let (now, mut bytes) = (self.now, Vec::new());
        while let Some((number, record)) = self.nva.as_mut().and_then(|nva| nva.poll_persist()) {
            self.log(|| format!("authority writes {number:?} {record:?}"));
            self.lines.writing.push((now, number, record));
        }
        while let Some(to) = self.nva.as_mut().and_then(|nva| nva.poll_transmit(now, &mut bytes)) {
            self.say(Queue::ToEdge(edge_at(to.ip())), bytes.clone());
        }
        while let Some(event) = self.nva.as_mut().and_then(|nva| nva.poll_event()) {
            self.authority_said(&event);
        }
    }
}

/// A forwarder may refuse what a promise rests on, but for the one of an unplanned move, after which nobody asks again.
fn may_refuse(state: State) -> bool {
    const UNPLANNED: u64 = 1 << 63;
    state.awaits_forwarder() && state.plan().is_some_and(|plan| plan.id.0 & UNPLANNED == 0)
}

fn nva_timer(nva: &Nva) -> Option<Instant> {
    nva.poll_timeout().map(|(at, _)| at)
}
