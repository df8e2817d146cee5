//! Ports: what attaches and detaches them, and what their interfaces do.

use super::attached::Origin;
use super::keep::Kept;
use super::{Edge, show, words};
use crate::links::{Change, News, index_of};
use crate::port;
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{Error, Input};
use nvo3_mobility::table::{Binding, PortPolicy, VapId};
use nvo3_nva_proto::{Instant, MoveId, TsiKey};
use nvoctl::{Port, PortError, clock};
use std::collections::BTreeMap;

type Failed = Box<dyn std::error::Error>;

impl Edge {
    /// Attaches the ports of the settings, and those that were attached by command before a restart. What ran here runs on.
    pub(super) fn attach_all(&mut self, now: Instant, settings: &[Port]) -> Result<(), Failed> {
        let mut kept = self.keep.as_ref().map(super::keep::Keep::ports).unwrap_or_default();
        let by_command = kept.values().filter(|kept| kept.by_command).map(|kept| &kept.port);
        let others = by_command.filter(|port| settings.iter().all(|spec| spec.name != port.name));
        self.paths.open_together(settings.iter().chain(others));
        for spec in settings {
            let running = self.running(spec, kept.remove(&spec.name).as_ref());
            self.open_or_rebind(now, spec.clone(), Origin::Settings, &running)?;
            self.activate_all(now, &running);
        }
        self.attach_kept(now, kept);
        Ok(())
    }

    /// The TSIs of a port that run here at the start. What was known of the port before the restart is newer than the settings.
    fn running(&self, spec: &Port, kept: Option<&Kept>) -> Vec<TsiKey> {
        let kept = kept.filter(|kept| kept.port.vni == spec.vni);
        let ran = kept.and_then(|kept| Some((kept, self.keep.as_ref()?.ran(kept)?)));
        let runs = |key: &TsiKey| match ran {
            Some((kept, ran)) if kept.port.stations.iter().any(|station| station.mac == key.mac) => {
                ran.contains(&key.mac)
            }
            // After a reboot a command's port waits for its VM.
            None if kept.is_some_and(|kept| kept.by_command) => false,
            _ => spec.active,
        };
        let held = |key: &TsiKey| {
            let shared = |kept: &Kept| kept.port.shared_tsis().any(|tsi| tsi.key == *key);
            ran.is_some_and(|(kept, ran)| shared(kept) && ran.contains(&key.mac))
        };
        let shared = spec.shared_tsis().map(|tsi| tsi.key).filter(held);
        spec.tsis().into_iter().map(|tsi| tsi.key).filter(runs).chain(shared).collect()
    }

    fn attach_kept(&mut self, now: Instant, kept: BTreeMap<String, Kept>) {
        for (name, kept) in kept {
            let running = self.running(&kept.port, Some(&kept));
            if !kept.by_command {
                // The settings do not name it any more.
                self.paths.lift(&kept.port);
                self.note_port(&name);
                continue;
            }
            match self.open_or_rebind(now, kept.port.clone(), Origin::Command, &running) {
                Ok(()) => {
                    let running = self.activate_all(now, &running);
                    tracing::info!(port = name, running, "a port that a command attached is attached again");
                }
                Err(error) => {
                    tracing::warn!(port = name, %error, "a port that a command attached waits for its interface");
                    let vap = self.attached.next_vap();
                    self.wait_for_interface(now, kept.port, Origin::Command, vap);
                }
            }
        }
    }

    /// Attaches a port by command, or changes what is attached to it.
    pub(super) fn attach(&mut self, now: Instant, spec: Port) -> Result<(), Failed> {
        spec.validate()?;
        // The command may be faster than the kernel's news.
        self.look_at(&spec.name);
        let active = if spec.active { spec.tsis() } else { Vec::new() };
        self.open_or_rebind(now, spec, Origin::Command, &[])?;
        active.iter().try_for_each(|tsi| self.machine.tell(now, Input::Activate { key: tsi.key, move_id: None }))?;
        Ok(())
    }

    /// Opens a port, or gives an open one other stations, addresses or rights: stations that are not listed any more leave. Behind a port
    /// that is opened runs what its owner said meanwhile. Of the shared addresses, those of `running` are behind it.
    fn open_or_rebind(&mut self, now: Instant, spec: Port, origin: Origin, running: &[TsiKey]) -> Result<(), Failed> {
        let name = spec.name.clone();
        let before = self.attached.get(&name);
        if let Some(before) = before.filter(|before| before.is_open() && before.spec.kind != spec.kind) {
            let kind = format!("{:?}", before.spec.kind).to_lowercase();
            return Err(
                format!("{name} is attached with kind={kind}; `nvoctl detach {name}` first to change that").into()
            );
        }
        let (origin, open, vap) = match before {
            // A port of the settings stays one.
            Some(before) => (before.origin, before.is_open(), before.vap),
            None => (origin, false, self.attached.next_vap()),
        };
        let input = attach(vap, &spec, running)?;
        if !open {
            self.paths.open_port(now, vap, &spec)?;
        }
        if let Err(error) = self.machine.tell(now, input) {
            if !open {
                self.paths.close_port(vap);
            }
            return Err(format!("{name}: {error}").into());
        }
        if open {
            self.paths.change_port(vap, &spec)?;
        }
        let said = if open { Vec::new() } else { self.attached.running(&name) };
        self.attached.open(spec, origin, vap);
        self.leaving.remove(&vap);
        self.activate_all(now, &said);
        self.forget_refusals();
        self.note_port(&name);
        Ok(())
    }

    /// Tells the machine that these VMs run here. Gives how many it took.
    fn activate_all(&mut self, now: Instant, keys: &[TsiKey]) -> usize {
        let taken =
            keys.iter().filter(|key| match self.machine.tell(now, Input::Activate { key: **key, move_id: None }) {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(tsi = %key, %error, "a VM that ran here is not taken for one that runs");
                    false
                }
            });
        taken.count()
    }

    /// The owner says that a VM runs here. If its interface is not there yet, that counts once it is.
    pub(super) fn activate(&mut self, now: Instant, key: TsiKey, move_id: Option<MoveId>) -> Result<(), String> {
        if let Some(name) = self.attached.port_of(&key).map(str::to_owned) {
            self.look_at(&name);
        }
        match self.machine.tell(now, Input::Activate { key, move_id }) {
            Err(error @ (Error::NoPort(_) | Error::UnknownTsi(_))) if move_id.is_none() => {
                let Some(name) = self.attached.will_run(&key).map(str::to_owned) else {
                    return Err(words::error(error));
                };
                self.note_port(&name);
                Ok(())
            }
            told => told.map_err(words::error),
        }
    }

    pub(super) fn detach(&mut self, now: Instant, name: &str) -> Result<(), Failed> {
        let port = self.attached.get(name).ok_or_else(|| format!("{name} is not attached"))?;
        let vap = port.vap;
        match self.machine.tell(now, Input::Detach { vap }) {
            // The port had no interface.
            Ok(()) | Err(Error::UnknownPort(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.paths.close_port(vap);
        self.leaving.remove(&vap);
        self.attached.remove(name);
        self.forget_refusals();
        self.note_port(name);
        Ok(())
    }

    /// Reads the kernel's news of interfaces.
    pub(super) fn read_links(&mut self) {
        let (mut concerned, mut bared) = (Vec::new(), Vec::new());
        match self.paths.links.read() {
            News::Of(changes) => {
                for change in changes {
                    match change {
                        Change::Link { index, name } => {
                            self.paths.interface_changed(Some(index));
                            concerned.extend([Some(name), self.paths.port_at(index)].into_iter().flatten());
                        }
                        Change::FilterGone { index } => bared.extend(self.paths.port_at(index)),
                    }
                }
                concerned.retain(|name| self.attached.get(name).is_some());
            }
            News::OfAll => {
                self.paths.interface_changed(None);
                concerned.extend(self.attached.iter().map(|port| port.spec.name.clone()));
                bared.clone_from(&concerned);
            }
        }
        for name in concerned.iter().chain(&bared) {
            self.look_at(name);
        }
        // What is open now is at the interface that is there now.
        let now = clock::now();
        for name in bared {
            if let Some(port) = self.attached.get(&name).filter(|port| port.is_open()) {
                self.paths.shut_again(now, port.vap);
            }
        }
    }

    /// Looks whether the interface of a port is there: the port ends with its interface, and is opened with another one of that name.
    pub(super) fn look_at(&mut self, name: &str) {
        let now = clock::now();
        let Some(port) = self.attached.get(name) else { return };
        if port.is_open() {
            if self.paths.ports.get(&port.vap).is_some_and(|access| access.port.is_at(name)) {
                return;
            }
            self.interface_goes(now, name);
        }
        if index_of(name).is_some() {
            self.interface_comes(now, name);
        }
    }

    /// Closes a port whose interface is gone: its VMs are not here any more.
    pub(super) fn interface_goes(&mut self, now: Instant, name: &str) {
        let Some(port) = self.attached.get(name) else { return };
        let (spec, origin, vap) = (port.spec.clone(), port.origin, port.vap);
        let tsis = spec.tsis().into_iter().map(|tsi| tsi.key).collect();
        tracing::info!(port = name, vni = %spec.vni, "the interface of a port is gone: the port is closed, and waits for one of that name");
        self.paths.close_port(vap);
        self.paths.gone += 1;
        self.wait_for_interface(now, spec, origin, vap);
        self.leave(now, vap, tsis);
        self.tell_of_port(now, "port-gone", name);
    }

    fn wait_for_interface(&mut self, now: Instant, spec: Port, origin: Origin, vap: VapId) {
        let name = spec.name.clone();
        if let Some(forgotten) = self.attached.wait(now, spec, origin, vap) {
            self.note_forgotten(now, &forgotten);
        }
        self.note_port(&name);
    }

    /// Takes the VMs of a port without interface away. If a move is about to take one, or brings one just now, that waits for the move: the
    /// hypervisor may still say when the VM stopped.
    fn leave(&mut self, now: Instant, vap: VapId, tsis: Vec<TsiKey>) {
        let moves_away = |key: &TsiKey| matches!(self.machine.nve().state(key).state, State::Leaving(_));
        if tsis.iter().any(moves_away)
            || !matches!(self.machine.tell(now, Input::Detach { vap }), Ok(()) | Err(Error::UnknownPort(_)))
        {
            self.leaving.insert(vap, tsis);
        }
    }

    /// Tries again what [`Edge::leave`] left, when a state has changed.
    pub(super) fn leave_again(&mut self, now: Instant) {
        for (vap, tsis) in std::mem::take(&mut self.leaving) {
            self.leave(now, vap, tsis);
        }
    }

    /// Opens a port whose interface is there again. Attached alone, a VM gets nothing: its owner or its own frames say that it runs.
    fn interface_comes(&mut self, now: Instant, name: &str) {
        let Some(port) = self.attached.get(name) else { return };
        let (spec, origin) = (port.spec.clone(), port.origin);
        match self.open_or_rebind(now, spec, origin, &[]) {
            Ok(()) => {
                self.paths.back += 1;
                self.tell_of_port(now, "port-back", name);
            }
            Err(error) if matches!(error.downcast_ref(), Some(port::Error::Missing(_))) => {}
            // Its maker may still have it open, and the kernel does not tell when that ends.
            Err(error) => self.attached.look_again(now, name, &*error),
        }
    }

    /// Looks again at the ports that could not be opened, and forgets those whose interfaces have been away for too long.
    pub(super) fn look_after(&mut self, now: Instant) {
        while let Some(name) = self.attached.due(now) {
            self.look_at(&name);
        }
        while let Some(name) = self.attached.forget(now) {
            self.note_forgotten(now, &name);
        }
    }

    fn note_forgotten(&mut self, now: Instant, name: &str) {
        tracing::info!(port = name, "a port is forgotten: its interface did not come back");
        self.forget_refusals();
        self.note_port(name);
        self.tell_of_port(now, "port-forgotten", name);
    }

    fn tell_of_port(&mut self, now: Instant, event: &str, name: &str) {
        self.callers.tell_watchers(now, &show::port_event(event, name));
    }

    fn note_port(&mut self, name: &str) {
        if let Some(keep) = &mut self.keep {
            keep.note(name);
        }
    }

    fn forget_refusals(&mut self) {
        let attached = &self.attached;
        self.refused.retain(|key, _| attached.port_of(key).is_some());
    }
}

/// The machine's input for a port. It replaces what was attached under this number.
fn attach(vap: VapId, spec: &Port, running: &[TsiKey]) -> Result<Input, PortError> {
    let held = spec.shared_tsis().filter(|tsi| running.contains(&tsi.key));
    let tsis = spec.tsis().into_iter().chain(held).collect();
    Ok(Input::Attach { vap, vn: spec.vni, tsis, policy: policy(spec)? })
}

/// The policy of a port, as its owner wrote it.
fn policy(port: &Port) -> Result<PortPolicy, PortError> {
    let mut policy = if port.trusted { PortPolicy::trusted() } else { PortPolicy::untrusted() };
    policy.router_advertisements |= port.router_advertisements;
    policy.dhcp_server |= port.dhcp_server;
    policy.learn_addresses = port.learn;
    policy.learn_macs = port.learn_macs;
    policy.rarp_server = port.rarp_server;
    policy.announce = port.announce;
    for text in &port.learn_within {
        policy.learn_within.push(text.parse().map_err(|error| PortError {
            port: port.name.clone(),
            field: "learn-within",
            why: format!("\"{text}\": {error}"),
        })?);
    }
    policy.shared = port.shared.iter().map(|shared| Binding { mac: shared.mac, ips: shared.ips.clone() }).collect();
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_port_may_learn_is_its_policy_and_a_wrong_prefix_is_named() {
        let port = |text: &str| text.parse::<Port>().unwrap();
        let bridge = policy(&port("br0,vni=7,trusted,learn=2,learn-within=fd77::/64,learn-macs=9")).unwrap();
        assert_eq!((bridge.trusted, bridge.learn_addresses, bridge.learn_macs), (true, 2, 9));
        let learns = |ip: &str| bridge.may_learn(ip.parse().unwrap());
        assert_eq!([learns("fd77::1"), learns("fd78::1"), learns("192.0.2.1")], [true, false, false]);

        let vm = policy(&port("vm0,vni=7,mac=02:00:00:00:00:01,learn=1")).unwrap();
        assert_eq!((vm.trusted, vm.learn_addresses, vm.learn_macs), (false, 1, 0));
        assert_eq!(vm.rarp_server, None);
        assert!(!vm.announce && policy(&port("gw0,vni=7,trusted,announce")).unwrap().announce);
        let diskless = policy(&port("vm0,vni=7,trusted,rarp-server=192.0.2.1")).unwrap();
        assert_eq!(diskless.rarp_server, Some([192, 0, 2, 1].into()));
        assert!(vm.may_learn("192.0.2.1".parse().unwrap()));

        let wrong = policy(&port("vm0,vni=7,mac=02:00:00:00:00:01,learn=1,learn-within=fd77::/129")).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "port \"vm0\": learn-within: \"fd77::/129\": the length of the prefix must be 0 to 128"
        );
    }
}
