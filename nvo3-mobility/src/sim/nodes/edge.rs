//! One edge: the machine that an owner drives, its clock, and what became of each numbered datagram there.

use super::clock::Clock;
use super::told::Orders;
use super::tunnels::Tunnels;
use crate::edge::{self, MoveTally, Next, Peer};
use crate::forwarder::{DropReason, Forwarder, ForwarderConfig, Line, Target, Verdict};
use crate::nve::{self, Nve, NveConfig};
use crate::sim::frame::{self, Numbered};
use crate::sim::net::{EdgeNo, Node, place};
use crate::sim::oracle::Loss;
use crate::sim::random::Random;
use crate::table::VapId;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Place, TsiKey};
use nvo3_wire::Mac;
use nvo3_wire::tunnel::{Accept, Decap, decap};

/// More things than a world of this size can give an edge to remember.
const MOST_KEPT: usize = 2_000;
/// More frames than an edge can drop between two looks at what it dropped.
const MOST_DROPPED: u32 = 1 << 20;

/// What an edge gives to the world.
pub(crate) enum Effect {
    /// An outer IP packet for another edge.
    Tunnel(IpAddr, Vec<u8>),
    /// A frame for a host.
    Port(VapId, Vec<u8>),
    /// A control datagram.
    Control(Peer, Vec<u8>),
    /// Something for the hypervisor.
    Event(nve::Event),
    /// A numbered datagram came in by tunnel.
    Visited(Numbered),
    /// It is held.
    Kept(Numbered),
    /// It is held no longer and goes on.
    Left(Numbered),
    /// It will not arrive.
    Lost(Numbered, Loss),
    /// The forwarder dropped one that came in.
    Dropped(Numbered, DropReason),
    /// A cached mapping returned a frame for this TSI to where it came from.
    Returned(TsiKey),
    /// What came in by tunnel is no VXLAN packet.
    NoPacket,
}

/// What became of a frame that a host sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It goes its way, or waits to.
    Forwarded,
    /// The edge answered or suppressed it.
    Taken,
    /// The edge does not let it in.
    Refused,
}

/// See the module.
pub(crate) struct Edge {
    name: &'static str,
    no: EdgeNo,
    place: Place,
    clock: Clock,
    random: Random,
    machine: Option<Box<edge::Edge>>,
    orders: Orders,
    reports: MoveTally,
    tunnels: Tunnels,
    /// The ports that its hypervisor wants.
    ports: BTreeMap<VapId, nve::Input>,
    /// Those that it has.
    attached: BTreeSet<VapId>,
    /// Those that it ever had.
    had: BTreeSet<VapId>,
    held: u64,
    tunnelled: u64,
    /// Of the machines that have died.
    replayed: u64,
    dropped: BTreeMap<DropReason, u64>,
    /// What it gives and nobody took yet.
    effects: Vec<Effect>,
    wake: Option<Instant>,
    has_died: bool,
}

impl Edge {
    /// It starts; `random` is its own.
    pub(crate) fn new(no: EdgeNo, random: Random) -> Self {
        let place = place(no);
        let mut edge = Self {
            name: Node::Edge(no).name(),
            no,
            place,
            clock: Clock::default(),
            random,
            machine: None,
            orders: Orders::new(place.nve, ForwarderConfig::new(place.locators).asked),
            reports: MoveTally::default(),
            tunnels: Tunnels::new(place.locators),
            ports: BTreeMap::new(),
            attached: BTreeSet::new(),
            had: BTreeSet::new(),
            held: 0,
            tunnelled: 0,
            replayed: 0,
            dropped: BTreeMap::new(),
            effects: Vec::new(),
            wake: None,
            has_died: false,
        };
        edge.start();
        edge
    }

    /// It (re)starts and remembers nothing.
    pub(crate) fn start(&mut self) {
        let config = ForwarderConfig { drops: MOST_DROPPED, ..ForwarderConfig::new(self.place.locators) };
        let nve = Nve::new(NveConfig::new(self.place), self.random.number());
        let forwarder = Forwarder::new(config, self.random.number());
        // The defaults are valid: without them there is no edge, and every run says so at once.
        self.machine = nve.ok().zip(forwarder.ok()).map(|(nve, forwarder)| Box::new(edge::Edge::new(nve, forwarder)));
    }

    /// It dies with all it has in memory.
    pub(crate) fn die(&mut self) {
        self.replayed = self.replayed();
        (self.machine, self.wake, self.has_died) = (None, None, true);
        self.attached.clear();
        self.orders.clear();
        self.reports = MoveTally::default();
    }

    // ---- what it is

    pub(crate) const fn no(&self) -> EdgeNo {
        self.no
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// Its clock jumps.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.clock.jump(by);
    }

    /// Whether what it had in memory before is gone.
    pub(crate) const fn has_died(&self) -> bool {
        self.has_died
    }

    /// The control plane, while it lives.
    pub(crate) fn nve(&self) -> Option<&Nve> {
        self.machine.as_deref().map(edge::Edge::nve)
    }

    /// Whether it has a session with the authority.
    pub(crate) fn is_connected(&self) -> bool {
        self.nve().is_some_and(Nve::is_connected)
    }

    /// Whether its forwarder delivers to a TSI.
    pub(crate) fn delivers(&self, key: &TsiKey) -> bool {
        self.orders.delivers(key)
    }

    /// When it wants to be woken.
    pub(crate) const fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// Whether it keeps more than it may (I7): of a TSI more than its limits, or at all more than its tables are told to.
    pub(crate) fn overfull(&self) -> Option<String> {
        let (machine, name) = (self.machine.as_deref()?, self.name);
        let over = self.orders.overfull(machine.forwarder());
        let over = over.map(|(key, held, most)| format!("{name} holds {held} frames for {key}, and may hold {most}"));
        let kept = machine.nve().footprint();
        over.or_else(|| (kept > MOST_KEPT).then(|| format!("{name}'s control plane keeps {kept} things")))
    }

    // ---- what it counts

    /// Frames held and tunnelled count from now on.
    pub(crate) const fn count_from_now(&mut self) {
        (self.held, self.tunnelled) = (0, 0);
    }

    /// Unicast frames held.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// Unicast frames that an entry of a move sent on.
    pub(crate) const fn tunnelled(&self) -> u64 {
        self.tunnelled
    }

    /// Frames that were delivered to a VM that had stopped, and sent after it.
    pub(crate) fn replayed(&self) -> u64 {
        let live = self.machine.as_deref().map_or(0, |machine| machine.forwarder().counters().replayed_frames);
        self.replayed + live
    }

    /// Frames dropped, by reason.
    pub(crate) const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    // ---- ports

    /// Its hypervisor wants a port; whether it did not before.
    pub(crate) fn want(&mut self, vap: VapId, attachment: nve::Input) -> bool {
        self.ports.insert(vap, attachment).is_none()
    }

    /// It does not any more.
    pub(crate) fn unwant(&mut self, vap: VapId) {
        self.ports.remove(&vap);
    }

    /// The ports that are wanted.
    pub(crate) fn wanted(&self) -> Vec<nve::Input> {
        self.ports.values().cloned().collect()
    }

    /// The ports that it has and nobody wants.
    pub(crate) fn unwanted(&self) -> Vec<VapId> {
        self.attached.iter().filter(|vap| !self.ports.contains_key(vap)).copied().collect()
    }

    // ---- what reaches it

    /// Tells it something as its hypervisor; `None` while it is down.
    pub(crate) fn tell(&mut self, now: Instant, word: nve::Input) -> Option<Result<(), nve::Error>> {
        let machine = self.machine.as_deref_mut()?;
        let port = match &word {
            nve::Input::Attach { vap, .. } => {
                self.had.insert(*vap);
                Some((*vap, true))
            }
            nve::Input::Detach { vap } => Some((*vap, false)),
            _ => None,
        };
        let result = machine.tell(self.clock.local(now), word);
        match (port, &result) {
            (Some((vap, true)), Ok(())) => _ = self.attached.insert(vap),
            (Some((vap, false)), Ok(())) => _ = self.attached.remove(&vap),
            _ => {}
        }
        Some(result)
    }

    /// A control datagram arrives.
    pub(crate) fn hear(&mut self, now: Instant, datagram: &[u8]) {
        if let Some(machine) = &mut self.machine {
            machine.datagram(self.clock.local(now), datagram);
        }
    }

    /// A frame comes in at a port.
    pub(crate) fn port_in(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Entered {
        let now = self.clock.local(now);
        let Some(machine) = self.machine.as_deref_mut().filter(|_| self.had.contains(&vap)) else {
            self.never_in(frame);
            return Entered::Refused;
        };
        let fate = machine.frame(now, vap, frame);
        let (verdict, targets) = (fate.verdict(), fate.targets().to_vec());
        self.carry_out(now, verdict, &targets, frame);
        match verdict {
            Verdict::Punt => Entered::Taken,
            Verdict::Drop(_) => Entered::Refused,
            _ => Entered::Forwarded,
        }
    }

    /// An outer packet comes in from the underlay.
    pub(crate) fn tunnel_in(&mut self, now: Instant, packet: &[u8]) {
        let accept = Accept { inner_vlan: true, ..Accept::default() };
        let Ok(Some(Decap { source, carried, .. })) = decap(packet, &accept) else {
            return self.effects.push(Effect::NoPacket);
        };
        let now = self.clock.local(now);
        let Some(machine) = &mut self.machine else { return self.never_in(carried.inner) };
        self.effects.extend(frame::numbered(carried.inner).map(Effect::Visited));
        let fate = machine.tunnelled(now, source, carried.vni, carried.inner);
        let (verdict, targets) = (fate.verdict(), fate.targets().to_vec());
        let key = TsiKey { vn: carried.vni, mac: destination(carried.inner) };
        let back = matches!(verdict, Verdict::Tunnel { to, .. } if to == source);
        if back && !self.orders.has_entry(&key) {
            self.effects.push(Effect::Returned(key));
        }
        self.carry_out(now, verdict, &targets, carried.inner);
    }

    /// The edge is down, or never had the port.
    fn never_in(&mut self, frame: &[u8]) {
        self.effects.extend(frame::numbered(frame).map(|id| Effect::Lost(id, Loss::ToDownNode)));
    }

    // ---- what it gives

    /// Takes all that there is to take, until nothing more comes.
    pub(crate) fn drive(&mut self, world: Instant) -> Vec<Effect> {
        let now = self.clock.local(world);
        let mut buffer = Vec::new();
        while let Some(machine) = &mut self.machine {
            match machine.poll(now, &mut |_| true, &mut buffer) {
                Next::Frame(fate) => {
                    let (verdict, targets) = (fate.verdict(), fate.targets().to_vec());
                    self.effects.extend(frame::numbered(&buffer).map(Effect::Left));
                    self.carry_out(now, verdict, &targets, &buffer);
                }
                Next::Datagram(peer) => self.effects.push(Effect::Control(peer, core::mem::take(&mut buffer))),
                Next::Event(event) => {
                    if let nve::Event::State { key, from, to } = &event
                        && let Some((move_id, report)) = self.reports.note(now, *key, (*from, *to), machine.forwarder())
                    {
                        // Without a session it is not missed.
                        let _ = machine.tell(now, nve::Input::Report { move_id, report });
                    }
                    self.effects.push(Effect::Event(event));
                }
                Next::Changed { change, refused } => {
                    if refused.is_none() {
                        self.orders.learn(&change.change);
                    }
                }
                Next::Wait(due) => {
                    // A deadline that is not ahead of the clock cannot make the world stand still.
                    self.wake = due.map(|at| self.clock.world(at).max(Instant(world.0 + 1)));
                    self.collect_drops(now);
                    break;
                }
            }
            self.collect_drops(now);
        }
        core::mem::take(&mut self.effects)
    }

    /// A frame came in or is held no longer: it goes to its targets, or waits, or is dropped.
    fn carry_out(&mut self, now: Instant, verdict: Verdict, targets: &[Target], frame: &[u8]) {
        if verdict == Verdict::Held && self.is_held_alone(frame) {
            self.held += 1;
            self.effects.extend(frame::numbered(frame).map(Effect::Kept));
        }
        for target in targets {
            match *target {
                Target::Port(vap) => self.effects.push(Effect::Port(vap, frame.into())),
                Target::Tunnel { to, vn } => {
                    let key = TsiKey { vn, mac: destination(frame) };
                    let detour = matches!(verdict, Verdict::Tunnel { .. }) && self.orders.has_entry(&key);
                    self.tunnelled += u64::from(detour);
                    self.effects.extend(self.tunnels.wrap(to, vn, frame).map(|packet| Effect::Tunnel(to, packet)));
                }
                // The machine puts it in again by itself.
                Target::Again(_) => {}
            }
        }
        self.collect_drops(now);
    }

    /// Whether a held frame is no group frame of which each TSI holds a copy.
    fn is_held_alone(&self, frame: &[u8]) -> bool {
        let held_for = self.machine.as_deref().map_or(&[][..], |machine| machine.forwarder().held_for());
        !destination(frame).is_group() || held_for.iter().any(|(_, line)| *line == Line::Kept)
    }

    /// What the forwarder has dropped since.
    fn collect_drops(&mut self, now: Instant) {
        let Some(machine) = self.machine.as_deref_mut() else { return };
        let mut bytes = Vec::new();
        while let Some(dropped) = machine.forwarder_mut().poll_drop(&mut bytes) {
            let reason = dropped.reason;
            *self.dropped.entry(reason).or_default() += 1;
            let Some(id) = frame::numbered(&bytes) else { continue };
            let loss = match self.orders.loss(now, &dropped, machine.forwarder()) {
                // Its mapping is new to it: who sent the frame knew better, and it cannot be sent back.
                Loss::Dropped(DropReason::Loop) if self.has_died => Loss::Forgotten,
                loss => loss,
            };
            self.effects.push(Effect::Lost(id, loss));
            if dropped.line.is_none() && !dropped.replayed {
                self.effects.push(Effect::Dropped(id, reason));
            }
        }
    }
}

/// Where a frame goes.
fn destination(frame: &[u8]) -> Mac {
    frame.first_chunk().map_or(Mac::ZERO, |mac| Mac(*mac))
}
