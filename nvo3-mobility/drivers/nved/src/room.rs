//! Room in the kernel for frames and datagrams that arrive while the process does not run.

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use socket2::SockRef;
use std::io;
use std::os::fd::AsFd;

/// The most bytes that may wait in a socket.
pub(crate) const WAITING: usize = 16 << 20;

/// Lets [`WAITING`] bytes wait to be received; without CAP_NET_ADMIN, as much as the system allows.
pub(crate) fn make_room(socket: &impl AsFd) -> io::Result<()> {
    setsockopt(socket, RcvBufForce, &WAITING).or_else(|_| SockRef::from(socket).set_recv_buffer_size(WAITING))
}
