//! The limit: code written by hand for each case alone, without offsets in errors and without types that other code
//! could use. Constants and offsets are in place.

use crate::packets::{Arp, HEADROOM, Na, Tunnel, arp_digest, na_digest, vxlan_digest};

#[inline(always)]
fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..at + N].try_into().unwrap()
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(*part(bytes, at))
}

#[inline(always)]
pub(crate) fn arp_parse(frame: &[u8]) -> Option<u64> {
    let frame = frame.first_chunk::<42>()?;
    if *part(frame, 12) != [0x08, 0x06, 0, 1, 8, 0, 6, 4] {
        return None;
    }
    Some(arp_digest(word(frame, 20), part(frame, 22), part(frame, 28), part(frame, 38)))
}

#[inline(always)]
fn na(frame: &[u8]) -> Option<(&[u8; 78], &[u8], &[u8; 6])> {
    let (fixed, _) = frame.split_first_chunk::<78>()?;
    let message = frame.get(54..54 + usize::from(word(fixed, 18)))?;
    if *part(fixed, 12) != [0x86, 0xdd] || fixed[14] >> 4 != 6 || fixed[20] != 58 || fixed[54] != 136 {
        return None;
    }
    match message.get(24..)? {
        [2, 1, mac @ ..] if mac.len() == 6 => Some((fixed, message, part(mac, 0))),
        options => Some((fixed, message, target_link(options)?)),
    }
}

#[cold]
fn target_link(mut options: &[u8]) -> Option<&[u8; 6]> {
    let mut found = None;
    while let [kind, units @ 1..=255, ..] = *options {
        let (option, rest) = options.split_at_checked(usize::from(units) * 8)?;
        if kind == 2 && units == 1 && found.is_none() {
            found = option.last_chunk();
        }
        options = rest;
    }
    if options.is_empty() { found } else { None }
}

#[inline(always)]
pub(crate) fn na_parse(frame: &[u8]) -> Option<u64> {
    let (fixed, _, mac) = na(frame)?;
    Some(na_digest(part(fixed, 62), fixed[58], mac))
}

#[inline(always)]
pub(crate) fn na_checksum_parse(frame: &[u8]) -> Option<u64> {
    let (fixed, message, mac) = na(frame)?;
    let (hop_limit, code, target, flags) = (fixed[21], fixed[55], fixed[62], fixed[58]);
    let from_or_to_group = fixed[22] == 0xff || flags & 0x40 != 0 && fixed[38] == 0xff;
    if hop_limit != 255 || code != 0 || target == 0xff || from_or_to_group {
        return None;
    }
    let pseudo = u64::from((message.len() as u16).to_be()) + u64::from(58u16.to_be());
    let sum = match (message.len(), frame.get(22..)?.first_chunk::<64>()) {
        (32, Some(summed)) => words(summed, pseudo), // addresses and message are next to each other
        _ => sum(frame.get(22..54 + message.len())?, pseudo),
    };
    (fold(sum) == 0xffff).then(|| na_digest(part(fixed, 62), flags, mac))
}

#[inline(always)]
fn add(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    sum + u64::from(carry)
}

#[inline(always)]
fn words(bytes: &[u8], begin: u64) -> u64 {
    bytes.as_chunks::<8>().0.iter().fold(begin, |sum, word| add(sum, u64::from_ne_bytes(*word)))
}

#[cold]
fn sum(bytes: &[u8], begin: u64) -> u64 {
    let rest = bytes.as_chunks::<8>().1;
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    add(words(bytes, begin), u64::from_ne_bytes(last))
}

#[inline(always)]
fn fold(sum: u64) -> u16 {
    let words = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (words.wrapping_add(words.rotate_left(16)) >> 16) as u16
}

/// An unfragmented UDP datagram over IPv4: ports and payload.
#[inline(always)]
fn datagram(frame: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (ethernet, packet) = frame.split_first_chunk::<14>()?;
    let fixed = packet.first_chunk::<20>()?;
    let header = usize::from(fixed[0] & 15) * 4;
    let upper = packet.get(header..usize::from(word(fixed, 2)))?;
    let udp = upper.first_chunk::<8>()?;
    let fragment = word(fixed, 6) & 0x3fff != 0;
    if *part(ethernet, 12) != [8, 0] || fixed[0] >> 4 != 4 || header < 20 || fixed[9] != 17 || fragment {
        return None;
    }
    Some((word(udp, 0), word(udp, 2), upper.get(8..usize::from(word(udp, 4)))?))
}

#[inline(always)]
pub(crate) fn vxlan_parse(frame: &[u8]) -> Option<u64> {
    let (_, port, payload) = datagram(frame)?;
    let (vxlan, inner) = payload.split_first_chunk::<8>()?;
    if port != 4789 || vxlan[0] & 8 == 0 {
        return None;
    }
    let (source_port, destination_port, _) = datagram(inner)?;
    Some(vxlan_digest(u32::from_be_bytes(*part(vxlan, 4)) >> 8, source_port, destination_port))
}

#[inline(always)]
fn put<const N: usize>(out: &mut [u8], at: usize, bytes: &[u8; N]) {
    *out[at..].first_chunk_mut().unwrap() = *bytes;
}

/// Written byte by byte: the compiler then shuffles the addresses in vector registers and needs few stores.
#[inline(always)]
#[rustfmt::skip]
pub(crate) fn arp_build(arp: &Arp, out: &mut [u8]) -> usize {
    let Some(out) = out.first_chunk_mut::<42>() else { return 0 };
    let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (arp.mac, arp.target_mac);
    let ([m, n, o, p], [q, r, s, t]) = (arp.ip, arp.target_ip);
    *out = [
        g, h, i, j, k, l, a, b, c, d, e, f, 0x08, 0x06,
        0, 1, 8, 0, 6, 4, 0, 2, a, b, c, d, e, f, m, n, o, p, g, h, i, j, k, l, q, r, s, t,
    ];
    42
}

#[inline(always)]
pub(crate) fn na_build(na: &Na, out: &mut [u8]) -> usize {
    let Some(out) = out.first_chunk_mut::<86>() else { return 0 };
    let begin = [136 << 8, u16::from(na.flags) << 8, 0x0201, 32, 58].into_iter().map(|w: u16| u64::from(w.to_be()));
    let [a, b, c, d, e, f] = na.mac;
    let mac = u64::from(u32::from_ne_bytes([a, b, c, d])) + u64::from(u16::from_ne_bytes([e, f]));
    let total =
        [&na.source, &na.destination, &na.target].into_iter().fold(begin.sum::<u64>() + mac, |total, address| {
            let both = u128::from_ne_bytes(*address);
            add(add(total, both as u64), (both >> 64) as u64)
        });
    put(out, 0, &na.destination_mac);
    put(out, 6, &na.mac);
    put(out, 12, &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32]);
    put(out, 20, &[58, 255]);
    put(out, 22, &na.source);
    put(out, 38, &na.destination);
    put(out, 54, &[136, 0]);
    put(out, 56, &(!fold(total)).to_ne_bytes());
    put(out, 58, &[na.flags, 0, 0, 0]);
    put(out, 62, &na.target);
    put(out, 78, &[2, 1]);
    put(out, 80, &na.mac);
    86
}

/// The outer headers that all packets of the tunnel share, and the sum over the fixed part of the IPv4 header.
pub(crate) type Prepared = ([u8; 36], u64);

pub(crate) fn prepare(tunnel: &Tunnel) -> Prepared {
    let mut headers = [0; 36];
    put(&mut headers, 0, &[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    put(&mut headers, 12, &tunnel.source);
    put(&mut headers, 16, &tunnel.destination);
    put(&mut headers, 22, &4789u16.to_be_bytes());
    put(&mut headers, 28, &[8, 0, 0, 0]);
    put(&mut headers, 32, &(tunnel.vni << 8).to_be_bytes());
    (headers, sum(&headers[..20], 0))
}

#[inline(always)]
fn stamp((template, sum): &Prepared, entropy: u16, inner: &[u8], out: &mut [u8; 36]) -> Option<()> {
    let ethernet = inner.first_chunk::<16>()?;
    let ecn = match *part(ethernet, 12) {
        [0x08, 0x00] => ethernet[15] & 3,
        [0x86, 0xdd] => ethernet[15] >> 4 & 3,
        [0x81, 0x00] | [0x88, 0xa8] => tagged_ecn(inner),
        _ => 0,
    };
    let total = u16::try_from(inner.len() + 36).ok()?;
    let checksum = !fold(sum + u64::from(total.to_be()) + u64::from(u16::from(ecn).to_be()));
    *out = *template;
    out[1] = ecn;
    put(out, 2, &total.to_be_bytes());
    put(out, 10, &checksum.to_ne_bytes());
    put(out, 20, &(49152 + entropy % 16384).to_be_bytes());
    put(out, 24, &(total - 20).to_be_bytes());
    Some(())
}

#[cold]
fn tagged_ecn(inner: &[u8]) -> u8 {
    match *inner {
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, _, class, ..] => class & 3,
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, _, class, ..] => class >> 4 & 3,
        _ => 0,
    }
}

#[inline(always)]
pub(crate) fn encap_copy(template: &Prepared, entropy: u16, inner: &[u8], out: &mut [u8]) -> usize {
    let Some((headers, rest)) = out.split_first_chunk_mut() else { return 0 };
    let Some(payload) = rest.get_mut(..inner.len()) else { return 0 };
    if stamp(template, entropy, inner, headers).is_none() {
        return 0;
    }
    payload.copy_from_slice(inner);
    36 + inner.len()
}

#[inline(always)]
pub(crate) fn encap_headroom(template: &Prepared, entropy: u16, buffer: &mut [u8]) -> usize {
    let Some((headroom, inner)) = buffer.split_at_mut_checked(HEADROOM) else { return 0 };
    let Some(headers) = headroom.last_chunk_mut() else { return 0 };
    stamp(template, entropy, inner, headers).map_or(0, |()| HEADROOM - 36)
}
