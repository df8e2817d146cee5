//! The address and its identifier.

use crate::checksum::Sum;
use crate::{Error, Ipv4, Ipv6, Protocol, Rule};
use core::fmt;
use core::str::FromStr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The upper 64 bits of an address: a SIR prefix or a locator.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Prefix(pub [u8; 8]);

impl Prefix {
    pub(super) fn sum(&self) -> Sum {
        Sum::ZERO.bytes(&self.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0;
        write!(f, "{}/64", Ipv6([a, b, c, d, e, g, h, i, 0, 0, 0, 0, 0, 0, 0, 0]))
    }
}

/// The error for text that is not a prefix of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a prefix is an IPv6 address whose lower 64 bits are 0, and /64")]
pub struct ParsePrefixError;

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    /// Reads what `Display` writes, for example `2001:db8:1:2::/64`.
    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let address = text.strip_suffix("/64").and_then(|address| address.parse::<Ipv6>().ok());
        match address.map(Address::from) {
            Some(Address { prefix, identifier: Identifier([0, 0, 0, 0, 0, 0, 0, 0]) }) => Ok(prefix),
            _ => Err(ParsePrefixError),
        }
    }
}

/// An IPv6 address made of prefix and identifier.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------------------------------------------------------+
/// |                 SIR prefix or locator (8)                     |
/// +-----+-+-------------------------------------------------------+
/// |type |C|                  identifier (60 bits)                 |
/// +-----+-+                               +-----------------------+
/// |                                       |  takes up the neutral
/// |                                       |  change if C (16 bits)
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Address {
    /// SIR prefix or locator.
    pub prefix: Prefix,
    /// The endpoint's identifier.
    pub identifier: Identifier,
}

impl From<Ipv6> for Address {
    fn from(address: Ipv6) -> Self {
        zerocopy::transmute!(address)
    }
}

impl From<Address> for Ipv6 {
    fn from(address: Address) -> Self {
        zerocopy::transmute!(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ILA {} {}", self.prefix, self.identifier)
    }
}

/// The lower 64 bits of an address: type, flag C, and the value of the type.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Identifier(pub [u8; 8]);

/// The meaning of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum IdentifierKind {
    /// Type 0: an ordinary interface identifier, which is not ILA.
    Interface,
    /// Type 1: an identifier of 60 bits, unique in the domain.
    Local(u64),
    /// Type 2: an IPv4 address in a virtual network of 28 bits.
    VirtualIpv4 {
        /// Virtual network.
        vn: u32,
        /// The address in the virtual network.
        address: Ipv4,
    },
    /// Type 3: the low 32 bits of an IPv6 address in a virtual network of 28 bits.
    VirtualIpv6 {
        /// Virtual network.
        vn: u32,
        /// The low 32 bits of the address.
        low: u32,
    },
    /// Type 4: an IPv6 group in a virtual network of 28 bits.
    VirtualGroup {
        /// Virtual network.
        vn: u32,
        /// Multicast scope, 4 bits.
        scope: u8,
        /// The low 28 bits of the group.
        low: u32,
    },
    /// Type 5: a 60-bit identifier whose address is not of this domain.
    NonLocal(u64),
    /// Types 6 and 7, which are reserved.
    Reserved(u8),
}

impl Identifier {
    const NEUTRAL: u8 = 0x10;

    /// Type, 0 to 7.
    #[inline]
    pub const fn type_code(&self) -> u8 {
        self.0[0] >> 5
    }

    /// Flag C: the low 16 bits hold the checksum-neutral change (ILA-02).
    #[inline]
    pub const fn is_neutral(&self) -> bool {
        self.0[0] & Self::NEUTRAL != 0
    }

    /// The meaning of the identifier. With flag C its low 16 bits are those on the wire, not those that its owner has.
    pub const fn kind(&self) -> IdentifierKind {
        let bits = u64::from_be_bytes(self.0);
        let (id, vn, low) = (bits & 0x0fff_ffff_ffff_ffff, (bits >> 32) as u32 & 0x0fff_ffff, bits as u32);
        match self.type_code() {
            0 => IdentifierKind::Interface,
            1 => IdentifierKind::Local(id),
            2 => IdentifierKind::VirtualIpv4 { vn, address: Ipv4(low.to_be_bytes()) },
            3 => IdentifierKind::VirtualIpv6 { vn, low },
            4 => IdentifierKind::VirtualGroup { vn, scope: (low >> 28) as u8, low: low & 0x0fff_ffff },
            5 => IdentifierKind::NonLocal(id),
            other => IdentifierKind::Reserved(other),
        }
    }

    /// Checks that the identifier may be translated: types 1 to 5.
    ///
    /// # Errors
    /// [`Rule::IdentifierType`] if the type is not 1 to 5.
    #[inline]
    pub const fn validate(&self) -> Result<(), Error> {
        match self.type_code() {
            1..=5 => Ok(()),
            other => Err(Error::new(Protocol::Ila, 0, Rule::IdentifierType(other))),
        }
    }

    /// Checks that an endpoint may have this identifier: types 1 to 5, no flag C (ILA-02), and not ending in 0xffff,
    /// which a checksum-neutral mapping cannot restore (ILA-04).
    ///
    /// # Errors
    /// [`Rule::IdentifierType`], [`Rule::NeutralBit`], [`Rule::AmbiguousIdentifier`].
    #[inline]
    pub const fn assignable(&self) -> Result<(), Error> {
        if let Err(error) = self.validate() {
            return Err(error);
        }
        if self.is_neutral() {
            return Err(Error::new(Protocol::Ila, 0, Rule::NeutralBit));
        }
        if self.low() == 0xffff {
            return Err(Error::new(Protocol::Ila, 0, Rule::AmbiguousIdentifier));
        }
        Ok(())
    }

    pub(super) const fn low(&self) -> u16 {
        u16::from_be_bytes([self.0[6], self.0[7]])
    }

    pub(super) const fn with_low(self, low: u16) -> Self {
        let [a, b, c, d, e, f, ..] = self.0;
        let [g, h] = low.to_be_bytes();
        Self([a, b, c, d, e, f, g, h])
    }

    pub(super) const fn with_neutral(self, on: bool) -> Self {
        let [a, b, c, d, e, f, g, h] = self.0;
        Self([a & !Self::NEUTRAL | if on { Self::NEUTRAL } else { 0 }, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            IdentifierKind::Interface => write!(f, "interface {:016x}", u64::from_be_bytes(self.0)),
            IdentifierKind::Local(id) => write!(f, "local {id:015x}"),
            IdentifierKind::VirtualIpv4 { vn, address } => write!(f, "VN {vn} {address}"),
            IdentifierKind::VirtualIpv6 { vn, low } => write!(f, "VN {vn} ::{:x}:{:x}", low >> 16, low & 0xffff),
            IdentifierKind::VirtualGroup { vn, scope, low } => write!(f, "VN {vn} group {low:07x} scope {scope}"),
            IdentifierKind::NonLocal(id) => write!(f, "non-local {id:015x}"),
            IdentifierKind::Reserved(kind) => write!(f, "reserved type {kind}"),
        }?;
        if self.is_neutral() { f.write_str(" neutral") } else { Ok(()) }
    }
}
