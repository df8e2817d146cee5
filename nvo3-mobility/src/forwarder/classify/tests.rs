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
