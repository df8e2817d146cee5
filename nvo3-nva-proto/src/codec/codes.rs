//! Enums that are one byte on the wire.

/// Makes from a row of each value: the enum, its byte on the wire, and a clause for a person. A byte without a row refuses the message.
///
/// An enum is exhaustive if an implementation must handle each value, and `#[non_exhaustive]` if the clause is enough for a new value.
macro_rules! codes {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$about:meta])* $variant:ident = $code:literal $clause:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[repr(u8)]
        pub enum $name {
            $($(#[$about])* $variant = $code,)*
        }

        impl $name {
            /// A clause for a person, as `Display` writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $clause,)*
                }
            }
        }

        impl TryFrom<u8> for $name {
            type Error = $crate::error::UnknownCode;

            /// The value of a byte on the wire.
            #[inline]
            fn try_from(found: u8) -> Result<Self, Self::Error> {
                match found {
                    $($code => Ok(Self::$variant),)*
                    _ => Err($crate::error::UnknownCode { name: stringify!($name), found }),
                }
            }
        }

        impl core::fmt::Display for $name {
            /// Writes a clause for a person.
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::codec::Put for $name {
            fn put<S: $crate::codec::Sink>(&self, out: &mut S) {
                out.put(&[*self as u8]);
            }
        }

        impl $crate::codec::Get<'_> for $name {
            #[inline]
            fn get(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                let at = r.offset();
                Self::try_from(r.get::<u8>()?).map_err(|unknown| r.wrong(at, unknown.found))
            }
        }
    };
}

pub(crate) use codes;
