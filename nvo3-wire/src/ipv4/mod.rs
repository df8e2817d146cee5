//! IPv4 (RFC 791): the fixed header, options, the payload within the total length, and headers to write.
//!
//! [`Header`] shows the layout. [`Packet::parse`] reads a packet, [`Packet::validate`] checks the receiver's rules, and
//! [`Fields`] writes a header. [`edit`](crate::edit) changes a packet in place.

mod build;
mod option;

pub use build::Fields;
pub use option::{Ipv4Option, Options, Route};

use crate::checksum::{Sum, verify};
use crate::error::take;
use crate::ipv6::Extensions;
use crate::{Error, Ipv4, Protocol, Rule, ah};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Don't Fragment, in [`Header::fragment`].
pub const DONT_FRAGMENT: u16 = 0x4000;
/// More Fragments, in [`Header::fragment`].
pub const MORE_FRAGMENTS: u16 = 0x2000;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of IGMP.
pub const IGMP: u8 = 2;
/// Protocol number of UDP.
pub const UDP: u8 = 17;
/// Protocol number of TCP.
pub const TCP: u8 = 6;

/// The fixed header of IPv4 (RFC 791).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------+-------+-----------+---+-------------------------------+
/// |  v=4  | words |   DSCP    |ECN|         total length          |
/// +-------+-------+-----------+---+-----+-------------------------+
/// |        identification         |0 D M|     fragment offset     |
/// +---------------+---------------+-----+-------------------------+
/// | time to live  |   protocol    |        header checksum        |
/// +---------------+---------------+-------------------------------+
/// |                        source address                         |
/// +---------------------------------------------------------------+
/// |                      destination address                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version (4) and header length in 32-bit words.
    pub version_words: u8,
    /// DSCP (6 bits) and ECN (2 bits).
    pub traffic_class: u8,
    /// Length of header, options and payload, in bytes.
    pub total_length: U16,
    /// Identification.
    pub identification: U16,
    /// Flags (3 bits) and fragment offset in units of 8 bytes.
    pub fragment: U16,
    /// Time to live.
    pub ttl: u8,
    /// Upper protocol.
    pub protocol: u8,
    /// Checksum over header and options.
    pub checksum: U16,
    /// Source.
    pub source: Ipv4,
    /// Destination.
    pub destination: Ipv4,
}

impl Header {
    /// The length of header and options in bytes, from the header's own field.
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.version_words & 0xf) as usize * 4
    }

    /// True for a fragment, first or later.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.fragment.get() & 0x3fff != 0
    }

    /// The offset of this fragment in the payload of the whole packet, in bytes.
    #[inline]
    pub fn fragment_offset(&self) -> usize {
        usize::from(self.fragment.get() & 0x1fff) * 8
    }

    /// True if more fragments follow.
    #[inline]
    pub fn more_fragments(&self) -> bool {
        self.fragment.get() & MORE_FRAGMENTS != 0
    }
}

/// A packet: fixed header, options, payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// Options with their padding, 0–40 bytes.
    pub options: &'a [u8],
    /// Payload within the total length.
    pub payload: &'a [u8],
    head: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads header and options. Bytes after the total length are padding.
    ///
    /// # Errors
    /// [`Rule::Version`], [`Rule::HeaderLength`], [`Rule::Length`] or [`Rule::Truncated`], and the errors of
    /// [`Options::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Ipv4)?;
        if header.version_words == 0x45 {
            let length = usize::from(header.total_length.get());
            if let Some(payload) = length.checked_sub(20).and_then(|n| behind.get(..n)) {
                return Ok(Self { header, options: &[], payload, head: header.as_bytes() });
            }
        }
        Self::parse_options(header, bytes)
    }

    #[cold]
    fn parse_options(header: &'a Header, bytes: &'a [u8]) -> Result<Self, Error> {
        let error = |rule| Err(Error::new(Protocol::Ipv4, 0, rule));
        if header.version_words >> 4 != 4 {
            return error(Rule::Version(header.version_words >> 4));
        }
        if header.header_len() < 20 {
            return error(Rule::HeaderLength(header.version_words & 0xf));
        }
        let total = usize::from(header.total_length.get());
        if total < header.header_len() {
            return error(Rule::Length(total));
        }
        let Some((head, payload)) = bytes.get(..total).and_then(|packet| packet.split_at_checked(header.header_len()))
        else {
            return error(Rule::Truncated { needed: total, available: bytes.len() });
        };
        let options = head.get(20..).unwrap_or_default();
        Options::parse(options).map_err(|e| e.at(20))?;
        Ok(Self { header, options, payload, head })
    }

    /// Reads a packet whose payload may be cut, as in captures and quotes.
    ///
    /// If the payload ends before the total length, the second value is the error that [`Packet::parse`] returns.
    ///
    /// # Errors
    /// The errors of [`Packet::parse`], but [`Rule::Truncated`] only if header or options are cut.
    pub fn parse_lax(bytes: &'a [u8]) -> Result<(Self, Option<Error>), Error> {
        let cut = match Self::parse(bytes) {
            Ok(packet) => return Ok((packet, None)),
            Err(error @ Error { rule: Rule::Truncated { .. }, .. }) => error,
            Err(error) => return Err(error),
        };
        let (header, _) = take::<Header>(bytes, Protocol::Ipv4)?;
        let (head, payload) = bytes.split_at_checked(header.header_len()).ok_or(cut)?;
        let options = head.get(20..).unwrap_or_default();
        Options::parse(options).map_err(|e| e.at(20))?;
        Ok((Self { header, options, payload, head }, Some(cut)))
    }

    /// The options in order, with padding.
    pub fn iter_options(&self) -> impl Iterator<Item = Ipv4Option<'a>> + use<'a> {
        Options::parse(self.options).into_iter().flat_map(|options| options.iter())
    }

    /// Checks the receiver's rules of RFC 1122 §3.2.1 and of fragments in RFC 791 §3.2: the header checksum verifies,
    /// the source is not a group, a fragment before the last is a multiple of 8 bytes, and no fragment ends beyond byte
    /// 65,535.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Checksum`], [`Rule::MulticastSource`], [`Rule::FragmentLength`] or
    /// [`Rule::FragmentEnd`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Ipv4, 0, rule));
        if !verify(self.head) {
            return error(Rule::Checksum(self.header.checksum.get()));
        }
        if self.header.source.is_multicast() || self.header.source == Ipv4::BROADCAST {
            return error(Rule::MulticastSource);
        }
        if !self.header.is_fragment() {
            return Ok(());
        }
        if self.header.more_fragments() && !self.payload.len().is_multiple_of(8) {
            return error(Rule::FragmentLength(self.payload.len()));
        }
        match self.header_len() + self.header.fragment_offset() + self.payload.len() {
            whole if whole > usize::from(u16::MAX) => error(Rule::FragmentEnd(whole)),
            _ => Ok(()),
        }
    }

    /// The upper protocol after any authentication headers (RFC 4302): its number, its bytes, and their offset in the
    /// packet.
    ///
    /// For a fragment the bytes are only this piece. The method does not look into a fragment other than the first.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if an authentication header is cut, [`Rule::Length`] if it is shorter than 12 bytes,
    /// [`Rule::TooManyExtensions`].
    #[inline]
    pub fn upper(&self) -> Result<(u8, &'a [u8], usize), Error> {
        if self.header.protocol != ah::PROTOCOL || self.header.fragment_offset() != 0 {
            return Ok((self.header.protocol, self.payload, self.header_len()));
        }
        let mut walk = Extensions::authentication(ah::PROTOCOL, self.payload);
        walk.by_ref().for_each(drop);
        let offset = self.header_len() + self.payload.len() - walk.rest().len();
        match walk.error() {
            Some(error) => Err(error.at(offset)),
            None => Ok((walk.next_header(), walk.rest(), offset)),
        }
    }

    /// True if no source route has addresses left, so that the destination is the last one. Only then does the upper
    /// checksum cover this destination.
    pub fn at_last_destination(&self) -> bool {
        self.options.is_empty() || !self.iter_options().any(|option| option.is_unfinished_route())
    }

    /// The length of header and options, which is the offset of the payload.
    #[inline]
    pub fn header_len(&self) -> usize {
        self.head.len()
    }

    /// The pseudo-header sum for an upper protocol of `length` bytes.
    #[inline]
    pub fn pseudo_header(&self, length: u16) -> Sum {
        crate::checksum::pseudo_ipv4(&self.header.source, &self.header.destination, self.header.protocol, length)
    }
}

/// For example `192.0.2.1 > 192.0.2.2: protocol 17, ttl 64, id 7, DF, options [nop, end], length 58`.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { source, destination, protocol, ttl, identification, fragment, .. } = self.header;
        write!(f, "{source} > {destination}: protocol {protocol}, ttl {ttl}, id {identification}")?;
        match self.header.traffic_class {
            0 => {}
            class => write!(f, ", dscp {} ecn {}", class >> 2, class & 3)?,
        }
        if fragment.get() & DONT_FRAGMENT != 0 {
            f.write_str(", DF")?;
        }
        if self.header.is_fragment() {
            let more = if self.header.more_fragments() { "+" } else { "" };
            write!(f, ", fragment {}@{}{more}", self.payload.len(), self.header.fragment_offset())?;
        }
        for (n, option) in self.iter_options().enumerate() {
            write!(f, "{}{option}", if n == 0 { ", options [" } else { ", " })?;
        }
        if !self.options.is_empty() {
            f.write_str("]")?;
        }
        write!(f, ", length {}", self.payload.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::V9;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn rule(change: impl FnOnce(&mut [u8])) -> Rule {
        let mut packet = V9;
        change(&mut packet);
        Packet::parse(&packet).and_then(|packet| packet.validate()).unwrap_err().rule
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        assert_eq!(rule(|packet| packet[0] = 0x65), Rule::Version(6));
        assert_eq!(rule(|packet| packet[0] = 0x44), Rule::HeaderLength(4));
        assert_eq!(rule(|packet| packet[3] = 19), Rule::Length(19));
        assert_eq!(rule(|packet| packet[3] += 1), Rule::Truncated { needed: 79, available: 78 });
        assert_eq!(rule(|packet| packet[8] = 63), Rule::Checksum(0xe634));
        assert!(matches!(Packet::parse(&V9[..19]).unwrap_err().rule, Rule::Truncated { needed: 20, available: 19 }));
    }

    #[test]
    fn a_group_or_broadcast_source_is_refused() {
        for source in [[255; 4], [224, 0, 0, 1]] {
            let from_group = rule(|packet| {
                packet[12..16].copy_from_slice(&source);
                packet[10..12].fill(0);
                let sum = crate::checksum::checksum(&packet[..20]).to_be_bytes();
                packet[10..12].copy_from_slice(&sum);
            });
            assert_eq!(from_group, Rule::MulticastSource);
        }
    }

    #[test]
    fn fragments_keep_to_their_limits() {
        let verdict = |fragment: u16, payload: usize| {
            let fields = Fields { fragment, ..Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2])) };
            let mut packet = [0; 200];
            let length = fields.write([], payload, &mut packet).unwrap() + payload;
            Packet::parse(&packet[..length]).unwrap().validate().map_err(|e| e.rule)
        };

        assert_eq!(verdict(MORE_FRAGMENTS, 24), Ok(()));
        assert_eq!(verdict(MORE_FRAGMENTS | 3, 25), Err(Rule::FragmentLength(25)));
        assert_eq!(verdict(3, 25), Ok(()));
        assert_eq!(verdict(8184, 43), Ok(()));
        assert_eq!(verdict(8184, 44), Err(Rule::FragmentEnd(65_536)));
    }

    #[test]
    fn broken_options_are_no_packet() {
        let mut packet = Vec::from(V9);
        packet.splice(20..20, [148, 5, 0, 0]);
        (packet[0], packet[3]) = (0x46, 82);

        let error = Packet::parse(&packet).unwrap_err();

        assert_eq!((error.offset, error.rule), (20, Rule::OptionTruncated { kind: 148, needed: 5, available: 4 }));
    }

    #[test]
    fn options_are_kept_and_summed_and_padding_is_left_out() {
        let mut packet = Vec::from(V9);
        packet.splice(20..20, [1, 1, 1, 0]);
        (packet[0], packet[3]) = (0x46, 82);
        packet[10..12].fill(0);
        let sum = crate::checksum::checksum(&packet[..24]).to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet.extend([0; 9]);

        let parsed = Packet::parse(&packet).unwrap();

        assert_eq!((parsed.options, parsed.header_len(), parsed.payload.len()), (&[1, 1, 1, 0][..], 24, 58));
        assert_eq!(parsed.validate(), Ok(()));
    }

    #[test]
    fn a_cut_packet_is_read_as_far_as_it_is_there() {
        let (packet, cut) = Packet::parse_lax(&V9[..50]).unwrap();

        assert_eq!(
            (packet.payload.len(), cut.map(|e| e.rule)),
            (30, Some(Rule::Truncated { needed: 78, available: 50 }))
        );
        assert_eq!(Packet::parse_lax(&V9).unwrap().1, None);
        assert!(Packet::parse_lax(&V9[..19]).is_err());
        let mut with_options = Vec::from(&V9[..22]);
        with_options[0] = 0x46;
        assert!(Packet::parse_lax(&with_options).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, words in 0u8..16) {
            if let Some(first) = bytes.first_mut() {
                *first = 0x40 | words;
            }
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(packet.header_len() + packet.payload.len(), usize::from(packet.header.total_length.get()));
                prop_assert_eq!(packet.options.len() + 20, packet.header_len());
                let _ = packet.validate();
            }
        }
    }
}
