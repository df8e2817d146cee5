//! The counters of the programs after healthy moves.

use super::world::{PAUSE, done, wait, world};
use nvo3_tests::netns::Family::V4;
use std::collections::BTreeMap;

/// The counters that may grow in a healthy fabric. Every other counter means that something is wrong: whoever adds a counter decides here.
const GOOD: [&str; 24] = [
    // of the authority
    "challenges",
    "commits",
    "datagrams_in",
    "datagrams_out",
    "queries",
    "records_removed",
    "records_written",
    "updates",
    // On a busy machine an answer is late, and the question comes again.
    "repeated",
    "nve.repeated",
    // of an edge
    "nve.hints_received",
    "nve.hints_sent",
    "nve.queries",
    "nve.proxy_answers",
    // A tenant asks for an address that nobody has.
    "nve.unknown_targets",
    "forwarder.delivered_frames",
    "forwarder.tunnelled_frames",
    "forwarder.replicated_frames",
    "forwarder.replicas",
    "forwarder.held_frames",
    "forwarder.again_frames",
    "forwarder.punted_frames",
    "forwarder.replayed_frames",
    // The first tenant is alone in its VN.
    "dropped.no_receiver",
];

/// Checks I12.
#[test]
fn after_healthy_moves_no_counter_of_a_program_with_a_bad_name_has_counted() {
    let Some(world) = world(V4) else { return };
    let traffic = world.traffic(V4);

    for (id, from, to) in [(1, 1, 2), (2, 2, 1)] {
        world.move_until_paused(id, from, to);
        wait(PAUSE.as_millis() as u64);
        world.run_at(id, to);
        done(&world.outcome(id));
        wait(1_500);
    }

    traffic.end_whole();
    for daemon in ["nvad", "h1", "h2", "h3"] {
        let counters = world.overlay.show(daemon, "counters");
        let bad: BTreeMap<_, _> = counters
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, count)| **count != 0 && !GOOD.contains(&name.as_str()))
            .collect();
        assert!(bad.is_empty(), "{daemon}: {bad:?}");
    }
}
