//! Layers of the link, of ARP, and plain bytes.

use super::{Layer, Place};
use crate::arp::Arp;
use crate::checksum::Addresses;
use crate::error::place as placed;
use crate::ethernet::{Header, LlcHeader, Snap, Tag};
use crate::{Error, EtherType, Protocol};

/// Sets the EtherType from the carried layer; in front of LLC it is the length (IEEE 802.3 §3.2.6).
impl Layer for Header {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let (header, payload) = placed::<Self>(out, Protocol::Ethernet)?;
        header.destination = self.destination;
        header.source = self.source;
        header.ether_type = place.ether_type(self.ether_type, payload.len());
        Ok(())
    }

    /// The type of an Ethernet frame in Geneve and GRE.
    fn ether_type(&self, _: EtherType, _: usize) -> EtherType {
        EtherType::BRIDGING
    }

    /// The outer addresses do not apply to an inner frame.
    fn addresses<'a>(&'a self, _: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        None
    }

    /// A frame keeps its padding: the carrier takes the frame with it.
    fn padding(&self, _: usize) -> usize {
        0
    }
}

/// A tag keeps its EtherType if that is 802.1ad's or an older one (0x9100, 0x9200, 0x9300). Otherwise the EtherType is
/// that of 802.1Q.
impl Layer for Tag {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let (tag, payload) = placed::<Self>(out, Protocol::Ethernet)?;
        tag.control = self.control;
        tag.ether_type = place.ether_type(self.ether_type, payload.len());
        Ok(())
    }

    fn ether_type(&self, given: EtherType, _: usize) -> EtherType {
        match given {
            EtherType::SERVICE_VLAN | EtherType([0x91..=0x93, 0]) => given,
            _ => EtherType::VLAN,
        }
    }
}

impl Layer for LlcHeader {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        *placed::<Self>(out, Protocol::Llc)?.0 = *self;
        Ok(())
    }

    /// The length of the LLC frame. At most 1,500, because a greater number is an EtherType.
    fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        match u16::try_from(length) {
            Ok(length @ ..=1500) => EtherType(length.to_be_bytes()),
            _ => given,
        }
    }
}

/// Sets the protocol from the carried layer, if SNAP's protocol is an EtherType.
impl Layer for Snap {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let (snap, payload) = placed::<Self>(out, Protocol::Llc)?;
        snap.oui = self.oui;
        snap.protocol = match self.ether_type() {
            Some(protocol) => place.ether_type(protocol, payload.len()),
            None => self.protocol,
        };
        Ok(())
    }
}

/// The EtherType is ARP or RARP as the carrier has it. If the carrier has neither, the operation decides.
impl Layer for Arp {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        *placed::<Self>(out, Protocol::Arp)?.0 = *self;
        Ok(())
    }

    fn ether_type(&self, given: EtherType, _: usize) -> EtherType {
        match (given, self.operation.get()) {
            (EtherType::ARP | EtherType::RARP, _) => given,
            (_, 3 | 4) => EtherType::RARP,
            _ => EtherType::ARP,
        }
    }
}

/// A payload, or a header that is given as bytes. It has no protocol number.
impl Layer for [u8] {
    fn header_len(&self) -> usize {
        self.len()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let available = out.len();
        match out.get_mut(..self.len()) {
            Some(out) => out.copy_from_slice(self),
            None => return Err(Error::no_room(Protocol::Ethernet, self.len(), available)),
        }
        Ok(())
    }
}

impl<const N: usize> Layer for [u8; N] {
    fn header_len(&self) -> usize {
        N
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.as_slice().write(place, out)
    }
}

/// Bytes after the innermost payload that belong only to the frame. No length field and no checksum includes them,
/// except those of a tunnel that carries the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding<'a>(pub &'a [u8]);

impl Layer for Padding<'_> {
    fn header_len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.0.write(place, out)
    }

    fn padding(&self, behind: usize) -> usize {
        self.0.len() + behind
    }
}
