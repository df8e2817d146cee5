//! The pace of messages: nothing is said again faster than its timer, and the authority says an edge no more than its hosts can cause (I12).

use crate::sim::net::{Mischief, Node};
use crate::sim::scenario::{Scenario, Trouble};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::{Instant, Message, Micros, SessionConfig};

/// The most messages of the authority to one edge in a second, for each host of the world. A port has 100 announcements, 200 questions and
/// 200 frames to unknown destinations a second, and twice as many at once.
const A_SECOND: usize = 1_000;

/// The messages that are under way between two nodes.
#[derive(Debug, Default)]
struct Way {
    /// What was said in the last retransmission time.
    said: VecDeque<(Instant, Vec<u8>)>,
    /// The beginning of a second, and the messages in it.
    second: (Instant, usize),
}

/// The pace of the messages of a world.
#[derive(Debug)]
pub(super) struct Pace {
    ways: BTreeMap<(Node, Node), Way>,
    /// The shortest time in which a message is said again. 0 if the clock of a node jumps, or if messages are lost, copied or reordered: each
    /// copy of a *Hello* is answered, and after a loss a session repeats what else was lost at once. A round trip near the shortest
    /// retransmission time looks like a loss.
    again: Micros,
    most: usize,
}

impl Pace {
    pub(super) fn new(scenario: &Scenario, hosts: usize) -> Self {
        let disturbs = |trouble: Trouble| {
            use Trouble::{Cut, Fence, Jump, Restart, Rewind};
            matches!(trouble, Cut { .. } | Fence(_) | Jump { .. } | Restart { .. } | Rewind { .. })
        };
        let shortest = SessionConfig::default().rto_min;
        let disturbed = scenario.control != Mischief::NONE
            || scenario.mishaps.iter().any(|mishap| disturbs(mishap.what))
            || scenario.rtt.0 + scenario.rtt.0 / 4 >= shortest.0;
        let again = if disturbed { Micros(0) } else { shortest };
        Self { ways: BTreeMap::new(), again, most: A_SECOND * (1 + hosts) }
    }

    /// Notes a message; a sentence if it comes too soon. An Ack and an Error answer what came, however often it comes.
    pub(super) fn note(
        &mut self,
        now: Instant,
        (from, to): (Node, Node),
        message: &Message,
        bytes: &[u8],
    ) -> Option<String> {
        if matches!(message, Message::Ack(_) | Message::Error(_) | Message::Keepalive) {
            return None;
        }
        let way = self.ways.entry((from, to)).or_default();
        while way.said.front().is_some_and(|(at, _)| *at + self.again <= now) {
            way.said.pop_front();
        }
        let repeats = way.said.iter().any(|(_, said)| said == bytes);
        way.said.push_back((now, bytes.into()));
        if now - way.second.0 >= Micros::from_secs(1) {
            way.second = (now, 0);
        }
        way.second.1 += 1;
        let names = (from.name(), to.name());
        if repeats {
            return Some(format!("{} says to {} again before its time: {message}", names.0, names.1));
        }
        let over = from == Node::Nva && way.second.1 == self.most;
        over.then(|| format!("{} said {} messages to {} in a second", names.0, self.most, names.1))
    }
}
