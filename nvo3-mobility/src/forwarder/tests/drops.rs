//! The reports of dropped frames: one for each frame.

use super::*;
use crate::fairness::Rate;

const LOG: ForwarderConfig = ForwarderConfig { drops: 100, ..ForwarderConfig::new(place(1).locators) };
const AT_P1: Origin = Origin::Vap(P1);
const BY_2: Origin = Origin::Tunnel(ip(2));

impl World {
    fn drops(&mut self) -> Vec<(Dropped, Vec<u8>)> {
        let mut out = Vec::new();
        core::iter::from_fn(|| Some((self.f.poll_drop(&mut out)?, core::mem::take(&mut out)))).collect()
    }

    fn broadcast(&mut self, from: u8) -> Verdict {
        self.f.vap_frame(self.now, VapId(from.into()), &frame(Mac::BROADCAST, mac(from), 7))
    }
}

/// Makes a forwarder drop one frame, and gives the frame.
type Make = fn(&mut World) -> Vec<u8>;

/// A dropped frame: the reason, the way to make the drop, the TSI, the origin, the line that held it, and true for a copy.
type Case = (DropReason, Make, Option<u8>, Origin, Option<Line>, bool);

#[rustfmt::skip]
const REASONS: [Case; 34] = {
    use DropReason::*;
    use Line::*;
    [
        (UnknownPort,        unknown_port,       None,    Origin::Vap(VapId(9)), None,          false),
        (UnknownVn,          unknown_vn,         None,    BY_2,                  None,          false),
        (UnknownVn,          vn_left,            Some(9), BY_2,                  Some(Direct),  false),
        (Malformed,          malformed,          None,    AT_P1,                 None,          false),
        (GroupSource,        group_source,       None,    AT_P1,                 None,          false),
        (SourceNotAllowed,   source_not_allowed, None,    AT_P1,                 None,          false),
        (AddressNotAllowed,  address,            None,    AT_P1,                 None,          false),
        (RouterNotAllowed,   router,             None,    AT_P1,                 None,          false),
        (DhcpServerNotAllowed, dhcp_server,      None,    AT_P1,                 None,          false),
        (Stranger,           stranger,           None,    Origin::Tunnel(ip(20)), None,         false),
        (StrangerOverflow,   strangers,          None,    Origin::Tunnel(ip(20)), None,         false),
        (TooManyTags,        tags,               None,    AT_P1,                 None,          false),
        (HiddenProtocol,     snap,               None,    AT_P1,                 None,          false),
        (BadHeaders,         headers,            None,    AT_P1,                 None,          false),
        (FragmentedNeighbor, fragmented,         None,    AT_P1,                 None,          false),
        (ShortFragment,      short_fragment,     None,    AT_P1,                 None,          false),
        (LinkGroup,          link_group,         None,    AT_P1,                 None,          false),
        (UnknownDestination, nowhere,            Some(9), AT_P1,                 None,          false),
        (UnknownDestination, held_for_nowhere,   Some(9), AT_P1,                 Some(Direct),  false),
        (NoReceiver,         no_receiver,        None,    AT_P1,                 None,          false),
        (Hairpin,            hairpin,            Some(1), AT_P1,                 None,          false),
        (Loop,               in_a_loop,          Some(9), BY_2,                  None,          false),
        (NoCommonUnderlay,   no_underlay,        Some(9), AT_P1,                 None,          false),
        (HoldOverflow,       overflow,           Some(1), BY_2,                  Some(Tunnelled), false),
        (HoldAge,            age,                Some(9), AT_P1,                 Some(Direct),  false),
        (HoldTotal,          total,              Some(8), AT_P1,                 None,          false),
        (TooManyAsked,       too_many_asked,     Some(9), AT_P1,                 None,          false),
        (MissLimited,        miss_limited,       Some(9), AT_P1,                 None,          false),
        (TunnelMissLimited,  tunnel_limited,     Some(9), BY_2,                  None,          false),
        (GroupLimited,       group_limited,      None,    AT_P1,                 None,          false),
        (BumNotTunnelled,    bum_not_tunnelled,  Some(2), AT_P1,                 Some(Direct),  true),
        (BumPortShared,      bum_port_shared,    Some(9), AT_P1,                 Some(Direct),  true),
        (Detached,           detached,           Some(1), AT_P1,                 Some(Kept),    false),
        (Reset,              reset,              Some(9), AT_P1,                 Some(Direct),  false),
    ]
};

fn unknown_port(w: &mut World) -> Vec<u8> {
    let _ = w.f.vap_frame(w.now, VapId(9), &frame(mac(2), mac(1), 7));
    frame(mac(2), mac(1), 7)
}

fn unknown_vn(w: &mut World) -> Vec<u8> {
    let _ = w.f.tunnel_frame(w.now, ip(2), OTHER_VN, &frame(mac(2), mac(200), 7));
    frame(mac(2), mac(200), 7)
}

fn vn_left(w: &mut World) -> Vec<u8> {
    w.tsi(9, None, None, Some(Route::At(place(1))));
    let _ = w.tunnel(2, 9, 7);
    for n in [1, 2] {
        w.tsi(n, None, None, None);
        w.apply(Change::Port { vap: VapId(n.into()), port: None });
    }
    w.tsi(9, None, None, None);
    frame(mac(9), mac(200), 7)
}

fn malformed(w: &mut World) -> Vec<u8> {
    let mut tagged = frame(mac(2), mac(1), 7);
    tagged[12..14].copy_from_slice(&[0x81, 0]);
    tagged.truncate(14);
    sent(w, tagged)
}

fn group_source(w: &mut World) -> Vec<u8> {
    let _ = w.f.vap_frame(w.now, P1, &frame(mac(2), Mac::BROADCAST, 7));
    frame(mac(2), Mac::BROADCAST, 7)
}

fn source_not_allowed(w: &mut World) -> Vec<u8> {
    let _ = w.f.vap_frame(w.now, P1, &frame(mac(2), mac(9), 7));
    frame(mac(2), mac(9), 7)
}

/// The TSI behind port 1 sends a frame.
fn sent(w: &mut World, frame: Vec<u8>) -> Vec<u8> {
    let _ = w.f.vap_frame(w.now, P1, &frame);
    frame
}

/// An IPv6 packet of the TSI behind port 1, from its link-local address.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let head = [&mac(2).0[..], &mac(1).0, &[0x86, 0xdd, 0x60, 0, 0, 0], &length, &[next, 255]].concat();
    [&head[..], &Ipv6::link_local(mac(1)).0, &Ipv6::ALL_NODES.0, payload].concat()
}

fn address(w: &mut World) -> Vec<u8> {
    let mut frame = frame(mac(2), mac(1), 7);
    frame[26..30].copy_from_slice(&v4(mac(2)).0);
    sent(w, frame)
}

fn router(w: &mut World) -> Vec<u8> {
    sent(w, ipv6(58, &[134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
}

fn dhcp_server(w: &mut World) -> Vec<u8> {
    sent(w, ipv6(17, &[2, 35, 2, 34, 0, 8, 0, 0]))
}

fn tunnel_limited(w: &mut World) -> Vec<u8> {
    let tunnel_misses = Rate { per_second: 1, burst: 1 };
    *w = World::with(ForwarderConfig { tunnel_misses, ..LOG });
    let _ = w.tunnel(2, 8, 7);
    let _ = w.tunnel(2, 9, 7);
    frame(mac(9), mac(200), 7)
}

fn group_limited(w: &mut World) -> Vec<u8> {
    *w = World::with(ForwarderConfig { groups: Rate { per_second: 1, burst: 1 }, ..LOG });
    let _ = w.broadcast(1);
    sent(w, frame(Mac::BROADCAST, mac(1), 7))
}

fn stranger(w: &mut World) -> Vec<u8> {
    let _ = w.tunnel(20, 1, 7);
    w.pass(3_000);
    frame(mac(1), mac(200), 7)
}

fn strangers(w: &mut World) -> Vec<u8> {
    (0..256).for_each(|_| _ = w.tunnel(20, 1, 8));
    let _ = w.tunnel(20, 1, 7);
    frame(mac(1), mac(200), 7)
}

fn tags(w: &mut World) -> Vec<u8> {
    let mut frame = frame(mac(2), mac(1), 7);
    frame.splice(12..12, [0x88, 0xa8, 0, 7, 0x81, 0, 0, 7]);
    sent(w, frame)
}

fn snap(w: &mut World) -> Vec<u8> {
    let mut frame = frame(mac(2), mac(1), 7);
    frame.splice(12..12, [0, 92, 0xaa, 0xaa, 3, 0, 0, 0]);
    sent(w, frame)
}

fn headers(w: &mut World) -> Vec<u8> {
    sent(w, ipv6(60, &[58, 1, 1, 4, 0, 0, 0, 0]))
}

fn fragmented(w: &mut World) -> Vec<u8> {
    sent(w, ipv6(44, &[58, 0, 0, 1, 0, 0, 0, 1, 136, 0, 0, 0, 0, 0, 0, 0]))
}

fn short_fragment(w: &mut World) -> Vec<u8> {
    sent(w, ipv6(44, &[60, 0, 0, 1, 0, 0, 0, 1, 58, 1, 1, 4, 0, 0, 0, 0]))
}

fn link_group(w: &mut World) -> Vec<u8> {
    sent(w, frame(Mac([1, 0x80, 0xc2, 0, 0, 0x0e]), mac(1), 7))
}

fn nowhere(w: &mut World) -> Vec<u8> {
    w.tsi(9, None, None, Some(Route::Nowhere));
    let _ = w.vap(1, 9, 7);
    frame(mac(9), mac(1), 7)
}

fn held_for_nowhere(w: &mut World) -> Vec<u8> {
    let _ = w.vap(1, 9, 7);
    w.tsi(9, None, None, Some(Route::Nowhere));
    frame(mac(9), mac(1), 7)
}

fn no_receiver(w: &mut World) -> Vec<u8> {
    w.tsi(2, Some(P2), None, None);
    let _ = w.broadcast(1);
    frame(Mac::BROADCAST, mac(1), 7)
}

fn hairpin(w: &mut World) -> Vec<u8> {
    let _ = w.vap(1, 1, 7);
    frame(mac(1), mac(1), 7)
}

fn in_a_loop(w: &mut World) -> Vec<u8> {
    w.tsi(9, None, None, Some(Route::At(place(2))));
    let _ = w.tunnel(2, 9, 7);
    frame(mac(9), mac(200), 7)
}

fn no_underlay(w: &mut World) -> Vec<u8> {
    let locators = Locators::V6(core::net::Ipv6Addr::LOCALHOST);
    w.tsi(9, None, None, Some(Route::At(Place { locators, ..place(3) })));
    let _ = w.vap(1, 9, 7);
    frame(mac(9), mac(1), 7)
}

fn overflow(w: &mut World) -> Vec<u8> {
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Skip));
    (7..72).for_each(|n| _ = w.tunnel(2, 1, n));
    frame(mac(1), mac(200), 7)
}

fn age(w: &mut World) -> Vec<u8> {
    let _ = w.vap(1, 9, 7);
    w.pass(3_000);
    frame(mac(9), mac(1), 7)
}

/// As much is held for another TSI as may be held in all.
fn total(w: &mut World) -> Vec<u8> {
    w.entry(1, Some(P1), Entry { gate: Gate::Open, ..holding(None, Bum::Skip) });
    (0..64).for_each(|n| _ = w.tunnel(2, 1, n));
    let _ = w.vap(1, 8, 7);
    frame(mac(8), mac(1), 7)
}

fn too_many_asked(w: &mut World) -> Vec<u8> {
    (10..14).for_each(|n| _ = w.vap(1, n, n.into()));
    let _ = w.vap(1, 9, 7);
    frame(mac(9), mac(1), 7)
}

fn miss_limited(w: &mut World) -> Vec<u8> {
    *w = World::with(ForwarderConfig { asked_per_port: 1, ..LOG });
    let _ = w.vap(1, 10, 6);
    let _ = w.vap(1, 9, 7);
    frame(mac(9), mac(1), 7)
}

fn bum_not_tunnelled(w: &mut World) -> Vec<u8> {
    w.entry(2, Some(P2), holding(None, Bum::Hold));
    let _ = w.broadcast(1);
    w.entry(2, Some(P2), tunnel(2));
    frame(Mac::BROADCAST, mac(1), 7)
}

fn bum_port_shared(w: &mut World) -> Vec<u8> {
    w.entry(9, None, holding(None, Bum::Hold));
    let _ = w.broadcast(1);
    w.entry(9, Some(P2), Entry::DELIVER);
    frame(Mac::BROADCAST, mac(1), 7)
}

fn detached(w: &mut World) -> Vec<u8> {
    w.entry(1, Some(P1), holding(None, Bum::Skip));
    let _ = w.vap(1, 2, 7);
    w.entry(1, None, tunnel(2));
    frame(mac(2), mac(1), 7)
}

fn reset(w: &mut World) -> Vec<u8> {
    let _ = w.vap(1, 9, 7);
    w.f.reset();
    frame(mac(9), mac(1), 7)
}

#[test]
fn each_reason_tells_its_frame_with_its_tsi_where_it_came_in_and_what_held_it() {
    for (reason, make, tsi, origin, line, copy) in REASONS {
        let mut w = World::with(ForwarderConfig { total_frames: 64, tsis: 4, ..LOG });
        let arrived = w.now;

        let bytes = make(&mut w);

        let dropped = Dropped { reason, tsi: tsi.map(key), origin, line, copy, replayed: false, arrived };
        assert_eq!(w.drops(), [(dropped, bytes)], "{}", reason.name());
    }
    assert!(DropReason::ALL.iter().all(|reason| REASONS.iter().any(|(tested, ..)| tested == reason)));
}

#[test]
fn a_replayed_frame_without_room_is_told_as_replayed() {
    let mut w = World::with(ForwarderConfig { total_frames: 64, ..LOG });
    w.entry(1, Some(P1), Entry::DELIVER_AND_REMEMBER);
    let _ = w.tunnel(2, 1, 7);
    w.entry(9, None, holding(None, Bum::Skip));
    (0..64).for_each(|n| _ = w.tunnel(2, 9, n));
    let (replay_since, arrived) = (Some(w.now), w.now);

    let (entry, version) = (Some(tunnel(2)), Version::default());
    w.apply(Change::Tsi { key: key(1), vap: Some(P1), entry, route: None, version, limits: LIMITS, replay_since });

    let (reason, tsi) = (DropReason::HoldTotal, Some(key(1)));
    let dropped = Dropped { reason, tsi, origin: BY_2, line: None, copy: false, replayed: true, arrived };
    assert_eq!(w.drops(), [(dropped, frame(mac(1), mac(200), 7))]);
}

#[test]
fn without_a_log_frames_are_counted_and_with_a_full_one_shed() {
    let mut none = World::new();
    let mut two = World::with(ForwarderConfig { drops: 2, ..LOG });
    for w in [&mut none, &mut two] {
        (0..5).for_each(|n| _ = w.vap(1, 1, n));
    }

    let numbers = |w: &mut World| w.drops().iter().map(|(_, bytes)| number(bytes)).collect::<Vec<_>>();
    assert_eq!((numbers(&mut none), none.f.counters().shed_drops), (Vec::new(), 0));
    assert_eq!((numbers(&mut two), two.f.counters().shed_drops), (Vec::from([0, 1]), 3));
    assert_eq!(none.f.counters().all_dropped_frames(), 5);
}

#[test]
fn a_frame_too_long_for_any_port_is_told_up_to_the_longest_length() {
    let mut w = World::with(LOG);

    let _ = w.f.vap_frame(w.now, P1, &[2; 70_000]);

    assert_eq!(w.drops()[0].1.len(), 65_535);
}

#[test]
fn what_was_held_says_for_whom() {
    let mut w = World::new();
    w.entry(1, Some(P1), holding(Some(place(2)), Bum::Hold));
    w.entry(8, None, holding(None, Bum::Hold));

    assert_eq!(w.tunnel(2, 1, 0), Verdict::Held);
    assert_eq!(w.f.held_for(), [(key(1), Line::Tunnelled)]);
    assert_eq!(w.vap(1, 2, 1), Verdict::Held);
    assert_eq!(w.f.held_for(), [(key(1), Line::Kept)]);
    assert_eq!(w.broadcast(2), Verdict::Held);
    assert_eq!(w.f.held_for(), [(key(1), Line::Direct), (key(8), Line::Direct)]);
    assert_eq!(w.vap(2, 2, 2), Verdict::Drop(DropReason::Hairpin));
    assert_eq!(w.f.held_for(), []);

    w.entry(1, Some(P1), Entry::DELIVER);
    let mut out = Vec::new();
    let _ = w.f.poll_flush(w.now, &mut |_| true, &mut out);
    assert_eq!(w.f.flushed_for(), Some(key(1)));
}
