//! Flow entropy: one number per inner flow, for source ports and flow labels of a tunnel.

use crate::ethernet::Frame;
use crate::{EtherType, ipv4, ipv6};
use zerocopy::{FromBytes, IntoBytes};

/// A hash of the flow an Ethernet frame belongs to: MACs, EtherType, and of an IP packet addresses, protocol and ports.
///
/// The same in every process and on every machine, equal for all frames of one flow, in all fragments of a packet
/// (which leave the ports out), and 0 for what is no Ethernet frame (VXL-04, TUN-07). It spreads load and is no defence
/// against chosen collisions.
///
/// ```
/// let frame = [0u8; 64];
/// assert_eq!(nvo3_wire::flow::entropy(&frame), nvo3_wire::flow::entropy(&frame));
/// ```
#[inline]
pub fn entropy(frame: &[u8]) -> u16 {
    let Ok(frame) = Frame::parse(frame) else { return 0 };
    let ether_type = frame.ether_type();
    let hash = Hash(u64::from(ether_type.get()) ^ 0x9e37_79b9_7f4a_7c15).bytes12(frame.header);
    match ether_type {
        EtherType::IPV4 => over_ipv4(hash, frame.payload),
        EtherType::IPV6 => over_ipv6(hash, frame.payload),
        _ => hash.finish(),
    }
}

/// As [`entropy`], of an IPv4 or IPv6 packet without Ethernet header; 0 for what is neither.
#[inline]
pub fn packet_entropy(packet: &[u8]) -> u16 {
    let hash = Hash(0x9e37_79b9_7f4a_7c15);
    match packet.first().map(|first| first >> 4) {
        Some(4) => over_ipv4(hash, packet),
        Some(6) => over_ipv6(hash, packet),
        _ => 0,
    }
}

#[inline]
fn over_ipv4(hash: Hash, packet: &[u8]) -> u16 {
    let Ok((header, _)) = ipv4::Header::ref_from_prefix(packet) else { return hash.finish() };
    let [source, destination] = [header.source, header.destination].map(|a| u64::from(u32::from_be_bytes(a.0)));
    let hash = hash.mix(source << 32 | destination, u64::from(header.protocol));
    if header.is_fragment() || !has_ports(header.protocol) {
        return hash.finish();
    }
    hash.ports(packet.get(header.header_len()..)).finish()
}

#[inline]
fn over_ipv6(hash: Hash, packet: &[u8]) -> u16 {
    let Ok((header, behind)) = ipv6::Header::ref_from_prefix(packet) else { return hash.finish() };
    let hash = [&header.source, &header.destination].into_iter().fold(hash, |hash, address| {
        let both = u128::from_be_bytes(address.0);
        hash.mix((both >> 64) as u64, both as u64)
    });
    if has_ports(header.next_header) {
        return hash.mix(0, u64::from(header.next_header)).ports(Some(behind)).finish();
    }
    let upper = ipv6::Packet { header, payload: behind }.upper();
    match upper {
        Ok(upper) if upper.fragment_header => hash.finish(),
        Ok(upper) if has_ports(upper.protocol) => {
            hash.mix(0, u64::from(upper.protocol)).ports(Some(upper.payload)).finish()
        }
        Ok(upper) => hash.mix(0, u64::from(upper.protocol)).finish(),
        Err(_) => hash.finish(),
    }
}

/// TCP, UDP, DCCP, SCTP and UDP-Lite begin with two ports.
#[inline]
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, ipv4::TCP | ipv4::UDP | 33 | 132 | 136)
}

/// A multiply-and-fold hash: two 64-bit words per multiplication.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    #[inline]
    const fn mix(self, a: u64, b: u64) -> Self {
        let product = (self.0 ^ a ^ 0xa076_1d64_78bd_642f) as u128 * (b ^ 0xe703_7ed1_a0b4_28db) as u128;
        Self(product as u64 ^ (product >> 64) as u64)
    }

    #[inline]
    fn bytes12(self, header: &crate::ethernet::Header) -> Self {
        match header.as_bytes() {
            [a, b, c, d, e, f, g, h, i, j, k, l, ..] => self.mix(
                u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
                u64::from(u32::from_be_bytes([*i, *j, *k, *l])),
            ),
            _ => self,
        }
    }

    #[inline]
    fn ports(self, upper: Option<&[u8]>) -> Self {
        match upper.and_then(|upper| upper.first_chunk::<4>()) {
            Some(ports) => self.mix(u64::from(u32::from_be_bytes(*ports)), 0x8ebc_6af0_9c88_c6e3),
            None => self,
        }
    }

    #[inline]
    const fn finish(self) -> u16 {
        let Self(hash) = self.mix(0x5895_58cf, 0x1d8e_4e27);
        (hash ^ hash >> 32) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::source_port;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn udp_over_ipv4(ports: (u16, u16), fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([ports.0, ports.1].into_iter().flat_map(u16::to_be_bytes));
        frame.extend(payload);
        frame
    }

    fn udp_over_ipv6(chain: &[u8], first: u8, ports: [u8; 4]) -> Vec<u8> {
        let mut frame = Vec::from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, first, 64]);
        frame.extend([7; 32]);
        frame.extend(chain);
        frame.extend(ports);
        frame
    }

    /// Checks VXL-04.
    #[test]
    fn thousand_flows_spread_over_the_port_range() {
        let ports: Vec<u16> =
            (0..1000).map(|i| source_port(entropy(&udp_over_ipv4((1024 + i, 443), 0, &[])))).collect();

        assert!(ports.iter().all(|port| *port >= 49152));
        let distinct = ports.iter().collect::<BTreeSet<_>>().len();
        assert!(distinct >= 900, "{distinct} distinct ports"); // 970 is what chance gives
    }

    /// Checks VXL-04.
    #[test]
    fn a_flow_keeps_its_entropy_whatever_it_carries() {
        let first = entropy(&udp_over_ipv4((5000, 53), 0, b"a"));

        assert_eq!(entropy(&udp_over_ipv4((5000, 53), 0x4000, b"another payload")), first);
        assert_ne!(entropy(&udp_over_ipv4((5000, 54), 0, b"a")), first);
    }

    #[test]
    fn packets_without_ethernet_have_their_flow_too() {
        let frames = [5000, 5001].map(|port| udp_over_ipv4((port, 53), 0, b""));
        let [a, b] = [&frames[0], &frames[1]].map(|frame| packet_entropy(&frame[14..]));
        assert!(a != b && packet_entropy(&frames[0][14..]) == a && packet_entropy(&[0x70; 40]) == 0);
        assert_ne!(packet_entropy(&udp_over_ipv6(&[], 17, [0, 1, 0, 2])[14..]), 0);
    }

    #[test]
    fn fragments_of_a_packet_share_their_entropy() {
        let first = entropy(&udp_over_ipv4((5000, 53), 0x2000, b""));

        assert_eq!(entropy(&udp_over_ipv4((9, 9), 0x00b9, b"")), first);

        let [first, last] =
            [1, 8].map(|offset| entropy(&udp_over_ipv6(&[17, 0, 0, offset, 0, 0, 0, 1], 44, [offset; 4])));
        assert_eq!(first, last);
    }

    #[test]
    fn ports_behind_extension_headers_count() {
        let hop_by_hop = [17, 0, 1, 4, 0, 0, 0, 0];

        let [a, b] = [[0, 1, 0, 2], [0, 1, 0, 3]].map(|ports| entropy(&udp_over_ipv6(&hop_by_hop, 0, ports)));

        assert_ne!(a, b);
        assert_eq!(a, entropy(&udp_over_ipv6(&[], 17, [0, 1, 0, 2])));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_entropy(bytes: Vec<u8>, kind in 0..4) {
            let mut frame = bytes;
            if let (Some(at), Some(known)) = (frame.get_mut(12..14), [[8, 0], [0x86, 0xdd], [0x81, 0]].get(kind as usize)) {
                at.copy_from_slice(known);
            }
            prop_assert_eq!(entropy(&frame), entropy(&frame.clone()));
        }
    }
}
