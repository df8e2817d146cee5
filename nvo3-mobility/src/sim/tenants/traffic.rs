//! All hosts of a world, and the flows between them.

use super::host::{Host, Received};
use super::own::{OwnFrames, TenantSummary};
use crate::nve;
use crate::sim::frame::{Numbered, Station};
use crate::sim::net::EdgeNo;
use crate::sim::random::Random;
use crate::sim::scenario::Scenario;
use crate::table::{PortPolicy, VapId};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_nva_proto::{Micros, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};

/// The host that receives the frames of the tenant's own capture.
const RECEIVER: usize = 0;

/// The hosts, their flows and the tenant's own capture.
pub(crate) struct Tenants {
    hosts: Vec<Host>,
    /// The sender and the receiver of each flow, by the flow's number.
    flows: Vec<(usize, usize)>,
    own: OwnFrames,
    /// The mean time between two datagrams of a flow.
    every: Micros,
    /// The number of datagrams that a flow sends; `None` if it sends until the run ends.
    most: Option<usize>,
    payload: usize,
    sending: bool,
}

impl Tenants {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let hosts = hosts(scenario);
        let receiver = hosts.get(RECEIVER).map_or(Mac::ZERO, |host| host.key().mac);
        let every = 1_000_000_u64.checked_div(u64::from(scenario.rate)).unwrap_or(1_000_000);
        Self {
            flows: flows(&hosts),
            own: OwnFrames::new(&scenario.tenant, receiver),
            hosts,
            every: Micros(every.max(1)),
            most: scenario.frames.map(|frames| frames as usize),
            payload: scenario.payload as usize,
            sending: true,
        }
    }

    // ---- hosts and flows

    pub(crate) const fn hosts(&self) -> usize {
        self.hosts.len()
    }

    pub(crate) const fn flows(&self) -> usize {
        self.flows.len()
    }

    pub(crate) fn key(&self, host: usize) -> TsiKey {
        self.hosts.get(host).map_or(TsiKey { vn: Vni::MAX, mac: Mac::ZERO }, Host::key)
    }

    pub(crate) fn name(&self, host: usize) -> &str {
        self.hosts.get(host).map_or("?", Host::name)
    }

    /// The name of the host with this TSI, or `?`.
    pub(crate) fn name_by_key(&self, key: &TsiKey) -> &str {
        self.host_by_key(key).map_or("?", |host| self.name(host))
    }

    pub(crate) fn host_by_key(&self, key: &TsiKey) -> Option<usize> {
        self.hosts.iter().position(|host| host.key() == *key)
    }

    /// The VM whose interface a host is; `None` for a correspondent.
    pub(crate) fn vm(&self, host: usize) -> Option<usize> {
        self.hosts.get(host)?.vm()
    }

    /// The edge of a correspondent, or the first edge of an interface's VM.
    pub(crate) fn home(&self, host: usize) -> EdgeNo {
        self.hosts.get(host).map_or(0, Host::home)
    }

    /// The port of a host; the same on every edge.
    pub(crate) fn vap(host: usize) -> VapId {
        VapId(u32::try_from(host + 1).unwrap_or(0))
    }

    /// The host of a port.
    pub(crate) fn host_at(&self, vap: VapId) -> Option<usize> {
        (0..self.hosts.len()).find(|host| Self::vap(*host) == vap)
    }

    /// The input that attaches a host to an edge.
    pub(crate) fn attachment(&self, host: usize) -> Option<nve::Input> {
        let trusted = self.own.plays() && host + 1 == self.hosts.len();
        let policy = if trusted { PortPolicy::trusted() } else { PortPolicy::untrusted() };
        let vap = Self::vap(host);
        let host = self.hosts.get(host)?;
        let tsis = vec![Tsi { key: host.key(), ips: host.ips(), role: Role::Unknown }];
        Some(nve::Input::Attach { vap, vn: host.key().vn, tsis, policy })
    }

    /// A host gets one more address: that of a host at an edge that is gone, or a new one.
    pub(crate) fn get_address(&mut self, host: usize, is_gone: impl Fn(EdgeNo) -> bool) {
        let vn = self.key(host).vn;
        let gone = self.hosts.iter().filter(|one| one.vm().is_none() && one.key().vn == vn && is_gone(one.home()));
        let free = |ip: &IpAddr| !self.hosts.iter().any(|one| one.key().vn == vn && one.inherited(ip));
        let heritage = gone.filter_map(|one| one.ips().first().copied()).find(free);
        if let Some(one) = self.hosts.get_mut(host) {
            one.get_address(host, heritage);
        }
    }

    /// The number of addresses of a host.
    pub(crate) fn addresses(&self, host: usize) -> usize {
        self.hosts.get(host).map_or(0, Host::addresses)
    }

    /// Frames by which a host shows that it is somewhere: announcements of every kind.
    pub(crate) fn claims(&self, host: usize) -> Vec<Vec<u8>> {
        self.hosts.get(host).map(Host::claims).unwrap_or_default()
    }

    /// The frames of round `n` of a flood by a host.
    pub(crate) fn flood(&self, host: usize, n: u32) -> Vec<Vec<u8>> {
        self.hosts.get(host).map(|host| host.flood(n)).unwrap_or_default()
    }

    /// Sender and receiver of a flow.
    pub(crate) fn flow(&self, flow: u32) -> Option<(usize, usize)> {
        self.flows.get(flow as usize).copied()
    }

    // ---- sending

    /// The mean time between two datagrams of a flow.
    pub(crate) const fn every(&self) -> Micros {
        self.every
    }

    /// The time until the next datagram of a flow that has sent `sent` datagrams: the mean ±10%. `None` if none follows.
    pub(crate) fn send_again(&self, sent: usize, random: &mut Random) -> Option<Micros> {
        if !self.sending || self.most.is_some_and(|most| sent >= most) {
            return None;
        }
        let every = self.every.0;
        Some(random.between(Micros(every - every / 10), Micros(every + every / 10)))
    }

    /// The frame that carries a datagram; `None` if the sender has not resolved the receiver.
    pub(crate) fn datagram(&self, id: Numbered) -> Option<Vec<u8>> {
        let (from, to) = self.flow(id.flow)?;
        self.hosts.get(from)?.datagram(self.hosts.get(to)?, id, self.payload)
    }

    /// The announcement that a VM's interface sends when the VM begins to run.
    pub(crate) fn announcement(&self, host: usize) -> Vec<u8> {
        self.hosts.get(host).map(Host::announcement).unwrap_or_default()
    }

    /// One of the frames of [`Tenants::claims`].
    pub(crate) fn claim(&self, host: usize, kind: u64) -> Vec<u8> {
        let mut claims = self.claims(host);
        let kinds = claims.len().max(1) as u64;
        usize::try_from(kind % kinds)
            .ok()
            .filter(|n| *n < claims.len())
            .map(|n| claims.swap_remove(n))
            .unwrap_or_default()
    }

    /// The ARP and ND questions for addresses that a flow needs and its sender has not resolved, each with the host that asks.
    pub(crate) fn questions(&self) -> Vec<(usize, Vec<u8>)> {
        let peers =
            self.flows.iter().filter_map(|&(from, to)| Some((from, to, self.hosts.get(from)?, self.hosts.get(to)?)));
        let missing: BTreeSet<_> = peers
            .flat_map(|(from, to, host, peer)| {
                let unknown = peer.ips().into_iter().filter(|ip| host.neighbor(*ip).is_none());
                unknown.map(move |ip| (from, to, ip))
            })
            .collect();
        missing.into_iter().filter_map(|(from, _, ip)| Some((from, self.hosts.get(from)?.ask(ip)))).collect()
    }

    /// True if every host has resolved the addresses that it sends to.
    pub(crate) fn resolved(&self) -> bool {
        self.questions().is_empty()
    }

    /// Ends the flows: no host sends another datagram.
    pub(crate) fn stop_sending(&mut self) {
        self.sending = false;
    }

    /// True if every flow and the tenant's capture have sent everything. `sent` gives the number of datagrams that a flow sent.
    pub(crate) fn all_sent(&self, sent: impl Fn(u32) -> usize) -> bool {
        let flows = u32::try_from(self.flows.len()).unwrap_or(u32::MAX);
        self.most.is_none_or(|most| (0..flows).all(|flow| sent(flow) >= most)) && self.own.done()
    }

    // ---- receiving

    /// Takes a frame that a host reads from its port.
    pub(crate) fn receive(&mut self, host: usize, frame: &[u8]) -> Option<Received> {
        let received = self.hosts.get_mut(host)?.receive(frame);
        if host == RECEIVER {
            self.own.received(frame);
        }
        Some(received)
    }

    // ---- the tenant's own capture

    /// True if there is a capture to play.
    pub(crate) const fn plays(&self) -> bool {
        self.own.plays()
    }

    /// Frame `n` of the capture, which is sent now, and the host that sends it.
    pub(crate) fn play(&mut self, n: usize) -> Option<(usize, Vec<u8>)> {
        Some((self.hosts.len() - 1, self.own.play(n)?))
    }

    /// Notes that the edge refused a frame, or (`answered`) that it answered or suppressed the frame itself.
    pub(crate) fn stopped_at_the_edge(&mut self, frame: &[u8], answered: bool) {
        self.own.stopped_at_the_edge(frame, answered);
    }

    /// True if at least as many frames of the capture arrived as should.
    pub(crate) fn own_arrived(&self) -> bool {
        self.own.arrived()
    }

    /// The result of the capture, if there is one to play.
    pub(crate) fn own_report(&self) -> Option<TenantSummary> {
        self.own.report()
    }
}

/// The addresses of the `n`th host of a VN. Every VN uses the same addresses.
fn station(n: usize) -> Station {
    let [high, last] = u16::try_from(n + 10).unwrap_or(u16::MAX).to_be_bytes();
    Station {
        mac: Mac([2, 0, 0x5e, high, 0x53, last]),
        v4: Ipv4Addr::new(198, 51, 100u8.saturating_add(high), last),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, high.into(), last.into()),
    }
}

/// The hosts of a world: the interfaces of its VMs, and then the correspondents.
fn hosts(scenario: &Scenario) -> Vec<Host> {
    let mut in_vn: BTreeMap<Vni, usize> = BTreeMap::new();
    let mut hosts = Vec::new();
    let mut host = |name, network, vm, home| {
        let vn = Vni::new(network).unwrap_or(Vni::MAX);
        let number = in_vn.entry(vn).or_default();
        hosts.push(Host::new(name, station(*number), vn, vm, home));
        *number += 1;
    };
    for (n, vm) in scenario.vms.iter().enumerate() {
        for (interface, network) in vm.networks.iter().enumerate() {
            let name = Scenario::vm_name(n);
            let name = if interface == 0 { name } else { format!("{name}.{}", interface + 1) };
            host(name, *network, Some(n), vm.edge);
        }
    }
    for correspondent in &scenario.correspondents {
        host(correspondent.name.clone(), correspondent.network, None, correspondent.edge);
    }
    hosts
}

/// The flows of a world, two for each pair of peers in a VN: a correspondent and a VM, or two VMs.
fn flows(hosts: &[Host]) -> Vec<(usize, usize)> {
    let is_peer = |a: &Host, b: &Host| a.key().vn == b.key().vn && b.vm().is_some() && a.vm() != b.vm();
    let mut flows = Vec::new();
    for (n, host) in hosts.iter().enumerate() {
        let vms = hosts.iter().enumerate().filter(|(peer, vm)| is_peer(host, vm) && (host.vm().is_none() || *peer > n));
        flows.extend(vms.flat_map(|(vm, _)| [(n, vm), (vm, n)]));
    }
    flows
}
