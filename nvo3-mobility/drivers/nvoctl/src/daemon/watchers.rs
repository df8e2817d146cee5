//! The callers that watch what happens.

use super::Caller;
use crate::Reply;
use nvo3_nva_proto::Instant;
use serde_json::Value;

/// Most callers that watch at a time. Those that have gone away count until the next event.
const MOST: usize = 1_024;

/// The callers of [`Request::Watch`](crate::Request::Watch). Each is told of every event until it goes away.
#[derive(Debug, Default)]
pub struct Watchers {
    callers: Vec<Caller>,
}

impl Watchers {
    /// Lets one more caller watch, or refuses it if 1,024 watch already.
    pub fn add(&mut self, caller: Caller) {
        if self.callers.len() < MOST {
            self.callers.push(caller);
        } else {
            caller.reply(Reply::refused("too many watch already"));
        }
    }

    /// True if nobody watches: then an event need not be put into words.
    pub const fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Tells all of them what happened, and forgets those that have gone away.
    pub fn tell(&mut self, at: Instant, what: &Value) {
        self.callers.retain(|caller| caller.reply(Reply::Event { at, what: what.clone() }));
    }
}
