//! The audit: an edge reports its whole cache, and the NVA names the wrong entries.

use super::strategy::{report, verdict};
use super::{encoded, extended};
use crate::*;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_wire::{Mac, Vni};
use proptest::prelude::*;

fn entries(count: u64, nves: u64) -> CacheReport {
    let entry = |n: u64| CacheEntry {
        mac: Mac([2, 0, 0, 0, (n >> 8) as u8, n as u8]),
        ips: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        version: Version { epoch: 3, generation: u64::MAX / 2 + n * 1_000 },
        nve: NveId(n % nves),
        role: Role::Unknown,
    };
    CacheReport { vn: Vni::MAX, entries: (0..count).map(entry).collect(), more: false }
}

#[test]
fn sixty_nine_entries_that_point_to_one_nve_fit_one_message() {
    assert_eq!(encoded(&Message::CacheReport(entries(69, 1))).len(), 1_161);
    assert_eq!(entries(70, 1).split().len(), 2);
    assert_eq!(entries(6_900, 1).split().len(), 100);
}

#[test]
fn a_report_without_entries_is_one_message() {
    let nothing = CacheReport { entries: vec![], ..entries(0, 1) };
    let right = CacheVerdict { vn: Vni::MAX, wrong: vec![], more: false };

    assert_eq!(nothing.clone().split(), [nothing]);
    assert_eq!(right.clone().split(), [right]);
}

/// An entry of an Update cannot use index 127, because there it stands for a withdrawn mapping.
#[test]
fn an_entry_points_to_the_last_nve_of_a_full_table() {
    let mut bytes = encoded(&Message::CacheReport(entries(1, 1)));
    let entry = bytes.split_off(57);
    bytes.truncate(41);
    bytes.extend_from_slice(&[0x80, 17, 4, 0]);
    bytes.extend((0..128_u64).flat_map(|n| (n + 1_000).to_be_bytes()));
    bytes.extend_from_slice(&[0x80, 18, 0, 16, 127]);
    bytes.extend_from_slice(&entry[1..]);
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());

    let (_, Message::CacheReport(read)) = Message::decode(&bytes).unwrap() else { panic!("it is a CacheReport") };

    assert_eq!(read.entries, [CacheEntry { nve: NveId(1_127), ..entries(1, 1).entries.remove(0) }]);
}

#[test]
fn each_field_that_is_wrong_is_named() {
    let report = Message::CacheReport(entries(2, 2));
    let wrong = WrongEntry { verdict: Verdict::Stale, mac: Mac::ZERO, version: Version::default() };
    let verdict = Message::CacheVerdict(CacheVerdict { vn: Vni::MAX, wrong: vec![wrong], more: false });
    let cases = [
        ("CacheReport at byte 40: 2 is too large: must be at most 1", &report, (40, 2)),
        ("CacheReport at byte 65: TLV 18: 2 is too large: must be at most 1", &report, (65, 2)),
        ("CacheReport at byte 88: TLV 18: 4 bytes are needed and 1 are there", &report, (64, 24)),
        ("CacheVerdict at byte 33: TLV 19: 6 is not a value of this field", &verdict, (33, 6)),
    ];

    for (sentence, message, (at, byte)) in cases {
        let mut bytes = encoded(message);
        bytes[at] = byte;
        if at == 64 {
            bytes.truncate(65 + usize::from(byte));
            let length = u16::try_from(bytes.len()).unwrap();
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
        }
        assert_eq!(Message::decode(&bytes).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn each_list_comes_once() {
    for tlv in [17, 18] {
        let twice = [0x80, tlv, 0, 0];
        let error = Message::decode(&extended(&Message::CacheReport(entries(1, 1)), &twice)).unwrap_err();
        assert_eq!((error.code(), error.tlv), (ErrorCode::Field, tlv.into()));
    }
}

fn all_but_the_last_say_more(parts: &[bool], whole: bool) -> bool {
    parts.split_last().is_some_and(|(last, others)| *last == whole && others.iter().all(|more| *more))
}

proptest! {
    #[test]
    fn the_parts_of_a_report_fit_and_say_the_same(report in report(300)) {
        let parts = report.clone().split();

        for part in &parts {
            prop_assert!(encoded(&Message::CacheReport(part.clone())).len() <= MAX_MESSAGE);
            prop_assert_eq!(part.vn, report.vn);
        }
        let more: Vec<_> = parts.iter().map(|part| part.more).collect();
        prop_assert!(all_but_the_last_say_more(&more, report.more));
        prop_assert_eq!(parts.into_iter().flat_map(|part| part.entries).collect::<Vec<_>>(), report.entries);
    }

    #[test]
    fn the_parts_of_a_verdict_fit_and_say_the_same(verdict in verdict(300)) {
        let parts = verdict.clone().split();

        for part in &parts {
            prop_assert!(encoded(&Message::CacheVerdict(part.clone())).len() <= MAX_MESSAGE);
            prop_assert_eq!(part.vn, verdict.vn);
        }
        let more: Vec<_> = parts.iter().map(|part| part.more).collect();
        prop_assert!(all_but_the_last_say_more(&more, verdict.more));
        prop_assert_eq!(parts.into_iter().flat_map(|part| part.wrong).collect::<Vec<_>>(), verdict.wrong);
    }
}
