//! Options of the hop-by-hop and destination headers (RFC 8200 §4.2), checked once and then iterated without errors.

use crate::{Error, Ipv6, Protocol, Rule};
use core::fmt;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::u8 as byte;
use zerocopy::FromBytes;

/// The action of a receiver that does not know an option: the two high bits of its type (RFC 8200 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// 00: skip the option.
    Skip,
    /// 01: drop the packet.
    Discard,
    /// 10: drop the packet and answer with Parameter Problem, code 2.
    DiscardAndReport,
    /// 11: drop the packet and answer with Parameter Problem, code 2, unless it was sent to a group.
    DiscardAndReportUnlessToGroup,
}

/// An option, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv6Option<'a> {
    /// 0: one byte of padding.
    Pad1,
    /// 1: padding of two bytes and these bytes.
    PadN(&'a [u8]),
    /// 4: the number of further tunnels that the packet may enter (RFC 2473 §4.1.1).
    TunnelLimit(u8),
    /// 5: routers on the path examine the packet (RFC 2711). 0 means MLD.
    RouterAlert(u16),
    /// 0xc2: the payload length of a jumbogram (RFC 2675).
    Jumbo(u32),
    /// 0xc9: the home address of a mobile node (RFC 6275 §6.3).
    HomeAddress(&'a Ipv6),
    /// Any other option, or one of the above with an invalid content.
    Other {
        /// Type: action (2 bits), may change on the path (1), number (5).
        kind: u8,
        /// The bytes after type and length.
        content: &'a [u8],
    },
}

impl<'a> Ipv6Option<'a> {
    /// The option's type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Pad1 => 0,
            Self::PadN(_) => 1,
            Self::TunnelLimit(_) => 4,
            Self::RouterAlert(_) => 5,
            Self::Jumbo(_) => 0xc2,
            Self::HomeAddress(_) => 0xc9,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// The action of a receiver that does not know the option.
    pub const fn action(&self) -> Action {
        match self.kind() >> 6 {
            0 => Action::Skip,
            1 => Action::Discard,
            2 => Action::DiscardAndReport,
            _ => Action::DiscardAndReportUnlessToGroup,
        }
    }

    /// True if routers may change the content.
    pub const fn may_change(&self) -> bool {
        self.kind() & 0x20 != 0
    }

    /// The length of type, length and content in bytes.
    pub const fn wire_len(&self) -> usize {
        match self {
            Self::Pad1 => 1,
            Self::TunnelLimit(_) => 3,
            Self::RouterAlert(_) => 4,
            Self::Jumbo(_) => 6,
            Self::HomeAddress(_) => 18,
            Self::PadN(content) | Self::Other { content, .. } => 2 + content.len(),
        }
    }

    fn typed(kind: u8, content: &'a [u8]) -> Self {
        match (kind, content) {
            (1, content) => Self::PadN(content),
            (4, [limit]) => Self::TunnelLimit(*limit),
            (5, [high, low]) => Self::RouterAlert(u16::from_be_bytes([*high, *low])),
            (0xc2, [a, b, c, d]) => Self::Jumbo(u32::from_be_bytes([*a, *b, *c, *d])),
            (0xc9, content) => match Ipv6::ref_from_bytes(content) {
                Ok(home) => Self::HomeAddress(home),
                Err(_) => Self::Other { kind, content },
            },
            _ => Self::Other { kind, content },
        }
    }

    /// Writes the option. Returns the number of bytes written.
    pub(super) fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.wire_len(), out.len());
        let Some(out) = out.get_mut(..length) else { return Err(Error::no_room(Protocol::Ipv6, length, available)) };
        let [kind, rest @ ..] = out else { return Ok(length) };
        *kind = self.kind();
        let [octet, content @ ..] = rest else { return Ok(length) };
        let Ok(short) = u8::try_from(length - 2) else {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::OptionsTooLong(length)));
        };
        *octet = short;
        match self {
            Self::Pad1 => {}
            Self::TunnelLimit(limit) => content.copy_from_slice(&[*limit]),
            Self::RouterAlert(value) => content.copy_from_slice(&value.to_be_bytes()),
            Self::Jumbo(value) => content.copy_from_slice(&value.to_be_bytes()),
            Self::HomeAddress(home) => content.copy_from_slice(&home.0),
            Self::PadN(bytes) | Self::Other { content: bytes, .. } => content.copy_from_slice(bytes),
        }
        Ok(length)
    }
}

/// For example `router alert 0`.
impl fmt::Display for Ipv6Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pad1 => f.write_str("pad 1"),
            Self::PadN(content) => write!(f, "pad {}", content.len() + 2),
            Self::TunnelLimit(limit) => write!(f, "tunnel limit {limit}"),
            Self::RouterAlert(value) => write!(f, "router alert {value}"),
            Self::Jumbo(length) => write!(f, "jumbo {length}"),
            Self::HomeAddress(home) => write!(f, "home {home}"),
            Self::Other { kind, content } => write!(f, "option {kind:#04x} length {}", content.len()),
        }
    }
}

/// The options of a header, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Checks the options of a header. `bytes` begin after its next-header and length fields.
    ///
    /// # Errors
    /// [`Rule::OptionTruncated`] for an option that reaches beyond the header, with its offset in `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut walk = Walk(bytes);
        while walk.next().is_some() {}
        let [kind, rest @ ..] = walk.0 else { return Ok(Self(bytes)) };
        let needed = rest.first().map_or(2, |length| usize::from(*length) + 2);
        let rule = Rule::OptionTruncated { kind: *kind, needed, available: walk.0.len() };
        Err(Error::new(Protocol::Ipv6, bytes.len() - walk.0.len(), rule))
    }

    /// The options in order, with padding.
    pub fn iter(&self) -> impl Iterator<Item = Ipv6Option<'a>> + use<'a> {
        Walk(self.0)
    }

    /// Checks the receiver's rule of RFC 8200 §4.2: no unknown option asks to drop the packet.
    ///
    /// # Errors
    /// [`Rule::UnknownOption`] with the offset of the option in the options. [`Ipv6Option::action`] says whether to
    /// answer with Parameter Problem.
    pub fn validate(&self) -> Result<(), Error> {
        let mut offset = 0;
        for option in self.iter() {
            if matches!(option, Ipv6Option::Other { .. }) && option.action() != Action::Skip {
                return Err(Error::new(Protocol::Ipv6, offset, Rule::UnknownOption(option.kind())));
            }
            offset += option.wire_len();
        }
        Ok(())
    }
}

impl Options<'_> {
    /// Checks RFC 2675 §3: a jumbo payload is longer than 65,535 bytes, and the payload length is then 0.
    pub(super) fn validate_jumbo(&self, payload_length: u16) -> Result<(), Error> {
        let mut offset = 0;
        for option in self.iter() {
            let rule = match option {
                Ipv6Option::Jumbo(_) if payload_length != 0 => Some(Rule::JumboBesideLength(payload_length)),
                Ipv6Option::Jumbo(length @ 0..=0xffff) => Some(Rule::JumboLength(length)),
                _ => None,
            };
            if let Some(rule) = rule {
                return Err(Error::new(Protocol::Ipv6, offset, rule));
            }
            offset += option.wire_len();
        }
        Ok(())
    }
}

struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = Ipv6Option<'a>;

    fn next(&mut self) -> Option<Ipv6Option<'a>> {
        let (rest, option) = option(self.0).ok()?;
        self.0 = rest;
        Some(option)
    }
}

/// Reads `0`, or `type, length of the content, content`.
fn option(input: &[u8]) -> nom::IResult<&[u8], Ipv6Option<'_>, ()> {
    let (input, kind) = byte(input)?;
    if kind == 0 {
        return Ok((input, Ipv6Option::Pad1));
    }
    let (input, length) = byte(input)?;
    let (input, content) = take(length).parse(input)?;
    Ok((input, Ipv6Option::typed(kind, content)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn unknown_options_do_as_their_high_bits_say() {
        let verdict = |kind| Options::parse(&[0, kind, 1, 9]).unwrap().validate().map_err(|e| (e.offset, e.rule));

        assert_eq!(verdict(0x1e), Ok(()));
        for kind in [0x5c, 0x94, 0xdb] {
            assert_eq!(verdict(kind), Err((1, Rule::UnknownOption(kind))));
        }
        let action = |kind| Ipv6Option::Other { kind, content: &[] }.action();
        assert_eq!(
            [0x1e, 0x5e, 0x9e, 0xde].map(action),
            [Action::Skip, Action::Discard, Action::DiscardAndReport, Action::DiscardAndReportUnlessToGroup]
        );
    }

    #[test]
    fn an_option_beyond_its_header_says_where() {
        let error = Options::parse(&[1, 0, 0x1e, 5, 9, 9]).unwrap_err();
        assert_eq!((error.offset, error.rule), (2, Rule::OptionTruncated { kind: 0x1e, needed: 7, available: 4 }));

        let error = Options::parse(&[1, 3, 0, 0, 0, 5]).unwrap_err();
        assert_eq!((error.offset, error.rule), (5, Rule::OptionTruncated { kind: 5, needed: 2, available: 1 }));
    }

    #[test]
    fn contents_that_do_not_fit_their_kind_are_kept() {
        for kind in [4, 5, 0xc2, 0xc9] {
            let bytes = [kind, 3, 1, 2, 3];
            let option = Options::parse(&bytes).unwrap().iter().next();
            assert_eq!(option, Some(Ipv6Option::Other { kind, content: &[1, 2, 3] }));
        }
    }

    proptest! {
        #[test]
        fn checked_options_cover_their_bytes_and_are_written_again(mut bytes in prop::collection::vec(0u8..8, 0..60)) {
            if let Some(kind) = bytes.first_mut() {
                *kind = [0, 1, 4, 5, 0xc2, 0xc9, 0x1e, 0xff][usize::from(*kind)];
            }
            let Ok(options) = Options::parse(&bytes) else { return Ok(()) };
            let mut again = Vec::<u8>::new();
            for option in options.iter() {
                let mut out = [0; 64];
                let length = option.write(&mut out).unwrap();
                again.extend(&out[..length]);
            }
            prop_assert_eq!(again, bytes);
        }
    }
}
