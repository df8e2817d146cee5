//! A VM leaves while its NVE has not heard what the authority said last. The withdrawal counts all the same.

use crate::world::{config, mapped, plan, replaced, state};
use nvo3_mobility::nva;
use nvo3_mobility::nve;
use nvo3_mobility::table::{Binding, PortPolicy, VapId};
use nvo3_nva_proto::{Message, Micros, MoveId};
use nvo3_tests::direct::{Direct, To, tsi};
use nvo3_wire::arp;
use std::net::Ipv4Addr;

const VIRTUAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// From now on nothing reaches edge 1. The authority hears what it says.
fn deafen(world: &mut Direct) {
    world.forger = Some(Box::new(|sent| if sent.to == To::Edge(0) { Vec::new() } else { vec![sent.clone()] }));
}

/// The VM behind port 1 of edge 1 leaves, and then edge 1 hears everything.
fn leaves(world: &mut Direct) {
    world.tell(0, nve::Input::Detach { vap: VapId(1) });
    world.forger = None;
    world.run(Micros::from_secs(5));
}

fn assert_gone(world: &Direct) {
    assert_eq!((mapped(world, &tsi(1).key), state(world, 0, &tsi(1).key)), (None, "away"));
}

#[test]
fn a_vm_leaves_before_the_answer_to_its_claim() {
    for attached_before in [false, true] {
        let mut world = Direct::with(2, config(1));
        let mut more = tsi(1);
        if attached_before {
            world.start(0, 1, more.clone());
            more.ips.push(VIRTUAL.into());
        }
        deafen(&mut world);
        world.start(0, 1, more);
        assert_eq!(mapped(&world, &tsi(1).key), Some(1));

        leaves(&mut world);

        assert_gone(&world);
    }
}

#[test]
fn a_vm_leaves_before_it_hears_that_another_one_has_a_shared_address() {
    let mut config = config(1);
    config.policy.share(tsi(1).key.vn, VIRTUAL.into(), [1, 2].map(|n| tsi(n).key.mac));
    let mut world = Direct::with(2, config);
    for (edge, n) in [(0, 1), (1, 2)] {
        let mut policy = PortPolicy::untrusted();
        policy.shared = vec![Binding { mac: tsi(n).key.mac, ips: vec![VIRTUAL.into()] }];
        world.tell(edge, nve::Input::Attach { vap: VapId(1), vn: tsi(n).key.vn, tsis: vec![tsi(n)], policy });
        world.tell(edge, nve::Input::Activate { key: tsi(n).key, move_id: None });
    }
    let announces = |world: &mut Direct, edge: usize, n: u8| {
        let mut frame = [0; arp::FRAME_LEN];
        let length = arp::announcement(tsi(n).key.mac, VIRTUAL.into(), &mut frame).unwrap();
        let _ = world.edges[edge].nve_mut().handle_frame(world.now, VapId(1), &frame[..length]);
        world.settle();
    };
    announces(&mut world, 0, 1);
    deafen(&mut world);
    announces(&mut world, 1, 2);
    assert_eq!(world.nva.book().ips(&tsi(1).key), tsi(1).ips);

    leaves(&mut world);

    assert_gone(&world);
}

#[test]
fn a_vm_leaves_before_it_hears_that_its_move_was_aborted() {
    for suspended in [false, true] {
        let mut world = Direct::with(2, config(1));
        let id = MoveId(10);
        world.start(0, 1, tsi(1));
        world.attach(1, 1, vec![tsi(1)]);
        plan(&mut world, id.0, tsi(1).key, 2);
        if suspended {
            world.tell(0, nve::Input::Suspend { key: tsi(1).key, move_id: id, stopped_at: None });
        }
        deafen(&mut world);
        world.nva.handle(world.now, nva::Input::Cancel(id)).unwrap();
        world.settle();
        if suspended {
            // The hypervisor resumes the VM. Its port can go only once the outcome is here.
            world.tell(0, nve::Input::Activate { key: tsi(1).key, move_id: None });
        }

        leaves(&mut world);

        assert_gone(&world);
    }
}

#[test]
fn a_vm_leaves_before_it_hears_its_version_in_a_new_epoch() {
    let mut world = Direct::with(2, config(500));
    world.start(0, 1, tsi(1));
    world.forger = Some(Box::new(|sent| {
        // The edge hears that its session is up, and not what the authority answers to its restatement.
        let is_reply =
            Message::decode(&sent.bytes).is_ok_and(|(_, message)| matches!(message, Message::RegistrationReply(_)));
        if sent.to == To::Edge(0) && is_reply { Vec::new() } else { vec![sent.clone()] }
    }));
    replaced(&mut world, 1, Vec::new());
    for _ in 0..2_000 {
        if mapped(&world, &tsi(1).key).is_none() {
            world.run(Micros::from_millis(10));
        }
    }
    assert_eq!(mapped(&world, &tsi(1).key), Some(1));

    leaves(&mut world);

    assert_gone(&world);
}
