//! Options with prefixes: on link, of a route, of NAT64.

use super::kind;
use crate::{Ipv6, Rule};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Prefix information option, type 3 (RFC 4861 §4.6.2; flag R: RFC 6275 §7.2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+-+-+-+---------+
/// |   type = 3    |  length = 4   | prefix length |L|A|R|    0    |
/// +---------------+---------------+---------------+-+-+-+---------+
/// |              valid lifetime (s), preferred lifetime (s)       |
/// |                         reserved (4)                          |
/// |                          prefix (16)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Prefix {
    kind: u8,
    units: u8,
    /// Number of valid bits of the prefix.
    pub prefix_len: u8,
    /// The flags L, A and R in the highest bits.
    pub flags: u8,
    /// Seconds for which the prefix is on link. All ones: forever.
    pub valid_lifetime: U32,
    /// Seconds for which addresses from the prefix are preferred. All ones: forever.
    pub preferred_lifetime: U32,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 4],
    /// The prefix; bits after its length are ignored. With flag R it is a whole address of the router.
    pub prefix: Ipv6,
}

impl Prefix {
    /// Flag L in [`Prefix::flags`]: the prefix is on link.
    pub const ON_LINK: u8 = 0x80;
    /// Flag A in [`Prefix::flags`]: hosts may form addresses from the prefix.
    pub const AUTONOMOUS: u8 = 0x40;
    /// Flag R in [`Prefix::flags`]: the prefix is the router's own address.
    pub const ROUTER: u8 = 0x20;

    /// Creates the option with lifetimes in seconds.
    pub const fn new(prefix: Ipv6, prefix_len: u8, flags: u8, valid: u32, preferred: u32) -> Self {
        Self {
            kind: kind::PREFIX,
            units: 4,
            prefix_len,
            flags,
            valid_lifetime: U32::new(valid),
            preferred_lifetime: U32::new(preferred),
            reserved: [0; 4],
            prefix,
        }
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        let (valid, preferred) = (self.valid_lifetime.get(), self.preferred_lifetime.get());
        match () {
            () if self.prefix_len > 128 => Err(Rule::PrefixLength(self.prefix_len)),
            () if self.prefix.is_link_local() => Err(Rule::LinkLocalPrefix),
            () if preferred > valid => Err(Rule::PreferredBeyondValid { preferred, valid }),
            () => Ok(()),
        }
    }
}

/// Route information option, type 24 (RFC 4191 §2.3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+-----+---+-----+
/// |   type = 24   | length = 1..3 | prefix length |  0  |Prf|  0  |
/// +---------------+---------------+---------------+-----+---+-----+
/// |                      route lifetime (s)                       |
/// |                     prefix (0, 8 or 16)                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Number of valid bits of the prefix.
    pub prefix_len: u8,
    /// Prf, two bits as in [`RouterFlags`](crate::nd::RouterFlags). With the value 2 receivers ignore the option.
    pub preference: u8,
    /// Seconds for which the route is valid. All ones: forever.
    pub lifetime: u32,
    /// The prefix in 0, 8 or 16 bytes, at least as many as the prefix length needs.
    pub prefix: &'a [u8],
}

impl<'a> Route<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([prefix_len, flags, a, b, c, d], prefix) = content.split_first_chunk()?;
        let bits = usize::from(*prefix_len);
        if prefix.len() > 16 || (bits <= 128 && prefix.len() * 8 < bits) {
            return None;
        }
        let lifetime = u32::from_be_bytes([*a, *b, *c, *d]);
        Some(Self { prefix_len: *prefix_len, preference: flags >> 3 & 3, lifetime, prefix })
    }

    /// The prefix as an address, filled with zeros.
    pub fn address(&self) -> Ipv6 {
        padded(self.prefix)
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        match (self.prefix_len, self.preference) {
            (129.., _) => Err(Rule::PrefixLength(self.prefix_len)),
            (_, 2) => Err(Rule::ReservedPreference),
            _ => Ok(()),
        }
    }
}

/// The address of these bytes, filled with zeros.
pub(super) fn padded(bytes: &[u8]) -> Ipv6 {
    let mut address = [0; 16];
    for (to, from) in address.iter_mut().zip(bytes) {
        *to = *from;
    }
    Ipv6(address)
}

/// The NAT64 prefix option (PREF64), type 38 (RFC 8781 §4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------+-----+
/// |   type = 38   |  length = 2   |   lifetime in 8 s (13)  | PLC |
/// +---------------+---------------+-------------------------+-----+
/// |                 highest 96 bits of the prefix                 |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Pref64 {
    kind: u8,
    units: u8,
    scaled_plc: U16,
    /// The highest 96 bits of the prefix.
    pub prefix: [u8; 12],
}

impl Pref64 {
    /// Creates the option. The lifetime is in units of 8 s (13 bits), the prefix length code has 3 bits.
    pub const fn new(prefix: [u8; 12], scaled_lifetime: u16, plc: u8) -> Self {
        let scaled_plc = U16::new(scaled_lifetime << 3 | (plc & 7) as u16);
        Self { kind: kind::PREF64, units: 2, scaled_plc, prefix }
    }

    /// Lifetime in units of 8 seconds.
    pub fn scaled_lifetime(&self) -> u16 {
        self.scaled_plc.get() >> 3
    }

    /// Prefix length code.
    pub fn plc(&self) -> u8 {
        (self.scaled_plc.get() & 7) as u8
    }

    /// Prefix length in bits; `None` for the reserved codes 6 and 7.
    pub fn prefix_len(&self) -> Option<u8> {
        [96, 64, 56, 48, 40, 32].get(usize::from(self.plc())).copied()
    }

    /// The prefix as an address.
    pub fn address(&self) -> Ipv6 {
        padded(&self.prefix)
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        self.prefix_len().map(|_| ()).ok_or(Rule::PrefixLengthCode(self.plc()))
    }
}
