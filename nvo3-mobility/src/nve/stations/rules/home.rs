//! Rows without a move: the VM starts, stops, shows up or is displaced, and the time after a move.

use super::Duration::{InFlight, Linger};
use super::Input::{
    Aborted, AbortedHere, Again, Committed, CommittedHere, Converged, Detach, ForwardEnds, Frame, MovedHere, MovedTo,
    NotRegistered, Registered, Runs, Withdrawn, Yield,
};
use super::Output::{Deregister, ForwardFor, Register, Tell};
use super::State::{Away, Claiming, Forwarding, Halted, Here, Leaving, Suspending, Vacating};
use super::{Input, News, Outputs, Sign, State, outputs};
use nvo3_nva_proto::Version;

#[rustfmt::skip]
pub(super) fn step(state: State, floor: Version, input: Input) -> Option<(State, Outputs)> {
    Some(match (state, input) {
        (Away,                          Runs)                        => (Claiming { forward: None, sign: Sign::Word }, outputs![Register]),
        (Away,                          Frame)                       => (Claiming { forward: None, sign: Sign::Frame }, outputs![Register]),
        (Forwarding { to },             Runs)                        => (Claiming { forward: Some(to), sign: Sign::Word }, outputs![Register]),
        (Forwarding { to },             Frame)                       => (Claiming { forward: Some(to), sign: Sign::Frame }, outputs![Register]),
        (Claiming { forward, .. },      Runs)                        => (Claiming { forward, sign: Sign::Word }, outputs![]),
        (Claiming { .. },               Again)                       => (state, outputs![Register]),
        (Claiming { .. },               Registered(v)) if v >= floor => (Here, outputs![Tell(News::Running)]),
        (Claiming { forward: None, .. },     NotRegistered | Detach) => (Away, outputs![give_up(input)]),
        (Claiming { forward: Some(to), .. }, NotRegistered | Detach) => (Forwarding { to }, outputs![give_up(input), ForwardFor(InFlight)]),
        (Here,                          NotRegistered)               => (Away, outputs![Tell(News::NotRegistered)]),
        // The VM runs here, and the NVA says that it is nowhere: the NVE asks to register it, as after a frame.
        (Here,                          Withdrawn(v))   if v > floor => (Claiming { forward: None, sign: Sign::Frame }, outputs![Register]),
        (Halted { .. },                 Withdrawn(v))   if v > floor => (Away, outputs![Tell(News::NotRegistered)]),
        (Claiming { .. } | Here,        Frame)                       => (state, outputs![]),
        (Here,                          Runs)                        => (Here, outputs![]),
        (Here,                          Registered(v)) if v >= floor => (Here, outputs![]),
        (Here | Leaving(_) | Halted { .. }, Detach)                  => (Away, outputs![Deregister]),
        (Away | Forwarding { .. },      Detach)                      => (state, outputs![]),
        (Halted { .. },                 Runs)                        => (Here, outputs![Tell(News::Running)]),
        (Here,                          Yield(p)) if p.version > floor => (Suspending(p), outputs![]),
        (Away | Halted { .. } | Forwarding { .. } | Claiming { .. },
                                        Yield(p)) if p.version > floor => (Vacating(p), outputs![]),
        // The old NVE was never prepared: the VM came to the new NVE before.
        (Here,                          Committed(_, v, to) | Aborted(_, v, to)) if v > floor
                                                                     => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        (Here | Halted { .. },          MovedTo(v, to)) if v > floor => (Forwarding { to }, outputs![Tell(News::Displaced), ForwardFor(InFlight)]),
        (Halted { .. },                 Committed(_, v, to)) if v > floor => (Forwarding { to }, outputs![Tell(News::Gone), ForwardFor(InFlight)]),
        // The NVE restarted in the move. It goes on as a party of that move, whatever the VM's last frames made of the state.
        (Away | Claiming { sign: Sign::Frame, .. }, Committed(_, v, to)) | (Away, Aborted(_, v, to)) if v > floor
                                                                     => (Forwarding { to }, outputs![ForwardFor(InFlight)]),
        // The VM's NVE may have tunnelled frames here before. The answer to the claim follows.
        (Claiming { sign, .. },         Aborted(_, v, to)) if v > floor
                                                                     => (Claiming { forward: Some(to), sign }, outputs![]),
        (Away | Claiming { sign: Sign::Frame, .. }, AbortedHere(_, v)) if v > floor
                                                                     => (Halted { peer: None }, outputs![Tell(News::Halted)]),
        (Forwarding { .. },             MovedTo(v, to)) if v > floor => (Forwarding { to }, outputs![ForwardFor(InFlight)]),
        (Forwarding { .. },             Withdrawn(v))   if v > floor => (Away, outputs![]),
        (Forwarding { .. },             ForwardEnds)                 => (Away, outputs![]),
        (Forwarding { .. },             Converged)                   => (state, outputs![ForwardFor(Linger)]),
        (_, MovedHere(v) | MovedTo(v, _) | Withdrawn(v) | Committed(_, v, _) | CommittedHere(_, v) | Aborted(_, v, _) | AbortedHere(_, v))
                                                        if v > floor => (state, outputs![]),
        _ => return None,
    })
}

/// The output when a claim ends: after a refusal there is no registration to withdraw, after a detach there is one.
const fn give_up(input: Input) -> super::Output {
    if matches!(input, Detach) { Deregister } else { Tell(News::NotRegistered) }
}
