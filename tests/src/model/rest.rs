//! The run to rest: from any state, without further faults, until no event is left.
//!
//! At rest all parties must agree where the VM is (I4), and no move may be left (I8). Before a timer fires, no edge may hold a
//! frame while the VM runs at an edge that delivers (I2).

use super::edge::Stage;
use super::fence::Rules;
use super::happen::{Event, hypervisors, soon, timers};
use super::net::{At, name};
use super::world::{EDGES, Faults, Frame, Move, World};
use ahash::RandomState;
use nvo3_mobility::nva::rules::State::{PreparingNew, PreparingOld, Ready};
use nvo3_mobility::nve::rules::State;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// The most steps of a run. No run without faults needs so many.
const MOST_STEPS: usize = 400;

/// The most worlds at rest that are remembered.
const REMEMBERED: usize = 1 << 22;

/// The invariant that is broken, and how.
pub type Broken = (&'static str, String);

/// The worlds that are known to come to rest. Most runs soon meet such a world. The set is bounded; a world that falls out is run again.
pub struct Rests {
    marks: Vec<AtomicU64>,
    hasher: RandomState,
}

impl Default for Rests {
    fn default() -> Self {
        Self {
            marks: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::with_seeds(1, 2, 3, 4),
        }
    }
}

impl Rests {
    /// True if the world comes to a good state of rest.
    pub fn has(&self, start: &World, rules: &Rules) -> bool {
        let mut world = World { left: Faults::default(), ..start.clone() };
        let mut new = Vec::new();
        for _ in 0..MOST_STEPS {
            let mark = self.hasher.hash_one(&world);
            if self.place(mark).load(Relaxed) == mark {
                break;
            }
            new.push(mark);
            match next(&world, rules) {
                Ok(Some((_, next))) => world = next,
                Ok(None) if check(&world, rules).is_ok() => break,
                _ => return false,
            }
        }
        if new.len() == MOST_STEPS {
            return false;
        }
        new.iter().for_each(|mark| self.place(*mark).store(*mark, Relaxed));
        true
    }

    fn place(&self, mark: u64) -> &AtomicU64 {
        &self.marks[mark as usize % REMEMBERED]
    }
}

/// Runs the world to rest, and gives each step to `seen`.
pub fn run(start: &World, rules: &Rules, mut seen: impl FnMut(Event, &World)) -> Result<(), Broken> {
    let mut world = start.clone();
    for _ in 0..MOST_STEPS {
        let Some((event, next)) = next(&world, rules)? else { return check(&world, rules) };
        seen(event, &next);
        world = next;
    }
    Err(("I8", "it never comes to rest".into()))
}

/// The next event. The network goes first. Hypervisors act when the network is quiet, and timers fire when both are.
fn next(world: &World, rules: &Rules) -> Result<Option<(Event, World)>, Broken> {
    let mut events = Vec::new();
    let classes: [fn(&World, &Rules, &mut Vec<Event>); 3] = [soon, hypervisors, timers];
    for (class, find) in classes.into_iter().enumerate() {
        if class == 1 {
            not_kept(world, rules)?;
        }
        events.clear();
        find(world, rules, &mut events);
        for event in &events {
            let mut next = world.clone();
            let happened = Stage { world: &mut next, rules }.happen(*event);
            if let Event::Arrives(packet) = event {
                // In a run to rest each message arrives once.
                if !rules.ordered {
                    let mut rest = world.clone();
                    rest.net.consume(*packet);
                    Stage { world: &mut rest, rules }.happen(*event);
                    next = rest;
                }
            }
            if happened && next != *world {
                return Ok(Some((*event, next)));
            }
        }
    }
    Ok(None)
}

/// Checks that no edge holds a frame of its own VAPs while the VM runs, as long as the authority has not heard that the VM leaves.
fn not_kept(world: &World, rules: &Rules) -> Result<(), Broken> {
    let at = world.host.at;
    let leaves = |mv: &Move| !matches!(mv.state, PreparingNew { left: false } | PreparingOld | Ready);
    if world.nva.open.as_ref().is_none_or(leaves) {
        return Ok(());
    }
    match world.frame {
        // An edge that waits for the answer about a claim holds frames.
        Frame::Held { at: keeper, .. } if world.host.liar == Some(keeper) => Ok(()),
        Frame::Held { at: keeper, from: None, .. } if world.host.runs && world.delivers(at, rules) => {
            Err(("I2", format!("{} keeps the frame and the VM runs at {}", name(keeper), name(at))))
        }
        _ => Ok(()),
    }
}

fn check(world: &World, rules: &Rules) -> Result<(), Broken> {
    let at = world.host.at;
    if let Some(mv) = world.nva.open {
        return Err(("I8", format!("move {} never ends: {:?}", mv.id, mv.state)));
    }
    for n in EDGES {
        let state = world.state(n);
        if !matches!(state, State::Away | State::Here | State::Forwarding { .. }) {
            return Err(("I8", format!("{} rests in {}", name(n), state.name())));
        }
    }
    if !world.host.runs {
        return Err(("I8", "the VM never runs again".into()));
    }
    if world.nva.at != at {
        return Err(("I4", format!("the directory says {} and the VM runs at {}", name(world.nva.at), name(at))));
    }
    for n in EDGES {
        if world.delivers(n, rules) != (n == at) {
            return Err(("I4", format!("the VM runs at {} and {} says otherwise", name(at), name(n))));
        }
        let (version, to) = world.edge(n).cached;
        // A version whose record is lost may stay with the right place until the next change.
        let lost = world.nva.memory.as_ref().is_some_and(|memory| memory.is_lost(version));
        if version > 0 && (version, to) != (world.nva.version, at) && !(lost && to == at) && n != at {
            return Err(("I4", format!("{} has {}@{version}, the directory {}", name(n), name(to), world.nva.version)));
        }
    }
    if let Some(n) = EDGES.into_iter().find(|n| matches!(world.state(*n), State::Forwarding { .. })) {
        return Err(("I8", format!("{} forwards for ever", name(n))));
    }
    if world.under_way() {
        return Err(("I2", format!("the frame never arrives: {:?}", world.frame)));
    }
    lost(world)
}

/// Checks that the frame was neither lost nor looped.
pub fn lost(world: &World) -> Result<(), Broken> {
    match world.frame {
        Frame::Returned { at } => {
            Err(("I2", format!("{} would return the frame by its mapping and drops it", name(at))))
        }
        Frame::Unread { at } => Err(("I2", format!("{} delivers the frame and the VM does not run there", name(at)))),
        Frame::Looped => Err(("I3", "the frame loops".into())),
        _ => Ok(()),
    }
}

/// Checks that no claim took the VM away from an edge that knows that the VM runs there.
pub fn claimed(world: &World) -> Result<(), Broken> {
    if world.host.robbed { Err(("I11", "a port got the VM by a frame in its name".into())) } else { Ok(()) }
}

/// Checks that at most one edge delivers, and only where the VM runs. While a VM that died is astray, an edge that the authority counts
/// as gone may deliver too.
pub fn one_delivers(world: &World, rules: &Rules) -> Result<(), Broken> {
    let astray = world.host.astray;
    // A hypervisor's word in a planned move counts before the old edge has stopped delivering.
    let overtakes = world.state(world.host.at).plan().is_some_and(|plan| !plan.id.is_reserved());
    let overtaken = |n: At| n != world.host.at && (overtakes || world.host.overtaken);
    // An authority that came back does not wait for what an edge restates if a hypervisor says where the VM is.
    let unheard = |n: At| world.nva.memory.as_ref().is_some_and(|memory| !memory.has_restated(n));
    let excused = |n: At| astray && (world.edge(n).gone || overtaken(n) || unheard(n));
    let counts = |n: &At| world.delivers(*n, rules) && !excused(*n);
    let all: Vec<_> = EDGES.into_iter().filter(counts).collect();
    if all.len() > 1 {
        return Err(("I1", format!("{} and {} deliver", name(all[0]), name(all[1]))));
    }
    match all.first() {
        Some(n) if world.host.runs && *n != world.host.at && !astray => {
            Err(("I1", format!("{} delivers and the VM runs at {}", name(*n), name(world.host.at))))
        }
        _ => Ok(()),
    }
}
