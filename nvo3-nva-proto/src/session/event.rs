//! The events of a session for its owner, bounded until the owner polls them.

use super::DownReason;
use crate::message::{Ack, ErrorMessage, HelloAck};
use alloc::collections::VecDeque;

/// An event of a session.
#[must_use = "the session gives each event once"]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SessionEvent {
    /// The session is established. What belonged to an earlier session is gone.
    Up(HelloAck),
    /// The session ended; messages that were not acknowledged are lost. The NVE already asks for a new session.
    Down(DownReason),
    /// The peer has acknowledged up to here.
    Acked(Ack),
    /// The peer could not take a message.
    PeerError(ErrorMessage),
}

/// The most errors of a peer that wait to be polled.
const ERRORS: usize = 16;

/// At most one event of each kind, and [`ERRORS`] errors.
///
/// An owner that polls late gets the first Down and the last Up, and nothing of the sessions between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    /// True if the owner knows of a session.
    told_up: bool,
    down: Option<DownReason>,
    up: Option<HelloAck>,
    acked: Option<Ack>,
    errors: VecDeque<ErrorMessage>,
}

impl Events {
    /// Notes that the owner granted the session itself and needs no Up.
    pub(super) const fn granted(&mut self) {
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

    /// Keeps an error of the peer; false if there was no room.
    pub(super) fn peer_error(&mut self, error: ErrorMessage) -> bool {
        let room = self.errors.len() < ERRORS;
        if room {
            self.errors.push_back(error);
        }
        room
    }

    /// True if an Up waits to be polled. Messages of the new session wait behind it.
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
        // An Error comes before the Ack that passes the message which the Error names.
        let error = self.errors.pop_front().map(SessionEvent::PeerError);
        error.or_else(|| self.acked.take().map(SessionEvent::Acked))
    }
}
