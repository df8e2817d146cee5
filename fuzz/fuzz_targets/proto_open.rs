//! Opens random bytes as a sealed message: no forgery is accepted. The same bytes with a correct seal decode as without one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_nva_proto::auth::{AuthError, KeyId, Keys, Party, Secret};
use nvo3_nva_proto::{Header, MAX_MESSAGE, Message, NveId, VERSION, frame_len};

/// The key of the examples in SPEC.md §8.4, so that some inputs have a correct seal.
fn ring() -> (KeyId, Keys) {
    let id = KeyId::new(3).expect("it is not 0");
    let mut keys = Keys::default();
    keys.add(id, NveId(2), &Secret::from(core::array::from_fn(|n| n as u8))).expect("it is the first");
    (id, keys)
}

/// Checks that the keys accept only the examples and messages sealed here with the key. The fuzzer does not have the key.
fn opens(keys: &Keys, bytes: &[u8]) {
    for from in [Party::Nve, Party::Nva] {
        match keys.open(from, bytes) {
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(!matches!(error, AuthError::Malformed(error) if error.offset as usize > bytes.len()));
            }
            Ok(opened) => {
                assert_eq!(frame_len(bytes), Some(bytes.len()));
                let Ok(message) = opened.decode() else { return };
                let mut again = Vec::new();
                if message.encode(&opened.header, &mut again).is_ok() && again.len() + 24 == bytes.len() {
                    keys.seal(from, opened.key, opened.number, &mut again).expect("it was sealed before");
                    assert!(keys.open(from, &again).is_ok());
                }
            }
        }
    }
}

/// The message with the header that it has without a seal.
fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = (bytes.len() as u16).to_be_bytes();
    bytes[2..8].copy_from_slice(&[0, 0, length[0], length[1], 0, 0]);
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let (key, keys) = ring();
    opens(&keys, bytes);

    let mut sealed = bytes.to_vec();
    let fits = (Header::LEN..=MAX_MESSAGE).contains(&bytes.len());
    assert_eq!(keys.seal(Party::Nve, key, 7, &mut sealed).is_ok(), fits);
    if !fits {
        assert_eq!(sealed, bytes);
        return;
    }
    assert!(matches!(keys.open(Party::Nva, &sealed), Err(AuthError::WrongSeal(_) | AuthError::Malformed(_))));
    match keys.open(Party::Nve, &sealed) {
        Err(error) => assert!(matches!(error, AuthError::Malformed(_)) && bytes[0] != VERSION),
        Ok(opened) => {
            let plain = Message::decode(&bare(bytes)).map_err(|error| error.reply());
            assert_eq!(opened.decode().map(|message| (opened.header, message)).map_err(|error| error.reply()), plain);
            assert_eq!((opened.key, opened.nve, opened.number), (key, NveId(2), 7));
        }
    }
});
