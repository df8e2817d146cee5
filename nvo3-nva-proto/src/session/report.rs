//! The reports of a session to its owner, besides events: messages, deadlines, refusals, counters.

use crate::error::EncodeError;
use crate::id::SessionId;
use crate::message::Message;
use core::fmt;

/// A reliable message of the peer, in its order.
#[must_use = "the session gives each message once"]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Received {
    /// The sequence of the message, the unit of [`Session::set_in_force`](crate::Session::set_in_force).
    pub sequence: u32,
    /// The transaction number that an answer repeats.
    pub transaction: u32,
    /// The message.
    pub message: Message,
}

/// The reason why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DownReason {
    /// For [`SessionConfig::dead_after`](crate::SessionConfig::dead_after) the peer said nothing, or acknowledged nothing of what it was
    /// sent.
    Dead,
    /// The peer does not know the session: the peer has restarted.
    UnknownSession,
    /// The peer sent a Goodbye.
    PeerClosed,
    /// The owner closed the session.
    Closed,
}

impl DownReason {
    /// The reason's name, as JSON outputs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::UnknownSession => "unknown-session",
            Self::PeerClosed => "peer-closed",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dead => "the peer is silent or acknowledges nothing",
            Self::UnknownSession => "the peer has restarted and does not know the session",
            Self::PeerClosed => "the peer closed the session",
            Self::Closed => "the owner closed the session",
        })
    }
}

/// The purpose of a session's next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SessionTimer {
    /// Something waits to be polled now.
    Output,
    /// The next Hello is due.
    Hello,
    /// A message was not acknowledged in time and is sent again.
    Retransmit,
    /// A Keepalive, or the last Ack again, is due.
    Keepalive,
    /// The peer has been silent for too long.
    Dead,
}

/// The reason why a received message changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// The message is of another session, or there is no session.
    #[error("the message is of session {:016x}, which is not the current session", found.0)]
    WrongSession {
        /// The session that the message names.
        found: SessionId,
    },
    /// The message is beyond the window; the peer sends it again.
    #[error("sequence {sequence} is beyond the window, which ends at {last}")]
    OutOfWindow {
        /// The sequence of the message.
        sequence: u32,
        /// The last sequence of the window.
        last: u32,
    },
    /// The message was received before and is acknowledged again.
    #[error("sequence {sequence} was received before")]
    Repeated {
        /// The sequence of the message.
        sequence: u32,
    },
    /// The HelloAck answers an older Hello.
    #[error("the HelloAck answers nonce {nonce:016x}, which is not that of the last Hello")]
    OldNonce {
        /// The nonce of the HelloAck.
        nonce: u64,
    },
    /// The NVE asks for a new session: the owner replaces this session by an accepted one.
    #[error("the Hello with nonce {nonce:016x} asks for a new session")]
    NewHello {
        /// The nonce of the Hello.
        nonce: u64,
    },
    /// The Ack acknowledges a message that was never sent.
    #[error("the Ack says received {received} and in force {in_force}: the last sequence sent is {sent}")]
    ImpossibleAck {
        /// The received sequence in the Ack.
        received: u32,
        /// The sequence in force in the Ack.
        in_force: u32,
        /// The last sequence sent.
        sent: u32,
    },
    /// The state or the role of this session excludes the message.
    #[error("{name} is not expected in this state")]
    Unexpected {
        /// The name of the message.
        name: &'static str,
    },
}

/// The reason why a message was not queued; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session.
    #[error("the session is not up")]
    NotUp,
    /// The queue of unacknowledged messages is full.
    #[error("queue limit reached: {queue} messages wait to be acknowledged (SessionConfig.queue)")]
    QueueFull {
        /// The limit.
        queue: u16,
    },
    /// The session itself sends this message, not its owner.
    #[error("{name} is sent by the session itself")]
    Internal {
        /// The name of the message.
        name: &'static str,
    },
    /// All 2³² − 1 sequences are used: the owner closes the session and begins a new one.
    #[error("the session has used all its sequences: close it and begin a new one")]
    Exhausted,
    /// The message cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The counters of a [`Session`](crate::Session) since it was made; they only grow.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionCounters {
    /// Sessions that were established. 1 in a healthy system.
    pub established: u64,
    /// Sessions that ended without the owner closing them. 0 in a healthy system.
    pub lost: u64,
    /// Hellos and HelloAcks that were sent.
    pub hellos_sent: u64,
    /// Reliable messages that were sent for the first time.
    pub sent: u64,
    /// Reliable messages that were sent again: the network loses or delays datagrams.
    pub retransmitted: u64,
    /// Reliable messages that were received in the window.
    pub received: u64,
    /// Messages that could not be decoded and were skipped. 0 in a healthy system.
    pub undecodable: u64,
    /// Acks that were sent.
    pub acks_sent: u64,
    /// Acks that were received.
    pub acks_received: u64,
    /// Keepalives that were sent.
    pub keepalives_sent: u64,
    /// Errors that were sent to the peer. 0 in a healthy system.
    pub errors_sent: u64,
    /// Errors that were not sent: too many waited, or there was no session. 0 in a healthy system.
    pub errors_shed: u64,
    /// Errors of the peer that were dropped because the owner did not poll them. 0 in a healthy system.
    pub peer_errors_shed: u64,
    /// Messages that were not queued because the queue was full. 0 in a healthy system.
    pub queue_full: u64,
    /// Messages of another session. A few after a restart are normal.
    pub wrong_session: u64,
    /// Messages beyond the window. 0 between two sides with the same window.
    pub out_of_window: u64,
    /// Messages that were received before: the network repeats datagrams, or an Ack was lost.
    pub repeated: u64,
    /// Messages, nonces and Acks that the state excludes. A few after a restart are normal.
    pub unexpected: u64,
    /// Calls with a time before that of an earlier call; the later time was used. 0 in a healthy system.
    pub clock_backwards: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Programs print the names, and others read them.
    #[test]
    fn each_end_of_a_session_has_its_name_and_its_sentence() {
        for (reason, name, sentence) in [
            (DownReason::Dead, "dead", "the peer is silent or acknowledges nothing"),
            (DownReason::UnknownSession, "unknown-session", "the peer has restarted and does not know the session"),
            (DownReason::PeerClosed, "peer-closed", "the peer closed the session"),
            (DownReason::Closed, "closed", "the owner closed the session"),
        ] {
            assert_eq!((reason.name(), reason.to_string().as_str()), (name, sentence));
        }
    }
}
