//! The messages: [`Message`] and its bodies as owned values. [`crate::view`] has the same messages, read in place in a datagram.
//!
//! [`table`] has the one list of messages. `codec` has the layout of each body, beside its reader.

mod audit;
mod directory;
mod moves;
mod registration;
mod session;
pub(crate) mod table;
mod transfer;

pub use audit::{CacheEntry, CacheReport, CacheVerdict, Verdict, WrongEntry};
pub use directory::{Address, Answer, Invalidate, Mapping, Members, Query, Response, Resync, Update};
pub use moves::{Done, HoldLimits, MoveResult, MoveWord, Outcome, Prepare, Ready, Refusal, Report, Side};
pub use registration::{
    Claim, Deregister, DeregisterReply, MoveKind, PartyState, RegistrationReply, RegistrationRequest,
    RegistrationResult, Restate, RestateMove, Resting, Role, Tsi, TsiVersion,
};
pub use session::{Ack, Capabilities, Encapsulations, ErrorCode, ErrorMessage, Hello, HelloAck, Seen};
pub use table::{Message, type_name};
pub use transfer::{
    Amount, Flow, FlowEnds, FlowRecord, FlowState, PolicyRecord, StateAck, StateAnswer, StateChunk, StateKind,
    StateOffer, StatePart, StateStream, TooLarge, Vlan,
};
