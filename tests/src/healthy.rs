//! The counters that may grow while nothing is wrong. Every other counter has a bad name and stays 0: whoever adds a counter decides here.

/// The counters of an edge, by their names in the programs.
pub const OF_AN_EDGE: [&str; 17] = [
    "nve.hints_received",
    "nve.hints_sent",
    // Frames follow each other more quickly than hints.
    "nve.repeated_hints",
    "nve.queries",
    "nve.proxy_answers",
    // A VM asks for an address that nobody has.
    "nve.unknown_targets",
    "forwarder.delivered_frames",
    "forwarder.tunnelled_frames",
    "forwarder.replicated_frames",
    "forwarder.replicas",
    "forwarder.held_frames",
    "forwarder.again_frames",
    "forwarder.punted_frames",
    "forwarder.replayed_frames",
    // The first VM announces itself, and is alone in its VN.
    "dropped.no_receiver",
    // On a busy machine an answer is late, and the question comes again.
    "nve.repeated",
    // A question in a move's pause is answered from the directory, after the move's early mapping has come.
    "nve.stale",
];
