use super::world::{World, assert_whole, done, say, wait, world};
use nvo3_tests::netns::Family::V4;
use std::time::{Duration, Instant};

/// The exit code of `nvoctl outcome` for a move that was aborted.
const ABORTED: i32 = 4;

#[test]
fn an_authority_killed_in_a_move_loses_nothing_and_commits_when_it_is_back() {
    let Some(mut world) = world(V4) else { return };
    let traffic = world.traffic(V4);

    done(&world.prepare(1, 2));
    world.overlay.kill_nvad();
    world.suspend_and_pause(1, 1);
    world.run_at(1, 2);
    wait(500);
    world.overlay.start_nvad();

    done(&world.outcome(1));
    assert_eq!(world.place(), Some(2));
    traffic.end_whole();
}

/// How long after the last word the NVA and the old edge may need to undo the move.
const TO_UNDO: Duration = Duration::from_millis(100);

/// The new edge is killed while it holds, then `mend` does what is to be done and the VM goes on where it was.
fn the_new_edge_dies(mend: impl FnOnce(&mut World)) {
    let Some(mut world) = world(V4) else { return };
    let traffic = world.traffic(V4);
    world.move_until_paused(1, 1, 2);

    let asked = Instant::now();
    let held = usize::try_from(world.overlay.held(2)).unwrap();
    world.overlay.kill_nved(2);
    mend(&mut world);
    world.vm.resume_at(0);
    let mended = Instant::now() + TO_UNDO;
    let ended = world.outcome(1);

    assert_eq!(ended.code, ABORTED, "{}", ended.text);
    assert_eq!(world.place(), Some(1));
    let [to_vm, from_vm] = traffic.end();
    assert_whole(&from_vm, "from the VM");
    let before = to_vm.lost.iter().filter(|at| **at < asked).count();
    let meanwhile = to_vm.lost.iter().filter(|at| (asked..mended).contains(at)).count();
    say(&format!(
        "the new edge held {held} before it was killed: {before} of those sent until then are lost, and {meanwhile} of \
         the {} ms after which the VM ran again",
        (mended - TO_UNDO).duration_since(asked).as_millis()
    ));
    assert!(held > 0, "nothing was held");
    // The last ones may have been under way.
    assert!(before <= held + 5, "{before} lost, {held} held");
    assert_eq!(to_vm.lost.len(), before + meanwhile, "some were lost after the move was undone");
    assert_eq!(to_vm.duplicated, 0);
}

#[test]
fn a_new_edge_that_restarts_before_activation_loses_what_it_held_and_no_more() {
    the_new_edge_dies(|world| {
        world.overlay.start_nved(2);
        world.overlay.connected(2);
        done(&world.resume(1));
    });
}

#[test]
fn a_new_edge_that_is_fenced_loses_what_it_held_and_no_more() {
    the_new_edge_dies(|world| {
        done(&world.overlay.nvoctl("nvad", &["fence", "2"]));
        done(&world.resume(1));
    });
}
