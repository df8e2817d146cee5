//! Ethernet II with at most one 802.1Q tag.

use crate::error::take;
use crate::{Error, EtherType, Mac, Protocol};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Ethernet II (RFC 894).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------------------------------------------------------+
/// |                       destination MAC                         |
/// +                               +-------------------------------+
/// |                               |                               |
/// +-------------------------------+                               +
/// |                          source MAC                           |
/// +-------------------------------+-------------------------------+
/// |           EtherType           |
/// +-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Destination.
    pub destination: Mac,
    /// Source.
    pub source: Mac,
    /// What follows; [`EtherType::VLAN`] when a [`Tag`] does.
    pub ether_type: EtherType,
}

/// The rest of an IEEE 802.1Q or 802.1ad tag, behind its EtherType.
///
/// ```text
/// +-----+-+-----------------------+-------------------------------+
/// | PCP |D|        VLAN id        |           EtherType           |
/// +-----+-+-----------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Tag {
    /// Priority, drop eligibility, VLAN id.
    pub control: U16,
    /// What follows.
    pub ether_type: EtherType,
}

impl Tag {
    /// VLAN id, 0–4095.
    #[inline]
    pub fn id(&self) -> u16 {
        self.control.get() & 0xfff
    }

    /// Priority, 0–7.
    #[inline]
    pub fn priority(&self) -> u8 {
        (self.control.get() >> 13) as u8
    }
}

/// A frame: header, the tag where there is one, and the payload with whatever padding it has.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// The outermost tag, customer or service. A second one is left in the payload.
    pub tag: Option<&'a Tag>,
    /// What follows header and tag, padding included.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads header and tag.
    ///
    /// # Errors
    /// [`Rule::Truncated`](crate::Rule::Truncated) below 14 bytes, or 18 with a tag.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, Error> {
        let (header, payload) = take::<Header>(frame, Protocol::Ethernet)?;
        if !matches!(header.ether_type, EtherType::VLAN | EtherType::SERVICE_VLAN) {
            return Ok(Self { header, tag: None, payload });
        }
        let (tag, payload) = take::<Tag>(payload, Protocol::Ethernet).map_err(|e| e.at(14))?;
        Ok(Self { header, tag: Some(tag), payload })
    }

    /// The EtherType of the payload.
    #[inline]
    pub fn ether_type(&self) -> EtherType {
        match self.tag {
            Some(tag) => tag.ether_type,
            None => self.header.ether_type,
        }
    }

    /// Where the payload begins: 14, or 18 behind a tag.
    #[inline]
    pub fn offset(&self) -> usize {
        if self.tag.is_some() { 18 } else { 14 }
    }
}
