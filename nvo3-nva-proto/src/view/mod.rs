//! Messages as they lie in their datagrams: checked whole once, then read without an allocation or a copy.
//!
//! [`Message::parse`] takes and refuses exactly what [`crate::Message::decode`] does, which is made of it. What consists of few
//! values is the same type as there; where a message has lists, they stay in the datagram, and going through them cannot fail.
//! All views are `Copy`.
//!
//! ```
//! use nvo3_nva_proto::{Answer, Header, Message, RecordNo, Resync, view};
//! use nvo3_wire::Vni;
//!
//! let resync = Resync { since: RecordNo(7), vns: vec![Vni::MAX], mappings: vec![], more: false };
//! let mut datagram = Vec::new();
//! Message::Resync(resync).encode(&Header::default(), &mut datagram)?;
//!
//! let (_, view::Message::Resync(resync)) = view::Message::parse(&datagram)? else { panic!("not a Resync") };
//! assert!(resync.vns.iter().eq([Vni::MAX]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod list;
mod owned;

pub use crate::message::table::borrowed::Message;
pub use list::{List, Value};

use crate::codec::{Reader, Tlvs};
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::{MoveId, NveId, Place, RecordNo, TsiKey, Version};
use crate::message::{Address, HoldLimits, MoveKind, MoveResult, Side};
use crate::time::{Lifetime, Micros};
use crate::{Amount, Flow, StateStream, WrongEntry};
use nvo3_wire::{Mac, Vni};

impl<'a> Message<'a> {
    /// The one message in `datagram`, which holds nothing else.
    ///
    /// # Errors
    /// As [`crate::Message::decode`].
    pub fn parse(datagram: &'a [u8]) -> Result<(Header, Self), DecodeError> {
        let (header, kind, r) = Header::get(datagram)?;
        Ok((header, Self::get_whole(&header, kind, r)?))
    }
}

/// IP addresses, checked.
#[derive(Clone, Copy)]
pub struct Addresses<'a> {
    pub(crate) runs: Reader<'a>,
}

/// See [`crate::Tsi`].
#[derive(Clone, Copy, Debug)]
pub struct Tsi<'a> {
    /// VN and MAC.
    pub key: TsiKey,
    /// Its IP addresses.
    pub ips: Addresses<'a>,
}

/// See [`crate::RegistrationRequest`].
#[derive(Clone, Copy, Debug)]
pub struct RegistrationRequest<'a> {
    /// What is registered.
    pub tsi: Tsi<'a>,
    /// How it came.
    pub kind: MoveKind,
    /// Where it was, if the NVE knows.
    pub old: Option<NveId>,
    /// The newest version that the NVE knows.
    pub expected: Option<Version>,
    /// How long it holds.
    pub lifetime: Lifetime,
}

/// See [`crate::Mapping`].
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// Whose.
    pub mac: Mac,
    /// Its IP addresses.
    pub ips: Addresses<'a>,
    /// Under which version.
    pub version: Version,
    /// Where it points; `None` where it is withdrawn.
    pub place: Option<Place>,
}

/// See [`crate::Response`].
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The VN.
    pub vn: Vni,
    /// What was asked for.
    pub address: Address,
    /// What is known of it.
    pub answer: Answer<'a>,
    /// How long it holds.
    pub lifetime: Lifetime,
}

/// See [`crate::Answer`].
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// It is this mapping.
    Found(Mapping<'a>),
    /// No such address in the VN.
    NotFound,
    /// The asker may not know.
    Prohibited,
}

/// See [`crate::Update`].
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The VN of every mapping in it.
    pub vn: Vni,
    /// It covers the publishing records after this one …
    pub after: RecordNo,
    /// … up to this one.
    pub upto: RecordNo,
    /// What they are now.
    pub mappings: Mappings<'a>,
    /// The NVEs that take part in the VN, where that changed.
    pub members: Option<Members<'a>>,
    /// The answer to a Resync ends here.
    pub synced: bool,
}

/// An Update's mappings, checked.
#[derive(Clone, Copy)]
pub struct Mappings<'a> {
    pub(crate) base: Version,
    pub(crate) places: List<'a, Place>,
    pub(crate) entries: Reader<'a>,
}

/// See [`crate::Members`].
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    /// Where they are.
    pub places: List<'a, Place>,
    /// The list goes on in the next Update of the VN.
    pub more: bool,
}

/// See [`crate::Resync`].
#[derive(Clone, Copy, Debug)]
pub struct Resync<'a> {
    /// The newest record that the NVE has.
    pub since: RecordNo,
    /// VNs that it takes part in.
    pub vns: List<'a, Vni>,
    /// Mappings that it holds of others.
    pub mappings: List<'a, (Vni, Address)>,
    /// Another follows.
    pub more: bool,
}

/// See [`crate::Prepare`].
#[derive(Clone, Copy, Debug)]
pub struct Prepare<'a> {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// The receiver's side.
    pub side: Side,
    /// The kind of move.
    pub kind: MoveKind,
    /// *Suspended* was heard before.
    pub suspended: bool,
    /// What moves.
    pub tsis: Tsis<'a>,
    /// The other side.
    pub peer: Place,
    /// What may be held.
    pub limits: HoldLimits,
}

/// The TSIs of a move, checked.
#[derive(Clone, Copy)]
pub struct Tsis<'a>(pub(crate) Tlvs<'a>);

/// See [`crate::Outcome`].
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The move.
    pub move_id: MoveId,
    /// How it ended.
    pub result: MoveResult,
    /// The version in force.
    pub version: Version,
    /// Where its TSIs are.
    pub place: Place,
    /// What moved, or did not.
    pub tsis: List<'a, TsiKey>,
}

/// See [`crate::StateChunk`].
#[derive(Clone, Copy, Debug)]
pub struct StateChunk<'a> {
    /// Of which stream.
    pub stream: StateStream,
    /// How much of the copy comes before it.
    pub offset: Amount,
    /// What comes there.
    pub part: StatePart<'a>,
}

/// See [`crate::StatePart`].
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the same as crate::StatePart's")]
pub enum StatePart<'a> {
    Connections(List<'a, FlowRecord<'a>>),
    Sessions(List<'a, FlowRecord<'a>>),
    Policies(List<'a, PolicyRecord<'a>>),
    Snapshot(&'a [u8]),
    Opaque(&'a [u8]),
}

/// See [`crate::FlowRecord`].
#[derive(Clone, Copy, Debug)]
pub struct FlowRecord<'a> {
    /// Which one.
    pub flow: Flow,
    /// As it is now; `None` once it is gone.
    pub state: Option<FlowState<'a>>,
}

/// See [`crate::FlowState`].
#[derive(Clone, Copy, Debug)]
pub struct FlowState<'a> {
    /// The time that remains of the state; `None` if it does not expire.
    pub expires: Option<Micros>,
    /// What is kept of it.
    pub data: &'a [u8],
}

/// See [`crate::PolicyRecord`].
#[derive(Clone, Copy, Debug)]
pub struct PolicyRecord<'a> {
    /// For whom.
    pub tsi: TsiKey,
    /// Which of its policies.
    pub number: u32,
    /// What it says; `None` once it is gone.
    pub rules: Option<&'a [u8]>,
}

/// See [`crate::CacheReport`].
#[derive(Clone, Copy, Debug)]
pub struct CacheReport<'a> {
    /// The VN of every entry.
    pub vn: Vni,
    /// What the NVE has of it.
    pub entries: CacheEntries<'a>,
    /// Another follows.
    pub more: bool,
}

/// A report's entries, checked.
#[derive(Clone, Copy)]
pub struct CacheEntries<'a> {
    pub(crate) base: Version,
    pub(crate) nves: List<'a, NveId>,
    pub(crate) entries: Reader<'a>,
}

/// See [`crate::CacheEntry`].
#[derive(Clone, Copy, Debug)]
pub struct CacheEntry<'a> {
    /// Whose.
    pub mac: Mac,
    /// The IP addresses that it has there.
    pub ips: Addresses<'a>,
    /// Under which version it was learned.
    pub version: Version,
    /// Where it points.
    pub nve: NveId,
}

/// See [`crate::CacheVerdict`].
#[derive(Clone, Copy, Debug)]
pub struct CacheVerdict<'a> {
    /// The VN of every entry.
    pub vn: Vni,
    /// What is not right.
    pub wrong: List<'a, WrongEntry>,
    /// Another follows.
    pub more: bool,
}
