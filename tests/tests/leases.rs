//! Addresses that a TSI asks for or gives up by DHCP, at a port whose policy lets it learn.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::fairness::Limit;
use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, NveId, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_tests::frames::{dhcp, dhcpv6};
use nvo3_wire::{Mac, arp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PORT: VapId = VapId(1);
const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const RELEASE: u8 = 7;

fn ip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, n)
}

fn ip6(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n)
}

/// The policy of a port whose stations may learn so many addresses.
fn learning(addresses: u32) -> PortPolicy {
    let mut policy = PortPolicy::untrusted();
    policy.learn_addresses = addresses;
    policy
}

fn attach(world: &mut Direct, edge: usize, policy: PortPolicy) {
    let tsis = vec![Tsi { ips: Vec::new(), ..tsi(1) }];
    world.tell(edge, nve::Input::Attach { vap: PORT, vn: tsi(1).key.vn, tsis, policy });
}

/// TSI 1 with its MAC alone at edge 1, at a port with this policy; TSI 2 at edge 2.
fn world(policy: PortPolicy) -> Direct {
    let mut world = Direct::new(3);
    attach(&mut world, 0, policy);
    world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
    world.start(1, 1, tsi(2));
    world
}

/// A tenant sends a frame. [`Verdict::Punt`]: control took it.
fn sends(world: &mut Direct, edge: usize, frame: &[u8]) -> Verdict {
    let (now, at) = (world.now, &mut world.edges[edge]);
    let mut verdict = at.forwarder.vap_frame(now, PORT, frame);
    if verdict == Verdict::Punt && at.nve_mut().handle_frame(now, PORT, frame) == Handled::Pass {
        verdict = at.forwarder.vap_frame_passed(now, PORT, frame);
    }
    world.settle();
    verdict
}

/// TSI 1 asks for an address, as a client without one does.
fn asks(world: &mut Direct, edge: usize, address: u8) -> Verdict {
    sends(world, edge, &dhcp(tsi(1).key.mac, REQUEST, NONE, Some(ip(address))))
}

fn addresses(world: &Direct) -> Vec<IpAddr> {
    world.nva.book().ips(&tsi(1).key).to_vec()
}

/// TSI 2 asks who has an address. True if its edge answers for TSI 1.
fn is_found(world: &mut Direct, address: u8) -> bool {
    let mut frame = [0; arp::FRAME_LEN];
    arp::request((tsi(2).key.mac, ip(2).into()), ip(address).into(), &mut frame).unwrap();
    world.edges[1].said.clear();
    let _ = sends(world, 1, &frame);
    world.edges[1].said.iter().any(|(_, answer)| answer[6..12] == tsi(1).key.mac.0)
}

/// Checks VMM-10-02.
#[test]
fn a_tsi_that_asks_for_an_address_by_dhcp_has_it_and_its_request_is_forwarded_once() {
    let mut world = world(learning(1));
    assert_eq!(sends(&mut world, 0, &dhcp(tsi(1).key.mac, DISCOVER, NONE, Some(ip(12)))), Verdict::Replicate);
    assert_eq!(addresses(&world), [] as [IpAddr; 0], "a discover asks for nothing");

    assert_eq!(asks(&mut world, 0, 11), Verdict::Replicate);

    assert_eq!(addresses(&world), [ip(11)]);
    assert!(is_found(&mut world, 11));
    let edge = &world.edges[0];
    assert_eq!((edge.nve().counters().learned_addresses, edge.nve().counters().limited_announcements), (1, 0));
    assert_eq!((edge.forwarder.counters().punted_frames, edge.forwarder.counters().replicated_frames), (2, 2));
}

/// Checks VMM-4.4-01.
#[test]
fn an_address_that_was_asked_for_moves_with_its_tsi() {
    let mut world = world(learning(1));
    let _ = asks(&mut world, 0, 11);
    let (key, id) = (tsi(1).key, MoveId(1));

    attach(&mut world, 2, learning(1));
    world.plan(id.0, vec![key], 3);
    world.tell(0, nve::Input::Suspend { key, move_id: id, stopped_at: None });
    world.tell(2, nve::Input::Activate { key, move_id: Some(id) });

    let registration = world.nva.book().get(&key).unwrap();
    assert_eq!((registration.nve(), registration.ips()), (NveId(3), &[IpAddr::V4(ip(11))][..]));
    assert_eq!(sends(&mut world, 2, &dhcp(key.mac, REQUEST, ip(11), None)), Verdict::Replicate, "it renews");
    assert_eq!(addresses(&world), [ip(11)]);
    assert!(is_found(&mut world, 11));
}

#[test]
fn a_request_for_an_address_of_another_tsi_teaches_nothing() {
    let mut world = world(learning(1));

    assert_eq!(asks(&mut world, 0, 2), Verdict::Replicate);

    assert_eq!((addresses(&world), world.nva.book().ips(&tsi(2).key)), (vec![], &[IpAddr::V4(ip(2))][..]));
    world.run(Micros::from_secs(2));
    let mut probe = [0; arp::FRAME_LEN];
    arp::probe(tsi(1).key.mac, ip(2).into(), &mut probe).unwrap();
    let _ = sends(&mut world, 0, &probe);
    world.run(Micros::from_secs(2));
    let before = world.edges[0].nve().counters().learned_addresses;
    let _ = asks(&mut world, 0, 2);
    assert_eq!(
        world.edges[0].nve().counters().learned_addresses,
        before,
        "once it is known here, the NVA is not asked"
    );
    let _ = asks(&mut world, 0, 11);
    assert_eq!(addresses(&world), [ip(11)]);
}

#[test]
fn only_addresses_of_the_prefixes_of_its_port_are_learned_by_dhcp() {
    let mut policy = learning(2);
    policy.learn_within = vec!["192.0.2.8/29".parse().unwrap()];
    let mut world = world(policy);

    assert_eq!([16, 15].map(|n| asks(&mut world, 0, n)), [Verdict::Replicate; 2]);

    assert_eq!(addresses(&world), [ip(15)]);
}

#[test]
fn dhcp_teaches_nothing_at_a_port_that_learns_nothing_and_does_not_reach_control() {
    let mut world = Direct::new(2);
    world.start(0, PORT.0, tsi(1));
    world.start(1, PORT.0, tsi(2));

    assert_eq!(asks(&mut world, 0, 11), Verdict::Replicate);

    assert_eq!((addresses(&world), world.edges[0].forwarder.counters().punted_frames), (vec![ip(1).into()], 0));
    // A data plane of one's own may give it to control all the same.
    let frame = dhcp(tsi(1).key.mac, REQUEST, NONE, Some(ip(11)));
    assert_eq!(world.edges[0].nve_mut().handle_frame(world.now, PORT, &frame), Handled::Pass);
    world.settle();
    assert_eq!(addresses(&world), [ip(1)]);
}

#[test]
fn an_address_ends_when_its_client_releases_or_declines_it() {
    let mac = tsi(1).key.mac;
    for last in [dhcp(mac, RELEASE, ip(11), None), dhcp(mac, DECLINE, NONE, Some(ip(11)))] {
        let mut world = world(learning(2));
        let _ = (asks(&mut world, 0, 11), asks(&mut world, 0, 12));
        assert_eq!(addresses(&world), [ip(11), ip(12)]);

        assert_eq!(sends(&mut world, 0, &last), Verdict::Replicate);

        assert_eq!(addresses(&world), [ip(12)]);
        assert!(!is_found(&mut world, 11));
        let _ = asks(&mut world, 0, 11);
        assert_eq!(addresses(&world), [ip(12), ip(11)], "it asks again");
    }
}

#[test]
fn an_address_that_is_bound_by_its_hypervisor_does_not_end_by_dhcp() {
    let mut world = world(learning(2));
    world.tell(0, nve::Input::Attach { vap: PORT, vn: tsi(1).key.vn, tsis: vec![tsi(1)], policy: learning(2) });

    let _ = sends(&mut world, 0, &dhcp(tsi(1).key.mac, RELEASE, ip(1), None));

    assert_eq!(addresses(&world), [ip(1)]);
}

/// A client that was refused its old address (INIT-REBOOT), or got another one later.
#[test]
fn the_request_for_another_address_ends_the_one_before_if_there_is_no_room_for_both() {
    let mut world = world(learning(1));
    let _ = asks(&mut world, 0, 11);

    let _ = asks(&mut world, 0, 12);

    assert_eq!((addresses(&world), world.edges[0].nve().counters().shed_addresses), (vec![ip(12).into()], 0));
    assert!(is_found(&mut world, 12) && !is_found(&mut world, 11));
    let mut announcement = [0; arp::FRAME_LEN];
    arp::announcement(tsi(1).key.mac, ip(12).into(), &mut announcement).unwrap();
    assert_eq!(sends(&mut world, 0, &announcement), Verdict::Replicate);
    arp::announcement(tsi(1).key.mac, ip(13).into(), &mut announcement).unwrap();
    assert_eq!(sends(&mut world, 0, &announcement), Verdict::Punt, "ARP ends nothing");
    assert_eq!(addresses(&world), [ip(12)]);
}

#[test]
fn a_message_about_another_mac_or_in_a_wrapping_teaches_nothing_and_passes_as_before() {
    let request = dhcp(tsi(1).key.mac, REQUEST, NONE, Some(ip(11)));
    let mut of_another = request.clone();
    of_another[42 + 28 + 5] = 9;
    let mut in_reply = request.clone();
    in_reply[42] = 2;
    let mut without_cookie = request.clone();
    without_cookie[42 + 236] = 0;
    let twice = dhcp(tsi(1).key.mac, REQUEST, ip(11), Some(ip(11)));
    let tagged = [&request[..12], &[0x81, 0, 0, 7], &request[12..]].concat();
    let cut = request[..request.len() - 1].to_vec();
    let mut first_fragment = request.clone();
    first_fragment[20] |= 0x20;
    let passes = [of_another, in_reply, without_cookie, tagged, cut];
    let dropped = [twice, first_fragment];

    for (frame, verdict) in passes.iter().map(|frame| (frame, true)).chain(dropped.iter().map(|frame| (frame, false))) {
        let mut world = world(learning(2));
        assert_eq!(sends(&mut world, 0, frame) == Verdict::Replicate, verdict, "{frame:02x?}");
        assert_eq!(addresses(&world), [] as [IpAddr; 0], "{frame:02x?}");
    }
    let mut world_of_fragments = world(learning(2));
    let _ = asks(&mut world_of_fragments, 0, 11);
    let mut release = dhcp(tsi(1).key.mac, RELEASE, ip(11), None);
    release[20] |= 0x20;
    assert_eq!(sends(&mut world_of_fragments, 0, &release), Verdict::Replicate);
    let handled = world_of_fragments.edges[0].nve_mut().handle_frame(world_of_fragments.now, PORT, &release);
    world_of_fragments.settle();
    assert_eq!((handled, addresses(&world_of_fragments)), (Handled::Pass, vec![ip(11).into()]));
    let mut with_priority = world(learning(2));
    let frame = [&request[..12], &[0x81, 0, 0xe0, 0], &request[12..]].concat();
    let _ = sends(&mut with_priority, 0, &frame);
    assert_eq!(addresses(&with_priority), [ip(11)], "a priority is no VLAN");
}

/// Checks VMM-10-02.
#[test]
fn nobody_ends_an_address_of_another_tsi() {
    let mut world = world(learning(1));
    let _ = asks(&mut world, 0, 11);
    let (trusted, mac) = (VapId(9), tsi(1).key.mac);
    let mut policy = PortPolicy::trusted();
    policy.learn_addresses = 1;
    world.tell(0, nve::Input::Attach { vap: trusted, vn: tsi(1).key.vn, tsis: vec![tsi(3)], policy });

    for frame in [dhcp(mac, RELEASE, ip(11), None), dhcp(mac, REQUEST, NONE, Some(ip(12)))] {
        assert_eq!(world.edges[0].nve_mut().handle_frame(world.now, trusted, &frame), Handled::Pass);
        world.settle();
    }

    assert_eq!(addresses(&world), [ip(11)]);
}

#[test]
fn a_flood_of_requests_is_limited_and_told() {
    let mut world = world(learning(1));

    let verdicts: Vec<_> = (0..300).map(|n| asks(&mut world, 0, 11 + (n % 2) as u8)).collect();

    let passed = verdicts.iter().filter(|verdict| **verdict != Verdict::Punt).count();
    let edge = &world.edges[0];
    assert_eq!((passed, edge.nve().counters().limited_announcements), (200, 100), "NveConfig.announcements");
    let limited = |event: &&nve::Event| matches!(event, nve::Event::Limited { what: Limit::Announcements, .. });
    assert_eq!(edge.events.iter().filter(limited).count(), 1);
}

/// A client that changes its mind all the time changes the directory no more than once in an interval.
#[test]
fn an_address_ends_by_dhcp_once_in_a_claim_interval() {
    let release = |n: u8| dhcp(tsi(1).key.mac, RELEASE, ip(n), None);
    for releases in [false, true] {
        let mut world = world(learning(1));
        let before = world.records.len();

        for n in 0..500 {
            let address = 11 + (n % 2) as u8;
            let _ = asks(&mut world, 0, address);
            if releases {
                let _ = sends(&mut world, 0, &release(address));
            }
            world.run(Micros(20_000));
        }

        let (changes, counters) = (world.records.len() - before, world.edges[0].nve().counters());
        assert!((10..=35).contains(&changes), "{changes} in 10 s");
        assert!(counters.limited_leases > 200, "{}", counters.limited_leases);
    }
}

#[test]
fn the_addresses_of_a_dhcpv6_client_are_learned_and_end() {
    let (mac, two) = (tsi(1).key.mac, [ip6(5), ip6(6)]);
    let has = |world: &Direct| addresses(world).len();
    for (kind, name) in [(3, "request"), (4, "confirm"), (5, "renew"), (6, "rebind")] {
        let mut world = world(learning(2));
        assert_eq!(sends(&mut world, 0, &dhcpv6(mac, 1, &two)), Verdict::Replicate);
        assert_eq!(has(&world), 0, "a solicit asks for nothing");

        assert_eq!(sends(&mut world, 0, &dhcpv6(mac, kind, &two)), Verdict::Replicate);

        assert_eq!(addresses(&world), two, "{name}");
        for (kind, left) in [(9, 1), (8, 0)] {
            let _ = sends(&mut world, 0, &dhcpv6(mac, kind, &two[left..=left]));
            assert_eq!(has(&world), left, "{name}");
        }
    }
}

#[test]
fn a_dhcpv6_message_with_very_many_addresses_costs_no_more_than_one_with_a_few() {
    let mut world = world(learning(64));
    let many: Vec<Ipv6Addr> = (1..=2_000).map(ip6).collect();

    assert_eq!(sends(&mut world, 0, &dhcpv6(tsi(1).key.mac, 3, &many)), Verdict::Replicate);

    assert_eq!((addresses(&world).len(), world.edges[0].nve().counters().shed_addresses), (16, 0));
}

/// Behind a bridge, a station is known by its first message.
#[test]
fn a_tsi_behind_a_bridge_and_its_address_are_learned_by_its_request() {
    let mut world = Direct::new(1);
    let mut policy = PortPolicy::trusted();
    (policy.learn_macs, policy.learn_addresses) = (1, 1);
    world.tell(0, nve::Input::Attach { vap: PORT, vn: tsi(1).key.vn, tsis: vec![tsi(1)], policy });
    let behind: Mac = tsi(21).key.mac;

    let _ = sends(&mut world, 0, &dhcp(behind, REQUEST, NONE, Some(ip(121))));

    assert_eq!(world.nva.book().ips(&tsi(21).key), [ip(121)]);
}
