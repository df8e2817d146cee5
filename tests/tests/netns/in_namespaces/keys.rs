//! Keys that are changed while a VM moves.

use super::world::{done, wait, world};
use nvo3_tests::netns::Family::V4;

/// Checks VMM-10-10, R-38.
#[test]
fn keys_are_changed_in_a_move_and_neither_a_datagram_nor_a_session_is_lost() {
    let Some(world) = world(V4) else { return };
    let traffic = world.traffic(V4);
    let overlay = &world.overlay;

    done(&world.prepare(1, 2));
    overlay.make_keys();
    overlay.reload_keys();
    // By then each edge has sent a message under its new key.
    wait(1_500);
    world.suspend_and_pause(1, 1);
    overlay.drop_old_keys();
    overlay.reload_keys();
    world.run_at(1, 2);

    done(&world.outcome(1));
    traffic.end_whole();
    assert_eq!(world.place(), Some(2));
    for name in ["unsealed", "unknown_key", "wrong_seal", "not_bound", "replayed"] {
        assert_eq!(overlay.counter("nvad", name), 0, "{name}");
    }
    for edge in ["h1", "h2", "h3"] {
        assert_eq!(overlay.counter(edge, "nve.unknown_key") + overlay.counter(edge, "nve.wrong_seal"), 0, "{edge}");
    }
}
