//! A deterministic simulator: a VM moves between edges, over links that lose, repeat and reorder, while hosts talk to it.
//!
//! In goes a [`Params`], out comes a [`Run`]: the figures, what was violated, the timeline and what each link carried. The
//! machines are the real ones ([`Nve`](crate::nve::Nve), [`Forwarder`](crate::forwarder::Forwarder),
//! [`Nva`](crate::nva::Nva)) on real frames and messages; clock, links, hosts, hypervisors and disk are simulated. Equal
//! parameters give equal runs. I1 to I3 of DESIGN §3.5 are checked after every event, I4, I6 and I8 at the end (VMM-5-01,
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
mod edge;
mod frame;
mod host;
mod hypervisor;
mod ledger;
mod link;
mod params;
mod phase;
mod queue;
mod random;
mod report;
mod tenant;
mod timeline;
mod traffic;
mod world;

pub use capture::{Capture, Interface, LinkType, Packet};
pub use check::{Invariant, Violation};
pub use frame::Numbered;
pub use ledger::Loss;
pub use link::Mischief;
pub use params::{Fault, Params, Path, Record};
pub use random::Chance;
pub use report::{MoveReport, Report};
pub use tenant::TenantReport;
pub use timeline::{Line, Timeline, What};

use alloc::vec::Vec;
use nvo3_nva_proto::Instant;

/// What a run leaves.
#[derive(Debug)]
pub struct Run {
    /// The figures.
    pub report: Report,
    /// What must not be; empty in a good run.
    pub violations: Vec<Violation>,
    /// When traffic began, after everything was set up.
    pub began: Instant,
    /// What happened, where it was recorded.
    pub timeline: Timeline,
    /// What each link carried, where it was recorded.
    pub capture: Capture,
}

/// One world from power-on to rest.
pub fn run(params: Params) -> Run {
    let mut world = world::World::new(params);
    while world.phase != phase::Phase::Over && world.advance() {}
    world.check_ledger();
    Run {
        report: world.report(),
        violations: world.checks.violations,
        began: world.began,
        timeline: world.timeline,
        capture: world.capture,
    }
}
