//! Options of ND messages: checked once, then iterated without failing.

use crate::{Error, Mac, Protocol, Rule};
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::verify;
use nom::number::complete::u8 as byte;
use zerocopy::FromBytes;

/// Option type of the source link-layer address.
pub(super) const SOURCE_LINK: u8 = 1;
/// Option type of the target link-layer address.
pub(super) const TARGET_LINK: u8 = 2;
/// Option type of the nonce (RFC 3971 §5.3.2, RFC 7527).
pub(super) const NONCE: u8 = 14;

/// One option (RFC 4861 §4.6).
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
    /// Source link-layer address, type 1, of Ethernet's length.
    SourceLink(&'a Mac),
    /// Target link-layer address, type 2, of Ethernet's length.
    TargetLink(&'a Mac),
    /// Nonce, type 14, six bytes or 8n + 6 (RFC 3971 §5.3.2).
    Nonce(&'a [u8]),
    /// Any other option, or a link-layer address of another length; to be ignored but kept (ND-05).
    Other {
        /// Type.
        kind: u8,
        /// Content behind type and length.
        content: &'a [u8],
    },
}

/// The options of a message, none of which has length 0 or reaches beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// All options, checked once.
    ///
    /// # Errors
    /// [`Rule::OptionLengthZero`] or [`Rule::OptionTruncated`] at the option's offset (ND-01, ND-05).
    #[inline(always)]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match bytes {
            [] | [_, 1, _, _, _, _, _, _] => Ok(Self(bytes)), // what nearly every message has
            _ => Self::parse_all(bytes),
        }
    }

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
        OptionIter(self.0)
    }

    /// The first link-layer address of type `kind`, mostly that of the first option.
    #[inline(always)]
    pub(super) fn link(&self, kind: u8) -> Option<&'a Mac> {
        match self.0.first_chunk::<8>() {
            Some([first, 1, mac @ ..]) if *first == kind => Mac::ref_from_bytes(mac).ok(),
            None => None,
            _ => self.iter().find_map(|option| match option {
                NdOption::SourceLink(mac) if kind == SOURCE_LINK => Some(mac),
                NdOption::TargetLink(mac) if kind == TARGET_LINK => Some(mac),
                _ => None,
            }),
        }
    }

    /// The options as they lie in the packet.
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

/// Iterates over the options of a message; see [`Options::iter`].
#[derive(Clone, Debug)]
pub struct OptionIter<'a>(&'a [u8]);

impl<'a> Iterator for OptionIter<'a> {
    type Item = NdOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<NdOption<'a>> {
        let (rest, (kind, content)) = option(self.0).ok()?;
        self.0 = rest;
        Some(match (kind, content.len()) {
            (SOURCE_LINK, 6) => NdOption::SourceLink(Mac::ref_from_bytes(content).ok()?),
            (TARGET_LINK, 6) => NdOption::TargetLink(Mac::ref_from_bytes(content).ok()?),
            (NONCE, _) => NdOption::Nonce(content),
            _ => NdOption::Other { kind, content },
        })
    }
}

/// `type, length in units of 8 bytes with type and length, content`.
#[inline(always)]
fn option(input: &[u8]) -> nom::IResult<&[u8], (u8, &[u8]), ()> {
    let (input, (kind, units)) = (byte, verify(byte, |units| *units != 0)).parse(input)?;
    let (input, content) = take(usize::from(units) * 8 - 2).parse(input)?;
    Ok((input, (kind, content)))
}
