//! The hypervisors and the management above them. They ask for moves, suspend, stop, start and resume VMs, and tell the edges
//! before it happens, or after ([`Move::late`](crate::sim::Move::late)).
//!
//! In go due steps, events of edges and of the NVA, and their answers to inputs. Out come [`Deed`]s, which the world does one after
//! the other. No input is lost: a node that is down or refuses gets it again. The module knows no edge and no NVA, only their
//! answers.

mod deed;
mod leg;
mod management;
mod unplanned;
mod vm;

pub(crate) use deed::{Deed, Step};
pub(crate) use leg::Leg;
pub(crate) use management::{Hypervisor, RETRY};
pub(crate) use vm::{HandedOver, Seat, Unread, Vm};
