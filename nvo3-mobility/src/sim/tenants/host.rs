//! A tenant host: it resolves its neighbors by ARP and Neighbor Discovery, answers their questions, and reads datagrams.

use crate::sim::frame::{self, Numbered, Station};
use crate::sim::net::EdgeNo;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, arp, nd};

/// The room for an ND message of a host.
const LONGEST: usize = 128;

/// A tenant system with one interface.
#[derive(Clone, Debug)]
pub(super) struct Host {
    name: String,
    station: Station,
    vn: Vni,
    vm: Option<usize>,
    home: EdgeNo,
    /// The addresses that the host got late.
    late: Vec<IpAddr>,
    neighbors: BTreeMap<IpAddr, Mac>,
}

/// The meaning of a frame for the host that reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A numbered datagram.
    Numbered(Numbered),
    /// A question for the host's address, with the host's answer.
    Asked(Vec<u8>),
    /// An ARP or ND message that needs no answer. The host learned the neighbor's address from it, if it has one.
    Heard,
    /// A frame with another host's MAC address as its destination.
    NotMine,
    /// A frame for the host that is neither a numbered datagram nor an ARP or ND message.
    Other,
}

impl Host {
    pub(super) const fn new(name: String, station: Station, vn: Vni, vm: Option<usize>, home: EdgeNo) -> Self {
        Self { name, station, vn, vm, home, late: Vec::new(), neighbors: BTreeMap::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The VM whose interface the host is; `None` for a correspondent.
    pub(super) const fn vm(&self) -> Option<usize> {
        self.vm
    }

    /// The edge of a correspondent, or the first edge of an interface's VM.
    pub(super) const fn home(&self) -> EdgeNo {
        self.home
    }

    pub(super) const fn key(&self) -> TsiKey {
        TsiKey { vn: self.vn, mac: self.station.mac }
    }

    /// The IPv4 and the IPv6 address of the host, and those that it got late.
    pub(super) fn ips(&self) -> Vec<IpAddr> {
        let mut ips = vec![IpAddr::V4(self.station.v4), IpAddr::V6(self.station.v6)];
        ips.extend(&self.late);
        ips
    }

    /// The number of [`Host::ips`].
    pub(super) const fn addresses(&self) -> usize {
        2 + self.late.len()
    }

    /// The host gets this address, or a new one, which belongs to its number.
    pub(super) fn get_address(&mut self, number: usize, heritage: Option<IpAddr>) {
        let [.., high, low] = number.to_be_bytes();
        let [.., more] = self.late.len().to_be_bytes();
        self.late.push(heritage.unwrap_or(IpAddr::V4([203, more, high, low].into())));
    }

    /// True if the host got this address late.
    pub(super) fn inherited(&self, ip: &IpAddr) -> bool {
        self.late.contains(ip)
    }

    /// Announcements and probes of every kind, each plain, with a priority tag, and in a VLAN of the tenant: RARP, gratuitous ARP as request
    /// and as reply, an unsolicited NA, and probes for the host's own addresses.
    pub(super) fn claims(&self) -> Vec<Vec<u8>> {
        let Station { mac, v4, v6 } = self.station;
        let plain = [
            built(arp::FRAME_LEN, |out| arp::probe(mac, v4.into(), out)),
            built(LONGEST, |out| nd::dad(mac, v6.into(), None, out)),
            built(arp::FRAME_LEN, |out| arp::announcement(mac, v4.into(), out)),
            built(arp::FRAME_LEN, |out| arp::announcement_reply(mac, v4.into(), out)),
            self.advertisement(),
            self.announcement(),
        ];
        let in_vlan = |id| plain.iter().map(move |frame| tagged(frame, id));
        plain.iter().cloned().chain(in_vlan(0)).chain(in_vlan(7)).collect()
    }

    /// An NA to every station that names the host's address.
    fn advertisement(&self) -> Vec<u8> {
        let Station { mac, v6, .. } = self.station;
        built(LONGEST, |out| nd::announcement(mac, v6.into(), nd::To::AllNodes, true, out))
    }

    /// An announcement, a question for an address that nobody has, and a frame to nobody.
    pub(super) fn flood(&self, n: u32) -> Vec<Vec<u8>> {
        let Station { mac, v4, .. } = self.station;
        let [_, b, c, d] = n.to_be_bytes();
        let nobody = Station { mac: Mac([2, 0, 0xff, b, c, d]), ..self.station };
        let to_nobody = Numbered { flow: u32::MAX, number: n };
        vec![
            built(arp::FRAME_LEN, |out| arp::announcement(mac, v4.into(), out)),
            self.ask(IpAddr::V4([198, 51, c.wrapping_add(200), d].into())),
            frame::over_ipv4(&self.station, nobody.mac, [198, 51, 99, d].into(), to_nobody, 64),
        ]
    }

    /// The link-layer address of a neighbor, once it is resolved.
    pub(super) fn neighbor(&self, ip: IpAddr) -> Option<Mac> {
        self.neighbors.get(&ip).copied()
    }

    /// The question for a neighbor's address.
    pub(super) fn ask(&self, ip: IpAddr) -> Vec<u8> {
        let Station { mac, v4, v6 } = self.station;
        match ip {
            IpAddr::V4(ip) => built(arp::FRAME_LEN, |out| arp::request((mac, v4.into()), ip.into(), out)),
            IpAddr::V6(ip) => {
                let question = nd::Solicit::resolve(mac, v6.into(), ip.into());
                built(question.frame_len(), |out| nd::solicitation(&question, out))
            }
        }
    }

    /// The RARP request that a hypervisor sends after a move, so that the network learns the host's new place.
    pub(super) fn announcement(&self) -> Vec<u8> {
        built(arp::FRAME_LEN, |out| arp::rarp_request(self.station.mac, out))
    }

    /// A numbered datagram for a neighbor: over IPv4 if the number is even, else over IPv6. `None` if the neighbor is not resolved.
    pub(super) fn datagram(&self, to: &Self, id: Numbered, size: usize) -> Option<Vec<u8>> {
        let to = &to.station;
        Some(if id.number.is_multiple_of(2) {
            frame::over_ipv4(&self.station, self.neighbor(to.v4.into())?, to.v4, id, size)
        } else {
            frame::over_ipv6(&self.station, self.neighbor(to.v6.into())?, to.v6, id, size)
        })
    }

    /// Reads a frame from the host's port.
    pub(super) fn receive(&mut self, frame: &[u8]) -> Received {
        let mine = match frame.first_chunk() {
            Some(to) => Mac(*to) == self.station.mac || Mac(*to).is_group(),
            None => false,
        };
        if !mine {
            return Received::NotMine;
        }
        if let Some(id) = frame::numbered(frame) {
            return Received::Numbered(id);
        }
        let Ok(kind) = classify(frame) else { return Received::Other };
        if let Some((ip, mac)) = kind.binding() {
            self.neighbors.insert(ip, *mac);
        }
        let Station { mac, v4, v6 } = self.station;
        match kind {
            Kind::ArpRequest(arp, _) if arp.target_ip == Ipv4::from(v4) => {
                let asker = (arp.sender_mac, arp.sender_ip);
                Received::Asked(built(arp::FRAME_LEN, |out| arp::reply((mac, v4.into()), asker, out)))
            }
            // A station also answers who asks if its address is free.
            Kind::ArpProbe(arp) if arp.target_ip == Ipv4::from(v4) => {
                let asker = (arp.sender_mac, arp.sender_ip);
                Received::Asked(built(arp::FRAME_LEN, |out| arp::reply((mac, v4.into()), asker, out)))
            }
            Kind::DadNs(ns) if ns.body.target == Ipv6::from(v6) => Received::Asked(self.advertisement()),
            Kind::ResolutionNs(ns) | Kind::UnicastNs(ns) if ns.body.target == Ipv6::from(v6) => {
                let asker = (*ns.source_link.unwrap_or(ns.ethernet_source), ns.ip.source);
                let answer = nd::Advertise::answer(mac, v6.into(), asker);
                Received::Asked(built(answer.frame_len(), |out| nd::advertisement(&answer, out)))
            }
            Kind::Other(_) => Received::Other,
            _ => Received::Heard,
        }
    }
}

/// The frame with an 802.1Q tag of this VLAN; 0 is a priority tag.
fn tagged(frame: &[u8], vlan: u8) -> Vec<u8> {
    let (addresses, rest) = frame.split_at_checked(12).unwrap_or_default();
    [addresses, &[0x81, 0, 0, vlan], rest].concat()
}

fn built<E>(length: usize, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Vec<u8> {
    let mut frame = vec![0; length];
    let written = write(&mut frame).unwrap_or(0);
    frame.truncate(written);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    fn host(n: u8) -> Host {
        let station = Station {
            mac: Mac([2, 0, 0x5e, 0, 0x53, n]),
            v4: Ipv4Addr::new(198, 51, 100, n),
            v6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()),
        };
        Host::new("host".into(), station, Vni::MAX, None, 0)
    }

    #[test]
    fn two_hosts_resolve_each_other_and_talk_over_both_families() {
        let (mut a, mut b) = (host(1), host(2));

        for ip in b.ips() {
            let Received::Asked(answer) = b.receive(&a.ask(ip)) else { panic!("no answer for {ip}") };
            assert_eq!(a.receive(&answer), Received::Heard);
        }

        for number in 0..2 {
            let id = Numbered { flow: 7, number };
            let frame = a.datagram(&b, id, 64).unwrap();
            assert_eq!(b.receive(&frame), Received::Numbered(id));
            assert_eq!(host(3).receive(&frame), Received::NotMine);
        }
    }
}
