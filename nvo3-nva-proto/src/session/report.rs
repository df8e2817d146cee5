//! What a session says to its owner besides events.

use crate::error::EncodeError;
use crate::id::SessionId;
use crate::message::Message;

/// A message of the peer, in its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Received {
    /// Its place in the order; what [`crate::Session::set_in_force`] counts in.
    pub sequence: u32,
    /// What an answer to it says too.
    pub transaction: u32,
    /// The message.
    pub message: Message,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DownReason {
    /// For [`crate::SessionConfig::dead_after`] nothing was heard of the peer, or it acknowledged nothing of what it was sent.
    Dead,
    /// The peer does not know the session: it has restarted.
    UnknownSession,
    /// The peer said Goodbye.
    PeerClosed,
    /// The owner closed it.
    Closed,
}

/// Which deadline is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SessionTimer {
    /// Something waits to be polled, now.
    Output,
    /// The next Hello.
    Hello,
    /// Something was not acknowledged.
    Retransmit,
    /// Nothing was sent for a while, or no Ack where there was one.
    Keepalive,
    /// Nothing was heard for too long.
    Dead,
}

/// Why a message that arrived changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// It is of another session, or there is none.
    #[error("session {:016x} is not this one", found.0)]
    WrongSession {
        /// The session it names.
        found: SessionId,
    },
    /// Too far ahead; the peer sends it again.
    #[error("sequence {sequence} is beyond {last}, the end of the window")]
    OutOfWindow {
        /// Its sequence.
        sequence: u32,
        /// The last that is taken now.
        last: u32,
    },
    /// It was there before and is acknowledged again.
    #[error("sequence {sequence} was received before")]
    Repeated {
        /// Its sequence.
        sequence: u32,
    },
    /// A HelloAck to a Hello that is not the one in hand.
    #[error("HelloAck answers nonce {nonce:016x}, which is not asked for")]
    OldNonce {
        /// The nonce it answers.
        nonce: u64,
    },
    /// The NVE asks for another session: the owner accepts a new one in place of this.
    #[error("Hello with nonce {nonce:016x} asks for another session")]
    NewHello {
        /// Its nonce.
        nonce: u64,
    },
    /// An acknowledgement of what was never sent.
    #[error("Ack of {received}, in force {in_force}, where {sent} was the last sent")]
    ImpossibleAck {
        /// What it says was received.
        received: u32,
        /// What it says is in force.
        in_force: u32,
        /// The last sequence sent.
        sent: u32,
    },
    /// It has no place in the state or the role that this is in.
    #[error("{name} is not expected here")]
    Unexpected {
        /// The message's name.
        name: &'static str,
    },
}

/// Why a message was not queued; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session.
    #[error("the session is not up")]
    NotUp,
    /// As much waits as may.
    #[error("{queue} messages wait to be acknowledged (SessionConfig.queue)")]
    QueueFull {
        /// The bound.
        queue: u16,
    },
    /// The session itself says this, not its owner.
    #[error("{name} is sent by the session itself")]
    Internal {
        /// The message's name.
        name: &'static str,
    },
    /// All 2³² − 1 sequences are used: close, and begin another session.
    #[error("the session has used all its sequences")]
    Exhausted,
    /// It does not fit a message.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What a session has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionCounters {
    /// Sessions established.
    pub established: u64,
    /// Sessions that ended other than by the owner.
    pub lost: u64,
    /// Hellos and HelloAcks sent.
    pub hellos_sent: u64,
    /// Reliable messages sent for the first time.
    pub sent: u64,
    /// Reliable messages sent again.
    pub retransmitted: u64,
    /// Reliable messages taken.
    pub received: u64,
    /// Messages that could not be decoded and were passed over.
    pub undecodable: u64,
    /// Acks sent.
    pub acks_sent: u64,
    /// Acks that arrived.
    pub acks_received: u64,
    /// Keepalives sent.
    pub keepalives_sent: u64,
    /// Errors sent.
    pub errors_sent: u64,
    /// Errors that were not sent because too many waited, or nobody was there.
    pub errors_shed: u64,
    /// Errors of the peer that nobody polled in time.
    pub peer_errors_shed: u64,
    /// Messages not queued because the queue was full.
    pub queue_full: u64,
    /// Messages of another session.
    pub wrong_session: u64,
    /// Messages beyond the window.
    pub out_of_window: u64,
    /// Messages that were there before.
    pub repeated: u64,
    /// Messages, nonces and acknowledgements that had no place.
    pub unexpected: u64,
    /// Times that went back, and were taken for the latest seen.
    pub clock_backwards: u64,
}
