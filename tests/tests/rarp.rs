//! RARP: a station that does not know its IPv4 address gets the one that it had.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, NveId, Role, Tsi};
use nvo3_tests::direct::{Direct, tsi};
use nvo3_wire::{EtherType, Ipv4, Mac, arp};
use std::net::{IpAddr, Ipv4Addr};

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 250);
/// Time for a claim of what an NVE that is gone has.
const GONE: Micros = Micros::from_secs(20);

fn policy() -> PortPolicy {
    let mut policy = PortPolicy::untrusted();
    (policy.learn_addresses, policy.rarp_server) = (2, Some(SERVER));
    policy
}

/// TSI `n` by its MAC alone.
fn bare(n: u8) -> Tsi {
    Tsi { key: tsi(n).key, ips: Vec::new(), role: Role::Unknown }
}

fn attach(world: &mut Direct, edge: usize, tsi: Tsi, policy: PortPolicy) {
    world.tell(edge, nve::Input::Attach { vap: VapId(1), vn: tsi.key.vn, tsis: vec![tsi], policy });
}

/// A RARP request of a station for the address of `target`, with something in the fields that mean nothing.
fn request(station: Mac, target: Mac) -> Vec<u8> {
    let mut frame = vec![0; arp::FRAME_LEN];
    let length = arp::rarp_request(station, &mut frame).unwrap();
    frame[32..38].copy_from_slice(&target.0);
    frame[28..32].copy_from_slice(&[192, 0, 2, 77]);
    frame[38..42].copy_from_slice(&[192, 0, 2, 78]);
    frame.truncate(length);
    frame
}

/// TSI `n` asks at port 1 of an edge for the address of TSI `of`.
fn asks(world: &mut Direct, edge: usize, n: u8, of: u8) -> Handled {
    world.edges[edge].said.clear();
    let frame = request(tsi(n).key.mac, tsi(of).key.mac);
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), &frame);
    world.settle();
    handled
}

/// The RARP answers that left by port 1 of an edge: destination, MAC in question, its address and the server's.
fn answers(world: &Direct, edge: usize) -> Vec<(Mac, Mac, Ipv4, Ipv4)> {
    let mut answers = Vec::new();
    for (vap, frame) in &world.edges[edge].said {
        if frame[12..14] == EtherType::RARP.0 {
            let (arp, _) = arp::Arp::parse(&frame[14..]).unwrap();
            assert_eq!((*vap, arp.operation(EtherType::RARP)), (VapId(1), Ok(arp::Operation::ReverseReply)));
            let destination = Mac(frame[..6].try_into().unwrap());
            answers.push((destination, arp.target_mac, arp.target_ip, arp.sender_ip));
        }
    }
    answers
}

fn answer(to: u8, of: u8) -> (Mac, Mac, Ipv4, Ipv4) {
    let IpAddr::V4(ip) = tsi(of).ips[0] else { panic!("the tests' TSIs have an IPv4 address first") };
    (tsi(to).key.mac, tsi(of).key.mac, ip.into(), SERVER.into())
}

/// Edge 1 is gone for good, with TSI 1 on it.
fn ends(world: &mut Direct) {
    world.silence(0);
    world.run(GONE);
    world.nva.handle(world.now, nva::Input::Fenced(NveId(1))).unwrap();
    world.settle();
}

fn registered(world: &Direct, n: u8) -> Option<(u64, Vec<IpAddr>)> {
    world.nva.book().get(&tsi(n).key).map(|at| (at.nve().0, at.ips().to_vec()))
}

/// Checks VMM-4.2-14, VMM-4.2-17, RARP-01, RARP-02, RARP-03.
#[test]
fn a_station_gets_the_address_that_is_bound_to_it_and_its_request_shows_where_it_is() {
    let mut world = Direct::new(2);
    attach(&mut world, 0, tsi(1), policy());
    assert_eq!(registered(&world, 1), None);

    assert_eq!(asks(&mut world, 0, 1, 1), Handled::Pass);

    assert_eq!(answers(&world, 0), [answer(1, 1)]);
    assert_eq!(registered(&world, 1), Some((1, tsi(1).ips)));
    assert_eq!(world.edges[0].nve().counters().rarp_answers, 1);
}

/// A diskless client starts again at another NVE, while its old one is gone.
///
/// Checks VMM-4.2-14, VMM-4.2-15, VMM-4.2-18.
#[test]
fn a_station_that_starts_elsewhere_gets_the_address_that_it_had() {
    let mut world = Direct::new(3);
    attach(&mut world, 0, tsi(1), policy());
    world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
    ends(&mut world);

    attach(&mut world, 1, bare(1), policy());
    let _ = asks(&mut world, 1, 1, 1);
    assert_eq!(answers(&world, 1), [answer(1, 1)]);
    world.run(GONE);

    assert_eq!(registered(&world, 1), Some((2, tsi(1).ips)));
    assert_eq!(world.edges[1].nve().state(&tsi(1).key).state, State::Here);
}

/// The hypervisor's word, or the station's request, comes before the NVA was asked which address the station had. The NVE is another one, or
/// the same after a restart.
#[test]
fn a_claim_waits_for_the_address_that_the_station_had() {
    for (restarts, by_word) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut world = Direct::new(3);
        world.start(0, 1, tsi(1));
        let at = if restarts {
            world.restart_edge(0);
            world.tell(0, nve::Input::Connect);
            0
        } else {
            ends(&mut world);
            1
        };
        let (key, now) = (tsi(1).key, world.now);
        let edge = &mut world.edges[at].control;
        edge.tell(now, nve::Input::Attach { vap: VapId(1), vn: key.vn, tsis: vec![bare(1)], policy: policy() })
            .unwrap();
        if by_word {
            edge.tell(now, nve::Input::Activate { key, move_id: None }).unwrap();
        } else {
            let _ = edge.punted(now, VapId(1), &request(key.mac, key.mac));
        }

        world.run(GONE);

        assert_eq!(registered(&world, 1), Some((at as u64 + 1, tsi(1).ips)), "restart {restarts}, by word {by_word}");
        assert_eq!(answers(&world, at).len(), usize::from(!by_word));
    }
}

/// Checks VMM-4.2-16, RARP-04.
#[test]
fn a_station_that_had_no_address_gets_no_answer_and_is_registered() {
    let mut world = Direct::new(2);
    attach(&mut world, 0, bare(1), policy());

    for n in 1..=2 {
        let _ = asks(&mut world, 0, 1, 1);
        assert_eq!(answers(&world, 0), []);
        assert_eq!(world.edges[0].nve().counters().unknown_targets, n);
    }

    assert_eq!(registered(&world, 1), Some((1, vec![])));
}

/// Checks VMM-4.2-13.
#[test]
fn without_the_policy_a_request_is_an_announcement_and_nothing_else() {
    let mut world = Direct::new(2);
    attach(&mut world, 0, tsi(1), PortPolicy::untrusted());
    world.start(1, 1, tsi(2));

    assert_eq!(asks(&mut world, 0, 1, 1), Handled::Pass);
    assert_eq!((answers(&world, 0), registered(&world, 1)), (vec![], Some((1, tsi(1).ips))));
    assert_eq!(asks(&mut world, 0, 1, 2), Handled::Pass);
    assert_eq!(answers(&world, 0), []);
}

/// Checks RARP-02.
#[test]
fn a_station_may_ask_for_the_address_of_another_one() {
    let mut world = Direct::new(2);
    attach(&mut world, 0, tsi(1), policy());
    world.start(1, 1, tsi(2));
    world.start(1, 3, bare_with_ipv6(3));

    for of in [2, 3, 4] {
        assert_eq!(asks(&mut world, 0, 1, of), Handled::Taken);
        let expected = if of == 2 { vec![answer(1, 2)] } else { vec![] };
        assert_eq!(answers(&world, 0), expected);
    }
    assert_eq!((registered(&world, 1), registered(&world, 2)), (None, Some((2, tsi(2).ips))));
}

fn bare_with_ipv6(n: u8) -> Tsi {
    Tsi { ips: vec!["2001:db8::3".parse().unwrap()], ..bare(n) }
}

/// The address belongs to another station by now, or the port does not let the station have it.
#[test]
fn an_address_that_the_station_cannot_have_is_not_given_to_it() {
    let mut narrow = policy();
    narrow.learn_within = vec!["198.51.100.0/24".parse().unwrap()];
    let mut none = policy();
    none.learn_addresses = 0;
    for policy in [narrow, none] {
        let mut world = Direct::new(2);
        world.start(0, 1, tsi(1));
        ends(&mut world);
        let held = if policy.learn_addresses == 0 { bare_with_ipv6(1) } else { bare(1) };
        attach(&mut world, 1, held, policy);

        let _ = asks(&mut world, 1, 1, 1);

        assert_eq!(answers(&world, 1), []);
    }
}

/// Checks I12.
#[test]
fn a_flood_of_requests_has_a_rate() {
    let mut world = Direct::new(2);
    attach(&mut world, 0, tsi(1), policy());
    world.start(1, 1, tsi(2));
    for _ in 0..2_000 {
        let _ = asks(&mut world, 0, 1, 1);
        let _ = asks(&mut world, 0, 1, 2);
    }

    let counters = world.edges[0].nve().counters();
    assert!(counters.limited_announcements > 0 && counters.limited_questions > 0);
    assert!(counters.rarp_answers < 2_000, "{}", counters.rarp_answers);
}

/// The client uses the address: it is bound, and stays registered.
#[test]
fn a_station_may_use_the_address_that_it_got() {
    let mut world = Direct::new(3);
    world.start(0, 1, tsi(1));
    ends(&mut world);
    attach(&mut world, 1, bare(1), policy());
    let _ = asks(&mut world, 1, 1, 1);
    world.run(GONE);
    let IpAddr::V4(ip) = tsi(1).ips[0] else { panic!("an IPv4 address") };
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(1).key.mac, ip.into(), &mut frame).unwrap();

    let handled = world.edges[1].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);

    assert_eq!(handled, Handled::Pass);
    assert_eq!(world.edges[1].nve().counters().spoofed, 0);
}
