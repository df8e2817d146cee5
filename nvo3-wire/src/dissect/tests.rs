use super::*;
use crate::vectors::{V1, V5, V9, V10, VM_IP6};
use crate::{EtherType, Ipv4, Protocol, Rule, checksum, ila, mld, nd};
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

/// An Ethernet frame from one station to another with `payload`.
fn framed(ether_type: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
    frame.extend(ether_type.0);
    frame.extend(payload);
    frame
}

/// IPv4 of `protocol` with `payload` and a right header checksum; `fragment` is the field.
fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = ((20 + payload.len()) as u16).to_be_bytes();
    let [high, low] = fragment.to_be_bytes();
    let mut packet = std::vec![0x45, 0, total[0], total[1], 0, 1, high, low, 64, protocol, 0, 0];
    packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    let sum = checksum::checksum(&packet).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    packet.extend(payload);
    packet
}

fn kinds(walk: Dissect<'_>) -> Vec<Kind> {
    walk.map_while(Result::ok).map(|found| found.kind()).collect()
}

fn stop(walk: Dissect<'_>) -> Stop {
    walk.map(Result::err).last().flatten().unwrap()
}

#[test]
fn a_tunnelled_frame_is_walked_to_its_innermost_layer() {
    let frame = framed(EtherType::IPV4, &V9);

    let layers: Vec<_> = Dissect::new(&frame).map(Result::unwrap).collect();

    let places: Vec<_> = layers.iter().map(|found| (found.kind(), found.offset, found.len, found.end)).collect();
    let inner = frame.len();
    assert_eq!(
        places,
        [
            (Kind::Ethernet, 0, 14, inner),
            (Kind::Ipv4, 14, 20, inner),
            (Kind::Udp, 34, 8, inner),
            (Kind::Vxlan, 42, 8, inner),
            (Kind::Ethernet, 50, 14, inner),
            (Kind::Arp, 64, 28, inner),
        ]
    );
    assert!(layers.iter().all(|found| found.validate().is_ok() && found.cut.is_none()));
    assert_eq!(layers[3].payload(), V1);
    assert_eq!(layers[2].layer.to_string(), "UDP 49152 > 4789, length 50, no checksum");
}

#[test]
fn authentication_headers_are_layers_of_both_ip_versions() {
    let udp = [0x13, 0x88, 0, 9, 0, 8, 0, 0];
    let chain =
        [&[51, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], &[17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9], &udp].concat();
    let over_ipv4 = framed(EtherType::IPV4, &ipv4(51, 0, &chain));
    let mut over_ipv6 = V10[..40].to_vec();
    (over_ipv6[5], over_ipv6[6]) = (chain.len() as u8, 51);
    over_ipv6.extend(&chain);

    let [v4, v6] = [kinds(Dissect::new(&over_ipv4)), kinds(Dissect::ip(&over_ipv6))];
    assert_eq!(v4[1..], [Kind::Ipv4, Kind::Authentication, Kind::Authentication, Kind::Udp]);
    assert_eq!(v6, [Kind::Ipv6, Kind::Authentication, Kind::Authentication, Kind::Udp]);
    assert!(Dissect::new(&over_ipv4).all(|found| found.unwrap().validate().is_ok()));
    let cut = stop(Dissect::new(&framed(EtherType::IPV4, &ipv4(51, 0, &chain[..20]))));
    assert_eq!((cut.kind, cut.error.offset, cut.missing()), (Kind::Authentication, 46, Some((16, 8))));
    let first = kinds(Dissect::new(&framed(EtherType::IPV4, &ipv4(51, 0x2000, &chain))));
    assert!(first.ends_with(&[Kind::Udp]));
    assert!(kinds(Dissect::new(&framed(EtherType::IPV4, &ipv4(51, 9, &chain)))).ends_with(&[Kind::Payload]));
    let options = [&[60, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2][..], &[17, 0, 1, 4, 0, 0, 0, 0]].concat();
    let of_ipv6 = kinds(Dissect::new(&framed(EtherType::IPV4, &ipv4(51, 0, &options))));
    assert!(of_ipv6.ends_with(&[Kind::Authentication, Kind::Payload])); // IPv4 has no other extension headers
}

/// Whatever is cut off, a captured frame gives the layers of the whole one, and no header is called broken for it.
pub(crate) fn check_every_cut(frame: &[u8]) {
    let all: Vec<_> = Dissect::new(frame).collect();
    for end in 0..frame.len() {
        let mut walk = all.iter();
        for found in Dissect::new(&frame[..end]).captured(frame.len()) {
            match (found, walk.next()) {
                (Ok(ours), Some(Ok(theirs))) => {
                    assert_eq!((ours.kind(), ours.offset), (theirs.kind(), theirs.offset), "{end} of {frame:02x?}")
                }
                (Err(stop), whole) => {
                    assert!(stop.cut || matches!(whole, Some(Err(_))), "{stop}: {end} of {frame:02x?}")
                }
                (Ok(found), None | Some(Err(_))) => panic!("{}: {end} of {frame:02x?}", found.kind()),
            }
        }
    }
}

#[test]
fn a_capture_gives_the_layers_of_the_whole_frame_and_calls_no_cut_header_broken() {
    let tcp =
        [&[0x13, 0x88, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 2, 0xff, 0xff, 0, 0, 0, 0][..], &[1; 12], b"data"].concat();
    let query = [0x11, 100, 0, 0, 239, 1, 2, 3, 2, 125, 0, 1, 192, 0, 2, 9];
    check_every_cut(&V5);
    for packet in [ipv4(6, 0, &tcp), ipv4(6, 0x2000, &tcp), ipv4(2, 0, &query), V9.to_vec()] {
        check_every_cut(&framed(EtherType::IPV4, &packet));
    }
    check_every_cut(&framed(EtherType::IPV6, &V10));
}

#[test]
fn a_length_beyond_the_original_frame_is_broken_however_much_was_captured() {
    let frame = framed(EtherType::IPV4, &V9);
    let short = |original| stop(Dissect::new(&frame[..40]).captured(original));

    assert!(short(frame.len()).cut);
    assert_eq!((short(frame.len() - 1).kind, short(frame.len() - 1).cut), (Kind::Ipv4, false));
    assert_eq!(
        stop(Dissect::new(&frame[..40]).lax()).to_string(),
        "udp: UDP at byte 34: needs 8 bytes, but only 6 are present, where the capture was cut"
    );
    let mut tcp = ipv4(6, 0, &[0; 10]); // shorter than TCP's header: broken in the whole frame too
    tcp.extend([0; 20]);
    let frame = framed(EtherType::IPV4, &tcp);
    assert!(!stop(Dissect::new(&frame[..40]).captured(frame.len())).cut);
}

#[test]
fn a_walk_begins_at_any_of_three_places() {
    assert_eq!(kinds(Dissect::ip(&V10))[..2], [Kind::Ipv6, Kind::Udp]);
    assert_eq!(kinds(Dissect::carried(EtherType::IPV4, &V9))[..2], [Kind::Ipv4, Kind::Udp]);
    assert_eq!(kinds(Dissect::carried(EtherType([0x90, 0]), &V9)), [Kind::Payload]);
    assert_eq!(stop(Dissect::ip(&[])).missing(), Some((20, 0)));
}

#[test]
fn padding_belongs_to_no_layer_behind_any_number_of_tags() {
    let mut frame = framed(EtherType::SERVICE_VLAN, &[0, 7, 0x81, 0, 0, 9, 0x81, 0, 0, 5, 0x08, 0x06]);
    frame.extend(&V1[14..]);
    frame.extend([0; 9]);

    let layers: Vec<_> = Dissect::new(&frame).map(Result::unwrap).collect();

    assert_eq!(layers.iter().map(|found| found.kind()).collect::<Vec<_>>()[1..4], [Kind::Vlan; 3]);
    assert!(layers.iter().all(|found| found.end == frame.len() - 9));
}

#[test]
fn a_stop_has_layer_offset_and_missing_bytes() {
    let frame = framed(EtherType::IPV4, &V9);
    let stop = stop(Dissect::new(&frame[..60]));

    assert_eq!((stop.kind, stop.error.offset, stop.missing()), (Kind::Ipv4, 14, Some((78, 46))));
    assert_eq!(stop.to_string(), "ipv4: IPv4 at byte 14: needs 78 bytes, but only 46 are present");
    assert_eq!(kinds(Dissect::new(&frame[..60])), [Kind::Ethernet]);
}

#[test]
fn a_lax_walk_reads_a_cut_capture_as_far_as_it_goes() {
    let frame = framed(EtherType::IPV4, &V9);

    let walk = || Dissect::new(&frame[..60]).lax();
    let layers: Vec<_> = walk().map_while(Result::ok).collect();

    assert_eq!(layers.last().map(|found| found.kind()), Some(Kind::Vxlan));
    assert_eq!(
        layers[1].cut.map(|error| (error.offset, error.rule)),
        Some((14, Rule::Truncated { needed: 78, available: 46 }))
    );
    assert!(layers.iter().all(|found| found.end == 60 && found.validate().is_ok()));
    let stop = stop(walk());
    assert_eq!((stop.kind, stop.error.offset, stop.missing()), (Kind::Ethernet, 50, Some((14, 10))));
}

#[test]
fn a_first_fragment_shows_its_upper_header_and_a_later_one_data() {
    let datagram = [&[0, 9, 0, 9, 0, 100, 0xbe, 0xef][..], &[0; 16]].concat();
    let [first, later] = [0x2000, 0x2001].map(|fragment| framed(EtherType::IPV4, &ipv4(17, fragment, &datagram)));

    assert_eq!(kinds(Dissect::new(&first)), [Kind::Ethernet, Kind::Ipv4, Kind::Udp, Kind::Payload]);
    assert!(Dissect::new(&first).all(|found| found.unwrap().validate().is_ok()));
    assert_eq!(kinds(Dissect::new(&later)), [Kind::Ethernet, Kind::Ipv4, Kind::Payload]);
}

#[test]
fn tunnels_are_entered_up_to_a_bound() {
    let mut packet = ipv4(253, 0, &[]);
    for _ in 0..12 {
        packet = ipv4(4, 0, &packet);
    }

    let found = kinds(Dissect::ip(&packet));

    assert_eq!(found.len(), usize::from(MAX_TUNNELS) + 2);
    assert_eq!(found.last(), Some(&Kind::Payload));
}

/// Checks ND-01.
#[test]
fn a_broken_option_drops_a_message_that_shows_those_before_it() {
    let mut frame = Vec::from(V5);
    frame.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    frame[19] += 8;

    let last = Dissect::new(&frame).map(Result::unwrap).last().unwrap();

    let Layer::Nd(message) = last.layer else { panic!("{last:?}") };
    assert_eq!(message.options().unwrap().iter().count(), 1);
    assert!(matches!(message, nd::Nd::Advertisement(na) if na.target_link().is_some()));
    let error = last.validate().unwrap_err();
    assert_eq!((error.offset, error.rule, last.end), (86, Rule::OptionLengthZero(1), frame.len()));
}

/// Checks VXL-13.
#[test]
fn a_tag_inside_vxlan_is_refused_at_the_tunnel() {
    let mut tagged = V1[..12].to_vec();
    tagged.extend([0x81, 0, 0, 7]);
    tagged.extend(&V1[12..]);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &tagged].concat();
    let length = ((8 + vxlan.len()) as u16).to_be_bytes();
    let udp = [&[0xc0, 0, 0x12, 0xb5, length[0], length[1], 0, 0][..], &vxlan].concat();
    let packet = ipv4(17, 0, &udp);

    let refused: Vec<_> = Dissect::ip(&packet).filter_map(|found| found.unwrap().validate().err()).collect();

    assert_eq!(refused.iter().map(|e| (e.protocol, e.rule)).collect::<Vec<_>>(), [(Protocol::Vxlan, Rule::InnerVlan)]);
}

/// The first rule that a layer of a frame breaks.
fn refused(frame: &[u8]) -> Option<(Kind, Rule)> {
    Dissect::new(frame).map_while(Result::ok).find_map(|found| Some((found.kind(), found.validate().err()?.rule)))
}

/// Checks ARP-05.
#[test]
fn arp_operations_belong_to_their_ether_type_and_senders_are_no_groups() {
    let arp = |ether_type: u8, operation: u8, sender: u8| {
        let mut frame = V1.to_vec();
        (frame[12], frame[13]) = if ether_type == 6 { (0x08, 0x06) } else { (0x80, 0x35) };
        (frame[21], frame[22]) = (operation, sender);
        refused(&frame)
    };

    for operation in [1, 2, 8, 9, 25] {
        assert_eq!(arp(6, operation, 2), None);
    }
    for operation in [0, 3, 4, 7, 26, 255] {
        assert_eq!(arp(6, operation, 2), Some((Kind::Arp, Rule::Operation(operation.into()))));
    }
    assert_eq!((arp(0x35, 3, 2), arp(0x35, 7, 2)), (None, None));
    assert_eq!(arp(0x35, 1, 2), Some((Kind::Rarp, Rule::Operation(1))));
    assert!(matches!(arp(6, 1, 3), Some((Kind::Arp, Rule::SenderMac(_)))));
}

#[test]
fn link_layer_rules_hold_at_each_header() {
    let mut group = V1.to_vec();
    group[6] = 1;
    assert_eq!(refused(&group), Some((Kind::Ethernet, Rule::MulticastSource)));
    let undefined = framed(EtherType([0x05, 0xf0]), &[0; 40]);
    assert_eq!(refused(&undefined), Some((Kind::Ethernet, Rule::NotEtherType(0x05f0))));
    let reserved = framed(EtherType::VLAN, &[0x0f, 0xff, 0x90, 0]);
    assert_eq!(refused(&reserved), Some((Kind::Vlan, Rule::VlanId)));
}

#[test]
fn a_whole_message_about_groups_or_neighbors_is_refused_by_its_checksum() {
    let (mut neighbor, mut report) = (V5.to_vec(), V5.to_vec());
    neighbor[56] ^= 1;
    report[54] = mld::REPORT_V1;
    let query = [0x11, 0, 0, 0, 0, 0, 0, 0];

    assert_eq!(refused(&V5), None);
    for frame in [neighbor, report] {
        assert_eq!(refused(&frame).map(|(kind, _)| kind), Some(Kind::Icmpv6));
    }
    assert_eq!(refused(&framed(EtherType::IPV4, &ipv4(2, 0, &query))).map(|(kind, _)| kind), Some(Kind::Igmp));
    assert_eq!(refused(&framed(EtherType::IPV4, &ipv4(2, 0x2000, &query))), None);
}

/// Checks CKS-02.
#[test]
fn a_tcp_checksum_is_over_the_addresses_of_its_packet() {
    let mut segment = [0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 1, 0, 0, 0, 0, 0];
    let addresses = [Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, 2])];
    let sum = checksum::pseudo_ipv4(&addresses[0], &addresses[1], 6, 20).bytes(&segment);
    segment[16..18].copy_from_slice(&sum.checksum().to_be_bytes());
    assert_eq!(refused(&framed(EtherType::IPV4, &ipv4(6, 0, &segment))), None);

    segment[0] ^= 1;
    let refused = refused(&framed(EtherType::IPV4, &ipv4(6, 0, &segment)));
    assert!(matches!(refused, Some((Kind::Tcp, Rule::Checksum(_)))), "{refused:?}");
}

/// Checks U6-03.
#[test]
fn udp_over_ipv6_without_a_checksum_is_valid_only_to_tunnel_ports() {
    let to = |port: u16| {
        let mut frame = framed(EtherType::IPV6, &V10[..48]);
        frame[19] = 8;
        frame[56..58].copy_from_slice(&port.to_be_bytes());
        frame[58..62].copy_from_slice(&[0, 8, 0, 0]);
        refused(&frame)
    };

    assert_eq!((to(4789), to(4790), to(6081)), (None, None, None));
    assert_eq!(to(53), Some((Kind::Udp, Rule::ZeroChecksum)));
}

/// Checks GNV-02.
#[test]
fn a_critical_option_is_unknown_if_its_class_is_one_for_experiments() {
    let geneve = |class: [u8; 2], kind: u8| {
        let header = [1, 0x40, 0x65, 0x58, 0, 0, 7, 0, class[0], class[1], kind, 0];
        let length = ((20 + V1.len()) as u16).to_be_bytes();
        let udp = [0xc0, 0, 0x17, 0xc1, length[0], length[1], 0, 0];
        refused(&framed(EtherType::IPV4, &ipv4(17, 0, &[&udp[..], &header, &V1].concat())))
    };

    assert_eq!((geneve([1, 2], 0x81), geneve([0xff, 0], 0x01)), (None, None));
    let unknown = Rule::UnknownCriticalOption { class: 0xff00, kind: 0x81 };
    assert_eq!(geneve([0xff, 0], 0x81), Some((Kind::Geneve, unknown)));
}

/// Checks NVG-07.
#[test]
fn nvgre_is_gre_with_a_key_alone_around_ethernet() {
    let gre = |flags: u8, rest: &[u8]| {
        let packet = ipv4(47, 0, &[&[flags, 0, 0x65, 0x58][..], rest, &V1].concat());
        let frame = framed(EtherType::IPV4, &packet);
        let layer = Dissect::new(&frame).map(Result::unwrap).nth(2).unwrap();
        (matches!(layer.layer, Layer::Nvgre(_)), refused(&frame))
    };

    assert_eq!(gre(0x20, &[0, 0x10, 0, 9]), (true, None));
    let reserved = crate::Vni::new(0xfff).unwrap();
    assert_eq!(gre(0x20, &[0, 0x0f, 0xff, 9]), (true, Some((Kind::Gre, Rule::ReservedVsid(reserved)))));
    assert_eq!(gre(0, &[]), (false, None));
    assert_eq!(gre(0x30, &[0, 0x0f, 0xff, 9, 0, 0, 0, 1]), (false, None));
}

#[test]
fn another_vxlan_port_and_a_sir_prefix_count_where_they_are_given() {
    let mut packet = Vec::from(V9);
    packet[22..24].copy_from_slice(&8472u16.to_be_bytes());
    assert_eq!(kinds(Dissect::ip(&packet)), [Kind::Ipv4, Kind::Udp, Kind::Payload]);
    assert_eq!(kinds(Dissect::ip(&packet).vxlan_port(8472))[2], Kind::Vxlan);

    let mut packet = Vec::from(&V10[..40]);
    (packet[5], packet[6]) = (0, 59);
    packet[24..40].copy_from_slice(&[0x20, 1, 0, 0, 0, 0x87, 0, 0, 0x30, 0, 0, 0, 0, 1, 3, 0x33]);
    let sir = ila::Prefix([0x33, 0x33, 0, 0, 0, 0, 0, 1]);
    assert_eq!(kinds(Dissect::ip(&packet)), [Kind::Ipv6]);
    let found = Dissect::ip(&packet).sir_prefix(sir).map(Result::unwrap).last().unwrap();
    let Layer::Ila(ila) = found.layer else { panic!("{found:?}") };
    assert_eq!((found.offset, found.len, found.end), (24, 16, 40));
    assert_eq!(crate::Ipv6::from(ila.sir_address().unwrap()).to_string(), "3333::1:2000:0:1:87");

    packet[24..40].copy_from_slice(&VM_IP6.0); // an ordinary interface
    assert_eq!(kinds(Dissect::ip(&packet).sir_prefix(sir)), [Kind::Ipv6]);
}

#[test]
fn an_8023_length_bounds_llc_and_one_of_0_carries_none() {
    let cdp = [0, 10, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1, 2, 0xff];
    let frame = [&[2; 12][..], &cdp].concat();
    let layers: Vec<_> = Dissect::new(&frame).map(Result::unwrap).collect();
    let kinds_of: Vec<_> = layers.iter().map(|found| found.kind()).collect();
    assert_eq!(kinds_of, [Kind::Ieee8023, Kind::Llc, Kind::Snap, Kind::Payload]);
    assert!(layers.iter().all(|found| found.end == 24));

    assert_eq!(kinds(Dissect::new(&[&[2; 12][..], &[0; 48]].concat())), [Kind::Ieee8023]);
    let too_long = stop(Dissect::new(&[&[2; 12][..], &[5, 0xdc, 0xaa]].concat()));
    assert_eq!((too_long.kind, too_long.missing()), (Kind::Ieee8023, Some((1514, 15))));
    assert_eq!(stop(Dissect::new(&frame[..21]).lax()).kind, Kind::Snap);
}

/// Checks the invariants of every walk: layers lie in the frame, each after the one before, and a lax walk finds the layers of a strict
/// one.
fn check(frame: &[u8]) -> Result<(), TestCaseError> {
    let sir = ila::Prefix([0x20; 8]);
    for start in [Dissect::new, Dissect::ip] {
        let strict: Vec<_> = start(frame).sir_prefix(sir).map_while(Result::ok).collect();
        let lax: Vec<_> = start(frame).sir_prefix(sir).lax().map_while(Result::ok).collect();
        for found in strict.iter().chain(&lax) {
            prop_assert!(found.offset + found.len <= found.end && found.end <= frame.len(), "{found:?}");
            let _ = (found.validate(), found.layer.to_string());
        }
        for pair in lax.windows(2).filter(|pair| pair.iter().all(|found| found.kind() != Kind::Ila)) {
            prop_assert!(
                pair[1].offset >= pair[0].offset + pair[0].len && pair[1].end <= pair[0].end.max(pair[1].offset)
            );
        }
        prop_assert!(strict.len() <= lax.len());
        for (strict, lax) in strict.iter().zip(&lax) {
            prop_assert_eq!((strict.kind(), strict.offset, strict.len), (lax.kind(), lax.offset, lax.len));
            prop_assert!(
                strict.cut.is_none()
                    || strict.kind() != Kind::Ipv4 && strict.kind() != Kind::Ipv6
                    || strict.offset > 14
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_walked(frame: Vec<u8>) {
        check(&frame)?;
    }

    #[test]
    fn any_change_of_a_frame_is_walked(
        which in 0usize..4, changes: Vec<(prop::sample::Index, u8)>, cut: prop::sample::Index,
    ) {
        let mut frame = match which {
            0 => framed(EtherType::IPV4, &V9),
            1 => framed(EtherType::IPV6, &V10),
            2 => V5.to_vec(),
            _ => framed(EtherType::VLAN, &[&[0, 7, 0x08, 0x06][..], &V1[14..]].concat()),
        };
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        check(&frame)?;
        check(&frame[..cut.index(frame.len() + 1)])?;
    }
}
