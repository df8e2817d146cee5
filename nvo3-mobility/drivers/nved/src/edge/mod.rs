//! The edge: its machine, the paths of its frames and messages, and the loop that drives the machine.
//!
//! One thread owns everything. Each input (frames, a datagram, a call of `nvoctl`, a deadline) goes into the machine. Then
//! [`Edge::settle`] carries out the machine's outputs, and the loop waits for the next input.

mod attach;
mod attached;
mod bursts;
mod calls;
mod control;
mod ended;
mod frames;
mod keep;
mod mtu;
mod paths;
mod share;
mod show;
mod table;
mod words;

use crate::config::Config;
use crate::ready::{Ready, Source};
use nvo3_mobility::edge::{Edge as Machine, MoveTally, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig, Target};
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Nve, NveConfig};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Micros};
use nvoctl::clock;
use nvoctl::daemon::{self, Calls, Unbelieved};
use nvoctl::keys::Trust;
use std::io;
use std::time::Duration;

use attached::Attached;
use calls::Callers;
use ended::Ended;
use keep::Keep;
use nvo3_nva_proto::{RegistrationResult, TsiKey};
use paths::Paths;
use std::collections::BTreeMap;
use table::{Known, Table};

/// The edge of this host.
pub(crate) struct Edge {
    machine: Machine,
    paths: Paths,
    attached: Attached,
    /// The ports without interface whose VMs the machine has not taken back yet.
    leaving: BTreeMap<VapId, Vec<TsiKey>>,
    keep: Option<Keep>,
    table: Option<Table>,
    /// Datagrams that leave once what they rest on is kept.
    datagrams: Vec<(Peer, Vec<u8>)>,
    callers: Callers,
    reports: MoveTally,
    ended: Ended,
    /// The registrations that the NVA refused, of TSIs that ports have.
    refused: BTreeMap<TsiKey, RegistrationResult>,
    trust: Trust,
    unbelieved: Unbelieved,
    buffer: Vec<u8>,
    /// The time at which the loop must call [`Edge::settle`] at the latest: at a deadline of the machine, or when a way has room for held
    /// frames again.
    wake_at: Option<Instant>,
}

impl Edge {
    /// Opens sockets and ports by the configuration, and asks the NVA for a session.
    pub(crate) fn open(config: &Config) -> Result<Self, Box<dyn std::error::Error>> {
        let seed = getrandom::u64()?;
        let mut nve = NveConfig::new(config.place, daemon::transport(&config.trust)?);
        nve.hypervisor_word_only = config.hypervisor_word_only;
        nve.scan = config.scan.then(nve::Scan::default);
        let keep = config.state.as_ref().map(|state| Keep::open(state, config.place.nve)).transpose()?;
        nve.seen = keep.as_ref().and_then(Keep::seen);
        let forwarder = ForwarderConfig::new(config.place.locators);
        let table = keep.as_ref().map(Table::open).transpose()?;
        let mut edge = Self {
            machine: Machine::new(Nve::new(nve, seed)?, Forwarder::new(forwarder, getrandom::u64()?)?),
            paths: Paths::open(&config.place.locators, config.vxlan_port, config.nva)?,
            attached: Attached::default(),
            leaving: BTreeMap::new(),
            keep,
            table,
            datagrams: Vec::new(),
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
        edge.attach_all(now, &config.ports)?;
        edge.believe(now);
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
                    // Lets the callers, the alarm and the signals have their turn: while a source is never read empty, no wait ends
                    // without something to read.
                    tokio::task::yield_now().await;
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
            Source::Links => self.read_links(),
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
        self.look_after(now);
        self.paths.compare_mtus(now);
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
                Next::Datagram(peer) => self.datagrams.push((peer, self.buffer.clone())),
                Next::Event(event) => self.note(now, &event),
                Next::Changed { change, refused } => {
                    if let Some(table) = &mut self.table {
                        table.note();
                    }
                    if let Some(why) = refused {
                        tracing::error!(change = change.number, reason = %why, "the forwarder refused a change of its table");
                    }
                }
                Next::Wait(until) => break until,
            }
        };
        let room_again = full.then(|| now + bursts::ROOM_AGAIN);
        let keep_again = self.keep(now);
        let shut_again = self.paths.shut_again_all(now);
        let rested = self.paths.wake(now);
        let others = [room_again, keep_again, self.attached.next(), shut_again, rested];
        self.wake_at = others.into_iter().flatten().chain(until).min();
        for (peer, datagram) in self.datagrams.drain(..) {
            self.paths.control.say(peer, &datagram);
        }
        self.paths.send();
    }

    /// Writes down what the next start must know. What this edge then says rests on it. Gives the time of the next call.
    fn keep(&mut self, now: Instant) -> Option<Instant> {
        let (keep, table) = (self.keep.as_mut()?, self.table.as_mut()?);
        keep.flush(now, &self.attached, self.machine.nve().seen());
        table.write(now, || known(&self.machine, &self.attached));
        keep.next().into_iter().chain([table.next()]).min()
    }

    /// Believes the table that was kept, until the NVA says otherwise.
    fn believe(&mut self, now: Instant) {
        let Some(Known { snapshot, learned }) = self.table.as_ref().and_then(Table::read) else { return };
        for (name, tsis) in learned {
            if let Some(vap) = self.attached.get(&name).filter(|port| port.is_open()).map(|port| port.vap) {
                let _ = self.machine.tell(now, nve::Input::Learned { vap, tsis });
            }
        }
        let (age, mappings) = (now - snapshot.at(), snapshot.mappings());
        if self.machine.nve_mut().believe(now, snapshot) {
            tracing::info!(%age, mappings, "this edge goes on with the table that it had, until the NVA has answered");
        } else {
            tracing::warn!(%age, mappings, "the kept table is too old or of another place; this edge asks the NVA about each address");
        }
    }

    fn note(&mut self, now: Instant, event: &nve::Event) {
        let port = match event {
            nve::Event::Spoofed { vap, .. } | nve::Event::Limited { vap, .. } => {
                self.paths.ports.get(vap).map(|access| access.name.as_str())
            }
            _ => None,
        };
        words::log(event, port);
        self.note_registration(event);
        self.callers.tell(now, event, &show::event(event));
        if let nve::Event::State { key, .. } | nve::Event::News { key, .. } = event
            && key.mac.is_virtual_router()
        {
            let nve = self.machine.nve();
            for name in self.attached.note_shared(key, nve.state(key).state, nve.port_of(key)) {
                self.keep.iter_mut().for_each(|keep| keep.note(&name));
            }
        }
        if let nve::Event::State { key, to, .. } = event {
            if let (Some(name), Some(keep)) = (self.attached.note(key, *to), &mut self.keep) {
                keep.note(name);
            }
            self.leave_again(now);
        }
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
            nve::Event::Refused { key, result } if self.attached.port_of(key).is_some() => {
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
        if let Some(table) = &mut self.table {
            table.end(known(&self.machine, &self.attached));
        }
    }
}

/// What the next start of this edge shall believe.
fn known(machine: &Machine, attached: &Attached) -> Known {
    let names: BTreeMap<VapId, &str> = attached.iter().map(|port| (port.vap, port.spec.name.as_str())).collect();
    let mut learned = BTreeMap::<String, Vec<_>>::new();
    for (vap, tsi) in machine.nve().learned() {
        if let Some(name) = names.get(&vap) {
            learned.entry((*name).to_owned()).or_default().push(tsi);
        }
    }
    Known { snapshot: machine.nve().snapshot(), learned }
}

/// The sources of an edge. They are shared, so that the edge can change while the loop waits for them.
pub(crate) type Sources = std::rc::Rc<Ready>;
