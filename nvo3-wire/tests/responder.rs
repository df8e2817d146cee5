//! The example `responder` answers the questions for its table, and no other frame.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../examples/responder.rs"]
#[allow(dead_code)] // its `main` and what only that calls
mod responder;

use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::{Ipv4, Ipv6, Mac, arp, nd};
use responder::Table;

const OURS: Mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
const ASKER: Mac = Mac([2, 0, 0, 0, 0, 9]);
const ASKER_IP: Ipv4 = Ipv4([192, 0, 2, 9]);
const IP: Ipv4 = Ipv4([192, 0, 2, 10]);

fn ip(text: &str) -> Ipv6 {
    text.parse().unwrap()
}

fn frame(build: impl FnOnce(&mut [u8]) -> Result<usize, nvo3_wire::Error>) -> Vec<u8> {
    let mut out = [0; 128];
    let length = build(&mut out).unwrap();
    out[..length].to_vec()
}

/// The answer to a frame.
fn answer(question: &[u8]) -> Result<Option<Vec<u8>>, nvo3_wire::Error> {
    let table = Table { v4: vec![(IP, OURS)], v6: vec![(ip("2001:db8::10"), OURS)] };
    let mut out = [0; nd::FRAME_LEN];
    Ok(table.answer(question, &mut out)?.map(|length| out[..length].to_vec()))
}

fn answered(build: impl FnOnce(&mut [u8]) -> Result<usize, nvo3_wire::Error>) -> Vec<u8> {
    answer(&frame(build)).unwrap().unwrap()
}

#[test]
fn requests_probes_and_solicitations_for_the_table_are_answered() {
    let (target, asker) = (ip("2001:db8::10"), ip("2001:db8::9"));

    let to_request = answered(|out| arp::request((ASKER, ASKER_IP), IP, out));
    let to_probe = answered(|out| arp::probe(ASKER, IP, out));
    let to_solicitation = answered(|out| nd::solicitation(&nd::Solicit::resolve(ASKER, asker, target), out));
    let to_dad = answered(|out| nd::dad(ASKER, target, None, out));

    assert!(matches!(classify(&to_request), Ok(Kind::ArpReply(r, _)) if (r.sender_mac, r.sender_ip) == (OURS, IP)));
    assert!(matches!(classify(&to_probe), Ok(Kind::ArpReply(r, _)) if r.target_mac == ASKER));
    assert!(matches!(classify(&to_solicitation), Ok(Kind::SolicitedNa(na)) if na.target_link == Some(&OURS)));
    assert!(matches!(classify(&to_dad), Ok(Kind::UnsolicitedNa(na)) if na.body.target == target));
}

#[test]
fn other_addresses_the_owner_itself_and_broken_frames_get_no_answer() {
    let elsewhere = frame(|out| arp::request((ASKER, ASKER_IP), Ipv4([192, 0, 2, 99]), out));
    let from_the_owner = frame(|out| arp::probe(OURS, IP, out));

    assert_eq!((answer(&elsewhere), answer(&from_the_owner)), (Ok(None), Ok(None)));
    assert_eq!(answer(&[0; 9]).unwrap_err().to_string(), "Ethernet at byte 0: needs 14 bytes, but only 9 are present");
}
