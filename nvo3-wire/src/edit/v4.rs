//! Changes of an IPv4 packet.

use super::{Port, Upper};
use crate::checksum::Sum;
use crate::ipv4::{Header, Packet};
use crate::{Error, Ipv4};
use zerocopy::FromBytes;
use zerocopy::big_endian::U16;

/// An IPv4 packet whose fields are changed in place.
///
/// ```
/// use nvo3_wire::checksum::{Addresses, Field};
/// use nvo3_wire::edit::{Ipv4Mut, Port};
/// use nvo3_wire::{Ipv4, ipv4, udp};
///
/// let (from, to) = (Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
/// let mut bytes = [0; 31];
/// ipv4::Fields { protocol: ipv4::UDP, ..ipv4::Fields::new(from, to) }.write([], 11, &mut bytes)?;
/// let ports = udp::Fields { source_port: 5000, destination_port: 53 };
/// ports.write(Addresses::V4(&from, &to), Field::Fill, b"abc", &mut bytes[20..])?;
///
/// let mut packet = Ipv4Mut::parse(&mut bytes)?;
/// packet.set_destination(Ipv4([198, 51, 100, 7]));
/// packet.set_port(Port::Destination, 5353);
/// assert!(packet.decrement_ttl());
///
/// let packet = ipv4::Packet::parse(&bytes)?;
/// packet.validate()?;
/// udp::Datagram::parse(packet.payload)?.validate(packet.pseudo_header(11))?;
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Debug)]
pub struct Ipv4Mut<'a> {
    bytes: &'a mut [u8],
    upper: Upper,
    at_last_destination: bool,
}

impl<'a> Ipv4Mut<'a> {
    /// Reads the packet and finds its upper header.
    ///
    /// # Errors
    /// The errors of [`Packet::parse`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Error> {
        let packet = Packet::parse(bytes)?;
        let upper = match packet.header.fragment_offset() {
            0 => Upper::find(packet.header.protocol, packet.header_len(), packet.payload, false),
            _ => Upper::Other,
        };
        let at_last_destination = packet.at_last_destination();
        Ok(Self { bytes, upper, at_last_destination })
    }

    /// The fixed header with all changes so far.
    pub fn header(&self) -> Option<&Header> {
        Header::ref_from_prefix(self.bytes).ok().map(|(header, _)| header)
    }

    /// Changes the source, and updates the header checksum and the upper checksum.
    pub fn set_source(&mut self, new: Ipv4) {
        let Some(change) = self.change(|header| exchange(&mut header.source, new)) else { return };
        self.upper.correct(self.bytes, change);
    }

    /// Changes the destination, and updates the header checksum and the upper checksum.
    pub fn set_destination(&mut self, new: Ipv4) {
        let Some(change) = self.change(|header| exchange(&mut header.destination, new)) else { return };
        if self.at_last_destination {
            self.upper.correct(self.bytes, change);
        }
    }

    /// Changes the time to live, and updates the header checksum.
    pub fn set_ttl(&mut self, new: u8) {
        self.change(|header| {
            let old = u16::from_be_bytes([header.ttl, header.protocol]);
            header.ttl = new;
            Sum::ZERO.word(!old).word(u16::from_be_bytes([new, header.protocol]))
        });
    }

    /// Subtracts one from the time to live, as a router does.
    ///
    /// Returns `false` if the result would be 0. Then the packet is unchanged and must not be forwarded (RFC 1812
    /// §5.3.1).
    #[must_use = "the packet must not be forwarded if this is `false`"]
    pub fn decrement_ttl(&mut self) -> bool {
        match self.header().map(|header| header.ttl) {
            None | Some(0 | 1) => false,
            Some(ttl) => {
                self.set_ttl(ttl - 1);
                true
            }
        }
    }

    /// Changes DSCP (6 bits) and ECN (2 bits), and updates the header checksum.
    pub fn set_traffic_class(&mut self, new: u8) {
        self.change(|header| {
            let old = u16::from_be_bytes([header.version_words, header.traffic_class]);
            header.traffic_class = new;
            Sum::ZERO.word(!old).word(u16::from_be_bytes([header.version_words, new]))
        });
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

    /// Runs `change` on the header and updates the header checksum. `change` returns the difference of the header's
    /// sum.
    fn change(&mut self, change: impl FnOnce(&mut Header) -> Sum) -> Option<Sum> {
        let (header, _) = Header::mut_from_prefix(self.bytes).ok()?;
        let change = change(header);
        header.checksum = U16::new(change.word(!header.checksum.get()).checksum());
        Some(change)
    }
}

/// Replaces an address. Returns the sum of the new address and the complement of the old one.
fn exchange(address: &mut Ipv4, new: Ipv4) -> Sum {
    let old = core::mem::replace(address, new);
    Sum::ZERO.bytes(&old.0.map(|byte| !byte)).ipv4(&new)
}
