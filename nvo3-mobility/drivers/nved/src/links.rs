//! The kernel's news of the interfaces of this network namespace, and of filters that were taken away from them, by rtnetlink.
//!
//! The news says which interfaces to look at again. [`Port::is_at`](crate::port::Port::is_at) looks: news may be late, and an interface
//! that is gone may have a follower of the same name, even with the same index.
//!
//! ```
//! use nved::links::{Change, Links, News};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut links = Links::open()?;
//! match links.read() {
//!     News::Of(changes) => changes.iter().for_each(|change| match change {
//!         Change::Link { index, name } => println!("{name} has index {index}"),
//!         Change::FilterGone { index } => println!("the interface with index {index} has lost a filter"),
//!     }),
//!     News::OfAll => println!("anything may have changed"),
//! }
//! # Ok(())
//! # }
//! ```

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkAttribute;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The multicast groups of news about interfaces and about traffic control (`RTMGRP_LINK`, `RTMGRP_TC`, rtnetlink(7)).
const GROUPS: u32 = 0x1 | 0x8;

/// The longest datagram of the kernel, in bytes (`NLMSG_GOODSIZE` is at most that).
const LONGEST: usize = 32 * 1024;

/// The most datagrams of one read.
const AT_ONCE: usize = 256;

/// A subscription to the kernel's news of interfaces.
#[derive(Debug)]
pub struct Links {
    socket: OwnedFd,
    room: Vec<u8>,
}

/// A change of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The interface was made, has changed, or is gone.
    Link {
        /// Its index.
        index: u32,
        /// Its name after the change.
        name: String,
    },
    /// Somebody took a filter or a queueing discipline of the interface away (tc(8)).
    FilterGone {
        /// The index of the interface.
        index: u32,
    },
}

/// The news of one read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// These changes, in this order.
    Of(Vec<Change>),
    /// News was lost or cannot be read: any interface may have changed.
    OfAll,
}

impl Links {
    /// Subscribes. News from before is not told.
    ///
    /// # Errors
    /// The system's error if it gives no netlink socket.
    pub fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
        Ok(Self { socket, room: vec![0; LONGEST] })
    }

    /// Reads the news that waits, up to 256 datagrams, without waiting for more.
    pub fn read(&mut self) -> News {
        let mut changes = Vec::new();
        for _ in 0..AT_ONCE {
            match recv(self.socket.as_raw_fd(), &mut self.room, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => match self.room.get(..length).map(told) {
                    Some(Ok(told)) => changes.extend(told),
                    _ => return News::OfAll,
                },
                Err(Errno::EAGAIN) => break,
                // ENOBUFS: the kernel had more news than the socket has room.
                Err(_) => return News::OfAll,
            }
        }
        News::Of(changes)
    }
}

impl AsFd for Links {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The index of the interface that has this name now; `None` if there is none.
pub fn index_of(name: &str) -> Option<u32> {
    if_nametoindex(name).ok()
}

/// The changes of one datagram.
fn told(mut datagram: &[u8]) -> Result<Vec<Change>, netlink_packet_core::DecodeError> {
    let mut changes = Vec::new();
    while !datagram.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram)?;
        if let NetlinkPayload::InnerMessage(about) = &message.payload {
            changes.extend(change(about));
        }
        // Each message begins at a multiple of 4 bytes (`NLMSG_ALIGN`).
        let length = (message.header.length as usize).next_multiple_of(4).max(4);
        datagram = datagram.get(length..).unwrap_or_default();
    }
    Ok(changes)
}

fn change(message: &RouteNetlinkMessage) -> Option<Change> {
    match message {
        RouteNetlinkMessage::NewLink(link) | RouteNetlinkMessage::DelLink(link) => {
            let name = link.attributes.iter().find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name.clone()),
                _ => None,
            })?;
            Some(Change::Link { index: link.header.index, name })
        }
        RouteNetlinkMessage::DelTrafficFilter(gone) | RouteNetlinkMessage::DelQueueDiscipline(gone) => {
            u32::try_from(gone.header.index).ok().map(|index| Change::FilterGone { index })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::link::LinkMessage;
    use netlink_packet_route::tc::TcMessage;

    fn datagram(messages: Vec<RouteNetlinkMessage>) -> Vec<u8> {
        let mut all = Vec::new();
        for message in messages {
            let mut message = NetlinkMessage::from(message);
            message.finalize();
            let mut bytes = vec![0; message.buffer_len()];
            message.serialize(&mut bytes);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            all.extend(bytes);
        }
        all
    }

    fn link(index: u32, name: &str) -> LinkMessage {
        let mut link = LinkMessage::default();
        link.header.index = index;
        link.attributes.push(LinkAttribute::IfName(name.into()));
        link
    }

    #[test]
    fn a_datagram_names_the_interfaces_that_are_new_changed_or_gone_or_have_lost_a_filter() {
        let bytes = datagram(vec![
            RouteNetlinkMessage::DelLink(link(7, "vm0")),
            RouteNetlinkMessage::NewLink(link(9, "vm0")),
            RouteNetlinkMessage::NewTrafficFilter(TcMessage::with_index(9)),
            RouteNetlinkMessage::DelTrafficFilter(TcMessage::with_index(9)),
            RouteNetlinkMessage::DelQueueDiscipline(TcMessage::with_index(8)),
        ]);

        let changes = told(&bytes).unwrap();

        let link = |index| Change::Link { index, name: "vm0".into() };
        let gone = |index| Change::FilterGone { index };
        assert_eq!(changes, [link(7), link(9), gone(9), gone(8)]);
    }

    #[test]
    fn a_datagram_that_is_cut_off_may_be_about_any_interface() {
        let bytes = datagram(vec![RouteNetlinkMessage::NewLink(link(9, "vm0"))]);

        for length in 1..bytes.len() {
            assert!(told(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn an_interface_has_an_index_and_a_missing_one_has_none() {
        assert_eq!(index_of("lo"), Some(1));
        assert_eq!(index_of("no-such-link"), None);
        assert_eq!(Links::open().unwrap().read(), News::Of(vec![]));
    }
}
