//! Access ports: Ethernet frames from and to a tenant system, in batches where the kernel takes them so.
//!
//! ```no_run
//! use nved::port::{Frames, Port, PortCounters, PortKind};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut port, was_there) = Port::open("tap0", PortKind::Tap)?;
//! let (mut frames, mut counters) = (Frames::new(), PortCounters::default());
//! port.write(&[&[0xff; 60]], &mut counters);
//! port.read(&mut frames, &mut counters)?;
//! println!("was there: {was_there}, frames: {}, {counters:?}", frames.iter().count());
//! # Ok(())
//! # }
//! ```

mod packet;
mod tap;

pub use nvoctl::PortKind;

use arrayvec::ArrayVec;
use packet::Packet;
use serde::Serialize;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use tap::Tap;

/// Frames that one call reads or writes at most.
pub const BATCH: usize = 64;

/// The longest frame that a port carries, in bytes, Ethernet header included.
pub const LONGEST: usize = 9_216;

/// Why a port cannot be opened. Each names the interface.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A packet port is on an interface that is there, and this one is not.
    #[error("{0}: no such interface")]
    Missing(String),
    /// Another process has the tap open.
    #[error("{0}: another process has the tap open; a packet port shares an interface with its hypervisor")]
    Busy(String),
    /// The system does not allow it: without CAP_NET_RAW or CAP_NET_ADMIN for instance.
    #[error("{name}: {error}")]
    Io {
        /// The interface.
        name: String,
        /// What the system said.
        error: io::Error,
    },
}

/// An open access port. Dropping it closes it, and removes the interface if the port made it.
pub struct Port(Device);

enum Device {
    Packet(Packet),
    Tap(Tap),
}

/// Room for a batch of frames.
pub struct Frames {
    bytes: Box<[u8]>,
    lengths: ArrayVec<usize, BATCH>,
}

impl Frames {
    /// Empty room: 64 frames of 9,216 bytes.
    pub fn new() -> Self {
        Self { bytes: vec![0; BATCH * LONGEST].into(), lengths: ArrayVec::new() }
    }

    /// The frames that were read last, in the order in which they came. One that was too long is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .chunks_exact(LONGEST)
            .zip(&self.lengths)
            .map(|(room, length)| room.get(..*length).unwrap_or_default())
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// Frames that a port did not carry. Each counter only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortCounters {
    /// Read, but longer than [`LONGEST`]. Packet ports only.
    pub too_long: u64,
    /// Not written: the interface's queue was full.
    pub full: u64,
    /// Not written: the interface is down, gone, or takes only shorter frames.
    pub refused: u64,
}

impl Port {
    /// Opens an interface by its name. True beside the port says that the interface was there before.
    ///
    /// # Errors
    /// The interface is missing, another process has the tap open, or the system does not allow it.
    pub fn open(name: &str, kind: PortKind) -> Result<(Self, bool), Error> {
        match kind {
            PortKind::Packet => Packet::open(name).map(|port| (Self(Device::Packet(port)), true)),
            PortKind::Tap => Tap::open(name).map(|(port, was_there)| (Self(Device::Tap(port)), was_there)),
        }
    }

    /// Reads what there is, up to [`BATCH`] frames, without waiting.
    ///
    /// # Errors
    /// The interface is down or gone. A packet port says once that its interface is down
    /// ([`NetworkDown`](io::ErrorKind::NetworkDown)) and goes on when it is up; a tap that is gone says so each time.
    pub fn read(&mut self, frames: &mut Frames, counters: &mut PortCounters) -> io::Result<()> {
        frames.lengths.clear();
        let read = match &mut self.0 {
            Device::Packet(port) => port.read(frames, counters),
            Device::Tap(port) => port.read(frames),
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    /// Writes up to [`BATCH`] frames in order, without waiting. Those that the interface does not take are counted.
    pub fn write(&mut self, frames: &[&[u8]], counters: &mut PortCounters) {
        match &mut self.0 {
            Device::Packet(port) => port.write(frames, counters),
            Device::Tap(port) => frames.iter().for_each(|frame| port.write(frame, counters)),
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Device::Packet(port) => port.as_fd(),
            Device::Tap(port) => port.as_fd(),
        }
    }
}

impl PortCounters {
    fn not_written(&mut self, error: io::ErrorKind) {
        match error {
            io::ErrorKind::WouldBlock => self.full += 1,
            _ => self.refused += 1,
        }
    }
}
