//! Encapsulation: the outer headers of a tunnel.

use super::template::{Class, EcnMode, Packet, Template, Udp};
use super::{Encapsulation, Payload};
use crate::ecn::class_of_frame;
use crate::error::place;
use crate::geneve::{self, Options};
use crate::{Error, EtherType, Mac, Protocol, Rule, Vni, ethernet, ipv6, nvgre, udp, vxlan, vxlan_gpe};
use core::net::IpAddr;

/// The length of the longest outer headers: Ethernet, IPv6, UDP, and Geneve with all options. Without options 70 bytes
/// suffice.
pub const MAX_OVERHEAD: usize = size_of::<ethernet::Header>()
    + size_of::<ipv6::Header>()
    + size_of::<udp::Header>()
    + size_of::<geneve::Header>()
    + geneve::MAX_OPTIONS;

type Shim = [u8; 8];

#[derive(Clone, Copy, Debug)]
enum Carrier {
    /// IP and UDP in front, and an Ethernet frame in the tunnel: the case of nearly every tunnel.
    Plain(Template<Udp<Shim>>),
    Udp(Template<Udp<Shim>>),
    Gre(Template<nvgre::Header>),
    /// The tunnel header alone, without outer IP header.
    Socket(Shim),
}

/// The outer headers of one tunnel, built once and stamped in front of each inner frame.
///
/// The lifetime `'a` is that of the Geneve options.
///
/// Defaults:
/// - TTL 64, Don't Fragment, identification 0 (TUN-06, VXL-07, TUN-08);
/// - the encapsulation's own UDP port (VXL-03); in NVGRE a FlowID;
/// - DSCP 0; ECN copied from the inner packet (TUN-01);
/// - a UDP checksum over IPv6 (U6-01) and in Geneve (GNV-08), none in VXLAN over IPv4 (VXL-05);
/// - an Ethernet payload without options.
///
/// The output begins with the outer IP header. After [`Encap::with_ethernet`] it begins with an Ethernet header. That
/// of [`Encap::for_socket`] begins with the tunnel header, because the kernel writes the others.
///
/// ```
/// use nvo3_wire::tunnel::{Encap, Encapsulation};
/// use nvo3_wire::{Ipv4, Mac, Vni, dissect::Dissect};
///
/// let (from, to, vni) = (Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), Vni::try_from(7).unwrap());
/// let (inner, mut out) = ([0u8; 60], [0u8; 128]);
/// let packet = Encap::new(Encapsulation::Vxlan, from, to, vni)?;
/// assert_eq!(packet.write(0, &inner, &mut out)?, 20 + 8 + 8 + 60);
///
/// let frame = packet.with_ethernet(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
/// let length = frame.write(0, &inner, &mut out)?;
/// let layers = Dissect::new(&out[..length]).map(|found| found.unwrap().kind().to_string());
/// assert_eq!(layers.take(4).collect::<Vec<_>>(), ["eth", "ipv4", "udp", "vxlan"]);
///
/// let datagram = Encap::for_socket(Encapsulation::Vxlan, vni)?; // for a UDP socket that is connected to port 4789
/// assert_eq!(datagram.write(0, &inner, &mut out)?, 8 + 60);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::len_without_is_empty)]
pub struct Encap<'a> {
    carrier: Carrier,
    ethernet: Option<ethernet::Header>,
    encapsulation: Encapsulation,
    /// The protocol of `encapsulation`, for errors.
    protocol: Protocol,
    payload: Payload,
    vni: Vni,
    options: Options<'a>,
}

/// Applies the same change to each kind of template.
macro_rules! change {
    ($self:ident, $template:ident => $changed:expr) => {
        Self {
            carrier: match $self.carrier {
                Carrier::Plain($template) => Carrier::Plain($changed),
                Carrier::Udp($template) => Carrier::Udp($changed),
                Carrier::Gre($template) => Carrier::Gre($changed),
                Carrier::Socket(shim) => Carrier::Socket(shim),
            },
            ..$self
        }
    };
}

impl Encap<'static> {
    /// Creates a tunnel between two endpoints of one address family.
    ///
    /// # Errors
    /// [`Rule::AddressFamilies`]; for NVGRE [`Rule::ReservedVsid`] if `vni` is not a tenant's (NVG-07).
    pub fn new(
        encapsulation: Encapsulation,
        source: impl Into<IpAddr>,
        destination: impl Into<IpAddr>,
        vni: Vni,
    ) -> Result<Self, Error> {
        let ends = (source.into(), destination.into());
        let families = || Error::new(encapsulation.protocol(), 0, Rule::AddressFamilies);
        let carrier = match encapsulation.port() {
            None => {
                let header = nvgre::Header::new(vni, 0xff)?;
                Carrier::Gre(Template::between(ends, header).ok_or_else(families)?)
            }
            Some(port) => {
                let upper = Udp::new(port, shim(encapsulation, vni, Payload::Ethernet, Options::NONE)?);
                let template = Template::between(ends, upper).ok_or_else(families)?;
                let checksum = template.is_v6() || encapsulation == Encapsulation::Geneve;
                Carrier::Udp(template.with_udp_checksum(checksum))
            }
        };
        Ok(Self::from_carrier(carrier, encapsulation, vni))
    }

    /// Creates a tunnel whose outer IP and UDP headers the kernel writes. Send its output through a UDP socket, or in
    /// NVGRE a raw socket.
    ///
    /// Settings of the outer IP and UDP headers have no effect. `entropy` has an effect only in NVGRE, because the
    /// socket has its own source port.
    ///
    /// # Errors
    /// For NVGRE [`Rule::ReservedVsid`] if `vni` is not a tenant's (NVG-07).
    pub fn for_socket(encapsulation: Encapsulation, vni: Vni) -> Result<Self, Error> {
        let shim = match encapsulation {
            Encapsulation::Nvgre => zerocopy::transmute!(nvgre::Header::new(vni, 0xff)?),
            _ => shim(encapsulation, vni, Payload::Ethernet, Options::NONE)?,
        };
        Ok(Self::from_carrier(Carrier::Socket(shim), encapsulation, vni))
    }

    fn from_carrier(carrier: Carrier, encapsulation: Encapsulation, vni: Vni) -> Self {
        let (protocol, payload, options) = (encapsulation.protocol(), Payload::Ethernet, Options::NONE);
        Self { carrier, ethernet: None, encapsulation, protocol, payload, vni, options }.simplified()
    }
}

impl<'a> Encap<'a> {
    /// Brings the template into its fastest form. Called after each change.
    fn simplified(self) -> Self {
        let bare = self.ethernet.is_none() && self.options.as_bytes().is_empty() && self.payload == Payload::Ethernet;
        let carrier = match self.carrier {
            Carrier::Plain(template) | Carrier::Udp(template) if bare => Carrier::Plain(template),
            Carrier::Plain(template) => Carrier::Udp(template),
            other => other,
        };
        Self { carrier, ..self }
    }

    /// Adds an outer Ethernet header with the right EtherType. No effect for [`Encap::for_socket`].
    #[must_use]
    pub fn with_ethernet(self, source: Mac, destination: Mac) -> Self {
        let is_v6 = match &self.carrier {
            Carrier::Plain(template) | Carrier::Udp(template) => template.is_v6(),
            Carrier::Gre(template) => template.is_v6(),
            Carrier::Socket(_) => return self,
        };
        let ether_type = if is_v6 { EtherType::IPV6 } else { EtherType::IPV4 };
        Self { ethernet: Some(ethernet::Header { destination, source, ether_type }), ..self }.simplified()
    }

    /// Sets another UDP destination port (VXL-03, GNV-07). No effect in NVGRE, which has none.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        self.with_udp(|template| template.with_upper(|upper| upper.udp.destination_port = port.into()))
    }

    /// Sets whether a UDP checksum is computed (U6-02). No effect in NVGRE, which has none.
    #[must_use]
    pub fn with_udp_checksum(self, on: bool) -> Self {
        self.with_udp(|template| template.with_udp_checksum(on))
    }

    fn with_udp(self, change: impl FnOnce(Template<Udp<Shim>>) -> Template<Udp<Shim>>) -> Self {
        match self.carrier {
            Carrier::Plain(template) => Self { carrier: Carrier::Plain(change(template)), ..self },
            Carrier::Udp(template) => Self { carrier: Carrier::Udp(change(template)), ..self },
            Carrier::Gre(_) | Carrier::Socket(_) => self,
        }
    }

    /// Sets whether NVGRE's FlowID comes from the flow or is 0 (NVG-03). No effect in other tunnels, which have none.
    #[must_use]
    pub fn with_flow_id(self, on: bool) -> Self {
        let flow_id = if on { 0xff } else { 0 };
        let carrier = match self.carrier {
            Carrier::Gre(template) => Carrier::Gre(template.with_upper(|header| header.flow_id = flow_id)),
            Carrier::Socket([head @ .., _]) if self.encapsulation == Encapsulation::Nvgre => {
                let [a, b, c, d, e, f, g] = head;
                Carrier::Socket([a, b, c, d, e, f, g, flow_id])
            }
            other => other,
        };
        Self { carrier, ..self }
    }

    /// Sets another TTL or hop limit (TUN-06).
    #[must_use]
    pub fn with_ttl(self, ttl: u8) -> Self {
        change!(self, template => template.with_ttl(ttl))
    }

    /// Sets the outer DSCP to the low six bits of `dscp`: the pipe model (TUN-05).
    #[must_use]
    pub fn with_dscp(self, dscp: u8) -> Self {
        change!(self, template => template.with_dscp(Some(dscp)))
    }

    /// Copies the outer DSCP from the inner packet: the uniform model (TUN-05).
    #[must_use]
    pub fn with_inner_dscp(self) -> Self {
        change!(self, template => template.with_dscp(None))
    }

    /// Sets how the outer ECN field is filled (TUN-01).
    #[must_use]
    pub fn with_ecn(self, ecn: EcnMode) -> Self {
        change!(self, template => template.with_ecn(ecn))
    }

    /// Sets another kind of payload.
    ///
    /// # Errors
    /// [`Rule::PayloadType`] if the encapsulation cannot carry this payload.
    pub fn with_payload(self, payload: Payload) -> Result<Self, Error> {
        self.with_contents(payload, self.options)
    }

    /// Sets Geneve options for all packets. Flag C is set if one of them is critical (GNV-02).
    ///
    /// # Errors
    /// [`Rule::OptionsBeyond`] above 252 bytes, or for any options in another encapsulation.
    pub fn with_options<'b>(self, options: Options<'b>) -> Result<Encap<'b>, Error> {
        let Self { carrier, ethernet, encapsulation, protocol, payload, vni, .. } = self;
        Encap { carrier, ethernet, encapsulation, protocol, payload, vni, options: Options::NONE }
            .with_contents(payload, options)
    }

    fn with_contents<'b>(self, payload: Payload, options: Options<'b>) -> Result<Encap<'b>, Error>
    where
        'a: 'b,
    {
        let shim = shim(self.encapsulation, self.vni, payload, options)?;
        let carrier = match self.carrier {
            Carrier::Plain(template) | Carrier::Udp(template) => {
                Carrier::Udp(template.with_upper(|upper| upper.shim = shim))
            }
            Carrier::Socket(_) if self.encapsulation != Encapsulation::Nvgre => Carrier::Socket(shim),
            nvgre => nvgre,
        };
        Ok(Encap { carrier, payload, options, ..self }.simplified())
    }

    /// The length of the outer headers with options: over IPv4 36 bytes or more, over IPv6 56 or more; in NVGRE 28 and
    /// 48; 14 more with Ethernet, and 8 or more for a socket.
    #[inline]
    pub const fn len(&self) -> usize {
        let headers = match &self.carrier {
            Carrier::Plain(template) | Carrier::Udp(template) => template.len(),
            Carrier::Gre(template) => template.len(),
            Carrier::Socket(shim) => shim.len(),
        };
        headers + self.options.as_bytes().len() + self.ethernet_len()
    }

    const fn ethernet_len(&self) -> usize {
        if self.ethernet.is_some() { size_of::<ethernet::Header>() } else { 0 }
    }

    /// The longest inner frame (or packet, without Ethernet) for an underlay whose IP packets have at most `underlay`
    /// bytes.
    ///
    /// The result takes the tunnel's options into account (GNV-11). It is 0 if not even the headers fit.
    #[inline]
    pub const fn inner_mtu(&self, underlay: usize) -> usize {
        underlay.saturating_sub(self.len() - self.ethernet_len())
    }

    /// Writes the outer headers and a copy of `inner`. Returns the length of both.
    ///
    /// `entropy` is the entropy of the inner flow; see [`flow::entropy`](crate::flow::entropy).
    ///
    /// # Errors
    /// [`Rule::NoRoom`], [`Rule::TooLong`]; [`Rule::Truncated`] for an inner frame below 14 bytes; [`Rule::InnerVlan`]
    /// for a tagged frame in NVGRE (NVG-04); [`Rule::InnerVersion`] for an IP packet of the other version.
    #[inline(always)]
    pub fn write(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match &self.carrier {
            Carrier::Plain(template) => template.write(&self.plain(entropy), inner, out),
            _ => call_slow(move || self.write_slow(entropy, inner, out)),
        }
    }

    /// Writes only the outer headers, for scatter output with `inner` after them. Returns their length.
    ///
    /// # Errors
    /// The errors of [`Encap::write`].
    #[inline(always)]
    pub fn write_headers(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match &self.carrier {
            Carrier::Plain(template) => template.write_headers(&self.plain(entropy), inner, out),
            _ => call_slow(move || self.write_headers_slow(entropy, inner, out)),
        }
    }

    /// Writes the outer headers into the headroom of `buffer`, whose inner frame begins at `inner_at`. Returns the
    /// offset of the outer headers. [`MAX_OVERHEAD`] bytes of headroom always suffice.
    ///
    /// # Errors
    /// The errors of [`Encap::write`].
    #[inline(always)]
    pub fn prepend(&self, entropy: u16, buffer: &mut [u8], inner_at: usize) -> Result<usize, Error> {
        match &self.carrier {
            Carrier::Plain(template) => template.prepend(&self.plain(entropy), buffer, inner_at),
            _ => call_slow(move || self.prepend_slow(entropy, buffer, inner_at)),
        }
    }

    #[inline(always)]
    fn plain(&self, entropy: u16) -> Packet<'_, impl Class> {
        Packet { protocol: &self.protocol, entropy, options: &[], class: class_of_plain }
    }

    fn write_slow(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (len, available) = (self.len(), out.len());
        let needed = len + inner.len();
        let Some((headers, payload)) = out.get_mut(..needed).and_then(|out| out.split_at_mut_checked(len)) else {
            return Err(Error::no_room(self.protocol, needed, available));
        };
        self.write_headers_slow(entropy, inner, headers)?;
        payload.copy_from_slice(inner);
        Ok(needed)
    }

    fn prepend_slow(&self, entropy: u16, buffer: &mut [u8], inner_at: usize) -> Result<usize, Error> {
        let len = self.len();
        let room = buffer.split_at_mut_checked(inner_at).and_then(|(headroom, inner)| {
            let start = inner_at.checked_sub(len)?;
            Some((start, headroom.get_mut(start..)?, inner))
        });
        let Some((start, headers, inner)) = room else {
            return Err(Error::no_room(self.protocol, len, inner_at));
        };
        self.write_headers_slow(entropy, inner, headers)?;
        Ok(start)
    }

    fn write_headers_slow(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (encapsulation, payload) = (self.encapsulation, self.payload);
        let (len, available, protocol) = (self.len(), out.len(), self.protocol);
        let no_room = || Error::no_room(protocol, len, available);
        let mut behind = out.get_mut(..len).ok_or_else(no_room)?;
        if let Some(ethernet) = &self.ethernet {
            let (header, rest) = place::<ethernet::Header>(behind, protocol)?;
            *header = *ethernet;
            behind = rest;
        }
        let class = move |inner: &[u8]| class(encapsulation, payload, inner);
        let packet = Packet { protocol: &self.protocol, entropy, options: self.options.as_bytes(), class };
        match &self.carrier {
            Carrier::Plain(template) | Carrier::Udp(template) => template.write_headers(&packet, inner, behind)?,
            Carrier::Gre(template) => template.write_headers(&packet, inner, behind)?,
            Carrier::Socket(shim) => {
                packet.class.class_of(inner)?;
                let (head, options) = behind.split_first_chunk_mut().ok_or_else(no_room)?;
                *head = *shim;
                if let (Encapsulation::Nvgre, [.., flow_id]) = (encapsulation, head) {
                    *flow_id &= nvgre::flow_id(entropy);
                }
                options.copy_from_slice(packet.options);
                shim.len()
            }
        };
        Ok(len)
    }
}

/// Calls the rare cases. The error goes through a variable of its own, because a returned `Result` is in memory, and
/// would put that of the usual case into memory too.
#[inline(always)]
fn call_slow(call: impl FnOnce() -> Result<usize, Error>) -> Result<usize, Error> {
    #[cold]
    #[inline(never)]
    fn outlined(call: impl FnOnce() -> Result<usize, Error>, error: &mut Error) -> Option<usize> {
        call().map_err(|failure| *error = failure).ok()
    }

    let mut error = Error::no_room(Protocol::Ethernet, 0, 0); // replaced before it is read
    outlined(call, &mut error).ok_or(error)
}

/// The eight bytes after UDP.
fn shim(encapsulation: Encapsulation, vni: Vni, payload: Payload, options: Options<'_>) -> Result<Shim, Error> {
    let error = |rule| Err(Error::new(encapsulation.protocol(), 0, rule));
    if encapsulation != Encapsulation::Geneve && !options.as_bytes().is_empty() {
        return error(Rule::OptionsBeyond { length: options.as_bytes().len(), limit: 0 });
    }
    match (encapsulation, payload) {
        (Encapsulation::VxlanGpe, payload) => Ok(zerocopy::transmute!(vxlan_gpe::Header::new(vni, payload.next()))),
        (Encapsulation::Geneve, Payload::Ethernet | Payload::Ipv4 | Payload::Ipv6) => {
            Ok(zerocopy::transmute!(geneve::Header::new(vni, payload.ether_type(), options)?))
        }
        (Encapsulation::Vxlan, Payload::Ethernet) => Ok(zerocopy::transmute!(vxlan::Header::new(vni))),
        (Encapsulation::Nvgre, Payload::Ethernet) => Ok([0; 8]), // the NVGRE template has its own header
        _ => error(Rule::PayloadType(payload.ether_type())),
    }
}

/// The traffic class of an inner frame, which must have an Ethernet header (VXL-12).
#[inline(always)]
fn class_of_plain(inner: &[u8]) -> Result<u8, Error> {
    if inner.len() < vxlan::MIN_INNER {
        return Err(Error::truncated(Protocol::Ethernet, vxlan::MIN_INNER, inner.len()));
    }
    Ok(class_of_frame(inner))
}

/// The traffic class of the inner frame or packet, or the reason why it must not enter the tunnel.
fn class(encapsulation: Encapsulation, payload: Payload, inner: &[u8]) -> Result<u8, Error> {
    match payload {
        Payload::Ethernet if encapsulation == Encapsulation::Nvgre && is_tagged(inner) => {
            Err(Error::new(encapsulation.protocol(), 0, Rule::InnerVlan))
        }
        Payload::Ethernet => class_of_plain(inner),
        _ => class_of_other(encapsulation, payload, inner),
    }
}

fn class_of_other(encapsulation: Encapsulation, payload: Payload, inner: &[u8]) -> Result<u8, Error> {
    match (payload, inner) {
        (Payload::Ethernet | Payload::Nsh, _) => Ok(0),
        (Payload::Ipv4, [first, class, ..]) if first >> 4 == 4 => Ok(*class),
        (Payload::Ipv6, [first, second, ..]) if first >> 4 == 6 => Ok(first << 4 | second >> 4),
        (_, [first, _, ..]) => Err(Error::new(encapsulation.protocol(), 0, Rule::InnerVersion(first >> 4))),
        (Payload::Ipv4, _) => Err(Error::truncated(Protocol::Ipv4, 20, inner.len())),
        (Payload::Ipv6, _) => Err(Error::truncated(Protocol::Ipv6, 40, inner.len())),
    }
}

/// True if an Ethernet frame has an 802.1Q or 802.1ad tag.
#[inline(always)]
pub(super) fn is_tagged(frame: &[u8]) -> bool {
    match frame.first_chunk::<14>() {
        Some([.., a, b]) => matches!(EtherType([*a, *b]), EtherType::VLAN | EtherType::SERVICE_VLAN),
        None => false,
    }
}
