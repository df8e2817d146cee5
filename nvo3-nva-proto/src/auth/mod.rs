//! Seals: they authenticate messages and protect them from change and replay (SPEC.md §8).
//!
//! The rules: messages are authenticated and protected from replay (VMM-10-10), both ends authenticate each other (SPL-14), and only the
//! configuration leaves that out (R-38).
//!
//! [`Keys`] is the ring that an operator fills: secrets with ids, each bound to an NVE. Each secret makes one key for each direction.
//! Each end seals the messages of its [`Session`](crate::Session), and opens each datagram before it reads more than the header. The
//! edge uses [`NveSeals`], the authority one [`NvaSeals`] for each edge. They number messages, refuse replays, and carry the challenge
//! that a Hello must answer to open a session.
//!
//! Without the feature `auth` no ring can be made. The types exist, so that code which holds them needs no `cfg`.
//!
//! ```
//! # #[cfg(feature = "auth")] {
//! use nvo3_nva_proto::auth::{KeyId, Keys, NveSeals, Party, Secret};
//! use nvo3_nva_proto::{Header, Message, NveId, SessionId};
//!
//! let key = KeyId::new(7).ok_or("0 is no key")?;
//! let mut keys = Keys::default();
//! keys.add(key, NveId(1), &Secret::from([0x2a; 32]))?;
//!
//! // The edge seals …
//! let mut edge = NveSeals::new(keys.clone(), NveId(1))?;
//! let mut datagram = Vec::new();
//! Message::Keepalive.encode(&Header { session: SessionId(5), ..Header::default() }, &mut datagram)?;
//! edge.seal(&mut datagram)?;
//!
//! // … and the authority opens, or says why not.
//! let opened = keys.open(Party::Nve, &datagram)?;
//! assert_eq!((opened.nve, opened.number, opened.decode()?), (NveId(1), 1, Message::Keepalive));
//! datagram[9] ^= 1;
//! assert_eq!(keys.open(Party::Nve, &datagram).unwrap_err().to_string(), "the seal does not match key 7");
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod id;
#[cfg(feature = "auth")]
mod keys;
#[cfg(not(feature = "auth"))]
mod none;
mod numbers;
mod nva;
mod nve;
mod opened;
#[cfg(feature = "auth")]
mod seal;
#[cfg(feature = "auth")]
mod seen;
#[cfg(feature = "auth")]
#[cfg(test)]
mod tests;

pub use error::{AuthError, Challenge, KeyError, SealError};
pub use id::{KeyId, Party};
#[cfg(feature = "auth")]
pub use keys::{Keys, Secret};
#[cfg(not(feature = "auth"))]
pub use none::{Keys, SeenKey};
pub use nva::NvaSeals;
pub use nve::NveSeals;
pub use opened::Opened;
#[cfg(feature = "auth")]
pub use seen::SeenKey;
