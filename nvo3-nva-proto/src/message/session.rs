//! The messages of a session itself (SPEC.md §6.1).

use crate::codec::codes;
use crate::id::{Place, RecordNo, SessionId};
use core::ops::BitOr;

/// The encapsulations that an NVE sends and receives, as a bit set. Unknown bits are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Encapsulations(pub u16);

impl Encapsulations {
    /// VXLAN (RFC 7348).
    pub const VXLAN: Self = Self(1);

    /// Checks if every encapsulation in `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Checks if both sets have an encapsulation that this crate knows.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 & Self::VXLAN.0 != 0
    }
}

/// The optional abilities of an NVE, as a bit set. Unknown bits are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// The forwarder can hold frames, so a hot move to this NVE loses none.
    pub const HOLD: Self = Self(1);

    /// Checks if every ability in `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Checks if both sets have an ability that this crate knows.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 & Self::HOLD.0 != 0
    }
}

impl BitOr for Encapsulations {
    type Output = Self;

    /// The encapsulations of both sets.
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    /// The abilities of both sets.
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The body of [`Hello`](crate::Message::Hello): an NVE asks for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// The NVE and its locators.
    pub place: Place,
    /// A random number that the answer repeats, so that the NVE ignores a late answer.
    pub nonce: u64,
    /// True if the NVE had a session since it started. False if it has just started and remembers nothing.
    pub resumed: bool,
    /// The encapsulations of the NVE.
    pub encapsulations: Encapsulations,
    /// The abilities of the NVE.
    pub capabilities: Capabilities,
    /// The newest epoch and record that the NVE has seen, as the NVA gave it.
    pub seen: Option<Seen>,
}

/// An epoch and a record of an NVA, with the NVA's proof. The NVE keeps it and says it in its next Hello.
///
/// So an NVA that has lost records, or went back to an old copy of them, learns which epoch it must exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Seen {
    /// The epoch of the NVA.
    pub epoch: u32,
    /// The newest record that the NVA had published.
    pub record: RecordNo,
    /// The number of the NVA's part of the directory; 0 if there is one part.
    pub shard: u32,
    /// A code over the other fields that only the NVA can make. An NVE does not look at it.
    pub proof: [u8; 16],
}

/// The body of [`HelloAck`](crate::Message::HelloAck): the NVA grants a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HelloAck {
    /// The granted session.
    pub session: SessionId,
    /// The nonce of the Hello.
    pub nonce: u64,
    /// The epoch of the NVA.
    pub epoch: u32,
    /// The number of the newest record that the NVA has published.
    pub published: RecordNo,
    /// The same with the NVA's proof, for the NVE's next Hello.
    pub seen: Option<Seen>,
}

/// The body of [`Error`](crate::Message::Error): the sender could not take a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ErrorMessage {
    /// The kind of error.
    pub code: ErrorCode,
    /// The type of the message that the error is about, 0 if unknown.
    pub about: u8,
    /// The sequence of the message that the error is about, 0 for none.
    pub sequence: u32,
    /// The offset of the byte in that message where the error was found.
    pub offset: u32,
    /// The type of the TLV that the error is about, 0 for none.
    pub tlv: u16,
}

codes! {
    /// The kind of error in an [`ErrorMessage`].
    #[non_exhaustive]
    pub enum ErrorCode {
        /// The receiver does not speak the version of the message.
        Version = 1 "the version is not supported",
        /// The message type is unknown.
        UnknownType = 2 "the message type is unknown",
        /// The message ends too early.
        Truncated = 3 "the message ends too early",
        /// A field has a value that is not allowed.
        Field = 4 "a field has a value that is not allowed",
        /// A TLV with the critical bit is unknown.
        UnknownCritical = 5 "a critical TLV is unknown",
        /// A required TLV is missing.
        Missing = 6 "a required TLV is missing",
        /// The receiver does not have the session.
        UnknownSession = 7 "the session is unknown",
        /// The receiver does not know the NVE.
        UnknownNve = 8 "the NVE is unknown",
        /// The sender may not send this message.
        NotAllowed = 9 "the sender may not send this message",
        /// The receiver has no room.
        Resource = 10 "the receiver has no room",
        /// The forwarder refused the table change that the message asks for.
        Forwarder = 11 "the forwarder refused the table change",
    }
}

/// The body of [`Ack`](crate::Message::Ack). Both numbers are cumulative sequences of the other direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ack {
    /// Every message up to this sequence was received. The peer does not send it again.
    pub received: u32,
    /// Every message up to this sequence is in force in the forwarder, or an Error that names the message has refused it.
    pub in_force: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_and_compared_alike() {
        let (unknown, both) = (Encapsulations(0x100), Encapsulations(0x101));
        assert_eq!(Encapsulations::VXLAN | unknown, both);
        assert!(both.contains(unknown) && both.contains(Encapsulations::VXLAN) && !unknown.contains(both));
        assert!(both.overlaps(Encapsulations::VXLAN) && !both.overlaps(unknown));

        let (unknown, both) = (Capabilities(0x100), Capabilities(0x101));
        assert_eq!(Capabilities::HOLD | unknown, both);
        assert!(both.contains(unknown) && both.contains(Capabilities::HOLD) && !unknown.contains(both));
        assert!(both.overlaps(Capabilities::HOLD) && !both.overlaps(unknown));
    }
}
