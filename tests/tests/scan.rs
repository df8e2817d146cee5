//! The stations that remain when a VM leaves are asked whether they are still there.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::edge::foreign::ForeignEdge;
use nvo3_mobility::nve::{self, Handled, Nve, NveConfig, Scan};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Micros, MoveId, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, place, tsi};
use nvo3_wire::announce::{self, Kind};
use nvo3_wire::nd::{self, Advertise};
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Vni, arp};
use std::net::IpAddr;

const EVERY: Micros = Micros::from_millis(10);

/// TSI `n` with an IPv6 address too.
fn both(n: u8) -> Tsi {
    let mut tsi = tsi(n);
    tsi.ips.push(format!("2001:db8::{n}").parse().unwrap());
    tsi
}

/// TSIs 1 to `last` run at edge 1, each behind the port of its number, and one in another VN behind port 100. TSI 90 runs at edge 2.
fn world(last: u8, change: impl Fn(&mut NveConfig)) -> Direct {
    let mut world = Direct::new(2);
    let mut config = NveConfig::new(place(1), Transport::Trusted);
    config.scan = Some(Scan::default());
    change(&mut config);
    world.edges[0].control = ForeignEdge::new(Nve::new(config, 77).unwrap(), 1);
    world.tell(0, nve::Input::Connect);
    (1..=last).for_each(|n| world.start(0, n.into(), both(n)));
    let mut other = tsi(100);
    other.key.vn = Vni::new(8).unwrap();
    let (vap, vn, key) = (VapId(100), other.key.vn, other.key);
    world.tell(0, nve::Input::Attach { vap, vn, tsis: vec![other], policy: PortPolicy::untrusted() });
    world.tell(0, nve::Input::Activate { key, move_id: None });
    world.start(1, 90, tsi(90));
    world
}

fn leaves(world: &mut Direct, n: u8) {
    world.tell(0, nve::Input::Detach { vap: VapId(n.into()) });
}

/// The questions of edge 1 since the last time: the port, and the address in question.
fn questions(world: &mut Direct) -> Vec<(u32, IpAddr)> {
    let read = |(vap, frame): (VapId, Vec<u8>)| {
        let to = Mac(frame[..6].try_into().unwrap());
        assert_eq!(to, tsi(vap.0 as u8).key.mac, "a question goes to one station");
        let ip = match announce::classify(&frame).unwrap() {
            Kind::ArpProbe(arp) => {
                assert_eq!((arp.sender_ip, &frame[12..14]), (Ipv4([0; 4]), &EtherType::ARP.0[..]));
                IpAddr::V4(arp.target_ip.addr())
            }
            Kind::UnicastNs(ns) => {
                assert_eq!(ns.ip.source, Ipv6::link_local(Mac(frame[6..12].try_into().unwrap())));
                IpAddr::V6(ns.body.target.addr())
            }
            other => panic!("{other:?}"),
        };
        (vap.0, ip)
    };
    core::mem::take(&mut world.edges[0].said).into_iter().map(read).collect()
}

/// TSI `n` answers the question of edge 1 for an address.
fn answers(world: &mut Direct, n: u8, ip: IpAddr) {
    let prober = Mac([0x02, 0x4e, 0x56, 0x45, 0x00, 0x00]);
    let mac = tsi(n).key.mac;
    let mut frame = vec![0; 200];
    let length = match ip {
        IpAddr::V4(ip) => arp::reply((mac, ip.into()), (prober, Ipv4([0; 4])), &mut frame),
        IpAddr::V6(ip) => {
            nd::advertisement(&Advertise::answer(mac, ip.into(), (prober, Ipv6::link_local(prober))), &mut frame)
        }
    };
    let length = length.unwrap();
    let handled = world.edges[0].nve_mut().handle_frame(world.now, VapId(n.into()), &frame[..length]);
    assert_eq!(handled, Handled::Taken, "the answer goes no further");
    world.settle();
}

/// Lets time pass. The stations that `answer` accepts answer at once. Gives the questions, and the most in one step of 100 ms.
fn run(world: &mut Direct, length: Micros, answer: impl Fn(u8, IpAddr) -> bool) -> (Vec<(u32, IpAddr)>, usize) {
    let (mut all, mut most) = (Vec::new(), 0);
    for _ in 0..length.0 / 100_000 {
        let before = all.len();
        for _ in 0..100_000 / EVERY.0 {
            world.run(EVERY);
            for (vap, ip) in questions(world) {
                all.push((vap, ip));
                if answer(vap as u8, ip) {
                    answers(world, vap as u8, ip);
                }
            }
        }
        most = most.max(all.len() - before);
    }
    (all, most)
}

fn silent(world: &mut Direct) -> Vec<TsiKey> {
    let events = core::mem::take(&mut world.edges[0].events);
    let silent = |event| if let nve::Event::Silent(key) = event { Some(key) } else { None };
    events.into_iter().filter_map(silent).collect()
}

fn is_registered(world: &Direct, n: u8) -> bool {
    world.nva.book().get(&tsi(n).key).is_some()
}

/// Checks VMM-4.2-05, VMM-4.2-06, VMM-4.2-26.
#[test]
fn the_stations_that_remain_in_the_vn_are_asked_once_for_each_address() {
    for by_move in [false, true] {
        let mut world = world(3, |_| {});
        if by_move {
            world.attach(1, 1, vec![both(1)]);
            world.plan(10, vec![tsi(1).key], 2);
            world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: MoveId(10), stopped_at: None });
            world.tell(1, nve::Input::Activate { key: tsi(1).key, move_id: Some(MoveId(10)) });
        } else {
            leaves(&mut world, 1);
        }

        let (mut asked, _) = run(&mut world, Micros::from_secs(10), |_, _| true);

        asked.sort_unstable();
        let expected: Vec<_> =
            [2, 3].into_iter().flat_map(|n| both(n).ips.into_iter().map(move |ip| (n.into(), ip))).collect();
        assert_eq!(asked, expected, "by move: {by_move}");
        assert_eq!(silent(&mut world), []);
        assert!(is_registered(&world, 2) && is_registered(&world, 3));
    }
}

/// Checks VMM-4.2-06.
#[test]
fn a_silent_station_is_withdrawn_after_three_questions_and_a_frame_brings_it_back() {
    let mut world = world(4, |_| {});
    leaves(&mut world, 1);

    // The answer for one address of a station is enough.
    let (asked, _) = run(&mut world, Micros::from_secs(10), |n, ip| n == 2 || n == 4 && ip.is_ipv6());

    let of = |n| asked.iter().filter(|(vap, _)| *vap == n).count();
    assert_eq!([of(2), of(3), of(4)], [2, 6, 2]);
    assert_eq!((silent(&mut world), is_registered(&world, 3)), (vec![tsi(3).key], false));
    assert_eq!(world.edges[0].nve().counters().silent_stations, 1);
    assert!(is_registered(&world, 2) && is_registered(&world, 4));

    let IpAddr::V4(ip) = tsi(3).ips[0] else { panic!("an IPv4 address") };
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(3).key.mac, ip.into(), &mut frame).unwrap();
    let _ = world.edges[0].nve_mut().handle_frame(world.now, VapId(3), &frame[..length]);
    world.settle();
    assert!(is_registered(&world, 3));
}

/// Checks VMM-4.2-05, I12.
#[test]
fn a_scan_keeps_its_pace_also_while_several_vms_leave() {
    let mut world = world(80, |_| {});
    (1..=5).for_each(|n| leaves(&mut world, n));

    let (asked, most) = run(&mut world, Micros::from_secs(10), |n, _| n != 80);

    let remain = asked.iter().filter(|(vap, _)| *vap > 5).count();
    assert_eq!(remain, 2 * (74 + 3), "each station once, and the silent one three times");
    assert!(most <= 2 * 12, "{most} in 100 ms");
    assert_eq!(silent(&mut world), [tsi(80).key]);
}

#[test]
fn without_the_configuration_nobody_is_asked() {
    let mut world = world(3, |config| config.scan = None);
    leaves(&mut world, 1);

    assert_eq!(run(&mut world, Micros::from_secs(10), |_, _| false).0, []);
    assert!(is_registered(&world, 2) && is_registered(&world, 3));
}

#[test]
fn where_only_a_word_counts_a_silent_station_is_told_and_stays() {
    let mut world = world(2, |config| config.hypervisor_word_only = true);
    leaves(&mut world, 1);

    run(&mut world, Micros::from_secs(10), |_, _| false);

    assert_eq!((silent(&mut world), is_registered(&world, 2)), (vec![tsi(2).key], true));
}

/// A station that leaves or is about to move is not asked any more.
#[test]
fn a_station_that_moves_meanwhile_is_not_silent() {
    let mut world = world(2, |_| {});
    leaves(&mut world, 1);
    world.run(Micros::from_millis(500));
    world.attach(1, 2, vec![both(2)]);
    world.plan(10, vec![tsi(2).key], 2);

    run(&mut world, Micros::from_secs(4), |_, _| false);

    assert_eq!((silent(&mut world), is_registered(&world, 2)), (vec![], true));
}

#[test]
fn a_scan_of_nothing_is_refused() {
    for (change, what) in [
        (Scan { times: 0, ..Scan::default() }, "scan.times"),
        (Scan { answer: Micros(0), ..Scan::default() }, "scan.answer"),
        (Scan { pace: Micros(0), ..Scan::default() }, "scan.pace"),
    ] {
        let mut config = NveConfig::new(place(1), Transport::Trusted);
        config.scan = Some(change);
        assert!(config.validate().unwrap_err().to_string().contains(what));
    }
}
