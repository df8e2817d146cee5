//! Numbered datagrams in Ethernet frames of either family.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use nvo3_wire::checksum::{self, Sum};
use nvo3_wire::ethernet::Frame;
use nvo3_wire::tunnel::{Accept, decap};
use nvo3_wire::udp::Datagram;
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, ipv4, ipv6};

/// The first bytes of the payload of a numbered datagram.
const MAGIC: [u8; 8] = *b"nvo3-sim";
/// The port that hosts send from and to: discard (RFC 863).
const PORT: u16 = 9;
const UDP_HEADER: usize = 8;

/// The number of a datagram in its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Numbered {
    /// The flow: a sender and a receiver.
    pub flow: u32,
    /// The position in the flow, from 0.
    pub number: u32,
}

/// The addresses of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) mac: Mac,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

/// Makes the frame that carries `id` over IPv4, with `size` bytes of payload, at least as many as the number needs.
pub(crate) fn over_ipv4(from: &Station, to_mac: Mac, to: Ipv4Addr, id: Numbered, size: usize) -> Vec<u8> {
    let payload = payload(id, size);
    let (source, destination) = (Ipv4::from(from.v4), Ipv4::from(to));
    let udp_length = fit(UDP_HEADER + payload.len());

    let mut frame = ethernet(from.mac, to_mac, EtherType::IPV4, 20 + UDP_HEADER + payload.len());
    let mut header = [0; 20];
    for (slot, byte) in header.iter_mut().zip(
        [0x45, 0]
            .into_iter()
            .chain(fit(20 + UDP_HEADER + payload.len()).to_be_bytes())
            .chain([0, 0, 0x40, 0])
            .chain([64, ipv4::UDP, 0, 0].into_iter().chain(source.0).chain(destination.0)),
    ) {
        *slot = byte;
    }
    let sum = checksum::checksum(&header).to_be_bytes();
    for (slot, byte) in header.iter_mut().skip(10).zip(sum) {
        *slot = byte;
    }
    frame.extend_from_slice(&header);
    udp(&mut frame, checksum::pseudo_ipv4(&source, &destination, ipv4::UDP, udp_length), udp_length, &payload);
    frame
}

/// Makes the frame that carries `id` over IPv6, with `size` bytes of payload, at least as many as the number needs.
pub(crate) fn over_ipv6(from: &Station, to_mac: Mac, to: Ipv6Addr, id: Numbered, size: usize) -> Vec<u8> {
    let payload = payload(id, size);
    let (source, destination) = (Ipv6::from(from.v6), Ipv6::from(to));
    let udp_length = fit(UDP_HEADER + payload.len());

    let mut frame = ethernet(from.mac, to_mac, EtherType::IPV6, 40 + UDP_HEADER + payload.len());
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&udp_length.to_be_bytes());
    frame.extend_from_slice(&[ipv6::UDP, 64]);
    frame.extend_from_slice(&source.0);
    frame.extend_from_slice(&destination.0);
    let pseudo = checksum::pseudo_ipv6(&source, &destination, ipv6::UDP, u32::from(udp_length));
    udp(&mut frame, pseudo, udp_length, &payload);
    frame
}

/// Makes an IPv4 packet around a control datagram, as a capture shows it.
pub(crate) fn control(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let station = Station { mac: Mac::ZERO, v4: from.0, v6: Ipv6Addr::UNSPECIFIED };
    let (source, destination) = (Ipv4::from(station.v4), Ipv4::from(to.0));
    let udp_length = fit(UDP_HEADER + payload.len());
    let mut packet = Vec::with_capacity(20 + UDP_HEADER + payload.len());
    packet.extend_from_slice(&[0x45, 0]);
    packet.extend_from_slice(&fit(20 + UDP_HEADER + payload.len()).to_be_bytes());
    packet.extend_from_slice(&[0, 0, 0x40, 0, 64, ipv4::UDP]);
    let head = Sum::ZERO.bytes(&packet).bytes(&source.0).bytes(&destination.0).checksum();
    packet.extend_from_slice(&head.to_be_bytes());
    packet.extend_from_slice(&source.0);
    packet.extend_from_slice(&destination.0);
    let pseudo = checksum::pseudo_ipv4(&source, &destination, ipv4::UDP, udp_length);
    ports(&mut packet, pseudo, (from.1, to.1), udp_length, payload);
    packet
}

/// The number of the datagram in a frame, with its destination address, if the frame carries a numbered datagram.
pub(crate) fn numbered(frame: &[u8]) -> Option<Numbered> {
    let frame = Frame::parse(frame).ok()?;
    let udp = match frame.ether_type() {
        EtherType::IPV4 => Datagram::parse(ipv4::Packet::parse(frame.payload).ok()?.payload).ok()?,
        EtherType::IPV6 => Datagram::parse(frame.payload.get(40..)?).ok()?,
        _ => return None,
    };
    let rest = udp.payload.strip_prefix(&MAGIC)?;
    let (flow, rest) = rest.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    Some(Numbered { flow: u32::from_be_bytes(*flow), number: u32::from_be_bytes(*number) })
}

/// The number of the datagram in a frame inside an outer packet.
pub(crate) fn tunnelled(packet: &[u8]) -> Option<Numbered> {
    let accept = Accept { inner_vlan: true, ..Accept::default() };
    numbered(decap(packet, &accept).ok()??.carried.inner)
}

fn payload(id: Numbered, size: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(size.max(16));
    payload.extend_from_slice(&MAGIC);
    payload.extend_from_slice(&id.flow.to_be_bytes());
    payload.extend_from_slice(&id.number.to_be_bytes());
    payload.resize(size.max(16), 0x5a);
    payload
}

fn ethernet(from: Mac, to: Mac, ether_type: EtherType, rest: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(14 + rest);
    frame.extend_from_slice(&to.0);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&ether_type.0);
    frame
}

fn udp(out: &mut Vec<u8>, pseudo: Sum, length: u16, payload: &[u8]) {
    ports(out, pseudo, (PORT, PORT), length, payload);
}

fn ports(out: &mut Vec<u8>, pseudo: Sum, (from, to): (u16, u16), length: u16, payload: &[u8]) {
    let sum = pseudo.word(from).word(to).word(length).bytes(payload).udp_checksum();
    for word in [from, to, length, sum] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(payload);
}

fn fit(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Station = Station {
        mac: Mac([2, 0, 0x5e, 0, 0x53, 1]),
        v4: Ipv4Addr::new(198, 51, 100, 1),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    };
    const TO: Mac = Mac([2, 0, 0x5e, 0, 0x53, 2]);
    const ID: Numbered = Numbered { flow: 3, number: 70_000 };

    #[test]
    fn a_number_comes_back_out_of_a_frame_that_a_receiver_accepts() {
        let frame = over_ipv4(&FROM, TO, Ipv4Addr::new(198, 51, 100, 2), ID, 0);
        let ip = ipv4::Packet::parse(&frame[14..]).unwrap();
        assert_eq!(ip.validate(), Ok(()));
        let udp = Datagram::parse(ip.payload).unwrap();
        assert_eq!(udp.validate(ip.pseudo_header(udp.header.length.get())), Ok(()));
        assert_eq!(numbered(&frame), Some(ID));

        let frame = over_ipv6(&FROM, TO, Ipv6Addr::LOCALHOST, ID, 400);
        let ip = ipv6::Packet::parse(&frame[14..]).unwrap();
        assert_eq!(ip.validate(), Ok(()));
        let udp = Datagram::parse(&frame[54..]).unwrap();
        assert_eq!(udp.validate(ip.pseudo_header(ipv6::UDP, udp.header.length.get().into())), Ok(()));
        assert_eq!(numbered(&frame), Some(ID));
    }

    #[test]
    fn a_captured_control_datagram_is_a_valid_packet() {
        let packet = control((Ipv4Addr::new(192, 0, 2, 1), 4), (Ipv4Addr::new(192, 0, 2, 2), 5), b"words");
        let ip = ipv4::Packet::parse(&packet).unwrap();
        assert_eq!(ip.validate(), Ok(()));
        let udp = Datagram::parse(ip.payload).unwrap();
        assert_eq!(udp.validate(ip.pseudo_header(udp.header.length.get())), Ok(()));
        assert_eq!(udp.payload, b"words");
    }
}
