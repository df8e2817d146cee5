//! Options: checked once, then iterated without errors.

use crate::error::place;
use crate::{Error, Protocol, Rule};
use core::fmt;
use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, u8 as byte};
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The head of an option (RFC 8926 §3.5). 0 to 124 bytes of data follow.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-+-------------+-----+---------+
/// |             class             |C|    type     |R|R|R| words   |
/// +-------------------------------+-+-------------+-----+---------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct OptionHeader {
    /// Class: the organization that defined the type.
    pub class: U16,
    /// Type. Its highest bit is set if the option is critical.
    pub kind: u8,
    /// Three reserved bits, which receivers ignore, and the length of the data in 32-bit words.
    pub words: u8,
}

/// Class and type of an option, by which an endpoint knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct OptionKind {
    /// Class: the organization that defined the type.
    pub class: u16,
    /// Type, critical bit included.
    pub kind: u8,
}

impl OptionKind {
    /// True if an endpoint that does not know the option must drop the packet.
    #[inline]
    pub const fn is_critical(self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneveOption<'a> {
    /// Class and type.
    pub kind: OptionKind,
    /// Data, 0 to 124 bytes.
    pub data: &'a [u8],
}

impl fmt::Display for GeneveOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OptionKind { class, kind } = self.kind;
        write!(f, "class {class:#06x} type {kind:#04x} {} bytes", self.data.len())
    }
}

/// The options of a packet, which fill their space exactly (GNV-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// An empty list of options.
    pub const NONE: Options<'static> = Options(&[]);

    /// Checks all options once.
    ///
    /// # Errors
    /// [`Rule::OptionTruncated`] at an option that reaches beyond the end of the options, [`Rule::Truncated`] at a cut
    /// head.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
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

    /// True if at least one option is critical.
    #[inline]
    pub fn any_critical(&self) -> bool {
        self.iter().any(|option| option.kind.is_critical())
    }

    /// The bytes of the options in the packet.
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

#[cold]
fn broken(all: &[u8], rest: &[u8]) -> Error {
    let rule = match *rest {
        [_, _, kind, words, ..] => {
            Rule::OptionTruncated { kind, needed: 4 + usize::from(words & 0x1f) * 4, available: rest.len() }
        }
        _ => Rule::Truncated { needed: 4, available: rest.len() },
    };
    Error::new(Protocol::Geneve, all.len() - rest.len(), rule)
}

impl<'a> IntoIterator for Options<'a> {
    type Item = GeneveOption<'a>;
    type IntoIter = OptionIter<'a>;

    fn into_iter(self) -> OptionIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Options<'a> {
    type Item = GeneveOption<'a>;
    type IntoIter = OptionIter<'a>;

    fn into_iter(self) -> OptionIter<'a> {
        self.iter()
    }
}

/// An iterator over the options of a packet; see [`Options::iter`].
#[derive(Clone, Debug)]
pub struct OptionIter<'a>(&'a [u8]);

impl<'a> Iterator for OptionIter<'a> {
    type Item = GeneveOption<'a>;

    #[inline]
    fn next(&mut self) -> Option<GeneveOption<'a>> {
        let (rest, option) = option(self.0).ok()?;
        self.0 = rest;
        Some(option)
    }
}

#[inline(always)]
fn option(input: &[u8]) -> nom::IResult<&[u8], GeneveOption<'_>, ()> {
    let (input, (class, kind, words)) = (be_u16, byte, byte).parse(input)?;
    let (input, data) = take(usize::from(words & 0x1f) * 4).parse(input)?;
    Ok((input, GeneveOption { kind: OptionKind { class, kind }, data }))
}

/// Writes one option with its reserved bits zero (GNV-05). Returns its length, a multiple of 4.
///
/// ```
/// use nvo3_wire::geneve::{OptionKind, Options, write_option};
/// let mut bytes = [0; 8];
/// write_option(OptionKind { class: 0xff01, kind: 1 }, &[0, 0, 0, 2], &mut bytes)?;
/// assert_eq!(Options::parse(&bytes)?.iter().next().unwrap().data, [0, 0, 0, 2]);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
///
/// # Errors
/// [`Rule::NoRoom`]; [`Rule::Length`] if the data is not a whole number of words; [`Rule::TooLong`] above 124 bytes.
pub fn write_option(kind: OptionKind, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let error = |rule| Err(Error::new(Protocol::Geneve, 0, rule));
    if !data.len().is_multiple_of(4) {
        return error(Rule::Length(data.len()));
    }
    let Some(words) = u8::try_from(data.len() / 4).ok().filter(|words| *words < 32) else {
        return error(Rule::TooLong(data.len()));
    };
    let available = out.len();
    let (header, rest) = place::<OptionHeader>(out, Protocol::Geneve)?;
    let Some(content) = rest.get_mut(..data.len()) else {
        return Err(Error::no_room(Protocol::Geneve, 4 + data.len(), available));
    };
    *header = OptionHeader { class: U16::new(kind.class), kind: kind.kind, words };
    content.copy_from_slice(data);
    Ok(4 + data.len())
}
