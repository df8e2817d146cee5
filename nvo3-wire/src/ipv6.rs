//! IPv6: the fixed header, and the chain of extension headers walked just far enough to find the upper protocol.

use crate::checksum::Sum;
use crate::error::take;
use crate::{Error, Ipv6, Protocol, Rule};
use nom::Parser;
use nom::bytes::complete::take as take_bytes;
use nom::number::complete::u8 as byte;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Next-header number of hop-by-hop options.
pub const HOP_BY_HOP: u8 = 0;
/// Next-header number of a routing header.
pub const ROUTING: u8 = 43;
/// Next-header number of a fragment header.
pub const FRAGMENT: u8 = 44;
/// Next-header number of destination options.
pub const DESTINATION_OPTIONS: u8 = 60;
/// Next-header number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Next-header number of UDP.
pub const UDP: u8 = 17;

/// Extension headers accepted in one packet: each kind of RFC 8200 §4.1 with destination options twice, and slack.
pub const MAX_EXTENSIONS: u8 = 8;

/// IPv6 (RFC 8200 §3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+-----------+---+---------------------------------------+
/// |  v=6  |   DSCP    |ECN|              flow label               |
/// +-------+-----------+---+-------+---------------+---------------+
/// |        payload length         |  next header  |   hop limit   |
/// +-------------------------------+---------------+---------------+
/// |                      source address (16)                      |
/// |                    destination address (16)                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version (4 bits), traffic class (8) and flow label (20).
    pub version_class_label: U32,
    /// Everything behind this header, in bytes.
    pub payload_length: U16,
    /// What follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source.
    pub source: Ipv6,
    /// Destination.
    pub destination: Ipv6,
}

impl Header {
    /// DSCP and ECN.
    #[inline]
    pub fn traffic_class(&self) -> u8 {
        (self.version_class_label.get() >> 20) as u8
    }

    /// Flow label, 20 bits.
    #[inline]
    pub fn flow_label(&self) -> u32 {
        self.version_class_label.get() & 0xf_ffff
    }
}

/// A packet: fixed header and payload as its length bounds it, extension headers included.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// What follows, extension headers included.
    pub payload: &'a [u8],
}

/// The upper protocol behind the extension headers.
#[derive(Clone, Copy, Debug)]
pub struct Upper<'a> {
    /// Next-header number.
    pub protocol: u8,
    /// Its header and payload; of a fragment only this piece.
    pub payload: &'a [u8],
    /// Where it begins, from the first byte of the IPv6 header.
    pub offset: usize,
    /// A fragment header was passed that says offset ≠ 0 or more to come.
    pub fragment: bool,
    /// A fragment header was passed, even that of an atomic fragment (RFC 6946).
    pub fragment_header: bool,
}

impl<'a> Packet<'a> {
    /// Reads the fixed header; what lies behind the payload length is padding.
    ///
    /// # Errors
    /// [`Rule::Version`] or [`Rule::Truncated`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Ipv6)?;
        let version = (header.version_class_label.get() >> 28) as u8;
        if version != 6 {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::Version(version)));
        }
        let length = usize::from(header.payload_length.get());
        match behind.get(..length) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(Error::truncated(Protocol::Ipv6, length + 40, bytes.len())),
        }
    }

    /// The receiver's rule of RFC 4291 §2.7: the source is not a group.
    pub fn validate(&self) -> Result<(), Error> {
        if self.header.source.is_multicast() {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::MulticastSource));
        }
        Ok(())
    }

    /// The extension headers in order, without failing: the walk ends where the chain does or breaks.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions { next: self.header.next_header, rest: self.payload, error: None, left: MAX_EXTENSIONS }
    }

    /// The upper protocol behind whatever extension headers there are.
    ///
    /// # Errors
    /// [`Rule::Truncated`] where an extension header is cut short, [`Rule::TooManyExtensions`].
    #[inline(always)]
    pub fn upper(&self) -> Result<Upper<'a>, Error> {
        if is_extension(self.header.next_header) {
            return behind_extensions(*self);
        }
        let protocol = self.header.next_header;
        Ok(Upper { protocol, payload: self.payload, offset: 40, fragment: false, fragment_header: false })
    }

    fn offset_of(&self, rest: &[u8]) -> usize {
        40 + self.payload.len() - rest.len()
    }

    /// The pseudo-header sum for an upper protocol of `length` bytes.
    #[inline]
    pub fn pseudo_header(&self, protocol: u8, length: u32) -> Sum {
        crate::checksum::pseudo_ipv6(&self.header.source, &self.header.destination, protocol, length)
    }
}

/// [`Packet::upper`] of a packet with extension headers; takes a copy, so that the packet of the usual case can stay in
/// registers.
#[cold]
fn behind_extensions(packet: Packet<'_>) -> Result<Upper<'_>, Error> {
    let mut walk = packet.extensions();
    let (mut fragment, mut fragment_header) = (false, false);
    for extension in &mut walk {
        if let Some(offset_flags) = extension.fragment() {
            fragment_header = true;
            fragment |= offset_flags & 0xfff9 != 0;
        }
        if fragment {
            break;
        }
    }
    match walk.error {
        Some(error) => Err(error.at(packet.offset_of(walk.rest))),
        None => Ok(Upper {
            protocol: walk.next,
            payload: walk.rest,
            offset: packet.offset_of(walk.rest),
            fragment,
            fragment_header,
        }),
    }
}

/// One extension header: its kind, the kind of the next, and its content behind the two bytes that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which header this is.
    pub kind: u8,
    /// Which one follows.
    pub next: u8,
    /// Content behind next header and length (of a fragment header: behind next header and reserved byte).
    pub content: &'a [u8],
}

impl Extension<'_> {
    /// Offset and flags of a fragment header (RFC 8200 §4.5).
    pub fn fragment(&self) -> Option<u16> {
        match (self.kind, self.content) {
            (FRAGMENT, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

/// Iterates over extension headers; see [`Packet::extensions`].
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    next: u8,
    rest: &'a [u8],
    error: Option<Error>,
    left: u8,
}

impl Extensions<'_> {
    /// Why the walk ended early, if it did; offset 0.
    pub fn error(&self) -> Option<Error> {
        self.error
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        if !is_extension(self.next) || self.error.is_some() {
            return None;
        }
        if self.left == 0 {
            self.error = Some(Error::new(Protocol::Ipv6, 0, Rule::TooManyExtensions(MAX_EXTENSIONS)));
            return None;
        }
        let Ok((rest, (next, content))) = extension(self.next, self.rest) else {
            let units = match self.next {
                FRAGMENT => 0,
                _ => self.rest.get(1).copied().unwrap_or(0),
            };
            self.error = Some(Error::truncated(Protocol::Ipv6, usize::from(units) * 8 + 8, self.rest.len()));
            return None;
        };
        let extension = Extension { kind: self.next, next, content };
        (self.next, self.rest, self.left) = (next, rest, self.left - 1);
        Some(extension)
    }
}

/// Next header and content: `next, length in units of 8 bytes without the first, content` (RFC 8200 §4.3–4.6).
fn extension(kind: u8, input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8]), ()> {
    let (input, (next, units)) = (byte, byte).parse(input)?;
    let units = if kind == FRAGMENT { 0 } else { usize::from(units) };
    let (input, content) = take_bytes(units * 8 + 6).parse(input)?;
    Ok((input, (next, content)))
}

#[inline]
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::V10;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn packet(first: u8, chain: &[u8]) -> Vec<u8> {
        let mut packet = Vec::from(V10);
        packet[6] = first;
        packet.truncate(40);
        packet.extend(chain);
        packet[5] = chain.len() as u8;
        packet
    }

    #[test]
    fn each_broken_rule_is_told_apart() {
        let mut version = V10;
        version[0] = 0x40;

        assert_eq!(Packet::parse(&version).unwrap_err().rule, Rule::Version(4));
        assert_eq!(Packet::parse(&V10[..39]).unwrap_err().rule, Rule::Truncated { needed: 40, available: 39 });
        assert_eq!(Packet::parse(&V10[..97]).unwrap_err().rule, Rule::Truncated { needed: 98, available: 97 });
    }

    #[test]
    fn upper_protocol_is_found_behind_every_kind_of_header() {
        #[rustfmt::skip]
        let chain = [
            43, 0, 1, 4, 0, 0, 0, 0,
            60, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            44, 0, 1, 4, 0, 0, 0, 0,
            17, 0, 0, 0, 0, 0, 0, 9,
            0xaa,
        ];
        let packet = packet(HOP_BY_HOP, &chain);

        let parsed = Packet::parse(&packet).unwrap();
        let upper = parsed.upper().unwrap();

        assert_eq!((upper.protocol, upper.payload, upper.offset), (UDP, &[0xaa][..], 80));
        assert!(upper.fragment_header && !upper.fragment);
        let kinds: Vec<_> = parsed.extensions().map(|extension| (extension.kind, extension.content.len())).collect();
        assert_eq!(kinds, [(HOP_BY_HOP, 6), (ROUTING, 14), (DESTINATION_OPTIONS, 6), (FRAGMENT, 6)]);
    }

    #[test]
    fn the_walk_stops_at_a_later_fragment() {
        let packet = packet(FRAGMENT, &[60, 0, 0, 8, 0, 0, 0, 9, 0xff]);

        let upper = Packet::parse(&packet).unwrap().upper().unwrap();

        assert_eq!((upper.fragment, upper.protocol, upper.payload), (true, DESTINATION_OPTIONS, &[0xff][..]));
    }

    #[test]
    fn a_cut_extension_header_says_where_and_how_much() {
        let packet = packet(HOP_BY_HOP, &[60, 0, 1, 4, 0, 0, 0, 0, 17, 2, 0, 0]);

        let error = Packet::parse(&packet).unwrap().upper().unwrap_err();

        assert_eq!((error.offset, error.rule), (48, Rule::Truncated { needed: 24, available: 4 }));

        let fragment = self::packet(FRAGMENT, &[17, 0xff, 0, 0]);
        let error = Packet::parse(&fragment).unwrap().upper().unwrap_err();
        assert_eq!((error.offset, error.rule), (40, Rule::Truncated { needed: 8, available: 4 }));
    }

    #[test]
    fn endless_chains_are_refused() {
        let packet = packet(DESTINATION_OPTIONS, &[DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(9));

        let error = Packet::parse(&packet).unwrap().upper().unwrap_err();

        assert_eq!(error.rule, Rule::TooManyExtensions(MAX_EXTENSIONS));
    }

    proptest! {
        #[test]
        fn any_chain_walks_or_fails(
            first in prop::sample::select(&[0u8, 43, 44, 60][..]), mut chain in prop::collection::vec(0u8..61, 0..200),
        ) {
            for at in [0, 8, 16, 24] {
                if let Some(next) = chain.get_mut(at..at + 2) {
                    next.copy_from_slice(&[[0, 43, 44, 60][usize::from(next[0] & 3)], next[1] & 1]);
                }
            }
            let packet = packet(first, &chain);
            let parsed = Packet::parse(&packet).unwrap();
            if let Ok(upper) = parsed.upper() {
                prop_assert_eq!(upper.offset + upper.payload.len(), packet.len());
            }
            prop_assert!(parsed.extensions().count() <= usize::from(MAX_EXTENSIONS));
        }
    }
}
