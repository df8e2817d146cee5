//! What shapes a world. Two runs with equal parameters are the same run.

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
    /// Decides everything that chance decides.
    pub seed: u64,
    /// Between any two nodes and back.
    pub rtt: Micros,
    /// What the links between edges and authority do to messages. The underlay between edges is never lossy.
    pub control: Mischief,
    /// How long the VM runs nowhere.
    pub pause: Micros,
    /// `None`: the hypervisor says that the VM will stop and waits for the edge. Else it says so only this long after the VM
    /// stopped, with the time of the stop; where that is longer than the pause, the VM runs elsewhere by then.
    pub late: Option<Micros>,
    /// Datagrams per second from each host to each of its peers.
    pub rate: u32,
    /// Datagrams from each host to each of its peers; `None`: as long as the moves last, and a little longer.
    pub frames: Option<u32>,
    /// Bytes of payload in each.
    pub payload: u32,
    /// Where the VM goes.
    pub path: Path,
    /// How long each move may take.
    pub deadline: Micros,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// When it does, from the moment that the move is asked for, or for [`Fault::SelfResume`] from when the VM stops; `None`:
    /// anywhere in the move, by the seed. In which move of a path the seed says.
    pub fault_at: Option<Micros>,
    /// How much the target may hold.
    pub hold: HoldLimits,
    /// How long the authority's disk takes.
    pub sync: Micros,
    /// Ethernet frames that the host outside sends to the VM besides its datagrams.
    pub tenant: Vec<Vec<u8>>,
    /// What is written down.
    pub record: Record,
}

/// The way of the VM over the edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Path {
    /// One move.
    #[default]
    AB,
    /// There and back without rest.
    ABA,
    /// On to a third without rest.
    ABC,
}

/// What goes wrong in a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Management calls the move off.
    Abort,
    /// The authority dies and comes back with what its disk has.
    NvaRestart,
    /// The edge that the VM leaves dies, with what its forwarder held, and comes back.
    OldRestart,
    /// So does the edge that it comes to.
    NewRestart,
    /// The hypervisor resumes the VM where it was, by itself, between its suspend and its start elsewhere.
    SelfResume,
}

/// What a run writes down besides what it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The timeline.
    pub timeline: bool,
    /// What each link carried.
    pub packets: bool,
}

impl Params {
    /// A healthy world with one move.
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

    /// The world of these parameters: one VM with one interface, and somebody at each edge who talks to it. In which move it
    /// goes wrong is drawn, also where it does not.
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
