//! The first example of the documentation answers what it should, and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::{Ipv4, Ipv6, Mac, arp, nd};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const OURS: Mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
const ASKER: Mac = Mac([2, 0, 0, 0, 0, 9]);
const ASKER_IP: Ipv4 = Ipv4([192, 0, 2, 9]);
const IP: Ipv4 = Ipv4([192, 0, 2, 10]);

fn ip(text: &str) -> Ipv6 {
    text.parse::<std::net::Ipv6Addr>().unwrap().into()
}

/// Where cargo puts the example, beside the folder of this test.
fn example() -> Option<PathBuf> {
    let example = std::env::current_exe().unwrap().parent()?.parent()?.join("examples/responder");
    if !example.is_file() {
        println!("skipped: {} is not built (cargo test --examples)", example.display());
        return None;
    }
    Some(example)
}

/// What the program prints for each of `frames`.
fn answers(example: PathBuf, frames: &[Vec<u8>]) -> Vec<String> {
    let mut program = Command::new(example).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    for frame in frames {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(input, "{hex}").unwrap();
    }
    drop(input);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(Into::into).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn frame(build: impl FnOnce(&mut [u8]) -> Result<usize, nvo3_wire::Error>) -> Vec<u8> {
    let mut out = [0; 128];
    let length = build(&mut out).unwrap();
    out[..length].to_vec()
}

#[test]
fn requests_probes_and_solicitations_for_the_table_are_answered_and_nothing_else() {
    let Some(example) = example() else { return };
    let (target, asker) = (ip("2001:db8::10"), ip("2001:db8::9"));
    let frames = [
        frame(|out| arp::request((ASKER, ASKER_IP), IP, out)),
        frame(|out| arp::probe(ASKER, IP, out)),
        frame(|out| nd::solicitation(&nd::Solicit::resolve(ASKER, asker, target), out)),
        frame(|out| nd::dad(ASKER, target, None, out)),
        frame(|out| arp::request((ASKER, ASKER_IP), Ipv4([192, 0, 2, 99]), out)),
        frame(|out| arp::probe(OURS, IP, out)),
        vec![0; 9],
    ];

    let answers = answers(example, &frames);

    let reply = unhex(&answers[0]);
    assert!(matches!(classify(&reply), Ok(Kind::ArpReply(r, _)) if (r.sender_mac, r.sender_ip) == (OURS, IP)));
    let to_probe = unhex(&answers[1]);
    assert!(matches!(classify(&to_probe), Ok(Kind::ArpReply(r, _)) if r.target_mac == ASKER));
    let solicited = unhex(&answers[2]);
    assert!(matches!(classify(&solicited), Ok(Kind::SolicitedNa(na)) if na.target_link == Some(&OURS)));
    let to_all = unhex(&answers[3]);
    assert!(matches!(classify(&to_all), Ok(Kind::UnsolicitedNa(na)) if na.body.target == target));
    assert_eq!(answers[4..6], ["no answer", "no answer"]);
    assert_eq!(answers[6], "ignored: Ethernet at byte 0: needs 14 bytes, but only 9 are present");
}
