//! The sessions with NVEs: their messages, and the letters that may leave.
//!
//! In go datagrams, [`Letter`]s to send, and the number up to which records are durable. Out come messages of NVEs in order, the
//! [`Receipt`]s of letters that are in force or lost, and datagrams. The room knows no book and no move: it returns a receipt and
//! does not look into it. A letter, and the number up to which an
//! NVE's messages are in force, leave when the record that they rest on is durable (I6). A message without a valid
//! seal changes nothing (VMM-10-10, SPL-14, R-38).

mod edge;
mod hear;
mod letter;
mod room;
mod send;

pub(super) use hear::{Greeting, Heard, Said};
pub(super) use letter::{Letter, Receipt};
pub(super) use room::Peers;
