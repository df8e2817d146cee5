//! The messages of registration and deregistration on the wire (SPEC.md §6.2). VMM-6-01 and VMM-6-02 say what they carry.
//!
//! A claim:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+---------+-----------------------------------------------+
//! |W|O|E|  kind   |                  MAC (6)                      |
//! +-+-+-+---------+-----------------------------------------------+
//! |             old NVE (8, only with O), expected version        |
//! |             (12, only with E), addresses                      |
//! +---------------------------------------------------------------+
//! ```
//!
//! `W` is the hypervisor's word. Without it, only a frame shows the TSI.

use super::parts::parts;
use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::value::{Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::header::Header;
use crate::message::{
    Claim, Deregister, DeregisterReply, MoveKind, RegistrationReply, RegistrationRequest, Restate, RestateMove,
    Resting, TsiVersion,
};
use crate::view::{self, Addresses};
use alloc::vec::Vec;

const BY_WORD: u8 = 0x80;
const WITH_OLD: u8 = 0x40;
const WITH_EXPECTED: u8 = 0x20;

fields! {
    TsiVersion { mac, version }
}

impl Put for Claim {
    fn put<S: Sink>(&self, out: &mut S) {
        let bit = |set, bit| if set { bit } else { 0 };
        let bits = bit(self.by_word, BY_WORD)
            | bit(self.old.is_some(), WITH_OLD)
            | bit(self.expected.is_some(), WITH_EXPECTED);
        out.put(&[bits | self.kind as u8]);
        self.mac.put(out);
        if let Some(old) = self.old {
            old.put(out);
        }
        if let Some(expected) = self.expected {
            expected.put(out);
        }
        (self.role, &self.ips).put(out);
    }
}

impl<'a> Get<'a> for view::Claim<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let at = r.offset();
        let head: u8 = r.get()?;
        let code = head & !(BY_WORD | WITH_OLD | WITH_EXPECTED);
        let kind = MoveKind::try_from(code).map_err(|_| r.wrong(at, head))?;
        let mac = r.get()?;
        let old = if head & WITH_OLD == 0 { None } else { Some(r.get()?) };
        let expected = if head & WITH_EXPECTED == 0 { None } else { Some(r.get()?) };
        Ok(Self { mac, kind, by_word: head & BY_WORD != 0, old, expected, ips: r.get()? })
    }
}

impl Put for RegistrationRequest {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        self.lifetime.put(out);
        put_critical(out, kind::CLAIMS, |out| self.claims.iter().for_each(|claim| claim.put(out)));
    }
}

impl<'a> Get<'a> for view::RegistrationRequest<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, lifetime) = (r.get()?, r.get()?);
        let mut claims = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::CLAIMS => tlv.once_list(&mut claims)?,
                _ => tlv.skip()?,
            }
        }
        let claims = claims.ok_or_else(|| r.missing(kind::CLAIMS))?;
        Ok(Self { vn, lifetime, claims })
    }
}

/// The VN or the VN with other fixed fields, and the head of one TLV.
const FIXED: usize = Header::LEN + 12;

impl RegistrationRequest {
    /// Splits the claims into messages that each fit.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, lifetime, claims } = self;
        parts(claims, FIXED).into_iter().map(|claims| Self { vn, lifetime, claims }).collect()
    }
}

impl Put for RegistrationReply {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        self.result.put(out);
        self.lifetime.put(out);
        put_versions(&self.tsis, out);
        if let Some(current) = self.current {
            put_critical(out, kind::PLACE, |out| current.put(out));
        }
    }
}

impl<'a> Get<'a> for view::RegistrationReply<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, result, lifetime) = (r.get()?, r.get()?, r.get()?);
        let (mut tsis, mut current) = (None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::TSI_VERSIONS => tlv.once_list(&mut tsis)?,
                kind::PLACE => tlv.once(&mut current)?,
                _ => tlv.skip()?,
            }
        }
        let tsis = tsis.ok_or_else(|| r.missing(kind::TSI_VERSIONS))?;
        Ok(Self { vn, result, lifetime, tsis, current })
    }
}

impl RegistrationReply {
    /// Splits the TSIs into messages that each fit.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, result, lifetime, tsis, current } = self;
        // A place has at most 29 bytes, and its TLV a head.
        let parts = parts(tsis, FIXED.saturating_add(33));
        parts.into_iter().map(|tsis| Self { vn, result, lifetime, tsis, current }).collect()
    }
}

fn put_versions<S: Sink>(tsis: &[TsiVersion], out: &mut S) {
    put_critical(out, kind::TSI_VERSIONS, |out| tsis.iter().for_each(|tsi| tsi.put(out)));
}

macro_rules! versions_of_a_vn {
    ($($name:ident)*) => {
        $(impl Put for $name {
            fn put<S: Sink>(&self, out: &mut S) {
                self.vn.put(out);
                put_versions(&self.tsis, out);
            }
        }

        impl<'a> Get<'a> for view::$name<'a> {
            fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let vn = r.get()?;
                let mut tsis = None;
                for tlv in r.tlvs() {
                    let tlv = tlv?;
                    match tlv.kind {
                        kind::TSI_VERSIONS => tlv.once_list(&mut tsis)?,
                        _ => tlv.skip()?,
                    }
                }
                Ok(Self { vn, tsis: tsis.ok_or_else(|| r.missing(kind::TSI_VERSIONS))? })
            }
        }

        impl $name {
            /// Splits the TSIs into messages that each fit.
            pub fn split(self) -> Vec<Self> {
                parts(self.tsis, FIXED).into_iter().map(|tsis| Self { vn: self.vn, tsis }).collect()
            }
        })*
    };
}

versions_of_a_vn!(Deregister DeregisterReply);

impl Put for Resting {
    fn put<S: Sink>(&self, out: &mut S) {
        self.mac.put(out);
        self.version.put(out);
        (self.role, &self.ips).put(out);
    }
}

impl<'a> Get<'a> for view::Resting<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { mac: r.get()?, version: r.get()?, ips: r.get::<Addresses<'a>>()? })
    }
}

impl Put for Restate {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        self.more.put(out);
        put_critical(out, kind::RESTING, |out| self.tsis.iter().for_each(|tsi| tsi.put(out)));
    }
}

impl<'a> Get<'a> for view::Restate<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (vn, more) = (r.get()?, r.get()?);
        let mut tsis = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::RESTING => tlv.once_list(&mut tsis)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { vn, more, tsis: tsis.ok_or_else(|| r.missing(kind::RESTING))? })
    }
}

impl Restate {
    /// Splits the TSIs into messages that each fit. All but the last say that more follows.
    pub fn split(self) -> Vec<Self> {
        let Self { vn, more, tsis } = self;
        let parts = parts(tsis, FIXED);
        let last = parts.len().saturating_sub(1);
        parts.into_iter().enumerate().map(|(at, tsis)| Self { vn, more: more || at < last, tsis }).collect()
    }
}

impl Put for RestateMove {
    fn put<S: Sink>(&self, out: &mut S) {
        self.move_id.put(out);
        self.version.put(out);
        self.side.put(out);
        self.party.put(out);
        self.peer.put(out);
        self.tsis.iter().for_each(|tsi| put_critical(out, kind::TSI, |out| tsi.put(out)));
    }
}

impl<'a> Get<'a> for view::RestateMove<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (move_id, version, side, party, peer) = (r.get()?, r.get()?, r.get()?, r.get()?, r.get()?);
        let tlvs = r.tlvs();
        for tlv in tlvs {
            let tlv = tlv?;
            match tlv.kind {
                kind::TSI => {
                    tlv.only::<view::Tsi<'a>>()?;
                }
                _ => tlv.skip()?,
            }
        }
        Ok(Self { move_id, version, side, party, peer, tsis: view::Tsis(tlvs) })
    }
}
