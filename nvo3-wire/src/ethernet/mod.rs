//! Ethernet II, 802.1Q tags, IEEE 802.3 and LLC.
//!
//! [`Frame`] reads the header and one tag: the fast path. [`Link`] reads up to two tags, IEEE 802.3 lengths and LLC.
//!
//! [`Header`], [`Tag`], [`LlcHeader`] and [`Snap`] show the layouts.

mod link;
mod llc;

pub(crate) use link::is_length;
pub use link::{Carried, Link, Tags};
pub use llc::{Llc, LlcHeader, Snap};

use crate::error::take;
use crate::{Error, EtherType, Mac, Protocol, Rule};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of Ethernet II (RFC 894).
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
    /// Type of the payload, or [`EtherType::VLAN`] in front of a [`Tag`].
    pub ether_type: EtherType,
}

/// An IEEE 802.1Q or 802.1ad tag, without the EtherType in front that announces it.
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
    /// Type of the payload or of the next tag.
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

    /// Drop eligible: under congestion this frame may be dropped first (IEEE 802.1Q §6.9.3).
    #[inline]
    pub fn drop_eligible(&self) -> bool {
        self.control.get() & 0x1000 != 0
    }

    /// Creates a tag. Bits of `id` above 12 and of `priority` above 3 are ignored.
    pub fn new(id: u16, priority: u8, drop_eligible: bool, ether_type: EtherType) -> Self {
        let control = u16::from(priority) << 13 | u16::from(drop_eligible) << 12 | id & 0xfff;
        Self { control: U16::new(control), ether_type }
    }
}

/// For example `02:00:5e:00:53:01 > ff:ff:ff:ff:ff:ff, type 0x0806`.
impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}, type {}", self.source, self.destination, self.ether_type)
    }
}

/// For example `vlan 5, priority 3, drop eligible, type 0x0800`.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drop = if self.drop_eligible() { ", drop eligible" } else { "" };
        write!(f, "vlan {}, priority {}{drop}, type {}", self.id(), self.priority(), self.ether_type)
    }
}

/// A frame: header, the outermost tag, and the payload with its padding.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// The outermost tag, customer or service. A second tag stays in the payload.
    pub tag: Option<&'a Tag>,
    /// The payload, padding included.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads header and tag.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if there are fewer than 14 bytes, or 18 with a tag.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, Error> {
        let (header, payload) = take::<Header>(frame, Protocol::Ethernet)?;
        if header.ether_type == EtherType::VLAN || header.ether_type == EtherType::SERVICE_VLAN {
            let (tag, payload) = Self::parse_tag(payload)?;
            return Ok(Self { header, tag: Some(tag), payload });
        }
        Ok(Self { header, tag: None, payload })
    }

    #[cold]
    fn parse_tag(behind: &'a [u8]) -> Result<(&'a Tag, &'a [u8]), Error> {
        take(behind, Protocol::Ethernet).map_err(|e| e.at(14))
    }

    /// Checks the receiver's rules of IEEE 802.3 and 802.1Q: the source is not a group, the EtherType is defined, and
    /// the VLAN id is not reserved.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::MulticastSource`], [`Rule::NotEtherType`] or [`Rule::VlanId`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Ethernet, 0, rule));
        if self.header.source.is_group() {
            return error(Rule::MulticastSource);
        }
        if self.ether_type().get() < 0x0600 {
            return error(Rule::NotEtherType(self.ether_type().get()));
        }
        if self.tag.is_some_and(|tag| tag.id() == 0xfff) {
            return error(Rule::VlanId);
        }
        Ok(())
    }

    /// The EtherType of the payload.
    #[inline]
    pub fn ether_type(&self) -> EtherType {
        match self.tag {
            Some(tag) => tag.ether_type,
            None => self.header.ether_type,
        }
    }

    /// The offset of the payload: 14, or 18 after a tag.
    #[inline]
    pub fn offset(&self) -> usize {
        if self.tag.is_some() { 18 } else { 14 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_is_passed_and_a_second_one_left_in_the_payload() {
        let mut frame = [0; 22];
        frame[12..18].copy_from_slice(&[0x88, 0xa8, 0xb0, 0x05, 0x81, 0x00]);

        let parsed = Frame::parse(&frame).unwrap();

        assert_eq!((parsed.ether_type(), parsed.offset(), parsed.payload.len()), (EtherType::VLAN, 18, 4));
        assert_eq!(parsed.tag.map(|tag| (tag.id(), tag.priority())), Some((5, 5)));
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        let verdict = |change: fn(&mut [u8; 18])| {
            let mut frame = [2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 0x81, 0x00, 0x00, 0x01, 0x08, 0x00];
            change(&mut frame);
            Frame::parse(&frame).unwrap().validate().map_err(|e| e.rule)
        };

        assert_eq!(verdict(|_| {}), Ok(()));
        assert_eq!(verdict(|frame| frame[6] = 1), Err(Rule::MulticastSource));
        assert_eq!(verdict(|frame| frame[16] = 5), Err(Rule::NotEtherType(0x0500)));
        assert_eq!(verdict(|frame| (frame[14], frame[15]) = (0x0f, 0xff)), Err(Rule::VlanId));
    }

    #[test]
    fn the_error_of_a_short_frame_has_its_length() {
        let error = Frame::parse(&[0; 13]).unwrap_err();
        assert_eq!((error.offset, error.rule), (0, Rule::Truncated { needed: 14, available: 13 }));

        let mut tagged = [0; 17];
        tagged[12] = 0x81;
        let error = Frame::parse(&tagged).unwrap_err();
        assert_eq!((error.offset, error.rule), (14, Rule::Truncated { needed: 4, available: 3 }));
    }
}
