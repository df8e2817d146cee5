use super::*;
use crate::{EtherType, Protocol, Rule, Vni};
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;
use zerocopy::IntoBytes;

const MARK: OptionKind = OptionKind { class: 0xff01, kind: 0x01 };
const MUST: OptionKind = OptionKind { class: 0xff01, kind: 0x81 };

/// A packet of VNI 7 with an Ethernet payload.
fn packet(options: &[(OptionKind, &[u8])]) -> Vec<u8> {
    let mut space = [0; MAX_OPTIONS];
    let mut length = 0;
    for (kind, data) in options {
        length += write_option(*kind, data, &mut space[length..]).unwrap();
    }
    let options = Options::parse(&space[..length]).unwrap();
    let header = Header::new(Vni::new(7).unwrap(), EtherType::BRIDGING, options).unwrap();
    [header.as_bytes(), options.as_bytes(), &[0; 14]].concat()
}

fn verdict(bytes: &[u8]) -> Result<(), (usize, Rule)> {
    let verdict = Packet::parse(bytes).and_then(|packet| packet.validate(|kind| kind == MARK));
    verdict.map_err(|error| {
        assert_eq!(error.protocol, Protocol::Geneve);
        (error.offset, error.rule)
    })
}

/// Checks GNV-01.
#[test]
fn versions_other_than_0_are_dropped() {
    for version in 1..4 {
        let mut bytes = packet(&[]);
        bytes[0] |= version << 6;
        assert_eq!(verdict(&bytes), Err((0, Rule::Version(version))));
    }
}

/// Checks GNV-02.
#[test]
fn unknown_options_are_dropped_when_critical_and_passed_over_when_not() {
    let other = OptionKind { class: 1, kind: 0x01 };
    assert_eq!(verdict(&packet(&[(other, &[0; 4]), (MARK, &[])])), Ok(()));

    let mut bytes = packet(&[(other, &[0; 4]), (MUST, &[1; 8])]);
    let dropped = Err((16, Rule::UnknownCriticalOption { class: 0xff01, kind: 0x81 }));
    assert_eq!((bytes[1], verdict(&bytes)), (Header::CRITICAL, dropped));
    assert_eq!(Packet::parse(&bytes).unwrap().validate(|kind| kind == MUST), Ok(()));

    bytes[1] = 0; // a sender that forgot flag C
    assert_eq!(verdict(&bytes), dropped);
}

/// Checks GNV-03.
#[test]
fn options_fill_their_space_exactly() {
    let whole = packet(&[(MARK, &[1; 4]), (MARK, &[2; 4])]);
    assert_eq!(Packet::parse(&whole).unwrap().options.iter().map(|option| option.data[0]).collect::<Vec<_>>(), [1, 2]);

    let with = |change: fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        verdict(&bytes)
    };
    let overrun = |needed, available| Rule::OptionTruncated { kind: 1, needed, available };
    assert_eq!(with(|bytes| bytes[19] = 2), Err((16, overrun(12, 8))));
    assert_eq!(with(|bytes| bytes[11] = 4), Err((8, overrun(20, 16))));
    assert_eq!(with(|bytes| bytes[0] = 3), Err((16, overrun(8, 4))));
    assert_eq!(with(|bytes| bytes[0] = 63), Err((0, Rule::Truncated { needed: 260, available: 38 })));
    assert_eq!(with(|bytes| bytes.truncate(7)), Err((0, Rule::Truncated { needed: 8, available: 7 })));
}

/// Checks GNV-05.
#[test]
fn reserved_bits_are_ignored_and_written_as_zero() {
    let clean = packet(&[(MARK, &[1; 4])]);
    assert_eq!((clean[1], clean[7], clean[11]), (0, 0, 1));

    let mut noisy = clean.clone();
    (noisy[1], noisy[7], noisy[11]) = (0x3f, 0xff, 0xe1);

    let [clean, noisy] = [&clean, &noisy].map(|bytes| Packet::parse(bytes).unwrap());
    assert_eq!(noisy.validate(|_| false), Ok(()));
    assert!(noisy.options.iter().eq(clean.options));
    assert_eq!((noisy.header.vni(), noisy.payload), (clean.header.vni(), clean.payload));
}

#[test]
fn unknown_protocol_types_are_refused() {
    let mut bytes = packet(&[]);
    bytes[2] = 0x88;
    assert_eq!(verdict(&bytes), Err((0, Rule::PayloadType(EtherType([0x88, 0x58])))));
}

#[test]
fn options_longer_than_their_length_field_are_not_written() {
    let write = |data: &[u8], room: usize| write_option(MARK, data, &mut [0; 200][..room]).map_err(|error| error.rule);

    assert_eq!(write(&[0; 124], 128), Ok(128));
    assert_eq!(write(&[0; 128], 200), Err(Rule::TooLong(128)));
    assert_eq!(write(&[0; 5], 200), Err(Rule::Length(5)));
    assert_eq!(write(&[0; 8], 11), Err(Rule::NoRoom { needed: 12, available: 11 }));
    let long = [0; 256];
    let error = Header::new(Vni::MAX, EtherType::IPV4, Options::parse(&long).unwrap()).unwrap_err();
    assert_eq!(error.rule, Rule::OptionsBeyond { length: 256, limit: 252 });
}

#[test]
fn the_text_form_shows_the_main_fields() {
    let line = Packet::parse(&packet(&[(MUST, &[0; 4])])).unwrap().to_string();
    assert_eq!(line, "Geneve VNI 7 type 0x6558 critical [class 0xff01 type 0x81 4 bytes]");
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(mut bytes in prop::collection::vec(any::<u8>(), 0..300), words in 0u8..8) {
        if let Some(first) = bytes.first_mut() {
            *first = words;
        }
        if let Ok(packet) = Packet::parse(&bytes) {
            let _ = packet.validate(|kind| kind.class & 1 == 0);
            let length: usize = packet.options.iter().map(|option| 4 + option.data.len()).sum();
            prop_assert_eq!(length, packet.header.options_len());
            prop_assert_eq!(packet.header_len() + packet.payload.len(), bytes.len());
        }
    }

    #[test]
    fn written_options_are_read_back(options in prop::collection::vec((any::<u16>(), any::<u8>(), 0usize..4), 0..8)) {
        let wanted: Vec<_> = options.iter().map(|(class, kind, words)| {
            (OptionKind { class: *class, kind: *kind }, std::vec![*kind; words * 4])
        }).collect();
        let borrowed: Vec<_> = wanted.iter().map(|(kind, data)| (*kind, &data[..])).collect();

        let bytes = packet(&borrowed);
        let parsed = Packet::parse(&bytes).unwrap();

        prop_assert!(parsed.options.iter().map(|option| (option.kind, option.data)).eq(borrowed));
        prop_assert_eq!(parsed.header.is_critical(), wanted.iter().any(|(kind, _)| kind.is_critical()));
    }
}
