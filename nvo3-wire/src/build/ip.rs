//! Layers of IPv4 and IPv6: headers with options, and extension headers.

use super::{Layer, Place};
use crate::checksum::{Addresses, Field};
use crate::ipv4::{self, Ipv4Option};
use crate::ipv6::{self, Ipv6Option, Routing, write_fragment, write_options, write_routing};
use crate::tcp::{self, TcpOption};
use crate::{Error, EtherType};

/// A header with options: [`ipv4::Fields`] with [`Ipv4Option`]s, [`tcp::Fields`] with [`TcpOption`]s, or
/// [`geneve::Header`](crate::geneve::Header) with [`GeneveOption`](crate::geneve::GeneveOption)s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithOptions<'a, F, O> {
    /// The fixed part.
    pub fields: F,
    /// The options. Those of IPv4 and TCP are padded with end-of-list to a multiple of 4 bytes.
    pub options: &'a [O],
}

impl ipv4::Fields {
    /// This header with options, as a [`Layer`].
    pub const fn with_options<'a>(self, options: &'a [Ipv4Option<'a>]) -> WithOptions<'a, Self, Ipv4Option<'a>> {
        WithOptions { fields: self, options }
    }
}

impl tcp::Fields {
    /// This header with options, as a [`Layer`].
    pub const fn with_options<'a>(self, options: &'a [TcpOption<'a>]) -> WithOptions<'a, Self, TcpOption<'a>> {
        WithOptions { fields: self, options }
    }
}

/// Fills total length, protocol and header checksum. The header checksum needs no pseudo-header.
impl Layer for WithOptions<'_, ipv4::Fields, Ipv4Option<'_>> {
    fn header_len(&self) -> usize {
        // Too many options are an error of `write`.
        self.fields.write(self.options.iter().copied(), 0, &mut [0; 60]).unwrap_or(size_of::<ipv4::Header>())
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let fields = ipv4::Fields { protocol: place.ip_protocol(self.fields.protocol), ..self.fields };
        fields.write(self.options.iter().copied(), out.len() - self.header_len().min(out.len()), out)?;
        let kept = match place.field {
            Field::Fill => return Ok(()),
            Field::Zero | Field::Partial => 0,
            Field::Keep(value) => value,
        };
        if let Some(field) = out.get_mut(10..12) {
            field.copy_from_slice(&kept.to_be_bytes());
        }
        Ok(())
    }

    fn ether_type(&self, _: EtherType, _: usize) -> EtherType {
        EtherType::IPV4
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        4
    }

    /// Upper checksums use the end of a source route as destination (RFC 1122 §3.2.1.8, RFC 768).
    fn addresses<'a>(&'a self, _: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        let end = self.options.iter().find_map(|option| match option {
            Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route) if route.is_unfinished() => {
                route.addresses.last()
            }
            _ => None,
        });
        Some(Addresses::V4(&self.fields.source, end.unwrap_or(&self.fields.destination)))
    }
}

/// Writes the header as [`WithOptions`] does, without options.
impl Layer for ipv4::Fields {
    fn header_len(&self) -> usize {
        size_of::<ipv4::Header>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.with_options(&[]).write(place, out)
    }

    fn ether_type(&self, _: EtherType, _: usize) -> EtherType {
        EtherType::IPV4
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        4
    }

    fn addresses<'a>(&'a self, _: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        Some(Addresses::V4(&self.source, &self.destination))
    }
}

/// Fills payload length and next header.
impl Layer for ipv6::Fields {
    fn header_len(&self) -> usize {
        size_of::<ipv6::Header>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let fields = Self { next_header: place.ip_protocol(self.next_header), ..*self };
        fields.write(out.len().saturating_sub(size_of::<ipv6::Header>()), out).map(|_| ())
    }

    fn ether_type(&self, _: EtherType, _: usize) -> EtherType {
        EtherType::IPV6
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        41
    }

    fn addresses<'a>(&'a self, _: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        Some(Addresses::V6(&self.source, &self.destination))
    }
}

/// Hop-by-hop options (RFC 8200 §4.3), padded to a multiple of 8 bytes. Writing fills the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopByHop<'a>(pub &'a [Ipv6Option<'a>]);

/// Destination options (RFC 8200 §4.6), padded to a multiple of 8 bytes. Writing fills the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationOptions<'a>(pub &'a [Ipv6Option<'a>]);

/// A fragment header (RFC 8200 §4.5). Writing fills the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// Offset of this fragment in the fragmentable part, in bytes; a multiple of 8.
    pub offset: usize,
    /// True if more fragments follow.
    pub more: bool,
    /// Identification: the same in all fragments of a packet.
    pub identification: u32,
}

/// A layer of length 0 that only names the protocol of the bytes after it.
///
/// Use it if the header in front has no field to set by hand, for example before the rest of a fragmented packet.
///
/// ```
/// use nvo3_wire::build::{Fragment, IpProtocol, Layers};
/// use nvo3_wire::{Ipv6, ipv6};
///
/// let ip = ipv6::Fields::new(Ipv6::UNSPECIFIED, Ipv6::ALL_NODES);
/// let fragment = Fragment { offset: 8, more: false, identification: 1 };
/// let mut out = [0; 64];
/// let length = (ip, fragment, IpProtocol(ipv6::UDP), b"the rest").write(&mut out)?;
/// assert_eq!(ipv6::Packet::parse(&out[..length])?.upper()?.protocol, ipv6::UDP);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpProtocol(pub u8);

impl Layer for IpProtocol {
    fn header_len(&self) -> usize {
        0
    }

    fn write(&self, _: &Place<'_>, _: &mut [u8]) -> Result<(), Error> {
        Ok(())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        self.0
    }
}

fn options_len(options: &[Ipv6Option<'_>]) -> usize {
    (2 + options.iter().map(Ipv6Option::wire_len).sum::<usize>()).next_multiple_of(8)
}

impl Layer for HopByHop<'_> {
    fn header_len(&self) -> usize {
        options_len(self.0)
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        write_options(place.ip_protocol(ipv6::NO_NEXT_HEADER), self.0.iter().copied(), out).map(|_| ())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv6::HOP_BY_HOP
    }
}

impl Layer for DestinationOptions<'_> {
    fn header_len(&self) -> usize {
        options_len(self.0)
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        write_options(place.ip_protocol(ipv6::NO_NEXT_HEADER), self.0.iter().copied(), out).map(|_| ())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv6::DESTINATION_OPTIONS
    }
}

impl Layer for Fragment {
    fn header_len(&self) -> usize {
        8
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let next = place.ip_protocol(ipv6::NO_NEXT_HEADER);
        write_fragment(next, self.offset, self.more, self.identification, out).map(|_| ())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv6::FRAGMENT
    }
}

/// Fills the next header.
impl Layer for Routing<'_> {
    fn header_len(&self) -> usize {
        4 + self.data.len()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        write_routing(place.ip_protocol(ipv6::NO_NEXT_HEADER), self, out).map(|_| ())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv6::ROUTING
    }

    /// Upper checksums use the last address as destination, which is the first of a segment list (RFC 8200 §8.1, RFC
    /// 8754 §2).
    fn addresses<'a>(&'a self, outer: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        let last = match (self.segments_left, self.kind) {
            (0, _) => None,
            (_, 4) => self.addresses().first(),
            _ => self.addresses().last(),
        };
        match (outer, last) {
            (Some(Addresses::V6(source, _)), Some(last)) => Some(Addresses::V6(source, last)),
            _ => outer,
        }
    }
}
