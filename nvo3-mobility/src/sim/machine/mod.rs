//! The world: it keeps the clock, gives each event to its room, and carries each effect to the next room.
//!
//! The world carries out everything that an effect causes before the next effect. Only the world knows more than one room.

mod carry;
mod course;
mod ports;
mod queue;
mod trouble;
mod unplanned;
mod world;

pub(super) use world::World;
