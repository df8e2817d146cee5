//! Two ends of a session on a network that loses, repeats, reorders and delays datagrams. A forger on the network sees every datagram
//! and sends anything, but has no key. Each end takes only the other end's messages, in order and once. Once the network is healthy,
//! both ends agree.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_nva_proto::auth::{KeyId, Keys, NvaSeals, NveSeals, Opened, Party, Secret};
use nvo3_nva_proto::{
    Capabilities, DownReason, Encapsulations, ErrorCode, ErrorMessage, Header, Hello, HelloAck, Instant, Locators,
    Message, Micros, MoveId, NveId, Place, RecordNo, SEAL_LEN, Session, SessionConfig, SessionEvent, SessionId,
};
use std::collections::VecDeque;

const NVE: usize = 0;
const NVA: usize = 1;
const EDGE: NveId = NveId(1);
const STEPS: usize = 250;
/// The most datagrams that are under way at once, and that the forger remembers.
const MOST: usize = 64;

#[derive(Arbitrary, Debug)]
enum Step {
    /// This end sends a message.
    Say {
        nva: bool,
    },
    /// A datagram under way arrives, arrives as a copy, or is lost.
    Arrive {
        at: u8,
    },
    Again {
        at: u8,
    },
    Lose {
        at: u8,
    },
    Wait {
        millis: u16,
    },
    Restart {
        nva: bool,
    },
    /// This end begins or stops to put messages in force late.
    Slow {
        nva: bool,
    },
    Inject {
        nva: bool,
        bytes: Vec<u8>,
    },
    Forge {
        nva: bool,
        seen: u8,
        how: Forgery,
    },
}

/// A datagram that the forger makes from those that it saw.
#[derive(Arbitrary, Debug)]
enum Forgery {
    Same,
    Changed(Vec<(u16, u8)>),
    Cut(u16),
    /// The front of one datagram and the end of another.
    Spliced {
        with: u8,
        at: u16,
    },
    Bare,
    /// The forger's own message with the header and the seal of another.
    Replaced(Message),
}

#[derive(Clone, Copy)]
struct Said {
    by: usize,
    session: SessionId,
    heard: bool,
}

struct World {
    now: Instant,
    config: SessionConfig,
    keys: Keys,
    nve: (Session, NveSeals),
    /// The session, and the nonce of the Hello that asked for it.
    nva: (Option<(Session, u64)>, NvaSeals),
    /// The source of unique numbers for seeds, sessions and challenges.
    given: u64,
    way: VecDeque<(usize, Vec<u8>)>,
    overheard: VecDeque<Vec<u8>>,
    /// Every message that an end sent. The number in a message is its index here.
    said: Vec<Said>,
    slow: [bool; 2],
    taken: [u32; 2],
    /// True once the authority forgot or closed a session.
    forgot: bool,
}

fn hello() -> Hello {
    Hello {
        place: Place { nve: EDGE, locators: Locators::V4([192, 0, 2, 1].into()) },
        nonce: 0,
        resumed: false,
        encapsulations: Encapsulations::VXLAN,
        capabilities: Capabilities::HOLD,
        seen: None,
    }
}

impl World {
    fn new() -> Self {
        let mut keys = Keys::default();
        keys.add(KeyId::new(1).unwrap(), EDGE, &Secret::from([7; 32])).unwrap();
        let mut config = SessionConfig::default();
        (config.window, config.queue) = (8, 32);
        Self {
            now: Instant(1),
            config,
            nve: (Session::initiate(config, hello(), 1).unwrap(), NveSeals::new(keys.clone(), EDGE).unwrap()),
            nva: (None, NvaSeals::default()),
            keys,
            given: 1,
            way: VecDeque::new(),
            overheard: VecDeque::new(),
            said: Vec::new(),
            slow: [false; 2],
            taken: [0; 2],
            forgot: false,
        }
    }

    fn give(&mut self) -> u64 {
        self.given += 1;
        self.given.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn session(&mut self, end: usize) -> Option<&mut Session> {
        if end == NVE { Some(&mut self.nve.0) } else { self.nva.0.as_mut().map(|(session, _)| session) }
    }

    fn say(&mut self, end: usize) {
        let message = Message::OutcomeQuery(MoveId(self.said.len() as u64));
        let Some(session) = self.session(end) else { return };
        let id = session.id();
        if session.send(0, &message).is_ok() {
            self.said.push(Said { by: end, session: id, heard: false });
        }
    }

    fn restart(&mut self, end: usize) {
        self.taken[end] = 0;
        if end == NVE {
            let seed = self.give();
            self.nve = (
                Session::initiate(self.config, hello(), seed).unwrap(),
                NveSeals::new(self.keys.clone(), EDGE).unwrap(),
            );
        } else {
            self.nva = (None, NvaSeals::default());
            self.forgot = true;
        }
    }

    /// Checks a message that an end takes: the other end sent it, and it is in order and new in its session.
    fn heard(&mut self, end: usize, message: &Message) {
        let Message::OutcomeQuery(MoveId(n)) = message else { panic!("{message:?} was never said") };
        let n = usize::try_from(*n).unwrap();
        let now = self.said[n];
        assert!(now.by != end && !now.heard, "said by itself, or heard before");
        let before = self.said[..n].iter().filter(|said| said.by == now.by && said.session == now.session);
        assert!(before.clone().all(|said| said.heard), "something before it was left out");
        let after = self.said[n..].iter().filter(|said| said.by == now.by);
        assert!(after.clone().all(|said| !said.heard), "something after it was heard before");
        self.said[n].heard = true;
    }

    fn told(&mut self, end: usize, event: &SessionEvent) {
        match event {
            // No end closes a session or sends an Error.
            SessionEvent::Down(DownReason::PeerClosed | DownReason::Closed) | SessionEvent::PeerError(_) => {
                panic!("{event:?}")
            }
            SessionEvent::Down(DownReason::UnknownSession) => assert!(end == NVE && self.forgot),
            SessionEvent::Up(_) | SessionEvent::Down(_) => self.taken[end] = 0,
            SessionEvent::Acked(ack) => assert!(ack.in_force <= ack.received),
            _ => {}
        }
    }

    /// Polls the messages, events and datagrams of both ends.
    fn pump(&mut self) {
        for end in [NVE, NVA] {
            while let Some(event) = self.session(end).and_then(Session::poll_event) {
                self.told(end, &event);
            }
            while let Some(received) = self.session(end).and_then(Session::poll_message) {
                self.heard(end, &received.message);
                self.taken[end] = received.sequence;
            }
            let (upto, now) = (self.taken[end], self.now);
            if !self.slow[end]
                && let Some(session) = self.session(end)
            {
                session.set_in_force(upto);
            }
            let mut bytes = Vec::new();
            while self.session(end).is_some_and(|session| session.poll_transmit(now, &mut bytes)) {
                match end {
                    NVE => self.nve.1.seal(&mut bytes).unwrap(),
                    _ => self.nva.1.seal(&self.keys, EDGE, &mut bytes).unwrap(),
                }
                self.fly(1 - end, bytes.clone());
            }
        }
        if self.nva.0.as_ref().is_some_and(|(session, _)| session.is_over()) {
            self.nva.0 = None;
            self.forgot = true;
        }
    }

    fn fly(&mut self, to: usize, bytes: Vec<u8>) {
        for full in [self.way.len() >= MOST, self.overheard.len() >= MOST] {
            if full {
                self.way.truncate(MOST - 1);
                self.overheard.truncate(MOST - 1);
            }
        }
        self.overheard.push_front(bytes.clone());
        self.way.push_back((to, bytes));
    }

    fn arrive(&mut self, to: usize, bytes: &[u8]) {
        if to == NVE {
            let (session, seals) = &mut self.nve;
            let Ok(opened) = seals.open(session.id(), bytes) else { return };
            // Both ends have the same version.
            let message = opened.decode().unwrap();
            let challenge = matches!(message, Message::HelloAck(_)) && opened.header.session.0 == 0;
            if session.handle(self.now, &opened.header, message).is_ok() && challenge {
                seals.challenged(opened.number);
            }
            return;
        }
        let keys = self.keys.clone();
        let Ok(opened) = keys.open(Party::Nve, bytes) else { return };
        let (message, id) = (opened.decode().unwrap(), opened.header.session);
        match (&mut self.nva, message) {
            (_, Message::Hello(hello)) => self.asked(&opened, hello),
            ((Some((session, _)), seals), message) if session.id() == id => {
                if seals.take(id, &opened).is_ok() {
                    let _ = session.handle(self.now, &opened.header, message);
                }
            }
            (_, Message::Error(_)) => {}
            _ => {
                let error = ErrorMessage {
                    code: ErrorCode::UnknownSession,
                    about: opened.kind,
                    sequence: 0,
                    offset: 0,
                    tlv: 0,
                };
                self.answer(&opened, 0, Header { session: id, ..Header::default() }, Message::Error(error));
            }
        }
    }

    fn asked(&mut self, opened: &Opened<'_>, hello: Hello) {
        let (fresh, id) = (self.give(), SessionId(self.give()));
        let (session, seals) = &mut self.nva;
        if let Some((session, nonce)) = session
            && *nonce == hello.nonce
        {
            // The NVA repeats its answer until it arrives.
            if !seals.is_heard(session.id()) {
                let _ = session.handle(self.now, &opened.header, Message::Hello(hello));
            }
            return;
        }
        let ack = HelloAck { session: SessionId(0), nonce: hello.nonce, epoch: 1, published: RecordNo(0), seen: None };
        match seals.prove(self.now, self.config.dead_after, opened, fresh) {
            Ok(()) => {
                let ack = HelloAck { session: id, ..ack };
                *session = Some((Session::accept(self.config, self.now, &hello, ack).unwrap(), hello.nonce));
                self.taken[NVA] = 0;
                self.forgot = true;
            }
            Err(challenge) => self.answer(opened, challenge.number, Header::default(), Message::HelloAck(ack)),
        }
    }

    fn answer(&mut self, to: &Opened<'_>, number: u64, header: Header, message: Message) {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();
        self.keys.seal(Party::Nva, to.key, number, &mut bytes).unwrap();
        self.fly(NVE, bytes);
    }

    fn overheard(&self, at: u8) -> Vec<u8> {
        self.overheard.get(usize::from(at) % self.overheard.len().max(1)).cloned().unwrap_or_default()
    }

    fn forge(&self, seen: u8, how: Forgery) -> Vec<u8> {
        let mut bytes = self.overheard(seen);
        match how {
            Forgery::Same => {}
            Forgery::Changed(edits) => {
                for (at, with) in edits {
                    let at = usize::from(at) % bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= with;
                    }
                }
            }
            Forgery::Cut(length) => {
                bytes.truncate(length.into());
                set_length(&mut bytes);
            }
            Forgery::Spliced { with, at } => {
                let other = self.overheard(with);
                bytes.truncate(at.into());
                bytes.extend(other.get(usize::from(at)..).unwrap_or_default());
                set_length(&mut bytes);
            }
            Forgery::Bare => {
                bytes.truncate(bytes.len().saturating_sub(SEAL_LEN));
                if let Some(flags) = bytes.get_mut(2..4) {
                    flags.fill(0);
                }
                set_length(&mut bytes);
            }
            Forgery::Replaced(message) => {
                let seal = bytes.split_off(bytes.len().saturating_sub(SEAL_LEN));
                let (header, mut own) = (bytes, Vec::new());
                if message.encode(&Header::default(), &mut own).is_ok() && header.len() >= Header::LEN {
                    own[2..Header::LEN].copy_from_slice(&header[2..Header::LEN]);
                    own.extend(seal);
                    set_length(&mut own);
                }
                bytes = own;
            }
        }
        bytes
    }

    fn step(&mut self, step: Step) {
        let index = |at: u8, length: usize| usize::from(at) % length.max(1);
        match step {
            Step::Say { nva } => self.say(nva.into()),
            Step::Arrive { at } => {
                if let Some((to, bytes)) = self.way.remove(index(at, self.way.len())) {
                    self.arrive(to, &bytes);
                }
            }
            Step::Again { at } => {
                if let Some((to, bytes)) = self.way.get(index(at, self.way.len())).cloned() {
                    self.arrive(to, &bytes);
                }
            }
            Step::Lose { at } => drop(self.way.remove(index(at, self.way.len()))),
            Step::Wait { millis } => self.now = self.now + Micros::from_millis(u64::from(millis) % 5_000),
            Step::Restart { nva } => self.restart(nva.into()),
            Step::Slow { nva } => self.slow[usize::from(nva)] ^= true,
            Step::Inject { nva, bytes } => self.arrive(nva.into(), &bytes),
            Step::Forge { nva, seen, how } => {
                let bytes = self.forge(seen, how);
                self.arrive(nva.into(), &bytes);
            }
        }
    }

    /// Lets every datagram arrive in time, without the forger.
    fn calm(&mut self) {
        self.slow = [false; 2];
        let end = self.now + Micros::from_secs(12);
        while self.now < end {
            self.pump();
            while let Some((to, bytes)) = self.way.pop_front() {
                self.arrive(to, &bytes);
                self.pump();
            }
            self.now = self.now + Micros::from_millis(100);
        }
    }

    fn agrees(&mut self) {
        let id = self.nve.0.id();
        let (nva, _) = self.nva.0.as_ref().expect("the authority has a session");
        assert!(self.nve.0.is_up() && nva.is_up() && nva.id() == id);
        assert_eq!(self.nve.0.unacknowledged() + nva.unacknowledged(), 0);
        assert!(self.said.iter().filter(|said| said.session == id).all(|said| said.heard));
    }
}

/// Writes the length of the datagram into its length field, if it has one.
fn set_length(bytes: &mut [u8]) {
    let length = (bytes.len() as u16).to_be_bytes();
    if let Some(field) = bytes.get_mut(4..6) {
        field.copy_from_slice(&length);
    }
}

fuzz_target!(|steps: Vec<Step>| {
    let mut world = World::new();
    for step in steps.into_iter().take(STEPS) {
        world.step(step);
        world.pump();
    }
    world.calm();
    world.agrees();
});
