//! Any claim in any wrapping, beside a judge of its own that reads as the most lenient receiver would.

use super::*;
use proptest::prelude::*;

/// The offset of what an untagged frame's IPv6 header carries.
const BEHIND: usize = 54;
const ICMPV6: u8 = 58;

/// An untagged IPv6 frame with these extension headers in front of its message.
pub(crate) fn with_headers(frame: &[u8], kinds: &[u8]) -> Vec<u8> {
    let headers: Vec<Vec<u8>> = kinds.iter().map(|kind| wrapped_in(*kind)).collect();
    let mut whole = frame[..BEHIND].to_vec();
    let last = std::mem::replace(&mut whole[20], kinds.first().copied().unwrap_or(frame[20]));
    for (n, header) in headers.iter().enumerate() {
        let at = whole.len();
        whole.extend(header);
        whole[at] = kinds.get(n + 1).copied().unwrap_or(last);
    }
    whole.extend(&frame[BEHIND..]);
    set_length(&mut whole);
    whole
}

fn wrapped_in(kind: u8) -> Vec<u8> {
    match kind {
        43 => vec![0, 0, 253, 0, 0, 0, 0, 0],
        44 => vec![0, 0, 0, 0, 0, 0, 0, 1],
        51 => [&[0, 2, 0, 0][..], &[7; 12]].concat(),
        _ => vec![0, 0, 1, 4, 0, 0, 0, 0],
    }
}

fn set_length(frame: &mut [u8]) {
    let length = (frame.len() - BEHIND) as u16;
    frame[18..20].copy_from_slice(&length.to_be_bytes());
}

/// Sets the checksum of ICMPv6 directly behind the IPv6 header.
pub(crate) fn set_checksum(frame: &mut [u8]) {
    set_length(frame);
    frame[BEHIND + 2..BEHIND + 4].fill(0);
    let length = (frame.len() - BEHIND) as u32;
    let pseudo = [&frame[22..BEHIND], &length.to_be_bytes(), &[0, 0, 0, ICMPV6], &frame[BEHIND..]].concat();
    let words = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[BEHIND + 2..BEHIND + 4].copy_from_slice(&(!sum as u16).to_be_bytes());
}

#[derive(Clone, Debug)]
enum Said {
    Arp { operation: u16, rarp: bool, sender: (u8, u8), target: (u8, u8) },
    Neighbor { kind: u8, source: Ip, flags: u8, target: Ip, links: Vec<(u8, u8)> },
    V4 { protocol: u8, source: u8, ports: [u8; 4] },
    V6 { next: u8, source: Ip },
}

/// An IPv6 address: none, of a TSI, or the link-local address of a TSI.
#[derive(Clone, Copy, Debug)]
enum Ip {
    Unspecified,
    Of(u8),
    LinkLocal(u8),
}

impl Ip {
    const fn value(self) -> Ipv6 {
        match self {
            Self::Unspecified => Ipv6::UNSPECIFIED,
            Self::Of(n) => v6(n),
            Self::LinkLocal(n) => Ipv6::link_local(Mac([2, 0, 0, 0, 0, n])),
        }
    }
}

/// 1 is the sender and 2 another TSI.
fn a_tsi() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(1_u8), 1 => Just(2_u8)]
}

fn an_ip() -> impl Strategy<Value = Ip> {
    prop_oneof![1 => Just(Ip::Unspecified), 3 => a_tsi().prop_map(Ip::Of), 2 => a_tsi().prop_map(Ip::LinkLocal)]
}

/// 0 is 0.0.0.0.
fn an_ipv4() -> impl Strategy<Value = u8> {
    prop_oneof![1 => Just(0_u8), 4 => a_tsi()]
}

fn said() -> impl Strategy<Value = Said> {
    let links = prop::collection::vec((1..3_u8, a_tsi()), 0..3);
    prop_oneof![
        3 => (1..5_u16, any::<bool>(), (a_tsi(), an_ipv4()), (a_tsi(), an_ipv4()))
            .prop_map(|(operation, rarp, sender, target)| Said::Arp { operation, rarp, sender, target }),
        5 => (133..138_u8, an_ip(), any::<u8>(), an_ip(), links)
            .prop_map(|(kind, source, flags, target, links)| Said::Neighbor { kind, source, flags, target, links }),
        1 => (prop_oneof![Just(17_u8), Just(2_u8), any::<u8>()], an_ipv4(), prop_oneof![Just([0, 68, 0, 67]), any::<[u8; 4]>()])
            .prop_map(|(protocol, source, ports)| Said::V4 { protocol, source, ports }),
        1 => (prop_oneof![Just(17_u8), Just(6_u8), Just(59_u8), Just(253_u8)], an_ip())
            .prop_map(|(next, source)| Said::V6 { next, source }),
    ]
}

#[derive(Clone, Debug)]
struct Wrapping {
    unicast: bool,
    headers: Vec<u8>,
    /// The offset and the flag of the fragment header, wherever there is one.
    fragment: u16,
    tags: Vec<[u8; 4]>,
    snap: bool,
    /// Bytes that are cut off or appended.
    cut: usize,
    padding: usize,
}

fn wrapping() -> impl Strategy<Value = Wrapping> {
    let header = prop_oneof![1 => Just(0_u8), 1 => Just(43_u8), 1 => Just(44_u8), 1 => Just(51_u8), 3 => Just(60_u8)];
    let few = prop_oneof![2 => Just(Vec::new()), 2 => prop::collection::vec(header.clone(), 0..4), 1 => prop::collection::vec(header, 4..12)];
    let tag = (prop_oneof![Just([0x81, 0]), Just([0x88, 0xa8]), Just([0x91, 0])], prop_oneof![Just(0_u8), any::<u8>()])
        .prop_map(|([a, b], id)| [a, b, 0, id]);
    let tags = prop_oneof![2 => Just(Vec::new()), 2 => prop::collection::vec(tag, 0..4)];
    let fragment = prop_oneof![2 => Just(0_u16), 1 => Just(1_u16), 1 => any::<u16>()];
    let cut = prop_oneof![4 => Just(0_usize), 1 => 0..60_usize];
    (any::<bool>(), few, fragment, tags, prop::bool::weighted(0.1), cut, 0..20_usize).prop_map(
        |(unicast, headers, fragment, tags, snap, cut, padding)| Wrapping {
            unicast,
            headers,
            fragment,
            tags,
            snap,
            cut,
            padding,
        },
    )
}

/// The frame of TSI 1 that says this.
fn frame(said: &Said, wrapping: &Wrapping) -> Vec<u8> {
    let ip4 = |n: u8| if n == 0 { Ipv4::UNSPECIFIED } else { v4(n) };
    let mut frame = match said {
        Said::Arp { operation, rarp, sender, target } => {
            let kind = if *rarp { [0x80, 0x35] } else { [8, 6] };
            let head = [&[0xff; 6], &mac(1).0[..], &kind, &[0, 1, 8, 0, 6, 4], &operation.to_be_bytes()].concat();
            [&head[..], &mac(sender.0).0, &ip4(sender.1).0, &mac(target.0).0, &ip4(target.1).0].concat()
        }
        Said::Neighbor { kind, source, flags, target, links } => {
            let mut message = vec![*kind, 0, 0, 0, *flags, 0, 0, 0];
            match kind {
                133 => {}
                134 => message.extend([0; 8]),
                137 => message.extend([target.value().0, target.value().0].concat()),
                _ => message.extend(target.value().0),
            }
            links.iter().for_each(|(kind, of)| message.extend([&[*kind, 1], &mac(*of).0[..]].concat()));
            let mut frame = packet(1, source.value(), ICMPV6, &message);
            if matches!(source, Ip::Unspecified) {
                frame[38..54].copy_from_slice(&target.value().solicited_node().0);
            }
            set_checksum(&mut frame);
            frame
        }
        Said::V4 { protocol, source, ports } => datagram(1, ip4(*source), *protocol, *ports),
        Said::V6 { next, source } => packet(1, source.value(), *next, &[0; 20]),
    };
    if frame[12..14] == [0x86, 0xdd] {
        frame = with_headers(&frame, &wrapping.headers);
        let mut at = BEHIND;
        for kind in &wrapping.headers {
            if *kind == 44 {
                frame[at + 2..at + 4].copy_from_slice(&wrapping.fragment.to_be_bytes());
            }
            at += wrapped_in(*kind).len();
        }
    }
    frame.truncate(frame.len() - wrapping.cut.min(frame.len() - 14));
    frame.resize(frame.len() + wrapping.padding, 0);
    if wrapping.snap {
        let length = (frame.len() - 12 + 6) as u16;
        frame.splice(12..12, [&length.to_be_bytes()[..], &[0xaa, 0xaa, 3, 0, 0, 0]].concat());
    }
    for tag in &wrapping.tags {
        frame = tagged(&frame, *tag);
    }
    if wrapping.unicast { to(mac(2), frame) } else { frame }
}

/// Takes bytes off the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

/// A claim that a receiver could find: a MAC with an address, or with no address if it claims to be a router.
type Claim = (Mac, Option<IpAddr>);

/// All claims that the most lenient receiver finds, one that takes any number of tags and headers and verifies nothing. A message that
/// such a receiver cannot read further ends them.
fn claims(frame: &[u8]) -> Vec<Claim> {
    let mut found = Vec::new();
    let _ = find(&mut Bytes(frame), &mut found);
    found
}

fn find(bytes: &mut Bytes<'_>, found: &mut Vec<Claim>) -> Option<()> {
    let _: [u8; 6] = bytes.take()?;
    let from = Mac(bytes.take()?);
    let mut kind: [u8; 2] = bytes.take()?;
    loop {
        match kind {
            [0x81 | 0x91, 0] | [0x88, 0xa8] => {
                let _: [u8; 2] = bytes.take()?;
            }
            [high, _] if high < 6 => {
                let [0xaa, 0xaa, 3, 0, 0, 0] = bytes.take()? else { return None };
            }
            _ => break,
        }
        kind = bytes.take()?;
    }
    match kind {
        [8, 6] | [0x80, 0x35] => arp_claims(bytes, kind == [0x80, 0x35], found),
        [8, 0] => {
            let head: [u8; 20] = bytes.take()?;
            let source = Ipv4(head[12..16].try_into().ok()?);
            if head[0] >> 4 == 4 && source != Ipv4::UNSPECIFIED {
                found.push((from, Some(source.addr().into())));
            }
            Some(())
        }
        [0x86, 0xdd] => ipv6_claims(bytes, from, found),
        _ => None,
    }
}

fn arp_claims(bytes: &mut Bytes<'_>, rarp: bool, found: &mut Vec<Claim>) -> Option<()> {
    let head: [u8; 8] = bytes.take()?;
    let sender = (Mac(bytes.take()?), Ipv4(bytes.take()?));
    let target = (Mac(bytes.take()?), Ipv4(bytes.take()?));
    let pair = |(mac, ip): (Mac, Ipv4)| (mac, Some(ip.addr().into()));
    match (rarp, head[7]) {
        (false, _) if sender.1 != Ipv4::UNSPECIFIED => found.push(pair(sender)),
        (true, 4) => found.extend([pair(sender), pair(target)]),
        _ => {}
    }
    Some(())
}

fn ipv6_claims(bytes: &mut Bytes<'_>, from: Mac, found: &mut Vec<Claim>) -> Option<()> {
    let head: [u8; 40] = bytes.take()?;
    let source = Ipv6(head[8..24].try_into().ok()?);
    if source != Ipv6::UNSPECIFIED {
        found.push((from, Some(source.addr().into())));
    }
    let mut next = head[6];
    while matches!(next, 0 | 43 | 44 | 51 | 60) {
        let [following, units, high, low, ..]: [u8; 8] = bytes.take()?;
        let rest = match next {
            44 if u16::from_be_bytes([high, low]) & 0xfff8 != 0 => return None,
            44 => 0,
            51 => (usize::from(units) + 2) * 4 - 8,
            _ => usize::from(units) * 8,
        };
        bytes.0 = bytes.0.get(rest..)?;
        next = following;
    }
    if next != ICMPV6 {
        return None;
    }
    let kind: [u8; 8] = bytes.take()?;
    let address = match kind[0] {
        133 => source,
        134 | 137 => {
            found.push((from, None));
            return None;
        }
        135 => {
            let _: [u8; 16] = bytes.take()?;
            source
        }
        136 => Ipv6(bytes.take()?),
        _ => return None,
    };
    let option = if kind[0] == 136 { 2 } else { 1 };
    let mut linked = kind[0] != 136;
    while let Some([kind, units, link @ ..]) = bytes.take::<8>() {
        if kind == option && address != Ipv6::UNSPECIFIED {
            linked = true;
            found.push((Mac(link), Some(address.addr().into())));
        }
        bytes.0 = bytes.0.get(usize::from(units.max(1) - 1) * 8..).unwrap_or_default();
    }
    if !linked {
        found.push((from, Some(address.addr().into())));
    }
    Some(())
}

/// True if TSI 1 may claim this.
fn is_true(claim: &Claim) -> bool {
    let (of, Some(ip)) = claim else { return false };
    let own: [IpAddr; 3] = [v4(1).addr().into(), v6(1).addr().into(), Ipv6::link_local(mac(1)).addr().into()];
    *of == mac(1) && own.contains(ip)
}

/// Where the NVA has each TSI, and from which version on.
fn facts(world: &Direct) -> Vec<Option<(u64, nvo3_nva_proto::Version)>> {
    let place =
        |n| world.nva.lookup(&tsi(n).key).map(|found| (found.place.map_or(0, |place| place.nve.0), found.version));
    (1..4).map(place).collect()
}

fn left(verdict: Verdict) -> bool {
    !matches!(verdict, Verdict::Drop(_) | Verdict::Punt)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 50_000, ..ProptestConfig::default() })]

    /// Checks VMM-10-02, VMM-10-03.
    #[test]
    fn a_claim_that_is_not_bound_changes_no_mapping_and_leaves_no_port(said in said(), wrapping in wrapping()) {
        let frame = frame(&said, &wrapping);
        let lies = claims(&frame).iter().any(|claim| !is_true(claim));
        let mut world = world();
        let before = facts(&world);

        let verdict = sends(&mut world, PORT, &frame);
        // The same lie at the closed gate of a port that is only attached, by its own MAC.
        let mut other = frame.clone();
        other[6..12].copy_from_slice(&mac(3).0);
        let _ = sends(&mut world, OTHER_PORT, &other);
        let other_lies = claims(&other).iter().any(|claim| *claim != (mac(3), Some(v6(3).addr().into())));

        prop_assert!(!(lies && left(verdict)), "{verdict}: {frame:02x?}");
        if lies && other_lies {
            prop_assert_eq!(facts(&world), before);
        }
    }

    /// Checks VMM-10-02.
    #[test]
    fn the_truth_in_the_wrapping_that_a_port_takes_leaves_it(said in said(), wrapping in wrapping()) {
        let simple = Wrapping { headers: wrapping.headers.into_iter().filter(|kind| *kind != 44).take(8).collect(),
            tags: wrapping.tags.into_iter().filter(|tag| tag[0] != 0x91).take(1).collect(), snap: false, cut: 0, ..wrapping };
        let frame = frame(&said, &simple);
        let own_network = simple.tags.first().is_none_or(|tag| tag[3] == 0);
        let claims = claims(&frame);
        // Only what certainly is valid: data, and questions and answers that are well formed.
        let valid = match &said {
            Said::Arp { operation, rarp, .. } => !rarp && *operation < 3,
            Said::Neighbor { kind, source, flags, target, .. } =>
                !matches!(source, Ip::Unspecified) && !matches!(target, Ip::Unspecified) && (*kind != 136 || flags & 0x40 == 0),
            Said::V4 { protocol, ports: [a, b, c, d], .. } => *protocol != 17 || ([*a, *b] != [0, 67] && [*c, *d] != [0, 68]),
            Said::V6 { source, .. } => !matches!(source, Ip::Unspecified),
        };
        // Control answers a question to a group itself.
        let question = own_network && !simple.unicast
            && matches!(&said, Said::Arp { operation: 1, .. } | Said::Neighbor { kind: 135, .. });
        prop_assume!(valid && !question && !claims.is_empty() && claims.iter().all(is_true));

        prop_assert!(left(sends(&mut world(), PORT, &frame)), "{frame:02x?}");
    }
}
