//! GRE with key and sequence number (RFC 2784, RFC 2890).
//!
//! [`nvgre`](crate::nvgre) is the form of GRE that an overlay uses.
//!
//! [`Header`] shows the layout. [`Packet::parse`] reads a packet, [`Gre`] writes a header.

use crate::checksum::{Sum, verify};
use crate::error::{place, take};
use crate::{Error, EtherType, Protocol, Rule};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The IP protocol number of GRE.
pub const PROTOCOL: u8 = 47;

/// The fixed part of GRE (RFC 2784 §2, RFC 2890 §2). Each optional part is present if its flag is set.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-----------------+-----+-------------------------------+
/// |C|r|K|S|r r    ignored   | ver |         protocol type         |
/// +-+-+-+-+-----------------+-----+-------------------------------+
/// |       checksum, if C          |           reserved, if C      |
/// +-------------------------------+-------------------------------+
/// |                           key, if K                           |
/// +---------------------------------------------------------------+
/// |                     sequence number, if S                     |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Flags and version (3 bits, 0).
    pub flags_version: U16,
    /// Type of the payload.
    pub protocol: EtherType,
}

impl Header {
    /// Flag C: a checksum is present.
    pub const CHECKSUM: u16 = 0x8000;
    /// Flag K: a key is present.
    pub const KEY: u16 = 0x2000;
    /// Flag S: a sequence number is present.
    pub const SEQUENCE: u16 = 0x1000;
    /// Bits 1, 4 and 5, which have a meaning only in RFC 1701 and must be 0 (NVG-02).
    pub const RESERVED: u16 = 0x4c00;

    /// Version, 0 to 7.
    #[inline]
    pub fn version(&self) -> u8 {
        (self.flags_version.get() & 7) as u8
    }

    /// True if the flag is set.
    #[inline]
    pub fn has(&self, flag: u16) -> bool {
        self.flags_version.get() & flag != 0
    }

    /// Checks version 0 and that bits 1, 4 and 5 are 0 (NVG-02).
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Version`] or [`Rule::ReservedBits`].
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        if self.version() != 0 {
            return Err(Error::new(Protocol::Gre, 0, Rule::Version(self.version())));
        }
        if self.has(Self::RESERVED) {
            return Err(Error::new(Protocol::Gre, 0, Rule::ReservedBits(self.flags_version.get())));
        }
        Ok(())
    }
}

/// A packet: header with its optional parts, and payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The fixed part.
    pub header: &'a Header,
    /// Checksum over header and payload.
    pub checksum: Option<&'a U16>,
    /// Key.
    pub key: Option<&'a U32>,
    /// Sequence number.
    pub sequence: Option<&'a U32>,
    /// The payload, of type [`Header::protocol`].
    pub payload: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the fixed part and the optional parts that its flags announce. Any version is accepted.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if an optional part is cut.
    #[inline]
    pub fn parse(whole: &'a [u8]) -> Result<Self, Error> {
        let (header, rest) = take::<Header>(whole, Protocol::Gre)?;
        let cut = |_| Error::truncated(Protocol::Gre, header_len(header.flags_version.get()), whole.len());
        let (checksum, rest) = optional::<[U16; 2]>(header.has(Header::CHECKSUM), rest).map_err(cut)?;
        let (key, rest) = optional::<U32>(header.has(Header::KEY), rest).map_err(cut)?;
        let (sequence, payload) = optional::<U32>(header.has(Header::SEQUENCE), rest).map_err(cut)?;
        Ok(Self { header, checksum: checksum.map(|[checksum, _]| checksum), key, sequence, payload, whole })
    }

    /// Checks the receiver's rules: those of [`Header::validate`], then the checksum.
    ///
    /// # Errors
    /// The errors of [`Header::validate`], or [`Rule::Checksum`].
    pub fn validate(&self) -> Result<(), Error> {
        self.header.validate()?;
        match self.checksum {
            Some(checksum) if !verify(self.whole) => Err(Error::new(Protocol::Gre, 0, Rule::Checksum(checksum.get()))),
            _ => Ok(()),
        }
    }

    /// The offset of the payload: 4 to 16.
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.whole.len() - self.payload.len()
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GRE type {}", self.header.protocol)?;
        if self.header.version() != 0 {
            write!(f, " version {}", self.header.version())?;
        }
        if let Some(checksum) = self.checksum {
            write!(f, " checksum {:#06x}", checksum.get())?;
        }
        if let Some(key) = self.key {
            write!(f, " key {:#x}", key.get())?;
        }
        if let Some(sequence) = self.sequence {
            write!(f, " sequence {}", sequence.get())?;
        }
        Ok(())
    }
}

/// The length of a header with these flags: 4 to 16 bytes.
#[inline]
const fn header_len(flags: u16) -> usize {
    4 + 4 * ((flags & (Header::CHECKSUM | Header::KEY | Header::SEQUENCE)).count_ones() as usize)
}

#[inline]
fn optional<T>(there: bool, bytes: &[u8]) -> Result<(Option<&T>, &[u8]), ()>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    if !there {
        return Ok((None, bytes));
    }
    T::ref_from_prefix(bytes).map(|(part, rest)| (Some(part), rest)).map_err(drop)
}

/// A GRE header to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Gre {
    /// Type of the payload.
    pub protocol: EtherType,
    /// True to compute a checksum.
    pub checksum: bool,
    /// Key.
    pub key: Option<u32>,
    /// Sequence number.
    pub sequence: Option<u32>,
}

impl Gre {
    /// The length of the header: 4 to 16 bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        header_len(self.flags())
    }

    const fn flags(&self) -> u16 {
        let mut flags = 0;
        if self.checksum {
            flags |= Header::CHECKSUM;
        }
        if self.key.is_some() {
            flags |= Header::KEY;
        }
        if self.sequence.is_some() {
            flags |= Header::SEQUENCE;
        }
        flags
    }

    /// Writes the header for `payload`, which is not copied. Returns the length of the header.
    ///
    /// ```
    /// use nvo3_wire::{EtherType, gre};
    /// let header = gre::Gre { protocol: EtherType::IPV4, checksum: false, key: Some(7), sequence: None };
    /// let mut out = [0; 8];
    /// assert_eq!(header.write(&[], &mut out)?, 8);
    /// assert_eq!(out, [0x20, 0, 8, 0, 0, 0, 0, 7]);
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` is too short.
    pub fn write(&self, payload: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let available = out.len();
        let Some(out) = out.get_mut(..self.len()) else {
            return Err(Error::no_room(Protocol::Gre, self.len(), available));
        };
        let (header, mut rest) = place::<Header>(out, Protocol::Gre)?;
        *header = Header { flags_version: U16::new(self.flags()), protocol: self.protocol };
        let mut checksum = None;
        if self.checksum {
            let (field, behind) = place::<[U16; 2]>(rest, Protocol::Gre)?;
            (*field, rest) = ([U16::ZERO; 2], behind);
            checksum = Some(field);
        }
        let mut sum = Sum::ZERO.bytes(header.as_bytes());
        for value in [self.key, self.sequence].into_iter().flatten() {
            let (field, behind) = place::<U32>(rest, Protocol::Gre)?;
            (*field, rest) = (U32::new(value), behind);
            sum = sum.word((value >> 16) as u16).word(value as u16);
        }
        if let Some([field, _]) = checksum {
            *field = U16::new(sum.bytes(payload).checksum());
        }
        Ok(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn verdict(flags: u16) -> Result<(), Rule> {
        let [high, low] = flags.to_be_bytes();
        let bytes = [high, low, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        Packet::parse(&bytes).unwrap().validate().map_err(|error| error.rule)
    }

    /// Checks NVG-02.
    #[test]
    fn reserved_bits_1_4_and_5_and_other_versions_are_refused_and_the_rest_ignored() {
        for bit in [0x4000, 0x0800, 0x0400] {
            assert_eq!(verdict(bit), Err(Rule::ReservedBits(bit)));
        }
        for bit in [0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010, 0x0008] {
            assert_eq!(verdict(bit), Ok(()));
        }
        for version in 1..8 {
            assert_eq!(verdict(version), Err(Rule::Version(version as u8)));
        }
    }

    #[test]
    fn optional_parts_are_where_the_flags_say() {
        let bytes = [0xb0, 0, 8, 0, 0xaa, 0xbb, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 1];
        let packet = Packet::parse(&bytes).unwrap();

        assert_eq!(packet.checksum.map(|c| c.get()), Some(0xaabb));
        assert_eq!((packet.key.map(|k| k.get()), packet.sequence.map(|s| s.get())), (Some(7), Some(9)));
        assert_eq!((packet.payload, packet.header_len()), (&[1][..], 16));
        assert_eq!(packet.to_string(), "GRE type 0x0800 checksum 0xaabb key 0x7 sequence 9");
        for cut in 0..16 {
            let needed = if cut < 4 { 4 } else { 16 };
            assert_eq!(Packet::parse(&bytes[..cut]).unwrap_err().rule, Rule::Truncated { needed, available: cut });
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            checksum: bool, key: Option<u32>, sequence: Option<u32>, protocol: [u8; 2], payload: Vec<u8>,
        ) {
            let gre = Gre { protocol: EtherType(protocol), checksum, key, sequence };
            let mut bytes = std::vec![0xa5; gre.len()];
            prop_assert_eq!(gre.write(&payload, &mut bytes), Ok(bytes.len()));
            bytes.extend(&payload);

            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(packet.validate(), Ok(()));
            prop_assert_eq!((packet.key.map(|k| k.get()), packet.sequence.map(|s| s.get())), (key, sequence));
            prop_assert_eq!((packet.checksum.is_some(), packet.payload), (checksum, &payload[..]));

            if checksum && !payload.is_empty() {
                *bytes.last_mut().unwrap() ^= 0x10;
                let rule = Packet::parse(&bytes).unwrap().validate().unwrap_err().rule;
                prop_assert!(matches!(rule, Rule::Checksum(_)));
            }
        }

        #[test]
        fn any_bytes_parse_or_fail(bytes: Vec<u8>) {
            if let Ok(packet) = Packet::parse(&bytes) {
                let _ = packet.validate();
                prop_assert_eq!(packet.header_len() + packet.payload.len(), bytes.len());
            }
        }
    }
}
