//! The macro for enums of numbers on the wire.

/// Defines an enum with one variant for each number that has a meaning, and a last variant that keeps any other number.
///
/// From each row the macro makes the number, the short name, the text form, and the conversions from and to numbers.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        pub enum $name:ident: $number:ident {
            $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)+
        }
        $(#[$rest:meta])* else $other:ident, $format:literal;
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            $(#[$rest])* $other($number),
        }

        impl $name {
            /// The variant of a number.
            #[inline]
            pub const fn new(number: $number) -> Self {
                match number {
                    $($code => Self::$variant,)+
                    other => Self::$other(other),
                }
            }

            /// The number on the wire.
            #[inline]
            pub const fn value(self) -> $number {
                match self {
                    $(Self::$variant => $code,)+
                    Self::$other(number) => number,
                }
            }

            /// Its short name. `None` for a number without a meaning here.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)+
                    Self::$other(_) => None,
                }
            }
        }

        impl From<$number> for $name {
            fn from(number: $number) -> Self {
                Self::new(number)
            }
        }

        impl From<$name> for $number {
            fn from(code: $name) -> Self {
                code.value()
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, $format, self.value()),
                }
            }
        }

        #[cfg(feature = "arbitrary")]
        impl arbitrary::Arbitrary<'_> for $name {
            fn arbitrary(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
                u.arbitrary().map(Self::new)
            }

            fn size_hint(depth: usize) -> (usize, Option<usize>) {
                <$number as arbitrary::Arbitrary>::size_hint(depth)
            }
        }
    };
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    use crate::arp::Operation;
    use crate::group::RecordKind;
    use crate::vxlan_gpe::Next;
    use std::string::ToString;

    #[test]
    fn every_number_comes_back_and_every_name_is_its_own() {
        assert!((0..=u8::MAX).all(|number| RecordKind::new(number).value() == number));
        assert!((0..=u8::MAX).all(|number| Next::new(number).value() == number));
        assert!((0..=u16::MAX).all(|number| Operation::new(number).value() == number));
        assert_eq!((0..=u8::MAX).filter_map(|number| RecordKind::new(number).name()).count(), 6);
    }

    #[test]
    fn the_text_form_is_the_name_or_says_the_number() {
        assert_eq!(RecordKind::from(4).to_string(), "to_ex");
        assert_eq!(RecordKind::from(9).to_string(), "record 9");
        assert_eq!(std::format!("{:>8}|{:<8}|", Next::Nsh, Next::Ipv4), "     NSH|IPv4    |");
        assert_eq!(Operation::from(25).to_string(), "operation 25");
    }
}
