//! CacheReport and CacheVerdict on the wire (SPEC.md §6.6).
//!
//! An entry of a report has the layout of an entry of an Update ([`super::update`]), but its index is of an NVE, not of a place.

use super::parts::parts;
use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::update::{FULL_VERSION, get_version, put_head};
use super::value::{Count, Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::header::{Header, MAX_MESSAGE};
use crate::id::{NveId, Version};
use crate::message::{CacheEntry, CacheReport, CacheVerdict, WrongEntry};
use crate::view::{self, CacheEntries};
use alloc::vec::Vec;
use arrayvec::ArrayVec;

fields! {
    WrongEntry { verdict, mac, version }
}

/// One more NVE than the entries of one message can point to.
const TOO_MANY: usize = 129;

/// The base version and the NVEs that the entries refer to.
struct Table {
    base: Version,
    nves: ArrayVec<NveId, TOO_MANY>,
}

impl Table {
    /// Takes the lowest version and the NVEs of `entries`. A message has no room for entries of [`TOO_MANY`] NVEs, so such a table
    /// is never sent.
    fn new(entries: &[CacheEntry]) -> Self {
        let mut nves = ArrayVec::new();
        for CacheEntry { nve, .. } in entries {
            if !nves.contains(nve) && nves.try_push(*nve).is_err() {
                break;
            }
        }
        Self { base: lowest(entries), nves }
    }

    fn put_entry<S: Sink>(&self, entry: &CacheEntry, out: &mut S) {
        let index = self.nves.iter().position(|nve| *nve == entry.nve);
        let index = index.and_then(|i| u8::try_from(i).ok()).unwrap_or_default() & !FULL_VERSION;
        put_head(index, entry.mac, self.base, entry.version, out);
        (entry.role, &entry.ips).put(out);
    }
}

impl<'a> CacheEntries<'a> {
    fn get_entry(&self, r: &mut Reader<'a>) -> Result<view::CacheEntry<'a>, DecodeError> {
        let at = r.offset();
        let head: u8 = r.get()?;
        let index = head & !FULL_VERSION;
        let Some(nve) = self.nves.iter().nth(index.into()) else {
            return Err(r.wrong_index(at, index, self.nves.len()));
        };
        let mac = r.get()?;
        let version = get_version(r, self.base, head & FULL_VERSION != 0)?;
        Ok(view::CacheEntry { mac, version, ips: r.get()?, nve })
    }

    /// The entries, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = view::CacheEntry<'a>> + use<'a> {
        let (table, mut entries) = (*self, self.entries);
        core::iter::from_fn(move || table.get_entry(&mut entries).ok())
    }
}

fn lowest(entries: &[CacheEntry]) -> Version {
    entries.iter().map(|entry| entry.version).min().unwrap_or_default()
}

impl Put for CacheReport {
    fn put<S: Sink>(&self, out: &mut S) {
        let table = Table::new(&self.entries);
        self.vn.put(out);
        table.base.put(out);
        self.more.put(out);
        if !table.nves.is_empty() {
            put_critical(out, kind::NVES, |out| table.nves.iter().for_each(|nve| nve.put(out)));
            put_critical(out, kind::CACHED, |out| self.entries.iter().for_each(|entry| table.put_entry(entry, out)));
        }
    }
}

impl<'a> Get<'a> for view::CacheReport<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, base, more) = (r.get()?, r.get()?, r.get()?);
        let (mut nves, mut cached) = (None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::NVES => tlv.once_list(&mut nves)?,
                kind::CACHED => {
                    tlv.first(&cached)?;
                    cached = Some(tlv.value);
                }
                _ => tlv.skip()?,
            }
        }
        let entries =
            CacheEntries { base, nves: nves.unwrap_or_default(), entries: cached.unwrap_or(Reader::new(&[])) };
        let mut rest = entries.entries;
        while !rest.is_empty() {
            entries.get_entry(&mut rest)?;
        }
        Ok(Self { vn, entries, more })
    }
}

/// The length of an NVE in the table, in bytes.
const NVE_LEN: usize = 8;

impl CacheReport {
    /// Splits the list into messages that each fit, for one transaction. All but the last say that more follows.
    ///
    /// An entry with more addresses than a message holds stays in a part that [`crate::Message::encode`] refuses.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, entries, more } = self;
        let empty = || Self { vn, entries: Vec::new(), more: true };
        // The base version of a part is not lower, so a version that has the short form here has it in the part too.
        let table = Table { base: lowest(&entries), nves: ArrayVec::new() };
        let mut fixed = Count(Header::LEN.saturating_add(8));
        empty().put(&mut fixed);
        let Count(fixed) = fixed;

        let (mut parts, mut part, mut nves, mut size) = (Vec::new(), empty(), Vec::new(), fixed);
        for entry in entries {
            let mut length = Count(0);
            table.put_entry(&entry, &mut length);
            let Count(length) = length;
            let added = if nves.contains(&entry.nve) { 0 } else { NVE_LEN };
            size = size.saturating_add(length).saturating_add(added);
            if size > MAX_MESSAGE && !part.entries.is_empty() {
                parts.push(core::mem::replace(&mut part, empty()));
                nves.clear();
                size = fixed.saturating_add(length).saturating_add(NVE_LEN);
            }
            if !nves.contains(&entry.nve) {
                nves.push(entry.nve);
            }
            part.entries.push(entry);
        }
        part.more = more;
        parts.push(part);
        parts
    }
}

impl Put for CacheVerdict {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        self.more.put(out);
        if !self.wrong.is_empty() {
            put_critical(out, kind::WRONG, |out| self.wrong.iter().for_each(|wrong| wrong.put(out)));
        }
    }
}

impl<'a> Get<'a> for view::CacheVerdict<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, more) = (r.get()?, r.get()?);
        let mut wrong = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::WRONG => tlv.once_list(&mut wrong)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { vn, wrong: wrong.unwrap_or_default(), more })
    }
}

impl CacheVerdict {
    /// Splits the list into messages that each fit, for one transaction. All but the last say that more follows.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, wrong, more } = self;
        let mut fixed = Count(Header::LEN.saturating_add(4));
        Self { vn, wrong: Vec::new(), more }.put(&mut fixed);
        let parts = parts(wrong, fixed.0).into_iter();
        let mut parts: Vec<_> = parts.map(|wrong| Self { vn, wrong, more: true }).collect();
        if let Some(last) = parts.last_mut() {
            last.more = more;
        }
        parts
    }
}
