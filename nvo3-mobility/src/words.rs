//! Codes of the protocol as parts of a sentence.

use nvo3_nva_proto::{DownReason, MoveResult, Refusal, RegistrationResult};

/// The reason of a refused move, as the end of a sentence.
pub(crate) const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Stale => "a newer statement about a TSI of the move is known",
        Refusal::WrongPlace => {
            "a TSI is not at the NVE that the move takes it from, or already at the NVE that it moves to"
        }
        Refusal::Forwarder => "the forwarder cannot hold or tunnel the frames",
        Refusal::Resource => "there is no room for another move",
        Refusal::NoCommonUnderlay => "the two NVEs have no encapsulation or no underlay address family in common",
        Refusal::NoSession => "one of the two NVEs has no session with the NVA, or is fenced",
        Refusal::Busy => "another move of one of the TSIs has not ended",
        Refusal::Policy => "policy forbids it",
        Refusal::UnknownTsi => "the directory has no such TSI",
        Refusal::NotSupported => "this kind of move is not supported, or the new NVE cannot hold frames",
    }
}

/// The result of a registration, as the end of a sentence.
pub(crate) const fn registration(result: RegistrationResult) -> &'static str {
    match result {
        RegistrationResult::Accepted => "the mapping points to this NVE",
        RegistrationResult::Policy => "policy forbids it",
        RegistrationResult::UnknownVn => "the NVA does not serve the VN",
        RegistrationResult::TenantConflict => "the tenant may not share the NVE",
        RegistrationResult::Duplicate => "the address moved too often without a plan and is frozen for a while",
        RegistrationResult::Stale => "a newer mapping exists",
        RegistrationResult::NotAuthorised => "this NVE may not register the TSI",
        RegistrationResult::Resource => "the NVA has no room for another TSI",
        RegistrationResult::Malformed => "the request is malformed",
        RegistrationResult::Moving => "a planned move of the TSI is under way",
    }
}

/// The reason why a session ended, as the end of a sentence.
pub(crate) const fn down(reason: DownReason) -> &'static str {
    match reason {
        DownReason::Dead => "the peer was silent for too long",
        DownReason::UnknownSession => "the peer does not know the session: it has restarted",
        DownReason::PeerClosed => "the peer closed it",
        DownReason::Closed => "this side closed it",
    }
}

/// The result of a move in one word.
pub(crate) const fn result(result: MoveResult) -> &'static str {
    match result {
        MoveResult::Committed => "committed",
        MoveResult::Aborted => "aborted",
        MoveResult::Unknown => "unknown",
    }
}
