use super::*;
use crate::ipv4::{Fields, Packet};
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

fn packet(message: &[u8]) -> Vec<u8> {
    let (source, group) = (Ipv4([192, 0, 2, 1]), Ipv4([224, 0, 0, 22]));
    let fields = Fields { protocol: ipv4::IGMP, ttl: 1, ..Fields::new(source, group) };
    let mut packet = std::vec![0; 24];
    fields.write([Ipv4Option::RouterAlert(0)], message.len(), &mut packet).unwrap();
    packet.extend(message);
    if let Some(field) = packet.get_mut(26..28) {
        field.fill(0);
        let sum = crate::checksum::checksum(&packet[24..]).to_be_bytes();
        packet[26..28].copy_from_slice(&sum);
    }
    packet
}

fn line(message: &[u8]) -> String {
    let packet = packet(message);
    let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
    assert_eq!(message.validate(), Ok(()));
    message.to_string()
}

#[rustfmt::skip]
const REPORT: [u8; 32] = [
    0x22, 0, 0, 0, 0, 0, 0, 2,
    4, 0, 0, 0, 239, 1, 2, 3,
    6, 1, 0, 1, 232, 0, 0, 1, 192, 0, 2, 9, 0xaa, 0xbb, 0xcc, 0xdd,
];

#[test]
fn every_kind_of_message_is_read() {
    assert_eq!(line(&[0x11, 0, 0, 0, 0, 0, 0, 0]), "IGMPv1 general query");
    assert_eq!(line(&[0x11, 100, 0, 0, 239, 1, 2, 3]), "IGMPv2 query for 239.1.2.3");
    assert_eq!(
        line(&[0x11, 100, 0, 0, 232, 1, 2, 3, 2, 125, 0, 1, 192, 0, 2, 9]),
        "IGMPv3 query for 232.1.2.3 192.0.2.9"
    );
    assert_eq!(line(&[0x12, 0, 0, 0, 239, 1, 2, 3]), "IGMPv1 report 239.1.2.3");
    assert_eq!(line(&[0x16, 0, 0, 0, 239, 1, 2, 3]), "IGMPv2 report 239.1.2.3");
    assert_eq!(line(&[0x17, 0, 0, 0, 239, 1, 2, 3]), "IGMPv2 leave 239.1.2.3");
    assert_eq!(line(&REPORT), "IGMPv3 report 239.1.2.3 to_ex {} 232.0.0.1 block {192.0.2.9}");
    assert_eq!(line(&[0x13, 0, 0, 0, 0, 0, 0, 0]), "IGMP type 0x13");
}

#[test]
fn codes_from_128_on_have_an_exponent() {
    let query = |code, interval| {
        let packet = packet(&[0x11, code, 0, 0, 0, 0, 0, 0, 2, interval, 0, 0]);
        let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
        let Kind::Query(query) = message.kind else { panic!("{message}") };
        (query.response_ms, query.v3.unwrap().interval())
    };

    assert_eq!(query(127, 127), (12_700, 127));
    assert_eq!(query(128, 0x80), (12_800, 128));
    assert_eq!(query(0xff, 0xff), (3_174_400, 31_744));
}

#[test]
fn a_cut_record_says_where() {
    let error = |message: &[u8]| Message::parse(&Packet::parse(&packet(message)).unwrap()).unwrap_err();

    let cut = error(&REPORT[..31]);
    assert_eq!((cut.offset, cut.rule), (40, Rule::Truncated { needed: 16, available: 15 }));
    let cut = error(&REPORT[..20]);
    assert_eq!((cut.offset, cut.rule), (40, Rule::Truncated { needed: 8, available: 4 }));
    assert_eq!(error(&[0x11, 1, 0, 0, 0, 0, 0, 0, 2]).rule, Rule::Length(9));
    assert_eq!(error(&[0x11, 1, 0, 0, 0, 0, 0, 0, 2, 125, 0, 1]).rule, Rule::Truncated { needed: 16, available: 12 });
    assert_eq!(error(&[0x12, 0, 0]).rule, Rule::Truncated { needed: 8, available: 3 });
}

#[test]
fn each_broken_rule_is_told_apart() {
    let rule = |change: fn(&mut Vec<u8>)| {
        let mut packet = packet(&REPORT);
        change(&mut packet);
        Message::parse(&Packet::parse(&packet).unwrap()).and_then(|m| m.validate()).map_err(|e| e.rule)
    };

    assert_eq!(rule(|_| {}), Ok(()));
    assert!(matches!(rule(|packet| packet[25] = 9), Err(Rule::Checksum(_))));
    assert_eq!(rule(|packet| packet[8] = 2), Err(Rule::NotOneHop(2)));
    assert_eq!(rule(|packet| packet[20..24].fill(1)), Err(Rule::NoRouterAlert));
    assert_eq!(rule(|packet| packet[9] = 17), Err(Rule::NextHeader(17)));
    assert_eq!(rule(|packet| packet[6] = 0x20), Err(Rule::Fragment));
    let station = packet(&[0x16, 0, 0, 0, 10, 1, 2, 3]);
    let message = Message::parse(&Packet::parse(&station).unwrap()).unwrap();
    assert_eq!(message.validate().unwrap_err().rule, Rule::NotGroup(Ipv4([10, 1, 2, 3])));
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(mut bytes in prop::collection::vec(0u8..9, 0..80), query: bool) {
        if let Some(kind) = bytes.first_mut() {
            *kind = if query { QUERY } else { REPORT_V3 };
        }
        let packet = packet(&bytes);
        if let Ok(message) = Message::parse(&Packet::parse(&packet).unwrap()) {
            let _ = (message.validate(), message.to_string());
            if let Kind::Records(records) = message.kind {
                prop_assert_eq!(records.iter().count(), records.len());
            }
        }
    }
}
