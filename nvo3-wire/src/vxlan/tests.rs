use super::*;
use crate::ecn::Ecn::{self, Ce, Ect0, Ect1, NotEct};
use crate::ecn::tests::frame;
use crate::tunnel::{self, Accept, Decap, EcnMode, Encap, Encapsulation, MAX_OVERHEAD, ZeroChecksum, source_port};
use crate::vectors::{V1, V9, V10, vni};
use crate::{Error, EtherType, Ipv4, Ipv6, Protocol, Rule, Vni, checksum, ipv4, ipv6};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, IntoBytes};

fn over_ipv4() -> Encap<'static> {
    Encap::new(Encapsulation::Vxlan, Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), vni()).unwrap()
}

fn over_ipv6() -> Encap<'static> {
    Encap::new(Encapsulation::Vxlan, Ipv6([0x20; 16]), Ipv6([0x21; 16]), vni()).unwrap()
}

fn packet(encap: &Encap<'_>, entropy: u16, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa5; encap.len() + inner.len()];
    assert_eq!(encap.write(entropy, inner, &mut out), Ok(out.len()));
    out
}

/// `packet` with a changed outer IPv4 header and its corrected checksum.
fn with_header(packet: &[u8], change: impl FnOnce(&mut ipv4::Header)) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let (header, _) = ipv4::Header::mut_from_prefix(&mut packet).unwrap();
    change(header);
    header.checksum = U16::ZERO;
    header.checksum = U16::new(checksum::checksum(header.as_bytes()));
    packet
}

fn decap_with<'a>(packet: &'a [u8], accept: &Accept<'_>) -> Result<Decap<'a>, Error> {
    tunnel::decap(packet, accept).map(|outer| outer.expect("a tunnel"))
}

fn decap(packet: &[u8]) -> Result<Decap<'_>, Error> {
    decap_with(packet, &Accept { inner_vlan: true, ..Accept::default() })
}

fn rule(packet: &[u8]) -> (Protocol, usize, Rule) {
    let error = decap(packet).unwrap_err();
    (error.protocol, error.offset, error.rule)
}

/// Checks VXL-02.
#[test]
fn a_header_without_flag_i_is_dropped() {
    let mut packet = V9;
    packet[28] = 0xf7;

    assert_eq!(rule(&packet), (Protocol::Vxlan, 28, Rule::NoVni));
}

/// Checks VXL-03.
#[test]
fn another_port_is_used_only_when_configured() {
    for encap in [over_ipv4(), over_ipv6()] {
        let packet = packet(&encap.with_port(8472), 0, &V1);

        assert_eq!(tunnel::decap(&packet, &Accept::default()), Ok(None));
        let ports = &[(4789, Encapsulation::Vxlan), (8472, Encapsulation::Vxlan)];
        let outer = decap_with(&packet, &Accept { ports, ..Accept::default() }).unwrap();
        assert_eq!((outer.carried.vni, outer.port), (vni(), Some(8472)));
    }
}

/// Checks VXL-06, U6-04.
#[test]
fn non_zero_checksums_are_verified() {
    let accept = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, inner_vlan: true, ..Accept::default() };
    for (encap, udp) in [(over_ipv4().with_udp_checksum(true), 20), (over_ipv6(), 40)] {
        let mut packet = packet(&encap, 77, &V1);
        assert!(decap(&packet).unwrap().checksummed);

        *packet.last_mut().unwrap() ^= 1;
        let error = decap_with(&packet, &accept).unwrap_err();
        assert!(matches!(error.rule, Rule::Checksum(_)));
        assert_eq!((error.protocol, error.offset), (Protocol::Udp, udp));
    }
}

/// Checks CKS-04.
#[test]
fn a_computed_zero_is_sent_as_ffff() {
    let mut inner = V1;
    let first = packet(&over_ipv6(), 0, &inner);
    let checksum = u16::from_be_bytes([first[46], first[47]]);
    let filler = checksum::Sum::ZERO.word(u16::from_be_bytes([inner[40], inner[41]])).word(checksum).fold();
    inner[40..].copy_from_slice(&filler.to_be_bytes());

    let packet = packet(&over_ipv6(), 0, &inner);

    assert_eq!(packet[46..48], [0xff, 0xff]);
    assert!(decap(&packet).unwrap().checksummed);
}

/// Checks VXL-06, U6-03.
#[test]
fn zero_checksum_over_ipv6_needs_to_be_enabled() {
    let zero = packet(&over_ipv6().with_udp_checksum(false), 0, &V1);
    let enabled = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, inner_vlan: true, ..Accept::default() };

    assert_eq!(rule(&zero), (Protocol::Udp, 40, Rule::ZeroChecksum));
    assert_eq!(decap_with(&zero, &enabled).map(|outer| outer.checksummed), Ok(false));
    assert_eq!(decap(&V9).map(|outer| outer.checksummed), Ok(false));
}

/// Checks VXL-07.
#[test]
fn a_first_fragment_is_refused_and_a_later_one_has_no_port() {
    let none = |packet: &[u8]| assert_eq!(tunnel::decap(packet, &Accept::default()), Ok(None));
    let uneven = Rule::FragmentLength(58);
    let first = |packet: &[u8]| with_header(packet, |header| header.fragment = U16::new(0x2000));
    assert_eq!(rule(&first(&V9)), (Protocol::Ipv4, 0, uneven));
    let mut longer = V9.to_vec();
    longer.extend([0; 6]);
    let longer = with_header(&longer, |header| header.total_length = U16::new(V9.len() as u16 + 6));
    assert_eq!(rule(&first(&longer)), (Protocol::Ipv4, 0, Rule::Fragment));
    for later in [0x0001, 0x2010] {
        none(&with_header(&V9, |header| header.fragment = U16::new(later)));
    }

    let mut packet = V10.to_vec();
    packet.splice(40..40, [17, 0, 0, 1, 0, 0, 0, 9]);
    packet[6] = 44;
    packet[5] += 8;
    assert_eq!(rule(&packet), (Protocol::Ipv6, 40, uneven));
    packet[43] = 8;
    none(&packet);
}

/// Checks VXL-12.
#[test]
fn inner_frames_from_14_bytes_pass_unchanged() {
    for encap in [over_ipv4(), over_ipv6()] {
        for length in [14, 60, 1514, 9014] {
            let inner: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            assert_eq!(decap(&packet(&encap, 9, &inner)).unwrap().carried.inner, inner);
        }

        let error = encap.write(0, &[0; 13], &mut [0; 128]).unwrap_err();
        assert_eq!(error.rule, Rule::Truncated { needed: 14, available: 13 });
    }
    assert_eq!(parse(&[8; 8 + 13]).unwrap_err().offset, 8);
}

/// Checks TUN-01, TUN-03.
#[test]
fn outer_ecn_is_the_inner_one_in_normal_mode_and_none_otherwise() {
    for (encap, inner) in [over_ipv4(), over_ipv6()].into_iter().flat_map(|e| [NotEct, Ect0, Ect1, Ce].map(|i| (e, i)))
    {
        let outer = |encap: &Encap<'_>, frame: &[u8]| {
            let packet = packet(encap, 1, frame);
            let decapped = decap(&packet).unwrap();
            assert_eq!(decapped.carried.inner, frame);
            decapped.ecn
        };
        for (ether_type, tagged) in [(EtherType::IPV4, false), (EtherType::IPV6, false), (EtherType::IPV6, true)] {
            let frame = frame(ether_type, tagged, inner);
            assert_eq!(outer(&encap, &frame), inner);
            assert_eq!(outer(&encap.with_ecn(EcnMode::Compatibility), &frame), NotEct);
        }
        assert_eq!(outer(&encap, &frame(EtherType::ARP, false, inner)), NotEct);
    }
}

/// Checks TUN-05, TUN-06.
#[test]
fn ttl_and_dscp_are_the_tunnels_own() {
    let inner = frame(EtherType::IPV4, false, Ecn::Ect0);

    let v4 = packet(&over_ipv4().with_ttl(9).with_dscp(46), 0, &inner);
    let v6 = packet(&over_ipv6().with_ttl(9).with_dscp(46), 0, &inner);

    let header = ipv4::Packet::parse(&v4).unwrap().header;
    assert_eq!((header.ttl, header.traffic_class), (9, 46 << 2 | 2));
    let header = ipv6::Packet::parse(&v6).unwrap().header;
    assert_eq!((header.hop_limit, header.traffic_class()), (9, 46 << 2 | 2));
    assert_eq!((decap(&v4).unwrap().carried.inner, decap(&v6).unwrap().carried.inner), (&inner[..], &inner[..]));
}

/// Checks TUN-07.
#[test]
fn flow_label_is_never_zero_and_one_per_entropy() {
    let label = |entropy| ipv6::Packet::parse(&packet(&over_ipv6(), entropy, &V1)).unwrap().header.flow_label();

    assert_eq!((label(0), label(0)), (1, 1));
    assert!((1..=0xf_ffff).contains(&label(0xffff)) && label(1) != label(2));
}

#[test]
fn headroom_and_scatter_give_the_same_packet_as_the_copy() {
    for encap in [over_ipv4(), over_ipv6()] {
        let whole = packet(&encap, 5, &V1);

        let mut buffer = [0; MAX_OVERHEAD + V1.len()];
        buffer[MAX_OVERHEAD..].copy_from_slice(&V1);
        let start = encap.prepend(5, &mut buffer, MAX_OVERHEAD).unwrap();
        let mut headers = [0; MAX_OVERHEAD];
        let length = encap.write_headers(5, &V1, &mut headers).unwrap();

        assert_eq!(buffer[start..], whole);
        assert_eq!((&headers[..length], length), (&whole[..length], encap.len()));
        let error = encap.prepend(5, &mut buffer, encap.len() - 1).unwrap_err();
        assert_eq!(error.rule, Rule::NoRoom { needed: encap.len(), available: encap.len() - 1 });
    }
}

#[test]
fn what_does_not_fit_a_length_field_is_refused() {
    let inner = vec![0; 65_536 - 36];

    assert_eq!(over_ipv4().write_headers(0, &inner, &mut [0; 64]).unwrap_err().rule, Rule::TooLong(65_500));
    assert!(over_ipv4().write_headers(0, &inner[1..], &mut [0; 64]).is_ok());
}

#[cfg(feature = "bytes")]
#[test]
fn put_appends_the_packet_that_write_writes() {
    let mut out = bytes::BytesMut::new();
    assert_eq!(over_ipv6().put(5, &V1, &mut out), Ok(out.len()));

    assert_eq!(out, packet(&over_ipv6(), 5, &V1));
    assert!(matches!(over_ipv6().put(5, &V1, &mut &mut [0; 20][..]).unwrap_err().rule, Rule::NoRoom { .. }));
}

proptest! {
    /// Checks VXL-01, VXL-04.
    #[test]
    fn encapsulation_is_undone(
        v6: bool, id in 0u32..=0xff_ffff, entropy: u16, checksum: bool,
        inner in prop::collection::vec(any::<u8>(), 14..200), source: [u8; 16], destination: [u8; 16],
    ) {
        let vni = Vni::new(id).unwrap();
        let encap = match v6 {
            true => Encap::new(Encapsulation::Vxlan, Ipv6(source), Ipv6(destination), vni).unwrap(),
            false => {
                let [source, destination] = [source, destination].map(|a| Ipv4([a[0], a[1], a[2], a[3]]));
                Encap::new(Encapsulation::Vxlan, source, destination, vni).unwrap()
            }
        }.with_udp_checksum(checksum);
        let group = if v6 { source[0] == 0xff } else { source[0] & 0xf0 == 0xe0 || source[..4] == [255; 4] };
        let packet = packet(&encap, entropy, &inner);

        let accept = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, inner_vlan: true, ..Accept::default() };
        let outer = decap_with(&packet, &accept);
        if group {
            prop_assert_eq!(outer.unwrap_err().rule, Rule::MulticastSource);
        } else {
            let outer = outer.unwrap();
            prop_assert_eq!((outer.carried.vni, outer.carried.inner, outer.checksummed), (vni, &inner[..], checksum));
            prop_assert_eq!(outer.entropy, source_port(entropy));
            prop_assert!(outer.entropy >= 49152);
        }
    }

    #[test]
    fn any_bytes_decapsulate_or_fail(bytes: Vec<u8>, damage: prop::sample::Index, by: u8, cut: prop::sample::Index) {
        let _ = (tunnel::decap(&bytes, &Accept::default()), parse(&bytes));
        for vector in [&V9[..], &V10[..]] {
            let mut packet = vector.to_vec();
            packet[damage.index(vector.len())] ^= by;
            let _ = tunnel::decap(&packet, &Accept::default());
            if cut.index(vector.len()) < vector.len() - 28 {
                prop_assert!(decap(&vector[..cut.index(vector.len())]).is_err());
            }
        }
    }
}
