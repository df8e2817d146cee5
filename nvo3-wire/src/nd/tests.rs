use super::*;
use crate::ethernet::Frame;
use crate::vectors::{NVE_MAC, V5, V8, VM_IP6, VM_MAC};
use crate::{Error, Ipv6, Mac, Protocol, Rule, icmpv6, ipv6};
use proptest::prelude::*;
use std::vec::Vec;

const ROUTER: Ipv6 = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

fn read(frame: &[u8]) -> Result<Nd<'_>, Error> {
    let ethernet = Frame::parse(frame)?;
    Nd::parse(&ipv6::Packet::parse(ethernet.payload).map_err(|e| e.at(14))?).map_err(|e| e.at(14))
}

fn validated(frame: &[u8]) -> Result<(), Error> {
    read(frame)?.validate()
}

fn rule(frame: &[u8]) -> Rule {
    validated(frame).unwrap_err().rule
}

/// A changed frame with its payload length and checksum corrected.
fn changed(frame: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = frame.to_vec();
    change(&mut frame);
    let length = (frame.len() - 54) as u16;
    frame[18..20].copy_from_slice(&length.to_be_bytes());
    if let Some(field) = frame.get_mut(56..58) {
        field.fill(0);
        let [source, destination] = [22, 38].map(|at| Ipv6(*frame[at..].first_chunk().unwrap()));
        let sum = crate::checksum::pseudo_ipv6(&source, &destination, ipv6::ICMPV6, length.into()).bytes(&frame[54..]);
        frame[56..58].copy_from_slice(&sum.checksum().to_be_bytes());
    }
    frame
}

fn na(change: impl FnOnce(&mut Advertise)) -> Vec<u8> {
    let mut message = Advertise::unsolicited(VM_MAC, VM_IP6, To::AllNodes, true);
    change(&mut message);
    let mut out = [0; FRAME_LEN];
    let length = advertisement(&message, &mut out).unwrap();
    out[..length].to_vec()
}

fn ns(change: impl FnOnce(&mut Solicit)) -> Vec<u8> {
    let mut message = Solicit::dad(VM_MAC, VM_IP6, None);
    change(&mut message);
    let mut out = [0; FRAME_LEN + 8];
    let length = solicitation(&message, &mut out).unwrap();
    out[..length].to_vec()
}

/// Checks ND-01.
#[test]
fn each_broken_common_rule_has_its_own_error() {
    for good in [&V5[..], &V8[..]] {
        assert_eq!(validated(good), Ok(()));
        assert_eq!(rule(&changed(good, |frame| frame[21] = 254)), Rule::HopLimit(254));
        assert_eq!(rule(&changed(good, |frame| frame[55] = 3)), Rule::Code(3));
        assert!(matches!(rule(&changed(good, |frame| frame.truncate(77))), Rule::Truncated { needed: 24, .. }));
        let mut corrupt = good.to_vec();
        corrupt[85] ^= 1;
        assert!(matches!(rule(&corrupt), Rule::Checksum(_)));
    }
}

/// Checks ND-01, ND-05.
#[test]
fn an_option_of_length_zero_drops_the_message_and_says_where() {
    let broken = changed(&V5, |frame| {
        frame.extend([99, 1, 0, 0, 0, 0, 0, 0]);
        frame.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    });

    let error = validated(&broken).unwrap_err();

    let expected = Error { protocol: Protocol::NeighborAdvertisement, offset: 94, rule: Rule::OptionLengthZero(2) };
    assert_eq!(error, expected);
    assert_eq!(std::format!("{error}"), "ICMPv6 NA at byte 94: option 2 has length 0");
}

/// Checks ND-01.
#[test]
fn an_option_beyond_the_message_drops_it() {
    let beyond = changed(&V5, |frame| frame[79] = 2);
    let cut = changed(&V5, |frame| frame.push(2));

    assert_eq!(rule(&beyond), Rule::OptionTruncated { kind: 2, needed: 16, available: 8 });
    assert_eq!(rule(&cut), Rule::OptionTruncated { kind: 2, needed: 8, available: 1 });
}

/// Checks ND-02, DAD-02.
#[test]
fn a_solicitation_from_the_unspecified_address_has_no_source_option_and_goes_to_a_solicited_node_group() {
    assert_eq!(validated(&ns(|_| {})), Ok(()));
    assert_eq!(rule(&ns(|ns| ns.source_link = Some(VM_MAC))), Rule::SourceOptionFromUnspecified);
    assert_eq!(rule(&ns(|ns| ns.destination = VM_IP6)), Rule::UnspecifiedToOther(VM_IP6));
    assert_eq!(rule(&ns(|ns| ns.destination = Ipv6::ALL_NODES)), Rule::UnspecifiedToOther(Ipv6::ALL_NODES));
    assert_eq!(validated(&ns(|ns| (ns.source, ns.source_link) = (ROUTER, Some(VM_MAC)))), Ok(()));
}

/// Checks ND-03.
#[test]
fn multicast_targets_and_solicited_multicast_advertisements_are_dropped() {
    let group = Ipv6::ALL_ROUTERS;

    assert_eq!(rule(&na(|na| na.target = group)), Rule::MulticastTarget(group));
    assert_eq!(rule(&ns(|ns| ns.target = group)), Rule::MulticastTarget(group));
    assert_eq!(rule(&na(|na| na.flags.solicited = true)), Rule::SolicitedToMulticast(Ipv6::ALL_NODES));
    assert_eq!(validated(&na(|na| (na.flags.solicited, na.destination) = (true, ROUTER))), Ok(()));
}

#[test]
fn a_group_as_source_is_refused() {
    assert_eq!(rule(&na(|na| na.source = Ipv6::ALL_NODES)), Rule::MulticastSource);
    assert_eq!(rule(&ns(|ns| ns.source = Ipv6::ALL_NODES)), Rule::MulticastSource);
}

/// Checks ND-05.
#[test]
fn unknown_options_reserved_bits_and_foreign_options_are_ignored() {
    let odd = changed(&V5, |frame| {
        frame[58] |= 0x1f;
        frame[60] = 0xff;
        frame.splice(78..78, [99, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        frame.extend([1, 1, 9, 9, 9, 9, 9, 9]);
    });

    let Ok(Nd::Advertisement(message)) = read(&odd) else { panic!() };

    assert_eq!(message.validate(), Ok(()));
    assert_eq!(message.target_link(), Some(&VM_MAC));
    assert_eq!(message.body.flags(), Flags { overrides: true, ..Flags::default() });
    let kinds: Vec<_> = message.options.iter().collect();
    assert!(matches!(kinds[0], NdOption::Other { kind: 99, content } if content.len() == 14));
    assert_eq!(kinds[1..], [NdOption::TargetLink(&VM_MAC), NdOption::SourceLink(&Mac([9; 6]))]);
}

/// Checks ND-05.
#[test]
fn a_source_option_has_no_meaning_in_an_advertisement() {
    let only_source = changed(&V5, |frame| frame[78] = 1);

    let Ok(Nd::Advertisement(message)) = read(&only_source) else { panic!() };

    assert_eq!((message.validate(), message.target_link()), (Ok(()), None));
}

#[test]
fn a_link_layer_address_of_another_length_is_kept_but_not_read() {
    for kind in [1, 2] {
        let long = changed(&V5, |frame| {
            (frame[78], frame[79]) = (kind, 2);
            frame.extend([0; 8]);
            frame.extend([14, 1, 0, 0, 0, 0, 0, 0]);
        });

        let Ok(Nd::Advertisement(message)) = read(&long) else { panic!() };

        assert_eq!((message.target_link(), message.options.iter().count()), (None, 2));
    }
}

#[test]
fn a_fragment_header_is_refused_even_if_atomic() {
    for (offset, parses) in [(0, true), (1, false)] {
        let mut fragment = V5.to_vec();
        fragment[20] = ipv6::FRAGMENT;
        fragment[19] += 8;
        fragment.splice(54..54, [58, 0, 0, offset, 0, 0, 0, 1]);

        assert_eq!((read(&fragment).is_ok(), rule(&fragment)), (parses, Rule::Fragment));
    }
}

/// Checks ND-10.
#[test]
fn answers_go_to_the_asker_or_to_all_nodes_when_nobody_asked() {
    let to_asker = Advertise::answer(NVE_MAC, VM_IP6, (VM_MAC, ROUTER));
    let to_all = Advertise::answer(NVE_MAC, VM_IP6, (VM_MAC, Ipv6::UNSPECIFIED));

    assert_eq!((to_asker.destination, to_asker.ethernet_destination), (ROUTER, VM_MAC));
    assert!(to_asker.flags.solicited && to_asker.flags.overrides && to_asker.target_link == Some(NVE_MAC));
    assert_eq!(to_all.destination, Ipv6::ALL_NODES);
    assert!(!to_all.flags.solicited && to_all.target_link == Some(NVE_MAC));
}

/// Checks ND-15.
#[test]
fn an_answer_for_the_owner_gives_its_own_mac_and_overrides() {
    let mut out = [0; FRAME_LEN];
    advertisement(&Advertise::answer(VM_MAC, VM_IP6, (NVE_MAC, ROUTER)), &mut out).unwrap();

    let Ok(Nd::Advertisement(message)) = read(&out) else { panic!() };

    assert_eq!((message.body.target, message.target_link()), (VM_IP6, Some(&VM_MAC)));
    assert!(message.body.flags().overrides && message.validate().is_ok());
}

#[test]
fn the_checksum_holds_behind_extension_headers() {
    let mut extended = V5.to_vec();
    extended[20] = ipv6::DESTINATION_OPTIONS;
    extended[19] += 16;
    extended.splice(54..54, [58, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

    let Ok(Nd::Advertisement(message)) = read(&extended) else { panic!() };

    assert_eq!(message.validate(), Ok(()));
}

#[test]
fn other_messages_have_no_target() {
    let echo = changed(&V5, |frame| frame[54] = 128);

    assert!(matches!(read(&echo), Ok(Nd::Other(message)) if message.validate().is_ok()));
}

const LINK_LOCAL: Ipv6 = ROUTER;
const GLOBAL: Ipv6 = VM_IP6;

/// A frame with any message from `source`.
fn frame<T: Body>(source: Ipv6, body: T, options: &[NdOption<'_>]) -> Vec<u8> {
    let message = Outgoing { source, destination: Ipv6::ALL_NODES, body, options };
    let mut out = std::vec![0xa5; message.frame_len()];
    assert_eq!(message.write_frame(Ipv6::ALL_NODES.multicast_mac(), NVE_MAC, &mut out), Ok(out.len()));
    out
}

fn ra() -> RouterAdvertisement {
    RouterAdvertisement::new(RouterFlags::default(), 1800)
}

/// Checks ND-01.
#[test]
fn each_broken_common_rule_has_its_own_error_in_router_messages() {
    let messages = [
        (frame(LINK_LOCAL, RouterSolicitation::new(), &[]), 8),
        (frame(LINK_LOCAL, ra(), &[]), 16),
        (frame(LINK_LOCAL, Redirect::new(LINK_LOCAL, GLOBAL), &[]), 40),
    ];
    for (good, least) in &messages {
        assert_eq!(validated(good), Ok(()));
        assert_eq!(rule(&changed(good, |frame| frame[21] = 64)), Rule::HopLimit(64));
        assert_eq!(rule(&changed(good, |frame| frame[55] = 1)), Rule::Code(1));
        assert_eq!(rule(&changed(good, |frame| frame.extend([1, 0, 0, 0, 0, 0, 0, 0]))), Rule::OptionLengthZero(1));
        let short = rule(&changed(good, |frame| frame.truncate(54 + least - 1)));
        assert_eq!(short, Rule::Truncated { needed: *least, available: least - 1 });
        let mut corrupt = good.clone();
        corrupt[56] ^= 1;
        assert!(matches!(rule(&corrupt), Rule::Checksum(_)));
        let fragment = changed(good, |frame| {
            frame[20] = ipv6::FRAGMENT;
            frame.splice(54..54, [58, 0, 0, 0, 0, 0, 0, 1]);
        });
        assert_eq!(rule(&fragment), Rule::Fragment);
        assert_eq!(rule(&changed(good, |frame| frame[22] = 0xff)), Rule::MulticastSource);
    }
}

/// Checks ND-02.
#[test]
fn a_router_solicitation_from_the_unspecified_address_has_no_source_option() {
    let from =
        |source, options: &[_]| validated(&frame(source, RouterSolicitation::new(), options)).map_err(|e| e.rule);
    let link = [NdOption::SourceLink(&VM_MAC)];

    assert_eq!(from(Ipv6::UNSPECIFIED, &[]), Ok(()));
    assert_eq!(from(LINK_LOCAL, &link), Ok(()));
    assert_eq!(from(Ipv6::UNSPECIFIED, &link), Err(Rule::SourceOptionFromUnspecified));
}

/// Checks ND-04.
#[test]
fn router_messages_have_link_local_sources_and_redirect_to_neighbors() {
    let redirect = |source, target, destination| rule(&frame(source, Redirect::new(target, destination), &[]));
    let other = Ipv6([0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    assert_eq!(rule(&frame(GLOBAL, ra(), &[])), Rule::NotLinkLocal(GLOBAL));
    assert_eq!(rule(&frame(Ipv6::UNSPECIFIED, ra(), &[])), Rule::NotLinkLocal(Ipv6::UNSPECIFIED));
    assert_eq!(redirect(GLOBAL, LINK_LOCAL, GLOBAL), Rule::NotLinkLocal(GLOBAL));
    assert_eq!(redirect(LINK_LOCAL, LINK_LOCAL, Ipv6::ALL_NODES), Rule::MulticastDestination(Ipv6::ALL_NODES));
    assert_eq!(redirect(LINK_LOCAL, other, GLOBAL), Rule::RedirectTarget(other));
    assert_eq!(validated(&frame(LINK_LOCAL, Redirect::new(GLOBAL, GLOBAL), &[])), Ok(()));
}

#[test]
fn the_text_form_is_that_of_a_packet_analyser() {
    let prefix = Prefix::new(GLOBAL, 64, Prefix::ON_LINK | Prefix::AUTONOMOUS, u32::MAX, 600);
    let (mtu, servers) = (Mtu::new(1450), [LINK_LOCAL]);
    let options = [
        NdOption::Prefix(&prefix),
        NdOption::Mtu(&mtu),
        NdOption::Rdnss(Rdnss { lifetime: 60, addrs: &servers }),
        NdOption::Other { kind: 99, content: &[0; 6] },
    ];
    let lines = [
        (ns(|_| {}), "NS who has 2001:db8::10"),
        (ns(|ns| ns.source_link = Some(VM_MAC)), "NS who has 2001:db8::10, sll 02:00:5e:00:53:01"),
        (V5.to_vec(), "NA 2001:db8::10 is here, override, tll 02:00:5e:00:53:01"),
        (frame(LINK_LOCAL, RouterSolicitation::new(), &[]), "RS from fe80::1"),
        (
            frame(LINK_LOCAL, ra(), &options),
            "RA from fe80::1 router for 1800 s, hop limit 0, prefix 2001:db8::10/64 L A valid ever preferred 600 s, \
             mtu 1450, dns fe80::1 for 60 s, option 99 8 B",
        ),
        (frame(LINK_LOCAL, Redirect::new(ROUTER, GLOBAL), &[]), "Redirect 2001:db8::10 to fe80::1"),
    ];
    for (bytes, line) in lines {
        assert_eq!(std::format!("{}", read(&bytes).unwrap()), line);
    }
}

#[test]
fn several_options_of_one_kind_are_all_kept() {
    let prefixes = [32, 48, 64].map(|length| Prefix::new(GLOBAL, length, 0, 2, 1));
    let options: Vec<_> = prefixes.iter().map(NdOption::Prefix).collect();
    let bytes = frame(LINK_LOCAL, ra(), &options);

    let Ok(Nd::RouterAdvertisement(message)) = read(&bytes) else { panic!() };

    assert_eq!(message.options.iter().collect::<Vec<_>>(), options);
}

#[test]
fn an_option_beyond_255_units_is_not_written() {
    let long = [0; 2040];
    let mut out = [0; 4096];

    assert_eq!(NdOption::Nonce(&long).write(&mut out).unwrap_err().rule, Rule::TooLong(2048));
    assert_eq!(NdOption::Nonce(&long[..2038]).write(&mut out), Ok(2040));
}

/// The only option of these bytes.
fn option(bytes: &[u8]) -> NdOption<'_> {
    let options: Vec<_> = Options::parse(bytes).unwrap().iter().collect();
    assert_eq!(options.len(), 1);
    options[0]
}

#[test]
fn an_option_is_read_by_its_type_if_its_content_has_the_form_of_its_type() {
    let cga = [&[11, 3, 2, 0][..], &[7; 18], &[0; 2]].concat();
    assert_eq!(option(&cga), NdOption::Cga(Cga { params: &cga[4..22] }));
    let agent = [8, 1, 0, 0, 0, 9, 0, 60];
    assert_eq!(option(&agent), NdOption::HomeAgent(&HomeAgent::new(9, 60)));
    let route = [&[24, 2, 64, 0x08, 0, 0, 0, 60][..], &[7; 8]].concat();
    let read = Route { prefix_len: 64, preference: 1, lifetime: 60, prefix: &[7; 8] };
    assert_eq!(option(&route), NdOption::Route(read));
}

#[test]
fn a_prefix_has_as_many_bytes_as_its_length_needs_and_no_length_is_above_128() {
    for kind in [24, 34] {
        let with = |length: u8| [&[kind, 2, length, 0, 0, 0, 0, 60][..], &[7; 8]].concat();
        let known = |length: u8| !matches!(option(&with(length)), NdOption::Other { .. });
        assert_eq!([64, 65, 128, 129].map(known), [true, false, false, true], "type {kind}");
        assert_eq!(option(&with(64)).validate(), Ok(()));
        assert_eq!(option(&with(129)).validate().unwrap_err().rule, Rule::PrefixLength(129));
    }
}

#[test]
fn each_broken_rule_of_a_prefix_option_has_its_own_error() {
    let verdict = |prefix, length, valid, preferred| {
        NdOption::Prefix(&Prefix::new(prefix, length, 0, valid, preferred)).validate().map_err(|error| error.rule)
    };

    assert_eq!(verdict(GLOBAL, 128, 60, 60), Ok(()));
    assert_eq!(verdict(GLOBAL, 129, 60, 60), Err(Rule::PrefixLength(129)));
    assert_eq!(verdict(LINK_LOCAL, 64, 60, 60), Err(Rule::LinkLocalPrefix));
    assert_eq!(verdict(GLOBAL, 64, 60, 61), Err(Rule::PreferredBeyondValid { preferred: 61, valid: 60 }));
}

#[test]
fn a_nat64_prefix_has_one_of_six_lengths_and_a_lifetime_in_units_of_8_seconds() {
    let with = |code| Pref64::new([7; 12], 10, code);

    assert_eq!([0, 1, 2, 3, 4, 5].map(|code| with(code).prefix_len()), [96, 64, 56, 48, 40, 32].map(Some));
    assert_eq!([6, 7].map(|code| with(code).prefix_len()), [None; 2]);
    assert_eq!((with(5).scaled_lifetime(), with(5).plc()), (10, 5));
    let text = std::format!("{}", NdOption::Pref64(&with(1)));
    assert_eq!(text, "nat64 707:707:707:707:707:707::/64 for 80 s");
}

#[test]
fn router_flags_are_the_bits_of_the_packet() {
    let low = RouterFlags { preference: 3, ..RouterFlags::default() };
    let high = RouterFlags { managed: true, other: true, home_agent: true, proxied: true, preference: 1 };

    for (flags, bits) in [(low, 0x18), (high, 0xec)] {
        assert_eq!((flags.bits(), RouterAdvertisement::new(flags, 60).flags()), (bits, flags));
    }
}

#[test]
fn a_domain_name_is_written_as_labels_with_their_lengths() {
    let mut out = [0xa5; 13];

    assert_eq!(Name::write("www.nvo3.de", &mut out), Some(13));
    assert_eq!(&out, b"\x03www\x04nvo3\x02de\0");
    assert_eq!(Name::write("www.nvo3.de", &mut out[..12]), None);
    assert_eq!(Name::write("www..de", &mut out), None);
}

#[test]
fn no_message_is_empty() {
    let message = Outgoing { source: ROUTER, destination: Ipv6::ALL_NODES, body: ra(), options: &[] };

    assert_eq!((message.is_empty(), message.len()), (false, 16));
}

proptest! {
    #[test]
    fn advertisements_are_read_as_written(
        macs: [[u8; 6]; 3], source: [u8; 16], destination: [u8; 16], target: [u8; 16], flags: [bool; 3], link: bool,
    ) {
        let [router, solicited, overrides] = flags;
        let message = Advertise {
            ethernet_destination: Mac(macs[0]),
            mac: Mac(macs[1]),
            source: Ipv6(source),
            destination: Ipv6(destination),
            target: Ipv6(target),
            flags: Flags { router, solicited, overrides },
            target_link: link.then_some(Mac(macs[2])),
        };
        let mut out = [0xa5; FRAME_LEN];
        let length = advertisement(&message, &mut out).unwrap();
        prop_assert_eq!(length, message.frame_len());

        let Ok(Nd::Advertisement(read)) = read(&out[..length]) else { panic!() };
        prop_assert!(icmpv6::checksum_verifies(read.ip, &out[54..length]));
        prop_assert_eq!((read.ip.source, read.ip.destination, read.ip.hop_limit), (message.source, message.destination, 255));
        prop_assert_eq!((read.body.target, read.body.flags()), (message.target, message.flags));
        prop_assert_eq!(read.target_link(), message.target_link.as_ref());
        prop_assert!(advertisement(&message, &mut out[..length - 1]).is_err());
    }

    #[test]
    fn solicitations_are_read_as_written(
        macs: [[u8; 6]; 2], source: [u8; 16], target: [u8; 16], link: bool, nonce: Option<[u8; 6]>,
    ) {
        let message = Solicit {
            source_link: link.then_some(Mac(macs[1])),
            nonce,
            ..Solicit::resolve(Mac(macs[0]), Ipv6(source), Ipv6(target))
        };
        let mut out = [0xa5; FRAME_LEN + 8];
        let length = solicitation(&message, &mut out).unwrap();

        let Ok(Nd::Solicitation(read)) = read(&out[..length]) else { panic!() };
        prop_assert!(icmpv6::checksum_verifies(read.ip, &out[54..length]));
        prop_assert_eq!((read.ip.source, read.ip.destination), (message.source, message.destination));
        prop_assert_eq!((read.source_link(), read.nonce()), (message.source_link.as_ref(), nonce.as_ref().map(|n| &n[..])));
    }

    #[test]
    fn any_options_parse_or_fail_and_parsed_ones_cover_every_byte(bytes: Vec<u8>) {
        if let Ok(options) = Options::parse(&bytes) {
            let raw: Vec<_> = options.raw().flat_map(|option| option.bytes).copied().collect();
            prop_assert_eq!(&raw, &bytes);
            for option in options {
                let mut out = std::vec![0xa5; option.size()];
                if option.write(&mut out).is_ok() {
                    prop_assert_eq!(Options::parse(&out).unwrap().iter().next(), Some(option));
                }
                let _ = (option.validate(), std::format!("{option}"));
            }
            prop_assert_eq!(options.raw().map(|option| option.read()).collect::<Vec<_>>(), options.iter().collect::<Vec<_>>());
        }
    }
}

/// An option of every known kind with any content.
fn any_option() -> impl Strategy<Value = Vec<u8>> {
    (0u8..40, 1usize..5).prop_flat_map(|(kind, units)| {
        proptest::collection::vec(any::<u8>(), units * 8 - 2)
            .prop_map(move |content| [&[kind, units as u8][..], &content].concat())
    })
}

proptest! {
    #[test]
    fn what_was_read_of_an_option_is_read_again_when_written(bytes in any_option()) {
        let option = Options::parse(&bytes).unwrap().iter().next().unwrap();
        prop_assert_eq!(option.kind(), bytes[0]);
        let _ = (option.validate(), std::format!("{option}"));

        let mut out = std::vec![0xa5; option.size()];
        prop_assert_eq!(option.write(&mut out), Ok(out.len()));

        prop_assert_eq!(Options::parse(&out).unwrap().iter().next(), Some(option));
    }
}
