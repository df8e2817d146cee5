//! The one error type of this crate: a sentence with protocol, offset and broken rule.

use crate::{EtherType, Ipv4, Ipv6, Mac, Vni};
use core::fmt;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The protocol that was read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Ethernet II or its 802.1Q tag.
    Ethernet,
    /// ARP, EtherType 0x0806.
    Arp,
    /// RARP, EtherType 0x8035.
    Rarp,
    /// IPv4.
    Ipv4,
    /// IPv6 or one of its extension headers.
    Ipv6,
    /// UDP.
    Udp,
    /// ICMPv6 of any type.
    Icmpv6,
    /// ICMPv6 Neighbor Solicitation.
    NeighborSolicitation,
    /// ICMPv6 Neighbor Advertisement.
    NeighborAdvertisement,
    /// VXLAN.
    Vxlan,
    /// IEEE 802.2 LLC, with SNAP if present.
    Llc,
    /// TCP.
    Tcp,
    /// ICMP for IPv4.
    Icmpv4,
    /// IGMP of any version.
    Igmp,
    /// Multicast Listener Discovery of either version.
    Mld,
    /// VXLAN-GPE.
    VxlanGpe,
    /// Geneve or one of its options.
    Geneve,
    /// GRE of any kind.
    Gre,
    /// NVGRE.
    Nvgre,
    /// ILA: an IPv6 address made of locator and identifier.
    Ila,
    /// ICMPv6 Router Solicitation.
    RouterSolicitation,
    /// ICMPv6 Router Advertisement.
    RouterAdvertisement,
    /// ICMPv6 Redirect.
    Redirect,
    /// The authentication header.
    Authentication,
    /// DHCP for IPv4.
    Dhcpv4,
    /// DHCP for IPv6.
    Dhcpv6,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ethernet => "Ethernet",
            Self::Arp => "ARP",
            Self::Rarp => "RARP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Udp => "UDP",
            Self::Icmpv6 => "ICMPv6",
            Self::NeighborSolicitation => "ICMPv6 NS",
            Self::NeighborAdvertisement => "ICMPv6 NA",
            Self::Vxlan => "VXLAN",
            Self::Llc => "LLC",
            Self::Tcp => "TCP",
            Self::Icmpv4 => "ICMP",
            Self::Igmp => "IGMP",
            Self::Mld => "MLD",
            Self::VxlanGpe => "VXLAN-GPE",
            Self::Geneve => "Geneve",
            Self::Gre => "GRE",
            Self::Nvgre => "NVGRE",
            Self::Ila => "ILA",
            Self::RouterSolicitation => "ICMPv6 RS",
            Self::RouterAdvertisement => "ICMPv6 RA",
            Self::Redirect => "ICMPv6 Redirect",
            Self::Authentication => "AH",
            Self::Dhcpv4 => "DHCP",
            Self::Dhcpv6 => "DHCPv6",
        })
    }
}

/// The broken rule, with the value that broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The bytes end before the end of the header, or of the payload that the header announces.
    #[error("needs {needed} bytes, but only {available} are present")]
    Truncated {
        /// Bytes that the header or its length field needs.
        needed: usize,
        /// Bytes that are present.
        available: usize,
    },
    /// The output buffer is too small.
    #[error("writing needs {needed} bytes, but the buffer has only {available}")]
    NoRoom {
        /// Bytes to write.
        needed: usize,
        /// Bytes in the buffer.
        available: usize,
    },
    /// The payload is longer than a length field can say, in most headers 65,535 bytes.
    #[error("payload of {0} bytes is longer than the length field can say")]
    TooLong(usize),
    /// A number below 0x0600 in the place of the EtherType. IEEE 802.3 takes it for a length or leaves it undefined.
    #[error("{0:#06x} is a length or undefined, not an EtherType (must be 0x0600 or above)")]
    NotEtherType(u16),
    /// VLAN id 4095, which IEEE 802.1Q reserves.
    #[error("VLAN id 4095 is reserved (must be 0 to 4094)")]
    VlanId,
    /// ARP hardware type other than 1, Ethernet (ARP-02 requires Ethernet).
    #[error("hardware type {0} is not Ethernet (1)")]
    HardwareType(u16),
    /// ARP protocol type other than 0x0800, IPv4 (ARP-02 requires IPv4).
    #[error("protocol type {0:#06x} is not IPv4 (0x0800)")]
    ProtocolType(u16),
    /// ARP address lengths other than 6 and 4 (ARP-02 requires these).
    #[error("address lengths {hardware} and {protocol} must be 6 (MAC) and 4 (IPv4)")]
    AddressLengths {
        /// Hardware address length, ar$hln.
        hardware: u8,
        /// Protocol address length, ar$pln.
        protocol: u8,
    },
    /// An operation that does not belong to the EtherType (ARP-05: 1 and 2 are ARP, 3 and 4 are RARP).
    #[error("operation {0} does not belong to this EtherType")]
    Operation(u16),
    /// A sender IPv4 address that nobody may learn from (ARP-04: the address of no single host).
    #[error("sender address {0} is not the address of a single host")]
    SenderIp(Ipv4),
    /// A sender MAC that nobody may learn from (ARP-04: the MAC of no single station).
    #[error("sender MAC {0} is not the MAC of a single station")]
    SenderMac(Mac),
    /// The sender MAC differs from the frame's source (ARP-04 then forbids to learn).
    #[error("sender MAC {sender} differs from the frame's source {source_mac}")]
    SenderNotSource {
        /// Sender MAC, ar$sha.
        sender: Mac,
        /// Ethernet source.
        source_mac: Mac,
    },
    /// The version field has a value that this protocol does not have.
    #[error("version {0} is not the version of this protocol")]
    Version(u8),
    /// IPv4 or TCP header length below five words.
    #[error("header length of {0} words is below the minimum of 5")]
    HeaderLength(u8),
    /// A length or offset that its header or message cannot have: smaller than the header, or no multiple of the unit.
    #[error("length {0} is not possible for this header or message")]
    Length(usize),
    /// The checksum does not verify.
    #[error("checksum {0:#06x} is wrong")]
    Checksum(u16),
    /// Zero UDP checksum over IPv6, where the receiver does not accept it (U6-03).
    #[error("zero UDP checksum over IPv6 is not accepted here")]
    ZeroChecksum,
    /// A fragment, where a whole packet is required (VXL-07, RFC 6980).
    #[error("packet is a fragment, but a whole packet is required")]
    Fragment,
    /// The packet carries another upper protocol than the caller asked for.
    #[error("packet carries protocol {0}, which is not the expected one")]
    NextHeader(u8),
    /// The IPv6 header chain has more extension headers than this crate accepts.
    #[error("more than {0} extension headers")]
    TooManyExtensions(u8),
    /// A UDP destination port that is not the tunnel's (VXL-03).
    #[error("UDP destination port {0} is not the tunnel's port")]
    Port(u16),
    /// Hop limit other than 255 (ND-01 requires 255).
    #[error("hop limit {0} must be 255")]
    HopLimit(u8),
    /// Code other than 0 (ND-01 requires 0).
    #[error("code {0} must be 0")]
    Code(u8),
    /// An option of length 0 (ND-01 and ND-05 drop the message).
    #[error("option {0} has length 0")]
    OptionLengthZero(u8),
    /// An option that reaches beyond the end of the message (ND-01 drops the message).
    #[error("option {kind} needs {needed} bytes, but only {available} are present")]
    OptionTruncated {
        /// Option type.
        kind: u8,
        /// Bytes that its length field asks for.
        needed: usize,
        /// Bytes left in the message.
        available: usize,
    },
    /// Source link-layer address option in a message from `::` (ND-02 forbids it).
    #[error("message from :: must not have a source link-layer address option")]
    SourceOptionFromUnspecified,
    /// A solicitation from `::` to a destination that is no solicited-node group (ND-02 requires one).
    #[error("solicitation from :: goes to {0}, which is not a solicited-node group")]
    UnspecifiedToOther(Ipv6),
    /// Multicast target (ND-03 forbids it).
    #[error("target {0} is a multicast address")]
    MulticastTarget(Ipv6),
    /// Flag S=1 in an advertisement to a multicast destination (ND-03 forbids it).
    #[error("solicited flag is set, but destination {0} is multicast")]
    SolicitedToMulticast(Ipv6),
    /// A group as source address (forbidden by IEEE 802.3, RFC 4291 §2.7, RFC 1122 §3.2.1.3).
    #[error("source address is a group address")]
    MulticastSource,
    /// VXLAN flag I is 0, so the VNI is not valid (VXL-02).
    #[error("flag I is 0, so the VNI is not valid")]
    NoVni,
    /// An option with a length that its kind cannot have (RFC 791 §3.1, RFC 9293 §3.1, ND-05).
    #[error("option {kind} cannot have length {length}")]
    OptionLength {
        /// Option type.
        kind: u8,
        /// The value of its length field: bytes; in an ND option units of 8 bytes.
        length: u8,
    },
    /// The options do not fit into the header.
    #[error("options of {0} bytes do not fit into the header")]
    OptionsTooLong(usize),
    /// A fragment before the last whose payload is not a multiple of 8 bytes (RFC 791 §3.2, RFC 8200 §4.5).
    #[error("fragment of {0} bytes is not the last, so its length must be a multiple of 8")]
    FragmentLength(usize),
    /// A fragment that would make the whole packet longer than 65,535 bytes (RFC 791 §3.2, RFC 8200 §4.5).
    #[error("fragment makes a packet of {0} bytes (limit 65535)")]
    FragmentEnd(usize),
    /// Hop-by-hop options that do not directly follow the IPv6 header (RFC 8200 §4.1).
    #[error("hop-by-hop options must be the first extension header")]
    HopByHopNotFirst,
    /// A jumbo payload option in a packet whose payload length is not 0 (RFC 2675 §3).
    #[error("packet has a jumbo payload option, but its payload length is {0} and not 0")]
    JumboBesideLength(u16),
    /// A jumbo payload length of 65,535 or less, which the payload length field can say (RFC 2675 §3).
    #[error("jumbo payload length {0} must be above 65535")]
    JumboLength(u32),
    /// An option unknown to this crate whose type asks the receiver to drop the packet (RFC 8200 §4.2).
    #[error("unknown option {0:#04x} asks the receiver to drop the packet")]
    UnknownOption(u8),
    /// A routing header of type 0 or of an unknown type with segments left (RFC 8200 §4.4, RFC 5095 §3).
    #[error("routing header of unsupported type {kind} has {left} segments left (must be 0)")]
    SegmentsLeft {
        /// Routing type.
        kind: u8,
        /// Segments left.
        left: u8,
    },
    /// TTL or hop limit other than 1 in a message that must stay on the link (RFC 3376 §4, RFC 3810 §5).
    #[error("TTL or hop limit {0} must be 1")]
    NotOneHop(u8),
    /// No router-alert option in a message that needs one (RFC 3376 §4, RFC 3810 §5).
    #[error("router-alert option is missing")]
    NoRouterAlert,
    /// A source that is not link-local in a message that requires it (RFC 3810 §5.1.14, ND-04).
    #[error("source {0} must be a link-local address")]
    NotLinkLocal(Ipv6),
    /// A group address that is not an IPv4 group.
    #[error("{0} is not a multicast group")]
    NotGroup(Ipv4),
    /// A group address that is not an IPv6 group.
    #[error("{0} is not a multicast group")]
    NotGroup6(Ipv6),
    /// A message type that this parser does not read.
    #[error("message type {0} is not one that this parser reads")]
    MessageType(u8),
    /// An MTU below 1,280, which every IPv6 link supports. From a Packet Too Big or a router (RFC 8201 §4, RFC 8200
    /// §5).
    #[error("MTU {0} is below the minimum of 1280")]
    Mtu(u32),
    /// A checksum that covers addresses, in a message without an IP header in front.
    #[error("checksum needs the addresses of an IP header, but no IP header is in front")]
    NoAddresses,
    /// An EtherType other than those of ARP and RARP.
    #[error("EtherType {0:#06x} is neither ARP (0x0806) nor RARP (0x8035)")]
    NotArp(u16),
    /// A packet that must not be answered by an ICMP error (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
    #[error("no ICMP error may be sent about {0}")]
    NoErrorAbout(Unanswerable),
    /// A protocol type (or VXLAN-GPE next protocol) that this crate cannot deliver or this encapsulation cannot carry.
    #[error("payload type {0} is unknown or not possible here")]
    PayloadType(EtherType),
    /// A control packet, which must not reach a tenant (GNV-04).
    #[error("control packet must not reach a tenant")]
    Control,
    /// The IP version of the inner packet contradicts the tunnel header.
    #[error("inner packet has IP version {0}, which contradicts the tunnel header")]
    InnerVersion(u8),
    /// An 802.1Q tag in an inner frame, where both endpoints have not agreed on one (VXL-13, NVG-04).
    #[error("inner frame has a VLAN tag, but none is allowed here")]
    InnerVlan,
    /// A critical Geneve option that this endpoint does not know (GNV-02).
    #[error("critical option of class {class:#06x}, type {kind:#04x} is unknown")]
    UnknownCriticalOption {
        /// Option class.
        class: u16,
        /// Option type, critical bit included.
        kind: u8,
    },
    /// More option bytes than this endpoint handles (GNV-06).
    #[error("options of {length} bytes exceed the limit of {limit} bytes")]
    OptionsBeyond {
        /// Bytes of options.
        length: usize,
        /// The most bytes that this endpoint handles.
        limit: usize,
    },
    /// One of GRE's reserved bits 1, 4 and 5 is set (NVG-02 requires 0). The value is the flags.
    #[error("reserved bit 1, 4 or 5 is set in flags {0:#06x}")]
    ReservedBits(u16),
    /// GRE with a checksum or sequence number, which NVGRE does not have (NVG-01).
    #[error("checksum or sequence number is present, but NVGRE has neither")]
    NotPlain,
    /// GRE without the key, which holds VSID and FlowID (NVG-01).
    #[error("key with VSID and FlowID is missing")]
    NoKey,
    /// A VSID that no tenant may have: 0 to 0xfff, or 0xffffff (NVG-07).
    #[error("VSID {0} is reserved (must be 4096 to 16777214)")]
    ReservedVsid(Vni),
    /// A tunnel from an IPv4 endpoint to an IPv6 endpoint, or the reverse.
    #[error("tunnel endpoints have different address families")]
    AddressFamilies,
    /// An ILA identifier type that is not translated: 0 is an ordinary interface, 6 and 7 are reserved.
    #[error("identifier type {0} is not translated (must be 1 to 5)")]
    IdentifierType(u8),
    /// The checksum-neutral bit in a SIR address, which has no locator (ILA-02).
    #[error("SIR address must not have the checksum-neutral bit set")]
    NeutralBit,
    /// An identifier that ends in 0xffff, which a checksum-neutral mapping cannot restore (ILA-04).
    #[error("identifier ends in 0xffff, which a checksum-neutral mapping cannot restore")]
    AmbiguousIdentifier,
    /// A destination that is not under the prefix to replace.
    #[error("destination {0} is not under the prefix to replace")]
    OtherPrefix(Ipv6),
    /// A Redirect for a multicast destination (ND-04 forbids it).
    #[error("redirected destination {0} is a multicast address")]
    MulticastDestination(Ipv6),
    /// A Redirect to a target that is neither link-local nor the destination itself (ND-04).
    #[error("redirect target {0} is neither link-local nor the destination")]
    RedirectTarget(Ipv6),
    /// A message without an option that its RFC requires (RFC 3122 §2).
    #[error("required option {0} is missing")]
    OptionMissing(u8),
    /// A prefix longer than an address. The receiver ignores the option (RFC 4861 §4.6.2).
    #[error("prefix length {0} exceeds 128")]
    PrefixLength(u8),
    /// A preferred lifetime longer than the valid lifetime. The receiver ignores the option (RFC 4862 §5.5.3 c).
    #[error("preferred lifetime {preferred} s exceeds valid lifetime {valid} s")]
    PreferredBeyondValid {
        /// Preferred lifetime in seconds.
        preferred: u32,
        /// Valid lifetime in seconds.
        valid: u32,
    },
    /// The link-local prefix in an advertisement. The receiver ignores the option (RFC 4861 §6.3.4).
    #[error("link-local prefix must not be advertised")]
    LinkLocalPrefix,
    /// The reserved route preference, binary 10. The receiver ignores the option (RFC 4191 §2.3).
    #[error("route preference 10 (binary) is reserved")]
    ReservedPreference,
    /// Prefix length code 6 or 7. The receiver ignores the option (RFC 8781 §4).
    #[error("prefix length code {0} is reserved (must be 0 to 5)")]
    PrefixLengthCode(u8),
    /// A search list with an incomplete or compressed name. The receiver ignores the option (RFC 8106 §5.2).
    #[error("search list has an incomplete or compressed name")]
    DomainName,
    /// A captive portal URI that is not UTF-8 text. The receiver ignores the option (RFC 8910 §2.3).
    #[error("captive portal URI is not UTF-8 text")]
    NotText,
    /// Auxiliary data of a group record longer than 255 words (RFC 3376 §4.2.6, RFC 3810 §5.2.6).
    #[error("auxiliary data of {0} bytes exceeds the limit of 1020")]
    AuxiliaryTooLong(usize),
    /// The four bytes in front of DHCP's options are not the magic cookie (RFC 2132 §2).
    #[error("magic cookie {0:#010x} is not that of DHCP (0x63825363)")]
    Cookie(u32),
    /// DHCP's option overload says neither of `file` and `sname` nor both (RFC 2132 §9.3).
    #[error("option overload {0} must be 1 to 3")]
    Overload(u8),
    /// A DHCP option that comes twice, and so is one long option (RFC 3396 §5), which has one length only.
    #[error("option {0} comes more than once")]
    OptionTwice(u8),
}

/// The reason why no ICMP error may answer a packet (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unanswerable {
    /// The packet is an ICMP error itself, a redirect, or an ICMP message too short to tell.
    IcmpError,
    /// The packet was sent to an IP group or broadcast address.
    ToGroup,
    /// The frame was sent to a link-layer group or broadcast address.
    ToLinkGroup,
    /// The source is not a single host: it is unspecified, loopback, group or broadcast.
    SourceNotHost,
    /// The packet is a fragment other than the first.
    LaterFragment,
}

impl fmt::Display for Unanswerable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IcmpError => "an ICMP error or redirect",
            Self::ToGroup => "a packet to a group",
            Self::ToLinkGroup => "a frame to a group",
            Self::SourceNotHost => "a packet whose source is no single host",
            Self::LaterFragment => "a fragment other than the first",
        })
    }
}

/// Says why bytes could not be read, must not be used, or could not be written.
///
/// `offset` counts from the first byte of the slice that the caller handed in. For a whole frame that is the first byte
/// of the Ethernet destination.
///
/// ```
/// let error = nvo3_wire::ethernet::Frame::parse(&[0; 9]).unwrap_err();
/// assert_eq!(std::format!("{error}"), "Ethernet at byte 0: needs 14 bytes, but only 9 are present");
/// # extern crate std;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{protocol} at byte {offset}: {rule}")]
pub struct Error {
    /// The protocol that was read or written.
    pub protocol: Protocol,
    /// The offset of the header (or of the option in question).
    pub offset: usize,
    /// The broken rule. Its [`core::mem::discriminant`] is a key for drop counters.
    pub rule: Rule,
}

impl Error {
    #[cold]
    pub(crate) const fn new(protocol: Protocol, offset: usize, rule: Rule) -> Self {
        Self { protocol, offset, rule }
    }

    #[cold]
    pub(crate) const fn truncated(protocol: Protocol, needed: usize, available: usize) -> Self {
        Self::new(protocol, 0, Rule::Truncated { needed, available })
    }

    #[cold]
    pub(crate) const fn no_room(protocol: Protocol, needed: usize, available: usize) -> Self {
        Self::new(protocol, 0, Rule::NoRoom { needed, available })
    }

    /// The same error with an offset from a slice that begins `base` bytes earlier.
    ///
    /// Use it to parse layer by layer and report offsets from the start of the frame.
    #[cold]
    #[must_use]
    pub const fn at(self, base: usize) -> Self {
        Self { offset: self.offset.saturating_add(base), ..self }
    }
}

/// Reads a fixed header with one bounds check. Returns a reference and the rest.
#[inline(always)]
pub(crate) fn take<T>(bytes: &[u8], protocol: Protocol) -> Result<(&T, &[u8]), Error>
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    match T::ref_from_prefix(bytes) {
        Ok(taken) => Ok(taken),
        Err(_) => Err(Error::truncated(protocol, size_of::<T>(), bytes.len())),
    }
}

/// The first `size_of::<T>()` bytes of the output, to be filled in place.
#[inline(always)]
pub(crate) fn place<T>(out: &mut [u8], protocol: Protocol) -> Result<(&mut T, &mut [u8]), Error>
where
    T: FromBytes + zerocopy::IntoBytes + KnownLayout + Immutable + Unaligned,
{
    let available = out.len();
    match T::mut_from_prefix(out) {
        Ok(placed) => Ok(placed),
        Err(_) => Err(Error::no_room(protocol, size_of::<T>(), available)),
    }
}
