//! Who hears of what, and when they have it in force.
//!
//! In come questions, subscriptions, and what a record changed. Out come the letters that say it. The room remembers who is
//! interested in which mapping, who was told that there is no such address, which replication list was pushed, and who does not
//! follow a move yet. (VMM-4.2-08, VMM-4.3-06, DAP-03, DIR-03, DIR-11 … DIR-13, R-34.)

mod convergence;
mod interest;
mod members;
mod resync;
mod room;

pub(super) use room::Publish;
