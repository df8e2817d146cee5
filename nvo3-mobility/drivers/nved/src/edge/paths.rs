//! The paths of frames and messages: access ports, the underlay, the control sockets.

use super::Sources;
use crate::links::{Links, index_of};
use crate::port::{self, Frames, Port, PortCounters};
use crate::ready::{Ready, Source};
use crate::underlay::{Datagrams, Underlay, UnderlayCounters};
use nvo3_mobility::edge::Peer;
use nvo3_mobility::forwarder::Target;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{CONTROL_PORT, Instant, Locators, Micros};
use nvo3_wire::Vni;
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

/// A port that is open.
pub(super) struct Access {
    pub(super) name: String,
    /// The index of its interface when it was opened.
    index: Option<u32>,
    pub(super) port: Port,
    pub(super) counters: PortCounters,
    /// The time at which the last burst of held frames began, and the number of its frames.
    burst: Cell<(Instant, u32)>,
    /// The time at which the log last said that a frame of this port is too long for the underlay.
    too_long_said: Option<Instant>,
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
    pub(super) fn open_port(&mut self, vap: VapId, spec: &nvoctl::Port) -> Result<(), port::Error> {
        let opened = self.opened.remove(&spec.name);
        let (port, was_there) = opened.unwrap_or_else(|| Port::open(&spec.name, spec.kind))?;
        self.ready.add(Source::Port(vap), &port).map_err(|error| port::Error::Io { name: spec.name.clone(), error })?;
        let found = if was_there { "its interface was there" } else { "nved made its interface" };
        tracing::info!(port = spec.name, vni = %spec.vni, "a port is open: {found}");
        let (name, index, counters) = (spec.name.clone(), index_of(&spec.name), PortCounters::default());
        let access = Access { name, index, port, counters, burst: Cell::default(), too_long_said: None };
        self.ports.insert(vap, access);
        Ok(())
    }

    /// The name of the port that was opened at the interface with this index.
    pub(super) fn port_at(&self, index: u32) -> Option<String> {
        self.ports.values().find(|access| access.index == Some(index)).map(|access| access.name.clone())
    }

    /// Closes a port. An interface that nved made for it is removed.
    pub(super) fn close_port(&mut self, vap: VapId) {
        self.ports.remove(&vap);
    }

    /// Sends the frames that a port has read. If one was too long for the underlay, the log says so once a minute for the port.
    pub(super) fn send_of_port(&mut self, vap: VapId, now: Instant) {
        self.send();
        let Some(too_long) = self.underlay.take_too_long() else { return };
        let Some(access) = self.ports.get_mut(&vap) else { return };
        if access.too_long_said.is_some_and(|at| now - at < SAY_TOO_LONG) {
            return;
        }
        access.too_long_said = Some(now);
        tracing::warn!(
            port = access.name,
            frame_bytes = too_long.frame,
            limit_bytes = too_long.limit(),
            to = %too_long.to,
            "a tenant's frame was dropped: it is too long for the underlay; a smaller MTU at the tenant or a larger one of the \
             underlay helps"
        );
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

    /// Puts a frame for another NVE; [`Paths::send`] sends it.
    pub(super) fn tunnel(&mut self, to: IpAddr, vn: Vni, frame: &[u8]) {
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
