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

const ALL: Query<'_> =
    Query { version: 3, group: Ipv4::UNSPECIFIED, response: Duration::from_millis(10_000), v3: None, sources: &[] };

fn written(write: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Vec<u8> {
    let mut out = [0xa5; 64];
    let length = write(&mut out).unwrap();
    assert!(crate::checksum::verify(&out[..length]) && out[length..] == [0xa5; 64][length..]);
    out[..length].to_vec()
}

#[test]
fn every_kind_of_message_is_written_as_it_is_read() {
    let sources = [Ipv4([192, 0, 2, 9])];
    let v3 = QueryV3::new(true, 2, Duration::from_secs(125));
    let group = Ipv4([232, 1, 2, 3]);
    let queries = [
        (Query { version: 1, ..ALL }, "IGMPv1 general query"),
        (Query { version: 2, group, ..ALL }, "IGMPv2 query for 232.1.2.3"),
        (Query { group, v3: Some(&v3), sources: &sources, ..ALL }, "IGMPv3 query for 232.1.2.3 192.0.2.9"),
    ];
    for (query, words) in queries {
        assert_eq!(line(&written(|out| query.write(out))), words);
    }
    for (kind, words) in [(REPORT_V1, "IGMPv1 report"), (REPORT_V2, "IGMPv2 report"), (LEAVE, "IGMPv2 leave")] {
        let message = Header::new(kind, group);
        assert!(crate::checksum::verify(message.as_bytes()));
        assert_eq!(line(message.as_bytes()), std::format!("{words} 232.1.2.3"));
    }
    let read = packet(&REPORT);
    let Kind::Records(records) = Message::parse(&Packet::parse(&read).unwrap()).unwrap().kind else { panic!() };
    let records: Vec<_> = records.iter().collect();
    assert_eq!(written(|out| Report(&records).write(out)), read[24..]);
}

#[test]
fn counts_of_a_query_are_its_own_and_its_flags_and_codes_are_those_of_rfc_3376() {
    let wrong = QueryV3 { sources: U16::new(9), ..QueryV3::new(true, 7, Duration::from_secs(31_744)) };

    let message = written(|out| Query { response: Duration::from_millis(12_850), v3: Some(&wrong), ..ALL }.write(out));

    assert_eq!((message[1], &message[8..]), (0x80, &[0x0f, 0xff, 0, 0][..]));
    assert_eq!(
        QueryV3::new(false, 8, Duration::from_secs(127)),
        QueryV3 { flags: 0, interval_code: 127, sources: U16::ZERO }
    );
    assert_eq!(written(|out| Query { version: 2, response: Duration::from_millis(99), ..ALL }.write(out))[1], 1);
    assert_eq!(written(|out| Query { version: 2, response: Duration::from_millis(99_999), ..ALL }.write(out))[1], 255);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let many = std::vec![Ipv4([192, 0, 2, 9]); 65_536];
    let record = Record { kind: RecordKind::Allow, group: Ipv4([232, 0, 0, 1]), sources: &[], auxiliary: &[] };
    let v3 = QueryV3::new(false, 2, Duration::from_secs(125));
    let query = Query { v3: Some(&v3), ..ALL };
    let mut out = std::vec![0; 1 << 20];
    let mut rule = |records: &[Record<'_>], room| Report(records).write(&mut out[..room]).unwrap_err().rule;

    assert_eq!(rule(&[record; 2], 23), Rule::NoRoom { needed: 24, available: 23 });
    assert_eq!(rule(&[Record { sources: &many, ..record }], 1 << 20), Rule::TooLong(262_152));
    assert_eq!(rule(&[Record { auxiliary: &[0; 1_021], ..record }], 1 << 20), Rule::AuxiliaryTooLong(1_021));
    assert_eq!(rule(&std::vec![record; 65_536], 1 << 20), Rule::TooLong(524_296));
    assert_eq!(query.write(&mut [0; 11]).unwrap_err().rule, Rule::NoRoom { needed: 12, available: 11 });
    assert_eq!(Query { sources: &many, ..query }.write(&mut out).unwrap_err().rule, Rule::TooLong(262_156));
}

#[test]
fn codes_from_128_on_have_an_exponent() {
    let query = |code, interval| {
        let packet = packet(&[0x11, code, 0, 0, 0, 0, 0, 0, 2, interval, 0, 0]);
        let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
        let Kind::Query(query) = message.kind else { panic!("{message}") };
        (query.response.as_millis(), query.v3.unwrap().interval().as_secs())
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
fn each_broken_rule_has_its_own_error() {
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
    fn records_come_back_as_they_were_written(
        records in prop::collection::vec(
            (any::<u8>(), any::<[u8; 4]>(), prop::collection::vec(any::<[u8; 4]>(), 0..4), 0usize..9),
            0..5,
        ),
    ) {
        let groups: Vec<_> = records.into_iter().map(|(kind, group, sources, auxiliary)| {
            (kind, group, sources.into_iter().map(Ipv4).collect::<Vec<_>>(), std::vec![7; auxiliary])
        }).collect();
        let records: Vec<_> = groups.iter().map(|(kind, group, sources, auxiliary)| {
            Record { kind: (*kind).into(), group: Ipv4(*group), sources, auxiliary }
        }).collect();
        let mut out = [0xa5; 200];
        let length = Report(&records).write(&mut out).unwrap();
        prop_assert_eq!(length, Report(&records).wire_len());

        let packet = packet(&out[..length]);
        prop_assert_eq!(&packet[24..], &out[..length]);
        let Kind::Records(read) = Message::parse(&Packet::parse(&packet).unwrap()).unwrap().kind else { panic!() };
        for (read, written) in read.iter().zip(&records) {
            let padded = &[written.auxiliary, &[0; 3]].concat()[..read.auxiliary.len()];
            prop_assert_eq!(read, Record { auxiliary: padded, ..*written });
        }
        prop_assert_eq!(read.len(), records.len());
    }

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
