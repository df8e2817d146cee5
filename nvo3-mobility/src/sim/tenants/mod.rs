//! The tenants' hosts and their traffic: who sends what to whom, and what a frame is to who receives it.
//!
//! The first hosts are the interfaces of the VMs; the others stay where they are. In goes a frame that a port hands
//! over, or the word that something is due; out come frames to put in ports. Where a VM runs and what becomes of a
//! datagram, others know.

mod host;
mod own;
mod traffic;

pub(crate) use host::Received;
pub use own::TenantSummary;
pub(crate) use traffic::Tenants;
