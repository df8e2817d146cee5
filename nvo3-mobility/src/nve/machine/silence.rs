//! A forwarder that does not answer: this NVE then promises nothing, and closes its session instead of pretending (its VMs keep
//! what the forwarder has). It opens the session again when the forwarder answers.

use super::Nve;
use crate::nve::io::Event;
use nvo3_nva_proto::Instant;

/// The wait for the forwarder's answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence {
    /// The time since which table changes wait and the forwarder has answered none.
    since: Option<Instant>,
    /// True from the end of the session because of the forwarder until the forwarder answers.
    closed: bool,
    /// True once the forwarder has answered, until the session can be opened again.
    reopens: bool,
}

impl Nve {
    /// Notes whether table changes wait since the last input, and closes the session if they have waited for the dead time.
    pub(super) fn watch_forwarder(&mut self, now: Instant) {
        if self.orders.waiting() == 0 {
            self.silence.since = None;
        } else if self.silence.since.is_none() {
            self.silence.since = Some(self.now);
        }
        if self.next_silence().is_some_and(|at| at <= now) {
            self.fall_silent();
        }
    }

    /// The time at which the session ends if the forwarder goes on being silent.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        let waits = self.orders.waiting() > 0 && self.link.is_up();
        waits.then(|| self.silence.since.unwrap_or(self.now) + self.config.session.dead_after)
    }

    /// Closes the session until the forwarder answers.
    pub(super) fn fall_silent(&mut self) {
        if core::mem::replace(&mut self.silence.closed, true) {
            return;
        }
        let since = self.silence.since.unwrap_or(self.now);
        self.tell(Event::ForwarderSilent { since });
        self.link.close();
    }

    /// The forwarder has answered.
    pub(super) fn forwarder_answered(&mut self) {
        self.silence.since = None;
        if core::mem::take(&mut self.silence.closed) {
            self.silence.reopens = true;
            self.tell(Event::ForwarderAnswers);
        }
    }

    /// Opens the session again that the forwarder's silence ended, once its *Goodbye* has left.
    pub(super) fn open_again(&mut self) {
        if self.silence.reopens && self.link.connect() {
            self.silence.reopens = false;
        }
    }

    /// True while the session is closed because of the forwarder: the owner's *Connect* waits for the forwarder too.
    pub(super) const fn is_silent(&self) -> bool {
        self.silence.closed || self.silence.reopens
    }

    /// The owner closes the session itself.
    pub(super) const fn forget_silence(&mut self) {
        self.silence = Silence { since: self.silence.since, closed: false, reopens: false };
    }
}
