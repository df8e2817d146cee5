//! Type, length, value: the part of a message after its fixed body (SPEC.md §3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-----------------------------+-------------------------------+
//! |C|            type             |            length             |
//! +-+-----------------------------+-------------------------------+
//! |                      value (length bytes)                     |
//! +---------------------------------------------------------------+
//! ```
//!
//! An unknown TLV with the critical bit `C` refuses the message; without that bit it is skipped (ARC-18 wants that).

use super::reader::Reader;
use super::value::{Get, Sink};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::view::List;
use nom::bytes::complete::take;
use nom::number::complete::be_u16;
use nom::{IResult, Parser};

/// The TLV types by name.
pub(super) mod kind {
    /// An NVE and its locators.
    pub(in crate::codec) const PLACE: u16 = 1;
    /// A TSI and its IP addresses.
    pub(in crate::codec) const TSI: u16 = 2;
    /// TSIs without their addresses.
    pub(in crate::codec) const TSI_KEYS: u16 = 3;
    /// The address that a Query asks for.
    pub(in crate::codec) const ADDRESS: u16 = 6;
    /// The mapping that answers a Query.
    pub(in crate::codec) const MAPPING: u16 = 7;
    /// The places that an Update's mappings point into.
    pub(in crate::codec) const PLACES: u16 = 8;
    /// An Update's mappings.
    pub(in crate::codec) const MAPPINGS: u16 = 9;
    /// The NVEs that take part in a VN.
    pub(in crate::codec) const MEMBERS: u16 = 10;
    /// VNs that an NVE takes part in.
    pub(in crate::codec) const VNS: u16 = 11;
    /// Mappings that an NVE holds.
    pub(in crate::codec) const HELD: u16 = 12;
    /// A part of the list of a VN's members; the next Update continues it.
    pub(in crate::codec) const MEMBERS_PART: u16 = 13;
    /// Connections or a firewall's sessions.
    pub(in crate::codec) const FLOWS: u16 = 14;
    /// Policies of TSIs.
    pub(in crate::codec) const POLICIES: u16 = 15;
    /// A part of a state that has no records.
    pub(in crate::codec) const BYTES: u16 = 16;
    /// The NVEs that a report's entries point into.
    pub(in crate::codec) const NVES: u16 = 17;
    /// Mappings in the cache of an NVE.
    pub(in crate::codec) const CACHED: u16 = 18;
    /// Mappings that are wrong in the cache of an NVE.
    pub(in crate::codec) const WRONG: u16 = 19;
    /// An epoch and a record that an NVE has seen.
    pub(in crate::codec) const SEEN: u16 = 20;
    /// TSIs that an NVE claims.
    pub(in crate::codec) const CLAIMS: u16 = 21;
    /// TSIs with a version each.
    pub(in crate::codec) const TSI_VERSIONS: u16 = 22;
    /// TSIs that rest at an NVE.
    pub(in crate::codec) const RESTING: u16 = 23;
}

const CRITICAL: u16 = 0x8000;

/// One TLV with its value.
pub(crate) struct Tlv<'a> {
    pub(super) kind: u16,
    pub(super) value: Reader<'a>,
    critical: bool,
    at: usize,
}

impl<'a> Tlv<'a> {
    /// Skips an unknown TLV, unless it is critical.
    pub(crate) fn skip(self) -> Result<(), DecodeError> {
        if self.critical { Err(self.value.fail(self.at, DecodeErrorKind::UnknownCritical)) } else { Ok(()) }
    }

    /// Reads one value of a TLV that may come once.
    pub(super) fn once<T: Get<'a>>(mut self, slot: &mut Option<T>) -> Result<(), DecodeError> {
        self.first(slot)?;
        *slot = Some(self.value.get()?);
        self.value.end()
    }

    /// Reads the list of values of a TLV that may come once.
    pub(super) fn once_list<T: Get<'a>>(mut self, slot: &mut Option<List<'a, T>>) -> Result<(), DecodeError> {
        self.first(slot)?;
        *slot = Some(self.value.get()?);
        Ok(())
    }

    /// Reads one value of a TLV that may be repeated.
    pub(super) fn only<T: Get<'a>>(mut self) -> Result<T, DecodeError> {
        let value = self.value.get()?;
        self.value.end()?;
        Ok(value)
    }

    /// Checks that the TLV has not come before.
    pub(super) fn first<T>(&self, slot: &Option<T>) -> Result<(), DecodeError> {
        if slot.is_none() { Ok(()) } else { Err(self.value.fail(self.at, DecodeErrorKind::Repeated)) }
    }

    /// The error that the rest of the message excludes the TLV.
    pub(super) fn out_of_place(&self) -> DecodeError {
        self.value.fail(self.at, DecodeErrorKind::OutOfPlace)
    }
}

/// Walks TLVs without copying; ends after the first error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlvs<'a> {
    message: Reader<'a>,
    rest: &'a [u8],
    at: usize,
}

impl<'a> Tlvs<'a> {
    pub(super) const fn new(message: Reader<'a>, rest: &'a [u8]) -> Self {
        Self { message, rest, at: message.offset() }
    }
}

/// Type with its critical bit, and length.
fn head(input: &[u8]) -> IResult<&[u8], (u16, u16)> {
    (be_u16, be_u16).parse(input)
}

fn value(length: u16, input: &[u8]) -> IResult<&[u8], &[u8]> {
    take(length).parse(input)
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let input = core::mem::take(&mut self.rest);
        if input.is_empty() {
            return None;
        }
        let Ok((body, (code, length))) = head(input) else {
            return Some(Err(self.message.truncated(self.at, 4, input.len())));
        };
        let kind = code & !CRITICAL;
        let inside = self.message.within(kind, self.at.saturating_add(4), body);
        let Ok((rest, value)) = value(length, body) else {
            return Some(Err(inside.truncated(self.at, length.into(), body.len())));
        };
        let at = self.at;
        self.at = inside.offset().saturating_add(value.len());
        self.rest = rest;
        Some(Ok(Tlv {
            kind,
            value: self.message.within(kind, inside.offset(), value),
            critical: code & CRITICAL != 0,
            at,
        }))
    }
}

/// Writes a TLV with the critical bit: a receiver that does not know it refuses the message.
pub(super) fn put_critical<S: Sink>(out: &mut S, kind: u16, value: impl FnOnce(&mut S)) {
    put(out, kind | CRITICAL, value);
}

/// Writes a TLV; `code` is its type and its critical bit.
pub(super) fn put<S: Sink>(out: &mut S, code: u16, value: impl FnOnce(&mut S)) {
    out.put(&code.to_be_bytes());
    let before = out.size();
    out.put(&[0, 0]);
    value(out);
    let length = out.size().saturating_sub(before).saturating_sub(2);
    // The length always fits: Message::encode counts first and refuses a message that is too long.
    out.set(before, u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
}
