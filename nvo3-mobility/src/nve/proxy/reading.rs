//! The reading of a punted frame: ARP, RARP, ND or DHCP to a server.

use super::{Asker, Client};
use crate::forwarder::DropReason;
use crate::forwarder::classify::{self, Class};
use crate::table::{PortPolicy, VapId};
use core::net::IpAddr;
use nvo3_nva_proto::Role;
use nvo3_wire::Mac;
use nvo3_wire::announce::{self, Kind};
use nvo3_wire::ethernet::Frame;

/// A valid frame.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    frame: Frame<'a>,
    kind: Kind<'a>,
}

impl<'a> Reading<'a> {
    /// Reads a frame; `None` if it breaks a rule of its protocol.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { bytes, frame: Frame::parse(bytes).ok()?, kind: announce::classify(bytes).ok()? })
    }

    /// The class of the frame at a port that is not trusted. `holds` says whether a MAC, and an address if there is one, are bound
    /// to the port.
    ///
    /// # Errors
    /// The reason to drop the frame.
    #[inline]
    pub(crate) fn judge(
        &self,
        policy: &PortPolicy,
        holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
    ) -> Result<Class, DropReason> {
        classify::judge(self.bytes, &self.frame, policy, holds)
    }

    /// True if the frame belongs to a VLAN of the tenant, about which the NVA knows nothing.
    #[inline]
    pub(crate) fn is_in_tenant_vlan(&self) -> bool {
        classify::is_in_tenant_vlan(&self.frame)
    }

    /// True if the frame asks whether an address is free.
    #[inline]
    pub(crate) fn is_probe(&self) -> bool {
        self.kind.is_probe()
    }

    /// True if the frame shows where its sender is. A probe does not.
    #[inline]
    pub(crate) fn is_announcement(&self) -> bool {
        self.kind.is_announcement()
    }

    /// True if the frame goes to a group.
    #[inline]
    pub(crate) const fn is_to_group(&self) -> bool {
        self.frame.header.destination.is_group()
    }

    /// True if a station answers a probe of this NVE.
    #[inline]
    pub(crate) fn answers_prober(&self) -> bool {
        self.frame.header.destination == super::PROBER
    }

    /// What the frame says that a TSI is, with the TSI's MAC: the Router flag of an NA, or the fact that an RA comes from a router.
    #[inline]
    pub(crate) fn role(&self) -> Option<(Mac, Role)> {
        match &self.kind {
            Kind::UnsolicitedNa(na) | Kind::SolicitedNa(na) => {
                let mac = na.target_link.unwrap_or(na.ethernet_source);
                Some((*mac, Role::from_flag(na.body.flags().router)))
            }
            Kind::Other(_) if classify::is_router_advertisement(&self.frame) => Some((self.source(), Role::Router)),
            _ => None,
        }
    }

    /// The message of a DHCP client to a server.
    #[inline]
    pub(crate) fn client(&self) -> Option<Client<'a>> {
        match self.kind {
            Kind::Other(_) => Client::new(&self.frame),
            _ => None,
        }
    }

    /// The MAC that sent the frame.
    pub(crate) const fn source(&self) -> Mac {
        self.frame.header.source
    }

    /// The MACs and the addresses that the frame claims for its sender: of its message, and of its IPv6 header.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (Mac, Option<IpAddr>)> {
        let ip = match &self.kind {
            Kind::UnsolicitedNa(na) | Kind::SolicitedNa(na) => Some(na.ip),
            Kind::ResolutionNs(ns) | Kind::UnicastNs(ns) => Some(ns.ip),
            _ => None,
        };
        let header = ip.map(|ip| (self.source(), Some(IpAddr::V6(ip.source.addr()))));
        self.claim().into_iter().chain(header)
    }

    fn claim(&self) -> Option<(Mac, Option<IpAddr>)> {
        match &self.kind {
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

    /// The MAC whose IPv4 address the frame asks for by RARP, with the station that asks. Nothing else in the frame says who has what (RARP-01,
    /// RARP-02).
    pub(crate) fn reverse_question(&self, vap: VapId) -> Option<(Mac, Asker)> {
        match &self.kind {
            Kind::RarpAnnouncement(arp) | Kind::RarpRequest(arp) if !self.is_in_tenant_vlan() => {
                Some((arp.target_mac, Asker { vap, mac: self.source(), ip: None, tag: self.tag() }))
            }
            _ => None,
        }
    }

    /// The tag of the frame, which an answer carries too.
    fn tag(&self) -> Option<[u8; 4]> {
        self.frame.tag.and(self.bytes.get(12..).and_then(<[u8]>::first_chunk)).copied()
    }

    /// The address that the frame asks a group for, with the station that asks. A request to one station goes to that station
    /// (PXY-09).
    #[inline]
    pub(crate) fn question(&self, vap: VapId) -> Option<(IpAddr, Asker)> {
        if !self.frame.header.destination.is_group() || self.is_in_tenant_vlan() {
            return None;
        }
        let asker = |mac, ip| Asker { vap, mac, ip, tag: self.tag() };
        match &self.kind {
            Kind::ArpRequest(arp, _) => {
                let sender = IpAddr::V4(arp.sender_ip.addr());
                Some((IpAddr::V4(arp.target_ip.addr()), asker(arp.sender_mac, Some(sender))))
            }
            Kind::ArpProbe(arp) => Some((IpAddr::V4(arp.target_ip.addr()), asker(arp.sender_mac, None))),
            Kind::ResolutionNs(ns) => {
                let sender = IpAddr::V6(ns.ip.source.addr());
                Some((IpAddr::V6(ns.body.target.addr()), asker(*ns.ethernet_source, Some(sender))))
            }
            Kind::DadNs(ns) => Some((IpAddr::V6(ns.body.target.addr()), asker(*ns.ethernet_source, None))),
            _ => None,
        }
    }
}
