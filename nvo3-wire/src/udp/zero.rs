//! The datagrams that may go over IPv6 without a checksum.

use super::{Datagram, Header};
use crate::checksum::Field;
use crate::{Error, Ipv6, Protocol, Rule, ipv6};

/// The ports and peers for which a zero checksum over IPv6 is enabled. For all others it is not (RFC 6936 §4 (3) to
/// (6), U6-02, U6-03).
///
/// The default enables nothing.
///
/// ```
/// use nvo3_wire::{Ipv6, checksum::Field, udp::ZeroChecksums};
///
/// let peer = Ipv6([0x20; 16]);
/// let enabled = ZeroChecksums { ports: &[4789], peers: &[peer] };
/// assert_eq!(enabled.field(4789, &peer), Field::Zero);
/// assert_eq!(enabled.field(53, &peer), Field::Fill);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZeroChecksums<'a> {
    /// Destination ports of the tunnels.
    pub ports: &'a [u16],
    /// Addresses of the other endpoints.
    pub peers: &'a [Ipv6],
}

impl ZeroChecksums<'_> {
    /// True if both the port and the peer are enabled.
    pub fn allows(&self, destination_port: u16, peer: &Ipv6) -> bool {
        self.ports.contains(&destination_port) && self.peers.contains(peer)
    }

    /// The content of a sender's checksum field.
    ///
    /// For a datagram that always needs a checksum, such as a keepalive, use [`Field::Fill`] instead (RFC 6936 §4 (4)).
    pub fn field(&self, destination_port: u16, peer: &Ipv6) -> Field {
        if self.allows(destination_port, peer) { Field::Zero } else { Field::Fill }
    }
}

impl Datagram<'_> {
    /// Checks the receiver's rules over IPv6: the checksum verifies, and it is zero only if that is enabled for the
    /// destination port and the peer (RFC 8200 §8.1, RFC 6936 §4 (5) to (7), U6-03, U6-04).
    ///
    /// # Errors
    /// [`Rule::ZeroChecksum`] if the checksum is zero without permission, [`Rule::Checksum`] if it does not verify.
    pub fn validate_over_ipv6(&self, ip: &ipv6::Header, zero: &ZeroChecksums<'_>) -> Result<(), Error> {
        let Header { destination_port, length, checksum, .. } = self.header;
        if checksum.get() != 0 {
            let pseudo = crate::checksum::pseudo_ipv6(&ip.source, &ip.destination, ipv6::UDP, length.get().into());
            return self.validate(pseudo);
        }
        if zero.allows(destination_port.get(), &ip.source) {
            return Ok(());
        }
        Err(Error::new(Protocol::Udp, 0, Rule::ZeroChecksum))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fields;
    use super::*;
    use zerocopy::FromBytes;

    const PEER: Ipv6 = Ipv6([0x20; 16]);
    const OTHER: Ipv6 = Ipv6([0x21; 16]);
    const ENABLED: ZeroChecksums<'_> = ZeroChecksums { ports: &[4789], peers: &[PEER] };

    fn verdict(source: Ipv6, destination_port: u16, field: Field, zero: &ZeroChecksums<'_>) -> Result<(), Rule> {
        let mut packet = [0; 51];
        ipv6::Fields::new(source, Ipv6([0x22; 16])).write(11, &mut packet).unwrap();
        let (head, datagram) = packet.split_at_mut(40);
        let ip = ipv6::Header::ref_from_bytes(head).unwrap();
        Fields { source_port: 49152, destination_port }.write(ip.into(), field, b"abc", datagram).unwrap();
        Datagram::parse(datagram).unwrap().validate_over_ipv6(ip, zero).map_err(|e| e.rule)
    }

    /// Checks U6-02.
    #[test]
    fn zero_is_sent_on_enabled_ports_only_and_a_keepalive_still_has_its_checksum() {
        assert_eq!(ZeroChecksums::default().field(4789, &PEER), Field::Fill);
        assert_eq!([4789, 53].map(|port| ENABLED.field(port, &PEER)), [Field::Zero, Field::Fill]);
        assert_eq!(verdict(PEER, 4789, Field::Fill, &ZeroChecksums::default()), Ok(()));
    }

    /// Checks U6-03.
    #[test]
    fn zero_is_accepted_on_enabled_ports_from_enabled_peers_only() {
        assert_eq!(verdict(PEER, 4789, Field::Zero, &ZeroChecksums::default()), Err(Rule::ZeroChecksum));
        assert_eq!(verdict(PEER, 4789, Field::Zero, &ENABLED), Ok(()));
        assert_eq!(verdict(OTHER, 4789, Field::Zero, &ENABLED), Err(Rule::ZeroChecksum));
        assert_eq!(verdict(PEER, 53, Field::Zero, &ENABLED), Err(Rule::ZeroChecksum));
    }

    /// Checks U6-04.
    #[test]
    fn other_checksums_are_verified_on_enabled_ports_too() {
        assert_eq!(verdict(PEER, 4789, Field::Fill, &ENABLED), Ok(()));
        assert_eq!(verdict(PEER, 4789, Field::Keep(0x1234), &ENABLED), Err(Rule::Checksum(0x1234)));
    }
}
