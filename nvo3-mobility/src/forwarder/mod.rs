//! The software data plane: a frame comes in, a verdict goes out.
//!
//! In go table changes of the control plane ([`Forwarder::apply`]), and frames of VAPs and tunnels ([`Forwarder::vap_frame`],
//! [`Forwarder::tunnel_frame`]). Out come:
//!
//! - verdicts about frames;
//! - held frames, in order, once the control plane and the room at a port let them leave ([`Forwarder::poll_flush`]; held frames
//!   leave before newer ones, VMM-5-09);
//! - notices for the control plane ([`Forwarder::poll_notice`]);
//! - dropped frames, if the owner asks for them ([`Forwarder::poll_drop`]).
//!
//! A tunnelled frame of a VN is forwarded only if it comes from an NVE of the VN, as the control plane lists them (TUN-10). A frame of
//! another sender waits a short time for a list that names the sender, and is dropped after that.
//!
//! The forwarder holds a frame that cannot leave yet, within bounds of frames, bytes and age, for each TSI and in total. It
//! never floods unknown unicast (DIR-24), learns no mapping from frames (VXL-10) and lets no frame cross a VN (VXL-11). A route
//! never returns a frame to the NVE that it came from. [`Entry::act`](crate::table::Entry::act) says what an entry does.
//!
//! The forwarder remembers the frames that it delivers to a TSI that is about to leave, for a short time. So *Suspend* may come
//! after the VM stopped ([`Change::Tsi`](crate::table::Change::Tsi)'s `replay_since`). Once warm, a frame costs no allocation.
//!
//! Most programs drive an [`Edge`](crate::edge::Edge), which has a `Forwarder` in it. Drive a `Forwarder` alone, for instance one on
//! each core, under a [`ForeignEdge`](crate::edge::foreign::ForeignEdge).
//!
//! # Inside
//!
//! | room | what it holds |
//! |---|---|
//! | `ports`, `vns`, `slots` | the tables: ports, virtual networks with their receivers of group frames, TSIs |
//! | `hold` | held frames, their limits, ages and turns |
//! | `strangers` | tunnelled frames from NVEs that the list of the VN does not name yet |
//! | `recent` | remembered frames, which were delivered lately |
//! | `notice`, `tally` | notices and dropped frames that wait to be polled, and counters |
//! | `machine` | the clock, and the way of each input to its room |

pub(crate) mod classify;
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
mod strangers;
mod tag;
mod tally;
#[cfg(test)]
mod tests;
mod turns;
mod verdict;
mod vns;
mod way;

pub use config::ForwarderConfig;
pub use counters::{ForwarderCounters, TsiCounters};
pub use drop_reason::DropReason;
pub use dropped::Dropped;
pub use line::{HeldFrames, Line, StoredFrames};
pub use machine::Forwarder;
pub use notice::Notice;
pub use origin::Origin;
pub use refusal::{ChangeRefusal, RefusedChange};
pub use verdict::{Entrance, Target, Verdict};
