//! Access ports: Ethernet frames from and to a tenant system, in batches if the kernel takes batches.
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
use packet::{Bound, Packet};
use serde::Serialize;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use tap::Tap;

/// The most frames that one call reads or writes.
pub const BATCH: usize = 64;

/// The most packet ports that [`Port::open_all`] opens at once.
const AT_ONCE: usize = 32;

/// The longest frame that a port carries, in bytes, Ethernet header included.
pub const LONGEST: usize = 9_216;

/// The reason why a port cannot be opened. Each error names the interface.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The interface of a packet port does not exist.
    #[error("{0}: no such interface")]
    Missing(String),
    /// Another process has the tap open.
    #[error("{0}: another process has the tap open; a packet port shares an interface with its hypervisor")]
    Busy(String),
    /// The kernel does not keep a tenant's frames from the host's own stack.
    #[error(
        "{name}: the host's own IP stack would hear the tenant, because the kernel does not take the filter against that: {error}; it needs \
         CAP_NET_ADMIN, sch_ingress and cls_bpf (say host-may-hear for this port if the host may hear it)"
    )]
    Host {
        /// The interface.
        name: String,
        /// The system's error.
        error: io::Error,
    },
    /// The system refused, for example because the process lacks CAP_NET_RAW or CAP_NET_ADMIN.
    #[error("{name}: {error}")]
    Io {
        /// The interface.
        name: String,
        /// The system's error.
        error: io::Error,
    },
}

/// An open access port. Dropping it closes it, and removes the interface if the port made it.
pub struct Port(Device);

enum Device {
    Packet(Packet),
    Tap(Tap),
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Device::Packet(_) => "packet",
            Device::Tap(_) => "tap",
        };
        f.debug_tuple("Port").field(&kind).finish()
    }
}

/// Room for a batch of frames.
pub struct Frames {
    bytes: Box<[u8]>,
    lengths: ArrayVec<usize, BATCH>,
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("lengths", &self.lengths).finish_non_exhaustive()
    }
}

impl Frames {
    /// Makes empty room for 64 frames of 9,216 bytes.
    pub fn new() -> Self {
        Self { bytes: vec![0; BATCH * LONGEST].into(), lengths: ArrayVec::new() }
    }

    /// The frames of the last read, in the order in which they came. A frame that was too long is empty.
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

/// Frames that a port did not carry. Each counter only grows; a healthy port shows 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortCounters {
    /// Frames that were read and dropped because they are longer than [`LONGEST`]. Packet ports only.
    pub too_long: u64,
    /// Frames that were not written because the interface's queue was full.
    pub full: u64,
    /// Frames that were not written because the interface is down, gone, or takes only shorter frames.
    pub refused: u64,
    /// Frames that were read and dropped because they are too long for the underlay.
    pub too_big: u64,
    /// Frames of `too_big` whose sender was not told: they are neither IPv6 nor IPv4 with DF, not for one station, the port does not
    /// want answers, or had 50 in this second.
    pub too_big_unanswered: u64,
}

impl Port {
    /// Opens an interface by its name. The flag beside the port is true if the interface was there before.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such interface, [`Error::Busy`] if another process has the tap open, [`Error::Io`] if the
    /// system refuses.
    pub fn open(name: &str, kind: PortKind) -> Result<(Self, bool), Error> {
        match kind {
            PortKind::Packet => {
                let links = packet::links().map_err(|error| Error::Io { name: name.to_owned(), error })?;
                Bound::open(name, &links).map(Self::packet)
            }
            PortKind::Tap => Tap::open(name).map(|(port, was_there)| (Self(Device::Tap(port)), was_there)),
        }
    }

    /// Opens many ports as [`Port::open`] opens one, and gives the results in the same order. The kernel takes some 10 ms to bind a packet
    /// socket, and binds several at a time: this opens up to 32 packet ports at once, each in a thread.
    pub fn open_all<'a>(ports: impl IntoIterator<Item = (&'a str, PortKind)>) -> Vec<Result<(Self, bool), Error>> {
        let ports: Vec<_> = ports.into_iter().collect();
        let Ok(links) = packet::links() else {
            return ports.into_iter().map(|(name, kind)| Self::open(name, kind)).collect();
        };
        let opened = ports.chunks(AT_ONCE).flat_map(|some| {
            std::thread::scope(|scope| {
                let links = &links;
                let bind = |(name, kind): &(&'a str, PortKind)| {
                    let name = *name;
                    let thread =
                        || std::thread::Builder::new().spawn_scoped(scope, move || Bound::open(name, links)).ok();
                    if *kind == PortKind::Packet { thread() } else { None }
                };
                let threads: Vec<_> = some.iter().map(bind).collect();
                let bound = threads.into_iter().map(|thread| thread?.join().ok());
                let open = |(bound, (name, kind)): (Option<Result<Bound, Error>>, &(&str, PortKind))| match bound {
                    Some(bound) => bound.map(Self::packet),
                    // A tap, or there is no thread for it.
                    None => Self::open(name, *kind),
                };
                bound.zip(some).map(open).collect::<Vec<_>>()
            })
        });
        opened.collect()
    }

    fn packet(bound: Bound) -> (Self, bool) {
        (Self(Device::Packet(bound.into())), true)
    }

    /// True while the port is at the interface that has this name now. It is not after that interface was removed, renamed, moved to
    /// another network namespace, or made anew, even if the new one has the same index. An interface that is only down is there.
    pub fn is_at(&self, name: &str) -> bool {
        match &self.0 {
            Device::Packet(port) => port.is_at(name),
            Device::Tap(port) => port.is_at(name),
        }
    }

    /// Reads the frames that wait, up to [`BATCH`], without waiting for more.
    ///
    /// # Errors
    /// The interface is down or gone; [`Port::is_at`] tells which. A packet port says once that its interface is down or gone
    /// ([`NetworkDown`](io::ErrorKind::NetworkDown)) and goes on when the interface is up again; a tap that is gone says so each time.
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

    /// Writes up to [`BATCH`] frames in order, without waiting. It counts the frames that the interface does not take.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_of_many_has_its_result_in_its_place() {
        let names: Vec<String> = (0..AT_ONCE + 3).map(|n| format!("none{n}")).collect();

        let opened = Port::open_all(names.iter().map(|name| (name.as_str(), PortKind::Packet)));

        let missing = opened.into_iter().map(|opened| match opened {
            Err(Error::Missing(name)) => name,
            other => panic!("{other:?}"),
        });
        assert!(missing.eq(names));
    }
}
