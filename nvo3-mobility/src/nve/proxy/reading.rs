//! The reading of a punted ARP, RARP or ND frame.

use super::Asker;
use crate::table::VapId;
use core::net::IpAddr;
use nvo3_wire::Mac;
use nvo3_wire::announce::{Kind, classify};

/// A valid frame.
pub(crate) struct Reading<'a> {
    frame: &'a [u8],
    kind: Kind<'a>,
}

impl<'a> Reading<'a> {
    /// Reads a frame; `None` if it breaks a rule of its protocol.
    #[inline]
    pub(crate) fn new(frame: &'a [u8]) -> Option<Self> {
        Some(Self { frame, kind: classify(frame).ok()? })
    }

    /// True if the frame shows where its sender is. A probe does not.
    #[inline]
    pub(crate) fn is_announcement(&self) -> bool {
        self.kind.is_announcement()
    }

    /// The MAC that sent the frame.
    #[inline]
    pub(crate) fn source(&self) -> Option<Mac> {
        self.frame.get(6..12).and_then(|mac| <[u8; 6]>::try_from(mac).ok()).map(Mac)
    }

    /// The MAC and the address that the frame claims for its sender.
    #[inline]
    pub(crate) fn claim(&self) -> Option<(Mac, Option<IpAddr>)> {
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

    /// The address that the frame asks a group for, with the station that asks. A request to one station goes to that station
    /// (PXY-09).
    #[inline]
    pub(crate) fn question(&self, vap: VapId) -> Option<(IpAddr, Asker)> {
        if self.frame.first().is_none_or(|first| first & 1 == 0) {
            return None;
        }
        let asker = |mac, ip| Asker { vap, mac, ip };
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
