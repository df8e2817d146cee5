//! Answers outside a session: challenges and errors.
//!
//! Nobody has proved that the sender of such a message is at the address that it came from: it may be a copy, or name another's address.
//! So an address never gets more bytes than came from it, and no more answers than its rate. The locators of admitted NVEs have a rate
//! of their own each, and all other addresses share one.

use crate::fairness::{Bucket, Rate, Recent, Refusals, Sender, Senders};
use crate::nva::{NvaConfig, NvaCounters, Peer};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Locators, NveId};

/// The most addresses of each kind that are remembered, unless the queue is shorter.
const ADDRESSES: usize = 4_096;

/// The rate of answers to copies of one *Hello*. An NVE that waits for its answer sends fewer copies than that; whoever replays an old
/// *Hello* does not use up the answers to the address that he names.
const COPIES: Rate = Rate { per_second: 10, burst: 5 };

/// The most bytes of an address that count for a later answer.
const MOST_CREDIT: usize = 1_200;

/// The answers that wait, and the limits on them.
pub(super) struct Answers {
    /// The most answers that may wait.
    limit: usize,
    waiting: VecDeque<(Peer, Vec<u8>)>,
    /// The locators of admitted NVEs.
    locators: BTreeSet<(IpAddr, NveId)>,
    senders: Senders,
    /// The bytes that came from each address, less those of the answers.
    credits: Recent<IpAddr, usize>,
    /// The answers to *Hello* messages, by NVE and nonce.
    hellos: Recent<(NveId, u64), Bucket>,
    refusals: Refusals,
    /// The address that is to be told about, and the number of refusals.
    offender: Option<(IpAddr, u64)>,
}

impl Answers {
    pub(super) fn new(config: &NvaConfig) -> Self {
        let limit = config.queue as usize;
        Self {
            limit,
            waiting: VecDeque::new(),
            locators: BTreeSet::new(),
            senders: Senders::new(config.answers, config.strangers, limit.min(ADDRESSES)),
            credits: Recent::new(limit.min(ADDRESSES)),
            hellos: Recent::new(limit.min(ADDRESSES)),
            refusals: Refusals::default(),
            offender: None,
        }
    }

    /// Notes that an NVE has these locators, in place of those `before`.
    pub(super) fn admit(&mut self, nve: NveId, before: Option<Locators>, locators: Locators) {
        for address in before.into_iter().flat_map(addresses) {
            self.locators.remove(&(address, nve));
        }
        self.locators.extend(addresses(locators).map(|address| (address, nve)));
    }

    /// True if an answer to this address is within its rate. What is not counts, and is told once in a while.
    pub(super) fn allow(&mut self, now: Instant, to: IpAddr, counters: &mut NvaCounters) -> bool {
        let known = self.locators.range((to, NveId(0))..=(to, NveId(u64::MAX))).next().is_some();
        let allowed = self.senders.allow(now, if known { Sender::Known(to) } else { Sender::Stranger(to) });
        allowed || self.refuse(now, to, counters)
    }

    /// True if a copy of this *Hello* may be answered.
    pub(super) fn allow_hello(
        &mut self,
        now: Instant,
        to: IpAddr,
        (nve, nonce): (NveId, u64),
        counters: &mut NvaCounters,
    ) -> bool {
        let mut bucket = self.hellos.get(&(nve, nonce));
        if !bucket.take(now, COPIES) {
            return self.refuse(now, to, counters);
        }
        self.hellos.put((nve, nonce), bucket);
        true
    }

    fn refuse(&mut self, now: Instant, to: IpAddr, counters: &mut NvaCounters) -> bool {
        counters.limited_answers += 1;
        self.offender = self.refusals.note(now).map(|count| (to, count)).or(self.offender);
        false
    }

    /// Queues an answer to a message of `cause` bytes, if a limit does not forbid it.
    pub(super) fn put(&mut self, now: Instant, to: Peer, cause: usize, bytes: Vec<u8>, counters: &mut NvaCounters) {
        let credit = self.credits.get(&to.ip()).saturating_add(cause).min(MOST_CREDIT);
        let Some(left) = credit.checked_sub(bytes.len()) else {
            self.credits.put(to.ip(), credit);
            counters.withheld_answers += 1;
            return;
        };
        if !self.allow(now, to.ip(), counters) {
            return;
        }
        if self.waiting.len() < self.limit {
            self.credits.put(to.ip(), left);
            self.waiting.push_back((to, bytes));
        } else {
            counters.shed_answers += 1;
        }
    }

    /// The next answer, and its destination.
    pub(super) fn next(&mut self) -> Option<(Peer, Vec<u8>)> {
        self.waiting.pop_front()
    }

    /// The number of answers that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// An address that got no answers because of its rate, and how many. Gives it once in a while.
    pub(super) const fn take_offender(&mut self) -> Option<(IpAddr, u64)> {
        self.offender.take()
    }

    /// The number of all things that are kept.
    pub(super) fn footprint(&self) -> usize {
        self.waiting.len() + self.locators.len() + self.senders.len() + self.credits.len() + self.hellos.len()
    }
}

fn addresses(locators: Locators) -> impl Iterator<Item = IpAddr> {
    locators.v4().map(IpAddr::V4).into_iter().chain(locators.v6().map(IpAddr::V6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use core::net::Ipv4Addr;

    const NOW: Instant = Instant(1_000_000);

    fn peer(n: u32) -> Peer {
        Peer::new(Ipv4Addr::from(n).into(), 7)
    }

    /// An authority's answers, with NVE 1 at address 1.
    fn answers(change: impl FnOnce(&mut NvaConfig)) -> Answers {
        let mut config = NvaConfig::new(Transport::Trusted);
        change(&mut config);
        let mut answers = Answers::new(&config);
        answers.admit(NveId(1), None, Locators::V4(Ipv4Addr::from(1)));
        answers
    }

    /// Puts `count` answers of 40 bytes to causes of this length. Gives how many of them leave.
    fn put(answers: &mut Answers, counters: &mut NvaCounters, to: Peer, cause: usize, count: usize) -> usize {
        (0..count).for_each(|_| answers.put(NOW, to, cause, alloc::vec![0; 40], counters));
        core::iter::from_fn(|| answers.next()).count()
    }

    /// Checks I12.
    #[test]
    fn an_answer_that_is_longer_than_its_cause_waits_for_the_next_cause() {
        let (mut answers, mut counters) = (answers(|_| ()), NvaCounters::default());

        let sent = [24, 24, 24, 24, 24].map(|cause| put(&mut answers, &mut counters, peer(9), cause, 1));

        assert_eq!(sent, [0, 1, 0, 1, 1], "24, 48, 32, 56 and 40 bytes of credit");
        assert_eq!((counters.withheld_answers, counters.limited_answers), (2, 0));
    }

    /// Checks I12.
    #[test]
    fn strangers_take_nothing_from_the_address_of_an_nve() {
        let rate = |n| Rate { per_second: n, burst: n };
        let mut answers = answers(|config| (config.answers, config.strangers) = (rate(2), rate(5)));
        let mut counters = NvaCounters::default();

        assert_eq!(put(&mut answers, &mut counters, peer(9), 40, 10), 2);
        let strangers: usize = (10..99).map(|n| put(&mut answers, &mut counters, peer(n), 40, 1)).sum();
        assert_eq!((strangers, put(&mut answers, &mut counters, peer(1), 40, 10)), (3, 2));
        assert_eq!(counters.limited_answers, 8 + 86 + 8);
        assert_eq!(answers.take_offender().map(|(_, count)| count), Some(1));
        assert_eq!(answers.take_offender(), None);
    }

    #[test]
    fn an_nve_that_is_admitted_elsewhere_has_left_its_address() {
        let mut answers = answers(|config| config.strangers = Rate { per_second: 1, burst: 1 });
        let mut counters = NvaCounters::default();
        let mut both = |answers: &mut Answers| [1, 2].map(|n| put(answers, &mut counters, peer(n), 40, 9));

        assert_eq!(both(&mut answers), [9, 1]);
        answers.admit(NveId(1), Some(Locators::V4(Ipv4Addr::from(1))), Locators::V4(Ipv4Addr::from(2)));
        assert_eq!(both(&mut answers), [0, 9]);
    }
}
