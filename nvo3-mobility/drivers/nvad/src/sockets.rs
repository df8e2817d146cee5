//! The UDP sockets at which edges reach the authority.
//!
//! ```
//! use nvad::sockets::Sockets;
//! use std::net::UdpSocket;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut sockets = Sockets::bind(&["127.0.0.1:0".parse()?, "[::1]:0".parse()?])?;
//! let edge = UdpSocket::bind("127.0.0.1:0")?;
//! edge.send_to(b"hello", sockets.addresses()[0])?;
//!
//! sockets.readable().await;
//! sockets.receive(|from, datagram| assert_eq!((from, datagram), (edge.local_addr().unwrap(), &b"hello"[..])));
//! sockets.send(edge.local_addr()?, b"welcome");
//! # Ok(())
//! # }
//! ```

use serde::Serialize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// The most datagrams that are read from one socket before the next socket has its turn.
const TURN: usize = 64;
/// The bytes that may wait in the kernel for each socket and direction, if the kernel allows so many.
const BUFFER: usize = 4 << 20;
/// The most peers whose socket is remembered.
const PEERS: usize = 65_536;
/// The most peers that have a socket of their own: the kernel looks at each of them for every datagram.
const OWN: usize = 256;

/// The counters of [`Sockets`]. Each counter only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SocketCounters {
    /// Datagrams received.
    pub datagrams_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Datagrams that the system did not take and that are lost; sessions send them again. A healthy system shows 0.
    pub send_errors: u64,
    /// Errors that the system gave in place of a datagram, mostly because no process listens at the address of an edge that ended.
    pub receive_errors: u64,
    /// Peers that got no socket of their own: 256 peers have one, or the system gave none. They share their queue with strangers.
    pub no_own_socket: u64,
}

/// The reason why the authority cannot listen on an address, with the address.
#[derive(Debug, thiserror::Error)]
#[error("listen: {address}: {error}")]
pub struct Error {
    address: SocketAddr,
    error: io::Error,
}

/// One UDP socket for each address at which edges reach the authority.
pub struct Sockets {
    all: Vec<UdpSocket>,
    /// The socket at which each peer was heard last, since a peer expects answers from the address that it sends to. `None` if each
    /// address family has only one socket.
    heard_on: Option<HashMap<SocketAddr, usize>>,
    /// The sockets that hear one peer each.
    own: BTreeMap<SocketAddr, UdpSocket>,
    buffer: Vec<u8>,
    counters: SocketCounters,
    complained: Option<Instant>,
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").field("all", &self.all).field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl Sockets {
    /// Listens on these addresses, in a tokio runtime. For port 0 the system chooses a port.
    ///
    /// # Errors
    /// An [`Error`] with the address if it is not an address of this host, or is in use.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, Error> {
        let bound = |address: &SocketAddr| bind(*address).map_err(|error| Error { address: *address, error });
        let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
        let several = v4 > 1 || addresses.len() - v4 > 1;
        Ok(Self {
            all: addresses.iter().map(bound).collect::<Result<_, _>>()?,
            heard_on: several.then(HashMap::new),
            own: BTreeMap::new(),
            buffer: vec![0; usize::from(u16::MAX)],
            counters: SocketCounters::default(),
            complained: None,
        })
    }

    /// The addresses that the sockets listen on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Gives a peer a socket of its own at the address where it was heard last, so that datagrams of others do not fill its queue. Up to 256
    /// peers have one; a further peer is counted, and heard as before. Does nothing if the peer has one.
    pub fn give_own(&mut self, peer: SocketAddr) {
        if self.own.contains_key(&peer) {
            return;
        }
        let own = (self.own.len() < OWN).then(|| self.socket_of(peer)).flatten().map(|shared| connected(shared, peer));
        match own {
            Some(Ok(own)) => _ = self.own.insert(peer, own),
            Some(Err(_)) | None => self.counters.no_own_socket += 1,
        }
    }

    /// Takes the socket of [`Sockets::give_own`] from a peer. What waits there is lost.
    pub fn take_own(&mut self, peer: SocketAddr) {
        self.own.remove(&peer);
    }

    /// The socket that a peer expects answers from.
    fn socket_of(&self, peer: SocketAddr) -> Option<&UdpSocket> {
        let heard_on = self.heard_on.as_ref().and_then(|heard_on| heard_on.get(&peer)).and_then(|n| self.all.get(*n));
        let fits = |socket: &&UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv4() == peer.is_ipv4());
        heard_on.or_else(|| self.all.iter().find(fits))
    }

    /// The counters.
    pub const fn counters(&self) -> &SocketCounters {
        &self.counters
    }

    /// Waits until there may be a datagram to receive. It may be dropped while it waits (`tokio::select!`).
    pub async fn readable(&self) {
        poll_fn(|context| {
            // If there is an error, `receive` finds it.
            let ready =
                self.own.values().chain(&self.all).filter(|socket| socket.poll_recv_ready(context).is_ready()).count();
            if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Gives each datagram that waits to `take`, with its sender: up to 64 of each socket, without waiting for more.
    pub fn receive(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) {
        for socket in self.own.values() {
            for _ in 0..TURN {
                match socket.try_recv_from(&mut self.buffer) {
                    Ok((length, from)) => {
                        self.counters.datagrams_in += 1;
                        take(from, self.buffer.get(..length).unwrap_or_default());
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => self.counters.receive_errors += 1,
                }
            }
        }
        for (n, socket) in self.all.iter().enumerate() {
            for _ in 0..TURN {
                match socket.try_recv_from(&mut self.buffer) {
                    Ok((length, from)) => {
                        self.counters.datagrams_in += 1;
                        if let Some(heard_on) = &mut self.heard_on {
                            // Strangers may fill the map. A peer that is heard again enters it again.
                            if heard_on.len() >= PEERS && !heard_on.contains_key(&from) {
                                heard_on.clear();
                            }
                            heard_on.insert(from, n);
                        }
                        take(from, self.buffer.get(..length).unwrap_or_default());
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => self.counters.receive_errors += 1,
                }
            }
        }
    }

    /// Sends a datagram to a peer, from the address that the peer sent to last, without waiting. A datagram that the system does not
    /// take is lost and counted; sessions send it again.
    pub fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let sent = match self.socket_of(to) {
            Some(socket) => socket.try_send_to(datagram, to),
            None => Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        match sent {
            Ok(_) => self.counters.datagrams_out += 1,
            Err(error) => {
                self.counters.send_errors += 1;
                let now = Instant::now();
                if self.complained.is_none_or(|at| now - at > Duration::from_secs(1)) {
                    self.complained = Some(now);
                    tracing::warn!(%to, %error, send_errors = self.counters.send_errors, "the system did not take a datagram to an edge; sessions send it again");
                }
            }
        }
    }
}

/// A socket at the same address as another one. The kernel gives it the datagrams of the peer, because it is connected to the peer.
fn connected(other: &UdpSocket, peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = unbound(peer)?;
    // Sockets share an address only while all of them say so. The other one says it no longer than this takes.
    SockRef::from(other).set_reuse_port(true)?;
    socket.set_reuse_port(true)?;
    let bound = socket.bind(&other.local_addr()?.into()).and_then(|()| socket.connect(&peer.into()));
    SockRef::from(other).set_reuse_port(false)?;
    bound?;
    UdpSocket::from_std(socket.into())
}

fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // Another socket can have the same port for IPv4.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = unbound(address)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let options = SockRef::from(&socket);
    options.set_recv_buffer_size(BUFFER)?;
    options.set_send_buffer_size(BUFFER)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn an_answer_comes_from_the_address_that_was_asked() {
        runtime().block_on(async {
            let any: [SocketAddr; 3] = ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"].map(|text| text.parse().unwrap());
            let mut sockets = Sockets::bind(&any).unwrap();
            for own in sockets.addresses() {
                let peer = std::net::UdpSocket::bind((own.ip(), 0)).unwrap();
                peer.connect(own).unwrap();
                peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                peer.send(b"asked").unwrap();

                let mut heard = None;
                while heard.is_none() {
                    sockets.readable().await;
                    sockets.receive(|from, datagram| heard = Some((from, datagram.to_vec())));
                }
                let (from, datagram) = heard.unwrap();
                assert_eq!(datagram, b"asked");
                sockets.send(from, b"answered");

                let mut answer = [0; 16];
                assert_eq!(peer.recv(&mut answer).unwrap(), 8);
            }
            assert_eq!((sockets.counters().datagrams_in, sockets.counters().datagrams_out), (3, 3));
        });
    }

    #[test]
    fn a_peer_with_a_socket_of_its_own_is_heard_and_answered_while_strangers_fill_the_queue() {
        runtime().block_on(async {
            let mut sockets = Sockets::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
            let at = sockets.addresses()[0];
            let [peer, stranger] = ["127.0.0.1:0"; 2].map(|any| std::net::UdpSocket::bind(any).unwrap());
            let address = peer.local_addr().unwrap();
            sockets.give_own(address);
            assert!(std::net::UdpSocket::bind(at).is_err(), "nobody else shares the address");

            // More than the kernel takes for a socket.
            let flood = vec![7; 60_000];
            (0..200).for_each(|_| _ = stranger.send_to(&flood, at).unwrap());
            peer.send_to(b"asked", at).unwrap();
            sockets.readable().await;
            let mut heard = Vec::new();
            sockets.receive(|from, datagram| heard.push((from, datagram.len())));
            assert_eq!(heard.first(), Some(&(address, 5)));
            sockets.send(address, b"answered");
            assert_eq!(peer.recv_from(&mut [0; 16]).unwrap(), (8, at));

            sockets.take_own(address);
            peer.send_to(b"again", at).unwrap();
            while heard.last() != Some(&(address, 5)) {
                sockets.readable().await;
                sockets.receive(|from, datagram| heard.push((from, datagram.len())));
            }
            assert!(heard.len() < 202, "the queue of strangers was full");
            assert_eq!((sockets.counters().receive_errors, sockets.counters().no_own_socket), (0, 0));
        });
    }

    #[test]
    fn peers_beyond_the_bound_share_a_queue_and_are_counted() {
        runtime().block_on(async {
            let mut sockets = Sockets::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
            let peer = |n: usize| SocketAddr::from(([127, 0, 1, 1], 1_000 + n as u16));

            (0..OWN + 2).for_each(|n| sockets.give_own(peer(n)));
            sockets.give_own(peer(0));
            assert_eq!((sockets.own.len(), sockets.counters().no_own_socket), (OWN, 2));

            sockets.take_own(peer(0));
            sockets.give_own(peer(OWN));
            assert_eq!((sockets.own.len(), sockets.counters().no_own_socket), (OWN, 2));
        });
    }

    #[test]
    fn the_same_port_serves_both_families_and_what_cannot_be_sent_is_counted() {
        runtime().block_on(async {
            let sockets = Sockets::bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
            let port = sockets.addresses()[0].port();
            let v6 = Sockets::bind(&[SocketAddr::new("::".parse().unwrap(), port)]).unwrap();
            let taken = Sockets::bind(&[SocketAddr::new("::".parse().unwrap(), port)]).err().unwrap().to_string();
            assert!(taken.starts_with(&format!("listen: [::]:{port}: ")), "{taken}");

            let mut v6 = v6;
            v6.send("192.0.2.1:5".parse().unwrap(), b"nowhere");
            assert_eq!((v6.counters().datagrams_out, v6.counters().send_errors), (0, 1));
        });
    }
}
