//! The rule for one NVE: VNs, MACs and IP prefixes.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::{Mac, Vni};

/// The TSIs that one NVE may register. A part that names nothing allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rule {
    /// The VNs. Empty: each VN. Default: empty.
    pub vns: BTreeSet<Vni>,
    /// The MACs. Empty: each MAC. Default: empty.
    pub macs: BTreeSet<Mac>,
    /// The prefixes that contain the IP addresses. Empty: each address. Default: empty.
    pub prefixes: Vec<Prefix>,
}

impl Rule {
    /// True if the rule allows a TSI with all of these addresses.
    pub fn allows(&self, key: &TsiKey, ips: &[IpAddr]) -> bool {
        let within = |ip: &IpAddr| self.prefixes.iter().any(|prefix| prefix.contains(*ip));
        (self.vns.is_empty() || self.vns.contains(&key.vn))
            && (self.macs.is_empty() || self.macs.contains(&key.mac))
            && (self.prefixes.is_empty() || ips.iter().all(within))
    }
}

/// An IP prefix, such as `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "alloc::string::String", into = "alloc::string::String"))]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

/// The reason why something is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The address before the slash is none.
    #[error("the part before `/` is not an IP address")]
    Address,
    /// The length is no number, or too large for the address.
    #[error("the length of the prefix must be 0 to {most}")]
    Length {
        /// The largest length.
        most: u8,
    },
}

const fn bits(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl Prefix {
    /// The prefix of this length that contains an address.
    ///
    /// # Errors
    /// [`PrefixError::Length`] if the length is more than 32 of IPv4, or 128 of IPv6.
    pub const fn new(network: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let most = bits(network);
        if length > most { Err(PrefixError::Length { most }) } else { Ok(Self { network, length }) }
    }

    /// True if the prefix contains an address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let differ = match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => u128::from(network.to_bits() ^ ip.to_bits()) << 96,
            (IpAddr::V6(network), IpAddr::V6(ip)) => network.to_bits() ^ ip.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(self.length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `IP/LENGTH`, or `IP` for that address alone.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (network, length) = text.split_once('/').map_or((text, None), |(network, length)| (network, Some(length)));
        let network = network.parse().map_err(|_| PrefixError::Address)?;
        let most = bits(network);
        let length = length.map_or(Ok(most), |length| length.parse().map_err(|_| PrefixError::Length { most }))?;
        Self::new(network, length)
    }
}

impl TryFrom<alloc::string::String> for Prefix {
    type Error = PrefixError;

    fn try_from(text: alloc::string::String) -> Result<Self, PrefixError> {
        text.parse()
    }
}

impl From<Prefix> for alloc::string::String {
    fn from(prefix: Prefix) -> Self {
        alloc::format!("{prefix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_contains_the_addresses_of_its_first_bits_and_of_its_family() {
        let cases = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "2001:db8::1", true),
        ];
        for (prefix, ip, contains) in cases {
            let read: Prefix = prefix.parse().unwrap();
            assert_eq!(read.contains(ip.parse().unwrap()), contains, "{ip} in {prefix}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused_and_says_why() {
        let length = |most| Err(PrefixError::Length { most });
        let cases =
            [("", Err(PrefixError::Address)), ("192.0.2/8", Err(PrefixError::Address)), ("::/129", length(128))];
        for (text, expected) in cases.into_iter().chain([("192.0.2.0/33", length(32)), ("::1/x", length(128))]) {
            assert_eq!(text.parse::<Prefix>(), expected, "{text}");
        }
    }

    #[test]
    fn each_part_of_a_rule_counts_and_an_empty_part_allows_everything() {
        let key = TsiKey { vn: Vni::MAX, mac: Mac([2, 0, 0, 0, 0, 1]) };
        let ips = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let prefixes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let rule = |vns: &[Vni], macs: &[Mac], texts: &[&str]| Rule {
            vns: vns.iter().copied().collect(),
            macs: macs.iter().copied().collect(),
            prefixes: prefixes(texts),
        };

        for (rule, allows) in [
            (rule(&[], &[], &[]), true),
            (rule(&[Vni::MAX], &[key.mac], &["192.0.2.0/24", "2001:db8::/32"]), true),
            (rule(&[Vni::MIN], &[], &[]), false),
            (rule(&[], &[Mac::ZERO], &[]), false),
            (rule(&[], &[], &["192.0.2.0/24"]), false),
        ] {
            assert_eq!(rule.allows(&key, &ips), allows, "{rule:?}");
        }
    }
}
