//! Random messages, whole and damaged.

use crate::strategy;
use nvo3_nva_proto::Header;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The length of the header, which has a fixed layout. A change of one byte there hits a field.
const HEADER: usize = Header::LEN;

fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]))
}

/// Random messages that the crate encodes, the same in every run.
pub(crate) fn generated(count: usize) -> Vec<Vec<u8>> {
    let (mut runner, any) = (runner(), (strategy::header(), strategy::message()));
    let messages = std::iter::repeat_with(|| {
        let (header, message) = any.new_tree(&mut runner).unwrap().current();
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).ok().map(|()| bytes)
    });
    messages.flatten().take(count).collect()
}

/// Writes the present length of the message into its length field.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let (Ok(length), Some(field)) = (u16::try_from(bytes.len()), bytes.get_mut(4..6)) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

/// The number of TLV types to try: those in use, and the next ones.
const TLV_TYPES: u16 = 26;

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

fn done(mut bytes: Vec<u8>, harm: &Harm, all: &[Vec<u8>]) -> Vec<u8> {
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
        // Bodies often have the same length, so these bytes are often TLVs here too.
        Harm::TlvFromAnother(other) => {
            let other = other.get(all);
            bytes.extend(other.iter().skip(tlvs_at(other)));
            bytes = sealed(bytes);
        }
    }
    bytes
}

/// The byte at which the TLVs of an encoded message begin: nearly always that of the first critical TLV.
fn tlvs_at(bytes: &[u8]) -> usize {
    let head = |pair: &[u8]| pair[0] == 0x80 && (1..=23).contains(&pair[1]);
    bytes.windows(2).skip(HEADER).position(head).map_or(bytes.len(), |at| at + HEADER)
}

/// The messages of [`generated`] with one or two damages each. Some damages leave a valid message.
pub(crate) fn harmed(count: usize) -> Vec<Vec<u8>> {
    let messages = generated(count);
    let (mut runner, any) = (runner(), proptest::collection::vec(harm(), 1..3));
    let harmed = messages.iter().map(|bytes| {
        let harms = any.new_tree(&mut runner).unwrap().current();
        harms.iter().fold(
            bytes.clone(),
            |bytes, harm| {
                if bytes.len() < HEADER { bytes } else { done(bytes, harm, &messages) }
            },
        )
    });
    harmed.collect()
}
