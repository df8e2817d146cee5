//! The Internet checksum: sum and verify (RFC 1071), update in place (RFC 1624).
//!
//! Also the pseudo-headers of UDP, TCP and ICMPv6, and [`Field`], the content of a checksum field that a builder
//! writes.

use crate::{Ipv4, Ipv6, Mac, ipv4, ipv6};

/// A running one's-complement sum. A piece of odd length is padded with a zero byte, so only the last piece may be odd.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64); // 16-bit words in the machine's byte order, folded only at the end (RFC 1071 §2 (B))

/// From this length on, summing in lanes is faster.
const LONG: usize = 128;

impl Sum {
    /// An empty sum.
    pub const ZERO: Self = Self(0);

    #[inline]
    const fn add(self, words: u64) -> Self {
        let (sum, carry) = self.0.overflowing_add(words);
        Self(sum + carry as u64)
    }

    /// Adds bytes in the order of the packet.
    #[inline]
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (sum, bytes) = if bytes.len() < LONG { (self, bytes) } else { self.blocks(bytes) };
        let (words, rest) = bytes.as_chunks::<8>();
        let sum = sum.eights(words.as_flattened());
        if rest.is_empty() {
            return sum;
        }
        let (halves, rest) = rest.as_chunks::<2>();
        let sum = halves.iter().fold(sum, |sum, half| sum.add(u64::from(u16::from_ne_bytes(*half))));
        match rest {
            [last] => sum.add(u64::from(u16::from_ne_bytes([*last, 0]))),
            _ => sum,
        }
    }

    /// Adds bytes whose number is a multiple of 8. There is no loop if the compiler knows the number.
    #[inline(always)]
    pub(crate) fn eights(self, bytes: &[u8]) -> Self {
        bytes.as_chunks::<8>().0.iter().fold(self, |sum, word| sum.add(u64::from_ne_bytes(*word)))
    }

    /// Adds whole blocks in lanes without a carry between them, which the compiler turns into vector additions. Returns
    /// the rest too.
    fn blocks(self, bytes: &[u8]) -> (Self, &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<32>();
        let mut lanes = [0u64; 8];
        for block in blocks {
            for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<4>().0) {
                *lane = lane.wrapping_add(u64::from(u32::from_ne_bytes(*word)));
            }
        }
        (lanes.into_iter().fold(self, Self::add), rest)
    }

    /// Adds one 16-bit field by its value.
    #[inline]
    #[must_use]
    pub const fn word(self, value: u16) -> Self {
        self.add(value.to_be() as u64)
    }

    /// Adds several 16-bit fields by their values in one addition. So few fields cannot overflow.
    #[inline]
    #[must_use]
    pub const fn words<const N: usize>(self, values: [u16; N]) -> Self {
        const { assert!(N <= 1 << 16) };
        let (mut words, mut rest) = (0, values.as_slice());
        while let [value, behind @ ..] = rest {
            words += value.to_be() as u64;
            rest = behind;
        }
        self.add(words)
    }

    /// Adds a MAC address.
    #[inline]
    #[must_use]
    pub const fn mac(self, address: &Mac) -> Self {
        let [a, b, c, d, e, f] = address.0;
        self.add(u32::from_ne_bytes([a, b, c, d]) as u64 + u16::from_ne_bytes([e, f]) as u64)
    }

    /// Adds another sum.
    #[inline]
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        self.add(other.0)
    }

    /// Adds an IPv4 address.
    #[inline]
    #[must_use]
    pub const fn ipv4(self, address: &Ipv4) -> Self {
        self.add(u32::from_ne_bytes(address.0) as u64)
    }

    /// Adds an IPv6 address.
    #[inline]
    #[must_use]
    pub fn ipv6(self, address: &Ipv6) -> Self {
        let both = u128::from_ne_bytes(address.0);
        self.add(both as u64).add((both >> 64) as u64)
    }

    /// The sum folded to 16 bits, as a number.
    #[inline]
    pub const fn fold(self) -> u16 {
        // The rotation adds the two halves; the upper half of the result is the sum with its carry.
        let words = (self.0.wrapping_add(self.0.rotate_left(32)) >> 32) as u32;
        let sum = words.wrapping_add(words.rotate_left(16)) >> 16;
        u16::from_be(sum as u16)
    }

    /// The value for the checksum field: the complement of the sum (CKS-01).
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }

    /// The value for UDP's checksum field: a computed 0 becomes 0xffff, because 0 means "no checksum" (CKS-04, RFC
    /// 768).
    #[inline]
    pub const fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            sum => sum,
        }
    }

    /// True if the sum, which includes the checksum field, is 0xffff (CKS-02).
    #[inline]
    pub const fn verifies(self) -> bool {
        self.fold() == 0xffff
    }
}

/// The folded sum of `bytes` without the final complement (RFC 1071 §1).
pub fn sum(bytes: &[u8]) -> u16 {
    Sum::ZERO.bytes(bytes).fold()
}

/// The checksum of `bytes`. Their checksum field must be zero (CKS-01).
///
/// ```
/// assert_eq!(nvo3_wire::checksum::checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0x220d);
/// ```
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::ZERO.bytes(bytes).checksum()
}

/// True if `bytes`, with their checksum field, sum up to 0xffff (CKS-02).
#[must_use = "bytes with a wrong checksum must not be used"]
pub fn verify(bytes: &[u8]) -> bool {
    Sum::ZERO.bytes(bytes).verifies()
}

/// The new checksum after one 16-bit field changed from `old` to `new` (CKS-03, RFC 1624 equation 3).
///
/// ```
/// assert_eq!(nvo3_wire::checksum::update(0xdd2f, 0x5555, 0x3285), 0x0000);
/// ```
#[inline]
#[must_use]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Sum::ZERO.word(!checksum).word(!old).word(new).checksum()
}

/// The pseudo-header of an upper protocol over IPv4 (RFC 768).
#[inline]
pub const fn pseudo_ipv4(source: &Ipv4, destination: &Ipv4, protocol: u8, length: u16) -> Sum {
    Sum::ZERO.words([protocol as u16, length]).ipv4(source).ipv4(destination)
}

/// The pseudo-header of an upper protocol over IPv6 (RFC 8200 §8.1).
#[inline]
pub fn pseudo_ipv6(source: &Ipv6, destination: &Ipv6, protocol: u8, length: u32) -> Sum {
    Sum(u64::from(length.to_be())).words([protocol.into()]).ipv6(source).ipv6(destination)
}

/// The two addresses of a pseudo-header: the source, then the (last) destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses<'a> {
    /// IPv4.
    V4(&'a Ipv4, &'a Ipv4),
    /// IPv6.
    V6(&'a Ipv6, &'a Ipv6),
}

impl Addresses<'_> {
    /// The pseudo-header for `length` bytes of `protocol`. Only IPv6 supports more than 65,535 bytes.
    #[inline]
    pub fn pseudo_header(self, protocol: u8, length: u32) -> Sum {
        match self {
            Self::V4(source, destination) => pseudo_ipv4(source, destination, protocol, length as u16),
            Self::V6(source, destination) => pseudo_ipv6(source, destination, protocol, length),
        }
    }
}

impl<'a> From<&'a ipv4::Header> for Addresses<'a> {
    fn from(header: &'a ipv4::Header) -> Self {
        Self::V4(&header.source, &header.destination)
    }
}

impl<'a> From<&'a ipv6::Header> for Addresses<'a> {
    fn from(header: &'a ipv6::Header) -> Self {
        Self::V6(&header.source, &header.destination)
    }
}

/// The content of the checksum field that a builder writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Field {
    /// The computed checksum.
    #[default]
    Fill,
    /// Zero, which means "no checksum" in UDP.
    Zero,
    /// The sum of the pseudo-header alone: the start value for hardware that adds the rest.
    Partial,
    /// This value, right or wrong, for example to build a captured packet again.
    Keep(u16),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// RFC 1071 §4.1 word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// Checks CKS-01.
    #[test]
    fn v14_sum_is_ddf2_and_checksum_220d() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

        assert_eq!((sum(&bytes), checksum(&bytes)), (0xddf2, 0x220d));
    }

    /// Checks CKS-03.
    #[test]
    fn v14_incremental_update_gives_zero_where_rfc_1141_gives_ffff() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    /// Checks CKS-04.
    #[test]
    fn computed_zero_is_sent_as_ffff() {
        let sum = Sum::ZERO.word(0xffff);

        assert_eq!((sum.checksum(), sum.udp_checksum()), (0, 0xffff));
    }

    proptest! {
        /// Checks CKS-01.
        #[test]
        fn sum_equals_the_plain_one(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(sum(&bytes), plain(&bytes));
        }

        /// Checks CKS-02.
        #[test]
        fn verifies_and_fails_when_one_bit_flips(
            mut bytes in prop::collection::vec(any::<u8>(), 2..200), at: prop::sample::Index, bit in 0..8,
        ) {
            bytes[..2].fill(0);
            let sum = checksum(&bytes).to_be_bytes();
            bytes[..2].copy_from_slice(&sum);
            prop_assert!(verify(&bytes) && plain(&bytes) == 0xffff);

            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert!(!verify(&bytes));
        }

        /// Checks CKS-03.
        #[test]
        fn update_equals_summing_again(mut bytes in prop::collection::vec(any::<u8>(), 4..64), new: [u8; 2]) {
            bytes[0] |= 1; // an all-zero message is the one case that RFC 1624 §3 exempts
            let old = [bytes[2], bytes[3]];
            let before = checksum(&bytes);
            bytes[2..4].copy_from_slice(&new);
            let updated = update(before, u16::from_be_bytes(old), u16::from_be_bytes(new));
            prop_assert_eq!(updated, checksum(&bytes));
        }

        #[test]
        fn pieces_sum_up_to_the_whole(words: Vec<u16>, source: [u8; 16], v4: [u8; 4], mac: [u8; 6], few: [u16; 5]) {
            let mut bytes: Vec<u8> = source.into_iter().chain(v4).chain(mac).collect();
            let addresses = Sum::ZERO.ipv6(&Ipv6(source)).plus(Sum::ZERO.ipv4(&Ipv4(v4)).mac(&Mac(mac)));
            let pieces = words.iter().fold(addresses.words(few), |sum, w| sum.word(*w));
            bytes.extend(few.iter().chain(&words).flat_map(|w| w.to_be_bytes()));
            prop_assert_eq!(pieces.fold(), sum(&bytes));
        }
    }
}
