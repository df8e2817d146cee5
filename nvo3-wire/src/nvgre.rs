//! NVGRE (RFC 7637): GRE around an Ethernet frame, with a key of virtual subnet identifier (VSID) and FlowID.
//!
//! [`Header`] shows the layout. [`parse`] reads the payload of an IP packet, [`Header::new`] creates a header.
//! [`tunnel`](crate::tunnel) reads and writes the outer headers too.

use crate::error::take;
use crate::ethernet::Frame;
use crate::gre;
use crate::{Error, EtherType, Protocol, Rule, Vni};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The header of NVGRE (RFC 7637 §3.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-----------------+-----+-------------------------------+
/// |0|r|1|0|r r    ignored   |  0  |     protocol type = 0x6558    |
/// +-+-+-+-+-----------------+-----+---------------+---------------+
/// |        virtual subnet identifier (VSID)       |    FlowID     |
/// +-----------------------------------------------+---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Flags and protocol type.
    pub gre: gre::Header,
    /// The VSID.
    pub vsid: [u8; 3],
    /// FlowID: entropy of the inner flow, or 0 (NVG-03).
    pub flow_id: u8,
}

/// True for a VSID that RFC 7637 §3.4 leaves to tenants: neither 0 to 0xfff nor 0xffffff (NVG-07).
#[inline]
pub const fn is_tenant(vsid: Vni) -> bool {
    matches!(vsid.get(), 0x1000..=0xff_fffe)
}

/// The FlowID of a flow's entropy (NVG-03).
#[inline]
pub(crate) const fn flow_id(entropy: u16) -> u8 {
    (entropy ^ entropy >> 8) as u8
}

impl Header {
    /// Creates the header for a tenant's `vsid`. All reserved bits are zero.
    ///
    /// ```
    /// use nvo3_wire::{Vni, nvgre::Header};
    /// use zerocopy::IntoBytes;
    /// let header = Header::new(Vni::new(0x123456).unwrap(), 9)?;
    /// assert_eq!(header.as_bytes(), [0x20, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 9]);
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Rule::ReservedVsid`] if `vsid` is not a tenant's (NVG-07).
    #[inline]
    pub const fn new(vsid: Vni, flow_id: u8) -> Result<Self, Error> {
        if !is_tenant(vsid) {
            return Err(Error::new(Protocol::Nvgre, 0, Rule::ReservedVsid(vsid)));
        }
        let gre = gre::Header { flags_version: U16::new(gre::Header::KEY), protocol: EtherType::BRIDGING };
        Ok(Self { gre, vsid: vsid.to_bytes(), flow_id })
    }

    /// The VSID.
    #[inline]
    pub const fn vsid(&self) -> Vni {
        Vni::from_bytes(self.vsid)
    }

    /// Checks the receiver's rules: those of GRE (NVG-02), no checksum and no sequence number, a key, an Ethernet
    /// payload (NVG-01), and a tenant's VSID (NVG-07). Returns the VSID.
    ///
    /// # Errors
    /// The first broken rule: of GRE [`Rule::Version`] or [`Rule::ReservedBits`]; of NVGRE [`Rule::NotPlain`],
    /// [`Rule::NoKey`], [`Rule::PayloadType`] or [`Rule::ReservedVsid`].
    #[inline]
    pub fn validate(&self) -> Result<Vni, Error> {
        let error = |rule| Err(Error::new(Protocol::Nvgre, 0, rule));
        self.gre.validate()?;
        if self.gre.has(gre::Header::CHECKSUM | gre::Header::SEQUENCE) {
            return error(Rule::NotPlain);
        }
        if !self.gre.has(gre::Header::KEY) {
            return error(Rule::NoKey);
        }
        if self.gre.protocol != EtherType::BRIDGING {
            return error(Rule::PayloadType(self.gre.protocol));
        }
        if !is_tenant(self.vsid()) {
            return error(Rule::ReservedVsid(self.vsid()));
        }
        Ok(self.vsid())
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NVGRE VSID {} flow {}", self.vsid(), self.flow_id)
    }
}

/// Reads header and inner frame of NVGRE. `bytes` begin with the GRE header.
///
/// `inner_vlan` says whether both endpoints have agreed on 802.1Q tags in inner frames. RFC 7637 §3.3 allows none
/// (NVG-04).
///
/// # Errors
/// [`Rule::Truncated`]; the errors of [`Header::validate`]; [`Rule::InnerVlan`] at the inner frame.
#[inline]
pub fn parse(bytes: &[u8], inner_vlan: bool) -> Result<(&Header, &[u8]), Error> {
    let (header, inner) = take::<Header>(bytes, Protocol::Nvgre)?;
    header.validate()?;
    let at = size_of::<Header>();
    let frame = Frame::parse(inner).map_err(|e| e.at(at))?;
    if frame.tag.is_some() && !inner_vlan {
        return Err(Error::new(Protocol::Nvgre, at, Rule::InnerVlan));
    }
    Ok((header, inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn packet(vsid: u32) -> [u8; 8 + 18] {
        let mut bytes = [0; 26];
        bytes[..4].copy_from_slice(&[0x20, 0, 0x65, 0x58]);
        bytes[4..8].copy_from_slice(&(vsid << 8).to_be_bytes());
        bytes
    }

    fn rule(change: fn(&mut [u8; 26])) -> Rule {
        let mut bytes = packet(0x1000);
        change(&mut bytes);
        parse(&bytes, false).unwrap_err().rule
    }

    /// Checks NVG-01.
    #[test]
    fn only_gre_with_a_key_and_nothing_else_around_ethernet_is_nvgre() {
        assert!(parse(&packet(0x1000), false).is_ok());

        assert_eq!(rule(|bytes| bytes[0] = 0xa0), Rule::NotPlain);
        assert_eq!(rule(|bytes| bytes[0] = 0x30), Rule::NotPlain);
        assert_eq!(rule(|bytes| bytes[0] = 0x00), Rule::NoKey);
        assert_eq!(rule(|bytes| bytes[2] = 0x64), Rule::PayloadType(EtherType([0x64, 0x58])));
    }

    /// Checks NVG-02.
    #[test]
    fn reserved_bits_and_version_are_those_of_gre() {
        assert_eq!(rule(|bytes| bytes[0] = 0x24), Rule::ReservedBits(0x2400));
        assert_eq!(rule(|bytes| bytes[1] = 1), Rule::Version(1));
        let mut bytes = packet(0x1000);
        (bytes[0], bytes[1]) = (0x23, 0xf8);
        assert!(parse(&bytes, false).is_ok());
    }

    /// Checks NVG-04.
    #[test]
    fn a_tagged_inner_frame_is_dropped_unless_agreed_on() {
        for tag in [[0x81, 0], [0x88, 0xa8]] {
            let mut bytes = packet(0x1000);
            bytes[20..22].copy_from_slice(&tag);

            let error = parse(&bytes, false).unwrap_err();
            assert_eq!((error.offset, error.rule), (8, Rule::InnerVlan));
            assert!(parse(&bytes, true).is_ok());
        }
    }

    /// Checks NVG-07.
    #[test]
    fn reserved_vsids_are_neither_written_nor_read() {
        for (vsid, tenant) in [(0, false), (0xfff, false), (0x1000, true), (0xff_fffe, true), (0xff_ffff, false)] {
            let vsid = Vni::new(vsid).unwrap();
            assert_eq!(Header::new(vsid, 0).is_ok(), tenant);
            assert_eq!(parse(&packet(vsid.get()), false).is_ok(), tenant);
        }
    }

    #[test]
    fn the_error_of_a_short_inner_frame_has_its_offset() {
        let error = parse(&packet(0x1000)[..21], false).unwrap_err();
        assert_eq!((error.protocol, error.offset), (Protocol::Ethernet, 8));
        assert_eq!(Header::new(Vni::new(5000).unwrap(), 9).unwrap().to_string(), "NVGRE VSID 5000 flow 9");
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, nearly: bool) {
            if let (true, Some(head)) = (nearly, bytes.first_chunk_mut()) {
                *head = [0x20, 0, 0x65, 0x58];
            }
            if let Ok((header, inner)) = parse(&bytes, true) {
                prop_assert!(is_tenant(header.vsid()) && inner.len() + 8 == bytes.len());
            }
        }
    }
}
