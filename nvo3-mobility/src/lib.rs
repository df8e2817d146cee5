//! A virtual machine moves to another hypervisor and keeps its addresses: what the edges (NVEs) and the authority (NVA) of
//! a network virtualization overlay do so that no frame is lost, as state machines without I/O, clock or randomness of their
//! own. Any runtime drives them: a blocking loop, tokio, io_uring, DPDK, a DPU, or the simulator here (feature `sim`).
//!
//! | machine | what it is | in | out |
//! |---|---|---|---|
//! | [`edge::Edge`] | an edge whole: the next two behind one loop | frames, datagrams, the owner's words | frames, datagrams, events |
//! | [`nve::Nve`] | an edge's control plane | the owner's words, datagrams, ARP/ND frames, notices | table changes, datagrams, frames, events |
//! | [`forwarder::Forwarder`] | an edge's data plane | table changes, frames | verdicts, held frames, notices |
//! | [`nva::Nva`] | the authority | management's words, datagrams | datagrams, records to make durable, events |
//!
//! Most owners drive an [`edge::Edge`]. An edge whose frames a kernel, a DPU or a switch forwards is an
//! [`edge::foreign::ForeignEdge`].
//!
//! # The contract
//!
//! - Inputs come in any order at any time; no call blocks, no input panics, and what is refused changes nothing.
//! - Time is an [`Instant`](nvo3_nva_proto::Instant) of the caller's; a clock that goes back is clamped and counted.
//! - After anything went into an edge, call [`poll`](edge::Edge::poll) until it says [`Wait`](edge::Next::Wait), and again at the
//!   time that it says, at the latest. It lets time pass, carries table changes to the forwarder and answers them.
//! - Who drives an `Nve`, a `Forwarder` or an `Nva` by itself drains every `poll_…` until it gives nothing. `poll_timeout` says
//!   when to call `handle_timeout` at the latest; it answers "now" while something waits to be drained.
//! - What an edge promises (*Ready*, *Suspended*, *Activated*, acknowledgements) is not handed out before the table changes
//!   it rests on are reported as [applied](nve::Input::Applied); what an authority answers, not before the records it rests
//!   on are reported as [durable](nva::Input::Persisted).
//! - What edges and authority believe each other by is [`Transport`] in their configurations: keys, or the word that the transport
//!   is trusted. What is not believed changes nothing and is counted.
//! - An owner that forgets a call is told: see [`health`].
//! - Memory is bounded by the configuration, drained or not; what was shed is counted.
//! - Same inputs, same seed: same outputs.
//!
//! # A move
//!
//! Management gives [`nva::Input::Move`] and waits for [`nva::Event::MaySuspend`]. The source's hypervisor gives
//! [`nve::Input::Suspend`], waits for [`nve::rules::News::Suspended`] and stops the VM. The target's gives
//! [`nve::Input::Activate`] with the move's id and starts it if the call returns `Ok`. [`nva::Event::Ended`] says how it ended.
//! The target's port is attached before the VM starts there, the source's is detached after it stopped. Where a move is aborted while
//! the VM is suspended ([`nve::rules::News::Halted`]), the source's hypervisor resumes it and says *Activate* without a move.
//! [`edge::MoveTally`] makes what each edge then tells of the move's cost ([`nve::Input::Report`]).
//! A hypervisor that can say *suspend* only after the VM stopped says when that was; what the edge has delivered since then
//! goes after the VM. Everything in between, and everything that can go wrong, is in three tables: [`nve::rules`],
//! [`nva::rules`] and [`table::Entry`].
//!
//! ```
//! use nvo3_mobility::edge::{Edge, Next};
//! use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
//! use nvo3_mobility::nve::{Input, Nve, NveConfig};
//! use nvo3_mobility::table::VapId;
//! use nvo3_nva_proto::{Instant, Locators, NveId, Place, Tsi, TsiKey};
//! use nvo3_wire::{Mac, Vni};
//!
//! let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
//! let nve = Nve::new(NveConfig::new(place), 0x5eed)?;
//! let mut edge = Edge::new(nve, Forwarder::new(ForwarderConfig::new(place.locators), 0x5eed)?);
//! let vn = Vni::new(5001).ok_or("24 bits")?;
//! let key = TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, 1]) };
//! let tsi = Tsi { key, ips: vec!["192.0.2.10".parse()?] };
//!
//! edge.tell(Instant(0), Input::Connect)?;
//! edge.tell(Instant(0), Input::Attach { vap: VapId(1), vn, tsis: vec![tsi], trusted: false })?;
//! edge.tell(Instant(0), Input::Activate { key, move_id: None })?;
//!
//! let mut buffer = Vec::new();
//! let until = loop {
//!     match edge.poll(Instant(0), &mut |_| true, &mut buffer) {
//!         Next::Frame(fate) => println!("{} bytes to {:?}", buffer.len(), fate.targets()),
//!         Next::Datagram(peer) => println!("{} bytes to {peer:?}", buffer.len()),
//!         Next::Event(event) => println!("{event:?}"),
//!         Next::Changed { .. } => {}
//!         Next::Wait(until) => break until,
//!     }
//! };
//! assert!(until > Some(Instant(0)));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![deny(missing_debug_implementations)]

extern crate alloc;

pub mod edge;
mod error;
pub mod forwarder;
pub mod health;
pub mod nva;
pub mod nve;
#[cfg(test)]
mod printed;
#[cfg(feature = "sim")]
pub mod sim;
pub mod table;
mod words;

pub use error::ConfigError;
pub use nvo3_nva_proto::seals::Transport;
