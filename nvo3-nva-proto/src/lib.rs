//! What the edges (NVEs) and the authority (NVA) of an overlay say to each other when a virtual machine moves.
//!
//! [`Message`] is what can be said; [`Message::encode`] and [`Message::decode`] are its bytes, which `SPEC.md` describes for
//! implementations in other languages, and [`view`] reads them where they lie. [`Session`] brings messages to the other side in order and once, over any
//! datagrams or streams, whose messages [`StreamDecoder`] finds; `auth` seals them. Nothing here has a socket or a clock, its owner brings both. Needs an
//! allocator, not `std`. Nothing panics, whatever arrives.
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
//! // The edge asks …
//! let mut nve = Session::initiate(SessionConfig::default(), hello, 0x5eed);
//! assert!(nve.poll_transmit(now, &mut datagram));
//!
//! // … and the authority grants.
//! let Ok((_, Message::Hello(hello))) = Message::decode(&datagram) else { panic!("not a Hello") };
//! let ack = HelloAck { session: SessionId(0xa1), nonce: hello.nonce, epoch: 1, published: RecordNo(0) };
//! let mut nva = Session::accept(SessionConfig::default(), now, &hello, ack);
//! assert!(nva.poll_transmit(now, &mut datagram));
//! let (header, message) = Message::decode(&datagram)?;
//! nve.handle(now, &header, message)?;
//! assert!(matches!(nve.poll_event(), Some(SessionEvent::Up(_))));
//!
//! // What one sends, the other gets, however often it has to be sent.
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
pub use session::{
    ConfigError, DownReason, Received, Reject, SendError, Session, SessionConfig, SessionCounters, SessionEvent,
    SessionTimer, Setting,
};
pub use stream::{StreamDecoder, StreamError};
pub use time::{Instant, Lifetime, Micros};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
