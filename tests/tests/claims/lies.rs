//! The owner hears of a lie in data as well as of one in an announcement, at a limited rate.

use super::*;

fn spoofed(world: &mut Direct) -> Vec<(VapId, Mac, Option<IpAddr>)> {
    let events = std::mem::take(&mut world.edges[0].events);
    let of = |event| match event {
        Event::Spoofed { vap, mac, ip } => Some((vap, mac, ip)),
        _ => None,
    };
    events.into_iter().filter_map(of).collect()
}

/// Checks VMM-10-02.
#[test]
fn a_lie_in_data_is_told_by_its_port_with_its_sender_and_address() {
    let as_another = {
        let mut frame = datagram(2, v4(2), 17, [0; 4]);
        frame[6..12].copy_from_slice(&mac(9).0);
        frame
    };
    let vlan = |frame: &[u8]| tagged(frame, [0x81, 0, 0, 7]);
    #[rustfmt::skip]
    let table = [
        (datagram(1, v4(2), 17, [0; 4]),          mac(1), Some(v4(2).addr().into())),
        (vlan(&datagram(1, v4(2), 17, [0; 4])),   mac(1), Some(v4(2).addr().into())),
        (packet(1, v6(2), 17, &[0; 8]),           mac(1), Some(v6(2).addr().into())),
        (as_another,                              mac(9), None),
    ];

    for (frame, mac, ip) in table {
        let mut world = world();

        let _ = sends(&mut world, PORT, &frame);

        assert_eq!(spoofed(&mut world), [(PORT, mac, ip)], "{frame:02x?}");
        assert_eq!(world.edges[0].nve().counters().spoofed, 0, "the forwarder counts it");
    }
}

/// Checks VMM-10-02.
#[test]
fn a_flood_of_lies_makes_one_event_for_each_port_and_interval() {
    let mut world = world();

    for round in 0..3_u64 {
        for n in 0..1_000_u32 {
            let [_, _, a, b] = n.to_be_bytes();
            let _ = sends(&mut world, PORT, &datagram(1, Ipv4([10, 0, a, b]), 17, [0; 4]));
            let _ = sends(&mut world, OTHER_PORT, &datagram(1, v4(1), 17, [0; 4]));
            let _ = sends(&mut world, PORT, &request(1, 2, 9));
        }
        let told: Vec<VapId> = spoofed(&mut world).into_iter().map(|(vap, ..)| vap).collect();
        assert_eq!(told, [PORT, OTHER_PORT]);
        world.run(Micros::from_millis(100));
        let dropped = world.edges[0].forwarder.counters().dropped_frames(DropReason::AddressNotAllowed);
        assert_eq!(dropped, 1_000 * (round + 1));
    }
    assert_eq!(world.edges[0].forwarder.counters().shed_notices, 0);
}

#[test]
fn what_a_policy_forbids_is_no_lie() {
    let mut world = world();

    let _ = sends(&mut world, PORT, &datagram(1, v4(1), 17, [0, 67, 0, 68]));
    let _ = sends(&mut world, PORT, &tagged(&tagged(&request(1, 1, 2), [0x81, 0, 0, 7]), [0x81, 0, 0, 7]));

    assert_eq!(spoofed(&mut world), []);
}
