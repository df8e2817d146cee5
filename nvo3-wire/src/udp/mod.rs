//! UDP (RFC 768), and the rules for datagrams over IPv6 without a checksum (RFC 6935, RFC 6936).
//!
//! [`Header`] shows the layout. [`Datagram::parse`] reads a datagram, [`Fields`] writes one. [`ZeroChecksums`] holds the
//! ports and peers that may send a zero checksum over IPv6.

mod zero;

pub use zero::ZeroChecksums;

use crate::checksum::{Addresses, Field, Sum};
use crate::error::{place, take};
use crate::{Error, Protocol, Rule, ipv4};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of UDP (RFC 768).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |          source port          |       destination port        |
/// +-------------------------------+-------------------------------+
/// |            length             |   checksum, 0 means none      |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Source port.
    pub source_port: U16,
    /// Destination port.
    pub destination_port: U16,
    /// Length of header and payload, in bytes.
    pub length: U16,
    /// Checksum with pseudo-header. 0 means "no checksum" (CKS-04).
    pub checksum: U16,
}

/// A datagram: header, and payload within the length field.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The header.
    pub header: &'a Header,
    /// Payload within the length field.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the header. Bytes after the length are not part of the datagram.
    ///
    /// # Errors
    /// [`Rule::Truncated`], or [`Rule::Length`] for a length field below 8.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Udp)?;
        let length = usize::from(header.length.get());
        let Some(payload_len) = length.checked_sub(size_of::<Header>()) else {
            return Err(Error::new(Protocol::Udp, 0, Rule::Length(length)));
        };
        match behind.get(..payload_len) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(Error::truncated(Protocol::Udp, length, bytes.len())),
        }
    }

    /// Reads a datagram whose payload may be cut, as in captures, quotes and first fragments.
    ///
    /// If the payload ends before the length field says, the second value is the error that [`Datagram::parse`]
    /// returns.
    ///
    /// # Errors
    /// The errors of [`Datagram::parse`], but [`Rule::Truncated`] only if there are fewer than 8 bytes.
    pub fn parse_lax(bytes: &'a [u8]) -> Result<(Self, Option<Error>), Error> {
        match (Self::parse(bytes), take::<Header>(bytes, Protocol::Udp)) {
            (Err(cut @ Error { rule: Rule::Truncated { .. }, .. }), Ok((header, payload))) => {
                Ok((Self { header, payload }, Some(cut)))
            }
            (whole, _) => whole.map(|datagram| (datagram, None)),
        }
    }

    /// Verifies the checksum and refuses a zero checksum: the rule over IPv6 (RFC 8200 §8.1, U6-03).
    ///
    /// # Errors
    /// [`Rule::ZeroChecksum`] if the checksum is zero, [`Rule::Checksum`] if it does not verify.
    #[inline]
    pub fn validate_checked(&self, pseudo: Sum) -> Result<(), Error> {
        if self.header.checksum.get() == 0 {
            return Err(Error::new(Protocol::Udp, 0, Rule::ZeroChecksum));
        }
        self.validate(pseudo)
    }

    /// Verifies a non-zero checksum with the pseudo-header sum `pseudo`. The caller decides if zero is valid.
    ///
    /// # Errors
    /// [`Rule::Checksum`] if the checksum does not verify.
    #[inline]
    pub fn validate(&self, pseudo: Sum) -> Result<(), Error> {
        let checksum = self.header.checksum.get();
        if checksum == 0 || pseudo.bytes(self.header.as_bytes()).bytes(self.payload).verifies() {
            return Ok(());
        }
        Err(Error::new(Protocol::Udp, 0, Rule::Checksum(checksum)))
    }
}

/// For example `UDP 49152 > 4789, length 50`. The text also says if there is no checksum.
impl fmt::Display for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { source_port, destination_port, checksum, .. } = self.header;
        write!(f, "UDP {source_port} > {destination_port}, length {}", self.payload.len())?;
        if checksum.get() == 0 { f.write_str(", no checksum") } else { Ok(()) }
    }
}

/// The fields that the sender of a datagram chooses. The builder computes length and checksum.
///
/// ```
/// use nvo3_wire::checksum::{Addresses, Field};
/// use nvo3_wire::{Ipv4, ipv4, udp};
///
/// let (from, to) = (Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
/// let addresses = Addresses::V4(&from, &to);
/// let mut out = [0; 11];
/// let ports = udp::Fields { source_port: 5000, destination_port: 9 };
/// assert_eq!(ports.write(addresses, Field::Fill, b"abc", &mut out)?, 11);
/// udp::Datagram::parse(&out)?.validate(addresses.pseudo_header(ipv4::UDP, 11))?;
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fields {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

impl Fields {
    /// Writes header and payload. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`], or [`Rule::TooLong`] if the datagram exceeds 65,535 bytes.
    pub fn write(
        &self,
        addresses: Addresses<'_>,
        field: Field,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let (length, available) = (size_of::<Header>() + payload.len(), out.len());
        let Some(datagram) = out.get_mut(..length) else {
            return Err(Error::no_room(Protocol::Udp, length, available));
        };
        if let Some(behind) = datagram.get_mut(size_of::<Header>()..) {
            behind.copy_from_slice(payload);
        }
        self.fill(addresses, field, datagram)
    }

    /// Writes the header in front of a payload that is already in `datagram`. Returns the number of bytes of both.
    ///
    /// # Errors
    /// The errors of [`Fields::write`].
    pub fn fill(&self, addresses: Addresses<'_>, field: Field, datagram: &mut [u8]) -> Result<usize, Error> {
        let whole = datagram.len();
        let (header, payload) = place::<Header>(datagram, Protocol::Udp)?;
        let Ok(length) = u16::try_from(whole) else {
            return Err(Error::new(Protocol::Udp, 0, Rule::TooLong(payload.len())));
        };
        header.source_port = U16::new(self.source_port);
        header.destination_port = U16::new(self.destination_port);
        header.length = U16::new(length);
        let pseudo = || addresses.pseudo_header(ipv4::UDP, length.into());
        header.checksum = U16::new(match field {
            Field::Zero => 0,
            Field::Keep(value) => value,
            Field::Partial => pseudo().fold(),
            Field::Fill => {
                let sum = pseudo().word(self.source_port).word(self.destination_port).word(length);
                sum.bytes(payload).udp_checksum()
            }
        });
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ipv6;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn the_checksum_field_gets_what_was_asked_for() {
        let (from, to) = (Ipv6([1; 16]), Ipv6([2; 16]));
        let addresses = Addresses::V6(&from, &to);
        let field = |field| {
            let mut out = [0xa5; 9];
            Fields { source_port: 7, destination_port: 9 }.write(addresses, field, &[0xff], &mut out).unwrap();
            Datagram::parse(&out).unwrap().header.checksum.get()
        };
        let pseudo = addresses.pseudo_header(ipv4::UDP, 9);

        assert_eq!([field(Field::Zero), field(Field::Keep(0xabcd))], [0, 0xabcd]);
        assert_eq!(field(Field::Partial), pseudo.fold());
        assert_eq!(field(Field::Fill), pseudo.word(7).word(9).word(9).word(0xff00).checksum());
    }

    #[test]
    fn a_datagram_keeps_to_its_length() {
        let addresses = Addresses::V6(&Ipv6::UNSPECIFIED, &Ipv6::ALL_NODES);
        let ports = Fields { source_port: 7, destination_port: 9 };

        let long = std::vec![0; 65_528];
        let mut out = std::vec![0; 65_540];
        assert_eq!(ports.write(addresses, Field::Zero, &long, &mut out).unwrap_err().rule, Rule::TooLong(65_528));
        assert_eq!(ports.write(addresses, Field::Zero, &long[1..], &mut out), Ok(65_535));
        let error = ports.write(addresses, Field::Zero, &[0; 3], &mut out[..10]).unwrap_err();
        assert_eq!(error.rule, Rule::NoRoom { needed: 11, available: 10 });
        assert_eq!(Datagram::parse(&out[..65_535]).unwrap().to_string(), "UDP 7 > 9, length 65527, no checksum");
    }

    proptest! {
        /// Checks CKS-04.
        #[test]
        fn what_is_filled_verifies_and_is_never_zero(source: [u8; 16], ports: [u16; 2], payload: Vec<u8>) {
            let (from, to) = (Ipv6(source), Ipv6::ALL_NODES);
            let addresses = Addresses::V6(&from, &to);
            let mut out = std::vec![0; payload.len() + 8];
            let fields = Fields { source_port: ports[0], destination_port: ports[1] };

            fields.write(addresses, Field::Fill, &payload, &mut out).unwrap();

            let datagram = Datagram::parse(&out).unwrap();
            let pseudo = addresses.pseudo_header(ipv4::UDP, out.len() as u32);
            prop_assert_eq!(datagram.validate_checked(pseudo), Ok(()));
            prop_assert_eq!(datagram.payload, payload);
        }

        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>) {
            if let Some(high) = bytes.get_mut(4) {
                *high = 0;
            }
            if let Ok(datagram) = Datagram::parse(&bytes) {
                prop_assert_eq!(datagram.payload.len() + 8, usize::from(datagram.header.length.get()));
            }
        }
    }

    #[test]
    fn the_length_field_bounds_the_payload() {
        let datagram = [0xc0, 0, 0x12, 0xb5, 0, 10, 0, 0, 1, 2, 3, 4];
        let with_length = |length: u8| {
            let mut datagram = datagram;
            datagram[5] = length;
            Datagram::parse(&datagram).map(|datagram| datagram.payload.len())
        };

        assert_eq!((with_length(8), with_length(10), with_length(12)), (Ok(0), Ok(2), Ok(4)));
        assert_eq!(with_length(7).unwrap_err().rule, Rule::Length(7));
        assert_eq!(with_length(13).unwrap_err().rule, Rule::Truncated { needed: 13, available: 12 });
        assert!(matches!(Datagram::parse(&datagram[..7]).unwrap_err().rule, Rule::Truncated { needed: 8, .. }));
    }

    #[test]
    fn a_cut_datagram_is_read_as_far_as_it_is_there() {
        let datagram = [0xc0, 0, 0x12, 0xb5, 0, 12, 0, 0, 1, 2, 3, 4];

        let (cut, how) = Datagram::parse_lax(&datagram[..10]).unwrap();

        assert_eq!(
            (cut.payload, how.map(|e| e.rule)),
            (&[1, 2][..], Some(Rule::Truncated { needed: 12, available: 10 }))
        );
        assert_eq!(Datagram::parse_lax(&datagram).unwrap().1, None);
        assert!(Datagram::parse_lax(&datagram[..7]).is_err());
    }

    /// Checks CKS-04.
    #[test]
    fn a_payload_whose_sum_is_ffff_travels_as_ffff() {
        let mut datagram = [0, 1, 0, 2, 0, 10, 0, 0, 0, 0];
        let filler = !Sum::ZERO.bytes(&datagram).fold();
        datagram[8..10].copy_from_slice(&filler.to_be_bytes());
        let checksum = Sum::ZERO.bytes(&datagram).udp_checksum();
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());

        assert_eq!(checksum, 0xffff);
        assert_eq!(Datagram::parse(&datagram).unwrap().validate(Sum::ZERO), Ok(()));
    }
}
