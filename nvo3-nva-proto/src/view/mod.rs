//! Messages that are read in their datagram, without an allocation or a copy.
//!
//! [`Message::parse`] checks the whole message once; it takes and refuses exactly what [`crate::Message::decode`] does, which is built
//! on it. A message of few values is the same type as there. Lists stay in the datagram, and iterating them cannot fail. All views are
//! `Copy`.
//!
//! ```
//! use nvo3_nva_proto::{Answer, Header, Message, Resync, Version, view};
//! use nvo3_wire::Vni;
//!
//! let resync = Resync { since: Version { epoch: 3, generation: 7 }, vns: vec![Vni::MAX], mappings: vec![], more: false };
//! let mut datagram = Vec::new();
//! Message::Resync(resync).encode(&Header::default(), &mut datagram)?;
//!
//! let (_, view::Message::Resync(resync)) = view::Message::parse(&datagram)? else { panic!("not a Resync") };
//! assert!(resync.vns.iter().eq([Vni::MAX]));
//! for vn in &resync.vns {
//!     assert_eq!(vn, Vni::MAX);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod list;
mod owned;

pub use crate::message::table::borrowed::Message;
pub use list::{Iter, List, Value};

use crate::codec::{Reader, Tlvs};
use crate::error::DecodeError;
use crate::header::Header;
use crate::id::{MoveId, NveId, Place, RecordNo, TsiKey, Version};
use crate::message::{
    Address, HoldLimits, MoveKind, MoveResult, PartyState, RegistrationResult, Role, Side, TsiVersion,
};
use crate::time::{Lifetime, Micros};
use crate::{Amount, Flow, StateStream, WrongEntry};
use nvo3_wire::{Mac, Vni};

impl<'a> Message<'a> {
    /// Parses `datagram`, which holds one message and nothing else.
    ///
    /// # Errors
    /// As for [`crate::Message::decode`].
    pub fn parse(datagram: &'a [u8]) -> Result<(Header, Self), DecodeError> {
        let (header, kind, r) = Header::get(datagram)?;
        Ok((header, Self::get_whole(&header, kind, r)?))
    }
}

/// The IP addresses of a TSI and its role, checked.
#[derive(Clone, Copy)]
pub struct Addresses<'a> {
    pub(crate) role: Role,
    pub(crate) runs: Reader<'a>,
}

/// A [`crate::Tsi`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Tsi<'a> {
    /// The VN and the MAC.
    pub key: TsiKey,
    /// The IP addresses of the TSI, with its role.
    pub ips: Addresses<'a>,
}

/// A [`crate::RegistrationRequest`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationRequest<'a> {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The requested lifetime of the registrations.
    pub lifetime: Lifetime,
    /// The TSIs to register.
    pub claims: List<'a, Claim<'a>>,
}

/// A [`crate::Claim`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The kind of move by which the TSI came to the NVE.
    pub kind: MoveKind,
    /// True if the hypervisor said that the VM runs here.
    pub by_word: bool,
    /// The NVE where the TSI was before, if the sender knows.
    pub old: Option<NveId>,
    /// The newest version of the mapping that the NVE knows.
    pub expected: Option<Version>,
    /// The IP addresses of the TSI, with its role.
    pub ips: Addresses<'a>,
}

/// A [`crate::RegistrationReply`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationReply<'a> {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The result for every TSI.
    pub result: RegistrationResult,
    /// The granted lifetime.
    pub lifetime: Lifetime,
    /// The TSIs, each with the version of its current mapping.
    pub tsis: List<'a, TsiVersion>,
    /// The place of the current mappings if the claims were refused.
    pub current: Option<Place>,
}

/// A [`crate::Deregister`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Deregister<'a> {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The TSIs that left.
    pub tsis: List<'a, TsiVersion>,
}

/// A [`crate::DeregisterReply`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct DeregisterReply<'a> {
    /// The VN of every TSI.
    pub vn: Vni,
    /// The TSIs, each with the version of its current mapping.
    pub tsis: List<'a, TsiVersion>,
}

/// A [`crate::Restate`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Restate<'a> {
    /// The VN of every TSI.
    pub vn: Vni,
    /// True if more follows in this session.
    pub more: bool,
    /// The TSIs.
    pub tsis: List<'a, Resting<'a>>,
}

/// A [`crate::Resting`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Resting<'a> {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The version of the mapping that the NVE knows.
    pub version: Version,
    /// The IP addresses of the TSI, with its role.
    pub ips: Addresses<'a>,
}

/// A [`crate::RestateMove`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct RestateMove<'a> {
    /// The move.
    pub move_id: MoveId,
    /// The version that is reserved for the move.
    pub version: Version,
    /// The side of the sender.
    pub side: Side,
    /// What holds at the sender.
    pub party: PartyState,
    /// The NVE on the other side.
    pub peer: NveId,
    /// The TSIs that move together.
    pub tsis: Tsis<'a>,
}

/// A [`crate::Mapping`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The IP addresses of the TSI, with its role.
    pub ips: Addresses<'a>,
    /// The version of the mapping.
    pub version: Version,
    /// The place of the TSI; `None` once the mapping is withdrawn.
    pub place: Option<Place>,
}

/// A [`crate::Response`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The VN.
    pub vn: Vni,
    /// The queried address.
    pub address: Address,
    /// The answer.
    pub answer: Answer<'a>,
    /// The time for which the NVE may keep the answer.
    pub lifetime: Lifetime,
}

/// A [`crate::Answer`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// The address belongs to this mapping.
    Found(Mapping<'a>),
    /// The VN has no such address.
    NotFound,
    /// The NVE may not know.
    Prohibited,
}

/// A [`crate::Update`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The VN of every mapping in it.
    pub vn: Vni,
    /// The update covers the published records after this one …
    pub after: RecordNo,
    /// … up to this one.
    pub upto: RecordNo,
    /// The current mappings.
    pub mappings: Mappings<'a>,
    /// The NVEs that take part in the VN; `None` if they have not changed.
    pub members: Option<Members<'a>>,
    /// True if the answer to a Resync ends with this update.
    pub synced: bool,
}

/// The mappings of an Update, checked.
#[derive(Clone, Copy)]
pub struct Mappings<'a> {
    pub(crate) base: Version,
    pub(crate) places: List<'a, Place>,
    pub(crate) entries: Reader<'a>,
}

/// A [`crate::Members`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a> {
    /// The NVEs and their locators.
    pub places: List<'a, Place>,
    /// True if the list goes on in the next Update of the VN.
    pub more: bool,
}

/// A [`crate::Resync`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Resync<'a> {
    /// The epoch and the number of the newest published record that the NVE has.
    pub since: Version,
    /// The VNs that the NVE subscribes to.
    pub vns: List<'a, Vni>,
    /// The mappings that the NVE queried and still has.
    pub mappings: List<'a, (Vni, Address)>,
    /// True if another message of the same transaction follows.
    pub more: bool,
}

/// A [`crate::Prepare`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Prepare<'a> {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// The side of the receiver.
    pub side: Side,
    /// The kind of the move.
    pub kind: MoveKind,
    /// True, to the old NVE: stop delivering now, without waiting for the hypervisor.
    pub suspended: bool,
    /// The TSIs that move together.
    pub tsis: Tsis<'a>,
    /// The NVE on the other side.
    pub peer: Place,
    /// The limits on frames that the new NVE holds for each TSI.
    pub limits: HoldLimits,
}

/// The TSIs of a move, checked.
#[derive(Clone, Copy)]
pub struct Tsis<'a>(pub(crate) Tlvs<'a>);

/// A [`crate::Outcome`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The move.
    pub move_id: MoveId,
    /// The result of the move.
    pub result: MoveResult,
    /// The version of the mappings from now on.
    pub version: Version,
    /// The place of the VM from now on.
    pub place: Place,
    /// The TSIs of the move.
    pub tsis: List<'a, TsiKey>,
}

/// A [`crate::StateChunk`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct StateChunk<'a> {
    /// The stream.
    pub stream: StateStream,
    /// The amount of the copy before this part.
    pub offset: Amount,
    /// The part.
    pub part: StatePart<'a>,
}

/// A [`crate::StatePart`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the same as crate::StatePart's")]
pub enum StatePart<'a> {
    Connections(List<'a, FlowRecord<'a>>),
    Sessions(List<'a, FlowRecord<'a>>),
    Policies(List<'a, PolicyRecord<'a>>),
    Snapshot(&'a [u8]),
    Opaque(&'a [u8]),
}

/// A [`crate::FlowRecord`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct FlowRecord<'a> {
    /// The flow.
    pub flow: Flow,
    /// The current state; `None` once the flow is gone.
    pub state: Option<FlowState<'a>>,
}

/// A [`crate::FlowState`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct FlowState<'a> {
    /// The time that remains of the state; `None` if it does not expire.
    pub expires: Option<Micros>,
    /// The data of the flow.
    pub data: &'a [u8],
}

/// A [`crate::PolicyRecord`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRecord<'a> {
    /// The TSI.
    pub tsi: TsiKey,
    /// The number of the policy, among those of the TSI.
    pub number: u32,
    /// The rules; `None` once the policy is gone.
    pub rules: Option<&'a [u8]>,
}

/// A [`crate::CacheReport`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct CacheReport<'a> {
    /// The VN of every entry.
    pub vn: Vni,
    /// The mappings that the NVE has.
    pub entries: CacheEntries<'a>,
    /// True if another message of the same transaction follows.
    pub more: bool,
}

/// The entries of a report, checked.
#[derive(Clone, Copy)]
pub struct CacheEntries<'a> {
    pub(crate) base: Version,
    pub(crate) nves: List<'a, NveId>,
    pub(crate) entries: Reader<'a>,
}

/// A [`crate::CacheEntry`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct CacheEntry<'a> {
    /// The MAC of the TSI.
    pub mac: Mac,
    /// The IP addresses of the TSI, with its role.
    pub ips: Addresses<'a>,
    /// The version of the mapping.
    pub version: Version,
    /// The NVE that the mapping points to.
    pub nve: NveId,
}

/// A [`crate::CacheVerdict`], read in place in a datagram.
#[derive(Clone, Copy, Debug)]
pub struct CacheVerdict<'a> {
    /// The VN of every entry.
    pub vn: Vni,
    /// The entries that are wrong.
    pub wrong: List<'a, WrongEntry>,
    /// True if another message of the same transaction follows.
    pub more: bool,
}
