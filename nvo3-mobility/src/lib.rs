//! State machines for the mobility of virtual machines in a network virtualization overlay.
//!
//! A virtual machine moves to another hypervisor, keeps its addresses and loses no frame. The machines are the edges (NVEs) and
//! the authority (NVA) of the overlay. They have no I/O, clock or randomness of their own. Any runtime drives them: a blocking
//! loop, tokio, io_uring, DPDK, a DPU, or this crate's simulator (feature `sim`).
//!
//! | machine | what it is | in | out |
//! |---|---|---|---|
//! | [`edge::Edge`] | a whole edge: the next two behind one loop | frames, datagrams, the owner's inputs | frames, datagrams, events |
//! | [`nve::Nve`] | an edge's control plane | the owner's inputs, datagrams, ARP/ND frames, notices | table changes, datagrams, frames, events |
//! | [`forwarder::Forwarder`] | an edge's data plane | table changes, frames | verdicts, held frames, notices |
//! | [`nva::Nva`] | the authority | management's inputs, datagrams | datagrams, records to make durable, events |
//!
//! Most owners drive an [`edge::Edge`]. If a kernel, a DPU or a switch forwards the frames, drive an
//! [`edge::foreign::ForeignEdge`].
//!
//! # The contract
//!
//! - Inputs may come in any order at any time. No call blocks, and no input panics. A refused input changes nothing.
//! - The caller gives the time as an [`Instant`](nvo3_nva_proto::Instant). A machine's clock never goes back: it counts an earlier
//!   time and uses the later one.
//! - After each input, call [`poll`](edge::Edge::poll) of an edge until it returns [`Wait`](edge::Next::Wait), and again at the time
//!   of that `Wait` at the latest. `poll` handles deadlines, carries table changes to the forwarder and answers them.
//! - An owner that drives an `Nve`, a `Forwarder` or an `Nva` alone drains every `poll_…` until it gives nothing. `poll_timeout` is
//!   the latest time to call `handle_timeout`. It is the current time while an output waits to be drained.
//! - An NVE sends a promise (*Ready*, *Suspended*, *Activated*, an acknowledgement) only after the owner has reported the table
//!   changes behind it as [applied](nve::Input::Applied). An NVA sends an answer only after the owner has reported the records
//!   behind it as [durable](nva::Input::Persisted).
//! - [`Transport`] in the configurations says why NVEs and NVA believe each other: by keys, or because the transport is trusted. A
//!   datagram that is not believed changes nothing and is counted.
//! - An owner that forgets a call gets an event: see [`health`].
//! - The configuration bounds the memory, whether the outputs are drained or not. The machine counts whatever it sheds.
//! - The same inputs and the same seed give the same outputs.
//!
//! # A move
//!
//! 1. The hypervisor of the new NVE attaches the VM's port there ([`nve::Input::Attach`]).
//! 2. Management gives [`nva::Input::Move`] and waits for [`nva::Event::MaySuspend`].
//! 3. The hypervisor of the old NVE gives [`nve::Input::Suspend`], waits for [`nve::rules::News::Suspended`] and stops the VM.
//! 4. The hypervisor of the new NVE gives [`nve::Input::Activate`] with the id of the move, and starts the VM if the call returns `Ok`.
//! 5. [`nva::Event::Ended`] says how the move ended. The hypervisor of the old NVE detaches the port.
//!
//! If the move is aborted while the VM is suspended ([`nve::rules::News::Halted`]), the hypervisor of the old NVE resumes the VM and
//! gives *Activate* without a move. A hypervisor that can give *Suspend* only after the VM stopped also gives the time of the stop:
//! the NVE sends the frames that it has delivered since then after the VM. [`edge::MoveTally`] computes the cost of a move for
//! [`nve::Input::Report`]. Everything in between, and everything that can go wrong, is in three tables: [`nve::rules`],
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
//!         Next::Frame(fate) => println!("{} bytes {fate}", buffer.len()),
//!         Next::Datagram(peer) => println!("{} bytes to {peer}", buffer.len()),
//!         Next::Event(event) => println!("{event}"),
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
