//! Options of the link: its MTU, and the limit of shortcuts.

use super::kind;
use crate::Rule;
use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The MTU option, type 5 (RFC 4861 §4.6.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |   type = 5    |  length = 1   |           reserved            |
/// +---------------+---------------+-------------------------------+
/// |                              MTU                              |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Mtu {
    kind: u8,
    units: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 2],
    /// The largest IPv6 packet on this link, in bytes.
    pub mtu: U32,
}

impl Mtu {
    /// Creates the option with an MTU in bytes.
    pub const fn new(mtu: u32) -> Self {
        Self { kind: kind::MTU, units: 1, reserved: [0; 2], mtu: U32::new(mtu) }
    }

    pub(super) fn check(&self) -> Result<(), Rule> {
        if self.mtu.get() < 1280 { Err(Rule::Mtu(self.mtu.get())) } else { Ok(()) }
    }
}

/// The NBMA shortcut limit option, type 6 (RFC 2491 §5.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |   type = 6    |  length = 1   |     limit     |   reserved    |
/// +---------------+---------------+---------------+---------------+
/// |                         reserved (4)                          |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ShortcutLimit {
    kind: u8,
    units: u8,
    /// Hop limit of the shortcut.
    pub limit: u8,
    /// Reserved; receivers ignore it.
    pub reserved: [u8; 5],
}

impl ShortcutLimit {
    /// Creates the option.
    pub const fn new(limit: u8) -> Self {
        Self { kind: kind::SHORTCUT_LIMIT, units: 1, limit, reserved: [0; 5] }
    }
}
