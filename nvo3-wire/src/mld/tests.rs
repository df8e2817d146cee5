use super::*;
use crate::ipv6::{Fields, HOP_BY_HOP, ICMPV6, Packet, write_options};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

const HOST: Ipv6 = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
const GROUP: [u8; 16] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 1];

fn packet(source: Ipv6, hop_limit: u8, option: Ipv6Option<'_>, message: &[u8]) -> Vec<u8> {
    let fields = Fields { next_header: HOP_BY_HOP, hop_limit, ..Fields::new(source, Ipv6(GROUP)) };
    let mut packet = std::vec![0; 48];
    fields.write(8 + message.len(), &mut packet).unwrap();
    write_options(ICMPV6, [option], &mut packet[40..]).unwrap();
    packet.extend(message);
    if let Some(field) = packet.get_mut(50..52) {
        field.fill(0);
        let pseudo = crate::checksum::pseudo_ipv6(&source, &Ipv6(GROUP), ICMPV6, message.len() as u32);
        let sum = pseudo.bytes(&packet[48..]).checksum().to_be_bytes();
        packet[50..52].copy_from_slice(&sum);
    }
    packet
}

fn plain(message: &[u8]) -> Vec<u8> {
    packet(HOST, 1, Ipv6Option::RouterAlert(0), message)
}

fn with_group(head: [u8; 8], behind: &[u8]) -> Vec<u8> {
    [&head[..], &GROUP, behind].concat()
}

fn line(message: &[u8]) -> String {
    let packet = plain(message);
    let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
    assert_eq!(message.validate(), Ok(()));
    message.to_string()
}

fn report() -> Vec<u8> {
    [&[143, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0][..], &GROUP, &[6, 1, 0, 1], &GROUP, &HOST.0, &[0xaa, 0xbb, 0xcc, 0xdd]]
        .concat()
}

#[test]
fn every_kind_of_message_is_read() {
    assert_eq!(line(&[&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &[0; 16]].concat()), "MLDv1 general query");
    assert_eq!(line(&with_group([130, 0, 0, 0, 3, 0xe8, 0, 0], &[])), "MLDv1 query for ff02::1:ff00:1");
    let sources = [&[2, 125, 0, 1][..], &HOST.0].concat();
    assert_eq!(line(&with_group([130, 0, 0, 0, 3, 0xe8, 0, 0], &sources)), "MLDv2 query for ff02::1:ff00:1 fe80::1");
    assert_eq!(line(&with_group([131, 0, 0, 0, 0, 0, 0, 0], &[])), "MLDv1 report ff02::1:ff00:1");
    assert_eq!(line(&with_group([132, 0, 0, 0, 0, 0, 0, 0], &[])), "MLDv1 done ff02::1:ff00:1");
    assert_eq!(line(&report()), "MLDv2 report ff02::1:ff00:1 to_ex {} ff02::1:ff00:1 block {fe80::1}");
}

#[test]
fn codes_from_32768_on_have_an_exponent() {
    let response = |code: u16| {
        let [high, low] = code.to_be_bytes();
        let packet = plain(&with_group([130, 0, 0, 0, high, low, 0, 0], &[2, 125, 0, 0]));
        let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
        let Kind::Query(query) = message.kind else { panic!("{message}") };
        query.response_ms
    };

    assert_eq!([0x7fff, 0x8000, 0xffff].map(response), [32_767, 32_768, 8_387_584]);
}

#[test]
fn a_cut_record_says_where() {
    let error = |message: &[u8]| Message::parse(&Packet::parse(&plain(message)).unwrap()).unwrap_err();
    let report = report();

    let cut = error(&report[..report.len() - 1]);
    assert_eq!((cut.offset, cut.rule), (76, Rule::Truncated { needed: 40, available: 39 }));
    assert_eq!(error(&report[..6]).rule, Rule::Truncated { needed: 8, available: 6 });
    assert_eq!(error(&with_group([130, 0, 0, 0, 0, 0, 0, 0], &[0])).rule, Rule::Length(25));
    let cut = error(&with_group([130, 0, 0, 0, 0, 0, 0, 0], &[2, 125, 0, 1]));
    assert_eq!(cut.rule, Rule::Truncated { needed: 44, available: 28 });
    assert_eq!(error(&[131, 0, 0, 0]).rule, Rule::Truncated { needed: 24, available: 4 });
    assert_eq!(error(&[128, 0, 0, 0]).rule, Rule::MessageType(128));
}

#[test]
fn each_broken_rule_is_told_apart() {
    let verdict = |packet: Vec<u8>| {
        let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
        message.validate().map_err(|e| e.rule)
    };
    let alert = Ipv6Option::RouterAlert(0);
    let global = Ipv6([0x20; 16]);
    let query = with_group([130, 0, 0, 0, 3, 0xe8, 0, 0], &[]);

    assert_eq!(verdict(packet(HOST, 2, alert, &query)), Err(Rule::NotOneHop(2)));
    assert_eq!(verdict(packet(HOST, 1, Ipv6Option::Pad1, &query)), Err(Rule::NoRouterAlert));
    assert_eq!(verdict(packet(global, 1, alert, &query)), Err(Rule::NotLinkLocal(global)));
    assert_eq!(verdict(packet(global, 1, alert, &report())), Err(Rule::NotLinkLocal(global)));
    assert_eq!(verdict(packet(Ipv6::UNSPECIFIED, 1, alert, &query)), Err(Rule::NotLinkLocal(Ipv6::UNSPECIFIED)));
    assert_eq!(verdict(packet(Ipv6::UNSPECIFIED, 1, alert, &report())), Ok(()));
    let station = [&[131, 0, 0, 0, 0, 0, 0, 0][..], &HOST.0].concat();
    assert_eq!(verdict(plain(&station)), Err(Rule::NotGroup6(HOST)));
    let mut wrong = plain(&query);
    wrong[52] ^= 1;
    assert!(matches!(verdict(wrong), Err(Rule::Checksum(_))));
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(mut bytes in prop::collection::vec(0u8..4, 0..120), query: bool) {
        if let Some(kind) = bytes.first_mut() {
            *kind = if query { QUERY } else { REPORT_V2 };
        }
        let packet = plain(&bytes);
        if let Ok(message) = Message::parse(&Packet::parse(&packet).unwrap()) {
            let _ = (message.validate(), message.to_string());
            if let Kind::Records(records) = message.kind {
                prop_assert_eq!(records.iter().count(), records.len());
            }
        }
    }
}
