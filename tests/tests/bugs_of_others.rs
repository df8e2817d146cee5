//! Bugs of other systems in moves of VMs. Each test names the system, and shows that the bug does not happen here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{DropReason, Entrance, Target, Verdict};
use nvo3_mobility::nva::{self, Nva, NvaConfig};
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveResult, Tsi, TsiKey, Version};
use nvo3_tests::direct::{Direct, peer, place, tsi};
use nvo3_wire::{Mac, nd};
use std::net::IpAddr;

const MOVE: MoveId = MoveId(9);
const AT_OLD: VapId = VapId(1);
const AT_NEW: VapId = VapId(5);

/// A VM that runs at edge 0 and has a port at edge 1, and a correspondent at edge 2 that has sent it a frame.
struct World {
    direct: Direct,
    vm: Tsi,
    key: TsiKey,
}

impl World {
    fn new() -> Self {
        let (vm, mut direct) = (tsi(1), Direct::new(3));
        direct.start(0, AT_OLD.0, vm.clone());
        direct.start(2, 1, tsi(3));
        let mut world = Self { direct, key: vm.key, vm };
        let _ = world.sends(2);
        world.direct.settle();
        world.drain(2);
        world
    }

    /// The same world, with move 9 to edge 1 planned and both edges ready.
    fn prepared() -> Self {
        let mut world = Self::new();
        world.direct.plan(MOVE.0, vec![world.key], 2);
        world.direct.attach(1, AT_NEW.0, vec![world.vm.clone()]);
        world
    }

    /// The same world, and the VM runs nowhere.
    fn paused() -> Self {
        let mut world = Self::prepared();
        world.suspend(0, MOVE);
        world
    }

    /// The same world, and the VM runs at edge 1.
    fn moved() -> Self {
        let mut world = Self::paused();
        world.activate(1, MOVE);
        assert!(world.committed(MOVE));
        world
    }

    fn suspend(&mut self, edge: usize, move_id: MoveId) {
        self.direct.tell(edge, nve::Input::Suspend { key: self.key, move_id, stopped_at: None });
    }

    fn activate(&mut self, edge: usize, move_id: MoveId) {
        self.direct.tell(edge, nve::Input::Activate { key: self.key, move_id: Some(move_id) });
    }

    fn committed(&self, id: MoveId) -> bool {
        self.direct.events.contains(&nva::Event::Ended { id, result: MoveResult::Committed })
    }

    fn state(&self, edge: usize) -> State {
        self.direct.edges[edge].nve().state(&self.key).state
    }

    /// The edge that the directory names for the VM.
    fn mapped_to(&self) -> Option<u64> {
        self.direct.nva.lookup(&self.key)?.place.map(|place| place.nve.0)
    }

    /// The verdict of an edge about a frame for the VM from its own correspondent.
    fn sends(&mut self, edge: usize) -> Verdict {
        let (now, frame) = (self.direct.now, unicast(self.key.mac, tsi(3).key.mac));
        self.direct.edges[edge].forwarder.vap_frame(now, VapId(1), &frame)
    }

    /// The verdict of an edge about a frame for the VM that edge 2 tunnelled to it.
    fn tunnelled_to_vm(&mut self, edge: usize) -> Verdict {
        let (now, frame) = (self.direct.now, unicast(self.key.mac, tsi(3).key.mac));
        self.direct.edges[edge].forwarder.tunnel_frame(now, peer(3).ip(), self.key.vn, &frame)
    }

    /// Gives an edge a frame of a port, as a driver would.
    fn port_sends(&mut self, edge: usize, vap: VapId, frame: &[u8]) -> Verdict {
        let (now, at) = (self.direct.now, &mut self.direct.edges[edge]);
        let mut verdict = at.forwarder.vap_frame(now, vap, frame);
        if verdict == Verdict::Punt && at.nve_mut().handle_frame(now, vap, frame) == Handled::Pass {
            verdict = at.forwarder.vap_frame_passed(now, vap, frame);
        }
        self.direct.settle();
        verdict
    }

    /// Lets the held frames leave that may leave.
    fn drain(&mut self, edge: usize) -> Vec<(Target, Vec<u8>)> {
        let (now, mut out) = (self.direct.now, Vec::new());
        let forwarder = &mut self.direct.edges[edge].forwarder;
        std::iter::from_fn(|| Some((forwarder.poll_flush(now, &mut |_| true, &mut out)?, out.clone()))).collect()
    }
}

fn tunnel_to(edge: u8, world: &World) -> Verdict {
    Verdict::Tunnel { to: peer(edge).ip(), vn: world.key.vn }
}

fn unicast(to: Mac, from: Mac) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&to.0);
    frame[6..12].copy_from_slice(&from.0);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame
}

fn garp(tsi: &Tsi) -> Vec<u8> {
    let IpAddr::V4(ip) = tsi.ips[0] else { panic!("the test's TSIs have IPv4 addresses") };
    let mut frame = vec![0; 60];
    nvo3_wire::arp::announcement(tsi.key.mac, ip.into(), &mut frame).unwrap();
    frame
}

fn rarp(mac: Mac) -> Vec<u8> {
    let mut frame = vec![0; 60];
    nvo3_wire::arp::rarp_request(mac, &mut frame).unwrap();
    frame
}

/// OVN's strategy *rarp* activates a port by any RARP frame, whichever host sent it (`controller/physical.c`).
///
/// Checks VMM-10-02.
#[test]
fn ovn_any_rarp_moves_a_port() {
    let mut world = World::paused();
    let liar = tsi(66);
    world.direct.attach(1, 6, vec![liar.clone()]);
    let mut forged = rarp(world.key.mac);
    assert_eq!(world.port_sends(1, VapId(6), &forged), Verdict::Drop(DropReason::SourceNotAllowed));
    forged[6..12].copy_from_slice(&liar.key.mac.0);
    let _ = world.port_sends(1, VapId(6), &forged);
    let _ = world.port_sends(1, AT_NEW, &rarp(liar.key.mac));
    assert!(matches!(world.state(1), State::Holding(_)), "{:?}", world.state(1));

    let _ = world.port_sends(1, AT_NEW, &rarp(world.key.mac));

    assert!(world.committed(MOVE), "the VM's own counts");
    assert_eq!(world.mapped_to(), Some(2));
}

/// FRR compares mobility sequences of 32 bits by a plain `>`, and a MAC stays stuck when a lower one comes (FRR #10468).
///
/// Checks VMM-5-11.
#[test]
fn frr_10468_a_sequence_wraps_or_goes_back_and_the_mac_is_stuck() {
    let mut world = World::new();
    world.direct.attach(1, AT_NEW.0, vec![world.vm.clone()]);
    let wrap = u64::from(u32::MAX) - 4;
    let beyond = |at: Version| Version { generation: at.generation + wrap, ..at };
    let records: Vec<_> = world.direct.records.drain(..).map(|(at, record)| (beyond(at), record)).collect();
    let mut versions = Vec::new();
    // The numbers of records go beyond 32 bits. Then a part of the records is lost, and the authority returns under a new epoch.
    for (epoch, records) in [(1, records.clone()), (2, records)] {
        let (mut config, now) = (NvaConfig::new(Transport::Trusted), world.direct.now);
        config.epoch = epoch;
        world.direct.nva = Nva::replay(config, 70 + u64::from(epoch), now, records).unwrap();
        for n in 1..=3 {
            world.direct.nva.handle(now, nva::Input::Admit(place(n))).unwrap();
        }
        world.direct.run(Micros::from_secs(20));
        for id in 1..=4 {
            let (id, from, to) = (MoveId(u64::from(epoch) * 10 + id), (id as usize + 1) % 2, id as usize % 2);
            world.direct.plan(id.0, vec![world.key], to as u8 + 1);
            world.suspend(from, id);
            world.activate(to, id);
            assert!(world.committed(id), "{id}");
            let mapping = world.direct.nva.lookup(&world.key).unwrap();
            versions.push(mapping.version);
            assert_eq!(
                world.direct.edges[2].nve().mapping(&world.key),
                Some((mapping.version, Some(place(to as u8 + 1))))
            );
            assert_eq!(world.sends(2), tunnel_to(to as u8 + 1, &world));
        }
    }

    assert!(versions.is_sorted() && versions[3].generation > u64::from(u32::MAX), "{versions:?}");
    assert!(versions[4].generation < versions[3].generation, "{versions:?}");
}

/// One late frame of the host that a VM has left flips the Linux kernel's FDB entry back (`vxlan_snoop`).
///
/// Checks VXL-10, VMM-5-02.
#[test]
fn linux_vxlan_one_late_frame_flips_the_fdb_back() {
    let mut world = World::moved();
    assert_eq!(world.sends(2), tunnel_to(2, &world));
    let before = world.direct.edges[2].nve().mapping(&world.key);

    let (now, late) = (world.direct.now, unicast(tsi(3).key.mac, world.key.mac));
    let verdict = world.direct.edges[2].forwarder.tunnel_frame(now, peer(1).ip(), world.key.vn, &late);
    world.direct.settle();

    assert_eq!(verdict, Verdict::Deliver(VapId(1)), "it arrives");
    assert_eq!(world.direct.edges[2].nve().mapping(&world.key), before);
    assert_eq!(world.sends(2), tunnel_to(2, &world), "and teaches nothing");
}

/// Cleaning up the source after a move also removed the VM's state at its new place (ovn-kubernetes #6581, #6598).
///
/// Checks VMM-5-01, VMM-4.2-09.
#[test]
fn ovn_kubernetes_6581_tearing_the_source_down_cuts_the_moved_vm_off() {
    for mut world in [World::paused(), World::moved()] {
        world.direct.tell(0, nve::Input::Detach { vap: AT_OLD });

        assert_eq!(world.tunnelled_to_vm(0), tunnel_to(2, &world), "what was under way is sent on");
        if !world.committed(MOVE) {
            world.activate(1, MOVE);
        }
        assert!(world.committed(MOVE));
        assert_eq!(world.mapped_to(), Some(2));
        assert_eq!(world.tunnelled_to_vm(1), Verdict::Deliver(AT_NEW));
        assert_eq!(world.sends(2), tunnel_to(2, &world));
    }
}

/// The VM's own gratuitous ARP raced the message that the migration was complete, and both deadlocked (Calico #13152).
///
/// Checks R-35, VMM-6-03.
#[test]
fn calico_13152_garp_racing_completion_deadlocks() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Happens {
        Garp,
        Suspend,
        Word,
    }
    use Happens::{Garp, Suspend, Word};
    let orders = [
        [Garp, Suspend, Word],
        [Suspend, Garp, Word],
        [Suspend, Word, Garp],
        [Word, Garp, Suspend],
        [Garp, Word, Suspend],
    ];
    for order in orders {
        let mut world = World::prepared();
        let mut heard = 0;

        for happens in order {
            match happens {
                Garp => {
                    let frame = garp(&world.vm);
                    heard += usize::from(world.port_sends(1, AT_NEW, &frame) == Verdict::Replicate);
                }
                Suspend => world.suspend(0, MOVE),
                Word => world.activate(1, MOVE),
            }
            let (left, frame) = (world.drain(1), garp(&world.vm));
            for (target, bytes) in left {
                assert_eq!((target, &bytes), (Target::Again(Entrance::Vap(AT_NEW)), &frame), "{order:?}");
                heard += usize::from(world.port_sends(1, AT_NEW, &bytes) == Verdict::Replicate);
            }
        }

        assert!(world.committed(MOVE), "{order:?}");
        let commits = world.direct.records.iter().filter(|(_, record)| matches!(record, nva::Record::Committed { .. }));
        assert_eq!((commits.count(), heard), (1, 1), "{order:?}: committed once, announced once");
        assert_eq!((world.state(1), world.mapped_to()), (State::Here, Some(2)), "{order:?}");
    }
}

/// A resynchronization with the directory deleted the state of migrations in flight (Calico #13998).
///
/// Checks ARC-13.
#[test]
fn calico_13998_a_resync_deletes_moves_in_flight() {
    let mut world = World::paused();
    assert_eq!(world.tunnelled_to_vm(1), Verdict::Held);

    world.direct.restart_nva();
    world.direct.run(Micros::from_secs(3));
    for edge in 0..3 {
        world.direct.edges[edge].forwarder.reset();
        world.direct.tell(edge, nve::Input::ForwarderReset);
    }

    assert!(matches!(world.state(0), State::Suspended(_)));
    assert!(matches!(world.state(1), State::Holding(_)));
    assert_eq!(world.tunnelled_to_vm(0), tunnel_to(2, &world));
    assert_eq!(world.tunnelled_to_vm(1), Verdict::Held);
    world.activate(1, MOVE);
    assert!(world.committed(MOVE));
    assert_eq!(world.drain(1).len(), 1);
}

/// Creating the port at the target pulled the VM's traffic there while it still ran at the source (OPTE #368).
///
/// Checks VMM-5-17, SPL-02, R-34.
#[test]
fn opte_368_creating_the_target_port_hijacks_early() {
    let mut world = World::new();
    let before = world.direct.nva.lookup(&world.key);

    for step in ["a port", "and prepared"] {
        match step {
            "a port" => world.direct.attach(1, AT_NEW.0, vec![world.vm.clone()]),
            _ => world.direct.plan(MOVE.0, vec![world.key], 2),
        }
        assert_eq!(world.direct.nva.lookup(&world.key), before, "{step}");
        assert_eq!(world.sends(2), tunnel_to(1, &world), "{step}");
        assert_eq!(world.tunnelled_to_vm(0), Verdict::Deliver(AT_OLD), "{step}");
    }
    world.direct.tell(2, nve::Input::Detach { vap: VapId(1) });
    world.direct.start(1, 1, tsi(3));
    assert_eq!(world.sends(1), tunnel_to(1, &world), "the target's own stations reach it where it runs");
}

/// Five moves in 180 s count as a duplicate address in EVPN, even if management ordered each of them (RFC 7432 §15.1).
///
/// Checks EVM-05, R-20.
#[test]
fn evpn_six_legitimate_moves_look_like_a_duplicate() {
    let mut world = World::new();
    world.direct.attach(1, AT_NEW.0, vec![world.vm.clone()]);

    for id in 1..=6 {
        let (from, to) = ((id as usize + 1) % 2, id as usize % 2);
        world.direct.plan(id, vec![world.key], to as u8 + 1);
        world.suspend(from, MoveId(id));
        world.activate(to, MoveId(id));
        assert!(world.committed(MoveId(id)), "move {id}");
        world.direct.run(Micros::from_secs(5));
    }

    assert!(!world.direct.events.contains(&nva::Event::Duplicate(world.key)));
    assert_eq!(world.mapped_to(), Some(1));
}

/// Neutron announces a moved VM by IPv4 only: correspondents that use IPv6 hear nothing.
///
/// Checks VMM-4.2-20.
#[test]
fn neutron_announces_by_ipv4_only() {
    for to in [nd::To::AllNodes, nd::To::AllRouters, nd::To::SolicitedNode] {
        let mut vm = tsi(1);
        let ip = "fd00::1".parse().unwrap();
        vm.ips = vec![IpAddr::V6(ip)];
        let mut direct = Direct::new(3);
        direct.start(0, AT_OLD.0, vm.clone());
        direct.start(2, 1, tsi(3));
        let mut world = World { direct, key: vm.key, vm: vm.clone() };
        world.direct.plan(MOVE.0, vec![vm.key], 2);
        world.direct.attach(1, AT_NEW.0, vec![vm.clone()]);
        world.suspend(0, MOVE);
        let mut frame = vec![0; 90];
        let length = nd::announcement(vm.key.mac, ip.into(), to, true, &mut frame).unwrap();
        frame.truncate(length);

        let _ = world.port_sends(1, AT_NEW, &frame);

        assert!(world.committed(MOVE), "{to:?}: an unsolicited NA tells as well as a gratuitous ARP");
        assert_eq!(world.mapped_to(), Some(2));
        assert_eq!(world.drain(1), [(Target::Again(Entrance::Vap(AT_NEW)), frame.clone())]);
        assert_eq!(world.port_sends(1, AT_NEW, &frame), Verdict::Replicate, "{to:?}: and everyone hears it");
    }
}
