//! The state of the small world: three edges, an authority, hypervisors, a frame and the network.

use super::fence::Rules;
use super::memory::Memory;
use super::net::{At, Msg, Net, Packet, name};
use nvo3_mobility::nva::rules as nva;
use nvo3_mobility::nve::rules::{State, TsiState};
use nvo3_mobility::table::Entry;
use nvo3_nva_proto::{Locators, MoveId, MoveResult, NveId, Place, Version};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{LazyLock, RwLock};

pub const EDGES: [At; 3] = [0, 1, 2];

/// A TSI's state and floor, by number. They would be most of a world's bytes, and few different ones exist.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interned(u16);

#[derive(Default)]
struct Interner {
    all: Vec<TsiState>,
    numbers: HashMap<TsiState, u16>,
}

static INTERNER: LazyLock<RwLock<Interner>> = LazyLock::new(RwLock::default);

impl Interned {
    pub fn new(tsi: TsiState) -> Self {
        if let Some(number) = INTERNER.read().unwrap().numbers.get(&tsi) {
            return Self(*number);
        }
        let interner = &mut *INTERNER.write().unwrap();
        let next = u16::try_from(interner.all.len()).unwrap();
        let number = *interner.numbers.entry(tsi).or_insert(next);
        if number == next {
            interner.all.push(tsi);
        }
        Self(number)
    }

    pub fn get(self) -> TsiState {
        INTERNER.read().unwrap().all[usize::from(self.0)]
    }
}

impl fmt::Debug for Interned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// An edge: the state of its TSI, and the parts around it that a move depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub tsi: Interned,
    /// True if the session was lost in the move in hand.
    pub alone: bool,
    /// The state whose entry is in force in the forwarder, and whether it is the entry of an edge that is alone.
    pub table: (Interned, bool),
    /// The cached mapping, which a frame follows if the TSI has no entry: version (0: none) and place.
    pub cached: (u8, At),
    /// True if the edge has heard of the TSI since it started.
    pub heard: bool,
    /// The planned moves that the edge was prepared for since it started, one bit each.
    pub moves: u8,
    pub session: bool,
    /// True if the edge remembers no earlier session.
    pub fresh: bool,
    /// True if the authority counts the edge as gone.
    pub gone: bool,
    /// True after a restart, until the edge has its role in the move again. A frame to it counts as sent to a dead node.
    pub dazed: bool,
    /// True if the hypervisor has not said yet that the VM runs here.
    pub untold: bool,
    /// True if the last claim of the VM was refused.
    pub denied: bool,
}

/// A move as the authority knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Move {
    pub id: u8,
    pub state: nva::State,
    pub old: At,
    pub new: At,
    pub failover: bool,
    pub version: u8,
    /// The version that the commit made, if the reserved one is of an earlier epoch; 0 otherwise.
    pub renewed: u8,
    pub aborted: u8,
    /// The edges that got the new mapping before the commit, one bit each.
    pub early: u8,
}

/// The authority. The number of a record is the version of the mapping that it makes or reserves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    pub last: u8,
    pub at: At,
    pub version: u8,
    pub open: Option<Move>,
    pub ended: Vec<Move>,
    pub unheard: Vec<(At, u8)>,
    /// The edge that registered the VM during the open move, the version that it knew, and whether a hypervisor's word shows the VM.
    pub claim: Option<(At, u8, bool)>,
    /// The records, while the authority may still lose some.
    pub journal: Vec<Record>,
    /// What an authority knows that lost records.
    pub memory: Option<Memory>,
}

/// A record of the journal. The number of a record is its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    Registered(At),
    /// A move. `failover`: an edge claims the VM, by its hypervisor's word or by a frame.
    Planned {
        id: u8,
        old: At,
        new: At,
        failover: Option<bool>,
    },
    Committed,
    Aborted,
    Closed,
}

impl Authority {
    /// An authority without records.
    pub const fn new() -> Self {
        Self {
            last: 0,
            at: 0,
            version: 0,
            open: None,
            ended: Vec::new(),
            unheard: Vec::new(),
            claim: None,
            journal: Vec::new(),
            memory: None,
        }
    }

    /// A move that the authority knows.
    pub fn find(&self, id: u8) -> Option<&Move> {
        self.open.iter().chain(&self.ended).find(|mv| mv.id == id)
    }

    /// The last move that took the VM away from an edge, if it has ended and the VM is not there.
    pub fn left_by(&self, n: At) -> Option<u8> {
        let took = |mv: &Move| if mv.state == nva::State::Ended(MoveResult::Committed) { mv.old } else { mv.new };
        self.ended.iter().rev().find(|mv| took(mv) == n).filter(|_| self.at != n).map(|mv| mv.id)
    }
}

/// The hypervisors and the management above them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// True if the VM runs; otherwise it is stopped at `at`.
    pub runs: bool,
    pub at: At,
    /// The number of the last move that management ordered; 0 before the first.
    pub leg: u8,
    pub from: At,
    pub to: At,
    /// True if the authority said that the VM may be suspended.
    pub may_suspend: bool,
    /// True if the edge said that the VM may stop.
    pub may_stop: bool,
    /// True if the source resumed the VM by itself, or the VM started elsewhere. Management then starts the VM nowhere else.
    pub resumed: bool,
    /// True if only frames show the VM, because no hypervisor says where it runs.
    pub by_frame: bool,
    /// True from the death of a VM that starts elsewhere until all parties know where it is. Its frames may be lost.
    pub astray: bool,
    /// True if the VM was astray, and a planned move, or the loss of an edge, decided where it is. The other edge delivers until it hears so.
    pub overtaken: bool,
    /// The edge at which a port sent a frame in the VM's name.
    pub liar: Option<At>,
    /// True once the authority gave the VM to the liar's edge without need.
    pub robbed: bool,
}

/// The one frame for the VM. `from` is `None` if the frame came in at the edge's own VAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    Unsent,
    Flying {
        from: At,
        to: At,
        hops: u8,
    },
    Held {
        at: At,
        from: Option<At>,
        hops: u8,
    },
    Delivered,
    /// It was in a node that died, or was sent to such a node.
    Excused,
    /// A cached mapping would have sent it back to the edge that it came from.
    Returned {
        at: At,
    },
    /// It was delivered at an edge where the VM does not run.
    Unread {
        at: At,
    },
    Looped,
}

/// The faults that may still happen, and how many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    pub moves: u8,
    pub crashes: u8,
    pub resumes: u8,
    pub refusals: u8,
    pub cuts: u8,
    /// How often the VM dies, and starts at another edge without a plan.
    pub unplanned: u8,
    /// How often a port sends in the VM's name.
    pub lies: u8,
    /// How often the authority comes back with an old part of its records, or with none.
    pub stores: u8,
    /// True if only one of the crashes, unplanned starts, lies and losses of records happens.
    pub one: bool,
    pub deadlines: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub edges: [Edge; 3],
    pub nva: Authority,
    pub host: Host,
    pub frame: Frame,
    pub net: Net,
    pub left: Faults,
}

/// The bit that marks the id of an unplanned move; the rest of the id is the number of its record.
pub const UNPLANNED: u8 = 128;

/// The id of a move, as the product's tables have it.
pub const fn move_id(id: u8) -> MoveId {
    if id & UNPLANNED == 0 { MoveId(id as u64) } else { MoveId(MoveId::FIRST_RESERVED.0 | (id ^ UNPLANNED) as u64) }
}

/// The id of a move, as the model has it.
pub const fn short(id: MoveId) -> u8 {
    if id.is_reserved() { id.0 as u8 | UNPLANNED } else { id.0 as u8 }
}

impl Faults {
    /// A fault of a kind happens that may happen once instead of the others.
    pub fn spend(&mut self, kind: impl FnOnce(&mut Self) -> &mut u8) {
        *kind(self) -= 1;
        if self.one {
            (self.crashes, self.unplanned, self.lies, self.stores) = (0, 0, 0, 0);
        }
    }
}

/// The first number of the next epoch.
pub const EPOCH: u8 = 32;

/// The version that a number of a record stands for.
pub const fn version(number: u8) -> Version {
    let epoch = if number == 0 { 0 } else { 1 + number / EPOCH };
    Version { epoch: epoch as u32, generation: (number % EPOCH) as u64 }
}

pub fn generation(version: Version) -> u8 {
    version.epoch.saturating_sub(1) as u8 * EPOCH + version.generation as u8
}

const fn address(at: At) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, at + 1)
}

/// The outer source address of the frames that an edge tunnels.
pub const fn locator(at: At) -> IpAddr {
    IpAddr::V4(address(at))
}

pub fn place(at: At) -> Place {
    Place { nve: NveId(u64::from(at) + 1), locators: Locators::V4(address(at)) }
}

pub fn at(place: Place) -> At {
    place.nve.0 as u8 - 1
}

impl Edge {
    /// The entry that is in force in the forwarder.
    pub fn in_force(&self, rules: &Rules) -> Option<Entry> {
        let (table, alone) = self.table;
        rules.entry(table.get().state, alone)
    }

    /// An edge that has just started.
    pub fn new() -> Self {
        let away = Interned::new(TsiState::default());
        Self {
            tsi: away,
            alone: false,
            table: (away, false),
            cached: (0, 0),
            heard: false,
            moves: 0,
            session: false,
            fresh: true,
            gone: false,
            dazed: false,
            untold: false,
            denied: false,
        }
    }
}

impl Default for Edge {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// The VM runs at A, and each edge has a session and the mapping. A's registration may still arrive once more.
    pub fn new(left: Faults, ordered: bool) -> Self {
        let edge = |n| {
            let mut edge = Edge { cached: (1, 0), session: true, fresh: false, ..Edge::new() };
            if n == 0 {
                edge.tsi = Interned::new(TsiState { state: State::Here, floor: version(1) });
                edge.table = (edge.tsi, false);
                edge.heard = true;
            }
            edge
        };
        let mut net = Net::default();
        if left.moves > 1 && !ordered {
            net.send(Packet { edge: 0, up: true, msg: Msg::Register { expected: 0, by_word: true } }, ordered);
        }
        Self {
            edges: [edge(0), edge(1), edge(2)],
            nva: Authority {
                last: 1,
                version: 1,
                journal: if left.stores > 0 { vec![Record::Registered(0)] } else { Vec::new() },
                ..Authority::new()
            },
            host: Host {
                runs: true,
                at: 0,
                leg: 0,
                from: 0,
                to: 0,
                may_suspend: false,
                may_stop: false,
                resumed: false,
                by_frame: false,
                astray: false,
                overtaken: false,
                liar: None,
                robbed: false,
            },
            frame: Frame::Unsent,
            net,
            left,
        }
    }

    pub fn edge(&self, at: At) -> &Edge {
        &self.edges[usize::from(at)]
    }

    pub fn edge_mut(&mut self, at: At) -> &mut Edge {
        &mut self.edges[usize::from(at)]
    }

    pub fn state(&self, at: At) -> State {
        self.edge(at).tsi.get().state
    }

    /// True if the entry in force at an edge delivers.
    pub fn delivers(&self, at: At, rules: &Rules) -> bool {
        self.edge(at).in_force(rules).is_some_and(|entry| entry.delivers())
    }

    /// True if the frame is under way or held.
    pub const fn under_way(&self) -> bool {
        matches!(self.frame, Frame::Flying { .. } | Frame::Held { .. })
    }

    /// The outcome of the ended move that an edge still has open. A session delivers it before messages about a later move.
    pub fn missed(&self, n: At) -> Option<Packet> {
        let id = short(self.edge(n).tsi.get().state.plan()?.id);
        let over = self.nva.ended.iter().any(|mv| mv.id == id);
        over.then(|| self.net.outcome(n, id)).flatten()
    }

    /// True if the authority has a move, or an edge restated it.
    pub fn knows(&self, id: u8) -> bool {
        let stray = self.nva.memory.as_ref().is_some_and(|memory| memory.has_stray(id));
        stray || self.nva.find(id).is_some()
    }

    /// The result of a move, if it has ended.
    pub fn result(&self, id: u8) -> Option<MoveResult> {
        let mv = self.nva.ended.iter().find(|mv| mv.id == id)?;
        Some(if mv.aborted == 0 { MoveResult::Committed } else { MoveResult::Aborted })
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for n in EDGES {
            let edge = self.edge(n);
            let tsi = edge.tsi.get();
            write!(f, "{} {}/{}", name(n), tsi.state.name(), generation(tsi.floor))?;
            let (table, alone) = edge.table;
            if table.get().state != tsi.state {
                write!(f, " (in force: {})", table.get().state.name())?;
            }
            if alone {
                f.write_str(" alone")?;
            }
            let (cached, place) = edge.cached;
            if cached > 0 {
                write!(f, " ->{}@{cached}", name(place))?;
            }
            f.write_str(if edge.session { "; " } else { " no session; " })?;
        }
        write!(f, "NVA {}@{}", name(self.nva.at), self.nva.version)?;
        if let Some(mv) = self.nva.open {
            write!(f, " {:?} {} {}->{}@{}", mv.state, mv.id, name(mv.old), name(mv.new), mv.version)?;
        }
        if let Some(memory) = &self.nva.memory {
            write!(f, " {memory:?}")?;
        }
        write!(f, "; VM {} {}", if self.host.runs { "runs at" } else { "stopped at" }, name(self.host.at))?;
        write!(f, "; frame {:?}", self.frame)
    }
}
