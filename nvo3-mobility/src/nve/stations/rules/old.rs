//! The old NVE's side of a move: the VM leaves.

use super::Duration::InFlight;
use super::Input::{
    AbortedHere, Again, Applied, Committed, Confirm, Detach, Frame, MovedTo, PrepareOld, Refused, Runs, Silent,
    Suspend, Yield,
};
use super::Output::{ForwardFor, Probe, Refuse, Say, Tell};
use super::State::{
    Away, Claiming, Confirming, Forwarding, Halted, Here, Leaving, Resuming, Suspended, Suspending, Vacated, Vacating,
};
use super::{Input, News, Outputs, Plan, Sign, State, Word, outputs};
use nvo3_nva_proto::{Refusal, Version};

#[rustfmt::skip]
#[inline]
pub(super) fn step(state: State, floor: Version, input: Input) -> Option<(State, Outputs)> {
    Some(match (state, input) {
        (Here,                                 PrepareOld(p, false)) if p.version > floor => (Leaving(p), outputs![say(p, Word::Ready), Tell(News::Prepared)]),
        (Claiming { sign: Sign::Word, .. },    PrepareOld(p, false)) if p.version > floor => (Leaving(p), outputs![say(p, Word::Ready), Tell(News::Running), Tell(News::Prepared)]),
        (Leaving(q),                           PrepareOld(p, false)) if p == q || p.version > floor && p.version > q.version
                                                                                          => (Leaving(p), outputs![say(p, Word::Ready), Tell(News::Prepared)]),
        (Halted { .. },                        PrepareOld(p, _))     if p.version > floor => (Vacating(p), outputs![say(p, Word::Ready)]),
        (Away | Forwarding { .. },             PrepareOld(p, true))  if p.version > floor => (Vacating(p), outputs![]),
        // The NVE restarted. It may have told the owner before that the VM may stop, and a frame does not show whether it stopped.
        (Claiming { sign: Sign::Frame, .. },   PrepareOld(p, _))     if p.version > floor => (Vacating(p), outputs![]),
        (Here | Claiming { sign: Sign::Word, .. }, PrepareOld(p, true)) if p.version > floor => (Resuming(p), outputs![say(p, Word::Resumed)]),
        (Suspending(q) | Vacating(q),          PrepareOld(p, _) | Yield(p))      if p == q => (state, outputs![]),
        (Suspended(q) | Vacated(q),            PrepareOld(p, _) | Yield(p))      if p == q => (state, outputs![say(p, Word::Suspended)]),
        (Resuming(q),                          PrepareOld(p, _))                 if p == q => (Resuming(p), outputs![say(p, Word::Resumed)]),
        (Away | Forwarding { .. },             PrepareOld(p, false)) if p.version > floor => (state, outputs![Refuse(p.id, p.version, Refusal::WrongPlace)]),

        (Here | Claiming { .. },               Confirm(p))  if p.version > floor => (Confirming(p), outputs![Probe]),
        (Away | Forwarding { .. },             Confirm(p))  if p.version > floor  => (Vacating(p), outputs![]),
        // The VM is not gone, and cannot answer.
        (Halted { .. },                        Confirm(p))  if p.version > floor  => (state, outputs![Refuse(p.id, p.version, Refusal::Halted)]),
        (Confirming(q),                        Confirm(p))           if p == q    => (state, outputs![]),
        (Confirming(q),                        Yield(p) | Confirm(p)) if p.version > floor && p.version > q.version => (Suspending(p), outputs![]),
        (Confirming(p),                        Runs | Frame)                      => (Here, outputs![Refuse(p.id, p.version, Refusal::StillHere)]),
        (Confirming(p),                        Silent | Detach)                   => (Suspending(p), outputs![]),
        (Confirming(p),                        Again)                             => (state, outputs![say(p, Word::OutcomeQuery)]),
        (Confirming(p),                        AbortedHere(m, _))    if m == p.id => (Here, outputs![]),
        (Confirming(p),                        Committed(m, v, to))  if m == p.id && v >= floor => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        (Confirming(p),                        MovedTo(v, to))       if v > p.version && v > floor => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        (Suspending(q) | Vacating(q) | Suspended(q) | Vacated(q), Confirm(p)) if p == q => (state, outputs![]),

        (Leaving(p),                           Suspend(m))                    if m == p.id => (Suspending(p), outputs![]),
        (Suspending(p) | Vacating(p),          Suspend(m))                    if m == p.id => (state, outputs![]),
        (Suspended(p) | Vacated(p),            Suspend(m))                    if m == p.id => (state, outputs![Tell(News::Suspended)]),
        (Suspending(p),                        Applied)                                    => (Suspended(p), outputs![say(p, Word::Suspended), Tell(News::Suspended)]),
        (Vacating(p),                          Applied)                                    => (Vacated(p), outputs![say(p, Word::Suspended), Tell(News::Suspended)]),
        // The forwarder does not remember what it delivers, or lost the tunnel and cannot have it again.
        (Leaving(p) | Suspended(p) | Vacated(p), Refused)                                  => (state, outputs![Refuse(p.id, p.version, Refusal::Forwarder)]),
        (Suspending(p),                        Refused)                                    => (Leaving(p), outputs![Refuse(p.id, p.version, Refusal::Forwarder), Tell(News::SuspendFailed)]),

        (Vacating(p),                          Refused)                                    => (Halted { peer: Some(p.peer) }, outputs![Refuse(p.id, p.version, Refusal::Forwarder), Tell(News::SuspendFailed)]),

        (Leaving(_) | Resuming(_),             Runs)                                       => (state, outputs![]),
        (Suspending(p) | Vacating(p) | Suspended(p) | Vacated(p), Runs)                    => (Resuming(p), outputs![say(p, Word::Resumed)]),
        (Leaving(_) | Suspending(_) | Vacating(_) | Suspended(_) | Vacated(_) | Resuming(_), Frame) => (state, outputs![]),
        (Suspending(_) | Vacating(_) | Suspended(_) | Vacated(_) | Resuming(_), Detach)    => (state, outputs![]),
        (Suspended(p) | Vacated(p),            Again)                                      => (state, outputs![say(p, Word::Suspended), say(p, Word::OutcomeQuery)]),
        (Resuming(p),                          Again)                                      => (state, outputs![say(p, Word::Resumed), say(p, Word::OutcomeQuery)]),
        (Leaving(p) | Suspending(p) | Vacating(p), Again)                                      => (state, outputs![say(p, Word::OutcomeQuery)]),

        (Leaving(p) | Suspending(p) | Vacating(p) | Suspended(p) | Vacated(p), Committed(m, v, to)) if m == p.id && v >= floor => (Forwarding { to }, outputs![Tell(News::Gone), ForwardFor(InFlight)]),
        (Resuming(p),                          Committed(m, v, to))   if m == p.id && v >= floor => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        // Nobody planned the move and nobody stopped the VM: it goes on here.
        (Suspending(p) | Suspended(p),         AbortedHere(m, _))     if m == p.id && m.is_reserved() => (Here, outputs![Tell(News::Running)]),
        // A move ends once, even if a newer statement arrived before its outcome. So the floor does not matter here.
        (Leaving(p) | Resuming(p),             AbortedHere(m, _))     if m == p.id => (Here, outputs![Tell(News::Running)]),
        (Suspending(p) | Vacating(p) | Suspended(p) | Vacated(p), AbortedHere(m, _)) if m == p.id => (Halted { peer: Some(p.peer) }, outputs![Tell(News::Halted)]),
        (Leaving(p) | Suspending(p) | Vacating(p) | Suspended(p) | Vacated(p) | Resuming(p), MovedTo(v, to)) if v > p.version && v > floor => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        _ => return None,
    })
}

const fn say(plan: Plan, word: Word) -> super::Output {
    Say(plan.id, plan.version, word)
}
