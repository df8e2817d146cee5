//! The outputs of one step of a table.

use arrayvec::ArrayVec;
use core::{fmt, ops};

/// The most outputs that one step of any table has.
const MOST: usize = 4;

/// The outputs of one step of a table, in order: of [`nve::rules`](crate::nve::rules) or [`nva::rules`](crate::nva::rules).
///
/// It derefs to a slice. [`From`] makes it from an array; an array that is too long for it does not compile.
///
/// ```
/// use nvo3_mobility::nva::rules::{Output, Outputs};
///
/// let outputs = Outputs::from([Output::Grant, Output::MaySuspend]);
/// assert_eq!(outputs.first(), Some(&Output::Grant));
/// assert!(outputs.into_iter().eq([Output::Grant, Output::MaySuspend]));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "the state of the table has changed: each output must be carried out"]
pub struct Outputs<O>(ArrayVec<O, MOST>);

impl<O, const N: usize> From<[O; N]> for Outputs<O> {
    fn from(outputs: [O; N]) -> Self {
        const { assert!(N <= MOST, "a step has no more than 4 outputs") };
        Self(outputs.into_iter().collect())
    }
}

impl<O> Default for Outputs<O> {
    /// No output.
    fn default() -> Self {
        Self(ArrayVec::new_const())
    }
}

impl<O> ops::Deref for Outputs<O> {
    type Target = [O];

    fn deref(&self) -> &[O] {
        &self.0
    }
}

impl<O: fmt::Debug> fmt::Debug for Outputs<O> {
    /// The list of the outputs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a, O> IntoIterator for &'a Outputs<O> {
    type Item = &'a O;
    type IntoIter = core::slice::Iter<'a, O>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<O> IntoIterator for Outputs<O> {
    type Item = O;
    type IntoIter = OutputsIter<O>;

    fn into_iter(self) -> OutputsIter<O> {
        OutputsIter(self.0.into_iter())
    }
}

/// An iterator over the outputs of one step, by value.
#[derive(Clone, Debug)]
pub struct OutputsIter<O>(arrayvec::IntoIter<O, MOST>);

impl<O> Iterator for OutputsIter<O> {
    type Item = O;

    fn next(&mut self) -> Option<O> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<O> ExactSizeIterator for OutputsIter<O> {}
