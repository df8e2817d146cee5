//! A world as a value: its hosts, its moves, and its mishaps. A seed makes it, or a file holds it.

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

/// A world as a value. Edges, VMs, correspondents, moves and flows are numbered from 0, in the order of these fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// The seed of everything that the other fields leave to chance.
    pub seed: u64,
    /// The number of edges, 1 to [`EDGES`].
    pub edges: usize,
    /// The virtual machines.
    pub vms: Vec<Vm>,
    /// The hosts that talk to the VMs and do not move.
    pub correspondents: Vec<Correspondent>,
    /// The moves. The moves of one VM follow each other in this order. The moves of different VMs are independent.
    pub moves: Vec<Move>,
    /// The mishaps.
    pub mishaps: Vec<Mishap>,
    /// The round-trip time between any two nodes.
    pub rtt: Micros,
    /// The mischief of the links between edges and NVA. The underlay between edges is never lossy.
    pub control: Mischief,
    /// The datagrams per second from each host to each of its peers.
    pub rate: u32,
    /// The number of datagrams from each host to each of its peers; `None`: until a little after the last move.
    pub frames: Option<u32>,
    /// The bytes of payload of each datagram.
    pub payload: u32,
    /// The most that the new NVE of a move may hold.
    pub hold: HoldLimits,
    /// The time that the NVA's disk takes to make a record durable.
    pub sync: Micros,
    /// Ethernet frames that the last correspondent sends to the first VM, in addition to its datagrams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenant: Vec<Vec<u8>>,
    /// The recordings of the run.
    #[serde(skip)]
    pub record: Record,
}

/// A virtual machine. Its interfaces move together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// The edge at which the VM runs first.
    pub edge: usize,
    /// The virtual network of each interface of the VM.
    pub networks: Vec<u32>,
}

/// A host that does not move and talks to every VM of its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correspondent {
    /// The name of the host.
    pub name: String,
    /// The edge of the host.
    pub edge: usize,
    /// The virtual network of the host.
    pub network: u32,
}

/// A move of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The VM that moves.
    pub vm: usize,
    /// The edge at which the VM must be, if any. Otherwise the move does not take place.
    pub from: Option<usize>,
    /// The new edge. A move to the edge where the VM is already does not take place.
    pub to: usize,
    /// The time from the beginning of traffic, or from the end of the VM's move before. `None`: for the first move a short time
    /// that the seed draws, and 0 for others.
    pub wait: Option<Micros>,
    /// The time for which the VM runs nowhere.
    pub pause: Micros,
    /// As [`Params::late`](super::Params::late).
    pub late: Option<Micros>,
    /// The deadline of the move.
    pub deadline: Micros,
    /// True: if the move is aborted while the VM is stopped, the VM stays stopped for its next move.
    pub stay: bool,
}

/// A mishap: something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mishap {
    /// The event that the mishap waits for.
    pub since: Since,
    /// The time after that event; `None`: the seed draws a time in the move.
    pub wait: Option<Micros>,
    /// The trouble.
    pub what: Trouble,
}

/// The event that a mishap waits for. If the event does not happen, the mishap does not happen either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Since {
    /// Traffic begins.
    Traffic,
    /// The NVA takes this move.
    Asked(usize),
    /// The VM stops for this move.
    Stopped(usize),
}

/// The trouble of a mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Management cancels this move.
    Abort(usize),
    /// The hypervisor of the old edge resumes the VM of this move by itself.
    SelfResume(usize),
    /// A node dies with everything in its memory, and returns.
    Restart {
        /// The node.
        node: Spot,
        /// The time until it returns; `None`: the seed draws it.
        down: Option<Micros>,
    },
    /// The NVA dies and returns with the records of an earlier moment, or with none.
    Rewind {
        /// The age of the records that come back; `None`: the NVA comes back without a record.
        back: Option<Micros>,
        /// The time until it returns; `None`: the seed draws it.
        down: Option<Micros>,
    },
    /// Every packet between two nodes is lost for a while.
    Cut {
        /// The two nodes.
        nodes: (Spot, Spot),
        /// The length of the cut.
        length: Micros,
    },
    /// The clock of a node jumps.
    Jump {
        /// The node.
        node: Spot,
        /// The jump in microseconds. A negative jump breaks the contract of the machines: the time of a late *Suspend* means nothing
        /// then.
        by: i64,
    },
    /// A host sends many datagrams at once.
    Burst {
        /// The flow.
        flow: usize,
        /// The number of datagrams.
        frames: u32,
    },
    /// An edge dies for good, and management says so. While a VM has its seat there, the edge dies and returns instead.
    Fence(usize),
    /// A VM is killed and starts at another edge, without a plan.
    Crash {
        /// The VM.
        vm: usize,
        /// The edge where it starts.
        to: usize,
        /// The time for which it runs nowhere.
        down: Micros,
        /// True if the port where it was killed is detached at once.
        detach: bool,
        /// True if the hypervisor says that the VM runs. False if only its frames show it.
        word: bool,
    },
    /// The ports of a running VM are detached and attached again.
    Replug {
        /// The VM.
        vm: usize,
        /// The time in between.
        down: Micros,
    },
    /// At another edge, a port for an interface of a VM sends frames in the name of the VM, which runs elsewhere.
    Lie {
        /// The VM.
        vm: usize,
        /// The edge of that port.
        edge: usize,
        /// The time until the port is detached.
        length: Micros,
    },
    /// A running VM gets one more address.
    Readdress(usize),
    /// A correspondent sends announcements, questions for addresses that nobody has, and frames to nobody, all at once.
    Flood {
        /// The correspondent.
        host: usize,
        /// The number of frames of each kind.
        frames: u32,
    },
}

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Spot {
    /// The NVA.
    Nva,
    /// An edge.
    Edge(usize),
}

impl Trouble {
    /// The name of the kind of trouble.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Abort(_) => "abort",
            Self::SelfResume(_) => "self-resume",
            Self::Restart { node: Spot::Nva, .. } => "nva-restart",
            Self::Restart { node: Spot::Edge(_), .. } => "nve-restart",
            Self::Rewind { back: None, .. } => "store-lost",
            Self::Rewind { back: Some(_), .. } => "store-old",
            Self::Cut { .. } => "cut",
            Self::Jump { .. } => "clock-jump",
            Self::Burst { .. } => "burst",
            Self::Fence(_) => "fence",
            Self::Crash { word: true, .. } => "vm-crash",
            Self::Crash { word: false, .. } => "vm-crash-by-frame",
            Self::Replug { .. } => "replug",
            Self::Lie { .. } => "lie",
            Self::Readdress(_) => "readdress",
            Self::Flood { .. } => "flood",
        }
    }
}

/// The reason why a scenario cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A number is outside its range.
    #[error("{field}: {count} are not between {least} and {most}")]
    Count {
        /// The field.
        field: &'static str,
        /// The number in the scenario.
        count: usize,
        /// The least number.
        least: usize,
        /// The greatest number.
        most: usize,
    },
    /// A field names something that does not exist.
    #[error("{field} is {value}: there are only {count}")]
    NotThere {
        /// The field that names it.
        field: &'static str,
        /// The number that the field has.
        value: usize,
        /// The number of such things in the scenario.
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
    /// Checks that the scenario can run.
    ///
    /// # Errors
    /// The first field with a wrong value.
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
                Trouble::Crash { vm, to: edge, .. } | Trouble::Lie { vm, edge, .. } => {
                    there("mishaps.what.vm", vm, self.vms.len())?;
                    there("mishaps.what.edge", edge, edges)?;
                }
                Trouble::Replug { vm, .. } | Trouble::Readdress(vm) => {
                    there("mishaps.what.vm", vm, self.vms.len())?;
                }
                Trouble::Burst { .. } | Trouble::Rewind { .. } | Trouble::Flood { .. } => {}
                Trouble::Fence(edge) => there("mishaps.what", edge, edges)?,
            }
        }
        Ok(())
    }

    /// True if the scenario promises the order of datagrams, provided that all moves are committed.
    ///
    /// It does so if nothing goes wrong on the way, and if the rest of each pause is longer than a detour once the edge knows of the pause
    /// (held frames leave before newer ones, VMM-5-09). Two VMs that move have no promise: a sender that moves itself may change from the
    /// direct path to the detour.
    pub(crate) fn keeps_order(&self) -> bool {
        // Four ways between two nodes, each of which takes up to a twentieth longer.
        let detour = |mv: &Move| mv.pause.0 > 2 * self.rtt.0 + self.rtt.0 / 10 + mv.late.unwrap_or_default().0;
        let one_vm = self.moves.windows(2).all(|two| matches!(two, [a, b] if a.vm == b.vm));
        self.control == Mischief::NONE && self.mishaps.is_empty() && self.moves.iter().all(detour) && one_vm
    }

    /// The name of a VM.
    pub(crate) fn vm_name(n: usize) -> String {
        if n == 0 { "vm".into() } else { alloc::format!("vm{}", n + 1) }
    }
}
