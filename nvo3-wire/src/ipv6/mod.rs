//! IPv6 (RFC 8200): the fixed header, the chain of extension headers, and headers to write.
//!
//! [`Packet::upper`] walks the chain only to find the upper protocol. [`Packet::extensions`] gives each extension
//! header by kind with its options.
//!
//! [`Header`] shows the layout. [`Packet::parse`] reads a packet, [`Packet::validate`] checks the receiver's rules, and
//! [`Fields`], [`write_options`], [`write_routing`] and [`write_fragment`] write headers.

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
/// Next-header number that says that nothing follows.
pub const NO_NEXT_HEADER: u8 = 59;

/// The most extension headers in one packet: each kind of RFC 8200 §4.1 with destination options twice, and some slack.
pub const MAX_EXTENSIONS: u8 = 8;

/// The fixed header of IPv6 (RFC 8200 §3).
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
    /// Length of everything after this header, in bytes.
    pub payload_length: U16,
    /// Protocol of the next header.
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

/// A packet: fixed header, and the payload within its length, extension headers included.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// The payload, extension headers included.
    pub payload: &'a [u8],
}

/// The upper protocol after the extension headers.
#[derive(Clone, Copy, Debug)]
pub struct Upper<'a> {
    /// Next-header number.
    pub protocol: u8,
    /// Its header and payload. For a fragment only this piece.
    pub payload: &'a [u8],
    /// Its offset from the first byte of the IPv6 header.
    pub offset: usize,
    /// True if a fragment header is in front that says offset ≠ 0 or more fragments.
    pub fragment: bool,
    /// True if a fragment header is in front, even that of an atomic fragment (RFC 6946).
    pub fragment_header: bool,
    /// The offset of `payload` in the fragmentable part, in bytes. 0 for a whole packet and a first fragment.
    pub fragment_offset: u16,
}

impl Upper<'_> {
    /// True for a fragment other than the first: `payload` does not begin with the upper header.
    pub const fn later_fragment(&self) -> bool {
        self.fragment_offset != 0
    }
}

impl<'a> Packet<'a> {
    /// Reads the fixed header. Bytes after the payload length are padding.
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

    /// Reads a packet whose payload may be cut, as in captures and quotes.
    ///
    /// If the payload ends before its length field says, the second value is the error that [`Packet::parse`] returns.
    ///
    /// # Errors
    /// The errors of [`Packet::parse`], but [`Rule::Truncated`] only if there are fewer than 40 bytes.
    pub fn parse_lax(bytes: &'a [u8]) -> Result<(Self, Option<Error>), Error> {
        match (Self::parse(bytes), take::<Header>(bytes, Protocol::Ipv6)) {
            (Err(cut @ Error { rule: Rule::Truncated { .. }, .. }), Ok((header, payload))) => {
                Ok((Self { header, payload }, Some(cut)))
            }
            (whole, _) => whole.map(|packet| (packet, None)),
        }
    }

    /// Checks the receiver's rules of RFC 4291 §2.7, RFC 8200 §4 and RFC 2675 §3:
    /// - the source is not a group;
    /// - hop-by-hop options come first;
    /// - no option is cut, and no unknown option asks to drop the packet;
    /// - no unknown routing header has segments left;
    /// - fragments keep to their limits;
    /// - a jumbo payload option has a payload length of 0.
    ///
    /// It checks nothing after the header of a later fragment.
    ///
    /// # Errors
    /// The first broken rule with the offset of the extension header or option: [`Rule::MulticastSource`],
    /// [`Rule::HopByHopNotFirst`], [`Rule::OptionTruncated`], [`Rule::UnknownOption`], [`Rule::SegmentsLeft`],
    /// [`Rule::FragmentLength`], [`Rule::FragmentEnd`], [`Rule::JumboBesideLength`], [`Rule::JumboLength`], and the
    /// errors of [`Packet::upper`].
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

    /// True if no routing header has segments left, so that the destination is the last one. Only then does the upper
    /// checksum cover this destination.
    pub fn at_last_destination(&self) -> bool {
        !self.extensions().any(|extension| matches!(extension.typed(), Ok(Kind::Routing(r)) if r.segments_left != 0))
    }

    /// The extension headers in order, without errors.
    ///
    /// The walk ends where the chain ends or breaks. It also ends with the header of a fragment other than the first,
    /// because payload follows it.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions::new(self.header.next_header, self.payload)
    }

    /// The upper protocol after any extension headers.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if an extension header is cut, [`Rule::TooManyExtensions`].
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

    /// The number, bytes and offset of the upper protocol after all extension headers, also those in a first fragment.
    ///
    /// `None` for a later fragment, and if the chain breaks. A first fragment must have the whole chain (RFC 7112 §5).
    pub fn upper_of_first(&self) -> Option<(u8, &'a [u8], usize)> {
        let mut walk = self.extensions();
        walk.by_ref().for_each(drop);
        let offset = 40 + self.payload.len() - walk.rest.len();
        (walk.error.is_none() && !walk.later).then_some((walk.next, walk.rest, offset))
    }

    /// The source in upper checksums: the home address of a mobile node, if the packet gives one (RFC 6275 §11.3.1).
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

/// [`Packet::upper`] for a packet with extension headers. A function of its own, so that the usual case stays in
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

/// One extension header: its kind, the kind of the next header, and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The kind of this header.
    pub kind: u8,
    /// The kind of the next header.
    pub next: u8,
    /// The content after the next-header and length bytes. In a fragment header: after the next-header and reserved
    /// bytes.
    pub content: &'a [u8],
}

impl Extension<'_> {
    /// The length of the whole header in bytes.
    pub const fn header_len(&self) -> usize {
        self.content.len() + 2
    }

    /// The offset and flags of a fragment header (RFC 8200 §4.5). `None` for other kinds.
    pub fn fragment(&self) -> Option<u16> {
        match (self.kind, self.content) {
            (FRAGMENT, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

/// An iterator over extension headers; see [`Packet::extensions`].
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    next: u8,
    rest: &'a [u8],
    error: Option<Error>,
    left: u8,
    later: bool,
    /// True for IPv4, which has no other extension header.
    authentication_only: bool,
}

impl<'a> Extensions<'a> {
    const fn new(next: u8, rest: &'a [u8]) -> Self {
        Self { next, rest, error: None, left: MAX_EXTENSIONS, later: false, authentication_only: false }
    }

    /// Iterates over authentication headers only, which IPv4 has between its header and the upper protocol.
    pub(crate) const fn authentication(next: u8, rest: &'a [u8]) -> Self {
        Self { authentication_only: true, ..Self::new(next, rest) }
    }

    /// The reason why the walk ended early, with offset 0. `None` if it did not.
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    /// The bytes after the walk.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The number of the next header: at the end that of the upper protocol.
    pub(crate) fn next_header(&self) -> u8 {
        self.next
    }

    /// True if the walk ended at a fragment other than the first.
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

/// The length of the content after next header and length. A fragment header has a fixed length. Others count units of
/// 8 bytes without the first; an authentication header counts units of 4 bytes without the first two (RFC 4302 §2.2).
const fn content_len(kind: u8, units: u8) -> usize {
    match kind {
        FRAGMENT => 6,
        AUTHENTICATION => units as usize * 4 + 6,
        _ => units as usize * 8 + 6,
    }
}

/// Reads next header and content: `next, length, content` (RFC 8200 §4.3–4.6).
fn extension(kind: u8, input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8]), ()> {
    let (input, (next, units)) = (byte, byte).parse(input)?;
    let (input, content) = take_bytes(content_len(kind, units)).parse(input)?;
    Ok((input, (next, content)))
}

#[inline]
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS | AUTHENTICATION)
}

/// For example `2001:db8::1 > ff02::16: next header 58, hop limit 1, hop-by-hop [router alert 0, pad 2], length 28`.
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
