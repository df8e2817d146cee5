//! The simple model: which station should receive which datagram. It knows only facts of the world: where each VM runs, what
//! was sent, which node died when, and how much may be held. It knows no message, version or state of the machines.

use nvo3_nva_proto::{Instant, Micros};
use std::collections::{BTreeMap, BTreeSet};

/// The most frames that an edge holds or remembers for one station.
pub const FRAMES: usize = 32;
/// The time after which a held frame may be dropped as too old.
pub const AGE: Micros = Micros::from_secs(3);
/// The time for which an edge remembers a delivered frame, in case the word that the VM stopped comes late.
pub const REMEMBERED: Micros = Micros::from_secs(1);

/// The place of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    Runs(usize),
    Stopped(usize),
}

impl Seat {
    pub const fn edge(self) -> usize {
        match self {
            Self::Runs(edge) | Self::Stopped(edge) => edge,
        }
    }
}

/// The receivers of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    One(usize),
    /// Every other station of the sender's VN.
    All,
}

/// The place where a unicast datagram was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In a tunnel that leaves this edge.
    Tunnel(usize),
    /// Held by this edge, since this time.
    In(usize, Instant),
    /// In the port of a stopped VM at this edge, since this time.
    Port(usize, Instant),
}

/// The reason why a datagram need not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// It was in the memory of an edge that died.
    InDeadNode,
    /// It was sent to an edge that was down.
    ToDownNode,
    /// It came to an edge that had died since its receiver was there, or was about to come there. The edge lost the entry that
    /// would have sent it on.
    Forgotten,
    /// It came to, by or from an edge that was cut off. Such an edge may follow what the others have given up meanwhile.
    Cut,
    /// It was held for too long, or together with too many others.
    OverLimit,
}

#[derive(Clone, Debug)]
struct Datagram {
    from: usize,
    to: To,
    sender_at: usize,
    sent: Instant,
    seen: Option<Where>,
    /// The edges on its path.
    came_by: BTreeSet<usize>,
    /// The stations that received it, each with its edge.
    received: BTreeSet<(usize, usize)>,
    excuse: Option<Excuse>,
}

/// The model's knowledge of the world.
#[derive(Clone, Debug)]
pub struct Model {
    /// The VM and the VN of each station.
    stations: Vec<(usize, usize)>,
    /// The place of each VM.
    pub seats: Vec<Seat>,
    datagrams: Vec<Datagram>,
    /// The time at which each VM was last at each edge, or was about to come there.
    there: BTreeMap<(usize, usize), Instant>,
    died: BTreeMap<usize, Instant>,
    /// The end of the time in which datagrams to or from an edge that was cut off are excused.
    cut: BTreeMap<usize, Instant>,
    /// The end of the time in which a node that died may keep the others waiting.
    down: BTreeMap<usize, Instant>,
    /// The last time at which a VM did not run, or its edge waited for a word about it.
    in_question: BTreeMap<usize, Instant>,
    /// The claims that do not hold.
    pub wrong: Vec<String>,
}

impl Model {
    pub fn new(stations: Vec<(usize, usize)>, seats: Vec<Seat>) -> Self {
        let (datagrams, wrong) = (Vec::new(), Vec::new());
        let (there, died, cut, down, in_question) = Default::default();
        Self { stations, seats, datagrams, there, died, cut, down, in_question, wrong }
    }

    /// A station sends a datagram. Returns the number of the datagram.
    pub fn sends(&mut self, now: Instant, from: usize, to: To) -> usize {
        let (seen, sender_at) = (None, self.seats[self.stations[from].0].edge());
        let (came_by, received, excuse) = ([sender_at].into(), BTreeSet::new(), None);
        self.datagrams.push(Datagram { from, to, sender_at, sent: now, seen, came_by, received, excuse });
        self.datagrams.len() - 1
    }

    pub fn seen(&mut self, number: usize, seen: Where) {
        let (Where::Tunnel(edge) | Where::In(edge, _) | Where::Port(edge, _)) = seen;
        self.datagrams[number].seen = Some(seen);
        self.datagrams[number].came_by.insert(edge);
    }

    /// A VM will not read a datagram in its port any more. The edge keeps the datagram, unless it was sent on already.
    pub fn unread(&mut self, now: Instant, number: usize, edge: usize) {
        if matches!(self.datagrams[number].seen, Some(Where::Port(at, _)) if at == edge) {
            self.seen(number, Where::In(edge, now));
        }
    }

    pub fn is_unicast(&self, number: usize) -> bool {
        matches!(self.datagrams[number].to, To::One(_))
    }

    pub fn excuse(&mut self, number: usize, excuse: Excuse) {
        self.datagrams[number].excuse.get_or_insert(excuse);
    }

    /// A station reads a datagram at an edge.
    ///
    /// A copy of a broadcast goes to each edge. A copy that is under way while a VM moves may meet the VM, or its sender, again
    /// at the new edge. The model judges each edge by itself, so one copy at each edge is allowed.
    pub fn receives(&mut self, number: usize, station: usize, edge: usize) {
        let (stations, datagram) = (&self.stations, &mut self.datagrams[number]);
        let meant = match datagram.to {
            To::One(to) => to == station,
            To::All => {
                stations[datagram.from].1 == stations[station].1
                    && (datagram.from != station || datagram.sender_at != edge)
            }
        };
        let again = match datagram.to {
            To::One(_) => !datagram.received.is_empty(),
            To::All => datagram.received.contains(&(station, edge)),
        };
        datagram.received.insert((station, edge));
        if !meant {
            self.wrong.push(format!("{} is not for station {station}", name(number, datagram)));
        } else if again {
            self.wrong.push(format!("{} comes to station {station} again", name(number, datagram)));
        }
    }

    /// A VM is at an edge, or will be.
    pub fn is_there(&mut self, now: Instant, vm: usize, edge: usize) {
        self.there.insert((vm, edge), now);
    }

    pub fn dies(&mut self, now: Instant, edge: usize) {
        self.died.insert(edge, now);
        for vm in 0..self.seats.len() {
            if self.seats[vm].edge() == edge {
                self.is_there(now, vm, edge);
            }
        }
        for datagram in &mut self.datagrams {
            if matches!(datagram.seen, Some(Where::In(at, _) | Where::Port(at, _)) if at == edge) {
                datagram.excuse.get_or_insert(Excuse::InDeadNode);
            }
        }
    }

    /// A node is down.
    pub fn is_down(&mut self, node: usize) {
        self.down.insert(node, Instant(u64::MAX));
    }

    /// A node is back. By `by` it has sent and received everything that it missed.
    pub fn is_back(&mut self, node: usize, by: Instant) {
        self.down.insert(node, by);
    }

    /// A VM does not run, or its edge waits for a word about it.
    pub fn is_in_question(&mut self, now: Instant, vm: usize) {
        self.in_question.insert(vm, now);
    }

    /// An edge is cut off.
    pub fn is_cut(&mut self, edge: usize) {
        self.cut.insert(edge, Instant(u64::MAX));
    }

    /// An edge that was cut off reaches the authority again. By `by` both have exchanged everything that they missed.
    pub fn agrees(&mut self, edge: usize, by: Instant) {
        self.cut.entry(edge).and_modify(|until| *until = by.min(*until));
    }

    /// The reason why an edge may drop a datagram, apart from its limits.
    fn may_drop(&self, now: Instant, datagram: &Datagram, edge: usize) -> Option<Excuse> {
        let To::One(to) = datagram.to else { return None };
        let was_there = self.there.get(&(self.stations[to].0, edge)).copied();
        let forgot = self.died.get(&edge).is_some_and(|died| was_there.is_some_and(|at| at <= *died));
        let cut = datagram.came_by.iter().chain([&edge]).any(|by| self.cut.get(by).is_some_and(|until| now < *until));
        if forgot { Some(Excuse::Forgotten) } else { cut.then_some(Excuse::Cut) }
    }

    /// An edge drops a datagram that comes to it.
    pub fn drops(&mut self, now: Instant, number: usize, edge: usize, why: &str) {
        if !self.is_unicast(number) {
            return;
        }
        match self.may_drop(now, &self.datagrams[number], edge) {
            Some(excuse) => self.excuse(number, excuse),
            None => self.wrong.push(format!("edge {edge} drops {}: {why}", name(number, &self.datagrams[number]))),
        }
    }

    /// An edge drops a datagram that it held.
    pub fn sheds(&mut self, now: Instant, edge: usize, why: &str) {
        let here = |datagram: &Datagram| matches!(datagram.seen, Some(Where::In(at, _)) if at == edge);
        let excused: Vec<(usize, Excuse)> = (0..)
            .zip(&self.datagrams)
            .filter(|(_, datagram)| here(datagram))
            .filter_map(|(number, datagram)| Some((number, self.may_drop(now, datagram, edge)?)))
            .collect();
        if excused.is_empty() {
            self.wrong.push(format!("edge {edge} drops from its memory: {why}"));
        }
        for (number, excuse) in excused {
            self.excuse(number, excuse);
        }
    }

    /// An edge drops datagrams of an NVE that it does not know in the VN. That is excused only where a node was down or cut off, so
    /// that the edge may lack a list.
    pub fn sheds_strange(&mut self, edge: usize) {
        if self.cut.is_empty() && self.down.is_empty() {
            self.wrong.push(format!("edge {edge} drops what came from a stranger, and nothing was down or cut off"));
        }
        let here = |datagram: &&mut Datagram| matches!(datagram.seen, Some(Where::In(at, _)) if at == edge);
        for datagram in self.datagrams.iter_mut().filter(here) {
            datagram.excuse.get_or_insert(Excuse::OverLimit);
        }
    }

    /// True if an edge had a reason to hold a datagram: a node down or cut off, or a VM that did not run or was waited for.
    fn may_wait(&self, datagram: &Datagram, since: Instant) -> bool {
        let To::One(to) = datagram.to else { return true };
        let vms = [self.stations[to].0, self.stations[datagram.from].0];
        self.cut.values().chain(self.down.values()).any(|until| *until >= since)
            || vms.iter().any(|vm| self.in_question.get(vm).is_some_and(|at| *at >= since))
    }

    /// An edge drops datagrams as too old. That is excused only for datagrams that were held so long, with a reason.
    pub fn sheds_old(&mut self, now: Instant, edge: usize) {
        let old = |datagram: &Datagram| match datagram.seen {
            Some(Where::In(at, since)) => at == edge && since + AGE <= now && self.may_wait(datagram, since),
            _ => false,
        };
        let old: Vec<usize> = (0..self.datagrams.len()).filter(|number| old(&self.datagrams[*number])).collect();
        if old.is_empty() && !self.datagrams.iter().any(|datagram| datagram.to == To::All) {
            self.wrong.push(format!("edge {edge} drops something as too old, and has nothing that old with a reason"));
        }
        for number in old {
            self.excuse(number, Excuse::OverLimit);
        }
    }

    /// An edge drops datagrams as too many. That is excused only if it holds that many for, or from, one station.
    pub fn sheds_many(&mut self, now: Instant, edge: usize) {
        let here =
            |datagram: &Datagram| matches!(datagram.seen, Some(Where::In(at, _) | Where::Port(at, _)) if at == edge);
        let groups = self
            .datagrams
            .iter()
            .filter(|datagram| datagram.to == To::All && now < datagram.sent + Micros(2 * AGE.0))
            .count();
        let mut any = false;
        for station in 0..self.stations.len() {
            let counts =
                |datagram: &Datagram| here(datagram) && (datagram.to == To::One(station) || datagram.from == station);
            if self.datagrams.iter().filter(|datagram| counts(datagram)).count() + groups >= FRAMES {
                any = true;
                for datagram in self.datagrams.iter_mut().filter(|datagram| counts(datagram)) {
                    datagram.excuse.get_or_insert(Excuse::OverLimit);
                }
            }
        }
        if !any {
            self.wrong.push(format!("edge {edge} drops something as too much, and has not so much"));
        }
    }

    /// Checks, at rest, that each receiver of a datagram has received it.
    pub fn judge(&mut self) {
        for (number, datagram) in self.datagrams.iter().enumerate() {
            if matches!(datagram.to, To::One(_)) && datagram.excuse.is_none() && datagram.received.is_empty() {
                self.wrong.push(format!("{} never came; last seen {:?}", name(number, datagram), datagram.seen));
            }
        }
    }
}

fn name(number: usize, datagram: &Datagram) -> String {
    format!("datagram {number} from station {} to {:?}", datagram.from, datagram.to)
}
