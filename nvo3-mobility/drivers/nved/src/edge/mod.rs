//! The edge: its machine, the paths of its frames and messages, and the loop that drives the machine.
//!
//! One thread owns everything. Each input (frames, a datagram, a call of `nvoctl`, a deadline) goes into the machine. Then
//! [`Edge::settle`] carries out the machine's outputs, and the loop waits for the next input.

mod calls;
mod ended;
mod frames;
mod paths;
mod show;
mod words;

use crate::config::Config;
use crate::ready::{Ready, Source};
use nvo3_mobility::edge::{Edge as Machine, MoveTally, Next};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Target};
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_nva_proto::{Instant, Micros};
use nvoctl::clock;
use nvoctl::daemon::{self, Calls, Unbelieved};
use nvoctl::keys::Trust;
use std::io;
use std::time::Duration;

use calls::Callers;
use ended::Ended;
use nvo3_nva_proto::{RegistrationResult, TsiKey};
use paths::Paths;
use std::collections::BTreeMap;

/// The edge of this host.
pub(crate) struct Edge {
    machine: Machine,
    paths: Paths,
    callers: Callers,
    reports: MoveTally,
    ended: Ended,
    /// The registrations that the NVA refused, of TSIs that ports have.
    refused: BTreeMap<TsiKey, RegistrationResult>,
    trust: Trust,
    unbelieved: Unbelieved,
    buffer: Vec<u8>,
    /// The time at which the loop must call [`Edge::settle`] at the latest: at a deadline of the machine, or when a port has room for held
    /// frames again.
    wake_at: Option<Instant>,
}

impl Edge {
    /// Opens sockets and ports by the configuration, and asks the NVA for a session.
    pub(crate) fn open(config: &Config) -> Result<Self, Box<dyn std::error::Error>> {
        let seed = getrandom::u64()?;
        let mut nve = NveConfig::new(config.place, daemon::transport(&config.trust)?);
        nve.hypervisor_word_only = config.hypervisor_word_only;
        let forwarder = ForwarderConfig::new(config.place.locators);
        let mut edge = Self {
            machine: Machine::new(Nve::new(nve, seed)?, Forwarder::new(forwarder, getrandom::u64()?)?),
            paths: Paths::open(&config.place.locators, config.vxlan_port, config.nva)?,
            callers: Callers::default(),
            reports: MoveTally::default(),
            ended: Ended::default(),
            refused: BTreeMap::new(),
            trust: config.trust.clone(),
            unbelieved: Unbelieved::default(),
            buffer: Vec::new(),
            wake_at: None,
        };
        let now = clock::now();
        for port in &config.ports {
            edge.attach(now, port.clone())?;
        }
        edge.machine.tell(now, nve::Input::Connect)?;
        edge.settle(now);
        Ok(edge)
    }

    /// Runs until the process is asked to end; then closes the session with the NVA.
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
                () = &mut alarm => self.settle(clock::now()),
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

    fn until_deadline(&self, now: Instant) -> Duration {
        let left = self.wake_at.map_or(Micros::from_secs(1), |at| Micros(at.0.saturating_sub(now.0)));
        Duration::from_micros(left.0)
    }

    /// Carries out the machine's outputs until there are no more.
    fn settle(&mut self, now: Instant) {
        self.unbelieved.note(self.machine.nve().counters().unbelieved());
        let mut full = false;
        let until = loop {
            let paths = &self.paths;
            let mut room = |target: &Target| {
                let room = paths.has_room(target, now);
                full |= !room;
                room
            };
            match self.machine.poll(now, &mut room, &mut self.buffer) {
                Next::Frame(fate) => {
                    fate.targets().iter().for_each(|target| self.paths.put_held(target, &self.buffer, now));
                }
                Next::Datagram(peer) => self.paths.say(peer, &self.buffer),
                Next::Event(event) => self.note(now, &event),
                Next::Changed { change, refused } => {
                    if let Some(why) = refused {
                        tracing::error!(change = change.number, reason = %why, "the forwarder refused a change of its table");
                    }
                }
                Next::Wait(until) => break until,
            }
        };
        let room_again = full.then(|| now + paths::ROOM_AGAIN);
        self.wake_at = until.into_iter().chain(room_again).min();
        self.paths.send();
    }

    fn note(&mut self, now: Instant, event: &nve::Event) {
        let port = match event {
            nve::Event::Spoofed { vap, .. } | nve::Event::Limited { vap, .. } => {
                self.paths.ports.get(vap).map(|access| access.spec.name.as_str())
            }
            _ => None,
        };
        words::log(event, port);
        self.note_registration(event);
        self.callers.tell(now, event, &show::event(event));
        if let nve::Event::State { key, from, to } = event
            && let Some((move_id, report)) = self.reports.note(now, *key, (*from, *to), self.machine.forwarder())
        {
            let floor = self.machine.nve().state(key).floor;
            self.ended.note(*key, (*from, *to), floor, (move_id, report));
            // Without a session the report is refused, and the NVA does not wait for it.
            let _ = self.machine.tell(now, nve::Input::Report { move_id, report });
        }
    }

    /// Remembers a refused registration until the TSI is claimed again, runs here, or loses its port.
    fn note_registration(&mut self, event: &nve::Event) {
        match event {
            nve::Event::Refused { key, result } if self.paths.port_of(key).is_some() => {
                self.refused.insert(*key, *result);
            }
            nve::Event::State { key, to: State::Claiming { .. } | State::Here, .. } => _ = self.refused.remove(key),
            _ => {}
        }
    }

    fn goodbye(&mut self) {
        let now = clock::now();
        tracing::info!("asked to end: this edge closes its session and ends");
        let _ = self.machine.tell(now, nve::Input::Goodbye);
        self.settle(now);
    }
}

/// The sources of an edge. They are shared, so that the edge can change while the loop waits for them.
pub(crate) type Sources = std::rc::Rc<Ready>;
