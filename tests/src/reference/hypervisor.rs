//! Management and the hypervisors, which keep their side of the contract. They stop a VM after *suspended*, or say afterwards
//! when it stopped. They start it at the new NVE unless that is refused, and resume it at the old NVE after a failed move.

use super::model::{Excuse, REMEMBERED, Seat, Where};
use super::transition::Act;
use super::world::{STATIONS, World, place_of};
use nvo3_mobility::nve::rules::News;
use nvo3_mobility::table::VapId;
use nvo3_mobility::{nva, nve};
use nvo3_nva_proto::{Instant, Micros, MoveId, MoveKind, MoveResult, TsiKey};
use std::collections::BTreeSet;

const DEADLINES: [Micros; 3] = [Micros(300_000), Micros(1_000_000), Micros(4_000_000)];

/// A VM, as its hypervisors and management know it.
#[derive(Default)]
pub struct Vm {
    /// The open move.
    pub leg: Option<Leg>,
    pub unread: Option<Unread>,
    /// True if the edge waits for the hypervisor's word that the VM runs there, or whether it does.
    pub owed: bool,
}

/// One move.
pub struct Leg {
    id: MoveId,
    from: usize,
    to: usize,
    /// True if management may suspend the VM.
    may_suspend: bool,
    /// The interfaces that the old edge prepared to leave.
    prepared: BTreeSet<TsiKey>,
    /// The interfaces that the old edge reported as suspended.
    heard: BTreeSet<TsiKey>,
    /// True if the old hypervisor resumed the VM. This move then neither stops nor starts it.
    resumed: bool,
    /// True if the new edge asked the hypervisor to repeat that the VM runs.
    again: bool,
}

/// The frames in the ports of a VM that stopped before its edge was told. The VM reads them if it resumes there before the edge
/// is told; after that nobody reads them.
pub struct Unread {
    id: MoveId,
    at: usize,
    since: Instant,
    frames: Vec<(usize, usize, Instant)>,
    /// The interfaces whose stop the edge was told.
    told: BTreeSet<usize>,
    /// True if the edge died since the stop.
    forgotten: bool,
}

impl World {
    pub fn plan(&mut self, vm: usize, to: usize, deadline: usize) {
        let (seat, now) = (self.model.seats[vm], self.now);
        let busy = self.vms[vm].leg.is_some() || self.vms[vm].unread.is_some();
        let halted = self.vms[vm].owed && matches!(seat, Seat::Runs(_));
        if busy || halted || seat.edge() == to || self.nva.is_none() {
            return;
        }
        for station in self.of_vm(vm) {
            self.attach(to, station);
        }
        self.drive(to);
        self.model.is_there(now, vm, to);
        self.moves += 1;
        let tsis: BTreeSet<TsiKey> = self.of_vm(vm).iter().map(|station| self.key(*station)).collect();
        let (id, deadline) = (MoveId(self.moves), DEADLINES[deadline]);
        let (tsis_in_order, nve) = (tsis.iter().copied().collect(), place_of(to).nve);
        let order = nva::Input::Move { id, tsis: tsis_in_order, to: nve, kind: MoveKind::Hot, deadline };
        let result = self.nva.as_mut().map(|nva| nva.handle(now, order));
        self.log(|| format!("authority is asked to move VM {vm} to edge {to} as {id}: {result:?}"));
        if result == Some(Ok(())) {
            let stopped = matches!(seat, Seat::Stopped(_));
            // An interface that stayed suspended is suspended for this move too.
            let (prepared, heard) = if stopped { (tsis.clone(), tsis) } else { Default::default() };
            let (from, again) = (seat.edge(), false);
            self.vms[vm].owed = false;
            self.vms[vm].leg = Some(Leg { id, from, to, may_suspend: stopped, prepared, heard, resumed: false, again });
            self.drive_authority();
        } else {
            self.detach(vm, to);
        }
    }

    pub fn call_off(&mut self, vm: usize) {
        let (now, id) = (self.now, self.vms[vm].leg.as_ref().map(|leg| leg.id));
        if let (Some(id), Some(nva)) = (id, &mut self.nva) {
            let result = nva.handle(now, nva::Input::Cancel(id));
            self.log(|| format!("authority is asked to call {id} off: {result:?}"));
            self.drive_authority();
        }
    }

    pub fn act(&mut self, vm: usize, act: Act) {
        match act {
            Act::Next => self.next_act(vm),
            Act::Suspend => self.suspend(vm),
            Act::Stop => self.stop(vm, true),
            Act::StopUnsaid => self.stop(vm, false),
            Act::SayStopped => self.say_stopped(vm),
            Act::Start => self.start(vm),
            Act::Resume => self.resume(vm),
        }
    }

    fn next_act(&mut self, vm: usize) {
        let said = self.vms[vm].leg.as_ref().is_some_and(|leg| leg.heard.len() == self.of_vm(vm).len());
        match (self.vms[vm].leg.is_some(), self.model.seats[vm]) {
            (true, Seat::Runs(_)) if !said => self.suspend(vm),
            (true, Seat::Runs(_)) => self.stop(vm, true),
            (true, Seat::Stopped(_)) => self.start(vm),
            (false, Seat::Stopped(_)) => self.resume(vm),
            (false, Seat::Runs(_)) if self.vms[vm].unread.is_some() => self.say_stopped(vm),
            (false, Seat::Runs(_)) => self.resume(vm),
        }
    }

    fn first_key(&self, vm: usize) -> TsiKey {
        self.key(self.of_vm(vm)[0])
    }

    fn suspend(&mut self, vm: usize) {
        let Some(leg) = &self.vms[vm].leg else { return };
        let (id, from) = (leg.id, leg.from);
        if leg.may_suspend && !leg.resumed && self.model.seats[vm] == Seat::Runs(from) {
            let key = self.first_key(vm);
            self.tell(from, nve::Input::Suspend { key, move_id: id, stopped_at: None });
        }
    }

    /// Stops the VM: after its edge said *suspended*, or, if the hypervisor speaks late, once the edge knows of the move.
    fn stop(&mut self, vm: usize, is_suspended: bool) {
        let (now, all) = (self.now, self.of_vm(vm).len());
        let Some(leg) = &self.vms[vm].leg else { return };
        let (id, from) = (leg.id, leg.from);
        let ready = if is_suspended { leg.heard.len() == all } else { leg.may_suspend && leg.prepared.len() == all };
        if !ready || leg.resumed || self.model.seats[vm] != Seat::Runs(from) || self.vms[vm].unread.is_some() {
            return;
        }
        let late = leg.heard.len() != all;
        self.log(|| format!("VM {vm} stops at edge {from}"));
        self.model.seats[vm] = Seat::Stopped(from);
        self.model.is_there(now, vm, from);
        if late {
            self.vms[vm].unread = Some(Unread {
                id,
                at: from,
                since: now,
                frames: Vec::new(),
                told: BTreeSet::new(),
                forgotten: !self.is_up(from),
            });
        }
    }

    /// Gives the edge the late word that the VM stopped. After that nobody reads what came to the port since the stop.
    pub fn say_stopped(&mut self, vm: usize) {
        let key = self.first_key(vm);
        let Some(unread) = &self.vms[vm].unread else { return };
        let (id, at, stopped_at) = (unread.id, unread.at, Some(unread.since));
        // If the move failed, the VM resumes and still reads it.
        let stays = self.model.seats[vm].edge() == at && self.vms[vm].leg.as_ref().is_none_or(|leg| leg.resumed);
        if stays {
            return;
        }
        let taken = self.tell(at, nve::Input::Suspend { key, move_id: id, stopped_at }).is_some();
        self.drive(at);
        let over = self.vms[vm].leg.is_none();
        // After the outcome nothing changes. An edge that is up and refuses the word has nothing to send.
        if over && !taken && self.is_up(at) {
            self.of_vm(vm).into_iter().for_each(|station| self.nobody_reads(vm, station));
        }
    }

    /// The edge is told of one interface. It sends the frames that it remembers after the VM; the others are lost.
    fn nobody_reads(&mut self, vm: usize, interface: usize) {
        let Some(unread) = &mut self.vms[vm].unread else { return };
        let (now, at, forgotten) = (self.now, unread.at, unread.forgotten);
        unread.frames.retain(|(station, number, delivered)| {
            if *station != interface {
                return true;
            }
            if forgotten {
                self.model.excuse(*number, Excuse::InDeadNode);
            } else if *delivered + REMEMBERED <= now {
                self.model.excuse(*number, Excuse::OverLimit);
            }
            self.model.unread(now, *number, at);
            false
        });
        unread.told.insert(interface);
        if unread.told.len() == self.of_vm(vm).len() {
            self.vms[vm].unread = None;
            if self.vms[vm].leg.is_none() {
                self.detach(vm, at);
            }
        }
    }

    fn start(&mut self, vm: usize) {
        let key = self.first_key(vm);
        let Some(leg) = &self.vms[vm].leg else { return };
        let (id, from, to) = (leg.id, leg.from, leg.to);
        let seat = self.model.seats[vm];
        // The hypervisor repeats it if the edge asked for that.
        if leg.resumed || seat != Seat::Stopped(from) && !(seat == Seat::Runs(to) && leg.again) {
            return;
        }
        if self.tell(to, nve::Input::Activate { key, move_id: Some(id) }).is_some() {
            if let Some(leg) = &mut self.vms[vm].leg {
                leg.again = false;
            }
            self.runs(vm, to);
        }
    }

    /// The source's hypervisor resumes the VM, by its own decision or because the move failed.
    pub fn resume(&mut self, vm: usize) {
        let seat = self.model.seats[vm];
        let edge = seat.edge();
        let owed = self.vms[vm].owed;
        match &mut self.vms[vm].leg {
            Some(leg) if leg.from == edge => leg.resumed = true,
            None if seat == Seat::Stopped(edge) || owed => {}
            _ => return,
        }
        let mut told = true;
        for station in self.of_vm(vm) {
            let key = self.key(station);
            told &= self.tell(edge, nve::Input::Activate { key, move_id: None }).is_some();
        }
        // An edge that is down gets the word when it returns.
        self.vms[vm].owed = !told && self.is_up(edge);
        self.runs(vm, edge);
    }

    fn runs(&mut self, vm: usize, edge: usize) {
        if self.model.seats[vm] != Seat::Runs(edge) {
            self.log(|| format!("VM {vm} runs at edge {edge}"));
            self.model.seats[vm] = Seat::Runs(edge);
            self.model.is_there(self.now, vm, edge);
        }
        self.model.is_in_question(self.now, vm);
        if let Some(unread) = self.vms[vm].unread.take_if(|unread| unread.at == edge) {
            for (station, number, _) in unread.frames {
                self.receive(number, station, edge);
            }
        }
        self.drive(edge);
    }

    // ---- frames that leave ports

    pub fn out_of_port(&mut self, edge: usize, VapId(station): VapId, number: usize) {
        let (station, now) = (station as usize, self.now);
        let vm = self.stations[station].0;
        let unicast = self.model.is_unicast(number);
        if self.model.seats[vm] == Seat::Runs(edge) {
            return self.receive(number, station, edge);
        }
        match self.vms[vm].unread.as_mut().filter(|unread| unread.at == edge && !unread.told.contains(&station)) {
            Some(unread) => {
                unread.frames.push((station, number, now));
                if unicast {
                    self.model.seen(number, Where::Port(edge, now));
                }
                self.log(|| format!("{number} waits in the port of station {station}, which stopped, at edge {edge}"));
            }
            None => {
                let what = format!("edge {edge} delivers {number} to station {station}, which does not run there");
                self.model.wrong.push(what);
            }
        }
    }

    fn receive(&mut self, number: usize, station: usize, edge: usize) {
        self.log(|| format!("station {station} receives {number}"));
        self.model.receives(number, station, edge);
    }

    // ---- events of edges and authority

    pub fn edge_said(&mut self, edge: usize, event: nve::Event) {
        self.log(|| format!("edge {edge}: {event:?}"));
        let nve::Event::News { key, move_id, news } = event else { return };
        let Some(station) = (0..STATIONS).find(|station| self.key(*station) == key) else { return };
        let vm = self.stations[station].0;
        let of_unread =
            self.vms[vm].unread.as_ref().is_some_and(|unread| unread.at == edge && Some(unread.id) == move_id);
        let leg = self.vms[vm].leg.as_mut().filter(|leg| move_id.is_none_or(|id| id == leg.id));
        match news {
            News::Prepared => _ = leg.filter(|leg| leg.from == edge).map(|leg| leg.prepared.insert(key)),
            News::Suspended => {
                leg.filter(|leg| leg.from == edge).map(|leg| leg.heard.insert(key));
                if of_unread {
                    self.nobody_reads(vm, station);
                }
            }
            News::SuspendFailed => _ = leg.filter(|leg| leg.from == edge).map(|leg| leg.heard.remove(&key)),
            News::ActivateFailed => _ = leg.filter(|leg| leg.to == edge).map(|leg| leg.again = true),
            // The edge forgot which VMs run there, so the hypervisor says it again.
            News::Halted | News::NotRegistered | News::Displaced if self.model.seats[vm].edge() == edge => {
                self.vms[vm].owed = true
            }
            _ => {}
        }
    }

    pub fn authority_said(&mut self, event: &nva::Event) {
        self.log(|| format!("authority: {event:?}"));
        match event {
            nva::Event::MaySuspend(id) => {
                let leg = self.vms.iter_mut().filter_map(|vm| vm.leg.as_mut()).find(|leg| leg.id == *id);
                leg.into_iter().for_each(|leg| leg.may_suspend = true);
            }
            nva::Event::Ended { id, result } => self.ended(*id, *result),
            _ => {}
        }
    }

    fn ended(&mut self, id: MoveId, result: MoveResult) {
        let Some(vm) = self.vms.iter().position(|vm| vm.leg.as_ref().is_some_and(|leg| leg.id == id)) else { return };
        let Some(leg) = self.vms[vm].leg.take() else { return };
        self.log(|| format!("{id} ended {result:?}"));
        let seat = self.model.seats[vm];
        if result == MoveResult::Committed {
            if seat != Seat::Runs(leg.to) {
                self.model.wrong.push(format!("{id} is committed, and VM {vm} is {seat:?}"));
            }
            // The port stays until the edge is told that the VM left it.
            if self.vms[vm].unread.is_none() {
                self.detach(vm, leg.from);
            }
        } else {
            self.vms[vm].owed = true;
            // An edge that died and could not prepare again may be called the wrong one although the VM runs there. The
            // hypervisor says again that the VM runs, and this counts.
            if seat.edge() != leg.to {
                self.detach(vm, leg.to);
            }
        }
    }

    /// Management asks again after a restart of the authority, which may have forgotten an order, or not reported an outcome.
    pub fn ask_for_outcomes(&mut self) {
        let ids: Vec<MoveId> = self.vms.iter().filter_map(|vm| vm.leg.as_ref()).map(|leg| leg.id).collect();
        for id in ids {
            match self.nva.as_ref().map(|nva| nva.move_state(id)) {
                Some(Some(nva::rules::State::Ended(result))) => self.ended(id, result),
                Some(None) => self.ended(id, MoveResult::Unknown),
                _ => {}
            }
        }
    }

    pub fn edge_died(&mut self, edge: usize) {
        for vm in &mut self.vms {
            if let Some(leg) = vm.leg.as_mut().filter(|leg| leg.from == edge) {
                leg.prepared.clear();
                leg.heard.clear();
            }
            if let Some(unread) = vm.unread.as_mut().filter(|unread| unread.at == edge) {
                unread.forgotten = true;
            }
        }
    }

    fn detach(&mut self, vm: usize, edge: usize) {
        for station in self.of_vm(vm) {
            self.edges[edge].wanted.remove(&station);
        }
        self.sync_ports(edge);
    }

    /// Detaches the ports that no hypervisor wants any more. An edge that is not ready for it is told again.
    pub fn sync_ports(&mut self, edge: usize) {
        let unwanted: Vec<usize> = self.edges[edge].attached.difference(&self.edges[edge].wanted).copied().collect();
        for station in unwanted {
            if self.tell(edge, nve::Input::Detach { vap: super::world::vap(station) }).is_some() {
                self.edges[edge].attached.remove(&station);
            }
        }
        self.drive(edge);
    }

    /// Tells the model which VMs do not run, or have an edge that waits for a word.
    pub fn note_questions(&mut self) {
        for (vm, state) in self.vms.iter().enumerate() {
            let stopped = matches!(self.model.seats[vm], Seat::Stopped(_));
            if stopped || state.owed || state.leg.as_ref().is_some_and(|leg| leg.again) {
                self.model.is_in_question(self.now, vm);
            }
        }
    }

    /// True if hypervisors and management have nothing left to do for a VM.
    pub fn is_settled(&self, vm: usize) -> bool {
        let state = &self.vms[vm];
        state.leg.is_none() && state.unread.is_none() && !state.owed && matches!(self.model.seats[vm], Seat::Runs(_))
    }

    /// Lets management and the hypervisors finish what they began. They begin nothing new.
    pub fn finish(&mut self, vm: usize) {
        if self.vms[vm].unread.as_ref().is_some_and(|unread| self.model.seats[vm] != Seat::Stopped(unread.at)) {
            self.say_stopped(vm);
        }
        match &self.vms[vm].leg {
            Some(leg) if leg.again => self.start(vm),
            Some(leg) if self.vms[vm].owed && leg.from == self.model.seats[vm].edge() => self.resume(vm),
            Some(_) => {}
            None if !self.is_settled(vm) => self.resume(vm),
            None => {}
        }
    }
}
