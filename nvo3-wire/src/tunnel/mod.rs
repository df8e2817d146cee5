//! One face for every encapsulation.

pub(crate) mod outer;
pub(crate) mod template;

pub use template::{EcnMode, source_port};
