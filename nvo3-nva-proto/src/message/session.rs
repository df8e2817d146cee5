//! How a session begins, goes on and ends: see SPEC.md §6.1.

use crate::codec::codes;
use crate::id::{Place, RecordNo, SessionId};

/// Encapsulations that an NVE can send and receive, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Encapsulations(pub u16);

impl Encapsulations {
    /// VXLAN (RFC 7348).
    pub const VXLAN: Self = Self(1);

    /// Whether the two sets share a member that is known here.
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 & Self::VXLAN.0 != 0
    }
}

/// What an NVE is able to do beyond the least, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// Its forwarder can hold frames, so hot moves to it lose none.
    pub const HOLD: Self = Self(1);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// See [`crate::Message::Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// Who asks.
    pub place: Place,
    /// Repeated in the answer, so that a late one is told apart.
    pub nonce: u64,
    /// It had a session since it started. False: it has (re)started and remembers nothing.
    pub resumed: bool,
    /// What it can send and receive.
    pub encapsulations: Encapsulations,
    /// What it is able to do.
    pub capabilities: Capabilities,
}

/// See [`crate::Message::HelloAck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HelloAck {
    /// The session that is granted.
    pub session: SessionId,
    /// That of the Hello.
    pub nonce: u64,
    /// The authority's epoch.
    pub epoch: u32,
    /// The newest published record.
    pub published: RecordNo,
}

/// See [`crate::Message::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Error {
    /// What is wrong.
    pub code: ErrorCode,
    /// The message type it is about, 0 where unknown.
    pub about: u8,
    /// The sequence of the message it is about, 0 for none.
    pub sequence: u32,
    /// The byte where it was found.
    pub offset: u32,
    /// The TLV type concerned, 0 for none.
    pub tlv: u16,
}

codes! {
    /// What is wrong with a message.
    pub enum ErrorCode {
        /// A version that the receiver does not speak.
        Version = 1,
        /// An unknown message type.
        UnknownType = 2,
        /// It ends before it should.
        Truncated = 3,
        /// A field with a value that it may not have.
        Field = 4,
        /// An unknown TLV with the critical bit.
        UnknownCritical = 5,
        /// A TLV that must be there is not.
        Missing = 6,
        /// A session that the receiver does not have.
        UnknownSession = 7,
        /// An NVE that the receiver does not know.
        UnknownNve = 8,
        /// A message that its sender may not send.
        NotAllowed = 9,
        /// The receiver has no room for it.
        Resource = 10,
        /// The forwarder refused what it asked for.
        Forwarder = 11,
    }
}

/// See [`crate::Message::Ack`]. Both numbers are cumulative sequences of the other direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ack {
    /// Everything up to here was received: it is not sent again.
    pub received: u32,
    /// Everything up to here is in force in the forwarder, or was refused by an Error that names it.
    pub in_force: u32,
}
