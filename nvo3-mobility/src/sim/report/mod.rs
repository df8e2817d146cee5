//! The report of a run: its timeline and its figures.
//!
//! In goes each line as it happens, and at the end the rooms that have counted. Out come text, a Mermaid diagram, and a
//! [`RunSummary`] that `serde` writes as JSON.

mod figures;
mod timeline;

pub use figures::{MoveOutcome, RunSummary};
pub use timeline::{Line, Timeline, What};
