//! The transfer of the state that a VM has in the network, from one NVE to another (SPEC.md §6.5).
//!
//! The source offers an amount of state and sends it in chunks. It offers again what has changed since, until it freezes the
//! state. The target acknowledges how much it has. The NVA passes these messages on (flow state goes with the VM,
//! VMMI-3.2.12-04 to VMMI-3.2.12-07; so does the state of an NVE, VMMI-5.5.2-01).

use crate::codec::codes;
use crate::id::{MoveId, NveId, TsiKey, Version};
use crate::time::Micros;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use nvo3_wire::Vni;

/// The error that a number is above the largest value of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is too large: must be at most {most}")]
pub struct TooLarge {
    /// The number.
    pub value: u32,
    /// The largest value.
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
            /// The largest value.
            pub const MAX: Self = Self($most);

            /// The value; `None` above [`Self::MAX`].
            pub const fn new(value: $number) -> Option<Self> {
                if value <= Self::MAX.0 { Some(Self(value)) } else { None }
            }

            /// The number.
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
    /// An amount of state: records, or bytes if the state has no records. At most 2²⁶ − 1, so that each offer is bounded.
    Amount(u32) up to 0x3ff_ffff;
    /// A VLAN id, at most 4,094; 0 for frames without a tag (IEEE 802.1Q, table 9-2).
    Vlan(u16) up to 4_094;
}

impl From<Vlan> for u16 {
    fn from(vlan: Vlan) -> Self {
        vlan.0
    }
}

/// The source, the target and the move of a transfer.
///
/// With the [`StateKind`] it names one stream: a move may have several sources and targets (VMMI-3.2.12-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateStream {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for the move.
    pub version: Version,
    /// The NVE that sends the state.
    pub source: NveId,
    /// The NVE that receives the state.
    pub target: NveId,
    /// The number of the copy, from 1: each time the source begins anew it is one more. Messages of an older copy are ignored.
    pub copy: u32,
}

codes! {
    /// The kind of a state.
    #[non_exhaustive]
    pub enum StateKind {
        /// The connections of the VM, packed at the source and restarted at the target (VMM-4.4-08, VMM-4.4-10).
        Connections = 1 "connections",
        /// The sessions of a firewall (they go with the VM, VMMI-3.2.12-04).
        Sessions = 2 "sessions",
        /// The policies of the VM's port: access lists, quality of service (they go with the VM, VMMI-5.3-01).
        Policies = 3 "policies",
        /// The state of an NVE itself: protocol state, tables, remaining times (it can be moved, VMMI-5.5.2-01).
        Snapshot = 4 "snapshot",
        /// Any other state that both ends have agreed on.
        Opaque = 5 "opaque",
    }
}

/// The body of [`StateOffer`](crate::Message::StateOffer): the source says how much state there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateOffer {
    /// The stream.
    pub stream: StateStream,
    /// The kind of the state.
    pub kind: StateKind,
    /// The format of the bytes that this protocol does not describe. Both ends agree on the numbers; 0 for none.
    pub format: u32,
    /// The amount of the copy so far. It never gets smaller.
    pub total: Amount,
    /// True if the source has frozen the state and adds nothing more.
    pub last: bool,
}

/// The body of [`StateChunk`](crate::Message::StateChunk): a part of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateChunk {
    /// The stream.
    pub stream: StateStream,
    /// The amount of the copy before this part.
    pub offset: Amount,
    /// The part.
    pub part: StatePart,
}

/// A part of a state, by its [`StateKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum StatePart {
    /// Records of [`StateKind::Connections`].
    Connections(Vec<FlowRecord>),
    /// Records of [`StateKind::Sessions`].
    Sessions(Vec<FlowRecord>),
    /// Records of [`StateKind::Policies`].
    Policies(Vec<PolicyRecord>),
    /// Bytes of [`StateKind::Snapshot`].
    Snapshot(Vec<u8>),
    /// Bytes of [`StateKind::Opaque`].
    Opaque(Vec<u8>),
}

impl StatePart {
    /// The kind of the state.
    pub const fn kind(&self) -> StateKind {
        match self {
            Self::Connections(_) => StateKind::Connections,
            Self::Sessions(_) => StateKind::Sessions,
            Self::Policies(_) => StateKind::Policies,
            Self::Snapshot(_) => StateKind::Snapshot,
            Self::Opaque(_) => StateKind::Opaque,
        }
    }

    /// The number of records, or of bytes if the kind has no records.
    pub const fn amount(&self) -> usize {
        match self {
            Self::Connections(records) | Self::Sessions(records) => records.len(),
            Self::Policies(records) => records.len(),
            Self::Snapshot(bytes) | Self::Opaque(bytes) => bytes.len(),
        }
    }
}

/// A connection or a firewall session: its current state, or that it is gone (VMMI-3.2.12-05 lists the fields).
///
/// It replaces an earlier record of the same flow in the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FlowRecord {
    /// The flow.
    pub flow: Flow,
    /// The current state; `None` once the flow is gone.
    pub state: Option<FlowState>,
}

/// The key of a connection or a firewall session, in the direction of the packet that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Flow {
    /// The virtual network.
    pub vn: Vni,
    /// The VLAN in the VN.
    pub vlan: Vlan,
    /// The IP protocol number.
    pub protocol: u8,
    /// The source port, 0 if the protocol has no ports.
    pub source_port: u16,
    /// The destination port, 0 if the protocol has no ports.
    pub destination_port: u16,
    /// The two addresses.
    pub ends: FlowEnds,
}

/// The two addresses of a flow, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum FlowEnds {
    /// IPv4 addresses.
    V4 {
        /// The end that opened the flow.
        source: Ipv4Addr,
        /// The other end.
        destination: Ipv4Addr,
    },
    /// IPv6 addresses.
    V6 {
        /// The end that opened the flow.
        source: Ipv6Addr,
        /// The other end.
        destination: Ipv6Addr,
    },
}

/// The state of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct FlowState {
    /// The time that remains of the state when it is sent; `None` if it does not expire.
    ///
    /// A message carries whole milliseconds, rounded up, at most 0xFFFF_FFFE (49 days).
    #[cfg_attr(feature = "arbitrary", arbitrary(with = arbitrary_expiry))]
    pub expires: Option<Micros>,
    /// The guard data of a firewall, or the data to restart a connection. It must fit a message: at most about 1,000 bytes.
    pub data: Vec<u8>,
}

/// A time that a message carries exactly, or none.
#[cfg(feature = "arbitrary")]
fn arbitrary_expiry(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Option<Micros>> {
    let millis: u32 = u.arbitrary()?;
    Ok((millis != u32::MAX).then(|| Micros::from_millis(millis.into())))
}

/// A policy of a TSI: its current rules, or that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct PolicyRecord {
    /// The TSI.
    pub tsi: TsiKey,
    /// The number of the policy, among those of the TSI.
    pub number: u32,
    /// The rules; `None` once the policy is gone. They must fit a message: at most about 1,000 bytes.
    pub rules: Option<Vec<u8>>,
}

/// The body of [`StateAck`](crate::Message::StateAck): the target says how much state it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StateAck {
    /// The stream.
    pub stream: StateStream,
    /// The kind of the state.
    pub kind: StateKind,
    /// The amount of the copy that the target has without a gap. The target has everything once this is the total of the last
    /// offer.
    pub upto: Amount,
    /// The answer to the offer.
    pub answer: StateAnswer,
}

codes! {
    /// The answer of a target to an offer of state.
    #[non_exhaustive]
    pub enum StateAnswer {
        /// The target has taken the state so far.
        Taken = 1 "taken",
        /// The target misses a part: the source begins a new copy.
        Again = 2 "a part is missing",
        /// The target does not know the kind or the format.
        NotSupported = 3 "the kind or the format is not supported",
        /// The target has no room for this amount.
        Resource = 4 "the target has no room for it",
        /// Policy forbids the transfer.
        Policy = 5 "policy forbids it",
        /// The move has ended, or the target knows another version of it.
        Stale = 6 "the move has ended, or has another version",
    }
}
