//! Options of Secure Neighbor Discovery (RFC 3971 §5, §6.4). This crate has no keys and verifies none of them.

use super::kind;
use zerocopy::big_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// CGA parameters option, type 11 (RFC 3971 §5.1).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 11   |    length     |  pad length   |   reserved    |
/// +---------------+---------------+---------------+---------------+
/// |                 parameters …, padding …                       |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cga<'a> {
    /// The parameters of RFC 3972 §3.
    pub params: &'a [u8],
}

/// RSA signature option, type 12 (RFC 3971 §5.2).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |   type = 12   |    length     |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                        key hash (16)                          |
/// |                   signature …, padding …                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The highest 128 bits of the public key's SHA-1 hash.
    pub key_hash: &'a [u8; 16],
    /// The signature. A parsed option includes its padding, because only the key tells the length.
    pub signature: &'a [u8],
}

impl<'a> Signature<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let (key_hash, signature) = content.get(2..)?.split_first_chunk()?;
        Some(Self { key_hash, signature })
    }
}

/// Timestamp option, type 13 (RFC 3971 §5.3.1).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |   type = 13   |  length = 2   |         reserved (6)          |
/// +---------------+---------------+-------------------------------+
/// |   reserved    |  seconds since 1970 (48), 1/64 Ki s (16)      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Timestamp {
    kind: u8,
    units: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 6],
    /// Seconds since 1970 in the upper 48 bits, 1/65536 s in the lower 16.
    pub timestamp: U64,
}

impl Timestamp {
    /// Creates the option. The value is that of [`Timestamp::timestamp`].
    pub const fn new(timestamp: u64) -> Self {
        Self { kind: kind::TIMESTAMP, units: 2, reserved: [0; 6], timestamp: U64::new(timestamp) }
    }
}

/// Trust anchor option, type 15 (RFC 3971 §6.4.3).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 15   |    length     |   name type   |  pad length   |
/// +---------------+---------------+---------------+---------------+
/// |                    name …, padding …                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustAnchor<'a> {
    /// The form of the name. 1: DER-encoded X.501 name, 2: fully qualified domain name.
    pub name_type: u8,
    /// The name.
    pub name: &'a [u8],
}

/// Certificate option, type 16 (RFC 3971 §6.4.4).
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |   type = 16   |    length     |   cert type   |   reserved    |
/// +---------------+---------------+---------------+---------------+
/// |                 certificate …, padding …                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// Certificate type. 1: X.509v3.
    pub cert_type: u8,
    /// The certificate. A parsed option includes its padding, because only DER tells the length.
    pub certificate: &'a [u8],
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([cert_type, _], certificate) = content.split_first_chunk()?;
        Some(Self { cert_type: *cert_type, certificate })
    }
}

/// The bytes without the last `pad` bytes. `None` if there are fewer.
pub(super) fn unpadded(bytes: &[u8], pad: u8) -> Option<&[u8]> {
    bytes.get(..bytes.len().checked_sub(usize::from(pad))?)
}

impl<'a> Cga<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([pad, _], params) = content.split_first_chunk()?;
        Some(Self { params: unpadded(params, *pad)? })
    }
}

impl<'a> TrustAnchor<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let ([name_type, pad], name) = content.split_first_chunk()?;
        Some(Self { name_type: *name_type, name: unpadded(name, *pad)? })
    }
}
