//! The parts of an edge around its move table: the forwarder's entry, the cache, the session, and the messages.

use super::fence::{Fence, Rules};
use super::net::{At, Msg, Packet};
use super::world::{Edge, Frame, Interned, World, at, generation, locator, move_id, place, short, version};
use nvo3_mobility::nve::rules::{Input, News, Output, Plan, Sign, State, TsiState, Word};
use nvo3_mobility::table::Action;
use nvo3_nva_proto::MoveResult;

/// The most hops of the frame. It is more than any path of two moves and an abort has.
const MOST_HOPS: u8 = 9;

/// A world and the rules that it runs under.
pub struct Stage<'a> {
    pub world: &'a mut World,
    pub rules: &'a Rules,
}

impl Stage<'_> {
    /// Gives one input to the move table of an edge. Returns false if the table has no row for it.
    pub fn step(&mut self, n: At, input: Input) -> bool {
        let before = self.world.edge(n).tsi.get();
        let Some((after, outputs)) = self.rules.edge_step(before, input) else { return false };
        let edge = self.world.edge_mut(n);
        edge.tsi = Interned::new(after);
        if before.state != after.state {
            let id = |tsi: TsiState| tsi.state.plan().map(|plan| plan.id);
            edge.alone &= id(before).is_some() && id(before) == id(after);
        }
        let waits = after.state.awaits_forwarder();
        if !waits {
            edge.table = (edge.tsi, edge.alone);
            edge.dazed &= after.state == State::Away;
        }
        for output in outputs {
            self.carry_out(n, output);
        }
        let edge = self.world.edge(n);
        if waits && edge.in_force(self.rules) == self.rules.entry(after.state, edge.alone) {
            self.applied(n);
        }
        self.look_after_frame(n);
        true
    }

    /// The forwarder of an edge applies the order that it has.
    pub fn applied(&mut self, n: At) {
        let edge = self.world.edge_mut(n);
        (edge.table, edge.dazed) = ((edge.tsi, edge.alone), false);
        self.look_after_frame(n);
        self.step(n, Input::Applied);
    }

    /// The session of an edge is lost: the authority may end the move without the edge.
    pub fn go_on_alone(&mut self, n: At) {
        let edge = self.world.edge_mut(n);
        let TsiState { state, .. } = edge.tsi.get();
        edge.alone |= state.plan().is_some();
        if !state.awaits_forwarder() {
            edge.table = (edge.tsi, edge.alone);
        }
        self.look_after_frame(n);
    }

    fn carry_out(&mut self, n: At, output: Output) {
        match output {
            Output::Say(id, v, word) => {
                let (id, version) = (short(id), generation(v));
                self.say(
                    n,
                    match word {
                        Word::Ready => Msg::Ready { id, version },
                        Word::Suspended => Msg::Suspended { id, version },
                        Word::Activated => Msg::Activated { id, version },
                        Word::Resumed => Msg::Resumed { id, version },
                        Word::Revoked => Msg::Revoked { id, version },
                        Word::OutcomeQuery => Msg::OutcomeQuery { id },
                    },
                );
            }
            Output::Refuse(id, v, why) => self.say(n, Msg::Refused { id: short(id), version: generation(v), why }),
            Output::Register => {
                let edge = self.world.edge(n);
                let TsiState { state, floor } = edge.tsi.get();
                let by_word = !matches!(state, State::Claiming { sign: Sign::Frame, .. });
                let expected = edge.cached.0.max(generation(floor));
                self.say(n, Msg::Register { expected, by_word });
            }
            Output::Tell(news) => self.news(n, news),
            // The model never detaches a VM, and lets the timers fire at any time.
            Output::Deregister | Output::ForwardFor(_) | Output::Probe => {}
        }
    }

    /// Tells the hypervisor of an edge.
    fn news(&mut self, n: At, news: News) {
        let host = &mut self.world.host;
        match news {
            News::Suspended if host.from == n && host.leg > 0 && !host.resumed => host.may_stop = true,
            News::ActivateFailed | News::SuspendFailed | News::Displaced | News::NotRegistered
                if host.at == n && host.runs =>
            {
                self.world.edge_mut(n).untold = true
            }
            _ => {}
        }
    }

    /// Sends a message to the authority if there is a session. A new session makes the edge send it again.
    fn say(&mut self, n: At, msg: Msg) {
        if self.world.edge(n).session {
            self.world.net.send(Packet { edge: n, up: true, msg }, self.rules.ordered);
        }
    }

    /// Takes a message that arrives from the authority.
    pub fn hear(&mut self, n: At, msg: Msg) {
        match msg {
            Msg::Prepare { id, version: v, old, peer, suspended, failover } => {
                let edge = self.world.edge_mut(n);
                edge.heard = true;
                if !failover {
                    edge.moves |= 1 << id;
                }
                let plan = Plan { id: move_id(id), version: version(v), peer: place(peer) };
                self.step(
                    n,
                    match (old, failover) {
                        (false, _) => Input::PrepareNew(plan),
                        (true, true) if suspended => Input::Yield(plan),
                        (true, true) => Input::Confirm(plan),
                        (true, false) => Input::PrepareOld(plan, suspended),
                    },
                );
            }
            Msg::Left { id } => {
                self.step(n, Input::Left(move_id(id)));
            }
            Msg::Revoke { id, version: v, .. } if self.rules.ordered && self.world.edge(n).moves & (1 << id) == 0 => {
                self.say(n, Msg::Revoked { id, version: v });
            }
            // In each session a Prepare comes before its Revoke. If the Revoke overtook it, "revoked" would be a false answer.
            Msg::Revoke { id, .. } if self.world.edge(n).moves & (1 << id) == 0 => {}
            Msg::Revoke { id, version: v, peer } => {
                let plan = Plan { id: move_id(id), version: version(v), peer: place(peer) };
                let TsiState { state, floor } = self.world.edge(n).tsi.get();
                let heeds = state.plan().map_or(plan.version >= floor, |in_hand| in_hand.id == plan.id);
                let runs = match state {
                    State::Claiming { sign, .. } => sign == Sign::Word,
                    State::Suspending(_) | State::Suspended(_) => false,
                    state => state.is_home(),
                };
                if heeds {
                    self.step(n, Input::Revoke(plan));
                } else if !runs {
                    self.say(n, Msg::Revoked { id, version: v });
                }
            }
            Msg::Outcome { id, result, version: v, place: to } => {
                let (named, version) = (move_id(id), version(v));
                let input = match (result, to == n) {
                    (MoveResult::Committed, true) => Input::CommittedHere(named, version),
                    (MoveResult::Committed, false) => Input::Committed(named, version, place(to)),
                    (_, true) => Input::AbortedHere(named, version),
                    (_, false) => Input::Aborted(named, version, place(to)),
                };
                self.world.edge_mut(n).heard = true;
                self.step(n, input);
                let edge = self.world.edge(n);
                if v >= edge.cached.0.max(generation(edge.tsi.get().floor)) {
                    self.cache(n, v, to);
                }
                self.say(n, Msg::OutcomeInForce { id });
            }
            Msg::Accepted { version: v } => {
                self.world.edge_mut(n).denied = false;
                self.step(n, Input::Registered(version(v)));
            }
            Msg::Stale { version: v, place: to } => {
                // A real session delivers this before newer messages; in the model it may come late.
                if v >= self.world.edge(n).cached.0 {
                    self.cache(n, v, to);
                }
                self.step(n, Input::Again);
            }
            Msg::Denied => {
                self.world.edge_mut(n).denied = true;
                self.step(n, Input::NotRegistered);
            }
            Msg::Update { version: v, place: to } => {
                let edge = self.world.edge(n);
                let floor = generation(edge.tsi.get().floor);
                let newest = if self.rules.lacks(Fence::Floor) { 0 } else { edge.cached.0.max(floor) };
                if v < newest {
                    return;
                }
                if edge.heard {
                    let input =
                        if to == n { Input::MovedHere(version(v)) } else { Input::MovedTo(version(v), place(to)) };
                    self.step(n, input);
                }
                self.cache(n, v, to);
            }
            _ => {}
        }
    }

    fn cache(&mut self, n: At, v: u8, to: At) {
        self.world.edge_mut(n).cached = (v, to);
        self.look_after_frame(n);
    }

    /// Restarts an edge at once. It remembers nothing.
    pub fn crash(&mut self, n: At) {
        let gone = self.world.edge(n).gone;
        let host = &mut self.world.host;
        let untold = host.runs && host.at == n;
        if host.from == n {
            host.may_stop = false;
        }
        *self.world.edge_mut(n) = Edge { gone, untold, dazed: true, ..Edge::new() };
        self.world.net.cut(n);
        match self.world.frame {
            Frame::Held { at, .. } | Frame::Flying { to: at, .. } if at == n => self.world.frame = Frame::Excused,
            _ => {}
        }
    }

    /// Forwards a held frame, if it can go on now.
    fn look_after_frame(&mut self, n: At) {
        if let Frame::Held { at, from, hops } = self.world.frame
            && at == n
        {
            self.frame_in(n, from, hops);
        }
    }

    /// The frame comes in at an edge: by its own VAP if `from` is `None`, otherwise by a tunnel.
    pub fn frame_in(&mut self, n: At, from: Option<At>, hops: u8) {
        let edge = self.world.edge(n);
        let held = Frame::Held { at: n, from, hops };
        let astray = self.world.host.astray;
        let fly = |to: At| {
            if hops < MOST_HOPS { Frame::Flying { from: n, to, hops: hops + 1 } } else { Frame::Looped }
        };
        self.world.frame = if let Some(entry) = edge.in_force(self.rules) {
            match entry.act(entry.ingress(from.map(locator))) {
                Action::Deliver if self.world.host.runs && self.world.host.at == n => Frame::Delivered,
                Action::Deliver if astray => Frame::Excused,
                Action::Deliver => Frame::Unread { at: n },
                Action::Hold(_) => held,
                Action::Tunnel(to) if from == Some(at(to)) && self.rules.lacks(Fence::Return) => {
                    Frame::Returned { at: n }
                }
                Action::Tunnel(to) => fly(at(to)),
            }
        } else {
            match edge.cached {
                (0, _) => held,
                (_, to) if to == n => held,
                (_, to) if from == Some(to) && edge.dazed => Frame::Excused,
                (_, to) if from == Some(to) => Frame::Returned { at: n },
                (_, to) => fly(to),
            }
        };
    }

    /// The edge that holds the frame and queries the authority, if the answer would be new to it.
    pub fn asks(&self) -> Option<At> {
        let Frame::Held { at, .. } = self.world.frame else { return None };
        let edge = self.world.edge(at);
        let news = edge.cached != (self.world.nva.version, self.world.nva.at);
        let asked = self.rules.ordered && self.world.net.updates(at);
        let asks = edge.session && edge.in_force(self.rules).is_none() && news && !asked;
        asks.then_some(at)
    }
}
