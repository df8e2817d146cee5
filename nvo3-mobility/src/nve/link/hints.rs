//! Hints to other NVEs that their mapping is old (VMM-5-06). They belong to no session. Each NVE gets at most one hint per interval
//! and TSI.
//!
//! A tunnelled frame causes a hint, and nobody has proved who sent the frame. So each NVE of a VN that is here has a rate of its own, and
//! all other addresses share one: forged frames do not use up the hints of true ones.

use crate::fairness::{Pace, Sender, Senders};
use crate::nve::NveConfig;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Header, Instant, Invalidate, Message, Micros, NveId, SessionId, TsiKey, Version};

/// The hints that wait to be sent, and the hints of the last interval, each bounded.
#[derive(Debug)]
pub(super) struct Hints {
    own: NveId,
    interval: Micros,
    limit: usize,
    senders: Senders,
    waiting: VecDeque<(IpAddr, Invalidate)>,
    recent: BTreeSet<(TsiKey, IpAddr)>,
    /// The recent hints, the oldest first. If there are too many, the oldest is forgotten.
    by_time: VecDeque<(Instant, (TsiKey, IpAddr))>,
}

impl Hints {
    pub(super) const fn new(config: &NveConfig) -> Self {
        let limit = config.queue as usize;
        Self {
            own: config.place.nve,
            interval: config.hint_interval,
            limit,
            senders: Senders::new(config.hints, config.hints, limit),
            waiting: VecDeque::new(),
            recent: BTreeSet::new(),
            by_time: VecDeque::new(),
        }
    }

    /// Queues the hint to `to` that its mapping is older than `version`, if it is due.
    pub(super) fn say(&mut self, now: Instant, tsi: TsiKey, to: Sender, version: Version) -> Pace {
        self.forget_before(now);
        let about = (tsi, to.address());
        if self.recent.contains(&about) {
            return Pace::Repeated;
        }
        if self.waiting.len() >= self.limit || !self.senders.allow(now, to) {
            return Pace::Limited;
        }
        if self.recent.len() >= self.limit
            && let Some((_, oldest)) = self.by_time.pop_front()
        {
            self.recent.remove(&oldest);
        }
        self.recent.insert(about);
        self.by_time.push_back((now, about));
        self.waiting.push_back((to.address(), Invalidate { tsi, nve: self.own, version }));
        Pace::Due
    }

    /// Writes the next hint into `out`, and gives its destination.
    #[inline]
    pub(super) fn poll(&mut self, out: &mut Vec<u8>) -> Option<IpAddr> {
        while let Some((to, hint)) = self.waiting.pop_front() {
            let header = Header { session: SessionId::default(), sequence: 0, transaction: 0 };
            if Message::Invalidate(hint).encode(&header, out).is_ok() {
                return Some(to);
            }
        }
        None
    }

    /// Forgets the hints that are older than the interval.
    pub(super) fn forget_before(&mut self, now: Instant) {
        while let Some((at, old)) = self.by_time.front().copied()
            && now - at >= self.interval
        {
            self.by_time.pop_front();
            self.recent.remove(&old);
        }
    }

    /// The number of hints that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.recent.len() + self.senders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::fairness::Rate;
    use core::net::Ipv4Addr;
    use nvo3_nva_proto::{Locators, Place};
    use nvo3_wire::{Mac, Vni};

    fn key(n: u32) -> TsiKey {
        let [a, b, c, d] = n.to_be_bytes();
        TsiKey { vn: Vni::MAX, mac: Mac([2, 0, a, b, c, d]) }
    }

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from(n).into()
    }

    fn hints(queue: u32) -> Hints {
        let place = Place { nve: NveId(1), locators: Locators::V4([192, 0, 2, 1].into()) };
        let mut config = NveConfig::new(place, Transport::Trusted);
        config.queue = queue;
        config.hints = Rate { per_second: 10, burst: 5 };
        Hints::new(&config)
    }

    /// Checks VMM-5-06, I12.
    #[test]
    fn one_hint_about_a_tsi_goes_to_an_nve_in_an_interval() {
        let mut hints = hints(64);
        let mut say = |at, tsi, to| hints.say(Instant(at), key(tsi), Sender::Known(address(to)), Version::default());

        use Pace::{Due, Repeated};
        assert_eq!([say(7, 1, 2), say(7, 1, 2), say(7, 2, 2), say(7, 1, 3)], [Due, Repeated, Due, Due]);
        assert_eq!([say(100_006, 1, 2), say(100_007, 1, 2)], [Repeated, Due]);
    }

    /// The frames that strangers forge fill no table for as long as an interval.
    ///
    /// Checks VMM-5-06, I12.
    #[test]
    fn forged_frames_do_not_use_up_the_hints_of_an_nve_of_a_vn() {
        let mut hints = hints(8);
        let (now, mut out) = (Instant(7), Vec::new());
        let mut say = |hints: &mut Hints, tsi, to| {
            let said = hints.say(now, key(tsi), to, Version::default()) == Pace::Due;
            out.clear();
            assert_eq!(hints.poll(&mut out).is_some(), said);
            said
        };

        let forged = (0..10_000).filter(|n| say(&mut hints, *n, Sender::Stranger(address(*n)))).count();
        let known = (0..10_000).filter(|n| say(&mut hints, *n, Sender::Known(address(1)))).count();
        let other = (0..10_000).filter(|n| say(&mut hints, *n, Sender::Known(address(2)))).count();

        assert_eq!((forged, known, other), (5, 5, 5));
        assert!(hints.recent.len() == 8 && hints.by_time.len() == 8);
    }
}
