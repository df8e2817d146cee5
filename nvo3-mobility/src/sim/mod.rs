//! A deterministic simulator: a VM moves between edges, over links that lose, repeat and reorder, while hosts talk to it.
//!
//! In goes a [`Params`], the usual world with one VM, or a [`Scenario`], any world as a value that a seed makes or a
//! file holds, and that [`Scenario::shrink`] makes smaller; out comes a [`Run`]: the figures, what was violated, the
//! timeline and what each link carried. The machines are the real ones ([`Nve`](crate::nve::Nve),
//! [`Forwarder`](crate::forwarder::Forwarder), [`Nva`](crate::nva::Nva)) on real frames and messages; clock, links,
//! hosts, hypervisors and disk are simulated. Equal parameters give equal runs. I1 to I3 of RULES.md are checked
//! after every event, I7 at every look, I4, I6 and I8 at the end (VMM-5-01, VMM-5-04, VMM-5-08, VMM-5-09, R-03, R-34).
//!
//! ```
//! use nvo3_mobility::sim::{Params, run};
//!
//! let run = run(Params::new(7));
//! assert_eq!((run.summary.lost, run.summary.duplicated), (0, 0));
//! assert_eq!(run.violations, []);
//! ```

mod frame;
mod hypervisor;
mod machine;
mod mishaps;
mod net;
mod nodes;
mod oracle;
mod random;
mod report;
mod scenario;
mod tenants;

pub use frame::Numbered;
pub use net::{Capture, Interface, LinkType, Mischief, Packet};
pub use oracle::{Invariant, Loss, Violation, Visited};
pub use random::Chance;
pub use report::{Line, MoveOutcome, RunSummary, Timeline, What};
pub use scenario::{
    Correspondent, EDGES, Fault, Mishap, Move, Params, Path, Record, Scenario, Since, Spot, Trouble, Unfit, Vm,
};
pub use tenants::TenantSummary;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::Instant;
use random::Random;

/// What a run leaves.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The figures.
    pub summary: RunSummary,
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
    machine::World::new(&params.scenario(&mut random), random).run()
}

/// Any world from power-on to rest.
///
/// # Errors
/// What of it cannot be.
pub fn run_scenario(scenario: Scenario) -> Result<Run, Unfit> {
    scenario.validate()?;
    let random = Random::new(scenario.seed, 1);
    Ok(machine::World::new(&scenario, random).run())
}
