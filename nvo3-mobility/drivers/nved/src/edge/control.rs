//! The sockets of control messages.
//!
//! The authority's messages have a socket and a queue of their own. Everybody in the underlay can send datagrams to an edge's control port,
//! and other NVEs must, for hints. What strangers send fills only the queue of the other sockets, and these are read for a share of the
//! time.

use super::share::{Share, Vain};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::ReusePort;
use nvo3_mobility::edge::Peer;
use nvo3_nva_proto::{CONTROL_PORT, Instant, Locators};
use serde::Serialize;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Control messages that were not sent; the session sends them again. A healthy edge shows 0.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ControlCounters {
    pub(super) not_sent: u64,
    pub(super) no_family: u64,
    /// The times that a socket was left unread for a while because of strangers.
    pub(super) rests: u64,
}

/// A socket, and the time that its datagrams have taken. The authority's socket has no share.
#[derive(Debug)]
struct Heard {
    socket: UdpSocket,
    share: Option<Share>,
}

/// The sockets. The place of each is its number in [`Control::sockets`].
#[derive(Debug)]
pub(super) struct Control {
    pub(super) nva: SocketAddr,
    heard: Vec<Heard>,
    pub(super) counters: ControlCounters,
}

impl Control {
    pub(super) fn open(locators: &Locators, nva: SocketAddr) -> io::Result<Self> {
        let mut heard = Vec::new();
        for address in [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)].into_iter().flatten() {
            let address = SocketAddr::new(address, CONTROL_PORT);
            let failed = |error: io::Error| io::Error::new(error.kind(), format!("control socket {address}: {error}"));
            // It fails if another process has the address.
            let open = UdpSocket::bind(address).map_err(failed)?;
            if address.is_ipv4() == nva.is_ipv4() {
                let own = of_the_authority(&open, nva).map_err(failed)?;
                heard.push(Heard { socket: own, share: None });
            }
            heard.push(Heard { socket: open, share: Some(Share::default()) });
        }
        for Heard { socket, .. } in &heard {
            socket.set_nonblocking(true)?;
        }
        Ok(Self { nva, heard, counters: ControlCounters::default() })
    }

    pub(super) fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.heard.iter().map(|heard| &heard.socket)
    }

    pub(super) fn socket(&self, place: usize) -> Option<&UdpSocket> {
        self.heard.get(place).map(|heard| &heard.socket)
    }

    /// Notes that datagrams at a socket took this time until now. Gives the time until when the socket has to rest, if it has to.
    pub(super) fn spend(&mut self, place: usize, now: Instant, took: Vain) -> Option<Instant> {
        let until = self.heard.get_mut(place)?.share.as_mut()?.spend(now, took.time())?;
        self.counters.rests += 1;
        Some(until)
    }

    /// Sends a message, from the sockets that hear everybody: the answer to it has its way by its source.
    pub(super) fn say(&mut self, peer: Peer, datagram: &[u8]) {
        let to = match peer {
            Peer::Nva => self.nva,
            Peer::Nve(to) => SocketAddr::new(to, CONTROL_PORT),
        };
        let fits = |heard: &&Heard| {
            heard.share.is_some() && heard.socket.local_addr().is_ok_and(|own| own.is_ipv4() == to.is_ipv4())
        };
        match self.heard.iter().find(fits) {
            // The session sends a lost message again, and so one that was not sent.
            Some(heard) => self.counters.not_sent += u64::from(heard.socket.send_to(datagram, to).is_err()),
            None => self.counters.no_family += 1,
        }
    }
}

/// A socket at the same address as another one. The kernel gives it the datagrams of the authority, because it is connected to it.
fn of_the_authority(other: &UdpSocket, nva: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(nva), socket2::Type::DGRAM, None)?;
    // Two sockets share an address only while both say so.
    setsockopt(other, ReusePort, &true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&other.local_addr()?.into())?;
    socket.connect(&nva.into())?;
    socket.set_reuse_port(false)?;
    setsockopt(other, ReusePort, &false)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn heard(socket: &UdpSocket) -> Option<Vec<u8>> {
        let mut room = [0; 16];
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        socket.recv(&mut room).ok().map(|length| room[..length].to_vec())
    }

    #[test]
    fn the_words_of_the_authority_have_a_queue_of_their_own() {
        let [nva, stranger] = ["127.0.0.1:0"; 2].map(|any| UdpSocket::bind(any).unwrap());
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let own = of_the_authority(&other, nva.local_addr().unwrap()).unwrap();
        let at = other.local_addr().unwrap();
        assert!(UdpSocket::bind(at).is_err(), "nobody else shares the address");

        stranger.send_to(b"stranger", at).unwrap();
        nva.send_to(b"authority", at).unwrap();

        assert_eq!([heard(&own), heard(&other)], [Some(b"authority".to_vec()), Some(b"stranger".to_vec())]);
        assert_eq!([heard(&own), heard(&other)], [None, None]);
        let third = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        third.set_reuse_port(true).unwrap();
        assert!(third.bind(&at.into()).is_err(), "also not one that would share it");
    }

    #[test]
    fn a_socket_of_strangers_rests_and_that_of_the_authority_never_does() {
        let locators = Locators::V4([127, 0, 0, 77].into());
        let mut control = Control::open(&locators, "127.0.0.1:61635".parse().unwrap()).unwrap();
        let flood = Vain { turn: nvo3_nva_proto::Micros::from_secs(1), read: 10_000, in_vain: 10_000 };
        let now = Instant(9_000_000);

        assert_eq!(control.sockets().count(), 2);
        assert_eq!(control.spend(0, now, flood), None);
        assert!(control.spend(1, now, flood).is_some());
        assert_eq!(control.counters.rests, 1);
    }
}
