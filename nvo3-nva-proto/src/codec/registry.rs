//! The numbers of message types (SPEC.md §5).

use crate::message::Message;

/// One list for codes, names and the way from a message to either.
macro_rules! types {
    ($($code:ident = $value:literal $variant:ident $(($any:tt))?,)*) => {
        /// The codes by name.
        pub(crate) mod code {
            $(pub(crate) const $code: u8 = $value;)*
        }

        /// The name of a message type, if it is one.
        pub const fn type_name(code: u8) -> Option<&'static str> {
            match code {
                $(code::$code => Some(stringify!($variant)),)*
                _ => None,
            }
        }

        impl Message {
            /// The number of its type on the wire.
            pub const fn type_code(&self) -> u8 {
                match self {
                    $(Self::$variant $(($any))? => code::$code,)*
                }
            }

            /// The name of its type.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant $(($any))? => stringify!($variant),)*
                }
            }
        }
    };
}

types! {
    HELLO = 0x01 Hello(_),
    HELLO_ACK = 0x02 HelloAck(_),
    KEEPALIVE = 0x03 Keepalive,
    GOODBYE = 0x04 Goodbye,
    ERROR = 0x05 Error(_),
    ACK = 0x06 Ack(_),

    REGISTRATION_REQUEST = 0x10 RegistrationRequest(_),
    REGISTRATION_REPLY = 0x11 RegistrationReply(_),
    DEREGISTER = 0x12 Deregister(_),
    DEREGISTER_REPLY = 0x13 DeregisterReply(_),

    QUERY = 0x20 Query(_),
    RESPONSE = 0x21 Response(_),
    SUBSCRIBE = 0x22 Subscribe(_),
    UNSUBSCRIBE = 0x23 Unsubscribe(_),
    UPDATE = 0x24 Update(_),
    RESYNC = 0x25 Resync(_),
    INVALIDATE = 0x26 Invalidate(_),

    PREPARE = 0x30 Prepare(_),
    READY = 0x31 Ready(_),
    SUSPENDED = 0x32 Suspended(_),
    ACTIVATED = 0x33 Activated(_),
    RESUMED = 0x34 Resumed(_),
    REVOKE = 0x35 Revoke(_),
    REVOKED = 0x36 Revoked(_),
    OUTCOME_QUERY = 0x37 OutcomeQuery(_),
    OUTCOME = 0x38 Outcome(_),
    DONE = 0x39 Done(_),

    STATE_OFFER = 0x40 StateOffer(_),
    STATE_CHUNK = 0x41 StateChunk(_),
    STATE_ACK = 0x42 StateAck(_),

    CACHE_REPORT = 0x50 CacheReport(_),
    CACHE_VERDICT = 0x51 CacheVerdict(_),
}
