//! The log of messages that are not believed: at most one line a second, so that a flood does not fill the log (SPL-19).

use std::time::{Duration, Instant};

/// Logs how many messages were not believed, at most once a second.
#[derive(Debug, Default)]
pub struct Unbelieved {
    logged: u64,
    at: Option<Instant>,
}

impl Unbelieved {
    /// Takes the count of all such messages until now, and logs it if it has grown and the last line is a second old.
    pub fn note(&mut self, until_now: u64) {
        let now = Instant::now();
        if until_now > self.logged && self.at.is_none_or(|at| now - at >= Duration::from_secs(1)) {
            let new = until_now - self.logged;
            tracing::warn!(
                new,
                until_now,
                "datagrams were not believed: they have no seal or a wrong one, or came before (see the counters)"
            );
            (self.logged, self.at) = (until_now, Some(now));
        }
    }
}
