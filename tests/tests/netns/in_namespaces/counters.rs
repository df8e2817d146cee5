//! The counters of the programs after healthy moves.

use super::world::{PAUSE, done, wait, world};
use nvo3_tests::healthy::OF_AN_EDGE;
use nvo3_tests::netns::Family::V4;
use std::collections::BTreeMap;

/// The counters of the authority that may grow in a healthy fabric.
const OF_THE_AUTHORITY: [&str; 9] = [
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
    let edges = ["h1", "h2", "h3"].map(|edge| (edge, OF_AN_EDGE.as_slice()));
    for (daemon, good) in edges.into_iter().chain([("nvad", OF_THE_AUTHORITY.as_slice())]) {
        let counters = world.overlay.show(daemon, "counters");
        let bad: BTreeMap<_, _> = counters
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, count)| **count != 0 && !good.contains(&name.as_str()))
            .collect();
        assert!(bad.is_empty(), "{daemon}: {bad:?}");
    }
}
