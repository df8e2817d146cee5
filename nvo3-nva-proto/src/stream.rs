//! Finding the messages in a stream whose bytes arrive in any pieces.

use crate::header::{Header, MAX_SEALED, frame_len};
use alloc::vec::Vec;

/// The number of bytes up to the end of the length field at the begin of every message (see [`Header`]).
const LENGTH_END: usize = 6;

/// Finds the messages in a stream (SPEC.md §1): the owner hands in bytes as they arrive, and gets the bytes of each whole message.
///
/// Messages may be sealed or not, and of any version; [`Message::decode`](crate::Message::decode) or
/// [`Keys::open`](crate::auth::Keys::open) reads them. The decoder keeps at most the [`MAX_SEALED`] bytes of one message, in memory that
/// is allocated once. A message that arrives in one piece is not copied.
///
/// ```
/// use nvo3_nva_proto::{Header, Message, StreamDecoder};
///
/// let mut stream = Vec::new();
/// Message::Keepalive.encode(&Header::default(), &mut stream)?;
/// Message::Goodbye.encode(&Header::default(), &mut stream)?;
///
/// let mut decoder = StreamDecoder::default();
/// let mut messages = Vec::new();
/// for mut piece in stream.chunks(10) {
///     while let Some(message) = decoder.next(&mut piece)? {
///         messages.push(Message::decode(message)?.1);
///     }
/// }
/// assert_eq!(messages, [Message::Keepalive, Message::Goodbye]);
/// assert_eq!(decoder.held(), 0);
///
/// let mut end = &[1, 3, 0, 0, 0, 7][..];
/// let error = decoder.next(&mut end).unwrap_err();
/// assert_eq!(error.to_string(), "the message at byte 48 of the stream has length 7: must be 24 to 1200");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {
    /// The bytes so far of a message that arrives in pieces. A whole message stays until the call after it was given out; after an
    /// impossible length nothing is added.
    held: Vec<u8>,
    /// The offset in the stream of the next message.
    at: u64,
}

/// The error that a message of the stream has an impossible length.
///
/// The start of the next message is unknown, so the stream cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message at byte {at} of the stream has length {length}: must be 24 to 1200")]
pub struct StreamError {
    /// The number of bytes in the whole messages before it.
    pub at: u64,
    /// The length in its header.
    pub length: usize,
}

impl StreamDecoder {
    /// Takes the next message from the front of `bytes`; `None` once all of `bytes` is taken and the message is not whole.
    ///
    /// # Errors
    /// The length of the message is less than [`Header::LEN`] or more than [`MAX_SEALED`]. Every later call returns the same error and
    /// takes nothing. The owner closes the stream.
    pub fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Result<Option<&'a [u8]>, StreamError> {
        if self.is_whole() {
            self.held.clear();
        }
        if self.held.is_empty()
            && let Some(length) = frame_len(bytes).filter(|length| is_possible(*length))
            && let Some((message, rest)) = bytes.split_at_checked(length)
        {
            *bytes = rest;
            self.pass(length);
            return Ok(Some(message));
        }
        self.hold(LENGTH_END, bytes);
        let Some(length) = frame_len(&self.held) else { return Ok(None) };
        if !is_possible(length) {
            return Err(StreamError { at: self.at, length });
        }
        self.hold(length, bytes);
        if !self.is_whole() {
            return Ok(None);
        }
        self.pass(length);
        Ok(Some(&self.held))
    }

    /// The number of bytes that wait for the rest of their message. If it is not 0 when the stream ends, the last message was cut off.
    pub fn held(&self) -> usize {
        if self.is_whole() { 0 } else { self.held.len() }
    }

    fn is_whole(&self) -> bool {
        frame_len(&self.held).is_some_and(|length| is_possible(length) && length == self.held.len())
    }

    /// Takes bytes from the front of `bytes` until `length` bytes are held.
    fn hold(&mut self, length: usize, bytes: &mut &[u8]) {
        let missing = length.saturating_sub(self.held.len()).min(bytes.len());
        let Some((more, rest)) = bytes.split_at_checked(missing) else { return };
        if !more.is_empty() {
            // Once for the longest: nothing while it has that.
            self.held.reserve_exact(MAX_SEALED.saturating_sub(self.held.len()));
        }
        self.held.extend_from_slice(more);
        *bytes = rest;
    }

    fn pass(&mut self, length: usize) {
        self.at = self.at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

fn is_possible(length: usize) -> bool {
    (Header::LEN..=MAX_SEALED).contains(&length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::strategy::{header, message};
    use crate::{ErrorCode, Message};
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// A message as far as a stream is concerned, of any version, sealed or not.
    fn framed(length: usize, fill: u8) -> Vec<u8> {
        let mut bytes = vec![fill; length];
        bytes[4..LENGTH_END].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        bytes
    }

    /// The messages of the pieces, one after the other, and what is wrong with the stream in the end.
    fn all(decoder: &mut StreamDecoder, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Option<StreamError>) {
        let mut messages = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            loop {
                match decoder.next(&mut rest) {
                    Ok(Some(message)) => messages.push(message.to_vec()),
                    Ok(None) => break assert!(rest.is_empty()),
                    Err(error) => return (messages, Some(error)),
                }
            }
            assert!(decoder.held.capacity() <= MAX_SEALED);
        }
        (messages, None)
    }

    /// The bytes in pieces that end where the indices say.
    fn split<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
    }

    fn cuts() -> impl Strategy<Value = Vec<Index>> {
        proptest::collection::vec(any::<Index>(), 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_split_of_any_messages_gives_the_same_messages(
            lengths in proptest::collection::vec((Header::LEN..=MAX_SEALED, any::<u8>()), 0..8),
            said in proptest::collection::vec((header(), message()), 0..4),
            cuts in cuts(),
        ) {
            let mut messages: Vec<_> = lengths.into_iter().map(|(length, fill)| framed(length, fill)).collect();
            for (header, message) in &said {
                let mut bytes = Vec::new();
                message.encode(header, &mut bytes).unwrap();
                messages.push(bytes);
            }
            let stream = messages.concat();

            let mut decoder = StreamDecoder::default();
            prop_assert_eq!(all(&mut decoder, &split(&stream, &cuts)), (messages, None));
            prop_assert_eq!(decoder.held(), 0);
        }

        #[test]
        fn any_bytes_give_what_they_give_in_one_piece_and_hold_no_more_than_a_message(
            bytes in proptest::collection::vec(prop_oneof![Just(0), 20..26_u8, any::<u8>()], 0..2_000),
            cuts in cuts(),
        ) {
            let mut decoder = StreamDecoder::default();
            let (messages, error) = all(&mut decoder, &split(&bytes, &cuts));

            let at_once = all(&mut StreamDecoder::default(), &[&bytes]);
            prop_assert_eq!(&(messages.clone(), error), &at_once);
            let whole = messages.concat();
            prop_assert!(bytes.starts_with(&whole));
            match error {
                None => prop_assert_eq!(whole.len() + decoder.held(), bytes.len()),
                Some(error) => {
                    prop_assert_eq!(error.at, whole.len() as u64);
                    prop_assert_eq!(frame_len(&bytes[whole.len()..]), Some(error.length));
                }
            }
        }
    }

    #[test]
    fn a_length_that_cannot_be_ends_the_stream_as_soon_as_it_is_read() {
        for length in [0, 5, 6, 23, 1_201, 0xffff] {
            let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
            let mut decoder = StreamDecoder::default();
            let first = framed(30, 7);
            let (messages, none) = all(&mut decoder, &[&first, &[1, 3, 0, 0], &[high]]);
            assert_eq!((messages, none), (vec![first.clone()], None));

            let error = StreamError { at: 30, length };
            assert_eq!(all(&mut decoder, &[&[low, 0, 0]]), (Vec::new(), Some(error)));
            assert_eq!(all(&mut decoder, &[&first]), (Vec::new(), Some(error)));
            assert_eq!(decoder.next(&mut &[][..]), Err(error));
        }
    }

    #[test]
    fn a_message_in_one_piece_is_not_copied() {
        let stream = [framed(24, 1), framed(1_200, 2)].concat();
        let mut rest = &stream[..];
        let mut decoder = StreamDecoder::default();

        for at in [0, 24] {
            let message = decoder.next(&mut rest).unwrap().unwrap();
            assert!(core::ptr::eq(message.as_ptr(), &raw const stream[at]));
        }
        assert_eq!(decoder.held.capacity(), 0);
    }

    #[test]
    fn memory_is_allocated_once() {
        let stream = [framed(24, 1), framed(1_200, 2), framed(700, 3)].concat().repeat(20);
        let mut decoder = StreamDecoder::default();
        all(&mut decoder, &[&stream[..3]]);
        let place = decoder.held.as_ptr();

        let pieces: Vec<_> = stream[3..].chunks(11).collect();
        assert_eq!(all(&mut decoder, &pieces).0.len(), 60);

        assert!(core::ptr::eq(decoder.held.as_ptr(), place));
    }

    /// 1,177 to 1,200 bytes are there for a seal; what is wrong with them without one leaves the stream as it is.
    #[test]
    fn what_is_framed_and_no_message_is_refused_and_passed_over() {
        let mut stream = framed(1_200, 1);
        stream[..4].copy_from_slice(&[1, 3, 0, 0]);
        Message::Goodbye.encode(&Header::default(), &mut stream).unwrap();
        let mut decoder = StreamDecoder::default();

        let (messages, error) = all(&mut decoder, &[&stream]);

        assert_eq!(error, None);
        let refused = Message::decode(&messages[0]).unwrap_err();
        assert_eq!((refused.code(), refused.offset), (ErrorCode::Field, 4));
        assert_eq!(refused.to_string(), "Keepalive at byte 4: the length is 1200: must be 1176");
        assert_eq!(Message::decode(&messages[1]).map(|(_, message)| message), Ok(Message::Goodbye));
    }
}
