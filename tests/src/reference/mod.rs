//! A reference model beside the machines. Transitions that are drawn from bytes go to real edges and a real authority, and to
//! a simple model that says who should receive which datagram. Both must agree.
//!
//! [`model`] is the simple model. [`world`] has the machines, and [`drive`] takes their outputs. [`lines`] has the queues: the
//! bytes deliver, lose, repeat or delay the head of a queue of control messages; tunnels lose nothing but may be late.
//! [`datagrams`] tells the model where each datagram is. [`hypervisor`] starts and stops VMs by the contract, [`transition`]
//! lists what the bytes may ask for, and [`rest`] checks what must be true when everything has arrived.

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

/// The most transitions of a run. Longer runs find the same faults with more bytes.
const STEPS: usize = 400;

/// A claim that does not hold, and the timeline that led to it.
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

/// Draws the transitions from bytes.
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

/// Applies the transitions, delivers everything, lets time pass, and checks all claims.
///
/// # Errors
/// The claim that does not hold, with the timeline of the shortest list of transitions that still breaks it.
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
