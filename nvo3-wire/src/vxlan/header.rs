//! The header of VXLAN.

use crate::error::take;
use crate::{Error, Protocol, Rule, Vni};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The UDP port of VXLAN (VXL-03).
pub const PORT: u16 = 4789;

/// The shortest inner frame: an Ethernet header without payload (VXL-12).
pub const MIN_INNER: usize = 14;

/// The header of VXLAN (RFC 7348 §5).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-----------------------------------------------+
/// |R|R|R|R|I|R|R|R|                   reserved                    |
/// +-+-+-+-+-+-+-+-+-----------------------------+-----------------+
/// |        VXLAN network identifier (VNI)       |    reserved     |
/// +---------------------------------------------+-----------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Flags. I is 0x08; receivers ignore the others.
    pub flags: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 3],
    /// The VNI, valid if flag I is set.
    pub vni: [u8; 3],
    /// Reserved; receivers ignore it.
    pub reserved_last: u8,
}

impl Header {
    /// Flag I: the VNI is valid.
    pub const VALID: u8 = 0x08;

    /// Creates the header for `vni`: flag I set, everything else zero (VXL-01).
    ///
    /// ```
    /// use nvo3_wire::{Vni, vxlan::Header};
    /// use zerocopy::IntoBytes;
    /// let header = Header::new(Vni::new(0x123456).unwrap());
    /// assert_eq!(header.as_bytes(), [0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    /// ```
    #[inline]
    pub const fn new(vni: Vni) -> Self {
        Self { flags: Self::VALID, reserved: [0; 3], vni: vni.to_bytes(), reserved_last: 0 }
    }

    /// The VNI, if flag I says that it is valid (VXL-02).
    ///
    /// # Errors
    /// [`Rule::NoVni`] if flag I is 0.
    #[inline]
    pub fn validate(&self) -> Result<Vni, Error> {
        if self.flags & Self::VALID == 0 {
            return Err(Error::new(Protocol::Vxlan, 0, Rule::NoVni));
        }
        Ok(Vni::from_bytes(self.vni))
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.validate() {
            Ok(vni) => write!(f, "VXLAN VNI {vni}"),
            Err(_) => f.write_str("VXLAN without VNI"),
        }
    }
}

/// Reads VNI and inner frame of a UDP payload.
///
/// ```
/// let mut payload = [0u8; 8 + 14];
/// payload[..8].copy_from_slice(&[0x0c, 0, 0, 3, 0x12, 0x34, 0x56, 0]); // reserved bits are ignored
/// let (vni, inner) = nvo3_wire::vxlan::parse(&payload).unwrap();
/// assert_eq!((vni.get(), inner.len()), (0x123456, 14));
/// ```
///
/// # Errors
/// [`Rule::Truncated`] of VXLAN, [`Rule::NoVni`], or [`Rule::Truncated`] of Ethernet for an inner frame below 14 bytes
/// (VXL-12).
#[inline]
pub fn parse(payload: &[u8]) -> Result<(Vni, &[u8]), Error> {
    let (header, inner) = take::<Header>(payload, Protocol::Vxlan)?;
    let vni = header.validate()?;
    if inner.len() < MIN_INNER {
        return Err(Error::truncated(Protocol::Ethernet, MIN_INNER, inner.len()).at(size_of::<Header>()));
    }
    Ok((vni, inner))
}
