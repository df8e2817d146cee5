//! Decodes random bytes. They are refused with an error, or they are a message that is the same when encoded and decoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_nva_proto::{Message, frame_len};

fuzz_target!(|bytes: &[u8]| {
    match Message::decode(bytes) {
        Err(error) => {
            assert!(error.offset as usize <= bytes.len());
            assert!(!error.to_string().is_empty());
        }
        Ok((header, message)) => {
            assert_eq!(frame_len(bytes), Some(bytes.len()));
            let mut again = Vec::new();
            // With another base version more entries may need a full version, and the message may become too long.
            if message.encode(&header, &mut again).is_err() {
                return;
            }
            assert_eq!(again.len(), message.encoded_len());
            assert_eq!(Message::decode(&again), Ok((header, message.clone())));
            assert!(!message.to_string().contains('\n'));
        }
    }
});
