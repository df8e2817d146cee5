//! Times of the suite: an owner brings the clock, a message carries lengths of time.

use core::fmt;
use core::ops::{Add, Sub};

/// A reading of the owner's clock, in microseconds since an epoch of the owner's choice.
///
/// `Display` writes seconds with six decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Instant(pub u64);

/// A length of time in microseconds.
///
/// `Display` writes the largest unit that fits: `7 us`, `30 ms`, `1.5 s`. With `serde` it is the number of microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Micros(pub u64);

impl Micros {
    /// The length of `n` milliseconds; `u64::MAX` microseconds where that is too many.
    pub const fn from_millis(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// The length of `n` seconds; `u64::MAX` microseconds where that is too many.
    pub const fn from_secs(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// The length of a duration, rounded up to whole microseconds; `u64::MAX` microseconds where that is too many.
    ///
    /// So a positive duration never becomes 0, which turns some settings off.
    ///
    /// ```
    /// use core::time::Duration;
    /// use nvo3_nva_proto::Micros;
    ///
    /// let rounded = [0, 1, 1_000, 1_001].map(|nanos| Micros::from_duration_ceil(Duration::from_nanos(nanos)).0);
    /// assert_eq!(rounded, [0, 1, 1, 2]);
    /// ```
    pub fn from_duration_ceil(duration: core::time::Duration) -> Self {
        Self(u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX))
    }

    /// Whole milliseconds as a message carries them: rounded up, and at most `u32::MAX`.
    pub(crate) fn to_wire_millis(self) -> u32 {
        u32::try_from(self.0.div_ceil(1_000)).unwrap_or(u32::MAX)
    }

    /// A length that a message carries exactly.
    #[cfg(feature = "arbitrary")]
    pub(crate) fn arbitrary_millis(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(Self::from_millis(u.arbitrary::<u32>()?.into()))
    }
}

impl Add<Micros> for Instant {
    type Output = Self;

    /// The time after `length`; the last instant there is where that is later.
    fn add(self, length: Micros) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl Sub for Instant {
    type Output = Micros;

    /// The time since `earlier`, 0 where `earlier` is later.
    fn sub(self, earlier: Self) -> Micros {
        Micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Micros {
    type Output = Self;

    /// The sum; `u64::MAX` microseconds where that is too many.
    fn add(self, length: Self) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl From<Micros> for core::time::Duration {
    fn from(length: Micros) -> Self {
        Self::from_micros(length.0)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale, mut digits) = match self.0 {
            1..1_000 => ("us", 1, 0),
            1_000..1_000_000 => ("ms", 1_000, 3),
            _ => ("s", 1_000_000, 6),
        };
        let (whole, mut fraction) = (self.0 / scale, self.0 % scale);
        if fraction == 0 {
            return write!(f, "{whole} {unit}");
        }
        while fraction.is_multiple_of(10) {
            (fraction, digits) = (fraction / 10, digits - 1);
        }
        write!(f, "{whole}.{fraction:0digits$} {unit}")
    }
}

/// The lifetime of an answer or a registration, as a message carries it: in units of 100 ms (DIR-03).
///
/// Two values mean something else: [`Lifetime::ONCE`] serves the asked query only, [`Lifetime::SESSION`] holds as long as the
/// session lives. With `serde` a lifetime is its [`Lifetime::length`]: a number of microseconds, 0 for [`Lifetime::ONCE`], and none
/// (`null` in JSON) for [`Lifetime::SESSION`]. A number that is read is rounded as by [`Lifetime::new`].
///
/// ```
/// use nvo3_nva_proto::{Lifetime, Micros};
///
/// assert_eq!(Lifetime::new(Micros::from_secs(60)).length(), Some(Micros::from_secs(60)));
/// assert_eq!(Lifetime::new(Micros(1)).length(), Some(Micros::from_millis(100)));
/// assert_eq!(Lifetime::SESSION.length(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Lifetime(pub(crate) u16);

impl Lifetime {
    /// For this once: the receiver keeps nothing.
    pub const ONCE: Self = Self(0);
    /// The shortest that ends by time: 100 ms.
    pub const MIN: Micros = Micros(Self::UNIT);
    /// The longest that ends by time: 6,553.4 s.
    pub const MAX: Micros = Micros(Self::UNIT * 65_534);
    /// The lifetime that ends with the session.
    pub const SESSION: Self = Self(u16::MAX);

    /// The microseconds of one unit.
    const UNIT: u64 = 100_000;

    /// The lifetime of this length, rounded down to 100 ms: [`Lifetime::ONCE`] for 0, at least [`Lifetime::MIN`] for a positive
    /// length, at most [`Lifetime::MAX`].
    pub fn new(length: Micros) -> Self {
        let units = (length.0 / Self::UNIT).clamp(u64::from(length.0 > 0), Self::MAX.0 / Self::UNIT);
        // The clamp keeps it below u16::MAX.
        Self(u16::try_from(units).unwrap_or(u16::MAX))
    }

    /// The lifetime that a message carries as this number, in units of 100 ms. 0 and 65,535 are the two special values.
    pub const fn from_wire(number: u16) -> Self {
        Self(number)
    }

    /// The number that a message carries, in units of 100 ms.
    pub const fn to_wire(self) -> u16 {
        self.0
    }

    /// Its length, 0 for [`Lifetime::ONCE`]; `None` for [`Lifetime::SESSION`], which no time ends.
    pub const fn length(self) -> Option<Micros> {
        match self {
            Self::SESSION => None,
            Self(units) => Some(Micros(Self::UNIT * units as u64)),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Lifetime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.length().serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Lifetime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Micros>::deserialize(deserializer)?.map_or(Self::SESSION, Self::new))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            None => f.write_str("as long as the session"),
            Some(Micros(0)) => f.write_str("once"),
            Some(length) => length.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_length_is_written_in_the_largest_unit_that_fits() {
        let cases = [
            (0, "0 s"),
            (7, "7 us"),
            (30_000, "30 ms"),
            (1_050, "1.05 ms"),
            (999_999, "999.999 ms"),
            (1_500_000, "1.5 s"),
            (7_200_000_000, "7200 s"),
            (1_000_001, "1.000001 s"),
        ];
        for (micros, text) in cases {
            assert_eq!(Micros(micros).to_string(), text);
        }
    }

    /// Checks DIR-03.
    #[test]
    fn a_lifetime_is_rounded_down_and_never_to_what_means_something_else() {
        let number = |micros| Lifetime::new(Micros(micros)).to_wire();
        assert_eq!([0, 1, 100_000, 199_999, 200_000].map(number), [0, 1, 1, 1, 2]);
        assert_eq!(
            [6_553_399_999, 6_553_400_000, 6_553_500_000, u64::MAX].map(number),
            [65_533, 65_534, 65_534, 65_534]
        );

        for number in 0..u16::MAX {
            let lifetime = Lifetime::from_wire(number);
            assert_eq!(lifetime.length().map(Lifetime::new), Some(lifetime));
        }
        let texts = [Lifetime::ONCE, Lifetime::from_wire(5), Lifetime::SESSION].map(|lifetime| lifetime.to_string());
        assert_eq!(texts, ["once", "500 ms", "as long as the session"]);
    }

    #[test]
    fn a_sum_and_a_duration_end_at_the_largest_length() {
        assert_eq!(Micros(1) + Micros(2), Micros(3));
        assert_eq!(Micros(u64::MAX) + Micros(1), Micros(u64::MAX));
        assert_eq!(Micros::from_duration_ceil(core::time::Duration::MAX), Micros(u64::MAX));
        assert_eq!(Micros::from_duration_ceil(core::time::Duration::from_nanos(500)), Micros(1));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_lifetime_in_json_is_a_number_of_microseconds_or_null() {
        let texts = [Lifetime::ONCE, Lifetime::from_wire(5), Lifetime::SESSION]
            .map(|lifetime| serde_json::to_string(&lifetime).unwrap());
        assert_eq!(texts, ["0", "500000", "null"]);
        for lifetime in (0..=u16::MAX).map(Lifetime::from_wire) {
            let text = serde_json::to_string(&lifetime).unwrap();
            assert_eq!(serde_json::from_str::<Lifetime>(&text).unwrap(), lifetime);
        }
    }

    #[test]
    fn a_length_on_the_wire_is_rounded_up_to_a_whole_millisecond() {
        let millis = [0, 1, 1_000, 1_001, u64::MAX].map(|micros| Micros(micros).to_wire_millis());
        assert_eq!(millis, [0, 1, 1, 2, u32::MAX]);
    }
}
