//! The messages, as owned values.

use crate::audit::{CacheReport, CacheVerdict};
use crate::id::{MoveId, NveId, Place, RecordNo, SessionId, TsiKey, Version};
use crate::transfer::{StateAck, StateChunk, StateOffer};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_wire::{Mac, Vni};

/// One message of the protocol; the header is apart ([`crate::Header`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Message {
    /// An NVE asks for a session.
    Hello(Hello),
    /// The NVA grants it.
    HelloAck(HelloAck),
    /// Nothing to say, still here.
    Keepalive,
    /// The session ends in order.
    Goodbye,
    /// Something that was received could not be taken.
    Error(Error),
    /// What was received and what of it is in force.
    Ack(Ack),
    /// An NVE restates its interest and asks for what it may have missed.
    Resync(Resync),
    /// An NVE takes part in a VN from now on.
    Subscribe(Vni),
    /// It no longer does.
    Unsubscribe(Vni),
    /// A TSI is (or claims to be) behind the NVE that says so.
    RegistrationRequest(RegistrationRequest),
    /// The answer to one.
    RegistrationReply(RegistrationReply),
    /// A TSI has left the NVE that says so.
    Deregister(Deregister),
    /// The answer to one.
    DeregisterReply(DeregisterReply),
    /// Where is this address?
    Query(Query),
    /// The answer to one.
    Response(Response),
    /// Mappings that changed, pushed to who is interested.
    Update(Update),
    /// Time this mapping out, if it is still that one.
    Invalidate(Invalidate),
    /// Reserve what a move needs.
    Prepare(Prepare),
    /// Reserved, or refused with a reason.
    Ready(Ready),
    /// The old NVE has stopped delivering; its tunnel entry is in force. The NVA passes it on to the new NVE.
    Suspended(MoveWord),
    /// The VM runs at the new NVE, which delivers.
    Activated(MoveWord),
    /// The VM runs at the old NVE again, by its hypervisor's own decision.
    Resumed(MoveWord),
    /// Never activate this move.
    Revoke(MoveWord),
    /// It will never be activated.
    Revoked(MoveWord),
    /// How did this move end?
    OutcomeQuery(MoveId),
    /// How it ended.
    Outcome(Outcome),
    /// From the NVA: everyone interested follows. From an NVE: its part of the report.
    Done(Done),
    /// How much there is of a state that goes from one NVE to another.
    StateOffer(StateOffer),
    /// A part of it.
    StateChunk(StateChunk),
    /// How much of it has come.
    StateAck(StateAck),
    /// What an NVE believes of a VN: is it right?
    CacheReport(CacheReport),
    /// What of it is not.
    CacheVerdict(CacheVerdict),
}

/// Encapsulations that an NVE can send and receive, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Encapsulations(pub u16);

impl Encapsulations {
    /// VXLAN (RFC 7348).
    pub const VXLAN: Self = Self(1);

    /// Whether the two sets share a member that is known here.
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 & Self::VXLAN.0 != 0
    }
}

/// What an NVE is able to do beyond the least, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// Its forwarder can hold frames, so hot moves to it lose none.
    pub const HOLD: Self = Self(1);

    /// Whether all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// See [`Message::Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// Who asks.
    pub place: Place,
    /// Repeated in the answer, so that a late one is told apart.
    pub nonce: u64,
    /// It had a session since it started. False: it has (re)started and remembers nothing.
    pub resumed: bool,
    /// What it can send and receive.
    pub encapsulations: Encapsulations,
    /// What it is able to do.
    pub capabilities: Capabilities,
}

/// See [`Message::HelloAck`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HelloAck {
    /// The session that is granted.
    pub session: SessionId,
    /// That of the Hello.
    pub nonce: u64,
    /// The authority's epoch.
    pub epoch: u32,
    /// The newest published record.
    pub published: RecordNo,
}

/// See [`Message::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Error {
    /// What is wrong.
    pub code: ErrorCode,
    /// The message type it is about, 0 where unknown.
    pub about: u8,
    /// The sequence of the message it is about, 0 for none.
    pub sequence: u32,
    /// The byte where it was found.
    pub offset: u32,
    /// The TLV type concerned, 0 for none.
    pub tlv: u16,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum ErrorCode {
    /// A version that the receiver does not speak.
    Version = 1,
    /// An unknown message type.
    UnknownType = 2,
    /// It ends before it should.
    Truncated = 3,
    /// A field with a value that it may not have.
    Field = 4,
    /// An unknown TLV with the critical bit.
    UnknownCritical = 5,
    /// A TLV that must be there is not.
    Missing = 6,
    /// A session that the receiver does not have.
    UnknownSession = 7,
    /// An NVE that the receiver does not know.
    UnknownNve = 8,
    /// A message that its sender may not send.
    NotAllowed = 9,
    /// The receiver has no room for it.
    Resource = 10,
    /// The forwarder refused what it asked for.
    Forwarder = 11,
}

/// See [`Message::Ack`]. Both numbers are cumulative sequences of the other direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ack {
    /// Everything up to here was received: it is not sent again.
    pub received: u32,
    /// Everything up to here is in force in the forwarder, or was refused by an Error that names it.
    pub in_force: u32,
}

/// A tenant address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Address {
    /// A MAC.
    Mac(Mac),
    /// An IP of either family.
    Ip(IpAddr),
}

/// See [`Message::Resync`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Resync {
    /// Everything published after this record; 0 asks for all.
    pub since: RecordNo,
    /// The VNs that the NVE takes part in.
    pub vns: Vec<Vni>,
    /// The mappings that it pulled and still holds.
    pub mappings: Vec<(Vni, Address)>,
    /// Another Resync of the same transaction follows.
    pub more: bool,
}

/// Why a TSI is, or comes to be, behind an NVE (draft-ietf-nvo3-vmm §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum MoveKind {
    /// It runs all along.
    Hot = 1,
    /// Mirrored, then stopped and started.
    Warm = 2,
    /// Stopped, then started.
    Cold = 3,
    /// Nobody planned it: it showed up, or another took over.
    Failover = 4,
}

/// A TSI with its addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Tsi {
    /// VN and MAC.
    pub key: TsiKey,
    /// Its IP addresses.
    pub ips: Vec<IpAddr>,
}

/// See [`Message::RegistrationRequest`] (VMM-6-01). The NVE is the session's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationRequest {
    /// What is registered.
    pub tsi: Tsi,
    /// Why it shows up; a first start is [`MoveKind::Cold`].
    pub kind: MoveKind,
    /// Where the NVE believes that it was, if it knows.
    pub old: Option<NveId>,
    /// The newest version that the NVE knows, 0 for none; `None` for any. A newer mapping elsewhere refuses it (VMM-6-04).
    pub expected: Option<Version>,
    /// How long it stays registered without being refreshed, in 100 ms; 0xFFFF as long as the session lives.
    pub lifetime: u16,
}

/// See [`Message::RegistrationReply`] (VMM-6-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct RegistrationReply {
    /// What it is about.
    pub tsi: TsiKey,
    /// Accepted, or why not.
    pub result: RegistrationResult,
    /// The version of the mapping as it stands now.
    pub version: Version,
    /// Granted lifetime, in 100 ms; 0xFFFF as long as the session lives.
    pub lifetime: u16,
    /// Where the mapping points where the request was refused.
    pub current: Option<Place>,
}

/// The result of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum RegistrationResult {
    /// The mapping points to the NVE.
    Accepted = 0,
    /// Policy forbids it.
    Policy = 1,
    /// The NVA does not serve the VN.
    UnknownVn = 2,
    /// The tenant may not share the NVE.
    TenantConflict = 3,
    /// It moved too often without being planned; frozen for a while (RFC 7432 §15.1).
    Duplicate = 4,
    /// A newer mapping exists.
    Stale = 5,
    /// The NVE may not say it.
    NotAuthorised = 6,
    /// No room.
    Resource = 7,
    /// Malformed.
    Malformed = 8,
    /// A planned move of it is under way.
    Moving = 9,
}

/// See [`Message::Deregister`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Deregister {
    /// What leaves.
    pub tsi: TsiKey,
    /// The version under which the NVE had it; a newer mapping is not touched.
    pub version: Version,
}

/// See [`Message::DeregisterReply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DeregisterReply {
    /// What it is about.
    pub tsi: TsiKey,
    /// The version of the mapping as it stands now.
    pub version: Version,
}

/// See [`Message::Query`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Query {
    /// The VN asked in.
    pub vn: Vni,
    /// The address asked for.
    pub address: Address,
}

/// A TSI, its addresses and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mapping {
    /// Its MAC; the VN is that of the message.
    pub mac: Mac,
    /// Its IP addresses.
    pub ips: Vec<IpAddr>,
    /// What orders it.
    pub version: Version,
    /// Where it is; `None` once it is withdrawn.
    pub place: Option<Place>,
}

/// See [`Message::Response`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Response {
    /// The VN asked in.
    pub vn: Vni,
    /// The address asked for.
    pub address: Address,
    /// The answer.
    pub answer: Answer,
    /// How long it may be kept, in 100 ms; 0 for this once, 0xFFFF as long as the session lives (DIR-03).
    pub lifetime: u16,
}

/// What the NVA knows of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Answer {
    /// It is this mapping.
    Found(Mapping),
    /// No such address in the VN.
    NotFound,
    /// The asker may not know (DAP-05).
    Prohibited,
}

/// See [`Message::Update`]: one VN, grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Update {
    /// The VN of every mapping in it.
    pub vn: Vni,
    /// It covers the publishing records after this one …
    pub after: RecordNo,
    /// … up to this one.
    pub upto: RecordNo,
    /// With at most 4 different places.
    pub mappings: Vec<Mapping>,
    /// The NVEs that take part in the VN, where that changed.
    pub members: Option<Members>,
    /// The answer to a Resync ends here.
    pub synced: bool,
}

/// The NVEs that take part in a VN, all of them or a part of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Members {
    /// Where they are.
    pub places: Vec<Place>,
    /// The list goes on in the next Update of the VN, and counts when it is whole.
    pub more: bool,
}

/// See [`Message::Invalidate`]. Between NVEs it is a hint: all it can cause is a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Invalidate {
    /// Whose mapping.
    pub tsi: TsiKey,
    /// Only if it still points there …
    pub nve: NveId,
    /// … and is not newer than this.
    pub version: Version,
}

/// Which side of a move an NVE is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum Side {
    /// The VM leaves it.
    Old = 1,
    /// The VM comes to it.
    New = 2,
}

/// Bounds of what is held for one TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HoldLimits {
    /// Frames.
    pub frames: u32,
    /// Bytes of frames.
    pub bytes: u32,
    /// Milliseconds.
    pub age_ms: u32,
}

/// See [`Message::Prepare`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Prepare {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
    /// Which side the receiver is on.
    pub side: Side,
    /// How the VM moves.
    pub kind: MoveKind,
    /// To the old NVE: stop delivering now, without the hypervisor's word (it had been given before a restart, or nobody
    /// planned the move).
    pub suspended: bool,
    /// What moves as one.
    pub tsis: Vec<Tsi>,
    /// The other side.
    pub peer: Place,
    /// How much the new NVE may hold for each TSI.
    pub limits: HoldLimits,
}

/// See [`Message::Ready`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ready {
    /// The move.
    pub move_id: MoveId,
    /// The version that it was prepared for.
    pub version: Version,
    /// Why not, if not.
    pub refused: Option<Refusal>,
}

/// Why an NVE or the NVA will not take part in a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum Refusal {
    /// Below the floor: something newer is known.
    Stale = 1,
    /// The VM is not here (old side), or already here (new side).
    WrongPlace = 2,
    /// The forwarder cannot hold or tunnel.
    Forwarder = 3,
    /// No room for another.
    Resource = 4,
    /// No encapsulation or underlay address family in common.
    NoCommonUnderlay = 5,
    /// The NVE has no session with the NVA.
    NoSession = 6,
    /// Another move of one of the TSIs has not ended.
    Busy = 7,
    /// Policy forbids it.
    Policy = 8,
    /// No such TSI.
    UnknownTsi = 9,
    /// The kind of move is not supported.
    NotSupported = 10,
}

/// A word about a move that says nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct MoveWord {
    /// The move.
    pub move_id: MoveId,
    /// The version reserved for it.
    pub version: Version,
}

/// See [`Message::Outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Outcome {
    /// The move.
    pub move_id: MoveId,
    /// How it ended.
    pub result: MoveResult,
    /// The version of the mappings from now on: the reserved one where committed, a newer one where aborted.
    pub version: Version,
    /// Where the VM is from now on.
    pub place: Place,
    /// What moved.
    pub tsis: Vec<TsiKey>,
}

/// How a move ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(u8)]
pub enum MoveResult {
    /// The VM is at the new NVE.
    Committed = 1,
    /// The VM is at the old NVE.
    Aborted = 2,
    /// The NVA has not decided, or does not know the move.
    Unknown = 3,
}

/// See [`Message::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Done {
    /// The move.
    pub move_id: MoveId,
    /// What was counted for it.
    pub report: Report,
}

/// What one side counted for a move (VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Report {
    /// Microseconds from the suspend (old side) or from *Ready* (new side) to the end of the VM's pause there; for the
    /// NVA from *Prepare* to convergence.
    pub duration_us: u64,
    /// Frames held.
    pub held_frames: u64,
    /// Frames tunnelled on.
    pub tunnelled_frames: u64,
    /// Frames dropped, for whatever reason.
    pub dropped_frames: u64,
    /// Senders that still had the old mapping.
    pub stale_senders: u64,
}
