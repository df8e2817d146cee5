//! The way in.

use super::template::{Class, EcnMode, Packet, Template, Udp};
use super::{Encapsulation, Payload};
use crate::ecn::class_of_frame;
use crate::geneve::{self, Options};
use crate::{Error, EtherType, Protocol, Rule, Vni, ipv6, nvgre, udp, vxlan, vxlan_gpe};
use core::net::IpAddr;

/// The longest outer headers there are: Geneve with all options over IPv6. Without options 56 bytes suffice.
pub const MAX_OVERHEAD: usize =
    size_of::<ipv6::Header>() + size_of::<udp::Header>() + size_of::<geneve::Header>() + geneve::MAX_OPTIONS;

type Shim = [u8; 8];

#[derive(Clone, Copy, Debug)]
enum Carrier {
    Udp(Template<Udp<Shim>>),
    Gre(Template<nvgre::Header>),
}

/// The outer headers of one tunnel, prebuilt with what all its packets share; `'a` is that of Geneve options.
///
/// By default: TTL 64, DF, the tunnel's port, DSCP 0, ECN copied (TUN-01); a UDP checksum over IPv6 (U6-01) and in
/// Geneve (GNV-08); an Ethernet payload without options; a FlowID in NVGRE.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::len_without_is_empty)]
pub struct Encap<'a> {
    carrier: Carrier,
    encapsulation: Encapsulation,
    payload: Payload,
    vni: Vni,
    options: Options<'a>,
}

/// The same change to whichever template there is.
macro_rules! change {
    ($self:ident, $template:ident => $changed:expr) => {
        Self {
            carrier: match $self.carrier {
                Carrier::Udp($template) => Carrier::Udp($changed),
                Carrier::Gre($template) => Carrier::Gre($changed),
            },
            ..$self
        }
    };
}

/// The same call of whichever template there is.
macro_rules! call {
    ($self:ident, $template:ident => $result:expr) => {
        match &$self.carrier {
            Carrier::Udp($template) => $result,
            Carrier::Gre($template) => $result,
        }
    };
}

impl Encap<'static> {
    /// A tunnel between two ends of one address family.
    ///
    /// # Errors
    /// [`Rule::AddressFamilies`]; for NVGRE [`Rule::ReservedVsid`] (NVG-07).
    pub fn new(encapsulation: Encapsulation, source: IpAddr, destination: IpAddr, vni: Vni) -> Result<Self, Error> {
        let (payload, options) = (Payload::Ethernet, Options::NONE);
        let port = match encapsulation {
            Encapsulation::Vxlan => vxlan::PORT,
            Encapsulation::VxlanGpe => vxlan_gpe::PORT,
            Encapsulation::Geneve => geneve::PORT,
            Encapsulation::Nvgre => {
                let header = nvgre::Header::new(vni, 0xff)?;
                let carrier = Carrier::Gre(match (source, destination) {
                    (IpAddr::V4(source), IpAddr::V4(to)) => Template::v4(source.into(), to.into(), header),
                    (IpAddr::V6(source), IpAddr::V6(to)) => Template::v6(source.into(), to.into(), header),
                    _ => return Err(Error::new(Protocol::Nvgre, 0, Rule::AddressFamilies)),
                });
                return Ok(Self { carrier, encapsulation, payload, vni, options });
            }
        };
        let upper = Udp::new(port, shim(encapsulation, vni, payload, options)?);
        let carrier = Carrier::Udp(match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(to)) => {
                Template::v4(source.into(), to.into(), upper).with_udp_checksum(encapsulation == Encapsulation::Geneve)
            }
            (IpAddr::V6(source), IpAddr::V6(to)) => {
                Template::v6(source.into(), to.into(), upper).with_udp_checksum(true)
            }
            _ => return Err(Error::new(encapsulation.protocol(), 0, Rule::AddressFamilies)),
        });
        Ok(Self { carrier, encapsulation, payload, vni, options })
    }
}

impl<'a> Encap<'a> {
    /// Another UDP destination port (VXL-03, GNV-07); NVGRE has none.
    #[must_use]
    pub fn with_port(self, port: u16) -> Self {
        self.with_udp(|template| template.with_upper(|upper| upper.udp.destination_port = port.into()))
    }

    /// Whether a UDP checksum is computed (U6-02); NVGRE has none.
    #[must_use]
    pub fn with_udp_checksum(self, on: bool) -> Self {
        self.with_udp(|template| template.with_udp_checksum(on))
    }

    fn with_udp(self, change: impl FnOnce(Template<Udp<Shim>>) -> Template<Udp<Shim>>) -> Self {
        match self.carrier {
            Carrier::Udp(template) => Self { carrier: Carrier::Udp(change(template)), ..self },
            Carrier::Gre(_) => self,
        }
    }

    /// Whether NVGRE's FlowID is filled from the flow or 0 (NVG-03); other tunnels have none.
    #[must_use]
    pub fn with_flow_id(self, on: bool) -> Self {
        match self.carrier {
            Carrier::Gre(template) => {
                let template = template.with_upper(|header| header.flow_id = if on { 0xff } else { 0 });
                Self { carrier: Carrier::Gre(template), ..self }
            }
            Carrier::Udp(_) => self,
        }
    }

    /// Another TTL or hop limit (TUN-06).
    #[must_use]
    pub fn with_ttl(self, ttl: u8) -> Self {
        change!(self, template => template.with_ttl(ttl))
    }

    /// The outer DSCP, low six bits of `dscp`: the pipe model (TUN-05).
    #[must_use]
    pub fn with_dscp(self, dscp: u8) -> Self {
        change!(self, template => template.with_dscp(Some(dscp)))
    }

    /// The outer DSCP is the inner one: the uniform model (TUN-05).
    #[must_use]
    pub fn with_inner_dscp(self) -> Self {
        change!(self, template => template.with_dscp(None))
    }

    /// How the outer ECN field is set (TUN-01).
    #[must_use]
    pub fn with_ecn(self, ecn: EcnMode) -> Self {
        change!(self, template => template.with_ecn(ecn))
    }

    /// Another kind of payload.
    ///
    /// # Errors
    /// [`Rule::PayloadType`] for what the encapsulation cannot say.
    pub fn with_payload(self, payload: Payload) -> Result<Self, Error> {
        self.with(payload, self.options)
    }

    /// Geneve options for all packets; one of them critical sets flag C (GNV-02).
    ///
    /// # Errors
    /// [`Rule::OptionsBeyond`] above 252 bytes, or for any in another encapsulation.
    pub fn with_options<'b>(self, options: Options<'b>) -> Result<Encap<'b>, Error> {
        let Self { carrier, encapsulation, payload, vni, .. } = self;
        Encap { carrier, encapsulation, payload, vni, options: Options::NONE }.with(payload, options)
    }

    fn with<'b>(self, payload: Payload, options: Options<'b>) -> Result<Encap<'b>, Error>
    where
        'a: 'b,
    {
        let shim = shim(self.encapsulation, self.vni, payload, options)?;
        let encap = self.with_udp(|template| template.with_upper(|upper| upper.shim = shim));
        Ok(Encap { payload, options, ..encap })
    }

    /// Length of the outer headers, options included: 36 and more over IPv4, 56 over IPv6; with NVGRE 28 and 48.
    #[inline]
    pub const fn len(&self) -> usize {
        let headers = match &self.carrier {
            Carrier::Udp(template) => template.len(),
            Carrier::Gre(template) => template.len(),
        };
        headers + self.options.as_bytes().len()
    }

    /// The longest inner frame (or packet, without Ethernet) that fits an underlay of this MTU with the options that all
    /// packets have (GNV-11); 0 where not even the headers fit.
    #[inline]
    pub const fn inner_mtu(&self, underlay: usize) -> usize {
        underlay.saturating_sub(self.len())
    }

    /// Writes outer headers and a copy of `inner`; gives the length of the packet.
    ///
    /// `entropy` is that of the inner flow, see [`flow::entropy`](crate::flow::entropy).
    ///
    /// # Errors
    /// [`Rule::NoRoom`], [`Rule::TooLong`]; [`Rule::Truncated`] for an inner frame below 14 bytes, [`Rule::InnerVlan`]
    /// for a tagged one in NVGRE (NVG-04), [`Rule::InnerVersion`] for an IP packet of the other version.
    #[inline(always)]
    pub fn write(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        call!(self, template => template.write(&self.packet(entropy), inner, out))
    }

    /// Writes the outer headers alone, for scatter output with `inner` behind them; gives their length.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline(always)]
    pub fn write_headers(&self, entropy: u16, inner: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        call!(self, template => template.write_headers(&self.packet(entropy), inner, out))
    }

    /// Writes the outer headers into the headroom of `buffer`, whose inner frame begins at `inner_at`; gives where the
    /// packet begins now.
    ///
    /// # Errors
    /// As [`Encap::write`].
    #[inline(always)]
    pub fn prepend(&self, entropy: u16, buffer: &mut [u8], inner_at: usize) -> Result<usize, Error> {
        call!(self, template => template.prepend(&self.packet(entropy), buffer, inner_at))
    }

    #[inline(always)]
    fn packet(&self, entropy: u16) -> Packet<'a, impl Class> {
        let (encapsulation, payload) = (self.encapsulation, self.payload);
        let class = move |inner: &[u8]| class(encapsulation, payload, inner);
        Packet { protocol: encapsulation.protocol(), entropy, options: self.options.as_bytes(), class }
    }
}

/// The eight bytes behind UDP.
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
        (Encapsulation::Nvgre, Payload::Ethernet) => Ok([0; 8]), // its header is the template's own
        _ => error(Rule::PayloadType(payload.ether_type())),
    }
}

/// Traffic class of what goes in, and whether it may. Frames are nearly all there is, so the rest is apart.
#[inline(always)]
fn class(encapsulation: Encapsulation, payload: Payload, inner: &[u8]) -> Result<u8, Error> {
    if payload != Payload::Ethernet || inner.len() < vxlan::MIN_INNER {
        return class_of_other(encapsulation, payload, inner);
    }
    if encapsulation == Encapsulation::Nvgre && is_tagged(inner) {
        return Err(Error::new(encapsulation.protocol(), 0, Rule::InnerVlan));
    }
    Ok(class_of_frame(inner))
}

#[inline(never)]
fn class_of_other(encapsulation: Encapsulation, payload: Payload, inner: &[u8]) -> Result<u8, Error> {
    match (payload, inner) {
        (Payload::Ethernet, _) => Err(Error::truncated(Protocol::Ethernet, vxlan::MIN_INNER, inner.len())),
        (Payload::Nsh, _) => Ok(0),
        (Payload::Ipv4, [first, class, ..]) if first >> 4 == 4 => Ok(*class),
        (Payload::Ipv6, [first, second, ..]) if first >> 4 == 6 => Ok(first << 4 | second >> 4),
        (_, [first, _, ..]) => Err(Error::new(encapsulation.protocol(), 0, Rule::InnerVersion(first >> 4))),
        (Payload::Ipv4, _) => Err(Error::truncated(Protocol::Ipv4, 20, inner.len())),
        (Payload::Ipv6, _) => Err(Error::truncated(Protocol::Ipv6, 40, inner.len())),
    }
}

/// Whether an Ethernet frame has an 802.1Q or 802.1ad tag.
#[inline(always)]
pub(super) fn is_tagged(frame: &[u8]) -> bool {
    match frame.first_chunk::<14>() {
        Some([.., a, b]) => matches!(EtherType([*a, *b]), EtherType::VLAN | EtherType::SERVICE_VLAN),
        None => false,
    }
}
