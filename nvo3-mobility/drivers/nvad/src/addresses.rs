//! The addresses that edges speak from, to notice two edges with one id.

use nvo3_nva_proto::{Instant, Micros, NveId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Between two warnings about one edge.
const AGAIN: Micros = Micros::from_secs(60);

/// The address that each edge had its last session from, and when the log last warned of a change.
#[derive(Debug, Default)]
pub(crate) struct Addresses(BTreeMap<NveId, (IpAddr, Option<Instant>)>);

impl Addresses {
    /// Notes that an edge has a session from this address. Gives the address of its session before if that is another one, at most
    /// once a minute for an edge.
    pub(crate) fn note(&mut self, now: Instant, nve: NveId, address: IpAddr) -> Option<IpAddr> {
        let (last, warned) = self.0.entry(nve).or_insert((address, None));
        let before = std::mem::replace(last, address);
        if before == address || warned.is_some_and(|at| now - at < AGAIN) {
            return None;
        }
        *warned = Some(now);
        Some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_address_is_told_once_a_minute_for_an_edge() {
        let (mut addresses, one, other) =
            (Addresses::default(), IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut note = |at, nve, address| addresses.note(Instant(at), NveId(nve), address);

        assert_eq!([note(1, 3, one), note(2, 3, one), note(3, 4, other)], [None, None, None]);
        assert_eq!([note(4, 3, other), note(5, 3, one), note(6, 3, other)], [Some(one), None, None]);
        assert_eq!(note(4 + AGAIN.0, 3, one), Some(other));
    }
}
