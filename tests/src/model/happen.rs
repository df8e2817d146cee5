//! The events of the world: those of the network, the timers, the hypervisors, and the faults.

use super::edge::Stage;
use super::fence::{Fence, Rules};
use super::net::{At, Packet, name};
use super::world::{EDGES, Frame, World, at, move_id};
use nvo3_mobility::nve::rules::{Input, State};
use nvo3_nva_proto::MoveResult;
use std::fmt;

/// One event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A control message arrives.
    Arrives(Packet),
    /// The forwarder of an edge applied its order.
    Applied(At),
    /// The forwarder of an edge refused its order.
    Refused(At),
    /// An edge opens a new session.
    Hello(At),
    /// The authority counts an edge as gone.
    Gone(At),
    /// A session breaks.
    Cut(At),
    /// An edge dies and starts again.
    Crash(At),
    /// The authority dies and starts again.
    NvaCrash,
    /// The authority dies and starts again with its first records; the others are lost.
    Rewound(u8),
    /// An edge restates what it has.
    Restates(At),
    /// The timer of the move fires.
    Deadline,
    /// The timer of a forward entry fires.
    ForwardEnds(At),
    /// Management orders a move.
    Plan(At),
    /// The hypervisor says that the VM will stop.
    Suspend,
    /// The VM stops.
    Stops,
    /// The VM starts at the move's target.
    Starts,
    /// The VM goes on where it is.
    Resumes,
    /// The hypervisor says that the VM runs at this edge.
    Runs(At),
    /// A frame of the VM shows that the VM is at this edge.
    Shows(At),
    /// The VM dies and starts at this edge. `true`: its hypervisor says so; `false`: only its frames show it.
    Appears(At, bool),
    /// A port of this edge sends a frame in the VM's name.
    Lies(At),
    /// The VM answers the edge that asks whether it is there.
    Answers(At),
    /// No VM answered the edge.
    Silent(At),
    /// The hypervisor of an edge gives up a VM that is halted there and runs elsewhere.
    GivesUp(At),
    /// The frame comes in at an edge's own VAP.
    Sent(At),
    /// The frame comes out of a tunnel.
    FrameArrives,
    /// The edge that holds the frame asks where the VM is.
    Asks,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrives(packet) => packet.fmt(f),
            Self::Applied(n) => write!(f, "{}: the forwarder applied it", name(*n)),
            Self::Refused(n) => write!(f, "{}: the forwarder refused it", name(*n)),
            Self::Hello(n) => write!(f, "{}: new session", name(*n)),
            Self::Gone(n) => write!(f, "NVA: {} is gone", name(*n)),
            Self::Cut(n) => write!(f, "{}: the session breaks", name(*n)),
            Self::Crash(n) => write!(f, "{}: DIES and starts again", name(*n)),
            Self::NvaCrash => write!(f, "NVA: DIES and starts again"),
            Self::Rewound(0) => write!(f, "NVA: DIES and starts again with NO RECORDS"),
            Self::Rewound(kept) => write!(f, "NVA: DIES and starts again with its first {kept} RECORDS"),
            Self::Restates(n) => write!(f, "{}: restates what it has", name(*n)),
            Self::Deadline => write!(f, "NVA: deadline"),
            Self::ForwardEnds(n) => write!(f, "{}: the forward entry ends", name(*n)),
            Self::Plan(to) => write!(f, "management: move to {}", name(*to)),
            Self::Suspend => write!(f, "hypervisor: suspend"),
            Self::Stops => write!(f, "VM stops"),
            Self::Starts => write!(f, "VM starts at the target"),
            Self::Resumes => write!(f, "VM goes on at the source"),
            Self::Runs(n) => write!(f, "hypervisor: the VM runs at {}", name(*n)),
            Self::Shows(n) => write!(f, "the VM's own frame at {}", name(*n)),
            Self::Appears(n, true) => write!(f, "the VM dies and STARTS at {}, as its hypervisor says", name(*n)),
            Self::Appears(n, false) => write!(f, "the VM dies and STARTS at {}, as its frame shows", name(*n)),
            Self::Lies(n) => write!(f, "A LIAR sends in the VM's name at {}", name(*n)),
            Self::Answers(n) => write!(f, "the VM answers {}", name(*n)),
            Self::Silent(n) => write!(f, "no VM answers {}", name(*n)),
            Self::GivesUp(n) => write!(f, "hypervisor: the VM is not at {}", name(*n)),
            Self::Sent(n) => write!(f, "a frame for the VM comes in at {}", name(*n)),
            Self::FrameArrives => write!(f, "the frame arrives"),
            Self::Asks => write!(f, "the edge that keeps the frame asks"),
        }
    }
}

const fn runs_at(world: &World, n: At) -> bool {
    world.host.runs && world.host.at == n
}

/// True if a frame of the VM may change something at an edge. A refused claim is tried again later than a hypervisor gives up a VM that
/// is halted elsewhere.
fn may_show(world: &World, n: At) -> bool {
    let halted = |other: At| matches!(world.state(other), State::Halted { .. });
    let waits = world.edge(n).denied && EDGES.into_iter().any(|other| other != n && halted(other));
    runs_at(world, n) && !waits && !world.state(n).is_home()
}

/// True if an edge asks the VM whether it is there.
fn is_asked(world: &World, n: At) -> bool {
    matches!(world.state(n), State::Confirming(_))
}

/// Adds the events of the network and of the forwarders.
pub fn soon(world: &World, rules: &Rules, to: &mut Vec<Event>) {
    for n in EDGES {
        if world.state(n).awaits_forwarder() {
            to.push(Event::Applied(n));
        }
        if !world.edge(n).session {
            to.push(Event::Hello(n));
        } else if world.nva.memory.as_ref().is_some_and(|memory| !memory.has_restated(n)) {
            to.push(Event::Restates(n));
        }
        if is_asked(world, n) && runs_at(world, n) {
            to.push(Event::Answers(n));
        }
    }
    let missing = !rules.ordered && !rules.lacks(Fence::NextMove);
    let missed = EDGES.map(|n| missing.then(|| world.missed(n)).flatten());
    let waits = |packet: &Packet| !packet.up && missed[usize::from(packet.edge)].is_some_and(|first| first != *packet);
    to.extend(world.net.can_arrive(rules.ordered).filter(|packet| !waits(packet)).map(Event::Arrives));
    match world.frame {
        Frame::Flying { .. } => to.push(Event::FrameArrives),
        Frame::Held { .. } => to.push(Event::Asks),
        _ => {}
    }
}

/// Adds what hypervisors and management do to finish a move.
pub fn hypervisors(world: &World, rules: &Rules, to: &mut Vec<Event>) {
    let host = &world.host;
    for n in EDGES {
        if runs_at(world, n) && world.edge(n).untold && !host.by_frame {
            to.push(Event::Runs(n));
        }
        if host.by_frame && may_show(world, n) {
            to.push(Event::Shows(n));
        }
    }
    let ended = world.result(host.leg);
    let in_hand = host.leg > 0 && ended.is_none() && !host.resumed && host.at == host.from;
    if in_hand && host.runs && host.may_stop {
        to.push(Event::Stops);
    }
    if in_hand
        && host.runs
        && host.may_suspend
        && matches!(world.state(host.from), State::Leaving(_) | State::Resuming(_))
    {
        to.push(Event::Suspend);
    }
    let prepared = world.state(host.to).may_run_for(move_id(host.leg)) || rules.lacks(Fence::MayRun);
    if host.leg > 0 && !host.runs && host.at == host.from && !host.resumed && prepared {
        to.push(Event::Starts);
    }
    let halted = matches!(world.state(host.at), State::Halted { .. });
    let aborted = ended == Some(MoveResult::Aborted) && host.at == host.from;
    // Neither the authority nor the edge of the stopped VM knows of the move any more: management goes by that.
    let forgotten = world.nva.memory.is_some()
        && !host.runs
        && host.at == host.from
        && !world.knows(host.leg)
        && world.edge(host.at).session
        && !world.state(host.at).is_home()
        && world.state(host.at).plan().is_none();
    if halted || aborted && !host.runs || forgotten {
        to.push(Event::Resumes);
    }
}

/// Adds the timers that may fire.
pub fn timers(world: &World, rules: &Rules, to: &mut Vec<Event>) {
    for n in EDGES {
        // A VM that runs answers in time.
        if is_asked(world, n) && !runs_at(world, n) {
            to.push(Event::Silent(n));
        }
        if world.nva.open.is_none() && matches!(world.state(n), State::Halted { .. }) && world.host.at != n {
            to.push(Event::GivesUp(n));
        }
    }
    if world.nva.open.is_some() {
        to.push(Event::Deadline);
    }
    for n in EDGES {
        // The configuration guarantees that an entry outlives the frames under way, and every stale mapping of a sender.
        let needed = world.under_way()
            || EDGES.into_iter().any(|other| {
                let edge = world.edge(other);
                let hears = edge.cached.0 > 0 || world.net.updates(other);
                let stale = hears && edge.cached.0 < world.nva.version;
                let sends = match edge.table.0.get().state {
                    State::Away | State::Prepared(_) => true,
                    State::Forwarding { to } => at(to) == n,
                    _ => false,
                };
                other != n && stale && sends
            });
        if matches!(world.state(n), State::Forwarding { .. }) && (!needed || rules.lacks(Fence::Linger)) {
            to.push(Event::ForwardEnds(n));
        }
    }
}

/// Adds the faults that may happen, and what may begin.
pub fn faults(world: &World, to: &mut Vec<Event>) {
    let left = world.left;
    if left.moves > 0 && world.nva.open.is_none() {
        // A port to which management moves the VM may speak for it.
        let may = |n: &At| *n != world.nva.at && (world.host.leg > 0 || *n == 1) && world.host.liar != Some(*n);
        to.extend(EDGES.into_iter().filter(may).map(Event::Plan));
    }
    for n in EDGES {
        if left.crashes > 0 {
            to.push(Event::Crash(n));
        }
        if left.cuts > 0 && world.edge(n).session {
            to.push(Event::Cut(n));
        }
        if left.refusals > 0 && world.state(n).awaits_forwarder() {
            to.push(Event::Refused(n));
        }
        if !world.edge(n).session && !world.edge(n).gone {
            to.push(Event::Gone(n));
        }
        if !world.host.by_frame && world.edge(n).untold && may_show(world, n) {
            to.push(Event::Shows(n));
        }
        let elsewhere = world.host.at != n && !(world.host.leg > 0 && world.host.to == n);
        if left.unplanned > 0 && elsewhere && world.host.liar != Some(n) {
            to.extend([true, false].map(|by_word| Event::Appears(n, by_word)));
        }
        if left.lies > 0 && elsewhere && world.host.liar.is_none() {
            to.push(Event::Lies(n));
        }
        let edge = world.edge(n);
        if world.frame == Frame::Unsent && (edge.cached.0 > 0 || edge.table.0.get().state != State::Away) {
            to.push(Event::Sent(n));
        }
    }
    if left.crashes > 0 {
        to.push(Event::NvaCrash);
    }
    if left.stores > 0 {
        to.extend((0..world.nva.journal.len()).map(|kept| Event::Rewound(kept as u8)));
    }
    let parted = matches!(
        world.state(world.host.at),
        State::Suspending(_) | State::Vacating(_) | State::Suspended(_) | State::Vacated(_)
    );
    if left.resumes > 0 && (!world.host.runs || parted) {
        to.push(Event::Resumes);
    }
}

impl Stage<'_> {
    /// Lets an event happen. Returns false if it changes nothing.
    pub fn happen(&mut self, event: Event) -> bool {
        match event {
            Event::Arrives(packet) => {
                if self.rules.ordered {
                    self.world.net.consume(packet);
                }
                if packet.up { self.take(packet.edge, packet.msg) } else { self.hear(packet.edge, packet.msg) }
            }
            Event::Applied(n) => self.applied(n),
            Event::Refused(n) => {
                self.world.left.refusals -= 1;
                self.step(n, Input::Refused);
            }
            Event::Hello(n) => self.hello(n),
            Event::Gone(n) => self.lose(n),
            Event::Cut(n) => {
                self.world.left.cuts -= 1;
                self.cut(n);
            }
            Event::Rewound(kept) => {
                self.world.left.spend(|left| &mut left.stores);
                self.rewind(kept);
            }
            Event::Restates(n) => self.restates(n),
            Event::Crash(n) => {
                self.world.left.spend(|left| &mut left.crashes);
                self.cut(n);
                self.crash(n);
            }
            Event::NvaCrash => {
                self.world.left.spend(|left| &mut left.crashes);
                self.restart();
            }
            Event::Deadline => return self.timer(),
            Event::ForwardEnds(n) => return self.step(n, Input::ForwardEnds),
            Event::Plan(to) => return self.order_move(to),
            Event::Suspend => {
                return self.step(self.world.host.from, Input::Suspend(move_id(self.world.host.leg)));
            }
            Event::Stops => self.world.host.runs = false,
            Event::Starts => {
                let to = self.world.host.to;
                self.world.edge_mut(to).heard = true;
                return self.step(to, Input::Runs) && {
                    let host = &mut self.world.host;
                    (host.runs, host.at, host.may_stop) = (true, to, false);
                    true
                };
            }
            Event::Resumes => return self.resume(),
            Event::Runs(n) => {
                let edge = self.world.edge_mut(n);
                (edge.untold, edge.heard) = (false, true);
                // A hypervisor that said "runs" asks again before it stops the VM.
                self.world.host.may_stop = false;
                self.step(n, Input::Runs);
            }
            Event::Shows(n) => {
                self.world.edge_mut(n).heard = true;
                return self.step(n, Input::Frame);
            }
            Event::Appears(n, by_word) => self.appear(n, by_word),
            Event::Lies(n) => {
                self.world.left.spend(|left| &mut left.lies);
                self.world.host.liar = Some(n);
                self.world.edge_mut(n).heard = true;
                return self.step(n, Input::Frame);
            }
            Event::Answers(n) => return self.step(n, Input::Frame),
            Event::Silent(n) => return self.step(n, Input::Silent),
            Event::GivesUp(n) => return self.step(n, Input::Detach),
            Event::Sent(n) => self.frame_in(n, None, 0),
            Event::FrameArrives => {
                let Frame::Flying { from, to, hops } = self.world.frame else { return false };
                self.frame_in(to, Some(from), hops);
            }
            Event::Asks => {
                let Some(n) = self.asks() else { return false };
                self.answer(n);
            }
        }
        true
    }

    fn order_move(&mut self, to: At) -> bool {
        let from = self.world.nva.at;
        let id = self.world.host.leg + 1;
        if !self.plan(id, to) {
            return false;
        }
        self.world.left.moves -= 1;
        let host = &mut self.world.host;
        (host.leg, host.from, host.to) = (id, from, to);
        (host.may_suspend, host.may_stop, host.resumed) = (false, false, false);
        true
    }

    /// The VM dies, and starts at another edge. Nobody planned that.
    fn appear(&mut self, n: At, by_word: bool) {
        self.world.left.spend(|left| &mut left.unplanned);
        for edge in &mut self.world.edges {
            edge.untold = false;
        }
        let host = &mut self.world.host;
        (host.runs, host.at, host.may_stop, host.resumed) = (true, n, false, host.leg > 0);
        (host.by_frame, host.astray) = (!by_word, true);
        self.world.edge_mut(n).heard = true;
        let took = self.step(n, if by_word { Input::Runs } else { Input::Frame });
        self.world.edge_mut(n).untold = !took;
    }

    /// Resumes the VM. It is a fault if no abort asks for it.
    fn resume(&mut self) -> bool {
        let mut asked = Vec::new();
        hypervisors(self.world, self.rules, &mut asked);
        let host = self.world.host.clone();
        if !asked.contains(&Event::Resumes) {
            self.world.left.resumes -= 1;
            self.world.host.resumed = host.leg > 0 && host.at == host.from;
        }
        self.world.edge_mut(host.at).heard = true;
        // The VM runs before the edge reacts.
        (self.world.host.runs, self.world.host.may_stop) = (true, false);
        self.step(host.at, Input::Runs)
    }
}
