use super::*;
use crate::Unanswerable;
use crate::ipv4::{Fields, Packet};
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

const HOST: Ipv4 = Ipv4([192, 0, 2, 1]);
const FAR: Ipv4 = Ipv4([198, 51, 100, 1]);
const EDGE: Ipv4 = Ipv4([192, 0, 2, 254]);

fn packet(change: impl FnOnce(&mut Fields), payload: &[u8]) -> Vec<u8> {
    let mut fields = Fields { protocol: ipv4::UDP, ..Fields::new(HOST, FAR) };
    change(&mut fields);
    let mut packet = std::vec![0; 20];
    fields.write([], payload.len(), &mut packet).unwrap();
    packet.extend(payload);
    packet
}

#[test]
fn every_error_is_written_and_read() {
    let original = packet(|_| {}, &[0x13, 0x88, 0, 53, 0, 8, 0, 0]);
    let about = "about 192.0.2.1 > 198.51.100.1 protocol 17 ports 5000 > 53";
    let cases = [
        (Report::Unreachable(3), "ICMP unreachable, code 3"),
        (Report::FragmentationNeeded(1450), "ICMP fragmentation needed, mtu 1450"),
        (Report::TimeExceeded(0), "ICMP time exceeded, code 0"),
        (Report::Redirect(FAR), "ICMP redirect to 198.51.100.1"),
        (Report::ParameterProblem(20), "ICMP parameter problem, code 0 at byte 20"),
    ];
    for (report, line) in cases {
        let mut out = [0xa5; 600];
        let length = error(report, EDGE, &original, false, &mut out).unwrap();

        let packet = Packet::parse(&out[..length]).unwrap();
        let message = Message::parse(packet.payload).unwrap();
        assert_eq!((packet.validate(), message.validate()), (Ok(()), Ok(())));
        assert_eq!((packet.header.source, packet.header.destination), (EDGE, HOST));
        assert_eq!(message.to_string(), std::format!("{line}, {about}"));
    }
}

#[test]
fn an_error_is_at_most_576_bytes_and_quotes_no_padding() {
    let mut out = [0; 600];

    let long = packet(|_| {}, &[7; 1400]);
    assert_eq!(error(Report::TimeExceeded(0), EDGE, &long, false, &mut out), Ok(576));

    let mut padded = packet(|_| {}, &[7; 8]);
    padded.extend([0; 18]);
    assert_eq!(error(Report::TimeExceeded(0), EDGE, &padded, false, &mut out), Ok(56));
    assert_eq!(out[28..56], padded[..28]);
    let full = error(Report::TimeExceeded(0), EDGE, &padded, false, &mut out[..55]).unwrap_err();
    assert!(matches!(full.rule, Rule::NoRoom { .. }));
}

#[test]
fn packets_that_rfc_1122_excludes_get_no_error() {
    let verdict = |change: &dyn Fn(&mut Fields), payload: &[u8], to_link_group| {
        let packet = packet(change, payload);
        match error(Report::Unreachable(1), EDGE, &packet, to_link_group, &mut [0; 600]) {
            Ok(_) => None,
            Err(Error { rule: Rule::NoErrorAbout(why), .. }) => Some(why),
            Err(error) => panic!("{error}"),
        }
    };
    let icmp = |fields: &mut Fields| fields.protocol = ipv4::ICMP;

    assert_eq!(verdict(&|_| {}, &[0; 8], false), None);
    assert_eq!(verdict(&|_| {}, &[0; 8], true), Some(Unanswerable::ToLinkGroup));
    assert_eq!(verdict(&icmp, &[ECHO_REQUEST, 0], false), None);
    for kind in [UNREACHABLE, 4, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM, 99] {
        assert_eq!(verdict(&icmp, &[kind, 0], false), Some(Unanswerable::IcmpError));
    }
    assert_eq!(verdict(&icmp, &[], false), Some(Unanswerable::IcmpError));
    assert_eq!(verdict(&|f| f.fragment = 0x2000, &[0; 8], false), None);
    assert_eq!(verdict(&|f| f.fragment = 0x0001, &[0; 8], false), Some(Unanswerable::LaterFragment));
    for group in [[224, 0, 0, 1], [255; 4]] {
        assert_eq!(verdict(&|f| f.destination = Ipv4(group), &[0; 8], false), Some(Unanswerable::ToGroup));
    }
    for source in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        assert_eq!(verdict(&|f| f.source = Ipv4(source), &[0; 8], false), Some(Unanswerable::SourceNotHost));
    }
}

#[test]
fn a_later_fragment_has_no_ports_to_quote() {
    let quoted = packet(|fields| fields.fragment = 185, &[1, 2, 3, 4]);
    assert_eq!(Quote::parse(&quoted).unwrap().ports(), None);
    assert_eq!(Quote::parse(&quoted[..22]).unwrap().payload.len(), 2);
    assert_eq!(Quote::parse(&quoted[..19]), None);
}

#[test]
fn a_message_with_a_wrong_checksum_is_refused() {
    let mut out = [0; 11];
    Echo { identifier: 7, sequence: 1, data: b"abc" }.write(ECHO_REPLY, &mut out).unwrap();
    assert_eq!(Message::parse(&out).unwrap().to_string(), "ICMP echo reply, id 7, seq 1, length 3");
    out[10] ^= 1;

    let message = Message::parse(&out).unwrap();

    let checksum = message.header.checksum.get();
    assert_eq!(message.validate().unwrap_err().rule, Rule::Checksum(checksum));
    assert_eq!(Message::parse(&out[..7]).unwrap_err().rule, Rule::Truncated { needed: 8, available: 7 });
}

proptest! {
    #[test]
    fn an_echo_written_is_read(identifier: u16, sequence: u16, data: Vec<u8>, reply: bool) {
        let echo = Echo { identifier, sequence, data: &data };
        let (kind, expected) = if reply { (ECHO_REPLY, Kind::EchoReply(echo)) } else { (ECHO_REQUEST, Kind::EchoRequest(echo)) };
        let mut out = std::vec![0; data.len() + 8];
        echo.write(kind, &mut out).unwrap();
        let message = Message::parse(&out).unwrap();
        prop_assert_eq!((message.kind(), message.validate()), (expected, Ok(())));
    }

    #[test]
    fn any_bytes_parse_or_fail(mut bytes: Vec<u8>, kind in 0u8..20) {
        if let Some(first) = bytes.first_mut() {
            *first = kind;
        }
        if let Ok(message) = Message::parse(&bytes) {
            let _ = (message.validate(), message.to_string());
        }
    }
}
