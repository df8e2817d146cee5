//! TCP headers (RFC 9293): ports, sequence numbers, flags, window and options, read and written. No connection state.
//!
//! [`Header`] shows the layout. [`Segment::parse`] reads a segment, [`Fields`] writes one:
//!
//! ```
//! use nvo3_wire::checksum::{Addresses, Field};
//! use nvo3_wire::tcp::{Fields, Flags, Options, Segment, TcpOption};
//! use nvo3_wire::{Ipv4, ipv4};
//!
//! let (from, to) = (Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
//! let addresses = Addresses::V4(&from, &to);
//! let syn = Fields { source_port: 5000, destination_port: 179, flags: Flags::SYN, ..Fields::default() };
//! let mut out = [0; 24];
//! syn.write([TcpOption::MaximumSegment(1460)], addresses, Field::Fill, &[], &mut out)?;
//!
//! let segment = Segment::parse(&out)?;
//! segment.validate(addresses.pseudo_header(ipv4::TCP, 24))?;
//! assert_eq!(Options::parse(segment.options)?.iter().next(), Some(TcpOption::MaximumSegment(1460)));
//! # Ok::<(), nvo3_wire::Error>(())
//! ```

mod option;

pub use option::{Options, SackBlock, TcpOption};

use crate::checksum::{Addresses, Field, Sum};
use crate::error::{place, take};
use crate::{Error, Protocol, Rule, ipv4};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of the longest header: 15 words.
const LONGEST: usize = 60;

/// The fixed header of TCP (RFC 9293 §3.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          source port          |       destination port        |
/// +-------------------------------+-------------------------------+
/// |                        sequence number                        |
/// +---------------------------------------------------------------+
/// |                     acknowledgment number                     |
/// +-------+-----+-----------------+-------------------------------+
/// | words | res |A C E U A P R S F|            window             |
/// +-------+-----+-----------------+-------------------------------+
/// |           checksum            |        urgent pointer         |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Source port.
    pub source_port: U16,
    /// Destination port.
    pub destination_port: U16,
    /// Sequence number of the first byte, or of SYN.
    pub sequence: U32,
    /// The next sequence number that the sender expects, if ACK is set.
    pub acknowledgment: U32,
    /// Header length in 32-bit words (4 bits), reserved (3), flags (9).
    pub words_flags: U16,
    /// Window, not scaled.
    pub window: U16,
    /// Checksum with pseudo-header.
    pub checksum: U16,
    /// Urgent pointer, if URG is set.
    pub urgent: U16,
}

impl Header {
    /// The length of header and options in bytes, from the header's own field.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.words_flags.get() >> 12) * 4
    }

    /// The flags.
    #[inline]
    pub fn flags(&self) -> Flags {
        Flags(self.words_flags.get() & 0x1ff)
    }
}

/// The nine flags of a segment.
///
/// ```
/// use nvo3_wire::tcp::Flags;
/// assert!((Flags::SYN | Flags::ACK).contains(Flags::SYN));
/// assert_eq!((Flags::SYN | Flags::ACK).to_string(), "S.");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Flags(pub u16);

impl Flags {
    /// The sender has no more data.
    pub const FIN: Self = Self(0x001);
    /// The sequence number is the initial one.
    pub const SYN: Self = Self(0x002);
    /// The connection is reset.
    pub const RST: Self = Self(0x004);
    /// The receiver should deliver the data at once.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment number is valid.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x020);
    /// Congestion was experienced (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x040);
    /// The congestion window was reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768).
    pub const AE: Self = Self(0x100);

    /// True if all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A letter for each flag, and a dot for ACK, as packet analysers print them.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(Flags, &str); 9] = [
            (Flags::FIN, "F"),
            (Flags::SYN, "S"),
            (Flags::RST, "R"),
            (Flags::PSH, "P"),
            (Flags::URG, "U"),
            (Flags::ECE, "E"),
            (Flags::CWR, "W"),
            (Flags::AE, "e"),
            (Flags::ACK, "."),
        ];
        LETTERS.iter().filter(|(flag, _)| self.contains(*flag)).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// A segment: fixed header, options, payload.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// Options with their padding, 0–40 bytes; [`Options::parse`] checks them.
    pub options: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads header and options. `bytes` is the whole segment.
    ///
    /// # Errors
    /// [`Rule::Truncated`], or [`Rule::HeaderLength`] for a header length below 5 words.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Tcp)?;
        let length = header.header_len();
        let Some(options_len) = length.checked_sub(size_of::<Header>()) else {
            return Err(Error::new(Protocol::Tcp, 0, Rule::HeaderLength((length / 4) as u8)));
        };
        match behind.split_at_checked(options_len) {
            Some((options, payload)) => Ok(Self { header, options, payload, bytes }),
            None => Err(Error::truncated(Protocol::Tcp, length, bytes.len())),
        }
    }

    /// Checks the receiver's rules of RFC 9293 §3.1: the checksum verifies with the pseudo-header sum `pseudo`, and the
    /// options are well formed.
    ///
    /// # Errors
    /// [`Rule::Checksum`], and the errors of [`Options::parse`].
    pub fn validate(&self, pseudo: Sum) -> Result<(), Error> {
        if !pseudo.bytes(self.bytes).verifies() {
            return Err(Error::new(Protocol::Tcp, 0, Rule::Checksum(self.header.checksum.get())));
        }
        Options::parse(self.options).map(|_| ()).map_err(|e| e.at(size_of::<Header>()))
    }
}

/// For example `TCP 1337 > 179: flags [S.], seq 7, ack 8, window 512, options [mss 1460], length 0`.
impl fmt::Display for Segment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { source_port, destination_port, sequence, acknowledgment, window, .. } = self.header;
        let flags = self.header.flags();
        write!(f, "TCP {source_port} > {destination_port}: flags [{flags}], seq {sequence}")?;
        if flags.contains(Flags::ACK) {
            write!(f, ", ack {acknowledgment}")?;
        }
        write!(f, ", window {window}")?;
        match Options::parse(self.options) {
            Ok(_) if self.options.is_empty() => {}
            Ok(options) => {
                for (n, option) in options.iter().enumerate() {
                    write!(f, "{}{option}", if n == 0 { ", options [" } else { ", " })?;
                }
                f.write_str("]")?;
            }
            Err(error) => write!(f, ", options broken: {}", error.rule)?,
        }
        write!(f, ", length {}", self.payload.len())
    }
}

/// The fields that the sender of a segment chooses. The builder computes header length and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fields {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number.
    pub acknowledgment: u32,
    /// Flags; the low 9 bits are used.
    pub flags: Flags,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
}

impl Fields {
    /// Writes header, options and payload. Returns the number of bytes written.
    ///
    /// Options are padded with end-of-list to a multiple of 4 bytes.
    ///
    /// # Errors
    /// [`Rule::NoRoom`], [`Rule::OptionsTooLong`] above 40 bytes, [`Rule::TooLong`] if the segment exceeds 65,535
    /// bytes.
    pub fn write<'o>(
        &self,
        options: impl IntoIterator<Item = TcpOption<'o>>,
        addresses: Addresses<'_>,
        field: Field,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let available = out.len();
        let (header, behind) = place::<Header>(out, Protocol::Tcp)?;
        let options_len = option::write(options, behind)?;
        let header_len = size_of::<Header>() + options_len;
        if header_len > LONGEST {
            return Err(Error::new(Protocol::Tcp, 0, Rule::OptionsTooLong(options_len)));
        }
        let length = header_len + payload.len();
        let Ok(short) = u16::try_from(length) else {
            return Err(Error::new(Protocol::Tcp, 0, Rule::TooLong(payload.len())));
        };
        let Some(place) = behind.get_mut(options_len..).and_then(|behind| behind.get_mut(..payload.len())) else {
            return Err(Error::no_room(Protocol::Tcp, length, available));
        };
        place.copy_from_slice(payload);
        header.source_port = U16::new(self.source_port);
        header.destination_port = U16::new(self.destination_port);
        header.sequence = U32::new(self.sequence);
        header.acknowledgment = U32::new(self.acknowledgment);
        header.words_flags = U16::new((header_len as u16 / 4) << 12 | self.flags.0 & 0x1ff);
        header.window = U16::new(self.window);
        header.urgent = U16::new(self.urgent);
        header.checksum = U16::ZERO;
        let pseudo = addresses.pseudo_header(ipv4::TCP, short.into());
        header.checksum = U16::new(match field {
            Field::Zero => 0,
            Field::Keep(value) => value,
            Field::Partial => pseudo.fold(),
            Field::Fill => {
                let options = behind.get(..options_len).unwrap_or_default();
                pseudo.bytes(header.as_bytes()).bytes(options).bytes(payload).checksum()
            }
        });
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ipv4;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    const ENDS: Addresses<'_> = Addresses::V4(&Ipv4([192, 0, 2, 1]), &Ipv4([192, 0, 2, 2]));
    const FIELDS: Fields = Fields {
        source_port: 1337,
        destination_port: 179,
        sequence: 7,
        acknowledgment: 8,
        flags: Flags(0x12),
        window: 512,
        urgent: 0,
    };

    /// A SYN with the options that Linux sends. Each test sets its checksum.
    const SYN: [u8; 40] = [
        0x9a, 0x12, 0x00, 0x50, 0x3d, 0x1c, 0x6a, 0x2b, 0x00, 0x00, 0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0, 0x00, 0x00,
        0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a, 0x00, 0x01, 0x02, 0x03, 0x00, 0x00, 0x00, 0x00,
        0x01, 0x03, 0x03, 0x07,
    ];

    #[test]
    fn every_option_of_a_handshake_is_read() {
        let segment = Segment::parse(&SYN).unwrap();

        assert_eq!(
            segment.to_string(),
            "TCP 39442 > 80: flags [S], seq 1025272363, window 64240, \
             options [mss 1460, sack ok, timestamps 66051 echo 0, nop, wscale 7], length 0"
        );
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        let verdict = |change: fn(&mut [u8; 40])| {
            let mut bytes = SYN;
            change(&mut bytes);
            let pseudo = ENDS.pseudo_header(ipv4::TCP, 40);
            let checksum = pseudo.bytes(&bytes).checksum().to_be_bytes();
            bytes[16..18].copy_from_slice(&checksum);
            Segment::parse(&bytes).and_then(|s| s.validate(pseudo)).map_err(|e| (e.offset, e.rule))
        };

        assert_eq!(verdict(|_| {}), Ok(()));
        assert_eq!(verdict(|bytes| bytes[12] = 0x40), Err((0, Rule::HeaderLength(4))));
        assert_eq!(verdict(|bytes| bytes[12] = 0xb0), Err((0, Rule::Truncated { needed: 44, available: 40 })));
        assert_eq!(verdict(|bytes| bytes[25] = 0), Err((24, Rule::OptionLength { kind: 4, length: 0 })));
        let beyond = Rule::OptionTruncated { kind: 3, needed: 4, available: 3 };
        assert_eq!(verdict(|bytes| bytes[38] = 4), Err((37, beyond)));
        let wrong = Segment::parse(&SYN).unwrap().validate(Sum::ZERO).unwrap_err();
        assert_eq!(wrong.rule, Rule::Checksum(0));
        assert!(matches!(Segment::parse(&SYN[..19]).unwrap_err().rule, Rule::Truncated { needed: 20, available: 19 }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let rule = |options: usize, payload: usize, room: usize| {
            let (options, payload) = ([TcpOption::SackPermitted; 21].into_iter().take(options), std::vec![0; payload]);
            FIELDS.write(options, ENDS, Field::Fill, &payload, &mut std::vec![0; room]).unwrap_err().rule
        };

        assert_eq!(rule(21, 0, 99), Rule::OptionsTooLong(44));
        assert_eq!(rule(0, 65_516, 70_000), Rule::TooLong(65_516));
        assert_eq!(rule(2, 3, 26), Rule::NoRoom { needed: 27, available: 26 });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(payload: Vec<u8>, blocks in 0usize..4, flags in 0u16..0x200) {
            let blocks = &[SackBlock { left: U32::new(7), right: U32::new(9) }; 4][..blocks];
            let options = [
                TcpOption::NoOperation,
                TcpOption::Sack(blocks),
                TcpOption::MaximumSegment(1460),
                TcpOption::Other { kind: 34, content: &[1, 2] },
            ];
            let fields = Fields { flags: Flags(flags), ..FIELDS };
            let mut out = std::vec![0xa5; payload.len() + 60];

            let length = fields.write(options, ENDS, Field::Fill, &payload, &mut out).unwrap();

            let segment = Segment::parse(&out[..length]).unwrap();
            prop_assert_eq!(segment.validate(ENDS.pseudo_header(ipv4::TCP, length as u32)), Ok(()));
            prop_assert_eq!((segment.payload, segment.header.flags()), (&payload[..], Flags(flags)));
            let read: Vec<_> = Options::parse(segment.options).unwrap().iter().take(4).collect();
            prop_assert_eq!(read, options);
        }

        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, words in 0u8..16) {
            if let Some(at) = bytes.get_mut(12) {
                *at = words << 4;
            }
            if let Ok(segment) = Segment::parse(&bytes) {
                prop_assert_eq!(20 + segment.options.len() + segment.payload.len(), bytes.len());
                let _ = (segment.validate(Sum::ZERO), segment.to_string());
            }
        }
    }
}
