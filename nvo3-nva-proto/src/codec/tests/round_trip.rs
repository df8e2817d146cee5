//! The claims that hold for every message.

use super::extended;
use super::strategy::{header, message};
use crate::{ErrorCode, MAX_MESSAGE, Message, frame_len};
use alloc::string::ToString;
use alloc::vec::Vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Checks VMM-6-01, VMM-6-02.
    #[test]
    fn what_is_encoded_is_decoded(header in header(), message in message()) {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();

        prop_assert!(bytes.len() <= MAX_MESSAGE);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(frame_len(&bytes), Some(bytes.len()));
        prop_assert_eq!(Message::decode(&bytes), Ok((header, message)));
    }

    /// Checks VMM-6-01.
    #[test]
    fn every_truncation_is_refused(header in header(), message in message()) {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();

        for length in 0..bytes.len() {
            let error = Message::decode(&bytes[..length]).unwrap_err();
            prop_assert_eq!(error.code(), ErrorCode::Truncated);
            let crate::DecodeErrorKind::Truncated { needed, available } = error.kind else { panic!("{error}") };
            prop_assert!(needed > available);
        }
    }

    /// The length field agrees with the truncation. The rest may still be a message, but it lacks a TLV.
    #[test]
    fn a_truncation_with_its_length_right_never_panics(header in header(), message in message()) {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();

        for length in (24..bytes.len()).rev() {
            bytes.truncate(length);
            bytes[4..6].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            if let Ok((_, shorter)) = Message::decode(&bytes) {
                prop_assert_ne!(&shorter, &message);
            }
        }
    }
}

proptest! {
    // Each message is decoded once for every bit, so there are fewer messages.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_flipped_bit_never_panics(header in header(), message in message()) {
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();

        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Err(error) = Message::decode(&bytes) {
                prop_assert!(error.offset as usize <= bytes.len());
                prop_assert!(!error.to_string().is_empty());
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_300)) {
        let _ = Message::decode(&bytes);
    }

    /// Any body under a good header is refused, or is a message that is the same when encoded again.
    #[test]
    fn any_body_is_refused_or_stands(kind in 0_u8..0x60, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = extended(&Message::Keepalive, &body);
        bytes[1] = kind;

        if let Ok((header, message)) = Message::decode(&bytes) {
            let mut again = Vec::new();
            message.encode(&header, &mut again).unwrap();
            prop_assert_eq!(Message::decode(&again), Ok((header, message)));
        }
    }

    /// Checks ARC-18.
    #[test]
    fn an_unknown_tlv_is_skipped_or_refused_by_its_critical_bit(
        message in message(),
        kind in prop_oneof![Just(0), 4..6_u16, 24..0x8000_u16],
        value in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        prop_assume!(message.encoded_len() + 24 <= MAX_MESSAGE);
        let mut tlv = kind.to_be_bytes().to_vec();
        tlv.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        tlv.extend_from_slice(&value);
        prop_assert_eq!(Message::decode(&extended(&message, &tlv)).unwrap().1, message.clone());

        tlv[0] |= 0x80;
        let error = Message::decode(&extended(&message, &tlv)).unwrap_err();
        prop_assert_eq!((error.code(), error.tlv), (ErrorCode::UnknownCritical, kind));
        prop_assert_eq!(error.offset as usize, message.encoded_len());
        prop_assert_eq!((error.session.0, error.sequence, error.about), (5, 6, message.type_code()));
    }

    #[test]
    fn every_message_is_one_line(message in message()) {
        let line = message.to_string();
        prop_assert!(line.starts_with(message.name()) && !line.contains('\n') && line.len() < 250);
    }
}

#[cfg(feature = "arbitrary")]
proptest! {
    /// A message that `arbitrary` makes is encoded and decoded, or refused.
    #[test]
    fn an_arbitrary_message_is_encoded_and_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let mut input = arbitrary::Unstructured::new(&bytes);
        let (header, message): (crate::Header, Message) = input.arbitrary().unwrap();
        let mut out = Vec::new();

        match message.encode(&header, &mut out) {
            Ok(()) => prop_assert_eq!(Message::decode(&out), Ok((header, message))),
            Err(_) => prop_assert!(out.is_empty()),
        }
    }
}
