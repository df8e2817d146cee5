//! Frames that no builder of the product makes.

use nvo3_wire::{Ipv6, Mac};

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
