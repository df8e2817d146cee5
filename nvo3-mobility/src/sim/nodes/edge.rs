//! One edge: the machine that an owner drives, its clock, and the fate of each numbered datagram there.

use super::clock::Clock;
use super::told::Orders;
use super::tunnels::Tunnels;
use crate::Transport;
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

/// More things than a world of this size makes an edge keep.
const MOST_KEPT: usize = 2_000;
/// More frames than an edge can drop between two looks at the dropped frames.
const MOST_DROPPED: u32 = 1 << 20;

/// An effect of an edge on the world.
pub(crate) enum Effect {
    /// An outer IP packet for another edge.
    Tunnel(IpAddr, Vec<u8>),
    /// A frame for a host.
    Port(VapId, Vec<u8>),
    /// A control datagram.
    Control(Peer, Vec<u8>),
    /// An event for the hypervisor.
    Event(nve::Event),
    /// A numbered datagram came in by tunnel.
    Visited(Numbered),
    /// A numbered datagram is held.
    Kept(Numbered),
    /// A numbered datagram is not held any more and goes on.
    Left(Numbered),
    /// A numbered datagram will not arrive.
    Lost(Numbered, Loss),
    /// The forwarder dropped a numbered datagram as it came in.
    Dropped(Numbered, DropReason),
    /// A mapping returned a frame for this TSI to the edge that it came from.
    Returned(TsiKey),
    /// A packet from a tunnel is not a VXLAN packet.
    NoPacket,
}

/// The treatment of a frame that a host sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The frame is forwarded, or held.
    Forwarded,
    /// The edge answered or suppressed the frame.
    Taken,
    /// The edge refused the frame.
    Refused,
}

/// One edge of a world.
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
    /// The ports that the hypervisor wants.
    ports: BTreeMap<VapId, nve::Input>,
    /// The ports that the edge has.
    attached: BTreeSet<VapId>,
    /// The ports that the edge has ever had.
    had: BTreeSet<VapId>,
    held: u64,
    tunnelled: u64,
    /// The counters of the machines that have died.
    replayed: u64,
    dropped: BTreeMap<DropReason, u64>,
    /// The effects that the world has not taken.
    effects: Vec<Effect>,
    wake: Option<Instant>,
    has_died: bool,
}

impl Edge {
    /// Starts an edge; `random` is its own stream.
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

    /// Starts or restarts the edge, which remembers nothing.
    pub(crate) fn start(&mut self) {
        let config = ForwarderConfig { drops: MOST_DROPPED, ..ForwarderConfig::new(self.place.locators) };
        let nve = Nve::new(NveConfig::new(self.place, Transport::Trusted), self.random.number());
        let forwarder = Forwarder::new(config, self.random.number());
        // The defaults are valid. If they were not, there would be no edge, and every run would fail at once.
        self.machine = nve.ok().zip(forwarder.ok()).map(|(nve, forwarder)| Box::new(edge::Edge::new(nve, forwarder)));
    }

    /// Dies with everything in the memory.
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

    /// Lets the clock jump.
    pub(crate) const fn jump(&mut self, by: i64) {
        self.clock.jump(by);
    }

    /// True if the edge has lost its memory before.
    pub(crate) const fn has_died(&self) -> bool {
        self.has_died
    }

    /// The control plane; `None` while the edge is down.
    pub(crate) fn nve(&self) -> Option<&Nve> {
        self.machine.as_deref().map(edge::Edge::nve)
    }

    /// True while the edge has a session with the NVA.
    pub(crate) fn is_connected(&self) -> bool {
        self.nve().is_some_and(Nve::is_connected)
    }

    /// True if the forwarder delivers to a TSI.
    pub(crate) fn delivers(&self, key: &TsiKey) -> bool {
        self.orders.delivers(key)
    }

    /// The next deadline.
    pub(crate) const fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// A sentence if the edge keeps more than its bounds (I7): more for a TSI than its limits, or more in total than its tables allow.
    pub(crate) fn overfull(&self) -> Option<String> {
        let (machine, name) = (self.machine.as_deref()?, self.name);
        let over = self.orders.overfull(machine.forwarder());
        let over = over.map(|(key, held, most)| format!("{name} holds {held} frames for {key}, and may hold {most}"));
        let kept = machine.nve().footprint();
        over.or_else(|| (kept > MOST_KEPT).then(|| format!("{name}'s control plane keeps {kept} things")))
    }

    // ---- what it counts

    /// Counts held and tunnelled frames from now on.
    pub(crate) const fn count_from_now(&mut self) {
        (self.held, self.tunnelled) = (0, 0);
    }

    /// The unicast frames that were held.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// The unicast frames that the entry of a move tunnelled.
    pub(crate) const fn tunnelled(&self) -> u64 {
        self.tunnelled
    }

    /// The frames that were delivered to a VM that had stopped, and then sent after it.
    pub(crate) fn replayed(&self) -> u64 {
        let live = self.machine.as_deref().map_or(0, |machine| machine.forwarder().counters().replayed_frames);
        self.replayed + live
    }

    /// True if frames that a stopped VM had not read were over a limit, and were not sent after it.
    pub(crate) fn has_shed_unread(&self) -> bool {
        self.machine.as_deref().is_some_and(|machine| machine.forwarder().counters().incomplete_replays > 0)
    }

    /// The dropped frames, by reason.
    pub(crate) const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    // ---- ports

    /// Notes that the hypervisor wants a port. True if that is new.
    pub(crate) fn want(&mut self, vap: VapId, attachment: nve::Input) -> bool {
        self.ports.insert(vap, attachment).is_none()
    }

    /// Notes that the hypervisor does not want a port any more.
    pub(crate) fn unwant(&mut self, vap: VapId) {
        self.ports.remove(&vap);
    }

    /// True if the hypervisor wants the port of a host.
    pub(crate) fn wants(&self, vap: VapId) -> bool {
        self.ports.contains_key(&vap)
    }

    /// The ports that the hypervisor wants.
    pub(crate) fn wanted(&self) -> Vec<nve::Input> {
        self.ports.values().cloned().collect()
    }

    /// The ports of the edge that the hypervisor does not want.
    pub(crate) fn unwanted(&self) -> Vec<VapId> {
        self.attached.iter().filter(|vap| !self.ports.contains_key(vap)).copied().collect()
    }

    // ---- what reaches it

    /// Gives the edge an input of its hypervisor; `None` while the edge is down.
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

    /// Takes a control datagram.
    pub(crate) fn hear(&mut self, now: Instant, datagram: &[u8]) {
        if let Some(machine) = &mut self.machine {
            machine.datagram(self.clock.local(now), datagram);
        }
    }

    /// Takes a frame at a port.
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

    /// Takes an outer packet from the underlay.
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

    /// The fate of a frame at an edge that is down or never had the port.
    fn never_in(&mut self, frame: &[u8]) {
        self.effects.extend(frame::numbered(frame).map(|id| Effect::Lost(id, Loss::ToDownNode)));
    }

    // ---- what it gives

    /// Drains the edge, and gives the effects.
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
                        // Without a session the NVA does not miss the report.
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
                    // The next deadline must be ahead of the clock, or the world would stand still.
                    self.wake = due.map(|at| self.clock.world(at).max(Instant(world.0 + 1)));
                    self.collect_drops(now);
                    break;
                }
            }
            self.collect_drops(now);
        }
        core::mem::take(&mut self.effects)
    }

    /// Carries out the fate of a frame: it goes to its targets, is held, or is dropped.
    fn carry_out(&mut self, now: Instant, verdict: Verdict, targets: &[Target], frame: &[u8]) {
        if verdict == Verdict::Held && self.is_held_alone(frame) {
            // A frame that waits for its sender's name is held for no TSI. It comes in again.
            self.held += u64::from(!self.held_for().is_empty());
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
                // The edge puts the frame in again by itself.
                Target::Again(_) => {}
            }
        }
        self.collect_drops(now);
    }

    /// True if a held frame is not a group frame, of which each TSI holds a copy.
    fn is_held_alone(&self, frame: &[u8]) -> bool {
        let held_for = self.held_for();
        let alone = held_for.is_empty() || held_for.iter().any(|(_, line)| *line == Line::Kept);
        !destination(frame).is_group() || alone
    }

    fn held_for(&self) -> &[(TsiKey, Line)] {
        self.machine.as_deref().map_or(&[][..], |machine| machine.forwarder().held_for())
    }

    /// Handles the frames that the forwarder has dropped since the last look.
    fn collect_drops(&mut self, now: Instant) {
        let Some(machine) = self.machine.as_deref_mut() else { return };
        let mut bytes = Vec::new();
        while let Some(dropped) = machine.forwarder_mut().poll_drop(&mut bytes) {
            let reason = dropped.reason;
            *self.dropped.entry(reason).or_default() += 1;
            let Some(id) = frame::numbered(&bytes) else { continue };
            let loss = match self.orders.loss(now, &dropped, machine.forwarder()) {
                // The edge got its mapping later than the sender. The mapping must not return the frame to the sender.
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

/// The destination of a frame.
fn destination(frame: &[u8]) -> Mac {
    frame.first_chunk().map_or(Mac::ZERO, |mac| Mac(*mac))
}
