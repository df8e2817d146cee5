//! Makes a failing world smaller while it still fails.

use super::plan::{Mishap, Scenario, Since, Spot, Trouble};
use crate::sim::net::Mischief;
use crate::sim::random::Chance;
use alloc::vec::Vec;
use nvo3_nva_proto::Micros;

impl Scenario {
    /// Removes one thing after the other from the scenario while `fails` is still true. Gives the smallest scenario that fails.
    pub fn shrink(self, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut world = self;
        while let Some(smaller) = world.smaller().into_iter().find(|smaller| fails(smaller)) {
            world = smaller;
        }
        world
    }

    /// Every scenario with one thing less, the largest things first.
    fn smaller(&self) -> Vec<Self> {
        let vms = (0..self.vms.len()).filter(|_| self.vms.len() > 1).map(|n| self.without_vm(n));
        let moves = (0..self.moves.len()).map(|n| self.without_move(n));
        let mut all: Vec<Self> = vms.chain(moves).collect();
        let mut changed = |change: &dyn Fn(&mut Self)| {
            let mut world = self.clone();
            change(&mut world);
            if world != *self {
                all.push(world);
            }
        };
        for n in 0..self.mishaps.len() {
            changed(&|world| _ = world.mishaps.remove(n));
        }
        for n in 0..self.correspondents.len() {
            changed(&|world| _ = world.correspondents.remove(n));
        }
        for (n, vm) in self.vms.iter().enumerate() {
            for interface in (0..vm.networks.len()).filter(|_| vm.networks.len() > 1) {
                changed(&|world| {
                    if let Some(vm) = world.vms.get_mut(n) {
                        vm.networks.remove(interface);
                    }
                });
            }
        }
        changed(&|world| world.control = Mischief::NONE);
        changed(&|world| world.control.loss = Chance::NEVER);
        changed(&|world| world.control.duplicate = Chance::NEVER);
        changed(&|world| world.control.reorder = Chance::NEVER);
        for n in 0..self.moves.len() {
            changed(&|world| _ = world.moves.get_mut(n).map(|mv| mv.late = None));
            changed(&|world| _ = world.moves.get_mut(n).map(|mv| mv.stay = false));
            changed(&|world| _ = world.moves.get_mut(n).map(|mv| mv.wait = None));
            changed(&|world| _ = world.moves.get_mut(n).map(|mv| mv.pause = Micros(mv.pause.0.min(10_000))));
        }
        changed(&|world| world.sync = Micros(0));
        changed(&|world| world.rate = world.rate.min(50));
        if let Some(edge) = (0..self.edges).rev().find(|edge| self.edges > 1 && !self.uses(*edge)) {
            all.push(self.without_edge(edge));
        }
        all
    }

    /// The scenario without a VM and its moves.
    fn without_vm(&self, n: usize) -> Self {
        let mut world = self.clone();
        while let Some(mv) = world.moves.iter().position(|mv| mv.vm == n) {
            world = world.without_move(mv);
        }
        world.vms.remove(n);
        world.mishaps.retain_mut(|mishap| vm_of(&mut mishap.what).is_none_or(|vm| *vm != n));
        for number in world.mishaps.iter_mut().filter_map(|mishap| vm_of(&mut mishap.what)).filter(|vm| **vm > n) {
            *number -= 1;
        }
        for mv in world.moves.iter_mut().filter(|mv| mv.vm > n) {
            mv.vm -= 1;
        }
        world
    }

    /// The scenario without a move and its mishaps.
    fn without_move(&self, n: usize) -> Self {
        let mut world = self.clone();
        world.moves.remove(n);
        let shifted = |number: usize| if number > n { number - 1 } else { number };
        world.mishaps.retain(|mishap| {
            !matches!(mishap.since, Since::Asked(mv) | Since::Stopped(mv) if mv == n)
                && !matches!(mishap.what, Trouble::Abort(mv) | Trouble::SelfResume(mv) if mv == n)
        });
        for Mishap { since, what, .. } in &mut world.mishaps {
            if let Since::Asked(mv) | Since::Stopped(mv) = since {
                *mv = shifted(*mv);
            }
            if let Trouble::Abort(mv) | Trouble::SelfResume(mv) = what {
                *mv = shifted(*mv);
            }
        }
        world
    }

    fn uses(&self, edge: usize) -> bool {
        let spot = Spot::Edge(edge);
        let in_mishap = |mishap: &Mishap| match mishap.what {
            Trouble::Restart { node, .. } | Trouble::Jump { node, .. } => node == spot,
            Trouble::Cut { nodes: (a, b), .. } => a == spot || b == spot,
            Trouble::Fence(at) | Trouble::Crash { to: at, .. } | Trouble::Lie { edge: at, .. } => at == edge,
            _ => false,
        };
        self.vms.iter().any(|vm| vm.edge == edge)
            || self.correspondents.iter().any(|host| host.edge == edge)
            || self.moves.iter().any(|mv| mv.to == edge || mv.from == Some(edge))
            || self.mishaps.iter().any(in_mishap)
    }

    /// The scenario without an edge that nothing uses.
    fn without_edge(&self, edge: usize) -> Self {
        let mut world = self.clone();
        world.edges -= 1;
        let lower = |number: &mut usize| *number -= usize::from(*number > edge);
        let spot = |spot: &mut Spot| {
            if let Spot::Edge(number) = spot {
                lower(number);
            }
        };
        world.vms.iter_mut().for_each(|vm| lower(&mut vm.edge));
        world.correspondents.iter_mut().for_each(|host| lower(&mut host.edge));
        for mv in &mut world.moves {
            lower(&mut mv.to);
            mv.from.iter_mut().for_each(lower);
        }
        for mishap in &mut world.mishaps {
            match &mut mishap.what {
                Trouble::Restart { node, .. } | Trouble::Jump { node, .. } => spot(node),
                Trouble::Cut { nodes: (a, b), .. } => {
                    spot(a);
                    spot(b);
                }
                Trouble::Fence(at) | Trouble::Crash { to: at, .. } | Trouble::Lie { edge: at, .. } => lower(at),
                _ => {}
            }
        }
        world
    }
}

/// The VM that a trouble is about.
fn vm_of(what: &mut Trouble) -> Option<&mut usize> {
    match what {
        Trouble::Crash { vm, .. } | Trouble::Replug { vm, .. } | Trouble::Lie { vm, .. } | Trouble::Readdress(vm) => {
            Some(vm)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_taken_away_and_the_rest_can_still_be() {
        let fences = |world: &Scenario| world.mishaps.iter().any(|mishap| matches!(mishap.what, Trouble::Fence(_)));
        let seeds = (0..500).filter(|seed| fences(&Scenario::of_seed(*seed))).take(20);
        for seed in seeds {
            let small = Scenario::of_seed(seed).shrink(|world| world.validate().is_ok() && fences(world));

            assert_eq!((small.mishaps.len(), small.vms.len(), small.correspondents.len()), (1, 1, 0), "seed {seed}");
            assert!(small.moves.len() <= 1 && small.control == Mischief::NONE, "seed {seed}");
        }
    }
}
