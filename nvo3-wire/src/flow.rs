//! The flow of a frame: its 5-tuple [`Key`] for tables, and its [`entropy`] for a tunnel's source ports and flow
//! labels.

use crate::ethernet::{Frame, Link};
use crate::tunnel::{Carried, Payload};
use crate::{EtherType, ipv4, ipv6};
use core::fmt;
use core::net::IpAddr;
use zerocopy::{FromBytes, IntoBytes};

/// The 5-tuple of an IP packet: the same for all packets that one end of a flow sends.
///
/// All fragments of a packet have the same key, without ports, because later fragments have none. The protocol is the
/// upper protocol after IPv6 extension headers and authentication headers. If that chain is broken, it is the protocol
/// number in the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Key {
    /// Source.
    pub source: IpAddr,
    /// Destination.
    pub destination: IpAddr,
    /// The upper protocol. For an IPv6 fragment it is the next header in the fragment header.
    pub protocol: u8,
    /// Source and destination port of TCP, UDP, DCCP, SCTP or UDP-Lite. `None` for other protocols, for fragments, and
    /// if the packet ends before the ports.
    pub ports: Option<(u16, u16)>,
}

/// For example `192.0.2.1 port 5000 > 192.0.2.2 port 53, protocol 17`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, protocol, ports } = self;
        match ports {
            Some((from, to)) => write!(f, "{source} port {from} > {destination} port {to}, protocol {protocol}"),
            None => write!(f, "{source} > {destination}, protocol {protocol}"),
        }
    }
}

/// The 5-tuple of an Ethernet frame with any number of tags.
///
/// `None` if the frame carries no IP packet, or if the IP header cannot be read. A cut frame has a key too; it has
/// ports if they are present.
///
/// ```
/// use nvo3_wire::build::Layers;
/// use nvo3_wire::ethernet::{Header, Tag};
/// use nvo3_wire::{EtherType, Ipv4, Mac, flow, ipv4, udp};
///
/// let ethernet = Header { destination: Mac::BROADCAST, source: Mac::ZERO, ether_type: EtherType::VLAN };
/// let tag = Tag::new(7, 0, false, EtherType::IPV4);
/// let ip = ipv4::Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2]));
/// let mut frame = [0; 64];
/// let length = (ethernet, tag, ip, udp::Fields { source_port: 5000, destination_port: 53 }, b"?").write(&mut frame)?;
///
/// let key = flow::key(&frame[..length]).expect("an IP packet");
/// assert_eq!(key.to_string(), "192.0.2.1 port 5000 > 192.0.2.2 port 53, protocol 17");
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[must_use = "the function only reads the key"]
pub fn key(frame: &[u8]) -> Option<Key> {
    Link::parse(frame).ok()?.flow_key()
}

/// The 5-tuple of an IPv4 or IPv6 packet without Ethernet header; see [`key`].
#[must_use = "the function only reads the key"]
pub fn packet_key(packet: &[u8]) -> Option<Key> {
    match packet.first()? >> 4 {
        4 => ipv4::Packet::parse_lax(packet).ok().map(|(packet, _)| packet.flow_key()),
        6 => ipv6::Packet::parse_lax(packet).ok().map(|(packet, _)| packet.flow_key()),
        _ => None,
    }
}

impl Link<'_> {
    /// The 5-tuple of the IP packet in the frame; see [`key`].
    pub fn flow_key(&self) -> Option<Key> {
        carried_key(self.ether_type()?, self.payload)
    }
}

impl Frame<'_> {
    /// The 5-tuple of the IP packet in the frame; see [`key`].
    pub fn flow_key(&self) -> Option<Key> {
        carried_key(self.ether_type(), self.payload)
    }
}

impl Carried<'_> {
    /// The 5-tuple of the inner frame or packet; see [`key`] and [`packet_key`]. `None` for a network service header.
    pub fn flow_key(&self) -> Option<Key> {
        match self.payload {
            Payload::Ethernet => key(self.inner),
            Payload::Ipv4 | Payload::Ipv6 => packet_key(self.inner),
            Payload::Nsh => None,
        }
    }
}

fn carried_key(mut ether_type: EtherType, mut payload: &[u8]) -> Option<Key> {
    while ether_type.is_tag() {
        let ([_, _, a, b], behind) = payload.split_first_chunk()?;
        (ether_type, payload) = (EtherType([*a, *b]), behind);
    }
    match ether_type {
        EtherType::IPV4 => ipv4::Packet::parse_lax(payload).ok().map(|(packet, _)| packet.flow_key()),
        EtherType::IPV6 => ipv6::Packet::parse_lax(payload).ok().map(|(packet, _)| packet.flow_key()),
        _ => None,
    }
}

impl ipv4::Packet<'_> {
    /// The packet's 5-tuple.
    pub fn flow_key(&self) -> Key {
        let (protocol, upper, _) = self.upper().unwrap_or((self.header.protocol, &[], 0));
        let (source, destination) = (self.header.source.into(), self.header.destination.into());
        Key::new(source, destination, protocol, if self.header.is_fragment() { &[] } else { upper })
    }
}

impl ipv6::Packet<'_> {
    /// The packet's 5-tuple.
    pub fn flow_key(&self) -> Key {
        let (protocol, upper) = match self.upper() {
            Ok(upper) if upper.fragment => (upper.protocol, &[][..]),
            Ok(upper) => (upper.protocol, upper.payload),
            Err(_) => (self.header.next_header, &[][..]),
        };
        Key::new(self.header.source.into(), self.header.destination.into(), protocol, upper)
    }
}

impl Key {
    fn new(source: IpAddr, destination: IpAddr, protocol: u8, upper: &[u8]) -> Self {
        let ports = match upper.first_chunk() {
            Some([a, b, c, d]) if has_ports(protocol) => {
                Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
            }
            _ => None,
        };
        Self { source, destination, protocol, ports }
    }
}

/// A 16-bit hash of the flow of an Ethernet frame: MACs, EtherType, and an IP packet's addresses, protocol and ports.
///
/// The hash is the same in every process and on every machine. It is equal for all frames of one flow and for all
/// fragments of a packet, which leave the ports out (VXL-04, TUN-07). It is 0 if the bytes are not an Ethernet frame.
/// It spreads load, but an attacker can choose frames that collide. The hash reads the headers without checks. A
/// [`Key`] is read with all lengths checked, which takes more than twice the time.
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

/// The hash of an IPv4 or IPv6 packet without Ethernet header, 0 for other bytes; see [`entropy`].
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

/// True for TCP, UDP, DCCP, SCTP and UDP-Lite, which begin with two ports.
#[inline]
const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, ipv4::TCP | ipv4::UDP | 33 | 132 | 136)
}

/// A multiply-and-fold hash: one multiplication for two 64-bit words.
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
        assert!(distinct >= 900, "{distinct} distinct ports"); // chance gives 970
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
    fn ports_after_extension_headers_are_in_the_key_and_the_entropy() {
        let hop_by_hop = [17, 0, 1, 4, 0, 0, 0, 0];

        let [a, b] = [[0, 1, 0, 2], [0, 1, 0, 3]].map(|ports| entropy(&udp_over_ipv6(&hop_by_hop, 0, ports)));

        assert_ne!(a, b);
        assert_eq!(a, entropy(&udp_over_ipv6(&[], 17, [0, 1, 0, 2])));
    }

    #[test]
    fn the_key_is_the_5_tuple_through_tags_and_headers() {
        let [a, b] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let ports = |ports| Some(Key { source: a, destination: b, protocol: 17, ports });
        let plain = udp_over_ipv4((5000, 53), 0, &[0; 16]);
        let tagged = [&plain[..12], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9], &plain[12..]].concat();

        assert_eq!((key(&plain), key(&tagged)), (ports(Some((5000, 53))), ports(Some((5000, 53)))));
        assert_eq!(Frame::parse(&tagged).unwrap().flow_key(), key(&plain));
        assert_eq!(key(&plain[..36]), ports(None)); // the capture ends before the ports
        for fragment in [0x2000, 0x00b9] {
            assert_eq!(key(&udp_over_ipv4((5000, 53), fragment, &[0; 16])), ports(None));
        }
        let icmp = |frame: &mut Vec<u8>| frame[23] = 1;
        let mut other = plain.clone();
        icmp(&mut other);
        assert_eq!(key(&other).map(|key| (key.protocol, key.ports)), Some((1, None)));
        let mut short = plain.clone();
        short[17] = 22; // the total length ends inside the ports
        assert_eq!(key(&short), ports(None));
        let mut authenticated = plain.clone();
        (authenticated[17], authenticated[23]) = (52, 51);
        authenticated.splice(34..34, [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(key(&authenticated), ports(Some((5000, 53))));
        let line = |frame: &[u8]| key(frame).map(|key| std::format!("{key}"));
        assert_eq!(line(&other).as_deref(), Some("10.0.0.1 > 10.0.0.2, protocol 1"));
        assert_eq!((key(&[0; 60]), key(&plain[..33]), packet_key(&[0x70; 40])), (None, None, None));
    }

    #[test]
    fn the_key_of_a_tunnel_packets_content_is_that_of_its_frame_or_packet() {
        let frame = udp_over_ipv4((5000, 53), 0, &[0; 16]);
        for (payload, inner, expected) in [
            (Payload::Ethernet, &frame[..], key(&frame)),
            (Payload::Ipv4, &frame[14..], key(&frame)),
            (Payload::Nsh, &frame[14..], None),
        ] {
            let options = crate::geneve::Options::NONE;
            let carried = Carried { vni: crate::Vni::MAX, payload, inner, inner_offset: 0, options };
            assert_eq!(carried.flow_key(), expected, "{payload}");
        }
    }

    #[test]
    fn ipv6_keys_are_those_behind_extension_headers_and_the_same_for_all_fragments() {
        let key_of = |chain: &[u8], first: u8, ports: [u8; 4]| {
            let mut frame = udp_over_ipv6(chain, first, ports);
            frame[19] = (chain.len() + 4) as u8;
            key(&frame).map(|key| (key.protocol, key.ports)).unwrap()
        };
        let atomic = [17, 0, 0, 0, 0, 0, 0, 1];

        assert_eq!(key_of(&[], 17, [0, 1, 0, 2]), (17, Some((1, 2))));
        assert_eq!(key_of(&[17, 0, 1, 4, 0, 0, 0, 0], 0, [0, 1, 0, 2]), (17, Some((1, 2))));
        assert_eq!(key_of(&atomic, 44, [0, 1, 0, 2]), (17, Some((1, 2)))); // the packet is whole
        for offset in [1, 8, 9] {
            assert_eq!(key_of(&[17, 0, 0, offset, 0, 0, 0, 1], 44, [0, 1, 0, 2]), (17, None));
        }
        assert_eq!(key_of(&[17, 9, 1, 4, 0, 0, 0, 0], 0, [0, 1, 0, 2]), (0, None)); // the chain is cut
    }

    proptest! {
        #[test]
        fn frames_of_one_key_and_one_pair_of_macs_have_one_entropy(
            ports in prop::collection::vec((0u16..2, 0u16..2), 2), payloads: [Vec<u8>; 2], fragments in [0u16..4, 0..4],
        ) {
            let frame = |at: usize| {
                let fragment = [0, 0x4000, 0x2000, 0x00b9][usize::from(fragments[at])];
                let payload = &payloads[at][..payloads[at].len().min(16)];
                let mut frame = udp_over_ipv4(ports[at], fragment, payload);
                frame.resize(54, 0);
                frame
            };
            let (first, second) = (frame(0), frame(1));
            prop_assert_eq!(key(&first) == key(&second), entropy(&first) == entropy(&second));
        }

        #[test]
        fn any_bytes_have_an_entropy(bytes: Vec<u8>, kind in 0..4) {
            let mut frame = bytes;
            if let (Some(at), Some(known)) = (frame.get_mut(12..14), [[8, 0], [0x86, 0xdd], [0x81, 0]].get(kind as usize)) {
                at.copy_from_slice(known);
            }
            prop_assert_eq!(entropy(&frame), entropy(&frame.clone()));
            let _ = (key(&frame), packet_key(&frame));
        }
    }
}
