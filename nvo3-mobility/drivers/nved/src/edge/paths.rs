//! The paths of frames and messages: access ports, the underlay, the control sockets.

use super::Sources;
use super::bursts::Bursts;
use super::control::Control;
use super::mtu::Mtus;
use super::share::{Share, Vain};
use crate::links::{Links, index_of};
use crate::port::{self, Frames, Port, PortCounters};
use crate::ready::{Ready, Source};
use crate::underlay::{Datagrams, TooLong, Underlay, UnderlayCounters};
use nvo3_mobility::forwarder::Target;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Locators, Micros};
use nvo3_wire::{Vni, too_big};
use nvoctl::PortKind;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The time between two log lines about the same fault of one port.
const SAY_AGAIN: Micros = Micros::from_secs(60);

/// The time after which a filter that the kernel refused is tried again.
const SHUT_AGAIN: Micros = Micros::from_secs(1);

/// The most answers *too big* to one port in a second. A sender needs one for each destination.
const MOST_ANSWERS: u32 = 50;

/// A port that is open.
pub(super) struct Access {
    pub(super) name: String,
    /// The index of its interface when it was opened.
    pub(super) index: Option<u32>,
    pub(super) port: Port,
    pub(super) counters: PortCounters,
    /// The time at which the log last said that a frame of this port is too long for the underlay.
    too_long_said: Option<Instant>,
    /// The time that its frames took although they went nowhere.
    share: Share,
    /// The time at which the log last said that the port rests.
    rest_said: Option<Instant>,
    /// True if the port's interface has a filter that keeps its frames from the host's own stack.
    shut: bool,
    /// True if the senders behind the port are told which length fits.
    answers: bool,
    /// The time at which the last second of answers began, and the number of them.
    answered: (Instant, u32),
    /// The MTU of its interface; `None` if the interface is gone.
    pub(super) mtu: Option<u32>,
    /// The MTUs of the port and of tenants that fit, of which the log has said that they do not go together.
    pub(super) mtu_said: Option<(u32, u32)>,
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
    /// The sources that rest, each with the time of its end, and the times that a port has begun to.
    resting: BTreeSet<(Instant, Source)>,
    pub(super) rests: u64,
    /// The times that somebody took the filter of a port away and it was put back, and that the kernel refused that.
    pub(super) shut_again: u64,
    pub(super) not_shut_again: u64,
    /// The ports that the host hears because the kernel refused their filter, and the time of the next attempt.
    bare: BTreeSet<VapId>,
    bare_until: Instant,
    bursts: Bursts,
    /// Frames that were dropped because their port is closed.
    pub(super) no_port: u64,
    pub(super) underlay: Underlay,
    pub(super) underlay_counters: UnderlayCounters,
    pub(super) control: Control,
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
        let control = Control::open(locators, nva)?;
        for (place, socket) in control.sockets().enumerate() {
            ready.add(Source::Control(place), socket)?;
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
            resting: BTreeSet::new(),
            rests: 0,
            shut_again: 0,
            not_shut_again: 0,
            bare: BTreeSet::new(),
            bare_until: Instant::default(),
            bursts: Bursts::default(),
            no_port: 0,
            underlay,
            underlay_counters: UnderlayCounters::default(),
            control,
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
            too_long_said: None,
            share: Share::default(),
            rest_said: None,
            shut: is_shut(spec),
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
            (access.answers, access.shut) = (!spec.no_too_big, is_shut(spec));
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

    /// Notes which frames of a port went nowhere until now. True if the port rests from now on.
    pub(super) fn note_vain(&mut self, vap: VapId, now: Instant, vain: Vain) -> bool {
        let Some(access) = self.ports.get_mut(&vap) else { return false };
        let Some(until) = access.share.spend(now, vain.time()) else { return false };
        access.say_rest(now);
        self.rests += 1;
        self.rest(Source::Port(vap), until);
        true
    }

    /// Notes the datagrams of a control socket that were read until now.
    pub(super) fn note_control(&mut self, place: usize, now: Instant, read: Vain) {
        if let Some(until) = self.control.spend(place, now, read) {
            self.rest(Source::Control(place), until);
        }
    }

    /// Leaves a source unread for a time. One that the kernel does not leave out goes on.
    fn rest(&mut self, source: Source, until: Instant) {
        let left_out = match source {
            Source::Port(vap) => self.ports.get(&vap).map(|access| self.ready.leave_out(&access.port)),
            Source::Control(place) => self.control.socket(place).map(|socket| self.ready.leave_out(socket)),
            _ => None,
        };
        if let Some(Ok(())) = left_out {
            self.resting.insert((until, source));
        }
    }

    /// Reads sources again that have rested. Gives the end of the next rest.
    pub(super) fn wake(&mut self, now: Instant) -> Option<Instant> {
        while let Some((until, source)) = self.resting.first().copied() {
            if until > now {
                return Some(until);
            }
            self.resting.pop_first();
            let added = match source {
                Source::Port(vap) => self.ports.get(&vap).map(|access| self.ready.add(source, &access.port)),
                Source::Control(place) => self.control.socket(place).map(|socket| self.ready.add(source, socket)),
                _ => None,
            };
            if let Some(Err(error)) = added
                && error.kind() != io::ErrorKind::AlreadyExists
            {
                tracing::error!(?source, %error, "a port or a socket cannot be read any more");
            }
        }
        None
    }

    /// Puts the filter of a port back that somebody took away. What the kernel refuses is tried again.
    pub(super) fn shut_again(&mut self, now: Instant, vap: VapId) {
        self.bare.remove(&vap);
        let Some(access) = self.ports.get(&vap).filter(|access| access.shut) else { return };
        let Some(index) = access.index else { return };
        match self.mtus.kernel().shut_again(index) {
            Ok(false) => {}
            Ok(true) => {
                self.shut_again += 1;
                tracing::warn!(
                    port = access.name,
                    "somebody took away the filter that keeps the tenant from the host's own stack; it is there again"
                );
            }
            Err(error) => {
                if self.bare.is_empty() {
                    self.bare_until = now + SHUT_AGAIN;
                }
                self.bare.insert(vap);
                self.not_shut_again += 1;
                tracing::error!(
                    port = access.name, %error,
                    "the host's own stack hears the tenant: somebody took the filter against that away, and the kernel does not take it \
                     again; this edge tries again each second"
                );
            }
        }
    }

    /// Tries again what the kernel refused. Gives the time of the next attempt, if one is left.
    pub(super) fn shut_again_all(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.bare_until {
            for vap in std::mem::take(&mut self.bare) {
                self.shut_again(now, vap);
            }
        }
        (!self.bare.is_empty()).then_some(self.bare_until)
    }

    /// Gives the interface of a port that is not attached any more to the host.
    pub(super) fn lift(&mut self, spec: &nvoctl::Port) {
        let Some(index) = index_of(&spec.name).filter(|_| is_shut(spec)) else { return };
        if let Err(error) = self.mtus.kernel().lift(index) {
            tracing::warn!(port = spec.name, %error, "the host does not hear the interface of a port that is closed");
        }
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

    /// True if a frame that the edge held may leave now.
    pub(super) fn has_room(&self, target: &Target, now: Instant) -> bool {
        self.bursts.has_room(target, now)
    }

    /// Carries a frame that the edge held or made itself.
    pub(super) fn put_held(&mut self, target: &Target, frame: &[u8], now: Instant) {
        self.bursts.note(target, now);
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
}

/// True if the host's own stack must not hear the frames of a port.
fn is_shut(spec: &nvoctl::Port) -> bool {
    spec.kind == PortKind::Packet && !spec.host_may_hear
}

impl Access {
    /// The log says once a minute that this port rests.
    fn say_rest(&mut self, now: Instant) {
        if self.rest_said.is_some_and(|at| now - at < SAY_AGAIN) {
            return;
        }
        self.rest_said = Some(now);
        tracing::warn!(
            port = self.name,
            "a port sends so many frames that go nowhere that it is read less often; its frames wait, and the kernel drops what does not fit"
        );
    }

    /// The log says once a minute that a frame of this port is too long.
    fn say_too_long(&mut self, now: Instant, TooLong { to, frame }: TooLong, longest: usize) {
        if self.too_long_said.is_some_and(|at| now - at < SAY_AGAIN) {
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
