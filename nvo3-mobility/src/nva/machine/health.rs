//! The duties that the NVA waits for.

use super::Nva;
use crate::health::{Duty, Health, Watch};
use crate::nva::io::Event;
use nvo3_nva_proto::Instant;

/// The watch on each duty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watches([(Duty, Watch); 5]);

impl Default for Watches {
    fn default() -> Self {
        let duties = [Duty::HandleTimeout, Duty::PollEvents, Duty::PollTransmit, Duty::PollRecords, Duty::SayPersisted];
        Self(duties.map(|duty| (duty, Watch::default())))
    }
}

impl Watches {
    fn get_mut(&mut self, wanted: Duty) -> Option<&mut Watch> {
        self.0.iter_mut().find(|(duty, _)| *duty == wanted).map(|(_, watch)| watch)
    }

    /// The time at which the owner is told about a duty.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(_, watch)| watch.deadline()).min()
    }
}

impl Nva {
    /// The duties that wait for the owner at `now`. Empty while the owner keeps up.
    ///
    /// A duty that has waited for [`PATIENCE`](crate::health::PATIENCE) also makes one [`Event::Stalled`].
    pub fn health(&self, now: Instant) -> Health {
        let clock = self.facts.clock();
        let now = clock.at(now);
        let waiting = self.watches.0.iter().filter_map(|(duty, watch)| {
            let (mut watch, count) = (*watch, self.owed(now, *duty));
            watch.note(now, count);
            watch.waiting(*duty, count).map(|waiting| waiting.on(clock))
        });
        waiting.collect()
    }

    /// The number of things that wait for one duty.
    fn owed(&self, now: Instant, duty: Duty) -> usize {
        match duty {
            Duty::HandleTimeout => {
                let due = |at: Option<Instant>| usize::from(at.is_some_and(|at| at <= now));
                due(self.peers.next_deadline())
                    + due(self.peers.grace())
                    + due(self.conduct.next_timer().map(|(at, _)| at))
                    + due(self.publish.next_timer().map(|(at, _)| at))
                    + due(self.publish.next_done().map(|(at, _)| at))
            }
            Duty::PollEvents => self.events.ready(),
            Duty::PollTransmit => self.peers.outputs(),
            Duty::PollRecords => self.journal.waiting(),
            Duty::SayPersisted => self.journal.polled(),
            // These are duties of an NVE's owner.
            _ => 0,
        }
    }

    /// Notes the duties that wait after an input, and tells once about each that has waited for too long.
    pub(super) fn watch_owner(&mut self) {
        let now = self.facts.now();
        let mut watches = self.watches;
        for (duty, watch) in &mut watches.0 {
            let count = self.owed(now, *duty);
            watch.note(now, count);
            if watch.is_due(now)
                && let Some(waiting) = watch.waiting(*duty, count)
            {
                self.tell(Event::Stalled(waiting.on(self.facts.clock())));
            }
        }
        self.watches = watches;
    }

    /// Notes that the owner did something about a duty. The rest of it waits since now.
    pub(super) fn served(&mut self, duty: Duty) {
        let (now, count) = (self.facts.now(), self.owed(self.facts.now(), duty));
        if let Some(watch) = self.watches.get_mut(duty) {
            watch.served(now);
            watch.note(now, count);
        }
    }

    /// Notes that something may wait for a duty from now on.
    pub(super) fn note(&mut self, duty: Duty) {
        let (now, count) = (self.facts.now(), self.owed(self.facts.now(), duty));
        if let Some(watch) = self.watches.get_mut(duty) {
            watch.note(now, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::health::{PATIENCE, Waiting};
    use crate::nva::{Input, NvaConfig, Peer, Timer};
    use alloc::vec;
    use alloc::vec::Vec;
    use nvo3_nva_proto::{
        Capabilities, Claim, Encapsulations, Hello, Lifetime, Locators, Message, Micros, MoveKind, NveId, Place,
        RegistrationRequest, Role, Session, SessionConfig, TsiKey, Version,
    };
    use nvo3_wire::{Mac, Vni};

    const START: Instant = Instant(1_000);

    /// An authority with one edge that has a session and registers a TSI. The owner drains nothing after that.
    struct World {
        nva: Nva,
        now: Instant,
        edge: Session,
        bytes: Vec<u8>,
    }

    fn from() -> Peer {
        ([198, 51, 100, 1], 1).into()
    }

    impl World {
        fn new() -> Self {
            let mut session = SessionConfig::default();
            session.keepalive = Micros(PATIENCE.0 + 1);
            let nva = Nva::new(NvaConfig { session, ..NvaConfig::new(Transport::Trusted) }, 7, START).unwrap();
            let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
            let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
            let hello = Hello { place, nonce: 9, resumed: false, encapsulations, capabilities, seen: None };
            let edge = Session::initiate(session, hello, 3).unwrap();
            let mut world = Self { nva, now: START, edge, bytes: Vec::new() };
            world.nva.handle(START, Input::Admit(place)).unwrap();
            world.talk();
            world.drain(None);
            world.talk();
            world.drain(None);
            let (mac, ips) = (Mac([2, 0, 0, 0, 0, 1]), vec!["192.0.2.1".parse().unwrap()]);
            let claim =
                Claim { mac, kind: MoveKind::Cold, by_word: true, old: None, expected: None, ips, role: Role::Unknown };
            let request = RegistrationRequest { vn: Vni::MAX, lifetime: Lifetime::SESSION, claims: vec![claim] };
            world.edge.send(0, &Message::RegistrationRequest(request)).unwrap();
            world.talk();
            world
        }

        /// Carries the edge's messages to the authority.
        fn talk(&mut self) {
            while self.edge.poll_transmit(self.now, &mut self.bytes) {
                self.nva.handle_datagram(self.now, from(), &self.bytes);
            }
        }

        /// Does every duty of the owner except one.
        fn drain(&mut self, forgotten: Option<Duty>) {
            let does = |duty| forgotten != Some(duty);
            while does(Duty::PollRecords)
                && let Some((at, _)) = self.nva.poll_persist()
            {
                if does(Duty::SayPersisted) {
                    self.nva.handle(self.now, Input::Persisted(at)).unwrap();
                }
            }
            while does(Duty::PollTransmit) && self.nva.poll_transmit(self.now, &mut self.bytes).is_some() {
                let (header, message) = Message::decode(&self.bytes).unwrap();
                // The edge counts what it cannot use.
                let _ = self.edge.handle(self.now, &header, message);
            }
            while does(Duty::PollEvents) && self.nva.poll_event().is_some() {}
        }

        fn stalled(&mut self) -> Vec<Duty> {
            let mut stalled = Vec::new();
            while let Some(event) = self.nva.poll_event() {
                if let Event::Stalled(Waiting { duty, .. }) = event {
                    stalled.push(duty);
                }
            }
            stalled
        }
    }

    #[test]
    fn an_owner_that_does_everything_is_never_told() {
        let mut world = World::new();
        for _ in 0..100 {
            world.drain(None);
            assert!(world.nva.health(world.now).is_idle(), "{:?}", world.nva.health(world.now));
            let (at, timer) = world.nva.poll_timeout().unwrap();
            assert!(!matches!(timer, Timer::Health | Timer::Output), "{timer:?}");
            world.now = at.max(world.now);
            world.nva.handle_timeout(world.now);
            world.edge.handle_timeout(world.now);
            world.talk();
        }
        assert_eq!(world.stalled(), []);
    }

    #[test]
    fn each_output_that_is_not_taken_is_told_once() {
        for duty in [Duty::PollEvents, Duty::PollTransmit, Duty::PollRecords, Duty::SayPersisted] {
            let mut world = World::new();
            if duty == Duty::PollEvents {
                world.nva.tell(Event::Duplicate(TsiKey { vn: Vni::MAX, mac: Mac::ZERO }));
                world.nva.watch_owner();
            }
            world.drain(Some(duty));
            let health = world.nva.health(world.now);
            assert_eq!(health.waiting().iter().map(|waiting| waiting.duty).collect::<Vec<_>>(), [duty]);

            for late in [0, 0, 1] {
                world.now = world.now + PATIENCE + Micros(late);
                world.nva.handle_timeout(world.now);
            }

            assert_eq!(world.stalled().iter().filter(|told| **told == duty).count(), 1, "{duty:?}");
        }
    }

    #[test]
    fn a_stall_has_a_deadline_of_its_own_when_nothing_else_comes_in() {
        let mut world = World::new();
        world.drain(Some(Duty::SayPersisted));

        assert_eq!(world.nva.poll_timeout(), Some((world.now + PATIENCE, Timer::Health)));
        world.nva.handle_timeout(world.now + PATIENCE);

        assert_eq!(world.stalled(), [Duty::SayPersisted]);
        assert!(!matches!(world.nva.poll_timeout(), Some((_, Timer::Health))));
    }

    #[test]
    fn a_forgotten_handle_timeout_is_noticed_by_what_comes_in() {
        let mut world = World::new();
        world.drain(None);
        let (at, _) = world.nva.poll_timeout().unwrap();
        let comes_in = |world: &mut World, at| world.nva.handle(at, Input::Persisted(Version::default())).unwrap();

        comes_in(&mut world, at);
        assert_eq!(world.stalled(), []);
        comes_in(&mut world, at + PATIENCE);

        assert_eq!(world.stalled(), [Duty::HandleTimeout]);
    }

    #[test]
    fn the_timers_of_an_authority_whose_clock_is_set_back_run_on() {
        const HOUR: Micros = Micros::from_secs(3_600);
        let mut nva = Nva::new(NvaConfig::new(Transport::Trusted), 1, START + HOUR).unwrap();
        while let Some((at, _)) = nva.poll_persist() {
            nva.handle(START + HOUR, Input::Persisted(at)).unwrap();
        }
        let (due, which) = nva.poll_timeout().unwrap();
        assert_eq!(which, Timer::Grace);
        let left = Micros(due.0 - (START + HOUR).0);

        nva.handle_timeout(START);
        assert_eq!((nva.poll_timeout(), nva.counters().clock_backwards), (Some((START + left, Timer::Grace)), 1));
        nva.handle_timeout(START + Micros(left.0 - 1));
        assert_eq!(nva.poll_timeout(), Some((START + left, Timer::Grace)));
        nva.handle_timeout(START + left);
        assert!(nva.poll_timeout().is_none_or(|(_, which)| which != Timer::Grace));
        assert_eq!(nva.counters().clock_backwards, 1);
    }
}
