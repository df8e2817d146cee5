//! The numbers of one session, sent and received.

use super::error::AuthError;
use crate::id::SessionId;

/// The window of late numbers behind the highest received one: more than a session has under way.
const WINDOW: u64 = 1_024;
const WORD: u64 = u64::BITS as u64;

/// The numbers at one end of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    session: SessionId,
    given: u64,
    highest: u64,
    /// One bit for each number of the window, indexed by the number modulo the window.
    came: [u64; (WINDOW / WORD) as usize],
}

impl Numbers {
    /// The numbers of this session; a new session begins at 1 in each direction.
    pub(super) fn within(&mut self, session: SessionId) -> &mut Self {
        if session != self.session {
            *self = Self { session, ..Self::default() };
        }
        self
    }

    /// True if a number of this session was received.
    pub(super) fn came_within(&self, session: SessionId) -> bool {
        self.session == session && self.highest > 0
    }

    /// The number for the next message sent.
    pub(super) const fn give(&mut self) -> u64 {
        self.given = self.given.saturating_add(1);
        self.given
    }

    /// Takes the number of a message with a right seal; a second time it is a replay.
    pub(super) fn take(&mut self, number: u64) -> Result<(), AuthError> {
        let replayed = AuthError::Replayed { number };
        if number == 0 || number.saturating_add(WINDOW) <= self.highest {
            return Err(replayed);
        }
        self.forget_beyond(number);
        self.highest = self.highest.max(number);
        let place = number % WINDOW;
        let bit = 1 << (place % WORD);
        let word = usize::try_from(place / WORD).ok().and_then(|word| self.came.get_mut(word)).ok_or(replayed)?;
        if *word & bit != 0 {
            return Err(replayed);
        }
        *word |= bit;
        Ok(())
    }

    /// Clears the bits between the highest number and a higher one: those numbers were not received. A lower one clears none.
    fn forget_beyond(&mut self, number: u64) {
        let (from, steps) = (self.highest.saturating_add(1), number.saturating_sub(self.highest).min(WINDOW));
        for skipped in from..from.saturating_add(steps) {
            let place = skipped % WINDOW;
            if let Some(word) = usize::try_from(place / WORD).ok().and_then(|word| self.came.get_mut(word)) {
                *word &= !(1 << (place % WORD));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        /// Checks VMM-10-10.
        #[test]
        fn each_number_is_taken_once_and_a_late_one_while_it_is_remembered(
            steps in proptest::collection::vec((0_u64..3, 0_u64..2_500), 1..400),
        ) {
            let mut numbers = Numbers::default();
            let (mut highest, mut came) = (0_u64, BTreeSet::new());
            for (kind, step) in steps {
                let number = match kind {
                    0 => highest.saturating_sub(step),
                    1 => highest + step % 70,
                    _ => highest + step,
                };
                let expected = number > 0 && number + WINDOW > highest && came.insert(number);

                prop_assert_eq!(numbers.take(number).is_ok(), expected, "{} after {}", number, highest);
                highest = if expected { highest.max(number) } else { highest };
            }
        }
    }

    #[test]
    fn the_last_numbers_end_without_a_panic() {
        let mut numbers = Numbers::default();
        for number in [u64::MAX, u64::MAX - 1, 5, u64::MAX] {
            let _ = numbers.take(number);
        }
        assert_eq!(numbers.take(u64::MAX - 1), Err(AuthError::Replayed { number: u64::MAX - 1 }));
        numbers.within(SessionId(1));
        assert_eq!((numbers.take(1), numbers.give(), numbers.give()), (Ok(()), 1, 2));
    }
}
