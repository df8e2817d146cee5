//! Nobody says of itself what is not bound to its port, in whatever wrapping, and no frame takes a VM or an address away.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::forwarder::{DropReason, Entrance, Target, Verdict};
use nvo3_mobility::nve::{self, Event, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::{Ipv4, Ipv6, Mac, arp, nd};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod guards;
mod lies;
mod strangers;
mod wrapped;

const PORT: VapId = VapId(1);
const OTHER_PORT: VapId = VapId(2);

const fn v4(n: u8) -> Ipv4 {
    Ipv4([192, 0, 2, n])
}

const fn v6(n: u8) -> Ipv6 {
    Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

fn mac(n: u8) -> Mac {
    tsi(n).key.mac
}

/// TSI `n`, with an address of each family.
fn station(n: u8) -> Tsi {
    let mut station = tsi(n);
    station.ips.push(v6(n).addr().into());
    station
}

/// TSI 1 runs at edge 0 and TSI 2 at edge 1. At edge 0, TSI 3 is attached to the other port and does not run.
fn world() -> Direct {
    let mut world = Direct::new(2);
    world.start(0, PORT.0, station(1));
    world.start(1, PORT.0, station(2));
    world.attach(0, OTHER_PORT.0, vec![station(3)]);
    world
}

/// A tenant sends a frame at a port of edge 0. [`Verdict::Punt`]: control took it.
fn sends(world: &mut Direct, vap: VapId, frame: &[u8]) -> Verdict {
    sends_at(world, 0, vap, frame)
}

fn sends_at(world: &mut Direct, edge: usize, vap: VapId, frame: &[u8]) -> Verdict {
    let (now, at) = (world.now, &mut world.edges[edge]);
    let mut verdict = at.forwarder.vap_frame(now, vap, frame);
    if verdict == Verdict::Punt && at.nve_mut().handle_frame(now, vap, frame) == Handled::Pass {
        verdict = at.forwarder.vap_frame_passed(now, vap, frame);
    }
    world.settle();
    verdict
}

fn place_of(world: &Direct, key: &TsiKey) -> Option<u64> {
    world.nva.lookup(key)?.place.map(|place| place.nve.0)
}

fn built<E: std::fmt::Debug>(write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut frame = vec![0; 120];
    let length = write(&mut frame).unwrap();
    frame.truncate(length);
    frame
}

fn request(from: u8, ip: u8, target: u8) -> Vec<u8> {
    built(|out| arp::request((mac(from), v4(ip)), v4(target), out))
}

fn tagged(frame: &[u8], tag: [u8; 4]) -> Vec<u8> {
    [&frame[..12], &tag, &frame[12..]].concat()
}

fn to(destination: Mac, mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].copy_from_slice(&destination.0);
    frame
}

/// An IPv4 packet of a TSI to everyone.
fn datagram(from: u8, source: Ipv4, protocol: u8, ports: [u8; 4]) -> Vec<u8> {
    let head = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0];
    [&[0xff; 6], &mac(from).0[..], &[8, 0], &head, &source.0, &[255; 4], &ports, &[0, 8, 0, 0]].concat()
}

/// An IPv6 packet of a TSI to all nodes.
fn packet(from: u8, source: Ipv6, next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let all = Ipv6::ALL_NODES;
    let head = [&all.multicast_mac().0[..], &mac(from).0, &[0x86, 0xdd, 0x60, 0, 0, 0], &length, &[next, 255]];
    [&head.concat()[..], &source.0, &all.0, payload].concat()
}

// ---- tags

/// Checks VMM-10-02.
#[test]
fn control_leaves_the_vlans_of_a_tenant_alone_and_claims_are_judged_there_too() {
    let mut world = world();
    let vlan = |frame: &[u8]| tagged(frame, [0x81, 0, 0, 7]);

    let question = sends(&mut world, PORT, &vlan(&request(1, 1, 2)));
    let lie = sends(&mut world, PORT, &vlan(&request(1, 2, 9)));
    let probe = sends(&mut world, PORT, &vlan(&built(|out| arp::probe(mac(1), v4(2), out))));
    let announcement = vlan(&built(|out| arp::announcement(mac(3), v4(3), out)));
    let twice = sends(&mut world, PORT, &vlan(&vlan(&request(1, 1, 2))));

    assert_eq!((question, lie, probe), (Verdict::Replicate, Verdict::Punt, Verdict::Punt));
    assert_eq!(twice, Verdict::Drop(DropReason::TooManyTags));
    assert_eq!(world.edges[0].nve_mut().handle_frame(world.now, OTHER_PORT, &announcement), Handled::Pass);
    world.settle();
    assert_eq!((place_of(&world, &tsi(3).key), world.edges[0].nve().counters().spoofed), (None, 2));
    assert_eq!(world.edges[0].said, [], "the NVA has no directory of that VLAN");
}

#[test]
fn a_trusted_port_s_vlans_are_left_alone_too() {
    let mut world = world();
    let trusted = VapId(9);
    let tsis = vec![station(5)];
    world.tell(0, nve::Input::Attach { vap: trusted, vn: tsis[0].key.vn, tsis, policy: PortPolicy::trusted() });
    world.tell(0, nve::Input::Activate { key: tsi(5).key, move_id: None });

    for tags in 1..3 {
        let frame = (0..tags).fold(request(5, 77, 2), |frame, _| tagged(&frame, [0x88, 0xa8, 0, 7]));

        assert_eq!(sends(&mut world, trusted, &frame), Verdict::Replicate);
    }
    assert_eq!(world.edges[0].said, []);
}

/// Checks PXY-07, PXY-08.
#[test]
fn an_answer_has_the_priority_tag_of_its_question() {
    let ns = nd::Solicit::resolve(mac(1), v6(1), v6(2));
    let questions = [request(1, 1, 2), built(|out| nd::solicitation(&ns, out))];
    for (question, known) in questions.iter().flat_map(|question| [(question, false), (question, true)]) {
        let mut world = world();
        if known {
            let _ = sends(&mut world, PORT, question);
            world.edges[0].said.clear();
        }
        let tag = [0x81, 0, 0xa0, 0];

        assert_eq!(sends(&mut world, PORT, &tagged(question, tag)), Verdict::Punt);

        let [(PORT, answer)] = &world.edges[0].said[..] else { panic!("{:?}", world.edges[0].said) };
        assert_eq!((&answer[..6], &answer[6..12], &answer[12..16]), (&mac(1).0[..], &mac(2).0[..], &tag[..]));
        assert_eq!(answer[16..18], question[12..14]);
    }
}

// ---- what an untrusted port may say

/// Checks VMM-10-02.
#[test]
fn a_source_address_that_is_not_bound_is_dropped_and_counted() {
    let own = Ipv6::link_local(mac(1));
    let (none4, none6) = (Ipv4::UNSPECIFIED, Ipv6::UNSPECIFIED);
    let (dhcp, other) = ([0, 68, 0, 67], [0, 68, 0, 69]);
    let listener = |kind| [kind, 0, 0, 0, 0, 0, 0, 0];
    let home = |ip: Ipv6| [&[6, 2, 1, 2, 0, 0, 0xc9, 16][..], &ip.0, &[0; 20]].concat();
    #[rustfmt::skip]
    let table = [
        ("its IPv4 address",               datagram(1, v4(1), 17, other),                   true),
        ("another's IPv4 address",         datagram(1, v4(2), 17, other),                   false),
        ("0.0.0.0 to a DHCP server",       datagram(1, none4, 17, dhcp),                    true),
        ("0.0.0.0 in IGMP",                datagram(1, none4, 2, other),                    true),
        ("0.0.0.0 to another UDP port",    datagram(1, none4, 17, other),                   false),
        ("a group's IPv4 address",         datagram(1, Ipv4([224, 0, 0, 1]), 17, other),    false),
        ("its IPv6 address",               packet(1, v6(1), 17, &[0; 8]),                   true),
        ("another's IPv6 address",         packet(1, v6(2), 17, &[0; 8]),                   false),
        ("the link-local of its MAC",      packet(1, own, 17, &[0; 8]),                     true),
        ("another's link-local",           packet(1, Ipv6::link_local(mac(2)), 17, &[0; 8]), false),
        ("an unknown next header",         packet(1, v6(1), 253, &[0; 8]),                  true),
        ("that of another",                packet(1, v6(2), 253, &[0; 8]),                  false),
        (":: in UDP",                      packet(1, none6, 17, &[0; 8]),                   false),
        (":: in an MLD report",            packet(1, none6, 58, &listener(143)),            true),
        (":: in an MLD query",             packet(1, none6, 58, &listener(130)),            false),
        (":: in a router solicitation",    packet(1, none6, 58, &listener(133)),            true),
        ("its home address",               packet(1, v6(1), 60, &home(own)),                true),
        ("another's home address",         packet(1, v6(1), 60, &home(v6(2))),              false),
        ("a later fragment",               packet(1, v6(1), 44, &[58, 0, 1, 0, 0, 0, 0, 1, 136, 0]), true),
        ("a later fragment of another",    packet(1, v6(2), 44, &[58, 0, 1, 0, 0, 0, 0, 1, 136, 0]), false),
    ];

    for (name, frame, passes) in table {
        let mut world = world();

        let verdict = sends(&mut world, PORT, &frame);

        let dropped = Verdict::Drop(DropReason::AddressNotAllowed);
        assert_eq!(verdict, if passes { Verdict::Replicate } else { dropped }, "{name}");
        let counted = world.edges[0].forwarder.counters().dropped_frames(DropReason::AddressNotAllowed);
        assert_eq!(counted, u64::from(!passes), "{name}");
    }
}

/// Checks VMM-10-02, ARP-04, ND-01.
#[test]
fn each_message_that_binds_an_address_is_judged() {
    let probe = |target| to(mac(2), built(|out| arp::probe(mac(1), v4(target), out)));
    let dad = |target| to(mac(2), built(|out| nd::dad(mac(1), v6(target), None, out)));
    let na = |ip| built(|out| nd::announcement(mac(1), v6(ip), nd::To::AllNodes, true, out));
    let ns = |ip| to(mac(2), built(|out| nd::solicitation(&nd::Solicit::resolve(mac(1), v6(ip), v6(2)), out)));
    let from = nd::Solicit::resolve(mac(1), Ipv6::link_local(mac(1)), v6(2));
    let link_local = to(mac(2), built(|out| nd::solicitation(&from, out)));
    let mut rarp = built(|out| arp::rarp_reply(mac(2), (mac(1), v4(1)), (mac(2), v4(1)), out));
    rarp[6..12].copy_from_slice(&mac(1).0);
    let rs =
        |source: Ipv6, link: u8| packet(1, source, 58, &[&[133, 0, 0, 0, 0, 0, 0, 0, 1, 1], &mac(link).0[..]].concat());
    let router = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let redirect = [&[137, 0, 0, 0, 0, 0, 0, 0], &v6(1).0[..], &v6(2).0].concat();
    #[rustfmt::skip]
    let table = [
        ("its gratuitous ARP",            built(|out| arp::announcement(mac(1), v4(1), out)), None),
        ("another's gratuitous ARP",      built(|out| arp::announcement(mac(1), v4(2), out)), Some(Verdict::Punt)),
        ("a question as another",         to(mac(2), request(1, 2, 2)),                      Some(Verdict::Punt)),
        ("an ARP probe of its address",   probe(1),                                          None),
        ("an ARP probe to the owner",     probe(2),                                          Some(Verdict::Punt)),
        ("RARP for another's MAC",        rarp,                                              Some(Verdict::Punt)),
        ("its NA",                        na(1),                                             None),
        ("another's NA",                  na(2),                                             Some(Verdict::Punt)),
        ("its NS",                        ns(1),                                             None),
        ("an NS from its link-local",     link_local,                                        None),
        ("another's NS",                  ns(2),                                             Some(Verdict::Punt)),
        ("DAD of its address",            dad(1),                                            None),
        ("DAD to the owner",              dad(2),                                            Some(Verdict::Punt)),
        ("its RS",                        rs(v6(1), 1),                                      None),
        ("an RS with another's MAC",      rs(v6(1), 2),                Some(Verdict::Drop(DropReason::AddressNotAllowed))),
        ("an RS as another",              rs(v6(2), 1),                Some(Verdict::Drop(DropReason::AddressNotAllowed))),
        ("an RS from :: with a MAC",      rs(Ipv6::UNSPECIFIED, 1),    Some(Verdict::Drop(DropReason::AddressNotAllowed))),
        ("an RA",                         packet(1, v6(1), 58, &router),   Some(Verdict::Drop(DropReason::RouterNotAllowed))),
        ("a Redirect",                    packet(1, v6(1), 58, &redirect), Some(Verdict::Drop(DropReason::RouterNotAllowed))),
    ];

    for (name, frame, stopped) in table {
        let mut world = world();

        let verdict = sends(&mut world, PORT, &frame);

        let (control, left) = (world.edges[0].nve().counters(), !matches!(verdict, Verdict::Drop(_) | Verdict::Punt));
        assert_eq!((stopped.is_none(), stopped.unwrap_or(verdict)), (left, verdict), "{name}");
        let seen = world.edges[0].events.iter().any(|event| matches!(event, Event::Spoofed { .. }));
        let spoofed = u64::from(verdict == Verdict::Punt);
        let lie = spoofed > 0 || verdict == Verdict::Drop(DropReason::AddressNotAllowed);
        assert_eq!((control.spoofed, seen), (spoofed, lie), "{name}");
        assert_eq!(place_of(&world, &tsi(2).key), Some(2), "{name}");
    }
}

/// Checks VMM-10-02, ND-05.
#[test]
fn a_message_without_the_option_or_with_two_of_them_is_judged_as_any_other() {
    let bare = nd::Solicit { source_link: None, ..nd::Solicit::resolve(mac(1), v6(2), v6(9)) };
    let mut two = built(|out| nd::announcement(mac(1), v6(1), nd::To::AllNodes, true, out));
    two[19] += 8;
    two.extend([2, 1]);
    two.extend(mac(2).0);
    wrapped::set_checksum(&mut two);

    for frame in [built(|out| nd::solicitation(&bare, out)), two] {
        let mut world = world();

        assert_eq!(sends(&mut world, PORT, &frame), Verdict::Punt);
        assert_eq!(world.edges[0].nve().counters().spoofed, 1);
    }
}

/// Checks ARMD-16, PXY-11.
#[test]
fn a_probe_for_an_address_that_is_not_bound_is_answered_and_goes_no_further() {
    for probe in [built(|out| arp::probe(mac(1), v4(2), out)), built(|out| nd::dad(mac(1), v6(2), None, out))] {
        let mut world = world();

        assert_eq!(sends(&mut world, PORT, &probe), Verdict::Punt);

        let [(PORT, answer)] = &world.edges[0].said[..] else { panic!("{:?}", world.edges[0].said) };
        assert_eq!(answer[6..12], mac(2).0);
        assert_eq!(world.edges[0].nve().counters().spoofed, 0);
    }
}

/// Checks PXY-09.
#[test]
fn a_probe_for_an_address_of_another_tsi_at_the_same_port_stays_there() {
    let mut world = Direct::new(2);
    world.start(1, PORT.0, station(2));
    world.attach(0, PORT.0, vec![station(1), station(3)]);
    for n in [1, 3] {
        world.tell(0, nve::Input::Activate { key: tsi(n).key, move_id: None });
    }

    for probe in [built(|out| arp::probe(mac(1), v4(3), out)), built(|out| nd::dad(mac(1), v6(3), None, out))] {
        assert_eq!(sends(&mut world, PORT, &probe), Verdict::Punt);
    }
    let edge = &world.edges[0];
    assert_eq!((&edge.said[..], edge.nve().counters().spoofed), (&[][..], 0));
}

/// Checks VMM-10-02, ND-01.
#[test]
fn a_frame_that_cannot_be_judged_is_dropped_and_counted() {
    let na = built(|out| nd::announcement(mac(1), v6(1), nd::To::AllNodes, true, out));
    let headers = |count: usize| wrapped::with_headers(&na, &vec![60; count]);
    let cut = |frame: &[u8], length: usize| frame[..length].to_vec();
    let snap = [&na[..12], &[0, 90, 0xaa, 0xaa, 3, 0, 0, 0], &na[12..]].concat();
    let mut first = wrapped::with_headers(&na, &[44]);
    first[57] = 1;
    let mut long = packet(1, v6(1), 44, &[60, 0, 0, 1, 0, 0, 0, 1]);
    (0..9).for_each(|_| long.extend([60, 0, 1, 4, 0, 0, 0, 0]));
    long[19] = 80;
    #[rustfmt::skip]
    let table = [
        ("nine extension headers",             headers(9),                                         DropReason::BadHeaders),
        ("a chain that ends in the middle",    packet(1, v6(1), 60, &[58, 1, 1, 4, 0, 0, 0, 0]),   DropReason::BadHeaders),
        ("an IPv6 header that is cut",         cut(&na, 40),                                       DropReason::BadHeaders),
        ("an IPv6 packet that is cut",         cut(&na, 80),                                       DropReason::BadHeaders),
        ("ICMPv6 without a type",              packet(1, v6(1), 58, &[]),                          DropReason::BadHeaders),
        ("an IPv4 header that is cut",         cut(&datagram(1, v4(1), 17, [0; 4]), 30),           DropReason::BadHeaders),
        ("an RS with an option of no length",  packet(1, v6(1), 58, &[133, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), DropReason::BadHeaders),
        ("ND in an atomic fragment",           wrapped::with_headers(&na, &[44]),                  DropReason::FragmentedNeighbor),
        ("the first fragment of ND",           first,                                              DropReason::FragmentedNeighbor),
        ("a first fragment with half a chain", packet(1, v6(1), 44, &[60, 0, 0, 1, 0, 0, 0, 1]),   DropReason::ShortFragment),
        ("a first fragment with too long one", long,                                               DropReason::ShortFragment),
        ("a first fragment without a type",    packet(1, v6(1), 44, &[58, 0, 0, 1, 0, 0, 0, 1]),   DropReason::ShortFragment),
        ("an EtherType behind SNAP",           snap,                                               DropReason::HiddenProtocol),
        ("an old service tag",                 tagged(&na, [0x91, 0, 0, 7]),                       DropReason::TooManyTags),
    ];

    assert_eq!(sends(&mut world(), PORT, &headers(8)), Verdict::Replicate, "as many headers as control reads");
    for (name, frame, reason) in table {
        let mut world = world();

        assert_eq!(sends(&mut world, PORT, &frame), Verdict::Drop(reason), "{name}");
        assert_eq!(world.edges[0].forwarder.counters().dropped_frames(reason), 1, "{name}");
    }
}

/// Checks VXL-14.
#[test]
fn a_frame_to_a_group_of_one_link_is_never_replicated() {
    for last in 0..=0x10 {
        let mut world = world();
        let group = Mac([1, 0x80, 0xc2, 0, 0, last]);
        let bpdu = to(group, [&datagram(1, v4(1), 17, [0; 4])[..12], &[0, 38, 0x42, 0x42, 3], &[0; 35]].concat());
        let expected = if last < 0x10 { Verdict::Drop(DropReason::LinkGroup) } else { Verdict::Replicate };

        assert_eq!(sends(&mut world, PORT, &bpdu), expected);
        let (now, vn) = (world.now, tsi(1).key.vn);
        let from = nvo3_tests::direct::peer(2).ip();
        let from_tunnel = world.edges[0].forwarder.tunnel_frame(now, from, vn, &to(group, request(2, 2, 9)));
        assert_eq!(from_tunnel, expected);
    }
}

// ---- what takes an address or a VM

/// Checks R-13, ARMD-13, ARMD-14, DAD-05.
#[test]
fn a_probe_or_a_host_that_joins_does_not_show_that_the_vm_runs_at_a_port() {
    let none = Ipv6::UNSPECIFIED;
    let silent = [
        built(|out| arp::probe(mac(2), v4(2), out)),
        built(|out| nd::dad(mac(2), v6(2), None, out)),
        datagram(2, Ipv4::UNSPECIFIED, 2, [0; 4]),
        packet(2, none, 58, &[143, 0, 0, 0, 0, 0, 0, 0]),
        packet(2, none, 58, &[133, 0, 0, 0, 0, 0, 0, 0]),
        tagged(&built(|out| arp::probe(mac(2), v4(2), out)), [0x81, 0, 0, 7]),
    ];
    let mut world = world();
    let vm = station(2);
    world.attach(0, 7, vec![vm.clone()]);

    for frame in &silent {
        assert_eq!(sends(&mut world, VapId(7), frame), Verdict::Held);
        world.run(Micros::from_millis(100));
    }
    // A lie is no sign either.
    assert_eq!(sends(&mut world, VapId(7), &request(2, 1, 9)), Verdict::Punt);
    world.run(Micros::from_secs(10));

    assert_eq!(place_of(&world, &vm.key), Some(2));
    assert_eq!(world.edges[0].nve().state(&vm.key).state, nve::rules::State::Away);

    // The VM has spoken where it was, and does not answer there any more.
    let announcement = built(|out| arp::announcement(mac(2), v4(2), out));
    let _ = sends_at(&mut world, 1, PORT, &announcement);
    let _ = sends(&mut world, VapId(7), &announcement);
    world.run(Micros::from_secs(10));

    assert_eq!(place_of(&world, &vm.key), Some(1), "an announcement does");
}

/// Checks PXY-09.
#[test]
fn a_port_that_is_only_attached_diverts_no_answer() {
    for (ip, n) in
        [(IpAddr::from(Ipv4Addr::from([192, 0, 2, 2])), 2), (v6(2).addr().into(), 2), (v4(1).addr().into(), 1)]
    {
        let mut world = world();
        // A fourth TSI runs at edge 0 and asks. A fifth is attached there with the address of another TSI.
        world.start(0, 4, station(4));
        let liar = Tsi { ips: vec![ip], ..tsi(5) };
        world.attach(0, 5, vec![liar]);
        let question = match ip {
            IpAddr::V4(_) => request(4, 4, n),
            IpAddr::V6(_) => built(|out| nd::solicitation(&nd::Solicit::resolve(mac(4), v6(4), v6(n)), out)),
        };

        let _ = sends(&mut world, VapId(4), &question);

        let said =
            |world: &Direct| world.edges[0].said.iter().map(|(_, frame)| frame[6..12].to_vec()).collect::<Vec<_>>();
        assert_eq!(said(&world), [mac(n).0]);
        world.tell(0, nve::Input::Detach { vap: VapId(5) });
        let _ = sends(&mut world, VapId(4), &question);
        assert_eq!(said(&world), [mac(n).0, mac(n).0], "it takes nothing with it");
    }
}

/// Checks VMM-10-02.
#[test]
fn new_bindings_of_a_port_are_in_force_at_once() {
    let mut world = world();
    let mut moved = station(1);
    moved.ips = vec![Ipv4Addr::from([192, 0, 2, 77]).into(), Ipv6Addr::from(v6(1).0).into()];

    world.attach(0, PORT.0, vec![moved]);

    assert_eq!(sends(&mut world, PORT, &datagram(1, v4(77), 17, [0; 4])), Verdict::Replicate);
    let old = sends(&mut world, PORT, &datagram(1, v4(1), 17, [0; 4]));
    assert_eq!(old, Verdict::Drop(DropReason::AddressNotAllowed));
}
