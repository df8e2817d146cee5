//! What a run leaves to read: the timeline of what happened, and the figures.
//!
//! In goes each line as it happens, and in the end the rooms that have counted; out come text, a Mermaid diagram, and a
//! [`RunSummary`] that `serde` writes as JSON.

mod figures;
mod timeline;

pub use figures::{MoveOutcome, RunSummary};
pub use timeline::{Line, Timeline, What};
