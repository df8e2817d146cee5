//! A view takes no memory, nor does a message that is put into a buffer: tried on each example of SPEC.md.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use nvo3_nva_proto::view::{self, Answer, StatePart};
use nvo3_nva_proto::{Header, MAX_MESSAGE};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeSet;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many values stand in the message's lists, each of which is looked at.
fn values(message: &view::Message<'_>) -> usize {
    use view::Message::*;
    match message {
        RegistrationRequest(m) => m.claims.iter().map(|claim| black_box(claim).ips.iter().map(black_box).count()).sum(),
        RegistrationReply(m) => m.tsis.iter().map(black_box).count(),
        Deregister(m) => m.tsis.iter().map(black_box).count(),
        DeregisterReply(m) => m.tsis.iter().map(black_box).count(),
        Restate(m) => m.tsis.iter().map(|tsi| black_box(tsi).ips.iter().map(black_box).count()).sum(),
        RestateMove(m) => m.tsis.iter().map(|tsi| black_box(tsi).ips.iter().map(black_box).count()).sum(),
        Response(m) => match m.answer {
            Answer::Found(mapping) => mapping.ips.iter().map(black_box).count(),
            Answer::NotFound | Answer::Prohibited => 0,
        },
        Update(m) => {
            let members = m.members.map_or(0, |members| members.places.iter().map(black_box).count());
            m.mappings.iter().map(|mapping| black_box(mapping).ips.iter().map(black_box).count()).sum::<usize>()
                + members
        }
        Resync(m) => m.vns.iter().map(black_box).count() + m.mappings.iter().map(black_box).count(),
        Prepare(m) => m.tsis.iter().map(|tsi| black_box(tsi).ips.iter().map(black_box).count()).sum(),
        Outcome(m) => m.tsis.iter().map(black_box).count(),
        StateChunk(m) => match m.part {
            StatePart::Connections(records) | StatePart::Sessions(records) => records.iter().map(black_box).count(),
            StatePart::Policies(records) => records.iter().map(black_box).count(),
            StatePart::Snapshot(bytes) | StatePart::Opaque(bytes) => bytes.len(),
        },
        CacheReport(m) => m.entries.iter().map(|entry| black_box(entry).ips.iter().map(black_box).count()).sum(),
        CacheVerdict(m) => m.wrong.iter().map(black_box).count(),
        other => {
            black_box(other);
            0
        }
    }
}

/// The examples' bytes; what follows a semicolon is for people, and sealed ones are read where they are opened.
fn examples() -> Vec<Vec<u8>> {
    let blocks = include_str!("../SPEC.md").split("```hex ").skip(1).filter(|block| !block.starts_with("sealed "));
    let rows = blocks.map(|block| block.split("\n```").next().unwrap().lines().skip(1));
    let digits = rows.map(|rows| rows.filter_map(|row| row.split(';').next()).flat_map(str::split_whitespace));
    digits.map(|digits| digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()).collect()
}

/// One test: the allocator counts for all threads.
#[test]
fn nothing_is_allocated() {
    let examples = examples();
    assert!(examples.len() > 30);
    let (mut listed, mut kinds) = (0, BTreeSet::new());
    for bytes in &examples {
        let region = Region::new(ALLOCATOR);
        let (_, message) = view::Message::parse(bytes).unwrap();
        listed += values(&message);
        assert!(view::Message::parse(&bytes[..bytes.len() - 1]).is_err());
        assert_eq!(region.change(), stats_alloc::Stats::default(), "{message:?}");
        kinds.insert(bytes[1]);

        let (header, message): (Header, nvo3_nva_proto::Message) = (Header::default(), message.into());
        let mut room = [0; MAX_MESSAGE];
        let region = Region::new(ALLOCATOR);
        message.put(&header, &mut &mut room[..]).unwrap();
        assert_eq!(region.change(), stats_alloc::Stats::default(), "{message:?}");
        assert_eq!(room[24..bytes.len()], bytes[24..]);
    }
    assert_eq!(kinds, (0..=u8::MAX).filter(|code| nvo3_nva_proto::type_name(*code).is_some()).collect());
    assert!(listed > 30, "{listed}");
}
