//! All links of a world, the cuts between nodes, and the capture of what the links carry.

use super::capture::{Capture, LinkType};
use super::link::{Link, Mischief};
use super::node::{EdgeNo, Node, place};
use crate::sim::frame;
use crate::sim::random::Random;
use crate::sim::scenario::Scenario;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use arrayvec::ArrayVec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Micros};

/// The times at which a sent packet arrives. A lost packet has none, and a duplicated packet has two.
pub(crate) type Arrivals = ArrayVec<Instant, 2>;

/// The network between the nodes.
pub(crate) struct Net {
    edges: usize,
    control: BTreeMap<(Node, Node), Link>,
    underlay: BTreeMap<(EdgeNo, EdgeNo), Link>,
    /// The pairs of nodes that do not reach each other. A pair that is cut twice is here twice.
    cuts: Vec<(Node, Node)>,
    capture: Capture,
}

impl Net {
    /// Makes the links of a scenario, one for each direction. Control links join the authority with each edge, and every two
    /// edges. Tunnel links join every two edges.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let (edges, mischief) = (scenario.edges, scenario.control);
        let half = Micros(scenario.rtt.0 / 2);
        let jitter = Micros(half.0 / 20);
        let mut stream = 100;
        let mut link = |mischief| {
            stream += 1;
            Link::new(half, jitter, mischief, Random::new(scenario.seed, stream))
        };
        let (mut control, mut underlay) = (BTreeMap::new(), BTreeMap::new());
        for a in 0..edges {
            control.insert((Node::Nva, Node::Edge(a)), link(mischief));
            control.insert((Node::Edge(a), Node::Nva), link(mischief));
            for b in (0..edges).filter(|b| *b != a) {
                control.insert((Node::Edge(a), Node::Edge(b)), link(mischief));
                underlay.insert((a, b), link(Mischief::NONE));
            }
        }
        Self { edges, control, underlay, cuts: Vec::new(), capture: Capture::new(scenario.record.packets) }
    }

    /// The edge with this locator.
    pub(crate) fn edge_at(&self, address: IpAddr) -> Option<EdgeNo> {
        (0..self.edges).find(|n| place(*n).locators.contains(address))
    }

    /// Sends a control datagram, and says when it arrives.
    pub(crate) fn send_control(&mut self, now: Instant, from: Node, to: Node, bytes: &[u8]) -> Arrivals {
        let name = || format!("{}-{} control", from.name(), to.name());
        self.capture.saw(now, LinkType::Ip, name, || frame::control(from.socket(), to.socket(), bytes));
        // A cut link uses up as many random numbers as a whole one, so a cut changes only which packets arrive.
        let arrivals = self.control.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default();
        if self.is_cut(from, to) { Arrivals::new() } else { arrivals }
    }

    /// Sends an edge's outer packet, and says when it arrives; `None` if the link is cut.
    pub(crate) fn send_tunnel(&mut self, now: Instant, from: EdgeNo, to: EdgeNo, packet: &[u8]) -> Option<Arrivals> {
        let (a, b) = (Node::Edge(from), Node::Edge(to));
        self.capture.saw(now, LinkType::Ip, || format!("{}-{}", a.name(), b.name()), || packet.into());
        if self.is_cut(a, b) {
            return None;
        }
        Some(self.underlay.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default())
    }

    /// Captures a frame that passes a host's port at an edge, in either direction.
    pub(crate) fn pass_port(&mut self, now: Instant, edge: EdgeNo, host: &str, frame: &[u8]) {
        let name = || format!("{}/{host}", Node::Edge(edge).name());
        self.capture.saw(now, LinkType::Ethernet, name, || frame.into());
    }

    /// Cuts two nodes off from each other: both directions lose every packet from now on.
    pub(crate) fn cut(&mut self, nodes: (Node, Node)) {
        self.cuts.push(nodes);
    }

    /// Mends one cut between two nodes.
    pub(crate) fn mend(&mut self, nodes: (Node, Node)) {
        if let Some(at) = self.cuts.iter().position(|cut| *cut == nodes) {
            self.cuts.remove(at);
        }
    }

    /// True if two nodes are cut off from each other.
    pub(crate) fn is_cut(&self, a: Node, b: Node) -> bool {
        self.cuts.iter().any(|cut| *cut == (a, b) || *cut == (b, a))
    }

    /// True if no two nodes are cut off from each other.
    pub(crate) const fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// The capture of the run.
    pub(crate) fn into_capture(self) -> Capture {
        self.capture
    }
}
