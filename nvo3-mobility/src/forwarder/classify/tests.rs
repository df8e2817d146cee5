use super::*;
use alloc::vec::Vec;
use nvo3_wire::{Ipv4, Ipv6, arp, nd};

const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
const IP: Ipv4 = Ipv4([192, 0, 2, 1]);
const IP6: Ipv6 = Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// The frame behind this tag.
fn tagged(frame: &[u8], tag: [u8; 4]) -> Vec<u8> {
    [&frame[..12], &tag, &frame[12..]].concat()
}

fn built(write: impl FnOnce(&mut [u8]) -> Result<usize, nvo3_wire::Error>) -> Vec<u8> {
    let mut frame = alloc::vec![0; 120];
    let length = write(&mut frame).unwrap();
    frame.truncate(length);
    frame
}

/// Checks VXL-12.
#[test]
fn fourteen_bytes_are_a_frame_and_thirteen_are_not() {
    assert!(parse(&[0; 14]).is_some());
    assert!(parse(&[0; 13]).is_none());
    assert!(parse(&[0; MAX_FRAME + 1]).is_none());
}

/// Checks ARMD-13, ARMD-14.
#[test]
fn control_sees_arp_and_neighbor_discovery_of_the_vn_s_own_network_and_nothing_else() {
    let data = built(|out| {
        out[12..15].copy_from_slice(&[8, 0, 0x45]);
        Ok(60)
    });
    let frames = [
        (built(|out| arp::announcement(MAC, IP, out)), Class::Control, Class::Data),
        (built(|out| arp::rarp_request(MAC, out)), Class::Control, Class::Data),
        (built(|out| nd::announcement(MAC, IP6, nd::To::AllNodes, true, out)), Class::Control, Class::Data),
        (built(|out| arp::probe(MAC, IP, out)), Class::Probe, Class::Joining),
        (built(|out| nd::dad(MAC, IP6, None, out)), Class::Probe, Class::Joining),
        (data, Class::Data, Class::Data),
    ];

    for (frame, class, in_a_vlan) in frames {
        let seen = |frame: &[u8]| trusted(frame, &parse(frame).unwrap(), &PortPolicy::trusted()).unwrap();
        assert_eq!((seen(&frame), seen(&tagged(&frame, [0x81, 0, 0xe0, 0]))), (class, class));
        assert_eq!(seen(&tagged(&frame, [0x88, 0xa8, 0, 7])), in_a_vlan);
    }
}

#[test]
fn control_sees_whole_dhcp_to_a_server_where_addresses_are_learned_and_not_in_a_vlan() {
    let v4 = |flags: u8, ports: [u8; 4]| {
        let head = [0x45, 0, 0, 28, 0, 0, flags, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255];
        [&[0xff; 6], &MAC.0[..], &[8, 0], &head, &ports, &[0, 8, 0, 0]].concat()
    };
    let v6 = |next: u8, behind: &[u8]| {
        let head = [0x60, 0, 0, 0, 0, behind.len() as u8, next, 1];
        [&[0x33; 6], &MAC.0[..], &[0x86, 0xdd], &head, &IP6.0, &IP6.0, behind].concat()
    };
    let (mut learns, untrusted) = (PortPolicy::untrusted(), PortPolicy::untrusted());
    learns.learn_addresses = 1;
    let class = |frame: &[u8], policy: &PortPolicy| judge(frame, &parse(frame).unwrap(), policy, |_, _| true);
    let (udp, fragment) = ([2, 34, 2, 35, 0, 8, 0, 0], [17, 0, 0, 1, 0, 0, 0, 1, 2, 34, 2, 35, 0, 8, 0, 0]);

    for dhcp in [v4(0, [0, 68, 0, 67]), v6(17, &udp)] {
        assert_eq!(class(&dhcp, &learns), Ok(Class::Control));
        assert_eq!(class(&tagged(&dhcp, [0x81, 0, 0xe0, 0]), &learns), Ok(Class::Control));
        assert_eq!(class(&tagged(&dhcp, [0x81, 0, 0, 7]), &learns), Ok(Class::Data));
        assert_eq!(class(&dhcp, &untrusted), Ok(Class::Data));
    }
    let mut bound = v4(0x20, [0, 68, 0, 67]);
    bound[26..30].copy_from_slice(&IP.0);
    let others = [bound, v6(44, &fragment), v6(60, &[&[17, 0, 0, 0, 0, 0, 0, 0], &udp[..]].concat()), v6(6, &udp)];
    assert_eq!(others.map(|frame| class(&frame, &learns)), [Ok(Class::Data); 4]);
}

/// An IPv4 packet from the bound address, or from none.
fn v4_packet(source: [u8; 4], protocol: u8, fragment: [u8; 2], behind: &[u8]) -> Vec<u8> {
    let length = 20 + behind.len() as u8;
    let head = [0x45, 0, 0, length, 0, 0, fragment[0], fragment[1], 64, protocol, 0, 0];
    [&[0xff; 6], &MAC.0[..], &[8, 0], &head, &source, &[255; 4], behind].concat()
}

#[test]
fn a_dhcp_server_s_ports_count_in_udp_that_begins_in_the_frame_alone() {
    let ports = [0, 67, 0, 68, 0, 8, 0, 0];
    let class = |protocol, fragment| {
        let frame = v4_packet(IP.0, protocol, fragment, &ports);
        judge(&frame, &parse(&frame).unwrap(), &PortPolicy::untrusted(), |_, _| true)
    };

    for first in [[0, 0], [0x20, 0]] {
        assert_eq!(class(17, first), Err(DropReason::DhcpServerNotAllowed));
        assert_eq!(class(6, first), Ok(Class::Data));
    }
    assert_eq!((class(17, [0, 1]), class(6, [0, 1])), (Ok(Class::Data), Ok(Class::Data)));
}

/// Checks VMM-10-02.
#[test]
fn a_host_without_an_address_sends_whole_packets_alone() {
    let class = |protocol, fragment| {
        let frame = v4_packet([0; 4], protocol, fragment, &[0, 68, 0, 67, 0, 8, 0, 0]);
        judge(&frame, &parse(&frame).unwrap(), &PortPolicy::untrusted(), |_, _| false)
    };

    assert_eq!((class(2, [0, 0]), class(17, [0, 0])), (Ok(Class::Joining), Ok(Class::Data)));
    for part in [[0x20, 0], [0, 1], [0x20, 1]] {
        assert!(class(2, part).is_err() && class(17, part).is_err());
    }
}

/// Checks VMM-10-02.
#[test]
fn a_snap_header_behind_a_length_hides_a_protocol_and_behind_an_ether_type_is_data() {
    for (field, expected) in [([5, 0xff], Err(DropReason::HiddenProtocol)), ([6, 0], Ok(Class::Data))] {
        let frame = [&[2; 12], &field[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 6]].concat();
        let judged = judge(&frame, &parse(&frame).unwrap(), &PortPolicy::untrusted(), |_, _| true);
        assert_eq!(judged, expected, "{field:?}");
    }
}

#[test]
fn the_longest_frame_is_read_and_a_longer_one_is_not() {
    let longest = [2; MAX_FRAME + 1];
    assert!(parse(&longest[..MAX_FRAME]).is_some());
    assert!(parse(&longest).is_none());
}

/// Checks VMM-10-02.
#[test]
fn a_payload_of_an_unknown_version_is_no_packet_and_claims_nothing() {
    for ether_type in [[8, 0], [0x86, 0xdd]] {
        for version in 0..16 {
            let frame = [&[2; 12], &ether_type[..], &[version << 4]].concat();
            let packet = [4, 6].contains(&version);

            let judged = judge(&frame, &parse(&frame).unwrap(), &PortPolicy::untrusted(), |_, _| true);

            assert_eq!(judged, if packet { Err(DropReason::BadHeaders) } else { Ok(Class::Data) });
        }
    }
}
