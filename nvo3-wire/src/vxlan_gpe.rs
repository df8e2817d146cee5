//! VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): VXLAN with a field for the type of its payload.
//!
//! [`Header`] shows the layout. [`parse`] reads the payload of a UDP socket, [`Header::new`] creates a header.
//! [`tunnel`](crate::tunnel) reads and writes the outer headers too.

use crate::codes::codes;
use crate::error::take;
use crate::{Error, EtherType, Protocol, Rule, Vni};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The UDP port of VXLAN-GPE.
pub const PORT: u16 = 4790;

/// The header of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe §3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---+---+-+-+-+-+-------------------------------+---------------+
/// |R R|ver|I|P|B|O|           reserved            | next protocol |
/// +---+---+-+-+-+-+-------------------------------+---------------+
/// |       VXLAN network identifier (VNI)          |   reserved    |
/// +-----------------------------------------------+---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version (0) and flags. Receivers ignore the two reserved bits.
    pub flags: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 2],
    /// Type of the payload, if flag P is set. Otherwise the payload is Ethernet, as in VXLAN.
    pub next_protocol: u8,
    /// The VNI, valid if flag I is set.
    pub vni: [u8; 3],
    /// Reserved; receivers ignore it.
    pub reserved_last: u8,
}

codes! {
    /// The type of the payload.
    pub enum Next: u8 {
        /// An IPv4 packet.
        Ipv4 = 1, "IPv4";
        /// An IPv6 packet.
        Ipv6 = 2, "IPv6";
        /// An Ethernet frame.
        Ethernet = 3, "Ethernet";
        /// A network service header (RFC 8300). The crate leaves it in the payload.
        Nsh = 4, "NSH";
    }
    /// Any other number, which this crate cannot deliver.
    else Unknown, "{}";
}

impl Header {
    /// Flag I: the VNI is valid.
    pub const VALID: u8 = 0x08;
    /// Flag P: the next protocol is valid.
    pub const NEXT: u8 = 0x04;
    /// Flag B: a broadcast, unknown-unicast or multicast frame, which the ingress has replicated.
    pub const BUM: u8 = 0x02;
    /// Flag O: a packet of operations and management, which must not reach a tenant.
    pub const CONTROL: u8 = 0x01;

    /// Creates the header for `vni`: flags I and P set, everything reserved zero.
    ///
    /// ```
    /// use nvo3_wire::{Vni, vxlan_gpe::{Header, Next}};
    /// use zerocopy::IntoBytes;
    /// let header = Header::new(Vni::new(0x123456).unwrap(), Next::Ethernet);
    /// assert_eq!(header.as_bytes(), [0x0c, 0, 0, 3, 0x12, 0x34, 0x56, 0]);
    /// ```
    #[inline]
    pub const fn new(vni: Vni, next: Next) -> Self {
        Self {
            flags: Self::VALID | Self::NEXT,
            reserved: [0; 2],
            next_protocol: next.value(),
            vni: vni.to_bytes(),
            reserved_last: 0,
        }
    }

    /// Version, 0 to 3.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.flags >> 4 & 3
    }

    /// True if flag O is set.
    #[inline]
    pub const fn is_control(&self) -> bool {
        self.flags & Self::CONTROL != 0
    }

    /// The VNI, whether flag I is set or not.
    #[inline]
    pub const fn vni(&self) -> Vni {
        Vni::from_bytes(self.vni)
    }

    /// The type of the payload: Ethernet without flag P.
    #[inline]
    pub const fn next(&self) -> Next {
        if self.flags & Self::NEXT == 0 { Next::Ethernet } else { Next::new(self.next_protocol) }
    }

    /// Checks the receiver's rules: version 0, flag I, a known next protocol. Returns the VNI and the type of the
    /// payload.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Version`], [`Rule::NoVni`] or [`Rule::PayloadType`].
    #[inline]
    pub fn validate(&self) -> Result<(Vni, Next), Error> {
        let error = |rule| Err(Error::new(Protocol::VxlanGpe, 0, rule));
        if self.version() != 0 {
            return error(Rule::Version(self.version()));
        }
        if self.flags & Self::VALID == 0 {
            return error(Rule::NoVni);
        }
        match self.next() {
            Next::Unknown(other) => error(Rule::PayloadType(EtherType([0, other]))),
            next => Ok((self.vni(), next)),
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VXLAN-GPE VNI {} next {}", self.vni(), self.next())?;
        if self.version() != 0 {
            write!(f, " version {}", self.version())?;
        }
        if self.flags & Self::BUM != 0 {
            f.write_str(" BUM")?;
        }
        if self.is_control() {
            f.write_str(" control")?;
        }
        Ok(())
    }
}

/// Reads header, payload type and payload of a UDP payload. Checks [`Header::validate`] and the IP version of the
/// payload.
///
/// A control packet passes: see [`Header::is_control`].
///
/// # Errors
/// [`Rule::Truncated`], also of Ethernet for an inner frame below 14 bytes; the errors of [`Header::validate`];
/// [`Rule::InnerVersion`] if the payload is IP of the other version.
#[inline]
pub fn parse(payload: &[u8]) -> Result<(&Header, Next, &[u8]), Error> {
    let (header, inner) = take::<Header>(payload, Protocol::VxlanGpe)?;
    let (_, next) = header.validate()?;
    let at = size_of::<Header>();
    match (next, inner) {
        (Next::Ethernet, _) if inner.len() < 14 => {
            return Err(Error::truncated(Protocol::Ethernet, 14, inner.len()).at(at));
        }
        (Next::Ipv4, [first, ..]) if first >> 4 != 4 => return Err(inner_version(*first)),
        (Next::Ipv6, [first, ..]) if first >> 4 != 6 => return Err(inner_version(*first)),
        (Next::Ipv4, []) => return Err(Error::truncated(Protocol::Ipv4, 20, 0).at(at)),
        (Next::Ipv6, []) => return Err(Error::truncated(Protocol::Ipv6, 40, 0).at(at)),
        _ => {}
    }
    Ok((header, next, inner))
}

#[cold]
const fn inner_version(first: u8) -> Error {
    Error::new(Protocol::VxlanGpe, size_of::<Header>(), Rule::InnerVersion(first >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    fn packet(next: u8, first: u8) -> [u8; 8 + 14] {
        let mut bytes = [0; 22];
        bytes[..8].copy_from_slice(&[0x0c, 0, 0, next, 0, 0, 7, 0]);
        bytes[8] = first;
        bytes
    }

    fn rule(change: fn(&mut [u8; 22])) -> Rule {
        let mut bytes = packet(3, 0);
        change(&mut bytes);
        let error = parse(&bytes).unwrap_err();
        assert_eq!(error.protocol, Protocol::VxlanGpe);
        error.rule
    }

    #[test]
    fn each_broken_rule_has_its_own_error() {
        assert_eq!(rule(|bytes| bytes[0] = 0x04), Rule::NoVni);
        assert_eq!(rule(|bytes| bytes[0] = 0x1c), Rule::Version(1));
        assert_eq!(rule(|bytes| bytes[3] = 5), Rule::PayloadType(EtherType([0, 5])));
        assert_eq!(rule(|bytes| (bytes[3], bytes[8]) = (1, 0x60)), Rule::InnerVersion(6));
        assert_eq!(rule(|bytes| (bytes[3], bytes[8]) = (2, 0x45)), Rule::InnerVersion(4));
        let short = parse(&packet(3, 0)[..21]).unwrap_err();
        assert_eq!((short.protocol, short.offset), (Protocol::Ethernet, 8));
    }

    #[test]
    fn reserved_bits_are_ignored_and_without_p_the_payload_is_ethernet() {
        let mut bytes = packet(0, 0);
        bytes[..8].copy_from_slice(&[0xc8, 0xff, 0xff, 99, 0, 0, 7, 0xff]);

        let (header, next, _) = parse(&bytes).unwrap();
        assert_eq!((header.vni().get(), next), (7, Next::Ethernet));
        assert_eq!(header.to_string(), "VXLAN-GPE VNI 7 next Ethernet");
    }

    #[test]
    fn each_next_protocol_has_its_payload() {
        for (next, first) in [(Next::Ipv4, 0x45), (Next::Ipv6, 0x60), (Next::Ethernet, 2), (Next::Nsh, 0)] {
            assert_eq!(parse(&packet(next.value(), first)).unwrap().1, next);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, next in 0u8..6) {
            if let Some(head) = bytes.first_chunk_mut() {
                *head = [0x0c, 0, 0, next];
            }
            let _ = parse(&bytes).map(|(header, ..)| header.to_string());
        }
    }
}
