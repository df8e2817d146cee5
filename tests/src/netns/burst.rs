//! A flow of equal datagrams, at a fixed rate or as fast as the socket takes them.

use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg, sendmmsg};
use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Datagrams sent or received by one call.
pub const BATCH: usize = 32;

/// A sender of equal datagrams to the peer of a connected socket.
#[derive(Clone, Debug)]
pub struct Burst {
    /// The payload of each datagram.
    pub payload: Vec<u8>,
    /// Datagrams a second; `None` sends as many as possible.
    pub rate: Option<u32>,
}

impl Burst {
    /// Sends until `over`. Returns how many datagrams the socket took.
    pub fn send(&self, socket: &UdpSocket, over: &AtomicBool, sent: &AtomicU64) {
        let mut headers = MultiHeaders::preallocate(BATCH, None);
        let slices: [_; BATCH] = std::array::from_fn(|_| [IoSlice::new(&self.payload)]);
        let (began, mut all) = (Instant::now(), 0);
        while !over.load(Ordering::Relaxed) {
            let flags = MsgFlags::empty();
            // The kernel reports here that the port of an earlier datagram is unreachable.
            if let Ok(taken) = sendmmsg(socket.as_raw_fd(), &mut headers, &slices, [None::<()>; BATCH], [], flags) {
                all += taken.count() as u64;
                sent.store(all, Ordering::Relaxed);
            }
            if let Some(rate) = self.rate {
                let due = began + Duration::from_secs_f64(all as f64 / f64::from(rate));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
    }
}

/// Receives until `over`. Returns how many datagrams arrived.
pub fn count(socket: &UdpSocket, over: &AtomicBool, received: &AtomicU64) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut headers = MultiHeaders::<()>::preallocate(BATCH, None);
    let mut room = vec![[0; 2_048]; BATCH];
    while !over.load(Ordering::Relaxed) {
        let mut slices: Vec<_> = room.iter_mut().map(|bytes| [IoSliceMut::new(bytes)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        if let Ok(datagrams) = recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None) {
            received.fetch_add(datagrams.count() as u64, Ordering::Relaxed);
        }
    }
}
