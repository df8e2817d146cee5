//! Explicit congestion notification (ECN) through a tunnel (RFC 6040).
//!
//! At the ingress, [`Encap`](crate::tunnel::Encap) copies the inner codepoint out. At the egress, [`egress`] says what
//! becomes of the inner packet.

use crate::checksum;
use crate::ethernet::Frame;
use crate::{Error, EtherType, ipv4, ipv6};
use zerocopy::FromBytes;
use zerocopy::big_endian::{U16, U32};

/// The two ECN bits of an IP header (RFC 3168 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable transport.
    #[default]
    NotEct = 0,
    /// ECT(1).
    Ect1 = 1,
    /// ECT(0).
    Ect0 = 2,
    /// Congestion experienced.
    Ce = 3,
}

impl Ecn {
    /// The codepoint in a traffic class octet: the low two bits.
    #[inline]
    pub const fn from_class(class: u8) -> Self {
        match class & 3 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The codepoint of the IP packet in an Ethernet frame, also after a tag. Not-ECT if there is no IP packet
    /// (TUN-03).
    #[inline]
    pub fn of_frame(frame: &[u8]) -> Self {
        Self::from_class(class_of_frame(frame))
    }
}

/// The traffic class of the IP packet in a frame.
#[inline]
pub(crate) fn class_of(frame: &Frame<'_>) -> Option<u8> {
    match (frame.ether_type(), frame.payload) {
        (EtherType::IPV4, [first, class, ..]) if first >> 4 == 4 => Some(*class),
        (EtherType::IPV6, [first, second, ..]) if first >> 4 == 6 => Some(first << 4 | second >> 4),
        _ => None,
    }
}

/// The traffic class of the IP packet in an Ethernet frame, 0 if there is none. Every encapsulated frame comes here, so
/// an untagged frame needs only one bounds check.
#[inline(always)]
pub(crate) fn class_of_frame(frame: &[u8]) -> u8 {
    let Some([.., a, b, first, second]) = frame.first_chunk::<16>() else { return 0 };
    match EtherType([*a, *b]) {
        EtherType::IPV4 if first >> 4 == 4 => *second,
        EtherType::IPV6 if first >> 4 == 6 => first << 4 | second >> 4,
        EtherType::VLAN | EtherType::SERVICE_VLAN => class_of_tagged(frame),
        _ => 0,
    }
}

#[cold]
fn class_of_tagged(frame: &[u8]) -> u8 {
    Frame::parse(frame).ok().and_then(|frame| class_of(&frame)).unwrap_or(0)
}

/// The verdict of the tunnel's egress on an inner packet (RFC 6040 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the packet must be dropped if `inner` is `None`"]
#[non_exhaustive]
pub struct Egress {
    /// The new inner codepoint. `None`: drop the packet.
    pub inner: Option<Ecn>,
    /// True for a combination that should not occur. Log it at a limited rate.
    pub alarm: bool,
}

/// Applies the table of [`egress`] to an inner IP packet in place. A packet to drop is not changed.
pub(crate) fn apply_egress(packet: &mut [u8], class: u8, outer: Ecn) -> Result<Egress, Error> {
    let inner = Ecn::from_class(class);
    let verdict = egress(inner, outer);
    match verdict.inner {
        Some(ecn) if ecn != inner => change_packet(packet, |class| class & !3 | ecn as u8)?,
        _ => {}
    }
    Ok(verdict)
}

/// The egress table of RFC 6040 §4.2, Figure 4 (TUN-02).
///
/// ```
/// use nvo3_wire::ecn::{Ecn, egress};
/// assert_eq!(egress(Ecn::Ect0, Ecn::Ce).inner, Some(Ecn::Ce));
/// assert_eq!(egress(Ecn::NotEct, Ecn::Ce).inner, None);
/// ```
#[rustfmt::skip]
pub const fn egress(inner: Ecn, outer: Ecn) -> Egress {
    use Ecn::{Ce, Ect0, Ect1, NotEct};
    let (inner, alarm) = match (inner, outer) {
        (NotEct, NotEct)      => (Some(NotEct), false),
        (NotEct, Ect0 | Ect1) => (Some(NotEct), true),
        (NotEct, Ce)          => (None,         true),
        (Ect0,   NotEct)      => (Some(Ect0),   false),
        (Ect0,   Ect0)        => (Some(Ect0),   false),
        (Ect0,   Ect1)        => (Some(Ect1),   false),
        (Ect0,   Ce)          => (Some(Ce),     false),
        (Ect1,   NotEct)      => (Some(Ect1),   false),
        (Ect1,   Ect0)        => (Some(Ect1),   true),
        (Ect1,   Ect1)        => (Some(Ect1),   false),
        (Ect1,   Ce)          => (Some(Ce),     false),
        (Ce,     Ect1)        => (Some(Ce),     true),
        (Ce,     _)           => (Some(Ce),     false),
    };
    Egress { inner, alarm }
}

/// Sets the ECN bits of the IP packet in an Ethernet frame, and corrects an IPv4 header checksum (TUN-04). A frame
/// without an IP packet is not changed.
///
/// # Errors
/// [`Rule::Truncated`](crate::Rule::Truncated) if the frame ends inside its Ethernet or IP header.
pub fn set(frame: &mut [u8], ecn: Ecn) -> Result<(), Error> {
    change(frame, |class| class & !3 | ecn as u8)
}

/// Sets the DSCP of the IP packet in an Ethernet frame to the low six bits of `dscp`: the egress of the uniform model
/// (TUN-05). A frame without an IP packet is not changed.
///
/// # Errors
/// [`Rule::Truncated`](crate::Rule::Truncated) if the frame ends inside its Ethernet or IP header.
pub fn set_dscp(frame: &mut [u8], dscp: u8) -> Result<(), Error> {
    change(frame, |class| class & 3 | dscp << 2)
}

fn change(frame: &mut [u8], change: impl FnOnce(u8) -> u8) -> Result<(), Error> {
    let parsed = Frame::parse(frame)?;
    let offset = parsed.offset();
    if class_of(&parsed).is_none() {
        return Ok(());
    }
    change_packet(frame.get_mut(offset..).unwrap_or_default(), change).map_err(|e| e.at(offset))
}

/// Changes the traffic class of an IP packet, and corrects an IPv4 header checksum (TUN-04).
pub(crate) fn change_packet(packet: &mut [u8], change: impl FnOnce(u8) -> u8) -> Result<(), Error> {
    let available = packet.len();
    if packet.first().is_some_and(|first| first >> 4 == 4) {
        let Ok((header, _)) = ipv4::Header::mut_from_prefix(packet) else {
            return Err(Error::truncated(crate::Protocol::Ipv4, 20, available));
        };
        let class = change(header.traffic_class);
        let word = |class| u16::from_be_bytes([header.version_words, class]);
        let checksum = checksum::update(header.checksum.get(), word(header.traffic_class), word(class));
        header.traffic_class = class;
        header.checksum = U16::new(checksum);
    } else {
        let Ok((header, _)) = ipv6::Header::mut_from_prefix(packet) else {
            return Err(Error::truncated(crate::Protocol::Ipv6, 40, available));
        };
        let class = change(header.traffic_class());
        let others = header.version_class_label.get() & !(0xff << 20);
        header.version_class_label = U32::new(others | u32::from(class) << 20);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Ecn::{Ce, Ect0, Ect1, NotEct};
    use super::*;
    use std::vec;
    use std::vec::Vec;

    /// An Ethernet frame, with a tag if `tagged`, and an IPv4 or IPv6 header of this codepoint.
    pub(crate) fn frame(ether_type: EtherType, tagged: bool, ecn: Ecn) -> Vec<u8> {
        let mut frame = vec![2; 12];
        if tagged {
            frame.extend([0x81, 0x00, 0x00, 0x07]);
        }
        frame.extend(ether_type.0);
        match ether_type {
            EtherType::IPV4 => {
                let mut header = [0x45, 0xb8 | ecn as u8, 0, 20, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
                let checksum = checksum::checksum(&header);
                header[10..12].copy_from_slice(&checksum.to_be_bytes());
                frame.extend(header);
            }
            EtherType::IPV6 => {
                frame.extend([0x6b, 0x80 | (ecn as u8) << 4 | 0x5, 0x67, 0x89]);
                frame.extend([0; 36]);
            }
            _ => frame.extend([0xff; 28]),
        }
        frame
    }

    /// Checks TUN-02.
    #[test]
    fn egress_table_is_that_of_rfc_6040() {
        let columns = [NotEct, Ect0, Ect1, Ce];
        let table = [
            (NotEct, [Some(NotEct), Some(NotEct), Some(NotEct), None], [false, true, true, true]),
            (Ect0, [Some(Ect0), Some(Ect0), Some(Ect1), Some(Ce)], [false, false, false, false]),
            (Ect1, [Some(Ect1), Some(Ect1), Some(Ect1), Some(Ce)], [false, true, false, false]),
            (Ce, [Some(Ce), Some(Ce), Some(Ce), Some(Ce)], [false, false, true, false]),
        ];
        for (inner, results, alarms) in table {
            for ((outer, inner_after), alarm) in columns.into_iter().zip(results).zip(alarms) {
                assert_eq!(egress(inner, outer), Egress { inner: inner_after, alarm }, "{inner:?} {outer:?}");
            }
        }
    }

    /// Checks TUN-04.
    #[test]
    fn setting_ecn_touches_nothing_else_and_keeps_the_checksum_right() {
        for (before, after) in [NotEct, Ect0, Ect1, Ce].into_iter().flat_map(|b| [NotEct, Ect1, Ce].map(|a| (b, a))) {
            for (ether_type, tagged) in
                [EtherType::IPV4, EtherType::IPV6].into_iter().flat_map(|t| [(t, false), (t, true)])
            {
                let mut changed = frame(ether_type, tagged, before);

                set(&mut changed, after).unwrap();

                assert_eq!(changed, frame(ether_type, tagged, after));
            }
        }
    }

    /// Checks TUN-05.
    #[test]
    fn setting_the_dscp_keeps_ecn_and_the_checksum_right() {
        for ether_type in [EtherType::IPV4, EtherType::IPV6] {
            let mut changed = frame(ether_type, true, Ce);
            set_dscp(&mut changed, 46).unwrap();
            assert_eq!((class_of_frame(&changed), Ecn::of_frame(&changed)), (46 << 2 | 3, Ce));
            if ether_type == EtherType::IPV4 {
                assert!(crate::checksum::verify(&changed[18..38]));
            }
        }
    }

    /// Checks TUN-03.
    #[test]
    fn only_ip_has_a_codepoint() {
        for ecn in [NotEct, Ect0, Ect1, Ce] {
            for tagged in [false, true] {
                assert_eq!(Ecn::of_frame(&frame(EtherType::IPV4, tagged, ecn)), ecn);
                assert_eq!(Ecn::of_frame(&frame(EtherType::IPV6, tagged, ecn)), ecn);
                assert_eq!(Ecn::of_frame(&frame(EtherType::ARP, tagged, ecn)), NotEct);
            }
        }
    }
}
