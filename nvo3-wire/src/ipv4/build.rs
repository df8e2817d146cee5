//! IPv4 headers to write, with options.

use super::{Header, Ipv4Option, option};
use crate::checksum::checksum;
use crate::error::place;
use crate::{Error, Ipv4, Protocol, Rule};
use zerocopy::big_endian::U16;

/// The length of the longest header: 15 words.
const LONGEST: usize = 60;

/// The fields that the sender of a packet chooses. The builder computes lengths and checksum.
///
/// ```
/// use nvo3_wire::ipv4::{Fields, Ipv4Option, Packet, UDP};
/// use nvo3_wire::Ipv4;
///
/// let fields = Fields { protocol: UDP, ..Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2])) };
/// let mut out = [0; 24];
/// assert_eq!(fields.write([Ipv4Option::RouterAlert(0)], 0, &mut out)?, 24);
/// Packet::parse(&out)?.validate()?;
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fields {
    /// DSCP (6 bits) and ECN (2 bits).
    pub traffic_class: u8,
    /// Identification.
    pub identification: u16,
    /// Flags (3 bits) and fragment offset in units of 8 bytes.
    pub fragment: u16,
    /// Time to live.
    pub ttl: u8,
    /// Upper protocol.
    pub protocol: u8,
    /// Source.
    pub source: Ipv4,
    /// Destination.
    pub destination: Ipv4,
}

impl Fields {
    /// Creates fields with TTL 64 (RFC 1700), Don't Fragment, and everything else zero.
    pub const fn new(source: Ipv4, destination: Ipv4) -> Self {
        Self {
            traffic_class: 0,
            identification: 0,
            fragment: super::DONT_FRAGMENT,
            ttl: 64,
            protocol: 0,
            source,
            destination,
        }
    }

    /// Writes header and options for a payload of `payload_len` bytes. Returns the number of bytes written.
    ///
    /// Options are padded with end-of-list to a multiple of 4 bytes.
    ///
    /// # Errors
    /// [`Rule::NoRoom`], [`Rule::OptionsTooLong`] above 40 bytes, [`Rule::TooLong`] if the total length exceeds 65,535.
    pub fn write<'o>(
        &self,
        options: impl IntoIterator<Item = Ipv4Option<'o>>,
        payload_len: usize,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let (header, behind) = place::<Header>(out, Protocol::Ipv4)?;
        let length = size_of::<Header>() + option::write(options, behind)?;
        if length > LONGEST {
            return Err(Error::new(Protocol::Ipv4, 0, Rule::OptionsTooLong(length - size_of::<Header>())));
        }
        let Ok(total) = u16::try_from(length + payload_len) else {
            return Err(Error::new(Protocol::Ipv4, 0, Rule::TooLong(payload_len)));
        };
        header.version_words = 0x40 | (length / 4) as u8;
        header.traffic_class = self.traffic_class;
        header.total_length = U16::new(total);
        header.identification = U16::new(self.identification);
        header.fragment = U16::new(self.fragment);
        header.ttl = self.ttl;
        header.protocol = self.protocol;
        header.checksum = U16::ZERO;
        header.source = self.source;
        header.destination = self.destination;
        let sum = checksum(out.get(..length).unwrap_or_default());
        if let Some(field) = out.get_mut(10..12) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Packet, Route};
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    const ROUTE: Route<'_> = Route { pointer: 4, addresses: &[Ipv4([192, 0, 2, 9])] };
    const FIELDS: Fields = Fields { protocol: 17, ..Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2])) };

    #[test]
    fn every_kind_of_option_is_written_and_read() {
        let all = [
            Ipv4Option::NoOperation,
            Ipv4Option::RecordRoute(ROUTE),
            Ipv4Option::StrictSourceRoute(ROUTE),
            Ipv4Option::RouterAlert(7),
            Ipv4Option::Timestamp { pointer: 5, overflow: 2, flag: 1, entries: &[1, 2, 3, 4] },
            Ipv4Option::Other { kind: 0x9e, content: &[] },
            Ipv4Option::End,
        ];
        let mut out = [0xa5; 60];

        let length = FIELDS.write(all, 0, &mut out).unwrap();

        let packet = Packet::parse(&out[..length]).unwrap();
        assert_eq!((length, packet.validate()), (52, Ok(())));
        assert_eq!(packet.iter_options().collect::<Vec<_>>(), all);
        assert!(!packet.at_last_destination());
        assert_eq!(
            packet.to_string(),
            "192.0.2.1 > 192.0.2.2: protocol 17, ttl 64, id 0, DF, options [nop, rr pointer 4 192.0.2.9, \
             ssrr pointer 4 192.0.2.9, router alert 7, timestamp pointer 5 overflow 2 flag 1, option 158 length 2, end], \
             length 0"
        );
    }

    #[test]
    fn a_walked_route_has_the_last_destination() {
        let mut out = [0; 28];
        let walked = Route { pointer: 8, ..ROUTE };

        FIELDS.write([Ipv4Option::LooseSourceRoute(walked)], 0, &mut out).unwrap();

        assert!(Packet::parse(&out).unwrap().at_last_destination());
    }

    #[test]
    fn contents_that_do_not_fit_their_kind_are_kept() {
        for bytes in [&[148, 3, 0, 0][..], &[7, 4, 4, 0], &[68, 3, 5, 0], &[131, 2, 0, 0]] {
            let first = Options::parse(bytes).unwrap().iter().next();
            assert_eq!(first, Some(Ipv4Option::Other { kind: bytes[0], content: &bytes[2..usize::from(bytes[1])] }));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let content = [0; 39];
        let long = Ipv4Option::Other { kind: 200, content: &content };
        let rule = |option, payload, room| FIELDS.write(option, payload, &mut [0; 99][..room]).unwrap_err().rule;

        assert_eq!(rule(Some(long), 0, 99), Rule::OptionsTooLong(44));
        assert_eq!(rule(Some(long), 0, 60), Rule::NoRoom { needed: 41, available: 40 });
        assert_eq!(rule(None, 65_516, 20), Rule::TooLong(65_516));
        assert_eq!(rule(None, 0, 19), Rule::NoRoom { needed: 20, available: 19 });
    }

    proptest! {
        #[test]
        fn options_written_again_are_the_same(bytes in prop::collection::vec(0u8..150, 0..10)) {
            let mut bytes: Vec<u8> = bytes.into_iter().flat_map(|b| [b, 3, b, 1]).collect();
            bytes.truncate(40);
            let Ok(options) = Options::parse(&bytes) else { return Ok(()) };
            let mut out = [0; 60];
            let length = FIELDS.write(options.iter(), 0, &mut out).unwrap();
            let again = Packet::parse(&out[..length]).unwrap();
            prop_assert_eq!(again.validate(), Ok(()));
            prop_assert!(options.iter().eq(again.iter_options().take(options.iter().count())));
        }
    }
}
