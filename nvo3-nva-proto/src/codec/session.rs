//! Hello, HelloAck, Error and Ack on the wire (SPEC.md §6.1). Keepalive and Goodbye have no body.

use super::reader::Reader;
use super::tlv::{self, kind, put_critical};
use super::value::{Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::message::{Ack, ErrorMessage, Hello, HelloAck, Seen};

fields! {
    ErrorMessage { code, about, tlv, sequence, offset }
    Ack { received, in_force }
}

impl Put for Hello {
    fn put<S: Sink>(&self, out: &mut S) {
        self.nonce.put(out);
        self.capabilities.put(out);
        self.encapsulations.put(out);
        self.resumed.put(out);
        put_critical(out, kind::PLACE, |out| self.place.put(out));
        if let Some(seen) = self.seen {
            tlv::put(out, kind::SEEN, |out| seen.put(out));
        }
    }
}

impl Get<'_> for Hello {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (nonce, capabilities, encapsulations, resumed) = (r.get()?, r.get()?, r.get()?, r.get()?);
        let (mut place, mut seen) = (None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACE => tlv.once(&mut place)?,
                kind::SEEN => tlv.once(&mut seen)?,
                _ => tlv.skip()?,
            }
        }
        let place = place.ok_or_else(|| r.missing(kind::PLACE))?;
        Ok(Self { place, nonce, resumed, encapsulations, capabilities, seen })
    }
}

impl Put for HelloAck {
    fn put<S: Sink>(&self, out: &mut S) {
        self.session.put(out);
        self.nonce.put(out);
        self.epoch.put(out);
        self.published.put(out);
        if let Some(seen) = self.seen {
            tlv::put(out, kind::SEEN, |out| seen.put(out));
        }
    }
}

impl Get<'_> for HelloAck {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (session, nonce, epoch, published) = (r.get()?, r.get()?, r.get()?, r.get()?);
        let mut seen = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::SEEN => tlv.once(&mut seen)?,
                _ => tlv.skip()?,
            }
        }
        Ok(Self { session, nonce, epoch, published, seen })
    }
}

impl Put for Seen {
    fn put<S: Sink>(&self, out: &mut S) {
        self.epoch.put(out);
        self.record.put(out);
        self.shard.put(out);
        out.put(&self.proof);
    }
}

impl Get<'_> for Seen {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { epoch: r.get()?, record: r.get()?, shard: r.get()?, proof: r.array()? })
    }
}
