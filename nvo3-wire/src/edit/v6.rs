//! Changes of an IPv6 packet.

use super::{Port, Upper};
use crate::checksum::Sum;
use crate::ipv6::{Header, Packet};
use crate::{Error, Ipv6};
use zerocopy::FromBytes;
use zerocopy::big_endian::U32;

/// An IPv6 packet whose fields are changed in place. The IPv6 header has no checksum; that of UDP, TCP or ICMPv6 is
/// updated.
#[derive(Debug)]
pub struct Ipv6Mut<'a> {
    bytes: &'a mut [u8],
    upper: Upper,
    at_last_destination: bool,
}

impl<'a> Ipv6Mut<'a> {
    /// Reads the packet and finds its upper header after the extension headers.
    ///
    /// # Errors
    /// The errors of [`Packet::parse`] and [`Packet::upper`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Error> {
        let packet = Packet::parse(bytes)?;
        packet.upper()?;
        let upper = match packet.upper_of_first() {
            Some((protocol, payload, offset)) => Upper::find(protocol, offset, payload, true),
            None => Upper::Other,
        };
        let at_last_destination = packet.at_last_destination();
        Ok(Self { bytes, upper, at_last_destination })
    }

    /// The fixed header with all changes so far.
    pub fn header(&self) -> Option<&Header> {
        Header::ref_from_prefix(self.bytes).ok().map(|(header, _)| header)
    }

    /// Changes the source, and updates the upper checksum.
    pub fn set_source(&mut self, new: Ipv6) {
        let Some(header) = self.header_mut() else { return };
        let change = exchange(&mut header.source, new);
        self.upper.correct(self.bytes, change);
    }

    /// Changes the destination, and updates the upper checksum.
    pub fn set_destination(&mut self, new: Ipv6) {
        let Some(header) = self.header_mut() else { return };
        let change = exchange(&mut header.destination, new);
        if self.at_last_destination {
            self.upper.correct(self.bytes, change);
        }
    }

    /// Changes the hop limit.
    pub fn set_hop_limit(&mut self, new: u8) {
        if let Some(header) = self.header_mut() {
            header.hop_limit = new;
        }
    }

    /// Subtracts one from the hop limit, as a router does.
    ///
    /// Returns `false` if the result would be 0. Then the packet is unchanged and must not be forwarded (RFC 8200 §3).
    #[must_use = "the packet must not be forwarded if this is `false`"]
    pub fn decrement_hop_limit(&mut self) -> bool {
        match self.header_mut() {
            Some(Header { hop_limit: limit @ 2.., .. }) => {
                *limit -= 1;
                true
            }
            _ => false,
        }
    }

    /// Changes DSCP (6 bits) and ECN (2 bits).
    pub fn set_traffic_class(&mut self, new: u8) {
        if let Some(header) = self.header_mut() {
            let others = header.version_class_label.get() & 0xf00f_ffff;
            header.version_class_label = U32::new(others | u32::from(new) << 20);
        }
    }

    /// Changes a port of UDP or TCP, and updates the checksum. `false` if the packet has no ports.
    #[must_use = "the packet is unchanged if it has no ports"]
    pub fn set_port(&mut self, port: Port, new: u16) -> bool {
        self.upper.set_port(self.bytes, port, new)
    }

    /// Source and destination port of UDP or TCP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        self.upper.ports(self.bytes).map(|(_, [source, destination])| (source.get(), destination.get()))
    }

    fn header_mut(&mut self) -> Option<&mut Header> {
        Header::mut_from_prefix(self.bytes).ok().map(|(header, _)| header)
    }
}

/// Replaces an address. Returns the sum of the new address and the complement of the old one.
fn exchange(address: &mut Ipv6, new: Ipv6) -> Sum {
    let old = core::mem::replace(address, new);
    Sum::ZERO.bytes(&old.0.map(|byte| !byte)).ipv6(&new)
}
