//! A session between an NVE and the NVA: it delivers each message once and in order, over datagrams that may be lost, repeated and
//! reordered, or over streams that break. The NVE ([`Session::initiate`]) and the NVA ([`Session::accept`]) use the same machine.
//!
//! The owner hands in decoded messages ([`Session::handle`]), its own messages ([`Session::send`]) and the time. It polls datagrams,
//! messages in order, events and one deadline. A session has no socket, clock or randomness of its own, and stays within the bounds of
//! [`SessionConfig`] whatever arrives.
//!
//! `state` is the table of states. `outbound` retransmits, `inbound` orders, `rto` measures round trips (a client finds out whether
//! its server is reached, DIR-01).

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
