//! The counters of an NVE's control plane.

/// The counters of an [`Nve`](super::Nve). They start at 0 and only grow.
///
/// "Healthy: 0" marks a counter that stays 0 while every part works and nobody attacks.
///
/// With the feature `serde`, a stored form of an older version of this crate reads: a counter that it lacks is 0. The format must
/// name the fields, as JSON does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct NveCounters {
    /// Inputs that the table of [`rules`](super::rules) has no row for. A lossy network can raise it.
    pub out_of_place: u64,
    /// Datagrams that are not a message of the protocol. Healthy: 0.
    pub malformed: u64,
    /// Datagrams without a seal, where the configuration demands one. Healthy: 0.
    pub unsealed: u64,
    /// Datagrams sealed under a key that this NVE does not have. Healthy: 0, except while keys change.
    pub unknown_key: u64,
    /// Datagrams whose seal does not fit the key that they name. Healthy: 0.
    pub wrong_seal: u64,
    /// Sealed datagrams that arrived a second time. A network that duplicates raises it.
    pub replayed: u64,
    /// Messages that the session refused: of another session, or outside the window. A restart raises it.
    pub rejected: u64,
    /// Messages that arrived again: the network duplicated them, or the NVA did not get the acknowledgement in time.
    pub repeated: u64,
    /// *Error* messages of the NVA. Healthy: 0.
    pub peer_errors: u64,
    /// Messages that an NVA must not send to an NVE. Healthy: 0.
    pub unexpected: u64,
    /// Answers to a query that this NVE did not send, or that was answered before.
    pub unasked: u64,
    /// Mappings of the NVA that were older than the one known here, and changed nothing. In a move's pause, an answer from the directory
    /// is older than the mapping that the move pushed early.
    pub stale: u64,
    /// Hints of other NVEs that made this NVE query the NVA.
    pub hints_received: u64,
    /// Hints sent to NVEs that use a stale mapping.
    pub hints_sent: u64,
    /// Hints not sent, and hints of other NVEs that caused no query, because the same was said within `NveConfig.hint_interval`. Frames
    /// that follow each other quickly raise it, and so do two NVEs that get frames for one TSI.
    pub repeated_hints: u64,
    /// Hints not sent, because of their rate (`NveConfig.hints`) or because the queue was full. Healthy: 0.
    pub shed_hints: u64,
    /// Events dropped because the owner did not poll them. Healthy: 0.
    pub shed_events: u64,
    /// Answer frames dropped because the owner did not poll them. Healthy: 0.
    pub shed_frames: u64,
    /// Mappings dropped because the cache was full.
    pub shed_mappings: u64,
    /// Queries not sent because the limit of open queries was reached (`NveConfig.queries`).
    pub shed_queries: u64,
    /// *Prepare* messages that this NVE refused: no room, or a move that it cannot take part in. Healthy: 0.
    pub shed_moves: u64,
    /// Messages that did not fit the session's queue. The NVE sends their content again. Healthy: 0.
    pub shed_messages: u64,
    /// Addresses that this NVE queried the NVA for.
    pub queries: u64,
    /// Table changes that the forwarder refused. Healthy: 0.
    pub refused_changes: u64,
    /// ARP and ND requests that this NVE answered for a TSI behind another NVE.
    pub proxy_answers: u64,
    /// Frames by which this NVE announced VMs at ports with [`PortPolicy::announce`](crate::table::PortPolicy::announce).
    pub announcements: u64,
    /// Stations that did not answer a scan after another VM had left.
    pub silent_stations: u64,
    /// RARP requests that this NVE answered.
    pub rarp_answers: u64,
    /// ARP and ND requests dropped because the NVA does not have the address, and RARP requests for a MAC that has none.
    pub unknown_targets: u64,
    /// ARP, RARP, NS and NA frames that claimed an address which is not bound to their sender; they are dropped (VMM-10-02). The
    /// forwarder counts other frames ([`DropReason::AddressNotAllowed`](crate::forwarder::DropReason::AddressNotAllowed)).
    /// Healthy: 0.
    pub spoofed: u64,
    /// ARP and ND frames that break a rule of their RFC. Healthy: 0.
    pub invalid_neighbor_frames: u64,
    /// Calls with an earlier time than a call before. The later time was used. Healthy: 0.
    pub clock_backwards: u64,
    /// ARP and ND probes by which this NVE asked a VM whether it is here, because a frame at another NVE showed it there.
    pub probes: u64,
    /// Messages of the NVA that the forwarder did not follow: it refused the last change that they asked for. An *Error* told the NVA.
    /// Healthy: 0.
    pub not_followed: u64,
    /// Announcements, other ARP and ND frames to a group, and DHCP messages to a server, dropped because their port sent too many (`NveConfig.announcements`).
    /// Healthy: 0.
    pub limited_announcements: u64,
    /// Questions for addresses dropped because their port sent too many (`NveConfig.questions`). Healthy: 0.
    pub limited_questions: u64,
    /// Queries not sent because too many of their port are open (`NveConfig.queries_per_port`). Healthy: 0.
    pub limited_queries: u64,
    /// Hints of other NVEs about a mapping in use that caused no query, because there were too many in all (`NveConfig.hinted_queries`).
    /// Healthy: 0.
    pub limited_hints: u64,
    /// NVEs of a replication list, or NVEs that left one lately, for which there was no room (`NveConfig.members`). Their frames are
    /// dropped. Healthy: 0.
    pub shed_members: u64,
    /// Addresses that TSIs showed by their own frames and have from then on (`PortPolicy.learn_addresses`).
    pub learned_addresses: u64,
    /// Frames that showed one more address of a TSI than its port's policy lets it learn (`PortPolicy.learn_addresses`). The NVE drops them as
    /// `spoofed`, but lets DHCP pass. Healthy: 0.
    pub shed_addresses: u64,
    /// Times that addresses which a port lists for a TSI became contested: the NVA gave them to other TSIs ([`Event::Contested`](super::Event)).
    /// Healthy: 0.
    pub contests: u64,
    /// Announcements of shared addresses, and frames of TSIs that could be learned, for which there was no room (`NveConfig.tsis`).
    /// Healthy: 0.
    pub shed_tsis: u64,
    /// TSIs behind trusted ports that their own frames showed (`PortPolicy.learn_macs`).
    pub learned_tsis: u64,
    /// Frames of TSIs beyond those that their port may learn (`PortPolicy.learn_macs`). They pass, and the TSI is not registered. Healthy: 0.
    pub limited_stations: u64,
    /// Learned addresses that ended because their TSI did not say any more that it has them (`NveConfig.learned_age`).
    pub aged_addresses: u64,
    /// Learned TSIs that ended because they were not heard any more (`NveConfig.learned_age`).
    pub aged_tsis: u64,
    /// Messages of DHCP clients by which an address would have ended sooner after another one than `NveConfig.claim_interval`. The address
    /// stays until it ages. Healthy: 0.
    pub limited_leases: u64,
}

impl NveCounters {
    /// The datagrams that this NVE did not believe: the sum of `unsealed`, `unknown_key`, `wrong_seal` and `replayed`.
    pub const fn unbelieved(&self) -> u64 {
        let sealed = self.unknown_key.saturating_add(self.wrong_seal);
        sealed.saturating_add(self.unsealed).saturating_add(self.replayed)
    }
}
