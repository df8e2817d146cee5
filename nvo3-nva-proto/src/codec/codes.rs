//! Enums that are one byte on the wire.

/// The enum, and the byte with its number. A byte that is no number of it refuses the message.
macro_rules! codes {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$about:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[repr(u8)]
        pub enum $name {
            $($(#[$about])* $variant = $code,)*
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
                match r.get::<u8>()? {
                    $($code => Ok(Self::$variant),)*
                    other => Err(r.wrong(at, other)),
                }
            }
        }
    };
}

pub(crate) use codes;
