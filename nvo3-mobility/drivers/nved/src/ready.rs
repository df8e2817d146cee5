//! One wait for all file descriptors that carry frames and datagrams.
//!
//! ```
//! use nved::ready::{Ready, Source};
//! use std::net::UdpSocket;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let socket = UdpSocket::bind("127.0.0.1:0")?;
//! socket.send_to(b"to itself", socket.local_addr()?)?;
//!
//! let ready = Ready::new()?;
//! ready.add(Source::Control(0), &socket)?;
//! assert!(ready.wait().await?.eq([Source::Control(0)]));
//! # Ok(())
//! # }
//! ```

use nvo3_mobility::table::VapId;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// The most sources that one wait gives; the next wait gives the others.
const AT_ONCE: usize = 64;

/// The name of a file descriptor. The owner chooses the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// An access port.
    Port(VapId),
    /// An underlay socket, by its place in [`Underlay::receivers`](crate::underlay::Underlay::receivers).
    Underlay(usize),
    /// A socket of control messages, by its place in the owner's list.
    Control(usize),
    /// The kernel's news of interfaces, [`Links`](crate::links::Links).
    Links,
}

impl Source {
    const fn number(self) -> u64 {
        match self {
            Self::Port(vap) => vap.0 as u64,
            Self::Underlay(place) => 1 << 32 | place as u64,
            Self::Control(place) => 2 << 32 | place as u64,
            Self::Links => 3 << 32,
        }
    }

    const fn numbered(number: u64) -> Self {
        match number >> 32 {
            0 => Self::Port(VapId(number as u32)),
            1 => Self::Underlay(number as u32 as usize),
            2 => Self::Control(number as u32 as usize),
            _ => Self::Links,
        }
    }
}

/// The sources that one wait covers: an epoll instance, which the tokio runtime watches. A source needs no task, and a wait no
/// allocation.
#[derive(Debug)]
pub struct Ready {
    epoll: AsyncFd<OwnedFd>,
}

impl Ready {
    #[allow(deprecated, reason = "an owned descriptor stays what it is, all that the unsafe successor asks for")]
    /// Makes an empty set of sources, in a tokio runtime.
    ///
    /// # Errors
    /// The system's error if it gives no epoll instance.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: AsyncFd::new(epoll::create(CreateFlags::CLOEXEC)?)? })
    }

    /// Adds a source, until its descriptor is closed.
    ///
    /// # Errors
    /// The system's error if it cannot watch this descriptor, or watches it already.
    pub fn add(&self, source: Source, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::add(self.epoll.get_ref(), descriptor, EventData::new_u64(source.number()), EventFlags::IN)?)
    }

    /// Leaves a source out, until it is added again. Its frames wait in the kernel.
    ///
    /// # Errors
    /// The system's error if it does not watch this descriptor.
    pub fn leave_out(&self, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(self.epoll.get_ref(), descriptor)?)
    }

    /// Waits until sources have something to read, and gives up to 64 of them. The next wait gives a source again that was not read
    /// empty.
    ///
    /// # Errors
    /// The system's error if its wait fails.
    pub async fn wait(&self) -> io::Result<impl Iterator<Item = Source> + use<>> {
        loop {
            let mut guard = self.epoll.readable().await?;
            let mut room = [const { MaybeUninit::<epoll::Event>::uninit() }; AT_ONCE];
            let (events, _) = epoll::wait(self.epoll.get_ref(), &mut room, Some(&Default::default()))?;
            if events.is_empty() {
                guard.clear_ready();
                continue;
            }
            let mut sources = arrayvec::ArrayVec::<Source, AT_ONCE>::new();
            sources.extend(events.iter().map(|event| Source::numbered(event.data.u64())));
            return Ok(sources.into_iter());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_source_is_its_number() {
        for source in [
            Source::Port(VapId(0)),
            Source::Port(VapId(u32::MAX)),
            Source::Underlay(1),
            Source::Control(0),
            Source::Links,
        ] {
            assert_eq!(Source::numbered(source.number()), source);
        }
    }

    #[tokio::test]
    async fn what_is_not_read_is_told_of_again() {
        let ready = Ready::new().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        ready.add(Source::Control(3), &socket).unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();

        for _ in 0..2 {
            assert_eq!(ready.wait().await.unwrap().collect::<Vec<_>>(), [Source::Control(3)]);
        }

        ready.leave_out(&socket).unwrap();
        let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), ready.wait()).await;
        assert!(nothing.is_err(), "it is left out");
        ready.add(Source::Control(3), &socket).unwrap();
        assert_eq!(ready.wait().await.unwrap().collect::<Vec<_>>(), [Source::Control(3)]);

        socket.recv(&mut [0; 1]).unwrap();
        let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), ready.wait()).await;
        assert!(nothing.is_err());
    }
}
