//! Seals: who said a message, that it is whole, and that it is not said again (SPEC.md §8; VMM-10-10, SPL-14, R-38).
//!
//! [`Keys`] is the ring that an operator fills: secrets with ids, each bound to an NVE, and from each a key per direction. An end of
//! a session seals each message that its [`Session`](crate::Session) has to send and opens each datagram before anything of it but the
//! header is looked at: [`NveSeals`] at the edge, at the authority one [`NvaSeals`] for each edge. They number messages, keep out what
//! is replayed, and bring the challenge without which a Hello opens no session.
//!
//! Without the feature `auth` there is no ring, and nothing here can be made; whoever holds one of these types needs no `cfg`.
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
//! assert_eq!(keys.open(Party::Nve, &datagram).unwrap_err().to_string(), "the seal is not that of key 7");
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
#[cfg(test)]
mod tests;

pub use error::{AuthError, KeyError, SealError};
pub use id::{KeyId, Party};
#[cfg(feature = "auth")]
pub use keys::{Keys, Secret};
#[cfg(not(feature = "auth"))]
pub use none::Keys;
pub use nva::NvaSeals;
pub use nve::NveSeals;
pub use opened::Opened;
