//! Messages of other RFCs that carry options of Neighbor Discovery: inverse ND, SEND, FMIPv6, 6LoWPAN.

use super::option::{Options, SOURCE_LINK, TARGET_ADDRESSES, TARGET_LINK};
use crate::error::take;
use crate::{Error, Ipv6, Protocol, Rule, icmpv6};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Type of an Inverse ND Solicitation.
pub const INVERSE_SOLICITATION: u8 = 141;
/// Type of an Inverse ND Advertisement.
pub const INVERSE_ADVERTISEMENT: u8 = 142;
/// Type of a Certification Path Solicitation.
pub const CERTIFICATION_SOLICITATION: u8 = 148;
/// Type of a Certification Path Advertisement.
pub const CERTIFICATION_ADVERTISEMENT: u8 = 149;
/// Type of the messages of FMIPv6.
pub const FAST_HANDOVER: u8 = 154;
/// Type of a Duplicate Address Request.
pub const DUPLICATE_REQUEST: u8 = 157;
/// Type of a Duplicate Address Confirmation.
pub const DUPLICATE_CONFIRMATION: u8 = 158;

/// An inverse ND solicitation or advertisement (RFC 3122 §2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// | type = 141/2  |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                           reserved                            |
/// +---------------------------------------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Inverse {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
}

/// A certification path solicitation (RFC 3971 §6.4.1).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |  type = 148   |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |          identifier           |           component           |
/// +-------------------------------+-------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CertificationSolicitation {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Identifier, which the answer returns; never 0.
    pub identifier: U16,
    /// Number of the requested certificate in the path. 65,535: all.
    pub component: U16,
}

/// A certification path advertisement (RFC 3971 §6.4.2).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |  type = 149   |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |          identifier           |        all components         |
/// +-------------------------------+-------------------------------+
/// |           component           |           reserved            |
/// +-------------------------------+-------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CertificationAdvertisement {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Identifier of the solicitation, or 0.
    pub identifier: U16,
    /// Number of certificates in the path.
    pub all_components: U16,
    /// Number of this certificate, counted down to 0.
    pub component: U16,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 2],
}

/// A message between a mobile node and its access routers (RFC 5568 §6.1).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |  type = 154   |     code      |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |    subtype    |   reserved    |          identifier           |
/// +---------------+---------------+-------------------------------+
/// |                           options …                           |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct FastHandover {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Subtype: 2 solicitation for a proxy advertisement, 3 proxy advertisement.
    pub subtype: u8,
    /// Reserved; receivers ignore it.
    pub reserved: u8,
    /// Identifier, which the answer returns.
    pub identifier: U16,
}

/// A duplicate address request or confirmation (RFC 6775 §4.4).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// | type = 157/8  |   code = 0    |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |    status     |   reserved    |           lifetime            |
/// +---------------+---------------+-------------------------------+
/// |                           EUI-64 (8)                          |
/// |                    registered address (16)                    |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Duplicate {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Status: 0 no duplicate, 1 duplicate, 2 the cache is full.
    pub status: u8,
    /// Reserved; receivers ignore it.
    pub reserved: u8,
    /// Lifetime in units of 60 s.
    pub lifetime: U16,
    /// EUI-64 of the owner.
    pub eui64: [u8; 8],
    /// The registered address.
    pub address: Ipv6,
}

/// The fixed part of a message, by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelatedBody<'a> {
    /// Type 141: asks for the addresses of a link-layer address.
    InverseSolicitation(&'a Inverse),
    /// Type 142.
    InverseAdvertisement(&'a Inverse),
    /// Type 148.
    CertificationSolicitation(&'a CertificationSolicitation),
    /// Type 149.
    CertificationAdvertisement(&'a CertificationAdvertisement),
    /// Type 154.
    FastHandover(&'a FastHandover),
    /// Type 157.
    DuplicateRequest(&'a Duplicate),
    /// Type 158.
    DuplicateConfirmation(&'a Duplicate),
}

/// A message with its options.
#[derive(Clone, Copy, Debug)]
pub struct Related<'a> {
    /// The fixed part.
    pub body: RelatedBody<'a>,
    /// Its options.
    pub options: Options<'a>,
    message: icmpv6::Message<'a>,
}

impl<'a> Related<'a> {
    /// Reads a message of one of these types. `None` for another type.
    ///
    /// # Errors
    /// [`Rule::Truncated`], and the errors of [`Options::parse`]. Offsets count from the first byte of the IPv6 header.
    pub fn parse(message: icmpv6::Message<'a>) -> Option<Result<Self, Error>> {
        let bytes = message.bytes;
        let read = match message.header.kind {
            INVERSE_SOLICITATION => body(bytes, RelatedBody::InverseSolicitation),
            INVERSE_ADVERTISEMENT => body(bytes, RelatedBody::InverseAdvertisement),
            CERTIFICATION_SOLICITATION => body(bytes, RelatedBody::CertificationSolicitation),
            CERTIFICATION_ADVERTISEMENT => body(bytes, RelatedBody::CertificationAdvertisement),
            FAST_HANDOVER => body(bytes, RelatedBody::FastHandover),
            DUPLICATE_REQUEST => body(bytes, RelatedBody::DuplicateRequest),
            DUPLICATE_CONFIRMATION => body(bytes, RelatedBody::DuplicateConfirmation),
            _ => return None,
        };
        Some(read.map_err(|e| e.at(message.offset)).map(|(body, options)| Self { body, options, message }))
    }

    /// Checks the receiver's rules: the checksum verifies; in inverse ND and FMIPv6 the hop limit is 255; in inverse ND
    /// the code is 0, and the addresses in question are present (RFC 3122 §4.3).
    ///
    /// # Errors
    /// The first broken rule: [`Rule::HopLimit`], [`Rule::Code`], [`Rule::Checksum`] or [`Rule::OptionMissing`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Icmpv6, self.message.offset, rule));
        let required: &[u8] = match self.body {
            RelatedBody::InverseSolicitation(_) => &[SOURCE_LINK, TARGET_LINK],
            RelatedBody::InverseAdvertisement(_) => &[SOURCE_LINK, TARGET_LINK, TARGET_ADDRESSES],
            _ => &[],
        };
        let stays_on_link = !required.is_empty() || matches!(self.body, RelatedBody::FastHandover(_));
        if stays_on_link && self.message.ip.hop_limit != 255 {
            return error(Rule::HopLimit(self.message.ip.hop_limit));
        }
        if !required.is_empty() && self.message.header.code != 0 {
            return error(Rule::Code(self.message.header.code));
        }
        self.message.validate()?;
        let is_there = |kind: &u8| self.options.raw().any(|option| option.bytes.first() == Some(kind));
        match required.iter().find(|kind| !is_there(kind)) {
            Some(kind) => error(Rule::OptionMissing(*kind)),
            None => Ok(()),
        }
    }

    /// The length of the fixed part, which is the offset of the options in the message.
    pub fn body_len(&self) -> usize {
        self.message.bytes.len() - self.options.as_bytes().len()
    }

    /// The ICMPv6 message.
    pub fn message(&self) -> icmpv6::Message<'a> {
        self.message
    }
}

fn body<'a, T>(bytes: &'a [u8], kind: fn(&'a T) -> RelatedBody<'a>) -> Result<(RelatedBody<'a>, Options<'a>), Error>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    let (body, options) = take::<T>(bytes, Protocol::Icmpv6)?;
    let options = Options::parse(options).map_err(|e| e.at(size_of::<T>()))?;
    Ok((kind(body), options))
}

/// For example `inverse ND solicitation, sll 02:00:5e:00:53:01`.
impl fmt::Display for Related<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.body {
            RelatedBody::InverseSolicitation(_) => f.write_str("inverse ND solicitation"),
            RelatedBody::InverseAdvertisement(_) => f.write_str("inverse ND advertisement"),
            RelatedBody::CertificationSolicitation(cps) => {
                write!(f, "certification path solicitation {} component {}", cps.identifier, cps.component)
            }
            RelatedBody::CertificationAdvertisement(cpa) => write!(
                f,
                "certification path advertisement {} component {} of {}",
                cpa.identifier, cpa.component, cpa.all_components
            ),
            RelatedBody::FastHandover(body) => write!(f, "fast handover {} id {}", body.subtype, body.identifier),
            RelatedBody::DuplicateRequest(body) => write!(f, "duplicate address request {}", body.address),
            RelatedBody::DuplicateConfirmation(body) => {
                write!(f, "duplicate address confirmation {} status {}", body.address, body.status)
            }
        }?;
        self.options.iter().try_for_each(|option| write!(f, ", {option}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipv6;
    use crate::vectors::{VM_IP6, VM_MAC};
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    /// An IPv6 packet with a message of `kind` and a right checksum.
    fn packet(kind: u8, hop_limit: u8, behind: &[u8]) -> Vec<u8> {
        let length = 4 + behind.len();
        let mut packet = std::vec![0x60, 0, 0, 0, 0, length as u8, ipv6::ICMPV6, hop_limit];
        packet.extend([VM_IP6.0, VM_IP6.0].concat());
        packet.extend([kind, 0, 0, 0].iter().chain(behind));
        let pseudo = crate::checksum::pseudo_ipv6(&VM_IP6, &VM_IP6, ipv6::ICMPV6, length as u32);
        let sum = pseudo.bytes(&packet[40..]).checksum().to_be_bytes();
        packet[42..44].copy_from_slice(&sum);
        packet
    }

    fn verdict(packet: &[u8]) -> Result<(), Rule> {
        let message = icmpv6::Message::parse(&ipv6::Packet::parse(packet).unwrap()).unwrap();
        Related::parse(message).unwrap().and_then(|related| related.validate()).map_err(|error| error.rule)
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        let link = |kind: u8| [&[kind, 1][..], &VM_MAC.0].concat();
        let both = [&[0; 4][..], &link(1), &link(2)].concat();

        assert_eq!(verdict(&packet(INVERSE_SOLICITATION, 255, &both)), Ok(()));
        assert_eq!(verdict(&packet(INVERSE_SOLICITATION, 64, &both)), Err(Rule::HopLimit(64)));
        assert_eq!(verdict(&packet(INVERSE_SOLICITATION, 255, &both[..12])), Err(Rule::OptionMissing(2)));
        assert_eq!(verdict(&packet(INVERSE_ADVERTISEMENT, 255, &both)), Err(Rule::OptionMissing(10)));
        let mut wrong = packet(FAST_HANDOVER, 255, &both);
        wrong[50] ^= 1;
        assert!(matches!(verdict(&wrong), Err(Rule::Checksum(_))));
        wrong = packet(INVERSE_SOLICITATION, 255, &both);
        wrong[41] = 1;
        assert_eq!(verdict(&wrong), Err(Rule::Code(1)));
        assert_eq!(
            verdict(&packet(DUPLICATE_REQUEST, 64, &[0; 20])),
            Err(Rule::Truncated { needed: 32, available: 24 })
        );
        assert_eq!(
            verdict(&packet(CERTIFICATION_SOLICITATION, 255, &[0, 1, 0, 2, 15, 0])),
            Err(Rule::OptionLengthZero(15))
        );
    }

    #[test]
    fn the_text_form_shows_all_fields() {
        let line = |bytes: &[u8]| {
            let message = icmpv6::Message::parse(&ipv6::Packet::parse(bytes).unwrap()).unwrap();
            Related::parse(message).unwrap().unwrap().to_string()
        };
        let source = [&[0, 0, 0, 0, 1, 1][..], &VM_MAC.0].concat();

        assert_eq!(line(&packet(INVERSE_SOLICITATION, 255, &source)), "inverse ND solicitation, sll 02:00:5e:00:53:01");
        assert_eq!(
            line(&packet(CERTIFICATION_ADVERTISEMENT, 255, &[0, 7, 0, 3, 0, 1, 0, 0])),
            "certification path advertisement 7 component 1 of 3"
        );
        assert_eq!(line(&packet(FAST_HANDOVER, 255, &[2, 0, 0, 9])), "fast handover 2 id 9");
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(
            kind in prop::sample::select(&[141u8, 142, 148, 149, 154, 157, 158][..]),
            behind in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let packet = packet(kind, 255, &behind);
            let message = icmpv6::Message::parse(&ipv6::Packet::parse(&packet).unwrap()).unwrap();
            if let Ok(related) = Related::parse(message).unwrap() {
                prop_assert_eq!(related.body_len() + related.options.as_bytes().len(), behind.len() + 4);
                let _ = (related.validate(), related.to_string());
            }
        }
    }
}
