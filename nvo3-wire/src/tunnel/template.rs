//! Templates of outer headers, built once and stamped per packet.

use crate::checksum::Sum;
use crate::error::place;
use crate::{Error, Ipv4, Ipv6, Protocol, Rule, ipv4, ipv6, nvgre, udp};
use core::net::IpAddr;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const TTL: u8 = 64;
const ECN: u8 = 0x03;
const DSCP: u8 = 0xfc;

/// The rule for the outer ECN field (RFC 6040 §4.1, TUN-01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum EcnMode {
    /// Copy it from the inner IP packet. Not-ECT if the inner frame carries no IP packet.
    #[default]
    Normal,
    /// Always Not-ECT, for endpoints that do not follow RFC 6040.
    Compatibility,
}

/// The UDP source port of a flow: 49152–65535 (VXL-04).
#[inline]
pub const fn source_port(entropy: u16) -> u16 {
    0xc000 | entropy & 0x3fff
}

/// A type that is written in place.
pub(crate) trait Plain: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy {}

impl<T: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy> Plain for T {}

/// The outer IP header in a template.
pub(crate) trait Ip: Plain {
    /// The most bytes that fit after it.
    const CAPACITY: usize;

    /// Sets the fields that differ per packet. `sum` is the folded sum over the template's header.
    fn stamp(&mut self, length: u16, class: u8, entropy: u16, sum: u16);
}

impl Ip for ipv4::Header {
    const CAPACITY: usize = 65_535 - size_of::<Self>();

    #[inline(always)]
    fn stamp(&mut self, length: u16, class: u8, _: u16, sum: u16) {
        let total = length + size_of::<Self>() as u16;
        self.traffic_class = class;
        self.total_length = U16::new(total);
        self.checksum = U16::new(Sum::ZERO.words([sum, total, class.into()]).checksum());
    }
}

impl Ip for ipv6::Header {
    const CAPACITY: usize = 65_535;

    #[inline(always)]
    fn stamp(&mut self, length: u16, class: u8, entropy: u16, _: u16) {
        let label = u32::from(entropy) + 1; // a flow label is never zero (TUN-07)
        self.version_class_label = U32::new(6 << 28 | u32::from(class) << 20 | label);
        self.payload_length = U16::new(length);
    }
}

/// The headers between the outer IP header and the tunnelled bytes.
pub(crate) trait Upper: Plain {
    /// Its IP protocol.
    const PROTOCOL: u8;

    /// Sets the fields that differ per packet.
    fn stamp(&mut self, length: u16, entropy: u16, checksum: u16);
}

/// UDP and the tunnel header, which all packets of a tunnel share.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct Udp<S> {
    pub(crate) udp: udp::Header,
    pub(crate) shim: S,
}

impl<S> Udp<S> {
    pub(crate) const fn new(port: u16, shim: S) -> Self {
        let (source_port, length, checksum) = (U16::ZERO, U16::ZERO, U16::ZERO);
        Self { udp: udp::Header { source_port, destination_port: U16::new(port), length, checksum }, shim }
    }
}

impl<S: Plain> Upper for Udp<S> {
    const PROTOCOL: u8 = ipv4::UDP;

    #[inline(always)]
    fn stamp(&mut self, length: u16, entropy: u16, checksum: u16) {
        self.udp.source_port = U16::new(source_port(entropy));
        self.udp.length = U16::new(length);
        self.udp.checksum = U16::new(checksum);
    }
}

impl Upper for nvgre::Header {
    const PROTOCOL: u8 = crate::gre::PROTOCOL;

    /// The template's FlowID says which of its bits are filled: all or none (NVG-03).
    #[inline(always)]
    fn stamp(&mut self, _: u16, entropy: u16, _: u16) {
        self.flow_id &= nvgre::flow_id(entropy);
    }
}

/// The headers in the order and form of the packet, so that one copy writes them all.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Behind<I, U> {
    ip: I,
    upper: U,
}

#[derive(Clone, Copy, Debug)]
enum Headers<U> {
    V4(Behind<ipv4::Header, U>),
    V6(Behind<ipv6::Header, U>),
}

/// The outer headers of one tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template<U> {
    headers: Headers<U>,
    /// The sum over the IPv4 header with traffic class zero. It is folded, so that later additions cannot overflow.
    ip_sum: u16,
    /// The sum over pseudo-header and `U`. `None` sends no checksum.
    udp_sum: Option<Sum>,
    /// The tunnel's own DSCP.
    class: u8,
    /// The bits of the inner traffic class to copy.
    copied: u8,
}

impl<U: Upper> Template<U> {
    /// Creates IPv4 headers: TTL 64, Don't Fragment, id 0, no UDP checksum (TUN-06, VXL-07, TUN-08, VXL-05).
    fn v4(source: Ipv4, destination: Ipv4, upper: U) -> Self {
        let ip = ipv4::Header {
            version_words: 0x45,
            traffic_class: 0,
            total_length: U16::ZERO,
            identification: U16::ZERO,
            fragment: U16::new(ipv4::DONT_FRAGMENT),
            ttl: TTL,
            protocol: U::PROTOCOL,
            checksum: U16::ZERO,
            source,
            destination,
        };
        Self::new(Headers::V4(Behind { ip, upper }))
    }

    /// Creates IPv6 headers: hop limit 64, no UDP checksum yet (TUN-06).
    fn v6(source: Ipv6, destination: Ipv6, upper: U) -> Self {
        let ip = ipv6::Header {
            version_class_label: U32::new(6 << 28),
            payload_length: U16::ZERO,
            next_header: U::PROTOCOL,
            hop_limit: TTL,
            source,
            destination,
        };
        Self::new(Headers::V6(Behind { ip, upper }))
    }

    /// Creates headers for the address family of both endpoints. `None` if their families differ.
    pub(crate) fn between(ends: (IpAddr, IpAddr), upper: U) -> Option<Self> {
        match ends {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::v4(source.into(), destination.into(), upper)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::v6(source.into(), destination.into(), upper)),
            _ => None,
        }
    }

    pub(crate) const fn is_v6(&self) -> bool {
        matches!(self.headers, Headers::V6(_))
    }

    fn new(headers: Headers<U>) -> Self {
        Self { headers, ip_sum: 0, udp_sum: None, class: 0, copied: ECN }.summed()
    }

    #[must_use]
    pub(crate) fn with_ttl(mut self, ttl: u8) -> Self {
        match &mut self.headers {
            Headers::V4(headers) => headers.ip.ttl = ttl,
            Headers::V6(headers) => headers.ip.hop_limit = ttl,
        }
        self.summed()
    }

    /// Sets the tunnel's own DSCP. `None` copies the inner DSCP (TUN-05).
    #[must_use]
    pub(crate) fn with_dscp(self, dscp: Option<u8>) -> Self {
        let copied = self.copied & ECN | if dscp.is_none() { DSCP } else { 0 };
        Self { class: dscp.unwrap_or(0) << 2, copied, ..self }
    }

    #[must_use]
    pub(crate) fn with_ecn(self, mode: EcnMode) -> Self {
        let copied = self.copied & DSCP | if mode == EcnMode::Normal { ECN } else { 0 };
        Self { copied, ..self }
    }

    #[must_use]
    pub(crate) fn with_upper(mut self, change: impl FnOnce(&mut U)) -> Self {
        match &mut self.headers {
            Headers::V4(headers) => change(&mut headers.upper),
            Headers::V6(headers) => change(&mut headers.upper),
        }
        self.summed()
    }

    #[must_use]
    pub(crate) fn with_udp_checksum(self, on: bool) -> Self {
        Self { udp_sum: on.then_some(Sum::ZERO), ..self }.summed()
    }

    fn summed(mut self) -> Self {
        let (ip_sum, udp_sum) = match &self.headers {
            Headers::V4(Behind { ip, upper }) => {
                let pseudo = crate::checksum::pseudo_ipv4(&ip.source, &ip.destination, ip.protocol, 0);
                (Sum::ZERO.bytes(ip.as_bytes()).fold(), pseudo.bytes(upper.as_bytes()))
            }
            Headers::V6(Behind { ip, upper }) => {
                let pseudo = crate::checksum::pseudo_ipv6(&ip.source, &ip.destination, ip.next_header, 0);
                (0, pseudo.bytes(upper.as_bytes()))
            }
        };
        self.ip_sum = ip_sum;
        self.udp_sum = self.udp_sum.map(|_| udp_sum);
        self
    }

    /// The length of the outer headers without options.
    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        match self.headers {
            Headers::V4(_) => size_of::<Behind<ipv4::Header, U>>(),
            Headers::V6(_) => size_of::<Behind<ipv6::Header, U>>(),
        }
    }

    /// Writes the outer headers and a copy of `inner`. Returns the length of both.
    #[inline(always)]
    pub(crate) fn write(&self, packet: &Packet<'_, impl Class>, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match &self.headers {
            Headers::V4(headers) => self.write_as(headers, packet, inner, out),
            Headers::V6(headers) => self.write_as(headers, packet, inner, out),
        }
    }

    /// Writes the outer headers. Returns their length.
    #[inline(always)]
    pub(crate) fn write_headers(
        &self,
        packet: &Packet<'_, impl Class>,
        inner: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        match &self.headers {
            Headers::V4(headers) => self.stamp(headers, packet, inner, out),
            Headers::V6(headers) => self.stamp(headers, packet, inner, out),
        }
    }

    /// Writes the outer headers directly in front of `inner_at`. Returns their offset.
    #[inline(always)]
    pub(crate) fn prepend(
        &self,
        packet: &Packet<'_, impl Class>,
        buffer: &mut [u8],
        inner_at: usize,
    ) -> Result<usize, Error> {
        match &self.headers {
            Headers::V4(headers) => self.prepend_as(headers, packet, buffer, inner_at),
            Headers::V6(headers) => self.prepend_as(headers, packet, buffer, inner_at),
        }
    }

    #[inline(always)]
    fn write_as<I: Ip>(
        &self,
        template: &Behind<I, U>,
        packet: &Packet<'_, impl Class>,
        inner: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let len = size_of::<Behind<I, U>>() + packet.options.len();
        let (needed, available) = (len + inner.len(), out.len());
        let Some((headers, payload)) = out.get_mut(..needed).and_then(|out| out.split_at_mut_checked(len)) else {
            return Err(Error::no_room(*packet.protocol, needed, available));
        };
        self.stamp(template, packet, inner, headers)?;
        payload.copy_from_slice(inner);
        Ok(needed)
    }

    #[inline(always)]
    fn prepend_as<I: Ip>(
        &self,
        template: &Behind<I, U>,
        packet: &Packet<'_, impl Class>,
        buffer: &mut [u8],
        inner_at: usize,
    ) -> Result<usize, Error> {
        let len = size_of::<Behind<I, U>>() + packet.options.len();
        let Some((headroom, inner)) = buffer.split_at_mut_checked(inner_at) else {
            return Err(Error::no_room(*packet.protocol, len, inner_at));
        };
        let start = inner_at.wrapping_sub(len);
        let Some(headers) = headroom.get_mut(start..) else {
            return Err(Error::no_room(*packet.protocol, len, inner_at));
        };
        self.stamp(template, packet, inner, headers)?;
        Ok(start)
    }

    #[inline(always)]
    fn stamp<I: Ip>(
        &self,
        template: &Behind<I, U>,
        packet: &Packet<'_, impl Class>,
        inner: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let class = packet.class.class_of(inner)?;
        let options = packet.options;
        let length = size_of::<U>() + options.len() + inner.len();
        if length > I::CAPACITY {
            return Err(Error::new(*packet.protocol, 0, Rule::TooLong(inner.len())));
        }
        let length = length as u16;
        let checksum = match self.udp_sum {
            None => 0,
            Some(sum) => checksum(sum.word(length).word(length).word(source_port(packet.entropy)), options, inner),
        };
        let (headers, rest) = place::<Behind<I, U>>(out, *packet.protocol)?;
        *headers = *template;
        headers.ip.stamp(length, self.class | class & self.copied, packet.entropy, self.ip_sum);
        headers.upper.stamp(length, packet.entropy, checksum);
        if !options.is_empty() {
            let available = rest.len();
            match rest.get_mut(..options.len()) {
                Some(room) => room.copy_from_slice(options),
                None => return Err(Error::no_room(*packet.protocol, options.len(), available)),
            }
        }
        Ok(size_of::<Behind<I, U>>() + options.len())
    }
}

/// A function of its own, so that packets without checksum take the shorter path.
#[inline(never)]
fn checksum(sum: Sum, options: &[u8], inner: &[u8]) -> u16 {
    sum.bytes(options).bytes(inner).udp_checksum()
}

/// The traffic class of the tunnelled bytes, 0 if they have none; or the reason why they must not be tunnelled.
pub(crate) trait Class: Fn(&[u8]) -> Result<u8, Error> {
    #[inline(always)]
    fn class_of(&self, inner: &[u8]) -> Result<u8, Error> {
        self(inner)
    }
}

impl<T: Fn(&[u8]) -> Result<u8, Error>> Class for T {}

/// The values of one packet, apart from its inner frame.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a, C> {
    /// The protocol for errors. Read only after an error.
    pub(crate) protocol: &'a Protocol,
    /// The entropy of the inner flow.
    pub(crate) entropy: u16,
    /// The bytes between tunnel header and inner frame; their number is even.
    pub(crate) options: &'a [u8],
    pub(crate) class: C,
}
