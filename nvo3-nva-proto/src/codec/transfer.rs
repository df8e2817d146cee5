//! The messages that carry state from the old NVE to the new NVE, on the wire (SPEC.md §6.5).

use super::parts::parts;
use super::reader::Reader;
use super::tlv::{kind, put_critical};
use super::value::{Count, Get, Put, Sink, fields};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::header::Header;
use crate::message::{
    Amount, Flow, FlowEnds, FlowRecord, FlowState, PolicyRecord, StateAck, StateChunk, StateKind, StateOffer,
    StatePart, StateStream, Vlan,
};
use crate::time::Micros;
use crate::view;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

fields! {
    StateStream { move_id, version, source, target, copy }
    StateOffer { stream, kind, format, total, last }
    StateAck { stream, kind, upto, answer }
}

/// Implements reading and writing for numbers whose maximum is below that of their bytes. A larger number refuses the message.
macro_rules! bounded {
    ($($name:ident($number:ty))*) => {
        $(impl Put for $name {
            fn put<S: Sink>(&self, out: &mut S) {
                self.get().put(out);
            }
        }

        impl Get<'_> for $name {
            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = r.offset();
                let value = r.get::<$number>()?;
                let too_large = DecodeErrorKind::TooLarge { found: value.into(), max: Self::MAX.get().into() };
                Self::new(value).ok_or_else(|| r.fail(at, too_large))
            }
        })*
    };
}

bounded!(Amount(u32) Vlan(u16));

/// A length in two bytes, then the bytes.
impl Put for Vec<u8> {
    fn put<S: Sink>(&self, out: &mut S) {
        // The length always fits: Message::encode counts first and refuses a message that is too long.
        u16::try_from(self.len()).unwrap_or(u16::MAX).put(out);
        out.put(self);
    }
}

/// A length in two bytes, then the bytes.
impl<'a> Get<'a> for &'a [u8] {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length: u16 = r.get()?;
        r.take(length.into())
    }
}

/// The whole value of a TLV.
struct Rest<'a>(&'a [u8]);

impl<'a> Get<'a> for Rest<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        r.take(r.len()).map(Self)
    }
}

const V4: u8 = 4;
const V6: u8 = 6;

/// The family, the ports, then the addresses.
impl Put for Flow {
    fn put<S: Sink>(&self, out: &mut S) {
        self.vn.put(out);
        self.vlan.put(out);
        out.put(&[if matches!(self.ends, FlowEnds::V4 { .. }) { V4 } else { V6 }]);
        self.protocol.put(out);
        self.source_port.put(out);
        self.destination_port.put(out);
        match self.ends {
            FlowEnds::V4 { source, destination } => {
                source.put(out);
                destination.put(out);
            }
            FlowEnds::V6 { source, destination } => {
                source.put(out);
                destination.put(out);
            }
        }
    }
}

impl Get<'_> for Flow {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (vn, vlan) = (r.get()?, r.get()?);
        let at = r.offset();
        let family: u8 = r.get()?;
        if family != V4 && family != V6 {
            return Err(r.wrong(at, family));
        }
        let (protocol, source_port, destination_port) = (r.get()?, r.get()?, r.get()?);
        let ends = if family == V4 {
            FlowEnds::V4 { source: r.get::<Ipv4Addr>()?, destination: r.get()? }
        } else {
            FlowEnds::V6 { source: r.get::<Ipv6Addr>()?, destination: r.get()? }
        };
        Ok(Self { vn, vlan, protocol, source_port, destination_port, ends })
    }
}

const PRESENT: u8 = 1;
const GONE: u8 = 2;

/// One byte: true if the record holds the present state, false if the state is gone.
struct Present(bool);

impl Put for Present {
    fn put<S: Sink>(&self, out: &mut S) {
        out.put(&[if self.0 { PRESENT } else { GONE }]);
    }
}

impl Get<'_> for Present {
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.offset();
        match r.get::<u8>()? {
            PRESENT => Ok(Self(true)),
            GONE => Ok(Self(false)),
            byte => Err(r.wrong(at, byte)),
        }
    }
}

impl Put for FlowState {
    fn put<S: Sink>(&self, out: &mut S) {
        // u32::MAX is reserved for a state that does not expire.
        self.expires.map_or(u32::MAX, |length| length.to_wire_millis().min(u32::MAX - 1)).put(out);
        self.data.put(out);
    }
}

impl<'a> Get<'a> for view::FlowState<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let millis: u32 = r.get()?;
        let expires = (millis != u32::MAX).then(|| Micros::from_millis(millis.into()));
        Ok(Self { expires, data: r.get()? })
    }
}

impl Put for FlowRecord {
    fn put<S: Sink>(&self, out: &mut S) {
        Present(self.state.is_some()).put(out);
        self.flow.put(out);
        if let Some(state) = &self.state {
            state.put(out);
        }
    }
}

impl<'a> Get<'a> for view::FlowRecord<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (Present(present), flow) = (r.get()?, r.get()?);
        Ok(Self { flow, state: if present { Some(r.get()?) } else { None } })
    }
}

impl Put for PolicyRecord {
    fn put<S: Sink>(&self, out: &mut S) {
        Present(self.rules.is_some()).put(out);
        self.tsi.put(out);
        self.number.put(out);
        if let Some(rules) = &self.rules {
            rules.put(out);
        }
    }
}

impl<'a> Get<'a> for view::PolicyRecord<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (Present(present), tsi, number) = (r.get()?, r.get()?, r.get()?);
        Ok(Self { tsi, number, rules: if present { Some(r.get()?) } else { None } })
    }
}

/// The TLV type of a chunk of this kind.
const fn tlv_of(state: StateKind) -> u16 {
    match state {
        StateKind::Connections | StateKind::Sessions => kind::FLOWS,
        StateKind::Policies => kind::POLICIES,
        StateKind::Snapshot | StateKind::Opaque => kind::BYTES,
    }
}

impl Put for StateChunk {
    fn put<S: Sink>(&self, out: &mut S) {
        let state = self.part.kind();
        self.stream.put(out);
        state.put(out);
        self.offset.put(out);
        put_critical(out, tlv_of(state), |out| match &self.part {
            StatePart::Connections(records) | StatePart::Sessions(records) => {
                records.iter().for_each(|record| record.put(out));
            }
            StatePart::Policies(records) => records.iter().for_each(|record| record.put(out)),
            StatePart::Snapshot(bytes) | StatePart::Opaque(bytes) => out.put(bytes),
        });
    }
}

impl<'a> Get<'a> for view::StateChunk<'a> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (stream, state, offset) = (r.get()?, r.get()?, r.get()?);
        let (mut flows, mut policies, mut bytes) = (None, None, None);
        for tlv in r.tlvs() {
            let tlv = tlv?;
            match tlv.kind {
                kind::FLOWS | kind::POLICIES | kind::BYTES if tlv.kind != tlv_of(state) => {
                    return Err(tlv.out_of_place());
                }
                kind::FLOWS => tlv.once_list(&mut flows)?,
                kind::POLICIES => tlv.once_list(&mut policies)?,
                kind::BYTES => tlv.once(&mut bytes)?,
                _ => tlv.skip()?,
            }
        }
        let missing = || r.missing(tlv_of(state));
        let part = match state {
            StateKind::Connections => view::StatePart::Connections(flows.ok_or_else(missing)?),
            StateKind::Sessions => view::StatePart::Sessions(flows.ok_or_else(missing)?),
            StateKind::Policies => view::StatePart::Policies(policies.ok_or_else(missing)?),
            StateKind::Snapshot => view::StatePart::Snapshot(bytes.map(|Rest(bytes)| bytes).ok_or_else(missing)?),
            StateKind::Opaque => view::StatePart::Opaque(bytes.map(|Rest(bytes)| bytes).ok_or_else(missing)?),
        };
        Ok(Self { stream, offset, part })
    }
}

impl StateChunk {
    /// Splits the chunk into messages that each fit, in order; `None` if the chunk ends beyond [`Amount::MAX`].
    ///
    /// A record with more data than a message holds stays in a part that [`crate::Message::encode`] refuses.
    pub fn split(self) -> Option<Vec<Self>> {
        let Self { stream, offset, part } = self;
        let mut fixed = Count(Header::LEN.saturating_add(4));
        stream.put(&mut fixed);
        part.kind().put(&mut fixed);
        offset.put(&mut fixed);
        let Count(fixed) = fixed;
        let parts: Vec<StatePart> = match part {
            StatePart::Connections(records) => parts(records, fixed).into_iter().map(StatePart::Connections).collect(),
            StatePart::Sessions(records) => parts(records, fixed).into_iter().map(StatePart::Sessions).collect(),
            StatePart::Policies(records) => parts(records, fixed).into_iter().map(StatePart::Policies).collect(),
            StatePart::Snapshot(bytes) => parts(bytes, fixed).into_iter().map(StatePart::Snapshot).collect(),
            StatePart::Opaque(bytes) => parts(bytes, fixed).into_iter().map(StatePart::Opaque).collect(),
        };
        let mut next = offset;
        let chunk = |part: StatePart| {
            let offset = next;
            let end = u32::try_from(part.amount()).ok()?.checked_add(offset.get())?;
            next = Amount::new(end)?;
            Some(Self { stream, offset, part })
        };
        parts.into_iter().map(chunk).collect()
    }
}
