//! The world: it keeps the clock, hands each event to the room it belongs to, and carries what comes of it to the next
//! room.
//!
//! What an effect causes is done before the next effect. Only here is more than one room known.

mod carry;
mod course;
mod ports;
mod queue;
mod trouble;
mod world;

pub(super) use world::World;
