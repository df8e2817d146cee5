//! The numbers, names and addresses of the nodes.

use crate::sim::scenario::Spot;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use nvo3_nva_proto::{CONTROL_PORT, Locators, NveId, Place};

/// The number of an edge, in the order of the scenario.
pub(crate) type EdgeNo = usize;

/// The names of the edges.
const LETTERS: &str = "ABCDEFGH";
const NVA_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// A node with a control address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    /// The authority.
    Nva,
    /// An edge.
    Edge(EdgeNo),
}

impl Node {
    /// The node's name in timelines and captures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nva => "NVA",
            Self::Edge(edge) => LETTERS.get(edge..=edge).unwrap_or("?"),
        }
    }

    /// The address and port of the node's control datagrams.
    pub(super) fn socket(self) -> (Ipv4Addr, u16) {
        match self {
            Self::Nva => (NVA_ADDRESS, CONTROL_PORT),
            Self::Edge(n) => (place(n).locators.v4().unwrap_or(NVA_ADDRESS), CONTROL_PORT),
        }
    }

    /// [`Node::socket`] as a `SocketAddr`, the form that the machines use.
    pub(crate) fn address(self) -> SocketAddr {
        let (address, port) = self.socket();
        SocketAddr::new(IpAddr::V4(address), port)
    }
}

impl From<Spot> for Node {
    fn from(spot: Spot) -> Self {
        match spot {
            Spot::Nva => Self::Nva,
            Spot::Edge(edge) => Self::Edge(edge),
        }
    }
}

/// The identity and the locators of an edge.
pub(crate) fn place(n: EdgeNo) -> Place {
    let last = u8::try_from(n + 1).unwrap_or(0);
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
    Place { nve: NveId(last.into()), locators: Locators::Both(Ipv4Addr::new(192, 0, 2, last), v6) }
}
