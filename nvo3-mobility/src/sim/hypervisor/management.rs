//! All VMs and all moves of a world, and the step that each one does next.

use super::deed::{Deed, Step};
use super::leg::Leg;
use super::vm::{HandedOver, Seat, Unread, Vm};
use crate::nve::rules::News;
use crate::sim::net::{EdgeNo, Node, place};
use crate::sim::nodes::{AuthorityNews, Clock, MoveStatus};
use crate::sim::scenario::{Scenario, Since};
use crate::{nva, nve};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, MoveResult, TsiKey};

/// The time between an event that a hypervisor hears of and its next step.
const LATENCY: Micros = Micros(100);
/// The time until a refused or lost input is given again.
pub(crate) const RETRY: Micros = Micros(3_000);
/// The longest time between *suspended* and the VM's stop.
const LAST_INSTANT: Micros = Micros(1_000);

/// The hypervisors and management; the module's doc says what they do.
pub(crate) struct Hypervisor {
    vms: Vec<Vm>,
    legs: Vec<Leg>,
}

impl Hypervisor {
    /// Puts each VM at its first edge of the scenario, with no move asked for. `key` gives the TSI of a host.
    pub(crate) fn new(scenario: &Scenario, key: impl Fn(usize) -> TsiKey) -> Self {
        Self { vms: Vm::all(scenario, key), legs: Leg::all(&scenario.moves) }
    }

    // ---- VMs and moves

    pub(crate) fn vms(&self) -> &[Vm] {
        &self.vms
    }

    pub(super) fn vms_mut(&mut self) -> &mut [Vm] {
        &mut self.vms
    }

    pub(crate) fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The edge of a VM, and whether it runs.
    pub(crate) fn seat(&self, vm: usize) -> Seat {
        self.vms.get(vm).map_or(Seat::Runs(0), |vm| vm.seat)
    }

    /// True if every move has ended or was skipped, every VM runs, and no port has unread frames.
    pub(crate) fn is_done(&self) -> bool {
        self.legs.iter().all(|leg| leg.skipped || leg.ended.is_some())
            && self.vms.iter().all(|vm| matches!(vm.seat, Seat::Runs(_)) && vm.unread.is_none() && vm.astray.is_none())
    }

    /// The time for which the VM ran nowhere, in the last move that stopped its VM.
    pub(crate) fn last_pause(&self) -> Option<Micros> {
        let pause = |leg: &Leg| Some(self.vms.get(leg.plan.vm)?.last_run.or(leg.ran)? - leg.stopped?);
        self.legs.iter().rev().find_map(pause)
    }

    /// The time from the VM's start at the new edge until every edge follows, in the last move that reached its new edge.
    pub(crate) fn last_convergence(&self) -> Option<Micros> {
        let last = self.legs.iter().rev().find(|leg| leg.ran.is_some())?;
        Some(last.converged? - last.ran?)
    }

    fn leg(&mut self, n: usize, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(n) {
            change(leg);
        }
    }

    fn unread(&self, vm: usize) -> Option<&Unread> {
        self.vms.get(vm)?.unread.as_ref()
    }

    fn keys(&self, vm: usize) -> &[TsiKey] {
        self.vms.get(vm).map_or(&[], |vm| &vm.keys)
    }

    fn hosts(&self, vm: usize) -> core::ops::Range<usize> {
        self.vms.get(vm).map_or(0..0, |vm| vm.hosts.clone())
    }

    /// The VM's name and a space, to put before a verb; empty in a world with one VM.
    fn subject(&self, vm: usize) -> String {
        match self.vms.get(vm) {
            Some(vm) if self.vms.len() > 1 => format!("{} ", vm.name),
            _ => String::new(),
        }
    }

    // ---- steps

    /// The act that begins the VM's next move after leg `before`, or its first move if that is `None`.
    ///
    /// The move begins after its own wait, or else after `otherwise`. If no move follows, a VM that waited suspended for it resumes.
    pub(crate) fn next_leg(
        &mut self,
        now: Instant,
        vm: usize,
        before: Option<usize>,
        otherwise: Option<Micros>,
    ) -> Option<Deed> {
        let first = before.map_or(0, |before| before + 1);
        let Some(n) = (first..self.legs.len()).find(|n| self.legs.get(*n).is_some_and(|leg| leg.plan.vm == vm)) else {
            // No move follows, so a VM that waited for it suspended has to run on where it is.
            let (last, leg) =
                (0..).zip(&self.legs).filter(|(_, leg)| leg.plan.vm == vm && leg.ended.is_some()).last()?;
            let waits = leg.plan.stay && self.seat(vm) == Seat::Stopped(leg.from);
            return waits.then_some(Deed::Later(last, Step::Resume, LATENCY));
        };
        let wait = self.legs.get(n).and_then(|leg| leg.plan.wait).or(otherwise);
        self.leg(n, |leg| leg.due = Some(now + wait.unwrap_or_default()));
        Some(match wait {
            Some(wait) => Deed::Later(n, Step::Ask, wait),
            None => Deed::Do(n, Step::Ask),
        })
    }

    /// Does a step that is due. `clock` is the old edge's; `fenced` is true if the new edge will not return.
    pub(crate) fn step(&mut self, now: Instant, n: usize, step: Step, clock: Clock, fenced: bool) -> Vec<Deed> {
        let Some(leg) = self.legs.get(n).copied() else { return Vec::new() };
        match step {
            Step::Ask => self.ask(now, n, &leg, fenced),
            Step::Suspend => self.suspend(n, &leg),
            Step::Stop => self.stop(now, n, &leg, clock),
            Step::SayLate => self.say_late(n, &leg),
            Step::Start => self.start(n, &leg),
            Step::Resume => self.resume(n),
        }
    }

    /// Takes the answer to a step: `taken` is true if the authority or the edge accepted all its inputs.
    pub(crate) fn answered(&mut self, now: Instant, n: usize, step: Step, taken: bool) -> Vec<Deed> {
        let Some(leg) = self.legs.get(n).copied() else { return Vec::new() };
        match step {
            Step::Ask if taken => self.asked(now, n, &leg),
            // An edge that dies forgets the input, so it is given again although it was accepted.
            Step::Suspend => vec![Deed::Drive(leg.from), Deed::Later(n, Step::Suspend, RETRY)],
            Step::SayLate => self.said_late(now, n, &leg, taken),
            Step::Start if taken => {
                self.leg(n, |leg| leg.ran = Some(now));
                self.runs(now, leg.plan.vm, leg.plan.to)
            }
            Step::Resume if taken => {
                self.leg(n, |leg| leg.resumed = true);
                self.runs(now, leg.plan.vm, leg.from)
            }
            Step::Ask | Step::Start | Step::Resume => vec![Deed::Later(n, step, RETRY)],
            Step::Stop => Vec::new(),
        }
    }

    /// The VM's last move before leg `n` that the authority took.
    fn before(&self, n: usize, vm: usize) -> Option<&Leg> {
        self.legs.iter().take(n).rev().find(|leg| leg.plan.vm == vm && leg.asked.is_some())
    }

    /// True if the VM stays suspended after an abort: its plan says so, its edge knows of the stop, and another move follows.
    fn stays(&self, n: usize, leg: &Leg) -> bool {
        let vm = leg.plan.vm;
        let next = self.legs.iter().skip(n + 1).any(|leg| leg.plan.vm == vm && !leg.skipped);
        leg.plan.stay && next && self.unread(vm).is_none()
    }

    fn ask(&mut self, now: Instant, n: usize, leg: &Leg, fenced: bool) -> Vec<Deed> {
        if leg.asked.is_some() || leg.skipped || leg.ended.is_some() {
            return Vec::new();
        }
        let (vm, to, seat) = (leg.plan.vm, leg.plan.to, self.seat(leg.plan.vm));
        if self.vms.get(vm).is_some_and(|vm| vm.astray.is_some()) {
            return vec![Deed::Later(n, Step::Ask, RETRY)];
        }
        if seat.edge() == to || leg.plan.from.is_some_and(|from| from != seat.edge()) || fenced {
            self.leg(n, |leg| leg.skipped = true);
            return self.next_leg(now, vm, Some(n), None).into_iter().collect();
        }
        let waits_suspended = self.before(n, vm).is_some_and(|before| before.plan.stay);
        // The hypervisors finish one migration before the next.
        if self.unread(vm).is_some() || matches!(seat, Seat::Stopped(_)) && !waits_suspended {
            return vec![Deed::Later(n, Step::Ask, RETRY)];
        }
        let order = nva::Input::Move {
            id: leg.id,
            tsis: self.keys(vm).to_vec(),
            to: place(to).nve,
            kind: MoveKind::Hot,
            deadline: leg.plan.deadline,
        };
        let ports = self.hosts(vm).map(|host| Deed::Attach(to, host));
        ports.chain([Deed::Order(n, order)]).collect()
    }

    fn asked(&mut self, now: Instant, n: usize, leg: &Leg) -> Vec<Deed> {
        let seat = self.seat(leg.plan.vm);
        // A VM that stayed suspended since the last move needs no *suspend*.
        let stopped = matches!(seat, Seat::Stopped(_));
        self.leg(n, |leg| {
            (leg.asked, leg.from) = (Some(now), seat.edge());
            leg.stopping = stopped;
            leg.stopped = stopped.then_some(now);
        });
        let line = Deed::Did("mgmt", format!("{} asked for", leg.id));
        let start = stopped.then_some(Deed::Later(n, Step::Start, leg.plan.pause));
        [line].into_iter().chain(start).chain([Deed::Happened(Since::Asked(n))]).collect()
    }

    fn suspend(&self, n: usize, leg: &Leg) -> Vec<Deed> {
        if leg.stopping || leg.ended.is_some() || leg.self_resumed {
            return Vec::new();
        }
        // *Suspend* for one interface holds for all interfaces in the move.
        let word = |key: &TsiKey| nve::Input::Suspend { key: *key, move_id: leg.id, stopped_at: None };
        let words = self.keys(leg.plan.vm).iter().take(1).map(word).collect();
        vec![Deed::Say(n, Step::Suspend, leg.from, words)]
    }

    /// The stop that the old edge still has to hear of; none once the VM reads its ports again.
    fn late_word(&self, leg: &Leg) -> Option<&Unread> {
        let aborted = leg.ended.is_some_and(|(_, result)| result != MoveResult::Committed);
        self.unread(leg.plan.vm).filter(|_| !aborted && !leg.self_resumed)
    }

    fn say_late(&self, n: usize, leg: &Leg) -> Vec<Deed> {
        let Some((unread, key)) = self.late_word(leg).zip(self.keys(leg.plan.vm).first()) else { return Vec::new() };
        let word = nve::Input::Suspend { key: *key, move_id: leg.id, stopped_at: Some(unread.noted) };
        vec![Deed::Say(n, Step::SayLate, leg.from, vec![word])]
    }

    /// Takes the answer to [`Step::SayLate`].
    ///
    /// Once the edge knows of the stop, nobody reads the frames in its ports: the edge sends on its own copies, as far as it has
    /// them and its limits allow.
    fn said_late(&mut self, now: Instant, n: usize, leg: &Leg, taken: bool) -> Vec<Deed> {
        let is_gone = |unread: &Unread| unread.forgotten || unread.frames.is_empty();
        let has_moved = leg.lost && leg.ran.is_some();
        let gone = (leg.ended.is_some() || has_moved) && self.late_word(leg).is_some_and(is_gone);
        if !taken && !gone {
            return vec![Deed::Later(n, Step::SayLate, RETRY)];
        }
        let unread = self.vms.get_mut(leg.plan.vm).and_then(|vm| vm.unread.take());
        let drive = taken.then_some(Deed::Drive(leg.from));
        let mut deeds: Vec<_> = drive.into_iter().chain(unread.map(Deed::Leave)).collect();
        if has_moved {
            deeds.extend(self.ended(now, leg.id, MoveResult::Committed));
        }
        deeds
    }

    fn stop_soon(&mut self, n: usize) -> Deed {
        self.leg(n, |leg| leg.stopping = true);
        Deed::Within(n, Step::Stop, LAST_INSTANT)
    }

    fn stop(&mut self, now: Instant, n: usize, leg: &Leg, clock: Clock) -> Vec<Deed> {
        let number = leg.plan.vm;
        let subject = self.subject(number);
        let vm = self.vms.get_mut(number).filter(|vm| vm.seat == Seat::Runs(leg.from));
        let Some(vm) = vm.filter(|_| leg.ended.is_none() && !leg.resumed) else {
            return vec![Deed::Later(n, Step::Resume, LATENCY)];
        };
        vm.seat = Seat::Stopped(leg.from);
        let mut deeds = vec![Deed::Did("vm", format!("{subject}stops")), Deed::Later(n, Step::Start, leg.plan.pause)];
        if let Some(late) = leg.plan.late {
            let since = now + Micros(1);
            let noted = clock.local(since);
            vm.unread = Some(Unread { at: leg.from, since, noted, frames: Vec::new(), forgotten: false });
            deeds.push(Deed::Later(n, Step::SayLate, late));
        }
        self.leg(n, |leg| (leg.stopped, leg.freed) = (Some(now), false));
        deeds.push(Deed::Happened(Since::Stopped(n)));
        deeds
    }

    fn start(&self, n: usize, leg: &Leg) -> Vec<Deed> {
        let vm = leg.plan.vm;
        if leg.ended.is_some() || leg.self_resumed || self.seat(vm) != Seat::Stopped(leg.from) {
            return Vec::new();
        }
        let Some(key) = self.keys(vm).first() else { return Vec::new() };
        vec![Deed::Say(n, Step::Start, leg.plan.to, vec![nve::Input::Activate { key: *key, move_id: Some(leg.id) }])]
    }

    fn resume(&self, n: usize) -> Vec<Deed> {
        let Some(leg) = self.legs.get(n) else { return Vec::new() };
        let vm = leg.plan.vm;
        let later = self.legs.iter().skip(n + 1).any(|leg| leg.plan.vm == vm && leg.asked.is_some());
        let astray = self.vms.get(vm).is_some_and(|vm| vm.astray.is_some());
        if later || astray || self.seat(vm).edge() != leg.from {
            return Vec::new();
        }
        let word = |key: &TsiKey| nve::Input::Activate { key: *key, move_id: None };
        vec![Deed::Say(n, Step::Resume, leg.from, self.keys(vm).iter().map(word).collect())]
    }

    /// The VM begins to run at an edge. It announces itself and reads its ports, and then the edge does its work.
    fn runs(&mut self, now: Instant, number: usize, edge: EdgeNo) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let subject = self.subject(number);
        if let Some(vm) = self.vms.get_mut(number).filter(|vm| vm.seat != Seat::Runs(edge)) {
            (vm.seat, vm.last_run) = (Seat::Runs(edge), Some(now));
            deeds.push(Deed::Did("vm", format!("{subject}runs at {}", Node::Edge(edge).name())));
            deeds.extend(vm.hosts.clone().map(|host| Deed::Announce(edge, host)));
            let unread = vm.unread.take_if(|unread| unread.at == edge);
            let frames = unread.map(Unread::into_frames).unwrap_or_default();
            deeds.extend(frames.into_iter().map(|(host, frame)| Deed::Read(edge, host, frame)));
        }
        deeds.push(Deed::Drive(edge));
        deeds
    }

    /// The old edge's hypervisor resumes the VM by itself. Nothing happens unless the VM is stopped for this move.
    pub(crate) fn resume_by_itself(&mut self, n: usize) -> Vec<Deed> {
        let stopped = |leg: &&Leg| leg.is_in_hand() && self.seat(leg.plan.vm) == Seat::Stopped(leg.from);
        if self.legs.get(n).filter(stopped).is_none() {
            return Vec::new();
        }
        self.leg(n, |leg| leg.self_resumed = true);
        let mut deeds = vec![Deed::Did("mgmt", "the source's hypervisor resumes the VM by itself".into())];
        deeds.extend(self.resume(n));
        deeds
    }

    // ---- events of edges and of the authority

    /// Takes an edge's news about an interface of a VM. `host` is the interface's host.
    pub(crate) fn hear_edge(
        &mut self,
        now: Instant,
        edge: EdgeNo,
        (vm, host): (usize, usize),
        (move_id, news): (Option<MoveId>, News),
    ) -> Vec<Deed> {
        let is_meant = |leg: &Leg| match move_id {
            Some(id) => leg.id == id,
            None => leg.from == edge && leg.asked.is_some() && leg.plan.vm == vm,
        };
        let heard = self.legs.iter().rposition(is_meant);
        let Some((n, leg)) = heard.and_then(|n| Some((n, self.legs.get(n).copied()?))) else { return Vec::new() };
        let hosts = self.hosts(vm);
        match news {
            News::Suspended if edge == leg.from && !leg.stopping && !leg.self_resumed => {
                let heard = leg.heard | 1 << (host - hosts.start);
                self.leg(n, |leg| leg.heard = heard);
                let all = heard.count_ones() as usize == hosts.len();
                all.then(|| self.stop_soon(n)).into_iter().collect()
            }
            News::Halted if edge == leg.from => {
                self.leg(n, |leg| leg.freed = true);
                let resume = (!self.stays(n, &leg)).then_some(Deed::Later(n, Step::Resume, LATENCY));
                resume.into_iter().chain(self.go_on(now, n)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Takes the authority's event about a move.
    pub(crate) fn hear_authority(&mut self, now: Instant, told: AuthorityNews) -> Vec<Deed> {
        match told {
            AuthorityNews::MaySuspend(id) => {
                let Some((n, leg)) = self.numbered(id) else { return Vec::new() };
                match leg.plan.late {
                    None => vec![Deed::Later(n, Step::Suspend, LATENCY)],
                    Some(_) if leg.stopping => Vec::new(),
                    Some(_) => vec![self.stop_soon(n)],
                }
            }
            AuthorityNews::Ended(id, result) => self.ended(now, id, result),
            AuthorityNews::Converged(id) => {
                if let Some((n, _)) = self.numbered(id) {
                    self.leg(n, |leg| leg.converged = leg.converged.or(Some(now)));
                }
                Vec::new()
            }
            AuthorityNews::Other => Vec::new(),
        }
    }

    /// Takes what a restarted authority knows of a move that management asked for.
    ///
    /// The authority may have lost an order that was not yet on its disk. It may also have died before it reported a result.
    pub(crate) fn learn(&mut self, now: Instant, n: usize, answer: Option<MoveStatus>) -> Vec<Deed> {
        let Some(leg) = self.legs.get(n).copied() else { return Vec::new() };
        match answer {
            Some(MoveStatus::Ended(result)) => self.ended(now, leg.id, result),
            Some(MoveStatus::Nothing) => self.lost(now, n, &leg),
            _ => Vec::new(),
        }
    }

    /// The authority has lost its records of a move: management goes by what the hypervisors know.
    fn lost(&mut self, now: Instant, n: usize, leg: &Leg) -> Vec<Deed> {
        self.leg(n, |leg| leg.lost = true);
        let stopped = matches!(self.seat(leg.plan.vm), Seat::Stopped(_));
        // The VM stopped for this move, not before it.
        let for_this = stopped && leg.stopped != leg.asked;
        if leg.ran.is_some() {
            // The old edge hears of the stop while it still has the port.
            let owes_stop = self.late_word(leg).is_some();
            return if owes_stop { Vec::new() } else { self.ended(now, leg.id, MoveResult::Committed) };
        }
        if for_this {
            // It starts at the new edge, or goes on where it was.
            return self.go_on(now, n);
        }
        self.leg(n, |leg| leg.asked = None);
        vec![Deed::Do(n, Step::Ask)]
    }

    /// Ends a lost move whose VM is stopped at an old edge that keeps it for nobody.
    fn go_on(&mut self, now: Instant, n: usize) -> Vec<Deed> {
        let given_up = |leg: &&Leg| leg.lost && leg.freed && self.seat(leg.plan.vm) == Seat::Stopped(leg.from);
        match self.legs.get(n).filter(given_up).map(Leg::id) {
            Some(id) => self.ended(now, id, MoveResult::Aborted),
            None => Vec::new(),
        }
    }

    fn numbered(&self, id: MoveId) -> Option<(usize, Leg)> {
        (0..).zip(&self.legs).find(|(_, leg)| leg.id == id).map(|(n, leg)| (n, *leg))
    }

    fn ended(&mut self, now: Instant, id: MoveId, result: MoveResult) -> Vec<Deed> {
        let Some((n, leg)) = self.numbered(id).filter(|(_, leg)| leg.ended.is_none()) else { return Vec::new() };
        let vm = leg.plan.vm;
        self.leg(n, |leg| leg.ended = Some((now, result)));
        let committed = result == MoveResult::Committed;
        let left = if committed { leg.from } else { leg.plan.to };
        let mut deeds = vec![Deed::Did("mgmt", format!("{id} ended: {}", result))];
        deeds.extend(self.hosts(vm).map(|host| Deed::Detach(left, host)));
        if !committed && !self.stays(n, &leg) {
            deeds.push(Deed::Later(n, Step::Resume, LATENCY));
        }
        deeds.extend(self.next_leg(now, vm, Some(n), None));
        deeds
    }

    /// Takes a frame that an edge puts in the port of a VM's interface.
    pub(crate) fn hand_over(
        &mut self,
        now: Instant,
        edge: EdgeNo,
        (vm, host): (usize, usize),
        frame: &[u8],
    ) -> HandedOver {
        self.vms.get_mut(vm).map_or(HandedOver::Read, |vm| vm.hand_over(now, edge, host, frame))
    }

    /// Notes the death of an edge: it lost its reports of suspended interfaces, and its copies of frames for stopped VMs.
    /// `returns`: the edge will be back, with the VMs that it has.
    pub(crate) fn edge_died(&mut self, now: Instant, edge: EdgeNo, returns: bool) -> Vec<Deed> {
        for leg in self.legs.iter_mut().filter(|leg| leg.from == edge) {
            leg.heard = 0;
            leg.freed = returns && leg.is_in_hand();
        }
        let unread = self.vms.iter_mut().filter_map(|vm| vm.unread.as_mut());
        for unread in unread.filter(|unread| unread.at == edge) {
            unread.forgotten = true;
        }
        (0..self.legs.len()).flat_map(|n| self.go_on(now, n)).collect()
    }
}
