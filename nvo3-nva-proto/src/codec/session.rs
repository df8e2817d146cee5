//! Hello, HelloAck, Error and Ack on the wire (SPEC.md §6.1). Keepalive and Goodbye have no body.

use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::value::{Get, Put, Sink, fields};
use crate::error::DecodeError;
use crate::message::{Ack, ErrorMessage, Hello, HelloAck};

fields! {
    HelloAck { session, nonce, epoch, published }
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
    }
}

impl Get<'_> for Hello {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (nonce, capabilities, encapsulations, resumed) = (r.get()?, r.get()?, r.get()?, r.get()?);
        let mut place = None;
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::PLACE => tlv.once(&mut place)?,
                _ => tlv.skip()?,
            }
        }
        let place = place.ok_or_else(|| r.missing(kind::PLACE))?;
        Ok(Self { place, nonce, resumed, encapsulations, capabilities })
    }
}
