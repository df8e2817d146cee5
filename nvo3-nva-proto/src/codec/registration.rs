//! The messages of registration and deregistration on the wire (SPEC.md §6.2). VMM-6-01 and VMM-6-02 say what they carry.

use super::reader::Reader;
use super::tlv::{self, kind, put_critical};
use super::value::{Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::message::{Deregister, DeregisterReply, RegistrationReply, RegistrationRequest};
use crate::view;

fields! {
    Deregister { tsi, version }
    DeregisterReply { tsi, version }
}

impl Put for RegistrationRequest {
    fn put<S: Sink>(&self, out: &mut S) {
        self.kind.put(out);
        self.lifetime.put(out);
        put_critical(out, kind::TSI, |out| self.tsi.put(out));
        if let Some(old) = self.old {
            tlv::put(out, kind::OLD_NVE, |out| old.put(out));
        }
        if let Some(expected) = self.expected {
            put_critical(out, kind::EXPECTED, |out| expected.put(out));
        }
    }
}

impl<'a> Get<'a> for view::RegistrationRequest<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (move_kind, lifetime) = (r.get()?, r.get()?);
        let (mut tsi, mut old, mut expected) = (None, None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::TSI => tlv.once(&mut tsi)?,
                kind::OLD_NVE => tlv.once(&mut old)?,
                kind::EXPECTED => tlv.once(&mut expected)?,
                _ => tlv.skip()?,
            }
        }
        let tsi = tsi.ok_or_else(|| r.missing(kind::TSI))?;
        Ok(Self { tsi, kind: move_kind, old, expected, lifetime })
    }
}

impl Put for RegistrationReply {
    fn put<S: Sink>(&self, out: &mut S) {
        self.tsi.put(out);
        self.version.put(out);
        self.result.put(out);
        self.lifetime.put(out);
        if let Some(current) = self.current {
            put_critical(out, kind::PLACE, |out| current.put(out));
        }
    }
}

impl Get<'_> for RegistrationReply {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (tsi, version, result, lifetime) = (r.get()?, r.get()?, r.get()?, r.get()?);
        let mut current = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACE => tlv.once(&mut current)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { tsi, result, version, lifetime, current })
    }
}
