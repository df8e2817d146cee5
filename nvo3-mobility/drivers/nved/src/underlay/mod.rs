//! The underlay: VXLAN in UDP to and from other NVEs (RFC 7348), in batches, with segmentation and aggregation by the kernel
//! where it does that.
//!
//! What arrives comes by one socket a family, on the VXLAN port. What leaves goes by several, so that the source port tells
//! flows apart (VXL-04); frames of one flow take the same and stay in order.

mod run;

use nvo3_nva_proto::Locators;
use nvo3_wire::ecn::{self, Ecn};
use nvo3_wire::{Error as WireError, Vni, flow, vxlan};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use run::Run;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Source ports, and so flows that are told apart.
const SOURCE_PORTS: usize = 8;
/// The first of the ports for it (VXL-04).
const FIRST_SOURCE_PORT: u16 = 49_152;
/// Received at once, each as long as the kernel aggregates.
const BATCH: usize = 16;
const LONGEST: usize = 65_535;
/// Datagrams that wait while the process does not run, or the interface is busy, in bytes.
const WAITING: usize = 16 << 20;

/// What the underlay did not carry, and what was odd about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnderlayCounters {
    /// Received, but not VXLAN with a valid VNI and a frame.
    pub(crate) malformed: u64,
    /// Received with *congestion experienced* on the outside around a packet that cannot say so: dropped (RFC 6040 §4.2).
    pub(crate) not_ect_congested: u64,
    /// Received with a combination of ECN codepoints that ought not to occur.
    pub(crate) ecn_alarms: u64,
    /// Not sent since there is no locator of the family.
    pub(crate) no_family: u64,
    /// Not sent since the socket's queue was full.
    pub(crate) full: u64,
    /// Not sent since it is longer than the path takes: VXLAN packets are not fragmented (VXL-07).
    pub(crate) too_long: u64,
    /// Not sent for another reason, an unreachable locator for instance.
    pub(crate) refused: u64,
}

struct Family {
    receive: Socket,
    send: Vec<Run>,
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// The sockets of one NVE.
pub(crate) struct Underlay {
    families: Vec<Family>,
    port: u16,
}

/// What was received by one call.
pub(crate) struct Datagrams {
    bytes: Box<[u8]>,
    metas: [RecvMeta; BATCH],
    received: usize,
}

impl Datagrams {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; BATCH * LONGEST].into(), metas: [RecvMeta::default(); BATCH], received: 0 }
    }

    /// Each datagram with its sender and the ECN bits of its outer header.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (IpAddr, Ecn, &mut [u8])> {
        let received = self.bytes.chunks_exact_mut(LONGEST).zip(&self.metas).take(self.received);
        received.flat_map(|(room, meta)| {
            let (from, ecn) = (meta.addr.ip(), meta.ecn.map_or(Ecn::NotEct, |ecn| Ecn::from_class(ecn as u8)));
            let bytes = room.get_mut(..meta.len).unwrap_or_default();
            bytes.chunks_mut(meta.stride.max(1)).map(move |datagram| (from, ecn, datagram))
        })
    }
}

impl Underlay {
    /// Opens the sockets on these locators.
    pub(crate) fn open(locators: &Locators, port: u16) -> io::Result<Self> {
        let addresses = [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)];
        let families = addresses.into_iter().flatten().map(|address| Family::open(address, port));
        Ok(Self { families: families.collect::<io::Result<_>>()?, port })
    }

    /// The sockets that something arrives by.
    pub(crate) fn receivers(&self) -> impl Iterator<Item = &UdpSocket> {
        self.families.iter().map(|family| &family.receive.socket)
    }

    /// Receives what there is by one of them, up to a batch.
    pub(crate) fn receive(&mut self, place: usize, into: &mut Datagrams) -> io::Result<()> {
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

    /// Puts a frame behind those that wait to be sent, and sends them when there is no room for it.
    pub(crate) fn put(&mut self, to: IpAddr, vn: Vni, frame: &[u8], counters: &mut UnderlayCounters) {
        let port = self.port;
        let Some(family) = self.families.iter_mut().find(|family| family.is_of(to)) else {
            counters.no_family += 1;
            return;
        };
        let flow = usize::from(flow::entropy(frame)) % SOURCE_PORTS;
        if let Some(run) = family.send.get_mut(flow) {
            run.put(SocketAddr::new(to, port), vn, Ecn::of_frame(frame), frame, counters);
        }
    }

    /// Sends everything that was put.
    pub(crate) fn send(&mut self, counters: &mut UnderlayCounters) {
        for run in self.families.iter_mut().flat_map(|family| &mut family.send) {
            run.send(counters);
        }
    }
}

impl Family {
    fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let receive = Socket::bind(SocketAddr::new(address, port))?;
        let wanted = UdpSockRef::from(&receive.socket);
        if nix::sys::socket::setsockopt(&receive.socket, nix::sys::socket::sockopt::RcvBufForce, &WAITING).is_err() {
            receive.state.set_recv_buffer_size(wanted, WAITING)?;
        }
        let mut ports = FIRST_SOURCE_PORT..=u16::MAX;
        let mut send = Vec::with_capacity(SOURCE_PORTS);
        while send.len() < SOURCE_PORTS {
            let Some(port) = ports.next() else { return Err(io::ErrorKind::AddrInUse.into()) };
            match Socket::bind(SocketAddr::new(address, port)) {
                Ok(socket) => {
                    // As much as the system allows: a batch is not to be lost to a short queue.
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

/// What came out of a tunnel: its VN and its frame, with the outer ECN bits combined into it (RFC 6040).
pub(crate) fn unwrap<'a>(
    datagram: &'a mut [u8],
    outer: Ecn,
    counters: &mut UnderlayCounters,
) -> Option<(Vni, &'a [u8])> {
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
        // It was read as an IP packet a moment ago.
        ecn::set(frame, wanted).ok()?;
    }
    Some((vni, frame))
}

#[cfg(test)]
mod tests;
