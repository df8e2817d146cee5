//! One session between an NVE and the NVA: reliable, in order, each message once, over datagrams that may be lost, repeated
//! and reordered, or over streams that break. NVE ([`Session::initiate`]) and NVA ([`Session::accept`]) use the same machine.
//!
//! In: decoded messages ([`Session::handle`]), the owner's ([`Session::send`]) and the time. Out: datagrams, messages in order, events, one
//! deadline. It has no socket, clock or randomness of its own and stays within [`SessionConfig`]'s bounds whatever arrives.
//! The states are a table in `state`; `outbound` retransmits, `inbound` puts in order, `rto`
//! measures (DIR-01).

mod config;
mod event;
mod inbound;
mod machine;
mod outbound;
mod random;
mod report;
mod rto;
mod state;
#[cfg(test)]
mod tests;

pub use config::{ConfigError, SessionConfig, Setting};
pub use event::SessionEvent;
pub use machine::Session;
pub use report::{DownReason, Received, Reject, SendError, SessionCounters, SessionTimer};
