//! The ARP and ND proxy: it reads punted frames, also those of DHCP clients, answers for remote TSIs, and keeps the stations that wait for an answer.
//!
//! In go frames, and the MAC that has an address. Out come readings of frames, addresses to query, and frames for ports. The room
//! knows no port, TSI or mapping. (Rules: OPT-03 lets an edge answer for a known target, PXY-07 … PXY-11 say how, ARMD-13 … ARMD-16,
//! which frames are announcements, requests and probes.)

mod client;
mod reading;
mod waiting;

pub(super) use client::Client;
pub(super) use reading::Reading;

use super::config::NveConfig;
use super::counters::NveCounters;
use crate::table::VapId;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_nva_proto::{Address, Role, TsiKey};
use nvo3_wire::nd::{Advertise, Solicit, To};
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, arp, nd};
use waiting::{Crowded, Waiting};

/// A station that asks for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asker {
    vap: VapId,
    mac: Mac,
    /// The address of the station; `None` for a probe, whose sender has no address yet.
    ip: Option<IpAddr>,
    /// The tag of the question, which the answer carries too: its EtherType and its control field.
    tag: Option<[u8; 4]>,
}

impl Asker {
    /// The port of the station.
    pub(super) const fn port(&self) -> VapId {
        self.vap
    }
}

/// The treatment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The request is forwarded: the station that has the address answers itself.
    ByItself,
    /// The request was answered here, or dropped.
    Taken,
    /// The station waits for the NVA's answer.
    Waits,
    /// The request was dropped: too many stations of its port wait.
    NoShare,
}

/// The stations that wait for an answer, and the answers that wait to leave, each bounded.
#[derive(Debug)]
pub(super) struct Proxy {
    waiting: Waiting,
    frames: VecDeque<(VapId, Vec<u8>)>,
    limit: usize,
}

impl Proxy {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self {
            waiting: Waiting::new(config.queries as usize, config.queries_per_port as usize),
            frames: VecDeque::new(),
            limit: config.queue as usize,
        }
    }

    /// Takes a request for `target`. `holder` is the MAC that has the address, and what its TSI is, with its port if it is behind
    /// this NVE.
    #[inline]
    pub(super) fn ask(
        &mut self,
        (vn, target): (Vni, IpAddr),
        asker: Asker,
        holder: Option<((Mac, Role), Option<VapId>)>,
        counters: &mut NveCounters,
    ) -> Asked {
        match holder {
            // The holder is on the same port and answers itself (PXY-09), or it probes its own address (ARMD-16).
            Some(((mac, _), vap)) if vap == Some(asker.vap) || mac == asker.mac => Asked::ByItself,
            Some((holder, _)) => {
                self.reply(holder, target, asker, counters);
                Asked::Taken
            }
            None => self.enter((vn, Address::Ip(target)), asker, counters),
        }
    }

    /// Takes a RARP request for the address of the station with this MAC: it waits for the NVA's answer.
    pub(super) fn ask_reverse(&mut self, target: &TsiKey, asker: Asker, counters: &mut NveCounters) -> Asked {
        self.enter((target.vn, Address::Mac(target.mac)), asker, counters)
    }

    fn enter(&mut self, (vn, target): (Vni, Address), asker: Asker, counters: &mut NveCounters) -> Asked {
        match self.waiting.enter(vn, target, asker) {
            Ok(()) => Asked::Waits,
            Err(Crowded::NoShare) => Asked::NoShare,
            Err(Crowded::Full) => {
                counters.shed_queries += 1;
                Asked::Taken
            }
        }
    }

    /// The stations that wait for an answer about an address or a MAC. They wait no more.
    pub(super) fn take_askers(&mut self, vn: Vni, target: Address) -> Vec<Asker> {
        self.waiting.take(vn, target)
    }

    /// Answers the stations that wait for an address of `holder`.
    pub(super) fn found(&mut self, vn: Vni, target: IpAddr, holder: (Mac, Role), counters: &mut NveCounters) {
        for asker in self.waiting.take(vn, Address::Ip(target)) {
            if asker.mac != holder.0 {
                self.reply(holder, target, asker, counters);
            }
        }
    }

    /// Drops the requests for an address that the NVA does not have.
    pub(super) fn not_found(&mut self, vn: Vni, target: Address, counters: &mut NveCounters) {
        counters.unknown_targets += self.waiting.take(vn, target).len() as u64;
    }

    /// Drops the requests for an address that the NVA is not queried for.
    pub(super) fn give_up(&mut self, vn: Vni, target: Address) {
        self.waiting.take(vn, target);
    }

    /// Forgets the stations that wait behind a port.
    pub(super) fn forget(&mut self, vap: VapId) {
        self.waiting.forget(vap);
    }

    /// The number of frames that wait to leave.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Writes the next frame into `out`, which is empty, and gives its port.
    #[inline]
    pub(super) fn poll_frame(&mut self, out: &mut Vec<u8>) -> Option<VapId> {
        let (vap, frame) = self.frames.pop_front()?;
        out.extend_from_slice(&frame);
        Some(vap)
    }

    /// The number of all things that the room keeps.
    pub(super) fn footprint(&self) -> usize {
        self.waiting.len() + self.frames.len()
    }

    /// Asks a station whether it is at this port and has this address.
    pub(super) fn probe(&mut self, vap: VapId, mac: Mac, target: IpAddr, counters: &mut NveCounters) {
        if self.frames.len() >= self.limit {
            counters.shed_frames += 1;
        } else if let Some(frame) = question(mac, target) {
            counters.probes += 1;
            self.frames.push_back((vap, frame));
        }
    }

    /// Announces a TSI at a port: its MAC, and each of its addresses.
    pub(super) fn announce(
        &mut self,
        vap: VapId,
        (mac, role): (Mac, Role),
        ips: &[IpAddr],
        counters: &mut NveCounters,
    ) {
        for what in core::iter::once(None).chain(ips.iter().map(|ip| Some(*ip))) {
            if self.frames.len() >= self.limit {
                counters.shed_frames += 1;
            } else if let Some(frame) = announcement(mac, role, what) {
                counters.announcements += 1;
                self.frames.push_back((vap, frame));
            }
        }
    }

    /// Makes the answer with the MAC, the address and the Router flag of the holder, as if it answered itself (R-02, PXY-10).
    fn reply(&mut self, holder: (Mac, Role), target: IpAddr, asker: Asker, counters: &mut NveCounters) {
        if self.frames.len() >= self.limit {
            counters.shed_frames += 1;
        } else if let Some(frame) = answer(holder, target, asker) {
            counters.proxy_answers += 1;
            self.frames.push_back((asker.vap, frame));
        }
    }

    /// Answers a RARP request: the station `target` has this address. `server` is what the answer names as the server's address.
    pub(super) fn reply_reverse(
        &mut self,
        target: (Mac, Ipv4Addr),
        server: Ipv4Addr,
        asker: Asker,
        counters: &mut NveCounters,
    ) {
        if self.frames.len() >= self.limit {
            counters.shed_frames += 1;
        } else if let Some(frame) = reverse_answer(target, server, asker) {
            counters.rarp_answers += 1;
            self.frames.push_back((asker.vap, frame));
        }
    }
}

/// The MAC that asks stations whether they are at their port: locally administered, and of no station.
pub(super) const PROBER: Mac = Mac([0x02, 0x4e, 0x56, 0x45, 0x00, 0x00]);

/// A probe for an address, to one station only.
fn question(mac: Mac, target: IpAddr) -> Option<Vec<u8>> {
    let mut frame = vec![0; arp::FRAME_LEN.max(nd::FRAME_LEN)];
    let written = match target {
        IpAddr::V4(target) => arp::probe(PROBER, Ipv4::from(target), &mut frame),
        // From a link-local address, so that the answer comes to this NVE alone (VMM-4.2-26).
        IpAddr::V6(target) => {
            let source = Ipv6::link_local(PROBER);
            nd::solicitation(&Solicit::probe(PROBER, source, mac, Ipv6::from(target)), &mut frame)
        }
    };
    frame.truncate(written.ok()?);
    frame.first_chunk_mut().map(|destination: &mut [u8; 6]| *destination = mac.0)?;
    Some(frame)
}

/// The offset of the EtherType or of the first tag.
const SOURCE_END: usize = 12;

fn answer((mac, role): (Mac, Role), target: IpAddr, asker: Asker) -> Option<Vec<u8>> {
    let mut frame = vec![0; arp::FRAME_LEN.max(nd::FRAME_LEN)];
    let written = match target {
        IpAddr::V4(target) => {
            let ip = match asker.ip {
                Some(IpAddr::V4(ip)) => ip,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            arp::reply((mac, Ipv4::from(target)), (asker.mac, Ipv4::from(ip)), &mut frame)
        }
        IpAddr::V6(target) => {
            let ip = match asker.ip {
                Some(IpAddr::V6(ip)) => ip,
                _ => Ipv6Addr::UNSPECIFIED,
            };
            let mut answer = Advertise::answer(mac, Ipv6::from(target), (asker.mac, Ipv6::from(ip)));
            answer.flags.router = role.flag();
            nd::advertisement(&answer, &mut frame)
        }
    };
    frame.truncate(written.ok()?);
    Some(tagged(frame, asker))
}

/// The announcement of an address, or of the MAC alone (R-01, ARMD-04).
fn announcement(mac: Mac, role: Role, what: Option<IpAddr>) -> Option<Vec<u8>> {
    let mut frame = vec![0; arp::FRAME_LEN.max(nd::FRAME_LEN)];
    let written = match what {
        None => arp::rarp_request(mac, &mut frame),
        Some(IpAddr::V4(ip)) => arp::announcement(mac, ip.into(), &mut frame),
        Some(IpAddr::V6(ip)) => {
            let mut announcement = Advertise::unsolicited(mac, ip.into(), To::AllNodes, true);
            announcement.flags.router = role.flag();
            nd::advertisement(&announcement, &mut frame)
        }
    };
    frame.truncate(written.ok()?);
    Some(frame)
}

fn reverse_answer((mac, ip): (Mac, Ipv4Addr), server: Ipv4Addr, asker: Asker) -> Option<Vec<u8>> {
    let mut frame = vec![0; arp::FRAME_LEN];
    let written = arp::rarp_reply(asker.mac, (PROBER, server.into()), (mac, ip.into()), &mut frame);
    frame.truncate(written.ok()?);
    Some(tagged(frame, asker))
}

/// A frame with the tag of the question that it answers.
fn tagged(mut frame: Vec<u8>, asker: Asker) -> Vec<u8> {
    if let Some(tag) = asker.tag {
        frame.splice(SOURCE_END..SOURCE_END, tag);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_beyond_the_bound_does_not_wait_and_is_counted() {
        let place = nvo3_nva_proto::Place {
            nve: nvo3_nva_proto::NveId(1),
            locators: nvo3_nva_proto::Locators::V4(Ipv4Addr::LOCALHOST),
        };
        let mut config = NveConfig::new(place, crate::Transport::Trusted);
        config.queries = 1;
        let (mut proxy, mut counters) = (Proxy::new(&config), NveCounters::default());
        let mut ask = |vap| {
            let asker = Asker { vap: VapId(vap), mac: Mac::ZERO, ip: None, tag: None };
            proxy.ask((Vni::MAX, Ipv4Addr::LOCALHOST.into()), asker, None, &mut counters)
        };

        assert_eq!([ask(1), ask(2), ask(3)], [Asked::Waits, Asked::Taken, Asked::Taken]);
        assert_eq!(counters.shed_queries, 2);
    }

    #[test]
    fn a_probe_goes_to_one_station_and_names_no_tenant_as_its_sender() {
        let station = Mac([2, 0, 0, 0, 0, 1]);
        let ([v4, v6], target) = (["192.0.2.1", "2001:db8::1"].map(|ip| ip.parse().unwrap()), Ipv4([192, 0, 2, 1]));

        let probe = question(station, v4).unwrap();
        let (read, _) = arp::Arp::parse(&probe[14..]).unwrap();
        assert_eq!((&probe[..6], &probe[6..12], probe.len()), (&station.0[..], &PROBER.0[..], arp::FRAME_LEN));
        assert_eq!((read.sender_ip, read.target_ip), (Ipv4([0; 4]), target));

        let probe = question(station, v6).unwrap();
        let sender = Ipv6::link_local(PROBER);
        assert_eq!((&probe[..6], &probe[6..12], &probe[22..38]), (&station.0[..], &PROBER.0[..], &sender.0[..]));
        assert_eq!(probe[62..78], "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
    }
}
