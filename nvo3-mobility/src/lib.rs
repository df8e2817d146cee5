//! State machines for the edges (NVEs) and the authority (NVA) of a network virtualization overlay. A virtual machine moves to
//! another hypervisor and keeps its addresses, and no frame is lost.
//!
//! The machines do no I/O. They have no clock and no random source of their own, and need no `std`. Your program gives them inputs, and
//! does what they ask for: with a blocking loop, tokio, io_uring, DPDK, a DPU, or the simulator of this crate.
//!
//! # Which machine you need
//!
//! | you build | use | it takes | it gives |
//! |---|---|---|---|
//! | an edge that forwards frames in software | [`edge::Edge`] | frames, datagrams, the hypervisor's words | frames, datagrams, events |
//! | an edge over a kernel, eBPF, a DPU or several cores | [`edge::foreign::ForeignEdge`] | datagrams, ARP, ND and DHCP frames, the hypervisor's words | table changes, datagrams, frames, events |
//! | an authority | [`nva::Nva`] | datagrams, management's words | datagrams, records to store, events |
//! | only a control plane, or only a data plane | [`nve::Nve`], [`forwarder::Forwarder`] | the parts of an `Edge` | |
//! | a test of all that | `sim` (feature `sim`) | a seed | figures, a timeline, violations |
//!
//! # The parts
//!
//! ```text
//!    the hypervisor's words                                   management's words
//!    attach, activate, suspend, detach                        admit, move, cancel, fenced
//!                │                                                       │
//!  ┌─────────────▼───────────────┐                                       │
//!  │ edge::Edge                  │                                       │
//!  │ ┌─────────────────────────┐ │   NVE-NVA messages:       ┌───────────▼───────────┐
//!  │ │ nve::Nve                │ │   registration, query,    │ nva::Nva              │
//!  │ │ control plane           │◄┼───────────────────────────► authority             │
//!  │ │ one state for each TSI  │ │   update, move            │ one directory         │
//!  │ └─┬─────────────────────▲─┘ │                           └─────┬───────────▲─────┘
//!  │   │ numbered     ARP,   │   │                         records │           │ durable
//!  │   │ table        RARP,  │   │                           ┌─────▼───────────┴─────┐
//!  │   │ changes      ND,    │   │                           │ your store            │
//!  │   │              notices│   │                           └───────────────────────┘
//!  │ ┌─▼─────────────────────┴─┐ │
//!  │ │ forwarder::Forwarder    │ │   tenant frames           ┌───────────────────────┐
//!  │ │ data plane              │◄┼───────────────────────────► other edges           │
//!  │ │ one entry for each TSI  │ │   in VXLAN                └───────────────────────┘
//!  │ └───────────▲─────────────┘ │
//!  └─────────────┼───────────────┘
//!                │ tenant frames
//!           tenant ports (VAPs)
//! ```
//!
//! Control and forwarding are apart: `Nve` never sees tenant traffic except ARP, RARP, ND and DHCP, and `Forwarder` never sees a protocol
//! message. [`guide::parts`] says who owns which state.
//!
//! # The first lines
//!
//! An edge in your own loop. Hand in what happened, then call [`poll`](edge::Edge::poll) and do what it says, until it says
//! [`Wait`](edge::Next::Wait).
//!
//! ```
//! use nvo3_mobility::Transport;
//! use nvo3_mobility::edge::{Edge, Next};
//! use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
//! use nvo3_mobility::nve::{Input, Nve, NveConfig};
//! use nvo3_mobility::table::{PortPolicy, VapId};
//! use nvo3_nva_proto::{Instant, Locators, NveId, Place, Role, Tsi, TsiKey};
//! use nvo3_wire::{Mac, Vni};
//!
//! // Who this edge is, and why it believes the authority. With keys: `Transport::Sealed`.
//! let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
//! let seed = 0x5eed; // from the system's random source
//! let nve = Nve::new(NveConfig::new(place, Transport::Trusted), seed)?;
//! let mut edge = Edge::new(nve, Forwarder::new(ForwarderConfig::new(place.locators), seed)?);
//!
//! // A VM is behind port 1, and runs.
//! let now = Instant(0);
//! let vn = Vni::new(5001).ok_or("a VNI has 24 bits")?;
//! let key = TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, 1]) };
//! let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?], role: Role::Unknown };
//! edge.tell(now, Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })?;
//! edge.tell(now, Input::Activate { key, move_id: None })?;
//! edge.tell(now, Input::Connect)?;
//!
//! let mut buffer = Vec::new();
//! let until = loop {
//!     match edge.poll(now, &mut |_target| true, &mut buffer) {
//!         Next::Frame(fate) => println!("send a frame of {} bytes: {fate}", buffer.len()),
//!         Next::Datagram(peer) => println!("send a datagram of {} bytes to {peer}", buffer.len()),
//!         Next::Event(event) => println!("{event}"),
//!         Next::Changed { .. } => {} // the forwarder has it; for a log
//!         Next::Wait(until) => break until,
//!     }
//! };
//! assert!(until > Some(now)); // the edge waits for the authority's answer
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # A move in four calls
//!
//! | who | call | then |
//! |---|---|---|
//! | management | [`nva::Input::Move`] at the authority | waits for [`nva::Event::MaySuspend`] |
//! | the source's hypervisor | [`nve::Input::Suspend`] at the old edge | waits for [`nve::rules::News::Suspended`], and stops the VM |
//! | the target's hypervisor | [`nve::Input::Attach`] at the new edge, at the latest now | goes on at once |
//! | the target's hypervisor | [`nve::Input::Activate`] with the move's id at the new edge | starts the VM if the call returned `Ok` |
//! | management | | gets [`nva::Event::Ended`], and later [`nva::Event::Converged`] |
//!
//! The target's port may also be attached before the move. The source's port is detached after the VM stopped. A move that is aborted after
//! *Suspend* gives
//! [`nve::rules::News::Halted`] at the old edge: its hypervisor resumes the VM and says *Activate* without a move id.
//! [`guide::planned_move`] has the move step by step, and
//! [`guide::failures`] what happens when a step fails.
//!
//! # The contract
//!
//! - **Inputs** come in any order at any time. No call blocks, and no input panics. An input that is refused changes nothing.
//! - **Time** is an [`Instant`](nvo3_nva_proto::Instant) that you give: microseconds of a monotonic clock. A time that goes back is taken
//!   as the last one, and counted.
//! - **After each input**, poll an edge until it says [`Wait`](edge::Next::Wait), and again at the time that it names, at the latest. An
//!   owner of a bare `Nve`, `Forwarder` or `Nva` drains each `poll_…` method, and calls `handle_timeout` at the time of `poll_timeout`.
//! - **Promises wait.** An edge hands out *Ready*, *Suspended*, *Activated* and acknowledgements only after the table changes that they
//!   rest on are [applied](nve::Input::Applied). An authority hands out an answer only after the records that it rests on are
//!   [durable](nva::Input::Persisted).
//! - **Belief.** [`Transport`] says why a message is believed: by its seal, or because the transport is trusted. A message that is not
//!   believed changes nothing, and is counted.
//! - **Memory** is bounded by the configuration, drained or not. What a limit sheds is counted.
//! - **Forgotten calls** are told to the owner: see [`health`].
//! - **Determinism.** The same inputs and the same seed give the same outputs.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `auth` | yes | seals: each message of NVE and NVA is authenticated by HMAC-SHA-256. Without it every transport is a trusted one |
//! | `serde` | no | inputs, outputs, records, counters and configurations can be stored and read back, for instance to replay a trace |
//! | `sim` | no | the simulator: network, hypervisors, faults, and a check of every invariant. Semantic versioning does not cover it |
//!
//! # Where to go next
//!
//! - [`guide`]: how the machines work together, in seven short pages.
//! - The [examples](https://github.com/nvo3-suite/nvo3/tree/main/nvo3-mobility/examples): an edge over UDP, the same with tokio, an
//!   authority with its own store, a foreign data plane, and a simulated move.
//! - [`nvo3_nva_proto`]: the messages, and their specification for other languages. [`nvo3_wire`]: the frames.
//!   This crate re-exports both, in the versions whose types it takes.
//! - `nved`, `nvad` and `nvoctl` in the repository: an edge, an authority and a control client for Linux.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]

extern crate alloc;

mod clock;
pub mod edge;
mod error;
pub mod fairness;
pub mod forwarder;
pub mod guide;
pub mod health;
pub mod nva;
pub mod nve;
mod outputs;
#[cfg(test)]
mod printed;
#[cfg(feature = "sim")]
pub mod sim;
pub mod table;

pub use error::ConfigError;
/// The messages. Take the crate from here to have the version that this crate uses.
#[doc(no_inline)]
pub use nvo3_nva_proto;
pub use nvo3_nva_proto::seals::Transport;
/// The frames. Take the crate from here to have the version that this crate uses.
#[doc(no_inline)]
pub use nvo3_wire;
pub use outputs::{Outputs, OutputsIter};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
