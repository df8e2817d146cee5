//! The duties of a machine's owner: which ones wait, how much waits, and since when.
//!
//! # When nothing happens
//!
//! A machine does nothing by itself. If its owner forgets one call of its loop, a part of the machine stops, and no input is
//! refused for that. So each machine watches the duties of its owner. [`Edge::health`](crate::edge::Edge::health),
//! [`Nve::health`](crate::nve::Nve::health) and [`Nva::health`](crate::nva::Nva::health) give one [`Waiting`] for each [`Duty`] that
//! waits. A drained machine gives none. Between an input and the drain after it something always waits, so alarm on
//! [`Health::overdue`] and not on [`Health::waiting`].
//!
//! A duty that has waited for [`PATIENCE`] without progress makes one `Stalled` event. The deadline `Timer::Health` brings the
//! event without any input; only a forgotten `handle_timeout` is noticed at the next input. A slow owner that makes progress gets
//! no event.
//!
//! | what you see | duty | what the owner forgot |
//! |---|---|---|
//! | at an edge: VMs attach and no frame passes; a planned move stays *preparing* | [`PollTableChanges`](Duty::PollTableChanges) | polling table changes: the forwarder never hears of a port |
//! | at an edge: *Ready* or *Suspended* is never said. A move is revoked at its deadline and has no end; from *Suspend* on, a VM that still runs here gets nothing | [`AnswerTableChanges`](Duty::AnswerTableChanges) | `Input::Applied` or `Refused` for each change that was polled |
//! | at an edge: no session. At the authority: no *NveUp* | [`PollTransmit`](Duty::PollTransmit) | sending what `poll_transmit` gives |
//! | at the authority: edges get answers until the first registration or move, and none from then on. The edges show nothing, their VMs stay *claiming* | [`PollRecords`](Duty::PollRecords) | polling records |
//! | the same, but the records are on the disk | [`SayPersisted`](Duty::SayPersisted) | `Input::Persisted` after the disk has them |
//! | no message is sent again, no deadline ends a move, a forward entry never ends, the loop spins | [`HandleTimeout`](Duty::HandleTimeout) | calling `handle_timeout` at `poll_timeout` |
//! | the hypervisor never hears that the VM may stop | [`PollEvents`](Duty::PollEvents) | polling events |
//! | a VM that has moved gets no held frames | [`MakeRoom`](Duty::MakeRoom) | room at the VM's port, and polling again when there is room |
//! | no session, and nothing waits | none | look at [`NvaCounters`](crate::nva::NvaCounters): `unknown_nve` (no `Input::Admit`), `unbelieved` (keys). A machine cannot see that a polled datagram was not sent |
//!
//! [`Edge::poll`](crate::edge::Edge::poll) carries out or gives everything that its two parts wait for. Its owner polls after each
//! input and at the time of the last `Wait`, and sends what it gets: nothing else can be forgotten.
//!
//! ```
//! use nvo3_mobility::Transport;
//! use nvo3_mobility::health::{Duty, PATIENCE};
//! use nvo3_mobility::nve::{Event, Input, Nve, NveConfig};
//! use nvo3_mobility::table::{PortPolicy, VapId};
//! use nvo3_nva_proto::{Instant, Locators, NveId, Place, Role, Tsi, TsiKey};
//! use nvo3_wire::{Mac, Vni};
//!
//! let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
//! let mut edge = Nve::new(NveConfig::new(place, Transport::Trusted), 0x5eed)?;
//! let vn = Vni::new(5001).ok_or("24 bits")?;
//! let tsi = Tsi { key: TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, 1]) }, ips: vec!["192.0.2.10".parse()?], role: Role::Unknown };
//! edge.handle(Instant(0), Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })?;
//!
//! // The changes go to the forwarder, and nobody answers them.
//! while edge.poll_table_change().is_some() {}
//! let health = edge.health(Instant(0));
//! assert_eq!(health.waiting()[0].duty, Duty::AnswerTableChanges);
//!
//! let (at, _) = edge.poll_timeout().ok_or("the stall has a deadline")?;
//! assert_eq!(at, Instant(0) + PATIENCE);
//! edge.handle_timeout(at);
//! assert!(matches!(edge.poll_event(), Some(Event::Stalled(waiting)) if waiting.duty == Duty::AnswerTableChanges));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use crate::clock::Clock;
use arrayvec::ArrayVec;
use core::fmt;
use nvo3_nva_proto::{Instant, Micros};

/// The time after which an owner that has done nothing about a [`Duty`] gets an event: one second.
pub const PATIENCE: Micros = Micros::from_secs(1);

/// A duty that only the owner of a machine can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Duty {
    /// Call `handle_timeout`: a deadline of `poll_timeout` has passed.
    HandleTimeout,
    /// Drain `poll_event`.
    PollEvents,
    /// Drain `poll_transmit`.
    PollTransmit,
    /// Drain `poll_table_change` and hand each change to the forwarder.
    PollTableChanges,
    /// Answer the table changes that were polled, by `Input::Applied` or `Input::Refused`.
    AnswerTableChanges,
    /// Drain `poll_persist` and make each record durable.
    PollRecords,
    /// Give `Input::Persisted` for the records that were polled and are durable.
    SayPersisted,
    /// Make room at the ports and tunnels by which held frames may leave, and poll. `count` is the number of TSIs with such frames.
    MakeRoom,
}

/// The number of duties.
const DUTIES: usize = Duty::MakeRoom as usize + 1;

impl Duty {
    /// The duty's name, as logs and counters write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandleTimeout => "handle_timeout",
            Self::PollEvents => "poll_events",
            Self::PollTransmit => "poll_transmit",
            Self::PollTableChanges => "poll_table_changes",
            Self::AnswerTableChanges => "answer_table_changes",
            Self::PollRecords => "poll_records",
            Self::SayPersisted => "say_persisted",
            Self::MakeRoom => "make_room",
        }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HandleTimeout => "handle_timeout was not called after a deadline of poll_timeout",
            Self::PollEvents => "poll_event was not called until it gives nothing",
            Self::PollTransmit => "poll_transmit was not called until it gives nothing",
            Self::PollTableChanges => "poll_table_change was not called until it gives nothing",
            Self::AnswerTableChanges => "table changes were polled and not answered by Applied or Refused",
            Self::PollRecords => "poll_persist was not called until it gives nothing",
            Self::SayPersisted => "records were polled and not answered by Persisted",
            Self::MakeRoom => "held frames may leave, and their port or tunnel has no room",
        })
    }
}

/// One duty that waits for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Waiting {
    /// The duty.
    pub duty: Duty,
    /// The number of messages, events, changes, records, deadlines or TSIs with held frames that wait for it.
    pub count: usize,
    /// The time at which the owner last did something about the duty, or at which the duty began to wait.
    pub since: Instant,
}

impl Waiting {
    /// The same with the time on the owner's clock.
    pub(crate) fn on(self, clock: Clock) -> Self {
        Self { since: clock.reading(self.since), ..self }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} wait since {} s)", self.duty, self.count, self.since)
    }
}

/// The duties that wait for the owner: none while the owner keeps up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    waiting: ArrayVec<Waiting, DUTIES>,
}

impl Health {
    /// True if no duty waits for the owner.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The duties that wait, in the order of [`Duty`].
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// The duties that have waited for [`PATIENCE`] or longer at `now`.
    pub fn overdue(&self, now: Instant) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter().filter(move |waiting| now - waiting.since >= PATIENCE)
    }
}

impl FromIterator<Waiting> for Health {
    fn from_iter<I: IntoIterator<Item = Waiting>>(waiting: I) -> Self {
        Self { waiting: waiting.into_iter().take(DUTIES).collect() }
    }
}

/// The time since which one duty has waited, and whether the owner has been told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    since: Option<Instant>,
    told: bool,
}

impl Watch {
    /// Notes that `count` things wait for the duty at `now`.
    pub(crate) fn note(&mut self, now: Instant, count: usize) {
        if count == 0 {
            *self = Self::default();
        } else if self.since.is_none() {
            self.since = Some(now);
        }
    }

    /// Notes that the owner did something about the duty: the rest waits since `now`.
    pub(crate) fn served(&mut self, now: Instant) {
        *self = Self { since: self.since.map(|_| now), told: false };
    }

    /// The duty as [`Health`] reports it; `None` if nothing waits.
    pub(crate) fn waiting(&self, duty: Duty, count: usize) -> Option<Waiting> {
        Some(Waiting { duty, count, since: self.since? })
    }

    /// The time at which the owner is told; `None` if nothing waits or the owner has been told.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.filter(|_| !self.told).map(|since| since + PATIENCE)
    }

    /// True if the owner is told now. It is true once.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        self.told |= due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_that_waits_is_told_once_and_again_only_after_it_was_served() {
        let (mut watch, late) = (Watch::default(), Instant(7) + PATIENCE);
        watch.note(Instant(7), 3);
        watch.note(Instant(8), 4);

        assert_eq!(watch.waiting(Duty::PollEvents, 4).map(|waiting| waiting.since), Some(Instant(7)));
        assert!(!watch.is_due(Instant(late.0 - 1)) && watch.is_due(late) && !watch.is_due(late));

        watch.served(late);
        assert!(!watch.is_due(late) && watch.is_due(late + PATIENCE));
        watch.note(late, 0);
        assert_eq!(watch.deadline(), None);
    }
}
