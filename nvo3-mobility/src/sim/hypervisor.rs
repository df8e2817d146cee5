//! The hypervisors and the management above them: they ask for moves, suspend, stop, start and resume the VM, and say so
//! to the edges, before it happens or (`Params::late`) after. Nothing that they say is lost; an edge or authority that is down is told again.

use super::authority;
use super::host::Host;
use super::ledger::EdgeNo;
use super::params::{Fault, Path};
use super::world::{Event, Node, VM, World};
use crate::nve::core::News;
use crate::{nva, nve};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, MoveResult, TsiKey};

/// Between a word heard and the next one said.
const LATENCY: Micros = Micros(100);
/// Until a word that was not taken is said again.
const RETRY: Micros = Micros(3_000);
/// At most between *suspended* and the VM's last instant.
const LAST_INSTANT: Micros = Micros(1_000);
/// How long a dead node stays down.
const DOWN: (Micros, Micros) = (Micros(20_000), Micros(400_000));

/// Where the VM is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It runs there.
    Runs(EdgeNo),
    /// It does not run; there is its last state.
    Stopped(EdgeNo),
}

/// What the port of a VM that stopped has for it, until its edge is told that it stopped. Whoever resumes it there before
/// that reads it; afterwards nobody does. So the port's queue has no race here: what came in the microsecond of the stop is
/// read, and what came later is not.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) at: EdgeNo,
    /// The first instant of which nothing is read.
    pub(super) since: Instant,
    pub(super) frames: Vec<Vec<u8>>,
    /// The edge died since, and with it what it remembered of them.
    pub(super) forgotten: bool,
}

/// One move of the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) id: MoveId,
    pub(super) from: EdgeNo,
    pub(super) to: EdgeNo,
    /// When the authority took the order.
    pub(super) asked: Option<Instant>,
    /// The VM is about to stop: the edge said *suspended*, or its word will come late.
    stopping: bool,
    pub(super) stopped: Option<Instant>,
    /// The source's hypervisor resumed it by itself: management starts it nowhere else.
    self_resumed: bool,
    /// It was told to run where it was: a stop that was still to come is off.
    resumed: bool,
    pub(super) ran: Option<Instant>,
    pub(super) ended: Option<(Instant, MoveResult)>,
    pub(super) converged: Option<Instant>,
}

/// What management does next for a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask,
    Suspend,
    Stop,
    SayLate,
    Start,
    Resume,
    GoWrong(Fault),
}

/// The legs of a path.
pub(super) fn legs(path: Path) -> Vec<Leg> {
    let leg = |id, from, to| Leg {
        id: MoveId(id),
        from,
        to,
        asked: None,
        stopping: false,
        stopped: None,
        self_resumed: false,
        resumed: false,
        ran: None,
        ended: None,
        converged: None,
    };
    match path {
        Path::AB => vec![leg(1, 0, 1)],
        Path::ABA => vec![leg(1, 0, 1), leg(2, 1, 0)],
        Path::ABC => vec![leg(1, 0, 1), leg(2, 1, 2)],
    }
}

impl World {
    /// Does what management has in mind for a leg now.
    pub(super) fn step(&mut self, n: usize, step: Step) {
        let Some(leg) = self.legs.get(n).copied() else { return };
        match step {
            Step::Ask => self.ask(n, &leg),
            Step::Suspend => self.suspend(n, &leg),
            Step::Stop => self.stop(n, &leg),
            Step::SayLate => self.say_late(n, &leg),
            Step::Start => self.start(n, &leg),
            Step::Resume => self.resume(n, &leg),
            Step::GoWrong(fault) => self.go_wrong(n, &leg, fault),
        }
    }

    fn again(&mut self, n: usize, step: Step, after: Micros) {
        let at = self.queue.now() + after;
        self.queue.put(at, Event::Step(n, step));
    }

    fn leg(&mut self, n: usize, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(n) {
            change(leg);
        }
    }

    fn ask(&mut self, n: usize, leg: &Leg) {
        if leg.asked.is_some() {
            return;
        }
        // The hypervisors finish one migration before the next.
        if self.unread.is_some() {
            return self.again(n, Step::Ask, RETRY);
        }
        self.attach(leg.to, VM);
        let key = self.key_of(VM);
        let order = nva::Input::Move {
            id: leg.id,
            tsis: vec![key],
            to: self.place(leg.to).nve,
            kind: MoveKind::Hot,
            deadline: self.params.deadline,
        };
        match self.tell_authority(order) {
            Ok(()) => {
                let now = self.queue.now();
                self.leg(n, |leg| leg.asked = Some(now));
                self.did("mgmt", || format!("{} asked for", leg.id));
                if n == self.fault_leg && !core::mem::replace(&mut self.fault_planned, true) {
                    self.plan_fault(n);
                }
            }
            Err(_) => self.again(n, Step::Ask, RETRY),
        }
    }

    /// When it goes wrong: anywhere in the move, by the seed, unless the parameters say.
    fn plan_fault(&mut self, n: usize) {
        let Some(fault) = self.params.fault.filter(|fault| *fault != Fault::SelfResume) else { return };
        let whole = Micros(self.params.pause.0 + 12 * self.params.rtt.0 + 3_000);
        let drawn = self.random.between(Micros(0), whole);
        self.again(n, Step::GoWrong(fault), self.params.fault_at.unwrap_or(drawn));
    }

    fn suspend(&mut self, n: usize, leg: &Leg) {
        if leg.stopping || leg.ended.is_some() || leg.self_resumed {
            return;
        }
        let key = self.key_of(VM);
        // Also after it was taken: an edge that dies forgets it.
        let _ = self.tell(leg.from, nve::Input::Suspend { key, move_id: leg.id, stopped_at: None });
        self.again(n, Step::Suspend, RETRY);
    }

    /// The late word. What was in the port since the stop is not read there any more once the edge has it.
    fn say_late(&mut self, n: usize, leg: &Leg) {
        let committed = leg.ended.map(|(_, result)| result == MoveResult::Committed);
        let Some(unread) = self.unread.as_ref().filter(|_| committed != Some(false) && !leg.self_resumed) else {
            return;
        };
        let (key, stopped_at) = (self.key_of(VM), Some(unread.since));
        let forgotten = unread.forgotten || unread.frames.is_empty();
        match self.tell_only(leg.from, nve::Input::Suspend { key, move_id: leg.id, stopped_at }) {
            true => {
                self.unread = None;
                self.drive(Node::Edge(leg.from));
            }
            false if committed.is_some() && forgotten => self.lose_unread(),
            false => self.again(n, Step::SayLate, RETRY),
        }
    }

    fn stop_soon(&mut self, n: usize) {
        self.leg(n, |leg| leg.stopping = true);
        let last = self.random.between(Micros(0), LAST_INSTANT);
        self.again(n, Step::Stop, last);
    }

    fn stop(&mut self, n: usize, leg: &Leg) {
        if leg.ended.is_some() || leg.resumed || self.seat != Seat::Runs(leg.from) {
            return self.again(n, Step::Resume, LATENCY);
        }
        let now = self.queue.now();
        self.seat = Seat::Stopped(leg.from);
        self.leg(n, |leg| leg.stopped = Some(now));
        self.did("vm", || "stops".into());
        self.again(n, Step::Start, self.params.pause);
        if let Some(late) = self.params.late {
            self.unread = Some(Unread { at: leg.from, since: now + Micros(1), frames: Vec::new(), forgotten: false });
            self.again(n, Step::SayLate, late);
        }
        if self.params.fault == Some(Fault::SelfResume) && n == self.fault_leg {
            let drawn = self.random.between(Micros(0), Micros(self.params.pause.0.saturating_sub(1)));
            self.again(n, Step::GoWrong(Fault::SelfResume), self.params.fault_at.unwrap_or(drawn));
        }
    }

    fn start(&mut self, n: usize, leg: &Leg) {
        if leg.ended.is_some() || leg.self_resumed || self.seat != Seat::Stopped(leg.from) {
            return;
        }
        let key = self.key_of(VM);
        match self.tell_only(leg.to, nve::Input::Activate { key, move_id: Some(leg.id) }) {
            true => {
                let now = self.queue.now();
                self.leg(n, |leg| leg.ran = Some(now));
                self.runs(leg.to);
            }
            false => self.again(n, Step::Start, RETRY),
        }
    }

    fn resume(&mut self, n: usize, leg: &Leg) {
        if !matches!(self.seat, Seat::Runs(at) | Seat::Stopped(at) if at == leg.from) {
            return;
        }
        let key = self.key_of(VM);
        match self.tell_only(leg.from, nve::Input::Activate { key, move_id: None }) {
            true => {
                self.leg(n, |leg| leg.resumed = true);
                self.runs(leg.from);
            }
            false => self.again(n, Step::Resume, RETRY),
        }
    }

    /// The edge let it run, or cannot help it: it does, and what the edge does about that follows.
    fn runs(&mut self, edge: EdgeNo) {
        if self.seat != Seat::Runs(edge) {
            self.seat = Seat::Runs(edge);
            self.last_run = Some(self.queue.now());
            let name = self.name(Node::Edge(edge));
            self.did("vm", || format!("runs at {name}"));
            let frame = self.hosts.get(VM).map(Host::announcement).unwrap_or_default();
            self.put_in_port(edge, VM, frame);
            self.read_port(edge);
        }
        self.drive(Node::Edge(edge));
    }

    fn go_wrong(&mut self, n: usize, leg: &Leg, fault: Fault) {
        let down = self.random.between(DOWN.0, DOWN.1);
        match fault {
            Fault::Abort => {
                self.fault_over = true;
                self.did("mgmt", || format!("{} is called off", leg.id));
                if self.tell_authority(nva::Input::Cancel(leg.id)).is_err() {
                    self.did("mgmt", || format!("{}: too late", leg.id));
                }
            }
            Fault::NvaRestart => self.kill(Node::Nva, down),
            Fault::OldRestart => self.kill(Node::Edge(leg.from), down),
            Fault::NewRestart => self.kill(Node::Edge(leg.to), down),
            Fault::SelfResume => {
                if self.seat == Seat::Stopped(leg.from) && leg.ended.is_none() {
                    self.leg(n, |leg| leg.self_resumed = true);
                    self.did("mgmt", || "the source's hypervisor resumes the VM by itself".into());
                    self.resume(n, leg);
                }
            }
        }
    }

    /// An edge tells its hypervisor something of the VM.
    pub(super) fn news(&mut self, edge: EdgeNo, key: TsiKey, move_id: Option<MoveId>, news: News) {
        if key != self.key_of(VM) {
            return;
        }
        let found = (0..).zip(&self.legs).find(|(_, leg)| match move_id {
            Some(id) => leg.id == id,
            None => leg.from == edge && leg.asked.is_some(),
        });
        let Some((n, leg)) = found.map(|(n, leg)| (n, *leg)) else { return };
        match news {
            News::Suspended if edge == leg.from && !leg.stopping && !leg.self_resumed => {
                self.stop_soon(n);
            }
            News::Halted if edge == leg.from => self.again(n, Step::Resume, LATENCY),
            _ => {}
        }
    }

    /// The authority tells management something of a move.
    pub(super) fn told(&mut self, event: &nva::Event) {
        let now = self.queue.now();
        match authority::about(event) {
            authority::About::MaySuspend(id) => {
                let Some((n, leg)) = self.numbered_leg(id) else { return };
                match self.params.late {
                    None => self.again(n, Step::Suspend, LATENCY),
                    Some(_) if leg.stopping => {}
                    Some(_) => self.stop_soon(n),
                }
            }
            authority::About::Ended(id, result) => self.ended(id, result),
            authority::About::Converged(id) => {
                if let Some((n, _)) = self.numbered_leg(id) {
                    self.leg(n, |leg| leg.converged = leg.converged.or(Some(now)));
                }
            }
            authority::About::Other => {}
        }
    }

    fn numbered_leg(&self, id: MoveId) -> Option<(usize, Leg)> {
        (0..).zip(&self.legs).find(|(_, leg)| leg.id == id).map(|(n, leg)| (n, *leg))
    }

    /// An authority that died may have forgotten an order that was not yet on its disk, or had no time to say how a move
    /// ended: management asks.
    pub(super) fn ask_for_outcomes(&mut self) {
        for n in 0..self.legs.len() {
            let Some(leg) = self.legs.get(n).filter(|leg| leg.asked.is_some() && leg.ended.is_none()) else { continue };
            let id = leg.id;
            match self.authority.knows(id) {
                Some(authority::Known::Ended(result)) => self.ended(id, result),
                Some(authority::Known::Nothing) => {
                    self.leg(n, |leg| leg.asked = None);
                    self.step(n, Step::Ask);
                }
                Some(authority::Known::InHand) | None => {}
            }
        }
    }

    fn ended(&mut self, id: MoveId, result: MoveResult) {
        let Some((n, leg)) = self.numbered_leg(id) else { return };
        if leg.ended.is_some() {
            return;
        }
        let now = self.queue.now();
        self.leg(n, |leg| leg.ended = Some((now, result)));
        self.did("mgmt", || format!("{id} ended {result:?}"));
        match result {
            MoveResult::Committed => {
                self.detach(leg.from, VM);
                self.step(n + 1, Step::Ask);
            }
            MoveResult::Aborted | MoveResult::Unknown => {
                self.detach(leg.to, VM);
                self.again(n, Step::Resume, LATENCY);
                // What was to follow began where the VM is not.
                self.legs.truncate(n + 1);
            }
        }
    }
}
