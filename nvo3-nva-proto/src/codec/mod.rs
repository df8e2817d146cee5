//! Messages to bytes and back.
//!
//! A message is a [`Header`], a body of fixed shape per type and TLVs. Each type's layout is written once, beside what reads
//! it ([`session`], [`registration`], [`directory`], [`update`], [`moves`], [`transfer`], [`audit`]); `value` has what they share, `tlv`
//! walks the TLVs and `registry` numbers the types. Nothing is allocated that the datagram's own bytes do not fill (VMM-6-01, ARC-18, R-03).

mod audit;
#[cfg(feature = "bytes")]
mod buffer;
mod directory;
mod moves;
mod parts;
mod reader;
mod registration;
mod registry;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod tlv;
mod transfer;
mod update;
mod value;

pub use registry::type_name;
pub use update::MAX_PLACES;
pub use value::MAX_IPS;

pub(crate) use reader::Reader;
pub(crate) use registry::code;
pub(crate) use tlv::Tlvs;
pub(crate) use value::{Get, Sink};

use crate::error::{DecodeError, EncodeError};
use crate::header::{Header, MAX_MESSAGE};
use crate::message::{ErrorCode, Message};
use crate::view;
use alloc::vec::Vec;
use value::{Count, Put};

impl Message {
    /// Appends header and message to `out`; leaves `out` as it is where that fails.
    pub fn encode(&self, header: &Header, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = self.checked_len()?;
        out.reserve(length);
        self.put_whole(header, length, out);
        Ok(())
    }

    /// The length of what can be encoded.
    fn checked_len(&self) -> Result<usize, EncodeError> {
        let length = self.encoded_len();
        if length > MAX_MESSAGE {
            return Err(EncodeError::TooLong { name: self.name(), length });
        }
        if let Self::Update(u) = self {
            u.check_places()?;
        }
        Ok(length)
    }

    fn put_whole<S: Sink>(&self, header: &Header, length: usize, out: &mut S) {
        header.put(self.type_code(), length, out);
        self.put_body(out);
    }

    /// The bytes that [`Message::encode`] would need, header included, also where that is too many.
    pub fn encoded_len(&self) -> usize {
        let mut count = Count(Header::LEN);
        self.put_body(&mut count);
        count.0
    }

    /// The one message in `datagram`, which holds nothing else. TLVs that are neither known nor critical are skipped (ARC-18).
    ///
    /// ```
    /// use nvo3_nva_proto::{Header, Message, MoveId};
    ///
    /// let mut bytes = Vec::new();
    /// Message::OutcomeQuery(MoveId(7)).encode(&Header::default(), &mut bytes).unwrap();
    /// assert_eq!(Message::decode(&bytes).unwrap().1, Message::OutcomeQuery(MoveId(7)));
    ///
    /// bytes.truncate(30);
    /// let error = Message::decode(&bytes).unwrap_err();
    /// assert_eq!(error.to_string(), "OutcomeQuery at byte 4: 32 bytes are needed and 30 are there");
    /// ```
    pub fn decode(datagram: &[u8]) -> Result<(Header, Self), DecodeError> {
        let (header, message) = view::Message::parse(datagram)?;
        Ok((header, message.into()))
    }

    fn put_body<S: Sink>(&self, out: &mut S) {
        match self {
            Self::Hello(m) => m.put(out),
            Self::HelloAck(m) => m.put(out),
            Self::Keepalive | Self::Goodbye => {}
            Self::Error(m) => m.put(out),
            Self::Ack(m) => m.put(out),
            Self::RegistrationRequest(m) => m.put(out),
            Self::RegistrationReply(m) => m.put(out),
            Self::Deregister(m) => m.put(out),
            Self::DeregisterReply(m) => m.put(out),
            Self::Query(m) => m.put(out),
            Self::Response(m) => m.put(out),
            Self::Subscribe(m) | Self::Unsubscribe(m) => m.put(out),
            Self::Update(m) => m.put(out),
            Self::Resync(m) => m.put(out),
            Self::Invalidate(m) => m.put(out),
            Self::Prepare(m) => m.put(out),
            Self::Ready(m) => m.put(out),
            Self::Suspended(m) | Self::Activated(m) | Self::Resumed(m) | Self::Revoke(m) | Self::Revoked(m) => {
                m.put(out)
            }
            Self::OutcomeQuery(m) => m.put(out),
            Self::Outcome(m) => m.put(out),
            Self::Done(m) => m.put(out),
            Self::StateOffer(m) => m.put(out),
            Self::StateChunk(m) => m.put(out),
            Self::StateAck(m) => m.put(out),
            Self::CacheReport(m) => m.put(out),
            Self::CacheVerdict(m) => m.put(out),
        }
    }
}

impl<'a> view::Message<'a> {
    /// The message of a type whose body and TLVs the reader stands before.
    pub(crate) fn get_whole(header: &Header, kind: u8, mut r: Reader<'a>) -> Result<Self, DecodeError> {
        let message = Self::get_body(kind, &mut r)?;
        if matches!(message, Self::Invalidate(_)) && header.session.0 == 0 && !r.is_empty() {
            return Err(r.fail(ErrorCode::Field, r.offset(), 0, r.len()));
        }
        for tlv in r.tlvs() {
            tlv?.skip()?;
        }
        Ok(message)
    }

    fn get_body(kind: u8, r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match kind {
            code::HELLO => Self::Hello(r.get()?),
            code::HELLO_ACK => Self::HelloAck(r.get()?),
            code::KEEPALIVE => Self::Keepalive,
            code::GOODBYE => Self::Goodbye,
            code::ERROR => Self::Error(r.get()?),
            code::ACK => Self::Ack(r.get()?),
            code::REGISTRATION_REQUEST => Self::RegistrationRequest(r.get()?),
            code::REGISTRATION_REPLY => Self::RegistrationReply(r.get()?),
            code::DEREGISTER => Self::Deregister(r.get()?),
            code::DEREGISTER_REPLY => Self::DeregisterReply(r.get()?),
            code::QUERY => Self::Query(r.get()?),
            code::RESPONSE => Self::Response(r.get()?),
            code::SUBSCRIBE => Self::Subscribe(r.get()?),
            code::UNSUBSCRIBE => Self::Unsubscribe(r.get()?),
            code::UPDATE => Self::Update(r.get()?),
            code::RESYNC => Self::Resync(r.get()?),
            code::INVALIDATE => Self::Invalidate(r.get()?),
            code::PREPARE => Self::Prepare(r.get()?),
            code::READY => Self::Ready(r.get()?),
            code::SUSPENDED => Self::Suspended(r.get()?),
            code::ACTIVATED => Self::Activated(r.get()?),
            code::RESUMED => Self::Resumed(r.get()?),
            code::REVOKE => Self::Revoke(r.get()?),
            code::REVOKED => Self::Revoked(r.get()?),
            code::OUTCOME_QUERY => Self::OutcomeQuery(r.get()?),
            code::OUTCOME => Self::Outcome(r.get()?),
            code::DONE => Self::Done(r.get()?),
            code::STATE_OFFER => Self::StateOffer(r.get()?),
            code::STATE_CHUNK => Self::StateChunk(r.get()?),
            code::STATE_ACK => Self::StateAck(r.get()?),
            code::CACHE_REPORT => Self::CacheReport(r.get()?),
            code::CACHE_VERDICT => Self::CacheVerdict(r.get()?),
            _ => return Err(r.fail(ErrorCode::UnknownType, 1, 0, kind.into())),
        })
    }
}
