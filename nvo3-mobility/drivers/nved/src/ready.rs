//! Which of the file descriptors that carry frames and datagrams have something, with one wait for all of them.

use nvo3_mobility::table::VapId;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// Sources told of at once; the others are told of the next time.
const AT_ONCE: usize = 64;

/// What has something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An access port.
    Port(VapId),
    /// An underlay socket, by its place.
    Underlay(usize),
    /// A control socket, by its place.
    Control(usize),
}

impl Source {
    const fn number(self) -> u64 {
        match self {
            Self::Port(vap) => vap.0 as u64,
            Self::Underlay(place) => 1 << 32 | place as u64,
            Self::Control(place) => 2 << 32 | place as u64,
        }
    }

    const fn numbered(number: u64) -> Self {
        match number >> 32 {
            0 => Self::Port(VapId(number as u32)),
            1 => Self::Underlay(number as u32 as usize),
            _ => Self::Control(number as u32 as usize),
        }
    }
}

/// The sources. An epoll instance of its own, itself watched by the runtime: a port costs no task and a wait no allocation.
#[derive(Debug)]
pub(crate) struct Ready {
    epoll: AsyncFd<OwnedFd>,
}

impl Ready {
    #[allow(deprecated, reason = "an owned descriptor stays what it is, all that the unsafe successor asks for")]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: AsyncFd::new(epoll::create(CreateFlags::CLOEXEC)?)? })
    }

    /// From now on; a descriptor that is closed is forgotten.
    pub(crate) fn add(&self, source: Source, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::add(self.epoll.get_ref(), descriptor, EventData::new_u64(source.number()), EventFlags::IN)?)
    }

    /// Waits until something is ready. What is not read then is told of again.
    pub(crate) async fn wait(&self) -> io::Result<impl Iterator<Item = Source> + use<>> {
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
        for source in [Source::Port(VapId(0)), Source::Port(VapId(u32::MAX)), Source::Underlay(1), Source::Control(0)] {
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

        socket.recv(&mut [0; 1]).unwrap();
        let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), ready.wait()).await;
        assert!(nothing.is_err());
    }
}
