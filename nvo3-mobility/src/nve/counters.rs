//! What an edge's control plane counts.

/// Counters of an [`Nve`](super::Nve); they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NveCounters {
    /// Inputs that no row of the move core takes.
    pub out_of_place: u64,
    /// Datagrams that are no message.
    pub malformed: u64,
    /// Datagrams without the seal that they should have.
    pub unsealed: u64,
    /// Datagrams under a key that is not known.
    pub unknown_key: u64,
    /// Datagrams whose seal is not that of their key.
    pub wrong_seal: u64,
    /// Datagrams that came before.
    pub replayed: u64,
    /// Messages that the session refused: another session's, out of its window.
    pub rejected: u64,
    /// Messages that came again: a network repeats, and a peer whose acknowledgement is late or lost.
    pub repeated: u64,
    /// Errors that the NVA answered with.
    pub peer_errors: u64,
    /// Messages that the NVA may not send.
    pub unexpected: u64,
    /// Answers to what was not asked, or not any more.
    pub unasked: u64,
    /// Statements that were older than what is known.
    pub stale: u64,
    /// Hints of other edges that were taken.
    pub hints_received: u64,
    /// Hints sent to stale senders.
    pub hints_sent: u64,
    /// Hints not sent, by rate or for want of room.
    pub shed_hints: u64,
    /// Events dropped because nobody took them.
    pub shed_events: u64,
    /// Frames for ports dropped because nobody took them.
    pub shed_frames: u64,
    /// Mappings dropped for want of room.
    pub shed_mappings: u64,
    /// Questions not asked for want of room.
    pub shed_queries: u64,
    /// Prepares refused for want of room.
    pub shed_moves: u64,
    /// Messages that did not fit the session's queue; what they said is said again.
    pub shed_messages: u64,
    /// Questions asked.
    pub queries: u64,
    /// Changes that the forwarder refused.
    pub refused_changes: u64,
    /// ARP and ND requests answered for somebody else.
    pub proxy_answers: u64,
    /// ARP and ND requests dropped because the NVA knows no such address.
    pub unknown_targets: u64,
    /// Frames that claimed an address which is not bound to their sender (VMM-10-02).
    pub spoofed: u64,
    /// ARP and ND frames that are not valid.
    pub invalid_neighbor_frames: u64,
    /// Calls with a time before that of an earlier one.
    pub clock_backwards: u64,
}

impl NveCounters {
    /// Datagrams that were not believed: their seal said so, or they came before.
    pub const fn unbelieved(&self) -> u64 {
        let sealed = self.unknown_key.saturating_add(self.wrong_seal);
        sealed.saturating_add(self.unsealed).saturating_add(self.replayed)
    }
}
