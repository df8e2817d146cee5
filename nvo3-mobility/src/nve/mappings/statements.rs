//! The NVA's statements about TSIs: which one is newer, and the lifetime of each (DIR-03).

use super::Mappings;
use super::cache::Statement;
use crate::nve::counters::NveCounters;
use crate::nve::orders::{Orders, Row};
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::{Instant, Invalidate, Place, Role, TsiKey, Version};

/// A statement: its version, the addresses and the role of the TSI, and its place.
pub(crate) type Said = (Version, Vec<IpAddr>, Role, Option<Place>);

/// The lifetime of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// The NVA gave it with its answer (DIR-03: an answer has a lifetime).
    Said(nvo3_nva_proto::Lifetime),
    /// The NVA said it unasked and without a lifetime: it has the lifetime of the statement that it replaces.
    Pushed,
    /// The statement says that the TSI is gone: it has the lifetime of a negative answer.
    Gone,
}

impl Mappings {
    /// True if a statement of this version is not older than the cached one and the floor of the TSI.
    pub(crate) fn is_current(&self, key: &TsiKey, version: Version, floor: Version) -> bool {
        version >= self.version(key).max(floor)
    }

    /// Caches a statement, in place of the older one.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        key: TsiKey,
        statement: Said,
        lifetime: Lifetime,
        orders: &mut Orders,
        counters: &mut NveCounters,
    ) {
        let expires = self.end(now, &key, lifetime);
        orders.mark(Row::Tsi(key));
        if let Some(oldest) = self.cache.enter(key, Statement::new(now, statement, expires)) {
            counters.shed_mappings += 1;
            orders.mark(Row::Tsi(oldest));
        }
    }

    fn end(&self, now: Instant, key: &TsiKey, lifetime: Lifetime) -> Option<Instant> {
        match lifetime {
            Lifetime::Said(lifetime) => lifetime.length().map(|length| now + length),
            Lifetime::Gone => Some(now + self.negative),
            Lifetime::Pushed => match self.cache.get(key) {
                Some(statement) => statement.expires,
                None if self.subscribed.contains(&key.vn) => None,
                None => Some(now + self.pushed),
            },
        }
    }

    /// Forgets an older mapping of a TSI that is registered here with this version: the TSI does not go back there when it leaves.
    pub(crate) fn forget_older(&mut self, key: TsiKey, version: Version, orders: &mut Orders) {
        if self.cache.get(&key).is_some_and(|statement| statement.version < version) {
            self.forget(key, orders);
        }
    }

    /// Removes a mapping that the NVA invalidated. A newer one stays.
    pub(crate) fn invalidate(&mut self, stale: &Invalidate, orders: &mut Orders) {
        if self.is_stale(stale) {
            self.forget(stale.tsi, orders);
        }
    }

    /// True if the cached mapping is the one that a hint calls stale.
    pub(crate) fn is_stale(&self, stale: &Invalidate) -> bool {
        self.cache.get(&stale.tsi).is_some_and(|statement| {
            statement.version <= stale.version && statement.place.is_some_and(|place| place.nve == stale.nve)
        })
    }

    fn forget(&mut self, key: TsiKey, orders: &mut Orders) {
        if self.cache.remove(&key) {
            orders.mark(Row::Tsi(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use crate::nve::NveConfig;
    use crate::table::Route;
    use nvo3_nva_proto::{Address, Locators, Mapping, Micros, NveId};
    use nvo3_wire::{Mac, Vni};
    use proptest::collection::vec;
    use proptest::prelude::*;

    const VN: Vni = Vni::MAX;
    const IP: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 10));

    fn place(nve: u64) -> Place {
        Place { nve: NveId(nve), locators: Locators::V4([198, 51, 100, 1].into()) }
    }

    fn from_wire(lifetime: u16) -> nvo3_nva_proto::Lifetime {
        nvo3_nva_proto::Lifetime::from_wire(lifetime)
    }

    fn room() -> (Mappings, Orders, NveCounters) {
        (Mappings::new(&NveConfig::new(place(1), Transport::Trusted)), Orders::new(8), NveCounters::default())
    }

    /// The mappings that an authority published of three TSIs. One TSI at a time has the address, and now and then an epoch begins.
    fn history() -> impl Strategy<Value = Vec<Mapping>> {
        vec((0..3_u8, 2..5_u64, any::<bool>(), 0..8_u8), 1..12).prop_map(|steps| {
            let (mut mappings, mut owner, mut version) = (Vec::new(), None, Version { epoch: 1, generation: 0 });
            for (tsi, nve, takes, restart) in steps {
                // An authority that lost its journal numbers from the beginning.
                version = if restart == 0 { Version { epoch: version.epoch + 1, generation: 0 } } else { version };
                let mut say = |tsi: u8, owner: Option<u8>| {
                    version.generation += 1;
                    let ips = owner.filter(|owner| *owner == tsi).map(|_| IP).into_iter().collect();
                    mappings.push(Mapping {
                        mac: Mac([2, 0, 0, 0, 0, tsi]),
                        ips,
                        role: Role::Unknown,
                        version,
                        place: Some(place(nve)),
                    });
                };
                if takes
                    && owner != Some(tsi)
                    && let Some(before) = owner.take()
                {
                    say(before, None);
                }
                owner = if takes { Some(tsi) } else { owner };
                say(tsi, owner);
            }
            mappings
        })
    }

    /// An answer with lifetime 0 ends at once. An answer without an end ends with the session.
    ///
    /// Checks DIR-03.
    #[test]
    fn an_answer_is_kept_as_long_as_it_says() {
        let (now, key) = (Instant(7), TsiKey { vn: VN, mac: Mac::ZERO });
        let kept = |lifetime: u16| {
            let (mut mappings, mut orders, mut counters) = room();
            let statement = (Version::default(), Vec::new(), Role::Unknown, None);
            mappings.keep(now, key, statement, Lifetime::Said(from_wire(lifetime)), &mut orders, &mut counters);
            let end = mappings.next_expiry()?;
            if end > now {
                mappings.expire(Instant(end.0 - 1), &mut orders);
                assert!(mappings.get(&key).is_some());
            }
            mappings.expire(end, &mut orders);
            assert!(mappings.get(&key).is_none());
            Some(end - now)
        };

        assert_eq!(kept(0), Some(Micros(0)));
        assert_eq!(kept(1), Some(Micros::from_millis(100)));
        assert_eq!(kept(0xfffe), Some(Micros::from_millis(6_553_400)));
        assert_eq!(kept(0xffff), None);
    }

    /// Checks DIR-03.
    #[test]
    fn a_place_that_is_asked_for_serves_until_the_answer_and_another_one_until_its_end() {
        let key = TsiKey { vn: VN, mac: Mac::ZERO };
        let (mut mappings, mut orders, mut counters) = room();
        let mut keep = |mappings: &mut Mappings, now, lifetime| {
            let (statement, said) =
                ((Version::default(), Vec::new(), Role::Unknown, Some(place(2))), from_wire(lifetime));
            mappings.keep(Instant(now), key, statement, Lifetime::Said(said), &mut Orders::new(8), &mut counters);
        };
        let mut ends = |mappings: &mut Mappings| {
            let end = mappings.next_expiry().unwrap();
            mappings.expire(end, &mut orders);
            (mappings.route(&key).0, end.0)
        };

        keep(&mut mappings, 7, 0);
        assert_eq!(ends(&mut mappings), (None, 7));
        keep(&mut mappings, 7, 1);
        assert_eq!(mappings.route(&key).0, Some(Route::At(place(2))));
        assert_eq!(ends(&mut mappings), (Some(Route::Due(place(2))), 75_007));
        assert_eq!(ends(&mut mappings), (None, 100_007));

        keep(&mut mappings, 7, 1);
        assert_eq!(ends(&mut mappings).1, 75_007);
        mappings.asked(VN, Address::Mac(key.mac), None, 5);
        assert_eq!(ends(&mut mappings), (Some(Route::Due(place(2))), 100_007));
        assert_eq!(ends(&mut mappings), (Some(Route::Due(place(2))), 1_100_007));
        assert!(mappings.answered(VN, Address::Mac(key.mac), 5));
        keep(&mut mappings, 1_200_000, 1);
        assert_eq!(mappings.route(&key).0, Some(Route::At(place(2))));
    }

    proptest! {
        /// Checks R-03.
        #[test]
        fn whatever_the_order_the_newest_word_of_each_tsi_and_address_stays(
            (history, order) in history().prop_flat_map(|history| {
                let order = Just((0..history.len()).cycle().take(2 * history.len()).collect::<Vec<_>>()).prop_shuffle();
                (Just(history), order)
            })
        ) {
            let (mut mappings, mut orders, mut counters) = room();
            for index in order {
                let Mapping { mac, version, ips, role, place, .. } = history[index].clone();
                let key = TsiKey { vn: VN, mac };
                if mappings.is_current(&key, version, Version::default()) {
                    mappings.keep(Instant(0), key, (version, ips, role, place), Lifetime::Pushed, &mut orders, &mut counters);
                }
            }

            for Mapping { mac, .. } in &history {
                let newest = history.iter().rfind(|mapping| mapping.mac == *mac).unwrap();
                let key = TsiKey { vn: VN, mac: *mac };
                prop_assert_eq!(mappings.get(&key), Some((newest.version, newest.place)));
            }
            let holder = history.iter().rfind(|mapping| mapping.ips.contains(&IP));
            prop_assert_eq!(mappings.holder(VN, IP), holder.map(|mapping| mapping.mac));
        }
    }
}
