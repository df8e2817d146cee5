//! A reader that knows its position and its message, so that an error can name both.

use super::tlv::Tlvs;
use super::value::Get;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::id::SessionId;

/// The unread rest of a datagram, or of the value of one TLV.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
    about: u8,
    sequence: u32,
    session: SessionId,
    tlv: u16,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, at: 0, about: 0, sequence: 0, session: SessionId(0), tlv: 0 }
    }

    /// Sets the message type that errors name.
    pub(crate) const fn about(&mut self, about: u8) {
        self.about = about;
    }

    /// Sets the session and the sequence that errors name.
    pub(crate) const fn under(&mut self, session: SessionId, sequence: u32) {
        self.session = session;
        self.sequence = sequence;
    }

    /// A reader of a TLV's value, which begins at byte `at` of the datagram.
    pub(super) const fn within(&self, tlv: u16, at: usize, value: &'a [u8]) -> Self {
        Self { rest: value, at, tlv, ..*self }
    }

    /// An error of this kind at byte `at`.
    #[cold]
    pub(crate) fn fail(&self, at: usize, kind: DecodeErrorKind) -> DecodeError {
        let Self { about, sequence, session, tlv, .. } = *self;
        DecodeError { kind, about, sequence, session, offset: number(at), tlv }
    }

    /// The error that `needed` bytes are needed at byte `at`, and only `available` are there.
    #[cold]
    pub(crate) fn truncated(&self, at: usize, needed: usize, available: usize) -> DecodeError {
        self.fail(at, DecodeErrorKind::Truncated { needed: number(needed), available: number(available) })
    }

    /// The error that the value at byte `at` has no meaning.
    #[cold]
    pub(crate) fn wrong(&self, at: usize, found: impl Into<u32>) -> DecodeError {
        self.fail(at, DecodeErrorKind::Value { found: found.into() })
    }

    /// The error that the index at byte `at` is beyond a table of `len` values.
    #[cold]
    pub(super) fn wrong_index(&self, at: usize, index: u8, len: usize) -> DecodeError {
        match len.checked_sub(1) {
            Some(max) => self.fail(at, DecodeErrorKind::TooLarge { found: index.into(), max: number(max) }),
            None => self.wrong(at, index),
        }
    }

    /// The error that bytes follow the end of the message.
    #[cold]
    pub(crate) fn left_over(&self) -> DecodeError {
        self.fail(self.at, DecodeErrorKind::LeftOver { bytes: number(self.len()) })
    }

    /// The error that the message lacks the TLV `kind`.
    pub(super) fn missing(&self, kind: u16) -> DecodeError {
        self.within(kind, self.at, &[]).fail(self.at, DecodeErrorKind::Missing)
    }

    pub(crate) const fn offset(&self) -> usize {
        self.at
    }

    /// The unread bytes.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                self.at = self.at.saturating_add(N);
                Ok(*head)
            }
            None => Err(self.truncated(self.at, N, self.rest.len())),
        }
    }

    /// The next bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let Some((head, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.truncated(self.at, length, self.rest.len()));
        };
        self.rest = rest;
        self.at = self.at.saturating_add(length);
        Ok(head)
    }

    /// The next value.
    #[inline(always)]
    pub(crate) fn get<T: Get<'a>>(&mut self) -> Result<T, DecodeError> {
        T::get(self)
    }

    /// Ends this reader where `further`, a reader of the same bytes, stands now.
    pub(super) fn end_at(&mut self, further: &Self) {
        let length = self.rest.len().saturating_sub(further.rest.len());
        self.rest = self.rest.get(..length).unwrap_or_default();
    }

    /// Checks that no byte is left.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.left_over()) }
    }

    /// The TLVs up to the end. The reader then stands at the end.
    pub(crate) const fn tlvs(&mut self) -> Tlvs<'a> {
        let tlvs = Tlvs::new(*self, self.rest);
        self.at = self.at.saturating_add(self.rest.len());
        self.rest = &[];
        tlvs
    }
}

/// A length as an error holds it, at most `u32::MAX`.
pub(crate) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
