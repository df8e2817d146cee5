//! The world of these tests: edges and an authority without a network, and words for what happens to the authority.

use nvo3_mobility::nva::{self, ClaimsByWord, Nva, NvaConfig, Record};
use nvo3_mobility::nve;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, Tsi, TsiKey, Version};
use nvo3_tests::direct::{Direct, place, prompt};
use std::net::IpAddr;

pub(crate) fn config(epoch: u32) -> NvaConfig {
    let mut config = prompt(nvo3_mobility::Transport::Trusted);
    config.epoch = epoch;
    config.claims_by_word = ClaimsByWord::Trusted;
    config
}

/// The authority is replaced by one with these records, which takes at least this epoch. Twenty seconds pass.
pub(crate) fn comes_back(world: &mut Direct, epoch: u32, records: Vec<(Version, Record)>) {
    replaced(world, epoch, records);
    world.run(Micros::from_secs(20));
}

/// The same, and no time passes.
pub(crate) fn replaced(world: &mut Direct, epoch: u32, records: Vec<(Version, Record)>) {
    world.records = records.clone();
    world.nva = Nva::replay(config(epoch), 99 + u64::from(epoch), world.now, records).unwrap();
    for n in 1..=world.edges.len() as u8 {
        world.nva.handle(world.now, nva::Input::Admit(place(n))).unwrap();
    }
    world.settle();
}

/// The edge that the directory names.
pub(crate) fn mapped(world: &Direct, key: &TsiKey) -> Option<u64> {
    world.nva.lookup(key)?.place.map(|place| place.nve.0)
}

/// The name of a TSI's state at an edge.
pub(crate) fn state(world: &Direct, edge: usize, key: &TsiKey) -> &'static str {
    world.edges[edge].nve().state(key).state.name()
}

pub(crate) fn plan(world: &mut Direct, id: u64, key: TsiKey, to: u64) {
    let (id, to, kind, deadline) = (MoveId(id), NveId(to), MoveKind::Hot, Micros::from_secs(5));
    world.nva.handle(world.now, nva::Input::Move { id, tsis: vec![key], to, kind, deadline }).unwrap();
    world.settle();
}

/// A VM moves hot from one edge to another, behind port 1 of each.
pub(crate) fn hot(world: &mut Direct, id: u64, vm: &Tsi, from: usize, to: usize) {
    world.attach(to, 1, vec![vm.clone()]);
    plan(world, id, vm.key, to as u64 + 1);
    world.tell(from, nve::Input::Suspend { key: vm.key, move_id: MoveId(id), stopped_at: None });
    world.tell(to, nve::Input::Activate { key: vm.key, move_id: Some(MoveId(id)) });
    world.tell(from, nve::Input::Detach { vap: VapId(1) });
}

/// The records up to the record of this move with this index: its plan, its decision or its end.
pub(crate) fn copy_of(records: &[(Version, Record)], id: u64, index: usize) -> Vec<(Version, Record)> {
    let of_move = |record: &Record| match record {
        Record::Planned(plan) => plan.id == MoveId(id),
        Record::Committed { id: other } | Record::Closed { id: other } => *other == MoveId(id),
        _ => false,
    };
    let all = records.iter().enumerate().filter(|(_, (_, record))| of_move(record));
    let last = all.map(|(at, _)| at).nth(index).unwrap();
    records[..=last].to_vec()
}

/// A VM behind a port of an edge announces its address.
pub(crate) fn announces(world: &mut Direct, edge: usize, vap: u32, vm: &Tsi) {
    world.attach(edge, vap, vec![vm.clone()]);
    let (mut frame, IpAddr::V4(ip)) = (vec![0; 60], vm.ips[0]) else { panic!("an IPv4 address") };
    nvo3_wire::arp::announcement(vm.key.mac, ip.into(), &mut frame).unwrap();
    let _ = world.edges[edge].control.punted(world.now, VapId(vap), &frame);
    world.settle();
}

/// The events about lost or old records.
pub(crate) fn rewinds(world: &Direct) -> usize {
    world.events.iter().filter(|event| matches!(event, nva::Event::Rewound { .. })).count()
}
