//! The parts of an edge (NVE) on Linux around its machines: access ports, the underlay, and one wait for all of them.
//!
//! The program `nved` uses this library. An edge of your own can use it too, over [`nvo3_mobility`] or other code.
//!
//! - [`port`] carries Ethernet frames from and to a tenant system: a packet socket on an interface, or a tap.
//! - [`underlay`] carries the frames in VXLAN over UDP from and to other NVEs, in batches.
//! - [`links`] tells which interfaces come, change and go.
//! - [`kernel`] keeps a tenant's frames from the host's own stack, and tells MTUs.
//! - [`ready`] tells which of them have something to read.
//!
//! Only [`ready::Ready::wait`] waits; it needs a tokio runtime. Reading and writing frames allocates nothing.
//! Packet sockets need CAP_NET_RAW; taps and [`kernel`] need CAP_NET_ADMIN.
//!
//! A port with one tunnel: all its frames go into the tunnel, and all frames out of the tunnel go to the port:
//!
//! ```no_run
//! use nvo3_mobility::table::VapId;
//! use nvo3_nva_proto::Locators;
//! use nvo3_wire::Vni;
//! use nved::port::{Frames, Port, PortCounters, PortKind};
//! use nved::ready::{Ready, Source};
//! use nved::underlay::{self, Datagrams, Underlay, UnderlayCounters};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut port, _) = Port::open("vm0", PortKind::Packet)?;
//! let mut tunnel = Underlay::open(&Locators::V4([198, 51, 100, 1].into()), 4789)?;
//! let ready = Ready::new()?;
//! ready.add(Source::Port(VapId(1)), &port)?;
//! for (place, socket) in tunnel.receivers().enumerate() {
//!     ready.add(Source::Underlay(place), socket)?;
//! }
//! let (mut frames, mut datagrams) = (Frames::new(), Datagrams::new());
//! let (mut dropped, mut lost) = (PortCounters::default(), UnderlayCounters::default());
//! loop {
//!     for source in ready.wait().await? {
//!         if let Source::Underlay(place) = source {
//!             tunnel.receive(place, &mut datagrams)?;
//!             for (_from, ecn, datagram) in datagrams.iter_mut() {
//!                 if let Some((_vn, frame)) = underlay::decapsulate(datagram, ecn, &mut lost) {
//!                     port.write(&[frame], &mut dropped);
//!                 }
//!             }
//!         } else {
//!             port.read(&mut frames, &mut dropped)?;
//!             for frame in frames.iter() {
//!                 tunnel.put([198, 51, 100, 2].into(), Vni::MAX, frame, &mut lost);
//!             }
//!             tunnel.send(&mut lost);
//!         }
//!     }
//! }
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod kernel;
pub mod links;
pub mod port;
pub mod ready;
mod room;
pub mod underlay;

/// The README's example is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
