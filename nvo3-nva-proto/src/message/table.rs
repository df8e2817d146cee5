//! The one list of messages (SPEC.md §5). The macro makes from it: both enums, numbers, names, encoding, decoding, and the conversion of
//! one enum to the other.

use super::*;
use crate::codec::{Put, Reader, Sink};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::id::MoveId;
use crate::view;
use nvo3_wire::Vni;

/// A row is the message's number, its name and the type of its body; a Keepalive has no body. Where the body has lists, a second type
/// reads it in place, in the datagram.
macro_rules! messages {
    ($($(#[$doc:meta])* $code:literal $name:ident $(($owned:ty $(, $view:ty)?))?;)*) => {
        /// A message of the protocol, without its [`Header`](crate::Header).
        ///
        /// Exhaustive: an implementation answers each message, and a new one is a new version of the protocol.
        ///
        /// The bodies are exhaustive structs too: they are version 1 of the protocol. An optional TLV that is added later is a new
        /// field, and so a new minor version of this crate while it is 0.x.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub enum Message {
            $($(#[$doc])* $name $(($owned))?,)*
        }

        /// The messages that are read in place.
        pub(crate) mod borrowed {
            use super::*;

            /// A message that is read in its datagram. [`crate::Message`] is the same with owned values.
            #[derive(Clone, Copy, Debug)]
            pub enum Message<'a> {
                $($(#[$doc])* $name $((messages!(@view $owned $(, $view)?)))?,)*
            }
        }

        /// The numbers by name.
        #[allow(non_upper_case_globals, dead_code, reason = "the row's name is the constant's; few constants are used")]
        pub(crate) mod code {
            $(pub(crate) const $name: u8 = $code;)*
        }

        /// The name of a message type; `None` if the number is no message type.
        pub const fn type_name(code: u8) -> Option<&'static str> {
            match code {
                $($code => Some(stringify!($name)),)*
                _ => None,
            }
        }

        impl Message {
            /// The number of the message type on the wire.
            pub const fn type_code(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            /// The name of the message type.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)*
                }
            }

            /// Writes what comes after the header.
            pub(crate) fn put_body<S: Sink>(&self, out: &mut S) {
                match self {
                    $(Self::$name $((messages!(@with $owned, body)))? => {
                        $(messages!(@with $owned, body).put(out);)?
                    })*
                }
            }
        }

        impl<'a> borrowed::Message<'a> {
            /// Reads what comes after the header of a message of this type, but for TLVs that are not known here.
            pub(crate) fn get_body(code: u8, r: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Ok(match code {
                    $($code => Self::$name $((messages!(@with $owned, r).get()?))?,)*
                    _ => return Err(r.fail(1, DecodeErrorKind::UnknownType { found: code })),
                })
            }
        }

        impl From<borrowed::Message<'_>> for Message {
            fn from(message: borrowed::Message<'_>) -> Self {
                match message {
                    $(borrowed::Message::$name $((messages!(@with $owned, body)))? => {
                        Self::$name $((messages!(@with $owned, body).into()))?
                    })*
                }
            }
        }
    };
    // Repeats `$written` where there is a body: a repetition must name something that the row has.
    (@with $body:ty, $written:tt) => { $written };
    (@view $first:ty) => { $first };
    (@view $first:ty, $last:ty) => { $last };
}

messages! {
    /// An NVE asks for a session.
    0x01 Hello(Hello);
    /// The NVA grants a session.
    0x02 HelloAck(HelloAck);
    /// The sender is alive and has nothing else to say.
    0x03 Keepalive;
    /// The sender closes the session.
    0x04 Goodbye;
    /// The sender could not take a message.
    0x05 Error(ErrorMessage);
    /// The messages that the sender has received, and those in force.
    0x06 Ack(Ack);

    /// An NVE registers TSIs that are behind it.
    0x10 RegistrationRequest(RegistrationRequest, view::RegistrationRequest<'a>);
    /// The NVA answers a RegistrationRequest.
    0x11 RegistrationReply(RegistrationReply, view::RegistrationReply<'a>);
    /// TSIs have left the NVE.
    0x12 Deregister(Deregister, view::Deregister<'a>);
    /// The NVA answers a Deregister.
    0x13 DeregisterReply(DeregisterReply, view::DeregisterReply<'a>);
    /// An NVE says which TSIs rest at it, in a new session.
    0x14 Restate(Restate, view::Restate<'a>);
    /// An NVE says which move it is a party of, in a new session.
    0x15 RestateMove(RestateMove, view::RestateMove<'a>);

    /// An NVE asks where an address is.
    0x20 Query(Query);
    /// The NVA answers a Query.
    0x21 Response(Response, view::Response<'a>);
    /// An NVE subscribes to a VN.
    0x22 Subscribe(Vni);
    /// An NVE ends its subscription of a VN.
    0x23 Unsubscribe(Vni);
    /// The NVA pushes changed mappings to the interested NVEs.
    0x24 Update(Update, view::Update<'a>);
    /// An NVE restates its interest and asks for the updates that it missed.
    0x25 Resync(Resync, view::Resync<'a>);
    /// A mapping is out of date. The receiver drops the mapping if it still has it.
    0x26 Invalidate(Invalidate);

    /// The NVA asks an NVE to reserve what a move needs.
    0x30 Prepare(Prepare, view::Prepare<'a>);
    /// An NVE is ready for a move, or refuses it.
    0x31 Ready(Ready);
    /// The old NVE has stopped delivering and its forward entry is in force. The NVA passes this on to the new NVE.
    0x32 Suspended(MoveWord);
    /// The VM runs at the new NVE, and the new NVE delivers.
    0x33 Activated(MoveWord);
    /// The hypervisor has resumed the VM at the old NVE.
    0x34 Resumed(MoveWord);
    /// The NVA forbids the new NVE to activate the move.
    0x35 Revoke(MoveWord);
    /// The new NVE will not activate the move.
    0x36 Revoked(MoveWord);
    /// An NVE asks how a move ended.
    0x37 OutcomeQuery(MoveId);
    /// The NVA says how a move ended.
    0x38 Outcome(Outcome, view::Outcome<'a>);
    /// From the NVA: every interested NVE follows the move. From an NVE: its part of the report.
    0x39 Done(Done);

    /// The source of a transfer says how much state there is.
    0x40 StateOffer(StateOffer);
    /// The source sends a part of the state.
    0x41 StateChunk(StateChunk, view::StateChunk<'a>);
    /// The target says how much of the state it has.
    0x42 StateAck(StateAck);

    /// An NVE reports its mappings of a VN to have them checked.
    0x50 CacheReport(CacheReport, view::CacheReport<'a>);
    /// The NVA says which reported mappings are wrong.
    0x51 CacheVerdict(CacheVerdict, view::CacheVerdict<'a>);
}
