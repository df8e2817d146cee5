//! Access ports: Ethernet frames from and to a tenant system, in batches where the kernel takes them so.

mod packet;
mod tap;

use packet::Packet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use tap::Tap;

use nvoctl::PortKind;

/// Frames read or written by one call.
pub(crate) const BATCH: usize = 64;

/// The longest frame that a port carries, header included.
pub(crate) const LONGEST: usize = 9_216;

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}: no such interface")]
    Missing(String),
    #[error("{0}: another process has the tap open; a packet port shares an interface with its hypervisor")]
    Busy(String),
    #[error("{name}: {error}")]
    Io { name: String, error: io::Error },
}

/// An open access port.
pub(crate) enum Port {
    Packet(Packet),
    Tap(Tap),
}

/// Room for a batch, and how long each frame in it is.
pub(crate) struct Frames {
    bytes: Box<[u8]>,
    lengths: arrayvec::ArrayVec<usize, BATCH>,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BATCH * LONGEST].into(), lengths: arrayvec::ArrayVec::new() }
    }

    /// Those that were read last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .chunks_exact(LONGEST)
            .zip(&self.lengths)
            .map(|(room, length)| room.get(..*length).unwrap_or_default())
    }
}

/// What a port did not carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortCounters {
    /// Read, but longer than [`LONGEST`].
    pub(crate) too_long: u64,
    /// Not written since the interface took no more.
    pub(crate) full: u64,
    /// Not written since the interface refused it: down, gone, or shorter than the frame.
    pub(crate) refused: u64,
}

impl Port {
    /// Opens one; says whether the interface was there before.
    pub(crate) fn open(name: &str, kind: PortKind) -> Result<(Self, bool), Error> {
        match kind {
            PortKind::Packet => Packet::open(name).map(|port| (Self::Packet(port), true)),
            PortKind::Tap => Tap::open(name).map(|(port, was_there)| (Self::Tap(port), was_there)),
        }
    }

    /// Reads what there is, up to a batch.
    pub(crate) fn read(&mut self, frames: &mut Frames, counters: &mut PortCounters) -> io::Result<()> {
        frames.lengths.clear();
        let read = match self {
            Self::Packet(port) => port.read(frames, counters),
            Self::Tap(port) => port.read(frames),
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    /// Writes frames, up to a batch, in order. What the interface does not take is counted.
    pub(crate) fn write(&mut self, frames: &[&[u8]], counters: &mut PortCounters) {
        match self {
            Self::Packet(port) => port.write(frames, counters),
            Self::Tap(port) => frames.iter().for_each(|frame| port.write(frame, counters)),
        }
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Packet(port) => port.as_fd(),
            Self::Tap(port) => port.as_fd(),
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
