//! Frames that no builder of the product makes.

use nvo3_wire::build::Layers;
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, ethernet, ipv4, ipv6, udp};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A Router Advertisement of a router with this MAC to all nodes: hop limit 64, a lifetime of 1,800 s, no options.
pub fn router_advertisement(mac: Mac) -> Vec<u8> {
    let (source, all) = (Ipv6::link_local(mac).0, Ipv6::ALL_NODES.0);
    let mut body = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    let summed = [&source[..], &all, &[0, 0, 0, 16, 0, 0, 0, 58], &body].concat();
    let sum: u32 = summed.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    body[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    let ethernet = [&[0x33, 0x33, 0, 0, 0, 1][..], &mac.0, &[0x86, 0xdd]].concat();
    [&ethernet[..], &[0x60, 0, 0, 0, 0, 16, 58, 255], &source, &all, &body].concat()
}

/// A message of the DHCP client with this MAC to everyone, by the layout of RFC 2131 §2. `has` is the client's address, or 0.0.0.0, and
/// `asks` that in option 50.
pub fn dhcp(mac: Mac, kind: u8, has: Ipv4Addr, asks: Option<Ipv4Addr>) -> Vec<u8> {
    let asked = asks.map_or(Vec::new(), |ip| [&[50, 4][..], &ip.octets()].concat());
    let head = [&[1, 1, 6, 0, 7, 7, 7, 7, 0, 0, 0, 0][..], &has.octets(), &[0; 12], &mac.0, &[0; 202]].concat();
    let message = [&head[..], &[0x63, 0x82, 0x53, 0x63, 53, 1, kind], &asked, &[255]].concat();
    let ethernet = ethernet::Header { destination: Mac::BROADCAST, source: mac, ether_type: EtherType::IPV4 };
    let udp = udp::Fields { source_port: 68, destination_port: 67 };
    let mut frame = vec![0; 42 + message.len()];
    let length =
        (ethernet, ipv4::Fields::new(has.into(), Ipv4([255; 4])), udp, &message[..]).write(&mut frame).unwrap();
    frame.truncate(length);
    frame
}

/// A message of the DHCPv6 client with this MAC about these addresses, by the layout of RFC 8415 §8 and §21.
pub fn dhcpv6(mac: Mac, kind: u8, ips: &[Ipv6Addr]) -> Vec<u8> {
    let option = |code: u8, data: &[u8]| [&[0, code][..], &(data.len() as u16).to_be_bytes(), data].concat();
    let addresses = ips.iter().flat_map(|ip| option(5, &[&ip.octets()[..], &[0; 8]].concat()));
    let association = option(3, &[0; 12].into_iter().chain(addresses).collect::<Vec<_>>());
    let ids = [option(1, &[0, 3, 0, 1]), option(2, &[0, 3, 0, 1])].concat();
    let message = [&[kind, 7, 7, 7][..], &ids, &association].concat();
    let servers = Ipv6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    let ethernet = ethernet::Header { destination: servers.multicast_mac(), source: mac, ether_type: EtherType::IPV6 };
    let udp = udp::Fields { source_port: 546, destination_port: 547 };
    let mut frame = vec![0; 62 + message.len()];
    let length =
        (ethernet, ipv6::Fields::new(Ipv6::link_local(mac), servers), udp, &message[..]).write(&mut frame).unwrap();
    frame.truncate(length);
    frame
}
