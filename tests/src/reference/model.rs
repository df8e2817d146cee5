//! Who should receive what. Facts and words only: where each VM runs, what was sent, who died when, how much may be held.
//! Nothing here knows a message, a version or a state of the machines.

use nvo3_nva_proto::{Instant, Micros};
use std::collections::{BTreeMap, BTreeSet};

/// Held or remembered at most for one station.
pub const FRAMES: usize = 32;
/// The least time after which a held frame may be too old.
pub const AGE: Micros = Micros::from_secs(3);
/// What was delivered is remembered for so long, for a late word.
pub const REMEMBERED: Micros = Micros::from_secs(1);

/// Where a VM is.
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

/// For whom a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    One(usize),
    /// Every other station of the sender's VN.
    All,
}

/// Where a unicast datagram was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In the tunnel out of an edge.
    Tunnel(usize),
    /// Kept by an edge, since then.
    In(usize, Instant),
    /// In the port of a stopped VM at an edge, since then.
    Port(usize, Instant),
}

/// Why a datagram need not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// It was in the memory of an edge that died.
    InDeadNode,
    /// It was sent to an edge that was down.
    ToDownNode,
    /// It came to an edge that had died since its receiver was there, or was to come there: that edge's memory would have
    /// sent it on.
    Forgotten,
    /// It came to, by or from an edge that was cut off, and may follow what others have given up meanwhile.
    Cut,
    /// It was held for too long, or with too many others.
    OverLimit,
}

#[derive(Clone, Debug)]
struct Datagram {
    from: usize,
    to: To,
    sender_at: usize,
    sent: Instant,
    seen: Option<Where>,
    /// The edges that it came by.
    came_by: BTreeSet<usize>,
    /// By which station, at which edge.
    received: BTreeSet<(usize, usize)>,
    excuse: Option<Excuse>,
}

/// What is known of the world.
#[derive(Clone, Debug)]
pub struct Model {
    /// The VM and the VN of each station.
    stations: Vec<(usize, usize)>,
    /// Where each VM is.
    pub seats: Vec<Seat>,
    datagrams: Vec<Datagram>,
    /// When a VM was last at an edge, or was to come there.
    there: BTreeMap<(usize, usize), Instant>,
    died: BTreeMap<usize, Instant>,
    /// Until when what comes to or from an edge that was cut off is excused.
    cut: BTreeMap<usize, Instant>,
    /// Until when a node that died may keep the others waiting.
    down: BTreeMap<usize, Instant>,
    /// When a VM last did not run, or its edge waited for a word about it.
    in_question: BTreeMap<usize, Instant>,
    /// What must not be.
    pub wrong: Vec<String>,
}

impl Model {
    pub fn new(stations: Vec<(usize, usize)>, seats: Vec<Seat>) -> Self {
        let (datagrams, wrong) = (Vec::new(), Vec::new());
        let (there, died, cut, down, in_question) = Default::default();
        Self { stations, seats, datagrams, there, died, cut, down, in_question, wrong }
    }

    /// A station sends: the datagram's number.
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

    /// A VM will not read what is in its port any more: the edge keeps it, unless that was sent on already.
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
    /// Copies of a broadcast go to each edge by themselves: one that is under way while a VM moves may meet it, or its
    /// sender, again at the edge where it runs then. Only what an edge does is judged, so that is allowed once an edge.
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

    /// It is back, and will have told and heard everything by then.
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

    /// An edge that was cut off and the authority hear each other again, and will have told each other everything by then.
    pub fn agrees(&mut self, edge: usize, by: Instant) {
        self.cut.entry(edge).and_modify(|until| *until = by.min(*until));
    }

    /// Why an edge may drop a datagram for another reason than its limits.
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

    /// An edge drops something that it kept.
    pub fn sheds(&mut self, now: Instant, edge: usize, why: &str) {
        let here = |one: &Datagram| matches!(one.seen, Some(Where::In(at, _)) if at == edge);
        let excused: Vec<(usize, Excuse)> = (0..)
            .zip(&self.datagrams)
            .filter(|(_, one)| here(one))
            .filter_map(|(number, one)| Some((number, self.may_drop(now, one, edge)?)))
            .collect();
        if excused.is_empty() {
            self.wrong.push(format!("edge {edge} drops from its memory: {why}"));
        }
        for (number, excuse) in excused {
            self.excuse(number, excuse);
        }
    }

    /// Whether anything gave an edge a reason to hold a datagram: somebody down or cut off, or a VM in question.
    fn may_wait(&self, datagram: &Datagram, since: Instant) -> bool {
        let To::One(to) = datagram.to else { return true };
        let vms = [self.stations[to].0, self.stations[datagram.from].0];
        self.cut.values().chain(self.down.values()).any(|until| *until >= since)
            || vms.iter().any(|vm| self.in_question.get(vm).is_some_and(|at| *at >= since))
    }

    /// An edge drops what is too old. Its limits excuse that only for what was there so long, with a reason.
    pub fn sheds_old(&mut self, now: Instant, edge: usize) {
        let old = |one: &Datagram| match one.seen {
            Some(Where::In(at, since)) => at == edge && since + AGE <= now && self.may_wait(one, since),
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

    /// An edge drops what is too much. Its limits excuse that only where it has so much for, or from, one station.
    pub fn sheds_many(&mut self, now: Instant, edge: usize) {
        let here =
            |datagram: &Datagram| matches!(datagram.seen, Some(Where::In(at, _) | Where::Port(at, _)) if at == edge);
        let groups =
            self.datagrams.iter().filter(|one| one.to == To::All && now < one.sent + Micros(2 * AGE.0)).count();
        let mut any = false;
        for station in 0..self.stations.len() {
            let is_about =
                |datagram: &Datagram| here(datagram) && (datagram.to == To::One(station) || datagram.from == station);
            if self.datagrams.iter().filter(|one| is_about(one)).count() + groups >= FRAMES {
                any = true;
                for datagram in self.datagrams.iter_mut().filter(|one| is_about(one)) {
                    datagram.excuse.get_or_insert(Excuse::OverLimit);
                }
            }
        }
        if !any {
            self.wrong.push(format!("edge {edge} drops something as too much, and has not so much"));
        }
    }

    /// When everything was carried and time has passed: who had to receive a datagram has it.
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
