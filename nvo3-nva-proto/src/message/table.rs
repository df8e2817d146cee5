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
        /// One message of the protocol; the header is apart ([`crate::Header`]).
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub enum Message {
            $($(#[$doc])* $name $(($owned))?,)*
        }

        /// The messages that are read in place.
        pub(crate) mod borrowed {
            use super::*;

            /// One message, read in place; [`crate::Message`] owns its values.
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

        /// The name of a message type, if it is one.
        pub const fn type_name(code: u8) -> Option<&'static str> {
            match code {
                $($code => Some(stringify!($name)),)*
                _ => None,
            }
        }

        impl Message {
            /// The number of its type on the wire.
            pub const fn type_code(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }

            /// The name of its type.
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
    /// The NVA grants it.
    0x02 HelloAck(HelloAck);
    /// Nothing to say, still here.
    0x03 Keepalive;
    /// The session ends in order.
    0x04 Goodbye;
    /// Something that was received could not be taken.
    0x05 Error(Error);
    /// What was received and what of it is in force.
    0x06 Ack(Ack);

    /// A TSI is (or claims to be) behind the NVE that says so.
    0x10 RegistrationRequest(RegistrationRequest, view::RegistrationRequest<'a>);
    /// The answer to one.
    0x11 RegistrationReply(RegistrationReply);
    /// A TSI has left the NVE that says so.
    0x12 Deregister(Deregister);
    /// The answer to one.
    0x13 DeregisterReply(DeregisterReply);

    /// Where is this address?
    0x20 Query(Query);
    /// The answer to one.
    0x21 Response(Response, view::Response<'a>);
    /// An NVE takes part in a VN from now on.
    0x22 Subscribe(Vni);
    /// It no longer does.
    0x23 Unsubscribe(Vni);
    /// Mappings that changed, pushed to who is interested.
    0x24 Update(Update, view::Update<'a>);
    /// An NVE restates its interest and asks for what it may have missed.
    0x25 Resync(Resync, view::Resync<'a>);
    /// Time this mapping out, if it is still that one.
    0x26 Invalidate(Invalidate);

    /// Reserve what a move needs.
    0x30 Prepare(Prepare, view::Prepare<'a>);
    /// Reserved, or refused with a reason.
    0x31 Ready(Ready);
    /// The old NVE has stopped delivering; its tunnel entry is in force. The NVA passes it on to the new NVE.
    0x32 Suspended(MoveWord);
    /// The VM runs at the new NVE, which delivers.
    0x33 Activated(MoveWord);
    /// The VM runs at the old NVE again, by its hypervisor's own decision.
    0x34 Resumed(MoveWord);
    /// Never activate this move.
    0x35 Revoke(MoveWord);
    /// It will never be activated.
    0x36 Revoked(MoveWord);
    /// How did this move end?
    0x37 OutcomeQuery(MoveId);
    /// How it ended.
    0x38 Outcome(Outcome, view::Outcome<'a>);
    /// From the NVA: everyone interested follows. From an NVE: its part of the report.
    0x39 Done(Done);

    /// How much there is of a state that goes from one NVE to another.
    0x40 StateOffer(StateOffer);
    /// A part of it.
    0x41 StateChunk(StateChunk, view::StateChunk<'a>);
    /// How much of it has come.
    0x42 StateAck(StateAck);

    /// What an NVE believes of a VN: is it right?
    0x50 CacheReport(CacheReport, view::CacheReport<'a>);
    /// What of it is not.
    0x51 CacheVerdict(CacheVerdict, view::CacheVerdict<'a>);
}
