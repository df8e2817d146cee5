//! The outer IP packet and its UDP datagram, which every decapsulation reads first.

use crate::ecn::Ecn;
use crate::error::take;
use crate::udp::{self, Datagram};
use crate::{Error, Protocol, Rule, ipv4, ipv6};
use core::net::IpAddr;

/// An outer packet.
#[derive(Clone, Copy)]
pub(crate) struct Outer<'a> {
    ip: Ip<'a>,
    /// The upper protocol.
    pub(crate) protocol: u8,
    /// The bytes from the upper protocol's header on.
    pub(crate) payload: &'a [u8],
    /// The offset of `payload`.
    pub(crate) at: usize,
    /// DSCP and ECN.
    pub(crate) class: u8,
    /// The fragment offset of a fragment. `None` for a whole packet.
    fragment: Option<usize>,
}

#[derive(Clone, Copy)]
enum Ip<'a> {
    V4(ipv4::Packet<'a>),
    V6(ipv6::Packet<'a>),
}

impl<'a> Outer<'a> {
    /// Reads the headers only as far as needed to find the tunnel. Nothing is verified yet.
    #[inline(always)]
    pub(crate) fn parse(packet: &'a [u8]) -> Result<Self, Error> {
        match packet.first().map(|first| first >> 4) {
            Some(6) => Self::over_ipv6(packet),
            _ => Self::over_ipv4(packet),
        }
    }

    #[inline(always)]
    fn over_ipv4(packet: &'a [u8]) -> Result<Self, Error> {
        let ip = ipv4::Packet::parse(packet)?;
        let header = ip.header;
        let (at, fragment) = (ip.header_len(), header.is_fragment().then(|| header.fragment_offset()));
        let (protocol, payload, class) = (header.protocol, ip.payload, header.traffic_class);
        Ok(Self { ip: Ip::V4(ip), protocol, payload, at, class, fragment })
    }

    #[inline(always)]
    fn over_ipv6(packet: &'a [u8]) -> Result<Self, Error> {
        let ip = ipv6::Packet::parse(packet)?;
        let upper = ip.upper()?;
        let (payload, at, class) = (upper.payload, upper.offset, ip.header.traffic_class());
        let fragment = upper.fragment.then(|| usize::from(upper.fragment_offset));
        // The IP stack must verify an authentication header first.
        let is_authenticated = || ip.extensions().any(|extension| extension.kind == ipv6::AUTHENTICATION);
        let is_plain = upper.protocol == ip.header.next_header || !is_authenticated();
        let protocol = if is_plain { upper.protocol } else { ipv6::AUTHENTICATION };
        Ok(Self { ip: Ip::V6(ip), protocol, payload, at, class, fragment })
    }

    /// The UDP destination port. `None` without UDP header: another protocol, or a fragment other than the first.
    #[inline(always)]
    pub(crate) fn port(&self) -> Result<Option<u16>, Error> {
        if self.protocol != ipv4::UDP || self.fragment.is_some_and(|offset| offset != 0) {
            return Ok(None);
        }
        let (udp, _) = take::<udp::Header>(self.payload, Protocol::Udp).map_err(|e| e.at(self.at))?;
        Ok(Some(udp.destination_port.get()))
    }

    /// Refuses fragments (VXL-07, NVG-05), a wrong IPv4 header checksum, and a group as source.
    #[inline(always)]
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let protocol = match &self.ip {
            Ip::V4(ip) => ip.validate().map(|()| Protocol::Ipv4),
            Ip::V6(ip) => ip.validate().map(|()| Protocol::Ipv6),
        }?;
        match self.fragment {
            Some(_) => Err(Error::new(protocol, 0, Rule::Fragment)),
            None => Ok(()),
        }
    }

    /// Source and destination.
    #[inline(always)]
    pub(crate) fn addresses(&self) -> (IpAddr, IpAddr) {
        match &self.ip {
            Ip::V4(ip) => (IpAddr::V4(ip.header.source.addr()), IpAddr::V4(ip.header.destination.addr())),
            Ip::V6(ip) => (IpAddr::V6(ip.header.source.addr()), IpAddr::V6(ip.header.destination.addr())),
        }
    }

    /// The outer ECN codepoint.
    #[inline(always)]
    pub(crate) const fn ecn(&self) -> Ecn {
        Ecn::from_class(self.class)
    }

    /// The datagram with its checksum verified, unless it is zero (VXL-06, GNV-08, U6-04).
    ///
    /// A zero checksum over IPv6 needs `zero_over_ipv6` (U6-03).
    #[inline(always)]
    pub(crate) fn datagram(&self, zero_over_ipv6: bool) -> Result<Datagram<'a>, Error> {
        let udp = Datagram::parse(self.payload).map_err(|e| e.at(self.at))?;
        let length = udp.header.length.get();
        let verdict = match &self.ip {
            Ip::V4(ip) => udp.validate(ip.pseudo_header(length)),
            Ip::V6(ip) if zero_over_ipv6 => udp.validate(ip.pseudo_header(ipv6::UDP, length.into())),
            Ip::V6(ip) => udp.validate_checked(ip.pseudo_header(ipv6::UDP, length.into())),
        };
        verdict.map_err(|e| e.at(self.at))?;
        Ok(udp)
    }
}
