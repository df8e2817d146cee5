//! The messages between the edges (NVEs) and the authority (NVA) of a network virtualization overlay, and the session that carries them.
//!
//! An NVE tunnels the frames of its virtual machines. The NVA knows behind which NVE each virtual machine is. With this protocol, NVEs
//! register and look up addresses, and both sides keep every mapping right while a virtual machine moves. [SPEC.md] specifies the
//! protocol for other languages.
//!
//! The crate has no socket and no clock: your program brings both. It needs an allocator and not `std`. It does not panic,
//! whatever arrives.
//!
//! # The parts
//!
//! ```text
//!  your program ── Message ──► Session ──► encode ──► seal ──► datagram or stream
//!                              order, once,
//!                              sent again
//!  your program ◄─ Message ─── Session ◄── decode ◄── open ◄── datagram or stream
//!                                           or view::Message
//!
//!  one message:
//!  ┌───────────┬────────────┬─────────────────────┬───────────────────┐
//!  │ Header 24 │ body       │ TLVs                │ seal 24           │
//!  │ type,     │ fixed for  │ optional parts,     │ only over a       │
//!  │ length,   │ each type  │ critical or not     │ sealed transport  │
//!  │ session   │            │                     │                   │
//!  └───────────┴────────────┴─────────────────────┴───────────────────┘
//!   at most 1,176 bytes without the seal
//! ```
//!
//! | you want to | use |
//! |---|---|
//! | write a message, or read one into owned values | [`Message::encode`], [`Message::decode`] |
//! | read a message where it lies, without an allocation | [`view::Message::parse`] |
//! | deliver messages in order and once | [`Session`], at both ends |
//! | find the messages in a stream | [`StreamDecoder`] |
//! | authenticate messages | [`seals`], which [`auth`] explains |
//! | know the default UDP port | [`CONTROL_PORT`] |
//!
//! `nvo3-mobility` has an NVE and an NVA that use all of this. You need this crate alone for a decoder, a test tool, or machines of your
//! own.
//!
//! # The first lines
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
//!     seen: None,
//! };
//! let (now, mut datagram) = (Instant(0), Vec::new());
//!
//! // The edge asks for a session …
//! let mut nve = Session::initiate(SessionConfig::default(), hello, 0x5eed)?;
//! assert!(nve.poll_transmit(now, &mut datagram));
//!
//! // … and the authority grants it.
//! let Ok((_, Message::Hello(hello))) = Message::decode(&datagram) else { panic!("not a Hello") };
//! let session = SessionId(0xa1);
//! let ack = HelloAck { session, nonce: hello.nonce, epoch: 1, published: RecordNo(0), seen: None };
//! let mut nva = Session::accept(SessionConfig::default(), now, &hello, ack)?;
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
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `auth` | yes | keys and seals in the module [`auth`]: HMAC-SHA-256 |
//! | `bytes` | no | `Message::put`, which writes into any `bytes::BufMut` |
//! | `serde` | no | `Serialize` and `Deserialize` for messages, configuration and events. Keys are left out |
//! | `arbitrary` | no | `Arbitrary` for messages, for fuzzing; needs `std` |
//!
//! # Where to go next
//!
//! - [SPEC.md]: every byte, the terms, three exchanges drawn, the least that an implementation does, and how to test one.
//! - `cargo run -p nvo3-nva-proto --example decode` prints messages and errors, from hexadecimal or built in.
//! - A dissector for Wireshark is in the directory `wireshark` of the package.
//!
//! [SPEC.md]: https://github.com/nvo3-suite/nvo3/blob/HEAD/nvo3-nva-proto/SPEC.md
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![warn(unnameable_types)]

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

/// The crate of [`Mac`] and [`Vni`], in the version that this crate uses.
pub use nvo3_wire;

/// The crate of the trait that `Message::put` takes, in the version that this crate uses.
#[cfg(feature = "bytes")]
pub use bytes;

pub use codec::{MAX_IPS, MAX_PLACES};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, UnknownCode};
pub use header::{CONTROL_PORT, Header, MAX_MESSAGE, MAX_SEALED, SEAL_LEN, VERSION, frame_len};
pub use id::{Locators, MoveId, NveId, ParseIdError, Place, RecordNo, SessionId, TsiKey, Version};
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
