//! The course of a run: set up, traffic and moves, a tail, and what is still under way.

use super::world::{LOOK, World};
use nvo3_nva_proto::{Instant, Micros};

/// The world must be ready by then.
const SET_UP: Instant = Instant(30_000_000);
/// Traffic before the first move is asked for.
const LEAD: (Micros, Micros) = (Micros(10_000), Micros(20_000));
/// Traffic after the last has settled.
const TAIL: Micros = Micros(20_000);
/// How long datagrams may take to arrive once nothing is sent any more.
const DRAIN: Micros = Micros(5_000_000);

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Sessions, registrations, address resolution.
    SettingUp,
    /// Traffic and moves.
    Moving,
    /// All is settled; traffic goes on until then.
    Tail(Instant),
    /// No more traffic; until then at most.
    Draining(Instant),
    /// Over.
    Over,
}

impl World {
    /// Looks at the world as a whole: what comes next?
    pub(super) fn look(&mut self) {
        let now = self.now();
        self.ask_for_outcomes();
        self.check_bounds();
        let overdue = self.phase == Phase::Moving && !self.done_moving() && self.overdue();
        match self.phase {
            Phase::SettingUp if self.ready() => {
                self.phase = Phase::Moving;
                self.began = now;
                self.did("mgmt", || "everything is set up: traffic begins".into());
                self.begin_traffic();
                for vm in 0..self.vms.len() {
                    let lead = self.random.between(LEAD.0, LEAD.1);
                    self.next_leg(vm, None, Some(lead));
                }
            }
            Phase::SettingUp if now > SET_UP => {
                self.not_set_up();
                self.phase = Phase::Over;
            }
            Phase::Moving if self.done_moving() => self.phase = Phase::Tail(now + TAIL),
            Phase::Moving if overdue => {
                self.sending = false;
                self.phase = Phase::Draining(now + DRAIN);
            }
            Phase::Tail(until) if now >= until => {
                self.sending = false;
                self.phase = Phase::Draining(now + DRAIN);
            }
            Phase::Draining(until) => {
                let quiet = self.ledger.open() == 0 && self.tenant.arrived();
                if quiet && now + DRAIN > until + LOOK || now > until {
                    self.phase = Phase::Over;
                }
            }
            _ => {}
        }
        self.sync_ports();
    }

    fn ready(&self) -> bool {
        self.edges.iter().all(|edge| edge.nve().is_some_and(crate::nve::Nve::is_connected))
            && self.disagreements().is_empty()
            && self.resolved()
    }

    fn done_moving(&self) -> bool {
        let sent = match self.scenario.frames {
            Some(frames) => (0..).take(self.flows.len()).all(|flow| self.ledger.sent_by(flow) >= frames as usize),
            None => true,
        };
        sent && self.tenant.done() && !self.more_mishaps() && self.at_rest()
    }
}
