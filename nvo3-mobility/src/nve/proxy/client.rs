//! What a DHCP client behind a port says of its addresses.
//!
//! The client's word counts, and not the server's. The server may be anywhere: its answer comes out of a tunnel, and those frames do not
//! reach the control plane, which sees what ports send and nothing else. Nor does a frame that comes from elsewhere bind anything at this
//! port. What a client wants is worth as much as a probe (RFC 5227, RFC 4862): it may not get it. So it is learned only if nobody is known
//! to have the address, and the NVA is asked. A client that is refused asks for another address, which takes the place of the first
//! ([`leases`](crate::nve::stations)), and an address that is not used ends as any learned one does.
//!
//! A message counts if it is whole, valid, about the MAC that sent the frame, and in the VN's own network. UDP's checksum is not
//! verified: a frame that a VM hands over may leave it to the hardware. A message that does not count is no fault, and passes.

use core::net::IpAddr;
use nvo3_wire::ethernet::Frame;
use nvo3_wire::{EtherType, dhcpv4, dhcpv6, ipv4, ipv6, udp};

/// The most addresses of one message that count. A client has one or two for each association.
const MOST: usize = 16;

/// A message of a client to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client<'a> {
    V4(dhcpv4::Message<'a>),
    V6(dhcpv6::Message<'a>),
    /// One that does not count.
    Other,
}

impl<'a> Client<'a> {
    /// Reads UDP to the port of a server; `None` if the frame has none that begins and ends in it.
    #[inline]
    pub(super) fn new(frame: &Frame<'a>) -> Option<Self> {
        match frame.ether_type() {
            EtherType::IPV4 => v4(frame),
            EtherType::IPV6 => v6(frame),
            _ => None,
        }
    }

    /// The addresses that the client wants to have.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let (v4, v6) = self.parts();
        let v4 = v4.and_then(|message| message.wanted());
        first(v4, v6.into_iter().flat_map(|message| message.wanted()))
    }

    /// The addresses that the client does not have any more.
    pub(crate) fn given_up(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let (v4, v6) = self.parts();
        let v4 = v4.and_then(|message| message.given_up());
        first(v4, v6.into_iter().flat_map(|message| message.given_up()))
    }

    const fn parts(self) -> (Option<dhcpv4::Message<'a>>, Option<dhcpv6::Message<'a>>) {
        match self {
            Self::V4(message) => (Some(message), None),
            Self::V6(message) => (None, Some(message)),
            Self::Other => (None, None),
        }
    }
}

fn first(v4: Option<nvo3_wire::Ipv4>, v6: impl Iterator<Item = nvo3_wire::Ipv6>) -> impl Iterator<Item = IpAddr> {
    v4.into_iter().map(|ip| IpAddr::V4(ip.addr())).chain(v6.map(|ip| IpAddr::V6(ip.addr()))).take(MOST)
}

#[cold]
fn v4<'a>(frame: &Frame<'a>) -> Option<Client<'a>> {
    let packet = ipv4::Packet::parse(frame.payload).ok()?;
    let is_udp = packet.header.protocol == ipv4::UDP && !packet.header.is_fragment();
    let message = to_server(packet.payload, dhcpv4::SERVER).filter(|_| is_udp)?;
    let counts =
        |message: &dhcpv4::Message<'_>| message.validate().is_ok() && message.client_mac() == Some(frame.header.source);
    Some(dhcpv4::Message::parse(message).ok().filter(counts).map_or(Client::Other, Client::V4))
}

#[cold]
fn v6<'a>(frame: &Frame<'a>) -> Option<Client<'a>> {
    let packet = ipv6::Packet::parse(frame.payload).ok()?;
    let message = to_server(packet.payload, dhcpv6::SERVER).filter(|_| packet.header.next_header == ipv6::UDP)?;
    let counts = |message: &dhcpv6::Message<'_>| message.validate().is_ok();
    Some(dhcpv6::Message::parse(message).ok().filter(counts).map_or(Client::Other, Client::V6))
}

fn to_server(udp: &[u8], server: u16) -> Option<&[u8]> {
    let datagram = udp::Datagram::parse(udp).ok()?;
    (datagram.header.destination_port.get() == server).then_some(datagram.payload)
}
