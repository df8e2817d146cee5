//! Zero-copy parsers and builders for the frames of a network virtualization overlay.
//!
//! Parsing takes `&[u8]` and gives a view that borrows from it; building writes in place to `&mut [u8]` and says how
//! many bytes it wrote. `parse` accepts whatever can be represented, `validate` applies the receiver's rules of the
//! RFC, and every failure is an [`Error`] that knows protocol, rule and byte offset. Nothing allocates or panics.
//!
//! The crate at work: what answers ARP requests and Neighbor Solicitations for somebody else, from raw frames. How to
//! answer in a tagged network is said at [`announce`].
//!
//! ```no_run
#![doc = include_str!("../examples/responder.rs")]
//! ```
//!
//! Which frame is it, and what is in it? [`announce`] tells announcements, probes, questions and answers apart;
//! [`dissect`] walks over all layers of any frame, through tunnels.
//!
//! ```
//! use nvo3_wire::{announce, arp, Ipv4, Mac};
//!
//! let (mac, ip) = (Mac([2, 0, 0x5e, 0, 0x53, 1]), Ipv4([192, 0, 2, 10]));
//! let mut frame = [0; arp::FRAME_LEN];
//! arp::announcement(mac, ip, &mut frame)?;
//!
//! let announce::Kind::GratuitousRequest(seen) = announce::classify(&frame)? else { panic!("not an announcement") };
//! assert_eq!((seen.sender_mac, seen.sender_ip), (mac, ip));
//! # Ok::<(), nvo3_wire::Error>(())
//! ```
#![no_std]
#![deny(missing_debug_implementations)]

#[cfg(any(test, feature = "arbitrary"))] // `arbitrary` itself needs std
extern crate std;

mod addr;
pub mod ah;
pub mod announce;
pub mod arp;
#[cfg(feature = "bytes")]
mod buf;
pub mod build;
pub mod checksum;
mod codes;
pub mod dissect;
pub mod ecn;
pub mod edit;
mod error;
pub mod ethernet;
pub mod flow;
pub mod geneve;
pub mod gre;
pub mod group;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ila;
pub mod ipv4;
pub mod ipv6;
pub mod mld;
pub mod nd;
pub mod nvgre;
pub mod tcp;
#[cfg(feature = "serde")]
mod text;
mod tlv;
pub mod tunnel;
pub mod udp;
#[cfg(test)]
mod vectors;
pub mod vxlan;
pub mod vxlan_gpe;

pub use addr::{EtherType, Ipv4, Ipv6, Mac, ParseEtherTypeError, ParseMacError, Vni, VniError};
#[cfg(feature = "bytes")]
pub use buf::put_frame;
/// The version whose [`BufMut`](bytes::BufMut) this crate writes to.
#[cfg(feature = "bytes")]
pub use bytes;
pub use error::{Error, Protocol, Rule, Unanswerable};
/// The version whose traits every header implements, and whose numbers in network order are its fields.
pub use zerocopy;
pub use zerocopy::big_endian::{U16, U32};

/// The README's example is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
