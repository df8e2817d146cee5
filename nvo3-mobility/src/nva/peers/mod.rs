//! Sessions with NVEs: who has one, what they say, and what may leave.
//!
//! In come datagrams, [`Letter`]s to be sent, and how far records are durable. Out come messages of NVEs in order, the
//! [`Receipt`]s of letters that are in force or got lost, and datagrams. The room knows no book and no move: it hands a receipt
//! back and does not look into it. A letter leaves when every record that was made before it is durable (I6), and what is under
//! no valid seal changes nothing (VMM-10-10, SPL-14, R-38).

mod edge;
mod hear;
mod letter;
mod room;
mod send;

pub(super) use hear::{Heard, Said};
pub(super) use letter::{Letter, Receipt};
pub(super) use room::Peers;
