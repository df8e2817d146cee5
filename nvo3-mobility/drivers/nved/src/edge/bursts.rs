//! The pace of held frames on their way out.
//!
//! What was held for a second leaves within a millisecond, and the kernel drops frames for a full queue silently: the tap of a VM that has
//! just started, or at the other end of a tunnel the tap of the VM that the frames are for. So held frames leave in bursts.

use nvo3_mobility::forwarder::Target;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Instant, Micros};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The most held frames of one burst: half of a tap's queue.
const BURST: u32 = 500;

/// The time between two bursts the same way.
pub(super) const ROOM_AGAIN: Micros = Micros::from_millis(2);

/// A way out of the edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Port(VapId),
    Tunnel(IpAddr),
}

/// The bursts of the last [`ROOM_AGAIN`]: when each began, and the number of its frames.
#[derive(Default)]
pub(super) struct Bursts(BTreeMap<Way, (Instant, u32)>);

impl Bursts {
    /// True if a held frame may leave now.
    pub(super) fn has_room(&self, target: &Target, now: Instant) -> bool {
        let burst = way(target).and_then(|way| self.0.get(&way));
        burst.is_none_or(|(since, given)| *given < BURST || is_over(*since, now))
    }

    /// Counts a held frame that leaves.
    pub(super) fn note(&mut self, target: &Target, now: Instant) {
        let Some(way) = way(target) else { return };
        if self.0.get(&way).is_none_or(|(since, _)| is_over(*since, now)) {
            self.0.retain(|_, (since, _)| !is_over(*since, now));
            self.0.insert(way, (now, 0));
        }
        if let Some((_, given)) = self.0.get_mut(&way) {
            *given += 1;
        }
    }
}

fn is_over(since: Instant, now: Instant) -> bool {
    now - since >= ROOM_AGAIN
}

const fn way(target: &Target) -> Option<Way> {
    match target {
        Target::Port(vap) => Some(Way::Port(*vap)),
        Target::Tunnel { to, .. } => Some(Way::Tunnel(*to)),
        Target::Again(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_mobility::forwarder::Entrance;
    use nvo3_wire::Vni;

    const VAP: VapId = VapId(1);

    fn tunnel(to: u8) -> Target {
        Target::Tunnel { to: [198, 51, 100, to].into(), vn: Vni::MIN }
    }

    /// The frames that leave this way at this time, of a thousand that want to.
    fn leave(bursts: &mut Bursts, target: &Target, at: u64) -> u32 {
        let now = Instant(at);
        let mut left = 0;
        while left < 1_000 && bursts.has_room(target, now) {
            bursts.note(target, now);
            left += 1;
        }
        left
    }

    #[test]
    fn held_frames_leave_in_bursts_each_way_for_itself() {
        let mut bursts = Bursts::default();
        for target in [Target::Port(VAP), tunnel(1), tunnel(2)] {
            assert_eq!(leave(&mut bursts, &target, 100), BURST);
            assert_eq!(leave(&mut bursts, &target, 99 + ROOM_AGAIN.0), 0);
            assert_eq!(leave(&mut bursts, &target, 100 + ROOM_AGAIN.0), BURST);
        }
    }

    #[test]
    fn frames_that_come_in_again_have_no_pace() {
        assert_eq!(leave(&mut Bursts::default(), &Target::Again(Entrance::Vap(VAP)), 100), 1_000);
    }

    #[test]
    fn only_the_bursts_of_the_last_time_are_remembered() {
        let mut bursts = Bursts::default();
        for to in 0..200 {
            let _ = leave(&mut bursts, &tunnel(to), u64::from(to) * ROOM_AGAIN.0);
        }
        assert_eq!(bursts.0.len(), 1);
    }
}
