//! IPv6: the fixed header, and the chain of extension headers: walked just far enough to find the upper protocol, or each
//! by kind with its options; and all of them written.

mod build;
mod extension;
mod option;
#[cfg(test)]
mod tests;

pub use build::Fields;
pub use extension::{Fragment, Kind, Routing, write_fragment, write_options, write_routing};
pub use option::{Action, Ipv6Option, Options};

use crate::checksum::Sum;
use crate::error::take;
use crate::{Error, Ipv6, Protocol, Rule};
use core::fmt;
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
/// Next-header number of an authentication header (RFC 4302).
pub const AUTHENTICATION: u8 = crate::ah::PROTOCOL;
/// Next-header number of destination options.
pub const DESTINATION_OPTIONS: u8 = 60;
/// Next-header number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Next-header number of TCP.
pub const TCP: u8 = 6;
/// Next-header number of UDP.
pub const UDP: u8 = 17;
/// Next-header number of nothing at all.
pub const NO_NEXT_HEADER: u8 = 59;

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
    /// Where `payload` belongs in the fragmentable part, in bytes; 0 of a whole packet and a first fragment.
    pub fragment_offset: u16,
}

impl Upper<'_> {
    /// A fragment other than the first: `payload` does not begin with the upper header.
    pub const fn later_fragment(&self) -> bool {
        self.fragment_offset != 0
    }
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

    /// As [`Packet::parse`], but a payload that ends before its length field says so is no failure: captures and quotes
    /// are cut. The second value is how, as the error that [`Packet::parse`] gives.
    ///
    /// # Errors
    /// As [`Packet::parse`]; [`Rule::Truncated`] only below 40 bytes.
    pub fn parse_lax(bytes: &'a [u8]) -> Result<(Self, Option<Error>), Error> {
        match (Self::parse(bytes), take::<Header>(bytes, Protocol::Ipv6)) {
            (Err(cut @ Error { rule: Rule::Truncated { .. }, .. }), Ok((header, payload))) => {
                Ok((Self { header, payload }, Some(cut)))
            }
            (whole, _) => whole.map(|packet| (packet, None)),
        }
    }

    /// The receiver's rules of RFC 4291 §2.7 and RFC 8200 §4: the source is not a group, hop-by-hop options come first,
    /// no option is cut short or unknown and asks to drop the packet, no unknown route is to be followed, fragments keep
    /// to their limits; and of RFC 2675 §3: no jumbo payload beside a payload length; the first that fails. Behind a later
    /// fragment nothing is looked at.
    ///
    /// # Errors
    /// [`Rule::MulticastSource`], [`Rule::HopByHopNotFirst`], [`Rule::OptionTruncated`], [`Rule::UnknownOption`],
    /// [`Rule::SegmentsLeft`], [`Rule::FragmentLength`], [`Rule::FragmentEnd`], [`Rule::JumboBesideLength`],
    /// [`Rule::JumboLength`], and those of [`Packet::upper`]; with the
    /// offset of the extension header or option.
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        if self.header.source.is_multicast() {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::MulticastSource));
        }
        if is_extension(self.header.next_header) { self.validate_extensions() } else { Ok(()) }
    }

    #[cold]
    fn validate_extensions(&self) -> Result<(), Error> {
        let mut walk = self.extensions();
        let mut at = 40;
        while let Some(extension) = walk.next() {
            let verdict = match extension.typed().map_err(|e| e.at(at))? {
                Kind::HopByHop(_) if at != 40 => Err(Error::new(Protocol::Ipv6, 0, Rule::HopByHopNotFirst)),
                Kind::HopByHop(options) => {
                    let jumbo = options.validate_jumbo(self.header.payload_length.get());
                    options.validate().and(jumbo).map_err(|e| e.at(2))
                }
                Kind::DestinationOptions(options) => options.validate().map_err(|e| e.at(2)),
                Kind::Authentication(_) => Ok(()),
                Kind::Routing(routing) => routing.validate(),
                Kind::Fragment(fragment) => fragment.validate(at - 40, walk.rest.len()),
            };
            verdict.map_err(|e| e.at(at))?;
            at += extension.header_len();
        }
        walk.error.map_or(Ok(()), |error| Err(error.at(at)))
    }

    /// Whether the destination is the last one: no routing header has segments left. Only then are upper checksums over
    /// this destination.
    pub fn at_last_destination(&self) -> bool {
        !self.extensions().any(|extension| matches!(extension.typed(), Ok(Kind::Routing(r)) if r.segments_left != 0))
    }

    /// The extension headers in order, without failing: the walk ends where the chain does or breaks, and with the header of
    /// a fragment other than the first, as what follows there is payload.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions::new(self.header.next_header, self.payload)
    }

    /// The upper protocol behind whatever extension headers there are.
    ///
    /// # Errors
    /// [`Rule::Truncated`] where an extension header is cut short, [`Rule::TooManyExtensions`].
    #[inline(always)]
    pub fn upper(&self) -> Result<Upper<'a>, Error> {
        if is_extension(self.header.next_header) {
            return behind_extensions(self.header.next_header, self.payload);
        }
        let protocol = self.header.next_header;
        Ok(Upper {
            protocol,
            payload: self.payload,
            offset: 40,
            fragment: false,
            fragment_header: false,
            fragment_offset: 0,
        })
    }

    /// Number, bytes and offset of the upper protocol behind all extension headers, also those behind the header of a first
    /// fragment; `None` for a later fragment, and where the chain breaks.
    pub(crate) fn upper_of_first(&self) -> Option<(u8, &'a [u8], usize)> {
        let mut walk = self.extensions();
        walk.by_ref().for_each(drop);
        let offset = 40 + self.payload.len() - walk.rest.len();
        (walk.error.is_none() && !walk.later).then_some((walk.next, walk.rest, offset))
    }

    /// The source that upper checksums are over: the home address of a mobile node that gives one (RFC 6275 §11.3.1).
    pub fn upper_source(&self) -> &'a Ipv6 {
        if !is_extension(self.header.next_header) {
            return &self.header.source;
        }
        let home = |extension: Extension<'a>| match extension.typed() {
            Ok(Kind::DestinationOptions(options)) => options.iter().find_map(|option| match option {
                Ipv6Option::HomeAddress(home) => Some(home),
                _ => None,
            }),
            _ => None,
        };
        self.extensions().find_map(home).unwrap_or(&self.header.source)
    }

    /// The pseudo-header sum for an upper protocol of `length` bytes.
    #[inline]
    pub fn pseudo_header(&self, protocol: u8, length: u32) -> Sum {
        crate::checksum::pseudo_ipv6(self.upper_source(), &self.header.destination, protocol, length)
    }
}

/// [`Packet::upper`] of a packet with extension headers; taken apart, so that the packet of the usual case can stay in
/// registers.
#[cold]
fn behind_extensions(first: u8, payload: &[u8]) -> Result<Upper<'_>, Error> {
    let mut walk = Extensions::new(first, payload);
    let (mut fragment, mut fragment_header, mut fragment_offset) = (false, false, 0);
    for extension in &mut walk {
        if let Some(offset_flags) = extension.fragment() {
            fragment_header = true;
            fragment |= offset_flags & 0xfff9 != 0;
            fragment_offset = offset_flags & 0xfff8;
        }
        if fragment {
            break;
        }
    }
    let offset = 40 + payload.len() - walk.rest.len();
    match walk.error {
        Some(error) => Err(error.at(offset)),
        None => {
            Ok(Upper { protocol: walk.next, payload: walk.rest, offset, fragment, fragment_header, fragment_offset })
        }
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
    /// Length of the whole header in bytes.
    pub const fn header_len(&self) -> usize {
        self.content.len() + 2
    }

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
    later: bool,
    /// Of IPv4, which has no other.
    authentication_only: bool,
}

impl<'a> Extensions<'a> {
    const fn new(next: u8, rest: &'a [u8]) -> Self {
        Self { next, rest, error: None, left: MAX_EXTENSIONS, later: false, authentication_only: false }
    }

    /// Authentication headers alone, as IPv4 has them between its header and the upper protocol.
    pub(crate) const fn authentication(next: u8, rest: &'a [u8]) -> Self {
        Self { authentication_only: true, ..Self::new(next, rest) }
    }

    /// Why the walk ended early, if it did; offset 0.
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    /// What was not walked over.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What comes next: at the end the upper protocol.
    pub(crate) fn next_header(&self) -> u8 {
        self.next
    }

    /// The walk ended at a fragment other than the first.
    pub(crate) fn is_later_fragment(&self) -> bool {
        self.later
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        let is_next = is_extension(self.next) && (!self.authentication_only || self.next == AUTHENTICATION);
        if !is_next || self.error.is_some() || self.later {
            return None;
        }
        if self.left == 0 {
            self.error = Some(Error::new(Protocol::Ipv6, 0, Rule::TooManyExtensions(MAX_EXTENSIONS)));
            return None;
        }
        let Ok((rest, (next, content))) = extension(self.next, self.rest) else {
            let needed = 2 + content_len(self.next, self.rest.get(1).copied().unwrap_or(0));
            self.error = Some(Error::truncated(Protocol::Ipv6, needed, self.rest.len()));
            return None;
        };
        if self.next == AUTHENTICATION && content.len() < size_of::<crate::ah::Header>() {
            self.error = Some(Error::new(Protocol::Authentication, 0, Rule::Length(content.len() + 2)));
            return None;
        }
        let extension = Extension { kind: self.next, next, content };
        (self.next, self.rest, self.left) = (next, rest, self.left - 1);
        self.later = extension.fragment().is_some_and(|offset_more| offset_more & 0xfff8 != 0);
        Some(extension)
    }
}

/// Length of what is behind the two bytes of next header and length: of a fragment header always the same, else in units
/// of 8 bytes without the first, in an authentication header of 4 bytes without the first two (RFC 4302 §2.2).
const fn content_len(kind: u8, units: u8) -> usize {
    match kind {
        FRAGMENT => 6,
        AUTHENTICATION => units as usize * 4 + 6,
        _ => units as usize * 8 + 6,
    }
}

/// Next header and content: `next, length, content` (RFC 8200 §4.3–4.6).
fn extension(kind: u8, input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8]), ()> {
    let (input, (next, units)) = (byte, byte).parse(input)?;
    let (input, content) = take_bytes(content_len(kind, units)).parse(input)?;
    Ok((input, (next, content)))
}

#[inline]
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS | AUTHENTICATION)
}

/// `2001:db8::1 > ff02::16: next header 58, hop limit 1, hop-by-hop [router alert 0, pad 2], length 28`
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { source, destination, next_header, hop_limit, .. } = self.header;
        write!(f, "{source} > {destination}: next header {next_header}, hop limit {hop_limit}")?;
        match self.header.traffic_class() {
            0 => {}
            class => write!(f, ", dscp {} ecn {}", class >> 2, class & 3)?,
        }
        match self.header.flow_label() {
            0 => {}
            label => write!(f, ", flow label {label:#07x}")?,
        }
        self.extensions().try_for_each(|extension| write!(f, ", {extension}"))?;
        write!(f, ", length {}", self.payload.len())
    }
}
