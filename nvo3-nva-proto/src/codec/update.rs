//! Update on the wire (SPEC.md §6.3). Mappings share a table of places, so that 30 dual-stack mappings fit one message.
//!
//! An entry holds one mapping:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-------------+-----------------------------------------------+
//! |F|    place    |                  MAC (6)                      |
//! +-+-------------+-----------------------+-----------------------+
//! |                                       | version (4, F: 12)    |
//! +---------------------------------------+-----------------------+
//! |                 addresses (runs of one family)                |
//! +---------------------------------------------------------------+
//! ```
//!
//! `place` is an index into the table, or 127 for a withdrawn mapping. The version is a number that is added to the generation
//! of the message's base version. With the bit `F` the entry has the full version instead.

use super::reader::{Reader, number};
use super::tlv::{kind, put_critical};
use super::value::{Count, Get, Put, Sink};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::{Header, MAX_MESSAGE};
use crate::id::{Place, Version};
use crate::message::{Mapping, Members, Update};
use crate::view::{self, Mappings};
use alloc::vec::Vec;
use arrayvec::ArrayVec;
use nvo3_wire::Mac;

/// The most different places of the mappings in one Update: 4.
pub const MAX_PLACES: usize = 4;

pub(super) const FULL_VERSION: u8 = 0x80;
const WITHDRAWN: u8 = 0x7f;

/// The base version and the places that the entries refer to.
struct Table {
    base: Version,
    /// The places; one more than fit, if there are too many.
    places: ArrayVec<Place, { MAX_PLACES + 1 }>,
}

impl Table {
    /// Takes the lowest version and the places of `mappings`.
    fn new(mappings: &[Mapping]) -> Self {
        let base = mappings.iter().map(|m| m.version).min().unwrap_or_default();
        let mut places = ArrayVec::new();
        for place in mappings.iter().filter_map(|m| m.place) {
            if !places.contains(&place) && places.try_push(place).is_err() {
                break;
            }
        }
        Self { base, places }
    }

    fn put_entry<S: Sink>(&self, mapping: &Mapping, out: &mut S) {
        let place = match mapping.place {
            None => WITHDRAWN,
            // check_places refuses a place that is not in the table before; here it would read as withdrawn.
            Some(place) => {
                let index = self.places.iter().position(|p| *p == place);
                index.and_then(|i| u8::try_from(i).ok()).unwrap_or(WITHDRAWN)
            }
        };
        put_head(place, mapping.mac, self.base, mapping.version, out);
        (mapping.role, &mapping.ips).put(out);
    }
}

impl<'a> Mappings<'a> {
    /// Reads the table once, so that no entry has to read it again.
    fn table(&self) -> ArrayVec<Place, MAX_PLACES> {
        self.places.iter().take(MAX_PLACES).collect()
    }

    /// The mappings, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = view::Mapping<'a>> + use<'a> {
        let (base, places, mut entries) = (self.base, self.table(), self.entries);
        core::iter::from_fn(move || get_entry(&mut entries, base, &places).ok())
    }
}

fn get_entry<'a>(r: &mut Reader<'a>, base: Version, places: &[Place]) -> Result<view::Mapping<'a>, DecodeError> {
    let at = r.offset();
    let head: u8 = r.get()?;
    let index = head & !FULL_VERSION;
    let place = places.get(usize::from(index)).copied();
    if place.is_none() && index != WITHDRAWN {
        return Err(r.wrong_index(at, index, places.len()));
    }
    let mac = r.get()?;
    let version = get_version(r, base, head & FULL_VERSION != 0)?;
    Ok(view::Mapping { mac, version, ips: r.get()?, place })
}

/// Writes an entry up to its addresses; `index` is its index into the table.
pub(super) fn put_head<S: Sink>(index: u8, mac: Mac, base: Version, version: Version, out: &mut S) {
    let difference = difference(base, version);
    out.put(&[if difference.is_some() { index } else { index | FULL_VERSION }]);
    mac.put(out);
    match difference {
        Some(difference) => difference.put(out),
        None => version.put(out),
    }
}

/// The difference that the short form holds; `None` if the version needs the full form.
fn difference(base: Version, version: Version) -> Option<u32> {
    if base.epoch != version.epoch {
        return None;
    }
    version.generation.checked_sub(base.generation)?.try_into().ok()
}

/// Reads a version: a full one, or a difference from `base`.
pub(super) fn get_version(r: &mut Reader<'_>, base: Version, full: bool) -> Result<Version, DecodeError> {
    if full {
        return r.get();
    }
    let at = r.offset();
    let difference: u32 = r.get()?;
    let generation = base.generation.checked_add(difference.into());
    let generation = generation.ok_or_else(|| r.wrong(at, difference))?;
    Ok(Version { generation, ..base })
}

impl Put for Update {
    fn put<S: Sink>(&self, out: &mut S) {
        let table = Table::new(&self.mappings);
        self.vn.put(out);
        self.after.put(out);
        self.upto.put(out);
        table.base.put(out);
        self.synced.put(out);
        if !table.places.is_empty() {
            put_critical(out, kind::PLACES, |out| table.places.iter().for_each(|place| place.put(out)));
        }
        if !self.mappings.is_empty() {
            put_critical(out, kind::MAPPINGS, |out| self.mappings.iter().for_each(|m| table.put_entry(m, out)));
        }
        if let Some(members) = &self.members {
            let kind = if members.more { kind::MEMBERS_PART } else { kind::MEMBERS };
            put_critical(out, kind, |out| members.places.iter().for_each(|place| place.put(out)));
        }
    }
}

impl<'a> Get<'a> for view::Update<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, after, upto, base, synced) = (r.get()?, r.get()?, r.get()?, r.get()?, r.get()?);
        let (mut places, mut entries, mut members, mut part) = (None, None, None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACES => tlv.once_list(&mut places)?,
                kind::MAPPINGS => {
                    tlv.first(&entries)?;
                    entries = Some(tlv.value);
                }
                kind::MEMBERS => {
                    tlv.first(&part)?;
                    tlv.once_list(&mut members)?;
                }
                kind::MEMBERS_PART => {
                    tlv.first(&members)?;
                    tlv.once_list(&mut part)?;
                }
                _ => tlv.skip()?,
            }
        }
        let places = places.unwrap_or_default();
        if places.len() > MAX_PLACES {
            let (count, max) = (number(places.len()), number(MAX_PLACES));
            let listed = r.within(kind::PLACES, r.offset(), &[]);
            return Err(listed.fail(r.offset(), DecodeErrorKind::TooMany { count, max }));
        }
        let mappings = Mappings { base, places, entries: entries.unwrap_or(Reader::new(&[])) };
        let (table, mut rest) = (mappings.table(), mappings.entries);
        while !rest.is_empty() {
            get_entry(&mut rest, base, &table)?;
        }
        let more = part.is_some();
        let members = part.or(members).map(|places| view::Members { places, more });
        Ok(Self { vn, after, upto, mappings, members, synced })
    }
}

/// The most members with both locators in a message without mappings.
const MEMBERS_IN_A_PART: usize = 32;
/// The most members in a message in which mappings take at most half.
const MEMBERS_BESIDE_MAPPINGS: usize = 16;

impl Update {
    pub(super) fn check_places(&self) -> Result<(), EncodeError> {
        if Table::new(&self.mappings).places.len() <= MAX_PLACES {
            return Ok(());
        }
        let mut places: Vec<_> = self.mappings.iter().filter_map(|m| m.place).collect();
        places.sort_unstable();
        places.dedup();
        Err(EncodeError::TooManyPlaces { count: places.len() })
    }

    /// Splits the Update into messages that each fit and name at most [`MAX_PLACES`] places, in this order.
    ///
    /// Only the last message reaches `upto` and has `synced`; each other message has `after` as its `upto`. Members come after the
    /// mappings, in as many parts as they need. A mapping with more addresses than a message holds stays in one part that
    /// [`crate::Message::encode`] refuses.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, after, upto, mappings, members, synced } = self;
        let empty = || Self { vn, after, upto: after, mappings: Vec::new(), members: None, synced: false };
        // The base version of a part is not lower, so a version that has the short form here has it in the part too.
        let table =
            Table { base: mappings.iter().map(|m| m.version).min().unwrap_or_default(), places: ArrayVec::new() };
        let fixed = length(&|out| empty().put(out)).saturating_add(Header::LEN).saturating_add(8);

        let (mut parts, mut part, mut places, mut size) = (Vec::new(), empty(), Vec::new(), fixed);
        for mapping in mappings {
            let entry = length(&|out| table.put_entry(&mapping, out));
            let place = mapping.place.filter(|place| !places.contains(place));
            let place_len = place.map_or(0, |place| length(&|out| place.put(out)));
            let full = place.is_some() && places.len() == MAX_PLACES;
            if full || size.saturating_add(entry).saturating_add(place_len) > MAX_MESSAGE {
                parts.push(core::mem::replace(&mut part, empty()));
                places.clear();
                size = fixed;
            }
            if let Some(place) = mapping.place.filter(|place| !places.contains(place)) {
                size = size.saturating_add(length(&|out| place.put(out)));
                places.push(place);
            }
            size = size.saturating_add(entry);
            part.mappings.push(mapping);
        }
        let Some(Members { places, more }) = members else {
            parts.push(Self { upto, synced, ..part });
            return parts;
        };
        if !part.mappings.is_empty() && (places.len() > MEMBERS_BESIDE_MAPPINGS || size > MAX_MESSAGE / 2) {
            parts.push(core::mem::replace(&mut part, empty()));
        }
        let last = places.len().saturating_sub(1) / MEMBERS_IN_A_PART;
        for chunk in places.chunks(MEMBERS_IN_A_PART).take(last) {
            let members = Some(Members { places: chunk.to_vec(), more: true });
            parts.push(Self { members, ..core::mem::replace(&mut part, empty()) });
        }
        let rest = places.chunks(MEMBERS_IN_A_PART).last().unwrap_or_default().to_vec();
        parts.push(Self { upto, members: Some(Members { places: rest, more }), synced, ..part });
        parts
    }
}

fn length(value: &dyn Fn(&mut Count)) -> usize {
    let mut count = Count(0);
    value(&mut count);
    count.0
}
