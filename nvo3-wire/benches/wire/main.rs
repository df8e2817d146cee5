//! Measures the eight cases that an edge handles per packet, as `wire/<case>/<implementation>`.
//!
//! The implementations are this crate (`nvo3`), code by hand for one case (`limit`), and other crates for the cases
//! that they know. All do the same work: before the measurement, each must return the values and bytes of the packets
//! and refuse the same broken packets.
//!
//! Times are per 1,024 different packets; criterion's elements per second are packets. To count instructions, also of
//! 1,024:
//!
//! ```text
//! cargo bench -p nvo3-wire --bench wire --no-run
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null '--toggle-collect=*wire::*::pass*' \
//!     target/release/deps/wire-<hash> --bench --test '^wire/<case>/<implementation>$'
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

/// An implementation of a case: a function for one packet, and a loop over all packets into which the compiler inlines
/// it. So no implementation pays for a call, and callgrind can count the loop alone.
struct Way<One, Pass> {
    name: &'static str,
    one: One,
    pass: Pass,
}

type Parser = Way<fn(&[u8]) -> Option<u64>, fn(&[Vec<u8>]) -> u64>;
type Builder<V> = Way<fn(&V, &mut [u8]) -> usize, fn(&[V], &mut [u8])>;
type Encap = Way<fn(&Tunnel, &mut Inner, &mut [u8]) -> usize, fn(&Tunnel, &mut [Inner], &mut [u8])>;

/// All implementations of a case, each made by `$make`.
macro_rules! ways {
    ($make:ident $case:ident) => {
        [
            $make!("nvo3", nvo3::$case, nvo3),
            $make!("limit", limit::$case, limit),
            $make!("smoltcp", smoltcp::$case, smoltcp),
            $make!("etherparse", etherparse::$case, etherparse),
            $make!("pnet_packet", pnet::$case, pnet),
        ]
    };
}

macro_rules! parser {
    ($name:literal, $parse:path, $module:ident) => {{
        #[inline(never)]
        fn pass(frames: &[Vec<u8>]) -> u64 {
            let mut sum = 0u64;
            for frame in frames {
                sum = sum.wrapping_add($parse(frame).unwrap_or(0));
            }
            sum
        }
        Parser { name: $name, one: $parse, pass }
    }};
}

macro_rules! arp_builder {
    ($name:literal, $build:path, $module:ident) => {
        builder!($name, $build, Arp)
    };
}

macro_rules! na_builder {
    ($name:literal, $build:path, $module:ident) => {
        builder!($name, $build, Na)
    };
}

macro_rules! builder {
    ($name:literal, $build:path, $values:ty) => {{
        #[inline(never)]
        fn pass(all: &[$values], out: &mut [u8]) {
            for values in all {
                black_box($build(values, out));
                black_box(&mut *out);
            }
        }
        Builder { name: $name, one: $build, pass }
    }};
}

macro_rules! copying_encap {
    ($name:literal, $encap:path, $module:ident) => {{
        #[inline(never)]
        fn pass(tunnel: &Tunnel, all: &mut [Inner], out: &mut [u8]) {
            let prepared = black_box($module::prepare(tunnel));
            for inner in all {
                black_box($encap(&prepared, inner.entropy, inner.frame(), out));
                black_box(&mut *out);
            }
        }
        let one = |tunnel: &Tunnel, inner: &mut Inner, out: &mut [u8]| {
            $encap(&$module::prepare(tunnel), inner.entropy, inner.frame(), out)
        };
        Encap { name: $name, one, pass }
    }};
}

macro_rules! prepending_encap {
    ($name:literal, $encap:path, $module:ident) => {{
        #[inline(never)]
        fn pass(tunnel: &Tunnel, all: &mut [Inner], _: &mut [u8]) {
            let prepared = black_box($module::prepare(tunnel));
            for inner in all {
                black_box($encap(&prepared, inner.entropy, &mut inner.buffer));
                black_box(&mut *inner.buffer);
            }
        }
        let one = |tunnel: &Tunnel, inner: &mut Inner, out: &mut [u8]| {
            let begin = $encap(&$module::prepare(tunnel), inner.entropy, &mut inner.buffer);
            let packet = &inner.buffer[begin..];
            out[..packet.len()].copy_from_slice(packet);
            packet.len()
        };
        Encap { name: $name, one, pass }
    }};
}

fn group<'a>(criterion: &'a mut Criterion, case: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("wire/{case}"));
    group.throughput(Throughput::Elements(packets::COUNT));
    group
}

/// Measures parsers, after each has read all good frames and refused all broken ones.
fn parse(
    criterion: &mut Criterion,
    case: &str,
    ways: impl IntoIterator<Item = Parser>,
    good: &[(u64, Vec<u8>)],
    broken: &[Vec<u8>],
) {
    let frames: Vec<Vec<u8>> = good.iter().map(|(_, frame)| frame.clone()).collect();
    let mut group = group(criterion, case);
    for Parser { name, one, pass } in ways {
        for (expected, frame) in good {
            assert_eq!(one(frame), Some(*expected), "{name}: {frame:02x?}");
        }
        for frame in broken {
            assert_eq!(one(frame), None, "{name} takes {frame:02x?}");
        }
        group.bench_function(name, |bencher| bencher.iter(|| pass(black_box(&frames))));
    }
}

/// Measures builders, after each has built all frames and refused a short buffer.
fn build<V: Clone>(
    criterion: &mut Criterion,
    case: &str,
    ways: impl IntoIterator<Item = Builder<V>>,
    expected: &[(V, Vec<u8>)],
) {
    let all: Vec<V> = expected.iter().map(|(values, _)| values.clone()).collect();
    let mut out = [0xaa; 256];
    let mut group = group(criterion, case);
    for Builder { name, one, pass } in ways {
        for (values, frame) in expected {
            let length = one(values, &mut out);
            assert_eq!(&out[..length], frame, "{name}");
            assert_eq!(one(values, &mut out[..frame.len() - 1]), 0, "{name} overruns");
        }
        group.bench_function(name, |bencher| bencher.iter(|| pass(black_box(&all), black_box(&mut out))));
    }
}

/// Measures encapsulators, after each has encapsulated all frames.
fn encapsulate(criterion: &mut Criterion, case: &str, ways: impl IntoIterator<Item = Encap>) {
    let mut all = packets::inner_frames();
    assert!(all.iter().all(|inner| inner.buffer.len() == HEADROOM + 64));
    let mut out = [0xaa; 256];
    let mut group = group(criterion, case);
    for Encap { name, one, pass } in ways {
        for inner in &mut all {
            let expected = packets::tunnelled(&Tunnel::ONE, inner);
            let length = one(&Tunnel::ONE, inner, &mut out);
            assert_eq!(&out[..length], expected, "{name}");
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| pass(black_box(&Tunnel::ONE), black_box(&mut all), black_box(&mut out)));
        });
    }
}

/// The first frame with one byte changed, for each change, and cut to every length.
fn broken(good: &[(u64, Vec<u8>)], changes: &[(usize, u8)]) -> Vec<Vec<u8>> {
    let frame = &good[0].1;
    let changed = changes.iter().map(|(at, value)| {
        let mut frame = frame.clone();
        frame[*at] = *value;
        frame
    });
    changed.chain((0..frame.len()).map(|length| frame[..length].to_vec())).collect()
}

fn arp(criterion: &mut Criterion) {
    let made = packets::arps();
    build(criterion, "arp_build", ways!(arp_builder arp_build), &made);

    let digest = |arp: &Arp| packets::arp_digest(2, &arp.mac, &arp.ip, &arp.target_ip);
    let good: Vec<_> = made.into_iter().map(|(arp, frame)| (digest(&arp), frame)).collect();
    let broken = broken(&good, &[(13, 0), (15, 6), (16, 0), (18, 8), (19, 16)]);
    parse(criterion, "arp_parse", ways!(parser arp_parse), &good, &broken);
}

fn na(criterion: &mut Criterion) {
    let made = packets::advertisements();
    build(criterion, "na_build", ways!(na_builder na_build), &made);

    let good: Vec<_> =
        made.into_iter().map(|(na, frame)| (packets::na_digest(&na.target, na.flags, &na.mac), frame)).collect();
    let changes = [(13, 0), (14, 0x40), (19, 33), (20, 17), (54, 135), (79, 0), (79, 2), (78, 1)];
    parse(criterion, "na_parse", ways!(parser na_parse), &good, &broken(&good, &changes));

    let changes = [&changes[..], &[(21, 254), (55, 1), (62, 0xff), (22, 0xff), (70, 0xee)]].concat();
    parse(criterion, "na_checksum_parse", ways!(parser na_checksum_parse), &good, &broken(&good, &changes));
}

fn vxlan(criterion: &mut Criterion) {
    let good = packets::vxlan_frames();
    let outer = [(12, 0x86), (14, 0x65), (14, 0x44), (17, 255), (20, 0x20), (21, 1), (23, 6), (37, 0xb6), (39, 255)];
    let inner = [(42, 0), (62, 0x86), (64, 0x65), (67, 255), (70, 0x20), (73, 6), (89, 255)];
    let broken = broken(&good, &[&outer[..], &inner].concat());
    parse(criterion, "vxlan_parse", ways!(parser vxlan_parse), &good, &broken);

    encapsulate(criterion, "encap_copy", ways!(copying_encap encap_copy));
    encapsulate(criterion, "encap_headroom", ways!(prepending_encap encap_headroom));
}

fn main() {
    let criterion = &mut Criterion::default().configure_from_args();
    arp(criterion);
    na(criterion);
    vxlan(criterion);
    criterion.final_summary();
}
