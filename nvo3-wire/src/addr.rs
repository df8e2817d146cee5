//! Addresses and identifiers that every header uses.

use core::array::TryFromSliceError;
use core::fmt;
use core::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::ParseIntError;
use core::str::FromStr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An Ethernet address, in transmission order.
///
/// The text form is six lower-case hex pairs with colons. Parsing also accepts upper case.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// The all-zero address: unknown, and never the address of a station.
    pub const ZERO: Self = Self([0; 6]);

    /// True for broadcast and multicast: the group bit of the first octet is set.
    #[inline]
    pub const fn is_group(&self) -> bool {
        self.0[0] & 1 != 0
    }

    /// True for 01:80:c2:00:00:00 to 01:80:c2:00:00:0f: the groups of one link, which no bridge forwards (IEEE 802.1Q §8.6.3).
    ///
    /// STP, pause, LACP, 802.1X and LLDP use them.
    #[inline]
    pub const fn is_link_group(&self) -> bool {
        matches!(self.0, [0x01, 0x80, 0xc2, 0, 0, 0..=0x0f])
    }

    /// True for 00:00:5e:00:01:xx and 00:00:5e:00:02:xx: the address of a virtual router (RFC 9568 §7.3), which several stations share.
    #[inline]
    pub const fn is_virtual_router(&self) -> bool {
        matches!(self.0, [0, 0, 0x5e, 0, 1 | 2, _])
    }

    /// True for the address of one station: neither a group nor all zero.
    #[inline]
    pub const fn is_station(&self) -> bool {
        let [a, b, c, d, e, f] = self.0;
        a & 1 == 0 && a | b | c | d | e | f != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Writes what `Display` writes, as the addresses of `core::net` do.
macro_rules! debug_as_display {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

debug_as_display!(Mac, EtherType, Ipv4, Ipv6);

impl TryFrom<&[u8]> for Mac {
    type Error = TryFromSliceError;

    /// Takes a slice of exactly 6 bytes.
    fn try_from(bytes: &[u8]) -> Result<Self, TryFromSliceError> {
        bytes.try_into().map(Self)
    }
}

/// The error for text that is not six hex pairs separated by colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is six hex pairs separated by colons")]
pub struct ParseMacError;

impl FromStr for Mac {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let mut mac = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut mac {
            let pair = pairs.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
            *octet = u8::from_str_radix(pair.ok_or(ParseMacError)?, 16).map_err(|_| ParseMacError)?;
        }
        if pairs.next().is_some() { Err(ParseMacError) } else { Ok(Self(mac)) }
    }
}

/// Conversions from and to the bytes of a packet.
macro_rules! octets {
    ($($address:ident: $len:literal;)+) => {$(
        impl From<[u8; $len]> for $address {
            fn from(octets: [u8; $len]) -> Self {
                Self(octets)
            }
        }

        impl From<$address> for [u8; $len] {
            fn from(address: $address) -> Self {
                address.0
            }
        }
    )+};
}

octets! {
    Mac: 6;
    EtherType: 2;
    Ipv4: 4;
    Ipv6: 16;
}

/// Conversions from and to the standard library's address type, and its text form.
macro_rules! standard {
    ($($address:ident: $standard:ident, $family:ident;)+) => {$(
        impl fmt::Display for $address {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.addr().fmt(f)
            }
        }

        impl FromStr for $address {
            type Err = AddrParseError;

            fn from_str(text: &str) -> Result<Self, AddrParseError> {
                text.parse::<$standard>().map(Self::from)
            }
        }

        impl From<$standard> for $address {
            fn from(address: $standard) -> Self {
                Self(address.octets())
            }
        }

        impl From<$address> for $standard {
            fn from(address: $address) -> Self {
                address.addr()
            }
        }

        impl From<$address> for IpAddr {
            fn from(address: $address) -> Self {
                Self::$family(address.addr())
            }
        }
    )+};
}

standard! {
    Ipv4: Ipv4Addr, V4;
    Ipv6: Ipv6Addr, V6;
}

/// A protocol number of Ethernet II, in transmission order.
///
/// The text form is `0x` and four hex digits. Parsing also accepts one to three digits, and upper-case digits after
/// `0x`.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct EtherType(pub [u8; 2]);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self([0x08, 0x00]);
    /// ARP (RFC 826).
    pub const ARP: Self = Self([0x08, 0x06]);
    /// Transparent Ethernet bridging: the protocol type of an Ethernet frame in Geneve and NVGRE.
    pub const BRIDGING: Self = Self([0x65, 0x58]);
    /// Reverse ARP (RFC 903).
    pub const RARP: Self = Self([0x80, 0x35]);
    /// 802.1Q customer tag.
    pub const VLAN: Self = Self([0x81, 0x00]);
    /// IPv6.
    pub const IPV6: Self = Self([0x86, 0xdd]);
    /// 802.1ad service tag.
    pub const SERVICE_VLAN: Self = Self([0x88, 0xa8]);
    /// The service tag's EtherType from before 802.1ad assigned one.
    pub const OLD_SERVICE_VLAN: Self = Self([0x91, 0x00]);

    /// The number in host order.
    #[inline]
    pub const fn get(self) -> u16 {
        u16::from_be_bytes(self.0)
    }

    /// True if this EtherType announces a VLAN tag.
    #[inline]
    pub const fn is_tag(self) -> bool {
        matches!(self, Self::VLAN | Self::SERVICE_VLAN | Self::OLD_SERVICE_VLAN)
    }
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.get())
    }
}

/// The error for text that is not `0x` and one to four hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an EtherType is 0x and one to four hex digits")]
pub struct ParseEtherTypeError;

impl FromStr for EtherType {
    type Err = ParseEtherTypeError;

    fn from_str(text: &str) -> Result<Self, ParseEtherTypeError> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = u16::from_str_radix(digits.ok_or(ParseEtherTypeError)?, 16);
        number.map(Self::from).map_err(|_| ParseEtherTypeError)
    }
}

impl From<u16> for EtherType {
    fn from(number: u16) -> Self {
        Self(number.to_be_bytes())
    }
}

impl From<EtherType> for u16 {
    fn from(ether_type: EtherType) -> Self {
        ether_type.get()
    }
}

/// An IPv4 address, in the byte order of the packet.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Ipv4(pub [u8; 4]);

impl Ipv4 {
    /// `0.0.0.0`, the sender of a probe (RFC 5227 §1.1).
    pub const UNSPECIFIED: Self = Self([0; 4]);
    /// `255.255.255.255`.
    pub const BROADCAST: Self = Self([255; 4]);

    /// The address as the standard library's type.
    #[inline]
    pub const fn addr(self) -> Ipv4Addr {
        let [a, b, c, d] = self.0;
        Ipv4Addr::new(a, b, c, d)
    }

    /// True for addresses in 224.0.0.0/4.
    #[inline]
    pub const fn is_multicast(&self) -> bool {
        self.0[0] & 0xf0 == 0xe0
    }

    /// True for `0.0.0.0`.
    #[inline]
    pub const fn is_unspecified(&self) -> bool {
        u32::from_ne_bytes(self.0) == 0
    }

    /// True for an address that one station can have: not unspecified, broadcast or multicast (ARP-04 learns from no
    /// other).
    #[inline]
    pub const fn is_station(&self) -> bool {
        !self.is_unspecified() && u32::from_ne_bytes(self.0) != u32::MAX && !self.is_multicast()
    }
}

/// An IPv6 address, in the byte order of the packet.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(transparent)]
pub struct Ipv6(pub [u8; 16]);

impl Ipv6 {
    /// `::`, the source of a DAD solicitation (RFC 4862 §5.4.2).
    pub const UNSPECIFIED: Self = Self([0; 16]);
    /// `ff02::1`.
    pub const ALL_NODES: Self = Self([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    /// `ff02::2`.
    pub const ALL_ROUTERS: Self = Self([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

    /// The address as the standard library's type.
    #[inline]
    pub const fn addr(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.0))
    }

    /// True for addresses in ff00::/8.
    #[inline]
    pub const fn is_multicast(&self) -> bool {
        self.0[0] == 0xff
    }

    /// True for `::`.
    #[inline]
    pub const fn is_unspecified(&self) -> bool {
        u128::from_ne_bytes(self.0) == 0
    }

    /// True for addresses in fe80::/10 (RFC 4291 §2.4).
    #[inline]
    pub const fn is_link_local(&self) -> bool {
        self.0[0] == 0xfe && self.0[1] & 0xc0 == 0x80
    }

    /// The link-local address with the interface identifier that this MAC gives (RFC 4291 §2.5.6, RFC 2464 §5).
    ///
    /// ```
    /// use nvo3_wire::{Ipv6, Mac};
    /// assert_eq!(Ipv6::link_local(Mac([2, 0, 0, 0, 0, 1])).to_string(), "fe80::ff:fe00:1");
    /// ```
    #[inline]
    pub const fn link_local(mac: Mac) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        Self([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
    }

    /// True for the solicited-node groups, ff02::1:ff00:0/104 (RFC 4291 §2.7.1).
    #[inline]
    pub const fn is_solicited_node(&self) -> bool {
        u128::from_be_bytes(self.0) >> 24 == u128::from_be_bytes(Self::UNSPECIFIED.solicited_node().0) >> 24
    }

    /// The solicited-node group of this address: ff02::1:ff00:0/104 and the address's low 24 bits (RFC 4291 §2.7.1).
    ///
    /// ```
    /// use nvo3_wire::Ipv6;
    /// let ip = Ipv6::from("2001:db8::12:3456".parse::<core::net::Ipv6Addr>().unwrap());
    /// assert_eq!(ip.solicited_node().to_string(), "ff02::1:ff12:3456");
    /// assert_eq!(ip.solicited_node().multicast_mac().to_string(), "33:33:ff:12:34:56");
    /// ```
    #[inline]
    pub const fn solicited_node(self) -> Self {
        let [.., x, y, z] = self.0;
        Self([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z])
    }

    /// The Ethernet group of an IPv6 group: 33:33 and the group's last four bytes (RFC 2464 §7).
    #[inline]
    pub const fn multicast_mac(self) -> Mac {
        let [.., w, x, y, z] = self.0;
        Mac([0x33, 0x33, w, x, y, z])
    }
}

/// A 24-bit virtual network identifier (VNI; VSID in NVGRE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The largest identifier, 2²⁴ − 1.
    pub const MAX: Self = Self(0xff_ffff);
    /// The smallest identifier, 0.
    pub const MIN: Self = Self(0);

    /// Creates an identifier. `None` if the value has more than 24 bits.
    pub const fn new(value: u32) -> Option<Self> {
        if value <= Self::MAX.0 { Some(Self(value)) } else { None }
    }

    /// The identifier as a number.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Creates an identifier from the three bytes of a header.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 3]) -> Self {
        let [a, b, c] = bytes;
        Self(u32::from_be_bytes([0, a, b, c]))
    }

    /// The three bytes that a header holds.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The error for a number or a text that is not a [`Vni`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VniError {
    /// The number has more than 24 bits.
    #[error("VNI {0} exceeds 24 bits (limit 16777215)")]
    TooLarge(u32),
    /// The text is not a decimal number.
    #[error("a VNI is a decimal number: {0}")]
    NotANumber(#[from] ParseIntError),
}

impl TryFrom<u32> for Vni {
    type Error = VniError;

    fn try_from(value: u32) -> Result<Self, VniError> {
        Self::new(value).ok_or(VniError::TooLarge(value))
    }
}

impl From<Vni> for u32 {
    fn from(vni: Vni) -> Self {
        vni.get()
    }
}

impl From<[u8; 3]> for Vni {
    fn from(bytes: [u8; 3]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<Vni> for [u8; 3] {
    fn from(vni: Vni) -> Self {
        vni.to_bytes()
    }
}

impl FromStr for Vni {
    type Err = VniError;

    fn from_str(text: &str) -> Result<Self, VniError> {
        Self::try_from(text.parse::<u32>()?)
    }
}

#[cfg(feature = "arbitrary")]
impl arbitrary::Arbitrary<'_> for Vni {
    fn arbitrary(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
        u.arbitrary().map(Self::from_bytes)
    }

    fn size_hint(_: usize) -> (usize, Option<usize>) {
        (3, Some(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn mac_text_is_six_pairs_and_nothing_else() {
        assert_eq!("02:00:5E:00:53:fe".parse(), Ok(Mac([2, 0, 0x5e, 0, 0x53, 0xfe])));
        for wrong in
            ["", "02:00:5e:00:53", "02:00:5e:00:53:fe:00", "2:0:5e:0:53:fe", "02-00-5e-00-53-fe", "+2:00:00:00:00:00"]
        {
            assert_eq!(wrong.parse::<Mac>(), Err(ParseMacError), "{wrong}");
        }
    }

    #[test]
    fn mac_is_made_of_six_bytes_and_of_no_other_number() {
        assert_eq!(Mac::try_from(&[2, 0, 0x5e, 0, 0x53, 1][..]).unwrap(), Mac([2, 0, 0x5e, 0, 0x53, 1]));
        for wrong in [&[0; 5][..], &[0; 7]] {
            assert!(Mac::try_from(wrong).is_err());
        }
    }

    #[test]
    fn vni_has_24_bits() {
        assert_eq!(Vni::new(0xff_ffff), Some(Vni::MAX));
        assert_eq!(Vni::new(0x100_0000), None);
        assert_eq!("16777215".parse(), Ok(Vni::MAX));
        for (text, words) in [
            ("16777216", "VNI 16777216 exceeds 24 bits (limit 16777215)"),
            ("0x7", "a VNI is a decimal number: invalid digit found in string"),
            ("", "a VNI is a decimal number: cannot parse integer from empty string"),
        ] {
            assert_eq!(text.parse::<Vni>().unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn ether_type_text_is_hexadecimal() {
        for text in ["0x0806", "0x806"] {
            assert_eq!(text.parse(), Ok(EtherType::ARP), "{text}");
        }
        assert_eq!("0x86DD".parse(), Ok(EtherType::IPV6));
        for wrong in ["", "0x", "806", "0x+86", "0x10000", "0X806"] {
            assert_eq!(wrong.parse::<EtherType>(), Err(ParseEtherTypeError), "{wrong}");
        }
    }

    #[cfg(feature = "arbitrary")]
    #[test]
    fn an_arbitrary_vni_takes_three_bytes() {
        let mut bytes = arbitrary::Unstructured::new(&[0, 1, 2, 3]);

        assert_eq!((bytes.arbitrary(), bytes.len()), (Ok(Vni::from_bytes([0, 1, 2])), 1));
        assert_eq!(<Vni as arbitrary::Arbitrary<'_>>::size_hint(0), (3, Some(3)));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_form_is_text_and_vni_is_checked() {
        let text = |value| serde_json::to_string(value).unwrap();
        assert_eq!(text(&Mac::BROADCAST), r#""ff:ff:ff:ff:ff:ff""#);
        assert_eq!(serde_json::to_string(&Ipv4([192, 0, 2, 1])).unwrap(), r#""192.0.2.1""#);
        assert_eq!(serde_json::to_string(&Ipv6::ALL_NODES).unwrap(), r#""ff02::1""#);
        assert_eq!(serde_json::to_string(&EtherType::ARP).unwrap(), r#""0x0806""#);
        assert_eq!(serde_json::from_str::<EtherType>(r#""0x86DD""#).unwrap(), EtherType::IPV6);
        assert!(serde_json::from_str::<EtherType>(r#""806""#).is_err());
        assert_eq!(serde_json::from_str::<Ipv6>(r#""ff02::1""#).unwrap(), Ipv6::ALL_NODES);
        assert_eq!(serde_json::from_str::<Mac>(r#""02:00:00:00:00:01""#).unwrap(), Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!(serde_json::from_str::<Vni>("16777215").unwrap(), Vni::MAX);
        assert!(serde_json::from_str::<Vni>("16777216").is_err());
        assert!(serde_json::from_str::<Mac>(r#""02:00""#).is_err());
    }

    #[cfg(feature = "arbitrary")]
    #[test]
    fn arbitrary_vni_stays_in_range() {
        let mut bytes = arbitrary::Unstructured::new(&[0xff; 8]);
        assert_eq!(bytes.arbitrary::<Vni>().unwrap(), Vni::MAX);
    }

    proptest! {
        #[test]
        fn mac_text_round_trips(bytes: [u8; 6]) {
            prop_assert_eq!(Mac(bytes).to_string().parse(), Ok(Mac(bytes)));
        }

        #[test]
        fn every_text_and_every_byte_form_round_trips(bytes: [u8; 16], number: u16, vni in 0u32..=0xff_ffff) {
            let [a, b, c, d, ..] = bytes;
            let (v4, v6, vni) = (Ipv4::from([a, b, c, d]), Ipv6::from(bytes), Vni::try_from(vni).unwrap());
            let ether_type = EtherType::from(number);
            prop_assert_eq!((v4.to_string().parse(), v6.to_string().parse()), (Ok(v4), Ok(v6)));
            prop_assert_eq!((ether_type.to_string().parse(), vni.to_string().parse()), (Ok(ether_type), Ok(vni)));
            prop_assert_eq!((<[u8; 4]>::from(v4), <[u8; 16]>::from(v6)), ([a, b, c, d], bytes));
            prop_assert_eq!((u16::from(ether_type), u32::from(vni)), (number, vni.get()));
            prop_assert_eq!((Vni::from(<[u8; 3]>::from(vni)), IpAddr::from(v4)), (vni, IpAddr::V4(v4.addr())));
        }

        #[test]
        fn every_solicited_node_group_is_recognised(bytes: [u8; 16]) {
            let group = Ipv6(bytes).solicited_node();
            prop_assert!(group.is_solicited_node() && group.is_multicast());
            prop_assert_eq!(Ipv6(bytes).is_solicited_node(), Ipv6(bytes) == group);
        }

        #[test]
        fn vni_bytes_round_trip(value in 0u32..=0xff_ffff) {
            let vni = Vni::new(value).unwrap();
            prop_assert_eq!(Vni::from_bytes(vni.to_bytes()), vni);
        }
    }
}
