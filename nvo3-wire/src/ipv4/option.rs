//! IPv4 options (RFC 791 §3.1), checked once and then iterated without failing.

use crate::tlv::{self, Tlv, Tlvs, Written};
use crate::{Error, Ipv4, Protocol};
use core::fmt;
use zerocopy::{FromBytes, IntoBytes};

/// An option, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// 0: nothing but padding follows.
    End,
    /// 1: padding between options.
    NoOperation,
    /// 7: routers enter their addresses.
    RecordRoute(Route<'a>),
    /// 131: the packet goes to each address, other routers in between.
    LooseSourceRoute(Route<'a>),
    /// 137: the packet goes to each address and nowhere else.
    StrictSourceRoute(Route<'a>),
    /// 68: routers enter the time.
    Timestamp {
        /// First free byte, counted from 1 at the option's kind; 5 where none was entered.
        pointer: u8,
        /// Routers that found no room, 0–15.
        overflow: u8,
        /// 0 times alone, 1 each behind its address, 3 addresses given; 4 bits.
        flag: u8,
        /// Times, and addresses where the flag says so.
        entries: &'a [u8],
    },
    /// 148: routers on the path look into the packet (RFC 2113); 0 is every one.
    RouterAlert(u16),
    /// Any other, or one of the above with a content it can't have.
    Other {
        /// Kind: copied flag, class (2 bits), number (5).
        kind: u8,
        /// Behind kind and length.
        content: &'a [u8],
    },
}

/// The addresses of a route option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Next address to be used or entered, counted from 1 at the option's kind; 4 is the first.
    pub pointer: u8,
    /// Addresses, visited or not.
    pub addresses: &'a [Ipv4],
}

impl Route<'_> {
    /// Whether there are addresses left to be visited (RFC 791 §3.1).
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

    /// Whether fragments carry it too.
    pub const fn is_copied(&self) -> bool {
        self.kind() & 0x80 != 0
    }

    /// A source route that was not walked to its end: the header's destination is not yet the last.
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

/// `rr pointer 4 192.0.2.1 192.0.2.2`
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

/// Well-formed options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(Tlvs<'a>);

impl<'a> Options<'a> {
    /// Reads the options of a header, padding included, all of which have to be whole.
    ///
    /// # Errors
    /// [`Rule::OptionLength`](crate::Rule::OptionLength) or [`Rule::OptionTruncated`](crate::Rule::OptionTruncated),
    /// with the offset from the first option on (RFC 791 §3.1, RFC 1122 §3.2.1.8).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Tlvs::check(bytes, Protocol::Ipv4).map(Self)
    }

    /// Each option up to the end of the list, padding included.
    pub fn iter(&self) -> impl Iterator<Item = Ipv4Option<'a>> + use<'a> {
        self.0.map(Ipv4Option::typed)
    }
}

/// Writes options and their padding to a multiple of 4 bytes; how many bytes.
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
