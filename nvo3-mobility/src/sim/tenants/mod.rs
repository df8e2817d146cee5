//! The tenants' hosts and their traffic: the frames that they send, and their reading of received frames.
//!
//! The first hosts are the interfaces of the VMs; the others do not move. In go frames from ports, and deadlines. Out come frames for
//! ports. Other rooms know where a VM runs and what became of a datagram.

mod host;
mod own;
mod traffic;

pub(crate) use host::Received;
pub use own::TenantSummary;
pub(crate) use traffic::Tenants;
