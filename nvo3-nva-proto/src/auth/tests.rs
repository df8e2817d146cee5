//! The promises of a seal for every message, and the senders that it keeps out.

use super::*;
use crate::codec::tests::spec;
use crate::codec::tests::strategy::{header, message};
use crate::*;
use alloc::string::ToString;
use alloc::vec::Vec;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

const EDGE: NveId = NveId(1);
const OTHER: NveId = NveId(2);

fn key(id: u16) -> KeyId {
    KeyId::new(id).unwrap()
}

fn ring(ids: &[(u16, NveId)]) -> Keys {
    let mut keys = Keys::default();
    for (id, nve) in ids {
        keys.add(key(*id), *nve, &Secret::from([*id as u8; 32])).unwrap();
    }
    keys
}

fn sealed(keys: &Keys, from: Party, id: u16, number: u64, header: Header, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&header, &mut bytes).unwrap();
    keys.seal(from, key(id), number, &mut bytes).unwrap();
    bytes
}

fn within(session: u64) -> Header {
    Header { session: SessionId(session), ..Header::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Checks VMM-10-10, SPL-14.
    #[test]
    fn every_message_is_opened_as_it_was_sealed_and_with_no_bit_changed(
        header in header(),
        message in message(),
        number in any::<u64>(),
    ) {
        let keys = ring(&[(1, EDGE)]);
        let mut bytes = sealed(&keys, Party::Nve, 1, number, header, &message);

        let opened = keys.open(Party::Nve, &bytes).unwrap();
        prop_assert_eq!((opened.header, opened.number, opened.nve), (header, number, EDGE));
        prop_assert_eq!(opened.decode(), Ok(message.clone()));
        prop_assert_eq!(opened.kind, message.type_code());
        prop_assert!(bytes.len() <= MAX_SEALED);
        prop_assert_eq!(frame_len(&bytes), Some(bytes.len()));
        prop_assert!(Message::decode(&bytes).is_err());

        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(keys.open(Party::Nve, &bytes).is_err(), "bit {}", bit);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn what_is_cut_or_spliced_is_refused(a in message(), b in message(), at in any::<prop::sample::Index>()) {
        let keys = ring(&[(1, EDGE)]);
        let a = sealed(&keys, Party::Nve, 1, 1, within(1), &a);
        let b = sealed(&keys, Party::Nve, 1, 2, within(1), &b);
        let at = at.index(a.len().min(b.len()));

        prop_assert!(keys.open(Party::Nve, &a[..at]).is_err());
        for mut spliced in [[&a[..at], &b[at..]].concat(), [&a[..a.len() - 24], &b[b.len() - 24..]].concat()] {
            let length = u16::try_from(spliced.len()).unwrap().to_be_bytes();
            for lengths in [None, Some(length)] {
                if let (Some(lengths), Some(field)) = (lengths, spliced.get_mut(4..6)) {
                    field.copy_from_slice(&lengths);
                }
                prop_assert!(spliced == a || spliced == b || keys.open(Party::Nve, &spliced).is_err());
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..1_300), shaped in any::<bool>()) {
        let keys = ring(&[(1, EDGE)]);
        if shaped && bytes.len() >= 48 {
            let length = u16::try_from(bytes.len()).unwrap();
            bytes[..8].copy_from_slice(&[1, 3, 1, 24, length.to_be_bytes()[0], length.to_be_bytes()[1], 0, 1]);
        }
        prop_assert!(keys.open(Party::Nve, &bytes).is_err());
        let _ = keys.seal(Party::Nve, key(1), 1, &mut bytes);
    }
}

/// Checks VMM-10-10, SPL-14, DIR-17.
#[test]
fn each_reason_not_to_believe_is_named() {
    let keys = ring(&[(1, EDGE), (2, OTHER)]);
    let good = sealed(&keys, Party::Nve, 1, 1, within(5), &Message::Keepalive);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let reply = sealed(&keys, Party::Nva, 1, 1, within(5), &Message::Keepalive);
    // The body is not a message, and the seal is checked first.
    let body = with(1, 0xee);

    #[rustfmt::skip]
    let table: [(&str, Vec<u8>); 9] = [
        ("message at byte 0: 1 bytes are needed and 0 are there",              Vec::new()),
        ("the message has no seal",                                            with(2, 0)),
        ("Keepalive at byte 2: 3 is not a value of this field",                with(2, 3)),
        ("Keepalive at byte 3: 40 is not a value of this field",               with(3, 40)),
        ("message at byte 0: version 2 is not supported: must be 1",           with(0, 2)),
        ("key 3 is not in the ring",                                           with(7, 3)),
        ("key 0 is not in the ring",                                           with(7, 0)),
        ("the seal does not match key 2",                                      with(7, 2)),
        ("the seal does not match key 1",                                      body),
    ];

    for (sentence, bytes) in table {
        assert_eq!(keys.open(Party::Nve, &bytes).map(|_| ()).unwrap_err().to_string(), sentence);
    }
    assert_eq!(keys.open(Party::Nve, &reply).unwrap_err(), AuthError::WrongSeal(key(1)));
    assert_eq!(keys.open(Party::Nva, &good).unwrap_err(), AuthError::WrongSeal(key(1)));
}

/// A secret under two ids, or of two NVEs, gives two keys.
#[test]
fn a_key_is_bound_to_its_edge() {
    let secret = Secret::from([9; 32]);
    let (mut first, mut second) = (Keys::default(), Keys::default());
    first.add(key(1), EDGE, &secret).unwrap();
    second.add(key(1), OTHER, &secret).unwrap();

    let bytes = sealed(&first, Party::Nve, 1, 1, within(5), &Message::Keepalive);

    assert_eq!(second.open(Party::Nve, &bytes).unwrap_err(), AuthError::WrongSeal(key(1)));
}

#[test]
fn a_ring_that_an_edge_cannot_use_is_refused() {
    let sentence = |keys| NveSeals::new(keys, EDGE).unwrap_err().to_string();

    assert_eq!(sentence(Keys::default()), "the ring has no key for nve1");
    assert_eq!(sentence(ring(&[(1, EDGE), (2, OTHER)])), "key 2 belongs to nve2: an NVE must have its own keys only");
    assert_eq!(ring(&[(1, EDGE)]).add(key(1), OTHER, &Secret::from([0; 32])), Err(KeyError::Twice(key(1))));
    assert_eq!(alloc::format!("{:?} {:?}", Secret::from([1; 32]), ring(&[(1, EDGE)])), "Secret(..) {1: NveId(1)}");
}

#[test]
fn a_ring_tells_how_many_keys_it_has_and_their_largest_id() {
    for (ids, last) in
        [(&[][..], None), (&[(7, EDGE)], Some(key(7))), (&[(7, EDGE), (2, EDGE), (5, OTHER)], Some(key(7)))]
    {
        let keys = ring(ids);
        assert_eq!((keys.len(), keys.is_empty(), keys.last()), (ids.len(), ids.is_empty(), last));
    }
}

#[test]
fn an_edge_is_heard_in_a_session_once_a_message_of_it_was_taken() {
    let keys = ring(&[(1, EDGE)]);
    let mut nva = NvaSeals::default();
    let (session, other) = (SessionId(5), SessionId(6));
    let (mut back, there) = (Vec::new(), sealed(&keys, Party::Nve, 1, 1, within(5), &Message::Keepalive));
    Message::Keepalive.encode(&within(5), &mut back).unwrap();

    nva.seal(&keys, EDGE, &mut back).unwrap();
    assert!(!nva.is_heard(session) && !nva.is_heard(other));

    nva.take(session, &keys.open(Party::Nve, &there).unwrap()).unwrap();
    assert!(nva.is_heard(session) && !nva.is_heard(other));
}

/// An authority that has no such session has no number for its Error. The Error stays true however often it is said.
///
/// Checks VMM-10-10.
#[test]
fn only_an_error_without_a_number_is_believed_twice_in_a_session() {
    let keys = ring(&[(1, EDGE)]);
    let error = Message::Error(ErrorMessage { code: ErrorCode::Field, about: 0, sequence: 0, offset: 0, tlv: 0 });
    for (message, number, expected) in [
        (&error, 0, [true, true]),
        (&error, 1, [true, false]),
        (&Message::Keepalive, 0, [false, false]),
        (&Message::Keepalive, 1, [true, false]),
    ] {
        let mut nve = NveSeals::new(keys.clone(), EDGE).unwrap();
        let bytes = sealed(&keys, Party::Nva, 1, number, within(5), message);

        let heard = [(); 2].map(|()| nve.open(SessionId(5), &bytes).is_ok());

        assert_eq!(heard, expected, "{message:?} with number {number}");
    }
}

/// The session refuses such a message. A challenge has a number too, and may be said again.
#[test]
fn a_message_outside_the_session_uses_up_no_number_of_it() {
    let keys = ring(&[(1, EDGE)]);
    let mut nve = NveSeals::new(keys.clone(), EDGE).unwrap();
    let bytes = |session| sealed(&keys, Party::Nva, 1, 1, within(session), &Message::Keepalive);

    for (session, from, expected) in [
        (0, 0, true),
        (0, 0, true),
        (0, 5, true),
        (5, 6, true),
        (5, 0, true),
        (5, 6, true),
        (5, 5, true),
        (5, 5, false),
    ] {
        let opened = nve.open(SessionId(session), &bytes(from)).is_ok();
        assert_eq!(opened, expected, "a message of session {from} in session {session}");
    }
}

/// Checks VMM-10-10.
#[test]
fn nothing_is_heard_twice_at_either_end() {
    let keys = ring(&[(1, EDGE)]);
    let mut nve = NveSeals::new(keys.clone(), EDGE).unwrap();
    let mut nva = NvaSeals::default();
    let session = SessionId(5);
    let keepalive = |seal: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        Message::Keepalive.encode(&within(5), &mut bytes).unwrap();
        seal(&mut bytes);
        bytes
    };

    let sent: Vec<_> = (0..3).map(|_| keepalive(&mut |bytes| nve.seal(bytes).unwrap())).collect();
    let back: Vec<_> = (0..3).map(|_| keepalive(&mut |bytes| nva.seal(&keys, EDGE, bytes).unwrap())).collect();

    for (at, expected) in [(2, true), (0, true), (2, false), (1, true), (1, false), (0, false)] {
        let opened = keys.open(Party::Nve, &sent[at]).unwrap();
        assert_eq!(nva.take(session, &opened).is_ok(), expected, "{at} at the NVA");
        assert_eq!(nve.open(session, &back[at]).is_ok(), expected, "{at} at the NVE");
    }
    assert_eq!(
        nve.open(session, &back[0]).unwrap_err().to_string(),
        "number 1 of its session was received before, or comes too late"
    );
}

/// Checks VMM-10-10.
#[test]
fn a_hello_opens_a_session_once_and_only_with_a_challenge_that_is_not_old() {
    let keys = ring(&[(1, EDGE)]);
    let (mut nve, mut nva) = (NveSeals::new(keys.clone(), EDGE).unwrap(), NvaSeals::default());
    let lifetime = Micros::from_secs(3);
    let hello = |nve: &mut NveSeals| {
        let mut bytes = Vec::new();
        Message::Keepalive.encode(&within(0), &mut bytes).unwrap();
        nve.seal(&mut bytes).unwrap();
        bytes
    };
    let mut prove =
        |bytes: &[u8], at: u64, fresh| nva.prove(Instant(at), lifetime, &keys.open(Party::Nve, bytes).unwrap(), fresh);
    let first = hello(&mut nve);

    assert_eq!(prove(&first, 0, 71), Err(Challenge { number: 71 }));
    assert_eq!(prove(&first, 1, 72), Err(Challenge { number: 71 }));
    nve.challenged(71);
    let second = hello(&mut nve);
    assert_eq!(prove(&second, 2, 73), Ok(()));
    assert_eq!(prove(&second, 3, 74), Err(Challenge { number: 74 }));
    nve.challenged(74);
    let third = hello(&mut nve);
    assert_eq!(prove(&third, 3_000_004, 75), Err(Challenge { number: 75 }));
    assert_eq!(prove(&second, 3_000_005, 76), Err(Challenge { number: 75 }));
}

/// A key changes without a gap: the NVA gets the new key, then the NVE gets it, then both drop the old key.
#[test]
fn keys_are_changed_under_way() {
    let session = SessionId(5);
    let (old, both, new) = (ring(&[(1, EDGE)]), ring(&[(1, EDGE), (2, EDGE)]), ring(&[(2, EDGE)]));
    let mut nve = NveSeals::new(old.clone(), EDGE).unwrap();
    let mut nva = NvaSeals::default();
    let mut exchange = |at_nva: &Keys, at_nve: Option<&Keys>| {
        if let Some(keys) = at_nve {
            nve.set_keys(keys.clone()).unwrap();
        }
        let (mut there, mut back) = (Vec::new(), Vec::new());
        Message::Keepalive.encode(&within(5), &mut there).unwrap();
        nve.seal(&mut there).unwrap();
        let opened = at_nva.open(Party::Nve, &there).unwrap();
        nva.take(session, &opened).unwrap();
        Message::Keepalive.encode(&within(5), &mut back).unwrap();
        nva.seal(at_nva, EDGE, &mut back).unwrap();
        (opened.key.get(), nve.open(session, &back).unwrap().key.get())
    };

    assert_eq!(exchange(&old, None), (1, 1));
    assert_eq!(exchange(&both, None), (1, 1));
    assert_eq!(exchange(&both, Some(&both)), (2, 2));
    assert_eq!(exchange(&new, None), (2, 2));
    assert_eq!(exchange(&new, Some(&new)), (2, 2));
    let mut late = Vec::new();
    Message::Keepalive.encode(&within(5), &mut late).unwrap();
    old.seal(Party::Nve, key(1), 9, &mut late).unwrap();
    assert_eq!(new.open(Party::Nve, &late).unwrap_err(), AuthError::UnknownKey(1));
}

#[test]
fn the_longest_message_has_room_for_its_seal_and_what_is_none_is_not_sealed() {
    let keys = ring(&[(1, EDGE)]);
    for (length, fits) in [(0, false), (23, false), (24, true), (MAX_MESSAGE, true), (MAX_MESSAGE + 1, false)] {
        let mut bytes = alloc::vec![0; length];

        let sealed = keys.seal(Party::Nve, key(1), 1, &mut bytes);

        assert_eq!(sealed.is_ok(), fits, "{length}");
        assert_eq!(bytes.len(), if fits { length + SEAL_LEN } else { length });
    }
    assert_eq!(MAX_MESSAGE + SEAL_LEN, MAX_SEALED);
}

/// The proof is that of the construction that SPEC.md §6.1 recommends, under the key that it names.
#[test]
fn the_proof_of_the_examples_is_the_recommended_one() {
    let secret: [u8; 32] = core::array::from_fn(|n| 0x20 + n as u8);
    let Seen { epoch, record, shard, proof } = spec::SEEN;

    let mut code = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    code.update(b"nvo3 seen");
    code.update(&epoch.to_be_bytes());
    code.update(&record.0.to_be_bytes());
    code.update(&shard.to_be_bytes());

    assert_eq!(code.finalize().into_bytes()[..16], proof);
}

/// Checks VMM-10-10. The codes in SPEC.md were computed by Python's `hmac` from its text.
#[test]
fn the_specification_s_sealed_examples_are_what_the_code_reads_and_writes() {
    let mut keys = Keys::default();
    keys.add(key(3), OTHER, &Secret::from(core::array::from_fn(|n| n as u8))).unwrap();
    let (mut blocks, examples) = (spec::blocks(), spec::examples());
    blocks.retain(|title, _| title.starts_with("sealed "));
    let example =
        |name: &str| examples.iter().find(|(title, ..)| *title == name).map(|(_, header, m)| (*header, m.clone()));
    let challenge = 0x5ca1_ab1e_0ddb_a115;
    let (_, granted) = example("HelloAck").unwrap();
    let Message::HelloAck(granted) = granted else { panic!("not a HelloAck") };
    let asks_again = Message::HelloAck(HelloAck { session: SessionId(0), seen: None, ..granted });
    let (hello, keepalive) = (example("Hello").unwrap(), example("Keepalive").unwrap());

    for (title, from, number, (header, message)) in [
        ("sealed HelloAck, a challenge", Party::Nva, challenge, (Header::default(), asks_again)),
        ("sealed Hello", Party::Nve, challenge, hello),
        ("sealed Keepalive, from the NVA", Party::Nva, 7, keepalive),
    ] {
        let bytes = blocks.remove(title).unwrap_or_default();

        assert_eq!(sealed(&keys, from, 3, number, header, &message), bytes, "{title}");
        let opened = keys.open(from, &bytes).unwrap();
        assert_eq!((opened.header, opened.number, opened.nve), (header, number, OTHER), "{title}");
        assert_eq!(opened.decode(), Ok(message), "{title}");
    }
    assert!(blocks.is_empty(), "not in the code: {:?}", blocks.keys());
}
