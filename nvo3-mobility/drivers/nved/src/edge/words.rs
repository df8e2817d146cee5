//! Sentences for people: what this edge logs, and why it refuses a request.

use nvo3_mobility::nve::rules::News;
use nvo3_mobility::nve::{Error, Event};
use nvo3_nva_proto::DownReason;

/// Logs an event. `port` is the name of the port that the event is about.
pub(super) fn log(event: &Event, port: Option<&str>) {
    match event {
        Event::SessionUp => tracing::info!("the session with the NVA is up"),
        Event::SessionDown(DownReason::Closed) => tracing::info!("the session with the NVA is closed"),
        Event::SessionDown(reason) => tracing::warn!(
            reason = %reason,
            "the session with the NVA is lost; forwarding goes on, and this edge asks for a new session"
        ),
        Event::State { key, from, to } => {
            let id = to.plan().or(from.plan()).map(|plan| plan.id.0);
            tracing::info!(tsi = %key, "move" = id, from = %from.name(), to = %to.name(), "the state of a TSI has changed");
        }
        Event::News { key, move_id, news } => {
            let id = move_id.map(|id| id.0);
            match news {
                News::Displaced if key.mac.is_virtual_router() => {
                    tracing::info!(tsi = %key, "another port announced a shared address and has it now");
                }
                News::SuspendFailed | News::ActivateFailed | News::Displaced => {
                    tracing::warn!(tsi = %key, "move" = id, "{news}");
                }
                // `Event::Refused` says why.
                News::NotRegistered => tracing::debug!(tsi = %key, "move" = id, "{news}"),
                _ => tracing::info!(tsi = %key, "move" = id, "{news}"),
            }
        }
        Event::Refused { key, result } => {
            tracing::warn!(tsi = %key, reason = %result, "the NVA refused to register a TSI: no frame reaches it");
        }
        Event::Spoofed { mac, ip: Some(ip), .. } => {
            tracing::warn!(port, %mac, %ip, "a frame was dropped: it claims an IP address that is not bound to its MAC");
        }
        Event::Spoofed { mac, ip: None, .. } => {
            tracing::warn!(port, %mac, "a frame was dropped: it claims a MAC that is not bound to its port");
        }
        Event::Limited { what, count, .. } => {
            tracing::warn!(port, count, "a port makes too many {what}: what exceeds its limit is dropped");
        }
        Event::LimitedNve { from, what, count } => {
            tracing::warn!(%from, count, "an NVE makes too many {what}: what exceeds its limit is dropped");
        }
        Event::Stranger { vn, from } => {
            tracing::warn!(%vn, %from, "tunnelled frames were dropped: no NVE of the VN is at that address");
        }
        Event::Unlisted { .. } | Event::Contested { .. } | Event::Silent(_) => tracing::warn!(port, "{event}"),
        Event::Stalled(waiting) => {
            tracing::warn!(duty = %waiting.duty.name(), count = waiting.count, "{}", waiting.duty)
        }
        Event::ForwarderSilent { .. } => tracing::error!("{event}"),
        Event::HelloRefused { .. } => tracing::error!("{event}"),
        other => tracing::info!("{other}"),
    }
}

/// The reason why the machine did not take a request, and what the caller can do.
pub(super) fn error(error: Error) -> String {
    match error {
        Error::UnknownTsi(key) => format!("{key} is not known here: `nvoctl attach` its port first"),
        Error::NoPort(key) => format!("{key} has no port here: `nvoctl attach` its port first"),
        Error::NotPrepared { move_id, .. } => {
            format!("{error}; `nvoctl outcome {}` at nvad tells where the VM may run", move_id.0)
        }
        _ => error.to_string(),
    }
}
