//! The messages of a move on the wire (SPEC.md §6.4).

use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::value::{Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::message::{Done, MoveWord, Outcome, Prepare, Ready, Refusal};
use crate::view;

fields! {
    MoveWord { move_id, version }
    Ready { move_id, version, refused }
    Done { move_id, report }
}

/// One byte: the code of the refusal, or 0 if the NVE accepts.
impl Put for Option<Refusal> {
    fn put<S: Sink>(&self, out: &mut S) {
        match self {
            Some(why) => why.put(out),
            None => out.put(&[0]),
        }
    }
}

impl Get<'_> for Option<Refusal> {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut ahead = *r;
        if ahead.get::<u8>()? == 0 {
            *r = ahead;
            return Ok(None);
        }
        r.get().map(Some)
    }
}

impl Put for Prepare {
    fn put<S: Sink>(&self, out: &mut S) {
        self.move_id.put(out);
        self.version.put(out);
        self.side.put(out);
        self.kind.put(out);
        self.suspended.put(out);
        self.limits.put(out);
        put_critical(out, kind::PLACE, |out| self.peer.put(out));
        for tsi in &self.tsis {
            put_critical(out, kind::TSI, |out| tsi.put(out));
        }
    }
}

impl<'a> Get<'a> for view::Prepare<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (move_id, version) = (r.get()?, r.get()?);
        let (side, move_kind, suspended, limits) = (r.get()?, r.get()?, r.get()?, r.get()?);
        let mut peer = None;
        let tlvs = r.tlvs();
        for tlv in tlvs {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACE => tlv.once(&mut peer)?,
                kind::TSI => drop(tlv.only::<view::Tsi<'_>>()?),
                _ => tlv.skip()?,
            }
        }
        let peer = peer.ok_or_else(|| r.missing(kind::PLACE))?;
        Ok(Self { move_id, version, side, kind: move_kind, suspended, tsis: view::Tsis(tlvs), peer, limits })
    }
}

impl<'a> view::Tsis<'a> {
    /// The TSIs, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = view::Tsi<'a>> + use<'a> {
        self.0.flatten().filter(|tlv| tlv.kind == kind::TSI).filter_map(|tlv| tlv.only().ok())
    }
}

impl Put for Outcome {
    fn put<S: Sink>(&self, out: &mut S) {
        self.move_id.put(out);
        self.version.put(out);
        self.result.put(out);
        put_critical(out, kind::PLACE, |out| self.place.put(out));
        if !self.tsis.is_empty() {
            put_critical(out, kind::TSI_KEYS, |out| self.tsis.iter().for_each(|key| key.put(out)));
        }
    }
}

impl<'a> Get<'a> for view::Outcome<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (move_id, version, result) = (r.get()?, r.get()?, r.get()?);
        let (mut place, mut tsis) = (None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACE => tlv.once(&mut place)?,
                kind::TSI_KEYS => tlv.once_list(&mut tsis)?,
                _ => tlv.skip()?,
            }
        }
        let place = place.ok_or_else(|| r.missing(kind::PLACE))?;
        Ok(Self { move_id, result, version, place, tsis: tsis.unwrap_or_default() })
    }
}
