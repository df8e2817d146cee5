//! The UDP sockets on which edges reach the authority.

use serde::Serialize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

/// Datagrams taken from a socket before something else has its turn.
const TURN: usize = 64;
/// What the kernel may keep of a burst; it gives as much as it allows.
const BUFFER: usize = 4 << 20;
/// Peers whose socket is remembered.
const PEERS: usize = 65_536;

/// What is counted here; it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counters {
    /// Datagrams received.
    pub(crate) datagrams_in: u64,
    /// Datagrams sent.
    pub(crate) datagrams_out: u64,
    /// Datagrams that the system did not take; each is lost as on the way.
    pub(crate) send_errors: u64,
    /// What the system said instead of a datagram: mostly that nobody listens where one was sent.
    pub(crate) receive_errors: u64,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("listen: {address}: {error}")]
pub(crate) struct Error {
    address: SocketAddr,
    error: io::Error,
}

/// One socket for each address.
pub(crate) struct Sockets {
    all: Vec<UdpSocket>,
    /// The socket on which a peer was heard last: it expects to be answered from the address that it sends to. Not used
    /// where a family has one socket only.
    heard_on: Option<HashMap<SocketAddr, usize>>,
    buffer: Vec<u8>,
    counters: Counters,
    complained: Option<Instant>,
}

impl Sockets {
    /// Listens, in a runtime.
    pub(crate) fn bind(addresses: &[SocketAddr]) -> Result<Self, Error> {
        let bound = |address: &SocketAddr| bind(*address).map_err(|error| Error { address: *address, error });
        let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
        let several = v4 > 1 || addresses.len() - v4 > 1;
        Ok(Self {
            all: addresses.iter().map(bound).collect::<Result<_, _>>()?,
            heard_on: several.then(HashMap::new),
            buffer: vec![0; usize::from(u16::MAX)],
            counters: Counters::default(),
            complained: None,
        })
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.all.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// What was counted.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Waits until there may be something to receive.
    pub(crate) async fn readable(&self) {
        poll_fn(|context| {
            // An error is found by who receives.
            let ready = self.all.iter().filter(|socket| socket.poll_recv_ready(context).is_ready()).count();
            if ready > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Takes what is there, up to a bound.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) {
        for (n, socket) in self.all.iter().enumerate() {
            for _ in 0..TURN {
                match socket.try_recv_from(&mut self.buffer) {
                    Ok((length, from)) => {
                        self.counters.datagrams_in += 1;
                        if let Some(heard_on) = &mut self.heard_on {
                            // Strangers may fill it; who is heard again is known again.
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

    /// Sends, or loses what the system does not take: who wants to be sure sends again.
    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        let heard_on = self.heard_on.as_ref().and_then(|heard_on| heard_on.get(&to)).and_then(|n| self.all.get(*n));
        let fits = |socket: &&UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv4() == to.is_ipv4());
        let sent = match heard_on.or_else(|| self.all.iter().find(fits)) {
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
                    tracing::warn!(%to, %error, send_errors = self.counters.send_errors, "a datagram was not sent");
                }
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // So that the same port is free for IPv4.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
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
