//! Captured messages built again from their parsed views: ND options, and IGMP and MLD, which the generator does not
//! make.

use super::capture;
use nvo3_wire::build::{Layer, Layers};
use nvo3_wire::dissect::Layer as Read;
use nvo3_wire::{Ipv4, Rule, igmp, ipv4, ipv6, mld, nd};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// All captures in a folder of the vectors and in its subfolders.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            None if path.is_dir() => captures(&path),
            Some("pcap" | "cap" | "pcapng") => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// The message as its builder writes it, and the bytes after it in its packet.
fn igmp_again(message: &igmp::Message<'_>) -> Vec<u8> {
    let all = message.ip.payload;
    let records: Vec<_>;
    let (report, query, header);
    let layer: &dyn Layer = match message.kind {
        igmp::Kind::Query(read) => {
            query = read;
            &query
        }
        igmp::Kind::Records(read) => {
            records = read.iter().collect();
            report = igmp::Report(&records);
            &report
        }
        igmp::Kind::Report { .. } | igmp::Kind::Leave(_) => {
            header = igmp::Header::new(message.header.kind, message.header.group);
            &header
        }
        _ => &all,
    };
    let ip = ipv4::Fields::new(Ipv4::UNSPECIFIED, Ipv4::UNSPECIFIED);
    written(&[&ip, layer, &&all[layer.header_len()..]])[20..].to_vec()
}

fn mld_again(message: &mld::Message<'_>) -> Vec<u8> {
    let all = message.icmp.bytes;
    let records: Vec<_>;
    let (report, query, header);
    let layer: &dyn Layer = match message.kind {
        mld::Kind::Query(read) => {
            query = read;
            &query
        }
        mld::Kind::Records(read) => {
            records = read.iter().collect();
            report = mld::Report(&records);
            &report
        }
        mld::Kind::Report(group) | mld::Kind::Done(group) => {
            header = mld::Header::new(message.icmp.header.kind, *group);
            &header
        }
        _ => &all,
    };
    let ip = ipv6::Fields::new(message.icmp.ip.source, message.icmp.ip.destination);
    written(&[&ip, layer, &&all[layer.header_len()..]])[40..].to_vec()
}

fn options_again(options: nd::Options<'_>) -> Vec<u8> {
    let options: Vec<_> = options.iter().collect();
    written(&options.iter().map(|option| option as &dyn Layer).collect::<Vec<_>>())
}

fn written(layers: &[&dyn Layer]) -> Vec<u8> {
    let mut out = vec![0xa5; layers.frame_len()];
    layers.write(&mut out).unwrap();
    out
}

#[test]
fn captured_messages_are_built_again_byte_for_byte() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let vectors = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into()));
    if !vectors.is_dir() {
        println!("skipped: no folder {} (set NVO3_VECTORS)", vectors.display());
        return;
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for capture in captures(&vectors) {
        for (at, frame) in capture::read(&capture).unwrap().iter().enumerate() {
            let Some((walk, base)) = capture::start(frame) else { continue };
            for found in walk.captured(frame.original.saturating_sub(base)).map_while(Result::ok) {
                let line = found.layer.to_string();
                let words = |count: usize| line.split(' ').take(count).collect::<Vec<_>>().join(" ");
                let (kind, theirs, ours, verdict) = match &found.layer {
                    Read::Igmp(message) if matches!(message.kind, igmp::Kind::Other(_)) => continue,
                    Read::Igmp(message) => (words(2), message.ip.payload, igmp_again(message), message.validate()),
                    Read::Mld(message) => (words(2), message.icmp.bytes, mld_again(message), message.validate()),
                    Read::Nd(message) => {
                        let options = message.options().unwrap();
                        (words(1) + " options", options.as_bytes(), options_again(options), Ok(()))
                    }
                    _ => continue,
                };
                let is_wrong = matches!(verdict, Err(error) if matches!(error.rule, Rule::Checksum(_)));
                let same = if is_wrong { ours[4..] == theirs[4..] && ours != theirs } else { ours == theirs };
                assert!(same, "{} frame {}: {line}\n{ours:02x?}\n{theirs:02x?}", capture.display(), at + 1);
                *seen.entry(kind).or_default() += 1;
            }
        }
    }
    println!("{seen:?}");
}
