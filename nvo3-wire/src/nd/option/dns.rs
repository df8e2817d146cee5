//! Options for names: name servers, search lists, captive portals.

use crate::{Ipv6, Rule};
use core::fmt;
use core::str;
use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;
use nom::multi::{fold_many1, length_data};
use nom::number::complete::u8 as byte;
use nom::sequence::terminated;
use zerocopy::FromBytes;

/// Recursive DNS servers, type 25 (RFC 8106 §5.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 25   | length 2n + 1 |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                         lifetime (s)                          |
/// |                       n addresses (16n)                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rdnss<'a> {
    /// Seconds for which hosts may use the servers. All ones: forever. 0: no longer.
    pub lifetime: u32,
    /// The servers, at least one.
    pub addrs: &'a [Ipv6],
}

impl<'a> Rdnss<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([_, _, lifetime @ ..], addrs) = content.split_first_chunk::<6>()?;
        let addrs = <[Ipv6]>::ref_from_bytes(addrs).ok().filter(|addrs| !addrs.is_empty())?;
        Some(Self { lifetime: u32::from_be_bytes(*lifetime), addrs })
    }
}

/// DNS search list, type 31 (RFC 8106 §5.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 31   |  length ≥ 2   |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                         lifetime (s)                          |
/// |         names in RFC 1035 form, zeros to 8 bytes              |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dnssl<'a> {
    /// Seconds for which hosts may use the names. All ones: forever. 0: no longer.
    pub lifetime: u32,
    /// The names in RFC 1035 form; [`Name::write`] writes one. A parsed option includes the zeros after the names.
    pub names: &'a [u8],
}

impl<'a> Dnssl<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([_, _, lifetime @ ..], names) = content.split_first_chunk::<6>()?;
        let lifetime = u32::from_be_bytes(*lifetime);
        (!names.is_empty()).then_some(Self { lifetime, names })
    }

    /// The names in order, up to the first broken one.
    pub fn domains(&self) -> impl Iterator<Item = Name<'a>> + use<'a> {
        let mut rest = self.names;
        core::iter::from_fn(move || {
            let (behind, found) = name(rest).ok()?;
            rest = behind;
            Some(found)
        })
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        let mut rest = self.names;
        let mut any = false;
        while let Ok((behind, _)) = name(rest) {
            (rest, any) = (behind, true);
        }
        if any && rest.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Rule::DomainName) }
    }
}

/// A domain name in a packet: labels of 1 to 63 bytes, not compressed, without the final zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// The labels in order.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (behind, found) = label(rest).ok()?;
            rest = behind;
            Some(found)
        })
    }

    /// Writes a name from its text with dots, and the final zero. Returns the number of bytes written.
    ///
    /// Returns `None` if a label is empty or longer than 63 bytes, or if `out` is too short.
    pub fn write(text: &str, out: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        for label in text.split('.') {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            let (first, behind) = out.get_mut(at..)?.split_first_mut()?;
            *first = length;
            behind.get_mut(..label.len())?.copy_from_slice(label.as_bytes());
            at += 1 + label.len();
        }
        *out.get_mut(at)? = 0;
        Some(at + 1)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, label) in self.labels().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            write!(f, "{dot}{}", label.escape_ascii())?;
        }
        Ok(())
    }
}

fn label(input: &[u8]) -> nom::IResult<&[u8], &[u8], ()> {
    length_data(verify(byte, |length| (1..=63).contains(length))).parse(input)
}

fn name(input: &[u8]) -> nom::IResult<&[u8], Name<'_>, ()> {
    let labels = fold_many1(label, || 0, |length, label: &[u8]| length + 1 + label.len());
    let (behind, length) = terminated(labels, tag(&[0][..])).parse(input)?;
    let (_, labels) = take(length).parse(input)?;
    Ok((behind, Name(labels)))
}

/// Captive portal, type 37 (RFC 8910 §2.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 37   |    length     |  URI, zeros to 8 bytes …      |
/// +---------------+---------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptivePortal<'a> {
    /// The URI without the zeros after it.
    pub uri: &'a [u8],
}

impl<'a> CaptivePortal<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Self {
        let length = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Self { uri: content.get(..length).unwrap_or_default() }
    }

    /// The URI as text. `None` if it is not UTF-8.
    pub fn text(&self) -> Option<&'a str> {
        str::from_utf8(self.uri).ok()
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        self.text().map(|_| ()).ok_or(Rule::NotText)
    }
}
