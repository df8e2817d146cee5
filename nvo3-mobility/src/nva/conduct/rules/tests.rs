//! Tests of the table: its claims one by one, then every row.

use super::*;
use crate::printed::{self, Tried};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const BOTH: State = Committing { old: false, new: false };
const WHY: Refusal = Refusal::Forwarder;

const fn preparing(left: bool) -> State {
    PreparingNew { left }
}

const fn revoking(left: bool, resumed: bool) -> State {
    Revoking { left, resumed }
}

const fn yielding(by_word: bool) -> State {
    Yielding { by_word }
}

const fn denying(why: Refusal) -> State {
    AbortingOld { denied: Some(why) }
}

type Case = (State, Input, State, &'static [Output]);

fn check(cases: &[Case]) {
    for (given, input, next, outputs) in cases {
        let Some((state, did)) = step(*given, *input) else { panic!("{given:?} has no row for {input:?}") };
        assert_eq!(state, *next, "{given:?} with {input:?}");
        assert_eq!(&*did, *outputs, "{given:?} with {input:?}");
    }
}

/// Checks VMM-4.3-08, VMM-5-17, R-34.
#[test]
fn the_new_nve_is_prepared_first_and_correspondents_hear_nothing_before_suspended() {
    check(&[
        (preparing(false), Input::Ready(New), PreparingOld, &[PrepareOld(false)]),
        (PreparingOld, Input::Ready(Old), Ready, &[MaySuspend]),
        (Ready, Stopped, Suspended, &[PassSuspended, EarlyPush]),
        (PreparingOld, Stopped, Suspended, &[PassSuspended, EarlyPush]),
        (preparing(false), Stopped, preparing(true), &[]),
        (preparing(true), Input::Ready(New), Suspended, &[PassSuspended, EarlyPush]),
        (Suspended, Stopped, Suspended, &[]),
        (Ready, Input::Ready(Old), Ready, &[]),
        (Suspended, Input::Ready(New), Suspended, &[]),
    ]);
}

/// Checks VMM-7-03, VMM-7-06.
#[test]
fn activated_commits_whatever_was_waited_for() {
    for state in [preparing(false), preparing(true), PreparingOld, Ready, Suspended, revoking(true, false)] {
        check(&[(state, Activated, BOTH, &[Commit, Outcome(Old), Outcome(New)])]);
    }
    check(&[(BOTH, Activated, BOTH, &[Outcome(New)])]);
}

/// Checks VMM-7-03.
#[test]
fn a_deadline_asks_the_new_nve_and_decides_nothing() {
    check(&[
        (preparing(false), Deadline, revoking(false, false), &[Revoke]),
        (preparing(true), Deadline, revoking(true, false), &[Revoke]),
        (PreparingOld, Deadline, revoking(false, false), &[Revoke]),
        (Ready, Deadline, revoking(false, false), &[Revoke]),
        (Suspended, Deadline, revoking(true, false), &[Revoke]),
        (Ready, Refused(Old, WHY), revoking(false, false), &[Revoke]),
        (Suspended, Refused(Old, WHY), Suspended, &[]),
        (revoking(false, false), Stopped, revoking(true, false), &[]),
    ]);
}

/// Checks VMM-7-03.
#[test]
fn a_vm_that_resumes_at_the_source_starts_the_same_abort() {
    check(&[
        (Suspended, Resumed, revoking(true, true), &[Revoke]),
        (Ready, Resumed, revoking(false, true), &[Revoke]),
        (preparing(true), Resumed, revoking(true, true), &[Revoke]),
        (revoking(true, false), Resumed, revoking(true, true), &[]),
        (revoking(true, true), Lost(New), ABORTING_OLD, &[Abort, Outcome(Old)]),
    ]);
    assert_eq!(step(revoking(true, false), Lost(New)), None);
}

/// Checks VMM-7-03, R-03.
#[test]
fn an_abort_is_told_to_the_old_nve_first() {
    check(&[
        (revoking(true, false), Revoked, ABORTING_OLD, &[Abort, Outcome(Old)]),
        (revoking(false, false), Fenced, ABORTING_OLD, &[Abort, Outcome(Old)]),
        (preparing(false), Refused(New, WHY), ABORTING_OLD, &[Abort, Outcome(Old)]),
        (ABORTING_OLD, InForce(Old), AbortingNew, &[PublishAbort, Outcome(New)]),
        (ABORTING_OLD, GoneForGood(Old), AbortingNew, &[PublishAbort, Outcome(New)]),
        (AbortingNew, InForce(New), Ended(Aborted), &[Close(Aborted)]),
        (AbortingNew, GoneForGood(New), Ended(Aborted), &[Close(Aborted)]),
    ]);
}

/// Checks R-03, VMM-7-03.
#[test]
fn a_committed_move_ends_once_both_parties_know_or_are_gone() {
    const OLD_KNOWS: State = Committing { old: true, new: false };
    const NEW_KNOWS: State = Committing { old: false, new: true };
    check(&[
        (BOTH, InForce(Old), OLD_KNOWS, &[]),
        (BOTH, Lost(Old), OLD_KNOWS, &[]),
        (BOTH, InForce(New), NEW_KNOWS, &[]),
        (BOTH, Lost(New), NEW_KNOWS, &[]),
        (OLD_KNOWS, InForce(New), Ended(Committed), &[Close(Committed)]),
        (OLD_KNOWS, Lost(New), Ended(Committed), &[Close(Committed)]),
        (NEW_KNOWS, InForce(Old), Ended(Committed), &[Close(Committed)]),
        (NEW_KNOWS, Lost(Old), Ended(Committed), &[Close(Committed)]),
    ]);
}

/// Checks VMM-4.3-08.
#[test]
fn a_party_that_returns_is_told_where_the_move_is() {
    for restarted in [false, true] {
        check(&[
            (preparing(true), Returned(New, restarted), preparing(true), &[PrepareNew]),
            (PreparingOld, Returned(Old, restarted), PreparingOld, &[PrepareOld(false)]),
            (ABORTING_OLD, Returned(Old, restarted), ABORTING_OLD, &[Outcome(Old)]),
            (AbortingNew, Returned(New, restarted), AbortingNew, &[Outcome(New)]),
            (yielding(true), Returned(Old, restarted), yielding(true), &[AskOld(true)]),
            (yielding(false), Returned(Old, restarted), yielding(false), &[AskOld(false)]),
            (BOTH, Returned(Old, restarted), BOTH, &[Outcome(Old)]),
            (BOTH, Returned(New, restarted), BOTH, &[Outcome(New)]),
            (Committing { old: true, new: false }, Returned(Old, restarted), BOTH, &[Outcome(Old)]),
            (Committing { old: false, new: true }, Returned(New, restarted), BOTH, &[Outcome(New)]),
        ]);
    }
    check(&[
        (PreparingOld, Returned(New, true), preparing(false), &[PrepareNew]),
        (Ready, Returned(New, true), preparing(false), &[PrepareNew]),
        (Ready, Returned(Old, true), PreparingOld, &[PrepareOld(false)]),
        (Suspended, Returned(New, true), preparing(true), &[PrepareNew]),
        (Suspended, Returned(New, false), Suspended, &[PassSuspended]),
        (Suspended, Returned(Old, true), Suspended, &[PrepareOld(true)]),
        (preparing(true), Returned(Old, true), preparing(true), &[PrepareOld(true)]),
        (revoking(true, false), Returned(Old, true), revoking(true, false), &[PrepareOld(true)]),
        (revoking(true, false), Returned(New, true), revoking(true, false), &[PrepareNew, Revoke]),
        (revoking(true, false), Returned(New, false), revoking(true, false), &[PrepareNew, Revoke]),
    ]);
}

/// Checks VMM-7-03.
#[test]
fn a_commit_does_not_wait_for_who_is_fenced() {
    check(&[
        (BOTH, GoneForGood(Old), Committing { old: true, new: false }, &[]),
        (BOTH, GoneForGood(New), Committing { old: false, new: true }, &[]),
        (Committing { old: true, new: false }, GoneForGood(New), Ended(Committed), &[Close(Committed)]),
        (Committing { old: false, new: true }, GoneForGood(Old), Ended(Committed), &[Close(Committed)]),
        (yielding(true), GoneForGood(Old), Committing { old: false, new: true }, &[Commit, Outcome(Old), Grant]),
        (yielding(false), GoneForGood(Old), Committing { old: false, new: true }, &[Commit, Outcome(Old), Grant]),
    ]);
}

/// Checks EVM-05, R-03.
#[test]
fn nobodys_plan_commits_once_the_old_nve_has_stopped_or_is_gone() {
    const COMMITS: State = Committing { old: false, new: true };
    check(&[
        (yielding(true), Stopped, COMMITS, &[Commit, Outcome(Old), Grant]),
        (yielding(false), Stopped, COMMITS, &[Commit, Outcome(Old), Grant]),
        (yielding(true), Lost(Old), COMMITS, &[Commit, Outcome(Old), Grant]),
        (yielding(true), Deadline, COMMITS, &[Alarm, Commit, Outcome(Old), Grant]),
    ]);
}

/// Checks VMM-7-03, R-03.
#[test]
fn a_yield_that_is_refused_is_an_abort_that_the_old_nve_hears_first() {
    for by_word in [false, true] {
        check(&[(yielding(by_word), Refused(Old, WHY), denying(WHY), &[Abort, Outcome(Old)])]);
    }
    check(&[
        (yielding(false), Deadline, denying(StillHere), &[Abort, Outcome(Old)]),
        (denying(WHY), InForce(Old), AbortingNew, &[PublishAbort, Outcome(New), Deny(WHY)]),
        (denying(WHY), GoneForGood(Old), AbortingNew, &[PublishAbort, Outcome(New), Deny(WHY)]),
    ]);
    assert_eq!(step(yielding(false), Lost(Old)), None, "silence does not speak for a frame");
}

/// Checks VMM-7-03.
#[test]
fn a_halted_vm_is_taken_by_a_hypervisors_word_and_not_by_a_frame() {
    use nvo3_nva_proto::Refusal::Halted;
    check(&[
        (yielding(true), Refused(Old, Halted), yielding(true), &[PrepareOld(true)]),
        (yielding(false), Refused(Old, Halted), denying(Halted), &[Abort, Outcome(Old)]),
    ]);
}

// The whole table.

fn all_states() -> Vec<State> {
    let mut all = alloc::vec![PreparingOld, Ready, Suspended, ABORTING_OLD, denying(WHY), AbortingNew];
    for old in [false, true] {
        all.push(preparing(old));
        all.push(yielding(old));
        all.push(Ended(if old { Committed } else { Aborted }));
        for new in [false, true] {
            all.push(revoking(old, new));
            all.push(Committing { old, new });
        }
    }
    all
}

fn all_inputs() -> Vec<Input> {
    let mut all = alloc::vec![Stopped, Activated, Resumed, Revoked, Deadline, Fenced];
    for side in [Old, New] {
        all.extend([Input::Ready(side), Refused(side, WHY), Returned(side, false), Returned(side, true)]);
        all.extend([Lost(side), GoneForGood(side), InForce(side)]);
    }
    all
}

fn every(mut each: impl FnMut(State, Input, Option<(State, Outputs)>)) {
    for state in all_states() {
        for input in all_inputs() {
            each(state, input, step(state, input));
        }
    }
}

/// Checks VMM-7-03, R-03.
#[test]
fn only_activated_commits_a_planned_move() {
    every(|before, input, after| {
        if let Some((Committing { .. } | Ended(Committed), _)) = after
            && !matches!(before, Committing { .. } | Yielding { .. })
        {
            assert_eq!(input, Activated, "{before:?}");
        }
    });
}

/// Checks VMM-7-03, R-03.
#[test]
fn a_decision_is_recorded_once_and_never_taken_back() {
    every(|before, input, after| {
        let Some((after, outputs)) = after else { return };
        let committed = |state| matches!(state, Committing { .. } | Ended(Committed));
        if before.is_decided() {
            assert!(after.is_decided() && committed(before) == committed(after), "{before:?} with {input:?}");
            assert!(!outputs.iter().any(|output| matches!(output, Commit | Abort | Grant)));
        } else if after.is_decided() {
            assert!(outputs.iter().any(|output| matches!(output, Commit | Abort)), "{before:?} with {input:?}");
        }
    });
}

/// Checks VMM-7-03.
#[test]
fn what_has_ended_hears_nothing() {
    every(|before, input, after| {
        if matches!(before, Ended(_)) {
            assert_eq!(after, None, "{input:?}");
        }
        let closes = after.as_ref().is_some_and(|(_, outputs)| outputs.iter().any(|o| matches!(o, Close(_))));
        assert_eq!(closes, matches!(after, Some((Ended(_), _))), "{before:?} with {input:?}");
    });
}

/// Checks VMM-7-03.
#[test]
fn no_deadline_and_no_silence_decides_while_the_vm_may_run_at_the_new_nve() {
    every(|before, input, after| {
        if let (Deadline | Lost(_) | GoneForGood(_) | Returned(..), Some((after, _))) = (input, after)
            && !before.is_decided()
            && after.is_decided()
        {
            let resumed = matches!((before, input), (Revoking { resumed: true, .. }, Lost(New)));
            let nobodys = match before {
                Yielding { by_word: true } => matches!(input, Deadline | Lost(Old) | GoneForGood(Old)),
                Yielding { by_word: false } => {
                    matches!((input, after), (GoneForGood(Old), Committing { .. }) | (Deadline, AbortingOld { .. }))
                }
                _ => false,
            };
            assert!(resumed || nobodys, "{before:?} with {input:?}");
        }
    });
}

/// Checks R-34, VMM-7-06.
#[test]
fn the_new_mapping_is_pushed_early_only_when_both_have_said_their_word() {
    every(|before, input, after| {
        if let Some((after, outputs)) = after
            && outputs.contains(&EarlyPush)
        {
            assert_eq!(after, Suspended, "{before:?} with {input:?}");
            assert!(before != preparing(false) && before != Suspended);
        }
    });
}

/// Checks VMM-7-03.
#[test]
fn the_new_nve_hears_of_an_abort_after_the_old_one_has_it_in_force() {
    every(|before, input, after| {
        if let Some((after, outputs)) = after
            && matches!(after, AbortingOld { .. })
        {
            let early = |output: &Output| matches!(output, Outcome(New) | PublishAbort | Deny(_));
            assert!(!outputs.iter().any(early), "{before:?} with {input:?}");
        }
    });
}

fn name_of(input: &Input) -> &'static str {
    match input {
        Input::Ready(_) => "Ready",
        Refused(..) => "Refused",
        Stopped => "Suspended",
        Activated => "Activated",
        Resumed => "Resumed",
        Revoked => "Revoked",
        Deadline => "Deadline",
        Fenced => "Fenced",
        Returned(_, false) => "Returned",
        Returned(_, true) => "Returned(restarted)",
        Lost(_) => "Lost",
        GoneForGood(_) => "GoneForGood",
        InForce(_) => "InForce",
    }
}

const fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn tried() -> Vec<Tried> {
    let mut all = Vec::new();
    every(|before, input, after| {
        let mut when = Vec::new();
        match before {
            PreparingNew { left } => when.push(("left", yes(left))),
            Yielding { by_word } => when.push(("by_word", yes(by_word))),
            Revoking { left, resumed } => when.extend([("left", yes(left)), ("resumed", yes(resumed))]),
            Committing { old, new } => when.extend([("old", yes(old)), ("new", yes(new))]),
            Ended(result) => when.push(("result", if result == Committed { "committed" } else { "aborted" })),
            _ => {}
        }
        if let Input::Ready(side)
        | Refused(side, _)
        | Returned(side, _)
        | Lost(side)
        | GoneForGood(side)
        | InForce(side) = input
        {
            when.push(("side", if side == Old { "old" } else { "new" }));
        }
        let row = after.map(|(after, outputs)| (with_flags(after), printed(&outputs)));
        all.push(Tried { state: before.name(), meaning: before.meaning(), input: name_of(&input), when, row });
    });
    all
}

fn with_flags(state: State) -> String {
    let flags: &[(&str, bool)] = match state {
        PreparingNew { left } => &[(" left", left)],
        Yielding { by_word } => &[(" by_word", by_word)],
        Revoking { left, resumed } => &[(" left", left), (" resumed", resumed)],
        Committing { old, new } => &[(" old", old), (" new", new)],
        Ended(result) => &[(" committed", result == Committed), (" aborted", result == Aborted)],
        _ => &[],
    };
    let set = flags.iter().filter(|(_, is)| *is).map(|(name, _)| *name);
    core::iter::once(state.name()).chain(set).collect()
}

fn printed(outputs: &Outputs) -> String {
    let each: Vec<String> = outputs.iter().map(|output| format!("{output:?}")).collect();
    each.join(" ")
}

#[test]
fn the_table_is_the_one_that_was_reviewed() {
    printed::compare("src/nva/conduct/rules/table.md", &printed::render(&tried()));
}

/// The numbers of pairs with and without a row: a new row changes them, and so does a removed row.
#[test]
fn so_many_cells_have_a_row() {
    assert_eq!(printed::count(&tried()), (70, 60));
}

#[test]
fn a_state_is_told_by_its_name_and_its_meaning() {
    for state in all_states() {
        assert_eq!(format!("{state}"), format!("{} ({})", state.name(), state.meaning()));
    }
}
