//! The ports that are attached to this edge, by name, whether their interfaces are there or not.
//!
//! An attachment outlives its interface: when the interface is gone, the port waits for another one of that name. A port of the settings
//! waits without end, a port that a command attached waits for [`PATIENCE`]. The room also knows which VMs run behind each port.

use nvo3_mobility::nve::rules::{Sign, State};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Micros, TsiKey};
use nvo3_wire::Mac;
use nvoctl::Port;
use std::collections::{BTreeMap, BTreeSet};

/// The time for which a port that a command attached waits for its interface. A guest's reboot or a move there and back is shorter.
const PATIENCE: Micros = Micros::from_secs(300);

/// The most ports that a command attached and that wait for their interfaces. The one that has waited longest makes room.
const MOST_WAITING: usize = 4_096;

/// The time until the first look at a port that could not be opened although its interface is there, and between the next looks.
const LOOKS: [Micros; 2] = [Micros::from_millis(100), Micros::from_secs(1)];

/// Who attached a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A flag or the file of settings: it attaches the port again at each start.
    Settings,
    /// A command, which nobody repeats.
    Command,
}

/// A port and what is known of it.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) spec: Port,
    pub(super) origin: Origin,
    pub(super) vap: VapId,
    /// The time since when the interface is gone.
    gone: Option<Instant>,
    /// The attempts to open the port that failed although the interface was there.
    failures: u32,
    /// The stations whose VM runs here. While the interface is gone: those that shall run once it is back.
    runs: BTreeSet<Mac>,
}

impl Attachment {
    pub(super) const fn is_open(&self) -> bool {
        self.gone.is_none()
    }

    /// The stations whose VM runs here.
    pub(super) fn runs(&self) -> impl Iterator<Item = Mac> + '_ {
        self.runs.iter().copied()
    }

    fn shares(&self, key: &TsiKey) -> bool {
        self.spec.vni == key.vn && self.spec.shared.iter().any(|station| station.mac == key.mac)
    }

    /// True if the TSI is one of the port's own.
    pub(super) fn has(&self, key: &TsiKey) -> bool {
        self.spec.vni == key.vn && self.spec.stations.iter().any(|station| station.mac == key.mac)
    }
}

/// The attached ports, by name.
#[derive(Debug, Default)]
pub(super) struct Attached {
    ports: BTreeMap<String, Attachment>,
    last_vap: u32,
    /// The ports of commands that wait for their interfaces, the one that has waited longest first.
    waiting: BTreeSet<(Instant, String)>,
    /// The ports that could not be opened, and the time of the next attempt.
    looks: BTreeSet<(Instant, String)>,
}

impl Attached {
    /// The number for a new port.
    pub(super) const fn next_vap(&mut self) -> VapId {
        self.last_vap += 1;
        VapId(self.last_vap)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Attachment> {
        self.ports.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Attachment> {
        self.ports.values()
    }

    /// The TSIs that run behind a port, or shall once its interface is back.
    pub(super) fn running(&self, name: &str) -> Vec<TsiKey> {
        let key = |port: &Attachment| {
            let vn = port.spec.vni;
            port.runs().map(|mac| TsiKey { vn, mac }).collect()
        };
        self.ports.get(name).map(key).unwrap_or_default()
    }

    /// The name of the port with this number.
    pub(super) fn name_of(&self, vap: VapId) -> Option<&str> {
        self.ports.values().find(|port| port.vap == vap).map(|port| port.spec.name.as_str())
    }

    /// The name of the port that a TSI is behind. An open port goes before one that waits for its interface.
    pub(super) fn port_of(&self, key: &TsiKey) -> Option<&str> {
        let having = || self.ports.values().filter(|port| port.has(key));
        let port = having().find(|port| port.is_open()).or_else(|| having().next())?;
        Some(port.spec.name.as_str())
    }

    /// Enters a port whose interface is there, or what is attached to it now.
    pub(super) fn open(&mut self, spec: Port, origin: Origin, vap: VapId) {
        let name = spec.name.clone();
        let before = self.remove(&name);
        let mut port = Attachment {
            origin,
            vap,
            gone: None,
            failures: 0,
            runs: before.map(|port| port.runs).unwrap_or_default(),
            spec,
        };
        let spec = &port.spec;
        port.runs.retain(|mac| spec.stations.iter().chain(&spec.shared).any(|station| station.mac == *mac));
        self.ports.insert(name, port);
    }

    /// Enters a port whose interface is not there, or is gone. No VM runs behind it. Gives a port that had to be forgotten for it.
    pub(super) fn wait(&mut self, now: Instant, spec: Port, origin: Origin, vap: VapId) -> Option<String> {
        let name = spec.name.clone();
        self.remove(&name);
        if origin == Origin::Command {
            self.waiting.insert((now, name.clone()));
        }
        self.ports.insert(name, Attachment { spec, origin, vap, gone: Some(now), failures: 0, runs: BTreeSet::new() });
        if self.waiting.len() <= MOST_WAITING {
            return None;
        }
        let (_, longest) = self.waiting.pop_first()?;
        self.ports.remove(&longest);
        Some(longest)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Attachment> {
        let port = self.ports.remove(name)?;
        if let Some(since) = port.gone {
            self.waiting.remove(&(since, name.to_owned()));
        }
        Some(port)
    }

    /// Notes that a port cannot be opened although its interface is there; [`Attached::due`] gives it again. The log says so once.
    pub(super) fn look_again(&mut self, now: Instant, name: &str, error: &dyn std::error::Error) {
        let Some(port) = self.ports.get_mut(name) else { return };
        port.failures += 1;
        if port.failures == 2 {
            tracing::warn!(
                port = name, %error,
                "the interface of a port is there, and the port cannot be opened; this edge tries again each second"
            );
        }
        let [first, later] = LOOKS;
        self.looks.retain(|(_, other)| other != name);
        self.looks.insert((now + if port.failures == 1 { first } else { later }, name.to_owned()));
    }

    /// A port to look at now. Each comes once.
    pub(super) fn due(&mut self, now: Instant) -> Option<String> {
        self.looks.first().filter(|(at, _)| *at <= now)?;
        self.looks.pop_first().map(|(_, name)| name)
    }

    /// The time of the next look.
    pub(super) fn next(&self) -> Option<Instant> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// A port of a command that has waited too long for its interface. Each comes once.
    pub(super) fn forget(&mut self, now: Instant) -> Option<String> {
        let (since, _) = self.waiting.first()?;
        if now - *since < PATIENCE {
            return None;
        }
        let (_, name) = self.waiting.pop_first()?;
        self.ports.remove(&name);
        Some(name)
    }

    /// Notes the state of a TSI. Gives its port if that changes what runs behind it.
    pub(super) fn note(&mut self, key: &TsiKey, state: State) -> Option<&str> {
        let port = self.ports.values_mut().find(|port| port.has(key) && port.is_open())?;
        let changed = if runs(state) { port.runs.insert(key.mac) } else { port.runs.remove(&key.mac) };
        changed.then_some(port.spec.name.as_str())
    }

    /// Notes the state of a shared TSI, and the port that it is behind. Gives the ports where that changes what runs behind them.
    pub(super) fn note_shared(&mut self, key: &TsiKey, state: State, vap: Option<VapId>) -> Vec<String> {
        let sharing = self.ports.values_mut().filter(|port| port.shares(key) && port.is_open());
        let changed = sharing.filter_map(|port| {
            let here = runs(state) && vap == Some(port.vap);
            let changed = if here { port.runs.insert(key.mac) } else { port.runs.remove(&key.mac) };
            changed.then(|| port.spec.name.clone())
        });
        changed.collect()
    }

    /// Notes the owner's word that a VM runs here whose interface is not there yet. False if no port waits for it.
    pub(super) fn will_run(&mut self, key: &TsiKey) -> Option<&str> {
        let port = self.ports.values_mut().find(|port| port.has(key) && !port.is_open())?;
        port.runs.insert(key.mac);
        Some(port.spec.name.as_str())
    }
}

/// True if an edge that restarts in this state takes it that the VM runs here. A frame alone is no reason: the VM sends more of them.
const fn runs(state: State) -> bool {
    match state {
        State::Here | State::Leaving(_) | State::Resuming(_) | State::Activating(_) | State::Active(_) => true,
        State::Claiming { sign, .. } => matches!(sign, Sign::Word),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_000_000);

    fn port(name: &str) -> Port {
        format!("{name},vni=7,mac=02:00:00:00:00:01,ip=192.0.2.1").parse().unwrap()
    }

    fn key() -> TsiKey {
        port("vm0").tsis()[0].key
    }

    #[test]
    fn a_port_of_a_command_is_forgotten_when_its_interface_stays_away_and_a_port_of_the_settings_is_not() {
        let mut attached = Attached::default();
        attached.wait(NOW, port("vm0"), Origin::Command, VapId(1));
        attached.wait(NOW, port("vm1"), Origin::Settings, VapId(2));

        assert_eq!(attached.forget(Instant(NOW.0 + PATIENCE.0 - 1)), None);
        assert_eq!(attached.forget(NOW + PATIENCE).as_deref(), Some("vm0"));
        assert_eq!(attached.forget(NOW + PATIENCE), None);
        assert_eq!(attached.iter().count(), 1);
    }

    #[test]
    fn a_port_whose_interface_is_back_waits_no_more() {
        let mut attached = Attached::default();
        attached.wait(NOW, port("vm0"), Origin::Command, VapId(1));

        attached.open(port("vm0"), Origin::Command, VapId(1));

        assert_eq!(attached.forget(NOW + PATIENCE), None);
        assert!(attached.get("vm0").unwrap().is_open());
    }

    #[test]
    fn a_port_that_cannot_be_opened_is_looked_at_again_soon_and_then_each_second() {
        let (mut attached, error) = (Attached::default(), std::fmt::Error);
        attached.wait(NOW, port("vm0"), Origin::Command, VapId(1));
        assert_eq!(attached.next(), None);

        let mut now = NOW;
        for wait in [LOOKS[0], LOOKS[1], LOOKS[1]] {
            attached.look_again(now, "vm0", &error);
            assert_eq!((attached.due(now), attached.next()), (None, Some(now + wait)));
            now = now + wait;
            assert_eq!((attached.due(now).as_deref(), attached.next()), (Some("vm0"), None));
        }
        attached.look_again(now, "vm1", &error);
        assert_eq!(attached.next(), None, "nothing is attached there");
        attached.look_again(now, "vm0", &error);
        attached.look_again(now, "vm0", &error);
        assert_eq!(attached.looks.len(), 1);
    }

    #[test]
    fn more_ports_than_the_limit_do_not_wait() {
        let mut attached = Attached::default();
        for n in 0..MOST_WAITING {
            assert_eq!(attached.wait(NOW, port(&format!("v{n:04}")), Origin::Command, VapId(1)), None);
        }

        let forgotten = attached.wait(NOW + Micros(1), port("last"), Origin::Command, VapId(1));

        assert_eq!(forgotten.as_deref(), Some("v0000"));
        assert!(attached.get("last").is_some() && attached.get("v0000").is_none());
    }

    #[test]
    fn what_the_owner_says_of_a_port_without_interface_counts_when_the_interface_is_back() {
        let mut attached = Attached::default();
        assert_eq!(attached.will_run(&key()), None);
        attached.wait(NOW, port("vm0"), Origin::Command, VapId(1));

        assert_eq!(attached.note(&key(), State::Here), None, "a port without interface has no VM");
        assert_eq!(attached.will_run(&key()), Some("vm0"));
        attached.open(port("vm0"), Origin::Command, VapId(1));

        assert_eq!(attached.get("vm0").unwrap().runs().collect::<Vec<_>>(), [key().mac]);
    }

    #[test]
    fn a_tsi_is_behind_the_port_that_is_open() {
        let mut attached = Attached::default();
        attached.wait(NOW, port("vm0"), Origin::Command, VapId(1));
        assert_eq!(attached.port_of(&key()), Some("vm0"));

        attached.open(port("vm1"), Origin::Command, VapId(2));

        assert_eq!(attached.port_of(&key()), Some("vm1"));
    }

    #[test]
    fn a_shared_tsi_runs_behind_the_port_that_has_it() {
        let mut attached = Attached::default();
        let shared = |name: &str, n: u8| -> Port {
            let own = format!("{name},vni=7,mac=02:00:00:00:00:0{n},ip=192.0.2.{n}");
            format!("{own},shared=00:00:5e:00:01:0a,ip=192.0.2.254").parse().unwrap()
        };
        let key = shared("vm0", 1).shared_tsis().next().unwrap().key;
        attached.open(shared("vm0", 1), Origin::Command, VapId(1));
        attached.open(shared("vm1", 2), Origin::Command, VapId(2));

        assert_eq!(attached.note_shared(&key, State::Here, Some(VapId(1))), ["vm0"]);
        assert_eq!(attached.note_shared(&key, State::Here, Some(VapId(2))), ["vm0", "vm1"]);
        attached.open(shared("vm1", 2), Origin::Command, VapId(2));
        assert_eq!(attached.running("vm1"), [key], "it is attached anew");
        assert_eq!(attached.note_shared(&key, State::Away, None), ["vm1"]);
        assert_eq!(attached.port_of(&key), None, "no port has it for itself");
    }

    #[test]
    fn what_runs_follows_the_states() {
        let mut attached = Attached::default();
        attached.open(port("vm0"), Origin::Command, VapId(1));

        assert_eq!(attached.note(&key(), State::Claiming { forward: None, sign: Sign::Frame }), None);
        assert_eq!(attached.note(&key(), State::Claiming { forward: None, sign: Sign::Word }), Some("vm0"));
        assert_eq!(attached.note(&key(), State::Here), None);
        assert_eq!(attached.note(&key(), State::Away), Some("vm0"));
        assert_eq!(attached.get("vm0").unwrap().runs().count(), 0);
    }
}
