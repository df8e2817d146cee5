//! Query, Response, Resync and Invalidate on the wire (SPEC.md §6.3). The body of Subscribe and Unsubscribe is one VN.

use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::value::{Count, Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::header::{Header, MAX_MESSAGE};
use crate::id::{Place, Version};
use crate::message::{Address, Answer, Invalidate, Mapping, Query, Response, Resync};
use crate::view::{self, Addresses};
use alloc::vec::Vec;
use nvo3_wire::{Mac, Vni};

fields! {
    Invalidate { tsi, nve, version }
}

impl Put for Query {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        put_critical(out, kind::ADDRESS, |out| self.address.put(out));
    }
}

impl Get<'_> for Query {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let vn = r.get()?;
        let mut address = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::ADDRESS => tlv.once(&mut address)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { vn, address: address.ok_or_else(|| r.missing(kind::ADDRESS))? })
    }
}

const FOUND: u8 = 1;
const NOT_FOUND: u8 = 2;
const PROHIBITED: u8 = 3;

/// A mapping without its place, as a Response has it.
struct Found<'a> {
    mac: Mac,
    version: Version,
    ips: Addresses<'a>,
}

impl<'a> Get<'a> for Found<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { mac: r.get()?, version: r.get()?, ips: r.get()? })
    }
}

impl Put for Response {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        out.put(&[match self.answer {
            Answer::Found(_) => FOUND,
            Answer::NotFound => NOT_FOUND,
            Answer::Prohibited => PROHIBITED,
        }]);
        self.lifetime.put(out);
        put_critical(out, kind::ADDRESS, |out| self.address.put(out));
        if let Answer::Found(Mapping { mac, ips, role, version, place }) = &self.answer {
            put_critical(out, kind::MAPPING, |out| {
                mac.put(out);
                version.put(out);
                (*role, ips).put(out);
            });
            if let Some(place) = place {
                put_critical(out, kind::PLACE, |out| place.put(out));
            }
        }
    }
}

impl<'a> Get<'a> for view::Response<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let vn = r.get()?;
        let at = r.offset();
        let (answer, lifetime) = (r.get::<u8>()?, r.get()?);
        if !(FOUND..=PROHIBITED).contains(&answer) {
            return Err(r.wrong(at, answer));
        }
        let (mut address, mut mapping, mut place) = (None, None::<Found<'_>>, None::<Place>);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::ADDRESS => tlv.once(&mut address)?,
                kind::MAPPING | kind::PLACE if answer != FOUND => return Err(tlv.out_of_place()),
                kind::MAPPING => tlv.once(&mut mapping)?,
                kind::PLACE => tlv.once(&mut place)?,
                _ => tlv.skip()?,
            }
        }
        let address = address.ok_or_else(|| r.missing(kind::ADDRESS))?;
        let answer = match answer {
            FOUND => {
                let Found { mac, version, ips } = mapping.ok_or_else(|| r.missing(kind::MAPPING))?;
                view::Answer::Found(view::Mapping { mac, ips, version, place })
            }
            NOT_FOUND => view::Answer::NotFound,
            _ => view::Answer::Prohibited,
        };
        Ok(Self { vn, address, answer, lifetime })
    }
}

/// A mapping that an NVE holds: the VN, then the address.
impl Put for (Vni, Address) {
    fn put<S: Sink>(&self, out: &mut S) {
        self.0.put(out);
        self.1.put(out);
    }
}

impl Get<'_> for (Vni, Address) {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok((r.get()?, r.get()?))
    }
}

impl Put for Resync {
    fn put<S: Sink>(&self, out: &mut S) {
        self.since.put(out);
        self.more.put(out);
        if !self.vns.is_empty() {
            put_critical(out, kind::VNS, |out| self.vns.iter().for_each(|vn| vn.put(out)));
        }
        if !self.mappings.is_empty() {
            put_critical(out, kind::HELD, |out| self.mappings.iter().for_each(|held| held.put(out)));
        }
    }
}

impl<'a> Get<'a> for view::Resync<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (since, more) = (r.get()?, r.get()?);
        let (mut vns, mut mappings) = (None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::VNS => tlv.once_list(&mut vns)?,
                kind::HELD => tlv.once_list(&mut mappings)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { since, vns: vns.unwrap_or_default(), mappings: mappings.unwrap_or_default(), more })
    }
}

impl Resync {
    /// Splits the list into messages that each fit, for one transaction. All but the last say that more follows.
    pub fn split(self) -> Vec<Self> {
        let Self { since, vns, mappings, more } = self;
        let empty = || Self { since, vns: Vec::new(), mappings: Vec::new(), more: true };
        // The header, the version, the flag, and the heads of both TLVs.
        let fixed = Header::LEN.saturating_add(21);
        let (mut parts, mut part, mut size) = (Vec::new(), empty(), fixed);
        let mut room = |part: &mut Self, length: usize| {
            size = size.saturating_add(length);
            if size > MAX_MESSAGE {
                parts.push(core::mem::replace(part, empty()));
                size = fixed.saturating_add(length);
            }
        };
        for vn in vns {
            room(&mut part, 4);
            part.vns.push(vn);
        }
        for held in mappings {
            let mut length = Count(0);
            held.put(&mut length);
            room(&mut part, length.0);
            part.mappings.push(held);
        }
        part.more = more;
        parts.push(part);
        parts
    }
}
