//! Lists that are read in place.

use super::{Addresses, CacheEntries, Mappings, Tsis};
use crate::codec::{Get, Reader};
use crate::error::DecodeError;
use core::fmt;
use core::marker::PhantomData;

/// A value of a [`List`]. The trait is sealed: only types of this crate implement it.
pub trait Value<'a>: sealed::Take<'a> {}

mod sealed {
    /// Reads a value. Outside this crate nobody can name it, so nobody can implement [`Value`](super::Value).
    #[allow(unnameable_types, reason = "this is what seals the trait")]
    pub trait Take<'a>: Sized {
        /// Takes one from the front of `bytes`, which are not empty and were checked.
        fn take(bytes: &mut &'a [u8]) -> Option<Self>;
    }
}

// A bound by `Get` itself would show in public signatures what nobody can name.
impl<'a, T: Get<'a>> Value<'a> for T {}

impl<'a, T: Get<'a>> sealed::Take<'a> for T {
    #[inline(always)]
    fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let value = r.get().ok();
        *bytes = r.rest();
        value
    }
}

/// A list of values in a datagram, checked when the message was read.
pub struct List<'a, T> {
    values: &'a [u8],
    len: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> List<'_, T> {
    /// The number of values.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there are no values.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<'a, T: Value<'a>> List<'a, T> {
    /// The values, in order.
    pub const fn iter(&self) -> Iter<'a, T> {
        Iter { values: self.values, left: self.len, kind: PhantomData }
    }
}

impl<'a, T: Value<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The values of a [`List`], in order.
#[derive(Clone)]
pub struct Iter<'a, T> {
    values: &'a [u8],
    left: usize,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T: Value<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        T::take(&mut self.values)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("left", &self.left).finish_non_exhaustive()
    }
}

/// Up to the end.
impl<'a, T: Get<'a>> Get<'a> for List<'a, T> {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (values, mut rest, mut len) = (r.rest(), *r, 0_usize);
        while !rest.is_empty() {
            let _: T = rest.get()?;
            len = len.saturating_add(1);
        }
        *r = rest;
        Ok(Self { values, len, kind: PhantomData })
    }
}

/// None.
impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self { values: &[], len: 0, kind: PhantomData }
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<'a, T: Value<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

macro_rules! shown_as_lists {
    ($($name:ident)*) => {
        $(impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        })*
    };
}

shown_as_lists!(Addresses Tsis Mappings CacheEntries);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_those_values_come_that_did_not_come_before() {
        let list: List<'_, u8> = Reader::new(&[7, 8, 9]).get().unwrap();
        let mut values = list.iter();
        assert_eq!(values.size_hint(), (0, Some(3)));

        assert_eq!(values.next(), Some(7));

        assert_eq!(values.size_hint(), (0, Some(2)));
        assert_eq!(std::format!("{values:?}"), "Iter { left: 2, .. }");
    }
}
