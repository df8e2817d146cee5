//! The publication of mappings and replication lists to interested NVEs.
//!
//! In go queries, subscriptions, and the changes of records. Out come letters to NVEs. The room remembers the interest of each NVE in
//! mappings, and the NVEs that were told that an address does not exist. It also remembers the replication lists that were pushed, and the
//! NVEs that do not use the new mapping of a move yet. (Rules: VMM-4.2-08 and DIR-11 … DIR-13 say which NVEs hear of a change, VMM-4.3-06
//! asks for replication lists, DAP-03 for the answer to *Resync*. DIR-03 gives answers a lifetime, R-34 says when the new mapping may be
//! pushed.)

mod answers;
mod convergence;
mod feed;
mod interest;
mod members;
mod over;
mod room;
mod until;

pub(super) use room::Publish;
