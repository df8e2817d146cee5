//! Registration: one message names many TSIs, and a longer list is split.

use super::strategy::{deregister, reply, request, restate};
use super::{encoded, extended};
use crate::*;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_wire::{Mac, Vni};
use proptest::prelude::*;

const VERSION: Version = Version { epoch: 3, generation: 1_042 };

/// Checks that each part fits, and that no part could take the first value of the next one. Gives all values again.
fn joined<P: Clone, T: Clone + PartialEq + Debug>(
    parts: &[P],
    message: impl Fn(P) -> Message,
    mut values: impl FnMut(&mut P) -> &mut Vec<T>,
) -> Vec<T> {
    let (mut parts, mut all) = (parts.to_vec(), Vec::new());
    for at in 0..parts.len() {
        let part = parts[at].clone();
        assert!(message(part).encoded_len() <= MAX_MESSAGE);
        if let Some(next) = parts.get_mut(at + 1) {
            let first = values(next)[0].clone();
            let mut fuller = parts[at].clone();
            values(&mut fuller).push(first);
            // A reply without a place leaves its room empty.
            assert!(message(fuller).encoded_len() + 33 + 4 > MAX_MESSAGE);
        }
        all.append(values(&mut parts[at]));
    }
    all
}

proptest! {
    // The lists are long, so there are fewer of them.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_parts_of_a_request_fit_and_say_the_same(request in request(200)) {
        let parts = request.clone().split();

        prop_assert!(parts.iter().all(|part| (part.vn, part.lifetime) == (request.vn, request.lifetime)));
        prop_assert_eq!(joined(&parts, Message::RegistrationRequest, |part| &mut part.claims), request.claims);
    }

    #[test]
    fn the_parts_of_a_reply_fit_and_say_the_same(reply in reply(300)) {
        let parts = reply.clone().split();

        let frame = |reply: &RegistrationReply| RegistrationReply { tsis: vec![], ..reply.clone() };
        prop_assert!(parts.iter().map(frame).all(|part| part == frame(&reply)));
        prop_assert_eq!(joined(&parts, Message::RegistrationReply, |part| &mut part.tsis), reply.tsis);
    }

    #[test]
    fn the_parts_of_a_deregister_and_its_reply_fit_and_say_the_same(deregister in deregister(300)) {
        let reply = DeregisterReply { vn: deregister.vn, tsis: deregister.tsis.clone() };
        let (parts, replies) = (deregister.clone().split(), reply.split());

        prop_assert!(parts.iter().all(|part| part.vn == deregister.vn));
        prop_assert!(replies.iter().all(|part| part.vn == deregister.vn));
        prop_assert_eq!(&joined(&parts, Message::Deregister, |part| &mut part.tsis), &deregister.tsis);
        prop_assert_eq!(joined(&replies, Message::DeregisterReply, |part| &mut part.tsis), deregister.tsis);
    }

    /// Only the last part can end the restatement of a session.
    #[test]
    fn the_parts_of_a_restatement_fit_and_say_the_same(restate in restate(200)) {
        let parts = restate.clone().split();

        prop_assert!(parts.iter().all(|part| part.vn == restate.vn));
        let (last, others) = parts.split_last().unwrap();
        prop_assert!(others.iter().all(|part| part.more) && last.more == restate.more);
        prop_assert_eq!(joined(&parts, Message::Restate, |part| &mut part.tsis), restate.tsis);
    }
}

fn mac(n: u32) -> Mac {
    let [_, _, a, b] = n.to_be_bytes();
    Mac([2, 0, 0, 0, a, b])
}

fn one_ip(n: u32) -> Vec<IpAddr> {
    vec![IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))]
}

/// Each claim has an old NVE and a version, which is the longest form.
fn claims(count: u32) -> Vec<Claim> {
    let claim = |n| Claim {
        mac: mac(n),
        kind: MoveKind::Cold,
        by_word: true,
        old: Some(NveId(1)),
        expected: Some(VERSION),
        ips: one_ip(n),
        role: Role::Unknown,
    };
    (0..count).map(claim).collect()
}

#[test]
fn an_edge_with_thousands_of_tsis_needs_few_messages() {
    let vn = Vni::MAX;
    let tsis: Vec<_> =
        (0..5_000).map(|n| Resting { mac: mac(n), version: VERSION, ips: one_ip(n), role: Role::Unknown }).collect();
    let versions: Vec<_> = tsis.iter().map(|tsi| TsiVersion { mac: tsi.mac, version: VERSION }).collect();

    let restated = Restate { vn, more: false, tsis }.split().len();
    let requests = RegistrationRequest { vn, lifetime: Lifetime::SESSION, claims: claims(5_000) }.split().len();
    let deregistered = Deregister { vn, tsis: versions }.split().len();

    assert!(restated <= 110, "{restated}");
    assert!(requests <= 160, "{requests}");
    assert!(deregistered <= 80, "{deregistered}");
}

#[test]
fn an_edge_without_tsis_restates_that_in_one_message() {
    let none = Restate { vn: Vni::new(0).unwrap(), more: false, tsis: vec![] };

    assert_eq!(none.clone().split(), [none]);
}

/// A claim with each combination of its optional parts is read as it was written.
#[test]
fn a_claim_says_its_sign_and_carries_only_what_is_known() {
    for n in 0..8_u8 {
        let [by_word, old, expected] = [1, 2, 4].map(|bit| n & bit != 0);
        let claim = Claim {
            by_word,
            old: old.then_some(NveId(1)),
            expected: expected.then_some(VERSION),
            ..claims(1).remove(0)
        };
        let request = RegistrationRequest { vn: Vni::MAX, lifetime: Lifetime::ONCE, claims: vec![claim] };
        let message = Message::RegistrationRequest(request);
        let bytes = encoded(&message);

        assert_eq!(bytes[34], u8::from(by_word) << 7 | u8::from(old) << 6 | u8::from(expected) << 5 | 3);
        assert_eq!(bytes.len(), 46 + if old { 8 } else { 0 } + if expected { 12 } else { 0 });
        assert_eq!(Message::decode(&bytes).unwrap().1, message);
    }
}

/// A list of TSIs comes once.
#[test]
fn a_second_list_of_tsis_is_refused() {
    let vn = Vni::MAX;
    let reply = RegistrationReply {
        vn,
        result: RegistrationResult::Accepted,
        lifetime: Lifetime::ONCE,
        tsis: vec![],
        current: None,
    };
    let messages = [
        (21, Message::RegistrationRequest(RegistrationRequest { vn, lifetime: Lifetime::ONCE, claims: vec![] })),
        (22, Message::RegistrationReply(reply)),
        (22, Message::Deregister(Deregister { vn, tsis: vec![] })),
        (22, Message::DeregisterReply(DeregisterReply { vn, tsis: vec![] })),
        (23, Message::Restate(Restate { vn, more: false, tsis: vec![] })),
    ];

    for (kind, message) in messages {
        let at = message.encoded_len();
        let error = Message::decode(&extended(&message, &[0x80, kind, 0, 0])).unwrap_err();
        assert_eq!((error.code(), error.offset as usize, error.tlv), (ErrorCode::Field, at, kind.into()));
    }
}
