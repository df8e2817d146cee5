use super::world::{done, wait, world};
use nvo3_tests::netns::Family::{self, V4, V6};
use std::time::Instant;

fn moves_there_and_back(underlay: Family, tenant: Family) {
    let Some(mut world) = world(underlay) else { return };
    let traffic = world.traffic(tenant);

    for (id, from, to) in [(1, 1, 2), (2, 2, 1)] {
        world.move_until_paused(id, from, to);
        world.run_at(id, to);

        done(&world.outcome(id));
        assert_eq!(world.place(), Some(to.into()));
        wait(300);
        let moves = world.overlay.show(&format!("h{to}"), "moves");
        let last = moves.as_array().unwrap().last().unwrap();
        assert_eq!((last["move"].as_u64(), last["state"].as_str()), (Some(id.into()), Some("committed")), "{moves}");
        assert!(last["held_frames"].as_u64().unwrap() > 0, "{moves}");
        let tables = world.overlay.show(&format!("h{to}"), "tables");
        assert_eq!(tables[0]["nve"].as_u64(), Some(to.into()), "{tables}");
    }
    assert_eq!(world.overlay.warnings(), [""; 0], "a healthy move warns of nothing");
    for name in ["clock_backwards", "out_of_place", "rejected", "malformed", "not_followed", "shed_events"] {
        let edges = ["h1", "h2", "h3"].map(|edge| world.overlay.counter(edge, &format!("nve.{name}")));
        assert_eq!((world.overlay.counter("nvad", name), edges), (0, [0; 3]), "{name}");
    }
    // Each party of both moves reports once, and the new one what it held.
    let reports = world.overlay.logged("nvad", "an edge reports its part of a move");
    let held = reports.iter().filter(|line| !line.contains("held_frames=0")).count();
    assert_eq!((reports.len(), held), (4, 2), "{reports:#?}");
    traffic.end_whole();
    assert_eq!([world.vm.stranded(0), world.vm.stranded(1)], [0, 0]);
    world.overlay.terminate();
}

/// Checks VMM-5-01, VMM-5-07, VMM-5-08, VMM-5-17.
#[test]
fn a_vm_moves_there_and_back_and_no_ipv4_datagram_is_lost() {
    moves_there_and_back(V4, V4);
}

/// Checks VMM-5-01, VMM-5-07, VMM-5-08, VMM-5-17.
#[test]
fn a_vm_moves_there_and_back_and_no_ipv6_datagram_is_lost() {
    moves_there_and_back(V4, V6);
}

/// Checks VMM-5-07.
#[test]
fn the_underlay_may_be_ipv6() {
    for tenant in [V4, V6] {
        moves_there_and_back(V6, tenant);
    }
}

#[test]
fn the_word_of_a_stop_may_come_after_it() {
    let Some(world) = world(V4) else { return };
    let traffic = world.traffic(V4);
    done(&world.prepare(1, 2));

    let stop = Instant::now();
    let stopped_at = world.vm.pause().to_string();
    wait(10);
    let words = ["--move", "1", "--stopped-at", &stopped_at];
    done(&world.overlay.about("h1", "suspend", &world.vm.station, &words));
    wait(40);
    world.run_at(1, 2);

    done(&world.outcome(1));
    traffic.end_whole_but_for_the_port(stop);
}

#[test]
fn the_word_of_a_stop_may_come_after_the_vm_runs_elsewhere() {
    let Some(world) = world(V4) else { return };
    let traffic = world.traffic(V4);
    done(&world.prepare(1, 2));

    let stop = Instant::now();
    let stopped_at = world.vm.pause().to_string();
    wait(50);
    world.run_at(1, 2);
    done(&world.outcome(1));
    let words = ["--move", "1", "--stopped-at", &stopped_at];
    done(&world.overlay.about("h1", "suspend", &world.vm.station, &words));

    assert_eq!(world.place(), Some(2));
    traffic.end_whole_but_for_the_port(stop);
    assert!(world.vm.stranded(0) > 20);
}
