//! Compares the output of `dissect`, field by field, with two other readings: the values from which another library
//! built the frames, and tshark's reading of captures of other projects.
//!
//! Needs the folder of the vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../../examples/dissect/capture.rs"]
mod capture;
mod captured;
mod differences;
mod faults;
mod generated;
#[path = "../../examples/dissect/json.rs"]
mod json;
mod linux;
#[path = "../../examples/dissect/options.rs"]
mod options;
mod tunnels;

use nvo3_wire::dissect::Dissect;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};

/// A folder of the vectors. `None`, with a printed reason, if it is absent.
fn folder(name: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join(name);
    if !folder.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", folder.display());
        return None;
    }
    Some(folder)
}

/// The output of `dissect` for all frames of a capture. `with` sets the options for the frame of an index.
fn dissected(capture: &Path, with: impl for<'a> Fn(usize, Dissect<'a>) -> Dissect<'a>) -> Vec<Value> {
    let frames = capture::read(capture).unwrap();
    let print = |(at, frame): (usize, &capture::Captured)| match capture::start(frame) {
        Some((walk, base)) => json::frame(at + 1, frame.data.len(), base, with(at, walk)),
        None => json::unread(at + 1, frame.data.len()),
    };
    frames.iter().enumerate().map(print).collect()
}

fn rows(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
