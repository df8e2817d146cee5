//! What a VM has in the network beside its mappings, on its way from one NVE to another (SPEC.md §6.5).
//!
//! The source offers how much there is, sends it in chunks, offers again what has changed since, and at last what changed
//! before it froze; the target says how far it came. The NVA passes all of it on (VMMI-3.2.12-04 … 07, VMMI-5.5.2-01).

use crate::codec::codes;
use crate::id::{MoveId, NveId, TsiKey, Version};
use crate::time::Micros;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use nvo3_wire::Vni;

/// A number above the largest that may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is too large, at most {most}")]
pub struct TooLarge {
    /// The number.
    pub value: u32,
    /// The largest.
    pub most: u32,
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($number:ident) up to $most:literal;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(try_from = "u32", into = "u32"))]
        pub struct $name($number);

        impl $name {
            /// The largest.
            pub const MAX: Self = Self($most);

            /// `None` above [`Self::MAX`].
            pub const fn new(value: $number) -> Option<Self> {
                if value <= Self::MAX.0 { Some(Self(value)) } else { None }
            }

            /// As a number.
            pub const fn get(self) -> $number {
                self.0
            }
        }

        impl TryFrom<u32> for $name {
            type Error = TooLarge;

            fn try_from(value: u32) -> Result<Self, TooLarge> {
                let fits = $number::try_from(value).ok().and_then(Self::new);
                fits.ok_or(TooLarge { value, most: $most })
            }
        }

        impl From<$name> for u32 {
            fn from(bounded: $name) -> Self {
                bounded.0.into()
            }
        }

        #[cfg(feature = "arbitrary")]
        impl arbitrary::Arbitrary<'_> for $name {
            fn arbitrary(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                u.int_in_range(0..=$most).map(Self)
            }

            fn size_hint(_: usize) -> (usize, Option<usize>) {
                (0, Some(size_of::<$number>()))
            }
        })*
    };
}

bounded! {
    /// How much of a state: records, or bytes where it has none. At most 2²⁶ − 1, so that no offer is without bounds.
    Amount(u32) up to 0x3ff_ffff;
    /// A VLAN id; 0 where the frames have no tag (IEEE 802.1Q, table 9-2).
    Vlan(u16) up to 4_094;
}

/// From where to where a state goes, and for what.
///
/// Together with the [`StateKind`] it names one stream: a move may have several sources and several targets (VMMI-3.2.12-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateStream {
    /// The move that it belongs to.
    pub move_id: MoveId,
    /// The version reserved for the move.
    pub version: Version,
    /// The NVE that has the state.
    pub source: NveId,
    /// The NVE that gets it.
    pub target: NveId,
    /// Counts from 1 how often the source began anew; what is of an older copy says nothing.
    pub copy: u32,
}

codes! {
    /// What a state consists of.
    pub enum StateKind {
        /// The VM's connections, as whoever packs and restarts them needs them (VMM-4.4-08, VMM-4.4-10).
        Connections = 1,
        /// A firewall's sessions (VMMI-3.2.12-04).
        Sessions = 2,
        /// The policies of the VM's port: access lists, quality of service (VMMI-5.3-01).
        Policies = 3,
        /// An NVE itself: protocol state, tables, timers as what remains of them (VMMI-5.5.2-01).
        Snapshot = 4,
        /// Anything else that both ends have agreed on.
        Opaque = 5,
    }
}

/// See [`crate::Message::StateOffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateOffer {
    /// Of which stream.
    pub stream: StateStream,
    /// What it consists of.
    pub kind: StateKind,
    /// How the bytes that the protocol does not describe are to be read: an agreement of both ends, 0 for none.
    pub format: u32,
    /// How much there is from the copy's beginning on; never less than before.
    pub total: Amount,
    /// The source has frozen the state: nothing is added after this.
    pub last: bool,
}

/// See [`crate::Message::StateChunk`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateChunk {
    /// Of which stream.
    pub stream: StateStream,
    /// How much of the copy comes before it.
    pub offset: Amount,
    /// What comes there.
    pub part: StatePart,
}

/// Part of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum StatePart {
    /// See [`StateKind::Connections`].
    Connections(Vec<FlowRecord>),
    /// See [`StateKind::Sessions`].
    Sessions(Vec<FlowRecord>),
    /// See [`StateKind::Policies`].
    Policies(Vec<PolicyRecord>),
    /// See [`StateKind::Snapshot`].
    Snapshot(Vec<u8>),
    /// See [`StateKind::Opaque`].
    Opaque(Vec<u8>),
}

impl StatePart {
    /// What it is part of.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Connections(_) => StateKind::Connections,
            Self::Sessions(_) => StateKind::Sessions,
            Self::Policies(_) => StateKind::Policies,
            Self::Snapshot(_) => StateKind::Snapshot,
            Self::Opaque(_) => StateKind::Opaque,
        }
    }

    /// How many records it has, or bytes where it has no records.
    pub const fn amount(&self) -> usize {
        match self {
            Self::Connections(records) | Self::Sessions(records) => records.len(),
            Self::Policies(records) => records.len(),
            Self::Snapshot(bytes) | Self::Opaque(bytes) => bytes.len(),
        }
    }
}

/// A connection or a firewall's session as it is now, or that it is gone (VMMI-3.2.12-05). It replaces what the copy said of
/// the same flow before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FlowRecord {
    /// Which one.
    pub flow: Flow,
    /// As it is now; `None` once it is gone.
    pub state: Option<FlowState>,
}

/// What a connection or a firewall's session is known by, as the packet that opened it had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Flow {
    /// The virtual network.
    pub vn: Vni,
    /// The VLAN in it.
    pub vlan: Vlan,
    /// The IP protocol number.
    pub protocol: u8,
    /// 0 where the protocol has no ports.
    pub source_port: u16,
    /// 0 where the protocol has no ports.
    pub destination_port: u16,
    /// Between which addresses.
    pub ends: FlowEnds,
}

/// Two addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum FlowEnds {
    /// Over IPv4.
    V4 {
        /// Who opened it.
        source: Ipv4Addr,
        /// To whom.
        destination: Ipv4Addr,
    },
    /// Over IPv6.
    V6 {
        /// Who opened it.
        source: Ipv6Addr,
        /// To whom.
        destination: Ipv6Addr,
    },
}

/// What is kept of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FlowState {
    /// The time that remains of the state when it is sent; `None` if it does not expire.
    ///
    /// A message carries whole milliseconds, rounded up, at most 0xFFFF_FFFE (49 days).
    #[cfg_attr(feature = "arbitrary", arbitrary(with = arbitrary_expiry))]
    pub expires: Option<Micros>,
    /// A firewall's guard data, or what a connection is restarted from. Fits a message, at most about 1,000 bytes.
    pub data: Vec<u8>,
}

/// A time that a message carries exactly, or none.
#[cfg(feature = "arbitrary")]
fn arbitrary_expiry(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Option<Micros>> {
    let millis: u32 = u.arbitrary()?;
    Ok((millis != u32::MAX).then(|| Micros::from_millis(millis.into())))
}

/// A policy of a TSI as it is now, or that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct PolicyRecord {
    /// For whom.
    pub tsi: TsiKey,
    /// Which of its policies.
    pub number: u32,
    /// What it says; `None` once it is gone. Fits a message, at most about 1,000 bytes.
    pub rules: Option<Vec<u8>>,
}

/// See [`crate::Message::StateAck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateAck {
    /// Of which stream.
    pub stream: StateStream,
    /// What it consists of.
    pub kind: StateKind,
    /// How much of the copy the target has from its beginning on: all of it once this is the last offer's total.
    pub upto: Amount,
    /// Whether it goes on.
    pub answer: StateAnswer,
}

codes! {
    /// What a target says to what it is offered.
    pub enum StateAnswer {
        /// So far taken.
        Taken = 1,
        /// Something is missing: begin a new copy.
        Again = 2,
        /// The kind or the format is not known here.
        NotSupported = 3,
        /// No room for as much.
        Resource = 4,
        /// Policy forbids it.
        Policy = 5,
        /// The move has ended, or another version of it is known.
        Stale = 6,
    }
}
