//! A deterministic simulator: a VM moves between edges, over links that lose, repeat and reorder, while hosts talk to it.
//!
//! In goes a [`Params`], the usual world with one VM, or a [`Scenario`], any world as a value that a seed makes or a file
//! holds, and that [`Scenario::shrink`] makes smaller; out comes a [`Run`]: the figures, what was violated, the timeline and what each link carried. The
//! machines are the real ones ([`Nve`](crate::nve::Nve), [`Forwarder`](crate::forwarder::Forwarder),
//! [`Nva`](crate::nva::Nva)) on real frames and messages; clock, links, hosts, hypervisors and disk are simulated. Equal
//! parameters give equal runs. I1 to I3 of DESIGN §3.5 are checked after every event, I7 at every look, I4, I6 and I8 at the end (VMM-5-01,
//! VMM-5-04, VMM-5-08, VMM-5-09, R-03, R-34).
//!
//! ```
//! use nvo3_mobility::sim::{Params, run};
//!
//! let run = run(Params::new(7));
//! assert_eq!((run.report.lost, run.report.duplicated), (0, 0));
//! assert_eq!(run.violations, []);
//! ```

mod authority;
mod capture;
mod check;
mod clock;
mod edge;
mod frame;
mod host;
mod hypervisor;
mod ledger;
mod link;
mod mishap;
mod params;
mod phase;
mod queue;
mod random;
mod report;
mod scenario;
mod seeded;
mod shrink;
mod tenant;
mod timeline;
mod traffic;
mod visited;
mod world;

pub use capture::{Capture, Interface, LinkType, Packet};
pub use check::{Invariant, Violation};
pub use frame::Numbered;
pub use ledger::Loss;
pub use link::Mischief;
pub use params::{Fault, Params, Path, Record};
pub use random::Chance;
pub use report::{MoveReport, Report};
pub use scenario::{Correspondent, EDGES, Mishap, Move, Scenario, Since, Spot, Trouble, Unfit, Vm};
pub use tenant::TenantReport;
pub use timeline::{Line, Timeline, What};
pub use visited::Visited;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::Instant;
use random::Random;

/// What a run leaves.
#[derive(Debug)]
pub struct Run {
    /// The figures.
    pub report: Report,
    /// What was lost, by reason.
    pub losses: BTreeMap<Loss, u64>,
    /// How many mishaps of each kind came about.
    pub mishaps: BTreeMap<&'static str, u64>,
    /// Which states the two tables were in.
    pub visited: Visited,
    /// What must not be; empty in a good run.
    pub violations: Vec<Violation>,
    /// When traffic began, after everything was set up.
    pub began: Instant,
    /// What happened, where it was recorded.
    pub timeline: Timeline,
    /// What each link carried, where it was recorded.
    pub capture: Capture,
}

/// One world of the usual shape from power-on to rest.
pub fn run(params: Params) -> Run {
    let mut random = Random::new(params.seed, 1);
    run_world(world::World::new(params.scenario(&mut random), random))
}

/// Any world from power-on to rest.
///
/// # Errors
/// What of it cannot be.
pub fn run_scenario(scenario: Scenario) -> Result<Run, Unfit> {
    scenario.validate()?;
    let random = Random::new(scenario.seed, 1);
    Ok(run_world(world::World::new(scenario, random)))
}

fn run_world(mut world: world::World) -> Run {
    while world.phase != phase::Phase::Over && world.advance() {}
    world.check_ledger();
    Run {
        report: world.report(),
        losses: world.ledger.losses(),
        mishaps: world.happened,
        visited: world.visited,
        violations: world.checks.violations,
        began: world.began,
        timeline: world.timeline,
        capture: world.capture,
    }
}
