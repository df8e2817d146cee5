//! The fixed header to write.

use super::Header;
use crate::error::place;
use crate::{Error, Ipv6, Protocol, Rule};
use zerocopy::big_endian::{U16, U32};

/// The fields that the sender of a packet chooses. The builder computes the payload length.
///
/// ```
/// use nvo3_wire::ipv6::{Fields, HOP_BY_HOP, ICMPV6, Ipv6Option, Packet, write_options};
/// use nvo3_wire::Ipv6;
///
/// let mut out = [0; 48];
/// let fields = Fields { next_header: HOP_BY_HOP, ..Fields::new(Ipv6::UNSPECIFIED, Ipv6::ALL_ROUTERS) };
/// fields.write(8, &mut out)?;
/// write_options(ICMPV6, [Ipv6Option::RouterAlert(0)], &mut out[40..])?;
/// Packet::parse(&out)?.validate()?;
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Fields {
    /// DSCP (6 bits) and ECN (2 bits).
    pub traffic_class: u8,
    /// Flow label; its low 20 bits are used.
    pub flow_label: u32,
    /// Protocol of the next header.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source.
    pub source: Ipv6,
    /// Destination.
    pub destination: Ipv6,
}

impl Fields {
    /// Creates fields with hop limit 64 (RFC 1700), no next header (59), and everything else zero.
    pub const fn new(source: Ipv6, destination: Ipv6) -> Self {
        Self { traffic_class: 0, flow_label: 0, next_header: super::NO_NEXT_HEADER, hop_limit: 64, source, destination }
    }

    /// Writes the header for a payload of `payload_len` bytes, extension headers included. Returns its length, always
    /// 40 bytes.
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` has fewer than 40 bytes, [`Rule::TooLong`] if the payload exceeds 65,535 bytes.
    pub fn write(&self, payload_len: usize, out: &mut [u8]) -> Result<usize, Error> {
        let Ok(payload_length) = u16::try_from(payload_len) else {
            return Err(Error::new(Protocol::Ipv6, 0, Rule::TooLong(payload_len)));
        };
        let (header, _) = place::<Header>(out, Protocol::Ipv6)?;
        let class = u32::from(self.traffic_class) << 20;
        header.version_class_label = U32::new(6 << 28 | class | self.flow_label & 0xf_ffff);
        header.payload_length = U16::new(payload_length);
        header.next_header = self.next_header;
        header.hop_limit = self.hop_limit;
        header.source = self.source;
        header.destination = self.destination;
        Ok(size_of::<Header>())
    }
}
