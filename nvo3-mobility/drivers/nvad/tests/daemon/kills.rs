//! What the authority has acknowledged stays so when it is killed.

use crate::world::{World, tsi};
use nvo3_mobility::nve::{Event, Input};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{MoveId, Tsi};
use nvoctl::{Reply, Request, clock};
use std::net::Ipv4Addr;

/// What the VM does before it ends and the authority is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// It runs at edge 1.
    Rests,
    /// A move to edge 2 is prepared.
    Prepared,
    /// It runs at edge 2, and the move may not have ended.
    Moved,
}

impl Before {
    const ALL: [Self; 3] = [Self::Rests, Self::Prepared, Self::Moved];

    /// The index of the edge at which the VM ends.
    fn comes_about(self, world: &mut World, id: u64, vm: &Tsi) -> usize {
        world.vm_at(0, vm);
        let mac = vm.key.mac.to_string();
        world.until("it is registered", |world| world.directory().iter().any(|(at, _)| *at == mac).then_some(()));
        if self == Self::Rests {
            return 0;
        }
        world.attach(1, vm);
        let mut prepare = world.prepare(id, vm);
        let reply = world.until("both are ready", |_| prepare.next());
        assert_eq!(reply, Reply::Prepared { move_id: MoveId(id) });
        if self == Self::Prepared {
            return 0;
        }
        let (key, move_id) = (vm.key, MoveId(id));
        world.edges[0].machine.tell(clock::now(), Input::Suspend { key, move_id, stopped_at: None }).unwrap();
        world.until("the VM may run", |world| {
            world.edges[1].machine.tell(clock::now(), Input::Activate { key, move_id: Some(move_id) }).ok()
        });
        1
    }
}

/// `NVAD_TEST_KILLS` sets the number of kills; by default it is small.
///
/// Checks I6.
#[test]
fn a_withdrawal_that_was_acknowledged_is_not_undone_when_the_authority_is_killed() {
    let kills = std::env::var("NVAD_TEST_KILLS").map_or(9, |kills| kills.parse().unwrap());
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());

    for n in 0..kills {
        let (before, vm) = (Before::ALL[n % 3], tsi((n % 200) as u8 + 1));
        let at = before.comes_about(&mut world, n as u64 + 1, &vm);
        let vap = VapId(vm.key.mac.0[5].into());
        world.edges.iter_mut().for_each(|edge| edge.withdrawn.clear());
        world.until("the port may go", |world| world.edges[at].machine.tell(clock::now(), Input::Detach { vap }).ok());
        if before == Before::Prepared {
            // A withdrawal in a move is acknowledged when the move has ended.
            let _ = world.ask(&Request::Cancel { move_id: MoveId(n as u64 + 1) });
        }
        world
            .until("the withdrawal is acknowledged", |world| world.edges[at].withdrawn.contains(&vm.key).then_some(()));

        world.edges.iter_mut().for_each(|edge| edge.events.clear());
        world.kill();
        world.start();
        world.until("both edges are back", |world| {
            world.edges.iter().all(|edge| edge.events.contains(&Event::SessionUp)).then_some(())
        });
        let settled = std::time::Instant::now();
        world.until("all is restated", |_| (settled.elapsed().as_millis() > 300).then_some(()));

        let mac = vm.key.mac.to_string();
        let row = world.directory().into_iter().find(|(at, _)| *at == mac);
        assert_eq!(row, None, "{before:?}, kill {n}");
        for edge in &mut world.edges {
            let _ = edge.machine.tell(clock::now(), Input::Detach { vap });
        }
    }
}
