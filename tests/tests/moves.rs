//! Moves in the simulator: the real machines, real frames, a bad control network and nodes that die. The simulator checks the
//! invariants of RULES.md. These tests list the worlds that must stay free of violations.

use nvo3_mobility::sim::{Chance, Fault, Mischief, Params, Path, Record, Run, Scenario, run, run_scenario};
use nvo3_nva_proto::{Message, Micros, Report};
use std::collections::BTreeSet;
use std::fs;

const SEEDS: std::ops::Range<u64> = 0..8;
const BAD: Mischief = Mischief { loss: Chance::percent(1), duplicate: Chance::percent(2), reorder: Chance::percent(5) };

/// Runs some seeds. No run may break an invariant, lose a datagram without an excuse or deliver it twice, and each move must end.
fn worlds(shape: impl Fn(Params) -> Params) -> Vec<Run> {
    let runs: Vec<Run> = SEEDS.map(|seed| run(shape(Params::new(seed)))).collect();
    for run in &runs {
        let report = &run.summary;
        assert_eq!(run.violations, [], "seed {}", report.seed);
        assert_eq!((report.lost, report.duplicated), (0, 0), "seed {}", report.seed);
        assert!(report.sent > 0 && report.moves.iter().all(|done| done.result.is_some()), "seed {}", report.seed);
    }
    runs
}

fn committed(runs: &[Run]) -> bool {
    runs.iter().flat_map(|run| &run.summary.moves).all(|done| done.result == Some("committed"))
}

fn excused(run: &Run) -> u64 {
    run.summary.in_dead_node + run.summary.to_down_node + run.summary.asked_overflow
}

/// Checks VMM-5-01, VMM-5-04, VMM-5-08, VMM-5-09, R-34.
#[test]
fn a_move_costs_no_datagram_and_no_order() {
    let runs = worlds(|plain| plain);

    assert!(committed(&runs));
    assert!(runs.iter().all(|run| run.summary.reordered == 0 && excused(run) == 0));
    assert!(runs.iter().all(|run| run.summary.held > 0 && run.summary.tunnelled > 0));
    assert!(runs.iter().all(|run| run.summary.converged_us.is_some() && run.summary.pause_us == Some(30_000)));
}

/// Checks VMM-5-01, VMM-5-09.
#[test]
fn a_hypervisor_that_says_late_that_the_vm_stopped_costs_no_datagram_and_no_order() {
    for late in [Micros(0), Micros::from_millis(1), Micros::from_millis(20), Micros::from_millis(50)] {
        let runs = worlds(|plain| Params { late: Some(late), ..plain });
        assert!(committed(&runs) && runs.iter().all(|run| excused(run) == 0));
        assert!(late.0 < 1_000 || runs.iter().any(|run| run.summary.replayed > 0), "{late:?}");

        let runs = worlds(|plain| Params { late: Some(late), path: Path::ABA, control: BAD, ..plain });
        assert!(committed(&runs) && runs.iter().all(|run| excused(run) == 0));
    }
}

/// Checks VMM-5-01.
#[test]
fn a_hypervisor_that_says_it_when_the_vm_runs_elsewhere_costs_no_datagram() {
    for (late, path) in [(35, Path::AB), (60, Path::AB), (500, Path::AB), (60, Path::ABA), (60, Path::ABC)] {
        let runs = worlds(|plain| Params { late: Some(Micros::from_millis(late)), path, control: BAD, ..plain });
        assert!(committed(&runs) && runs.iter().all(|run| excused(run) == 0 && run.summary.replayed > 0), "{late} ms");
    }
}

#[test]
fn what_goes_wrong_around_a_late_word_costs_no_datagram() {
    for late in [10, 60] {
        let late = Some(Micros::from_millis(late));
        for fault in [Fault::Abort, Fault::NvaRestart, Fault::OldRestart, Fault::NewRestart, Fault::SelfResume] {
            worlds(|plain| Params { fault: Some(fault), late, control: BAD, ..plain });
        }
    }
}

/// Checks VMM-5-01, R-03.
#[test]
fn a_bad_control_network_costs_time_and_no_datagram() {
    let runs = worlds(|plain| Params { control: BAD, ..plain });
    assert!(committed(&runs) && runs.iter().all(|run| excused(run) == 0));
}

#[test]
fn a_pause_shorter_than_the_detour_costs_order_at_most() {
    assert!(committed(&worlds(|plain| Params { pause: Micros(300), rate: 3_000, ..plain })));
}

/// Checks VMM-5-04, VMM-5-11, R-37.
#[test]
fn two_moves_without_rest_there_and_back_and_on_to_a_third() {
    for path in [Path::ABA, Path::ABC] {
        let runs = worlds(|plain| Params { path, control: BAD, ..plain });
        assert!(committed(&runs) && runs.iter().all(|run| run.summary.moves.len() == 2 && excused(run) == 0));
    }
}

#[test]
fn a_move_that_is_called_off_leaves_the_vm_reachable_where_it_was() {
    let early = worlds(|plain| Params { fault: Some(Fault::Abort), fault_at: Some(Micros(3_000)), ..plain });
    assert!(early.iter().flat_map(|run| &run.summary.moves).all(|done| done.result == Some("aborted")));

    worlds(|plain| Params { fault: Some(Fault::Abort), control: BAD, ..plain });
}

#[test]
fn a_move_past_its_deadline_is_called_off() {
    let runs = worlds(|plain| Params { deadline: Micros::from_millis(20), ..plain });
    assert!(runs.iter().flat_map(|run| &run.summary.moves).all(|done| done.result == Some("aborted")));
}

#[test]
fn a_hypervisor_that_resumes_at_the_source_ends_the_move() {
    let runs = worlds(|plain| Params { fault: Some(Fault::SelfResume), control: BAD, ..plain });
    assert!(runs.iter().flat_map(|run| &run.summary.moves).all(|done| done.result == Some("aborted")));
}

/// Checks VMM-5-01.
#[test]
fn nodes_that_die_take_only_what_they_held_and_what_was_sent_to_them() {
    for fault in [Fault::NvaRestart, Fault::OldRestart, Fault::NewRestart] {
        worlds(|plain| Params { fault: Some(fault), ..plain.clone() });
        worlds(|plain| Params { fault: Some(fault), control: BAD, ..plain });
    }
}

#[test]
fn the_tenants_own_frames_arrive_byte_for_byte_and_in_order() {
    let frame = |n: u8| {
        let mut frame = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5];
        frame.extend((0..n).map(|byte| byte.wrapping_mul(n)));
        frame
    };
    let runs = worlds(|plain| Params { tenant: (1..60).map(frame).collect(), ..plain });

    for run in &runs {
        let tenant = run.summary.tenant.as_ref().unwrap();
        assert!(tenant.identical && tenant.received == 59, "{tenant:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let params = Params { fault: Some(Fault::NewRestart), control: BAD, ..Params::new(11) };
    assert_eq!(run(params.clone()).summary, run(params).summary);
}

/// Checks R-36, VMM-5-08.
#[test]
fn where_a_pause_is_too_long_for_the_hold_limit_what_is_over_it_is_lost_and_no_more() {
    let params = Params { pause: Micros::from_secs(2), rate: 1_000, deadline: Micros::from_secs(9), ..Params::new(1) };
    let limit = u64::from(params.hold.frames);

    let report = run(params).summary;

    assert!(report.held > limit, "{}", report.held);
    assert_eq!((report.lost, report.duplicated), (report.held - limit, 0));
}

/// The worlds that a campaign found and shrank, as JSON files. The name of each file says what happens in it.
///
/// Checks VMM-5-01, VMM-7-03, R-37.
#[test]
fn worlds_that_once_broke_an_invariant_break_none() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/worlds");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        let scenario: Scenario = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(run_scenario(scenario).unwrap().violations, [], "{}", file.display());
    }
}

#[test]
fn worlds_of_many_shapes_break_no_invariant() {
    for seed in 0..50 {
        let run = run_scenario(Scenario::of_seed(seed)).unwrap();
        assert_eq!(run.violations, [], "seed {seed}");
    }
}

/// What the messages *Done* in a run say: those of edges, and those of the authority.
fn reports(run: &Run) -> (Vec<Report>, Vec<Report>) {
    let mut seen = BTreeSet::new();
    let (mut of_edges, mut of_nva) = (Vec::new(), Vec::new());
    for packet in run.capture.packets() {
        // An IPv4 header without options, and a UDP header.
        let Some(Ok((header, Message::Done(done)))) = packet.bytes.get(28..).map(Message::decode) else { continue };
        // Each link has the packet once.
        if seen.insert((header.session, header.sequence, done.report.tunnelled_frames, done.report.held_frames)) {
            let link = run.capture.interfaces().get(packet.interface);
            let from_nva = link.is_some_and(|link| link.name.starts_with("NVA-"));
            if from_nva { &mut of_nva } else { &mut of_edges }.push(done.report);
        }
    }
    (of_edges, of_nva)
}

/// Checks VMM-5-16.
#[test]
fn the_authority_says_how_many_frames_a_move_held_and_tunnelled() {
    for seed in SEEDS {
        let record = Record { packets: true, ..Record::default() };
        let run = run(Params { record, ..Params::new(seed) });
        let (of_edges, of_nva) = reports(&run);

        let sum = |reports: &[Report], of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
        assert_eq!((of_edges.len(), of_nva.len()), (2, 2), "seed {seed}: {:?}", run.capture.interfaces());
        for of in [|report: &Report| report.held_frames, |report: &Report| report.tunnelled_frames] {
            assert!(sum(&of_edges, of) > 0, "seed {seed}");
            assert!(of_nva.iter().all(|report| of(report) == sum(&of_edges, of)), "seed {seed}");
        }
    }
}
