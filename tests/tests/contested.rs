//! Two TSIs that list the same address, and no policy shares it: one of them has it, and the other one runs with its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "these are tests")]

use nvo3_mobility::forwarder::Notice;
use nvo3_mobility::nva;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, NveId, RegistrationResult, Tsi, Version};
use nvo3_tests::direct::{Direct, To, tsi};
use nvo3_wire::{Mac, arp};
use proptest::prelude::*;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// The longest pause between two claims of a contested address.
const PAUSE: Micros = Micros::from_secs(32);

/// TSI `n` with its own address and the contested one.
fn both(n: u8) -> Tsi {
    let mut tsi = tsi(n);
    tsi.ips.push(VIP.into());
    tsi
}

/// TSIs 1 and 2 list the address, at edges 1 and 2. TSI 1 came first. TSI 3 at edge 3 and TSI 4 at edge 2 ask for it.
fn world() -> Direct {
    let mut world = Direct::new(4);
    world.start(0, 1, both(1));
    world.start(1, 1, both(2));
    world.start(2, 1, tsi(3));
    world.start(1, 4, tsi(4));
    world
}

/// The addresses of TSI `n` in the directory.
fn has(world: &Direct, n: u8) -> Vec<IpAddr> {
    world.nva.book().ips(&tsi(n).key).to_vec()
}

fn version(world: &Direct, n: u8) -> Version {
    world.nva.book().get(&tsi(n).key).unwrap().version()
}

/// The MAC with which an edge answers TSI `n` at a port of it for the contested address.
fn answer(world: &mut Direct, edge: usize, vap: u32, n: u8) -> Option<Mac> {
    let Tsi { key, ips, .. } = tsi(n);
    let IpAddr::V4(own) = ips[0] else { panic!("a TSI has an IPv4 address first") };
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::request((key.mac, own.into()), VIP.into(), &mut frame).unwrap();
    world.edges[edge].said.clear();
    let _ = world.edges[edge].nve_mut().handle_frame(world.now, VapId(vap), &frame[..length]);
    world.settle();
    let said = world.edges[edge].said.iter().find(|(_, frame)| frame.starts_with(&key.mac.0));
    said.map(|(_, frame)| Mac(frame[6..12].try_into().unwrap()))
}

/// TSI `n` says at port 1 of an edge that it has an address. False if the address is not bound to it.
fn says(world: &mut Direct, edge: usize, n: u8, ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { panic!("the addresses are IPv4") };
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::announcement(tsi(n).key.mac, ip.into(), &mut frame).unwrap();
    let handled = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
    world.settle();
    handled == Handled::Pass
}

fn announces(world: &mut Direct, edge: usize, n: u8) -> bool {
    says(world, edge, n, VIP.into())
}

/// What edge 2 and the authority said of contested addresses of TSI 2 since the last time.
fn told(world: &mut Direct) -> (Vec<Vec<IpAddr>>, Vec<Vec<IpAddr>>) {
    let mut at_edge = Vec::new();
    for event in core::mem::take(&mut world.edges[1].events) {
        match event {
            nve::Event::Contested { key, ips } if key == tsi(2).key => at_edge.push(ips),
            nve::Event::Contested { .. } | nve::Event::Refused { .. } => panic!("{event}"),
            _ => {}
        }
    }
    let mut at_nva = Vec::new();
    for event in core::mem::take(&mut world.events) {
        if let nva::Event::Contested { nve, key, ips, .. } = event {
            assert_eq!((nve, key), (NveId(2), tsi(2).key));
            at_nva.push(ips);
        }
    }
    (at_edge, at_nva)
}

/// TSI 1 has the address, and TSI 2 runs with its own.
fn assert_first_has_it(world: &mut Direct) {
    assert_eq!((has(world, 1), has(world, 2)), (both(1).ips, tsi(2).ips));
    for (edge, n) in [(0, 1), (1, 2)] {
        assert_eq!(world.edges[edge].nve().state(&tsi(n).key).state, State::Here);
    }
    let asked = [answer(world, 2, 1, 3), answer(world, 1, 4, 4)];
    assert_eq!(asked, [Some(tsi(1).key.mac); 2]);
}

/// TSI 2 has the address.
fn assert_second_has_it(world: &mut Direct) {
    assert_eq!((has(world, 1).contains(&VIP.into()), has(world, 2)), (false, both(2).ips));
    assert_eq!(answer(world, 1, 4, 4), Some(tsi(2).key.mac));
    assert!(announces(world, 1, 2));
}

#[test]
fn a_tsi_runs_with_its_own_addresses_and_a_contested_one_stays_where_it_is() {
    let mut world = world();

    assert_first_has_it(&mut world);
    let vip: IpAddr = VIP.into();
    assert_eq!(told(&mut world), (vec![vec![vip]], vec![vec![vip]]));
    assert_eq!((world.edges[1].nve().counters().contests, world.nva.counters().contested_addresses), (1, 1));
    assert_eq!(world.nva.counters().refused_registrations, 0);
}

/// Checks VMM-10-02.
#[test]
fn a_contested_address_is_bound_to_the_tsi_that_has_it_alone() {
    let mut world = world();

    assert_eq!([announces(&mut world, 0, 1), announces(&mut world, 1, 2)], [true, false]);

    assert_first_has_it(&mut world);
    let vip = Some(VIP.into());
    let spoofed = nve::Event::Spoofed { vap: VapId(1), mac: tsi(2).key.mac, ip: vip };
    assert!(world.edges[1].events.contains(&spoofed));
}

/// Checks I12.
#[test]
fn a_contest_makes_no_new_version_and_is_told_once() {
    let mut world = world();
    told(&mut world);
    let (versions, records) = ([version(&world, 1), version(&world, 2)], world.records.len());

    for _ in 0..20 {
        world.run(Micros::from_secs(30));
        assert_first_has_it(&mut world);
    }
    world.attach(1, 1, vec![both(2)]);
    world.tell(1, nve::Input::Activate { key: tsi(2).key, move_id: None });

    assert_first_has_it(&mut world);
    assert_eq!(([version(&world, 1), version(&world, 2)], world.records.len()), (versions, records));
    assert_eq!(told(&mut world), (vec![], vec![]));
}

#[test]
fn a_new_session_keeps_what_each_tsi_has() {
    let mut world = world();
    told(&mut world);
    let records = world.records.len();
    for _ in 0..3 {
        world.silence(1);
        world.run(Micros::from_secs(40));
        world.hear(1);
        world.run(Micros::from_secs(40));
        assert_first_has_it(&mut world);
    }

    assert_eq!((world.records.len(), told(&mut world)), (records, (vec![], vec![])));
}

/// The session ends before the edge has heard what the authority made of its claim.
#[test]
fn an_edge_that_did_not_hear_the_answer_hears_it_in_its_next_session() {
    let mut world = Direct::new(4);
    world.start(0, 1, both(1));
    world.start(1, 1, tsi(2));
    world.start(2, 1, tsi(3));
    world.start(1, 4, tsi(4));
    let records = world.records.len();
    // What the edge claims arrives, and nothing comes back.
    world.forger = Some(Box::new(|sent| match sent.to {
        To::Edge(1) => Vec::new(),
        _ => vec![sent.clone()],
    }));
    world.attach(1, 1, vec![both(2)]);
    world.forger = None;
    world.silence(1);
    world.run(Micros::from_secs(40));
    world.hear(1);
    world.run(Micros::from_secs(40));

    assert_first_has_it(&mut world);
    let vip: IpAddr = VIP.into();
    assert_eq!((told(&mut world), world.records.len()), ((vec![vec![vip]], vec![vec![vip]]), records));
}

/// Checks I9.
#[test]
fn an_authority_that_restarts_with_or_without_its_records_keeps_what_each_tsi_has() {
    for lost in [false, true] {
        for late in [0, 1] {
            let mut world = world();
            told(&mut world);
            if lost {
                world.records.clear();
            }
            world.restart_nva();
            // One of the edges comes later.
            world.silence(late);
            world.run(Micros::from_secs(8));
            world.hear(late);
            world.run(Micros::from_secs(60));
            let versions = [version(&world, 1), version(&world, 2)];

            world.run(Micros::from_secs(600));

            assert_first_has_it(&mut world);
            assert_eq!([version(&world, 1), version(&world, 2)], versions, "lost: {lost}, late: {late}");
            // The authority tells it once again, because it has forgotten that it did.
            let (at_edge, at_nva) = told(&mut world);
            assert_eq!((at_edge, at_nva.len()), (vec![], 1));
        }
    }
}

#[test]
fn an_edge_that_restarts_comes_to_the_same() {
    let mut world = world();
    world.restart_edge(1);
    world.attach(1, 1, vec![both(2)]);
    world.attach(1, 4, vec![tsi(4)]);
    world.tell(1, nve::Input::Connect);
    for n in [2, 4] {
        world.tell(1, nve::Input::Activate { key: tsi(n).key, move_id: None });
    }
    world.run(Micros::from_secs(60));

    assert_first_has_it(&mut world);
}

/// Checks I10.
#[test]
fn an_address_that_comes_free_is_the_other_tsi_s_at_its_next_claim() {
    for by in ["leaves", "fenced", "forgotten"] {
        let mut world = world();
        world.run(Micros::from_secs(300));
        told(&mut world);
        match by {
            "leaves" => world.tell(0, nve::Input::Detach { vap: VapId(1) }),
            "fenced" => {
                world.silence(0);
                world.run(Micros::from_secs(60));
                world.nva.handle(world.now, nva::Input::Fenced(NveId(1))).unwrap();
                world.settle();
            }
            _ => {
                world.tell(0, nve::Input::Goodbye);
                world.nva.handle(world.now, nva::Input::Forget(tsi(1).key)).unwrap();
                world.settle();
            }
        }
        world.run(PAUSE);

        assert_second_has_it(&mut world);
        assert_eq!(told(&mut world).0, [[] as [IpAddr; 0]], "{by}: the owner hears that the contest is over");
    }
}

#[test]
fn an_attach_claims_a_contested_address_at_once() {
    let mut world = world();
    world.run(Micros::from_secs(300));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    assert_eq!(has(&world, 2), tsi(2).ips);

    world.attach(1, 1, vec![both(2)]);

    assert_second_has_it(&mut world);
    world.start(0, 1, both(1));
    assert_eq!((has(&world, 1), has(&world, 2)), (tsi(1).ips, both(2).ips));
}

/// The port is attached again while the authority does not answer.
#[test]
fn an_attach_alone_gives_no_contested_address() {
    let mut world = world();
    world.silence_nva();

    world.attach(1, 1, vec![both(2)]);

    assert!(!announces(&mut world, 1, 2));
    world.attach(1, 1, vec![tsi(2)]);
    world.hear_nva();
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    world.run(Micros::from_secs(100));
    assert_eq!(has(&world, 2), tsi(2).ips, "the port does not list it any more");
}

/// The edge of the TSI that has the address is silent for longer than the protection. The other TSI gets the address, and only that.
#[test]
fn a_silent_edge_loses_the_contested_address_and_no_other() {
    let mut world = world();
    world.silence(0);
    world.run(Micros::from_secs(590));
    assert_eq!((has(&world, 1), has(&world, 2)), (both(1).ips, tsi(2).ips), "the registration is protected");
    world.run(Micros::from_secs(60));
    assert_eq!((has(&world, 1), has(&world, 2)), (tsi(1).ips, both(2).ips));

    world.hear(0);
    world.run(Micros::from_secs(600));

    assert_second_has_it(&mut world);
    assert_eq!(has(&world, 1), tsi(1).ips);
    assert_eq!(world.edges[0].nve().state(&tsi(1).key).state, State::Here);
    assert!(!announces(&mut world, 0, 1));
}

#[test]
fn a_tsi_whose_addresses_are_all_contested_is_refused() {
    let mut world = world();

    world.start(3, 1, Tsi { ips: vec![VIP.into()], ..tsi(5) });

    assert!(world.nva.book().get(&tsi(5).key).is_none());
    let refused = nve::Event::Refused { key: tsi(5).key, result: RegistrationResult::Duplicate };
    assert!(world.edges[3].events.contains(&refused));
    assert_first_has_it(&mut world);
}

/// An update of the version before comes while the claim of one more address is under way.
#[test]
fn an_older_update_takes_no_newly_claimed_address_away() {
    let mut world = world();
    let free: IpAddr = [192, 0, 2, 50].into();
    told(&mut world);
    let mut listed = both(2);
    listed.ips.push(free);
    // The edge asks for the mapping, and the answer comes after the claim has left.
    let (vn, mac) = (tsi(2).key.vn, tsi(2).key.mac);
    let late = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&late);
    world.forger = Some(Box::new(move |sent| match sent.to {
        To::Edge(1) => {
            kept.borrow_mut().push(sent.bytes.clone());
            Vec::new()
        }
        _ => vec![sent.clone()],
    }));
    let now = world.now;
    world.edges[1].nve_mut().handle_notice(now, Notice::Miss { vn, mac, vap: None });
    world.settle();
    world.forger = None;
    world.silence_nva();
    world.attach(1, 1, vec![listed]);
    for bytes in late.take() {
        world.edges[1].control.datagram(now, &bytes);
    }
    world.settle();

    assert!(says(&mut world, 1, 2, free));
    world.hear_nva();
    world.run(Micros::from_secs(10));
    assert_eq!((has(&world, 2), told(&mut world)), (vec![tsi(2).ips[0], free], (vec![], vec![])));
    assert_eq!(world.edges[1].nve().counters().unasked, 0);
}

/// The answer to a claim comes after the next claim has left, which names one more address.
#[test]
fn an_answer_to_an_older_claim_takes_no_newly_claimed_address_away() {
    let mut world = Direct::new(2);
    world.start(0, 1, both(1));
    world.start(1, 1, tsi(2));
    let (vip, free): (IpAddr, IpAddr) = (VIP.into(), [192, 0, 2, 50].into());
    let late = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&late);
    world.forger = Some(Box::new(move |sent| match sent.to {
        To::Edge(1) => {
            kept.borrow_mut().push(sent.bytes.clone());
            Vec::new()
        }
        _ => vec![sent.clone()],
    }));
    world.attach(1, 1, vec![both(2)]);
    let first = late.take();
    let mut listed = both(2);
    listed.ips.push(free);
    world.attach(1, 1, vec![listed]);
    world.forger = None;
    let now = world.now;
    for bytes in first.into_iter().chain(late.take()) {
        world.edges[1].control.datagram(now, &bytes);
    }
    world.settle();

    assert_eq!((told(&mut world).0, has(&world, 2)), (vec![vec![vip]], vec![tsi(2).ips[0], free]));
    assert!(says(&mut world, 1, 2, free));
}

#[test]
fn a_contested_address_is_kept_in_mind_over_a_move() {
    let mut world = world();
    let (key, move_id) = (tsi(2).key, MoveId(1));
    world.attach(3, 7, vec![both(2)]);
    world.plan(1, vec![key], 4);
    world.tell(1, nve::Input::Suspend { key, move_id, stopped_at: None });
    world.tell(3, nve::Input::Activate { key, move_id: Some(move_id) });
    world.run(Micros::from_secs(10));

    assert_eq!(world.nva.book().get(&key).unwrap().nve(), NveId(4));
    assert_eq!((has(&world, 1), has(&world, 2)), (both(1).ips, tsi(2).ips));
    assert_eq!(answer(&mut world, 2, 1, 3), Some(tsi(1).key.mac));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    world.run(PAUSE);
    assert_eq!(has(&world, 2), both(2).ips);
}

/// TSI 2 goes to edge 4, gets the address there, and comes back to its port at edge 2.
#[test]
fn a_tsi_comes_back_with_an_address_that_it_got_elsewhere() {
    let mut world = world();
    let key = tsi(2).key;
    world.attach(3, 7, vec![both(2)]);
    for (id, from, to) in [(1, 1, 3), (2, 3, 1)] {
        let move_id = MoveId(id);
        world.plan(id, vec![key], to as u8 + 1);
        world.tell(from, nve::Input::Suspend { key, move_id, stopped_at: None });
        world.tell(to, nve::Input::Activate { key, move_id: Some(move_id) });
        if id == 1 {
            world.tell(0, nve::Input::Detach { vap: VapId(1) });
        }
        world.run(PAUSE);
    }
    let before = version(&world, 2);

    world.run(Micros::from_secs(100));

    assert_second_has_it(&mut world);
    assert_eq!(version(&world, 2), before);
}

/// Both TSIs are behind ports of one edge.
#[test]
fn an_edge_may_have_both_tsis() {
    let mut world = Direct::new(3);
    world.start(0, 1, both(1));
    world.start(0, 2, both(2));
    world.start(2, 1, tsi(3));
    world.run(Micros::from_secs(100));

    assert_eq!((has(&world, 1), has(&world, 2)), (both(1).ips, tsi(2).ips));
    assert_eq!(answer(&mut world, 2, 1, 3), Some(tsi(1).key.mac));
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    world.run(PAUSE);
    assert_eq!(has(&world, 2), both(2).ips);
}

/// One of the addresses that TSIs of the property list.
fn listed(n: u8) -> IpAddr {
    [192, 0, 2, 100 + n].into()
}

/// TSI `n` with an address of its own and those of `mask`.
fn listing(n: u8, mask: u8) -> Tsi {
    let mut tsi = tsi(n);
    tsi.ips.extend((0..3).filter(|bit| mask & 1 << bit != 0).map(listed));
    tsi
}

proptest! {
    /// Whatever comes in whatever order: no edge and no directory gives an address to two, each TSI that runs is in the directory with its
    /// own address, and in the end each address that somebody lists has a holder.
    #[test]
    fn each_address_that_somebody_lists_has_one_holder(
        events in proptest::collection::vec((0_u8..7, 0_usize..4, 0_u8..8), 1..16)
    ) {
        let mut world = Direct::new(4);
        let mut lists: [Option<u8>; 4] = [None; 4];
        for (event, at, mask) in events {
            let n = at as u8 + 1;
            match event {
                0..=2 => {
                    world.attach(at, 1, vec![listing(n, mask)]);
                    world.tell(at, nve::Input::Activate { key: tsi(n).key, move_id: None });
                    lists[at] = Some(mask);
                }
                3 if lists[at].is_some() => {
                    world.tell(at, nve::Input::Detach { vap: VapId(1) });
                    lists[at] = None;
                }
                3 | 4 if world.edges[at].silent => world.hear(at),
                3 | 4 => world.silence(at),
                5 => world.restart_nva(),
                _ => world.run(Micros::from_millis(700 * u64::from(mask))),
            }
        }
        (0..4).for_each(|at| world.hear(at));
        world.run(Micros::from_secs(100));

        for bit in 0..3 {
            let wanted = lists.iter().flatten().any(|mask| mask & 1 << bit != 0);
            let holders = (1..=4).filter(|n| has(&world, *n).contains(&listed(bit))).count();
            prop_assert_eq!(holders, usize::from(wanted), "{}", listed(bit));
        }
        for (at, mask) in lists.iter().enumerate() {
            let n = at as u8 + 1;
            let Some(mask) = mask else { continue };
            prop_assert!(has(&world, n).contains(&tsi(n).ips[0]));
            prop_assert_eq!(world.edges[at].nve().state(&tsi(n).key).state, State::Here);
            for ip in listing(n, *mask).ips {
                prop_assert_eq!(says(&mut world, at, n, ip), has(&world, n).contains(&ip), "{}", ip);
            }
        }
        let versions: Vec<_> = (1..=4).map(|n| world.nva.book().get(&tsi(n).key).map(|at| at.version())).collect();
        world.run(Micros::from_secs(100));
        let later: Vec<_> = (1..=4).map(|n| world.nva.book().get(&tsi(n).key).map(|at| at.version())).collect();
        prop_assert_eq!(versions, later, "it is quiet in the end");
    }
}
