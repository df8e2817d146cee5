//! The control plane of an NVE: attachments, mappings of remote TSIs, announcements, moves.
//!
//! Most programs drive an [`Edge`](crate::edge::Edge), which has an [`Nve`] and a forwarder in it. Drive an `Nve` alone if you carry
//! table changes and notices between it and a data plane yourself. It never sees tenant traffic, except ARP, RARP, ND and DHCP.
//!
//! | in | call |
//! |---|---|
//! | what a hypervisor or the loop says | [`Nve::handle`] with an [`Input`] |
//! | a datagram of the control port | [`Nve::handle_datagram`] |
//! | an ARP, RARP, ND or DHCP frame of a port | [`Nve::handle_frame`] |
//! | a notice of the forwarder | [`Nve::handle_notice`] |
//! | a deadline has passed | [`Nve::handle_timeout`] |
//!
//! | out | call until it gives nothing |
//! |---|---|
//! | a numbered change for the forwarder; answer it by [`Input::Applied`] or [`Input::Refused`] | [`Nve::poll_table_change`] |
//! | a datagram for the NVA or an NVE, or an ARP or ND answer for a port | [`Nve::poll_transmit`] |
//! | an [`Event`] for the hypervisor or the operator | [`Nve::poll_event`] |
//! | the next deadline | [`Nve::poll_timeout`] |
//!
//! The table in [`rules`] says which state a TSI has, and how a move changes it.
//!
//! ```
//! use nvo3_mobility::Transport;
//! use nvo3_mobility::nve::{Input, Nve, NveConfig, Transmit};
//! use nvo3_nva_proto::{Instant, Locators, NveId, Place};
//!
//! let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
//! let (now, mut out) = (Instant(0), Vec::new());
//! let mut nve = Nve::new(NveConfig::new(place, Transport::Trusted), 0x5eed)?;
//! nve.handle(now, Input::Connect)?;
//!
//! while let Some(change) = nve.poll_table_change() {
//!     // Program the data plane here. If it cannot carry out the change: Input::Refused.
//!     nve.handle(now, Input::Applied(change.number))?;
//! }
//! assert_eq!(nve.poll_transmit(now, &mut out), Some(Transmit::Nva)); // `out` has a Hello
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # Inside
//!
//! | room | what it owns |
//! |---|---|
//! | `link` | the session with the NVA, and hints to other NVEs |
//! | `stations` | the attached ports and TSIs, and their moves (VMM-5: how both NVEs of a move treat frames) |
//! | `mappings` | mappings of remote TSIs, queries, replication lists |
//! | `proxy` | stations that wait for an ARP or ND answer, and the answers |
//! | `orders` | changed rows of the forwarder's table, and the changes in force |
//!
//! A room sees no other room, except that all rooms mark changed rows in `orders`. `machine` has the rooms: it keeps the clock, gives
//! each input to its room, and carries each effect to the next room before it looks at the next effect.

mod backlog;
mod config;
mod counters;
mod io;
mod link;
mod machine;
mod mappings;
mod orders;
mod proxy;
mod stations;

pub use config::{NveConfig, Scan};
pub use counters::NveCounters;
pub use io::{Error, Event, Handled, Input, Timer, Transmit};
pub use machine::Nve;
pub use mappings::Snapshot;
pub use stations::rules;
