//! How the machines work together: the parts, a move from start to end, and the rules that hold at every moment.
//!
//! This module has no code. Each page is a few minutes of reading and needs only the pages before it.
//!
//! 1. [`parts`]: the machines, what goes between them, and who owns which state.
//! 2. [`planned_move`]: a planned move over time, message by message.
//! 3. [`failures`]: an abort, a restart in a move, a lost authority, a move that nobody planned.
//! 4. [`versions`]: how an old message never undoes a newer one: versions, floors, and two kinds of acknowledgement.
//! 5. [`invariants`]: what holds at every moment, why each rule is needed, and how it is tested.
//! 6. [`trust`]: whose words the machines believe, and what a liar can cause.
//! 7. [`your_own_nve`]: the machines in your own program: loops, threads, time, storage, sizes.
//!
//! The tables that the machines follow are beside their code: [`nve::rules`](crate::nve::rules) for an edge,
//! [`nva::rules`](crate::nva::rules) for the authority, [`table::Entry`](crate::table::Entry) for the data plane.

#[doc = include_str!("parts.md")]
pub mod parts {}

#[doc = include_str!("planned_move.md")]
pub mod planned_move {}

#[doc = include_str!("failures.md")]
pub mod failures {}

#[doc = include_str!("versions.md")]
pub mod versions {}

#[doc = include_str!("invariants.md")]
pub mod invariants {}

#[doc = include_str!("trust.md")]
pub mod trust {}

#[doc = include_str!("your_own_nve.md")]
pub mod your_own_nve {}
