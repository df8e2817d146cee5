//! A world as a value: who is where, what moves, and what goes wrong. A seed makes one, or a file holds it.

use super::params::Record;
use crate::sim::net::Mischief;
use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::{HoldLimits, Micros};
use serde::{Deserialize, Serialize};

/// The most edges of a world.
pub const EDGES: usize = 8;
/// The most interfaces of one VM.
const INTERFACES: usize = 16;

/// A world. Edges, VMs, correspondents, moves and flows are numbered from 0 in the order in which they stand here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Decides everything that chance decides and that is not said here.
    pub seed: u64,
    /// How many edges there are, 1 to [`EDGES`].
    pub edges: usize,
    /// What moves.
    pub vms: Vec<Vm>,
    /// Who talks to them, and stays.
    pub correspondents: Vec<Correspondent>,
    /// The moves. Those of one VM follow each other in this order; those of different VMs know nothing of each other.
    pub moves: Vec<Move>,
    /// What goes wrong.
    pub mishaps: Vec<Mishap>,
    /// Between any two nodes and back.
    pub rtt: Micros,
    /// What the links between edges and authority do to messages. The underlay between edges is never lossy.
    pub control: Mischief,
    /// Datagrams per second from each host to each of its peers.
    pub rate: u32,
    /// Datagrams from each host to each of its peers; `None`: as long as the moves last, and a little longer.
    pub frames: Option<u32>,
    /// Bytes of payload in each.
    pub payload: u32,
    /// How much the target of a move may hold.
    pub hold: HoldLimits,
    /// How long the authority's disk takes.
    pub sync: Micros,
    /// Ethernet frames that the last correspondent sends to the first VM besides its datagrams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenant: Vec<Vec<u8>>,
    /// What is written down.
    #[serde(skip)]
    pub record: Record,
}

/// A virtual machine. Its interfaces move as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// Where it runs first.
    pub edge: usize,
    /// The virtual network of each of its interfaces.
    pub networks: Vec<u32>,
}

/// A host that stays where it is and talks to every VM of its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correspondent {
    /// Its name.
    pub name: String,
    /// Its edge.
    pub edge: usize,
    /// Its virtual network.
    pub network: u32,
}

/// One move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Of which VM.
    pub vm: usize,
    /// Only if the VM is there then.
    pub from: Option<usize>,
    /// Where to. A move to where the VM is already does not take place.
    pub to: usize,
    /// From the beginning of traffic, or the end of the VM's move before. `None`: for the first move a little traffic, by the
    /// seed, and for others nothing.
    pub wait: Option<Micros>,
    /// How long the VM runs nowhere.
    pub pause: Micros,
    /// As [`Params::late`](super::Params::late).
    pub late: Option<Micros>,
    /// How long it may take.
    pub deadline: Micros,
    /// If it is aborted with the VM stopped, the VM stays so for its next move.
    pub stay: bool,
}

/// Something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mishap {
    /// After what.
    pub since: Since,
    /// How long after it; `None`: somewhere in the move, by the seed.
    pub wait: Option<Micros>,
    /// What.
    pub what: Trouble,
}

/// What a mishap waits for. Where that does not happen, the mishap does not either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Since {
    /// Traffic begins.
    Traffic,
    /// The authority takes the order for this move.
    Asked(usize),
    /// The VM stops for this move.
    Stopped(usize),
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Management calls this move off.
    Abort(usize),
    /// The source's hypervisor resumes the VM of this move by itself.
    SelfResume(usize),
    /// A node dies with what it has in memory, and comes back.
    Restart {
        /// Which.
        node: Spot,
        /// After how long; `None`: by the seed.
        down: Option<Micros>,
    },
    /// What two nodes send each other is lost for a while.
    Cut {
        /// Which two.
        nodes: (Spot, Spot),
        /// How long.
        length: Micros,
    },
    /// A node's clock jumps by so many microseconds.
    Jump {
        /// Which.
        node: Spot,
        /// Negative: back, which is against the machines' contract: the time of a late word means nothing then.
        by: i64,
    },
    /// A host sends so many datagrams at once.
    Burst {
        /// In which flow.
        flow: usize,
        /// How many.
        frames: u32,
    },
    /// An edge dies for good, and management says so; it only dies and comes back while a VM has its seat there.
    Fence(usize),
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Spot {
    /// The authority.
    Nva,
    /// An edge.
    Edge(usize),
}

impl Trouble {
    /// Its kind in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Abort(_) => "abort",
            Self::SelfResume(_) => "self-resume",
            Self::Restart { node: Spot::Nva, .. } => "nva-restart",
            Self::Restart { node: Spot::Edge(_), .. } => "nve-restart",
            Self::Cut { .. } => "cut",
            Self::Jump { .. } => "clock-jump",
            Self::Burst { .. } => "burst",
            Self::Fence(_) => "fence",
        }
    }
}

/// Why a value is no world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Not as many as there may be.
    #[error("{field}: {count} are not between {least} and {most}")]
    Count {
        /// Of what.
        field: &'static str,
        /// How many there are.
        count: usize,
        /// There must be.
        least: usize,
        /// There may be.
        most: usize,
    },
    /// Names something that is not there.
    #[error("{field} is {value}: there are only {count}")]
    NotThere {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: usize,
        /// How many there are.
        count: usize,
    },
}

fn count(field: &'static str, count: usize, least: usize, most: usize) -> Result<(), Unfit> {
    if (least..=most).contains(&count) { Ok(()) } else { Err(Unfit::Count { field, count, least, most }) }
}

fn there(field: &'static str, value: usize, count: usize) -> Result<(), Unfit> {
    if value < count { Ok(()) } else { Err(Unfit::NotThere { field, value, count }) }
}

impl Scenario {
    /// Whether it can be run.
    ///
    /// # Errors
    /// The first field that cannot be as it is.
    pub fn validate(&self) -> Result<(), Unfit> {
        let (edges, moves) = (self.edges, self.moves.len());
        count("edges", edges, 1, EDGES)?;
        count("vms", self.vms.len(), 1, usize::from(u16::MAX))?;
        let spot = |field, spot: Spot| match spot {
            Spot::Nva => Ok(()),
            Spot::Edge(edge) => there(field, edge, edges),
        };
        for vm in &self.vms {
            there("vms.edge", vm.edge, edges)?;
            count("vms.networks", vm.networks.len(), 1, INTERFACES)?;
        }
        for host in &self.correspondents {
            there("correspondents.edge", host.edge, edges)?;
        }
        for one in &self.moves {
            there("moves.vm", one.vm, self.vms.len())?;
            there("moves.to", one.to, edges)?;
        }
        for mishap in &self.mishaps {
            match mishap.since {
                Since::Traffic => {}
                Since::Asked(n) | Since::Stopped(n) => there("mishaps.since", n, moves)?,
            }
            match mishap.what {
                Trouble::Abort(n) | Trouble::SelfResume(n) => there("mishaps.what", n, moves)?,
                Trouble::Restart { node, .. } | Trouble::Jump { node, .. } => spot("mishaps.what.node", node)?,
                Trouble::Cut { nodes: (a, b), .. } => {
                    spot("mishaps.what.nodes", a)?;
                    spot("mishaps.what.nodes", b)?;
                }
                Trouble::Burst { .. } => {}
                Trouble::Fence(edge) => there("mishaps.what", edge, edges)?,
            }
        }
        Ok(())
    }

    /// Whether a reordered datagram breaks a rule where all moves are committed: only where nothing goes wrong on the way
    /// and no detour can be as long as what is left of the pause once the edge knows of it (VMM-5-09). A
    /// sender that moves itself may change from the direct path to the detour: nothing is promised for two VMs that move.
    pub(crate) fn keeps_order(&self) -> bool {
        // Four ways between two nodes, each of which takes up to a twentieth longer.
        let detour = |one: &Move| one.pause.0 > 2 * self.rtt.0 + self.rtt.0 / 10 + one.late.unwrap_or_default().0;
        let one_vm = self.moves.windows(2).all(|two| matches!(two, [a, b] if a.vm == b.vm));
        self.control == Mischief::NONE && self.mishaps.is_empty() && self.moves.iter().all(detour) && one_vm
    }

    /// The name of a VM.
    pub(crate) fn vm_name(n: usize) -> String {
        if n == 0 { "vm".into() } else { alloc::format!("vm{}", n + 1) }
    }
}
