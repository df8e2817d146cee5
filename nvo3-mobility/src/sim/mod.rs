//! A deterministic simulator: a VM moves between edges, over links that lose, duplicate and reorder, while hosts talk to it.
//!
//! In goes a [`Params`], the usual world with one VM, or a [`Scenario`]: any world as a value. A seed makes a scenario, a file
//! can hold it, and [`Scenario::shrink`] makes it smaller. Out comes a [`Run`]: a summary, the violations, the timeline and the
//! packets of each link. The machines are the real ones ([`Nve`](crate::nve::Nve), [`Forwarder`](crate::forwarder::Forwarder),
//! [`Nva`](crate::nva::Nva)), with real frames and messages. Clock, links, hosts, hypervisors and disk are simulated. Equal
//! parameters give equal runs.
//!
//! Semantic versioning does not cover this module: its API, its scenarios and the figures of a seed may change in any release.
//!
//! The run checks the invariants of RULES.md: I1 to I3, I5 and I12 after every event, I7 and I11 at intervals, and the others at the end (rules
//! VMM-5-01, VMM-5-04, VMM-5-08, VMM-5-09, R-03, R-34).
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

/// The results of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Run {
    /// The figures of the run.
    pub summary: RunSummary,
    /// The number of lost datagrams, by reason.
    pub losses: BTreeMap<Loss, u64>,
    /// The number of mishaps that happened, by kind.
    pub mishaps: BTreeMap<&'static str, u64>,
    /// The states that the two tables were in.
    pub visited: Visited,
    /// The violations of invariants; empty in a good run.
    pub violations: Vec<Violation>,
    /// The time at which traffic began, after everything was set up.
    pub began: Instant,
    /// The timeline, if the parameters ask for it.
    pub timeline: Timeline,
    /// The packets of each link, if the parameters ask for them.
    pub capture: Capture,
}

/// Runs a world of the usual shape from power-on to rest.
pub fn run(params: Params) -> Run {
    let mut random = Random::new(params.seed, 1);
    machine::World::new(&params.scenario(&mut random), random).run()
}

/// Runs any world from power-on to rest.
///
/// # Errors
/// The part of the scenario that cannot be.
pub fn run_scenario(scenario: Scenario) -> Result<Run, Unfit> {
    scenario.validate()?;
    let random = Random::new(scenario.seed, 1);
    Ok(machine::World::new(&scenario, random).run())
}
