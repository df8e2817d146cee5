//! Tests of what a state and a news say of themselves, and of late words, over all states of the table.

use super::Input::{Applied, Confirm, Left, PrepareNew, PrepareOld, Revoke, Suspend, Yield};
use super::State::*;
use super::tests::{BEFORE, M, all_states, delivers, every};
use super::*;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::discriminant;

/// Checks R-03.
#[test]
fn a_late_word_about_another_move_changes_nothing() {
    every(|before, input, after| {
        let (Suspend(id) | Left(id)) = input else { return };
        if before.state.plan().is_none_or(|plan| plan.id != id) {
            assert_eq!(after, None, "{before:?} with {input:?}");
        }
    });
}

/// The outcome of a move may have the version of the move, so *Prepare* keeps the floor below it.
///
/// Checks R-03, VMM-4.2-09.
#[test]
fn a_prepare_that_is_taken_raises_the_floor_to_just_below_its_version_and_a_revoke_to_its_version() {
    every(|before, input, after| {
        let Some((after, _)) = after else { return };
        let floor = match input {
            PrepareOld(p, _) | Yield(p) | Confirm(p) | PrepareNew(p) if after.state.plan() == Some(&p) => {
                Version { generation: p.version.generation - 1, ..p.version }
            }
            Revoke(p) => p.version,
            _ => return,
        };
        assert!(after.floor >= floor, "{before:?} with {input:?}");
        if !matches!(after.state, Activating(_) | Holding(_)) {
            assert_eq!(after.floor, floor.max(before.floor), "{before:?} with {input:?}");
        }
    });
}

/// Checks R-03, VMM-5-11.
#[test]
fn only_a_newer_move_takes_the_place_of_the_move_in_hand() {
    every(|before, input, after| {
        let (Some(old), Some((after, _))) = (before.state.plan(), after) else { return };
        if let Some(new) = after.state.plan().filter(|new| *new != old) {
            assert!(new.version > old.version && new.version > before.floor, "{before:?} with {input:?}");
        }
    });
}

/// Checks VMM-5-10.
#[test]
fn the_nve_whose_frames_the_entry_treats_apart_is_the_party_of_the_state() {
    for state in all_states() {
        if let Some(party) = entry_alone(state).and_then(|entry| entry.party) {
            assert_eq!(state.party(), Some(party), "{state:?}");
        }
    }
}

#[test]
fn a_state_waits_for_the_forwarder_if_and_only_if_its_answer_changes_it() {
    for state in all_states() {
        let answered = step(TsiState { state, floor: BEFORE }, Applied);
        assert_eq!(state.awaits_forwarder(), answered.is_some(), "{state:?}");
    }
}

/// Checks VMM-5-09, SPL-03.
#[test]
fn what_is_promised_where_a_vm_will_run_or_was_accepted_rests_on_its_port() {
    for state in all_states() {
        let runs = state.may_run_for(M) || matches!(state, Here | Claiming { .. });
        assert_eq!(state.needs_port(), runs, "{state:?}");
    }
}

#[test]
fn an_nve_answers_by_itself_for_a_vm_that_it_delivers_to_or_that_stopped_there_and_for_no_other() {
    for state in all_states() {
        let stopped = matches!(state, Suspending(_) | Suspended(_) | Resuming(_) | Halted { .. });
        assert_eq!(state.is_home(), delivers(state) || stopped, "{state:?}");
    }
}

#[test]
fn a_state_is_told_by_a_name_of_its_own_its_meaning_and_its_move() {
    let mut names = Vec::new();
    for state in all_states() {
        let (text, summary) = (format!("{state}"), state.summary());
        assert!(text.starts_with(state.name()) && text.contains(summary.meaning), "{text}");
        assert_eq!(text.contains(&format!("{M}")), state.plan().is_some(), "{text}");
        assert!(!state.name().is_empty() && !summary.meaning.is_empty(), "{state:?}");
        names.push((summary.name, summary.meaning));
    }
    let states: BTreeSet<_> = all_states().map(|state| format!("{:?}", discriminant(&state))).collect();
    for each in [
        names.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
        names.iter().map(|(_, meaning)| *meaning).collect(),
    ] {
        assert_eq!(each.len(), states.len(), "{each:?}");
    }
}

const NEWS: [News; 11] = [
    News::Prepared,
    News::Suspended,
    News::SuspendFailed,
    News::ActivateFailed,
    News::Running,
    News::Hint,
    News::Revoked,
    News::Halted,
    News::Gone,
    News::Displaced,
    News::NotRegistered,
];

#[test]
fn each_news_has_a_name_and_a_sentence_of_its_own() {
    let mut said: Vec<String> = NEWS.iter().flat_map(|news| [String::from(news.name()), format!("{news}")]).collect();
    assert!(said.iter().all(|text| text.len() > 3), "{said:?}");
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 2 * NEWS.len());
    assert_eq!((News::SuspendFailed.name(), News::NotRegistered.name()), ("suspend-failed", "not-registered"));
}

/// A hypervisor stops its VM on *Prepared* and *Suspended*, and a VM is reachable on *Running*.
///
/// Checks VMM-5-17.
#[test]
fn only_news_on_which_a_hypervisor_acts_waits_for_the_forwarder() {
    let waits = NEWS.into_iter().filter(|news| news.promises_forwarding());
    assert!(waits.eq([News::Prepared, News::Suspended, News::Running]));
}
