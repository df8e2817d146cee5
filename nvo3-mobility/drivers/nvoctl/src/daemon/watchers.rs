//! The callers that watch what happens.

use super::Caller;
use crate::{Reply, clock};
use nvo3_nva_proto::Instant;
use serde_json::Value;

/// The most callers that watch at a time. A caller that has gone away counts until the next event.
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
            caller.reply(Reply::refused(format!("{MOST} callers watch already")));
        }
    }

    /// True if no caller watches: then nobody needs an event as JSON.
    pub const fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Sends an event to all of them, and forgets the callers that have gone away. Adds the time of day to the object, as `time`, so that
    /// a line of `nvoctl watch` and a line of the log can be matched.
    pub fn tell(&mut self, at: Instant, event: &Value) {
        if self.callers.is_empty() {
            return;
        }
        let mut event = event.clone();
        if let Value::Object(fields) = &mut event {
            fields.insert("time".into(), humantime::format_rfc3339_micros(clock::to_realtime(at)).to_string().into());
        }
        self.callers.retain(|caller| caller.reply(Reply::Event { at, what: event.clone() }));
    }
}
