//! What a run leaves to read: the timeline of what happened, and the figures.
//!
//! In goes each line as it happens, and in the end the rooms that have counted; out come text, a Mermaid diagram, and a
//! [`Report`] that `serde` writes as JSON.

mod figures;
mod timeline;

pub use figures::{MoveReport, Report};
pub use timeline::{Line, Timeline, What};
