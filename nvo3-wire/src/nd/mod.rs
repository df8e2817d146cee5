//! Neighbor Discovery (RFC 4861): Neighbor Solicitations and Advertisements, read and written.
//!
//! In comes an [`ipv6::Packet`](crate::ipv6::Packet), out goes a [`Nd`] whose variant says which message it is, so that
//! no accessor exists for a message that lacks the field. Options are checked once when the message is parsed and then
//! iterated without failing; [`Message::validate`] applies the receiver's rules ND-01, ND-02, ND-03, ND-05. Whole frames
//! are written by [`solicitation`] and [`advertisement`].

mod build;
mod message;
mod option;
#[cfg(test)]
mod tests;

pub use build::{Advertise, BARE_FRAME_LEN, FRAME_LEN, Solicit, To, advertisement, announcement, dad, solicitation};
pub use message::{Advertisement, Flags, Message, Nd, Solicitation};
pub use option::{NdOption, OptionIter, Options};
