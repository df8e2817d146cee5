//! The edge: both machines, what carries their frames and messages, and the loop that drives them.
//!
//! One thread and one owner. Whatever happens (frames, a datagram, a call of `nvoctl`, a deadline) goes into a machine, then
//! [`Edge::settle`] carries out what follows, then the next is waited for.

mod calls;
mod frames;
mod paths;
mod report;
mod show;

use crate::config::Config;
use crate::ready::{Ready, Source};
use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Target};
use nvo3_mobility::nve::{self, Nve, NveConfig, Transmit};
use nvo3_nva_proto::{Instant, Micros};
use nvoctl::clock;
use nvoctl::daemon::{Calls, Unbelieved};
use nvoctl::keys::Trust;
use std::io;
use std::time::Duration;

use calls::Callers;
use paths::Paths;
use report::Reports;

/// An edge of this host.
pub(crate) struct Edge {
    nve: Nve,
    forwarder: Forwarder,
    paths: Paths,
    callers: Callers,
    reports: Reports,
    trust: Trust,
    unbelieved: Unbelieved,
    buffer: Vec<u8>,
    /// What may leave waits for the room of a port.
    flush_at: Option<Instant>,
}

impl Edge {
    /// Opens what the configuration names and asks the NVA for a session.
    pub(crate) fn open(config: &Config) -> Result<Self, Box<dyn std::error::Error>> {
        let seed = getrandom::u64()?;
        let transport = if let Some(keys) = config.trust.keys()? {
            tracing::info!(keys = keys.len(), "messages are authenticated");
            Transport::Sealed(keys)
        } else {
            tracing::warn!("trusted-transport: messages are not authenticated, whoever can send here is believed");
            Transport::Trusted
        };
        let hypervisor_word_only = config.hypervisor_word_only;
        let nve = NveConfig { hypervisor_word_only, transport, ..NveConfig::new(config.place) };
        let forwarder = ForwarderConfig::new(config.place.locators);
        let mut edge = Self {
            nve: Nve::new(nve, seed)?,
            forwarder: Forwarder::new(forwarder, getrandom::u64()?)?,
            paths: Paths::open(&config.place.locators, config.vxlan_port, config.nva)?,
            callers: Callers::default(),
            reports: Reports::default(),
            trust: config.trust.clone(),
            unbelieved: Unbelieved::default(),
            buffer: Vec::new(),
            flush_at: None,
        };
        for port in &config.ports {
            edge.attach(port.clone())?;
        }
        let now = clock::now();
        edge.nve.handle(now, nve::Input::Connect)?;
        edge.settle(now);
        Ok(edge)
    }

    /// Goes on until the process is asked to end, then says so to the NVA.
    pub(crate) async fn run(mut self, mut calls: Calls, end: impl Future<Output = io::Result<()>>) -> io::Result<()> {
        let ready = self.paths.ready();
        let mut end = std::pin::pin!(end);
        let mut alarm = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let now = clock::now();
            alarm.as_mut().reset(tokio::time::Instant::now() + self.until_deadline(now));
            tokio::select! {
                sources = ready.wait() => {
                    for source in sources? {
                        self.read(source);
                    }
                }
                Some(call) = calls.next() => self.answer(call),
                () = &mut alarm => self.let_time_pass(),
                asked = &mut end => {
                    asked?;
                    break;
                }
            }
        }
        self.goodbye();
        Ok(())
    }

    fn read(&mut self, source: Source) {
        match source {
            Source::Port(vap) => self.read_port(vap),
            Source::Underlay(place) => self.read_underlay(place),
            Source::Control(place) => self.read_control(place),
        }
        self.settle(clock::now());
    }

    fn let_time_pass(&mut self) {
        let now = clock::now();
        self.nve.handle_timeout(now);
        self.forwarder.handle_timeout(now);
        self.settle(now);
    }

    fn until_deadline(&self, now: Instant) -> Duration {
        let control = self.nve.poll_timeout().map(|(at, _)| at);
        let next = [control, self.forwarder.poll_timeout(), self.flush_at].into_iter().flatten().min();
        let left = next.map_or(Micros::from_secs(1), |at| Micros(at.0.saturating_sub(now.0)));
        Duration::from_micros(left.0)
    }

    /// Carries out what the machines want until they want nothing more.
    fn settle(&mut self, now: Instant) {
        self.unbelieved.note(self.nve.counters().unbelieved());
        loop {
            let orders = self.apply_changes(now);
            let flushed = self.flush(now);
            let said = self.say(now);
            if !(orders || flushed || said) {
                break;
            }
        }
        self.paths.send();
    }

    fn apply_changes(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(change) = self.nve.poll_table_change() {
            any = true;
            let answer = match self.forwarder.apply(&change) {
                Ok(()) => nve::Input::Applied(change.number),
                Err(refused) => {
                    tracing::error!(%refused, "the forwarder does not follow");
                    nve::Input::Refused { number: refused.number }
                }
            };
            // An answer to an order is always taken.
            let _ = self.nve.handle(now, answer);
        }
        any
    }

    fn flush(&mut self, now: Instant) -> bool {
        let mut any = false;
        self.flush_at = None;
        loop {
            let mut full = false;
            let paths = &self.paths;
            let mut room = |target: &Target| {
                let room = paths.has_room(target, now);
                full |= !room;
                room
            };
            let Some(target) = self.forwarder.poll_flush(now, &mut room, &mut self.buffer) else {
                self.flush_at = full.then(|| now + paths::ROOM_AGAIN);
                return any;
            };
            any = true;
            let frame = std::mem::take(&mut self.buffer);
            match target {
                Target::Again(vap) => self.frame_again(now, vap, &frame),
                target => self.paths.flushed(&target, &frame, now),
            }
            self.buffer = frame;
        }
    }

    fn say(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(notice) = self.forwarder.poll_notice() {
            any = true;
            self.nve.handle_notice(now, notice);
        }
        while let Some(to) = self.nve.poll_transmit(now, &mut self.buffer) {
            any = true;
            match to {
                Transmit::Port(vap) => self.paths.deliver(vap, &[&self.buffer]),
                Transmit::Nva => self.paths.say_to_nva(&self.buffer),
                Transmit::Nve(to) => self.paths.say_to_nve(to, &self.buffer),
            }
        }
        while let Some(event) = self.nve.poll_event() {
            any = true;
            self.note(now, &event);
        }
        any
    }

    fn note(&mut self, now: Instant, event: &nve::Event) {
        let told = show::event(event);
        if let nve::Event::Stalled(waiting) = event {
            tracing::warn!("stalled: {waiting}");
        } else {
            tracing::info!("{told}");
        }
        self.callers.tell(now, event, &told);
        if let nve::Event::State { key, from, to } = event
            && let Some((move_id, report)) = self.reports.note(now, *key, (*from, *to), &self.forwarder)
        {
            // Without a session it is not missed.
            let _ = self.nve.handle(now, nve::Input::Report { move_id, report });
        }
    }

    fn goodbye(&mut self) {
        let now = clock::now();
        tracing::info!("ends");
        let _ = self.nve.handle(now, nve::Input::Goodbye);
        self.settle(now);
    }
}

/// The sources of an edge, watched apart from it so that it can be changed while they are.
pub(crate) type Sources = std::rc::Rc<Ready>;
