//! A model checker of the move tables. Its world has three edges, an authority, one frame that may come in at any time, and
//! control messages that are lost, repeated and reordered without limit.
//!
//! The tables are those of the product: [`nvo3_mobility::nve::rules::step`] and `entry`, [`nvo3_mobility::nva::rules::step`],
//! and [`Entry::act`](nvo3_mobility::table::Entry::act). The model has its own simple form of the parts around them, as far
//! as a move depends on these parts: `edge` (cache, forwarder, registration), `authority` (directory, journal, sessions) and `memory`
//! (an authority whose records are lost or old).
//! `happen` has the events, `rest` the properties, `fence` the rules that can be removed, `case` the worlds that are
//! explored. `inert` makes worlds fewer, and `walk` goes through the largest worlds at random.

mod authority;
pub mod case;
mod edge;
pub mod fence;
mod happen;
mod inert;
mod memory;
mod net;
mod rest;
mod walk;
mod world;
