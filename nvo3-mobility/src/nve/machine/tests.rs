//! What an edge promises to the authority rests on what the forwarder has.

use super::*;
use crate::Transport;
use crate::nve::rules::{News, State};
use crate::table::{PortPolicy, VapId};
use alloc::vec;
use nvo3_nva_proto::{
    Ack, Address, Answer, ErrorCode, ErrorMessage, HelloAck, HoldLimits, Invalidate, Locators, Mapping, Members,
    Micros, MoveKind, MoveWord, NveId, Outcome, Prepare, Ready, Refusal, Response, Role, Session, SessionConfig,
    SessionEvent, SessionId, Side, Tsi, Update,
};
use nvo3_nva_proto::{MoveResult, RecordNo, RegistrationReply, RegistrationResult, TsiVersion};
use nvo3_wire::Mac;

const VN: Vni = Vni::MAX;
const VAP: VapId = VapId(1);
const MOVE: MoveId = MoveId(10);
const START: Instant = Instant(1_000_000);

fn place(n: u8) -> Place {
    Place { nve: NveId(n.into()), locators: Locators::V4([198, 51, 100, n].into()) }
}

fn tsi(n: u8) -> Tsi {
    Tsi { key: TsiKey { vn: VN, mac: Mac([2, 0, 0, 0, 0, n]) }, ips: vec![[192, 0, 2, n].into()], role: Role::Unknown }
}

const fn version(generation: u64) -> Version {
    Version { epoch: 1, generation }
}

/// An edge with a session, whose forwarder answers only what the test answers for it.
struct World {
    nve: Nve,
    nva: Session,
    now: Instant,
    sessions: u64,
    /// What the authority heard, in order.
    said: Vec<Message>,
    /// The transaction of the last question that the authority heard.
    asked: u32,
    refused: Vec<ErrorMessage>,
    acked: Ack,
    events: Vec<Event>,
}

impl World {
    /// An edge with a session and a port, at which TSI 1 is attached.
    fn attached() -> Self {
        let config = NveConfig::new(place(1), Transport::Trusted);
        let mut nve = Nve::new(config, 7).unwrap();
        nve.handle(START, Input::Connect).unwrap();
        let nva = grant(&mut nve, START, 1).unwrap();
        let mut world = Self {
            nve,
            nva,
            now: START,
            sessions: 1,
            said: Vec::new(),
            asked: 0,
            refused: Vec::new(),
            acked: Ack::default(),
            events: Vec::new(),
        };
        world
            .nve
            .handle(START, Input::Attach { vap: VAP, vn: VN, tsis: vec![tsi(1)], policy: PortPolicy::untrusted() })
            .unwrap();
        world.talk();
        world.said.clear();
        world
    }

    /// The same, and TSI 1 runs there.
    fn running() -> Self {
        let mut world = Self::attached();
        world.nve.handle(START, Input::Activate { key: tsi(1).key, move_id: None }).unwrap();
        world.hear(replied(RegistrationResult::Accepted));
        world.apply();
        assert_eq!(world.state(), State::Here);
        world.said.clear();
        world
    }

    fn state(&self) -> State {
        self.nve.state(&tsi(1).key).state
    }

    /// Carries messages both ways until there are none.
    fn talk(&mut self) {
        let mut bytes = Vec::new();
        loop {
            let mut quiet = true;
            while self.nve.poll_transmit(self.now, &mut bytes).is_some() {
                quiet = false;
                let (header, message) = Message::decode(&bytes).unwrap();
                let _ = self.nva.handle(self.now, &header, message);
                while let Some(event) = self.nva.poll_event() {
                    match event {
                        SessionEvent::Acked(ack) => self.acked = ack,
                        SessionEvent::PeerError(error) => self.refused.push(error),
                        _ => {}
                    }
                }
            }
            while let Some(received) = self.nva.poll_message() {
                if matches!(received.message, Message::Query(_)) {
                    self.asked = received.transaction;
                }
                self.said.push(received.message);
            }
            while self.nva.poll_transmit(self.now, &mut bytes) {
                quiet = false;
                self.nve.handle_datagram(self.now, &bytes);
            }
            self.events.extend(core::iter::from_fn(|| self.nve.poll_event()));
            if quiet {
                return;
            }
        }
    }

    /// The authority says a message. Gives its sequence.
    fn hear(&mut self, message: Message) -> u32 {
        let transaction = if matches!(message, Message::Response(_)) { self.asked } else { 0 };
        let sequence = self.nva.send(transaction, &message).unwrap();
        self.talk();
        sequence
    }

    /// The edge hands its changes to the forwarder, which does not answer yet.
    fn poll(&mut self) -> Vec<TableChange> {
        core::iter::from_fn(|| self.nve.poll_table_change()).collect()
    }

    /// The forwarder applies every change.
    fn apply(&mut self) {
        while let Some(last) = self.poll().last() {
            self.answer(Input::Applied(last.number));
        }
    }

    /// The forwarder refuses every change of a kind, and applies the others.
    fn apply_except(&mut self, refused: impl Fn(&Change) -> bool) {
        loop {
            let changes = self.poll();
            if changes.is_empty() {
                return;
            }
            for TableChange { number, change } in changes {
                self.answer(if refused(&change) { Input::Refused { number } } else { Input::Applied(number) });
            }
        }
    }

    fn answer(&mut self, input: Input) {
        self.nve.handle(self.now, input).unwrap();
        self.talk();
    }

    fn prepare(&mut self, side: Side) -> u32 {
        self.hear(prepare_of(side))
    }

    /// A new session begins, as after the loss of one.
    fn new_session(&mut self) {
        self.sessions += 1;
        self.nva.close();
        self.talk();
        for _ in 0..1_000 {
            self.now = self.now + Micros::from_millis(10);
            if let Some(nva) = grant(&mut self.nve, self.now, self.sessions) {
                self.nva = nva;
                self.said.clear();
                return self.talk();
            }
        }
        panic!("no Hello");
    }
}

/// Answers the Hello of an edge that asks for a session.
fn grant(nve: &mut Nve, now: Instant, id: u64) -> Option<Session> {
    let mut bytes = Vec::new();
    nve.handle_timeout(now);
    while nve.poll_transmit(now, &mut bytes).is_some() {
        if let Ok((_, Message::Hello(hello))) = Message::decode(&bytes) {
            let ack =
                HelloAck { session: SessionId(id), nonce: hello.nonce, epoch: 1, published: RecordNo(1), seen: None };
            let mut nva = Session::accept(SessionConfig::default(), now, &hello, ack).unwrap();
            assert!(nva.poll_transmit(now, &mut bytes));
            nve.handle_datagram(now, &bytes);
            return Some(nva);
        }
    }
    None
}

const fn is_tsi(change: &Change) -> bool {
    matches!(change, Change::Tsi { .. })
}

const fn is_port(change: &Change) -> bool {
    matches!(change, Change::Port { .. })
}

const fn word() -> MoveWord {
    MoveWord { move_id: MOVE, version: version(5) }
}

const READY: Message = Message::Ready(Ready { move_id: MOVE, version: version(5), refused: None });
const REFUSED: Message =
    Message::Ready(Ready { move_id: MOVE, version: version(5), refused: Some(Refusal::Forwarder) });

/// The answer to the registration of TSI 1.
fn replied(result: RegistrationResult) -> Message {
    let lifetime = nvo3_nva_proto::Lifetime::SESSION;
    let tsis = vec![TsiVersion { mac: tsi(1).key.mac, version: version(1) }];
    Message::RegistrationReply(RegistrationReply { vn: VN, result, lifetime, tsis, current: None })
}

fn prepare_of(side: Side) -> Message {
    let limits = HoldLimits { frames: 8, bytes: 8_000, age: Micros::from_secs(1) };
    let (version, kind, tsis) = (version(5), MoveKind::Hot, vec![tsi(1)]);
    let prepare = Prepare { move_id: MOVE, version, side, kind, suspended: false, tsis, peer: place(2), limits };
    Message::Prepare(prepare)
}

/// TSI 9 is at edge 2.
fn mapping(generation: u64) -> Mapping {
    let Tsi { key, ips, role } = tsi(9);
    Mapping { mac: key.mac, ips, version: version(generation), place: Some(place(2)), role }
}

fn update(generation: u64) -> Message {
    let mapping = mapping(generation);
    let (after, upto) = (RecordNo(0), RecordNo(generation));
    Message::Update(Update { vn: VN, after, upto, members: None, mappings: vec![mapping], synced: false })
}

/// Checks VMM-5-17.
#[test]
fn the_old_nve_is_ready_once_its_forwarder_remembers_what_it_delivers() {
    let mut world = World::running();
    let sequence = world.prepare(Side::Old);
    assert_eq!((world.state().name(), world.said.as_slice()), ("leaving", &[][..]));

    let changes = world.poll();
    world.talk();
    assert!(world.said.is_empty() && world.acked.in_force < sequence, "handed out and not applied");
    world.answer(Input::Applied(changes.last().unwrap().number));

    assert_eq!((world.said.as_slice(), world.acked.in_force), (&[READY][..], sequence));
}

/// Checks VMM-5-17, VMM-7-03.
#[test]
fn no_message_of_any_kind_is_in_force_before_the_forwarder_has_what_it_changed() {
    let (key, move_id) = (tsi(1).key, MOVE);
    let outcome = |result, generation, n| {
        let (version, place, tsis) = (version(generation), place(n), vec![key]);
        Message::Outcome(Outcome { move_id, result, version, place, tsis })
    };
    let prepared = |side: Side| {
        let mut world = if side == Side::Old { World::running() } else { World::attached() };
        world.apply();
        world.prepare(side);
        world.apply();
        world
    };
    let claiming = || {
        let mut world = World::attached();
        world.nve.handle(START, Input::Activate { key, move_id: None }).unwrap();
        world.apply();
        world
    };
    let known = || {
        let mut world = World::running();
        world.hear(update(7));
        world.apply();
        world
    };
    let applied = || {
        let mut world = World::attached();
        world.apply();
        world
    };
    let asking = || {
        let mut world = World::running();
        let TsiKey { vn, mac } = tsi(9).key;
        world.nve.handle_notice(START, crate::forwarder::Notice::Miss { vn, mac, vap: None });
        world.talk();
        assert!(matches!(world.said.as_slice(), [Message::Query(_)]));
        world
    };
    // The VM runs at the new NVE, whose forwarder has refused once to deliver to it. Revoke makes the NVE order that again.
    let undelivered = || {
        let mut world = prepared(Side::New);
        world.nve.handle(START, Input::Activate { key, move_id: Some(MOVE) }).unwrap();
        world.apply_except(is_tsi);
        world
    };
    let members = Members { places: vec![place(1), place(2)], more: false };
    let list = Update {
        vn: VN,
        after: RecordNo(0),
        upto: RecordNo(7),
        members: Some(members),
        mappings: vec![],
        synced: false,
    };
    let (address, lifetime) = (Address::Mac(tsi(9).key.mac), nvo3_nva_proto::Lifetime::new(Micros::from_secs(9)));
    let response = Response { vn: VN, address, answer: Answer::Found(mapping(7)), lifetime };
    let gone = Invalidate { tsi: tsi(9).key, nve: place(2).nve, version: version(7) };
    let cases = [
        (claiming(), replied(RegistrationResult::Accepted)),
        (claiming(), replied(RegistrationResult::Policy)),
        (World::running(), prepare_of(Side::Old)),
        (applied(), prepare_of(Side::New)),
        (prepared(Side::New), Message::Suspended(word())),
        (prepared(Side::New), outcome(MoveResult::Aborted, 6, 2)),
        (prepared(Side::Old), outcome(MoveResult::Aborted, 6, 1)),
        (prepared(Side::Old), outcome(MoveResult::Committed, 5, 2)),
        (World::running(), update(7)),
        (World::running(), Message::Update(list)),
        (known(), Message::Invalidate(gone)),
        (asking(), Message::Response(response)),
        (undelivered(), Message::Revoke(word())),
    ];

    for (mut world, message) in cases {
        let sequence = world.hear(message.clone());
        assert!(world.acked.in_force < sequence, "ordered: {message:?}");
        let changes = world.poll();
        world.talk();
        assert!(!changes.is_empty() && world.acked.in_force < sequence, "handed out: {message:?}");
        world.answer(Input::Applied(changes.last().unwrap().number));

        assert_eq!(world.acked.in_force, sequence, "{message:?}");
    }
}

#[test]
fn the_old_nve_refuses_a_move_if_its_forwarder_cannot_remember() {
    let mut world = World::running();
    let sequence = world.prepare(Side::Old);

    world.apply_except(is_tsi);

    assert_eq!(world.said, [REFUSED]);
    let (code, about) = (ErrorCode::Forwarder, Message::Prepare(prepared()).type_code());
    assert_eq!(world.refused, [ErrorMessage { code, about, sequence, offset: 0, tlv: 0 }]);
    assert_eq!((world.acked.in_force, world.nve.counters().not_followed), (sequence, 1));
}

/// Any *Prepare*, for its type.
fn prepared() -> Prepare {
    let limits = HoldLimits { frames: 1, bytes: 1, age: Micros(1) };
    let (side, kind) = (Side::Old, MoveKind::Hot);
    Prepare { move_id: MOVE, version: version(5), side, kind, suspended: false, tsis: vec![], peer: place(2), limits }
}

#[test]
fn a_promise_that_waits_when_the_move_ends_is_never_said() {
    let mut world = World::running();
    world.prepare(Side::Old);
    let (move_id, result, version, tsis) = (MOVE, MoveResult::Aborted, version(6), vec![tsi(1).key]);
    world.hear(Message::Outcome(Outcome { move_id, result, version, place: place(1), tsis }));

    world.apply();

    assert_eq!((world.state(), world.said.as_slice()), (State::Here, &[][..]));
}

/// Checks VMM-5-17.
#[test]
fn a_new_session_repeats_suspended_only_after_a_lost_table_is_in_force_again() {
    let mut world = World::running();
    world.prepare(Side::Old);
    world.apply();
    let (key, move_id) = (tsi(1).key, MOVE);
    world.nve.handle(world.now, Input::Suspend { key, move_id, stopped_at: None }).unwrap();
    world.apply();
    assert_eq!(world.said, [READY, Message::Suspended(word())]);

    world.events.clear();
    world.nve.handle(world.now, Input::ForwarderReset).unwrap();
    world.nve.handle(world.now, Input::Suspend { key, move_id, stopped_at: None }).unwrap();
    world.new_session();
    let tells = |event: &Event| matches!(event, Event::News { news: News::Suspended, .. });
    assert!(!world.events.iter().any(tells), "the owner hears no earlier");
    let says_suspended = |world: &World| world.said.contains(&Message::Suspended(word()));
    assert!(!says_suspended(&world), "{:?}", world.said);
    let changes = world.poll();
    world.talk();
    assert!(!says_suspended(&world), "the changes are not answered");
    world.answer(Input::Applied(changes.last().unwrap().number));

    assert!(says_suspended(&world) && world.events.iter().any(tells));
}

#[test]
fn a_tunnel_that_the_forwarder_lost_and_refuses_is_refused_and_not_promised() {
    let mut world = World::running();
    world.prepare(Side::Old);
    world.apply();
    let (key, move_id) = (tsi(1).key, MOVE);
    world.nve.handle(world.now, Input::Suspend { key, move_id, stopped_at: None }).unwrap();
    world.apply();

    world.nve.handle(world.now, Input::ForwarderReset).unwrap();
    world.new_session();
    world.apply_except(is_tsi);

    assert!(!world.said.contains(&Message::Suspended(word())) && world.said.contains(&REFUSED), "{:?}", world.said);
}

#[test]
fn a_new_nve_whose_port_is_refused_refuses_the_move() {
    let mut world = World::attached();
    world.apply_except(is_port);

    world.prepare(Side::New);
    world.apply();

    assert_eq!((world.state(), world.said.as_slice()), (State::Away, &[REFUSED][..]));
}

/// Checks VMM-5-09.
#[test]
fn a_vm_is_not_activated_behind_a_port_that_the_forwarder_refused_until_it_takes_it() {
    let mut world = World::attached();
    world.nve.handle(world.now, Input::Detach { vap: VAP }).unwrap();
    world.apply();
    world.prepare(Side::New);
    world.apply();
    assert_eq!(world.said, [READY]);
    world
        .nve
        .handle(world.now, Input::Attach { vap: VAP, vn: VN, tsis: vec![tsi(1)], policy: PortPolicy::untrusted() })
        .unwrap();
    world.hear(Message::Suspended(word()));
    let runs = Input::Activate { key: tsi(1).key, move_id: Some(MOVE) };

    world.nve.handle(world.now, runs.clone()).unwrap();
    world.apply_except(is_port);
    assert_eq!((world.state().name(), world.said.as_slice()), ("holding", &[READY][..]));
    let failed = |event: &Event| matches!(event, Event::News { news: News::ActivateFailed, .. });
    assert!(world.events.iter().any(failed));

    world.nve.handle(world.now, runs).unwrap();
    world.apply();
    assert_eq!((world.state().name(), world.said.last()), ("active", Some(&Message::Activated(word()))));
}

/// Checks VMM-7-03.
#[test]
fn an_update_that_the_forwarder_refused_is_named_by_an_error_before_it_counts() {
    let mut world = World::running();
    let (first, second) = (world.hear(update(7)), world.hear(update(8)));
    let changes = world.poll();
    world.talk();
    assert!(world.acked.in_force < first, "handed out and not applied");

    for TableChange { number, .. } in changes {
        world.answer(Input::Refused { number });
    }

    assert_eq!(world.refused.iter().map(|error| error.sequence).collect::<Vec<_>>(), [first, second]);
    assert_eq!((world.acked.in_force, world.nve.counters().not_followed), (second, 2));
    let third = world.hear(update(9));
    world.apply();
    assert_eq!((world.acked.in_force, world.refused.len()), (third, 2));
}

#[test]
fn more_refused_updates_than_errors_that_wait_are_named_each() {
    let mut world = World::running();
    let sent: Vec<u32> = (7..57).map(|generation| world.hear(update(generation))).collect();

    world.apply_except(is_tsi);

    assert_eq!(world.refused.iter().map(|error| error.sequence).collect::<Vec<_>>(), sent);
    assert_eq!(Some(&world.acked.in_force), sent.last());
}

/// Checks VMM-5-17.
#[test]
fn an_edge_whose_forwarder_is_silent_closes_its_session_and_opens_it_when_the_forwarder_answers() {
    let mut world = World::running();
    let dead = SessionConfig::default().dead_after;
    world.hear(update(7));
    let changes = world.poll();
    let since = world.now;

    world.now = Instant(since.0 + dead.0 - 1);
    world.nve.handle_timeout(world.now);
    assert!(world.nve.is_connected());
    let due = world.nve.poll_timeout();
    world.now = since + dead;
    assert!(due.is_some_and(|(at, _)| at <= world.now), "{due:?}");
    world.nve.handle_timeout(world.now);
    world.talk();
    assert!(!world.nve.is_connected() && !world.nva.is_up(), "Goodbye has left");
    assert!(world.events.contains(&Event::ForwarderSilent { since }));
    world.nve.handle(world.now, Input::Connect).unwrap();
    world.talk();

    world.now = world.now + Micros::from_secs(60);
    assert!(grant(&mut world.nve, world.now, 2).is_none(), "no Hello while the forwarder is silent");
    world.answer(Input::Applied(changes.last().unwrap().number));
    world.new_session();

    assert!(world.nve.is_connected() && world.events.contains(&Event::ForwarderAnswers));
}

/// The old NVE of a committed move.
fn left_behind() -> World {
    let mut world = World::running();
    world.prepare(Side::Old);
    world.apply();
    let (key, move_id) = (tsi(1).key, MOVE);
    world.nve.handle(world.now, Input::Suspend { key, move_id, stopped_at: None }).unwrap();
    world.apply();
    let (result, version, tsis) = (MoveResult::Committed, version(5), vec![key]);
    world.hear(Message::Outcome(Outcome { move_id, result, version, place: place(2), tsis }));
    world.apply();
    assert_eq!(world.state(), State::Forwarding { to: place(2) });
    world
}

/// Lets time pass for the edge and for its authority, which goes on saying that it is there.
fn pass(world: &mut World, at: Instant) {
    while world.now < at {
        world.now = at.min(world.now + Micros::from_secs(1));
        world.nve.handle_timeout(world.now);
        world.nva.handle_timeout(world.now);
        world.talk();
        world.apply();
    }
}

/// Checks VMM-5-04, R-37.
#[test]
fn an_old_nve_tunnels_for_the_in_flight_time_and_not_longer() {
    let mut world = left_behind();
    let end = world.now + NveConfig::new(place(1), Transport::Trusted).in_flight;

    pass(&mut world, Instant(end.0 - 1));
    assert_eq!(world.state(), State::Forwarding { to: place(2) });
    assert!(world.nve.poll_timeout().is_some_and(|(at, _)| at <= end));
    pass(&mut world, end);

    assert_eq!(world.state(), State::Away);
}

/// Checks VMM-5-04.
#[test]
fn an_old_nve_tunnels_only_for_the_linger_time_once_everyone_follows() {
    let mut world = left_behind();
    let done = Done { move_id: MOVE, report: nvo3_nva_proto::Report::default() };
    world.hear(Message::Done(done));
    let end = world.now + NveConfig::new(place(1), Transport::Trusted).linger;

    pass(&mut world, Instant(end.0 - 1));
    assert_eq!(world.state(), State::Forwarding { to: place(2) });
    pass(&mut world, end);

    assert_eq!(world.state(), State::Away);
}

/// The old NVE of an aborted move, whose VM stopped and lost its port.
fn stopped_without_a_port() -> World {
    let mut world = World::running();
    world.prepare(Side::Old);
    world.apply();
    let (key, move_id) = (tsi(1).key, MOVE);
    world.nve.handle(world.now, Input::Suspend { key, move_id, stopped_at: None }).unwrap();
    world.apply();
    world.answer(Input::Detach { vap: VAP });
    let (result, version, tsis) = (MoveResult::Aborted, version(6), vec![key]);
    world.hear(Message::Outcome(Outcome { move_id, result, version, place: place(1), tsis }));
    world.apply();
    assert!(matches!(world.state(), State::Halted { .. }));
    world.said.clear();
    world
}

#[test]
fn a_stopped_vm_whose_port_is_gone_ends_with_its_registration() {
    let mut world = stopped_without_a_port();
    let end = world.now + NveConfig::new(place(1), Transport::Trusted).registration_lifetime;

    pass(&mut world, Instant(end.0 - 1));
    assert!(matches!(world.state(), State::Halted { .. }));
    assert!(!world.said.iter().any(|said| matches!(said, Message::Deregister(_))));
    pass(&mut world, end);

    assert_eq!(world.state(), State::Away);
    assert!(world.said.iter().any(|said| matches!(said, Message::Deregister(_))));
}

#[test]
fn a_stopped_vm_whose_port_came_back_stays() {
    let mut world = stopped_without_a_port();
    let (vap, vn, tsis, policy) = (VAP, VN, vec![tsi(1)], PortPolicy::untrusted());
    world.answer(Input::Attach { vap, vn, tsis, policy });
    let end = world.now + NveConfig::new(place(1), Transport::Trusted).registration_lifetime;

    pass(&mut world, end);

    assert!(matches!(world.state(), State::Halted { .. }));
}

/// The NVA takes a withdrawal for what holds when the NVE says it, whatever the version.
#[test]
fn a_withdrawal_is_said_in_each_session_until_the_vm_comes_back() {
    for comes in [false, true] {
        let mut world = World::running();
        world.answer(Input::Detach { vap: VAP });
        assert!(world.said.iter().any(|said| matches!(said, Message::Deregister(_))));
        if comes {
            world.prepare(Side::New);
            world.apply();
        }

        world.new_session();

        assert_eq!(world.said.iter().any(|said| matches!(said, Message::Deregister(_))), !comes);
    }
}

/// Checks VMM-5-06, R-03.
#[test]
fn a_hint_about_the_mapping_in_use_makes_the_edge_ask_and_another_one_does_not() {
    for (stale, asks) in [((2, 7), 1), ((2, 6), 0), ((3, 7), 0)] {
        let mut world = World::running();
        world.hear(update(7));
        world.apply();
        let (nve, generation) = stale;
        let hint = Invalidate { tsi: tsi(9).key, nve: NveId(nve), version: version(generation) };
        let mut bytes = Vec::new();
        Message::Invalidate(hint).encode(&nvo3_nva_proto::Header::default(), &mut bytes).unwrap();
        world.nve.handle_datagram(world.now, &bytes);
        world.talk();

        let asked = world.said.iter().filter(|said| matches!(said, Message::Query(_))).count();
        assert_eq!((asked, world.nve.counters().hints_received), (asks, asks as u64), "{stale:?}");
    }
}

#[test]
fn queries_beyond_the_bound_are_counted() {
    let mut world = World::running();
    let most = NveConfig::new(place(1), Transport::Trusted).queries;
    for n in 0..most + 2 {
        let [a, b, c, d] = n.to_be_bytes();
        let miss = crate::forwarder::Notice::Miss { vn: VN, mac: Mac([2, 9, a, b, c, d]), vap: None };
        world.nve.handle_notice(world.now, miss);
    }

    let NveCounters { queries, shed_queries, .. } = *world.nve.counters();
    assert_eq!((queries, shed_queries), (u64::from(most), 2));
}

#[test]
fn the_text_form_of_an_edge_says_what_it_has() {
    let text = alloc::format!("{:?}", World::running().nve);
    assert!(text.starts_with("Nve { place: ") && text.contains("connected: true, tsis: 1"), "{text}");
}

/// Checks VMM-5-06.
#[test]
fn an_edge_gets_one_hint_about_a_tsi_in_each_interval() {
    let mut world = World::running();
    let (interval, start) = (NveConfig::new(place(1), Transport::Trusted).hint_interval, world.now);
    let mut hints = |at: Instant, n: u8, to: u8| {
        let from = core::net::IpAddr::from([198, 51, 100, to]);
        let notice = crate::forwarder::Notice::Stale { key: tsi(n).key, from, version: version(5) };
        world.nve.handle_notice(at, notice);
        let mut bytes = Vec::new();
        let sent = core::iter::from_fn(|| world.nve.poll_transmit(at, &mut bytes));
        sent.filter(|to| matches!(to, Transmit::Nve(_))).count()
    };

    assert_eq!([hints(start, 1, 3), hints(start, 1, 3), hints(start, 2, 3), hints(start, 1, 4)], [1, 0, 1, 1]);
    assert_eq!(hints(Instant(start.0 + interval.0 - 1), 1, 3), 0);
    assert_eq!(hints(start + interval, 1, 3), 1);
    let NveCounters { hints_sent, repeated_hints, shed_hints, .. } = *world.nve.counters();
    assert_eq!((hints_sent, repeated_hints, shed_hints), (4, 2, 0));
}

/// Checks VMM-10-02.
#[test]
fn a_port_that_lies_makes_one_event_in_each_interval_and_counts_each_time() {
    let mut world = World::running();
    let (interval, start) = (NveConfig::new(place(1), Transport::Trusted).hint_interval, world.now);
    let mut lie = [0; 60];
    let stolen = core::net::Ipv4Addr::new(192, 0, 2, 77);
    nvo3_wire::arp::announcement(tsi(1).key.mac, stolen.into(), &mut lie).unwrap();
    let mut alarms = |at: Instant| {
        let _ = world.nve.handle_frame(at, VAP, &lie);
        core::iter::from_fn(|| world.nve.poll_event()).filter(|event| matches!(event, Event::Spoofed { .. })).count()
    };

    assert_eq!([alarms(start), alarms(start), alarms(Instant(start.0 + interval.0 - 1))], [1, 0, 0]);
    assert_eq!([alarms(start + interval), alarms(start + interval)], [1, 0]);
    assert_eq!(world.nve.counters().spoofed, 5);
}
