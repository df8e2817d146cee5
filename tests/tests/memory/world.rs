//! The world of these tests: edges and an authority without a network, and words for what happens to the authority.

use nvo3_mobility::nva::{self, ClaimsByWord, Nva, NvaConfig, Record};
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, TsiKey, Version};
use nvo3_tests::direct::{Direct, place, prompt};

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

/// The events about lost or old records.
pub(crate) fn rewinds(world: &Direct) -> usize {
    world.events.iter().filter(|event| matches!(event, nva::Event::Rewound { .. })).count()
}
