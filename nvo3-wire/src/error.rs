//! The one error of this crate: a sentence that says where.

use crate::{EtherType, Ipv4, Ipv6, Mac, Vni};
use core::fmt;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

/// What was being read or written.
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
    /// IEEE 802.2 LLC, with SNAP where it has it.
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
    /// ILA, an IPv6 address that is locator and identifier.
    Ila,
    /// ICMPv6 Router Solicitation.
    RouterSolicitation,
    /// ICMPv6 Router Advertisement.
    RouterAdvertisement,
    /// ICMPv6 Redirect.
    Redirect,
    /// The authentication header.
    Authentication,
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
        })
    }
}

/// The rule that was broken, with the value that broke it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The bytes end before the header or the payload it announces does.
    #[error("needs {needed} bytes, {available} are there")]
    Truncated {
        /// Bytes the header or its length field asks for.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The output is too small for what is to be written.
    #[error("writing needs {needed} bytes, the buffer has {available}")]
    NoRoom {
        /// Bytes to be written.
        needed: usize,
        /// Bytes the buffer has.
        available: usize,
    },
    /// The payload does not fit the 16-bit length field of its carrier.
    #[error("payload of {0} bytes exceeds the 16-bit length field")]
    TooLong(usize),
    /// A length field of IEEE 802.3 where Ethernet II has its EtherType, from 0x0600 on.
    #[error("{0:#06x} is a length or undefined, not an EtherType")]
    NotEtherType(u16),
    /// VLAN id 4095, which IEEE 802.1Q reserves.
    #[error("VLAN id 4095 is reserved")]
    VlanId,
    /// ARP hardware type other than Ethernet, 1 (ARP-02).
    #[error("hardware type {0} is not Ethernet (1)")]
    HardwareType(u16),
    /// ARP protocol type other than IPv4, 0x0800 (ARP-02).
    #[error("protocol type {0:#06x} is not IPv4 (0x0800)")]
    ProtocolType(u16),
    /// ARP address lengths other than 6 and 4 (ARP-02).
    #[error("address lengths {hardware} and {protocol} are not 6 and 4")]
    AddressLengths {
        /// ar$hln.
        hardware: u8,
        /// ar$pln.
        protocol: u8,
    },
    /// An operation that does not belong to the EtherType (ARP-05).
    #[error("operation {0} does not belong to this EtherType")]
    Operation(u16),
    /// A sender IPv4 address nothing may be learned from (ARP-04).
    #[error("sender address {0} cannot be learned")]
    SenderIp(Ipv4),
    /// A sender MAC nothing may be learned from (ARP-04).
    #[error("sender MAC {0} cannot be learned")]
    SenderMac(Mac),
    /// The sender MAC is not the frame's source (ARP-04).
    #[error("sender MAC {sender} is not the frame's source {source_mac}")]
    SenderNotSource {
        /// ar$sha.
        sender: Mac,
        /// Ethernet source.
        source_mac: Mac,
    },
    /// The version nibble is another one.
    #[error("version is {0}")]
    Version(u8),
    /// IPv4 header length below five words.
    #[error("header length {0} words is below 5")]
    HeaderLength(u8),
    /// A length field that is smaller than its own header.
    #[error("length field {0} is smaller than the header")]
    Length(usize),
    /// The checksum does not verify.
    #[error("checksum {0:#06x} is wrong")]
    Checksum(u16),
    /// Zero UDP checksum over IPv6 where none is accepted (U6-03).
    #[error("zero checksum over IPv6 is not accepted here")]
    ZeroChecksum,
    /// A fragment where whole packets are required (VXL-07, RFC 6980).
    #[error("is a fragment")]
    Fragment,
    /// The upper protocol is another one than asked for.
    #[error("carries protocol {0}")]
    NextHeader(u8),
    /// The IPv6 header chain has more extension headers than any sender needs.
    #[error("more than {0} extension headers")]
    TooManyExtensions(u8),
    /// A UDP destination port that is not the tunnel's (VXL-03).
    #[error("destination port {0} is not the tunnel's")]
    Port(u16),
    /// Hop limit other than 255 (ND-01).
    #[error("hop limit {0} is not 255")]
    HopLimit(u8),
    /// Code other than 0 (ND-01).
    #[error("code {0} is not 0")]
    Code(u8),
    /// An option of length 0 (ND-01, ND-05).
    #[error("option {0} has length 0")]
    OptionLengthZero(u8),
    /// An option that reaches beyond the message (ND-01).
    #[error("option {kind} needs {needed} bytes, {available} are there")]
    OptionTruncated {
        /// Option type.
        kind: u8,
        /// Bytes its length field asks for.
        needed: usize,
        /// Bytes left in the message.
        available: usize,
    },
    /// Source link-layer address option in a message from `::` (ND-02).
    #[error("source link-layer address in a message from ::")]
    SourceOptionFromUnspecified,
    /// A solicitation from `::` to anything but a solicited-node group (ND-02).
    #[error("from :: but to {0}, not a solicited-node group")]
    UnspecifiedToOther(Ipv6),
    /// Multicast target (ND-03).
    #[error("target {0} is multicast")]
    MulticastTarget(Ipv6),
    /// S=1 to a multicast destination (ND-03).
    #[error("solicited flag set but destination {0} is multicast")]
    SolicitedToMulticast(Ipv6),
    /// A group as source address (IEEE 802.3, RFC 4291 §2.7, RFC 1122 §3.2.1.3).
    #[error("source address is a group")]
    MulticastSource,
    /// VXLAN flag I is 0, the VNI is not valid (VXL-02).
    #[error("flag I is 0, the VNI is not valid")]
    NoVni,
    /// An option whose length is one its kind can't have (RFC 791 §3.1, RFC 9293 §3.1, ND-05).
    #[error("option {kind} cannot have length {length}")]
    OptionLength {
        /// Option type.
        kind: u8,
        /// What its length field says: bytes, in an ND option units of 8 bytes.
        length: u8,
    },
    /// Options that are too many for the header that is to hold them.
    #[error("options of {0} bytes exceed the header")]
    OptionsTooLong(usize),
    /// A fragment before the last whose payload is no multiple of 8 bytes (RFC 791 §3.2, RFC 8200 §4.5).
    #[error("fragment of {0} bytes with more to come is no multiple of 8")]
    FragmentLength(usize),
    /// A fragment that would make the whole packet longer than 65,535 bytes (RFC 791 §3.2, RFC 8200 §4.5).
    #[error("fragment makes a packet of {0} bytes")]
    FragmentEnd(usize),
    /// Hop-by-hop options behind another header than IPv6's own (RFC 8200 §4.1).
    #[error("hop-by-hop options are not the first header")]
    HopByHopNotFirst,
    /// A jumbo payload option in a packet whose payload length is not 0 (RFC 2675 §3).
    #[error("jumbo payload option beside a payload length of {0}")]
    JumboBesideLength(u16),
    /// A jumbo payload of a length that the payload length could say (RFC 2675 §3).
    #[error("jumbo payload of {0} bytes is no longer than 65535")]
    JumboLength(u32),
    /// An option not known here whose type asks to drop the packet then (RFC 8200 §4.2).
    #[error("unknown option {0:#04x} asks to drop the packet")]
    UnknownOption(u8),
    /// A routing header of type 0 or of a type not known here that wants to be followed (RFC 8200 §4.4, RFC 5095 §3).
    #[error("routing header of type {kind} with {left} segments left")]
    SegmentsLeft {
        /// Routing type.
        kind: u8,
        /// Segments left.
        left: u8,
    },
    /// TTL or hop limit other than 1 in a message that stays on the link (RFC 3376 §4, RFC 3810 §5).
    #[error("hop limit {0} is not 1")]
    NotOneHop(u8),
    /// No router-alert option where one is required (RFC 3376 §4, RFC 3810 §5).
    #[error("router-alert option is absent")]
    NoRouterAlert,
    /// A source that is not link-local where it has to be (RFC 3810 §5.1.14, ND-04).
    #[error("source {0} is not link-local")]
    NotLinkLocal(Ipv6),
    /// A group address that is no IPv4 group.
    #[error("{0} is not a group")]
    NotGroup(Ipv4),
    /// A group address that is no IPv6 group.
    #[error("{0} is not a group")]
    NotGroup6(Ipv6),
    /// A message type that this parser is not for.
    #[error("message type {0} is not one of these")]
    MessageType(u8),
    /// An MTU, told by a Packet Too Big or a router, of less than every link takes (RFC 8201 §4, RFC 8200 §5).
    #[error("MTU {0} is below 1280")]
    Mtu(u32),
    /// A checksum over addresses was to be filled where no IP header is in front.
    #[error("no IP header in front whose addresses the checksum is over")]
    NoAddresses,
    /// An EtherType that is neither ARP's nor RARP's.
    #[error("EtherType {0:#06x} is neither ARP's nor RARP's")]
    NotArp(u16),
    /// What no ICMP error may be sent about (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
    #[error("no ICMP error may be sent about {0}")]
    NoErrorAbout(Unanswerable),
    /// A protocol type (or VXLAN-GPE next protocol) that no tunnel end here can deliver.
    #[error("payload type {0} is unknown")]
    PayloadType(EtherType),
    /// A control packet, never a tenant's (GNV-04).
    #[error("is a control packet")]
    Control,
    /// The inner packet's version nibble contradicts the tunnel header.
    #[error("inner packet has version {0}")]
    InnerVersion(u8),
    /// An 802.1Q tag in an inner frame where none is agreed on (VXL-13, NVG-04).
    #[error("inner frame has a VLAN tag")]
    InnerVlan,
    /// A critical Geneve option that this end does not know (GNV-02).
    #[error("critical option of class {class:#06x}, type {kind:#04x} is unknown")]
    UnknownCriticalOption {
        /// Option class.
        class: u16,
        /// Option type, critical bit included.
        kind: u8,
    },
    /// More option bytes than this end handles (GNV-06).
    #[error("{length} bytes of options, at most {limit} are handled")]
    OptionsBeyond {
        /// Bytes of options.
        length: usize,
        /// Bytes this end handles.
        limit: usize,
    },
    /// Reserved bits of GRE that must be zero: 1, 4 and 5 (NVG-02).
    #[error("reserved bits are set in {0:#06x}")]
    ReservedBits(u16),
    /// GRE with a checksum or sequence number, which NVGRE has not (NVG-01).
    #[error("checksum or sequence number present, NVGRE has neither")]
    NotPlain,
    /// GRE without the key that holds VSID and FlowID (NVG-01).
    #[error("key is absent")]
    NoKey,
    /// A VSID that no tenant may have: up to 0xfff, or 0xffffff (NVG-07).
    #[error("VSID {0} is reserved")]
    ReservedVsid(Vni),
    /// Tunnel ends of two address families.
    #[error("tunnel ends are of different address families")]
    AddressFamilies,
    /// An ILA identifier type that is not to be translated: 0 is an ordinary interface, 6 and 7 are reserved.
    #[error("identifier type {0} is not translated")]
    IdentifierType(u8),
    /// The checksum-neutral bit in an address that has no locator (ILA-02).
    #[error("SIR address has the checksum-neutral bit")]
    NeutralBit,
    /// An identifier ending in 0xffff, which a neutral mapping cannot give back (ILA-04).
    #[error("identifier ends in 0xffff")]
    AmbiguousIdentifier,
    /// A destination under another prefix than that to be replaced.
    #[error("destination {0} is under another prefix")]
    OtherPrefix(Ipv6),
    /// A Redirect for a multicast destination (ND-04).
    #[error("redirected destination {0} is multicast")]
    MulticastDestination(Ipv6),
    /// A Redirect to a target that is neither link-local nor the destination itself (ND-04).
    #[error("redirect target {0} is neither link-local nor the destination")]
    RedirectTarget(Ipv6),
    /// A message without the option that its RFC requires (RFC 3122 §2).
    #[error("required option {0} is absent")]
    OptionMissing(u8),
    /// A prefix of more bits than an address has; the option is ignored (RFC 4861 §4.6.2).
    #[error("prefix length {0} exceeds 128")]
    PrefixLength(u8),
    /// A prefix preferred for longer than it is valid; the option is ignored (RFC 4862 §5.5.3 c).
    #[error("preferred for {preferred} s, valid for {valid} s only")]
    PreferredBeyondValid {
        /// Preferred lifetime in seconds.
        preferred: u32,
        /// Valid lifetime in seconds.
        valid: u32,
    },
    /// The link-local prefix advertised; the option is ignored (RFC 4861 §6.3.4).
    #[error("advertises the link-local prefix")]
    LinkLocalPrefix,
    /// The reserved route preference, binary 10; the option is ignored (RFC 4191 §2.3).
    #[error("route preference 10 is reserved")]
    ReservedPreference,
    /// Prefix length code 6 or 7; the option is ignored (RFC 8781 §4).
    #[error("prefix length code {0} is reserved")]
    PrefixLengthCode(u8),
    /// A search list that is not of whole, uncompressed names; the option is ignored (RFC 8106 §5.2).
    #[error("search list holds no whole, uncompressed names")]
    DomainName,
    /// A captive portal that is not UTF-8 text; the option is ignored (RFC 8910 §2.3).
    #[error("captive portal is no UTF-8 text")]
    NotText,
    /// Auxiliary data of a group record beyond 255 words (RFC 3376 §4.2.6, RFC 3810 §5.2.6).
    #[error("auxiliary data of {0} bytes exceeds 1020")]
    AuxiliaryTooLong(usize),
}

/// Why a packet gets no ICMP error in answer (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unanswerable {
    /// It is an ICMP error itself, a redirect, or an ICMP message too short to tell.
    IcmpError,
    /// It went to an IP group or broadcast address.
    ToGroup,
    /// It went to a link-layer group or broadcast address.
    ToLinkGroup,
    /// Its source is no single host: unspecified, loopback, group or broadcast.
    SourceNotHost,
    /// It is a fragment other than the first.
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

/// Why bytes could not be read, may not be acted on, or could not be written.
///
/// `offset` counts from the first byte of the slice handed to the function that failed, so that of a whole frame from
/// the Ethernet destination on.
///
/// ```
/// let error = nvo3_wire::ethernet::Frame::parse(&[0; 9]).unwrap_err();
/// assert_eq!(std::format!("{error}"), "Ethernet at byte 0: needs 14 bytes, 9 are there");
/// # extern crate std;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{protocol} at byte {offset}: {rule}")]
pub struct Error {
    /// What was being read or written.
    pub protocol: Protocol,
    /// Where its header (or the option in question) begins.
    pub offset: usize,
    /// What was wrong; also the reason to count by.
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

    /// The same error seen from a slice that begins `base` bytes earlier.
    ///
    /// For callers that parse layer by layer and want offsets from the start of the frame.
    #[cold]
    #[must_use]
    pub const fn at(self, base: usize) -> Self {
        Self { offset: self.offset.saturating_add(base), ..self }
    }
}

/// Reads a fixed header: one bounds check, a reference and the rest.
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
