//! What the owner of a session should know, kept within bounds while nobody asks.

use super::DownReason;
use crate::message::{Ack, Error, HelloAck};
use alloc::collections::VecDeque;

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SessionEvent {
    /// It is established. What belonged to the one before it is gone.
    Up(HelloAck),
    /// It is over, and with it everything that was not acknowledged. The initiator is already asking for another.
    Down(DownReason),
    /// The peer's acknowledgement advanced to this.
    Acked(Ack),
    /// The peer could not take something.
    PeerError(Error),
}

/// The most errors of a peer that wait to be polled.
const ERRORS: usize = 16;

/// At most one event of each kind, and a few errors. Who asks late hears of a Down and the Up after it, but not of sessions that
/// came and went meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    /// What the owner knows: that there is a session, or that there is none.
    told_up: bool,
    down: Option<DownReason>,
    up: Option<HelloAck>,
    acked: Option<Ack>,
    errors: VecDeque<Error>,
}

impl Events {
    /// The owner knows that there is a session: it granted it.
    pub(super) const fn known_up(&mut self) {
        self.told_up = true;
    }

    pub(super) fn up(&mut self, ack: HelloAck) {
        self.up = Some(ack);
    }

    pub(super) fn down(&mut self, reason: DownReason) {
        self.up = None;
        self.acked = None;
        self.errors.clear();
        if self.told_up {
            self.down.get_or_insert(reason);
        }
    }

    pub(super) const fn acked(&mut self, ack: Ack) {
        self.acked = Some(ack);
    }

    /// Whether there was room for it.
    pub(super) fn peer_error(&mut self, error: Error) -> bool {
        let room = self.errors.len() < ERRORS;
        if room {
            self.errors.push_back(error);
        }
        room
    }

    /// An Up waits: what follows it must wait too.
    pub(super) const fn up_waits(&self) -> bool {
        self.up.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.down.is_none() && self.up.is_none() && self.acked.is_none() && self.errors.is_empty()
    }

    pub(super) fn poll(&mut self) -> Option<SessionEvent> {
        if let Some(reason) = self.down.take() {
            self.told_up = false;
            return Some(SessionEvent::Down(reason));
        }
        if let Some(ack) = self.up.take() {
            self.told_up = true;
            return Some(SessionEvent::Up(ack));
        }
        let acked = self.acked.take().map(SessionEvent::Acked);
        acked.or_else(|| self.errors.pop_front().map(SessionEvent::PeerError))
    }
}
