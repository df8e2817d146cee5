//! The result of one frame for an edge's owner.

use crate::forwarder::{Forwarder, Target, Verdict};
use core::fmt;

/// The forwarder's verdict about a frame, with the targets that the owner sends the frame to: none, one or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the frame is lost unless it is sent to each target"]
pub struct Fate<'a> {
    verdict: Verdict,
    single: Option<Target>,
    replicas: &'a [Target],
}

impl<'a> Fate<'a> {
    pub(super) fn new(verdict: Verdict, forwarder: &'a Forwarder) -> Self {
        let (single, replicas) = match verdict {
            Verdict::Deliver(vap) => (Some(Target::Port(vap)), &[][..]),
            Verdict::Tunnel { to, vn } => (Some(Target::Tunnel { to, vn }), &[][..]),
            Verdict::Replicate => (None, forwarder.replicas()),
            Verdict::Held | Verdict::Punt | Verdict::Drop(_) => (None, &[][..]),
        };
        Self { verdict, single, replicas }
    }

    /// The targets of the frame; each gets a copy. Never [`Target::Again`].
    pub const fn targets(&self) -> &[Target] {
        match &self.single {
            Some(target) => core::slice::from_ref(target),
            None => self.replicas,
        }
    }

    /// The forwarder's verdict. [`Verdict::Punt`] means here that the control plane took the frame.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }
}

impl fmt::Display for Fate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Punt => f.write_str("taken by the control plane"),
            Verdict::Replicate => write!(f, "replicated to {} targets", self.replicas.len()),
            verdict => verdict.fmt(f),
        }
    }
}
