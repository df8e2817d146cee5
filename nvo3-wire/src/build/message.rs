//! Layers whose checksum covers all bytes after them: UDP, TCP, ICMP of both versions, IGMP, ND.

use super::{Layer, Place, WithOptions};
use crate::checksum::{Addresses, Field, Sum};
use crate::error::place as placed;
use crate::tcp::{self, TcpOption};
use crate::{Error, Ipv4, Ipv6, Protocol, Rule, group, icmpv4, icmpv6, igmp, ipv4, ipv6, mld, nd, udp};

/// Fills the checksum field at byte `at` of the message `out`, with a pseudo-header.
fn fill(place: &Place<'_>, protocol: (Protocol, u8), at: usize, out: &mut [u8]) -> Result<(), Error> {
    let pseudo = || match place.addresses {
        Some(addresses) => Ok(addresses.pseudo_header(protocol.1, out.len() as u32)),
        None => Err(Error::new(protocol.0, 0, Rule::NoAddresses)),
    };
    let value = match place.field {
        Field::Zero => 0,
        Field::Keep(value) => value,
        Field::Partial => pseudo()?.fold(),
        Field::Fill => pseudo()?.bytes(out).checksum(),
    };
    set(value, at, out);
    Ok(())
}

/// Fills the checksum field of the message `out`, without a pseudo-header.
fn fill_plain(place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
    let value = match place.field {
        Field::Zero | Field::Partial => 0,
        Field::Keep(value) => value,
        Field::Fill => Sum::ZERO.bytes(out).checksum(),
    };
    set(value, 2, out);
    Ok(())
}

pub(super) fn set(value: u16, at: usize, out: &mut [u8]) {
    if let Some(field) = out.get_mut(at..).and_then(|out| out.first_chunk_mut()) {
        *field = value.to_be_bytes();
    }
}

/// Fills length and checksum.
impl Layer for udp::Fields {
    fn header_len(&self) -> usize {
        size_of::<udp::Header>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        const NONE: Addresses<'_> = Addresses::V4(&Ipv4::UNSPECIFIED, &Ipv4::UNSPECIFIED);
        let addresses = match (place.addresses, place.field) {
            (Some(addresses), _) => addresses,
            (None, Field::Zero | Field::Keep(_)) => NONE,
            (None, _) => return Err(Error::new(Protocol::Udp, 0, Rule::NoAddresses)),
        };
        self.fill(addresses, place.field, out).map(|_| ())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv4::UDP
    }
}

/// Fills header length and checksum.
impl Layer for WithOptions<'_, tcp::Fields, TcpOption<'_>> {
    fn header_len(&self) -> usize {
        // Too many options are an error of `write`.
        header(self, &mut [0; 60]).unwrap_or(size_of::<tcp::Header>())
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        header(self, out)?;
        fill(place, (Protocol::Tcp, ipv4::TCP), 16, out)
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv4::TCP
    }
}

fn header(tcp: &WithOptions<'_, tcp::Fields, TcpOption<'_>>, out: &mut [u8]) -> Result<usize, Error> {
    let anywhere = Addresses::V4(&Ipv4::UNSPECIFIED, &Ipv4::UNSPECIFIED);
    tcp.fields.write(tcp.options.iter().copied(), anywhere, Field::Zero, &[], out)
}

/// Writes the header as [`WithOptions`] does, without options.
impl Layer for tcp::Fields {
    fn header_len(&self) -> usize {
        size_of::<tcp::Header>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.with_options(&[]).write(place, out)
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        ipv4::TCP
    }
}

/// Implements `Layer` for the fixed part of a message. Its checksum at byte 2 covers all bytes after it, with or
/// without pseudo-header.
macro_rules! messages {
    ($($header:ty: $protocol:ident, $number:expr, $pseudo:expr;)+) => {$(
        /// Fills the checksum over all bytes that follow.
        impl Layer for $header {
            fn header_len(&self) -> usize {
                size_of::<Self>()
            }

            fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
                *placed::<Self>(out, Protocol::$protocol)?.0 = *self;
                set(0, 2, out);
                if $pseudo { fill(place, (Protocol::$protocol, $number), 2, out) } else { fill_plain(place, out) }
            }

            fn ip_protocol(&self, _: u8) -> u8 {
                $number
            }
        }
    )+};
}

messages! {
    icmpv4::Header: Icmpv4, ipv4::ICMP, false;
    igmp::Header: Igmp, ipv4::IGMP, false;
    icmpv6::Header: Icmpv6, ipv6::ICMPV6, true;
    mld::Header: Mld, ipv6::ICMPV6, true;
    nd::RouterSolicitation: RouterSolicitation, ipv6::ICMPV6, true;
    nd::RouterAdvertisement: RouterAdvertisement, ipv6::ICMPV6, true;
    nd::Redirect: Redirect, ipv6::ICMPV6, true;
    nd::Inverse: Icmpv6, ipv6::ICMPV6, true;
    nd::CertificationSolicitation: Icmpv6, ipv6::ICMPV6, true;
    nd::CertificationAdvertisement: Icmpv6, ipv6::ICMPV6, true;
    nd::FastHandover: Icmpv6, ipv6::ICMPV6, true;
    nd::Duplicate: Icmpv6, ipv6::ICMPV6, true;
    nd::Solicitation: NeighborSolicitation, ipv6::ICMPV6, true;
    nd::Advertisement: NeighborAdvertisement, ipv6::ICMPV6, true;
}

/// Implements `Layer` for a message with a list, such as the records of a report.
macro_rules! listings {
    ($($message:ty: $protocol:ident, $number:expr, $pseudo:expr;)+) => {$(
        /// Fills the counts and the checksum. The checksum covers all bytes that follow.
        impl Layer for $message {
            fn header_len(&self) -> usize {
                self.wire_len()
            }

            fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
                self.put(out)?;
                if $pseudo { fill(place, (Protocol::$protocol, $number), 2, out) } else { fill_plain(place, out) }
            }

            fn ip_protocol(&self, _: u8) -> u8 {
                $number
            }
        }
    )+};
}

listings! {
    igmp::Query<'_>: Igmp, ipv4::IGMP, false;
    group::Report<'_, Ipv4>: Igmp, ipv4::IGMP, false;
    mld::Query<'_>: Mld, ipv6::ICMPV6, true;
    group::Report<'_, Ipv6>: Mld, ipv6::ICMPV6, true;
}

/// An option after a message; a message can have many.
impl Layer for nd::NdOption<'_> {
    fn header_len(&self) -> usize {
        self.size()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        Self::write(self, out).map(|_| ())
    }
}
