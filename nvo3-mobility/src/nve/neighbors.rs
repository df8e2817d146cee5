//! ARP and Neighbor Discovery at the edge: answers for stations elsewhere, questions to the NVA for unknown ones, and what a
//! station's own announcement says (OPT-03, PXY-07 … PXY-11, ARMD-13 … ARMD-16, R-01, R-13, R-14).

use super::io::{Event, Handled};
use super::machine::Nve;
use super::rules::Input;
use crate::forwarder::Notice;
use crate::table::VapId;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, TsiKey};
use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::nd::Advertise;
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, arp, nd};

/// Who asks for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asker {
    vap: VapId,
    mac: Mac,
    /// `None` for a probe: nobody has the address that asks.
    ip: Option<IpAddr>,
}

/// Stations that wait for the NVA's answer about an address, bounded.
#[derive(Debug)]
pub(super) struct Neighbors {
    limit: usize,
    waiting: BTreeMap<(Vni, IpAddr, Asker), ()>,
}

impl Neighbors {
    pub(super) const fn new(limit: usize) -> Self {
        Self { limit, waiting: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn forget(&mut self, vap: VapId) {
        self.waiting.retain(|(_, _, asker), ()| asker.vap != vap);
    }

    fn wait(&mut self, vn: Vni, target: IpAddr, asker: Asker) -> bool {
        let room = self.waiting.len() < self.limit;
        if room {
            self.waiting.insert((vn, target, asker), ());
        }
        room
    }

    fn take(&mut self, vn: Vni, target: IpAddr) -> Vec<Asker> {
        let first = (vn, target, Asker { vap: VapId(0), mac: Mac::ZERO, ip: None });
        let of_target = self.waiting.range(first..).take_while(|((v, t, _), ())| *v == vn && *t == target);
        let found: Vec<_> = of_target.map(|((_, _, asker), ())| *asker).collect();
        for asker in &found {
            self.waiting.remove(&(vn, target, *asker));
        }
        found
    }
}

impl Nve {
    /// A frame that the forwarder punted: ARP, RARP, NS or NA from a port.
    pub fn handle_frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Handled {
        self.clock(now);
        let Some(attached) = self.ports.get(&vap) else { return Handled::Taken };
        let (vn, trusted) = (attached.vn, attached.trusted);
        let Ok(kind) = classify(frame) else {
            // Not for us to judge on a trusted port: the receiver has its own rules.
            self.counters.invalid_neighbor_frames += 1;
            return if trusted { Handled::Pass } else { Handled::Taken };
        };
        if !trusted && let Some((mac, ip)) = self.spoofed(vn, vap, &kind) {
            self.alarm(vap, mac, ip);
            return Handled::Taken;
        }
        if kind.is_announcement() {
            self.handle_announcement(vn, vap, frame);
            return Handled::Pass;
        }
        // A question to one station goes to that station (PXY-09).
        let to_a_group = frame.first().is_some_and(|first| first & 1 != 0);
        match question(&kind, vap).filter(|_| to_a_group) {
            Some((target, asker)) => self.answer(vn, target, asker),
            None => Handled::Pass,
        }
    }

    /// A thing that the forwarder noticed.
    pub fn handle_notice(&mut self, now: Instant, notice: Notice) {
        self.clock(now);
        match notice {
            Notice::Miss { vn, mac } => self.ask(vn, Address::Mac(mac)),
            Notice::Seen { key, .. } => self.handle_frame_of(key),
            Notice::Stale { key, from, version } => self.hint(key, from, version),
        }
    }

    /// Who claims an address that is not bound to the port it came in by (VMM-10-02).
    fn spoofed(&self, vn: Vni, vap: VapId, kind: &Kind<'_>) -> Option<(Mac, Option<IpAddr>)> {
        let (mac, ip) = claim(kind)?;
        let known = self.tsis.get(&TsiKey { vn, mac });
        let bound = known.is_some_and(|known| known.vap == Some(vap) && ip.is_none_or(|ip| known.ips.contains(&ip)));
        (!bound).then_some((mac, ip))
    }

    fn alarm(&mut self, vap: VapId, mac: Mac, ip: Option<IpAddr>) {
        self.counters.spoofed += 1;
        let (now, interval) = (self.now, self.config.hint_interval);
        let Some(attached) = self.ports.get_mut(&vap) else { return };
        if attached.alarmed.is_none_or(|at| now - at >= interval) {
            attached.alarmed = Some(now);
            self.tell(Event::Spoofed { vap, mac, ip });
        }
    }

    fn handle_announcement(&mut self, vn: Vni, vap: VapId, frame: &[u8]) {
        let mac = frame.get(6..12).and_then(|mac| <[u8; 6]>::try_from(mac).ok()).map(Mac);
        let Some(mac) = mac else { return };
        let key = TsiKey { vn, mac };
        if self.tsis.get(&key).is_some_and(|known| known.vap == Some(vap)) {
            self.handle_frame_of(key);
        }
    }

    /// A TSI showed itself on its own port.
    fn handle_frame_of(&mut self, key: TsiKey) {
        let here = self.tsis.get(&key).is_some_and(|known| known.vap.is_some());
        if !here || self.config.hypervisor_word_only {
            return;
        }
        // Where it has no row, the frame says nothing new.
        let _ = self.for_all_of_move(key, Input::Frame);
    }

    /// A registration went through: whoever waits for its addresses has an answer now.
    pub(super) fn neighbors_settled(&mut self, key: TsiKey) {
        let ips = self.tsis.get(&key).map(|known| known.ips.clone()).unwrap_or_default();
        for ip in ips {
            self.neighbor_found(key.vn, Address::Ip(ip), key.mac);
        }
    }

    /// Answers for the target's owner, or asks the NVA who that is.
    fn answer(&mut self, vn: Vni, target: IpAddr, asker: Asker) -> Handled {
        if let Some((mac, vap)) = self.owner_of(vn, target) {
            // Its owner answers itself: on its own port (PXY-09), or to its own probe (ARMD-16).
            if vap == Some(asker.vap) || mac == asker.mac {
                return Handled::Pass;
            }
            self.reply(mac, target, asker);
            return Handled::Taken;
        }
        if self.neighbors.wait(vn, target, asker) {
            self.ask(vn, Address::Ip(target));
        } else {
            self.counters.shed_queries += 1;
        }
        Handled::Taken
    }

    fn owner_of(&self, vn: Vni, ip: IpAddr) -> Option<(Mac, Option<VapId>)> {
        let own = self.local_ips.get(&(vn, ip)).map(|(mac, vap)| (*mac, Some(*vap)));
        own.or_else(|| self.cache.mac_of(vn, ip).map(|mac| (mac, None)))
    }

    pub(super) fn neighbor_found(&mut self, vn: Vni, address: Address, mac: Mac) {
        if let Address::Ip(target) = address {
            for asker in self.neighbors.take(vn, target) {
                if asker.mac != mac {
                    self.reply(mac, target, asker);
                }
            }
        }
    }

    pub(super) fn neighbor_unknown(&mut self, vn: Vni, address: Address) {
        if let Address::Ip(target) = address {
            self.counters.unknown_targets += self.neighbors.take(vn, target).len() as u64;
        }
    }

    /// The owner's own MAC and address, as it would answer itself.
    fn reply(&mut self, mac: Mac, target: IpAddr, asker: Asker) {
        let mut frame = vec![0; arp::FRAME_LEN.max(nd::FRAME_LEN)];
        let written = match target {
            IpAddr::V4(target) => {
                let ip = match asker.ip {
                    Some(IpAddr::V4(ip)) => Ipv4::from(ip),
                    _ => Ipv4::from(core::net::Ipv4Addr::UNSPECIFIED),
                };
                arp::reply((mac, Ipv4::from(target)), (asker.mac, ip), &mut frame)
            }
            IpAddr::V6(target) => {
                let ip = match asker.ip {
                    Some(IpAddr::V6(ip)) => Ipv6::from(ip),
                    _ => Ipv6::from(core::net::Ipv6Addr::UNSPECIFIED),
                };
                nd::advertisement(&Advertise::answer(mac, Ipv6::from(target), (asker.mac, ip)), &mut frame)
            }
        };
        if self.frames.len() >= self.config.queue as usize {
            self.counters.shed_frames += 1;
        } else if let Ok(len) = written {
            self.counters.proxy_answers += 1;
            frame.truncate(len);
            self.frames.push_back((asker.vap, frame));
        }
    }
}

/// The MAC and address that a frame claims for its sender.
fn claim(kind: &Kind<'_>) -> Option<(Mac, Option<IpAddr>)> {
    match kind {
        Kind::ArpProbe(arp) | Kind::RarpAnnouncement(arp) | Kind::RarpRequest(arp) => Some((arp.sender_mac, None)),
        Kind::RarpReply(arp) => Some((arp.sender_mac, Some(IpAddr::V4(arp.sender_ip.addr())))),
        Kind::UnsolicitedNa(na) | Kind::SolicitedNa(na) => {
            let mac = na.target_link.unwrap_or(na.ethernet_source);
            Some((*mac, Some(IpAddr::V6(na.body.target.addr()))))
        }
        Kind::DadNs(ns) => Some((*ns.ethernet_source, None)),
        kind => kind.binding().map(|(ip, mac)| (*mac, Some(ip))),
    }
}

/// The address that a frame asks for, and who asks.
fn question(kind: &Kind<'_>, vap: VapId) -> Option<(IpAddr, Asker)> {
    match kind {
        Kind::ArpRequest(arp, _) => {
            let asker = Asker { vap, mac: arp.sender_mac, ip: Some(IpAddr::V4(arp.sender_ip.addr())) };
            Some((IpAddr::V4(arp.target_ip.addr()), asker))
        }
        Kind::ArpProbe(arp) => Some((IpAddr::V4(arp.target_ip.addr()), Asker { vap, mac: arp.sender_mac, ip: None })),
        Kind::ResolutionNs(ns) => {
            let asker = Asker { vap, mac: *ns.ethernet_source, ip: Some(IpAddr::V6(ns.ip.source.addr())) };
            Some((IpAddr::V6(ns.body.target.addr()), asker))
        }
        Kind::DadNs(ns) => Some((IpAddr::V6(ns.body.target.addr()), Asker { vap, mac: *ns.ethernet_source, ip: None })),
        _ => None,
    }
}
