//! IEEE 802.2: the content of an IEEE 802.3 frame after its length.

use crate::error::take;
use crate::{Error, EtherType, Protocol};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// LLC (IEEE 802.2 §3.2), without the second control byte that supervisory and information frames have.
///
/// ```text
///  0                   1                   2
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
/// +---------------+---------------+---------------+
/// |     DSAP      |     SSAP      |    control    |
/// +---------------+---------------+---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct LlcHeader {
    /// Destination service access point.
    pub dsap: u8,
    /// Source service access point. Its low bit is set in a response.
    pub ssap: u8,
    /// Control; 3 is an unnumbered information frame.
    pub control: u8,
}

/// SNAP (IEEE 802 §9.5), after an LLC header of 0xaa, 0xaa, 3.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-----------------------------------------------+---------------+
/// |                      OUI                      |   protocol    :
/// +---------------+-------------------------------+---------------+
/// :   protocol    |
/// +---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Snap {
    /// Organization that assigned the protocol number. Zero: the number is an EtherType (RFC 1042).
    pub oui: [u8; 3],
    /// Protocol number.
    pub protocol: EtherType,
}

impl Snap {
    /// The EtherType, if the protocol is one: OUI zero (RFC 1042) or 00:00:f8 (IEEE 802.1H).
    pub const fn ether_type(&self) -> Option<EtherType> {
        match self.oui {
            [0, 0, 0 | 0xf8] => Some(self.protocol),
            _ => None,
        }
    }
}

/// LLC, SNAP if present, and the payload.
#[derive(Clone, Copy, Debug)]
pub struct Llc<'a> {
    /// The fixed header.
    pub header: &'a LlcHeader,
    /// The second control byte. Unnumbered frames have none.
    pub sequence: Option<u8>,
    /// SNAP, if the header announces it.
    pub snap: Option<&'a Snap>,
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> Llc<'a> {
    /// Reads LLC and SNAP from the bytes that the 802.3 length bounds.
    ///
    /// # Errors
    /// [`Rule::Truncated`](crate::Rule::Truncated) if a part is cut.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, payload) = take::<LlcHeader>(bytes, Protocol::Llc)?;
        if header.control & 3 != 3 {
            let Some((sequence, payload)) = payload.split_first() else {
                return Err(Error::truncated(Protocol::Llc, 4, bytes.len()));
            };
            return Ok(Self { header, sequence: Some(*sequence), snap: None, payload });
        }
        if (header.dsap, header.ssap, header.control) != (0xaa, 0xaa, 3) {
            return Ok(Self { header, sequence: None, snap: None, payload });
        }
        let (snap, payload) = take::<Snap>(payload, Protocol::Llc).map_err(|e| e.at(3))?;
        Ok(Self { header, sequence: None, snap: Some(snap), payload })
    }

    /// Length of LLC and SNAP: 3, 4 or 8.
    pub const fn header_len(&self) -> usize {
        3 + self.sequence.is_some() as usize + if self.snap.is_some() { size_of::<Snap>() } else { 0 }
    }
}

/// For example `LLC dsap 0xaa ssap 0xaa control 0x03, SNAP oui 00000c protocol 0x2000`.
impl fmt::Display for Llc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LlcHeader { dsap, ssap, control } = self.header;
        write!(f, "LLC dsap {dsap:#04x} ssap {ssap:#04x} control {control:#04x}")?;
        if let Some(sequence) = self.sequence {
            write!(f, " {sequence:#04x}")?;
        }
        if let Some(Snap { oui: [a, b, c], protocol }) = self.snap {
            write!(f, ", SNAP oui {a:02x}{b:02x}{c:02x} protocol {protocol}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;
    use std::string::ToString;

    #[test]
    fn each_format_has_its_length() {
        let read = |bytes: &'static [u8]| Llc::parse(bytes).map(|llc| (llc.header_len(), llc.payload.len()));

        assert_eq!(read(&[0x42, 0x42, 3, 9]), Ok((3, 1)));
        assert_eq!(read(&[0xf0, 0xf0, 1, 4, 9]), Ok((4, 1)));
        assert_eq!(read(&[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0, 9]), Ok((8, 1)));
        assert_eq!(read(&[0xaa, 0xaa, 0x13, 9]), Ok((3, 1)));
        assert_eq!(read(&[0x42, 0x42]).unwrap_err().rule, Rule::Truncated { needed: 3, available: 2 });
        assert_eq!(read(&[0xf0, 0xf0, 1]).unwrap_err().rule, Rule::Truncated { needed: 4, available: 3 });
        let snap = read(&[0xaa, 0xaa, 3, 0, 0, 0, 8]).unwrap_err();
        assert_eq!((snap.offset, snap.rule), (3, Rule::Truncated { needed: 5, available: 4 }));
    }

    #[test]
    fn only_two_organisations_numbers_are_ether_types() {
        let snap = |oui| Snap { oui, protocol: EtherType::ARP }.ether_type();

        assert_eq!((snap([0, 0, 0]), snap([0, 0, 0xf8])), (Some(EtherType::ARP), Some(EtherType::ARP)));
        assert_eq!(snap([0, 0, 0xc]), None);
    }

    #[test]
    fn the_text_form_shows_all_fields() {
        let line = Llc::parse(&[0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0]).unwrap().to_string();

        assert_eq!(line, "LLC dsap 0xaa ssap 0xaa control 0x03, SNAP oui 00000c protocol 0x2000");
    }
}
