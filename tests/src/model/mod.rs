//! Model checking of the two tables of a move in a small world: three edges, an authority, a frame at any instant, and control
//! messages that are lost, repeated and reordered without limit.
//!
//! The cores are the product's: [`nvo3_mobility::nve::rules::step`] and `entry`, [`nvo3_mobility::nva::rules::step`], and
//! [`Entry::act`](nvo3_mobility::table::Entry::act). What the machines wrap around them is here again as far as a move can
//! notice it: `edge` (cache, table, registration) and `authority` (directory, journal, sessions). `happen` has the events,
//! `rest` what must hold, `fence` the rules that can be taken away, `case` the worlds that are
//! explored, `inert` what makes them fewer, `walk` goes through the largest at random.

mod authority;
pub mod case;
mod edge;
pub mod fence;
mod happen;
mod inert;
mod net;
mod rest;
mod walk;
mod world;
