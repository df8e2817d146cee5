//! The bounds and the order of frames, which hold whatever arrives.

use super::*;
use crate::nve::rules::{Plan, Sign, State, Target as Coming, entry};
use alloc::collections::{BTreeMap, BTreeSet};
use nvo3_nva_proto::MoveId;
use proptest::prelude::*;

/// An NVE that no list names and that is in no move.
const STRANGER: u8 = 6;

const SMALL: ForwarderConfig = ForwarderConfig {
    asked: HoldLimits { frames: 4, bytes: 1_000, age: Micros::from_millis(100) },
    total_frames: 20,
    total_bytes: 1_900,
    recent: HoldLimits { frames: 5, bytes: 1_000, age: Micros::from_millis(100) },
    recent_total_frames: 8,
    recent_total_bytes: 1_000,
    strangers: HoldLimits { frames: 5, bytes: 450, age: Micros::from_millis(100) },
    strangers_total_frames: 5,
    strangers_total_bytes: 450,
    tsis: 6,
    asked_per_port: 3,
    ports: 4,
    members_per_vn: 4,
    notices: 3,
    drops: 1_000,
    ..ForwarderConfig::new(place(1).locators)
};

/// Checks VMM-5-08, R-36.
#[test]
fn a_million_frames_that_nobody_drains_stay_within_every_bound() {
    let config = ForwarderConfig { total_frames: 1_000, total_bytes: 90_000, tsis: 50, notices: 30, ..SMALL };
    let mut w = World::with(config);
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Hold));
    let mut bytes = frame(mac(0), mac(1), 0);

    for n in 0..1_000_000_u32 {
        bytes[..6].copy_from_slice(&mac((n % 251) as u8).0);
        bytes[0] |= u8::from(n % 10 == 9);
        bytes[6..12].copy_from_slice(&mac(2 - (n % 2) as u8).0);
        let _ = match n % 3 {
            0 => w.f.tunnel_frame(w.now, ip((n % 7) as u8), VN, &bytes),
            _ => w.f.vap_frame(w.now, VapId(2 - n % 2), &bytes),
        };
        assert!(w.f.held(&key(1)).frames <= 64);
    }

    let held = w.f.held_in_all();
    assert!(held.frames <= 1_000 && held.bytes <= 90_000, "{held:?}");
    w.f.check();
    assert_eq!(w.notices().len(), 30);
    assert!(w.f.counters().shed_notices > 0);
}

/// An event at a forwarder. Table changes are those that the table of `nve::rules` makes.
#[derive(Clone, Debug)]
enum Happening {
    Tsi(u8, Option<VapId>, Option<Entry>, Option<Route>, HoldLimits, Option<u64>),
    Port(VapId, Option<Port>),
    /// The NVEs that get group frames, and those of 2 to 5 from which no frames are accepted.
    Members(Vec<u8>, BTreeSet<u8>),
    /// A frame from the TSI of this number, at this VAP.
    Vap(u8, VapId, u8),
    Tunnel(u8, u8),
    Flush(u8, Option<VapId>),
    Time(u64),
    Notice,
}

fn a_place() -> impl Strategy<Value = Place> {
    (1..5_u8).prop_map(place)
}

fn a_state() -> impl Strategy<Value = State> {
    let plan = |peer| Plan { id: MoveId(1), version: Version::default(), peer };
    let coming = || {
        (a_place(), proptest::option::of(a_place()), any::<bool>()).prop_map(move |(peer, forward, left)| Coming {
            plan: plan(peer),
            forward,
            sign: Sign::None,
            left,
        })
    };
    prop_oneof![
        1 => Just(State::Away),
        2 => Just(State::Here),
        2 => a_place().prop_map(move |peer| State::Leaving(plan(peer))),
        1 => a_place().prop_map(move |peer| State::Suspended(plan(peer))),
        1 => a_place().prop_map(|peer| State::Halted { peer: Some(peer) }),
        1 => a_place().prop_map(|to| State::Forwarding { to }),
        1 => proptest::option::of(a_place()).prop_map(|forward| State::Claiming { forward, sign: Sign::Word }),
        1 => coming().prop_map(State::Prepared),
        1 => coming().prop_map(State::Holding),
        1 => coming().prop_map(State::Revoked),
    ]
}

fn a_happening(group: bool) -> impl Strategy<Value = Happening> {
    let vap = || (1..5_u32).prop_map(VapId);
    let limits = (0..6_u32, 0..900_u32, 0..200_u64).prop_map(|(frames, bytes, millis)| HoldLimits {
        frames,
        bytes,
        age: Micros::from_millis(millis),
    });
    let route = proptest::option::of(prop_oneof![
        Just(Route::Nowhere),
        a_place().prop_map(Route::At),
        a_place().prop_map(Route::Due)
    ]);
    let port = (1..4_u8, proptest::option::of(proptest::collection::vec((1..5_u8).prop_map(mac), 1..4))).prop_map(
        |(vn, macs)| {
            let vn = if vn == 1 { OTHER_VN } else { VN };
            macs.map_or(Port::trusted(vn), |macs| Port::untrusted(vn, bindings(&macs)))
        },
    );
    // Most events are about one TSI at its port, so that a history as long as that of a move is likely.
    let tsi = || prop_oneof![Just(1_u8), 1..7_u8];
    let at = || prop_oneof![Just(Some(P1)), proptest::option::of((1..5_u32).prop_map(VapId))];
    let to = move || prop_oneof![Just(1_u8), if group { 0..7_u8 } else { 1..7_u8 }];
    prop_oneof![
        4 => (tsi(), at(), a_state(), route, limits, proptest::option::of(0..200_u64))
            .prop_map(|(n, vap, state, route, limits, ago)| Happening::Tsi(n, vap, entry(state), route, limits, ago)),
        1 => (vap(), proptest::option::weighted(0.8, port)).prop_map(|(vap, port)| Happening::Port(vap, port)),
        1 => (proptest::collection::vec(1..9_u8, 0..6), proptest::collection::btree_set(2..6_u8, 0..3))
            .prop_map(|(nves, strange)| Happening::Members(nves, strange)),
        8 => (1..5_u8, vap(), to()).prop_map(|(from, vap, to)| Happening::Vap(from, vap, to)),
        8 => (2..=STRANGER, to()).prop_map(|(from, to)| Happening::Tunnel(from, to)),
        3 => (0..8_u8, proptest::option::of(vap())).prop_map(|(frames, full)| Happening::Flush(frames, full)),
        1 => (0..150_u64).prop_map(Happening::Time),
        1 => Just(Happening::Notice),
    ]
}

/// A world that remembers the last frame of each sender that each VAP got.
struct Watched {
    w: World,
    number: u32,
    frames: u64,
    last: BTreeMap<(Mac, Mac, VapId), u32>,
    /// Each unicast delivery: the time, the source, the destination, the VAP, and the frame's number.
    deliveries: Vec<(Instant, Mac, Mac, VapId, u32)>,
    /// Group frames and the ports that had them, since a TSI last changed its port.
    copies: BTreeSet<(u32, VapId)>,
    /// The held frames, each with its TSI.
    held: Vec<(TsiKey, u32)>,
    /// The number of frames that were taken back and are held besides.
    taken_back: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Watched {
    fn frame(&mut self, to: u8, from: Mac) -> Vec<u8> {
        self.number += 1;
        self.frames += 1;
        frame(if to == 0 { Mac::BROADCAST } else { mac(to) }, from, self.number)
    }

    fn delivered(&mut self, vap: VapId, bytes: &[u8]) {
        assert_ne!(bytes[6..12], mac(100 + STRANGER).0, "a stranger's frame reached {vap}");
        if bytes[0] == 0xff {
            assert!(self.copies.insert((number(bytes), vap)), "{} twice at {vap:?}", number(bytes));
            return;
        }
        let (to, from) = (Mac(bytes[..6].try_into().unwrap()), Mac(bytes[6..12].try_into().unwrap()));
        let before = self.last.insert((from, to, vap), number(bytes));
        assert!(before < Some(number(bytes)), "{from} to {to} at {vap:?}: {} after {before:?}", number(bytes));
        self.deliveries.push((self.w.now, from, to, vap, number(bytes)));
    }

    /// Notes that the VM did not read the frames that it was given since then.
    fn unread(&mut self, vm: Mac, since: Instant) {
        self.deliveries.retain(|(at, _, to, ..)| *to != vm || *at < since);
        self.last.retain(|(_, to, _), _| *to != vm);
        for (_, from, to, vap, number) in self.deliveries.iter().filter(|(_, _, to, ..)| *to == vm) {
            self.last.insert((*from, *to, *vap), *number);
        }
    }

    fn no_longer_held(&mut self, key: TsiKey, bytes: &[u8]) {
        match self.held.iter().position(|held| *held == (key, number(bytes))) {
            Some(at) => _ = self.held.swap_remove(at),
            None => self.taken_back -= 1,
        }
    }

    fn hear_drops(&mut self) {
        let mut bytes = Vec::new();
        while let Some(dropped) = self.w.f.poll_drop(&mut bytes) {
            self.dropped[dropped.reason as usize] += 1;
            if dropped.replayed && dropped.line.is_none() {
                self.taken_back -= 1;
            }
            if dropped.line.is_some() {
                let taken_back = self.taken_back - u64::from(dropped.replayed);
                self.no_longer_held(dropped.tsi.unwrap(), &bytes);
                assert_eq!(self.taken_back, taken_back, "{dropped:?}");
            }
        }
    }

    fn verdict(&mut self, verdict: Verdict, bytes: &[u8]) {
        self.held.extend(self.w.f.held_for().iter().map(|(key, _)| (*key, number(bytes))));
        match verdict {
            Verdict::Deliver(vap) => self.delivered(vap, bytes),
            Verdict::Replicate => {
                let ports: Vec<VapId> = self
                    .w
                    .f
                    .replicas()
                    .iter()
                    .filter_map(|target| if let Target::Port(vap) = target { Some(*vap) } else { None })
                    .collect();
                ports.into_iter().for_each(|vap| self.delivered(vap, bytes));
            }
            _ => {}
        }
    }

    fn flush(&mut self, frames: usize, full: Option<VapId>) {
        let mut out = Vec::new();
        for _ in 0..frames {
            let mut room = |target: &Target| full.is_none_or(|vap| *target != Target::Port(vap));
            let target = self.w.f.poll_flush(self.w.now, &mut room, &mut out);
            if let Some(key) = self.w.f.flushed_for() {
                self.no_longer_held(key, &out);
            }
            match target {
                Some(Target::Port(vap)) => self.delivered(vap, &out),
                Some(Target::Again(Entrance::Vap(vap))) => {
                    let verdict = self.w.f.vap_frame(self.w.now, vap, &out);
                    self.verdict(verdict, &out);
                }
                Some(Target::Again(Entrance::Tunnel { from, vn })) => {
                    let verdict = self.w.f.tunnel_frame(self.w.now, from, vn, &out);
                    self.verdict(verdict, &out);
                }
                Some(Target::Tunnel { .. }) => assert_ne!(out[6..12], mac(100 + STRANGER).0),
                None => break,
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let now = self.w.now;
        match happening {
            Happening::Tsi(n, vap, entry, route, limits, ago) => {
                let version = Version::default();
                if let Some(left) = self.w.f.vap(&key(n)).filter(|old| Some(*old) != vap) {
                    self.copies.retain(|(_, had)| *had != left);
                }
                let replay_since = ago.map(|ms| Instant(now.0 - ms * 1_000));
                let replayed = self.w.f.counters().replayed_frames;
                self.order(Change::Tsi { key: key(n), vap, entry, route, version, limits, replay_since });
                self.taken_back += self.w.f.counters().replayed_frames - replayed;
                if let Some(since) = replay_since.filter(|_| self.w.f.counters().replayed_frames > replayed) {
                    self.unread(mac(n), since);
                }
            }
            Happening::Port(vap, port) => {
                self.copies.retain(|(_, had)| *had != vap);
                self.order(Change::Port { vap, port });
            }
            Happening::Members(nves, strange) => {
                let sources: Vec<u8> = (2..6).filter(|nve| !strange.contains(nve)).collect();
                self.order(members(&nves, &sources));
            }
            Happening::Vap(from, vap, to) => {
                let bytes = self.frame(to, mac(from));
                let verdict = self.w.f.vap_frame(now, vap, &bytes);
                self.verdict(verdict, &bytes);
            }
            Happening::Tunnel(from, to) => {
                let bytes = self.frame(to, mac(100 + from));
                let verdict = self.w.f.tunnel_frame(now, ip(from), VN, &bytes);
                self.verdict(verdict, &bytes);
            }
            Happening::Flush(frames, full) => self.flush(frames.into(), full),
            Happening::Time(ms) => self.w.pass(ms),
            Happening::Notice => _ = self.w.f.poll_notice(),
        }
    }

    /// Applies a table change, which the forwarder may refuse for want of room.
    fn order(&mut self, change: Change) {
        self.w.order += 1;
        _ = self.w.f.apply(&TableChange { number: self.w.order, change });
    }
}

fn watched() -> Watched {
    let mut w = World::with(SMALL);
    w.apply(members(&[], &[2, 3, 4, 5]));
    Watched {
        w,
        number: 0,
        frames: 0,
        last: BTreeMap::new(),
        deliveries: Vec::new(),
        copies: BTreeSet::new(),
        held: Vec::new(),
        taken_back: 0,
        dropped: [0; DropReason::ALL.len()],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Checks VMM-5-08, VMM-5-09, VXL-14, R-36, TUN-10.
    #[test]
    fn whatever_happens_bounds_hold_and_no_sender_is_overtaken_or_heard_twice(
        happenings in proptest::collection::vec(a_happening(true), 0..120),
    ) {
        let mut watched = watched();
        for happening in happenings {
            watched.happen(happening);
            watched.w.f.check();
        }
    }

    /// Checks VMM-5-16.
    #[test]
    fn each_unicast_frame_that_came_or_was_replayed_is_delivered_tunnelled_dropped_or_held(
        happenings in proptest::collection::vec(a_happening(false), 0..120),
    ) {
        let mut watched = watched();
        for happening in happenings {
            watched.happen(happening);
        }
        let counters = *watched.w.f.counters();
        let gone = counters.delivered_frames + counters.tunnelled_frames + counters.all_dropped_frames();
        let came = watched.frames + counters.replayed_frames;
        let waiting = watched.w.f.held_in_all().frames + watched.w.f.strangers_in_all().frames;
        prop_assert_eq!(came, gone + u64::from(waiting));
    }

    #[test]
    fn each_dropped_frame_is_told_once_by_its_reason_and_each_held_one_by_its_tsi(
        happenings in proptest::collection::vec(a_happening(true), 0..120),
    ) {
        let mut watched = watched();
        for happening in happenings {
            watched.happen(happening);
            watched.hear_drops();
        }
        prop_assert_eq!(watched.held.len() as u64 + watched.taken_back, u64::from(watched.w.f.held_in_all().frames));
        watched.w.f.reset();
        watched.hear_drops();
        let counters = *watched.w.f.counters();
        prop_assert!(DropReason::ALL.iter().map(|reason| counters.dropped_frames(*reason)).eq(watched.dropped));
        prop_assert_eq!((watched.held.len(), watched.taken_back, counters.shed_drops), (0, 0, 0));
    }

    /// Checks VMM-5-08.
    #[test]
    fn what_is_held_ends_when_time_passes_and_ports_take(
        happenings in proptest::collection::vec(a_happening(true), 0..120),
    ) {
        let mut watched = watched();
        for happening in happenings {
            watched.happen(happening);
        }
        watched.flush(usize::MAX, None);
        for _ in 0..100 {
            let Some(due) = watched.w.f.poll_timeout() else { break };
            watched.w.now = watched.w.now.max(due);
            watched.w.pass(0);
            watched.flush(usize::MAX, None);
        }
        prop_assert_eq!(watched.w.f.held_in_all(), StoredFrames::default());
        prop_assert_eq!(watched.w.f.strangers_in_all(), StoredFrames::default());
        prop_assert_eq!(watched.w.f.poll_timeout(), None);
        watched.w.f.check();
    }
}
