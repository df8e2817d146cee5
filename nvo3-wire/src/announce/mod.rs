//! The meaning of a frame for the place of an address: announcement, probe, question or answer.
//!
//! [`classify`] takes a whole Ethernet frame, tagged or not, and returns its [`Kind`]. A frame that nobody may learn
//! from (ARP-04), or that breaks a receiver's rule of Neighbor Discovery (ND-01 to ND-03), is an error that says why.
//! The module only says what the frame means (ARMD-01, ARMD-13, ARMD-14, DAD-05). Neighbor tables are the caller's.
//!
//! [`ethernet::Frame::tag`](crate::ethernet::Frame::tag) names the VLAN of a tagged frame. An answer in that VLAN needs
//! the same tag, and [`build`](crate::build) writes it:
//!
//! ```
//! use nvo3_wire::announce::{Kind, classify};
//! use nvo3_wire::arp::{Arp, Operation};
//! use nvo3_wire::build::Layers;
//! use nvo3_wire::ethernet::{Frame, Header, Tag};
//! use nvo3_wire::{EtherType, Ipv4, Mac};
//!
//! let (asker, owner) = ((Mac([2, 0, 0, 0, 0, 9]), Ipv4([192, 0, 2, 9])), (Mac([2, 0, 0, 0, 0, 1]), Ipv4([192, 0, 2, 10])));
//! let header = |destination, source| Header { destination, source, ether_type: EtherType::ARP };
//! let (mut request, mut reply) = ([0; 46], [0; 46]);
//! let question = Arp::new(Operation::Request, asker, (Mac::ZERO, owner.1));
//! (header(Mac::BROADCAST, asker.0), Tag::new(7, 0, false, EtherType::ARP), question).write(&mut request)?;
//!
//! let Kind::ArpRequest(asked, _) = classify(&request)? else { panic!("not a request") };
//! let tag = Frame::parse(&request)?.tag;
//! let answer = Arp::new(Operation::Reply, (owner.0, asked.target_ip), (asked.sender_mac, asked.sender_ip));
//! (header(asked.sender_mac, owner.0), tag, answer).write(&mut reply)?;
//! assert!(matches!(classify(&reply)?, Kind::ArpReply(arp, _) if (arp.sender_mac, arp.sender_ip) == owner));
//! assert_eq!(Frame::parse(&reply)?.tag.map(Tag::id), Some(7));
//! # Ok::<(), nvo3_wire::Error>(())
//! ```

use crate::arp::{Arp, Operation};
use crate::ethernet::Frame;
use crate::nd::{Advertisement, Message, Nd, Solicitation};
use crate::{Error, EtherType, Ipv4, Mac, Protocol, Rule, ipv6};
use core::net::IpAddr;

/// The addressing of a frame: unicast, multicast or broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The destination is one station.
    Unicast,
    /// The destination is a group.
    Multicast,
    /// The destination is the broadcast address.
    Broadcast,
}

impl Delivery {
    #[inline]
    fn to(destination: &Mac) -> Self {
        match *destination {
            Mac::BROADCAST => Self::Broadcast,
            mac if mac.is_group() => Self::Multicast,
            _ => Self::Unicast,
        }
    }
}

/// The receivers of an advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Audience {
    /// All nodes, ff02::1 (RFC 4861 §7.2.6).
    AllNodes,
    /// All routers, ff02::2 (RFC 9131 §6.1.2).
    AllRouters,
    /// A solicited-node group (draft-ietf-nvo3-vmm §4.2).
    SolicitedNode,
    /// Any other group.
    OtherGroup,
    /// One node.
    Unicast,
}

/// A valid Neighbor Advertisement.
#[derive(Clone, Copy, Debug)]
pub struct Advertised<'a> {
    /// Ethernet source. It can differ from the announced MAC.
    pub ethernet_source: &'a Mac,
    /// The IPv6 header.
    pub ip: &'a ipv6::Header,
    /// Flags and target.
    pub body: &'a Advertisement,
    /// Target link-layer address: the MAC of the target. `None` if the message has no such option.
    pub target_link: Option<&'a Mac>,
    /// The receivers.
    pub audience: Audience,
}

/// A valid Neighbor Solicitation.
#[derive(Clone, Copy, Debug)]
pub struct Solicited<'a> {
    /// Ethernet source.
    pub ethernet_source: &'a Mac,
    /// The IPv6 header.
    pub ip: &'a ipv6::Header,
    /// The target.
    pub body: &'a Solicitation,
    /// Source link-layer address. Always `None` in duplicate address detection (DAD).
    pub source_link: Option<&'a Mac>,
    /// Nonce of an enhanced DAD (RFC 7527).
    pub nonce: Option<&'a [u8]>,
}

/// The meaning of a frame.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// ARP request with the same sender and target address: an announcement (ACD-03; ARMD variant 1).
    GratuitousRequest(&'a Arp),
    /// ARP reply with the same sender and target address: an announcement (ARMD variant 2 when broadcast).
    GratuitousReply(&'a Arp, Delivery),
    /// ARP request from 0.0.0.0: asks if the target address is free. Nobody learns from it (ARMD-14, ACD-01).
    ArpProbe(&'a Arp),
    /// ARP request for another station's address. Unicast when it polls a known neighbor (ARMD variants 4 and 5).
    ArpRequest(&'a Arp, Delivery),
    /// ARP reply about the sender's address to another station (ARMD variants 6 and 7, or 2 when broadcast).
    ArpReply(&'a Arp, Delivery),
    /// RARP request for the sender's own MAC: how most hypervisors announce a MAC (ARMD variant 3).
    RarpAnnouncement(&'a Arp),
    /// RARP request for another MAC. The target MAC is the key of the question (RARP-02).
    RarpRequest(&'a Arp),
    /// RARP reply. Target MAC and target address are the answer; the sender fields are those of the responder
    /// (RARP-03).
    RarpReply(&'a Arp),
    /// NA with flag S=0: an announcement (ARMD-13). The answer to a DAD solicitation looks the same (ND-10).
    UnsolicitedNa(Advertised<'a>),
    /// NA with flag S=1: the answer to a solicitation.
    SolicitedNa(Advertised<'a>),
    /// NS from `::`: asks if the target address is free. Nobody learns from it (ARMD-13, DAD-05).
    DadNs(Solicited<'a>),
    /// NS from a unicast address to a group: address resolution.
    ResolutionNs(Solicited<'a>),
    /// NS from a unicast address to one node: a reachability probe (ND-13).
    UnicastNs(Solicited<'a>),
    /// Any frame that is not ARP, RARP, NS or NA. Its validity was not checked. Includes fragments of an ICMPv6
    /// message, which cannot be a valid NS or NA (RFC 6980 §5).
    Other(EtherType),
}

/// The seven kinds of packet that a VM may send after a move (RULES.md, ARMD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Variant {
    /// 1: gratuitous ARP request.
    GratuitousRequest = 1,
    /// 2: broadcast ARP reply.
    BroadcastReply = 2,
    /// 3: RARP.
    Rarp = 3,
    /// 4: ARP request for the gateway.
    RequestForGateway = 4,
    /// 5: ARP request for another host.
    RequestForOther = 5,
    /// 6: unicast ARP reply to the gateway.
    ReplyToGateway = 6,
    /// 7: unicast ARP reply to another host.
    ReplyToOther = 7,
}

impl<'a> Kind<'a> {
    /// True if the frame announces a station at its place unasked, and so can start a move (ARMD-13, ARMD-14).
    #[inline]
    pub fn is_announcement(&self) -> bool {
        matches!(
            self,
            Self::GratuitousRequest(_) | Self::GratuitousReply(..) | Self::RarpAnnouncement(_) | Self::UnsolicitedNa(_)
        )
    }

    /// True if the frame asks whether an address is free: ARP probe or DAD solicitation. Nobody learns from it
    /// (DAD-05).
    #[inline]
    pub fn is_probe(&self) -> bool {
        matches!(self, Self::ArpProbe(_) | Self::DadNs(_))
    }

    /// The IP address and the MAC that the frame binds together. `None` if it binds none (ARP-01, ARMD-01, ND-09).
    ///
    /// An IPv6 pair from an advertisement with O=0 does not replace a known MAC (GND-03, ND-07).
    pub fn binding(&self) -> Option<(IpAddr, &'a Mac)> {
        match *self {
            Self::GratuitousRequest(arp)
            | Self::GratuitousReply(arp, _)
            | Self::ArpRequest(arp, _)
            | Self::ArpReply(arp, _) => Some((IpAddr::V4(arp.sender_ip.addr()), &arp.sender_mac)),
            Self::UnsolicitedNa(na) | Self::SolicitedNa(na) => {
                na.target_link.map(|mac| (IpAddr::V6(na.body.target.addr()), mac))
            }
            Self::ResolutionNs(ns) | Self::UnicastNs(ns) => {
                ns.source_link.map(|mac| (IpAddr::V6(ns.ip.source.addr()), mac))
            }
            Self::ArpProbe(_)
            | Self::RarpAnnouncement(_)
            | Self::RarpRequest(_)
            | Self::RarpReply(_)
            | Self::DadNs(_)
            | Self::Other(_) => None,
        }
    }

    /// The variant of the frame, seen from a gateway with address `gateway` (RULES.md, ARMD). `None` if it is none of
    /// the seven.
    pub fn variant(&self, gateway: Ipv4) -> Option<Variant> {
        Some(match self {
            Self::GratuitousRequest(_) => Variant::GratuitousRequest,
            Self::GratuitousReply(_, Delivery::Broadcast) | Self::ArpReply(_, Delivery::Broadcast) => {
                Variant::BroadcastReply
            }
            Self::RarpAnnouncement(_) => Variant::Rarp,
            Self::ArpRequest(arp, _) if arp.target_ip == gateway => Variant::RequestForGateway,
            Self::ArpRequest(..) => Variant::RequestForOther,
            Self::ArpReply(arp, _) if arp.target_ip == gateway => Variant::ReplyToGateway,
            Self::ArpReply(..) | Self::GratuitousReply(..) => Variant::ReplyToOther,
            _ => return None,
        })
    }
}

/// Reads a whole Ethernet frame, also one with a tag, and returns its meaning.
///
/// # Errors
/// Says why a receiver must ignore the frame:
/// - an ARP or RARP frame is truncated or breaks ARP-02 (types and lengths), ARP-04 (forbidden senders) or ARP-05
///   (operations);
/// - an NS or NA is truncated or breaks ND-01, ND-02 or ND-03 (the receiver's rules of RFC 4861 §7.1);
/// - the EtherType is IPv6, but the packet is not.
///
/// Offsets count from the first byte of the frame.
#[inline]
pub fn classify(frame: &[u8]) -> Result<Kind<'_>, Error> {
    let ethernet = Frame::parse(frame)?;
    match ethernet.ether_type() {
        EtherType::ARP | EtherType::RARP => arp_kind(&ethernet).map_err(|e| e.at(ethernet.offset())),
        EtherType::IPV6 => nd_kind(&ethernet).map_err(|e| e.at(ethernet.offset())),
        other => Ok(Kind::Other(other)),
    }
}

#[inline]
fn arp_kind<'a>(ethernet: &Frame<'a>) -> Result<Kind<'a>, Error> {
    let ether_type = ethernet.ether_type();
    let named = |e: Error| if ether_type == EtherType::RARP { Error { protocol: Protocol::Rarp, ..e } } else { e };
    let (arp, _) = Arp::parse(ethernet.payload).map_err(named)?;
    arp.validate().map_err(named)?;
    let operation = arp.operation(ether_type)?;
    let source = &ethernet.header.source;
    arp.sender_mac_learnable(source).map_err(named)?;

    let delivery = Delivery::to(&ethernet.header.destination);
    match operation {
        Operation::ReverseRequest if arp.sender_mac == arp.target_mac => return Ok(Kind::RarpAnnouncement(arp)),
        Operation::ReverseRequest => return Ok(Kind::RarpRequest(arp)),
        Operation::ReverseReply => return Ok(Kind::RarpReply(arp)),
        Operation::Request if arp.sender_ip.is_unspecified() => return Ok(Kind::ArpProbe(arp)),
        _ => arp.learnable(source)?,
    }
    Ok(match operation {
        Operation::Request if arp.sender_ip == arp.target_ip => Kind::GratuitousRequest(arp),
        Operation::Request => Kind::ArpRequest(arp, delivery),
        _ if arp.sender_ip == arp.target_ip => Kind::GratuitousReply(arp, delivery),
        _ => Kind::ArpReply(arp, delivery),
    })
}

#[inline]
fn nd_kind<'a>(ethernet: &Frame<'a>) -> Result<Kind<'a>, Error> {
    let packet = ipv6::Packet::parse(ethernet.payload)?;
    let upper = packet.upper()?;
    if upper.protocol != ipv6::ICMPV6 || upper.fragment {
        return Ok(Kind::Other(EtherType::IPV6));
    }
    match Nd::parse(&packet)? {
        Nd::Solicitation(message) => solicitation_kind(ethernet, &message),
        Nd::Advertisement(message) => advertisement_kind(ethernet, &message),
        _ => Ok(Kind::Other(EtherType::IPV6)),
    }
}

#[inline]
fn solicitation_kind<'a>(ethernet: &Frame<'a>, message: &Message<'a, Solicitation>) -> Result<Kind<'a>, Error> {
    message.validate()?;
    let (source_link, nonce) = (message.source_link(), message.nonce());
    station(source_link).map_err(|rule| Error::new(Protocol::NeighborSolicitation, message.offset(), rule))?;
    let (ethernet_source, ip, body) = (&ethernet.header.source, message.ip, message.body);
    let solicited = Solicited { ethernet_source, ip, body, source_link, nonce };
    Ok(if ip.source.is_unspecified() {
        Kind::DadNs(solicited)
    } else if ip.destination.is_multicast() {
        Kind::ResolutionNs(solicited)
    } else {
        Kind::UnicastNs(solicited)
    })
}

#[inline]
fn advertisement_kind<'a>(ethernet: &Frame<'a>, message: &Message<'a, Advertisement>) -> Result<Kind<'a>, Error> {
    message.validate()?;
    let (ethernet_source, ip, body, target_link) =
        (&ethernet.header.source, message.ip, message.body, message.target_link());
    station(target_link).map_err(|rule| Error::new(Protocol::NeighborAdvertisement, message.offset(), rule))?;
    let audience = match ip.destination {
        crate::Ipv6::ALL_NODES => Audience::AllNodes,
        crate::Ipv6::ALL_ROUTERS => Audience::AllRouters,
        to if to.is_solicited_node() => Audience::SolicitedNode,
        to if to.is_multicast() => Audience::OtherGroup,
        _ => Audience::Unicast,
    };
    let advertised = Advertised { ethernet_source, ip, body, target_link, audience };
    Ok(if body.flags().solicited { Kind::SolicitedNa(advertised) } else { Kind::UnsolicitedNa(advertised) })
}

/// Checks that a link-layer address option names one station: ARP-04 forbids to learn from other senders in ARP.
#[inline]
fn station(link: Option<&Mac>) -> Result<(), Rule> {
    match link {
        Some(mac) if !mac.is_station() => Err(Rule::SenderMac(*mac)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
