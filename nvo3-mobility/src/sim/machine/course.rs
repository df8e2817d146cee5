//! The course of a run: set-up, traffic and moves, a tail, and the wait for the rest.

use super::world::{LOOK, World};
use crate::sim::net::Node;
use crate::sim::nodes::Edge;
use nvo3_nva_proto::{Instant, Micros};

/// The time by which the world must be ready.
const SET_UP: Instant = Instant(30_000_000);
/// The traffic before the request of the first move.
const LEAD: (Micros, Micros) = (Micros(10_000), Micros(20_000));
/// The traffic after the last move has settled.
const TAIL: Micros = Micros(20_000);
/// The time in which the last datagrams must arrive.
const DRAIN: Micros = Micros(5_000_000);

/// The phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Sessions, registrations, address resolution.
    SettingUp,
    /// Traffic and moves.
    Moving,
    /// Everything is settled. Traffic goes on until this time.
    Tail(Instant),
    /// There is no more traffic. The phase ends at this time at the latest.
    Draining(Instant),
    /// The run is over.
    Over,
}

impl World {
    /// Looks at the whole world, and chooses the next phase.
    pub(super) fn look(&mut self) {
        let now = self.now();
        self.ask_for_outcomes();
        self.oracle.check_bounds(now, &self.authority, &self.edges);
        if self.mishaps.is_rewound(now) && self.is_up(Node::Nva) && self.disagreements().is_empty() {
            self.mishaps.healed(now);
        }
        self.look_for_the_astray();
        self.look_for_the_stolen();
        let overdue = self.phase == Phase::Moving && !self.done_moving() && self.overdue();
        match self.phase {
            Phase::SettingUp if self.ready() => {
                self.phase = Phase::Moving;
                self.began = now;
                self.did("mgmt", || "everything is set up: traffic begins".into());
                self.begin_traffic();
                for vm in 0..self.hypervisor.vms().len() {
                    let lead = self.random.between(LEAD.0, LEAD.1);
                    let deed = self.hypervisor.next_leg(now, vm, None, Some(lead));
                    self.act(deed);
                }
            }
            Phase::SettingUp if now > SET_UP => {
                self.oracle.not_set_up(now, self.disagreements(), self.tenants.resolved());
                self.phase = Phase::Over;
            }
            Phase::Moving if self.done_moving() => self.phase = Phase::Tail(now + TAIL),
            Phase::Moving if overdue => self.drain(now),
            Phase::Tail(until) if now >= until => self.drain(now),
            Phase::Draining(until) => {
                let quiet = self.oracle.all_arrived() && self.tenants.own_arrived();
                if quiet && now + DRAIN > until + LOOK || now > until {
                    self.phase = Phase::Over;
                }
            }
            _ => {}
        }
        self.sync_ports();
    }

    fn drain(&mut self, now: Instant) {
        self.tenants.stop_sending();
        self.phase = Phase::Draining(now + DRAIN);
    }

    fn ready(&self) -> bool {
        self.edges.iter().all(Edge::is_connected) && self.disagreements().is_empty() && self.tenants.resolved()
    }

    fn done_moving(&self) -> bool {
        self.tenants.all_sent(|flow| self.oracle.sent_by(flow))
            && !self.mishaps.more()
            && self.hypervisor.is_done()
            && self.leftovers().is_empty()
            && self.open_ports().is_empty()
            && self.disagreements().is_empty()
    }

    /// Reports moves, or their consequences, that last too long. While a node is down or cut off, a move may be undecided, and caches
    /// cannot agree.
    fn overdue(&mut self) -> bool {
        let all_up = self.edges.iter().all(|edge| self.mishaps.is_fenced(edge.no()) || edge.nve().is_some());
        if !self.net.is_whole() || !all_up || !self.is_up(Node::Nva) {
            return false;
        }
        let found = [self.leftovers(), self.open_ports(), self.disagreements()];
        let since = (self.began, self.mishaps.last_return());
        self.oracle.overdue(self.queue.now(), since, &self.hypervisor, found)
    }
}
