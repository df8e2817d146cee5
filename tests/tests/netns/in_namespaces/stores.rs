//! An authority whose records are lost, old, or cannot be written, under traffic and with a move after it.

use super::world::{Tenant, Traffic, World, assert_whole, done, say, wait, world, world_with};
use nvo3_tests::netns::Family::V4;
use nvo3_tests::netns::Station;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The longest time until the directory says again where each VM is.
const TO_HEAL: Duration = Duration::from_secs(30);

impl World {
    fn store(&self) -> PathBuf {
        self.overlay.data().join("nva.redb")
    }

    /// Waits until the directory has the VM and its correspondent where they run.
    fn heals(&self, vm_at: u64) -> Duration {
        let since = Instant::now();
        let place = |station: &Station| {
            let (mac, tables) = (station.mac.to_string(), self.overlay.show("nvad", "tables"));
            tables.as_array().unwrap().iter().find(|row| row["mac"] == mac).and_then(|row| row["nve"].as_u64())
        };
        while (place(&self.vm.station), place(&self.correspondent.station)) != (Some(vm_at), Some(3)) {
            assert!(since.elapsed() < TO_HEAL, "{}", self.overlay.show("nvad", "tables"));
            wait(20);
        }
        since.elapsed()
    }

    fn moves(&self, id: u32, from: u8, to: u8) {
        self.move_until_paused(id, from, to);
        self.run_at(id, to);
        done(&self.outcome(id));
        assert_eq!(self.place(), Some(to.into()));
    }

    fn warned(&self, words: &str) -> bool {
        self.overlay.warnings().iter().any(|line| line.contains(words))
    }
}

/// Ends the traffic, of which nothing may be lost.
fn ends(traffic: Traffic, what: &str, healed: Duration) {
    let [to_vm, from_vm] = traffic.end();
    let (lost, sent) = ([to_vm.lost.len(), from_vm.lost.len()], to_vm.sent.len() + from_vm.sent.len());
    say(&format!("{what}: healed after {} ms; {lost:?} of {sent} lost to and from the VM", healed.as_millis()));
    assert_whole(&to_vm, "to the VM");
    assert_whole(&from_vm, "from the VM");
}

/// The neighbours ask anew, so that answers of the directory are needed too.
fn flush(tenant: &Tenant) {
    tenant.namespace.ip("neigh flush all");
}

/// Checks I9.
#[test]
fn an_authority_whose_store_is_lost_has_every_vm_again_and_loses_nothing() {
    let Some(mut world) = world(V4) else { return };
    let traffic = world.traffic(V4);

    world.overlay.kill_nvad();
    std::fs::remove_file(world.store()).unwrap();
    world.overlay.start_nvad();
    let healed = world.heals(1);
    flush(&world.correspondent);
    wait(500);
    world.moves(1, 1, 2);
    wait(300);

    ends(traffic, "a lost store", healed);
    assert!(world.warned("lost"), "{:#?}", world.overlay.warnings());
}

/// No process that saw the lost records runs any more. What the edges kept tells the authority which epoch it must exceed.
///
/// Checks I9.
#[test]
fn an_authority_whose_store_is_lost_learns_of_it_from_edges_that_have_restarted_too() {
    let Some(mut world) = world(V4) else { return };
    let epoch = |world: &World| {
        let status = world.overlay.nvoctl("nvad", &["--json", "status"]).text;
        serde_json::from_str::<serde_json::Value>(&status).unwrap()["shown"]["epoch"].as_u64().unwrap()
    };
    let before = epoch(&world);

    world.overlay.kill_nvad();
    (1..=3).for_each(|n| world.overlay.kill_nved(n));
    std::fs::remove_file(world.store()).unwrap();
    world.overlay.start_nvad();
    (1..=3).for_each(|n| world.overlay.start_nved(n));
    (1..=3).for_each(|n| world.overlay.connected(n));
    world.heals(1);

    assert!(epoch(&world) > before, "{} and {before}", epoch(&world));
    assert!(world.warned("lost"), "{:#?}", world.overlay.warnings());
}

/// The copy is older than a move of the VM.
///
/// Checks I9.
#[test]
fn an_authority_whose_store_is_an_old_copy_has_every_vm_again_and_loses_nothing() {
    let Some(mut world) = world(V4) else { return };
    let copy = world.overlay.data().join("copy");
    world.overlay.kill_nvad();
    std::fs::copy(world.store(), &copy).unwrap();
    world.overlay.start_nvad();
    // The edges may not have noticed that nvad was away.
    while world.overlay.logged("nvad", "the session with an edge is up").len() < 6 {
        wait(20);
    }
    let traffic = world.traffic(V4);
    world.moves(1, 1, 2);

    world.overlay.kill_nvad();
    std::fs::rename(&copy, world.store()).unwrap();
    world.overlay.start_nvad();
    let healed = world.heals(2);
    flush(&world.correspondent);
    wait(500);
    world.moves(2, 2, 1);
    wait(300);

    ends(traffic, "an old store", healed);
    assert!(world.warned("old"), "{:#?}", world.overlay.warnings());
}

/// What rests on a record waits, and the rest goes on.
///
/// Checks I6, I9.
#[test]
fn an_authority_whose_disk_is_full_goes_on_when_there_is_room_and_loses_nothing() {
    let Some(world) = world_with(V4, |overlay| overlay.give_disk()) else { return };
    let disk = || world.overlay.disk().unwrap();
    let traffic = world.traffic(V4);

    disk().fill();
    let mut planned = 0;
    while !world.warned("the disk is full") {
        planned += 1;
        assert!(planned < 1_000, "the store grows although its disk is full");
        let (id, words) = (planned.to_string(), ["--to", "2", "--deadline", "2s", "--timeout", "1s"]);
        world.overlay.about("nvad", "prepare", &world.vm.station, &[&["--move", &id], &words[..]].concat());
        world.overlay.nvoctl("nvad", &["--timeout", "1s", "cancel", &id]);
    }
    assert_eq!(world.heals(1).as_secs(), 0, "the directory answers still");

    disk().empty();
    let freed = Instant::now();
    while world.overlay.logged("nvad", "the disk has room again").is_empty() {
        assert!(freed.elapsed() < TO_HEAL);
        wait(20);
    }
    let healed = freed.elapsed();
    (1..=planned).for_each(|id| drop(world.outcome(id)));
    world.moves(planned + 1, 1, 2);
    wait(300);

    ends(traffic, "a full disk", healed);
}
