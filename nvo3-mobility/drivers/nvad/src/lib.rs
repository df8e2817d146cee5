//! The parts of an authority (NVA) around its machine: a store for its records, and sockets for its edges.
//!
//! The program `nvad` uses this library. An authority of your own can use it too, over [`nvo3_mobility::nva::Nva`].
//!
//! - [`store`] keeps the machine's records in one file, and writes new ones in a thread of its own, many in one transaction.
//! - [`sockets`] receives and sends the datagrams of edges, over UDP on any number of addresses.
//!
//! An authority goes on where the last one stopped:
//!
//! ```
//! use nvad::store::{Store, Writer, new_epoch};
//! use nvo3_mobility::Transport;
//! use nvo3_mobility::nva::{Nva, NvaConfig, superseded};
//! use nvo3_nva_proto::Instant;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let store = Store::open(directory.path())?;
//! let records = store.records()?;
//! let mut config = NvaConfig::new(Transport::Trusted);
//! if records.is_empty() {
//!     config.epoch = new_epoch();
//! }
//! store.remove(&superseded(&config, &records))?;
//! let mut nva = Nva::replay(config, 0x5eed, Instant(0), records)?;
//!
//! let writer = Writer::start(store, nva.book().clone())?;
//! while let Some((at, record)) = nva.poll_persist() {
//!     writer.append(at, record);
//! }
//! // In its loop the authority awaits `writer.progressed()`, and gives its machine `Input::Persisted`.
//! writer.finish()?;
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod sockets;
pub mod store;

/// The README's example is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
