//! *Suspend* after the stop: the frames that were delivered to the stopped VM are sent after it.

use super::*;

const RECENT: HoldLimits = HoldLimits { frames: 4, bytes: 1_000, age: Micros::from_millis(100) };

fn small() -> World {
    let own = place(1).locators;
    World::with(ForwarderConfig { recent: RECENT, recent_total_frames: 6, ..ForwarderConfig::new(own) })
}

impl World {
    /// Delivers frames `numbers`, a millisecond apart, to the TSI behind port 1, which is about to leave.
    fn leaving(&mut self, numbers: core::ops::Range<u32>) {
        self.entry(1, Some(P1), Entry::DELIVER_AND_REMEMBER);
        for n in numbers {
            assert_eq!(self.tunnel(3, 1, n), Verdict::Deliver(P1));
            self.pass(1);
        }
    }

    /// Applies the table change of a late *Suspend* for the TSI behind port 1.
    fn stopped(&mut self, ago: u64, entry: Entry) {
        let replay_since = Some(Instant(self.now.0 - ago * 1_000));
        let version = Version { epoch: 1, generation: 5 };
        let (vap, entry, route) = (Some(P1), Some(entry), None);
        self.apply(Change::Tsi { key: key(1), vap, entry, route, version, limits: LIMITS, replay_since });
    }

    fn replayed(&self) -> (u64, u64, u64) {
        let counters = self.f.counters();
        (counters.replayed_frames, counters.incomplete_replays, counters.shed_recent_frames)
    }
}

/// Checks VMM-5-01, VMM-5-09.
#[test]
fn what_was_delivered_since_the_stop_is_tunnelled_in_order_before_anything_newer() {
    let mut w = World::new();
    w.leaving(0..10);

    w.stopped(4, tunnel(2));

    let to = Target::Tunnel { to: ip(2), vn: VN };
    assert_eq!([w.tunnel(3, 1, 10), w.vap(2, 1, 11)], [Verdict::Held; 2]);
    assert_eq!(w.flush(), (6..12).map(|n| (to, n)).collect::<Vec<_>>());
    assert_eq!(w.tunnel(3, 1, 12), to_nve(2));
    assert_eq!(w.replayed(), (4, 0, 0));
    let counters = w.f.tsi_counters(&key(1)).unwrap();
    assert_eq!((counters.replayed_frames, counters.tunnelled_frames, counters.dropped_frames), (4, 7, 0));
}

#[test]
fn held_frames_that_were_delivered_since_the_stop_count_too_and_go_before_those_still_held() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    (0..4).for_each(|n| _ = w.tunnel(3, 1, n));
    w.entry(1, Some(P1), Entry::DELIVER_AND_REMEMBER);
    let mut room = 2;
    let delivered = w.flush_while(&mut |_| {
        room -= 1;
        room >= 0
    });
    assert_eq!(delivered, [(Target::Port(P1), 0), (Target::Port(P1), 1)]);

    w.stopped(0, tunnel(2));

    assert_eq!(w.numbers(), [0, 1, 2, 3]);
}

/// Checks VMM-5-09.
#[test]
fn a_replay_overtakes_no_frame_of_its_sender_in_either_lane() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    for n in 0..2 {
        let _ = w.tunnel(2, 1, n);
        let _ = w.tunnel(3, 1, 10 + n);
    }
    w.entry(1, Some(P1), Entry { party: Some(place(2)), ..Entry::DELIVER_AND_REMEMBER });
    let mut room = 3;
    w.flush_while(&mut |_| {
        room -= 1;
        room >= 0
    });

    w.stopped(0, tunnel(4));

    assert_eq!(w.numbers(), [0, 1, 10, 11]);
}

#[test]
fn without_the_stops_time_nothing_is_replayed() {
    let mut w = World::new();
    w.leaving(0..4);

    w.entry(1, Some(P1), tunnel(2));

    assert_eq!(w.tunnel(3, 1, 4), to_nve(2));
    assert_eq!((w.flush(), w.replayed()), (Vec::new(), (0, 0, 0)));
}

/// Checks VMM-5-01.
#[test]
fn a_word_that_comes_after_the_tunnel_replays_before_anything_newer() {
    let mut w = World::new();
    w.leaving(0..4);
    w.entry(1, Some(P1), tunnel(2));
    assert_eq!(w.tunnel(3, 1, 4), to_nve(2));
    w.entry(1, None, tunnel(4));
    w.pass(10);

    w.stopped(12, tunnel(4));

    let to = Target::Tunnel { to: ip(4), vn: VN };
    assert_eq!(w.tunnel(3, 1, 5), Verdict::Held);
    assert_eq!(w.flush(), [2, 3, 5].map(|n| (to, n)));
    assert_eq!((w.replayed(), w.f.remembered_in_all(), w.f.poll_timeout()), ((2, 0, 0), StoredFrames::default(), None));
    w.stopped(12, tunnel(4));
    assert_eq!(w.flush(), []);
}

#[test]
fn a_word_that_comes_too_late_finds_nothing_and_is_counted() {
    let mut w = small();
    w.leaving(0..4);
    w.entry(1, Some(P1), tunnel(2));
    assert_eq!(w.f.poll_timeout(), Some(w.now + RECENT.age));

    w.pass(RECENT.age.0 / 1_000);

    assert_eq!((w.f.remembered_in_all(), w.f.poll_timeout()), (StoredFrames::default(), None));
    w.stopped(103, tunnel(2));
    assert_eq!((w.flush(), w.replayed()), (Vec::new(), (0, 1, 0)));
}

#[test]
fn what_a_vm_that_left_did_not_read_is_forgotten_when_it_comes_again() {
    for again in [Entry::DELIVER, Entry::DELIVER_AND_REMEMBER] {
        let mut w = World::new();
        w.leaving(0..4);
        w.entry(1, Some(P1), tunnel(2));
        w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
        assert_eq!(w.f.remembered_in_all().frames, 4);

        w.entry(1, Some(P1), again);

        assert_eq!((w.f.remembered_in_all(), w.f.poll_timeout()), (StoredFrames::default(), None));
        w.stopped(4, tunnel(2));
        assert_eq!((w.flush(), w.replayed()), (Vec::new(), (0, 0, 0)));
    }
}

#[test]
fn a_move_called_off_while_the_vm_runs_forgets_what_it_read() {
    let mut w = World::new();
    w.leaving(0..4);
    assert_eq!(w.f.remembered_in_all().frames, 4);

    w.stopped(4, Entry::DELIVER);
    assert_eq!(w.f.remembered_in_all(), StoredFrames::default());

    w.stopped(4, tunnel(2));
    assert_eq!((w.flush(), w.replayed()), (Vec::new(), (0, 0, 0)));
}

#[test]
fn a_tsi_that_does_not_leave_is_not_remembered() {
    let mut w = World::new();
    let _ = w.tunnel(3, 1, 0);
    let _ = w.tunnel(3, 2, 1);

    assert_eq!(w.f.remembered_in_all(), StoredFrames::default());
}

#[test]
fn said_again_it_is_not_replayed_again_nor_forgotten_before() {
    let mut w = World::new();
    w.leaving(0..2);
    w.leaving(2..4);

    w.stopped(4, tunnel(2));
    w.stopped(4, tunnel(2));

    assert_eq!(w.numbers(), [0, 1, 2, 3]);
}

#[test]
fn what_the_vm_did_not_read_is_held_where_its_entry_holds() {
    let mut w = World::new();
    w.leaving(0..4);

    w.stopped(2, holding(Some(place(2)), Bum::Skip));
    assert_eq!((w.flush(), w.f.held(&key(1)).frames), (Vec::new(), 2));

    w.entry(1, Some(P1), Entry::DELIVER);
    assert_eq!(w.numbers(), [2, 3]);
}

#[test]
fn group_frames_are_neither_remembered_nor_replayed() {
    let mut w = World::new();
    w.leaving(0..1);
    let group = frame(Mac::BROADCAST, mac(200), 1);
    assert_eq!(w.f.tunnel_frame(w.now, ip(3), VN, &group), Verdict::Replicate);

    w.stopped(5, tunnel(2));

    assert_eq!(w.numbers(), [0]);
}

#[test]
fn replayed_frames_make_nobody_a_stale_sender() {
    let mut w = World::new();
    w.leaving(0..2);

    w.stopped(2, tunnel(2));
    w.flush();

    assert_eq!(w.notices(), []);
    assert_eq!(w.f.tsi_counters(&key(1)).unwrap().stale_senders, 0);
}

#[test]
fn the_oldest_make_room_and_a_replay_that_does_not_reach_back_is_counted() {
    for (since, incomplete) in [(4, 0), (5, 1)] {
        let mut w = small();
        w.leaving(0..10);
        assert_eq!(w.f.remembered_in_all().frames, RECENT.frames);

        w.stopped(since, tunnel(2));

        assert_eq!(w.numbers(), [6, 7, 8, 9]);
        assert_eq!(w.replayed(), (4, incomplete, 6));
    }
}

#[test]
fn bytes_bound_what_is_remembered_as_frames_do() {
    let mut w = small();
    w.leaving(0..0);
    let mut big = frame(mac(1), mac(9), 0);
    for length in [400, 400, 400, 1_001] {
        big.resize(length, 0);
        assert_eq!(w.f.tunnel_frame(w.now, ip(3), VN, &big), Verdict::Deliver(P1));
        assert!(w.f.remembered_in_all().bytes <= RECENT.bytes);
    }

    assert_eq!((w.f.remembered_in_all(), w.replayed()), (StoredFrames::default(), (0, 0, 4)));
}

#[test]
fn what_is_too_old_is_forgotten_at_the_next_frame_and_at_the_replay() {
    let mut w = small();
    w.leaving(0..2);
    w.pass(98);
    w.leaving(2..3);
    assert_eq!(w.f.remembered_in_all().frames, 2);
    w.pass(98);

    w.stopped(198, tunnel(2));

    assert_eq!(w.numbers(), [2]);
    assert_eq!(w.replayed(), (1, 1, 0));
}

#[test]
fn no_tsi_pays_for_what_is_remembered_of_another() {
    let mut w = small();
    w.leaving(0..4);
    w.entry(2, Some(P2), Entry::DELIVER_AND_REMEMBER);

    (0..5).for_each(|n| _ = w.tunnel(3, 2, n));

    assert_eq!(w.f.remembered_in_all().frames, 6);
    w.stopped(4, tunnel(2));
    assert_eq!(w.numbers(), [0, 1, 2, 3]);
    assert_eq!(w.replayed().2, 3);
}

#[test]
fn what_is_remembered_takes_no_room_of_what_is_held() {
    let own = place(1).locators;
    let mut w = World::with(ForwarderConfig { total_frames: 64, ..ForwarderConfig::new(own) });
    w.leaving(0..100);

    (0..64).for_each(|n| _ = w.vap(2, 9, n));

    assert_eq!((w.f.held_in_all().frames, w.dropped(DropReason::HoldTotal)), (64, 0));
    w.stopped(1, tunnel(2));
    assert_eq!((w.f.held_in_all().frames, w.dropped(DropReason::HoldTotal)), (64, 1));
}

#[test]
fn a_reset_and_a_removed_tsi_leave_nothing_remembered() {
    let mut w = World::new();
    w.leaving(0..4);
    w.entry(1, Some(P1), tunnel(2));
    w.tsi(1, None, None, None);
    assert_eq!((w.f.remembered_in_all(), w.f.poll_timeout()), (StoredFrames::default(), None));

    w.leaving(0..4);
    w.f.reset();
    assert_eq!((w.f.remembered_in_all(), w.dropped(DropReason::Reset)), (StoredFrames::default(), 0));
}
