//! The frames of the tenant's own capture. A host plays them to the VM, and the VM's side compares what arrives.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use nvo3_wire::Mac;
use serde::Serialize;

/// The result of the tenant's own frames.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TenantSummary {
    /// Frames that were sent.
    pub sent: u64,
    /// Sent ARP and ND frames that the edge answered or suppressed itself.
    pub answered: u64,
    /// Sent frames that the edge refused, such as those without a unicast source.
    pub refused: u64,
    /// Frames that arrived.
    pub received: u64,
    /// Frames that should have arrived and did not, or arrived changed.
    pub missing: u64,
    /// Frames that arrived twice.
    pub again: u64,
    /// True if every expected frame arrived, byte for byte and in order.
    pub identical: bool,
}

/// The frames of the capture, and a note of each one that was sent and that arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnFrames {
    frames: Vec<Vec<u8>>,
    played: BTreeSet<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
    answered: u64,
    refused: u64,
}

impl OwnFrames {
    /// Takes the frames of the capture. The destination of each becomes the VM's MAC address.
    pub(super) fn new(frames: &[Vec<u8>], vm: Mac) -> Self {
        let frames: Vec<Vec<u8>> = frames
            .iter()
            .map(|frame| vm.0.iter().chain(frame.get(6..).unwrap_or_default()).copied().collect())
            .collect();
        Self { played: frames.iter().cloned().collect(), frames, ..Self::default() }
    }

    /// True if the capture has frames.
    pub(super) const fn plays(&self) -> bool {
        !self.frames.is_empty()
    }

    /// True if every frame was sent.
    pub(super) fn done(&self) -> bool {
        self.sent.len() as u64 + self.answered + self.refused >= self.frames.len() as u64
    }

    /// True if at least as many frames arrived as should.
    pub(super) fn arrived(&self) -> bool {
        self.received.len() >= self.sent.len()
    }

    /// Frame `n`, which is sent now.
    pub(super) fn play(&mut self, n: usize) -> Option<Vec<u8>> {
        let frame = self.frames.get(n)?;
        self.sent.push(frame.clone());
        Some(frame.clone())
    }

    /// Notes that the edge refused a frame, or (`answered`) that it answered or suppressed the frame itself.
    pub(super) fn stopped_at_the_edge(&mut self, frame: &[u8], answered: bool) {
        if !self.played.contains(frame) {
            return;
        }
        if let Some(at) = self.sent.iter().rposition(|sent| sent == frame) {
            self.sent.remove(at);
            *(if answered { &mut self.answered } else { &mut self.refused }) += 1;
        }
    }

    /// Notes a frame that the VM reads, if it is one of the capture.
    pub(super) fn received(&mut self, frame: &[u8]) {
        if self.played.contains(frame) {
            self.received.push(frame.into());
        }
    }

    /// Compares the sent frames with those that arrived; `None` without a capture.
    pub(super) fn report(&self) -> Option<TenantSummary> {
        if !self.plays() {
            return None;
        }
        let mut balance: BTreeMap<&[u8], i64> = BTreeMap::new();
        for frame in &self.sent {
            *balance.entry(frame).or_default() += 1;
        }
        for frame in &self.received {
            *balance.entry(frame).or_default() -= 1;
        }
        let missing = balance.values().filter(|n| **n > 0).sum::<i64>().unsigned_abs();
        let again = balance.values().filter(|n| **n < 0).sum::<i64>().unsigned_abs();
        Some(TenantSummary {
            sent: self.sent.len() as u64 + self.answered + self.refused,
            answered: self.answered,
            refused: self.refused,
            received: self.received.len() as u64,
            missing,
            again,
            identical: self.sent == self.received,
        })
    }
}
