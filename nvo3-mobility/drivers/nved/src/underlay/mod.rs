//! The underlay: VXLAN over UDP from and to other NVEs (RFC 7348), in batches, with segmentation and aggregation by the kernel
//! if it offers them.
//!
//! All datagrams of an address family arrive at one socket, on the VXLAN port. They leave by eight sockets, so that the outer source
//! port tells flows apart, as VXL-04 wants. Frames of one flow take the same socket and stay in order. The ECN bits of the outer header
//! are set from the inner one, and combined into it on the way out of a tunnel (RFC 6040).
//!
//! ```no_run
//! use nvo3_nva_proto::Locators;
//! use nvo3_wire::Vni;
//! use nved::underlay::{Datagrams, Underlay, UnderlayCounters, decapsulate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let locator = [127, 0, 77, 1];
//! let mut underlay = Underlay::open(&Locators::V4(locator.into()), 4789)?;
//! let (mut datagrams, mut counters) = (Datagrams::new(), UnderlayCounters::default());
//! underlay.put(locator.into(), Vni::MAX, &[0; 60], &mut counters);
//! underlay.send(&mut counters);
//! underlay.receive(0, &mut datagrams)?;
//! for (from, ecn, datagram) in datagrams.iter_mut() {
//!     if let Some((vn, frame)) = decapsulate(datagram, ecn, &mut counters) {
//!         println!("from {from}, VN {}: {} bytes", vn.get(), frame.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod run;

use crate::room::{WAITING, make_room};
use nvo3_nva_proto::Locators;
use nvo3_wire::ecn::{self, Ecn};
use nvo3_wire::{Error as WireError, Vni, flow, vxlan};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use run::Run;
use serde::Serialize;
use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The number of outer source ports, and so of the flows that the underlay can tell apart.
const SOURCE_PORTS: usize = 8;
/// The first outer source port: VXL-04 wants one of the dynamic range.
const FIRST_SOURCE_PORT: u16 = 49_152;
/// The most datagrams that one call receives, each as long as the kernel aggregates.
const BATCH: usize = 16;
const LONGEST: usize = 65_535;

/// The reason why the underlay cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("locator {}, UDP {}: {error}", address.ip(), address.port())]
pub struct Error {
    address: SocketAddr,
    error: io::Error,
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.error.kind(), error)
    }
}

/// Datagrams and frames that the underlay did not carry, and ECN alarms of those that it did. Each counter only grows; a healthy
/// underlay shows 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnderlayCounters {
    /// Received datagrams that are not VXLAN with a valid VNI and a frame.
    pub malformed: u64,
    /// Received frames that were dropped: the outer header says *congestion experienced*, and the inner packet cannot say so
    /// (RFC 6040 §4.2).
    pub not_ect_congested: u64,
    /// Received frames with a combination of ECN codepoints that must not occur (RFC 6040 §4.2).
    pub ecn_alarms: u64,
    /// Frames that were not sent because the edge has no locator of the address family.
    pub no_family: u64,
    /// Frames that were not sent because the socket's queue was full.
    pub full: u64,
    /// Frames that were not sent because they are longer than the path takes: VXLAN packets are not fragmented (VXL-07).
    pub too_long: u64,
    /// Frames that were not sent for another reason, for example an unreachable locator.
    pub refused: u64,
}

struct Family {
    receive: Socket,
    send: Vec<Run>,
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// A frame that was not sent: it is longer than the path to an NVE takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The NVE that it was for.
    pub to: IpAddr,
    /// The frame's length in bytes, Ethernet header included.
    pub frame: usize,
}

/// The underlay sockets of one NVE: those of one address family or of both.
pub struct Underlay {
    families: Vec<Family>,
    port: u16,
    too_long: Option<TooLong>,
}

/// Room for the datagrams that one call receives: about one megabyte.
pub struct Datagrams {
    bytes: Box<[u8]>,
    metas: [RecvMeta; BATCH],
    received: usize,
}

impl fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagrams").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Datagrams {
    /// Makes empty room.
    pub fn new() -> Self {
        Self { bytes: vec![0; BATCH * LONGEST].into(), metas: [RecvMeta::default(); BATCH], received: 0 }
    }

    /// The datagrams of the last receive, each with its sender and the ECN bits of its outer header.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (IpAddr, Ecn, &mut [u8])> {
        let received = self.bytes.chunks_exact_mut(LONGEST).zip(&self.metas).take(self.received);
        received.flat_map(|(room, meta)| {
            let (from, ecn) = (meta.addr.ip(), meta.ecn.map_or(Ecn::NotEct, |ecn| Ecn::from_class(ecn as u8)));
            let bytes = room.get_mut(..meta.len).unwrap_or_default();
            bytes.chunks_mut(meta.stride.max(1)).map(move |datagram| (from, ecn, datagram))
        })
    }
}

impl Default for Datagrams {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Underlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Underlay")
            .field("families", &self.families.len())
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Underlay {
    /// Opens sockets on these locators. `port` is the UDP port that VXLAN is received on here and sent to elsewhere: 4789, unless
    /// all NVEs of the domain use another.
    ///
    /// # Errors
    /// An [`Error`] with the locator if it is not an address of this host, the port is in use, or the system refuses.
    pub fn open(locators: &Locators, port: u16) -> Result<Self, Error> {
        let addresses = [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)];
        let open = |ip| Family::open(ip, port).map_err(|error| Error { address: SocketAddr::new(ip, port), error });
        Ok(Self {
            families: addresses.into_iter().flatten().map(open).collect::<Result<_, _>>()?,
            port,
            too_long: None,
        })
    }

    /// The sockets that datagrams arrive at. The place of each is its number in [`Underlay::receive`].
    pub fn receivers(&self) -> impl Iterator<Item = &UdpSocket> {
        self.families.iter().map(|family| &family.receive.socket)
    }

    /// Receives the datagrams that wait at one of the [`Underlay::receivers`], up to a batch, without waiting for more.
    ///
    /// # Errors
    /// The system's error, such as an ICMP message about a datagram that was sent before.
    pub fn receive(&mut self, place: usize, into: &mut Datagrams) -> io::Result<()> {
        into.received = 0;
        let Some(Family { receive: Socket { socket, state }, .. }) = self.families.get(place) else { return Ok(()) };
        let mut rooms = into.bytes.chunks_exact_mut(LONGEST);
        let mut slices: [_; BATCH] = std::array::from_fn(|_| IoSliceMut::new(rooms.next().unwrap_or_default()));
        match state.recv(UdpSockRef::from(socket), &mut slices, &mut into.metas) {
            Ok(received) => into.received = received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts a frame for the NVE `to` behind the frames that wait to be sent. If there is no room for it, sends those frames first.
    pub fn put(&mut self, to: IpAddr, vn: Vni, frame: &[u8], counters: &mut UnderlayCounters) {
        let port = self.port;
        let Some(family) = self.families.iter_mut().find(|family| family.is_of(to)) else {
            counters.no_family += 1;
            return;
        };
        let flow = usize::from(flow::entropy(frame)) % SOURCE_PORTS;
        if let Some(run) = family.send.get_mut(flow) {
            let too_long = run.put(SocketAddr::new(to, port), vn, Ecn::of_frame(frame), frame, counters);
            self.too_long = too_long.or(self.too_long);
        }
    }

    /// Sends all frames that were put, without waiting. It counts the frames that are not sent.
    pub fn send(&mut self, counters: &mut UnderlayCounters) {
        for run in self.families.iter_mut().flat_map(|family| &mut family.send) {
            self.too_long = run.send(counters).or(self.too_long);
        }
    }

    /// The last frame that was too long for its path, if there was one since the last call.
    pub const fn take_too_long(&mut self) -> Option<TooLong> {
        self.too_long.take()
    }
}

impl Family {
    fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let receive = Socket::bind(SocketAddr::new(address, port))?;
        make_room(&receive.socket)?;
        let mut ports = FIRST_SOURCE_PORT..=u16::MAX;
        let mut send = Vec::with_capacity(SOURCE_PORTS);
        while send.len() < SOURCE_PORTS {
            let Some(port) = ports.next() else { return Err(io::ErrorKind::AddrInUse.into()) };
            match Socket::bind(SocketAddr::new(address, port)) {
                Ok(socket) => {
                    // A short queue would lose a part of a batch.
                    socket.state.set_send_buffer_size(UdpSockRef::from(&socket.socket), WAITING)?;
                    send.push(Run::new(socket));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { receive, send })
    }

    fn is_of(&self, address: IpAddr) -> bool {
        self.receive.socket.local_addr().is_ok_and(|own| own.is_ipv4() == address.is_ipv4())
    }
}

impl Socket {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket, state })
    }
}

/// Takes a frame out of its tunnel: gives its VN and the frame, with the outer ECN bits combined into it (RFC 6040). `None` if the
/// datagram is not VXLAN or must be dropped; `counters` counts it.
pub fn decapsulate<'a>(datagram: &'a mut [u8], outer: Ecn, counters: &mut UnderlayCounters) -> Option<(Vni, &'a [u8])> {
    let malformed = |_: WireError| counters.malformed += 1;
    let (vni, inner) = vxlan::parse(datagram).map_err(malformed).ok()?;
    let before = Ecn::of_frame(inner);
    let after = ecn::egress(before, outer);
    counters.ecn_alarms += u64::from(after.alarm);
    let Some(wanted) = after.inner else {
        counters.not_ect_congested += 1;
        return None;
    };
    let frame = datagram.get_mut(size_of::<vxlan::Header>()..)?;
    if wanted != before {
        // `Ecn::of_frame` has read it as an IP packet.
        ecn::set(frame, wanted).ok()?;
    }
    Some((vni, frame))
}

#[cfg(test)]
mod tests;
