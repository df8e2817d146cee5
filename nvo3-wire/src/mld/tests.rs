use super::build::to_code;
use super::*;
use crate::checksum::Addresses;
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

const ALL: Query<'_> =
    Query { version: 2, group: &Ipv6::UNSPECIFIED, response: Duration::from_millis(10_000), v2: None, sources: &[] };
const ADDRESSES: Addresses<'_> = Addresses::V6(&HOST, &Ipv6(GROUP));

fn written(write: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Vec<u8> {
    let mut out = [0xa5; 96];
    let length = write(&mut out).unwrap();
    assert!(ADDRESSES.pseudo_header(ICMPV6, length as u32).bytes(&out[..length]).verifies());
    assert!(out[length..] == [0xa5; 96][length..]);
    out[..length].to_vec()
}

#[test]
fn every_kind_of_message_is_written_as_it_is_read() {
    let v2 = QueryV2::new(true, 2, Duration::from_secs(125));
    let group = &Ipv6(GROUP);
    let queries = [
        (Query { version: 1, ..ALL }, "MLDv1 general query"),
        (Query { v2: Some(&v2), group, sources: &[HOST], ..ALL }, "MLDv2 query for ff02::1:ff00:1 fe80::1"),
    ];
    for (query, words) in queries {
        assert_eq!(line(&written(|out| query.write(ADDRESSES, out))), words);
    }
    for (kind, words) in [(REPORT_V1, "MLDv1 report ff02::1:ff00:1"), (DONE, "MLDv1 done ff02::1:ff00:1")] {
        assert_eq!(line(Header::new(kind, *group).as_bytes()), words);
    }
    let read = plain(&report());
    let Kind::Records(records) = Message::parse(&Packet::parse(&read).unwrap()).unwrap().kind else { panic!() };
    let records: Vec<_> = records.iter().collect();
    assert_eq!(written(|out| Report(&records).write(ADDRESSES, out)), read[48..]);
}

#[test]
fn counts_of_a_query_are_its_own_and_its_flags_and_codes_are_those_of_rfc_3810() {
    let wrong = QueryV2 { sources: U16::new(9), ..QueryV2::new(true, 7, Duration::from_secs(31_744)) };

    let message =
        written(|out| Query { response: Duration::from_millis(32_775), v2: Some(&wrong), ..ALL }.write(ADDRESSES, out));

    assert_eq!((&message[4..8], &message[24..]), (&[0x80, 0, 0, 0][..], &[0x0f, 0xff, 0, 0][..]));
    assert_eq!(
        QueryV2::new(false, 8, Duration::from_secs(127)),
        QueryV2 { flags: 0, interval_code: 127, sources: U16::ZERO }
    );
    assert_eq!(
        written(|out| Query { response: Duration::from_millis(65_536), ..ALL }.write(ADDRESSES, out))[4..6],
        [0xff; 2]
    );
}

#[test]
fn every_code_is_that_of_its_number_and_of_those_up_to_the_next() {
    assert!((0..=u16::MAX).all(|code| to_code(from_code(code)) == code));
    assert!((0..=u16::MAX - 1).all(|code| to_code(from_code(code + 1) - 1) == code));
    assert_eq!(to_code(u32::MAX), u16::MAX);
}

#[test]
fn what_cannot_be_written_is_refused() {
    let many = std::vec![HOST; 65_536];
    let record = Record { kind: RecordKind::Allow, group: Ipv6(GROUP), sources: &[], auxiliary: &[] };
    let v2 = QueryV2::new(false, 2, Duration::from_secs(125));
    let query = Query { v2: Some(&v2), ..ALL };
    let mut out = std::vec![0; 1 << 21];
    let mut rule = |records: &[Record<'_>], room| Report(records).write(ADDRESSES, &mut out[..room]).unwrap_err().rule;

    assert_eq!(rule(&[record; 2], 47), Rule::NoRoom { needed: 48, available: 47 });
    assert_eq!(rule(&[Record { sources: &many, ..record }], 1 << 21), Rule::TooLong(1_048_596));
    assert_eq!(rule(&[Record { auxiliary: &[0; 1_021], ..record }], 1 << 21), Rule::AuxiliaryTooLong(1_021));
    assert_eq!(rule(&std::vec![record; 65_536], 1 << 21), Rule::TooLong(1_310_728));
    assert_eq!(query.write(ADDRESSES, &mut [0; 27]).unwrap_err().rule, Rule::NoRoom { needed: 28, available: 27 });
    assert_eq!(
        Query { sources: &many, ..query }.write(ADDRESSES, &mut out).unwrap_err().rule,
        Rule::TooLong(1_048_604)
    );
}

#[test]
fn codes_from_32768_on_have_an_exponent() {
    let response = |code: u16| {
        let [high, low] = code.to_be_bytes();
        let packet = plain(&with_group([130, 0, 0, 0, high, low, 0, 0], &[2, 125, 0, 0]));
        let message = Message::parse(&Packet::parse(&packet).unwrap()).unwrap();
        let Kind::Query(query) = message.kind else { panic!("{message}") };
        query.response.as_millis()
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
fn each_broken_rule_has_its_own_error() {
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
    fn records_come_back_as_they_were_written(
        records in prop::collection::vec(
            (any::<u8>(), any::<[u8; 16]>(), prop::collection::vec(any::<[u8; 16]>(), 0..4), 0usize..9),
            0..5,
        ),
    ) {
        let groups: Vec<_> = records.into_iter().map(|(kind, group, sources, auxiliary)| {
            (kind, Ipv6(group), sources.into_iter().map(Ipv6).collect::<Vec<_>>(), std::vec![7; auxiliary])
        }).collect();
        let records: Vec<_> = groups.iter().map(|(kind, group, sources, auxiliary)| {
            Record { kind: (*kind).into(), group: *group, sources, auxiliary }
        }).collect();
        let mut out = [0xa5; 500];
        let length = Report(&records).write(ADDRESSES, &mut out).unwrap();
        prop_assert_eq!(length, Report(&records).wire_len());

        let packet = plain(&out[..length]);
        prop_assert_eq!(&packet[48..], &out[..length]);
        let Kind::Records(read) = Message::parse(&Packet::parse(&packet).unwrap()).unwrap().kind else { panic!() };
        for (read, written) in read.iter().zip(&records) {
            let padded = &[written.auxiliary, &[0; 3]].concat()[..read.auxiliary.len()];
            prop_assert_eq!(read, Record { auxiliary: padded, ..*written });
        }
        prop_assert_eq!(read.len(), records.len());
    }

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
