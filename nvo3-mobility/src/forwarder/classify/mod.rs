//! The part of a frame that forwarding reads: its MACs, and whether the frame is for the control plane.

use nvo3_wire::ethernet::Frame;
use nvo3_wire::{EtherType, icmpv6, ipv6};

/// The longest frame that the forwarder takes, in bytes.
pub(super) const MAX_FRAME: usize = 65_535;

/// Reads the Ethernet header and at most one tag; `None` if the frame is too short or too long.
pub(super) fn parse(frame: &[u8]) -> Option<Frame<'_>> {
    if frame.len() > MAX_FRAME { None } else { Frame::parse(frame).ok() }
}

/// True if the frame is ARP, RARP, a neighbour solicitation or a neighbour advertisement.
pub(super) fn for_control(frame: &Frame<'_>) -> bool {
    match frame.ether_type() {
        EtherType::ARP | EtherType::RARP => true,
        EtherType::IPV6 => {
            ipv6::Packet::parse(frame.payload).and_then(|packet| icmpv6::Message::parse(&packet)).is_ok_and(|message| {
                matches!(message.header.kind, icmpv6::NEIGHBOR_SOLICITATION | icmpv6::NEIGHBOR_ADVERTISEMENT)
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_wire::{Ipv4, Ipv6, Mac, arp, nd};

    /// Checks VXL-12.
    #[test]
    fn fourteen_bytes_are_a_frame_and_thirteen_are_not() {
        assert!(parse(&[0; 14]).is_some());
        assert!(parse(&[0; 13]).is_none());
        assert!(parse(&[0; MAX_FRAME + 1]).is_none());
    }

    #[test]
    fn control_sees_arp_and_neighbour_discovery_tagged_or_not_and_nothing_else() {
        let (mac, ip) = (Mac([2, 0, 0, 0, 0, 1]), Ipv4([192, 0, 2, 1]));
        let mut arp = [0; 60];
        arp::announcement(mac, ip, &mut arp).unwrap();
        let mut rarp = [0; 60];
        arp::rarp_request(mac, &mut rarp).unwrap();
        let mut solicitation = [0; 120];
        let length =
            nd::dad(mac, Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), None, &mut solicitation)
                .unwrap();
        let mut tagged = [0; 64];
        tagged[..12].copy_from_slice(&arp[..12]);
        tagged[12..16].copy_from_slice(&[0x81, 0, 0, 7]);
        tagged[16..].copy_from_slice(&arp[12..]);
        let mut plain = [0; 60];
        plain[12..14].copy_from_slice(&[8, 0]);

        let seen = |frame: &[u8]| for_control(&parse(frame).unwrap());
        assert!(seen(&arp) && seen(&rarp) && seen(&solicitation[..length]) && seen(&tagged));
        assert!(!seen(&plain));
    }
}
