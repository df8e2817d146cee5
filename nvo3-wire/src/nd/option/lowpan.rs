//! Options of 6LoWPAN (RFC 6775 §4, RFC 7400 §3.4).

use super::kind;
use super::prefix::padded;
use crate::{Ipv6, Rule};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Address registration option (ARO), type 33 (RFC 6775 §4.1).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 33   |  length = 2   |    status     |   reserved    |
/// +---------------+---------------+---------------+---------------+
/// |          reserved             |    lifetime (60 s)            |
/// |                         EUI-64 (8)                            |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AddressRegistration {
    kind: u8,
    units: u8,
    /// 0: success, 1: duplicate address, 2: neighbor cache full.
    pub status: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 3],
    /// Minutes for which the router keeps the entry. 0: no longer.
    pub lifetime: U16,
    /// EUI-64 of the interface that registers.
    pub eui64: [u8; 8],
}

impl AddressRegistration {
    /// Creates the option with a lifetime in minutes.
    pub const fn new(status: u8, lifetime: u16, eui64: [u8; 8]) -> Self {
        let (kind, lifetime) = (kind::ADDRESS_REGISTRATION, U16::new(lifetime));
        Self { kind, units: 2, status, reserved: [0; 3], lifetime, eui64 }
    }
}

/// Context of header compression (6CO), type 34 (RFC 6775 §4.2).
///
/// ```text
/// +---------------+---------------+---------------+-----+-+-------+
/// |   type = 34   | length = 2, 3 |context length |  0  |C|  CID  |
/// +---------------+---------------+---------------+-----+-+-------+
/// |          reserved             |    lifetime (60 s)            |
/// |                      prefix (8 or 16)                         |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// Number of valid bits of the prefix.
    pub context_len: u8,
    /// Flag C: the context is also valid for compression.
    pub compression: bool,
    /// Number of the context, 4 bits.
    pub cid: u8,
    /// Minutes for which the context is valid. 0: no longer.
    pub lifetime: u16,
    /// The prefix in 8 or 16 bytes, at least as many as the context length needs.
    pub prefix: &'a [u8],
}

impl<'a> Context<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([context_len, flags, _, _, a, b], prefix) = content.split_first_chunk()?;
        let bits = usize::from(*context_len);
        if !matches!(prefix.len(), 8 | 16) || (bits <= 128 && prefix.len() * 8 < bits) {
            return None;
        }
        let lifetime = u16::from_be_bytes([*a, *b]);
        let (compression, cid) = (flags & 0x10 != 0, flags & 0x0f);
        Some(Self { context_len: *context_len, compression, cid, lifetime, prefix })
    }

    /// The prefix as an address, filled with zeros.
    pub fn address(&self) -> Ipv6 {
        padded(self.prefix)
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        if self.context_len > 128 { Err(Rule::PrefixLength(self.context_len)) } else { Ok(()) }
    }
}

/// Authoritative border router option (ABRO), type 35 (RFC 6775 §4.3).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |   type = 35   |  length = 3   |          version low          |
/// +---------------+---------------+-------------------------------+
/// |         version high          |        lifetime (60 s)        |
/// |                  address of the router (16)                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct BorderRouter {
    kind: u8,
    units: u8,
    version_low: U16,
    version_high: U16,
    /// Minutes for which the information is valid. 0 means 10,000.
    pub lifetime: U16,
    /// Address of the router that is the source of the information.
    pub addr: Ipv6,
}

impl BorderRouter {
    /// Creates the option with a lifetime in minutes.
    pub const fn new(version: u32, lifetime: u16, addr: Ipv6) -> Self {
        Self {
            kind: kind::BORDER_ROUTER,
            units: 3,
            version_low: U16::new(version as u16),
            version_high: U16::new((version >> 16) as u16),
            lifetime: U16::new(lifetime),
            addr,
        }
    }

    /// Version of the information. A greater number is newer.
    pub fn version(&self) -> u32 {
        u32::from(self.version_high.get()) << 16 | u32::from(self.version_low.get())
    }
}

/// Capabilities option (6CIO), type 36 (RFC 7400 §3.4).
///
/// ```text
/// +---------------+---------------+-----------------------------+-+
/// |   type = 36   |  length = 1   |              0              |G|
/// +---------------+---------------+-----------------------------+-+
/// |                         reserved (4)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Capabilities {
    kind: u8,
    units: u8,
    /// The lowest bit is G: the node supports generic header compression.
    pub bits: U16,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
}

impl Capabilities {
    /// Creates the option.
    pub const fn new(bits: u16) -> Self {
        Self { kind: kind::CAPABILITIES, units: 1, bits: U16::new(bits), reserved: [0; 4] }
    }
}
