//! The protocol between the edges (NVEs) and the authority (NVA) of an overlay in which virtual machines move.
//!
//! - [`Message`] is a message; [`Message::encode`] and [`Message::decode`] convert it to bytes and back. `SPEC.md` describes the bytes for
//!   implementations in other languages. [`view`] reads a message in its datagram, without an allocation.
//! - [`Session`] delivers messages to the other end once and in order, over any datagrams or streams. [`StreamDecoder`] finds the
//!   messages in a stream.
//! - [`seals`] and [`auth`] authenticate messages.
//!
//! The crate has no socket and no clock: its owner brings both. It needs an allocator and not `std`. It does not panic, whatever
//! arrives.
//!
//! ```
//! use nvo3_nva_proto::*;
//! use nvo3_wire::Vni;
//!
//! let place = Place { nve: NveId(1), locators: Locators::V4([192, 0, 2, 1].into()) };
//! let hello = Hello {
//!     place,
//!     nonce: 0,
//!     resumed: false,
//!     encapsulations: Encapsulations::VXLAN,
//!     capabilities: Capabilities::HOLD,
//! };
//! let (now, mut datagram) = (Instant(0), Vec::new());
//!
//! // The edge asks for a session …
//! let mut nve = Session::initiate(SessionConfig::default(), hello, 0x5eed);
//! assert!(nve.poll_transmit(now, &mut datagram));
//!
//! // … and the authority grants it.
//! let Ok((_, Message::Hello(hello))) = Message::decode(&datagram) else { panic!("not a Hello") };
//! let ack = HelloAck { session: SessionId(0xa1), nonce: hello.nonce, epoch: 1, published: RecordNo(0) };
//! let mut nva = Session::accept(SessionConfig::default(), now, &hello, ack);
//! assert!(nva.poll_transmit(now, &mut datagram));
//! let (header, message) = Message::decode(&datagram)?;
//! nve.handle(now, &header, message)?;
//! assert!(matches!(nve.poll_event(), Some(SessionEvent::Up(_))));
//!
//! // Each end gets the messages of the other one, however often they must be sent again.
//! nve.send(0, &Message::Subscribe(Vni::MAX))?;
//! assert!(nve.poll_transmit(now, &mut datagram));
//! let (header, message) = Message::decode(&datagram)?;
//! nva.handle(now, &header, message)?;
//! assert_eq!(nva.poll_message().map(|got| got.message), Some(Message::Subscribe(Vni::MAX)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![warn(unnameable_types)]
#![deny(missing_debug_implementations)]

extern crate alloc;
// The derived `Arbitrary` counts its recursion in a thread's own memory.
#[cfg(any(test, feature = "arbitrary"))]
extern crate std;

pub mod auth;
mod codec;
mod display;
mod error;
mod header;
mod id;
mod message;
pub mod seals;
mod session;
mod stream;
mod time;
pub mod view;

pub use codec::{MAX_IPS, MAX_PLACES};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use header::{CONTROL_PORT, Header, MAX_MESSAGE, MAX_SEALED, SEAL_LEN, VERSION, frame_len};
pub use id::{Locators, MoveId, NveId, Place, RecordNo, SessionId, TsiKey, Version};
pub use message::*;
pub use nvo3_wire::{Mac, Vni};
pub use session::{
    ConfigError, DownReason, Received, Reject, SendError, Session, SessionConfig, SessionCounters, SessionEvent,
    SessionTimer, Setting,
};
pub use stream::{StreamDecoder, StreamError};
pub use time::{Instant, Lifetime, Micros};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
