//! What is logged of messages that are not believed (SPL-19): no more than a line a second, however many there are.

use std::time::{Duration, Instant};

/// How many there were when it was last said.
#[derive(Debug, Default)]
pub struct Unbelieved {
    said: u64,
    at: Option<Instant>,
}

impl Unbelieved {
    /// Says that there were as many until now, if that is news and not too soon.
    pub fn note(&mut self, until_now: u64) {
        let now = Instant::now();
        if until_now > self.said && self.at.is_none_or(|at| now - at >= Duration::from_secs(1)) {
            let new = until_now - self.said;
            tracing::warn!(new, until_now, "datagrams are not believed: no seal, a wrong one, or said again");
            (self.said, self.at) = (until_now, Some(now));
        }
    }
}
