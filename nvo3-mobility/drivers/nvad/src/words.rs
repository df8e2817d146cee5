//! The words that people and scripts read for the machine's values.

use nvo3_mobility::nva::Error;
use nvo3_nva_proto::{DownReason, MoveResult, NveId, Refusal};

/// Why an NVE or the authority refuses a move, as the end of a sentence.
pub(crate) const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Stale => "it knows something newer about a TSI of the move",
        Refusal::WrongPlace => "a TSI is not where the move takes it from, or is already where it takes it",
        Refusal::Forwarder => "its forwarder cannot hold or tunnel the frames",
        Refusal::Resource => "it has no room for another move",
        Refusal::NoCommonUnderlay => "the two edges have no encapsulation or no address family in common",
        Refusal::NoSession => "one of the two edges is not connected",
        Refusal::Busy => "another move of one of the TSIs has not ended",
        Refusal::Policy => "policy forbids it",
        Refusal::UnknownTsi => "the directory has no such TSI",
        Refusal::NotSupported => "one of the two edges cannot take part in such a move",
    }
}

/// Why the machine did not take an input, as a sentence.
pub(crate) fn error(error: Error) -> String {
    match error {
        Error::Refused { id, why } => format!("move {}: {}", id.0, refusal(why)),
        Error::UnknownMove(id) => format!("move {} is not in hand: it is not known, or its end is decided", id.0),
        Error::UnknownNve(nve) => not_admitted(nve),
        other => other.to_string(),
    }
}

/// An NVE that is not an edge of the domain.
pub(crate) fn not_admitted(nve: NveId) -> String {
    format!("nve {0} is not an edge of this domain: nvad was started without --nve {0}=…", nve.0)
}

/// The result of a move.
pub(crate) const fn result(result: MoveResult) -> &'static str {
    match result {
        MoveResult::Committed => "committed",
        MoveResult::Aborted => "aborted",
        MoveResult::Unknown => "unknown",
    }
}

/// Why a session ended.
pub(crate) const fn down(reason: DownReason) -> &'static str {
    match reason {
        DownReason::Dead => "dead",
        DownReason::UnknownSession => "unknown-session",
        DownReason::PeerClosed => "peer-closed",
        DownReason::Closed => "closed",
    }
}
