//! The way of a frame.

use super::*;

/// Checks ARC-05.
#[test]
fn both_ends_here_need_no_tunnel() {
    let mut w = World::new();

    assert_eq!(w.vap(1, 2, 0), Verdict::Deliver(P2));
    assert_eq!((w.f.counters().delivered_frames, w.f.counters().tunnelled_frames), (1, 0));
}

/// Checks VMM-10-02, DAP-09.
#[test]
fn only_its_own_macs_may_send_at_a_port() {
    let mut w = World::new();

    assert_eq!(w.f.vap_frame(w.now, P1, &frame(mac(2), mac(9), 0)), Verdict::Drop(DropReason::SourceNotAllowed));
    assert_eq!(w.f.vap_frame(w.now, P1, &frame(mac(1), mac(2), 0)), Verdict::Drop(DropReason::SourceNotAllowed));
    assert_eq!(w.f.vap_frame(w.now, P1, &frame(mac(2), Mac::BROADCAST, 0)), Verdict::Drop(DropReason::GroupSource));
    assert_eq!(w.f.vap_frame(w.now, VapId(9), &frame(mac(2), mac(1), 0)), Verdict::Drop(DropReason::UnknownPort));
    assert_eq!(w.f.vap_frame(w.now, P1, &[0; 13]), Verdict::Drop(DropReason::Malformed));
}

/// Checks VXL-11, VMM-10-01.
#[test]
fn the_same_macs_in_another_vn_are_others() {
    let mut w = World::new();
    w.port(VapId(3), OTHER_VN, Some(&[mac(1)]));

    assert_eq!(w.f.vap_frame(w.now, VapId(3), &frame(mac(2), mac(1), 0)), Verdict::Held);
    assert_eq!(w.notices(), [Notice::Miss { vn: OTHER_VN, mac: mac(2), vap: Some(VapId(3)) }]);
}

/// Checks VXL-11.
#[test]
fn a_tsi_is_never_delivered_to_at_a_port_of_another_vn() {
    let mut w = World::new();
    w.port(VapId(3), OTHER_VN, None);

    w.entry(4, Some(VapId(3)), Entry::DELIVER);

    assert_eq!(w.vap(1, 4, 0), Verdict::Held);
    assert!(w.flush().is_empty());
}

/// Checks VXL-09, VMM-5-12.
#[test]
fn a_tunnel_of_a_vn_or_to_a_mac_that_is_not_here_ends_in_a_drop_of_which_the_sender_hears() {
    let mut w = World::new();
    w.tsi(9, None, None, Some(Route::Nowhere));

    let other_vn = frame(mac(1), mac(9), 0);
    let group = frame(Mac::BROADCAST, mac(9), 0);
    for bytes in [&other_vn, &other_vn, &group] {
        assert_eq!(w.f.tunnel_frame(w.now, ip(2), OTHER_VN, bytes), Verdict::Drop(DropReason::UnknownVn));
    }
    assert_eq!(w.tunnel(3, 9, 0), Verdict::Drop(DropReason::UnknownDestination));
    assert_eq!(w.vap(1, 9, 0), Verdict::Drop(DropReason::UnknownDestination));

    let newest = Version { epoch: u32::MAX, generation: u64::MAX };
    let key_there = TsiKey { vn: OTHER_VN, ..key(1) };
    let version = Version { epoch: 1, generation: 5 };
    assert_eq!(
        w.notices(),
        [
            Notice::Stale { key: key_there, from: ip(2), version: newest },
            Notice::Stale { key: key(9), from: ip(3), version },
        ]
    );
    assert_eq!((w.dropped(DropReason::UnknownVn), w.dropped(DropReason::UnknownDestination)), (3, 2));
}

/// Checks VXL-10, VMM-5-02, U6-06.
#[test]
fn nothing_is_learned_from_frames() {
    let mut w = World::new();

    let _ = w.f.tunnel_frame(w.now, ip(66), VN, &frame(mac(1), mac(9), 0));

    assert_eq!(w.vap(1, 9, 1), Verdict::Held);
    assert_eq!(w.notices(), [Notice::Miss { vn: VN, mac: mac(9), vap: Some(P1) }]);
}

/// Checks DIR-24, DAP-08, VMM-4.2-10.
#[test]
fn an_unknown_destination_is_held_and_asked_for_once() {
    let mut w = World::new();

    assert_eq!([w.vap(1, 9, 0), w.vap(1, 9, 1), w.tunnel(2, 9, 2)], [Verdict::Held; 3]);
    assert_eq!(w.notices(), [Notice::Miss { vn: VN, mac: mac(9), vap: Some(VapId(1)) }]);
    w.tsi(9, None, None, Some(Route::At(place(3))));

    let to = Target::Tunnel { to: ip(3), vn: VN };
    assert_eq!(w.flush(), [(to, 0), (to, 1), (to, 2)]);
    assert_eq!(w.vap(1, 9, 3), to_nve(3));
}

/// Checks DIR-03.
#[test]
fn a_route_whose_mapping_ends_soon_carries_frames_and_asks_once_if_there_are_any() {
    let mut w = World::new();
    let miss = Notice::Miss { vn: VN, mac: mac(9), vap: None };
    for _ in 0..2 {
        w.tsi(9, None, None, Some(Route::Due(place(3))));
        assert_eq!(w.notices(), []);

        assert_eq!([w.vap(1, 9, 0), w.vap(1, 9, 1), w.vap(2, 9, 2)], [to_nve(3); 3]);

        assert_eq!(w.notices(), [miss]);
        w.tsi(9, None, None, Some(Route::At(place(3))));
        assert_eq!((w.vap(1, 9, 3), w.notices()), (to_nve(3), Vec::new()));
    }
}

/// Checks DIR-24, VMM-4.4-05.
#[test]
fn what_waited_for_an_address_that_is_nowhere_is_dropped() {
    let mut w = World::new();
    let _ = w.vap(1, 9, 0);

    w.tsi(9, None, None, Some(Route::Nowhere));

    assert_eq!(w.f.held(&key(9)), HeldFrames::default());
    assert_eq!(w.vap(1, 9, 1), Verdict::Drop(DropReason::UnknownDestination));
    assert_eq!(w.dropped(DropReason::UnknownDestination), 2);
}

/// Checks VMM-5-10, R-37.
#[test]
fn stale_caches_that_point_at_each_other_never_pass_a_frame_twice() {
    let mut a = World::new();
    let mut b = World::with(ForwarderConfig::new(place(2).locators));
    a.tsi(9, None, None, Some(Route::At(place(2))));
    b.tsi(9, None, None, Some(Route::At(place(1))));

    assert_eq!(a.vap(1, 9, 0), to_nve(2));
    assert_eq!(b.tunnel(1, 9, 0), Verdict::Drop(DropReason::Loop));
}

/// Checks VMM-5-10, R-37.
#[test]
fn a_chain_of_forward_entries_may_lead_back_and_ends_at_the_newest() {
    let mut a = World::new();
    let mut b = World::with(ForwarderConfig::new(place(2).locators));
    a.entry(9, Some(P1), holding(Some(place(2)), Bum::Hold));
    b.entry(9, None, tunnel(1));

    assert_eq!(b.tunnel(1, 9, 0), to_nve(1));
    assert_eq!(a.tunnel(2, 9, 0), Verdict::Held);
    assert_eq!(a.f.held(&key(9)).tunnelled, 1);
}

/// Checks R-37.
#[test]
fn a_held_frame_is_not_returned_either() {
    let mut w = World::new();
    let _ = w.tunnel(2, 9, 0);
    let _ = w.vap(1, 9, 1);

    w.tsi(9, None, None, Some(Route::At(place(2))));

    assert_eq!(w.numbers(), [1]);
    assert_eq!(w.dropped(DropReason::Loop), 1);
}

/// Checks VMM-5-06.
#[test]
fn a_stale_sender_is_named_once_while_nobody_listens() {
    let mut w = World::new();
    w.entry(9, None, tunnel(3));
    let stale = |from| Notice::Stale { key: key(9), from: ip(from), version: Version { epoch: 1, generation: 5 } };

    assert_eq!([w.tunnel(4, 9, 0), w.tunnel(4, 9, 1), w.tunnel(5, 9, 2), w.vap(1, 9, 3)], [to_nve(3); 4]);

    assert_eq!(w.notices(), [stale(4), stale(5)]);
    let _ = w.tunnel(4, 9, 4);
    assert_eq!(w.notices(), [stale(4)]);
    assert_eq!(w.f.tsi_counters(&key(9)).unwrap().stale_senders, 3);
}

/// Checks VMM-5-06.
#[test]
fn the_party_of_a_move_is_no_stale_sender() {
    let mut w = World::new();
    w.entry(9, None, Entry { party: Some(place(4)), ..tunnel(3) });

    assert_eq!(w.tunnel(4, 9, 0), to_nve(3));
    assert_eq!(w.notices(), []);
}

#[test]
fn a_frame_never_leaves_by_the_vap_that_it_came_from() {
    let mut w = World::new();

    assert_eq!(w.vap(1, 1, 0), Verdict::Drop(DropReason::Hairpin));
}

#[test]
fn without_a_common_underlay_a_frame_is_dropped() {
    let mut w = World::new();
    let v6 = Place { nve: NveId(3), locators: Locators::V6(core::net::Ipv6Addr::LOCALHOST) };

    w.tsi(9, None, None, Some(Route::At(v6)));

    assert_eq!(w.vap(1, 9, 0), Verdict::Drop(DropReason::NoCommonUnderlay));
}

/// Checks VMM-10-02.
#[test]
fn a_port_takes_all_addresses_of_its_macs_and_no_lie_that_control_passes() {
    let mut w = World::new();
    let twice = bindings(&[mac(1), mac(3), mac(1)]).into_iter().zip([1, 3, 9]);
    let bindings = twice.map(|(binding, n)| Binding { ips: Vec::from([ip(n)]), ..binding }).collect();
    w.apply(Change::Port { vap: P1, port: Some(Port::untrusted(VN, bindings)) });
    let says = |n: u8| {
        let mut arp = arp_request(mac(2), mac(1));
        arp[28..32].copy_from_slice(&[192, 0, 2, n]);
        arp
    };

    for (n, verdict) in
        [(1, Verdict::Deliver(P2)), (9, Verdict::Deliver(P2)), (3, Verdict::Drop(DropReason::AddressNotAllowed))]
    {
        assert_eq!(w.f.vap_frame(w.now, P1, &says(n)), Verdict::Punt);
        assert_eq!(w.f.vap_frame_passed(w.now, P1, &says(n)), verdict);
    }
}

#[test]
fn control_sees_arp_first_and_what_it_passes_goes_its_way() {
    let mut w = World::new();
    let arp = arp_request(mac(2), mac(1));

    assert_eq!(w.f.vap_frame(w.now, P1, &arp), Verdict::Punt);
    assert_eq!(w.f.vap_frame_passed(w.now, P1, &arp), Verdict::Deliver(P2));
    assert_eq!(w.f.tunnel_frame(w.now, ip(2), VN, &arp), Verdict::Deliver(P2));
}
