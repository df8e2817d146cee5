//! The hypervisors and the management above them: they ask for moves, suspend, stop, start and resume VMs, and say so to
//! the edges, before it happens or ([`Move::late`](crate::sim::Move::late)) after.
//!
//! In goes that a step is due, what an edge or the authority says, or how a word was taken; out come [`Deed`]s, which
//! the world does one after the other. Nothing that is said is lost: who is down or refuses is told again. No edge and
//! no authority is known here, only their answers.

mod deed;
mod leg;
mod management;
mod vm;

pub(crate) use deed::{Deed, Step};
pub(crate) use leg::Leg;
pub(crate) use management::{Hypervisor, RETRY};
pub(crate) use vm::{HandedOver, Seat, Unread};
