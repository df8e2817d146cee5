//! Where a frame came in.

use crate::table::VapId;
use core::net::IpAddr;

/// Where a frame came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A VAP of this NVE.
    Vap(VapId),
    /// A tunnel: the outer source address.
    Tunnel(IpAddr),
}
