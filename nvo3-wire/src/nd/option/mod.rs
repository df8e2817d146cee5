//! Options of ND messages: checked once, then iterated without errors.

mod dns;
mod link;
mod lowpan;
mod mobility;
mod prefix;
mod send;
mod text;
mod write;

pub use dns::{CaptivePortal, Dnssl, Name, Rdnss};
pub use link::{Mtu, ShortcutLimit};
pub use lowpan::{AddressRegistration, BorderRouter, Capabilities, Context};
pub use mobility::{
    Acknowledgment, AdvertisementInterval, HandoverAddress, HandoverLink, HomeAgent, MobileNode, MobilityAnchor,
};
pub use prefix::{Pref64, Prefix, Route};
pub use send::{Certificate, Cga, Signature, Timestamp, TrustAnchor};

use crate::{Error, Ipv6, Mac, Protocol, Rule};
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::verify;
use nom::number::complete::u8 as byte;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The option types that IANA has assigned.
mod kind {
    pub(super) const PREFIX: u8 = 3;
    pub(super) const REDIRECTED: u8 = 4;
    pub(super) const MTU: u8 = 5;
    pub(super) const SHORTCUT_LIMIT: u8 = 6;
    pub(super) const ADVERTISEMENT_INTERVAL: u8 = 7;
    pub(super) const HOME_AGENT: u8 = 8;
    pub(super) const SOURCE_ADDRESSES: u8 = 9;
    pub(super) const TARGET_ADDRESSES: u8 = 10;
    pub(super) const CGA: u8 = 11;
    pub(super) const SIGNATURE: u8 = 12;
    pub(super) const TIMESTAMP: u8 = 13;
    pub(super) const TRUST_ANCHOR: u8 = 15;
    pub(super) const CERTIFICATE: u8 = 16;
    pub(super) const HANDOVER_ADDRESS: u8 = 17;
    pub(super) const ROUTER_PREFIX: u8 = 18;
    pub(super) const HANDOVER_LINK: u8 = 19;
    pub(super) const ACKNOWLEDGMENT: u8 = 20;
    pub(super) const MOBILITY_ANCHOR: u8 = 23;
    pub(super) const ROUTE: u8 = 24;
    pub(super) const RDNSS: u8 = 25;
    pub(super) const EXTENDED_FLAGS: u8 = 26;
    pub(super) const MOBILE_NODE: u8 = 30;
    pub(super) const DNSSL: u8 = 31;
    pub(super) const ADDRESS_REGISTRATION: u8 = 33;
    pub(super) const CONTEXT: u8 = 34;
    pub(super) const BORDER_ROUTER: u8 = 35;
    pub(super) const CAPABILITIES: u8 = 36;
    pub(super) const CAPTIVE_PORTAL: u8 = 37;
    pub(super) const PREF64: u8 = 38;
}

/// Option type of the source link-layer address.
pub(super) const SOURCE_LINK: u8 = 1;
/// Option type of the target link-layer address.
pub(super) const TARGET_LINK: u8 = 2;
/// Option type of the target address list (RFC 3122 §3.2).
pub(super) const TARGET_ADDRESSES: u8 = kind::TARGET_ADDRESSES;
/// Option type of the nonce (RFC 3971 §5.3.2, RFC 7527).
pub(super) const NONCE: u8 = 14;

/// An option (RFC 4861 §4.6), read or to be written.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      | length in 8 B |            content            |
/// +---------------+---------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdOption<'a> {
    /// Source link-layer address, type 1, of six bytes.
    SourceLink(&'a Mac),
    /// Target link-layer address, type 2, of six bytes.
    TargetLink(&'a Mac),
    /// Prefix information, type 3.
    Prefix(&'a Prefix),
    /// Redirected header, type 4: the beginning of a packet, at least its IPv6 header (RFC 4861 §4.6.3). A parsed
    /// option includes the zeros that pad it to 8 bytes.
    Redirected(&'a [u8]),
    /// MTU, type 5.
    Mtu(&'a Mtu),
    /// NBMA shortcut limit, type 6.
    ShortcutLimit(&'a ShortcutLimit),
    /// Advertisement interval, type 7.
    AdvertisementInterval(&'a AdvertisementInterval),
    /// Home agent information, type 8.
    HomeAgent(&'a HomeAgent),
    /// Source address list, type 9 (RFC 3122 §3.1).
    SourceAddresses(&'a [Ipv6]),
    /// Target address list, type 10 (RFC 3122 §3.2).
    TargetAddresses(&'a [Ipv6]),
    /// CGA parameters, type 11.
    Cga(Cga<'a>),
    /// RSA signature, type 12.
    Signature(Signature<'a>),
    /// Timestamp, type 13.
    Timestamp(&'a Timestamp),
    /// Nonce, type 14, of 6 or 8n + 6 bytes (RFC 3971 §5.3.2).
    Nonce(&'a [u8]),
    /// Trust anchor, type 15.
    TrustAnchor(TrustAnchor<'a>),
    /// Certificate, type 16.
    Certificate(Certificate<'a>),
    /// IP address/prefix of a fast handover, type 17.
    HandoverAddress(&'a HandoverAddress),
    /// New router prefix of a fast handover, type 18.
    RouterPrefix(&'a HandoverAddress),
    /// Link-layer address of a fast handover, type 19.
    HandoverLink(&'a HandoverLink),
    /// Neighbor advertisement acknowledgment, type 20.
    Acknowledgment(&'a Acknowledgment),
    /// Mobility anchor point, type 23.
    MobilityAnchor(&'a MobilityAnchor),
    /// Route information, type 24.
    Route(Route<'a>),
    /// Recursive DNS servers, type 25.
    Rdnss(Rdnss<'a>),
    /// Extended flags of a router advertisement, type 26 (RFC 5175 §4).
    ExtendedFlags(&'a [u8; 6]),
    /// Mobile node identifier, type 30.
    MobileNode(MobileNode<'a>),
    /// DNS search list, type 31.
    Dnssl(Dnssl<'a>),
    /// Address registration, type 33.
    AddressRegistration(&'a AddressRegistration),
    /// Context of header compression, type 34.
    Context(Context<'a>),
    /// Authoritative border router, type 35.
    BorderRouter(&'a BorderRouter),
    /// 6LoWPAN capabilities, type 36.
    Capabilities(&'a Capabilities),
    /// Captive portal, type 37.
    CaptivePortal(CaptivePortal<'a>),
    /// NAT64 prefix, type 38.
    Pref64(&'a Pref64),
    /// Any other option, or one with an invalid length for its kind. Receivers ignore it (ND-05).
    Other {
        /// Type.
        kind: u8,
        /// The bytes after type and length.
        content: &'a [u8],
    },
}

impl<'a> NdOption<'a> {
    /// Says why a receiver must ignore the option, while its message stays valid. An unknown option is no error.
    ///
    /// # Errors
    /// [`Rule::OptionLength`], or the rule of the option's RFC that it breaks. The offset is 0.
    pub fn validate(&self) -> Result<(), Error> {
        let verdict = match self {
            Self::Prefix(option) => option.check(),
            Self::Mtu(option) => option.check(),
            Self::HandoverAddress(option) | Self::RouterPrefix(option) => option.check(),
            Self::Route(option) => option.check(),
            Self::Dnssl(option) => option.check(),
            Self::Context(option) => option.check(),
            Self::CaptivePortal(option) => option.check(),
            Self::Pref64(option) => option.check(),
            Self::Other { kind: 1..=20 | 23..=26 | 30..=31 | 33..=38, content } => {
                Err(Rule::OptionLength { kind: self.kind(), length: ((content.len() + 2) / 8) as u8 })
            }
            _ => Ok(()),
        };
        verdict.map_err(|rule| Error::new(Protocol::Icmpv6, 0, rule))
    }

    /// The option type.
    pub fn kind(&self) -> u8 {
        self.with_parts(|kind, _| kind)
    }

    /// Reads the bytes of one whole option. `None` if its length is invalid for its type.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let [kind, _, content @ ..] = bytes else { return None };
        let behind_reserved = || content.get(6..);
        let read = match *kind {
            SOURCE_LINK => Mac::ref_from_bytes(content).ok().map(Self::SourceLink),
            TARGET_LINK => Mac::ref_from_bytes(content).ok().map(Self::TargetLink),
            kind::PREFIX => fixed(bytes).map(Self::Prefix),
            kind::REDIRECTED => behind_reserved().filter(|packet| packet.len() >= 40).map(Self::Redirected),
            kind::MTU => fixed(bytes).map(Self::Mtu),
            kind::SHORTCUT_LIMIT => fixed(bytes).map(Self::ShortcutLimit),
            kind::ADVERTISEMENT_INTERVAL => fixed(bytes).map(Self::AdvertisementInterval),
            kind::HOME_AGENT => fixed(bytes).map(Self::HomeAgent),
            kind::SOURCE_ADDRESSES => addresses(content).map(Self::SourceAddresses),
            kind::TARGET_ADDRESSES => addresses(content).map(Self::TargetAddresses),
            kind::CGA => Cga::parse(content).map(Self::Cga),
            kind::SIGNATURE => Signature::parse(content).map(Self::Signature),
            kind::TIMESTAMP => fixed(bytes).map(Self::Timestamp),
            NONCE => Some(Self::Nonce(content)),
            kind::TRUST_ANCHOR => TrustAnchor::parse(content).map(Self::TrustAnchor),
            kind::CERTIFICATE => Certificate::parse(content).map(Self::Certificate),
            kind::HANDOVER_ADDRESS => fixed(bytes).map(Self::HandoverAddress),
            kind::ROUTER_PREFIX => fixed(bytes).map(Self::RouterPrefix),
            kind::HANDOVER_LINK => fixed(bytes).map(Self::HandoverLink),
            kind::ACKNOWLEDGMENT => fixed(bytes).map(Self::Acknowledgment),
            kind::MOBILITY_ANCHOR => fixed(bytes).map(Self::MobilityAnchor),
            kind::ROUTE => Route::parse(content).map(Self::Route),
            kind::RDNSS => Rdnss::parse(content).map(Self::Rdnss),
            kind::EXTENDED_FLAGS => content.try_into().ok().map(Self::ExtendedFlags),
            kind::MOBILE_NODE => MobileNode::parse(content).map(Self::MobileNode),
            kind::DNSSL => Dnssl::parse(content).map(Self::Dnssl),
            kind::ADDRESS_REGISTRATION => fixed(bytes).map(Self::AddressRegistration),
            kind::CONTEXT => Context::parse(content).map(Self::Context),
            kind::BORDER_ROUTER => fixed(bytes).map(Self::BorderRouter),
            kind::CAPABILITIES => fixed(bytes).map(Self::Capabilities),
            kind::CAPTIVE_PORTAL => Some(Self::CaptivePortal(CaptivePortal::parse(content))),
            kind::PREF64 => fixed(bytes).map(Self::Pref64),
            _ => None,
        };
        Some(read.unwrap_or(Self::Other { kind: *kind, content }))
    }
}

fn fixed<T: FromBytes + KnownLayout + Immutable + Unaligned>(bytes: &[u8]) -> Option<&T> {
    T::ref_from_bytes(bytes).ok()
}

/// The addresses after six reserved bytes (RFC 3122 §3.1).
fn addresses(content: &[u8]) -> Option<&[Ipv6]> {
    <[Ipv6]>::ref_from_bytes(content.get(6..)?).ok()
}

/// The options of a message. None has length 0 or reaches beyond the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Checks all options once.
    ///
    /// # Errors
    /// [`Rule::OptionLengthZero`] or [`Rule::OptionTruncated`] at the option's offset (ND-01, ND-05).
    #[inline(always)]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes {
            [_, 1, _, _, _, _, _, _] => Ok(Self(bytes)), // nearly every message
            _ => Self::parse_all(bytes),
        }
    }

    #[cold]
    fn parse_all(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match option(rest) {
                Ok((behind, _)) => rest = behind,
                Err(_) => return Err(broken(bytes, rest)),
            }
        }
        Ok(Self(bytes))
    }

    /// The options in order.
    #[inline]
    pub fn iter(&self) -> OptionIter<'a> {
        OptionIter(self.raw())
    }

    /// The options in order, as bytes with their offset.
    #[inline]
    pub fn raw(&self) -> RawOptionIter<'a> {
        RawOptionIter { rest: self.0, offset: 0 }
    }

    /// The first link-layer address of type `kind`. In most messages it is the first option.
    #[inline(always)]
    pub(super) fn link(&self, kind: u8) -> Option<&'a Mac> {
        match self.0.first_chunk::<8>() {
            Some([first, 1, mac @ ..]) if *first == kind => Mac::ref_from_bytes(mac).ok(),
            None => None,
            _ => self.raw().find_map(|option| match option.bytes {
                [first, 1, mac @ ..] if *first == kind => Mac::ref_from_bytes(mac).ok(),
                _ => None,
            }),
        }
    }

    /// The bytes of the options in the packet.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

#[cold]
fn broken(all: &[u8], rest: &[u8]) -> Error {
    let offset = all.len() - rest.len();
    let rule = match *rest {
        [kind, 0, ..] => Rule::OptionLengthZero(kind),
        [kind, units, ..] => Rule::OptionTruncated { kind, needed: usize::from(units) * 8, available: rest.len() },
        [kind] => Rule::OptionTruncated { kind, needed: 8, available: 1 },
        [] => Rule::Truncated { needed: 8, available: 0 },
    };
    Error::new(Protocol::Icmpv6, offset, rule)
}

impl<'a> IntoIterator for Options<'a> {
    type Item = NdOption<'a>;
    type IntoIter = OptionIter<'a>;

    fn into_iter(self) -> OptionIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Options<'a> {
    type Item = NdOption<'a>;
    type IntoIter = OptionIter<'a>;

    fn into_iter(self) -> OptionIter<'a> {
        self.iter()
    }
}

/// An iterator over the options of a message; see [`Options::iter`].
#[derive(Clone, Debug)]
pub struct OptionIter<'a>(RawOptionIter<'a>);

impl<'a> Iterator for OptionIter<'a> {
    type Item = NdOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<NdOption<'a>> {
        NdOption::read(self.0.next()?.bytes)
    }
}

/// One option as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawOption<'a> {
    /// The offset of the option from the first byte of the first option.
    pub offset: usize,
    /// The bytes of the whole option, a multiple of 8.
    pub bytes: &'a [u8],
}

impl<'a> RawOption<'a> {
    /// Decodes the option.
    pub fn read(&self) -> NdOption<'a> {
        NdOption::read(self.bytes).unwrap_or(NdOption::Other { kind: 0, content: self.bytes })
    }
}

/// An iterator over the options of a message as bytes; see [`Options::raw`].
#[derive(Clone, Debug)]
pub struct RawOptionIter<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for RawOptionIter<'a> {
    type Item = RawOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawOption<'a>> {
        let (behind, (_, content)) = option(self.rest).ok()?;
        let (bytes, offset) = (self.rest.get(..content.len() + 2)?, self.offset);
        self.rest = behind;
        self.offset += bytes.len();
        Some(RawOption { offset, bytes })
    }
}

/// Reads `type, length of all three parts in units of 8 bytes, content`.
#[inline(always)]
fn option(input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8]), ()> {
    let (input, (kind, units)) = (byte, verify(byte, |units| *units != 0)).parse(input)?;
    let (input, content) = take(usize::from(units) * 8 - 2).parse(input)?;
    Ok((input, (kind, content)))
}
