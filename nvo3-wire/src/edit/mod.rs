//! Changes packets in place: addresses, ports, TTL and traffic class.
//!
//! Each change updates the checksums of the header and of the upper layer (RFC 1624, CKS-03). A right checksum stays
//! right, and a wrong one stays wrong. A UDP checksum of zero stays zero, and no change makes a checksum zero (CKS-04).
//! A fragment other than the first has no upper header. The destination of a packet that is still on a source route is
//! not in the upper checksum.

mod v4;
mod v6;

pub use v4::Ipv4Mut;
pub use v6::Ipv6Mut;

use crate::checksum::Sum;
use crate::{icmpv6, ipv4, tcp, udp};
use zerocopy::FromBytes;
use zerocopy::big_endian::U16;

/// One of the two ports of UDP and TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// The sender's port.
    Source,
    /// The receiver's port.
    Destination,
}

/// The upper protocols whose checksum covers addresses, with the offset of their header.
#[derive(Clone, Copy, Debug)]
enum Upper {
    Udp(usize),
    Tcp(usize),
    Icmpv6(usize),
    /// Another protocol, a later fragment, or a cut header: there is no checksum to update.
    Other,
}

impl Upper {
    /// Finds the upper protocol. `bytes` begin at `offset`. `icmpv6` is true for IPv6, whose ICMP has a pseudo-header.
    fn find(protocol: u8, offset: usize, bytes: &[u8], icmpv6: bool) -> Self {
        match protocol {
            ipv4::UDP if udp::Header::ref_from_prefix(bytes).is_ok() => Self::Udp(offset),
            ipv4::TCP if tcp::Header::ref_from_prefix(bytes).is_ok() => Self::Tcp(offset),
            crate::ipv6::ICMPV6 if icmpv6 && icmpv6::Header::ref_from_prefix(bytes).is_ok() => Self::Icmpv6(offset),
            _ => Self::Other,
        }
    }

    /// Updates the checksum. `change` is the sum of the new bytes and the complement of the old ones.
    fn correct(self, packet: &mut [u8], change: Sum) {
        match self {
            Self::Udp(at) => {
                let Some(Ok((header, _))) = packet.get_mut(at..).map(udp::Header::mut_from_prefix) else { return };
                if header.checksum.get() != 0 {
                    header.checksum = U16::new(change.word(!header.checksum.get()).udp_checksum());
                }
            }
            Self::Tcp(at) => {
                let Some(Ok((header, _))) = packet.get_mut(at..).map(tcp::Header::mut_from_prefix) else { return };
                header.checksum = U16::new(change.word(!header.checksum.get()).checksum());
            }
            Self::Icmpv6(at) => {
                let Some(Ok((header, _))) = packet.get_mut(at..).map(icmpv6::Header::mut_from_prefix) else { return };
                header.checksum = U16::new(change.word(!header.checksum.get()).checksum());
            }
            Self::Other => {}
        }
    }

    /// The ports and their offset, if the protocol is UDP or TCP.
    fn ports(self, packet: &[u8]) -> Option<(usize, [U16; 2])> {
        let (Self::Udp(at) | Self::Tcp(at)) = self else { return None };
        let (ports, _) = <[U16; 2]>::ref_from_prefix(packet.get(at..)?).ok()?;
        Some((at, *ports))
    }

    /// Changes a port. `false` if the packet has none.
    fn set_port(self, packet: &mut [u8], port: Port, new: u16) -> bool {
        let Some((at, [source, destination])) = self.ports(packet) else { return false };
        let (at, old) = match port {
            Port::Source => (at, source),
            Port::Destination => (at + 2, destination),
        };
        if let Some(field) = packet.get_mut(at..at + 2) {
            field.copy_from_slice(&new.to_be_bytes());
        }
        self.correct(packet, Sum::ZERO.word(!old.get()).word(new));
        true
    }
}

#[cfg(test)]
mod tests;
