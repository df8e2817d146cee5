//! Counters of faults stay 0 on a healthy system: in moves of each kind, over a network that repeats and delays.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own helpers")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::DropReason;
use nvo3_mobility::nve;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Message, Micros, MoveId, Report, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, Forger, Sent, To, prompt, tsi};

const VAP: VapId = VapId(1);

/// The way in which the new NVE learns that the VM runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Word,
    /// The VM's own frames, and then its hypervisor's word.
    Frames,
}

/// The time at which the old NVE hears that the VM stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Before,
    Afterwards,
}

fn world(vms: &[Tsi], forger: Option<Forger>) -> Direct {
    let mut world = Direct::watched(3, prompt(Transport::Trusted), forger);
    world.attach(0, VAP.0, vms.to_vec());
    for vm in vms {
        world.tell(0, nve::Input::Activate { key: vm.key, move_id: None });
    }
    world
}

/// A gratuitous ARP request of a [`tsi`], whose IP address and MAC end with the same byte.
fn announcement(vm: &Tsi) -> Vec<u8> {
    let (mac, mut frame) = (vm.key.mac.0, vec![0xff; 6]);
    let ip = [192, 0, 2, mac[5]];
    frame.extend_from_slice(&mac);
    frame.extend_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1]);
    frame.extend_from_slice(&[&mac[..], &ip, &[0; 6], &ip].concat());
    frame.resize(60, 0);
    frame
}

/// Moves all TSIs behind one port from one edge to another, and detaches the old port.
fn move_all(world: &mut Direct, id: u64, vms: &[Tsi], (from, to): (usize, usize), sign: Sign, stop: Stop) {
    let keys: Vec<TsiKey> = vms.iter().map(|vm| vm.key).collect();
    let (key, move_id) = (keys[0], MoveId(id));
    world.attach(to, VAP.0, vms.to_vec());
    world.plan(id, keys.clone(), to as u8 + 1);
    let stopped_at = (stop == Stop::Afterwards).then_some(world.now);
    world.tell(from, nve::Input::Suspend { key, move_id, stopped_at });
    if sign == Sign::Frames {
        for vm in vms {
            let _ = world.edges[to].nve_mut().handle_frame(world.now, VAP, &announcement(vm));
            world.settle();
        }
    }
    world.tell(to, nve::Input::Activate { key, move_id: Some(move_id) });
    for key in keys {
        assert_eq!(world.edges[to].nve().state(&key).state, State::Here);
    }
    world.tell(from, nve::Input::Report { move_id, report: Report::default() });
    world.tell(from, nve::Input::Detach { vap: VAP });
    world.run(Micros::from_secs(2));
}

fn assert_healthy(world: &Direct) {
    let nva = world.nva.counters();
    assert_eq!((nva.out_of_place, nva.rejected, nva.clock_backwards, nva.malformed), (0, 0, 0, 0));
    assert_eq!((nva.limited_answers, nva.withheld_answers), (0, 0));
    for edge in &world.edges {
        let (nve, who) = (edge.nve().counters(), edge.nve().place().nve);
        assert_eq!((nve.out_of_place, nve.rejected, nve.clock_backwards, nve.malformed), (0, 0, 0, 0), "{who}");
        let limited = [nve.limited_announcements, nve.limited_questions, nve.limited_queries, nve.limited_hints];
        assert_eq!((limited, nve.shed_hints), ([0; 4], 0), "{who}");
        let forwarder = edge.forwarder.counters();
        assert_eq!((forwarder.clock_backwards, forwarder.dropped_frames(DropReason::MissLimited)), (0, 0), "{who}");
    }
}

#[test]
fn no_counter_of_faults_counts_healthy_moves() {
    for (sign, stop) in [(Sign::Word, Stop::Before), (Sign::Frames, Stop::Before), (Sign::Word, Stop::Afterwards)] {
        for vms in [vec![tsi(1)], vec![tsi(1), tsi(2), tsi(3)]] {
            let mut world = world(&vms, None);
            for (id, path) in [(10, (0, 1)), (11, (1, 2)), (12, (2, 0)), (13, (0, 2)), (14, (2, 0))] {
                move_all(&mut world, id, &vms, path, sign, stop);
            }

            assert_healthy(&world);
        }
    }
}

#[test]
fn no_counter_of_faults_counts_a_thousand_moves() {
    let vms = [tsi(1)];
    let mut world = world(&vms, None);

    for n in 0..1_000 {
        let (from, to) = (n % 3, (n + 1) % 3);
        move_all(&mut world, 10 + n as u64, &vms, (from, to), Sign::Word, Stop::Before);
    }

    assert_healthy(&world);
}

/// Each datagram arrives twice, also acknowledgements and the messages that open a session.
#[test]
fn what_a_network_repeats_is_no_fault() {
    let twice = |sent: &Sent| vec![sent.clone(), sent.clone()];
    let vms = [tsi(1)];
    let mut world = world(&vms, Some(Box::new(twice)));

    for (id, path) in [(10, (0, 1)), (11, (1, 2)), (12, (2, 0))] {
        move_all(&mut world, id, &vms, path, Sign::Word, Stop::Before);
    }

    assert_healthy(&world);
    assert!(world.edges.iter().all(|edge| edge.nve().counters().repeated > 0));
    assert!(world.nva.counters().repeated > 0);
}

/// The hypervisor says that the VM runs before the authority's message arrives that the old NVE has stopped delivering.
#[test]
fn a_word_that_comes_late_because_of_its_way_is_no_fault() {
    let late = |held: &mut Vec<Sent>, sent: &Sent| {
        let message = Message::decode(&sent.bytes).map(|(_, message)| message);
        match (sent.to, message) {
            (To::Edge(1), Ok(Message::Suspended(_))) if held.is_empty() => {
                held.push(sent.clone());
                Vec::new()
            }
            (To::Nva(_), Ok(Message::Activated(_))) => held.drain(..).chain([sent.clone()]).collect(),
            _ => vec![sent.clone()],
        }
    };
    let mut held = Vec::new();
    let vms = [tsi(1)];
    let mut world = world(&vms, Some(Box::new(move |sent| late(&mut held, sent))));

    move_all(&mut world, 10, &vms, (0, 1), Sign::Word, Stop::Before);

    assert_healthy(&world);
}
