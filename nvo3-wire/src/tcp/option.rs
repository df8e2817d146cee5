//! TCP options (RFC 9293 §3.2, RFC 7323, RFC 2018), checked once and then iterated without errors.

use crate::tlv::{self, Tlv, Tlvs, Written};
use crate::{Error, Protocol};
use core::fmt;
use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A block of received bytes (RFC 2018 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SackBlock {
    /// First sequence number of the block.
    pub left: U32,
    /// First sequence number after the block.
    pub right: U32,
}

/// An option, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// 0: end of the list. Only padding follows.
    End,
    /// 1: padding between options.
    NoOperation,
    /// 2: the longest segment that the sender accepts, in bytes.
    MaximumSegment(u16),
    /// 3: the number of bits by which the window is shifted.
    WindowScale(u8),
    /// 4: the sender understands selective acknowledgements.
    SackPermitted,
    /// 5: the blocks that the sender has received out of order.
    Sack(&'a [SackBlock]),
    /// 8: clocks (RFC 7323 §3).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The last clock value that the sender has received from its peer.
        echo: u32,
    },
    /// Any other option, or one of the above with an invalid content.
    Other {
        /// Kind.
        kind: u8,
        /// The bytes after kind and length.
        content: &'a [u8],
    },
}

impl<'a> TcpOption<'a> {
    fn typed(tlv: Tlv<'a>) -> Self {
        match tlv {
            Tlv::End => Self::End,
            Tlv::NoOperation => Self::NoOperation,
            Tlv::Option(2, [high, low]) => Self::MaximumSegment(u16::from_be_bytes([*high, *low])),
            Tlv::Option(3, [shift]) => Self::WindowScale(*shift),
            Tlv::Option(4, []) => Self::SackPermitted,
            Tlv::Option(8, [a, b, c, d, e, f, g, h]) => Self::Timestamps {
                value: u32::from_be_bytes([*a, *b, *c, *d]),
                echo: u32::from_be_bytes([*e, *f, *g, *h]),
            },
            Tlv::Option(kind, content) => match <[SackBlock]>::ref_from_bytes(content) {
                Ok(blocks) if kind == 5 => Self::Sack(blocks),
                _ => Self::Other { kind, content },
            },
        }
    }

    fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let mut put = |kind, parts| tlv::put(Written::Parts(kind, parts), out, Protocol::Tcp);
        match *self {
            Self::End => tlv::put(Written::Byte(0), out, Protocol::Tcp),
            Self::NoOperation => tlv::put(Written::Byte(1), out, Protocol::Tcp),
            Self::MaximumSegment(size) => put(2, [&size.to_be_bytes(), &[]]),
            Self::WindowScale(shift) => put(3, [&[shift], &[]]),
            Self::SackPermitted => put(4, [&[], &[]]),
            Self::Sack(blocks) => put(5, [blocks.as_bytes(), &[]]),
            Self::Timestamps { value, echo } => put(8, [&value.to_be_bytes(), &echo.to_be_bytes()]),
            Self::Other { kind, content } => put(kind, [content, &[]]),
        }
    }
}

/// For example `mss 1460`.
impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("end"),
            Self::NoOperation => f.write_str("nop"),
            Self::MaximumSegment(size) => write!(f, "mss {size}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackPermitted => f.write_str("sack ok"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|block| write!(f, " {}:{}", block.left, block.right))
            }
            Self::Timestamps { value, echo } => write!(f, "timestamps {value} echo {echo}"),
            Self::Other { kind, content } => write!(f, "option {kind} length {}", content.len() + 2),
        }
    }
}

/// The options of a segment, checked once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(Tlvs<'a>);

impl<'a> Options<'a> {
    /// Checks the options of a segment, padding included.
    ///
    /// # Errors
    /// [`Rule::OptionLength`](crate::Rule::OptionLength) or [`Rule::OptionTruncated`](crate::Rule::OptionTruncated) for
    /// the first broken option. The offset counts from the first option (RFC 9293 §3.1, MUST-7).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Tlvs::check(bytes, Protocol::Tcp).map(Self)
    }

    /// The options in order up to the end of the list, with padding.
    pub fn iter(&self) -> impl Iterator<Item = TcpOption<'a>> + use<'a> {
        self.0.map(TcpOption::typed)
    }
}

/// Writes options, padded to a multiple of 4 bytes. Returns the number of bytes written.
pub(super) fn write<'o>(options: impl IntoIterator<Item = TcpOption<'o>>, out: &mut [u8]) -> Result<usize, Error> {
    let mut used = 0;
    for option in options {
        used += option.write(out.get_mut(used..).unwrap_or_default())?;
    }
    tlv::pad(used, out, Protocol::Tcp)
}
