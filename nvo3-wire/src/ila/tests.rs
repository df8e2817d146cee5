use super::*;
use crate::checksum::{Sum, pseudo_ipv6};
use crate::{Ipv4, Ipv6, Rule};
use core::net::Ipv6Addr;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

const SIR: Prefix = Prefix([0x33, 0x33, 0, 0, 0, 0, 0, 1]);
const LOCATOR: Prefix = Prefix([0x20, 0x01, 0, 0, 0, 0x87, 0, 0]);
const MODES: [Mode; 4] = [Mode::None, Mode::Neutral, Mode::NeutralAlways, Mode::Transport];

fn ip(text: &str) -> Ipv6 {
    text.parse::<Ipv6Addr>().unwrap().into()
}

fn with(mode: Mode) -> Translation {
    Translation { sir: SIR, locator: LOCATOR, mode }
}

fn sum(address: Ipv6) -> u16 {
    Sum::ZERO.ipv6(&address).fold()
}

/// A packet to `destination` with a right checksum of `protocol`: 8 bytes of upper header, then `behind`.
fn packet(destination: Ipv6, protocol: u8, behind: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0x60, 0, 0, 0, 0, 20 + behind.len() as u8, protocol, 64];
    let source = ip("2001:db8::5");
    packet.extend(source.0.into_iter().chain(destination.0).chain([9; 20]).chain(behind.iter().copied()));
    let at = 40
        + if protocol == 17 {
            6
        } else if protocol == 6 {
            16
        } else {
            2
        };
    packet[at..at + 2].fill(0);
    let sum = pseudo_ipv6(&source, &destination, protocol, 20 + behind.len() as u32).bytes(&packet[40..]);
    packet[at..at + 2].copy_from_slice(&sum.udp_checksum().to_be_bytes());
    packet
}

fn checksum_is_right(packet: &[u8]) -> bool {
    let packet = crate::ipv6::Packet::parse(packet).unwrap();
    packet.pseudo_header(packet.header.next_header, packet.payload.len() as u32).bytes(packet.payload).verifies()
}

/// Checks ILA-03.
#[test]
fn v13_translates_both_ways() {
    let (sir, ila) = (ip("3333:0:0:1:2000:0:1:87"), ip("2001:0:87:0:3000:0:1:333"));

    assert_eq!(with(Mode::Neutral).to_ila(sir), Ok(ila));
    assert_eq!(with(Mode::Neutral).to_sir(ila), Ok(sir));
    assert_eq!((sum(sir), sum(ila)), (0x53bc, 0x53bc));
}

/// Checks ILA-02.
#[test]
fn a_sir_address_with_the_neutral_bit_is_not_translated() {
    for mode in MODES {
        let error = with(mode).to_ila(ip("3333:0:0:1:3000:0:1:87")).unwrap_err();
        assert_eq!(error.rule, Rule::NeutralBit);
    }
}

/// Checks ILA-04.
#[test]
fn every_low_word_but_ffff_comes_back() {
    for low in 0..=u16::MAX {
        let sir = ip(&std::format!("3333:0:0:1:2000:0:1:{low:x}"));
        for mode in [Mode::Neutral, Mode::NeutralAlways] {
            match with(mode).to_ila(sir) {
                Ok(ila) => assert_eq!(with(mode).to_sir(ila), Ok(sir)),
                Err(error) => assert_eq!((low, error.rule), (0xffff, Rule::AmbiguousIdentifier)),
            }
        }
    }
    assert_eq!(Identifier([0x20, 0, 0, 0, 0, 0, 0xff, 0xff]).assignable().unwrap_err().rule, Rule::AmbiguousIdentifier);
}

/// Checks ILA-05.
#[test]
fn without_the_neutral_bit_the_prefix_alone_is_replaced() {
    for mode in [Mode::None, Mode::Neutral, Mode::Transport] {
        assert_eq!(with(mode).to_sir(ip("2001:0:87:0:2000:0:1:ffff")), Ok(ip("3333:0:0:1:2000:0:1:ffff")));
    }
}

/// Checks ILA-07.
#[test]
fn after_a_move_the_sir_address_is_the_same() {
    let sir = ip("3333:0:0:1:2000:0:1:87");
    for mode in MODES {
        let moved = Translation { locator: Prefix([0x20, 1, 0xd, 0xb8, 0, 1, 0, 2]), ..with(mode) };
        assert_ne!(with(mode).to_ila(sir), moved.to_ila(sir));
        assert_eq!(moved.to_sir(moved.to_ila(sir).unwrap()), Ok(sir));
    }
}

#[test]
fn ordinary_and_reserved_identifiers_and_other_prefixes_are_left_alone() {
    for (first, kind) in [(0x00, 0), (0xc0, 6), (0xe0, 7)] {
        let mut address = ip("3333:0:0:1:2000:0:1:87");
        address.0[8] = first;
        assert_eq!(with(Mode::Neutral).to_ila(address).unwrap_err().rule, Rule::IdentifierType(kind));
        address.0[..8].copy_from_slice(&LOCATOR.0);
        assert_eq!(with(Mode::Neutral).to_sir(address).unwrap_err().rule, Rule::IdentifierType(kind));
    }
    let other = ip("3333:0:0:2:2000:0:1:87");
    let mut bytes = packet(other, 17, &[]);
    let error = with(Mode::Neutral).ingress(&mut bytes).unwrap_err();
    assert_eq!((error.offset, error.rule), (24, Rule::OtherPrefix(other)));
    assert_eq!(bytes, packet(other, 17, &[]));
}

#[test]
fn identifiers_have_their_kind() {
    let line = |text: &str| Address::from(ip(text)).to_string();

    assert_eq!(line("2001:db8::2000:0:1:87"), "ILA 2001:db8::/64 local 000000000010087");
    assert_eq!(line("2001:db8::4000:7:c000:20a"), "ILA 2001:db8::/64 VN 7 192.0.2.10");
    assert_eq!(line("2001:db8::7000:7:1:2"), "ILA 2001:db8::/64 VN 7 ::1:2 neutral");
    assert_eq!(line("2001:db8::8000:7:8000:1"), "ILA 2001:db8::/64 VN 7 group 0000001 scope 8");
    assert_eq!(line("2001:db8::a000:0:0:1"), "ILA 2001:db8::/64 non-local 000000000000001");
    assert_eq!(line("2001:db8::e000:0:0:1"), "ILA 2001:db8::/64 reserved type 7");
    assert_eq!(line("2001:db8::1"), "ILA 2001:db8::/64 interface 0000000000000001");
    let kind = Address::from(ip("::4000:7:c000:20a")).identifier.kind();
    assert_eq!(kind, IdentifierKind::VirtualIpv4 { vn: 7, address: Ipv4([192, 0, 2, 10]) });
}

/// Checks ILA-06.
#[test]
fn a_udp_checksum_of_zero_stays_zero_and_a_computed_zero_becomes_ffff() {
    let sir = ip("3333:0:0:1:2000:0:1:87");
    let mut none = packet(sir, 17, &[]);
    none[46..48].fill(0);
    with(Mode::Transport).ingress(&mut none).unwrap();
    assert_eq!(none[46..48], [0, 0]);

    for filler in 0..=u16::MAX {
        let mut packet = packet(sir, 17, &filler.to_be_bytes());
        with(Mode::Transport).ingress(&mut packet).unwrap();
        assert_ne!(packet[46..48], [0, 0]);
    }
}

/// Checks ILA-06.
#[test]
fn checksums_behind_extension_headers_are_found_and_those_of_later_fragments_are_data() {
    let sir = ip("3333:0:0:1:2000:0:1:87");
    for (fragment, changes) in [(0u16, true), (1, true), (8, false)] {
        let mut bytes = packet(sir, 17, &[]);
        let [high, low] = fragment.to_be_bytes();
        bytes.splice(40..40, [17, 0, high, low, 0, 0, 0, 1]);
        (bytes[5], bytes[6]) = (28, 44);
        let before = bytes.clone();
        with(Mode::Transport).ingress(&mut bytes).unwrap();
        assert_eq!(before[48..] != bytes[48..], changes);
    }
}

proptest! {
    /// Checks ILA-01, ILA-03, ILA-06.
    #[test]
    fn destinations_alone_change_and_checksums_stay_right(
        sir: [u8; 8], locator: [u8; 8], id: [u8; 8], kind in 1u8..6, which in 0usize..4, upper in 0usize..3,
        behind in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut id = id;
        id[0] = kind << 5 | id[0] & 0x0f;
        prop_assume!(id[6..] != [0xff, 0xff]);
        let mut sir_address = [0; 16];
        sir_address[..8].copy_from_slice(&sir);
        sir_address[8..].copy_from_slice(&id);
        let before = packet(Ipv6(sir_address), [6, 17, 58][upper], &behind);
        let translation = Translation { sir: Prefix(sir), locator: Prefix(locator), mode: MODES[which] };

        let mut bytes = before.clone();
        translation.ingress(&mut bytes).unwrap();
        prop_assert_eq!(&bytes[..24], &before[..24]);
        prop_assert_eq!(&bytes[24..32], &locator);
        if MODES[which] != Mode::None {
            prop_assert!(checksum_is_right(&bytes));
        }
        if MODES[which] != Mode::Transport {
            prop_assert_eq!(&bytes[40..], &before[40..]);
        }

        translation.egress(&mut bytes).unwrap();
        prop_assert_eq!(&bytes[..40], &before[..40]);
        prop_assert!(checksum_is_right(&bytes));
    }

    #[test]
    fn any_bytes_translate_or_fail(mut bytes: Vec<u8>, version: bool, which in 0usize..4, prefix: [u8; 8]) {
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 0x60;
        }
        let prefix = match bytes.get(24..32) {
            Some(found) => Prefix(found.try_into().unwrap()),
            None => Prefix(prefix),
        };
        let translation = Translation { sir: prefix, locator: prefix, mode: MODES[which] };
        let _ = (translation.ingress(&mut bytes), translation.egress(&mut bytes));
    }
}

#[test]
fn prefix_text_is_an_address_of_64_bits() {
    for prefix in [SIR, LOCATOR, Prefix([0; 8])] {
        assert_eq!(prefix.to_string().parse(), Ok(prefix));
    }
    for wrong in ["2001:db8::", "2001:db8::/48", "2001:db8::1/64", "192.0.2.0/64", "/64", ""] {
        assert_eq!(wrong.parse::<Prefix>(), Err(ParsePrefixError), "{wrong}");
    }
}
