//! Layers of the link, ARP, and bytes.

use super::{Layer, Place};
use crate::arp::Arp;
use crate::checksum::Addresses;
use crate::error::place as placed;
use crate::ethernet::{Header, LlcHeader, Snap, Tag};
use crate::{Error, EtherType, Protocol};

/// The EtherType follows from what the frame carries; in front of LLC it is the length (IEEE 802.3 §3.2.6).
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

    /// As the payload of Geneve and GRE.
    fn ether_type(&self, _: EtherType, _: usize) -> EtherType {
        EtherType::BRIDGING
    }

    /// What is in front of an inner frame says nothing to it.
    fn addresses<'a>(&'a self, _: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        None
    }

    /// Its padding is its own; whoever carries the frame carries it whole.
    fn padding(&self, _: usize) -> usize {
        0
    }
}

/// A tag keeps the EtherType it is announced with, if that is 802.1ad's or one that was in use before it (0x9100, 0x9200,
/// 0x9300); else it is 802.1Q.
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

    /// The length: 1,500 at most, or it would be read as an EtherType.
    fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        match u16::try_from(length) {
            Ok(length @ ..=1500) => EtherType(length.to_be_bytes()),
            _ => given,
        }
    }
}

/// The protocol follows from what SNAP carries where it is an EtherType.
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

/// Announced as ARP or RARP, whichever the carrier says; by operation where it says neither.
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

/// A payload, or a header that is there as bytes; it has no number of its own.
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

/// Bytes behind the innermost payload that only the frame around it has: no length and no checksum takes them in but that
/// of a tunnel that carries the frame.
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
