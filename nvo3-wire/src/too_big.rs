//! The answer to a frame that is too long for a link behind a switch, such as a tunnel: it tells the sender which length fits.
//!
//! A router answers a packet that is too long by ICMP (RFC 1191, RFC 8201). A switch that cannot carry a frame has no address of its
//! own, so the answer comes from the address that the packet is for, as the sender expects an answer from there.

use crate::ethernet::{Carried, Link};
use crate::ipv4::{self, DONT_FRAGMENT};
use crate::{EtherType, Mac, icmpv4, icmpv6, ipv6};

/// The longest answer, in bytes: Ethernet, two VLAN tags, and an IPv6 packet of 1,280 bytes.
pub const LONGEST: usize = 14 + 8 + icmpv6::MINIMUM_MTU;

/// Writes the frame that answers `frame`, of which the link takes only the first `longest` bytes, Ethernet header included. Gives the
/// answer's length. `out` should have [`LONGEST`] bytes.
///
/// The answer is ICMP *fragmentation needed* or ICMPv6 *packet too big* with the length that fits behind the frame's VLAN tags. It
/// goes to the source of the frame and comes from its destination, with the same tags.
///
/// `None` if there is no answer that may be sent or helps: the frame fits, it has no whole IP packet, it goes to a group or comes from
/// one, its IPv4 packet may be fragmented (DF is not set), its IPv6 packet is not longer than 1,280 bytes, which every link must carry,
/// or RFC 1122 §3.2.2 or RFC 4443 §2.4 (e) forbids an error about it.
///
/// ```
/// use nvo3_wire::icmpv4::{Kind, Message};
/// use nvo3_wire::{Ipv4, ethernet::Link, ipv4, too_big};
///
/// let (host, far) = (Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
/// let mut frame = [0; 1514];
/// frame[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
/// let fields = ipv4::Fields { protocol: ipv4::TCP, fragment: ipv4::DONT_FRAGMENT, ..ipv4::Fields::new(host, far) };
/// fields.write([], 1480, &mut frame[14..])?;
///
/// let mut out = [0; too_big::LONGEST];
/// let length = too_big::answer(&frame, 1464, &mut out).expect("an answer");
///
/// let packet = ipv4::Packet::parse(&out[14..length])?;
/// assert_eq!((packet.header.source, packet.header.destination), (far, host));
/// assert_eq!(Message::parse(packet.payload)?.kind(), Kind::Unreachable { code: 4, mtu: 1450 });
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
pub fn answer(frame: &[u8], longest: usize, out: &mut [u8]) -> Option<usize> {
    let link = Link::parse(frame).ok()?;
    let Carried::EtherType(ether_type) = link.carried else { return None };
    let (from, to): (Mac, Mac) = (link.header.destination, link.header.source);
    if !from.is_station() || !to.is_station() {
        return None;
    }
    let header = link.offset();
    let fits = longest.checked_sub(header)?;
    let (before, packet) = out.split_at_mut_checked(header)?;
    let length = match ether_type {
        EtherType::IPV4 => about_ipv4(link.payload, fits, packet),
        EtherType::IPV6 => about_ipv6(link.payload, fits, packet),
        _ => None,
    }?;
    // The tags and the EtherType are the frame's.
    before.copy_from_slice(frame.get(..header)?);
    before.get_mut(..6)?.copy_from_slice(&to.0);
    before.get_mut(6..12)?.copy_from_slice(&from.0);
    Some(header + length)
}

fn about_ipv4(original: &[u8], fits: usize, out: &mut [u8]) -> Option<usize> {
    let packet = ipv4::Packet::parse(original).ok()?;
    let may_be_fragmented = packet.header.fragment.get() & DONT_FRAGMENT == 0;
    if may_be_fragmented || packet.header_len() + packet.payload.len() <= fits {
        return None;
    }
    let report = icmpv4::Report::FragmentationNeeded(u16::try_from(fits).ok()?);
    icmpv4::error(report, packet.header.destination, original, false, out).ok()
}

fn about_ipv6(original: &[u8], fits: usize, out: &mut [u8]) -> Option<usize> {
    let packet = ipv6::Packet::parse(original).ok()?;
    // RFC 8200 §5: a sender heeds no MTU below the minimum.
    let mtu = fits.max(icmpv6::MINIMUM_MTU);
    if size_of::<ipv6::Header>() + packet.payload.len() <= mtu {
        return None;
    }
    let report = icmpv6::Report::PacketTooBig(u32::try_from(mtu).ok()?);
    icmpv6::error(report, packet.header.destination, original, false, out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// An IPv4 packet of this length from 192.0.2.1 to 192.0.2.2 with these flags, byte by byte (RFC 791 §3.1).
    fn ipv4(length: u16, flags: u16) -> Vec<u8> {
        let ([l0, l1], [f0, f1]) = (length.to_be_bytes(), flags.to_be_bytes());
        let mut packet = std::vec![0x45, 0, l0, l1, 0, 7, f0, f1, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.resize(length.into(), 0x5a);
        let sum = !sum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    /// An IPv6 packet of this length from 2001:db8::1 to 2001:db8::2, byte by byte (RFC 8200 §3).
    fn ipv6(length: u16) -> Vec<u8> {
        let mut packet = std::vec![0x60, 0, 0, 0, 0, 0, 17, 64];
        packet[4..6].copy_from_slice(&(length - 40).to_be_bytes());
        for last in [1, 2] {
            packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.resize(length.into(), 0x5a);
        packet
    }

    fn frame(from: [u8; 6], to: [u8; 6], types: &[u8], packet: &[u8]) -> Vec<u8> {
        [&to[..], &from, types, packet].concat()
    }

    /// The one's complement sum of RFC 1071, without its complement.
    fn sum(bytes: &[u8]) -> u16 {
        let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    fn answered(frame: &[u8], longest: usize) -> Option<Vec<u8>> {
        let mut out = [0xa5; LONGEST];
        answer(frame, longest, &mut out).map(|length| out[..length].to_vec())
    }

    #[test]
    fn an_ipv4_packet_with_df_gets_fragmentation_needed_with_the_mtu_that_fits() {
        let packet = ipv4(1_500, 0x4000);
        for (types, mtu) in [
            (&[8, 0][..], 1_450_u16),
            (&[0x81, 0, 0, 9, 8, 0], 1_446),
            (&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0], 1_442),
        ] {
            let answer = answered(&frame(HOST, FAR, types, &packet), 1_464).unwrap();

            let (link, ip) = answer.split_at(12 + types.len());
            assert_eq!(link, [&HOST[..], &FAR, types].concat());
            // RFC 791 §3.1: from the destination to the source, and a right checksum.
            assert_eq!((ip[0], ip[9], &ip[12..16], &ip[16..20]), (0x45, 1, &[192, 0, 2, 2][..], &[192, 0, 2, 1][..]));
            assert_eq!((sum(&ip[..20]), usize::from(u16::from_be_bytes([ip[2], ip[3]]))), (0xffff, ip.len()));
            // RFC 1191 §4: type 3, code 4, the MTU in the last two bytes, then the packet's first bytes.
            assert_eq!((&ip[20..22], &ip[24..26], sum(&ip[20..])), (&[3, 4][..], &[0, 0][..], 0xffff));
            assert_eq!(ip[26..28], mtu.to_be_bytes());
            assert_eq!((ip.len(), &ip[28..]), (576, &packet[..548]));
        }
    }

    #[test]
    fn an_ipv6_packet_gets_packet_too_big_with_the_mtu_that_fits_or_the_least() {
        let packet = ipv6(1_500);
        for (longest, mtu) in [(1_464, 1_450_u32), (1_294, 1_280), (1_000, 1_280)] {
            let answer = answered(&frame(HOST, FAR, &[0x86, 0xdd], &packet), longest).unwrap();

            let (link, ip) = answer.split_at(14);
            assert_eq!(link, frame(FAR, HOST, &[0x86, 0xdd], &[]));
            assert_eq!((ip[0], ip[6], &ip[8..24], &ip[24..40]), (0x60, 58, &packet[24..40], &packet[8..24]));
            // RFC 4443 §3.2: type 2, code 0, the MTU, then the packet's first bytes; §2.3: the checksum covers a pseudo-header.
            assert_eq!((&ip[40..42], &ip[44..48]), (&[2, 0][..], &mtu.to_be_bytes()[..]));
            let length = u16::try_from(ip.len() - 40).unwrap().to_be_bytes();
            assert_eq!((&ip[4..6], sum(&[&ip[8..40], &length, &[0, 58], &ip[40..]].concat())), (&length[..], 0xffff));
            assert_eq!((ip.len(), &ip[48..]), (1_280, &packet[..1_232]));
        }
    }

    #[test]
    fn the_longest_answer_is_to_an_ipv6_packet_behind_two_tags() {
        let types = [0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 0x86, 0xdd];

        let answer = answered(&frame(HOST, FAR, &types, &ipv6(1_500)), 1_464).unwrap();

        assert_eq!(answer.len(), LONGEST);
    }

    #[test]
    fn a_frame_that_fits_or_may_have_no_answer_gets_none() {
        let (v4, v6) = (&[8, 0][..], &[0x86, 0xdd][..]);
        let group = [1, 0, 0x5e, 0, 0, 1];
        let echo_reply_error = {
            let mut packet = ipv4(1_500, 0x4000);
            (packet[9], packet[20]) = (1, 3);
            packet
        };
        let to_group = {
            let mut packet = ipv6(1_500);
            packet[24] = 0xff;
            packet
        };
        let cases = [
            ("fits", frame(HOST, FAR, v4, &ipv4(1_450, 0x4000))),
            ("only its padding is too long", frame(HOST, FAR, v4, &[ipv4(1_000, 0x4000), std::vec![0; 500]].concat())),
            ("IPv4 without DF", frame(HOST, FAR, v4, &ipv4(1_500, 0))),
            ("a later fragment with DF", frame(HOST, FAR, v4, &ipv4(1_500, 0x4001))),
            ("an ICMP error", frame(HOST, FAR, v4, &echo_reply_error)),
            ("ARP", frame(HOST, FAR, &[8, 6], &ipv4(1_500, 0x4000))),
            ("IEEE 802.3 with LLC", frame(HOST, FAR, &[5, 0xdc], &ipv4(1_500, 0x4000))),
            ("to a group", frame(HOST, group, v4, &ipv4(1_500, 0x4000))),
            ("IPv6 to a group's MAC", frame(HOST, [0x33, 0x33, 0, 0, 0, 1], v6, &to_group)),
            ("from a group", frame(group, FAR, v4, &ipv4(1_500, 0x4000))),
            ("cut off", frame(HOST, FAR, v4, &ipv4(1_500, 0x4000)[..1_400])),
            ("empty", Vec::new()),
        ];
        for (what, frame) in cases {
            assert_eq!(answered(&frame, 1_464), None, "{what}");
        }
        assert_eq!(answered(&frame(HOST, FAR, v6, &ipv6(1_280)), 1_000), None, "IPv6 of the least MTU");
        assert_eq!(answer(&frame(HOST, FAR, v4, &ipv4(1_500, 0x4000)), 1_464, &mut [0; 20]), None, "no room");
    }
}
