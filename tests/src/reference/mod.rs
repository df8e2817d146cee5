//! A reference model beside the machines: transitions drawn from bytes are applied to real edges and a real authority, and
//! to a page that says who should receive what; both must agree.
//!
//! [`model`] is the page. [`world`] has the machines, which [`drive`] takes what they give, and what is under way in
//! [`lines`]: control messages in queues whose head the bytes deliver, lose, repeat or delay, and tunnels that lose nothing
//! and may be late. [`datagrams`] tells the model where each one is. [`hypervisor`] keeps the contract of those who start and
//! stop VMs, [`transition`] is what the bytes may say, and [`rest`] is what must be true when everything was carried.

pub mod datagrams;
pub mod drive;
pub mod hypervisor;
pub mod lines;
pub mod model;
pub mod rest;
pub mod transition;
pub mod world;

use arbitrary::{Arbitrary, Unstructured};
use std::fmt;
use transition::Transition;
use world::World;

/// Longer runs find the same with more bytes.
const STEPS: usize = 400;

/// What must not be, and what happened before.
#[derive(Clone, Debug)]
pub struct Violation {
    pub what: Vec<String>,
    pub timeline: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.timeline {
            writeln!(f, "{line}")?;
        }
        self.what.iter().try_for_each(|what| writeln!(f, "VIOLATION: {what}"))
    }
}

/// The transitions that bytes say.
pub fn transitions(bytes: &[u8]) -> Vec<Transition> {
    let mut from = Unstructured::new(bytes);
    let mut all = Vec::new();
    while !from.is_empty()
        && all.len() < STEPS
        && let Ok(next) = Transition::arbitrary(&mut from)
    {
        all.push(next);
    }
    all
}

/// Lets these things happen, then everything be carried and time pass.
///
/// # Errors
/// What the machines did that the model does not allow, and the timeline of as few of the transitions as do it too.
pub fn run(transitions: &[Transition]) -> Result<(), Violation> {
    if played(transitions, false).is_ok() {
        return Ok(());
    }
    let mut few = transitions.to_vec();
    let mut at = few.len();
    while let Some(last) = at.checked_sub(1) {
        at = last;
        let mut fewer = few.clone();
        fewer.remove(at);
        if played(&fewer, false).is_err() {
            few = fewer;
        }
    }
    played(&few, true)
}

fn played(transitions: &[Transition], recorded: bool) -> Result<(), Violation> {
    let mut world = World::new(recorded);
    for transition in transitions {
        world.happen(*transition);
        if !world.model.wrong.is_empty() {
            return Err(world.violation());
        }
    }
    world.come_to_rest();
    if world.model.wrong.is_empty() { Ok(()) } else { Err(world.violation()) }
}
