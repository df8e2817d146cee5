//! The parameters of a world of the usual shape. Two runs with equal parameters are the same run.

use super::plan::{Correspondent, Mishap, Move, Scenario, Since, Spot, Trouble, Vm};
use crate::sim::net::Mischief;
use crate::sim::random::Random;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{HoldLimits, Micros};
use serde::{Deserialize, Serialize};

/// The virtual network of all hosts.
const NETWORK: u32 = 5_001;

/// The parameters of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The seed of everything that is left to chance.
    pub seed: u64,
    /// The round-trip time between any two nodes.
    pub rtt: Micros,
    /// The mischief of the links between edges and NVA. The underlay between edges is never lossy.
    pub control: Mischief,
    /// The time for which the VM runs nowhere.
    pub pause: Micros,
    /// `None`: the hypervisor gives *Suspend* before the VM stops, and waits for the edge. `Some`: it gives *Suspend* this long after
    /// the stop, with the time of the stop. If that is longer than the pause, the VM runs at the new edge by then.
    pub late: Option<Micros>,
    /// The datagrams per second from each host to each of its peers.
    pub rate: u32,
    /// The number of datagrams from each host to each of its peers; `None`: until a little after the last move.
    pub frames: Option<u32>,
    /// The bytes of payload of each datagram.
    pub payload: u32,
    /// The path of the VM.
    pub path: Path,
    /// The deadline of each move.
    pub deadline: Micros,
    /// The fault, if any.
    pub fault: Option<Fault>,
    /// The time of the fault, from the request of the move, or from the VM's stop for [`Fault::SelfResume`]. `None`: the seed draws a
    /// time in the move. The seed also draws the move of the path.
    pub fault_at: Option<Micros>,
    /// The most that the new NVE may hold.
    pub hold: HoldLimits,
    /// The time that the NVA's disk takes to make a record durable.
    pub sync: Micros,
    /// Ethernet frames that the outside host sends to the VM, in addition to its datagrams.
    pub tenant: Vec<Vec<u8>>,
    /// The recordings of the run.
    pub record: Record,
}

/// The path of the VM over the edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Path {
    /// One move.
    #[default]
    AB,
    /// A move there, and at once a move back.
    ABA,
    /// A move to a second edge, and at once a move to a third.
    ABC,
}

/// A fault in a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Management cancels the move.
    Abort,
    /// The NVA dies and returns with the records on its disk.
    NvaRestart,
    /// The old edge dies with its held frames, and returns.
    OldRestart,
    /// The new edge dies with its held frames, and returns.
    NewRestart,
    /// The hypervisor resumes the VM at the old edge by itself, between its stop and its start at the new edge.
    SelfResume,
}

/// The recordings of a run, in addition to its summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The timeline.
    pub timeline: bool,
    /// The packets of each link.
    pub packets: bool,
}

impl Params {
    /// Makes a healthy world with one move.
    pub const fn new(seed: u64) -> Self {
        Self {
            seed,
            rtt: Micros(1_000),
            control: Mischief::NONE,
            pause: Micros::from_millis(30),
            late: None,
            rate: 500,
            frames: None,
            payload: 64,
            path: Path::AB,
            deadline: Micros::from_secs(2),
            fault: None,
            fault_at: None,
            hold: HoldLimits { frames: 4_096, bytes: 4 << 20, age: Micros::from_secs(5) },
            sync: Micros(200),
            tenant: Vec::new(),
            record: Record { timeline: false, packets: false },
        }
    }

    /// The scenario of these parameters: one VM with one interface, and a host at each edge that talks to it. The move of the fault is
    /// drawn even if there is no fault.
    pub(crate) fn scenario(self, random: &mut Random) -> Scenario {
        let path: &[(usize, usize)] = match self.path {
            Path::AB => &[(0, 1)],
            Path::ABA => &[(0, 1), (1, 0)],
            Path::ABC => &[(0, 1), (1, 2)],
        };
        let names: &[&str] = match self.path {
            Path::AB | Path::ABA => &["at-a", "at-b", "outside"],
            Path::ABC => &["at-a", "at-b", "at-c", "outside"],
        };
        let drawn = usize::try_from(random.below(path.len() as u64)).unwrap_or(0);
        let (from, to) = path.get(drawn).copied().unwrap_or_default();
        let restart = |node| Trouble::Restart { node, down: None };
        let mishap = self.fault.map(|fault| Mishap {
            since: if fault == Fault::SelfResume { Since::Stopped(drawn) } else { Since::Asked(drawn) },
            wait: self.fault_at,
            what: match fault {
                Fault::Abort => Trouble::Abort(drawn),
                Fault::NvaRestart => restart(Spot::Nva),
                Fault::OldRestart => restart(Spot::Edge(from)),
                Fault::NewRestart => restart(Spot::Edge(to)),
                Fault::SelfResume => Trouble::SelfResume(drawn),
            },
        });
        let (pause, late, deadline) = (self.pause, self.late, self.deadline);
        Scenario {
            seed: self.seed,
            edges: names.len(),
            vms: vec![Vm { edge: 0, networks: vec![NETWORK] }],
            correspondents: (0..)
                .zip(names)
                .map(|(edge, name)| Correspondent { name: (*name).into(), edge, network: NETWORK })
                .collect(),
            moves: path
                .iter()
                .map(|(from, to)| Move {
                    vm: 0,
                    from: Some(*from),
                    to: *to,
                    wait: None,
                    pause,
                    late,
                    deadline,
                    stay: false,
                })
                .collect(),
            mishaps: mishap.into_iter().collect(),
            rtt: self.rtt,
            control: self.control,
            rate: self.rate,
            frames: self.frames,
            payload: self.payload,
            hold: self.hold,
            sync: self.sync,
            tenant: self.tenant,
            record: self.record,
        }
    }
}
