//! The place where a frame came in.

use crate::table::VapId;
use core::net::IpAddr;

/// The place where a frame came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A VAP of this NVE.
    Vap(VapId),
    /// A tunnel, with the outer source address.
    Tunnel(IpAddr),
}
