//! The duties that the machine waits for, and the event for an owner that forgot one.

use super::Nve;
use crate::health::{Duty, Health, Watch};
use crate::nve::io::Event;
use nvo3_nva_proto::{Instant, Micros, SessionTimer};

/// The shortest time between two looks at the duties: a look at each frame would cost more than the frame.
const INTERVAL: Micros = Micros::from_millis(100);

/// The duties of an NVE's owner: the first ones of [`Duty`], in their order.
const DUTIES: [Duty; 5] =
    [Duty::HandleTimeout, Duty::PollEvents, Duty::PollTransmit, Duty::PollTableChanges, Duty::AnswerTableChanges];

/// The watch on each of [`DUTIES`], and the time of the next look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watches {
    each: [Watch; DUTIES.len()],
    next: Instant,
}

impl Watches {
    /// Notes that the owner does something about a duty at `now`.
    pub(super) fn served(&mut self, duty: Duty, now: Instant) {
        if let Some(watch) = self.each.get_mut(duty as usize) {
            watch.served(now);
        }
    }

    /// True if it is time to look.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Notes the number of things that wait for each duty. Gives each watch with its number.
    fn note(&mut self, left: Left) -> impl Iterator<Item = (Duty, &mut Watch, usize)> {
        let watches = DUTIES.into_iter().zip(&mut self.each).zip(left);
        watches.map(|((duty, watch), (count, since))| {
            watch.note(since, count);
            (duty, watch, count)
        })
    }
}

/// The number of things that wait for each of [`DUTIES`], and since when as far as one call can tell.
type Left = [(usize, Instant); DUTIES.len()];

impl Nve {
    /// The duties that wait for the owner at `now`. After a drain only the forwarder's answers may wait.
    pub fn health(&self, now: Instant) -> Health {
        let mut watches = self.watches;
        watches.note(self.left(now)).filter_map(|(duty, watch, count)| watch.waiting(duty, count)).collect()
    }

    /// Looks at the duties that the last call left to the owner. Tells about each that has waited too long at `now`.
    pub(super) fn look(&mut self, now: Instant) {
        let mut watches = self.watches;
        for (duty, watch, count) in watches.note(self.left(self.now)) {
            if watch.is_due(now)
                && let Some(waiting) = watch.waiting(duty, count)
            {
                self.tell(Event::Stalled(waiting));
            }
        }
        watches.next = now + INTERVAL;
        self.watches = watches;
    }

    /// The time at which the owner is told about a duty, if no input comes before. A forgotten `handle_timeout` is not included: its
    /// owner would forget this deadline too, so the next input tells.
    pub(super) fn next_stall(&self) -> Option<Instant> {
        let mut watches = self.watches;
        let noted = watches.note(self.left(self.now)).filter(|(duty, ..)| *duty != Duty::HandleTimeout);
        noted.filter_map(|(_, watch, _)| watch.deadline()).min()
    }

    fn left(&self, now: Instant) -> Left {
        // The other deadlines of the session are times to send.
        let (deadline, send) = match self.link.poll_timeout() {
            Some((at, SessionTimer::Retransmit | SessionTimer::Dead)) => (Some(at), None),
            timer => (None, timer.map(|(at, _)| at)),
        };
        let deadlines = [deadline, self.stations.next_forward_end(), self.next_expiry()];
        let passed = |at: Option<Instant>| at.filter(|at| *at <= now).map_or((0, self.now), |at| (1, at.max(self.now)));
        let transmits = match self.proxy.frames() + self.link.hints() {
            0 => passed(send),
            waiting => (waiting, self.now),
        };
        let waits = |count| (count, self.now);
        [
            passed(deadlines.into_iter().flatten().min()),
            waits(self.events.len()),
            transmits,
            waits(self.orders.due()),
            waits(self.orders.unanswered()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::health::PATIENCE;
    use crate::nve::{Input, NveConfig, Timer};
    use crate::table::{PortPolicy, VapId};
    use alloc::vec;
    use alloc::vec::Vec;
    use nvo3_nva_proto::{
        HelloAck, Locators, Mapping, Message, NveId, Place, RecordNo, Role, Session, SessionConfig, SessionId, Tsi,
        TsiKey, Update, Version,
    };
    use nvo3_wire::{Mac, Vni};

    const VN: Vni = Vni::MAX;

    fn place(n: u8) -> Place {
        Place { nve: NveId(n.into()), locators: Locators::V4([198, 51, 100, n].into()) }
    }

    fn key(n: u8) -> TsiKey {
        TsiKey { vn: VN, mac: Mac([2, 0, 0, 0, 0, n]) }
    }

    fn edge() -> Nve {
        Nve::new(NveConfig { pushed: Micros::from_secs(1), ..NveConfig::new(place(1), Transport::Trusted) }, 7).unwrap()
    }

    fn attach(nve: &mut Nve, now: Instant, n: u8) {
        let tsi = Tsi { key: key(n), ips: vec![[192, 0, 2, n].into()], role: Role::Unknown };
        let input = Input::Attach { vap: VapId(n.into()), vn: VN, tsis: vec![tsi], policy: PortPolicy::untrusted() };
        nve.handle(now, input).unwrap();
    }

    fn apply(nve: &mut Nve, now: Instant) {
        while let Some(change) = nve.poll_table_change() {
            nve.handle(now, Input::Applied(change.number)).unwrap();
        }
    }

    fn send(nve: &mut Nve, now: Instant, to: &mut Session) {
        let mut bytes = Vec::new();
        while nve.poll_transmit(now, &mut bytes).is_some() {
            let (header, message) = Message::decode(&bytes).unwrap();
            to.handle(now, &header, message).unwrap();
        }
    }

    fn receive(nve: &mut Nve, now: Instant, from: &mut Session) {
        let mut bytes = Vec::new();
        while from.poll_transmit(now, &mut bytes) {
            nve.handle_datagram(now, &bytes);
        }
    }

    /// The duty that the NVE tells its owner about.
    fn stalled(nve: &mut Nve) -> Vec<(Duty, usize)> {
        let events = core::iter::from_fn(|| nve.poll_event());
        events.filter_map(|event| if let Event::Stalled(w) = event { Some((w.duty, w.count)) } else { None }).collect()
    }

    #[test]
    fn an_owner_that_does_not_poll_table_changes_is_told() {
        let mut nve = edge();
        attach(&mut nve, Instant(0), 1);

        nve.handle_timeout(Instant(PATIENCE.0 - 1));
        assert_eq!(stalled(&mut nve), []);
        nve.handle_timeout(Instant(PATIENCE.0));
        assert_eq!(stalled(&mut nve), [(Duty::PollTableChanges, 2)]);
    }

    #[test]
    fn an_owner_that_does_not_answer_table_changes_is_told_once_though_nothing_comes_in() {
        let mut nve = edge();
        attach(&mut nve, Instant(0), 1);
        while nve.poll_table_change().is_some() {}

        let due = Instant(PATIENCE.0);
        assert_eq!(nve.poll_timeout(), Some((due, Timer::Health)));
        nve.handle_timeout(due);
        assert_eq!(stalled(&mut nve), [(Duty::AnswerTableChanges, 2)]);
        assert_eq!(nve.poll_timeout(), None);

        nve.handle(due, Input::Applied(1)).unwrap();
        assert_eq!(nve.poll_timeout(), Some((due + PATIENCE, Timer::Health)));
        nve.handle_timeout(due + PATIENCE);
        assert_eq!(stalled(&mut nve), [(Duty::AnswerTableChanges, 1)]);

        nve.handle(due + PATIENCE, Input::Applied(2)).unwrap();
        assert_eq!(nve.poll_timeout(), None);
        assert!(nve.health(due + PATIENCE).is_idle());
    }

    #[test]
    fn an_owner_that_does_not_poll_events_is_told() {
        let mut nve = edge();
        attach(&mut nve, Instant(0), 1);
        nve.handle(Instant(0), Input::Activate { key: key(1), move_id: None }).unwrap();
        apply(&mut nve, Instant(0));
        assert_eq!(nve.health(Instant(0)).waiting().iter().map(|w| w.duty).collect::<Vec<_>>(), [Duty::PollEvents]);

        nve.handle_timeout(Instant(PATIENCE.0));
        assert_eq!(stalled(&mut nve), [(Duty::PollEvents, 1)]);
    }

    #[test]
    fn an_owner_that_does_not_poll_what_is_to_be_sent_is_told() {
        let mut nve = edge();
        nve.handle(Instant(0), Input::Connect).unwrap();

        nve.handle_timeout(Instant(PATIENCE.0));
        assert_eq!(stalled(&mut nve), [(Duty::PollTransmit, 1)]);
    }

    #[test]
    fn an_owner_that_forgets_a_deadline_is_told_by_the_next_input() {
        let (mut nve, start, mut bytes) = (edge(), Instant(0), Vec::new());
        nve.handle(start, Input::Connect).unwrap();
        let _ = nve.poll_transmit(start, &mut bytes);
        let Ok((_, Message::Hello(hello))) = Message::decode(&bytes) else { panic!("no Hello") };
        let ack = HelloAck { session: SessionId(9), nonce: hello.nonce, epoch: 1, published: RecordNo(1), seen: None };
        let mut nva = Session::accept(SessionConfig::default(), start, &hello, ack).unwrap();
        receive(&mut nve, start, &mut nva);
        let version = Version { epoch: 1, generation: 1 };
        let mapping = Mapping {
            mac: key(2).mac,
            ips: vec![[192, 0, 2, 2].into()],
            version,
            place: Some(place(2)),
            role: Role::Unknown,
        };
        let update = Update {
            vn: VN,
            after: RecordNo(0),
            upto: RecordNo(1),
            members: None,
            mappings: vec![mapping],
            synced: false,
        };
        nva.send(0, &Message::Update(update)).unwrap();
        receive(&mut nve, start, &mut nva);
        apply(&mut nve, start);
        send(&mut nve, start, &mut nva);
        receive(&mut nve, start, &mut nva);
        assert_eq!(stalled(&mut nve), []);

        let late = Instant(1_500_000);
        assert_eq!(
            nve.health(late).waiting().first().map(|w| (w.duty, w.since)),
            Some((Duty::HandleTimeout, Instant(750_000)))
        );
        for now in [late, late + PATIENCE] {
            nve.handle(now, Input::Applied(0)).unwrap();
            send(&mut nve, now, &mut nva);
        }

        assert_eq!(stalled(&mut nve), [(Duty::HandleTimeout, 1)]);
        nve.handle_timeout(late + PATIENCE);
        apply(&mut nve, late + PATIENCE);
        assert!(nve.health(late + PATIENCE).is_idle() && nve.mapping(&key(2)).is_none());
    }

    /// A session may also end while its messages are polled. Its *Down* event must still come out.
    #[test]
    fn a_session_that_ends_while_the_edge_is_drained_is_told_without_a_timeout() {
        let (mut nve, start, mut bytes) = (edge(), Instant(0), Vec::new());
        nve.handle(start, Input::Connect).unwrap();
        let _ = nve.poll_transmit(start, &mut bytes);
        let Ok((_, Message::Hello(hello))) = Message::decode(&bytes) else { panic!("no Hello") };
        let ack = HelloAck { session: SessionId(9), nonce: hello.nonce, epoch: 1, published: RecordNo(1), seen: None };
        receive(&mut nve, start, &mut Session::accept(SessionConfig::default(), start, &hello, ack).unwrap());
        let mut drain = |nve: &mut Nve, now| {
            while nve.poll_transmit(now, &mut bytes).is_some() {}
            core::iter::from_fn(|| nve.poll_event()).collect::<Vec<_>>()
        };
        assert_eq!(drain(&mut nve, start), [Event::SessionUp]);

        let dead = start + SessionConfig::default().dead_after;
        let told: Vec<Event> = (1..=dead.0 / 1_000).flat_map(|ms| drain(&mut nve, Instant(ms * 1_000))).collect();

        assert!(matches!(told.as_slice(), [Event::SessionDown(_)]), "{told:?}");
        assert!(nve.poll_timeout().is_some_and(|(at, _)| at > dead), "{:?}", nve.poll_timeout());
        assert!(nve.health(dead).is_idle());
    }

    #[test]
    fn an_owner_that_is_slow_but_goes_on_is_told_nothing() {
        let (mut nve, mut now) = (edge(), Instant(0));
        for n in 1..=20 {
            attach(&mut nve, now, n);
        }
        for _ in 0..40 {
            now = Instant(now.0 + PATIENCE.0 * 3 / 4);
            let change = nve.poll_table_change().unwrap();
            nve.handle(now, Input::Applied(change.number)).unwrap();
            nve.handle_timeout(now);
            assert_eq!(stalled(&mut nve), []);
        }
    }
}
