//! What each address may cause, where nobody has proved who sends from it.

use super::bucket::{Bucket, Rate};
use super::recent::Recent;
use core::net::IpAddr;
use nvo3_nva_proto::Instant;

/// A bucket for each address. Addresses that the caller knows keep theirs whatever others do. All others, the strangers, also share one:
/// a stranger can have many addresses.
///
/// Each table is bounded, and the address that was used the longest ago makes room. Its bucket is lost, which is nothing if it has
/// rested for as long as a full burst takes to come back.
#[derive(Debug)]
pub(crate) struct Senders {
    each: Rate,
    strangers: Rate,
    all_strangers: Bucket,
    known: Recent<IpAddr, Bucket>,
    unknown: Recent<IpAddr, Bucket>,
}

/// An address is known if the caller says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Known(IpAddr),
    Stranger(IpAddr),
}

impl Senders {
    /// `each` is the rate of one address, `strangers` that of all strangers together. Each table has at most `limit` addresses.
    pub(crate) const fn new(each: Rate, strangers: Rate, limit: usize) -> Self {
        Self { each, strangers, all_strangers: Bucket::FULL, known: Recent::new(limit), unknown: Recent::new(limit) }
    }

    /// True if the sender may cause something now. A refusal takes nothing.
    pub(crate) fn allow(&mut self, now: Instant, sender: Sender) -> bool {
        let (table, address) = match sender {
            Sender::Known(address) => (&mut self.known, address),
            Sender::Stranger(address) => (&mut self.unknown, address),
        };
        let mut bucket = table.get(&address);
        if !bucket.take(now, self.each) {
            return false;
        }
        if matches!(sender, Sender::Stranger(_)) && !self.all_strangers.take(now, self.strangers) {
            return false;
        }
        table.put(address, bucket);
        true
    }

    /// The number of addresses that are kept.
    pub(crate) fn len(&self) -> usize {
        self.known.len() + self.unknown.len()
    }
}

impl Sender {
    pub(crate) const fn address(self) -> IpAddr {
        match self {
            Self::Known(address) | Self::Stranger(address) => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sender::{Known, Stranger};
    use super::*;
    use core::net::Ipv4Addr;

    const EACH: Rate = Rate { per_second: 1, burst: 2 };
    const STRANGERS: Rate = Rate { per_second: 10, burst: 10 };
    const NOW: Instant = Instant(5_000_000);

    fn address(n: u32) -> IpAddr {
        Ipv4Addr::from(n).into()
    }

    #[test]
    fn one_address_has_its_rate_and_takes_nothing_from_others() {
        let mut senders = Senders::new(EACH, STRANGERS, 8);
        let mut count = |n: u32| (0..100).filter(|_| senders.allow(NOW, Stranger(address(n)))).count();

        assert_eq!([count(1), count(2), count(1)], [2, 2, 0]);
    }

    #[test]
    fn many_addresses_of_strangers_are_one_stranger_and_take_nothing_from_a_known_address() {
        let mut senders = Senders::new(EACH, STRANGERS, 8);

        let strangers = (100..10_000).filter(|n| senders.allow(NOW, Stranger(address(*n)))).count();
        let known = (0..100).filter(|_| senders.allow(NOW, Known(address(1)))).count();

        assert_eq!((strangers, known, senders.len()), (10, 2, 9));
    }
}
