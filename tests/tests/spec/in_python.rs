//! `tests/spec/decode.py` was written from SPEC.md alone; it says of every message what the crate says.

use crate::document::examples;
use crate::form::decoded;
use crate::strategy;
use nvo3_nva_proto::{Header, type_name};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

const DECODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/decode.py");
const GENERATED: usize = 10_000;
/// What a message has of fixed layout: there a change of one byte hits a field.
const HEADER: usize = Header::LEN;

/// `None`, with the reason printed, where there is no Python.
fn python() -> Option<Child> {
    let started = Command::new("python3").arg(DECODER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    match started {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: python3 is not installed");
            None
        }
        started => Some(started.unwrap()),
    }
}

/// What the decoder in Python says of each.
fn in_python(messages: &[Vec<u8>]) -> Option<Vec<Value>> {
    let mut python = python()?;
    let mut input = python.stdin.take().unwrap();
    let lines: String = messages.iter().map(|bytes| hex(bytes) + "\n").collect();
    let writer = thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    Some(String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a message is packed and not what it says: the crate's owned form does not keep it.
const PACKING: [&str; 2] = ["base version", "PLACES"];

/// Both say the same of all; how many of them each type and each error had.
fn both_agree(messages: &[Vec<u8>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let Some(said) = in_python(messages) else { return counts };
    assert_eq!(said.len(), messages.len());
    for (bytes, mut said) in messages.iter().zip(said) {
        let fields = said.as_object_mut().unwrap();
        for name in PACKING {
            fields.remove(name);
        }
        assert_eq!(said, decoded(bytes), "\npython, then rust, of {}", hex(bytes));
        let kind = said.get("type").or(said.get("error")).and_then(Value::as_str).unwrap();
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    counts
}

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

fn generated() -> Vec<Vec<u8>> {
    let (mut runner, any) = (runner(), (strategy::header(), strategy::message()));
    let messages = std::iter::repeat_with(|| {
        let (header, message) = any.new_tree(&mut runner).unwrap().current();
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).ok().map(|()| bytes)
    });
    messages.flatten().take(GENERATED).collect()
}

/// `length` says how long the message is, whatever was done to it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let (Ok(length), Some(field)) = (u16::try_from(bytes.len()), bytes.get_mut(4..6)) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

/// What the types in use are, and what lies just beyond them.
const TLV_TYPES: u16 = 16;

#[derive(Clone, Debug)]
enum Harm {
    Cut(Index),
    CutAndSealed(Index),
    Byte(Index, u8),
    Bit(Index, u8),
    Length(u16),
    Tlv { kind: u16, critical: bool, value: Vec<u8> },
    TlvFromAnother(Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    use Harm::*;
    let value = proptest::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..24);
    prop_oneof![
        any::<Index>().prop_map(Cut),
        any::<Index>().prop_map(CutAndSealed),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Byte(at, byte)),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Bit(at, bit)),
        (0..1_300_u16).prop_map(Length),
        (0..TLV_TYPES, any::<bool>(), value).prop_map(|(kind, critical, value)| Tlv { kind, critical, value }),
        any::<Index>().prop_map(TlvFromAnother),
    ]
}

fn harmed(mut bytes: Vec<u8>, harm: &Harm, all: &[Vec<u8>]) -> Vec<u8> {
    match harm {
        Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Harm::CutAndSealed(at) => {
            bytes.truncate(HEADER + at.index(bytes.len() - HEADER + 1));
            bytes = sealed(bytes);
        }
        Harm::Byte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Harm::Bit(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Harm::Length(length) => bytes[4..6].copy_from_slice(&length.to_be_bytes()),
        Harm::Tlv { kind, critical, value } => {
            bytes.extend_from_slice(&(kind | if *critical { 0x8000 } else { 0 }).to_be_bytes());
            bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
            bytes.extend_from_slice(value);
            bytes = sealed(bytes);
        }
        // A body is as long as another's often enough for what follows to be TLVs here too.
        Harm::TlvFromAnother(other) => {
            let other = other.get(all);
            bytes.extend(other.iter().skip(tlvs_at(other)));
            bytes = sealed(bytes);
        }
    }
    bytes
}

/// Where the TLVs begin that the crate wrote: at the first critical one, as good as always.
fn tlvs_at(bytes: &[u8]) -> usize {
    let head = |pair: &[u8]| pair[0] == 0x80 && (1..=13).contains(&pair[1]);
    bytes.windows(2).skip(HEADER).position(head).map_or(bytes.len(), |at| at + HEADER)
}

#[test]
fn the_examples_say_the_same_in_python() {
    let examples: Vec<_> = examples().into_iter().map(|(_, bytes)| bytes).collect();

    assert_each_type_is_in(&both_agree(&examples));
}

fn assert_each_type_is_in(counts: &BTreeMap<String, usize>) {
    for name in (0..=u8::MAX).filter_map(type_name) {
        assert!(counts.is_empty() || counts.contains_key(name), "{name}: {counts:?}");
    }
}

/// Checks VMM-6-01, VMM-6-02.
#[test]
fn generated_messages_say_the_same_in_python() {
    let counts = both_agree(&generated());

    println!("{counts:?}");
    assert_each_type_is_in(&counts);
}

/// Checks ARC-18.
#[test]
fn what_is_harmed_is_refused_in_python_for_the_same_reason_at_the_same_byte() {
    let messages = generated();
    let (mut runner, any) = (runner(), proptest::collection::vec(harm(), 1..3));
    let harmed: Vec<_> =
        messages
            .iter()
            .map(|bytes| {
                let harms = any.new_tree(&mut runner).unwrap().current();
                harms.iter().fold(bytes.clone(), |bytes, harm| {
                    if bytes.len() < HEADER { bytes } else { harmed(bytes, harm, &messages) }
                })
            })
            .collect();

    let counts = both_agree(&harmed);

    println!("{counts:?}");
    for code in ["Version", "UnknownType", "Truncated", "Field", "UnknownCritical", "Missing"] {
        assert!(counts.is_empty() || counts.contains_key(code), "{code}: {counts:?}");
    }
}

/// A message of every type cut after each of its bytes, with the length that it had and with its own.
#[test]
fn every_truncation_of_the_examples_says_the_same_in_python() {
    let cut = examples().into_iter().flat_map(|(_, bytes)| {
        let cuts = (0..bytes.len()).map(move |length| bytes[..length].to_vec());
        cuts.flat_map(|bytes| [sealed(bytes.clone()), bytes])
    });

    both_agree(&cut.collect::<Vec<_>>());
}
