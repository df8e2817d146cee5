//! The edge's control plane.
pub mod core;
