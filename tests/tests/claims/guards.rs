//! No station configures the others unless the policy of its port allows it: routers and DHCP servers.

use super::*;
use DropReason::{AddressNotAllowed, DhcpServerNotAllowed, RouterNotAllowed};

/// A Router Advertisement from the link-local address of TSI `from`, whose option says that `link` has that address.
fn advertisement(from: u8, link: u8) -> Vec<u8> {
    let body = [&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &mac(link).0].concat();
    with_checksum(packet(from, Ipv6::link_local(mac(from)), 58, &body))
}

/// A Redirect of TSI 1 to the router `target`, which has the MAC of TSI `link`.
fn redirect(target: Ipv6, link: u8) -> Vec<u8> {
    let body = [&[137, 0, 0, 0, 0, 0, 0, 0][..], &target.0, &v6(9).0, &[2, 1], &mac(link).0].concat();
    with_checksum(packet(1, Ipv6::link_local(mac(1)), 58, &body))
}

fn with_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    wrapped::set_checksum(&mut frame);
    frame
}

fn udp6(ports: [u8; 4]) -> Vec<u8> {
    packet(1, v6(1), 17, &[&ports[..], &[0, 12, 0, 0, 7, 0, 0, 0]].concat())
}

/// The frame, in each wrapping that can be judged.
fn wrapped_in_all(frame: &[u8]) -> Vec<Vec<u8>> {
    let v6 = frame[12..14] == [0x86, 0xdd];
    let mut frames = vec![frame.to_vec()];
    if v6 {
        frames.extend([&[60][..], &[0, 60], &[43, 51]].map(|kinds| wrapped::with_headers(frame, kinds)));
    } else {
        // IPv4 options.
        let mut options = [&frame[..34], &[1; 4], &frame[34..]].concat();
        options[14] = 0x46;
        frames.push(options);
    }
    let tags = [[0x81, 0, 0xe0, 0], [0x88, 0xa8, 0, 7]];
    let with_tag: Vec<_> = frames.iter().flat_map(|frame| tags.map(|tag| tagged(frame, tag))).collect();
    frames.into_iter().chain(with_tag).collect()
}

/// [`world`], where port 1 has this policy.
fn world_with(policy: PortPolicy) -> Direct {
    let mut world = world();
    world.tell(0, nve::Input::Attach { vap: PORT, vn: tsi(1).key.vn, tsis: vec![station(1)], policy });
    world
}

fn policy(trusted: bool, router_advertisements: bool, dhcp_server: bool) -> PortPolicy {
    let mut policy = if trusted { PortPolicy::trusted() } else { PortPolicy::untrusted() };
    policy.router_advertisements = router_advertisements;
    policy.dhcp_server = dhcp_server;
    policy
}

/// The first fragment of an IPv4 datagram.
fn first_fragment(ports: [u8; 4]) -> Vec<u8> {
    let mut frame = datagram(1, v4(1), 17, ports);
    frame[20] = 0x20;
    frame
}

/// Checks VMM-10-02.
#[test]
fn what_configures_other_stations_leaves_a_port_only_if_its_policy_allows_it() {
    #[rustfmt::skip]
    let table = [
        (advertisement(1, 1),                             RouterNotAllowed),
        (redirect(Ipv6::link_local(mac(1)), 1),           RouterNotAllowed),
        (datagram(1, v4(1), 17, [0, 67, 0, 68]),          DhcpServerNotAllowed),
        (datagram(1, v4(1), 17, [0, 67, 0, 67]),          DhcpServerNotAllowed),
        (datagram(1, v4(1), 17, [9, 9, 0, 68]),           DhcpServerNotAllowed),
        (first_fragment([0, 67, 0, 68]),                  DhcpServerNotAllowed),
        (udp6([2, 35, 2, 34]),                            DhcpServerNotAllowed),
        (udp6([2, 35, 2, 35]),                            DhcpServerNotAllowed),
        (udp6([9, 9, 2, 34]),                             DhcpServerNotAllowed),
    ];

    for (frame, reason) in table {
        let all = wrapped_in_all(&frame);
        for trusted in [false, true] {
            for (router, dhcp) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut world = world_with(policy(trusted, router, dhcp));
                let allowed = if reason == RouterNotAllowed { router } else { dhcp };

                let verdicts: Vec<Verdict> = all.iter().map(|frame| sends(&mut world, PORT, frame)).collect();

                let expected = if allowed { Verdict::Replicate } else { Verdict::Drop(reason) };
                assert_eq!(verdicts, vec![expected; all.len()], "{trusted} {router} {dhcp}: {frame:02x?}");
                let counted = world.edges[0].forwarder.counters().dropped_frames(reason);
                assert_eq!(counted, if allowed { 0 } else { all.len() as u64 });
            }
        }
    }
}

#[test]
fn a_dhcp_fragment_in_an_ipv6_packet_is_judged_and_its_rest_is_not() {
    let mut first = wrapped::with_headers(&udp6([2, 35, 2, 34]), &[44]);
    first[57] = 1;
    let mut rest = first.clone();
    rest[56..58].copy_from_slice(&[0, 16]);

    for (frame, verdict) in [(first, Verdict::Drop(DhcpServerNotAllowed)), (rest, Verdict::Replicate)] {
        assert_eq!(sends(&mut world(), PORT, &frame), verdict);
    }
}

/// Checks VMM-10-02.
#[test]
fn a_router_that_may_advertise_claims_only_its_own_addresses() {
    let own = Ipv6::link_local(mac(1));
    let mut as_another = advertisement(2, 2);
    as_another[6..12].copy_from_slice(&mac(1).0);
    let lies = [advertisement(1, 2), as_another, redirect(v6(2), 1), redirect(own, 2)];
    let mut world = world_with(policy(false, true, false));

    for lie in lies {
        assert_eq!(sends(&mut world, PORT, &lie), Verdict::Drop(AddressNotAllowed), "{lie:02x?}");
    }
    let mut cut = advertisement(1, 1);
    cut.truncate(60);
    cut[18..20].copy_from_slice(&[0, 6]);
    assert_eq!(sends(&mut world, PORT, &cut), Verdict::Drop(DropReason::BadHeaders));
}

#[test]
fn a_station_without_a_policy_of_its_own_asks_a_router_and_a_dhcp_server() {
    let asks = [
        datagram(1, Ipv4::UNSPECIFIED, 17, [0, 68, 0, 67]),
        datagram(1, v4(1), 17, [0, 68, 0, 67]),
        packet(1, Ipv6::link_local(mac(1)), 17, &[2, 34, 2, 35, 0, 8, 0, 0]),
        packet(1, Ipv6::UNSPECIFIED, 58, &[133, 0, 0, 0, 0, 0, 0, 0]),
    ];

    for frame in asks {
        assert_eq!(sends(&mut world(), PORT, &frame), Verdict::Replicate, "{frame:02x?}");
    }
}
