//! Random walks through a world that is too large to explore completely.

use super::case::Small;
use super::happen::Event;
use super::world::World;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use stateright::Model;

/// The steps of a walk. After so many steps all faults have happened, and the world shows nothing new.
const STEPS: usize = 400;

/// The worlds of a walk, each with the event that followed.
pub type Way = Vec<(World, Option<Event>)>;

/// Does the walk with this number. Returns its steps, and the path to a world that breaks a property, if there is one.
pub fn walk(small: &Small, number: u64) -> (usize, Option<(&'static str, Way)>) {
    let mut chance = Pcg64Mcg::seed_from_u64(number);
    let properties = small.properties();
    let mut way = Way::new();
    let mut events = Vec::new();
    let Some(mut world) = small.init_states().pop() else { return (0, None) };
    for step in 0..STEPS {
        let broken = properties.iter().find(|property| !(property.condition)(small, &world));
        if let Some(property) = broken {
            way.push((world, None));
            return (step, Some((property.name, way)));
        }
        events.clear();
        small.actions(&world, &mut events);
        let next = loop {
            if events.is_empty() {
                return (step, None);
            }
            let event = events.swap_remove(chance.next_u32() as usize % events.len());
            if let Some(next) = small.next_state(&world, event) {
                way.push((world, Some(event)));
                break next;
            }
        };
        world = next;
    }
    (STEPS, None)
}
