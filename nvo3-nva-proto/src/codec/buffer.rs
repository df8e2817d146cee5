//! Encoding into `bytes::BufMut`.

use super::value::Sink;
use crate::error::EncodeError;
use crate::header::{Header, MAX_MESSAGE};
use crate::message::Message;
use bytes::BufMut;

/// A buffer for one message. A length stands before the bytes that it counts, and a `BufMut` cannot be written backwards.
struct Page {
    bytes: [u8; MAX_MESSAGE],
    used: usize,
}

impl Sink for Page {
    fn put(&mut self, bytes: &[u8]) {
        // The page has room for the longest message, and `Message::put` refuses a longer one before.
        let end = self.used.saturating_add(bytes.len());
        if let Some(room) = self.bytes.get_mut(self.used..end) {
            room.copy_from_slice(bytes);
            self.used = end;
        }
    }

    fn size(&self) -> usize {
        self.used
    }

    fn set(&mut self, at: usize, bytes: [u8; 2]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
    }
}

impl Message {
    /// Appends the header and the message to any buffer, for instance a `&mut [u8]`. Only `out` itself may allocate.
    ///
    /// ```
    /// use nvo3_nva_proto::{Header, Message};
    ///
    /// let mut room = [0; 64];
    /// let mut out = &mut room[..];
    /// Message::Keepalive.put(&Header::default(), &mut out)?;
    /// assert_eq!(out.len(), 64 - Message::Keepalive.encoded_len());
    /// assert_eq!(Message::decode(&room[..Header::LEN])?.1, Message::Keepalive);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Message::encode`], and [`EncodeError::NoRoom`] if the buffer is too small; `out` is unchanged.
    pub fn put(&self, header: &Header, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let length = self.checked_len()?;
        let available = out.remaining_mut();
        if available < length {
            return Err(EncodeError::NoRoom { name: self.name(), length, available });
        }
        let mut page = Page { bytes: [0; MAX_MESSAGE], used: 0 };
        self.put_whole(header, length, &mut page);
        out.put_slice(page.bytes.get(..page.used).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::strategy::{header, message};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_buffer_gets_the_same_bytes_or_none(header in header(), message in message()) {
            let (mut encoded, mut room) = (Vec::new(), [0xa5; MAX_MESSAGE]);
            message.encode(&header, &mut encoded).unwrap();
            let length = encoded.len();

            prop_assert_eq!(message.put(&header, &mut &mut room[..length]), Ok(()));
            prop_assert_eq!(&room[..length], &encoded);

            let (name, available) = (message.name(), length - 1);
            room.fill(0xa5);
            prop_assert_eq!(
                message.put(&header, &mut &mut room[..available]),
                Err(EncodeError::NoRoom { name, length, available })
            );
            prop_assert_eq!(room, [0xa5; MAX_MESSAGE]);
        }
    }
}
