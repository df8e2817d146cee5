//! The software data plane: a frame comes in, a verdict goes out.
//!
//! In come control's orders ([`Forwarder::apply`]), and the frames of VAPs and tunnels ([`Forwarder::vap_frame`],
//! [`Forwarder::tunnel_frame`]). Out go verdicts; held frames, in order, once control or a port's room lets them
//! ([`Forwarder::poll_flush`], VMM-5-09); what control should know ([`Forwarder::poll_notice`]); and, if the owner asks for
//! them, the frames that were dropped ([`Forwarder::poll_drop`]).
//!
//! A frame that cannot go yet is held: bounded by frames, bytes and age for each TSI and in all. Unknown unicast is
//! never flooded (DIR-24). No mapping is learned from frames (VXL-10). Nothing crosses a VN (VXL-11). A route never returns
//! a frame to the NVE that it came from. What an entry means is [`Entry::act`](crate::table::Entry::act)'s to say.
//! What is delivered to a TSI that is about to leave is remembered for a moment, so that the word that its VM stopped may
//! come late ([`Change::Tsi`](crate::table::Change::Tsi)'s `replay_since`). Once warm, a frame costs no allocation.
//!
//! | room | holds |
//! |---|---|
//! | `ports`, `vns`, `slots` | the tables: ports, virtual networks with their receivers of group frames, TSIs |
//! | `hold` | held frames, their limits, ages and turns |
//! | `recent` | frames that were delivered lately |
//! | `notice`, `tally` | what waits to be polled, and what is counted |
//! | `machine` | the clock, and which room each input goes to |

mod classify;
mod config;
mod counters;
mod deadlines;
mod directive;
mod drop_reason;
mod dropped;
mod hold;
mod line;
mod machine;
mod notice;
mod origin;
mod pool;
mod ports;
mod recent;
mod refusal;
mod slot;
mod slots;
mod tag;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;
mod vns;
mod way;

pub use config::ForwarderConfig;
pub use counters::{ForwarderCounters, TsiCounters};
pub use drop_reason::DropReason;
pub use dropped::Dropped;
pub use line::{HeldFrames, Line};
pub use machine::Forwarder;
pub use notice::Notice;
pub use origin::Origin;
pub use refusal::{ChangeRefusal, RefusedChange};
pub use verdict::{Target, Verdict};
