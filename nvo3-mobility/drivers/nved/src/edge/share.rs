//! The time of this edge that frames of one port may take although they go nowhere.
//!
//! A dropped frame costs as much as a forwarded one, and a tenant can send more of them than an edge can read. So a port whose frames go
//! nowhere for more than [`PART`] of the time rests: its frames wait in the kernel, which drops what its queue does not take. That costs
//! the tenant that floods, and not the others.

use nvo3_nva_proto::{Instant, Micros};

/// One part of this many of the time is the share of each port.
const PART: u64 = 16;

/// The time that frames which go nowhere may take at once.
const BURST: Micros = Micros::from_millis(5);

/// The most time that one frame counts. More means that the kernel gave the processor to somebody else meanwhile.
const FRAME: Micros = Micros(20);

/// The frames of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vain {
    /// The time that the batch took.
    pub(super) turn: Micros,
    /// The frames of the batch, and those that went nowhere.
    pub(super) read: usize,
    pub(super) in_vain: usize,
}

impl Vain {
    /// The time that the frames took which went nowhere.
    pub(super) fn time(self) -> Micros {
        let Self { turn, read, in_vain } = self;
        let each = turn.0 / read.max(1) as u64;
        Micros(each.min(FRAME.0) * in_vain as u64)
    }
}

/// The time that frames of a port have taken in vain, as far as its share has not covered it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    spent: Micros,
    at: Instant,
}

impl Share {
    /// Notes that frames took this time in vain until now. Gives the time until when the port has to rest, if its share is used up.
    pub(super) fn spend(&mut self, now: Instant, took: Micros) -> Option<Instant> {
        let covered = (now - self.at).0 / PART;
        self.at = now;
        self.spent = Micros(self.spent.0.saturating_sub(covered).saturating_add(took.0));
        let over = self.spent.0.saturating_sub(BURST.0);
        (over > 0).then(|| now + Micros(over.saturating_mul(PART)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time of 100,000 us in which a port is read that takes `vain` of each turn of 100 us in vain.
    fn turns(vain: u64) -> u64 {
        let (mut share, mut now, mut turns) = (Share::default(), Instant(1_000_000), 0);
        while now < Instant(1_100_000) {
            turns += 1;
            let until = share.spend(now + Micros(100), Micros(vain));
            now = until.unwrap_or(now + Micros(100));
        }
        turns
    }

    #[test]
    fn frames_that_go_nowhere_get_their_burst_and_then_their_share() {
        let most = BURST.0 / 100 + 100_000 / 100 / PART;
        assert!((most..=most + 8).contains(&turns(100)), "{} and not {most}", turns(100));
    }

    #[test]
    fn a_port_that_stays_within_its_share_never_rests() {
        assert_eq!(turns(0), 1_000);
        assert_eq!(turns(100 / PART), 1_000);
    }

    #[test]
    fn a_frame_counts_no_longer_than_any_frame_takes() {
        let turn = |turn, read, in_vain| Vain { turn: Micros(turn), read, in_vain }.time();

        assert_eq!([turn(640, 64, 32), turn(640, 64, 0), turn(0, 0, 0)], [320, 0, 0].map(Micros));
        assert_eq!(turn(30_000, 1, 1), FRAME, "the process did not run meanwhile");
    }

    #[test]
    fn a_long_rest_gives_the_burst_back_and_no_more() {
        let mut share = Share::default();
        assert_eq!(share.spend(Instant(1_000_000), BURST), None);
        assert_eq!(share.spend(Instant(1_000_000), Micros(1)), Some(Instant(1_000_000 + PART)));

        assert_eq!(share.spend(Instant(9_000_000), BURST), None);
        assert_eq!(share.spend(Instant(9_000_000), Micros(2)), Some(Instant(9_000_000 + 2 * PART)));
    }
}
