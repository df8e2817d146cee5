//! The rules of a planned move that can be removed one at a time, and the move tables without one of them.

use arrayvec::ArrayVec;
use nvo3_mobility::nva::rules as nva;
use nvo3_mobility::nve::rules::{self, Duration, Input, News, Output, Sign, State, TsiState, Word};
use nvo3_mobility::table::{Action, Entry, Lane};
use nvo3_nva_proto::{MoveResult, Version};

/// A rule that keeps moves safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// A message whose version is not above the floor changes nothing.
    Floor,
    /// A late *Prepare* changes nothing.
    LatePrepare,
    /// Frames from a prepared NVE's own VAPs follow the mapping.
    OwnVaps,
    /// A forward entry may send a frame back to the NVE that it came from.
    Return,
    /// A forward entry outlives the frames under way and the senders' stale mappings.
    Linger,
    /// A reserved version is in the journal.
    Journal,
    /// Only *Activated* commits.
    OnlyActivated,
    /// A registration names the version of the mapping that its sender knows.
    Expected,
    /// The new NVE decides whether a move can still be aborted.
    Arbiter,
    /// The old NVE sends *Suspended* only when its tunnel is in force.
    Applied,
    /// Only the acknowledgement that names a move's outcome counts for it.
    Outcome,
    /// After an abort the old NVE holds frames until its hypervisor resumes the VM.
    Halt,
    /// The NVA tells the old NVE of an abort before the new NVE.
    OldFirst,
    /// An abort gives the mapping a newer version.
    AbortVersion,
    /// A new NVE that restarted is prepared again.
    PreparedAgain,
    /// A VM starts only where its move is prepared and not revoked.
    MayRun,
    /// The next move starts when both NVEs have the outcome.
    NextMove,
    /// An NVE that registers the VM during a move gets its answer when the move has ended.
    Claim,
    /// An NVE that restarted does not send frames on by the outcome of an earlier move if the VM comes back to it.
    ComesBack,
    /// An NVE at which the VM of a lost move rests has it by that move.
    Arrival,
    /// A commit in a later epoch than its plan makes a newer version.
    Renewed,
    /// A frame elsewhere does not take a VM that is halted after an abort.
    Halted,
    /// An NVE that yields a VM which it does not have remembers that.
    Vacated,
    /// An NVE that was never prepared follows the outcome of a move that took its VM.
    Follows,
    /// A claim is refused once its old NVE has taken the abort.
    DeniedLast,
    /// A claim whose move is aborted stays until its answer comes.
    OpenClaim,
}

impl Fence {
    /// Each fence with its name, the case that catches its removal, and the invariant that breaks then.
    pub const ALL: [(Self, &'static str, &'static str); 26] = [
        (Self::Floor, "floor", "two-moves-abort"),
        (Self::LatePrepare, "late-prepare", "two-moves-abort"),
        (Self::OwnVaps, "own-vaps", "one-move"),
        (Self::Return, "return", "two-moves-abort"),
        (Self::Linger, "linger", "one-move"),
        (Self::Journal, "journal", "one-move"),
        (Self::OnlyActivated, "only-activated", "two-moves-abort"),
        (Self::Expected, "expected", "two-moves-abort"),
        (Self::Arbiter, "arbiter", "one-move"),
        (Self::Applied, "applied", "one-move"),
        (Self::Outcome, "outcome", "two-moves-abort"),
        (Self::Halt, "halt", "one-move"),
        (Self::OldFirst, "old-first", "one-move"),
        (Self::AbortVersion, "abort-version", "one-move"),
        (Self::PreparedAgain, "prepared-again", "one-move"),
        (Self::MayRun, "may-run", "one-move"),
        (Self::NextMove, "next-move", "two-moves-abort"),
        (Self::Claim, "claim", "ordered"),
        (Self::ComesBack, "comes-back", "two-moves-crash"),
        (Self::Arrival, "arrival", "store"),
        (Self::Renewed, "renewed", "store"),
        (Self::Halted, "halted", "one-move"),
        (Self::Vacated, "vacated", "cut"),
        (Self::Follows, "follows", "one-move"),
        (Self::DeniedLast, "denied-last", "unplanned"),
        (Self::OpenClaim, "open-claim", "unplanned"),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, listed, _)| *listed == name).map(|(fence, ..)| *fence)
    }
}

/// The outputs of a step; a rule that is removed may add some.
type Outputs<O> = ArrayVec<O, 4>;

/// The move tables of the product, whole or without one rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub without: Option<Fence>,
    /// The control messages of a session keep their order and arrive once.
    pub ordered: bool,
}

impl Rules {
    pub fn lacks(&self, fence: Fence) -> bool {
        self.without == Some(fence)
    }

    /// One step of an NVE's move table.
    pub fn edge_step(&self, tsi: TsiState, input: Input) -> Option<(TsiState, Outputs<Output>)> {
        use Input::{Aborted, AbortedHere, Applied, Committed, Confirm, PrepareNew, PrepareOld, Suspend};
        use State::{Away, Claiming, Forwarding, Halted, Here, Leaving, Suspended, Suspending, Vacated, Vacating};
        let step = |tsi| rules::step(tsi, input).map(|(after, outputs)| (after, Outputs::from_iter(outputs)));
        let low = TsiState { floor: Version::default(), ..tsi };
        match (self.without, tsi.state, input) {
            (Some(Fence::Floor), ..) => step(low),
            (Some(Fence::LatePrepare), _, PrepareOld(..) | PrepareNew(_)) => step(low),
            (Some(Fence::Applied), Leaving(p), Suspend(_)) => {
                let (after, mut outputs) = step(tsi)?;
                outputs.push(Output::Say(p.id, p.version, Word::Suspended));
                outputs.push(Output::Tell(News::Suspended));
                Some((after, outputs))
            }
            (Some(Fence::Halt), Suspending(_) | Vacating(_) | Suspended(_) | Vacated(_), AbortedHere(..)) => {
                let (after, outputs) = step(tsi)?;
                let state = if matches!(after.state, Halted { .. }) { Here } else { after.state };
                Some((TsiState { state, ..after }, outputs))
            }
            (Some(Fence::Halted), Halted { .. }, Confirm(_)) => step(TsiState { state: Away, ..tsi }),
            (Some(Fence::Vacated), Vacating(p), Applied) => step(TsiState { state: Suspending(p), ..tsi }),
            (Some(Fence::Follows), Here, Committed(..) | Aborted(..)) => None,
            (Some(Fence::OpenClaim), Claiming { sign: Sign::Frame, .. }, Aborted(_, version, to)) => {
                let (after, _) = step(tsi)?;
                let outputs = Outputs::from_iter([Output::ForwardFor(Duration::InFlight)]);
                (version > tsi.floor).then_some((TsiState { state: Forwarding { to }, ..after }, outputs))
            }
            _ => step(tsi),
        }
    }

    /// The forwarder's entry in a state of an NVE. `alone`: the session was lost in the move in hand.
    pub fn entry(&self, state: State, alone: bool) -> Option<Entry> {
        let entry = if alone { rules::entry_alone(state) } else { rules::entry(state) }?;
        match (self.without, state) {
            (Some(Fence::OwnVaps), State::Prepared(_)) => Some(Entry { vap: Action::Hold(Lane::Direct), ..entry }),
            _ => Some(entry),
        }
    }

    /// One step of the NVA's move table.
    pub fn nva_step(&self, state: nva::State, input: nva::Input) -> Option<(nva::State, Outputs<nva::Output>)> {
        use nva::Input::{Deadline, Resumed, Returned};
        use nva::Output::{Abort, Close, Deny, Outcome, PublishAbort};
        use nva::State::{AbortingOld, Committing, Ended, PreparingNew, PreparingOld, Ready, Suspended, Yielding};
        use nvo3_nva_proto::Side::{New, Old};
        let step = |input| nva::step(state, input).map(|(after, outputs)| (after, Outputs::from_iter(outputs)));
        match (self.without, state, input) {
            (Some(Fence::Arbiter), PreparingNew { .. } | PreparingOld | Ready | Suspended, Deadline | Resumed) => {
                Some((AbortingOld { denied: None }, Outputs::from_iter([Abort, Outcome(Old)])))
            }
            (Some(Fence::PreparedAgain), _, Returned(New, true)) => step(Returned(New, false)),
            (Some(Fence::OldFirst), ..) => {
                let (after, mut outputs) = step(input)?;
                let aborts = |state| matches!(state, AbortingOld { .. });
                if aborts(after) && !aborts(state) {
                    outputs.extend([PublishAbort, Outcome(New)]);
                }
                Some((after, outputs))
            }
            (Some(Fence::DeniedLast), Yielding { .. }, _) => {
                let (after, mut outputs) = step(input)?;
                if let AbortingOld { denied: Some(why) } = after {
                    outputs.insert(0, Deny(why));
                    return Some((AbortingOld { denied: None }, outputs));
                }
                Some((after, outputs))
            }
            (Some(Fence::NextMove), ..) => {
                let (after, mut outputs) = step(input)?;
                if matches!(after, Committing { .. }) && !matches!(state, Committing { .. }) {
                    outputs.push(Close(MoveResult::Committed));
                    return Some((Ended(MoveResult::Committed), outputs));
                }
                Some((after, outputs))
            }
            _ => step(input),
        }
    }
}
