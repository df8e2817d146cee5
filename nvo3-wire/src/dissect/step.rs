//! One step for each kind of layer: read its header, find the end of its payload, name the next layer.

use super::layer::{Found, Ila, Kind, Layer, Stop, extension_kind};
use super::rules::{Context, Network};
use super::walk::Dissect;
use crate::error::take;
use crate::ethernet::{self, Llc, LlcHeader, Snap, Tag};
use crate::nd::{Nd, Related};
use crate::{
    Error, EtherType, Protocol, Rule, ah, arp, geneve, gre, icmpv4, icmpv6, igmp, ila, ipv4, ipv6, mld, nvgre,
};
use crate::{tcp, udp, vxlan, vxlan_gpe};
use zerocopy::FromBytes;

/// The protocol number of IPv4 in IP (RFC 2003).
const IPV4_IN_IP: u8 = 4;
/// The protocol number of IPv6 in IP (RFC 4213).
const IPV6_IN_IP: u8 = 41;

/// The next layer.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    Ethernet,
    Tag(EtherType),
    Llc,
    Snap,
    Carried(EtherType),
    Arp,
    Rarp,
    Ipv4,
    Ipv6,
    Ila(&'a ila::Address, ila::Prefix, ipv6::Extensions<'a>),
    Chain(ipv6::Extensions<'a>),
    Upper(u8),
    Udp,
    Tcp,
    Icmpv4,
    Igmp,
    Icmpv6,
    Vxlan,
    VxlanGpe,
    Geneve,
    Gre,
    Payload,
    Done,
}

/// A layer whose place in the frame is not set yet.
pub(super) struct Read<'a> {
    pub(super) layer: Layer<'a>,
    /// Length of the header.
    pub(super) len: usize,
    /// Length of header and payload in the present bytes.
    pub(super) whole: usize,
    /// Length of header and payload according to the layer's own length field, if it has one.
    pub(super) claims: Option<usize>,
    pub(super) cut: Option<Error>,
    pub(super) fault: Option<Error>,
    /// The next bytes are the head of a fragmented packet.
    pub(super) first_fragment: bool,
    pub(super) step: Step<'a>,
}

impl<'a> Read<'a> {
    pub(super) fn new(layer: Layer<'a>, len: usize, whole: usize, step: Step<'a>) -> Self {
        Self { layer, len, whole, claims: None, cut: None, fault: None, first_fragment: false, step }
    }
}

type Outcome<'a> = Result<Read<'a>, Stop>;
type Item<'a> = Option<Result<Found<'a>, Stop>>;

impl<'a> Dissect<'a> {
    pub(super) fn ethernet(&mut self) -> Outcome<'a> {
        let (header, behind) =
            take::<ethernet::Header>(self.rest, Protocol::Ethernet).or_else(|e| self.stop(Kind::Ethernet, e))?;
        let kind = if ethernet::is_length(header.ether_type) { Kind::Ieee8023 } else { Kind::Ethernet };
        let read = Read::new(Layer::Ethernet(header), 14, 14 + unpadded(header.ether_type, behind), Step::Done);
        self.announces(kind, header.ether_type, behind, read)
    }

    pub(super) fn tag(&mut self, announced: EtherType) -> Outcome<'a> {
        let (tag, behind) = take::<Tag>(self.rest, Protocol::Ethernet).or_else(|e| self.stop(Kind::Vlan, e))?;
        let read = Read::new(Layer::Vlan(announced, tag), 4, 4 + unpadded(tag.ether_type, behind), Step::Done);
        self.announces(Kind::Vlan, tag.ether_type, behind, read)
    }

    /// Names what follows a header that ends in `ether_type`: a layer, or LLC of that length.
    fn announces(&self, kind: Kind, ether_type: EtherType, behind: &[u8], read: Read<'a>) -> Outcome<'a> {
        if !ethernet::is_length(ether_type) {
            return Ok(Read { step: Step::Carried(ether_type), ..read });
        }
        let length = usize::from(ether_type.get());
        if length == 0 {
            return Ok(read); // too short even for LLC
        }
        let cut = Error::truncated(Protocol::Ethernet, read.len + length, read.len + behind.len());
        let claims = Some(read.len + length);
        match behind.len() < length {
            true if !self.may_be_cut() => self.stop(kind, cut),
            true => Ok(Read { step: Step::Llc, claims, cut: self.missing(kind, Some(cut))?, ..read }),
            false => Ok(Read { step: Step::Llc, claims, ..read }),
        }
    }

    pub(super) fn llc(&mut self) -> Outcome<'a> {
        let (header, behind) = take::<LlcHeader>(self.rest, Protocol::Llc).or_else(|e| self.stop(Kind::Llc, e))?;
        let is_snap = (header.dsap, header.ssap, header.control) == (0xaa, 0xaa, 3);
        let (llc, step) = match is_snap {
            true => (Llc { header, sequence: None, snap: None, payload: behind }, Step::Snap),
            false => (Llc::parse(self.rest).or_else(|e| self.stop(Kind::Llc, e))?, Step::Payload),
        };
        Ok(Read::new(Layer::Llc(llc), llc.header_len(), self.rest.len(), step))
    }

    pub(super) fn snap(&mut self) -> Outcome<'a> {
        let (snap, _) = take::<Snap>(self.rest, Protocol::Llc).or_else(|e| self.stop(Kind::Snap, e))?;
        let step = snap.ether_type().map_or(Step::Payload, Step::Carried);
        Ok(Read::new(Layer::Snap(snap), size_of::<Snap>(), self.rest.len(), step))
    }

    pub(super) fn carries(&mut self, ether_type: EtherType) -> Item<'a> {
        self.step = match ether_type {
            EtherType::ARP => Step::Arp,
            EtherType::RARP => Step::Rarp,
            EtherType::IPV4 => Step::Ipv4,
            EtherType::IPV6 => Step::Ipv6,
            EtherType::BRIDGING => self.enter(Step::Ethernet),
            tag if tag.is_tag() => Step::Tag(tag),
            _ => Step::Payload,
        };
        self.next()
    }

    pub(super) fn arp(&mut self, kind: Kind) -> Outcome<'a> {
        let read = arp::Arp::parse(self.rest).and_then(|(arp, _)| arp.validate().map(|()| arp));
        let arp = read.or_else(|e| self.stop(kind, e))?;
        let layer = if kind == Kind::Arp { Layer::Arp(arp) } else { Layer::Rarp(arp) };
        Ok(Read::new(layer, size_of::<arp::Arp>(), size_of::<arp::Arp>(), Step::Done))
    }

    pub(super) fn ipv4(&mut self) -> Outcome<'a> {
        let read = match self.may_be_cut() {
            true => ipv4::Packet::parse_lax(self.rest),
            false => ipv4::Packet::parse(self.rest).map(|packet| (packet, None)),
        };
        let (packet, cut) = read.or_else(|e| self.stop(Kind::Ipv4, e))?;
        let cut = self.missing(Kind::Ipv4, cut)?;
        self.context.network = Network::V4(packet, self.at);
        let is_later = packet.header.fragment_offset() != 0;
        let step = if is_later { Step::Payload } else { Step::Upper(packet.header.protocol) };
        let (len, first_fragment) = (packet.header_len(), packet.header.is_fragment());
        let read = Read::new(Layer::Ipv4(packet), len, len + packet.payload.len(), step);
        let claims = Some(packet.header.total_length.get().into());
        Ok(Read { claims, cut, first_fragment, ..read })
    }

    pub(super) fn ipv6(&mut self) -> Outcome<'a> {
        let read = match self.may_be_cut() {
            true => ipv6::Packet::parse_lax(self.rest),
            false => ipv6::Packet::parse(self.rest).map(|packet| (packet, None)),
        };
        let (packet, cut) = read.or_else(|e| self.stop(Kind::Ipv6, e))?;
        let cut = self.missing(Kind::Ipv6, cut)?;
        self.context.network = Network::V6(packet, self.at);
        let step = match self.sir().zip(ila::Address::ref_from_bytes(&packet.header.destination.0).ok()) {
            Some((sir, address)) if is_ila(&packet.header.destination, address, sir) => {
                Step::Ila(address, sir, packet.extensions())
            }
            _ => Step::Chain(packet.extensions()),
        };
        let read = Read::new(Layer::Ipv6(packet), 40, 40 + packet.payload.len(), step);
        Ok(Read { claims: Some(40 + usize::from(packet.header.payload_length.get())), cut, ..read })
    }

    /// Reads the destination of the previous header as ILA. The layer has no bytes of its own.
    pub(super) fn ila(
        &mut self,
        address: &'a ila::Address,
        sir: ila::Prefix,
        chain: ipv6::Extensions<'a>,
    ) -> Found<'a> {
        self.step = Step::Chain(chain);
        let context = Context { rest: &[], ..self.context };
        let layer = Layer::Ila(Ila { address, sir });
        Found { offset: self.at - 16, len: 16, end: self.at, layer, cut: None, context }
    }

    pub(super) fn chain(&mut self, mut chain: ipv6::Extensions<'a>) -> Item<'a> {
        let kind = extension_kind(chain.next_header());
        let Some(extension) = chain.next() else {
            self.step = match chain.error() {
                Some(error) => return Some(self.stop(kind, error)),
                None if chain.is_later_fragment() => Step::Payload,
                None => Step::Upper(chain.next_header()),
            };
            return self.next();
        };
        if let Err(error) = extension.typed() {
            return Some(self.stop(kind, error));
        }
        let first_fragment = extension.fragment().is_some_and(|offset_more| offset_more & 0xfff9 != 0);
        let read = Read::new(Layer::Extension(extension), extension.header_len(), self.rest.len(), Step::Chain(chain));
        Some(Ok(self.found(Read { first_fragment, ..read })))
    }

    pub(super) fn upper(&mut self, protocol: u8) -> Item<'a> {
        let is_fragment = matches!(self.context.network, Network::V4(packet, _) if packet.header.is_fragment());
        self.step = match (protocol, self.context.network) {
            (ipv4::UDP, _) => Step::Udp,
            (ipv4::TCP, _) => Step::Tcp,
            (ipv4::ICMP, Network::V4(..)) => Step::Icmpv4,
            (ipv4::IGMP, Network::V4(..)) if !is_fragment => Step::Igmp,
            (ipv6::ICMPV6, Network::V6(..)) => Step::Icmpv6,
            (gre::PROTOCOL, _) => Step::Gre,
            (ah::PROTOCOL, Network::V4(..)) => Step::Chain(ipv6::Extensions::authentication(protocol, self.rest)),
            (IPV4_IN_IP, _) => self.enter(Step::Ipv4),
            (IPV6_IN_IP, _) => self.enter(Step::Ipv6),
            _ => Step::Payload,
        };
        self.next()
    }

    pub(super) fn udp(&mut self) -> Outcome<'a> {
        let read = match self.may_be_cut() {
            true => udp::Datagram::parse_lax(self.rest),
            false => udp::Datagram::parse(self.rest).map(|datagram| (datagram, None)),
        };
        let (datagram, cut) = read.or_else(|e| self.stop(Kind::Udp, e))?;
        let cut = self.missing(Kind::Udp, cut)?;
        let step = match datagram.header.destination_port.get() {
            vxlan::PORT => Step::Vxlan,
            vxlan_gpe::PORT => Step::VxlanGpe,
            geneve::PORT => Step::Geneve,
            port if self.context.vxlan_port == Some(port) => Step::Vxlan,
            _ => Step::Payload,
        };
        let len = size_of::<udp::Header>();
        let claims = Some(datagram.header.length.get().into());
        Ok(Read { claims, cut, ..Read::new(Layer::Udp(datagram), len, len + datagram.payload.len(), step) })
    }

    pub(super) fn tcp(&mut self) -> Outcome<'a> {
        let segment = tcp::Segment::parse(self.rest).or_else(|e| self.stop(Kind::Tcp, e))?;
        let len = self.rest.len() - segment.payload.len();
        Ok(Read::new(Layer::Tcp(segment), len, self.rest.len(), Step::Payload))
    }

    pub(super) fn icmpv4(&mut self) -> Outcome<'a> {
        let message = icmpv4::Message::parse(self.rest).or_else(|e| self.stop(Kind::Icmpv4, e))?;
        Ok(Read::new(Layer::Icmpv4(message), size_of::<icmpv4::Header>(), self.rest.len(), Step::Payload))
    }

    pub(super) fn igmp(&mut self) -> Outcome<'a> {
        let Network::V4(packet, at) = self.context.network else { return Ok(self.opaque()) };
        let message = igmp::Message::parse(&packet).map_err(|error| self.stopped(Kind::Igmp, error.at(at)))?;
        Ok(Read::new(Layer::Igmp(message), self.rest.len(), self.rest.len(), Step::Done))
    }

    pub(super) fn icmpv6(&mut self) -> Outcome<'a> {
        let Network::V6(packet, base) = self.context.network else { return Ok(self.opaque()) };
        let (header, _) = take(self.rest, Protocol::Icmpv6).or_else(|e| self.stop(Kind::Icmpv6, e))?;
        let offset = self.at - base;
        let fragment_header = packet.extensions().any(|extension| extension.fragment().is_some());
        let message = icmpv6::Message { ip: packet.header, header, bytes: self.rest, offset, fragment_header };
        let read = if packet.upper().is_ok_and(|upper| upper.fragment) {
            Ok(Read::new(Layer::Icmpv6(message), self.rest.len(), self.rest.len(), Step::Done))
        } else {
            self.icmpv6_by_type(packet, message)
        };
        read.map_err(|error| self.stopped(Kind::Icmpv6, error.at(base)))
    }

    fn icmpv6_by_type(&self, packet: ipv6::Packet<'a>, message: icmpv6::Message<'a>) -> Result<Read<'a>, Error> {
        let whole = |layer| Read::new(layer, self.rest.len(), self.rest.len(), Step::Done);
        Ok(match message.header.kind {
            icmpv6::ROUTER_SOLICITATION..=icmpv6::REDIRECT => self.with_options(message, |message| {
                let end = message.offset + message.bytes.len() - 40;
                Nd::parse(&ipv6::Packet { payload: packet.payload.get(..end).unwrap_or_default(), ..packet })
                    .map(Layer::Nd)
            })?,
            mld::QUERY..=mld::DONE | mld::REPORT_V2 => whole(Layer::Mld(mld::Message::parse(&packet)?)),
            _ if Related::parse(message).is_some() => {
                self.with_options(message, |message| match Related::parse(message) {
                    Some(related) => related.map(Layer::Related),
                    None => Ok(Layer::Icmpv6(message)),
                })?
            }
            _ => match message.kind()? {
                icmpv6::Kind::Other => whole(Layer::Icmpv6(message)),
                _ => Read::new(Layer::Icmpv6(message), 8, self.rest.len(), Step::Payload),
            },
        })
    }

    /// A broken option drops the message (ND-01), but the options before it are shown and the walk goes on.
    fn with_options(
        &self,
        message: icmpv6::Message<'a>,
        parse: impl Fn(icmpv6::Message<'a>) -> Result<Layer<'a>, Error>,
    ) -> Result<Read<'a>, Error> {
        let whole = |layer| Read::new(layer, self.rest.len(), self.rest.len(), Step::Done);
        let fault = match parse(message) {
            Ok(layer) => return Ok(whole(layer)),
            Err(error @ Error { rule: Rule::OptionLengthZero(_) | Rule::OptionTruncated { .. }, .. }) => error,
            Err(error) => return Err(error),
        };
        let at = fault.offset.saturating_sub(message.offset);
        let bytes = message.bytes.get(..at).unwrap_or_default();
        let read = whole(parse(icmpv6::Message { bytes, ..message })?);
        let fault = Error { offset: at, ..fault };
        Ok(if self.context.partial {
            Read { cut: Some(fault), ..read }
        } else {
            Read { fault: Some(fault.at(self.at)), ..read }
        })
    }

    pub(super) fn vxlan(&mut self) -> Outcome<'a> {
        let (header, _) = take::<vxlan::Header>(self.rest, Protocol::Vxlan).or_else(|e| self.stop(Kind::Vxlan, e))?;
        let step = self.enter(Step::Ethernet);
        Ok(Read::new(Layer::Vxlan(header), size_of::<vxlan::Header>(), self.rest.len(), step))
    }

    pub(super) fn vxlan_gpe(&mut self) -> Outcome<'a> {
        let (header, _) =
            take::<vxlan_gpe::Header>(self.rest, Protocol::VxlanGpe).or_else(|e| self.stop(Kind::VxlanGpe, e))?;
        let step = match header.next() {
            _ if header.version() != 0 => Step::Payload,
            vxlan_gpe::Next::Ethernet => self.enter(Step::Ethernet),
            vxlan_gpe::Next::Ipv4 => self.enter(Step::Ipv4),
            vxlan_gpe::Next::Ipv6 => self.enter(Step::Ipv6),
            vxlan_gpe::Next::Nsh | vxlan_gpe::Next::Unknown(_) => Step::Payload,
        };
        Ok(Read::new(Layer::VxlanGpe(header), size_of::<vxlan_gpe::Header>(), self.rest.len(), step))
    }

    pub(super) fn geneve(&mut self) -> Outcome<'a> {
        let packet = geneve::Packet::parse(self.rest).or_else(|e| self.stop(Kind::Geneve, e))?;
        let step = match packet.header.protocol {
            _ if packet.header.version() != 0 => Step::Payload,
            EtherType::BRIDGING => Step::Carried(EtherType::BRIDGING),
            carried => self.enter(Step::Carried(carried)),
        };
        Ok(Read::new(Layer::Geneve(packet), packet.header_len(), self.rest.len(), step))
    }

    pub(super) fn gre(&mut self) -> Outcome<'a> {
        /// A source route follows the checksum (RFC 1701). Its length is unknown, so nothing after it can be found.
        const ROUTING: u16 = 0x4000;
        let packet = gre::Packet::parse(self.rest).or_else(|e| self.stop(Kind::Gre, e))?;
        let step = match packet.header.protocol {
            _ if packet.header.version() != 0 || packet.header.has(ROUTING) => Step::Payload,
            EtherType::BRIDGING => Step::Carried(EtherType::BRIDGING),
            carried => self.enter(Step::Carried(carried)),
        };
        let is_nvgre = packet.header.protocol == EtherType::BRIDGING
            && packet.header.version() == 0
            && packet.key.is_some()
            && packet.header_len() == size_of::<nvgre::Header>();
        let layer = match nvgre::Header::ref_from_prefix(self.rest) {
            Ok((header, _)) if is_nvgre => Layer::Nvgre(header),
            _ => Layer::Gre(packet),
        };
        Ok(Read::new(layer, packet.header_len(), self.rest.len(), step))
    }

    fn opaque(&self) -> Read<'a> {
        Read::new(Layer::Payload(self.rest), self.rest.len(), self.rest.len(), Step::Done)
    }
}

/// The number of bytes of `payload` that belong to the packet of type `ether_type`. The rest is padding.
fn unpadded(mut ether_type: EtherType, mut payload: &[u8]) -> usize {
    let mut before = 0;
    while let (true, Some(([_, _, a, b], behind))) = (ether_type.is_tag(), payload.split_first_chunk()) {
        (ether_type, payload, before) = (EtherType([*a, *b]), behind, before + 4);
    }
    let length = match (ether_type, payload) {
        (EtherType::IPV4, [0x45..=0x4f, _, a, b, ..]) => usize::from(u16::from_be_bytes([*a, *b])).max(20),
        (EtherType::IPV6, [0x60..=0x6f, _, _, _, a, b, ..]) => 40 + usize::from(u16::from_be_bytes([*a, *b])),
        (EtherType::ARP | EtherType::RARP, _) => size_of::<arp::Arp>(),
        (length, _) if ethernet::is_length(length) => usize::from(length.get()),
        _ => payload.len(),
    };
    before + length.min(payload.len())
}

/// True if a destination can be an ILA address: unicast, with an identifier that is not an ordinary interface's, and
/// not under the SIR prefix.
fn is_ila(destination: &crate::Ipv6, address: &ila::Address, sir: ila::Prefix) -> bool {
    !destination.is_multicast()
        && !destination.is_link_local()
        && address.identifier.type_code() != 0
        && address.prefix != sir
}
