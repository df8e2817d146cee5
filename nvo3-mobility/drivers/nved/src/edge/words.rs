//! Sentences for people: what this edge logs, and why it refuses a request.

use nvo3_mobility::nve::rules::{News, State};
use nvo3_mobility::nve::{Error, Event};
use nvo3_nva_proto::{DownReason, RegistrationResult};

/// Logs an event. `port` is the name of the port that the event is about.
pub(super) fn log(event: &Event, port: Option<&str>) {
    match event {
        Event::SessionUp => tracing::info!("the session with the NVA is up"),
        Event::SessionDown(DownReason::Closed) => tracing::info!("the session with the NVA is closed"),
        Event::SessionDown(reason) => tracing::warn!(
            reason = %down(*reason),
            "the session with the NVA is lost; forwarding goes on, and this edge asks for a new session"
        ),
        Event::State { key, from, to } => {
            let id = to.plan().or(from.plan()).map(|plan| plan.id.0);
            tracing::info!(tsi = %key, "move" = id, from = %from.name(), to = %to.name(), "the state of a TSI has changed");
        }
        Event::News { key, move_id, news } => {
            let id = move_id.map(|id| id.0);
            match news {
                News::SuspendFailed | News::ActivateFailed | News::Displaced => {
                    tracing::warn!(tsi = %key, "move" = id, "{}", self::news(*news));
                }
                // `Event::Refused` says why.
                News::NotRegistered => tracing::debug!(tsi = %key, "move" = id, "{}", self::news(*news)),
                _ => tracing::info!(tsi = %key, "move" = id, "{}", self::news(*news)),
            }
        }
        Event::Refused { key, result } => {
            tracing::warn!(tsi = %key, reason = refusal(*result), "the NVA refused to register a TSI: no frame reaches it");
        }
        Event::Spoofed { mac, ip: Some(ip), .. } => {
            tracing::warn!(port, %mac, %ip, "a frame was dropped: it claims an IP address that is not bound to its MAC");
        }
        Event::Spoofed { mac, ip: None, .. } => {
            tracing::warn!(port, %mac, "a frame was dropped: it claims a MAC that is not bound to its port");
        }
        Event::Stalled(waiting) => {
            tracing::warn!(duty = %waiting.duty.name(), count = waiting.count, "{}", waiting.duty)
        }
    }
}

const fn news(news: News) -> &'static str {
    match news {
        News::Prepared => "the edge is prepared for the VM to leave",
        News::Suspended => "the tunnel to the new NVE is in force: the VM may stop",
        News::SuspendFailed => "the forwarder refused the tunnel to the new NVE: the VM must go on here",
        News::ActivateFailed => {
            "the forwarder refused to deliver to the VM that runs here: say `nvoctl activate` again"
        }
        News::Running => "the VM runs here and is delivered to",
        News::Hint => "a frame of the VM came before the VM may run here; what the VM sends is kept",
        News::Revoked => "the move was revoked: the VM must not run here",
        News::Halted => "the move was aborted; the VM is suspended here and waits for `nvoctl resume`",
        News::Gone => "the VM is at another NVE now",
        News::Displaced => "the mapping of the VM was given to another NVE although the VM runs here",
        News::NotRegistered => "the NVA refused the VM here",
    }
}

/// Why the NVA refused a registration.
pub(super) const fn refusal(result: RegistrationResult) -> &'static str {
    match result {
        RegistrationResult::Policy => "a policy of the NVA forbids it",
        RegistrationResult::UnknownVn => "the NVA does not serve the VN",
        RegistrationResult::TenantConflict => "the tenant may not share this NVE",
        RegistrationResult::Duplicate => {
            "another TSI has one of its IP addresses, or it moved too often without a plan"
        }
        RegistrationResult::Stale => "the NVA has a newer mapping",
        RegistrationResult::NotAuthorised => "this NVE may not register it",
        RegistrationResult::Resource => "the NVA has no room",
        RegistrationResult::Malformed => "the NVA does not take its addresses",
        RegistrationResult::Moving => "a planned move of it has not ended",
        _ => "the NVA gives no reason",
    }
}

/// Why a session ended, as `nvoctl watch` writes it.
pub(super) const fn down(reason: DownReason) -> &'static str {
    match reason {
        DownReason::Dead => "dead",
        DownReason::UnknownSession => "unknown-session",
        DownReason::PeerClosed => "peer-closed",
        _ => "closed",
    }
}

/// Why the machine did not take a request, and what the caller can do.
pub(super) fn error(error: Error, state: State) -> String {
    let in_hand = state.plan().map(|plan| plan.id.0);
    match (error, in_hand) {
        (Error::NotPrepared { key, move_id, state }, Some(id)) if id != move_id.0 => {
            format!(
                "{key} is {state} for move {id}, not for move {}: do not start the VM here for that move",
                move_id.0
            )
        }
        (Error::NotPrepared { key, move_id, state }, _) => format!(
            "{key} is {state} here and not prepared for move {}: do not start the VM here; `nvoctl outcome {}` at nvad tells \
             where it may run",
            move_id.0, move_id.0
        ),
        (Error::OutOfPlace { key, state }, Some(id)) => {
            format!("{key} is {state} for move {id}: this request does not fit that state and that move")
        }
        (Error::OutOfPlace { key, state }, None) => format!(
            "{key} is {state} and has no move in hand here, so it cannot be suspended; plan a move first (`nvoctl prepare` at nvad)"
        ),
        (Error::UnknownTsi(key), _) => {
            format!("{key} is not known here: no port has it and no move brings it; `nvoctl attach` its port first")
        }
        (Error::NoPort(key), _) => format!("{key} has no port here: `nvoctl attach` its port first"),
        (other, _) => other.to_string(),
    }
}
