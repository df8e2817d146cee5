//! Gives a stream to the decoder in random pieces. The messages are the same as from the whole stream, and an impossible length ends
//! the stream.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_nva_proto::{Header, MAX_SEALED, Message, StreamDecoder, StreamError, frame_len};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    messages: Vec<(Header, Message)>,
    /// The lengths of the pieces, repeated to the end of the stream.
    pieces: Vec<u8>,
    /// The bytes after the messages.
    bytes: &'a [u8],
}

/// The messages of a whole stream, the number of bytes after the last whole message, and the error that ends the stream.
fn framed(mut stream: &[u8]) -> (Vec<&[u8]>, &[u8], Option<StreamError>) {
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some(length) = frame_len(stream) {
        if !(Header::LEN..=MAX_SEALED).contains(&length) {
            return (messages, stream, Some(StreamError { at, length }));
        }
        let Some((message, rest)) = stream.split_at_checked(length) else { break };
        messages.push(message);
        at += length as u64;
        stream = rest;
    }
    (messages, stream, None)
}

/// The result of decoding the stream in pieces.
fn decoded(stream: &[u8], pieces: &[u8], decoder: &mut StreamDecoder) -> (Vec<Vec<u8>>, Option<StreamError>) {
    let (mut messages, mut behind) = (Vec::new(), stream);
    let mut lengths = pieces.iter().cycle().map(|length| usize::from(*length) + 1);
    while !behind.is_empty() {
        let length = lengths.next().unwrap_or(stream.len()).min(behind.len());
        let (mut piece, rest) = behind.split_at(length);
        behind = rest;
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(piece.is_empty());
        assert!(decoder.held() < MAX_SEALED);
    }
    (messages, None)
}

fuzz_target!(|input: Input<'_>| {
    let (mut stream, mut said) = (Vec::new(), Vec::new());
    for (header, message) in input.messages {
        if message.encode(&header, &mut stream).is_ok() {
            said.push((header, message));
        }
    }
    stream.extend_from_slice(input.bytes);

    let (expected, rest, ends) = framed(&stream);
    let mut decoder = StreamDecoder::default();
    let (messages, error) = decoded(&stream, &input.pieces, &mut decoder);
    assert_eq!((&messages[..], error), (&expected.iter().map(|m| m.to_vec()).collect::<Vec<_>>()[..], ends));
    match ends {
        None => assert_eq!(decoder.held(), rest.len()),
        Some(error) => assert_eq!(decoder.next(&mut &stream[..]), Err(error)),
    }
    for (bytes, said) in messages.iter().zip(said) {
        assert_eq!(Message::decode(bytes), Ok(said));
    }
});
