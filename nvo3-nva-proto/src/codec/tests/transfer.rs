//! The transfer of state: every field is carried, and parts follow each other.

use super::strategy::chunk;
use super::{encoded, extended};
use crate::*;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};
use proptest::prelude::*;

const STREAM: StateStream = StateStream {
    move_id: MoveId(7),
    version: Version { epoch: 3, generation: 1_042 },
    source: NveId(1),
    target: NveId(2),
    copy: 1,
};

/// The byte at which the first record of a StateChunk begins.
const RECORD: usize = Header::LEN + 45 + 4;

fn ends() -> [FlowEnds; 2] {
    let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
    let six = FlowEnds::V6 { source: source.to_ipv6_mapped(), destination: Ipv6Addr::LOCALHOST };
    [FlowEnds::V4 { source, destination }, six]
}

fn session(ends: FlowEnds) -> FlowRecord {
    let flow = Flow {
        vn: Vni::new(0x01_0203).unwrap(),
        vlan: Vlan::new(0x405).unwrap(),
        protocol: 6,
        source_port: 0x0708,
        destination_port: 0x090a,
        ends,
    };
    FlowRecord {
        flow,
        state: Some(FlowState { expires: Some(Micros::from_millis(0x0b0c_0d0e)), data: vec![0xaa, 0xbb] }),
    }
}

fn sessions(records: Vec<FlowRecord>) -> StateChunk {
    StateChunk { stream: STREAM, offset: Amount::default(), part: StatePart::Sessions(records) }
}

/// Each field stands where SPEC.md says, for both families. A state that expires carries its remaining time.
///
/// Checks VMMI-3.2.12-05.
#[test]
fn a_session_record_has_every_field_that_a_firewall_needs() {
    let [four, six] = ends();
    let head = |family| vec![1, 0, 1, 2, 3, 4, 5, family, 6, 7, 8, 9, 10];
    let tail = vec![0x0b, 0x0c, 0x0d, 0x0e, 0, 2, 0xaa, 0xbb];
    let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
    let addresses = [vec![192, 0, 2, 1, 198, 51, 100, 2], [mapped, Ipv6Addr::LOCALHOST.octets()].concat()];

    for (ends, family, addresses) in [(four, 4, &addresses[0]), (six, 6, &addresses[1])] {
        let message = Message::StateChunk(sessions(vec![session(ends)]));
        let bytes = encoded(&message);

        assert_eq!(bytes[RECORD..], [head(family), addresses.clone(), tail.clone()].concat());
        assert_eq!(Message::decode(&bytes).unwrap().1, message);
    }
}

/// A record that is cut before any of its bytes is refused, and the error names its TLV.
///
/// Checks VMMI-3.2.12-05.
#[test]
fn a_session_record_that_lacks_a_field_is_refused() {
    for ends in ends() {
        let whole = encoded(&Message::StateChunk(sessions(vec![session(ends)])));
        for length in RECORD + 1..whole.len() {
            let mut bytes = whole[..length].to_vec();
            bytes[4..6].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            bytes[RECORD - 2..RECORD].copy_from_slice(&u16::try_from(length - RECORD).unwrap().to_be_bytes());

            let error = Message::decode(&bytes).unwrap_err();
            assert_eq!((error.code(), error.tlv), (ErrorCode::Truncated, 14), "{length}");
            assert!(error.offset as usize >= RECORD);
        }
    }
}

#[test]
fn a_session_that_is_gone_has_nothing_but_its_name() {
    let [ends, _] = ends();
    let (there, gone) = (session(ends), FlowRecord { state: None, ..session(ends) });

    let [there, gone] = [there, gone].map(|record| encoded(&Message::StateChunk(sessions(vec![record]))));

    assert_eq!(gone.len(), there.len() - 8);
    assert_eq!((gone[RECORD], &gone[RECORD + 1..]), (2, &there[RECORD + 1..there.len() - 8]));
}

#[test]
fn each_field_that_is_wrong_is_named() {
    let [ends, _] = ends();
    let chunk = Message::StateChunk(sessions(vec![session(ends)]));
    let offer = StateOffer { stream: STREAM, kind: StateKind::Opaque, format: 0, total: Amount::MAX, last: false };
    let ack = StateAck { stream: STREAM, kind: StateKind::Opaque, upto: Amount::MAX, answer: StateAnswer::Resource };
    let cases = [
        ("StateOffer at byte 64: 6 is not a value of this field", Message::StateOffer(offer), (64, 6)),
        ("StateOffer at byte 69: 83886079 is too large: must be at most 67108863", Message::StateOffer(offer), (69, 4)),
        ("StateOffer at byte 73: 2 is too large: must be at most 1", Message::StateOffer(offer), (73, 2)),
        ("StateAck at byte 65: 4294967295 is too large: must be at most 67108863", Message::StateAck(ack), (65, 0xff)),
        ("StateAck at byte 69: 7 is not a value of this field", Message::StateAck(ack), (69, 7)),
        ("StateChunk at byte 65: 67108864 is too large: must be at most 67108863", chunk.clone(), (65, 4)),
        ("StateChunk at byte 73: TLV 14: 0 is not a value of this field", chunk.clone(), (73, 0)),
        ("StateChunk at byte 78: TLV 14: 4101 is too large: must be at most 4094", chunk.clone(), (78, 0x10)),
        ("StateChunk at byte 80: TLV 14: 5 is not a value of this field", chunk.clone(), (80, 5)),
        ("StateChunk at byte 100: TLV 14: 3 bytes are needed and 2 are there", chunk, (99, 3)),
    ];

    for (sentence, message, (at, byte)) in cases {
        let mut bytes = encoded(&message);
        bytes[at] = byte;
        assert_eq!(Message::decode(&bytes).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn a_chunk_has_what_its_kind_says_and_nothing_else() {
    let parts = [
        StatePart::Connections(vec![]),
        StatePart::Sessions(vec![]),
        StatePart::Policies(vec![]),
        StatePart::Snapshot(vec![]),
        StatePart::Opaque(vec![]),
    ];

    for part in parts {
        let chunk = Message::StateChunk(StateChunk { stream: STREAM, offset: Amount::default(), part });
        let bytes = encoded(&chunk);
        let own = bytes[RECORD - 3];
        for tlv in 14..=16 {
            let error = Message::decode(&extended(&chunk, &[0x80, tlv, 0, 0])).unwrap_err();
            assert_eq!((error.code(), error.offset as usize, error.tlv), (ErrorCode::Field, RECORD, tlv.into()));

            let mut bytes = bytes.clone();
            bytes[RECORD - 3] = tlv;
            let read = Message::decode(&bytes).map_err(|error| (error.code(), error.tlv));
            assert_eq!(read.is_ok(), tlv == own);
        }
        let mut bytes = bytes.clone();
        bytes[RECORD - 4..RECORD - 2].copy_from_slice(&[0, 99]);
        let error = Message::decode(&bytes).unwrap_err();
        assert_eq!((error.code(), error.tlv), (ErrorCode::Missing, own.into()));
    }
}

#[test]
fn an_amount_and_a_vlan_are_bounded_wherever_they_come_from() {
    assert_eq!(Amount::try_from(0x3ff_ffff), Ok(Amount::MAX));
    assert_eq!(
        Amount::try_from(0x400_0000).unwrap_err().to_string(),
        "67108864 is too large: must be at most 67108863"
    );
    assert_eq!(Vlan::try_from(4_094), Ok(Vlan::MAX));
    assert_eq!(Vlan::try_from(4_095).unwrap_err().to_string(), "4095 is too large: must be at most 4094");
    assert_eq!(Vlan::try_from(65_537).unwrap_err().to_string(), "65537 is too large: must be at most 4094");
}

#[test]
fn what_ends_beyond_the_largest_amount_is_not_split() {
    let at = |offset| StateChunk {
        stream: STREAM,
        offset: Amount::new(offset).unwrap(),
        part: StatePart::Opaque(vec![0; 3_000]),
    };

    assert_eq!(at(Amount::MAX.get() - 3_000).split().map(|parts| parts.len()), Some(3));
    assert_eq!(at(Amount::MAX.get() - 2_999).split(), None);
}

#[test]
fn a_record_that_no_message_holds_is_not_encoded() {
    let rules = |length| {
        let record =
            PolicyRecord { tsi: TsiKey { vn: Vni::MAX, mac: Mac::ZERO }, number: 1, rules: Some(vec![0; length]) };
        let small = PolicyRecord { rules: None, ..record.clone() };
        StateChunk {
            stream: STREAM,
            offset: Amount::default(),
            part: StatePart::Policies(vec![small.clone(), record, small]),
        }
    };
    let most = MAX_MESSAGE - RECORD - 17;
    let mut out = Vec::new();

    let parts = rules(most).split().unwrap();
    assert_eq!(parts.iter().map(|part| part.part.amount()).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(encoded(&Message::StateChunk(parts[1].clone())).len(), MAX_MESSAGE);
    let too_long = Message::StateChunk(rules(most + 1).split().unwrap().remove(1));
    assert!(matches!(too_long.encode(&Header::default(), &mut out), Err(EncodeError::TooLong { .. })));
    let far_too_long = Message::StateChunk(rules(70_000));
    assert!(matches!(far_too_long.encode(&Header::default(), &mut out), Err(EncodeError::TooLong { .. })));
}

proptest! {
    /// Each part begins where the part before it ended, and together they are the whole chunk.
    #[test]
    fn the_parts_of_a_state_fit_and_follow_each_other(chunk in chunk(150)) {
        let end = chunk.offset.get() as usize + chunk.part.amount();
        let Some(parts) = chunk.clone().split() else {
            prop_assert!(end > Amount::MAX.get() as usize);
            return Ok(());
        };

        let mut next = chunk.offset.get() as usize;
        let (mut sizes, mut flows, mut policies, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            sizes.push(encoded(&Message::StateChunk(part.clone())).len());
            prop_assert_eq!((part.stream, part.part.kind()), (chunk.stream, chunk.part.kind()));
            prop_assert_eq!(part.offset.get() as usize, next);
            next += part.part.amount();
            match part.part {
                StatePart::Connections(records) | StatePart::Sessions(records) => flows.extend(records),
                StatePart::Policies(records) => policies.extend(records),
                StatePart::Snapshot(data) | StatePart::Opaque(data) => bytes.extend(data),
            }
        }
        prop_assert_eq!(next, end);
        prop_assert!(sizes.iter().all(|size| *size <= MAX_MESSAGE));
        // No record of this strategy is longer than 110 bytes.
        prop_assert!(sizes[..sizes.len() - 1].iter().all(|size| *size > MAX_MESSAGE - 110));
        match chunk.part {
            StatePart::Connections(records) | StatePart::Sessions(records) => prop_assert_eq!(records, flows),
            StatePart::Policies(records) => prop_assert_eq!(records, policies),
            StatePart::Snapshot(data) | StatePart::Opaque(data) => prop_assert_eq!(data, bytes),
        }
    }
}
