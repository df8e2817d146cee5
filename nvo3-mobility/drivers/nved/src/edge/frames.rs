//! Reads frames and datagrams in batches, and sends each frame on its way.

use super::Edge;
use super::paths::Paths;
use super::share::Vain;
use crate::port::BATCH;
use crate::underlay;
use arrayvec::ArrayVec;
use nvo3_mobility::forwarder::{Target, Verdict};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::Micros;
use nvoctl::clock;
use std::io;

/// The most batches that a port is read for before the other sources have their turn, and the time after which no further batch or
/// datagram is read.
const ROUNDS: usize = 4;
const TURN: Micros = Micros(200);

/// The longest control message in bytes; the protocol has no longer ones (SPEC §1).
const LONGEST_MESSAGE: usize = 2_048;

/// Frames for one port that one call writes.
struct Deliveries<'a> {
    vap: VapId,
    frames: ArrayVec<&'a [u8], BATCH>,
}

impl<'a> Deliveries<'a> {
    const fn new() -> Self {
        Self { vap: VapId(0), frames: ArrayVec::new_const() }
    }

    /// Puts a frame to each target. [`Paths::send`] sends the copies for tunnels.
    fn send(&mut self, targets: &[Target], frame: &'a [u8], paths: &mut Paths) {
        for target in targets {
            match *target {
                Target::Port(vap) => self.put(vap, frame, paths),
                Target::Tunnel { to, vn } => paths.tunnel(to, vn, frame),
                Target::Again(_) => {}
            }
        }
    }

    fn put(&mut self, vap: VapId, frame: &'a [u8], paths: &mut Paths) {
        if self.vap != vap || self.frames.is_full() {
            self.write(paths);
            self.vap = vap;
        }
        // The write above has made room.
        let _ = self.frames.try_push(frame);
    }

    fn finish(mut self, paths: &mut Paths) {
        self.write(paths);
    }

    fn write(&mut self, paths: &mut Paths) {
        if !self.frames.is_empty() {
            paths.deliver(self.vap, &self.frames);
            self.frames.clear();
        }
    }
}

impl Edge {
    pub(super) fn read_port(&mut self, vap: VapId) {
        let Some(mut frames) = self.paths.frames.take() else { return };
        let mut now = clock::now();
        let until = now + TURN;
        for _ in 0..ROUNDS {
            let Some(access) = self.paths.ports.get_mut(&vap) else { break };
            if let Err(error) = access.port.read(&mut frames, &mut access.counters) {
                let name = access.name.clone();
                self.failed(vap, &name, &error);
                break;
            }
            self.paths.mtus.at(now);
            let mut deliveries = Deliveries::new();
            let (mut read, mut in_vain) = (0, 0);
            for frame in frames.iter() {
                read += 1;
                let fate = self.machine.frame(now, vap, frame);
                in_vain += usize::from(matches!(fate.verdict(), Verdict::Drop(_) | Verdict::Punt));
                deliveries.send(fate.targets(), frame, &mut self.paths);
                self.paths.answer_too_long(vap, now, frame);
            }
            deliveries.finish(&mut self.paths);
            self.paths.send_of_port(vap, now);
            let began = std::mem::replace(&mut now, clock::now());
            let rests = self.paths.note_vain(vap, now, Vain { turn: now - began, read, in_vain });
            if rests || read < BATCH || now >= until {
                break;
            }
        }
        self.paths.frames = Some(frames);
    }

    /// A port cannot be read. A packet socket says once that its interface is down, and goes on when it is up.
    fn failed(&mut self, vap: VapId, name: &str, error: &io::Error) {
        let is_there = |edge: &Self| edge.paths.ports.get(&vap).is_some_and(|access| access.port.is_at(name));
        if !is_there(self) {
            self.look_at(name);
        } else if error.kind() == io::ErrorKind::NetworkDown {
            tracing::info!(port = name, "the interface of a port is down; the port goes on when it is up again");
        } else {
            tracing::warn!(port = name, %error, "a port cannot be read and is closed");
            self.interface_goes(clock::now(), name);
        }
    }

    pub(super) fn read_underlay(&mut self, place: usize) {
        let Some(mut datagrams) = self.paths.datagrams.take() else { return };
        if let Err(error) = self.paths.underlay.receive(place, &mut datagrams) {
            tracing::warn!(%error, "the underlay cannot be read");
        }
        let now = clock::now();
        let mut deliveries = Deliveries::new();
        for (from, ecn, datagram) in datagrams.iter_mut() {
            let Some((vn, frame)) = underlay::decapsulate(datagram, ecn, &mut self.paths.underlay_counters) else {
                continue;
            };
            deliveries.send(self.machine.tunnelled(now, from, vn, frame).targets(), frame, &mut self.paths);
        }
        deliveries.finish(&mut self.paths);
        self.paths.send();
        self.paths.datagrams = Some(datagrams);
    }

    pub(super) fn read_control(&mut self, place: usize) {
        let mut datagram = [0; LONGEST_MESSAGE];
        let (began, mut read) = (clock::now(), 0);
        let mut now = began;
        while read < BATCH && now < began + TURN {
            let Some(socket) = self.paths.control.socket(place) else { break };
            match socket.recv(&mut datagram) {
                Ok(length) => {
                    read += 1;
                    self.machine.datagram(now, datagram.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Perhaps an ICMP message about a datagram that was sent before. The session finds a dead peer by itself.
                Err(error) => tracing::debug!(%error, "the control socket has an error"),
            }
            now = clock::now();
        }
        self.paths.note_control(place, now, Vain { turn: now - began, read, in_vain: read });
    }
}
