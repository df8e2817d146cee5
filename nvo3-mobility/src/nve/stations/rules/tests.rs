//! Tests of the table: its claims one by one, then every row, for each state, input and order of versions that tells rows apart.

use super::*;
use crate::printed::{self, Tried};
use crate::table::Ingress;
use Input::*;
use Output::{Deregister, ForwardFor, Probe, Refuse, Register, Say, Tell};
use State::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use nvo3_nva_proto::{Locators, NveId};

const fn place(n: u8) -> Place {
    Place { nve: NveId(n as u64), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, n)) }
}

const fn version(generation: u64) -> Version {
    Version { epoch: 1, generation }
}

const PEER: Place = place(2);
const THIRD: Place = place(3);
/// The move in hand, and the move after it.
pub(super) const M: MoveId = MoveId(1);
const NEXT: MoveId = MoveId(2);
/// The version before the move, the version reserved for the move, and a version after it.
pub(super) const BEFORE: Version = version(9);
const V: Version = version(10);
const AFTER: Version = version(20);
const P: Plan = Plan { id: M, version: V, peer: PEER };
const P2: Plan = Plan { id: NEXT, version: AFTER, peer: THIRD };
const T: Target = Target { plan: P, forward: None, sign: Sign::None, left: false };
const T2: Target = Target { plan: P2, ..T };
const LEFT: Target = Target { left: true, ..T };
const SEEN: Target = Target { sign: Sign::Frame, ..T };
const TOLD: Target = Target { sign: Sign::Word, ..T };
const HALTED: State = Halted { peer: Some(PEER) };
const TO_PEER: State = Forwarding { to: PEER };
const TO_THIRD: State = Forwarding { to: THIRD };
const ASKING: State = Claiming { forward: None, sign: Sign::Word };
const SUSPECTING: State = Claiming { forward: None, sign: Sign::Frame };

const READY: Output = Say(M, V, Word::Ready);
const SUSPENDED: Output = Say(M, V, Word::Suspended);
const ACTIVATED: Output = Say(M, V, Word::Activated);
const RESUMED: Output = Say(M, V, Word::Resumed);
const REVOKED: Output = Say(M, V, Word::Revoked);
const QUERY: Output = Say(M, V, Word::OutcomeQuery);
const FOR_A_WHILE: Output = ForwardFor(Duration::InFlight);

type Case = (State, Input, State, &'static [Output]);

/// Checks each case under the floor that *Prepare* sets.
fn check(cases: &[Case]) {
    for (given, input, next, outputs) in cases {
        let Some((tsi, did)) = step(TsiState { state: *given, floor: BEFORE }, *input) else {
            panic!("{given:?} has no row for {input:?}")
        };
        assert_eq!(tsi.state, *next, "{given:?} with {input:?}");
        assert_eq!(&*did, *outputs, "{given:?} with {input:?}");
    }
}

/// Checks SPL-03, SPL-04, VMM-4.2-09.
#[test]
fn a_vm_that_starts_is_held_until_the_nva_accepts_it() {
    check(&[
        (Away, Runs, ASKING, &[Register]),
        (Away, Frame, SUSPECTING, &[Register]),
        (TO_PEER, Runs, Claiming { forward: Some(PEER), sign: Sign::Word }, &[Register]),
        (TO_PEER, Frame, Claiming { forward: Some(PEER), sign: Sign::Frame }, &[Register]),
        (SUSPECTING, Runs, ASKING, &[]),
        (ASKING, Frame, ASKING, &[]),
        (ASKING, Again, ASKING, &[Register]),
        (ASKING, Registered(AFTER), Here, &[Tell(News::Running)]),
        (ASKING, NotRegistered, Away, &[Tell(News::NotRegistered)]),
        (ASKING, Detach, Away, &[Deregister]),
        (Here, Registered(AFTER), Here, &[]),
        (Here, Runs, Here, &[]),
        (Here, Frame, Here, &[]),
        (Here, Detach, Away, &[Deregister]),
        (Leaving(P), Detach, Away, &[Deregister]),
        (HALTED, Detach, Away, &[Deregister]),
        (Away, Detach, Away, &[]),
    ]);
    assert_eq!(entry(ASKING).map(|entry| (entry.delivers(), entry.gate)), Some((false, Gate::Hold)));
}

/// Checks VMM-5-17, VMM-5-01, VMM-7-03.
#[test]
fn the_tunnel_is_in_force_before_the_old_nve_says_suspended() {
    check(&[
        (Here, PrepareOld(P, false), Leaving(P), &[READY, Tell(News::Prepared)]),
        (ASKING, PrepareOld(P, false), Leaving(P), &[READY, Tell(News::Running), Tell(News::Prepared)]),
        (Leaving(P), Suspend(M), Suspending(P), &[]),
        (Suspending(P), Suspend(M), Suspending(P), &[]),
        (Suspending(P), Applied, Suspended(P), &[SUSPENDED, Tell(News::Suspended)]),
        (Vacating(P), Applied, Vacated(P), &[SUSPENDED, Tell(News::Suspended)]),
        (Leaving(P), Refused, Leaving(P), &[Refuse(M, V, Refusal::Forwarder)]),
        (Suspended(P), Refused, Suspended(P), &[Refuse(M, V, Refusal::Forwarder)]),
        (Vacated(P), Refused, Vacated(P), &[Refuse(M, V, Refusal::Forwarder)]),
        (Vacating(P), Refused, HALTED, &[Refuse(M, V, Refusal::Forwarder), Tell(News::SuspendFailed)]),
        (Vacating(P), Suspend(M), Vacating(P), &[]),
        (Suspended(P), Suspend(M), Suspended(P), &[Tell(News::Suspended)]),
        (Vacated(P), Suspend(M), Vacated(P), &[Tell(News::Suspended)]),
        (Suspending(P), Refused, Leaving(P), &[Refuse(M, V, Refusal::Forwarder), Tell(News::SuspendFailed)]),
    ]);
}

/// Checks VMM-1-01, VMM-5-02.
#[test]
fn without_a_plan_the_hypervisor_cannot_suspend_into_a_tunnel() {
    for state in all_states().filter(|state| state.plan().is_none()) {
        assert_eq!(step(TsiState { state, floor: BEFORE }, Suspend(M)), None, "{state:?}");
    }
}

/// If the new NVE is gone, the NVA decides by *Resumed*. So *Resumed* must stay true until the outcome.
#[test]
fn a_vm_that_was_said_to_run_here_again_is_not_suspended_for_the_same_move() {
    assert_eq!(step(TsiState { state: Resuming(P), floor: BEFORE }, Suspend(M)), None);
}

/// Checks SPL-07, VMM-5-01.
#[test]
fn the_old_nve_tunnels_on_until_the_outcome_whatever_its_hypervisor_says() {
    check(&[
        (Suspending(P), Runs, Resuming(P), &[RESUMED]),
        (Vacating(P), Runs, Resuming(P), &[RESUMED]),
        (Suspended(P), Runs, Resuming(P), &[RESUMED]),
        (Vacated(P), Runs, Resuming(P), &[RESUMED]),
        (Resuming(P), Runs, Resuming(P), &[]),
        (Leaving(P), Runs, Leaving(P), &[]),
        (Suspended(P), Detach, Suspended(P), &[]),
        (Vacated(P), Detach, Vacated(P), &[]),
        (Vacated(P), Frame, Vacated(P), &[]),
        (Suspended(P), Frame, Suspended(P), &[]),
        (Resuming(P), Detach, Resuming(P), &[]),
    ]);
    for state in [Suspending(P), Vacating(P), Suspended(P), Vacated(P), Resuming(P)] {
        let acts = [Ingress::Vap, Ingress::Party, Ingress::Tunnel].map(|at| entry(state).unwrap().act(at));
        assert_eq!(acts, [Action::Tunnel(PEER); 3]);
    }
}

/// Checks VMM-5-01, VMM-5-03, VMM-5-04, VMM-5-05.
#[test]
fn after_a_commit_the_old_nve_forwards_for_a_while() {
    check(&[
        (Suspended(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Vacated(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Suspending(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Vacating(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Leaving(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Resuming(P), Committed(M, V, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (TO_PEER, Converged, TO_PEER, &[ForwardFor(Duration::Linger)]),
        (TO_PEER, ForwardEnds, Away, &[]),
        (TO_PEER, Detach, TO_PEER, &[]),
        (TO_PEER, Withdrawn(AFTER), Away, &[]),
    ]);
}

/// Checks VMM-5-11, R-37.
#[test]
fn a_forward_entry_follows_newer_moves_only() {
    check(&[
        (TO_PEER, MovedTo(V, THIRD), TO_THIRD, &[FOR_A_WHILE]),
        (Here, MovedTo(V, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (HALTED, MovedTo(V, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Leaving(P), MovedTo(AFTER, THIRD), TO_THIRD, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Suspended(P), MovedTo(AFTER, THIRD), TO_THIRD, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Vacated(P), MovedTo(AFTER, THIRD), TO_THIRD, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Suspended(P), MovedTo(V, PEER), Suspended(P), &[]),
    ]);
    for old in [version(8), BEFORE] {
        assert_eq!(step(TsiState { state: TO_PEER, floor: BEFORE }, MovedTo(old, THIRD)), None);
    }
}

/// Checks VMM-5-08, SPL-02, R-35.
#[test]
fn the_new_nve_is_ready_once_its_prepared_attachment_is_in_force() {
    check(&[
        (Away, PrepareNew(P), Installing(T), &[]),
        (TO_THIRD, PrepareNew(P), Installing(Target { forward: Some(THIRD), ..T }), &[]),
        (SUSPECTING, PrepareNew(P), Installing(SEEN), &[]),
        (Installing(T), Applied, Prepared(T), &[READY]),
        (Installing(LEFT), Applied, Holding(LEFT), &[READY]),
        (Installing(T), Refused, Away, &[Refuse(M, V, Refusal::Forwarder)]),
        (
            Installing(Target { forward: Some(THIRD), ..T }),
            Refused,
            TO_THIRD,
            &[Refuse(M, V, Refusal::Forwarder), FOR_A_WHILE],
        ),
        (Here, PrepareNew(P), Here, &[Refuse(M, V, Refusal::WrongPlace)]),
    ]);
    let prepared = entry(Prepared(Target { forward: Some(THIRD), ..T })).unwrap();
    assert_eq!(prepared.act(Ingress::Vap), Action::Tunnel(PEER));
    assert_eq!(prepared.act(Ingress::Party), Action::Hold(Lane::Tunnelled));
    assert_eq!(prepared.act(Ingress::Tunnel), Action::Tunnel(THIRD));
    assert_eq!(prepared.bum, Bum::Skip);
    assert_eq!(entry(Prepared(T)).unwrap().act(Ingress::Tunnel), Action::Tunnel(PEER));
}

/// Checks SPL-03.
#[test]
fn a_vm_that_shows_up_where_its_attachment_is_refused_is_asked_for() {
    const REFUSE: Output = Refuse(M, V, Refusal::Forwarder);
    check(&[
        (Installing(SEEN), Refused, SUSPECTING, &[REFUSE, Register]),
        (Installing(TOLD), Refused, ASKING, &[REFUSE, Register]),
        (
            Installing(Target { forward: Some(THIRD), ..TOLD }),
            Refused,
            Claiming { forward: Some(THIRD), sign: Sign::Word },
            &[REFUSE, Register],
        ),
    ]);
}

/// Checks VMM-5-08, VMM-5-09, SPL-02.
#[test]
fn from_the_moves_version_on_the_new_nve_holds_all() {
    check(&[
        (Prepared(T), Left(M), Holding(LEFT), &[]),
        (Prepared(T), MovedHere(V), Holding(LEFT), &[]),
        (Installing(T), Left(M), Installing(LEFT), &[]),
        (Holding(LEFT), Left(M), Holding(LEFT), &[]),
        (Activating(P), Left(M), Activating(P), &[]),
        (Active(P), Left(M), Active(P), &[]),
    ]);
    let holding = entry(Holding(LEFT)).unwrap();
    assert_eq!(holding.act(Ingress::Vap), Action::Hold(Lane::Direct));
    assert_eq!(holding.act(Ingress::Party), Action::Hold(Lane::Tunnelled));
    assert_eq!(holding.act(Ingress::Tunnel), Action::Hold(Lane::Direct));
    assert_eq!(holding.bum, Bum::Hold);
    let (tsi, _) = step(TsiState { state: Prepared(T), floor: BEFORE }, Left(M)).unwrap();
    assert_eq!(tsi.floor, V);
}

/// Checks R-35, ARMD-20, SPL-02.
#[test]
fn a_frame_is_a_hint_until_the_old_nve_has_stopped_and_a_word_counts_at_once() {
    check(&[
        (Installing(T), Frame, Installing(SEEN), &[Tell(News::Hint)]),
        (Prepared(T), Frame, Prepared(SEEN), &[Tell(News::Hint)]),
        (Prepared(SEEN), Left(M), Activating(P), &[]),
        (Holding(LEFT), Frame, Activating(P), &[]),
        (Installing(SEEN), Applied, Prepared(SEEN), &[READY]),
        (Installing(T), Runs, Installing(TOLD), &[]),
        (Installing(TOLD), Applied, Activating(P), &[READY]),
        (Prepared(T), Runs, Activating(P), &[]),
        (Holding(LEFT), Runs, Activating(P), &[]),
        (Activating(P), Frame, Activating(P), &[]),
        (Active(P), Runs, Active(P), &[]),
    ]);
}

/// Checks SPL-06, VMM-7-03.
#[test]
fn the_new_nve_says_activated_once_delivery_is_in_force() {
    check(&[
        (Activating(P), Applied, Active(P), &[ACTIVATED, Tell(News::Running)]),
        (Activating(P), Refused, Holding(Target { sign: Sign::Word, ..LEFT }), &[Tell(News::ActivateFailed)]),
        (Active(P), CommittedHere(M, V), Here, &[]),
        (Activating(P), CommittedHere(M, V), Here, &[]),
    ]);
}

/// Checks VMM-7-03, VMM-7-01.
#[test]
fn the_new_nve_arbitrates_an_abort() {
    check(&[
        (Installing(T), Revoke(P), Revoked(T), &[REVOKED, Tell(News::Revoked)]),
        (Prepared(T), Revoke(P), Revoked(T), &[REVOKED, Tell(News::Revoked)]),
        (Holding(LEFT), Revoke(P), Revoked(LEFT), &[REVOKED, Tell(News::Revoked)]),
        (Revoked(T), Revoke(P), Revoked(T), &[REVOKED]),
        (Installing(TOLD), Revoke(P), Installing(TOLD), &[]),
        (Activating(P), Revoke(P), Activating(P), &[]),
        (Active(P), Revoke(P), Active(P), &[ACTIVATED]),
        (Away, Revoke(P), Away, &[REVOKED]),
        (TO_THIRD, Revoke(P), TO_THIRD, &[REVOKED]),
        (SUSPECTING, Revoke(P), SUSPECTING, &[REVOKED]),
        (ASKING, Revoke(P), ASKING, &[]),
        (Holding(Target { sign: Sign::Word, ..LEFT }), Revoke(P), Activating(P), &[]),
        (Holding(Target { sign: Sign::Word, ..LEFT }), Again, Activating(P), &[QUERY]),
        (Revoked(T), Runs, Revoked(TOLD), &[Tell(News::Revoked)]),
        (Revoked(T), Frame, Revoked(T), &[Tell(News::Revoked)]),
    ]);
    assert_eq!(entry(Revoked(LEFT)), entry(Holding(LEFT)));
    assert_eq!(entry(Revoked(T)), entry(Prepared(T)));
}

/// Checks VMM-7-03, VMM-5-11.
#[test]
fn after_an_abort_the_old_nve_delivers_on_its_hypervisors_word_only() {
    const BACK: Input = AbortedHere(M, AFTER);
    check(&[
        (Suspended(P), BACK, HALTED, &[Tell(News::Halted)]),
        (Vacated(P), BACK, HALTED, &[Tell(News::Halted)]),
        (Suspending(P), BACK, HALTED, &[Tell(News::Halted)]),
        (Vacating(P), BACK, HALTED, &[Tell(News::Halted)]),
        (HALTED, Runs, Here, &[Tell(News::Running)]),
        (Resuming(P), BACK, Here, &[Tell(News::Running)]),
        (Leaving(P), BACK, Here, &[Tell(News::Running)]),
        (HALTED, Committed(NEXT, AFTER, THIRD), TO_THIRD, &[Tell(News::Gone), FOR_A_WHILE]),
        (HALTED, PrepareOld(P, false), Vacating(P), &[READY]),
        (HALTED, PrepareOld(P, true), Vacating(P), &[READY]),
    ]);
    assert_eq!(entry(HALTED).map(|entry| (entry.delivers(), entry.gate)), Some((false, Gate::Open)));
}

/// Checks VMM-5-01, VMM-5-08.
#[test]
fn after_an_abort_the_new_nve_sends_back_what_it_held() {
    const BACK: Input = Aborted(M, AFTER, PEER);
    check(&[
        (Installing(T), BACK, TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Prepared(T), BACK, TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Holding(LEFT), BACK, TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Revoked(T), BACK, TO_PEER, &[Tell(News::Gone), FOR_A_WHILE]),
        (Revoked(TOLD), BACK, Claiming { forward: Some(PEER), sign: Sign::Word }, &[Register]),
        (Active(P), BACK, TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Activating(P), BACK, TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
    ]);
}

/// Checks R-03, VMM-4.2-09.
#[test]
fn a_repeat_of_the_prepare_in_hand_gets_the_answer_of_now() {
    check(&[
        (Leaving(P), PrepareOld(P, false), Leaving(P), &[READY, Tell(News::Prepared)]),
        (Suspending(P), PrepareOld(P, false), Suspending(P), &[]),
        (Suspended(P), PrepareOld(P, false), Suspended(P), &[SUSPENDED]),
        (Vacated(P), PrepareOld(P, false), Vacated(P), &[SUSPENDED]),
        (Resuming(P), PrepareOld(P, true), Resuming(P), &[RESUMED]),
        (Installing(T), PrepareNew(P), Installing(T), &[]),
        (Prepared(T), PrepareNew(P), Prepared(T), &[READY]),
        (Holding(LEFT), PrepareNew(P), Holding(LEFT), &[READY]),
        (Revoked(T), PrepareNew(P), Revoked(T), &[REVOKED]),
        (Activating(P), PrepareNew(P), Activating(P), &[]),
        (Active(P), PrepareNew(P), Active(P), &[ACTIVATED]),
    ]);
}

/// Checks R-03, VMM-5-11.
#[test]
fn a_newer_move_takes_the_place_of_one_that_never_began() {
    check(&[
        (Installing(T), PrepareNew(P2), Installing(T2), &[]),
        (Prepared(T), PrepareNew(P2), Installing(T2), &[]),
        (Revoked(LEFT), PrepareNew(P2), Installing(T2), &[]),
        (Leaving(P), PrepareOld(P2, false), Leaving(P2), &[Say(NEXT, AFTER, Word::Ready), Tell(News::Prepared)]),
    ]);
    for state in [Suspended(P), Resuming(P), Holding(LEFT), Active(P)] {
        assert_eq!(step(TsiState { state, floor: BEFORE }, PrepareNew(P2)), None);
        assert_eq!(step(TsiState { state, floor: BEFORE }, PrepareOld(P2, false)), None);
    }
}

/// Checks VMM-5-01, SPL-06, VMM-7-03.
#[test]
fn an_old_nve_that_restarted_after_suspended_tunnels_again_unless_the_vm_runs_there() {
    check(&[
        (Away, PrepareOld(P, true), Vacating(P), &[]),
        (TO_THIRD, PrepareOld(P, true), Vacating(P), &[]),
        (Here, PrepareOld(P, true), Resuming(P), &[RESUMED]),
        (ASKING, PrepareOld(P, true), Resuming(P), &[RESUMED]),
        (Away, PrepareOld(P, false), Away, &[Refuse(M, V, Refusal::WrongPlace)]),
    ]);
}

/// Checks R-35.
#[test]
fn the_last_frames_of_a_vm_that_may_have_stopped_make_an_old_nve_that_restarted_deliver_nothing() {
    check(&[
        (SUSPECTING, PrepareOld(P, true), Vacating(P), &[]),
        (SUSPECTING, PrepareOld(P, false), Vacating(P), &[]),
        (SUSPECTING, AbortedHere(M, AFTER), Halted { peer: None }, &[Tell(News::Halted)]),
        (SUSPECTING, Committed(M, AFTER, PEER), TO_PEER, &[FOR_A_WHILE]),
    ]);
}

/// Checks VMM-5-01, EVM-05.
#[test]
fn an_old_nve_that_is_asked_to_yield_stops_delivering() {
    check(&[
        (Here, Yield(P), Suspending(P), &[]),
        (HALTED, Yield(P), Vacating(P), &[]),
        (ASKING, Yield(P), Vacating(P), &[]),
        (Suspending(P), Yield(P), Suspending(P), &[]),
        (Vacating(P), Yield(P), Vacating(P), &[]),
        (Vacating(P), PrepareOld(P, true), Vacating(P), &[]),
        (Suspended(P), Yield(P), Suspended(P), &[SUSPENDED]),
        (Vacated(P), Yield(P), Vacated(P), &[SUSPENDED]),
    ]);
}

/// Checks VMM-5-01, EVM-05.
#[test]
fn a_frame_elsewhere_takes_no_vm_away_that_answers() {
    const STILL_HERE: Output = Refuse(M, V, Refusal::StillHere);
    check(&[
        (Here, Confirm(P), Confirming(P), &[Probe]),
        (Confirming(P), Confirm(P), Confirming(P), &[]),
        (Confirming(P), Frame, Here, &[STILL_HERE]),
        (Confirming(P), Runs, Here, &[STILL_HERE]),
        (Confirming(P), Silent, Suspending(P), &[]),
        (Confirming(P), Detach, Suspending(P), &[]),
        (Confirming(P), AbortedHere(M, AFTER), Here, &[]),
        (Confirming(P), Committed(M, AFTER, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Confirming(P), MovedTo(AFTER, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Confirming(P), Again, Confirming(P), &[QUERY]),
        (HALTED, Confirm(P), HALTED, &[Refuse(P.id, P.version, Refusal::Halted)]),
        (ASKING, Confirm(P), Confirming(P), &[Probe]),
        (Suspending(P), Confirm(P), Suspending(P), &[]),
        (Vacated(P), Confirm(P), Vacated(P), &[]),
    ]);
}

/// Checks EVM-05.
#[test]
fn a_vm_that_nobody_stopped_goes_on_after_a_yield_that_ends_without_a_commit() {
    let plan = Plan { id: MoveId::FIRST_RESERVED, ..P };
    check(&[
        (Suspending(plan), AbortedHere(plan.id, AFTER), Here, &[Tell(News::Running)]),
        (Suspended(plan), AbortedHere(plan.id, AFTER), Here, &[Tell(News::Running)]),
        (Vacating(plan), AbortedHere(plan.id, AFTER), HALTED, &[Tell(News::Halted)]),
        (Vacated(plan), AbortedHere(plan.id, AFTER), HALTED, &[Tell(News::Halted)]),
    ]);
}

/// Checks R-03.
#[test]
fn a_new_session_repeats_what_is_not_answered() {
    check(&[
        (Leaving(P), Again, Leaving(P), &[QUERY]),
        (Suspended(P), Again, Suspended(P), &[SUSPENDED, QUERY]),
        (Vacated(P), Again, Vacated(P), &[SUSPENDED, QUERY]),
        (Resuming(P), Again, Resuming(P), &[RESUMED, QUERY]),
        (Prepared(T), Again, Prepared(T), &[QUERY]),
        (Holding(LEFT), Again, Holding(LEFT), &[QUERY]),
        (Revoked(T), Again, Revoked(T), &[QUERY]),
        (Active(P), Again, Active(P), &[ACTIVATED, QUERY]),
        (Suspending(P), Again, Suspending(P), &[QUERY]),
        (Vacating(P), Again, Vacating(P), &[QUERY]),
        (Installing(T), Again, Installing(T), &[QUERY]),
        (Activating(P), Again, Activating(P), &[QUERY]),
    ]);
}

// The whole table.

pub(super) fn all_states() -> impl Iterator<Item = State> {
    let targets = || {
        [None, Some(THIRD)].into_iter().flat_map(|forward| {
            [Sign::None, Sign::Frame, Sign::Word].into_iter().flat_map(move |sign| {
                [false, true].into_iter().map(move |left| Target { plan: P, forward, sign, left })
            })
        })
    };
    let claiming = [None, Some(THIRD)]
        .into_iter()
        .flat_map(|forward| [Sign::Frame, Sign::Word].map(|sign| Claiming { forward, sign }));
    [
        Away,
        Here,
        Leaving(P),
        Confirming(P),
        Suspending(P),
        Vacating(P),
        Suspended(P),
        Vacated(P),
        Resuming(P),
        HALTED,
        TO_THIRD,
        Activating(P),
        Active(P),
    ]
    .into_iter()
    .chain(claiming)
    .chain(targets().map(Installing))
    .chain(targets().map(Prepared))
    .chain(targets().map(Holding))
    .chain(targets().map(Revoked))
}

fn all_inputs() -> Vec<Input> {
    let mut all =
        alloc::vec![Runs, Frame, Detach, NotRegistered, Converged, Applied, Refused, ForwardEnds, Silent, Again];
    for id in [M, NEXT] {
        all.extend([Suspend(id), Left(id)]);
    }
    for v in [version(5), BEFORE, V, version(15), AFTER] {
        all.extend([Registered(v), MovedHere(v), MovedTo(v, PEER), Withdrawn(v)]);
        for id in [M, NEXT] {
            let p = Plan { id, version: v, peer: PEER };
            all.extend([PrepareOld(p, false), PrepareOld(p, true), Yield(p), Confirm(p), PrepareNew(p), Revoke(p)]);
            all.extend([Committed(id, v, PEER), Aborted(id, v, PEER), CommittedHere(id, v), AbortedHere(id, v)]);
        }
    }
    all
}

/// Gives `each` every state, every input and the result, under floors below, at and above each version that the inputs name.
pub(super) fn every(mut each: impl FnMut(TsiState, Input, Option<(TsiState, Outputs)>)) {
    for state in all_states() {
        for input in all_inputs() {
            for floor in [4, 5, 9, 10, 15, 20, 21].map(version) {
                let tsi = TsiState { state, floor };
                each(tsi, input, step(tsi, input));
            }
        }
    }
}

pub(super) fn delivers(state: State) -> bool {
    entry(state).is_some_and(|entry| entry.delivers())
}

const fn name_of(input: &Input) -> &'static str {
    match input {
        Runs => "Runs",
        Frame => "Frame",
        Suspend(_) => "Suspend",
        Detach => "Detach",
        PrepareOld(_, false) => "PrepareOld",
        PrepareOld(_, true) => "PrepareOld(suspended)",
        Yield(_) => "Yield",
        Confirm(_) => "Confirm",
        Silent => "Silent",
        PrepareNew(_) => "PrepareNew",
        Left(_) => "Left",
        Revoke(_) => "Revoke",
        Committed(..) => "Committed",
        Aborted(..) => "Aborted",
        CommittedHere(..) => "CommittedHere",
        AbortedHere(..) => "AbortedHere",
        Registered(_) => "Registered",
        NotRegistered => "NotRegistered",
        MovedHere(_) => "MovedHere",
        MovedTo(..) => "MovedTo",
        Withdrawn(_) => "Withdrawn",
        Converged => "Converged",
        Applied => "Applied",
        Refused => "Refused",
        ForwardEnds => "ForwardEnds",
        Again => "Again",
    }
}

const fn version_of(input: &Input) -> Option<Version> {
    match input {
        PrepareOld(p, _) | Yield(p) | Confirm(p) | PrepareNew(p) | Revoke(p) => Some(p.version),
        CommittedHere(_, v) | AbortedHere(_, v) => Some(*v),
        Committed(_, v, _) | Aborted(_, v, _) | Registered(v) | MovedHere(v) | MovedTo(v, _) | Withdrawn(v) => Some(*v),
        _ => None,
    }
}

const fn move_of(input: &Input) -> Option<MoveId> {
    match input {
        PrepareOld(p, _) | Yield(p) | Confirm(p) | PrepareNew(p) | Revoke(p) => Some(p.id),
        CommittedHere(id, _) | AbortedHere(id, _) => Some(*id),
        Committed(id, ..) | Aborted(id, ..) | Suspend(id) | Left(id) => Some(*id),
        _ => None,
    }
}

/// Checks R-03, VMM-4.2-09.
#[test]
fn the_floor_never_sinks() {
    every(|before, input, after| {
        assert!(after.is_none_or(|(after, _)| after.floor >= before.floor), "{before:?} with {input:?}");
    });
}

/// Checks R-03, VMM-4.2-09, VMM-5-10.
#[test]
fn what_is_below_the_floor_changes_nothing_unless_it_asks_about_the_move_in_hand() {
    every(|before, input, after| {
        let Some((after, outputs)) = after else { return };
        let late = version_of(&input).is_some_and(|version| version < before.floor);
        let repeat = before.state.plan().is_some_and(|plan| {
            move_of(&input) == Some(plan.id) || matches!(input, MovedHere(version) if version == plan.version)
        });
        if late && !repeat {
            assert!(after == before && outputs.is_empty(), "{before:?} with {input:?}");
        }
    });
}

/// A party that was gone may hear of newer mappings before it hears how the move ended.
#[test]
fn an_abort_ends_the_move_in_hand_also_below_the_floor() {
    let newer = version(30);
    let new = [Installing(T), Prepared(T), Holding(LEFT), Revoked(T)].map(|s| (s, Aborted(M, AFTER, PEER), TO_PEER));
    let old = [Suspending(P), Vacating(P), Suspended(P), Vacated(P)].map(|s| (s, AbortedHere(M, AFTER), HALTED));
    let runs = [Leaving(P), Resuming(P)].map(|s| (s, AbortedHere(M, AFTER), Here));
    for (given, input, next) in new.into_iter().chain(old).chain(runs) {
        let after = step(TsiState { state: given, floor: newer }, input).map(|(tsi, _)| tsi);
        assert_eq!(after, Some(TsiState { state: next, floor: newer }), "{given:?} with {input:?}");
    }
}

/// Checks R-03.
#[test]
fn a_late_prepare_of_another_move_arms_nothing() {
    every(|before, input, after| {
        let (PrepareOld(p, _) | PrepareNew(p) | Yield(p) | Confirm(p)) = input else { return };
        if p.version <= before.floor && before.state.plan().is_none_or(|plan| *plan != p) {
            assert_eq!(after, None, "{before:?} with {input:?}");
        }
    });
}

/// Checks SPL-03, VMM-7-03.
#[test]
fn only_five_states_deliver() {
    for state in all_states() {
        let here = matches!(state, Here | Leaving(_) | Confirming(_) | Activating(_) | Active(_));
        assert_eq!(delivers(state), here, "{state:?}");
    }
}

/// Checks VMM-1-01, VMM-5-02.
#[test]
fn packets_alone_start_no_move() {
    every(|before, input, after| {
        if let (Away | Here | Forwarding { .. } | Claiming { .. } | Halted { .. }, Frame, Some((after, _))) =
            (before.state, input, after)
        {
            assert_eq!(after.state.plan(), None, "{before:?}");
            assert!(after.state == before.state || matches!(after.state, Claiming { .. }));
        }
    });
}

/// Checks VMM-7-03, SPL-06.
#[test]
fn delivery_begins_on_a_word_that_the_vm_is_here_and_never_on_a_timer() {
    let mut begins: Vec<(&str, &str)> = Vec::new();
    every(|before, input, after| {
        // The hypervisor said before that the VM runs, and the forwarder refused to deliver.
        if matches!(before.state, Holding(Target { sign: Sign::Word, .. })) {
            return;
        }
        if let Some((after, _)) = after
            && !delivers(before.state)
            && delivers(after.state)
            && !begins.contains(&(before.state.name(), name_of(&input)))
        {
            begins.push((before.state.name(), name_of(&input)));
        }
    });
    begins.sort_unstable();
    assert_eq!(
        begins,
        [
            // The NVA has the TSI here, and its VM is here or does not answer.
            ("claiming", "Confirm"),
            ("claiming", "PrepareOld"),
            ("claiming", "Registered"),
            ("halted", "Runs"),
            ("holding", "Frame"),
            ("holding", "Runs"),
            ("installing", "Applied"),
            ("prepared", "Left"),
            ("prepared", "MovedHere"),
            ("prepared", "Runs"),
            ("resuming", "AbortedHere"),
            ("suspending", "Refused"),
        ]
    );
}

/// Checks R-35, SPL-02.
#[test]
fn an_unseen_vm_is_never_activated() {
    every(|before, input, after| {
        let (Installing(t) | Prepared(t) | Holding(t)) = before.state else { return };
        let Some((TsiState { state: Activating(_), .. }, _)) = after else { return };
        let word = t.sign == Sign::Word || input == Runs;
        let frame = t.sign == Sign::Frame || input == Frame;
        let stopped = t.left || matches!(before.state, Holding(_)) || matches!(input, Left(_) | MovedHere(_));
        assert!(word || frame && stopped, "{before:?} with {input:?}");
    });
}

/// Checks VMM-7-03.
#[test]
fn a_revoked_move_is_never_activated() {
    every(|before, input, after| {
        let (Revoked(target), Some((after, outputs))) = (before.state, after) else { return };
        assert!(!before.state.may_run_for(target.plan.id));
        assert!(!delivers(after.state), "{before:?} with {input:?}");
        assert!(!outputs.iter().any(|output| matches!(output, Say(_, _, Word::Activated))));
        if after.state.may_run_for(target.plan.id) {
            assert!(matches!(input, PrepareNew(p) if p.version > target.plan.version), "{before:?} with {input:?}");
        }
    });
}

/// Checks R-03, VMM-7-03.
#[test]
fn whoever_has_a_move_in_hand_asks_a_new_session_how_it_ended() {
    for state in all_states() {
        if let Some(plan) = state.plan() {
            let query = Say(plan.id, plan.version, Word::OutcomeQuery);
            let (_, outputs) = step(TsiState { state, floor: BEFORE }, Again).unwrap();
            assert!(outputs.contains(&query), "{state:?}");
        }
    }
}

/// Checks VMM-5-01, VMM-5-11.
#[test]
fn a_party_that_restarted_goes_on_as_the_party_that_it_was() {
    check(&[
        (Away, Committed(M, V, PEER), TO_PEER, &[FOR_A_WHILE]),
        (Away, Aborted(M, AFTER, PEER), TO_PEER, &[FOR_A_WHILE]),
        (Away, AbortedHere(M, AFTER), Halted { peer: None }, &[Tell(News::Halted)]),
        (Away, CommittedHere(M, V), Away, &[]),
    ]);
}

/// Checks VMM-7-03.
#[test]
fn who_has_its_hypervisors_word_never_says_revoked() {
    every(|before, input, after| {
        let (Claiming { sign, .. } | Installing(Target { sign, .. }) | Holding(Target { sign, .. })) = before.state
        else {
            return;
        };
        if let (Sign::Word, Revoke(_), Some((_, outputs))) = (sign, input, after) {
            assert!(outputs.is_empty(), "{before:?} with {input:?}");
        }
    });
}

/// Checks R-03, SPL-03.
#[test]
fn a_refused_prepare_leaves_the_floor_where_the_directory_is() {
    every(|before, input, after| {
        if let (PrepareOld(p, _) | PrepareNew(p), Some((after, outputs))) = (input, after)
            && before.state.plan() != Some(&p)
            && matches!(outputs.first(), Some(Refuse(..)))
        {
            assert_eq!(after, before, "{input:?}");
        }
    });
}

/// Checks R-03.
#[test]
fn a_registration_says_nothing_about_a_move() {
    every(|before, input, after| {
        if let (Registered(_) | NotRegistered, Some((after, outputs))) = (input, after) {
            assert!(matches!(before.state, Claiming { .. } | Here), "{before:?}");
            assert_eq!(after.state.plan(), None);
            assert!(!outputs.iter().any(|output| matches!(output, Say(..))));
        }
    });
}

/// Checks R-03, VMM-4.2-09.
#[test]
fn the_outcome_of_another_move_changes_at_most_the_floor() {
    every(|before, input, after| {
        let (Committed(id, v, _) | Aborted(id, v, _) | CommittedHere(id, v) | AbortedHere(id, v)) = input else {
            return;
        };
        // Without a move in hand, an outcome says where the VM is.
        let none = matches!(before.state, Away | Claiming { .. } | Here);
        if none || matches!((before.state, input), (Halted { .. }, Committed(..))) {
            return;
        }
        if let Some((after, outputs)) = after
            && before.state.plan().is_none_or(|plan| plan.id != id)
        {
            assert_eq!((after.state, outputs.len()), (before.state, 0), "{before:?} with {input:?}");
            assert!(after.floor >= v);
        }
    });
}

/// Checks VMM-5-01, R-03.
#[test]
fn a_vm_that_moved_before_its_old_nve_was_prepared_is_not_delivered_to_there() {
    check(&[
        (Here, Committed(M, AFTER, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
        (Here, Aborted(M, AFTER, PEER), TO_PEER, &[Tell(News::Displaced), FOR_A_WHILE]),
    ]);
    assert_eq!(step(TsiState { state: Here, floor: AFTER }, Committed(M, AFTER, PEER)), None, "the VM came back since");
}

/// Checks R-37.
#[test]
fn a_claim_that_is_refused_sends_back_what_its_old_nve_had_tunnelled_to_it() {
    for sign in [Sign::Frame, Sign::Word] {
        let claiming = TsiState { state: Claiming { forward: None, sign }, floor: BEFORE };
        let after = step(claiming, Aborted(M, AFTER, PEER)).map_or(claiming, |(tsi, _)| tsi);
        let after = step(after, NotRegistered).map_or(after, |(tsi, _)| tsi);
        assert_eq!(after.state, TO_PEER, "{sign:?}");
    }
}

/// Checks VMM-5-17, SPL-06, VMM-7-03.
#[test]
fn a_word_about_forwarding_is_said_only_in_the_state_that_keeps_it() {
    every(|before, input, after| {
        let Some((after, outputs)) = after else { return };
        for output in &outputs {
            let kept = match output {
                Say(.., Word::Suspended) => matches!(after.state, Suspended(_) | Vacated(_)),
                Say(.., Word::Activated) => matches!(after.state, Active(_)),
                Say(.., Word::Resumed) => matches!(after.state, Resuming(_)),
                Say(.., Word::Revoked) => !after.state.may_run_for(M) && !delivers(after.state),
                Say(.., Word::Ready) => {
                    matches!(
                        after.state,
                        Leaving(_) | Suspending(_) | Vacating(_) | Prepared(_) | Holding(_) | Activating(_)
                    )
                }
                _ => true,
            };
            assert!(kept, "{before:?} with {input:?}: {output:?} in {:?}", after.state);
        }
    });
}

/// Checks VMM-5-03, VMM-5-04.
#[test]
fn every_forward_entry_has_a_timer() {
    every(|before, input, after| {
        if let Some((TsiState { state: Forwarding { to }, .. }, outputs)) = after
            && before.state != (Forwarding { to })
        {
            assert!(outputs.contains(&FOR_A_WHILE), "{before:?} with {input:?}");
        }
    });
}

/// Checks VMM-5-10, R-37.
#[test]
fn the_other_partys_frames_are_never_tunnelled_back_while_its_vm_may_come() {
    for state in all_states().filter(|state| state.may_run_for(M) || matches!(state, Revoked(_))) {
        let act = entry(state).unwrap().act(Ingress::Party);
        assert!(matches!(act, Action::Deliver | Action::Hold(_)), "{state:?}");
    }
}

fn tried() -> Vec<Tried> {
    let mut all = Vec::new();
    every(|before, input, after| {
        let mut when = Vec::new();
        match before.state {
            Claiming { forward, sign } => when.extend([forward_of(forward), ("sign", sign_of(sign))]),
            Installing(t) | Prepared(t) | Holding(t) | Revoked(t) => {
                let left = ("left", if t.left { "yes" } else { "no" });
                when.extend([forward_of(t.forward), ("sign", sign_of(t.sign)), left]);
            }
            _ => {}
        }
        if let Some(id) = move_of(&input) {
            when.push(("move", if id == M { "this" } else { "other" }));
        }
        if let Some(version) = version_of(&input) {
            when.push(("version", compared(version, V, ["older", "own", "newer"])));
            when.push(("floor", compared(version, before.floor, ["above", "at", "below"])));
        }
        let row = after.map(|(after, outputs)| (String::from(after.state.name()), printed(&outputs)));
        all.push(Tried {
            state: before.state.name(),
            meaning: before.state.summary().meaning,
            input: name_of(&input),
            when,
            row,
        });
    });
    all
}

fn compared(version: Version, with: Version, [less, equal, greater]: [&'static str; 3]) -> &'static str {
    match version.cmp(&with) {
        ::core::cmp::Ordering::Less => less,
        ::core::cmp::Ordering::Equal => equal,
        ::core::cmp::Ordering::Greater => greater,
    }
}

const fn forward_of(forward: Option<Place>) -> (&'static str, &'static str) {
    ("forward", if forward.is_some() { "yes" } else { "no" })
}

const fn sign_of(sign: Sign) -> &'static str {
    match sign {
        Sign::None => "none",
        Sign::Frame => "frame",
        Sign::Word => "word",
    }
}

fn printed(outputs: &Outputs) -> String {
    let each: Vec<String> = outputs
        .iter()
        .map(|output| match output {
            Say(_, _, word) => format!("Say({word:?})"),
            Refuse(_, _, why) => format!("Refuse({why:?})"),
            other => format!("{other:?}"),
        })
        .collect();
    each.join(" ")
}

#[test]
fn the_table_is_the_one_that_was_reviewed() {
    printed::compare("src/nve/stations/rules/table.md", &printed::render(&tried()));
}

/// The numbers of pairs with and without a row: a new row changes them, and so does a removed row.
#[test]
fn so_many_cells_have_a_row() {
    assert_eq!(printed::count(&tried()), (280, 188));
}

/// Checks R-37.
#[test]
fn what_the_party_sends_back_is_kept_where_the_authority_was_not_heard_for_long() {
    for state in [Suspending(P), Vacating(P), Suspended(P), Vacated(P), Resuming(P)] {
        let acts = |entry: Entry| [Ingress::Vap, Ingress::Party, Ingress::Tunnel].map(|ingress| entry.act(ingress));
        let [vap, _, tunnel] = acts(entry(state).unwrap());
        assert_eq!(acts(entry_alone(state).unwrap()), [vap, Action::Hold(Lane::Tunnelled), tunnel]);
        assert_eq!(entry_alone(state).unwrap().party, Some(PEER));
    }
    for state in [Away, Here, Forwarding { to: PEER }, Holding(LEFT), Revoked(LEFT), HALTED] {
        assert_eq!(entry_alone(state), entry(state));
    }
}
