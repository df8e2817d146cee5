//! A whole move, and where it may fail.

use crate::fake::{Bench, Does, Ran, ended, prepared, refused};
use nvo3_nva_proto::MoveResult::{self, Aborted, Committed, Unknown};
use nvoctl::{Reply, Request};
use serde_json::Value;
use std::time::Duration;

const MOVE: [&str; 17] = [
    "migrate",
    "--vni",
    "77",
    "--mac",
    "52:54:00:77:00:10",
    "--to",
    "2",
    "--old",
    "{old}",
    "--new",
    "{new}",
    "--nva",
    "{nva}",
    "--timeout",
    "1s",
    "--restart",
    "echo restart >> {log}",
];

/// The act of each daemon for its request. By default every request succeeds.
struct Case {
    prepare: Does,
    suspend: Does,
    activate: Does,
    cancel: Does,
    outcome: Does,
    stop: &'static str,
    start: &'static str,
    more: &'static [&'static str],
}

impl Default for Case {
    fn default() -> Self {
        Self {
            prepare: prepared(7).into(),
            suspend: Reply::Done.into(),
            activate: Reply::Done.into(),
            cancel: Reply::Done.into(),
            outcome: ended(7, Committed).into(),
            stop: "echo stop >> {log}",
            start: "echo start >> {log}",
            more: &[],
        }
    }
}

impl Case {
    fn ends(result: MoveResult) -> Self {
        Self { outcome: ended(7, result).into(), ..Self::default() }
    }

    fn run(self) -> (Ran, Vec<String>) {
        let bench = Bench::new();
        let Self { prepare, suspend, activate, cancel, outcome, stop, start, more } = self;
        bench.daemon("nva", move |request| match request {
            Request::Prepare { .. } => prepare.clone(),
            Request::Cancel { .. } => cancel.clone(),
            Request::Outcome { .. } => outcome.clone(),
            _ => refused().into(),
        });
        bench.daemon("old", move |request| match request {
            Request::Suspend { .. } => suspend.clone(),
            Request::Resume { .. } => Reply::Done.into(),
            Request::Along { .. } => Reply::Shown(serde_json::json!([{ "vn": 77, "mac": "00:00:5e:00:01:0a" }])).into(),
            _ => refused().into(),
        });
        bench.daemon("new", move |request| match request {
            Request::Activate { .. } => activate.clone(),
            _ => refused().into(),
        });
        let words = [&MOVE[..], &["--stop", stop, "--start", start], more].concat();
        (bench.run(&words), bench.log())
    }
}

/// Runs it and compares exit code and the order of everything.
fn check(case: Case, code: i32, order: &[&str], said: &str) {
    let (ran, log) = case.run();
    assert_eq!(log, order, "{ran:?}");
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.err.contains(said), "{ran:?}");
}

const TO_SUSPEND: [&str; 2] = ["nva prepare", "old suspend"];
const TO_ACTIVATE: [&str; 4] = ["nva prepare", "old suspend", "stop", "new activate"];
const BACK: [&str; 4] = ["nva cancel", "nva outcome", "old resume", "restart"];

#[test]
fn the_vm_stops_after_the_suspend_and_starts_after_the_activation() {
    let order = [&TO_ACTIVATE[..], &["start", "nva outcome"]].concat();

    check(Case::default(), 0, &order, "");
}

#[test]
fn each_step_is_printed_with_its_time() {
    let (ran, _) = Case::default().run();
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let steps: Vec<&str> = lines.iter().map(|line| line[2]).collect();
    assert_eq!(steps, ["prepare", "suspend", "stop", "activate", "start", "outcome"]);
    assert!(lines.iter().all(|line| line[1] == "ms" && line[4] == "ms" && line[3].parse::<f64>().is_ok()));

    let (ran, _) = Case { more: &["--json"], stop: "echo noise", ..Case::default() }.run();
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&str> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["prepare", "suspend", "stop", "activate", "start", "outcome"]);
    assert_eq!(lines[0]["reply"]["prepared"]["move_id"], 7);
    assert_eq!(lines[2]["exit"], 0);
    assert_eq!(ran.err, "noise\n");
}

#[test]
fn a_daemon_that_is_not_there_is_found_before_anything_is_begun() {
    let bench = Bench::new();
    bench.daemon("nva", |_| Reply::Done.into());
    bench.daemon("old", |_| Reply::Done.into());

    let ran = bench.run(&[&MOVE[..], &["--stop", "true", "--start", "true"]].concat());

    assert_eq!((ran.code, bench.log().len()), (Some(3), 0), "{ran:?}");
    assert!(ran.err.contains("/new: no daemon there") && ran.err.contains("nothing was begun"));
}

#[test]
fn what_is_not_prepared_runs_on() {
    let prepare = |prepare: Does, more| Case { prepare, more, ..Case::default() };

    check(prepare(refused().into(), &[]), 1, &["nva prepare"], "the VM runs on where it is");
    check(prepare(ended(7, Aborted).into(), &[]), 4, &["nva prepare"], "the move had ended");
    check(prepare(ended(7, Committed).into(), &[]), 0, &["nva prepare"], "nothing was run");
    check(prepare(Does::Nothing, &[]), 5, &["nva prepare"], "at its deadline");
    check(prepare(Does::Nothing, &["--move", "7"]), 5, &["nva prepare", "nva cancel"], "at its deadline");
    check(prepare(Does::Dies(None), &[]), 3, &["nva prepare"], "at its deadline");
}

#[test]
fn a_refused_suspend_calls_the_move_off() {
    let case = Case { suspend: refused().into(), ..Case::default() };

    check(case, 1, &[&TO_SUSPEND[..], &["nva cancel"]].concat(), "not suspended: the VM runs on");
}

#[test]
fn a_suspend_of_which_nothing_is_heard_is_taken_for_one() {
    let order = [&TO_SUSPEND[..], &["nva cancel", "nva outcome", "old resume"]].concat();

    check(Case { suspend: Does::Nothing, ..Case::ends(Aborted) }, 4, &order, "the VM's place is the old NVE");
}

#[test]
fn a_vm_that_did_not_stop_is_brought_back() {
    let case = || Case { stop: "echo stop >> {log}; exit 9", ..Case::ends(Aborted) };
    let order = [&TO_SUSPEND[..], &["stop"], &BACK].concat();

    check(case(), 4, &order, "the VM's place is the old NVE, and it runs there");
    check(Case { cancel: refused().into(), ..case() }, 4, &order, "");
}

#[test]
fn a_vm_that_may_not_start_there_is_brought_back() {
    let order = [&TO_ACTIVATE[..], &BACK].concat();

    check(Case { activate: refused().into(), ..Case::ends(Aborted) }, 4, &order, "the VM's place is the old NVE");
    check(Case { activate: Does::Nothing, ..Case::ends(Aborted) }, 4, &order, "the VM's place is the old NVE");
    check(Case { activate: Does::Dies(None), ..Case::ends(Aborted) }, 4, &order, "the VM's place is the old NVE");
}

#[test]
fn after_an_abort_each_interface_resumes() {
    let case = Case { activate: refused().into(), more: &["--mac", "52:54:00:77:00:11"], ..Case::ends(Aborted) };
    let order = [&TO_ACTIVATE[..], &["nva cancel", "nva outcome", "old resume", "old resume", "restart"]].concat();

    check(case, 4, &order, "");
}

#[test]
fn what_is_behind_the_ports_of_the_vm_moves_along_if_that_is_said() {
    let case = Case { activate: refused().into(), more: &["--along"], ..Case::ends(Aborted) };
    let order =
        [&["old along"], &TO_ACTIVATE[..], &["nva cancel", "nva outcome", "old resume", "old resume", "restart"]]
            .concat();

    check(case, 4, &order, "");
}

#[test]
fn too_late_to_call_off_starts_nothing() {
    let order = [&TO_ACTIVATE[..], &["nva cancel", "nva outcome"]].concat();

    check(Case { activate: refused().into(), ..Case::default() }, 1, &order, "too late: move 7 is committed");
}

#[test]
fn a_committed_move_whose_activation_was_not_heard_starts_the_vm() {
    let order = [&TO_ACTIVATE[..], &["nva cancel", "nva outcome", "start", "nva outcome"]].concat();

    check(Case { activate: Does::Nothing, ..Case::default() }, 0, &order, "");
}

#[test]
fn nothing_is_started_while_the_move_is_in_doubt() {
    let case = |outcome: Does| Case { activate: refused().into(), outcome, ..Case::default() };
    let order = [&TO_ACTIVATE[..], &["nva cancel", "nva outcome"]].concat();

    check(case(Does::Nothing), 5, &order, "move 7 is in doubt: nothing was started");
    check(case(Does::Dies(None)), 3, &order, "move 7 is in doubt: nothing was started");
    check(case(ended(7, Unknown).into()), 1, &order, "move 7 is in doubt: nothing was started");
    check(case(refused().into()), 1, &order, "move 7 is in doubt: nothing was started");
}

#[test]
fn a_vm_that_does_not_start_is_told_apart() {
    let order = [&TO_ACTIVATE[..], &["start"]].concat();

    check(Case { start: "echo start >> {log}; false", ..Case::default() }, 1, &order, "START failed: move 7 is made");
}

#[test]
fn an_authority_that_comes_back_is_waited_for() {
    let bench = Bench::new();
    let mut died = false;
    bench.daemon("nva", move |request| match request {
        Request::Prepare { .. } => prepared(7).into(),
        _ if died => ended(7, Committed).into(),
        _ => {
            died = true;
            Does::Dies(Some(Duration::from_millis(200)))
        }
    });
    bench.daemon("old", |_| Reply::Done.into());
    bench.daemon("new", |_| Reply::Done.into());

    let ran = bench.run(&[&MOVE[..], &["--stop", "true", "--start", "true"]].concat());

    assert_eq!(ran.code, Some(0), "{ran:?}");
}
