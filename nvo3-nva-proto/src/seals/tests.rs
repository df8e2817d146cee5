//! The behaviour that sealed and unsealed ends have in common.

use super::*;
use crate::ErrorCode;

const EDGE: NveId = NveId(1);
const SESSION: SessionId = SessionId(5);

fn datagram(session: SessionId, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&Header { session, ..Header::default() }, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_trusted_transport_believes_everything_and_writes_no_seal() {
    let transport = Transport::Trusted;
    let (mut edge, mut peer) = (EdgeSeals::new(&transport, EDGE).unwrap(), NvaSeals::default());
    let plain = datagram(SESSION, &Message::Keepalive);
    let mut bytes = plain.clone();

    assert_eq!((edge.seal(&mut bytes), transport.seal(&mut peer, EDGE, &mut bytes)), (Ok(()), Ok(())));
    let opened = transport.open(&plain).unwrap();
    edge.challenged(&opened);
    assert_eq!(transport.seal_answer(&opened, 7, &mut bytes), Ok(()));

    assert_eq!(bytes, plain);
    assert!(opened.sealed().is_none());
    assert_eq!(edge.open(SESSION, &plain).unwrap().decode().unwrap().1, Message::Keepalive);
}

#[test]
fn what_is_no_message_is_opened_where_the_transport_is_trusted_and_says_so_when_decoded() {
    let mut bytes = datagram(SESSION, &Message::Keepalive);
    bytes[1] = 0xee;

    let opened = Transport::Trusted.open(&bytes).unwrap();

    assert_eq!(opened.decode().unwrap_err().code(), ErrorCode::UnknownType);
}

#[cfg(feature = "auth")]
mod sealed {
    use super::*;
    use crate::auth::{KeyId, Secret};
    use crate::{Instant, Invalidate, Micros, TsiKey, Version};
    use nvo3_wire::{Mac, Vni};

    fn hint() -> Message {
        let tsi = TsiKey { vn: Vni::MAX, mac: Mac::ZERO };
        Message::Invalidate(Invalidate { tsi, nve: NveId(9), version: Version::default() })
    }

    fn ring(nves: &[NveId]) -> Keys {
        let mut keys = Keys::default();
        for nve in nves {
            let id = u16::try_from(nve.0).unwrap();
            keys.add(KeyId::new(id).unwrap(), *nve, &Secret::from([id as u8; 32])).unwrap();
        }
        keys
    }

    /// Checks VMM-10-10, SPL-14.
    #[test]
    fn an_edge_and_its_authority_believe_each_other_once_and_nobody_else() {
        let (at_nva, other) = (Transport::Sealed(ring(&[EDGE, NveId(2)])), Transport::Sealed(ring(&[NveId(2)])));
        let mut edge = EdgeSeals::new(&Transport::Sealed(ring(&[EDGE])), EDGE).unwrap();
        let mut peer = NvaSeals::default();
        let (mut there, mut back) = (datagram(SESSION, &Message::Keepalive), datagram(SESSION, &Message::Goodbye));
        edge.seal(&mut there).unwrap();

        let opened = at_nva.open(&there).unwrap();
        let sealed = opened.sealed().unwrap();
        assert_eq!((sealed.header.session, sealed.nve), (SESSION, EDGE));
        assert_eq!(opened.decode().unwrap().1, Message::Keepalive);
        assert_eq!(peer.take(SESSION, sealed), Ok(()));
        assert_eq!(peer.take(SESSION, sealed), Err(AuthError::Replayed { number: 1 }));
        assert_eq!(other.open(&there).unwrap_err(), AuthError::UnknownKey(1));

        at_nva.seal(&mut peer, EDGE, &mut back).unwrap();
        assert_eq!(edge.open(SESSION, &back).unwrap().decode().unwrap().1, Message::Goodbye);
        assert_eq!(edge.open(SESSION, &back).unwrap_err(), AuthError::Replayed { number: 1 });
        assert_eq!(edge.open(SESSION, &datagram(SESSION, &Message::Goodbye)).unwrap_err(), AuthError::NoSeal);
    }

    /// Checks VMM-10-10.
    #[test]
    fn a_hello_is_taken_with_the_challenge_that_an_answer_brought() {
        let transport = Transport::Sealed(ring(&[EDGE]));
        let (mut edge, mut peer) = (EdgeSeals::new(&transport, EDGE).unwrap(), NvaSeals::default());
        let hello = |edge: &mut EdgeSeals| {
            let mut bytes = datagram(SessionId(0), &Message::Keepalive);
            edge.seal(&mut bytes).unwrap();
            bytes
        };
        let first = hello(&mut edge);
        let asked = transport.open(&first).unwrap();

        let challenge = peer.prove(Instant(0), Micros(9), asked.sealed().unwrap(), 71).unwrap_err();
        let mut answer = datagram(SessionId(0), &Message::Keepalive);
        transport.seal_answer(&asked, challenge.number, &mut answer).unwrap();
        let heard = edge.open(SessionId(0), &answer).unwrap();
        edge.challenged(&heard);

        let second = hello(&mut edge);
        let proof = transport.open(&second).unwrap();
        assert_eq!(peer.prove(Instant(1), Micros(9), proof.sealed().unwrap(), 72), Ok(()));
    }

    #[test]
    fn a_sealed_transport_gives_no_answer_to_a_message_without_a_seal() {
        let plain = datagram(SESSION, &Message::Keepalive);
        let opened = Transport::Trusted.open(&plain).unwrap();
        let mut answer = datagram(SESSION, &Message::Goodbye);

        let sealed = Transport::Sealed(ring(&[EDGE])).seal_answer(&opened, 0, &mut answer);

        assert_eq!(sealed, Err(SealError::NoSeal));
        assert_eq!(answer, datagram(SESSION, &Message::Goodbye));
    }

    /// Checks.
    #[test]
    fn a_hint_of_another_edge_needs_no_seal() {
        let mut edge = EdgeSeals::new(&Transport::Sealed(ring(&[EDGE])), EDGE).unwrap();
        let mut malformed = datagram(SessionId(0), &hint());
        malformed.pop();

        let opened = datagram(SessionId(0), &hint());
        assert_eq!(edge.open(SESSION, &opened).unwrap().decode().unwrap().1, hint());
        assert_eq!(edge.open(SESSION, &datagram(SESSION, &hint())).unwrap_err(), AuthError::NoSeal);
        assert!(matches!(edge.open(SESSION, &malformed), Err(AuthError::Malformed(_))));
    }

    #[test]
    fn an_edge_that_trusted_its_transport_seals_once_it_has_keys() {
        let mut edge = EdgeSeals::new(&Transport::Trusted, EDGE).unwrap();

        assert_eq!(
            edge.set_keys(ring(&[NveId(2)])),
            Err(KeyError::Foreign { key: KeyId::new(2).unwrap(), nve: NveId(2) })
        );
        assert!(edge.open(SESSION, &datagram(SESSION, &Message::Keepalive)).is_ok());
        edge.set_keys(ring(&[EDGE])).unwrap();
        assert!(edge.open(SESSION, &datagram(SESSION, &Message::Keepalive)).is_err());
    }
}
