//! The paths of frames and messages: access ports, the underlay, the control sockets.

use super::Sources;
use super::mtu::Mtus;
use crate::links::{Links, index_of};
use crate::port::{self, Frames, Port, PortCounters};
use crate::ready::{Ready, Source};
use crate::underlay::{Datagrams, TooLong, Underlay, UnderlayCounters};
use nvo3_mobility::edge::Peer;
use nvo3_mobility::forwarder::Target;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{CONTROL_PORT, Instant, Locators, Micros};
use nvo3_wire::{Vni, too_big};
use nvoctl::PortKind;
use serde::Serialize;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// The most held frames that a port takes in one burst: half of a tap's queue. A VM that has just started reads slowly, and the
/// kernel drops frames for a full queue silently.
const BURST: u32 = 500;

/// The time between two bursts of held frames into one port.
pub(super) const ROOM_AGAIN: Micros = Micros::from_millis(2);

/// The time between two log lines about frames of one port that are too long for the underlay.
const SAY_TOO_LONG: Micros = Micros::from_secs(60);

/// The most answers *too big* to one port in a second. A sender needs one for each destination.
const MOST_ANSWERS: u32 = 50;

/// A port that is open.
pub(super) struct Access {
    pub(super) name: String,
    /// The index of its interface when it was opened.
    pub(super) index: Option<u32>,
    pub(super) port: Port,
    pub(super) counters: PortCounters,
    /// The time at which the last burst of held frames began, and the number of its frames.
    burst: Cell<(Instant, u32)>,
    /// The time at which the log last said that a frame of this port is too long for the underlay.
    too_long_said: Option<Instant>,
    /// True if the senders behind the port are told which length fits.
    answers: bool,
    /// The time at which the last second of answers began, and the number of them.
    answered: (Instant, u32),
    /// The MTU of its interface; `None` if the interface is gone.
    pub(super) mtu: Option<u32>,
    /// The MTUs of the port and of tenants that fit, of which the log has said that they do not go together.
    pub(super) mtu_said: Option<(u32, u32)>,
}

/// Control messages that were not sent; the session sends them again. A healthy edge shows 0.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ControlCounters {
    pub(super) not_sent: u64,
    pub(super) no_family: u64,
}

pub(super) struct Paths {
    ready: Sources,
    /// Ports that were opened together, by name, until each gets its number.
    opened: BTreeMap<String, Result<(Port, bool), port::Error>>,
    pub(super) ports: BTreeMap<VapId, Access>,
    pub(super) links: Links,
    pub(super) mtus: Mtus,
    /// A frame that did not fit since [`Paths::send_of_port`].
    too_long: Option<TooLong>,
    /// Room for an answer *too big*.
    answer: Box<[u8; too_big::LONGEST]>,
    /// The times that the interface of a port went, and that one came back.
    pub(super) gone: u64,
    pub(super) back: u64,
    /// Frames that were dropped because their port is closed.
    pub(super) no_port: u64,
    pub(super) underlay: Underlay,
    pub(super) underlay_counters: UnderlayCounters,
    pub(super) control: Vec<UdpSocket>,
    pub(super) control_counters: ControlCounters,
    pub(super) nva: SocketAddr,
    /// Room for frames and datagrams that are read; `None` while a batch is worked on.
    pub(super) frames: Option<Frames>,
    pub(super) datagrams: Option<Datagrams>,
}

impl Paths {
    pub(super) fn open(locators: &Locators, vxlan_port: u16, nva: SocketAddr) -> io::Result<Self> {
        let ready = Ready::new()?;
        let links = Links::open()?;
        ready.add(Source::Links, &links)?;
        let underlay = Underlay::open(locators, vxlan_port)?;
        for (place, socket) in underlay.receivers().enumerate() {
            ready.add(Source::Underlay(place), socket)?;
        }
        let mut control = Vec::new();
        let addresses = [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)];
        for (place, address) in addresses.into_iter().flatten().enumerate() {
            let address = SocketAddr::new(address, CONTROL_PORT);
            let failed = |error: io::Error| io::Error::new(error.kind(), format!("control socket {address}: {error}"));
            let socket = UdpSocket::bind(address).map_err(failed)?;
            socket.set_nonblocking(true)?;
            ready.add(Source::Control(place), &socket)?;
            control.push(socket);
        }
        Ok(Self {
            ready: ready.into(),
            opened: BTreeMap::new(),
            ports: BTreeMap::new(),
            links,
            mtus: Mtus::open(nva.ip())?,
            too_long: None,
            answer: Box::new([0; too_big::LONGEST]),
            gone: 0,
            back: 0,
            no_port: 0,
            underlay,
            underlay_counters: UnderlayCounters::default(),
            control,
            control_counters: ControlCounters::default(),
            nva,
            frames: Some(Frames::new()),
            datagrams: Some(Datagrams::new()),
        })
    }

    pub(super) fn ready(&self) -> Sources {
        self.ready.clone()
    }

    /// Opens these ports together, which is faster. [`Paths::open_port`] then takes each.
    pub(super) fn open_together<'a>(&mut self, specs: impl Iterator<Item = &'a nvoctl::Port> + Clone) {
        let opened = Port::open_all(specs.clone().map(|spec| (spec.name.as_str(), spec.kind)));
        self.opened = specs.map(|spec| spec.name.clone()).zip(opened).collect();
    }

    /// Opens a port and waits for its frames from now on.
    pub(super) fn open_port(&mut self, now: Instant, vap: VapId, spec: &nvoctl::Port) -> Result<(), port::Error> {
        let opened = self.opened.remove(&spec.name);
        let (port, was_there) = opened.unwrap_or_else(|| Port::open(&spec.name, spec.kind))?;
        let index = index_of(&spec.name);
        self.ready.add(Source::Port(vap), &port).map_err(|error| port::Error::Io { name: spec.name.clone(), error })?;
        self.shut_or_lift(index, spec)?;
        let found = if was_there { "its interface was there" } else { "nved made its interface" };
        tracing::info!(port = spec.name, vni = %spec.vni, "a port is open: {found}");
        let access = Access {
            name: spec.name.clone(),
            index,
            port,
            counters: PortCounters::default(),
            burst: Cell::default(),
            too_long_said: None,
            answers: !spec.no_too_big,
            answered: (now, 0),
            mtu: index.and_then(|index| self.mtus.mtu(index)),
            mtu_said: None,
        };
        self.ports.insert(vap, access);
        Ok(())
    }

    /// Gives an open port the rights that its owner says now.
    pub(super) fn change_port(&mut self, vap: VapId, spec: &nvoctl::Port) -> Result<(), port::Error> {
        let Some(index) = self.ports.get(&vap).map(|access| access.index) else { return Ok(()) };
        self.shut_or_lift(index, spec)?;
        if let Some(access) = self.ports.get_mut(&vap) {
            access.answers = !spec.no_too_big;
        }
        Ok(())
    }

    /// Keeps the frames of a packet port from the host's own stack, or no longer.
    fn shut_or_lift(&mut self, index: Option<u32>, spec: &nvoctl::Port) -> Result<(), port::Error> {
        if spec.kind == PortKind::Tap {
            return Ok(());
        }
        let index = index.ok_or_else(|| port::Error::Missing(spec.name.clone()))?;
        let kernel = self.mtus.kernel();
        let done = if spec.host_may_hear { kernel.lift(index) } else { kernel.shut(index) };
        done.map_err(|error| port::Error::Host { name: spec.name.clone(), error })
    }

    /// The name of the port that was opened at the interface with this index.
    pub(super) fn port_at(&self, index: u32) -> Option<String> {
        self.ports.values().find(|access| access.index == Some(index)).map(|access| access.name.clone())
    }

    /// Closes a port. An interface that nved made for it is removed, and the host may use another one again.
    pub(super) fn close_port(&mut self, vap: VapId) {
        let Some(Access { name, index: Some(index), .. }) = self.ports.remove(&vap) else { return };
        if let Err(error) = self.mtus.kernel().lift(index) {
            tracing::warn!(port = name, %error, "the host does not hear the interface of a port that is closed");
        }
    }

    /// Answers a frame of a port that did not fit where it was to go, if there is one since the last call.
    pub(super) fn answer_too_long(&mut self, vap: VapId, now: Instant, frame: &[u8]) {
        let Some(too_long) = self.too_long.take() else { return };
        let Some(access) = self.ports.get_mut(&vap) else { return };
        let longest = self.mtus.longest_frame(too_long.to);
        access.counters.too_big += 1;
        if now - access.answered.0 >= Micros::from_secs(1) {
            access.answered = (now, 0);
        }
        let may = access.answers && access.answered.1 < MOST_ANSWERS;
        let length = if may { too_big::answer(frame, longest, &mut *self.answer) } else { None };
        match length.and_then(|length| self.answer.get(..length)) {
            Some(answer) => {
                access.answered.1 += 1;
                access.port.write(&[answer], &mut access.counters);
            }
            None => access.counters.too_big_unanswered += 1,
        }
        access.say_too_long(now, too_long, longest);
    }

    /// Sends the frames that a port has read. The kernel may refuse one that was to fit: its way has become narrower.
    pub(super) fn send_of_port(&mut self, vap: VapId, now: Instant) {
        self.send();
        let Some(too_long) = self.underlay.take_too_long() else { return };
        self.mtus.doubt(too_long.to);
        let longest = self.mtus.longest_frame(too_long.to);
        if let Some(access) = self.ports.get_mut(&vap) {
            access.say_too_long(now, too_long, longest);
        }
    }

    pub(super) fn has_room(&self, target: &Target, now: Instant) -> bool {
        let Target::Port(vap) = target else { return true };
        let Some(access) = self.ports.get(vap) else { return true };
        let (since, _) = access.burst.get();
        if now - since >= ROOM_AGAIN {
            access.burst.set((now, 0));
        }
        access.burst.get().1 < BURST
    }

    /// Carries a frame that the edge held or made itself.
    pub(super) fn put_held(&mut self, target: &Target, frame: &[u8], now: Instant) {
        if let Target::Port(vap) = target
            && let Some(access) = self.ports.get(vap)
        {
            let (since, given) = access.burst.get();
            access.burst.set((if given == 0 { now } else { since }, given + 1));
        }
        match *target {
            Target::Port(vap) => self.deliver(vap, &[frame]),
            Target::Tunnel { to, vn } => self.tunnel(to, vn, frame),
            Target::Again(_) => {}
        }
    }

    /// Writes frames to a port.
    pub(super) fn deliver(&mut self, vap: VapId, frames: &[&[u8]]) {
        match self.ports.get_mut(&vap) {
            Some(access) => access.port.write(frames, &mut access.counters),
            None => self.no_port += frames.len() as u64,
        }
    }

    /// Puts a frame for another NVE; [`Paths::send`] sends it. A frame that does not fit is dropped: VXLAN is not fragmented (VXL-07).
    pub(super) fn tunnel(&mut self, to: IpAddr, vn: Vni, frame: &[u8]) {
        if frame.len() > self.mtus.longest_frame(to) {
            self.underlay_counters.too_long += 1;
            self.too_long = Some(TooLong { to, frame: frame.len() });
            return;
        }
        self.underlay.put(to, vn, frame, &mut self.underlay_counters);
    }

    pub(super) fn send(&mut self) {
        self.underlay.send(&mut self.underlay_counters);
    }

    pub(super) fn say(&mut self, peer: Peer, datagram: &[u8]) {
        let to = match peer {
            Peer::Nva => self.nva,
            Peer::Nve(to) => SocketAddr::new(to, CONTROL_PORT),
        };
        let of_family = |socket: &&UdpSocket| socket.local_addr().is_ok_and(|own| own.is_ipv4() == to.is_ipv4());
        match self.control.iter().find(of_family) {
            // The session sends a lost message again, and so one that was not sent.
            Some(socket) => self.control_counters.not_sent += u64::from(socket.send_to(datagram, to).is_err()),
            None => self.control_counters.no_family += 1,
        }
    }
}

impl Access {
    /// The log says once a minute that a frame of this port is too long.
    fn say_too_long(&mut self, now: Instant, TooLong { to, frame }: TooLong, longest: usize) {
        if self.too_long_said.is_some_and(|at| now - at < SAY_TOO_LONG) {
            return;
        }
        self.too_long_said = Some(now);
        tracing::warn!(
            port = self.name,
            frame_bytes = frame,
            limit_bytes = longest,
            %to,
            "a tenant's frame was dropped: it is too long for the underlay; a smaller MTU at the tenant or a larger one of the \
             underlay helps"
        );
    }
}
