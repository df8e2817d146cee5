//! IPv4 options (RFC 791 §3.1), checked once and then iterated without errors.

use crate::tlv::{self, Tlv, Tlvs, Written};
use crate::{Error, Ipv4, Protocol};
use core::fmt;
use zerocopy::{FromBytes, IntoBytes};

/// An option, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// 0: end of the list. Only padding follows.
    End,
    /// 1: padding between options.
    NoOperation,
    /// 7: each router enters its address.
    RecordRoute(Route<'a>),
    /// 131: the packet visits each address, with other routers in between.
    LooseSourceRoute(Route<'a>),
    /// 137: the packet visits each address and no other router.
    StrictSourceRoute(Route<'a>),
    /// 68: each router enters its time.
    Timestamp {
        /// The first free byte, counted from 1 at the option's kind; 5 if nothing is entered.
        pointer: u8,
        /// The number of routers that found no space, 0–15.
        overflow: u8,
        /// The form of the entries, 4 bits: 0 times only, 1 each time after its address, 3 given addresses.
        flag: u8,
        /// The times, with addresses if the flag says so.
        entries: &'a [u8],
    },
    /// 148: routers on the path examine the packet (RFC 2113). 0 means every router.
    RouterAlert(u16),
    /// Any other option, or one of the above with an invalid content.
    Other {
        /// Kind: copied flag, class (2 bits), number (5).
        kind: u8,
        /// The bytes after kind and length.
        content: &'a [u8],
    },
}

/// The addresses of a route option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The next address to use or enter, counted from 1 at the option's kind. 4 is the first.
    pub pointer: u8,
    /// The addresses, visited or not.
    pub addresses: &'a [Ipv4],
}

impl Route<'_> {
    /// True if addresses are left to visit (RFC 791 §3.1).
    pub const fn is_unfinished(&self) -> bool {
        (self.pointer as usize) < 4 + 4 * self.addresses.len()
    }
}

impl<'a> Ipv4Option<'a> {
    /// The option's type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::End => 0,
            Self::NoOperation => 1,
            Self::RecordRoute(_) => 7,
            Self::LooseSourceRoute(_) => 131,
            Self::StrictSourceRoute(_) => 137,
            Self::Timestamp { .. } => 68,
            Self::RouterAlert(_) => 148,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// True if each fragment has a copy of the option.
    pub const fn is_copied(&self) -> bool {
        self.kind() & 0x80 != 0
    }

    /// True for a source route with addresses left, so that the header's destination is not yet the last.
    pub const fn is_unfinished_route(&self) -> bool {
        matches!(self, Self::LooseSourceRoute(route) | Self::StrictSourceRoute(route) if route.is_unfinished())
    }

    fn typed(tlv: Tlv<'a>) -> Self {
        let (kind, content) = match tlv {
            Tlv::End => return Self::End,
            Tlv::NoOperation => return Self::NoOperation,
            Tlv::Option(kind, content) => (kind, content),
        };
        let route = |content: &'a [u8]| {
            let (pointer, addresses) = content.split_first()?;
            Some(Route { pointer: *pointer, addresses: <[Ipv4]>::ref_from_bytes(addresses).ok()? })
        };
        let typed = match (kind, content) {
            (7, content) => route(content).map(Self::RecordRoute),
            (131, content) => route(content).map(Self::LooseSourceRoute),
            (137, content) => route(content).map(Self::StrictSourceRoute),
            (68, [pointer, mixed, entries @ ..]) => {
                Some(Self::Timestamp { pointer: *pointer, overflow: mixed >> 4, flag: mixed & 0xf, entries })
            }
            (148, [high, low]) => Some(Self::RouterAlert(u16::from_be_bytes([*high, *low]))),
            _ => None,
        };
        typed.unwrap_or(Self::Other { kind, content })
    }
}

/// For example `rr pointer 4 192.0.2.1 192.0.2.2`.
impl fmt::Display for Ipv4Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, route) = match self {
            Self::End => return f.write_str("end"),
            Self::NoOperation => return f.write_str("nop"),
            Self::RouterAlert(value) => return write!(f, "router alert {value}"),
            Self::Timestamp { pointer, overflow, flag, .. } => {
                return write!(f, "timestamp pointer {pointer} overflow {overflow} flag {flag}");
            }
            Self::Other { kind, content } => return write!(f, "option {kind} length {}", content.len() + 2),
            Self::RecordRoute(route) => ("rr", route),
            Self::LooseSourceRoute(route) => ("lsrr", route),
            Self::StrictSourceRoute(route) => ("ssrr", route),
        };
        write!(f, "{name} pointer {}", route.pointer)?;
        route.addresses.iter().try_for_each(|address| write!(f, " {address}"))
    }
}

/// The options of a header, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(Tlvs<'a>);

impl<'a> Options<'a> {
    /// Checks the options of a header, padding included.
    ///
    /// # Errors
    /// [`Rule::OptionLength`](crate::Rule::OptionLength) or [`Rule::OptionTruncated`](crate::Rule::OptionTruncated) for
    /// the first broken option. The offset counts from the first option (RFC 791 §3.1, RFC 1122 §3.2.1.8).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Tlvs::check(bytes, Protocol::Ipv4).map(Self)
    }

    /// The options in order up to the end of the list, with padding.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Option<'a>> + use<'a> {
        self.0.map(Ipv4Option::typed)
    }
}

/// Writes options, padded to a multiple of 4 bytes. Returns the number of bytes written.
pub(super) fn write<'o>(options: impl IntoIterator<Item = Ipv4Option<'o>>, out: &mut [u8]) -> Result<usize, Error> {
    let mut used = 0;
    for option in options {
        let out = out.get_mut(used..).unwrap_or_default();
        used += match option {
            Ipv4Option::End | Ipv4Option::NoOperation => put(Written::Byte(option.kind()), out)?,
            Ipv4Option::RecordRoute(route)
            | Ipv4Option::LooseSourceRoute(route)
            | Ipv4Option::StrictSourceRoute(route) => {
                put(Written::Parts(option.kind(), [&[route.pointer], route.addresses.as_bytes()]), out)?
            }
            Ipv4Option::Timestamp { pointer, overflow, flag, entries } => {
                put(Written::Parts(68, [&[pointer, overflow << 4 | flag & 0xf], entries]), out)?
            }
            Ipv4Option::RouterAlert(value) => put(Written::Parts(148, [&value.to_be_bytes(), &[]]), out)?,
            Ipv4Option::Other { kind, content } => put(Written::Parts(kind, [content, &[]]), out)?,
        };
    }
    tlv::pad(used, out, Protocol::Ipv4)
}

fn put(option: Written<'_>, out: &mut [u8]) -> Result<usize, Error> {
    tlv::put(option, out, Protocol::Ipv4)
}
