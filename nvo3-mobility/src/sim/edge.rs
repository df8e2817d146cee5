//! One edge: its control plane and its forwarder, driven as a driver's loop would drive them.

use super::check::Checks;
use super::clock::Clock;
use super::frame::{self, Numbered};
use super::ledger::{EdgeNo, Fate, Ledger, Loss};
use super::random::Random;
use crate::forwarder::{DropReason, Forwarder, ForwarderConfig, Target, Verdict};
use crate::nve::{self, Handled, Nve, NveConfig, Transmit};
use crate::table::{Bum, Change, Entry, Gate, Route, VapId};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{HoldLimits, Instant, Place, TsiKey};
use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, decap};
use nvo3_wire::{Mac, Vni, flow};

/// What an edge gives to the world.
pub(super) enum Effect {
    /// An outer IP packet for another edge.
    Tunnel(IpAddr, Vec<u8>),
    /// A frame for a host.
    Port(VapId, Vec<u8>),
    /// A control message, or a frame that control made itself.
    Control(Transmit, Vec<u8>),
    /// Something for the hypervisor.
    Event(nve::Event),
    /// The forwarder dropped a numbered datagram.
    Dropped(Numbered, DropReason),
}

/// What became of a frame that a host sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It goes its way, or waits to.
    Forwarded,
    /// The edge answered or suppressed it.
    Taken,
    /// The edge does not let it in.
    Refused,
}

/// What the forwarder was told of a TSI.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) entry: Option<Entry>,
    pub(super) route: Option<Route>,
    limits: HoldLimits,
}

/// A frame that the forwarder keeps.
#[derive(Clone, Copy, Debug)]
struct Kept {
    key: TsiKey,
    id: Option<Numbered>,
    /// Since when, by the edge's clock.
    since: Instant,
    /// It came by tunnel.
    tunnelled: bool,
}

struct Live {
    nve: Nve,
    forwarder: Forwarder,
}

/// See the module.
pub(super) struct Edge {
    pub(super) name: &'static str,
    pub(super) clock: Clock,

    pub(super) no: EdgeNo,
    pub(super) place: Place,
    /// The ports that its hypervisor wants.
    pub(super) ports: BTreeMap<VapId, nve::Input>,
    /// Those that it has.
    pub(super) attached: BTreeSet<VapId>,
    /// What the forwarder holds of each TSI: what it was told and did not refuse.
    pub(super) told: BTreeMap<TsiKey, Told>,
    /// Unicast frames held since it was made.
    pub(super) held: u64,
    /// Unicast frames that an entry of a move sent on.
    pub(super) tunnelled: u64,
    /// Frames that were delivered to a VM that had stopped, and sent after it.
    pub(super) replayed: u64,
    /// Frames dropped, by reason.
    pub(super) dropped: BTreeMap<DropReason, u64>,
    /// What is held of a TSI without an entry.
    asked: HoldLimits,
    live: Option<Box<Live>>,
    /// The VN of each port that there was.
    networks: BTreeMap<VapId, Vni>,
    kept: VecDeque<Kept>,
    /// Who may hold a copy of the group frame in hand, and how many frames of it were held and dropped before.
    copies: Vec<(TsiKey, u64, u64)>,
    /// What left that it did not hold before: delivered once, and sent after its VM.
    resent: BTreeSet<Numbered>,
    /// Frames dropped at a limit that it did not hold before.
    not_resent: usize,
    encaps: BTreeMap<(IpAddr, Vni), Encap<'static>>,
    random: Random,
    wake: Option<Instant>,
    /// What it had in memory before is gone.
    pub(super) has_died: bool,
}

impl Edge {
    pub(super) fn new(name: &'static str, no: EdgeNo, place: Place, random: Random) -> Self {
        let mut edge = Self {
            name,
            clock: Clock::default(),
            no,
            place,
            ports: BTreeMap::new(),
            attached: BTreeSet::new(),
            told: BTreeMap::new(),
            held: 0,
            tunnelled: 0,
            replayed: 0,
            dropped: BTreeMap::new(),
            asked: ForwarderConfig::new(place.locators).asked,
            live: None,
            networks: BTreeMap::new(),
            kept: VecDeque::new(),
            copies: Vec::new(),
            resent: BTreeSet::new(),
            not_resent: 0,
            encaps: BTreeMap::new(),
            random,
            wake: None,
            has_died: false,
        };
        edge.start();
        edge
    }

    /// It (re)starts and remembers nothing.
    pub(super) fn start(&mut self) {
        let nve = Nve::new(NveConfig::new(self.place), self.random.number());
        let forwarder = Forwarder::new(ForwarderConfig::new(self.place.locators), self.random.number());
        // The defaults are valid: without them there is no edge, and every run says so at once.
        self.live = nve.ok().zip(forwarder.ok()).map(|(nve, forwarder)| Box::new(Live { nve, forwarder }));
    }

    /// It dies with all it has in memory.
    pub(super) fn die(&mut self) {
        (self.live, self.wake, self.has_died) = (None, None, true);
        self.attached.clear();
        self.told.clear();
        self.kept.clear();
    }

    /// The control plane, while it lives.
    pub(super) fn nve(&self) -> Option<&Nve> {
        self.live.as_deref().map(|live| &live.nve)
    }

    /// When it wants to be woken.
    pub(super) const fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// Of these, which a VM did not read and its edge was to send after it, those for which the hold limit had no room. Some
    /// may wait in the edge: an edge that is alone in a move keeps what its party sent.
    pub(super) fn not_resent(
        &mut self,
        now: Instant,
        unread: impl Iterator<Item = (TsiKey, Numbered)>,
        ledger: &mut Ledger,
    ) -> Vec<Numbered> {
        let since = self.clock.local(now);
        let mut lost = Vec::new();
        for (key, id) in unread {
            let held = self.live.as_deref().map_or(0, |live| live.forwarder.held(&key).frames) as usize;
            if self.resent.contains(&id) {
                continue;
            }
            if held > self.kept.iter().filter(|kept| kept.key == key).count() {
                self.kept.push_back(Kept { key, id: Some(id), since, tunnelled: true });
                ledger.moves(id, Fate::Kept(self.no));
            } else {
                lost.push(id);
            }
        }
        let excused = core::mem::take(&mut self.not_resent) >= lost.len();
        self.resent.clear();
        if excused { lost } else { Vec::new() }
    }

    /// Whether it keeps more than it may (I7): of a TSI more than its limits, or at all more than its tables are told to.
    pub(super) fn overfull(&self) -> Option<String> {
        let live = self.live.as_deref()?;
        let over = self.told.iter().find_map(|(key, told)| {
            let (held, most) = (live.forwarder.held(key), told.limits);
            (held.frames > most.frames || held.bytes > most.bytes)
                .then(|| format!("{} holds {} frames for {key}, and may hold {}", self.name, held.frames, most.frames))
        });
        let kept = live.nve.footprint();
        over.or_else(|| (kept > MOST_KEPT).then(|| format!("{}'s control plane keeps {kept} things", self.name)))
    }

    /// Whether its forwarder delivers to a TSI.
    pub(super) fn delivers(&self, key: &TsiKey) -> bool {
        self.told.get(key).and_then(|told| told.entry).is_some_and(|entry| entry.delivers())
    }

    /// Tells it something as its hypervisor; `None` while it is down.
    pub(super) fn tell(&mut self, now: Instant, input: nve::Input) -> Option<Result<(), nve::Error>> {
        let live = self.live.as_deref_mut()?;
        let port = match &input {
            nve::Input::Attach { vap, vn, .. } => {
                self.networks.insert(*vap, *vn);
                Some((*vap, true))
            }
            nve::Input::Detach { vap } => Some((*vap, false)),
            _ => None,
        };
        let result = live.nve.handle(self.clock.local(now), input);
        match (port, &result) {
            (Some((vap, true)), Ok(())) => _ = self.attached.insert(vap),
            (Some((vap, false)), Ok(())) => _ = self.attached.remove(&vap),
            _ => {}
        }
        Some(result)
    }

    /// A control datagram arrives.
    pub(super) fn hear(&mut self, now: Instant, datagram: &[u8]) {
        if let Some(live) = &mut self.live {
            live.nve.handle_datagram(self.clock.local(now), datagram);
        }
    }

    /// A deadline has come.
    pub(super) fn time_passed(&mut self, now: Instant, ledger: &mut Ledger) {
        let Some(live) = &mut self.live else { return };
        let before = dropped(&live.forwarder);
        let now = self.clock.local(now);
        live.nve.handle_timeout(now);
        live.forwarder.handle_timeout(now);
        let after = dropped(&live.forwarder);
        self.reconcile(now, None, before, after, ledger);
    }

    /// A frame comes in at a port.
    pub(super) fn port_in(
        &mut self,
        now: Instant,
        vap: VapId,
        bytes: &[u8],
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Entered {
        self.enter(self.clock.local(now), vap, bytes, ledger, effects)
    }

    fn enter(
        &mut self,
        now: Instant,
        vap: VapId,
        bytes: &[u8],
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) -> Entered {
        let id = frame::numbered(bytes);
        let Some(live) = &mut self.live else {
            self.never_in(id, ledger);
            return Entered::Refused;
        };
        let Some(vn) = self.networks.get(&vap).copied() else {
            self.never_in(id, ledger);
            return Entered::Refused;
        };
        let (destination, source) = macs(bytes);
        let sender = TsiKey { vn, mac: source };
        self.copies = copies(&self.told, &live.forwarder, TsiKey { vn, mac: destination });
        let (before, kept) = (dropped(&live.forwarder), live.forwarder.held(&sender).kept);
        let mut verdict = live.forwarder.vap_frame(now, vap, bytes);
        if verdict == Verdict::Punt {
            match live.nve.handle_frame(now, vap, bytes) {
                Handled::Taken => return Entered::Taken,
                Handled::Pass => verdict = live.forwarder.vap_frame_passed(now, vap, bytes),
            }
        }
        // Also where the oldest had to go for it.
        let gated = self.told.get(&sender).and_then(|told| told.entry).is_some_and(|entry| entry.gate == Gate::Hold);
        let slot =
            if gated || live.forwarder.held(&sender).kept > kept { sender } else { TsiKey { vn, mac: destination } };
        let entered = if matches!(verdict, Verdict::Drop(_)) { Entered::Refused } else { Entered::Forwarded };
        self.carry_out(now, verdict, slot, bytes, false, before, ledger, effects);
        entered
    }

    /// An outer packet comes in from the underlay.
    pub(super) fn tunnel_in(
        &mut self,
        now: Instant,
        packet: &[u8],
        ledger: &mut Ledger,
        checks: &mut Checks,
        effects: &mut Vec<Effect>,
    ) {
        let Ok(Some(outer)) = decap(packet, &Accept { inner_vlan: true, ..Accept::default() }) else {
            checks.broken(now, format!("{} received what is no VXLAN packet", self.name));
            return;
        };
        let id = frame::numbered(outer.carried.inner);
        let local = self.clock.local(now);
        let Some(live) = &mut self.live else { return self.never_in(id, ledger) };
        if let Some(id) = id {
            checks.visited(now, self.name, id, ledger.visit(id, self.no));
        }
        let key = TsiKey { vn: outer.carried.vni, mac: macs(outer.carried.inner).0 };
        self.copies = copies(&self.told, &live.forwarder, key);
        let before = dropped(&live.forwarder);
        let verdict = live.forwarder.tunnel_frame(local, outer.source, outer.carried.vni, outer.carried.inner);
        if let Verdict::Tunnel { to, .. } = verdict
            && to == outer.source
            && self.told.get(&key).is_none_or(|told| told.entry.is_none())
        {
            checks.returned(now, self.name, key);
        }
        self.carry_out(local, verdict, key, outer.carried.inner, true, before, ledger, effects);
    }

    fn never_in(&mut self, id: Option<Numbered>, ledger: &mut Ledger) {
        if let Some(id) = id {
            ledger.lose(id, Loss::ToDownNode);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what a frame is, and whom it concerns")]
    fn carry_out(
        &mut self,
        now: Instant,
        verdict: Verdict,
        slot: TsiKey,
        bytes: &[u8],
        tunnelled: bool,
        before: [u64; REASONS],
        ledger: &mut Ledger,
        effects: &mut Vec<Effect>,
    ) {
        let mut after = self.live.as_deref().map(|live| dropped(&live.forwarder)).unwrap_or_default();
        self.book_copies(now, &mut after, ledger);
        let Some(live) = &self.live else { return };
        let id = frame::numbered(bytes);
        match verdict {
            Verdict::Deliver(vap) => effects.push(Effect::Port(vap, bytes.into())),
            Verdict::Tunnel { to, vn } => {
                self.count_detour(&slot);
                self.encapsulate(to, vn, bytes, effects);
            }
            Verdict::Replicate => {
                for target in live.forwarder.replicas().to_vec() {
                    match target {
                        Target::Port(vap) => effects.push(Effect::Port(vap, bytes.into())),
                        Target::Tunnel { to, vn } => self.encapsulate(to, vn, bytes, effects),
                        Target::Again(_) => {}
                    }
                }
            }
            // The copies of a group frame are booked already.
            Verdict::Held if slot.mac.is_group() => {}
            Verdict::Held => {
                self.held += 1;
                self.kept.push_back(Kept { key: slot, id, since: now, tunnelled });
                if let Some(id) = id {
                    ledger.moves(id, Fate::Kept(self.no));
                }
            }
            Verdict::Drop(reason) => {
                if let Some(count) = after.get_mut(reason as usize) {
                    *count -= 1;
                }
                *self.dropped.entry(reason).or_default() += 1;
                if let Some(id) = id {
                    effects.push(Effect::Dropped(id, reason));
                    ledger.lose(id, self.why(&Kept { key: slot, id: Some(id), since: now, tunnelled }, now, reason));
                }
            }
            // Only what was not passed yet is punted.
            Verdict::Punt => {}
        }
        self.reconcile(now, Some(slot), before, after, ledger);
    }

    /// TSIs whose VM is on its way hold a copy of a group frame each, and may have dropped their oldest frame for it.
    fn book_copies(&mut self, now: Instant, after: &mut [u64; REASONS], ledger: &mut Ledger) {
        for (key, held, gone) in core::mem::take(&mut self.copies) {
            let live = self.live.as_deref();
            let Some(counters) = live.and_then(|live| live.forwarder.tsi_counters(&key)).copied() else { continue };
            for _ in gone..counters.dropped_frames {
                let reason = DropReason::HoldOverflow;
                if let Some(count) = after.get_mut(reason as usize) {
                    *count = count.saturating_sub(1);
                }
                *self.dropped.entry(reason).or_default() += 1;
                let oldest = self.kept.iter().position(|kept| kept.key == key).and_then(|at| self.kept.remove(at));
                if let Some((kept, id)) = oldest.and_then(|kept| Some((kept, kept.id?))) {
                    ledger.lose(id, self.why(&kept, now, reason));
                }
            }
            let copies = counters.held_frames.saturating_sub(held);
            self.kept.extend((0..copies).map(|_| Kept { key, id: None, since: now, tunnelled: false }));
        }
    }

    /// Frames that the forwarder dropped out of its memory: the oldest of the slot, or of all.
    fn reconcile(
        &mut self,
        now: Instant,
        slot: Option<TsiKey>,
        before: [u64; REASONS],
        after: [u64; REASONS],
        ledger: &mut Ledger,
    ) {
        if before == after {
            return;
        }
        for (reason, (before, after)) in DropReason::ALL.into_iter().zip(before.into_iter().zip(after)) {
            for _ in before..after {
                *self.dropped.entry(reason).or_default() += 1;
                let oldest = self.dropped_first(slot, reason);
                let Some(kept) = oldest.and_then(|at| self.kept.remove(at)) else {
                    self.not_resent += usize::from(reason == DropReason::HoldOverflow);
                    continue;
                };
                if let Some(id) = kept.id {
                    ledger.lose(id, self.why(&kept, now, reason));
                }
            }
        }
    }

    /// Which of the frames that it kept the forwarder has dropped.
    fn dropped_first(&self, slot: Option<TsiKey>, reason: DropReason) -> Option<usize> {
        let held = |key: &TsiKey| self.live.as_deref().map_or(0, |live| live.forwarder.held(key).frames) as usize;
        let kept = |key: &TsiKey| self.kept.iter().filter(|kept| kept.key == *key).count();
        let of_slot = |of: &Kept| slot.map_or_else(|| kept(&of.key) > held(&of.key), |slot| of.key == slot);
        self.kept.iter().position(|kept| {
            let fits = match reason {
                // Numbered datagrams are unicast: none of them is dropped for being a group frame.
                DropReason::BumNotTunnelled | DropReason::BumPortShared => kept.id.is_none(),
                DropReason::Loop => kept.tunnelled,
                _ => true,
            };
            fits && of_slot(kept)
        })
    }

    /// Over the hold limit while the edge did not know where it is, or only that it should be here: its own class. Else the
    /// limit excuses what it drops only where it is reached.
    fn why(&self, kept: &Kept, now: Instant, reason: DropReason) -> Loss {
        let told = self.told.get(&kept.key);
        let asked = match told {
            Some(Told { entry: Some(_), .. } | Told { route: Some(Route::Nowhere), .. }) => false,
            Some(Told { route: Some(Route::At(place)), .. }) => place.nve == self.place.nve,
            Some(Told { route: None, .. }) | None => true,
        };
        let held = self.live.as_deref().map(|live| live.forwarder.held(&kept.key)).unwrap_or_default();
        let reached = told.is_some_and(|told| match reason {
            DropReason::HoldOverflow => {
                let one = held.bytes.checked_div(held.frames).unwrap_or(0);
                held.frames >= told.limits.frames || held.bytes.saturating_add(2 * one) > told.limits.bytes
            }
            DropReason::HoldAge => (now - kept.since).0 >= u64::from(told.limits.age_ms) * 1_000,
            _ => false,
        });
        match reason {
            DropReason::HoldOverflow | DropReason::HoldAge if asked => Loss::AskedOverflow,
            _ if reached => Loss::OverLimit,
            // Its mapping is new to it: who sent the frame knew better, and it cannot be sent back.
            DropReason::Loop if self.has_died => Loss::Forgotten,
            _ => Loss::Dropped(reason),
        }
    }

    fn count_detour(&mut self, key: &TsiKey) {
        if self.told.get(key).is_some_and(|told| told.entry.is_some()) {
            self.tunnelled += 1;
        }
    }

    fn encapsulate(&mut self, to: IpAddr, vn: Vni, inner: &[u8], effects: &mut Vec<Effect>) {
        let locators = self.place.locators;
        let from = match to {
            IpAddr::V4(_) => locators.v4().map(IpAddr::V4),
            IpAddr::V6(_) => locators.v6().map(IpAddr::V6),
        };
        let made = || from.and_then(|from| Encap::new(Encapsulation::Vxlan, from, to, vn).ok());
        let Some(encap) = self.encaps.get(&(to, vn)).copied().or_else(made) else { return };
        self.encaps.insert((to, vn), encap);
        let mut packet = vec![0; encap.len() + inner.len()];
        if encap.write(flow::entropy(inner), inner, &mut packet).is_ok() {
            effects.push(Effect::Tunnel(to, packet));
        }
    }

    /// Takes all that there is to take, until nothing more comes.
    pub(super) fn drive(&mut self, now: Instant, ledger: &mut Ledger, effects: &mut Vec<Effect>) {
        let (world, now) = (now, self.clock.local(now));
        while self.drive_once(now, ledger, effects) {}
        let Some(live) = &self.live else { return };
        let control = live.nve.poll_timeout().map(|(at, _)| at);
        let due = control.into_iter().chain(live.forwarder.poll_timeout()).min();
        // A deadline that is not ahead of the clock cannot make the world stand still.
        self.wake = due.map(|at| self.clock.world(at).max(Instant(world.0 + 1)));
    }

    fn drive_once(&mut self, now: Instant, ledger: &mut Ledger, effects: &mut Vec<Effect>) -> bool {
        let mut busy = self.apply_changes(now, ledger);
        busy |= self.flush(now, ledger, effects);
        let Some(live) = &mut self.live else { return false };
        while let Some(notice) = live.forwarder.poll_notice() {
            live.nve.handle_notice(now, notice);
            busy = true;
        }
        let mut buffer = Vec::new();
        while let Some(to) = live.nve.poll_transmit(now, &mut buffer) {
            effects.push(Effect::Control(to, core::mem::take(&mut buffer)));
            busy = true;
        }
        while let Some(event) = live.nve.poll_event() {
            effects.push(Effect::Event(event));
            busy = true;
        }
        busy
    }

    fn apply_changes(&mut self, now: Instant, ledger: &mut Ledger) -> bool {
        let mut upto = None;
        loop {
            let Some(live) = &mut self.live else { return false };
            let Some(change) = live.nve.poll_table_change() else { break };
            upto = Some(change.number);
            let (before, replayed) = (dropped(&live.forwarder), live.forwarder.counters().replayed_frames);
            let applied = live.forwarder.apply(&change);
            let after = dropped(&live.forwarder);
            self.replayed += live.forwarder.counters().replayed_frames - replayed;
            let key = match &change.change {
                Change::Tsi { key, .. } => Some(*key),
                Change::Port { .. } | Change::Members { .. } => None,
            };
            if applied.is_err() {
                // Refused while there is nothing to refuse for: the run will say where that leads.
                let _ = live.nve.handle(now, nve::Input::Refused { number: change.number });
            }
            if let (Ok(()), Change::Tsi { key, entry, route, limits, .. }) = (applied, change.change) {
                let limits = if entry.is_some() { limits } else { self.asked };
                self.told.insert(key, Told { entry, route, limits });
            }
            // By what it is told now: new limits may be narrower.
            self.reconcile(now, key, before, after, ledger);
        }
        if let (Some(upto), Some(live)) = (upto, &mut self.live) {
            // What it may answer is about ports and TSIs, not about this.
            let _ = live.nve.handle(now, nve::Input::Applied(upto));
        }
        upto.is_some()
    }

    fn flush(&mut self, now: Instant, ledger: &mut Ledger, effects: &mut Vec<Effect>) -> bool {
        let mut busy = false;
        loop {
            let Some(live) = &mut self.live else { return false };
            let (mut bytes, before) = (Vec::new(), dropped(&live.forwarder));
            let target = live.forwarder.poll_flush(now, &mut |_| true, &mut bytes);
            let after = dropped(&live.forwarder);
            // What goes nowhere, between what leaves.
            self.reconcile(now, None, before, after, ledger);
            let Some(target) = target else { return busy };
            busy = true;
            let id = frame::numbered(&bytes);
            let (destination, source) = macs(&bytes);
            let mac = if matches!(target, Target::Again(_)) { source } else { destination };
            let kept = |kept: &Kept| kept.id == id && (kept.key.mac == mac || mac.is_group());
            if let Some(at) = self.kept.iter().position(kept) {
                self.kept.remove(at);
            } else if let Some(id) = id {
                self.resent.insert(id);
            }
            if let Some(id) = id {
                ledger.moves(id, Fate::UnderWay);
            }
            match target {
                Target::Port(vap) => effects.push(Effect::Port(vap, bytes)),
                Target::Tunnel { to, vn } => {
                    self.count_detour(&TsiKey { vn, mac: macs(&bytes).0 });
                    self.encapsulate(to, vn, &bytes, effects);
                }
                Target::Again(vap) => {
                    self.enter(now, vap, &bytes, ledger, effects);
                }
            }
        }
    }
}

/// More things than a world of this size can give an edge to remember.
const MOST_KEPT: usize = 2_000;
const REASONS: usize = DropReason::ALL.len();

/// See [`Edge::copies`].
fn copies(told: &BTreeMap<TsiKey, Told>, forwarder: &Forwarder, to: TsiKey) -> Vec<(TsiKey, u64, u64)> {
    if !to.mac.is_group() {
        return Vec::new();
    }
    let holds = |(key, told): &(&TsiKey, &Told)| key.vn == to.vn && told.entry.is_some_and(|e| e.bum == Bum::Hold);
    let counts = |key: &TsiKey| forwarder.tsi_counters(key).map_or((0, 0), |c| (c.held_frames, c.dropped_frames));
    told.iter().filter(holds).map(|(key, _)| (*key, counts(key).0, counts(key).1)).collect()
}

fn dropped(forwarder: &Forwarder) -> [u64; REASONS] {
    DropReason::ALL.map(|reason| forwarder.counters().dropped_frames(reason))
}

/// Destination and source.
fn macs(frame: &[u8]) -> (Mac, Mac) {
    let at = |from: usize| frame.get(from..).and_then(|rest| rest.first_chunk()).map_or(Mac::ZERO, |mac| Mac(*mac));
    (at(0), at(6))
}
