//! IPv4.

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
    /// Those of [`Packet::parse`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, Error> {
        let packet = Packet::parse(bytes)?;
        let upper = match packet.header.fragment_offset() {
            0 => Upper::find(packet.header.protocol, packet.header_len(), packet.payload, false),
            _ => Upper::Other,
        };
        let at_last_destination = packet.at_last_destination();
        Ok(Self { bytes, upper, at_last_destination })
    }

    /// The fixed header as it is now.
    pub fn header(&self) -> Option<&Header> {
        Header::ref_from_prefix(self.bytes).ok().map(|(header, _)| header)
    }

    /// Changes the source; header checksum and upper checksum follow.
    pub fn set_source(&mut self, new: Ipv4) {
        let Some(change) = self.change(|header| exchange(&mut header.source, new)) else { return };
        self.upper.correct(self.bytes, change);
    }

    /// Changes the destination; header checksum and upper checksum follow.
    pub fn set_destination(&mut self, new: Ipv4) {
        let Some(change) = self.change(|header| exchange(&mut header.destination, new)) else { return };
        if self.at_last_destination {
            self.upper.correct(self.bytes, change);
        }
    }

    /// Changes the time to live.
    pub fn set_ttl(&mut self, new: u8) {
        self.change(|header| {
            let old = u16::from_be_bytes([header.ttl, header.protocol]);
            header.ttl = new;
            Sum::ZERO.word(!old).word(u16::from_be_bytes([new, header.protocol]))
        });
    }

    /// Takes one from the time to live, as who forwards does; `false` where none would be left: the packet is not to be
    /// forwarded and unchanged (RFC 1812 §5.3.1).
    #[must_use]
    pub fn decrement_ttl(&mut self) -> bool {
        match self.header().map(|header| header.ttl) {
            None | Some(0 | 1) => false,
            Some(ttl) => {
                self.set_ttl(ttl - 1);
                true
            }
        }
    }

    /// Changes DSCP (6 bits) and ECN (2 bits).
    pub fn set_traffic_class(&mut self, new: u8) {
        self.change(|header| {
            let old = u16::from_be_bytes([header.version_words, header.traffic_class]);
            header.traffic_class = new;
            Sum::ZERO.word(!old).word(u16::from_be_bytes([header.version_words, new]))
        });
    }

    /// Changes a port of UDP or TCP, and its checksum; `false` where the packet has none.
    pub fn set_port(&mut self, port: Port, new: u16) -> bool {
        self.upper.set_port(self.bytes, port, new)
    }

    /// Source and destination port of UDP or TCP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        self.upper.ports(self.bytes).map(|(_, [source, destination])| (source.get(), destination.get()))
    }

    /// Lets `change` change the header and say by how much its sum did; corrects the header checksum.
    fn change(&mut self, change: impl FnOnce(&mut Header) -> Sum) -> Option<Sum> {
        let (header, _) = Header::mut_from_prefix(self.bytes).ok()?;
        let change = change(header);
        header.checksum = U16::new(change.word(!header.checksum.get()).checksum());
        Some(change)
    }
}

/// Puts `new` in place of an address; the sum of the new one and the complement of the old.
fn exchange(address: &mut Ipv4, new: Ipv4) -> Sum {
    let old = core::mem::replace(address, new);
    Sum::ZERO.bytes(&old.0.map(|byte| !byte)).ipv4(&new)
}
