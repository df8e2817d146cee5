//! `tests/spec/decode.py` was written from SPEC.md alone, and decodes every message as the crate does.

use crate::document::examples;
use crate::form::{decoded, hex};
use crate::harm::{generated, harmed, sealed};
use nvo3_nva_proto::type_name;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

const DECODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/decode.py");
const GENERATED: usize = 10_000;

/// The decoder in Python. Without Python it is `None`, and the reason is printed.
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

/// The result of the decoder in Python for each message.
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

/// The fields about the packing of a message, which the crate's owned form does not keep.
const PACKING: [&str; 3] = ["base version", "PLACES", "NVES"];

/// Checks that both decoders give the same results. Gives the number of messages of each type and each error.
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
    let counts = both_agree(&generated(GENERATED));

    println!("{counts:?}");
    assert_each_type_is_in(&counts);
}

/// Checks ARC-18.
#[test]
fn what_is_harmed_is_refused_in_python_for_the_same_reason_at_the_same_byte() {
    let counts = both_agree(&harmed(GENERATED));

    println!("{counts:?}");
    for code in ["Version", "UnknownType", "Truncated", "Field", "UnknownCritical", "Missing"] {
        assert!(counts.is_empty() || counts.contains_key(code), "{code}: {counts:?}");
    }
}

/// A message of every type, cut after each of its bytes, with the length field of the whole message and with its own length.
#[test]
fn every_truncation_of_the_examples_says_the_same_in_python() {
    let cut = examples().into_iter().flat_map(|(_, bytes)| {
        let cuts = (0..bytes.len()).map(move |length| bytes[..length].to_vec());
        cuts.flat_map(|bytes| [sealed(bytes.clone()), bytes])
    });

    both_agree(&cut.collect::<Vec<_>>());
}
