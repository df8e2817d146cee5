//! The eight cases that an edge does per packet, `wire/<case>/<implementation>`: this crate as `nvo3`, the least that is
//! possible by hand as `limit`, and other crates as far as they know the case. All do the same work: before anything is
//! measured, each has to give the values and bytes that the packets were made of, and to refuse the same broken packets.
//!
//! Time is per 1,024 different packets (criterion's elements per second say it per packet). Instruction counts:
//!
//! ```text
//! cargo bench -p nvo3-wire --bench wire --no-run
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=*wire::pass*' \
//!     target/release/deps/wire-<hash> --bench --test wire/<case>/<implementation>
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod etherparse;
mod limit;
mod nvo3;
mod packets;
mod pnet;
mod smoltcp;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use packets::{Arp, HEADROOM, Inner, Na, Tunnel};
use std::hint::black_box;

/// One after another through the packets; on its own so that instructions can be counted for it alone.
#[inline(never)]
fn pass<P>(packets: &mut [P], mut one: impl FnMut(&mut P) -> u64) -> u64 {
    packets.iter_mut().fold(0, |sum, packet| sum.wrapping_add(one(packet)))
}

fn group<'a>(criterion: &'a mut Criterion, case: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("wire/{case}"));
    group.throughput(Throughput::Elements(packets::COUNT));
    group
}

fn measure<P: Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    packets: &[P],
    mut one: impl FnMut(&mut P) -> u64,
) {
    let mut packets = black_box(packets.to_vec());
    group.bench_function(name, |bencher| bencher.iter(|| pass(&mut packets, &mut one)));
}

fn parses(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    parse: impl Fn(&[u8]) -> Option<u64>,
    good: &[(u64, Vec<u8>)],
    broken: &[Vec<u8>],
) {
    for (expected, frame) in good {
        assert_eq!(parse(frame), Some(*expected), "{name}: {frame:02x?}");
    }
    for frame in broken {
        assert_eq!(parse(frame), None, "{name} takes {frame:02x?}");
    }
    let frames: Vec<Vec<u8>> = good.iter().map(|(_, frame)| frame.clone()).collect();
    measure(group, name, &frames, |frame| parse(frame).unwrap_or(0));
}

fn builds<V: Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    build: impl Fn(&V, &mut [u8]) -> usize,
    expected: &[(V, Vec<u8>)],
) {
    let mut out = [0xaa; 256];
    for (values, frame) in expected {
        let length = build(values, &mut out);
        assert_eq!(&out[..length], frame, "{name}");
        assert_eq!(build(values, &mut out[..frame.len() - 1]), 0, "{name} overruns");
    }
    let values: Vec<V> = expected.iter().map(|(values, _)| values.clone()).collect();
    let out = black_box(&mut out[..]);
    measure(group, name, &values, |values| {
        let length = build(values, out);
        black_box(&mut *out);
        length as u64
    });
}

/// The first frame with one byte changed, for each change, and cut short to nothing but for its last byte.
fn broken(good: &[(u64, Vec<u8>)], changes: &[(usize, u8)]) -> Vec<Vec<u8>> {
    let frame = &good[0].1;
    let changed = changes.iter().map(|(at, value)| {
        let mut frame = frame.clone();
        frame[*at] = *value;
        frame
    });
    changed.chain((0..frame.len()).map(|length| frame[..length].to_vec())).collect()
}

fn parse_arp(criterion: &mut Criterion) {
    let good: Vec<_> = packets::arps()
        .into_iter()
        .map(|(arp, frame)| (packets::arp_digest(2, &arp.mac, &arp.ip, &arp.target_ip), frame))
        .collect();
    let broken = broken(&good, &[(13, 0), (15, 6), (16, 0), (18, 8), (19, 16)]);
    let group = &mut group(criterion, "arp_parse");
    parses(group, "nvo3", nvo3::arp_parse, &good, &broken);
    parses(group, "limit", limit::arp_parse, &good, &broken);
    parses(group, "smoltcp", smoltcp::arp_parse, &good, &broken);
    parses(group, "etherparse", etherparse::arp_parse, &good, &broken);
    parses(group, "pnet_packet", pnet::arp_parse, &good, &broken);
}

fn parse_na(criterion: &mut Criterion) {
    let good: Vec<_> = packets::advertisements()
        .into_iter()
        .map(|(na, frame)| (packets::na_digest(&na.target, na.flags, &na.mac), frame))
        .collect();
    let changes = [(13, 0), (14, 0x40), (19, 33), (20, 17), (54, 135), (79, 0), (79, 2), (78, 1)];
    let unreadable = broken(&good, &changes);
    {
        let group = &mut group(criterion, "na_parse");
        parses(group, "nvo3", nvo3::na_parse, &good, &unreadable);
        parses(group, "limit", limit::na_parse, &good, &unreadable);
        parses(group, "smoltcp", smoltcp::na_parse, &good, &unreadable);
        parses(group, "etherparse", etherparse::na_parse, &good, &unreadable);
        parses(group, "pnet_packet", pnet::na_parse, &good, &unreadable);
    }
    let invalid = broken(&good, &[&changes[..], &[(21, 254), (55, 1), (62, 0xff), (22, 0xff), (70, 0xee)]].concat());
    let group = &mut group(criterion, "na_checksum_parse");
    parses(group, "nvo3", nvo3::na_checksum_parse, &good, &invalid);
    parses(group, "limit", limit::na_checksum_parse, &good, &invalid);
    parses(group, "smoltcp", smoltcp::na_checksum_parse, &good, &invalid);
    parses(group, "etherparse", etherparse::na_checksum_parse, &good, &invalid);
    parses(group, "pnet_packet", pnet::na_checksum_parse, &good, &invalid);
}

fn parse_vxlan(criterion: &mut Criterion) {
    let good = packets::vxlan_frames();
    let outer = [(12, 0x86), (14, 0x65), (14, 0x44), (17, 255), (20, 0x20), (21, 1), (23, 6), (37, 0xb6), (39, 255)];
    let inner = [(42, 0), (62, 0x86), (64, 0x65), (67, 255), (70, 0x20), (73, 6), (89, 255)];
    let broken = broken(&good, &[&outer[..], &inner].concat());
    let group = &mut group(criterion, "vxlan_parse");
    parses(group, "nvo3", nvo3::vxlan_parse, &good, &broken);
    parses(group, "limit", limit::vxlan_parse, &good, &broken);
    parses(group, "smoltcp", smoltcp::vxlan_parse, &good, &broken);
    parses(group, "etherparse", etherparse::vxlan_parse, &good, &broken);
    parses(group, "pnet_packet", pnet::vxlan_parse, &good, &broken);
}

fn build_arp(criterion: &mut Criterion) {
    let expected: Vec<(Arp, Vec<u8>)> = packets::arps();
    let group = &mut group(criterion, "arp_build");
    builds(group, "nvo3", nvo3::arp_build, &expected);
    builds(group, "limit", limit::arp_build, &expected);
    builds(group, "smoltcp", smoltcp::arp_build, &expected);
    builds(group, "etherparse", etherparse::arp_build, &expected);
    builds(group, "pnet_packet", pnet::arp_build, &expected);
}

fn build_na(criterion: &mut Criterion) {
    let expected: Vec<(Na, Vec<u8>)> = packets::advertisements();
    let group = &mut group(criterion, "na_build");
    builds(group, "nvo3", nvo3::na_build, &expected);
    builds(group, "limit", limit::na_build, &expected);
    builds(group, "smoltcp", smoltcp::na_build, &expected);
    builds(group, "etherparse", etherparse::na_build, &expected);
    builds(group, "pnet_packet", pnet::na_build, &expected);
}

/// Outer headers and a copy of the inner frame into another buffer.
fn encap_copy(criterion: &mut Criterion) {
    fn case(
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        expected: &[(Inner, Vec<u8>)],
        encap: impl Fn(u16, &[u8], &mut [u8]) -> usize,
    ) {
        builds(group, name, |inner: &Inner, out| encap(inner.entropy, inner.frame(), out), expected);
    }
    let packet = |inner| packets::tunnelled(&Tunnel::ONE, &inner);
    let expected: Vec<_> = packets::inner_frames().into_iter().map(|inner| (inner.clone(), packet(inner))).collect();
    let group = &mut group(criterion, "encap_copy");
    case(group, "nvo3", &expected, nvo3::encap_copy(&Tunnel::ONE));
    case(group, "limit", &expected, limit::encap_copy(&Tunnel::ONE));
    case(group, "smoltcp", &expected, smoltcp::encap_copy(&Tunnel::ONE));
    case(group, "etherparse", &expected, etherparse::encap_copy(&Tunnel::ONE));
    case(group, "pnet_packet", &expected, pnet::encap_copy(&Tunnel::ONE));
}

/// Outer headers into the headroom before the inner frame.
fn encap_headroom(criterion: &mut Criterion) {
    fn case(
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        frames: &[Inner],
        encap: impl Fn(u16, &mut [u8]) -> usize,
    ) {
        for inner in frames {
            let mut buffer = inner.buffer.clone();
            let begin = encap(inner.entropy, &mut buffer);
            assert_eq!(buffer[begin..], packets::tunnelled(&Tunnel::ONE, inner), "{name}");
        }
        measure(group, name, frames, |inner| {
            let begin = encap(inner.entropy, &mut inner.buffer);
            black_box(&mut *inner.buffer);
            begin as u64
        });
    }
    let frames = packets::inner_frames();
    assert!(frames.iter().all(|inner| inner.buffer.len() == HEADROOM + 64));
    let group = &mut group(criterion, "encap_headroom");
    case(group, "nvo3", &frames, nvo3::encap_headroom(&Tunnel::ONE));
    case(group, "limit", &frames, limit::encap_headroom(&Tunnel::ONE));
    case(group, "smoltcp", &frames, smoltcp::encap_headroom(&Tunnel::ONE));
    case(group, "etherparse", &frames, etherparse::encap_headroom(&Tunnel::ONE));
    case(group, "pnet_packet", &frames, pnet::encap_headroom(&Tunnel::ONE));
}

fn main() {
    let criterion = &mut Criterion::default().configure_from_args();
    for case in [parse_arp, parse_na, parse_vxlan, build_arp, build_na, encap_copy, encap_headroom] {
        case(criterion);
    }
    criterion.final_summary();
}
