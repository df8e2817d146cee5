//! Nothing that rests on a record leaves the authority before the record is durable.

use super::*;
use crate::nva::Input;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use nvo3_nva_proto::{
    Ack, Address, Answer, Capabilities, Claim, Deregister, Done, Encapsulations, ErrorCode, ErrorMessage, Hello,
    HelloAck, Lifetime, Locators, Message, Micros, MoveKind, MoveWord, Query, Ready, Refusal, RegistrationRequest,
    Report, Response, Restate, Role, Session, SessionConfig, SessionEvent, Tsi, TsiVersion, Update,
};
use nvo3_wire::{Mac, Vni};

const VN: Vni = Vni::MAX;
const MOVE: MoveId = MoveId(10);

fn place(n: u8) -> Place {
    Place { nve: NveId(n.into()), locators: Locators::V4([198, 51, 100, n].into()) }
}

fn peer(n: u8) -> Peer {
    ([198, 51, 100, n], 1).into()
}

fn tsi(n: u8) -> Tsi {
    Tsi { key: TsiKey { vn: VN, mac: Mac([2, 0, 0, 0, 0, n]) }, ips: vec![[192, 0, 2, n].into()], role: Role::Unknown }
}

/// One edge, which says what the test says.
struct Far {
    session: Session,
    heard: Vec<Message>,
    /// The sequence of the last message that it heard.
    sequence: u32,
    acked: Ack,
    greeting: HelloAck,
}

/// An authority whose records become durable when the test says so, and three edges with sessions.
struct World {
    nva: Nva,
    now: Instant,
    far: Vec<Far>,
    polled: Vec<(Version, Record)>,
    /// The last durable record.
    durable: u64,
    /// The kinds of the messages that the edges heard.
    kinds: BTreeSet<String>,
    events: Vec<Event>,
}

/// The records that a message names.
fn records(message: &Message) -> Vec<u64> {
    let of = |tsis: &[TsiVersion]| tsis.iter().map(|tsi| tsi.version.generation).collect();
    match message {
        Message::RegistrationReply(reply) => of(&reply.tsis),
        Message::DeregisterReply(reply) => of(&reply.tsis),
        Message::Response(Response { answer: Answer::Found(mapping), .. }) => vec![mapping.version.generation],
        Message::Update(Update { upto, mappings, .. }) => {
            mappings.iter().map(|mapping| mapping.version.generation).chain([upto.0]).collect()
        }
        Message::Prepare(prepare) => vec![prepare.version.generation],
        Message::Suspended(word) | Message::Revoke(word) => vec![word.version.generation],
        Message::Outcome(outcome) => vec![outcome.version.generation],
        _ => vec![],
    }
}

/// The name of a message, and of an *Outcome* its result too: the two rest on different records.
fn kind(message: &Message) -> String {
    match message {
        Message::Outcome(outcome) => format!("Outcome-{:?}", outcome.result),
        _ => message.name().into(),
    }
}

fn greet(nva: &mut Nva, now: Instant, n: u8, nonce: u64) -> Far {
    let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
    let hello = Hello { place: place(n), nonce: 0, resumed: nonce > 100, encapsulations, capabilities, seen: None };
    let mut session = Session::initiate(SessionConfig::default(), hello, nonce).unwrap();
    let (mut bytes, mut greeting) = (Vec::new(), None);
    assert!(session.poll_transmit(now, &mut bytes));
    nva.handle_datagram(now, peer(n), &bytes);
    while let Some(to) = nva.poll_transmit(now, &mut bytes) {
        let (header, message) = Message::decode(&bytes).unwrap();
        if to == peer(n) {
            if let Message::HelloAck(ack) = &message {
                greeting = Some(*ack);
            }
            session.handle(now, &header, message).unwrap();
        }
    }
    Far { session, heard: Vec::new(), sequence: 0, acked: Ack::default(), greeting: greeting.unwrap() }
}

impl World {
    fn new() -> Self {
        let now = Instant(1_000_000);
        let mut config = NvaConfig::new(Transport::Trusted);
        config.members_interval = Micros(0);
        let mut nva = Nva::new(config, 7, now).unwrap();
        let (epoch, _) = nva.poll_persist().unwrap();
        nva.handle(now, Input::Persisted(epoch)).unwrap();
        for n in 1..=3 {
            nva.handle(now, Input::Admit(place(n))).unwrap();
        }
        let far = (1..=3).map(|n| greet(&mut nva, now, n, n.into())).collect();
        let (polled, durable, kinds, events) = (Vec::new(), epoch.generation, BTreeSet::new(), Vec::new());
        let mut world = Self { nva, now, far, polled, durable, kinds, events };
        world.talk();
        for n in 1..=3 {
            world.say(n, Message::Restate(Restate { vn: VN, more: false, tsis: Vec::new() }));
        }
        world.forget();
        world
    }

    /// The same, and TSI 1 is registered at edge 1, durably.
    fn registered() -> Self {
        let mut world = Self::new();
        world.register(1, 1);
        world.persist();
        world.forget();
        world
    }

    /// The same, in a planned move to edge 2 with edge 3 interested. Both parties are ready.
    fn ready_to_suspend() -> Self {
        let mut world = Self::registered();
        world.ask(3, 1);
        world.plan();
        world.persist();
        world.say(2, READY);
        world.say(1, READY);
        world.forget();
        world
    }

    fn far(&mut self, n: u8) -> &mut Far {
        self.far.get_mut(usize::from(n) - 1).unwrap()
    }

    /// What edge `n` heard since the last call.
    fn heard(&mut self, n: u8) -> Vec<Message> {
        core::mem::take(&mut self.far(n).heard)
    }

    fn forget(&mut self) {
        self.far.iter_mut().for_each(|far| far.heard.clear());
        self.events.clear();
    }

    /// Carries messages both ways, and polls records without making them durable.
    fn talk(&mut self) {
        let mut bytes = Vec::new();
        loop {
            let mut quiet = true;
            for (n, far) in self.far.iter_mut().enumerate() {
                while far.session.poll_transmit(self.now, &mut bytes) {
                    quiet = false;
                    self.nva.handle_datagram(self.now, peer(n as u8 + 1), &bytes);
                }
            }
            while let Some(to) = self.nva.poll_transmit(self.now, &mut bytes) {
                quiet = false;
                let Some(far) = self.far.iter_mut().enumerate().find(|(n, _)| peer(*n as u8 + 1) == to) else {
                    continue;
                };
                let (header, message) = Message::decode(&bytes).unwrap();
                let last = records(&message).into_iter().max();
                assert!(
                    last <= Some(self.durable),
                    "{} is durable, and this names a later one: {message:?}",
                    self.durable
                );
                self.kinds.insert(kind(&message));
                let _ = far.1.session.handle(self.now, &header, message);
            }
            for far in &mut self.far {
                while let Some(event) = far.session.poll_event() {
                    if let SessionEvent::Acked(ack) = event {
                        far.acked = ack;
                    }
                }
                while let Some(received) = far.session.poll_message() {
                    far.sequence = received.sequence;
                    far.heard.push(received.message);
                }
            }
            self.polled.extend(core::iter::from_fn(|| self.nva.poll_persist()));
            self.events.extend(core::iter::from_fn(|| self.nva.poll_event()));
            if quiet {
                return;
            }
        }
    }

    /// Makes every record that was polled durable.
    fn persist(&mut self) {
        if let Some((last, _)) = self.polled.last() {
            self.durable = last.generation;
            self.nva.handle(self.now, Input::Persisted(*last)).unwrap();
        }
        self.talk();
    }

    /// An edge says a message. Gives its sequence.
    fn say(&mut self, n: u8, message: Message) -> u32 {
        let sequence = self.far(n).session.send(1, &message).unwrap();
        self.talk();
        sequence
    }

    fn register(&mut self, at: u8, n: u8) -> u32 {
        let Tsi { key, ips, role } = tsi(n);
        let claim = Claim { mac: key.mac, kind: MoveKind::Cold, by_word: true, old: None, expected: None, ips, role };
        let request = RegistrationRequest { vn: VN, lifetime: Lifetime::SESSION, claims: vec![claim] };
        self.say(at, Message::RegistrationRequest(request))
    }

    fn ask(&mut self, from: u8, n: u8) {
        self.say(from, Message::Query(Query { vn: VN, address: Address::Mac(tsi(n).key.mac) }));
    }

    fn plan(&mut self) {
        let (id, tsis, to, kind, deadline) = (MOVE, vec![tsi(1).key], NveId(2), MoveKind::Hot, Micros::from_secs(5));
        self.nva.handle(self.now, Input::Move { id, tsis, to, kind, deadline }).unwrap();
        self.talk();
    }

    fn word(&self) -> MoveWord {
        MoveWord { move_id: MOVE, version: self.nva.book().get_move(MOVE).unwrap().version() }
    }

    /// Does something, hears what comes of it, and only then makes its records durable.
    fn step(&mut self, does: impl FnOnce(&mut Self)) {
        does(self);
        self.talk();
        while self.polled.last().is_some_and(|(last, _)| last.generation > self.durable) {
            self.persist();
        }
    }

    /// Every message of edge `n` is in force there.
    fn follow(&mut self, n: u8) {
        self.far(n).session.set_in_force(u32::MAX);
        self.talk();
    }
}

/// *Ready* of either party. The move is planned by record 2.
const READY: Message = Message::Ready(Ready {
    move_id: MOVE,
    version: nvo3_nva_proto::Version { epoch: 1, generation: 3 },
    refused: None,
});

fn names(heard: &[Message]) -> Vec<&'static str> {
    heard.iter().map(Message::name).collect()
}

/// Checks VMM-6-04.
#[test]
fn a_registration_is_answered_acknowledged_and_published_once_it_is_durable() {
    let mut world = World::new();
    world.ask(3, 1);
    assert!(matches!(world.heard(3).as_slice(), [Message::Response(r)] if r.answer == Answer::NotFound));

    let sequence = world.register(1, 1);
    assert_eq!((world.heard(1), world.far(1).acked.in_force), (vec![], sequence - 1));
    assert_eq!(world.heard(3), []);
    world.persist();

    assert_eq!(names(&world.heard(1)), ["Update", "RegistrationReply"]);
    assert_eq!(world.far(1).acked.in_force, sequence);
    assert_eq!(names(&world.heard(3)), ["Update"]);

    // Edge 1 is in the VN already, so nothing goes before the answer.
    world.register(1, 3);
    assert_eq!(world.heard(1), []);
    world.persist();
    assert_eq!(names(&world.heard(1)), ["RegistrationReply"]);
}

#[test]
fn a_withdrawal_is_answered_and_published_once_it_is_durable() {
    let mut world = World::registered();
    world.ask(3, 1);
    let Message::Response(response) = world.heard(3).remove(0) else { panic!("no answer") };
    let Answer::Found(mapping) = response.answer else { panic!("{response:?}") };

    let sequence = world.say(
        1,
        Message::Deregister(Deregister {
            vn: VN,
            tsis: vec![TsiVersion { mac: mapping.mac, version: mapping.version }],
        }),
    );
    world.ask(2, 1);
    assert_eq!((world.heard(1), world.heard(2), world.heard(3)), (vec![], vec![], vec![]));
    assert!(world.far(1).acked.in_force < sequence);
    world.persist();

    assert_eq!(names(&world.heard(1)), ["DeregisterReply"]);
    assert_eq!(names(&world.heard(3)), ["Update"]);
    assert!(matches!(world.heard(2).as_slice(), [Message::Response(r)] if r.answer == Answer::NotFound));
}

/// Checks R-03.
#[test]
fn a_response_waits_for_the_record_of_its_own_mapping_and_for_no_other_one() {
    let mut world = World::registered();
    world.register(2, 2);

    world.ask(3, 1);
    world.ask(3, 2);
    assert!(
        matches!(world.heard(3).as_slice(), [Message::Response(r)] if matches!(&r.answer, Answer::Found(m) if m.mac == tsi(1).key.mac))
    );
    world.say(3, Message::Query(Query { vn: VN, address: Address::Ip(tsi(2).ips[0]) }));
    assert_eq!(world.heard(3), []);
    world.persist();

    assert_eq!(names(&world.heard(3)), ["Response", "Response"]);
}

#[test]
fn a_hello_is_answered_with_the_published_record_that_is_durable() {
    let mut world = World::registered();
    world.register(2, 2);
    let far = greet(&mut world.nva, world.now, 3, 103);
    assert_eq!(far.greeting.published, RecordNo(2));

    world.persist();

    let far = greet(&mut world.nva, world.now, 3, 104);
    assert_eq!(far.greeting.published, RecordNo(3));
}

/// Checks VMM-7-03.
#[test]
fn prepare_waits_for_the_plan_to_be_durable() {
    let mut world = World::registered();
    // Edge 2 is in the VN already, so it hears of the plan by Prepare alone.
    world.register(2, 2);
    world.persist();
    world.forget();
    world.plan();
    assert_eq!(world.heard(2), []);

    world.persist();

    assert_eq!(names(&world.heard(2)), ["Prepare"]);
}

/// Checks VMM-7-03, VMM-4.3-08.
#[test]
fn the_outcome_its_events_and_its_acknowledgement_wait_for_the_decision_to_be_durable() {
    let mut world = World::ready_to_suspend();
    let word = world.word();
    world.say(1, Message::Suspended(word));
    world.follow(3);
    world.forget();

    let sequence = world.say(2, Message::Activated(word));
    assert_eq!((world.heard(1), world.heard(2), world.heard(3)), (vec![], vec![], vec![]));
    assert_eq!(world.events, []);
    assert!(world.far(2).acked.in_force < sequence);
    assert!(!matches!(world.nva.poll_timeout(), Some((_, Timer::Output))), "a record is no output to poll");
    world.persist();

    assert!(names(&world.heard(1)).contains(&"Outcome") && names(&world.heard(2)).contains(&"Outcome"));
    assert!(matches!(world.events.as_slice(), [Event::Move { id: MOVE, .. }]), "{:?}", world.events);
    assert_eq!(world.far(2).acked.in_force, sequence);

    world.forget();
    world.follow(1);
    world.follow(2);
    assert_eq!(world.events.len(), 1, "the old NVE has the outcome in force: {:?}", world.events);
    world.persist();
    let ended = |event: &Event| matches!(event, Event::Ended { id: MOVE, .. });
    assert!(world.events.iter().any(ended), "{:?}", world.events);
}

#[test]
fn an_event_that_rests_on_no_record_is_not_delayed_by_one() {
    let mut world = World::registered();
    world.register(2, 2);
    assert_eq!(world.events, []);

    let nve = NveId(3);
    world.far(3).session.close();
    world.talk();

    assert!(
        matches!(world.events.as_slice(), [Event::NveDown { nve: down, .. }] if *down == nve),
        "{:?}",
        world.events
    );
}

/// Checks R-03.
#[test]
fn messages_to_one_nve_keep_their_order_while_a_record_is_not_durable() {
    let mut world = World::ready_to_suspend();
    let word = world.word();
    world.say(1, Message::Suspended(word));
    world.say(2, Message::Activated(word));
    world.say(2, Message::OutcomeQuery(MOVE));
    world.register(2, 3);
    world.forget();

    world.persist();

    let heard = world.heard(2);
    let at = |name| names(&heard).iter().position(|other| *other == name);
    assert!(at("Outcome") < at("RegistrationReply"), "{:?}", names(&heard));
}

/// Checks VMM-7-03.
#[test]
fn a_move_does_not_converge_where_a_forwarder_refused_it() {
    let mut world = World::ready_to_suspend();
    let word = world.word();
    world.say(1, Message::Suspended(word));
    let heard = world.heard(3);
    assert_eq!(names(&heard), ["Update"]);
    let (about, sequence) = (heard[0].type_code(), world.far(3).sequence);
    let error = ErrorMessage { code: ErrorCode::Forwarder, about, sequence, offset: 0, tlv: 0 };
    assert!(world.far(3).session.refuse(error));
    world.follow(3);
    world.say(2, Message::Activated(word));
    world.persist();
    world.follow(1);
    world.follow(2);
    world.persist();

    let converged = |event: &Event| matches!(event, Event::Converged { .. });
    let not_followed = |event: &&Event| matches!(event, Event::NotFollowed { id: MOVE, nve: NveId(3) });
    assert!(world.events.iter().any(|event| matches!(event, Event::Ended { .. })));
    assert_eq!(world.events.iter().filter(not_followed).count(), 1, "{:?}", world.events);
    assert!(!world.events.iter().any(converged));
    assert_eq!(world.nva.counters().not_followed, 1);
}

/// What an edge hears may count for ever, and a record that is not durable may be lost. `World::talk` checks each message.
///
/// Checks VMM-6-03, I6.
#[test]
fn no_message_of_any_kind_names_a_record_that_is_not_durable() {
    let mut world = World::new();
    world.step(|world| _ = world.say(3, Message::Subscribe(VN)));
    world.step(|world| _ = world.register(1, 1));
    world.step(|world| {
        world.register(2, 2);
        world.ask(3, 2);
        world.say(1, Message::Query(Query { vn: VN, address: Address::Ip(tsi(2).ips[0]) }));
    });
    world.step(|world| _ = world.register(3, 3));

    world.step(World::plan);
    for n in [2, 1] {
        world.step(|world| {
            let MoveWord { move_id, version } = world.word();
            world.say(n, Message::Ready(Ready { move_id, version, refused: None }));
        });
    }
    world.step(|world| _ = world.say(1, Message::Suspended(world.word())));
    world.step(|world| {
        world.say(2, Message::Activated(world.word()));
        world.say(1, Message::OutcomeQuery(MOVE));
        world.ask(3, 1);
    });
    let done = Message::Done(Done { move_id: MOVE, report: Report::default() });
    for n in 1..=3 {
        world.step(|world| world.follow(n));
    }
    for n in 1..=2 {
        world.step(|world| _ = world.say(n, done.clone()));
    }

    let id = MoveId(11);
    world.step(|world| {
        let (tsis, to, kind, deadline) = (vec![tsi(1).key], NveId(1), MoveKind::Hot, Micros::from_secs(5));
        world.nva.handle(world.now, Input::Move { id, tsis, to, kind, deadline }).unwrap();
        world.talk();
    });
    world.step(|world| world.nva.handle(world.now, Input::Cancel(id)).unwrap());
    world.step(|world| {
        let version = world.nva.book().get_move(id).unwrap().version();
        world.say(1, Message::Revoked(MoveWord { move_id: id, version }));
        world.ask(3, 1);
    });

    world.step(|world| {
        let (mac, version) = (tsi(2).key.mac, world.nva.lookup(&tsi(2).key).unwrap().version);
        world.say(2, Message::Deregister(Deregister { vn: VN, tsis: vec![TsiVersion { mac, version }] }));
        world.ask(1, 2);
    });

    let kinds = "DeregisterReply Done Outcome-Aborted Outcome-Committed Prepare RegistrationReply Response Revoke Suspended Update";
    let missing: Vec<_> = kinds.split(' ').filter(|kind| !world.kinds.contains(*kind)).collect();
    assert!(missing.is_empty(), "not said: {missing:?}");
}

/// All words that an NVE may say about a move, in this version.
fn words(version: Version) -> [Message; 6] {
    let word = MoveWord { move_id: MOVE, version };
    let ready = |refused| Message::Ready(Ready { move_id: MOVE, version, refused });
    [
        ready(None),
        ready(Some(Refusal::Forwarder)),
        Message::Suspended(word),
        Message::Activated(word),
        Message::Resumed(word),
        Message::Revoked(word),
    ]
}

impl World {
    /// Lets an edge say a word that must count for nothing.
    fn say_in_vain(&mut self, n: u8, message: &Message) {
        let before = (self.nva.book().get_move(MOVE).cloned(), self.nva.move_state(MOVE), self.polled.len());
        self.say(n, message.clone());
        let after = (self.nva.book().get_move(MOVE).cloned(), self.nva.move_state(MOVE), self.polled.len());
        assert_eq!(after, before, "edge {n}: {message:?}");
        for far in &self.far {
            assert_eq!(far.heard, [], "edge {n}: {message:?}");
        }
        assert_eq!(self.events, [], "edge {n}: {message:?}");
    }
}

/// Checks R-03, I5.
#[test]
fn a_word_of_another_version_or_of_another_nve_counts_for_nothing_in_a_move() {
    let mut world = World::ready_to_suspend();
    let own = world.word().version;
    let others = [own.generation - 1, own.generation + 1].map(|generation| Version { generation, ..own });
    for version in [others[0], others[1], Version { epoch: own.epoch + 1, ..own }] {
        for message in words(version) {
            (1..=2).for_each(|n| world.say_in_vain(n, &message));
        }
    }
    for message in words(own) {
        world.say_in_vain(3, &message);
        match message {
            Message::Suspended(_) | Message::Resumed(_) => world.say_in_vain(2, &message),
            Message::Activated(_) | Message::Revoked(_) => world.say_in_vain(1, &message),
            _ => {}
        }
    }
}

/// Checks R-03.
#[test]
fn a_word_that_comes_after_the_end_of_its_move_counts_for_nothing() {
    for aborted in [false, true] {
        let mut world = World::ready_to_suspend();
        let word = world.word();
        if aborted {
            world.step(|world| world.nva.handle(world.now, Input::Cancel(MOVE)).unwrap());
            world.step(|world| _ = world.say(2, Message::Revoked(word)));
        } else {
            world.step(|world| _ = world.say(1, Message::Suspended(word)));
            world.step(|world| _ = world.say(2, Message::Activated(word)));
        }
        for n in [1, 2, 3, 1, 2] {
            world.step(|world| world.follow(n));
        }
        assert!(world.nva.move_state(MOVE).is_some_and(|state| matches!(state, State::Ended(_))), "not ended");
        world.forget();

        for message in words(word.version) {
            (1..=3).for_each(|n| world.say_in_vain(n, &message));
        }
        assert_eq!(world.nva.counters().out_of_place, 0);
    }
}
