//! A whole link layer: up to two tags of any kind and order, then an EtherType, or a length with LLC.

use super::llc::Llc;
use super::{Header, Tag};
use crate::error::{place, take};
use crate::{Error, EtherType, Protocol, Rule};
use core::fmt;

/// The greatest length of IEEE 802.3 §3.2.6. From 0x0600 on the field is an EtherType.
const LONGEST: u16 = 0x05dc;

/// True if the field is a length of IEEE 802.3, so that LLC follows.
pub(crate) const fn is_length(ether_type: EtherType) -> bool {
    ether_type.get() <= LONGEST
}

/// Up to two tags, outermost first, each with the EtherType that announced it.
///
/// Any combination of 802.1Q and 802.1ad tags in any order is valid. A third tag stays in the payload, with its
/// EtherType in [`Carried::EtherType`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a>([Option<(EtherType, &'a Tag)>; 2]);

impl<'a> Tags<'a> {
    /// The outermost tag, with the EtherType that announced it.
    pub const fn outer(&self) -> Option<(EtherType, &'a Tag)> {
        self.0[0]
    }

    /// The second tag.
    pub const fn inner(&self) -> Option<(EtherType, &'a Tag)> {
        self.0[1]
    }

    /// The tags, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = (EtherType, &'a Tag)> + use<'a> {
        self.0.into_iter().flatten()
    }

    /// The number of tags, 0–2.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// True if the frame is untagged.
    pub const fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }
}

/// The content of the field after the addresses and tags.
#[derive(Clone, Copy, Debug)]
pub enum Carried<'a> {
    /// Ethernet II: a protocol number, or one of 0x05dd–0x05ff, which [`Link::validate`] refuses.
    EtherType(EtherType),
    /// IEEE 802.3: a length up to 1,500, and LLC of that length.
    Llc {
        /// The length field.
        length: u16,
        /// LLC with its payload.
        llc: Llc<'a>,
    },
}

/// A frame with all its tags: header, tags, and EtherType or LLC.
///
/// ```
/// use nvo3_wire::{EtherType, ethernet::Link};
///
/// let frame = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xa8, 0, 7, 0x81, 0x00, 0, 9, 0x08, 0x06, 0xaa];
/// let link = Link::parse(&frame)?;
/// assert_eq!(link.tags.iter().map(|(_, tag)| tag.id()).collect::<Vec<_>>(), [7, 9]);
/// assert_eq!((link.ether_type(), link.offset(), link.payload), (Some(EtherType::ARP), 22, &[0xaa][..]));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// Its tags.
    pub tags: Tags<'a>,
    /// The EtherType or LLC after header and tags.
    pub carried: Carried<'a>,
    /// Payload after all of these. For Ethernet II it includes the padding.
    pub payload: &'a [u8],
}

impl<'a> Link<'a> {
    /// Reads header, tags and LLC.
    ///
    /// # Errors
    /// [`Rule::Truncated`], also if an 802.3 length exceeds the frame.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Error> {
        let (header, mut payload) = take::<Header>(frame, Protocol::Ethernet)?;
        let mut tags = Tags::default();
        let mut ether_type = header.ether_type;
        for (at, slot) in (14..).step_by(size_of::<Tag>()).zip(&mut tags.0) {
            if !ether_type.is_tag() {
                break;
            }
            let (tag, behind) = take::<Tag>(payload, Protocol::Ethernet).map_err(|e| e.at(at))?;
            *slot = Some((ether_type, tag));
            (ether_type, payload) = (tag.ether_type, behind);
        }
        let carried = Carried::EtherType(ether_type);
        if !is_length(ether_type) {
            return Ok(Self { header, tags, carried, payload });
        }
        let (offset, length) = (frame.len() - payload.len(), ether_type.get());
        let Some(bounded) = payload.get(..usize::from(length)) else {
            let rule = Rule::Truncated { needed: offset + usize::from(length), available: frame.len() };
            return Err(Error::new(Protocol::Ethernet, 0, rule));
        };
        let llc = Llc::parse(bounded).map_err(|e| e.at(offset))?;
        Ok(Self { header, tags, carried: Carried::Llc { length, llc }, payload: llc.payload })
    }

    /// Checks the receiver's rules of IEEE 802.3 §3.2 and 802.1Q §9.6: the source is not a group, the EtherType is
    /// defined, and no VLAN id is reserved.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::MulticastSource`], [`Rule::NotEtherType`] or [`Rule::VlanId`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |offset, rule| Err(Error::new(Protocol::Ethernet, offset, rule));
        if self.header.source.is_group() {
            return error(0, Rule::MulticastSource);
        }
        for ((_, tag), at) in self.tags.iter().zip([14, 18]) {
            if tag.id() == 0xfff {
                return error(at, Rule::VlanId);
            }
        }
        match self.carried {
            Carried::EtherType(ether_type) if ether_type.get() < 0x0600 => {
                error(0, Rule::NotEtherType(ether_type.get()))
            }
            _ => Ok(()),
        }
    }

    /// The EtherType of the payload, from Ethernet II or SNAP (RFC 1042).
    pub fn ether_type(&self) -> Option<EtherType> {
        match self.carried {
            Carried::EtherType(ether_type) => Some(ether_type),
            Carried::Llc { llc, .. } => llc.snap.and_then(|snap| snap.ether_type()),
        }
    }

    /// The offset of the payload: 14, plus 4 for each tag, plus the length of LLC.
    pub fn offset(&self) -> usize {
        let llc = match self.carried {
            Carried::EtherType(_) => 0,
            Carried::Llc { llc, .. } => llc.header_len(),
        };
        14 + 4 * self.tags.len() + llc
    }
}

/// For example `02:…:02 > 02:…:01, vlan 7, vlan 9 priority 1, type 0x0806`.
impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.header.source, self.header.destination)?;
        for (ether_type, tag) in self.tags.iter() {
            f.write_str(if ether_type == EtherType::VLAN { ", vlan" } else { ", service vlan" })?;
            write!(f, " {}", tag.id())?;
            match tag.priority() {
                0 => {}
                priority => write!(f, " priority {priority}")?,
            }
            if tag.drop_eligible() {
                f.write_str(" drop eligible")?;
            }
        }
        match self.carried {
            Carried::EtherType(ether_type) => write!(f, ", type {ether_type}"),
            Carried::Llc { length, llc } => write!(f, ", length {length}, {llc}"),
        }
    }
}

impl Header {
    /// Writes the header and `tags`, outermost first, each with the EtherType that announces it.
    ///
    /// `self.ether_type` is the type of the payload. The method fills [`Tag::ether_type`].
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` has fewer than 14 bytes plus 4 for each tag.
    pub fn write(&self, tags: &[(EtherType, Tag)], out: &mut [u8]) -> Result<usize, Error> {
        let needed = size_of::<Self>() + size_of::<Tag>() * tags.len();
        if out.len() < needed {
            return Err(Error::no_room(Protocol::Ethernet, needed, out.len()));
        }
        let mut following = tags.iter().map(|(ether_type, _)| *ether_type);
        let mut next = || following.next().unwrap_or(self.ether_type);
        let (header, mut behind) = place::<Self>(out, Protocol::Ethernet)?;
        header.destination = self.destination;
        header.source = self.source;
        header.ether_type = next();
        for (_, tag) in tags {
            let (placed, rest) = place::<Tag>(behind, Protocol::Ethernet)?;
            placed.control = tag.control;
            placed.ether_type = next();
            behind = rest;
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mac;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn frame(behind: &[u8]) -> Vec<u8> {
        [&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1][..], behind].concat()
    }

    #[test]
    fn tags_come_in_any_order_and_a_third_stays_in_the_payload() {
        for (first, second) in [(0x8100u16, 0x88a8u16), (0x88a8, 0x8100), (0x9100, 0x8100), (0x8100, 0x8100)] {
            let words = [first, 0xb005, second, 0x0006, 0x8100, 0x0007, 0x0800];
            let frame = frame(&words.map(u16::to_be_bytes).concat());

            let link = Link::parse(&frame).unwrap();

            let tags: Vec<_> = link.tags.iter().map(|(kind, tag)| (kind.get(), tag.id())).collect();
            assert_eq!(tags, [(first, 5), (second, 6)]);
            assert_eq!((link.offset(), link.payload.len(), link.ether_type()), (22, 4, Some(EtherType::VLAN)));
            let outer = link.tags.outer().unwrap().1;
            assert_eq!((outer.priority(), outer.drop_eligible(), link.validate()), (5, true, Ok(())));
        }
    }

    #[test]
    fn a_length_bounds_llc_and_leaves_the_padding_out() {
        let frame = frame(&[0, 10, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 1, 2, 0, 0, 0]);

        let link = Link::parse(&frame).unwrap();

        assert_eq!((link.ether_type(), link.offset(), link.payload), (Some(EtherType::ARP), 22, &[1, 2][..]));
        assert!(matches!(link.carried, Carried::Llc { length: 10, .. }));
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        let rule = |behind: &[u8]| {
            let frame = frame(behind);
            Link::parse(&frame).and_then(|link| link.validate()).map_err(|e| (e.offset, e.rule))
        };

        assert_eq!(rule(&[8, 0]), Ok(()));
        assert_eq!(rule(&[0, 4, 0x42, 0x42, 3]), Err((0, Rule::Truncated { needed: 18, available: 17 })));
        assert_eq!(rule(&[0, 2, 0x42, 0x42, 3]), Err((14, Rule::Truncated { needed: 3, available: 2 })));
        for undefined in [0x05dd_u16, 0x05ff] {
            assert_eq!(rule(&undefined.to_be_bytes()), Err((0, Rule::NotEtherType(undefined))));
        }
        assert_eq!(rule(&[6, 0]), Ok(()));
        assert_eq!(rule(&[0x81, 0, 0x0f, 0xff, 8, 0]), Err((14, Rule::VlanId)));
        assert_eq!(rule(&[0x88, 0xa8, 0, 1, 0x81, 0, 0x0f, 0xff, 8, 0]), Err((18, Rule::VlanId)));
        assert_eq!(rule(&[0x88, 0xa8, 0, 1, 0x81, 0, 0]), Err((18, Rule::Truncated { needed: 4, available: 1 })));
        let mut from_group = frame(&[8, 0]);
        from_group[6] |= 1;
        assert_eq!(Link::parse(&from_group).unwrap().validate().unwrap_err().rule, Rule::MulticastSource);
    }

    #[test]
    fn the_text_form_shows_all_fields() {
        let frame = frame(&[0x88, 0xa8, 0x30, 7, 0x81, 0, 0, 9, 8, 6]);

        let line = Link::parse(&frame).unwrap().to_string();

        assert_eq!(
            line,
            "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, service vlan 7 priority 1 drop eligible, vlan 9, type 0x0806"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, kind in prop::sample::select(&[0x8100u16, 0x88a8, 40, 0x800][..])) {
            if let Some(ether_type) = bytes.get_mut(12..14) {
                ether_type.copy_from_slice(&kind.to_be_bytes());
            }
            if let Ok(link) = Link::parse(&bytes) {
                prop_assert_eq!(&bytes[link.offset()..][..link.payload.len()], link.payload);
                let _ = (link.validate(), link.to_string());
            }
        }

        #[test]
        fn what_is_written_is_read(tags in prop::collection::vec((0u16..4096, 0u8..8, any::<bool>()), 0..3), to: [u8; 6]) {
            let kinds = [EtherType::SERVICE_VLAN, EtherType::VLAN];
            let tags: Vec<_> = tags.iter().zip(kinds)
                .map(|((id, priority, drop), kind)| (kind, Tag::new(*id, *priority, *drop, EtherType::IPV6))).collect();
            let header = Header { destination: Mac(to), source: Mac(to), ether_type: EtherType::IPV6 };
            let mut out = [0xa5; 22];

            let length = header.write(&tags, &mut out).unwrap();

            let link = Link::parse(&out[..length]).unwrap();
            prop_assert_eq!((link.header.destination, link.ether_type()), (Mac(to), Some(EtherType::IPV6)));
            let read: Vec<_> = link.tags.iter().map(|(kind, tag)| (kind, tag.control)).collect();
            prop_assert_eq!(read, tags.iter().map(|(kind, tag)| (*kind, tag.control)).collect::<Vec<_>>());
            prop_assert!(header.write(&tags, &mut out[..length - 1]).is_err());
        }
    }
}
