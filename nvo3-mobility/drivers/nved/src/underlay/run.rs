//! Frames of equal length to one NVE that one call sends.

use super::{Socket, TooLong, UnderlayCounters};
use nvo3_wire::ecn::Ecn;
use nvo3_wire::{Vni, vxlan};
use quinn_udp::{EcnCodepoint, Transmit, UdpSockRef};
use std::io;
use std::net::SocketAddr;
use zerocopy::IntoBytes;

/// The most bytes that one call sends: the longest IP packet, less its headers.
const LONGEST: usize = 65_000;

/// One socket and the frames that it sends next. All frames but the last have the same length, as the kernel's segmentation wants.
pub(super) struct Run {
    socket: Socket,
    bytes: Vec<u8>,
    to: SocketAddr,
    ecn: Ecn,
    /// The length in bytes of each datagram but the last.
    segment: usize,
    segments: usize,
    /// True if the last datagram is shorter: no frame can join.
    closed: bool,
}

impl Run {
    pub(super) fn new(socket: Socket) -> Self {
        let to = SocketAddr::from(([0; 4], 0));
        let bytes = Vec::with_capacity(LONGEST);
        Self { socket, bytes, to, ecn: Ecn::NotEct, segment: 0, segments: 0, closed: false }
    }

    /// Puts a frame behind the frames that wait. If it cannot join them, sends those first and gives the result of [`Run::send`].
    pub(super) fn put(
        &mut self,
        to: SocketAddr,
        vn: Vni,
        ecn: Ecn,
        frame: &[u8],
        counters: &mut UnderlayCounters,
    ) -> Option<TooLong> {
        let mut too_long = None;
        let length = size_of::<vxlan::Header>() + frame.len();
        let joins = (to, ecn) == (self.to, self.ecn)
            && !self.closed
            && length <= self.segment
            && self.segments < self.socket.state.max_gso_segments()
            && self.bytes.len() + length <= LONGEST;
        if !joins {
            too_long = self.send(counters);
            (self.to, self.ecn, self.segment) = (to, ecn, length);
        }
        self.bytes.extend_from_slice(vxlan::Header::new(vn).as_bytes());
        self.bytes.extend_from_slice(frame);
        self.segments += 1;
        self.closed = length < self.segment;
        too_long
    }

    /// Sends the frames that wait. Gives the longest frame if it is too long for the path.
    pub(super) fn send(&mut self, counters: &mut UnderlayCounters) -> Option<TooLong> {
        if self.segments == 0 {
            return None;
        }
        let mut too_long = None;
        let transmit = Transmit {
            destination: self.to,
            ecn: EcnCodepoint::from_bits(self.ecn as u8),
            contents: &self.bytes,
            segment_size: Some(self.segment),
            src_ip: None,
        };
        let Socket { socket, state } = &self.socket;
        let sent = match state.try_send(UdpSockRef::from(socket), &transmit) {
            // The kernel cannot segment here: quinn-udp has noted that, and these datagrams go one by one.
            Err(_) if self.segments > 1 && state.max_gso_segments() == 1 => {
                self.bytes.chunks(self.segment).try_for_each(|contents| {
                    state.try_send(UdpSockRef::from(socket), &Transmit { contents, segment_size: None, ..transmit })
                })
            }
            sent => sent,
        };
        if let Err(error) = sent {
            let counter = match error.kind() {
                io::ErrorKind::WouldBlock => &mut counters.full,
                _ if quinn_udp::is_msg_size_err(&error) => {
                    let frame = self.segment.saturating_sub(size_of::<vxlan::Header>());
                    too_long = Some(TooLong { to: self.to.ip(), frame });
                    &mut counters.too_long
                }
                _ => &mut counters.refused,
            };
            *counter += self.segments as u64;
        }
        self.bytes.clear();
        (self.segments, self.closed) = (0, false);
        too_long
    }
}
