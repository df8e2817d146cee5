use super::*;
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

const fn ip(n: u8) -> Ipv6 {
    Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

/// An option by the layout of RFC 8415 §21.1.
fn option(code: u16, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&code.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), &data].concat()
}

fn address(ip: Ipv6) -> Vec<u8> {
    option(5, &[&ip.0, &[0, 0, 14, 16], &[0, 0, 28, 32]])
}

fn association(code: u16, inside: &[&[u8]]) -> Vec<u8> {
    option(code, &[&[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0], &inside.concat()])
}

/// A message with a client's and a server's name in front of these options.
fn message(kind: u8, options: &[&[u8]]) -> Vec<u8> {
    let ids =
        [option(1, &[&[0, 3, 0, 1, 2, 0, 0x5e, 0, 0x53, 1]]), option(2, &[&[0, 3, 0, 1, 2, 0, 0x5e, 0, 0x53, 2]])]
            .concat();
    [&[kind, 1, 2, 3][..], &ids, &options.concat()].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.validate(), Ok(()));
    message
}

#[test]
fn a_client_wants_or_gives_up_the_addresses_in_its_associations_by_the_type_of_its_message() {
    let two = association(3, &[&address(ip(1)), &option(13, &[&[0, 0]]), &address(ip(2))]);
    let other = association(3, &[&address(ip(3))]);
    // A temporary association, a prefix, and an address in no association.
    let more = [association(4, &[&address(ip(4))]), option(25, &[&[0; 12]]), address(ip(5))].concat();
    let all = [ip(1), ip(2), ip(3)];

    for kind in 0..12 {
        let bytes = message(kind, &[&two, &more, &other]);
        let read = read(&bytes);

        let (wanted, given_up): (Vec<_>, Vec<_>) = (read.wanted().collect(), read.given_up().collect());
        assert_eq!(wanted, if [3, 4, 5, 6].contains(&kind) { &all[..] } else { &[] }, "{kind}");
        assert_eq!(given_up, if [8, 9].contains(&kind) { &all[..] } else { &[] }, "{kind}");
        assert!(read.addresses().all(|address| (address.preferred.get(), address.valid.get()) == (3_600, 7_200)));
        assert_eq!(read.addresses().count(), 3);
    }
}

fn broken(bytes: &[u8]) -> (usize, Rule) {
    let error = Message::parse(bytes).and_then(|message| message.validate()).unwrap_err();
    assert_eq!(error.protocol, Protocol::Dhcpv6);
    (error.offset, error.rule)
}

#[test]
fn an_error_says_where_and_why() {
    let inside = |bytes: &[u8]| message(3, &[&association(3, &[bytes])]);
    let mut nested = address(ip(1));
    nested[3] += 3;
    nested.extend([0, 1, 0]);
    let cut = address(ip(1))[..20].to_vec();
    #[rustfmt::skip]
    let table = [
        (std::vec![3, 0, 0],                   0,  Rule::Truncated { needed: 4, available: 3 }),
        (message(12, &[]),                     0,  Rule::MessageType(12)),
        (message(13, &[]),                     0,  Rule::MessageType(13)),
        (message(3, &[&[0, 7, 0]]),            32, Rule::Truncated { needed: 4, available: 3 }),
        (message(3, &[&[0, 7, 0, 2, 9]]),      32, Rule::Truncated { needed: 6, available: 5 }),
        (message(3, &[&option(3, &[&[0; 11]])]), 36, Rule::Length(11)),
        (inside(&option(5, &[&[0; 23]])),      52, Rule::Length(23)),
        (inside(&cut),                         48, Rule::Truncated { needed: 28, available: 20 }),
        (inside(&nested),                      76, Rule::Truncated { needed: 4, available: 3 }),
        (std::vec![6, 0, 0, 0],                4,  Rule::OptionMissing(1)),
        (std::vec![5, 0, 0, 0, 0, 1, 0, 0],    4,  Rule::OptionMissing(2)),
    ];

    for (bytes, offset, rule) in table {
        assert_eq!(broken(&bytes), (offset, rule));
    }
}

#[test]
fn the_text_names_the_addresses() {
    let line = |kind, options: &[&[u8]]| read(&message(kind, options)).to_string();

    assert_eq!(
        line(3, &[&association(3, &[&address(ip(1)), &address(ip(2))])]),
        "DHCPv6 request for 2001:db8::1, 2001:db8::2"
    );
    assert_eq!(line(11, &[]), "DHCPv6 information-request");
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(kind in 0u8..14, bytes in prop::collection::vec(0u8..6, 0..80)) {
        let bytes = [&[kind, 0, 0, 0][..], &bytes].concat();
        if let Ok(message) = Message::parse(&bytes) {
            let length: usize = message.options.iter().map(|option| 4 + option.data.len()).sum();
            prop_assert_eq!(length + 4, bytes.len());
            let _ = (message.validate(), message.to_string());
        }
    }

    #[test]
    fn what_is_laid_out_by_the_rfc_is_read(groups in prop::collection::vec(prop::collection::vec(any::<[u8; 16]>(), 0..4), 0..4), cut: prop::sample::Index) {
        let associations: Vec<_> = groups.iter()
            .map(|group| association(3, &[&group.iter().flat_map(|ip| address(Ipv6(*ip))).collect::<Vec<_>>()])).collect();
        let bytes = message(5, &[&associations.concat()]);

        prop_assert_eq!(read(&bytes).wanted().collect::<Vec<_>>(), groups.concat().into_iter().map(Ipv6).collect::<Vec<_>>());
        let cut = cut.index(bytes.len());
        if let Ok(shorter) = Message::parse(&bytes[..cut]) {
            prop_assert!(groups.concat().into_iter().map(Ipv6).collect::<Vec<_>>().starts_with(&shorter.wanted().collect::<Vec<_>>()));
        }
    }
}
