use super::world::{wait, world_with};
use nvo3_tests::netns::{Family, VNI, open_tap};
use nvo3_wire::announce::{Kind, classify};

/// A legacy segment is behind a port of the new edge.
///
/// Checks VMM-4.2-01, VMM-4.2-19, ARMD-07.
#[test]
fn a_segment_at_the_new_edge_hears_of_a_vm_that_has_moved_there() {
    let mut segment = None;
    let ports = |overlay: &mut nvo3_tests::netns::Overlay| {
        segment = Some(open_tap(overlay.fabric.host(2), "sg0", None));
    };
    let Some(world) = world_with(Family::V4, ports) else { return };
    let segment = segment.unwrap();
    let spec = format!("sg0,vni={VNI},trusted,announce");
    super::world::done(&world.overlay.nvoctl("h2", &["attach", &spec]));

    world.move_until_paused(1, 1, 2);
    world.run_at(1, 2);
    wait(4_000);

    let (mut heard, mut frame) = ([0; 3], [0; 2_048]);
    while let Ok(length) = segment.recv(&mut frame) {
        match classify(&frame[..length]) {
            Ok(Kind::RarpAnnouncement(arp)) if arp.sender_mac == world.vm.station.mac => heard[0] += 1,
            Ok(Kind::GratuitousRequest(arp)) if arp.sender_mac == world.vm.station.mac => heard[1] += 1,
            Ok(Kind::UnsolicitedNa(na)) if na.target_link == Some(&world.vm.station.mac) => heard[2] += 1,
            _ => {}
        }
    }
    assert_eq!(heard, [3; 3]);
    assert_eq!(world.overlay.counter("h2", "nve.announcements"), 9);
}
