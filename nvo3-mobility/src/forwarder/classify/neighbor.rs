//! The claims of ARP, RARP and Neighbor Discovery.

use super::{Class, is_in_tenant_vlan};
use crate::forwarder::DropReason;
use core::net::IpAddr;
use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::arp::Arp;
use nvo3_wire::ethernet::Frame;
use nvo3_wire::ipv6::Packet;
use nvo3_wire::nd::{Nd, Options};
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac};

/// Option types of RFC 4861 §4.6.1.
const SOURCE_LINK: u8 = 1;
const TARGET_LINK: u8 = 2;

/// Judges an ARP or RARP frame. A frame that breaks a rule of its protocol is for control only, which counts it.
#[cold]
pub(super) fn arp(bytes: &[u8], frame: &Frame<'_>, holds: impl Fn(&Mac, Option<IpAddr>) -> bool) -> Class {
    let pair = |mac: &Mac, ip: Ipv4| holds(mac, Some(IpAddr::V4(ip.addr())));
    let sender = |arp: &Arp| pair(&arp.sender_mac, arp.sender_ip);
    match classify(bytes) {
        Ok(Kind::ArpProbe(arp)) => class(frame, true, pair(&arp.sender_mac, arp.target_ip)),
        Ok(Kind::RarpAnnouncement(arp) | Kind::RarpRequest(arp)) => class(frame, false, holds(&arp.sender_mac, None)),
        // The answer of a RARP server binds its target.
        Ok(Kind::RarpReply(arp)) => class(frame, false, sender(arp) && pair(&arp.target_mac, arp.target_ip)),
        Ok(
            Kind::GratuitousRequest(arp)
            | Kind::GratuitousReply(arp, _)
            | Kind::ArpRequest(arp, _)
            | Kind::ArpReply(arp, _),
        ) => class(frame, false, sender(arp)),
        _ => Class::ControlOnly,
    }
}

/// Judges a whole NS or NA. A message that breaks a rule of its protocol is for control only, which counts it.
#[cold]
pub(super) fn nd(
    bytes: &[u8],
    frame: &Frame<'_>,
    packet: &Packet<'_>,
    holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
) -> Class {
    let pair = |mac: &Mac, ip: &Ipv6| holds(mac, Some(IpAddr::V6(ip.addr())));
    let (from, source) = (&frame.header.source, &packet.header.source);
    match (classify(bytes), Nd::parse(packet)) {
        (Ok(Kind::DadNs(ns)), _) => class(frame, true, pair(from, &ns.body.target)),
        (Ok(_), Ok(Nd::Solicitation(ns))) => {
            class(frame, false, pair(from, source) && links(ns.options, SOURCE_LINK).all(|mac| pair(&mac, source)))
        }
        (Ok(_), Ok(Nd::Advertisement(na))) => {
            let target = &na.body.target;
            let named = links(na.options, TARGET_LINK).all(|mac| pair(&mac, target));
            let unnamed = links(na.options, TARGET_LINK).next().is_none() && !pair(from, target);
            class(frame, false, pair(from, source) && named && !unnamed)
        }
        _ => Class::ControlOnly,
    }
}

/// True if a frame that was judged is a Router Advertisement.
#[cold]
pub(crate) fn is_router_advertisement(frame: &Frame<'_>) -> bool {
    let packet = (frame.ether_type() == EtherType::IPV6).then(|| Packet::parse(frame.payload).ok()).flatten();
    packet.is_some_and(|packet| matches!(Nd::parse(&packet), Ok(Nd::RouterAdvertisement(_))))
}

/// Judges a whole Router Solicitation, Router Advertisement or Redirect: a receiver learns a neighbour from each of them (RFC 4861
/// §6.2.6, §6.3.4, §8.3).
#[cold]
pub(super) fn router(
    frame: &Frame<'_>,
    packet: &Packet<'_>,
    holds: impl Fn(&Mac, Option<IpAddr>) -> bool,
) -> Result<Class, DropReason> {
    let pair = |mac: &Mac, ip: &Ipv6| holds(mac, Some(IpAddr::V6(ip.addr())));
    let source = &packet.header.source;
    let nd = Nd::parse(packet);
    let named = match &nd {
        Ok(Nd::RouterSolicitation(rs))
            if source.is_unspecified() && links(rs.options, SOURCE_LINK).next().is_none() =>
        {
            return Ok(Class::Joining);
        }
        Ok(Nd::RouterSolicitation(rs)) => links(rs.options, SOURCE_LINK).all(|mac| pair(&mac, source)),
        Ok(Nd::RouterAdvertisement(ra)) => links(ra.options, SOURCE_LINK).all(|mac| pair(&mac, source)),
        Ok(Nd::Redirect(redirect)) => links(redirect.options, TARGET_LINK).all(|mac| pair(&mac, &redirect.body.target)),
        _ => return Err(DropReason::BadHeaders),
    };
    match (named && pair(&frame.header.source, source), nd, is_in_tenant_vlan(frame)) {
        (false, ..) => Err(DropReason::AddressNotAllowed),
        (true, Ok(Nd::RouterAdvertisement(_)), false) => Ok(Class::Control),
        (true, ..) => Ok(Class::Data),
    }
}

/// The MACs of all link-layer address options of this type, of any length. Receivers take the first or the last, so each one must be
/// true.
fn links(options: Options<'_>, wanted: u8) -> impl Iterator<Item = Mac> {
    options.raw().filter_map(move |option| match *option.bytes {
        [kind, _, a, b, c, d, e, f, ..] if kind == wanted => Some(Mac([a, b, c, d, e, f])),
        _ => None,
    })
}

/// The class of a valid message whose claims are bound, or not. In a VLAN of the tenant control answers nothing and learns nothing.
fn class(frame: &Frame<'_>, probe: bool, bound: bool) -> Class {
    match (bound, is_in_tenant_vlan(frame), probe) {
        (false, ..) => Class::ControlOnly,
        (true, true, false) => Class::Data,
        (true, true, true) => Class::Joining,
        (true, false, false) => Class::Control,
        (true, false, true) => Class::Probe,
    }
}
