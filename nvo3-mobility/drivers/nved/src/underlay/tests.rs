use super::*;
use nvo3_wire::Mac;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const VN: u32 = 77;

fn loopback(last: u8) -> Locators {
    Locators::V4(Ipv4Addr::new(127, 0, 77, last))
}

/// Ethernet, IPv4 and UDP of some length, with a mark in its payload.
fn frame(length: usize, ecn: Ecn, mark: u8) -> Vec<u8> {
    let mut frame = vec![mark; length];
    frame[..6].copy_from_slice(&Mac([2, 0, 0, 0, 0, 2]).0);
    frame[6..12].copy_from_slice(&Mac([2, 0, 0, 0, 0, 1]).0);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14..34].copy_from_slice(&[0x45, ecn as u8, 0, 86, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    let sum = frame[14..34].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let sum = (sum >> 16) + (sum & 0xffff);
    frame[34..38].copy_from_slice(&[0x30, 0x39, 0x30, 0x3a]);
    frame[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    frame
}

fn received(underlay: &mut Underlay, wanted: usize) -> Vec<(IpAddr, u32, Vec<u8>)> {
    let (mut datagrams, mut counters) = (Datagrams::new(), UnderlayCounters::default());
    let mut all = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    while all.len() < wanted && Instant::now() < end {
        underlay.receive(0, &mut datagrams).unwrap();
        for (from, ecn, datagram) in datagrams.iter_mut() {
            let (vn, frame) = decapsulate(datagram, ecn, &mut counters).unwrap();
            all.push((from, vn.get(), frame.to_vec()));
        }
    }
    assert_eq!(counters, UnderlayCounters::default());
    all
}

/// Checks VXL-01, VXL-04, TUN-01.
#[test]
fn frames_of_any_length_arrive_whole_in_order_and_with_their_ecn() {
    let port = 14_789;
    let (mut here, mut there) =
        (Underlay::open(&loopback(1), port).unwrap(), Underlay::open(&loopback(2), port).unwrap());
    let (vn, mut counters) = (Vni::new(VN).unwrap(), UnderlayCounters::default());
    let lengths = [100, 100, 100, 60, 100, 1_400, 1_400, 90, 1_400, 1_400, 1_400, 1_399, 60, 9_000, 9_000];
    let sent: Vec<Vec<u8>> = (0..4)
        .flat_map(|round| lengths.iter().enumerate().map(move |(n, length)| (round, n, *length)))
        .map(|(round, n, length)| frame(length, [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce][round], n as u8))
        .collect();

    for frame in &sent {
        here.put(IpAddr::from([127, 0, 77, 2]), vn, frame, &mut counters);
    }
    here.send(&mut counters);

    let arrived = received(&mut there, sent.len());
    assert_eq!(counters, UnderlayCounters::default());
    assert!(arrived.iter().all(|(from, vn, _)| (*from, *vn) == (IpAddr::from([127, 0, 77, 1]), VN)));
    assert!(arrived.iter().map(|(.., frame)| frame).eq(&sent), "one flow keeps its order");
}

/// Checks TUN-02.
#[test]
fn congestion_on_the_way_is_told_to_those_who_understand_it() {
    let mut counters = UnderlayCounters::default();
    let payload = |frame: Vec<u8>| [&[8, 0, 0, 0, 0, 0, 77, 0][..], &frame].concat();

    let mut capable = payload(frame(90, Ecn::Ect0, 1));
    let (_, inner) = decapsulate(&mut capable, Ecn::Ce, &mut counters).unwrap();
    assert_eq!(inner, frame(90, Ecn::Ce, 1), "its checksum follows");

    assert!(decapsulate(&mut payload(frame(90, Ecn::NotEct, 1)), Ecn::Ce, &mut counters).is_none());
    assert!(decapsulate(&mut [0; 7], Ecn::NotEct, &mut counters).is_none());
    assert!(decapsulate(&mut [0; 40], Ecn::NotEct, &mut counters).is_none(), "the I flag is not set");
    assert_eq!(
        counters,
        UnderlayCounters { malformed: 2, not_ect_congested: 1, ecn_alarms: 1, ..UnderlayCounters::default() }
    );
}

/// Checks VMM-5-13.
#[test]
fn a_frame_sent_on_tells_in_both_headers_of_the_congestion_that_it_met_and_lives_as_long() {
    let port = 14_791;
    let (mut here, mut there) =
        (Underlay::open(&loopback(4), port).unwrap(), Underlay::open(&loopback(5), port).unwrap());
    let mut counters = UnderlayCounters::default();
    let mut met = [&[8, 0, 0, 0, 0, 0, VN as u8, 0][..], &frame(90, Ecn::Ect0, 1)].concat();

    let (vn, inner) = decapsulate(&mut met, Ecn::Ce, &mut counters).unwrap();
    here.put(IpAddr::from([127, 0, 77, 5]), vn, inner, &mut counters);
    here.send(&mut counters);

    let mut datagrams = Datagrams::new();
    let end = Instant::now() + Duration::from_secs(5);
    let mut arrived = None;
    while arrived.is_none() && Instant::now() < end {
        there.receive(0, &mut datagrams).unwrap();
        arrived = datagrams.iter_mut().next().map(|(_, outer, datagram)| (outer, datagram[8..].to_vec()));
    }
    // With its time to live and all else of it.
    assert_eq!(arrived, Some((Ecn::Ce, frame(90, Ecn::Ce, 1))));
}

#[test]
fn what_cannot_be_sent_is_counted() {
    let mut here = Underlay::open(&loopback(3), 14_790).unwrap();
    let (vn, mut counters) = (Vni::new(VN).unwrap(), UnderlayCounters::default());

    here.put("2001:db8::1".parse().unwrap(), vn, &frame(60, Ecn::NotEct, 0), &mut counters);
    here.put("255.255.255.255".parse().unwrap(), vn, &frame(60, Ecn::NotEct, 0), &mut counters);
    here.send(&mut counters);

    assert_eq!(counters, UnderlayCounters { no_family: 1, refused: 1, ..UnderlayCounters::default() });
}

#[test]
fn an_error_names_the_locator_and_the_port() {
    let _first = Underlay::open(&loopback(6), 14_792).unwrap();

    let error = Underlay::open(&loopback(6), 14_792).err().unwrap();

    assert_eq!(error.to_string(), "locator 127.0.77.6, UDP 14792: Address already in use (os error 98)");
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::AddrInUse);
}
