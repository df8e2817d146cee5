//! Whole frames of Neighbor Solicitations and Advertisements, written in place.

use super::Flags;
use super::option::{NONCE, SOURCE_LINK, TARGET_LINK};
use crate::checksum::Sum;
use crate::error::place;
use crate::{Error, EtherType, Ipv6, Mac, Protocol, ethernet, icmpv6, ipv6};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of a whole frame without options and padding.
pub const BARE_FRAME_LEN: usize = size_of::<Bare>();
/// The length of a whole frame with one option, the usual case.
pub const FRAME_LEN: usize = BARE_FRAME_LEN + size_of::<Short>();

/// Ethernet, IPv6 and the fixed part, which both messages share.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Bare {
    ethernet: ethernet::Header,
    ip: ipv6::Header,
    kind: u8,
    code: u8,
    checksum: U16,
    flags: u8,
    reserved: [u8; 3],
    target: Ipv6,
}

/// An option of 8 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Short {
    kind: u8,
    units: u8,
    content: [u8; 6],
}

/// A solicitation to write. The constructors set the fields as RFC 4861 and 4862 require. A test can change any field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Solicit {
    /// Ethernet destination.
    pub ethernet_destination: Mac,
    /// Ethernet source.
    pub mac: Mac,
    /// IPv6 source.
    pub source: Ipv6,
    /// IPv6 destination.
    pub destination: Ipv6,
    /// The address whose link-layer address the sender asks for.
    pub target: Ipv6,
    /// Source link-layer address option.
    pub source_link: Option<Mac>,
    /// Nonce option (RFC 7527).
    pub nonce: Option<[u8; 6]>,
}

impl Solicit {
    /// Creates a DAD solicitation: from `::` to the solicited-node group, without link-layer address (DAD-02).
    ///
    /// `nonce` is the nonce of RFC 7527.
    pub const fn dad(mac: Mac, target: Ipv6, nonce: Option<[u8; 6]>) -> Self {
        let destination = target.solicited_node();
        let ethernet_destination = destination.multicast_mac();
        Self { ethernet_destination, mac, source: Ipv6::UNSPECIFIED, destination, target, source_link: None, nonce }
    }

    /// Creates a solicitation for address resolution: to the solicited-node group, with the sender's link-layer address
    /// (ND-12).
    pub const fn resolve(mac: Mac, source: Ipv6, target: Ipv6) -> Self {
        let destination = target.solicited_node();
        let ethernet_destination = destination.multicast_mac();
        Self { ethernet_destination, mac, source, destination, target, source_link: Some(mac), nonce: None }
    }

    /// Creates a reachability probe: unicast to a known neighbor (ND-13).
    pub const fn probe(mac: Mac, source: Ipv6, neighbor: Mac, target: Ipv6) -> Self {
        let (destination, source_link) = (target, Some(mac));
        Self { ethernet_destination: neighbor, mac, source, destination, target, source_link, nonce: None }
    }

    /// The length of the frame in bytes.
    pub const fn frame_len(&self) -> usize {
        BARE_FRAME_LEN + (self.source_link.is_some() as usize + self.nonce.is_some() as usize) * size_of::<Short>()
    }
}

/// An advertisement to write. The constructors set the fields as RFC 4861 requires. A test can change any field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Advertise {
    /// Ethernet destination.
    pub ethernet_destination: Mac,
    /// Ethernet source.
    pub mac: Mac,
    /// IPv6 source.
    pub source: Ipv6,
    /// IPv6 destination.
    pub destination: Ipv6,
    /// The address whose link-layer address is announced.
    pub target: Ipv6,
    /// The flags R, S and O.
    pub flags: Flags,
    /// Target link-layer address option.
    pub target_link: Option<Mac>,
}

/// The destination of an unsolicited advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum To {
    /// All nodes, ff02::1 (RFC 4861 §7.2.6).
    AllNodes,
    /// All routers, ff02::2 (RFC 9131 §6.1.2).
    AllRouters,
    /// The address's own solicited-node group (draft-ietf-nvo3-vmm §4.2).
    SolicitedNode,
}

impl Advertise {
    /// Creates an unsolicited announcement of `target` at `mac` (ND-11, GND-02): S=0, with target link-layer address,
    /// from the target itself. `overrides` is flag O.
    pub const fn unsolicited(mac: Mac, target: Ipv6, to: To, overrides: bool) -> Self {
        let destination = match to {
            To::AllNodes => Ipv6::ALL_NODES,
            To::AllRouters => Ipv6::ALL_ROUTERS,
            To::SolicitedNode => target.solicited_node(),
        };
        Self {
            ethernet_destination: destination.multicast_mac(),
            mac,
            source: target,
            destination,
            target,
            flags: Flags { router: false, solicited: false, overrides },
            target_link: Some(mac),
        }
    }

    /// Creates the answer for `target` at `mac` to a solicitation from `asker` (ND-10): unicast with S=1. If the
    /// address of the asker is `::`, it goes to all nodes with S=0. It has a target link-layer address and O=1.
    pub const fn answer(mac: Mac, target: Ipv6, asker: (Mac, Ipv6)) -> Self {
        if asker.1.is_unspecified() {
            return Self::unsolicited(mac, target, To::AllNodes, true);
        }
        Self {
            ethernet_destination: asker.0,
            mac,
            source: target,
            destination: asker.1,
            target,
            flags: Flags { router: false, solicited: true, overrides: true },
            target_link: Some(mac),
        }
    }

    /// The length of the frame in bytes.
    pub const fn frame_len(&self) -> usize {
        BARE_FRAME_LEN + self.target_link.is_some() as usize * size_of::<Short>()
    }
}

/// Writes a whole solicitation frame: Ethernet, IPv6 with hop limit 255, ICMPv6 with checksum. Returns its length.
///
/// # Errors
/// [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has fewer than [`Solicit::frame_len`] bytes.
#[inline(always)]
pub fn solicitation(message: &Solicit, out: &mut [u8]) -> Result<usize, Error> {
    let source_link = message.source_link.as_ref().map(|mac| (SOURCE_LINK, &mac.0));
    let nonce = message.nonce.as_ref().map(|nonce| (NONCE, nonce));
    let Solicit { ethernet_destination, mac, ref source, ref destination, ref target, .. } = *message;
    let addresses = Addresses { ethernet_destination, mac, source, destination, target };
    write(icmpv6::NEIGHBOR_SOLICITATION, 0, addresses, [source_link, nonce], message.frame_len(), out)
        .map_err(|e| Error { protocol: Protocol::NeighborSolicitation, ..e })
}

/// Writes a whole advertisement frame: Ethernet, IPv6 with hop limit 255, ICMPv6 with checksum. Returns its length.
///
/// ```
/// use nvo3_wire::{nd, Ipv6, Mac};
///
/// let (mac, ip) = (Mac([2, 0, 0x5e, 0, 0x53, 1]), Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]));
/// let mut frame = [0; nd::FRAME_LEN];
/// let written = nd::advertisement(&nd::Advertise::unsolicited(mac, ip, nd::To::AllNodes, true), &mut frame)?;
/// assert_eq!(written, 86);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
///
/// # Errors
/// [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has fewer than [`Advertise::frame_len`] bytes.
#[inline(always)]
pub fn advertisement(message: &Advertise, out: &mut [u8]) -> Result<usize, Error> {
    let target_link = message.target_link.as_ref().map(|mac| (TARGET_LINK, &mac.0));
    let Advertise { ethernet_destination, mac, ref source, ref destination, ref target, .. } = *message;
    let addresses = Addresses { ethernet_destination, mac, source, destination, target };
    write(icmpv6::NEIGHBOR_ADVERTISEMENT, message.flags.bits(), addresses, [target_link], message.frame_len(), out)
        .map_err(|e| Error { protocol: Protocol::NeighborAdvertisement, ..e })
}

/// Writes the frame of [`Advertise::unsolicited`]. Returns its length, [`FRAME_LEN`] bytes.
///
/// # Errors
/// [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn announcement(mac: Mac, ip: Ipv6, to: To, overrides: bool, out: &mut [u8]) -> Result<usize, Error> {
    advertisement(&Advertise::unsolicited(mac, ip, to, overrides), out)
}

/// Writes the frame of [`Solicit::dad`]. Returns its length.
///
/// # Errors
/// [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has fewer than [`Solicit::frame_len`] bytes.
#[inline]
pub fn dad(mac: Mac, target: Ipv6, nonce: Option<[u8; 6]>, out: &mut [u8]) -> Result<usize, Error> {
    solicitation(&Solicit::dad(mac, target, nonce), out)
}

struct Addresses<'a> {
    ethernet_destination: Mac,
    mac: Mac,
    source: &'a Ipv6,
    destination: &'a Ipv6,
    target: &'a Ipv6,
}

/// The fields are written directly into the frame. The checksum is summed from the values, because reading bytes that
/// were just written is slow.
#[inline(always)]
fn write<const N: usize>(
    kind: u8,
    flags: u8,
    addresses: Addresses<'_>,
    options: [Option<(u8, &[u8; 6])>; N],
    frame_len: usize,
    out: &mut [u8],
) -> Result<usize, Error> {
    let available = out.len();
    let Some(out) = out.get_mut(..frame_len) else {
        return Err(Error::no_room(Protocol::Icmpv6, frame_len, available));
    };
    let length = (frame_len - size_of::<ethernet::Header>() - size_of::<ipv6::Header>()) as u16;
    let fields = [u16::from(ipv6::ICMPV6), length, u16::from(kind) << 8, u16::from(flags) << 8];
    let Addresses { source, destination, target, .. } = addresses;
    let mut sum = Sum::ZERO.words(fields).ipv6(source).ipv6(destination).ipv6(target);

    let (bare, mut rest) = place::<Bare>(out, Protocol::Icmpv6)?;
    bare.ethernet.destination = addresses.ethernet_destination;
    bare.ethernet.source = addresses.mac;
    bare.ethernet.ether_type = EtherType::IPV6;
    bare.ip.version_class_label = U32::new(6 << 28);
    bare.ip.payload_length = U16::new(length);
    bare.ip.next_header = ipv6::ICMPV6;
    bare.ip.hop_limit = 255;
    bare.ip.source = *source;
    bare.ip.destination = *destination;
    bare.kind = kind;
    bare.code = 0;
    bare.flags = flags;
    bare.reserved = [0; 3];
    bare.target = *target;
    for (kind, content) in options.into_iter().flatten() {
        let (placed, behind) = place::<Short>(rest, Protocol::Icmpv6)?;
        placed.kind = kind;
        placed.units = 1;
        placed.content = *content;
        sum = sum.plus(Sum::ZERO.word(u16::from_be_bytes([kind, 1])).mac(&Mac(*content)));
        rest = behind;
    }
    bare.checksum = U16::new(sum.checksum());
    Ok(frame_len)
}
