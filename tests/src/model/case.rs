//! The cases: which worlds are explored, and how.

use super::edge::Stage;
use super::fence::{Fence, Rules};
use super::happen::{Event, faults, hypervisors, soon, timers};
use super::rest::{self, Rests};
use super::walk::{Way, walk};
use super::world::{Faults, World};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::time::Instant;

/// A world and the faults that may happen in it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    faults: Faults,
    ordered: bool,
    /// The depth at which exploration stops; `None` explores the whole world.
    depth: Option<usize>,
}

const NONE: Faults = Faults {
    moves: 1,
    crashes: 0,
    resumes: 0,
    refusals: 0,
    cuts: 0,
    unplanned: 0,
    lies: 0,
    stores: 0,
    one: false,
    deadlines: true,
};
const WHOLE: Case = Case { name: "", faults: NONE, ordered: false, depth: None };

/// All cases, the smallest first.
pub const CASES: [Case; 12] = [
    Case {
        name: "one-move",
        faults: Faults { crashes: 1, unplanned: 1, lies: 1, stores: 1, one: true, resumes: 1, ..NONE },
        ..WHOLE
    },
    Case {
        name: "refusing-forwarder",
        faults: Faults { refusals: 2, resumes: 1, cuts: 1, ..NONE },
        ordered: true,
        ..WHOLE
    },
    Case { name: "ordered", faults: Faults { crashes: 1, resumes: 1, ..NONE }, ordered: true, ..WHOLE },
    Case { name: "unplanned", faults: Faults { unplanned: 1, resumes: 1, cuts: 1, ..NONE }, ordered: true, ..WHOLE },
    Case { name: "liar", faults: Faults { lies: 1, resumes: 1, cuts: 1, ..NONE }, ordered: true, ..WHOLE },
    Case { name: "store", faults: Faults { stores: 1, resumes: 1, ..NONE }, ordered: true, ..WHOLE },
    Case { name: "cut", faults: Faults { crashes: 1, cuts: 1, ..NONE }, ordered: true, ..WHOLE },
    Case { name: "two-moves-abort", faults: Faults { moves: 2, resumes: 1, ..NONE }, ..WHOLE },
    Case { name: "two-moves-crash", faults: Faults { moves: 2, crashes: 1, deadlines: false, ..NONE }, ..WHOLE },
    Case {
        name: "two-moves-all",
        faults: Faults { moves: 2, crashes: 1, resumes: 1, ..NONE },
        depth: Some(30),
        ..WHOLE
    },
    Case {
        name: "deep",
        faults: Faults { moves: 2, crashes: 2, resumes: 1, cuts: 1, ..NONE },
        depth: Some(15),
        ..WHOLE
    },
    Case {
        name: "deep-ordered",
        faults: Faults { moves: 2, crashes: 2, resumes: 1, refusals: 2, cuts: 1, ..NONE },
        ordered: true,
        depth: Some(14),
    },
];

/// The result of an exploration: its size, and the first trace that breaks an invariant.
pub struct Explored {
    pub states: usize,
    pub depth: usize,
    pub violations: usize,
    /// More lines to print.
    pub lines: Vec<String>,
}

pub(super) struct Small {
    case: Case,
    rules: Rules,
    rests: Rests,
}

const CLAIMED: &str = "I11: a claim takes no VM from an edge that knows it";
const ONE_DELIVERS: &str = "I1: one edge delivers, where the VM runs";
const NOT_LOST: &str = "I2, I3: the frame is neither lost nor loops";
const RESTS: &str = "I2, I4, I8: a run without faults comes to a good rest";

impl Model for Small {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.case.faults, self.rules.ordered)]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        soon(world, &self.rules, to);
        hypervisors(world, &self.rules, to);
        timers(world, &self.rules, to);
        if !world.left.deadlines {
            to.retain(|event| *event != Event::Deadline);
        }
        let before = to.len();
        faults(world, to);
        let resumes = to[..before].contains(&Event::Resumes);
        let mut n = 0;
        to.retain(|event| {
            n += 1;
            n <= before || !resumes || *event != Event::Resumes
        });
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        let mut stage = Stage { world: &mut next, rules: &self.rules };
        if !stage.happen(event) {
            return None;
        }
        stage.normalize();
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_DELIVERS, |model: &Self, world: &World| {
                rest::one_delivers(world, &model.rules).is_ok()
            }),
            Property::always(NOT_LOST, |_, world: &World| rest::lost(world).is_ok()),
            Property::always(CLAIMED, |_, world: &World| rest::claimed(world).is_ok()),
            Property::always(RESTS, |model: &Self, world: &World| {
                rest::lost(world).is_err() || model.rests.has(world, &model.rules)
            }),
        ]
    }
}

impl Case {
    pub fn named(name: &str) -> Option<Self> {
        CASES.iter().find(|case| case.name == name).copied()
    }

    /// Explores the case until an invariant breaks.
    pub fn explore(self, without: Option<Fence>, depth: Option<usize>, most: Option<usize>) -> Explored {
        let rules = Rules { without, ordered: self.ordered };
        let depth = depth.or(self.depth);
        let began = Instant::now();
        let mut checker =
            Small { case: self, rules, rests: Rests::default() }.checker().finish_when(HasDiscoveries::Any);
        if let Some(depth) = depth {
            checker = checker.target_max_depth(depth);
        }
        if let Some(most) = most {
            checker = checker.target_state_count(most);
        }
        let checker = checker.spawn_bfs().join();
        let mut explored = Explored {
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            violations: 0,
            lines: Vec::new(),
        };
        let bound = match depth {
            Some(depth) => format!("to depth {depth}"),
            None if most.is_some_and(|most| checker.state_count() >= most) => "in part".into(),
            None => "whole".into(),
        };
        explored.lines.push(format!("explored {bound} in {:.1} s", began.elapsed().as_secs_f64()));
        for (property, path) in checker.discoveries() {
            explored.note(property, path.into_vec(), &rules);
        }
        explored
    }

    /// Does `walks` random walks, numbered from `first`, until a property breaks. The report's states are steps.
    pub fn walk(self, without: Option<Fence>, first: u64, walks: u64) -> Explored {
        let rules = Rules { without, ordered: self.ordered };
        let small = Small { case: self, rules, rests: Rests::default() };
        let began = Instant::now();
        let mut explored = Explored { states: 0, depth: 0, violations: 0, lines: Vec::new() };
        for number in first..first.saturating_add(walks) {
            let (steps, broken) = walk(&small, number);
            explored.states += steps;
            explored.depth = explored.depth.max(steps);
            if let Some((property, way)) = broken {
                explored.lines.push(format!("walk {number} breaks; again: {} --walks 1 --seed {number}", self.name));
                explored.note(property, way, &rules);
                break;
            }
        }
        let time = began.elapsed().as_secs_f64();
        explored.lines.push(format!("walked from seed {first}, {walks} walks asked for, in {time:.1} s"));
        explored
    }
}

impl Explored {
    fn note(&mut self, property: &str, way: Way, rules: &Rules) {
        self.violations += 1;
        self.lines.push(format!("VIOLATION of {property}"));
        self.lines.extend(timeline(way, rules));
    }
}

/// Prints a trace, one line for each event, and the run to rest after it.
fn timeline(way: Way, rules: &Rules) -> Vec<String> {
    let mut lines = Vec::new();
    let mut last = None;
    let mut event: Option<Event> = None;
    for (n, (world, next)) in way.into_iter().enumerate() {
        let what = event.map_or_else(|| "begins".into(), |event| format!("{event:?}"));
        lines.push(format!("{n:3}  {what}\n       {world}"));
        event = next;
        last = Some(world);
    }
    let Some(world) = last else { return lines };
    let now = rest::one_delivers(&world, rules).and_then(|()| rest::lost(&world)).and_then(|()| rest::claimed(&world));
    let broken = now.and_then(|()| {
        lines.push("     without faults from here on:".into());
        rest::run(&world, rules, |event, world| lines.push(format!("     {event:?}\n       {world}")))
    });
    if let Err((invariant, what)) = broken {
        lines.push(format!("     {invariant}: {what}"));
    }
    lines
}
