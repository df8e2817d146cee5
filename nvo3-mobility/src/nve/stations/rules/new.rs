//! The new NVE's side of a move: the VM comes.

use super::Duration::InFlight;
use super::Input::{
    Aborted, Again, Applied, CommittedHere, Detach, Frame, Left, MovedHere, PrepareNew, Refused, Revoke, Runs,
};
use super::Output::{ForwardFor, Refuse, Register, Say, Tell};
use super::State::{
    Activating, Active, Away, Claiming, Forwarding, Here, Holding, Installing, Leaving, Prepared, Revoked,
};
use super::{Input, News, Outputs, Plan, Sign, State, Target, Word, outputs};
use nvo3_nva_proto::{Refusal, Version};

#[rustfmt::skip]
pub(super) fn step(state: State, floor: Version, input: Input) -> Option<(State, Outputs)> {
    Some(match (state, input) {
        (Away,                       PrepareNew(p)) if p.version > floor => (Installing(Target { plan: p, forward: None, sign: Sign::None, left: false }), outputs![]),
        (Forwarding { to },          PrepareNew(p)) if p.version > floor => (Installing(Target { plan: p, forward: Some(to), sign: Sign::None, left: false }), outputs![]),
        (Claiming { forward, sign }, PrepareNew(p)) if p.version > floor => (Installing(Target { plan: p, forward, sign, left: false }), outputs![]),
        (Installing(t) | Prepared(t) | Revoked(t), PrepareNew(p)) if p.version > floor && p.version > t.plan.version
                                                                         => (Installing(Target { plan: p, left: false, ..t }), outputs![]),
        (Here | Leaving(_),          PrepareNew(p)) if p.version > floor => (state, outputs![Refuse(p.id, p.version, Refusal::WrongPlace)]),
        (Installing(t),              PrepareNew(p)) if p == t.plan       => (state, outputs![]),
        (Prepared(t) | Holding(t),   PrepareNew(p)) if p == t.plan       => (state, outputs![say(p, Word::Ready)]),
        (Revoked(t),                 PrepareNew(p)) if p == t.plan       => (state, outputs![say(p, Word::Revoked)]),
        (Activating(q),              PrepareNew(p)) if p == q            => (state, outputs![]),
        (Active(q),                  PrepareNew(p)) if p == q            => (state, outputs![say(p, Word::Activated)]),
        (Installing(t),              Applied)                            => (armed(t), outputs![say(t.plan, Word::Ready)]),
        (Installing(Target { sign: Sign::None, forward: Some(to), plan: p, .. }), Refused) => (Forwarding { to }, outputs![Refuse(p.id, p.version, Refusal::Forwarder), ForwardFor(InFlight)]),
        (Installing(Target { sign: Sign::None, plan: p, .. }), Refused)  => (Away, outputs![Refuse(p.id, p.version, Refusal::Forwarder)]),
        (Installing(Target { sign, forward, plan: p, .. }), Refused)     => (Claiming { forward, sign }, outputs![Refuse(p.id, p.version, Refusal::Forwarder), Register]),

        (Installing(t),              Left(m))       if m == t.plan.id    => (Installing(Target { left: true, ..t }), outputs![]),
        (Prepared(t),                Left(m))       if m == t.plan.id    => (armed(Target { left: true, ..t }), outputs![]),
        (Holding(t),                 Left(m))       if m == t.plan.id    => (state, outputs![]),
        // The hypervisor's Activate may arrive before the NVA's Left.
        (Activating(p) | Active(p),  Left(m))       if m == p.id         => (state, outputs![]),
        (Prepared(t),                MovedHere(v))  if v == t.plan.version => (armed(Target { left: true, ..t }), outputs![]),
        (Installing(t),              Runs)                               => (Installing(Target { sign: Sign::Word, ..t }), outputs![]),
        (Prepared(t) | Holding(t),   Runs)                               => (Activating(t.plan), outputs![]),
        (Installing(t),              Frame)                              => (Installing(Target { sign: t.sign.max(Sign::Frame), ..t }), outputs![Tell(News::Hint)]),
        (Prepared(t),                Frame)                              => (Prepared(Target { sign: Sign::Frame, ..t }), outputs![Tell(News::Hint)]),
        (Holding(t),                 Frame)                              => (Activating(t.plan), outputs![]),
        (Activating(p),              Applied)                            => (Active(p), outputs![say(p, Word::Activated), Tell(News::Running)]),
        (Activating(p),              Refused)                            => (Holding(Target { plan: p, forward: None, sign: Sign::Word, left: true }), outputs![Tell(News::ActivateFailed)]),
        (Activating(_) | Active(_),  Runs | Frame)                       => (state, outputs![]),
        (Activating(p),              Again)                              => (state, outputs![say(p, Word::OutcomeQuery)]),
        (Active(p),                  Again)                              => (state, outputs![say(p, Word::Activated), say(p, Word::OutcomeQuery)]),

        (Installing(t),              Revoke(p)) if p.id == t.plan.id && t.sign == Sign::Word => (state, outputs![]),
        (Holding(t),                 Revoke(p)) if p.id == t.plan.id && t.sign == Sign::Word => (Activating(t.plan), outputs![]),
        (Installing(t) | Prepared(t) | Holding(t), Revoke(p)) if p.id == t.plan.id => (Revoked(t), outputs![say(p, Word::Revoked), Tell(News::Revoked)]),
        (Revoked(t),                 Revoke(p))     if p.id == t.plan.id => (state, outputs![say(p, Word::Revoked)]),
        (Activating(q),              Revoke(p))     if p.id == q.id      => (state, outputs![]),
        (Active(q),                  Revoke(p))     if p.id == q.id      => (state, outputs![say(p, Word::Activated)]),
        (Claiming { sign: Sign::Word, .. }, Revoke(p)) if p.version >= floor => (state, outputs![]),
        (Away | Forwarding { .. } | Claiming { .. }, Revoke(p)) if p.version >= floor => (state, outputs![say(p, Word::Revoked)]),
        (Revoked(t),                 Runs)                               => (Revoked(Target { sign: Sign::Word, ..t }), outputs![Tell(News::Revoked)]),
        (Revoked(_),                 Frame)                              => (state, outputs![Tell(News::Revoked)]),
        (Holding(t),                 Again)   if t.sign == Sign::Word    => (Activating(t.plan), outputs![say(t.plan, Word::OutcomeQuery)]),
        (Installing(t) | Prepared(t) | Holding(t) | Revoked(t), Again)   => (state, outputs![say(t.plan, Word::OutcomeQuery)]),

        (Activating(p) | Active(p),  CommittedHere(m, v)) if m == p.id && v >= floor => (Here, outputs![]),
        (Activating(p) | Active(p),  Aborted(m, v, to))  if m == p.id && v >= floor  => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        // A move ends once, even if a newer statement arrived before its outcome. So the floor does not matter here.
        (Revoked(t),                 Aborted(m, _, to))  if m == t.plan.id && t.sign == Sign::Word
                                                                         => (Claiming { forward: Some(to), sign: Sign::Word }, outputs![Register]),
        (Installing(t) | Prepared(t) | Holding(t) | Revoked(t), Aborted(m, _, to)) if m == t.plan.id
                                                                         => (Forwarding { to }, outputs![Tell(News::Gone), ForwardFor(InFlight)]),
        (Installing(_) | Prepared(_) | Holding(_) | Revoked(_), Detach)  => (state, outputs![]),
        _ => return None,
    })
}

/// The state after the prepared attachment is in force. The hypervisor's *Activate* counts at once. A frame of the VM counts only
/// after the old NVE has stopped delivering.
fn armed(target: Target) -> State {
    match (target.sign, target.left) {
        (Sign::Word, _) | (Sign::Frame, true) => Activating(target.plan),
        (_, true) => Holding(target),
        (_, false) => Prepared(target),
    }
}

const fn say(plan: Plan, word: Word) -> super::Output {
    Say(plan.id, plan.version, word)
}
