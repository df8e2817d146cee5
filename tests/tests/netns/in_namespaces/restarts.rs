//! An edge whose process ends and starts again while VMs run.

use super::world::{World, say, wait, world_by_command};
use nvo3_tests::netns::Counted;
use nvo3_tests::netns::Family::V4;
use std::time::{Duration, Instant};

/// The longest time for which a program that has just started may lose datagrams.
const TO_RETURN: Duration = Duration::from_millis(100);

/// What happens to the edge of host 1, and who is there when it comes back.
struct Restart {
    name: &'static str,
    end: fn(&mut World),
    /// The authority is away until the edge has carried frames for a second.
    alone: bool,
}

const RESTARTS: [Restart; 3] = [
    Restart { name: "killed", end: |world| world.overlay.kill_nved(1), alone: false },
    Restart { name: "asked to end", end: |world| world.overlay.end_nved(1), alone: false },
    Restart { name: "killed while the authority is away", end: |world| world.overlay.kill_nved(1), alone: true },
];

/// The length of the longest run of lost datagrams.
fn longest_gap(counted: &Counted) -> Duration {
    let (mut longest, mut since) = (Duration::ZERO, None);
    for sent in &counted.sent {
        if counted.lost.binary_search(sent).is_ok() {
            longest = longest.max(*sent - *since.get_or_insert(*sent));
        } else {
            since = None;
        }
    }
    longest
}

impl Restart {
    fn happens(&self) {
        let Some(mut world) = world_by_command() else { return };
        let traffic = world.traffic(V4);
        // The table is written once a second.
        wait(1_500);
        if self.alone {
            world.overlay.kill_nvad();
        }

        let ended = Instant::now();
        (self.end)(&mut world);
        world.overlay.start_nved(1);
        world.overlay.answers(1);
        let back = Instant::now() + TO_RETURN;
        wait(1_000);
        if self.alone {
            world.overlay.start_nvad();
        }
        world.overlay.connected(1);
        wait(1_000);

        assert_eq!(world.place(), Some(1));
        for (counted, way) in traffic.end().iter().zip(["to the VM", "from the VM"]) {
            let away = (back - TO_RETURN).duration_since(ended).as_millis();
            say(&format!(
                "an edge {}, away for {away} ms, {way}: {} of {} lost, the longest gap {} ms",
                self.name,
                counted.lost.len(),
                counted.sent.len(),
                longest_gap(counted).as_millis()
            ));
            let outside =
                counted.lost.iter().filter(|at| **at < ended - Duration::from_millis(20) || **at > back).count();
            assert_eq!((outside, counted.duplicated), (0, 0), "{way}: lost while the edge was there, and duplicated");
        }
    }
}

#[test]
fn an_edge_that_restarts_while_vms_run_goes_on_at_once() {
    RESTARTS.iter().for_each(Restart::happens);
}

#[test]
fn a_port_that_was_detached_does_not_come_back_with_its_edge() {
    let Some(mut world) = world_by_command() else { return };
    let ports = |world: &World| world.overlay.nvoctl("h1", &["--json", "status"]).text.contains("\"vm0\"");
    assert!(ports(&world));

    assert_eq!(world.overlay.nvoctl("h1", &["detach", "vm0"]).code, 0);
    world.overlay.kill_nved(1);
    world.overlay.start_nved(1);
    world.overlay.connected(1);

    assert!(!ports(&world));
}

/// The VM moved away; an edge that starts again does not claim it.
#[test]
fn an_edge_that_restarts_after_a_vm_has_moved_away_does_not_take_it_back() {
    let Some(mut world) = world_by_command() else { return };
    let spec = super::world::spec(&world.vm.station, "");
    assert_eq!(world.overlay.nvoctl("h2", &["attach", &spec]).code, 0);
    world.move_until_paused(1, 1, 2);
    world.run_at(1, 2);
    super::world::done(&world.outcome(1));

    world.overlay.kill_nved(1);
    world.overlay.start_nved(1);
    world.overlay.connected(1);
    wait(300);

    assert_eq!(world.place(), Some(2));
}
