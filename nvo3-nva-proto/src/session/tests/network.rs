//! The network that the tests of sessions share.

use crate::session::{Received, Reject, Session, SessionConfig, SessionEvent};
use crate::{
    Capabilities, Encapsulations, Header, Hello, HelloAck, Instant, Locators, Message, Micros, MoveId, NveId, Place,
    RecordNo, SessionId, StreamDecoder,
};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

pub(super) const NVE: usize = 0;
pub(super) const NVA: usize = 1;

/// The quality of the network in one direction. `loss`, `twice` and `late` are percentages of the datagrams. A datagram takes `delay`
/// microseconds, and a late one up to `spread` more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) loss: u64,
    pub(super) twice: u64,
    pub(super) late: u64,
    pub(super) delay: u64,
    pub(super) spread: u64,
}

pub(super) const GOOD: Way = Way { loss: 0, twice: 0, late: 0, delay: 500, spread: 0 };

/// One direction of a stream. The written bytes leave in pieces, which arrive in order.
#[derive(Clone, Debug, Default)]
struct Pipe {
    written: Vec<u8>,
    latest: Instant,
    decoder: StreamDecoder,
}

pub(super) struct Network {
    pub(super) now: Instant,
    pub(super) way: Way,
    pub(super) sides: [Option<Session>; 2],
    pub(super) messages: [Vec<Received>; 2],
    pub(super) events: [Vec<SessionEvent>; 2],
    pub(super) datagrams: u64,
    config: SessionConfig,
    random: u64,
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    next_id: u64,
    /// The streams, by the side that reads them; `None` if the sides send datagrams.
    pipes: Option<[Pipe; 2]>,
    /// The percentage of steps whose messages come into force only at the next step.
    pub(super) slow: u64,
    unforced: [Option<(SessionId, u32)>; 2],
}

pub(super) fn hello() -> Hello {
    Hello {
        place: Place { nve: NveId(1), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, 1)) },
        nonce: 0,
        resumed: false,
        encapsulations: Encapsulations::VXLAN,
        capabilities: Capabilities::HOLD,
        seen: None,
    }
}

pub(super) fn grant(session: u64) -> HelloAck {
    HelloAck { session: SessionId(session), nonce: 0, epoch: 1, published: RecordNo(0), seen: None }
}

/// Message number `n` of a test.
pub(super) fn numbered(n: u64) -> Message {
    Message::OutcomeQuery(MoveId(n))
}

impl Network {
    pub(super) fn new(config: SessionConfig, way: Way, seed: u64) -> Self {
        config.validate().unwrap();
        Self {
            now: Instant(1),
            way,
            sides: [Some(Session::initiate(config, hello(), seed).unwrap()), None],
            messages: [Vec::new(), Vec::new()],
            events: [Vec::new(), Vec::new()],
            datagrams: 0,
            config,
            random: seed | 1,
            flying: BTreeMap::new(),
            next_id: 100,
            pipes: None,
            slow: 0,
            unforced: [None; 2],
        }
    }

    /// The same network with a stream instead of datagrams.
    pub(super) fn over_a_stream(self) -> Self {
        Self { pipes: Some(Default::default()), ..self }
    }

    /// Breaks the stream: the bytes under way are lost, and both sides have a new stream at once.
    pub(super) fn cut(&mut self) {
        if let Some(pipes) = &mut self.pipes {
            *pipes = Default::default();
            self.flying.clear();
        }
    }

    /// Restarts a side, which forgets everything, its streams too.
    pub(super) fn restart(&mut self, side: usize) {
        self.cut();
        let seed = self.draw();
        self.sides[side] = (side == NVE).then(|| Session::initiate(self.config, hello(), seed).unwrap());
    }

    /// A good network with a session that both sides have up.
    pub(super) fn connected() -> Self {
        let mut net = Self::new(SessionConfig::default(), GOOD, 1);
        net.run_until(|net| net.sides.iter().flatten().filter(|s| s.is_up()).count() == 2);
        net.run_for(Micros::from_millis(10));
        net
    }

    pub(super) fn side(&mut self, side: usize) -> &mut Session {
        self.sides[side].as_mut().unwrap()
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    fn arrival(&mut self) -> Instant {
        let late = if self.chance(self.way.late) { self.draw() % self.way.spread.max(1) } else { 0 };
        self.now + Micros(self.way.delay + late)
    }

    fn fly(&mut self, to: usize, datagram: Vec<u8>) {
        if let Some(pipes) = &mut self.pipes {
            pipes[to].written.extend(datagram);
            return;
        }
        let at = self.arrival();
        self.datagrams += 1;
        self.flying.insert((at, self.datagrams), (to, datagram));
    }

    /// Sends the written bytes of the streams in pieces of random length.
    fn flush(&mut self) {
        for to in [NVE, NVA] {
            let Some(pipes) = &mut self.pipes else { return };
            let written = core::mem::take(&mut pipes[to].written);
            let mut rest = &written[..];
            while !rest.is_empty() {
                let length = 1 + (self.draw() % 100) as usize;
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                rest = behind;
                let arrival = self.arrival();
                let Some(pipes) = &mut self.pipes else { return };
                let at = arrival.max(pipes[to].latest);
                pipes[to].latest = at;
                self.datagrams += 1;
                self.flying.insert((at, self.datagrams), (to, piece.to_vec()));
            }
        }
    }

    /// Sends the datagrams of both sides, and polls their messages and events.
    fn drain(&mut self) {
        let mut datagram = Vec::new();
        for side in [NVE, NVA] {
            let slow = self.chance(self.slow);
            let before = self.unforced[side].take();
            while let Some(session) = &mut self.sides[side] {
                if let Some((_, sequence)) = before.filter(|(id, _)| *id == session.id()) {
                    session.set_in_force(sequence);
                }
                while let Some(event) = session.poll_event() {
                    self.events[side].push(event);
                }
                while let Some(message) = session.poll_message() {
                    if slow {
                        self.unforced[side] = Some((session.id(), message.sequence));
                    } else {
                        session.set_in_force(message.sequence);
                    }
                    self.messages[side].push(message);
                }
                if !session.poll_transmit(self.now, &mut datagram) {
                    break;
                }
                for percent in [100, self.way.twice] {
                    if self.chance(percent) && !self.chance(self.way.loss) {
                        self.fly(1 - side, datagram.clone());
                    }
                }
            }
        }
    }

    fn arrive(&mut self, to: usize, bytes: &[u8]) {
        let Some(pipes) = &mut self.pipes else { return self.take(to, bytes) };
        let (mut rest, mut messages) = (bytes, Vec::new());
        while let Some(message) = pipes[to].decoder.next(&mut rest).unwrap() {
            messages.push(message.to_vec());
        }
        for message in messages {
            self.take(to, &message);
        }
    }

    fn take(&mut self, to: usize, datagram: &[u8]) {
        let (header, message) = Message::decode(datagram).unwrap();
        if let (NVA, Message::Hello(hello)) = (to, &message) {
            let new = match &mut self.sides[NVA] {
                Some(session) => {
                    let result = session.handle(self.now, &header, message.clone());
                    matches!(result, Err(Reject::NewHello { .. }))
                }
                None => true,
            };
            if new {
                self.next_id += 1;
                self.sides[NVA] = Some(Session::accept(self.config, self.now, hello, grant(self.next_id)).unwrap());
            }
            return;
        }
        let unknown = match &mut self.sides[to] {
            Some(session) => matches!(session.handle(self.now, &header, message), Err(Reject::WrongSession { .. })),
            None => true,
        };
        if to == NVA && unknown {
            let mut reply = Vec::new();
            crate::ErrorMessage::unknown_session(&header)
                .encode(&Header { sequence: 0, ..header }, &mut reply)
                .unwrap();
            self.fly(NVE, reply);
        }
    }

    /// Does one step: everything that is due now, and then the clock jumps. False if nothing will happen any more.
    pub(super) fn step(&mut self) -> bool {
        self.drain();
        self.flush();
        let deadlines = self.sides.iter().flatten().filter_map(|s| s.poll_timeout()).map(|(at, _)| at);
        let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
        let Some(next) = deadlines.chain(arrival).min() else { return false };
        assert!(next > self.now || arrival == Some(next), "a deadline at {next} did not lead on from {}", self.now);
        self.now = next;
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= next) {
            let (to, datagram) = entry.remove();
            self.arrive(to, &datagram);
        }
        for session in self.sides.iter_mut().flatten() {
            session.handle_timeout(next);
        }
        true
    }

    pub(super) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..200_000 {
            if done(self) {
                return;
            }
            assert!(self.step(), "nothing more happens");
        }
        panic!("not done at {}", self.now);
    }

    pub(super) fn run_for(&mut self, length: Micros) {
        let end = self.now + length;
        while self.now < end && self.step() {}
        self.drain();
    }
}
