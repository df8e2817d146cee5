//! All links, what is cut, and the capture of what they carry.

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

/// When what is sent arrives: never, once or twice.
pub(crate) type Arrivals = ArrayVec<Instant, 2>;

/// See the module's front door.
pub(crate) struct Net {
    edges: usize,
    control: BTreeMap<(Node, Node), Link>,
    underlay: BTreeMap<(EdgeNo, EdgeNo), Link>,
    /// Which two nodes do not reach each other. The same two may be cut twice.
    cuts: Vec<(Node, Node)>,
    capture: Capture,
}

impl Net {
    /// A link each way between the authority and each edge, and between any two edges, for control and for tunnels.
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

    /// The edge that has this locator.
    pub(crate) fn edge_at(&self, address: IpAddr) -> Option<EdgeNo> {
        (0..self.edges).find(|n| place(*n).locators.contains(address))
    }

    /// A node sends a control datagram.
    pub(crate) fn send_control(&mut self, now: Instant, from: Node, to: Node, bytes: &[u8]) -> Arrivals {
        let name = || format!("{}-{} control", from.name(), to.name());
        self.capture.saw(now, LinkType::Ip, name, || frame::control(from.socket(), to.socket(), bytes));
        // A cut link draws as a whole one does: mending it changes nothing but what arrives.
        let arrivals = self.control.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default();
        if self.is_cut(from, to) { Arrivals::new() } else { arrivals }
    }

    /// An edge sends an outer packet. `None`: the link is cut.
    pub(crate) fn send_tunnel(&mut self, now: Instant, from: EdgeNo, to: EdgeNo, packet: &[u8]) -> Option<Arrivals> {
        let (a, b) = (Node::Edge(from), Node::Edge(to));
        self.capture.saw(now, LinkType::Ip, || format!("{}-{}", a.name(), b.name()), || packet.into());
        if self.is_cut(a, b) {
            return None;
        }
        Some(self.underlay.get_mut(&(from, to)).map(|link| link.send(now)).unwrap_or_default())
    }

    /// A frame passes the port that a host has at an edge, in either direction.
    pub(crate) fn pass_port(&mut self, now: Instant, edge: EdgeNo, host: &str, frame: &[u8]) {
        let name = || format!("{}/{host}", Node::Edge(edge).name());
        self.capture.saw(now, LinkType::Ethernet, name, || frame.into());
    }

    /// What two nodes send each other is lost from now on.
    pub(crate) fn cut(&mut self, nodes: (Node, Node)) {
        self.cuts.push(nodes);
    }

    /// One cut between two nodes is mended.
    pub(crate) fn mend(&mut self, nodes: (Node, Node)) {
        if let Some(at) = self.cuts.iter().position(|cut| *cut == nodes) {
            self.cuts.remove(at);
        }
    }

    /// Whether what one sends the other is lost.
    pub(crate) fn is_cut(&self, a: Node, b: Node) -> bool {
        self.cuts.iter().any(|cut| *cut == (a, b) || *cut == (b, a))
    }

    /// Whether everyone reaches everyone.
    pub(crate) const fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// What was captured in the run.
    pub(crate) fn into_capture(self) -> Capture {
        self.capture
    }
}
