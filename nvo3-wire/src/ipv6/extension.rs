//! Extension headers by kind: read, checked and written.

use super::option::{Ipv6Option, Options};
use super::{AUTHENTICATION, DESTINATION_OPTIONS, Extension, HOP_BY_HOP, ROUTING};
use crate::ah::Authentication;
use crate::error::{place, take};
use crate::{Error, Ipv6, Protocol, Rule};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A fragment header after its next-header and reserved bytes (RFC 8200 §4.5).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------+---+-+
/// |  next header  |   reserved    |     fragment offset     |res|M|
/// +---------------+---------------+-------------------------+---+-+
/// |                        identification                         |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Fragment {
    /// Offset in units of 8 bytes (13 bits), reserved (2), more fragments (1).
    pub offset_more: U16,
    /// Identification: the same in all fragments of a packet.
    pub identification: U32,
}

impl Fragment {
    /// The offset of this fragment in the fragmentable part, in bytes.
    pub fn offset(&self) -> usize {
        usize::from(self.offset_more.get() & 0xfff8)
    }

    /// True if more fragments follow.
    pub fn more(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// True for an atomic fragment: offset 0 and no more fragments, so the packet is whole (RFC 6946).
    pub fn is_atomic(&self) -> bool {
        self.offset_more.get() & 0xfff9 == 0
    }

    /// Checks the receiver's rules of RFC 8200 §4.5 for a fragment of `length` bytes after the header.
    ///
    /// `before` is the number of bytes of extension headers in front.
    pub(super) fn validate(&self, before: usize, length: usize) -> Result<(), Error> {
        if self.more() && !length.is_multiple_of(8) {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::FragmentLength(length)));
        }
        match before + self.offset() + length {
            whole if whole > usize::from(u16::MAX) => Err(Error::new(Protocol::Ipv6, 0, Rule::FragmentEnd(whole))),
            _ => Ok(()),
        }
    }
}

/// A routing header after its next-header and length fields (RFC 8200 §4.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |  next header  |    length     | routing type  | segments left |
/// +---------------+---------------+---------------+---------------+
/// |            data of the type: 4 bytes and 8 times n            |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing<'a> {
    /// Routing type.
    pub kind: u8,
    /// The number of addresses still to visit.
    pub segments_left: u8,
    /// Data of the type: 4 bytes and 8 times the length field.
    pub data: &'a [u8],
}

impl<'a> Routing<'a> {
    /// The addresses of types 0 (RFC 2460), 2 (RFC 6275) and 4 (RFC 8754, without its TLVs), in the packet's order.
    pub fn addresses(&self) -> &'a [Ipv6] {
        let (head, list) = self.data.split_at_checked(4).unwrap_or_default();
        let list = match (self.kind, head) {
            (0 | 2, _) => list,
            (4, [last, ..]) => list.get(..16 * (usize::from(*last) + 1)).unwrap_or(list),
            _ => &[],
        };
        <[Ipv6]>::ref_from_bytes(list).unwrap_or_default()
    }

    /// Checks the receiver's rule of RFC 8200 §4.4 and RFC 5095 §3: an unknown type must have no segments left.
    ///
    /// Known are the types 2 (RFC 6275), 3 (RFC 6554) and 4 (RFC 8754).
    ///
    /// # Errors
    /// [`Rule::SegmentsLeft`] if an unknown type has segments left.
    pub fn validate(&self) -> Result<(), Error> {
        match (self.kind, self.segments_left) {
            (2..=4, _) | (_, 0) => Ok(()),
            (kind, left) => Err(Error::new(Protocol::Ipv6, 0, Rule::SegmentsLeft { kind, left })),
        }
    }
}

/// An extension header by kind.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Options for every router on the path.
    HopByHop(Options<'a>),
    /// Options for the destination. In front of a routing header they are for each address that it visits.
    DestinationOptions(Options<'a>),
    /// The route that the packet takes.
    Routing(Routing<'a>),
    /// A fragment header.
    Fragment(&'a Fragment),
    /// An authentication header: proves the sender to holders of the key.
    Authentication(Authentication<'a>),
}

impl<'a> Extension<'a> {
    /// The content of the header by kind.
    ///
    /// # Errors
    /// [`Rule::OptionTruncated`] for options that reach beyond the header. The offset counts from the first byte of the
    /// header.
    pub fn typed(&self) -> Result<Kind<'a>, Error> {
        let options = |bytes| Options::parse(bytes).map_err(|e| e.at(2));
        Ok(match (self.kind, self.content) {
            (HOP_BY_HOP, content) => Kind::HopByHop(options(content)?),
            (DESTINATION_OPTIONS, content) => Kind::DestinationOptions(options(content)?),
            (ROUTING, [kind, segments_left, data @ ..]) => {
                Kind::Routing(Routing { kind: *kind, segments_left: *segments_left, data })
            }
            (AUTHENTICATION, content) => Kind::Authentication(Authentication::parse(content).map_err(|e| e.at(2))?),
            (_, content) => Kind::Fragment(take(content, Protocol::Ipv6)?.0),
        })
    }
}

/// For example `hop-by-hop [router alert 0, pad 2]`.
impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, options) = match self.typed() {
            Ok(Kind::HopByHop(options)) => ("hop-by-hop", options),
            Ok(Kind::DestinationOptions(options)) => ("destination options", options),
            Ok(Kind::Routing(routing)) => {
                write!(f, "routing type {} segments left {}", routing.kind, routing.segments_left)?;
                return routing.addresses().iter().try_for_each(|address| write!(f, " {address}"));
            }
            Ok(Kind::Fragment(fragment)) => {
                let more = if fragment.more() { "+" } else { "" };
                return write!(f, "fragment {:#010x}@{}{more}", fragment.identification.get(), fragment.offset());
            }
            Ok(Kind::Authentication(authentication)) => return authentication.fmt(f),
            Err(error) => return write!(f, "extension {} broken: {}", self.kind, error.rule),
        };
        f.write_str(name)?;
        for (n, option) in options.iter().enumerate() {
            write!(f, "{}{option}", if n == 0 { " [" } else { ", " })?;
        }
        f.write_str("]")
    }
}

/// Writes a hop-by-hop or destination-options header. Returns the number of bytes written.
///
/// The header is padded to a multiple of 8 bytes with Pad1 or PadN (RFC 8200 §4.2).
///
/// # Errors
/// [`Rule::NoRoom`], [`Rule::OptionsTooLong`] above 2,046 bytes, or above 255 for one option.
pub fn write_options<'o>(
    next: u8,
    options: impl IntoIterator<Item = Ipv6Option<'o>>,
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut used = 2;
    for option in options {
        used += option.write(out.get_mut(used..).unwrap_or_default())?;
    }
    let padding = used.wrapping_neg() & 7;
    let pad = match padding {
        0 => None,
        1 => Some(Ipv6Option::Pad1),
        _ => [0; 6].get(..padding - 2).map(Ipv6Option::PadN),
    };
    if let Some(pad) = pad {
        used += pad.write(out.get_mut(used..).unwrap_or_default())?;
    }
    head(next, used, out)?;
    Ok(used)
}

/// Writes a routing header. Returns the number of bytes written.
///
/// # Errors
/// [`Rule::NoRoom`]; [`Rule::Length`] if the data is not 4 bytes and a multiple of 8; [`Rule::OptionsTooLong`] above
/// 2,044 bytes.
pub fn write_routing(next: u8, routing: &Routing<'_>, out: &mut [u8]) -> Result<usize, Error> {
    let (length, available) = (4 + routing.data.len(), out.len());
    if !length.is_multiple_of(8) {
        return Err(Error::new(Protocol::Ipv6, 0, Rule::Length(routing.data.len())));
    }
    let Some([_, _, kind, left, data @ ..]) = out.get_mut(..length) else {
        return Err(Error::no_room(Protocol::Ipv6, length, available));
    };
    *kind = routing.kind;
    *left = routing.segments_left;
    data.copy_from_slice(routing.data);
    head(next, length, out)?;
    Ok(length)
}

/// Writes a fragment header for the bytes at `offset` of the fragmentable part. Returns the number of bytes written.
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than 8 bytes; [`Rule::Length`] if the offset is not a multiple of 8 or above
/// 65,528.
pub fn write_fragment(
    next: u8,
    offset: usize,
    more: bool,
    identification: u32,
    out: &mut [u8],
) -> Result<usize, Error> {
    let Some(units) = u16::try_from(offset).ok().filter(|offset| offset.is_multiple_of(8)) else {
        return Err(Error::new(Protocol::Ipv6, 0, Rule::Length(offset)));
    };
    let (head, behind) = place::<[u8; 2]>(out, Protocol::Ipv6)?;
    let (fragment, _) = place::<Fragment>(behind, Protocol::Ipv6)?;
    *head = [next, 0];
    fragment.offset_more = U16::new(units | u16::from(more));
    fragment.identification = U32::new(identification);
    Ok(8)
}

fn head(next: u8, length: usize, out: &mut [u8]) -> Result<(), Error> {
    let Ok(units) = u8::try_from(length / 8 - 1) else {
        return Err(Error::new(Protocol::Ipv6, 0, Rule::OptionsTooLong(length)));
    };
    let (head, _) = place::<[u8; 2]>(out, Protocol::Ipv6)?;
    *head = [next, units];
    Ok(())
}
