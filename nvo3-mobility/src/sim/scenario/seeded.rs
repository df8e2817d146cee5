//! The world of a seed: sizes, delays, moves and mishaps.

use super::params::Record;
use super::plan::{Correspondent, Mishap, Move, Scenario, Since, Spot, Trouble, Vm};
use crate::sim::net::Mischief;
use crate::sim::random::{Chance, Random};
use alloc::format;
use alloc::vec::Vec;
use nvo3_nva_proto::{HoldLimits, Micros};

/// The random stream that makes worlds. The streams of their runs are others.
const STREAM: u64 = 7_000;
const HOLD: HoldLimits = HoldLimits { frames: 4_096, bytes: 4 << 20, age: Micros::from_secs(5) };

/// Draws the parts of a world.
struct Draw(Random);

impl Draw {
    /// A number between the two, both included.
    fn number(&mut self, least: usize, most: usize) -> usize {
        least + usize::try_from(self.0.below((most - least + 1) as u64)).unwrap_or(0)
    }

    fn micros(&mut self, least: u64, most: u64) -> Micros {
        self.0.between(Micros(least), Micros(most))
    }

    /// As [`Draw::micros`], with each order of magnitude as likely as the others.
    fn magnitude(&mut self, least: u64, most: u64) -> Micros {
        let tens = least.checked_ilog10().unwrap_or(0)..=most.checked_ilog10().unwrap_or(0);
        let power = self.number(*tens.start() as usize, *tens.end() as usize);
        let floor = 10_u64.pow(u32::try_from(power).unwrap_or(0));
        self.micros(floor.max(least), (floor * 10 - 1).min(most))
    }

    /// True with this probability in percent.
    fn percent(&mut self, percent: u32) -> bool {
        self.0.happens(Chance::percent(percent))
    }

    fn chance(&mut self, percent: u64) -> Chance {
        Chance(u32::try_from(self.0.below(percent * 10_000 + 1)).unwrap_or(0))
    }

    fn spot(&mut self, edges: usize) -> Spot {
        match self.number(0, edges) {
            0 => Spot::Nva,
            edge => Spot::Edge(edge - 1),
        }
    }

    fn control(&mut self) -> Mischief {
        if self.percent(50) {
            return Mischief::NONE;
        }
        Mischief { loss: self.chance(5), duplicate: self.chance(10), reorder: self.chance(20) }
    }

    fn vm(&mut self, edges: usize, networks: u32) -> Vm {
        let interfaces = if self.percent(60) { 1 } else { self.number(2, 3) };
        Vm { edge: self.number(0, edges - 1), networks: (0..interfaces).map(|_| self.network(networks)).collect() }
    }

    fn network(&mut self, networks: u32) -> u32 {
        5_001 + u32::try_from(self.0.below(networks.into())).unwrap_or(0)
    }

    fn moves(&mut self, edges: usize, vms: usize) -> Vec<Move> {
        let deadline = self.magnitude(200_000, 3_000_000);
        let mv = |draw: &mut Self| Move {
            vm: draw.number(0, vms - 1),
            from: None,
            to: draw.number(0, edges - 1),
            wait: draw.percent(70).then(|| draw.magnitude(100, 300_000)),
            pause: draw.magnitude(1_000, 100_000),
            late: draw.percent(25).then(|| draw.magnitude(100, 40_000)),
            deadline,
            stay: draw.percent(30),
        };
        (0..self.number(1, 4)).map(|_| mv(self)).collect()
    }

    fn mishap(&mut self, edges: usize, moves: &[Move], flows: usize) -> Mishap {
        // The time of a VM's stop means nothing if a clock goes back.
        let back = moves.iter().all(|mv| mv.late.is_none());
        let moves = moves.len();
        let mv = self.number(0, moves - 1);
        let since = match self.number(0, 9) {
            0 => Since::Traffic,
            1..=6 => Since::Asked(mv),
            _ => Since::Stopped(mv),
        };
        let (wait, drawn) = (self.magnitude(10, 500_000), self.percent(50));
        let wait = Some(wait).filter(|_| !drawn);
        let what = match self.number(0, 15) {
            0 | 1 => Trouble::Abort(mv),
            2 | 3 => Trouble::SelfResume(mv),
            4..=7 => Trouble::Restart { node: self.spot(edges), down: Some(self.magnitude(1_000, 900_000)) },
            8..=10 => {
                let a = self.spot(edges);
                Trouble::Cut { nodes: (a, self.spot(edges)), length: self.magnitude(1_000, 5_000_000) }
            }
            11 | 12 => {
                let by = i64::try_from(self.magnitude(100, 900_000).0).unwrap_or(0);
                Trouble::Jump { node: self.spot(edges), by: if self.percent(50) && back { -by } else { by } }
            }
            13 | 14 => {
                let frames = u32::try_from(self.number(10, 300)).unwrap_or(10);
                Trouble::Burst { flow: self.number(0, flows.saturating_sub(1)), frames }
            }
            _ => Trouble::Fence(self.number(0, edges - 1)),
        };
        // A hypervisor resumes only a VM that has stopped.
        let since = if matches!(what, Trouble::SelfResume(_)) { Since::Stopped(mv) } else { since };
        Mishap { since, wait, what }
    }
}

impl Draw {
    /// The mishaps of every day, which have nothing to do with a move: usually none or one, sometimes two.
    fn every_day(&mut self, edges: usize, vms: usize, moves: &[Move], hosts: usize) -> Vec<Mishap> {
        let count = if self.percent(50) { 0 } else { self.number(1, 2) };
        (0..count).flat_map(|_| self.of_a_day(edges, vms, moves, hosts)).collect()
    }

    fn of_a_day(&mut self, edges: usize, vms: usize, moves: &[Move], hosts: usize) -> Vec<Mishap> {
        let since = if self.percent(40) { Since::Traffic } else { Since::Asked(self.number(0, moves.len() - 1)) };
        let wait = self.magnitude(10, 900_000);
        let (vm, edge) = (self.number(0, vms - 1), self.number(0, edges - 1));
        let down = self.magnitude(1_000, 5_000_000);
        let what = match self.number(0, 9) {
            0 => Trouble::Rewind { back: None, down: Some(down) },
            1 | 2 => Trouble::Rewind { back: Some(self.magnitude(1_000, 2_000_000)), down: Some(down) },
            3 | 4 => {
                let down = self.magnitude(1_000, 900_000);
                Trouble::Crash { vm, to: edge, down, detach: self.percent(50), word: self.percent(50) }
            }
            5 => Trouble::Replug { vm, down },
            6 => {
                // A liar at the port to which its victim moves would take that port away in the end.
                let is_free = |edge: &usize| !moves.iter().any(|mv| mv.vm == vm && mv.to == *edge);
                let edge = (edge..edges).chain(0..edge).find(is_free).unwrap_or(edge);
                Trouble::Lie { vm, edge, length: down }
            }
            // An edge dies for good, and a VM gets an address of a host that was there.
            7 if self.percent(50) => {
                let later = wait + self.magnitude(10_000, 900_000);
                let heir = Mishap { since, wait: Some(later), what: Trouble::Readdress(vm) };
                return [Mishap { since, wait: Some(wait), what: Trouble::Fence(edge) }, heir].into();
            }
            7 => Trouble::Readdress(vm),
            8 => Trouble::Flood {
                host: self.number(0, hosts - 1),
                frames: u32::try_from(self.number(10, 400)).unwrap_or(10),
            },
            // The clock of the NVA goes back while the NVA is down.
            _ => {
                let by = -i64::try_from(self.magnitude(100, 900_000).0).unwrap_or(0);
                let jump = Mishap {
                    since,
                    wait: Some(wait + Micros(down.0 / 2)),
                    what: Trouble::Jump { node: Spot::Nva, by },
                };
                let restart = Trouble::Restart { node: Spot::Nva, down: Some(down) };
                return [Mishap { since, wait: Some(wait), what: restart }, jump].into();
            }
        };
        [Mishap { since, wait: Some(wait), what }].into()
    }
}

impl Scenario {
    /// The world of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut draw = Draw(Random::new(seed, STREAM));
        let edges = draw.number(2, 6);
        let networks = u32::try_from(draw.number(1, 3)).unwrap_or(1);
        let vms: Vec<Vm> = (0..draw.number(1, 4)).map(|_| draw.vm(edges, networks)).collect();
        let correspondents: Vec<_> = (0..draw.number(1, 6))
            .map(|n| {
                let (edge, network) = (draw.number(0, edges - 1), draw.network(networks));
                Correspondent { name: format!("peer{}", n + 1), edge, network }
            })
            .collect();
        let moves = draw.moves(edges, vms.len());
        let mishaps = if draw.percent(25) { 0 } else { draw.number(1, 3) };
        let mut mishaps: Vec<_> = (0..mishaps).map(|_| draw.mishap(edges, &moves, 2 * correspondents.len())).collect();
        mishaps.extend(Draw(Random::new(seed, STREAM + 1)).every_day(edges, vms.len(), &moves, correspondents.len()));
        Self {
            seed,
            edges,
            vms,
            correspondents,
            moves,
            mishaps,
            rtt: draw.magnitude(100, 20_000),
            control: draw.control(),
            rate: u32::try_from(draw.magnitude(10, 400).0).unwrap_or(10),
            frames: None,
            payload: u32::try_from(draw.number(16, 256)).unwrap_or(16),
            hold: if draw.percent(10) {
                HoldLimits { frames: u32::try_from(draw.number(8, 200)).unwrap_or(8), ..HOLD }
            } else {
                HOLD
            },
            sync: draw.micros(0, 5_000),
            tenant: Vec::new(),
            record: Record::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_makes_a_world_that_can_be_and_that_a_file_can_hold() {
        for seed in 0..2_000 {
            let world = Scenario::of_seed(seed);
            assert_eq!(world.validate(), Ok(()), "seed {seed}");
            let json = serde_json::to_string(&world).unwrap();
            assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), world);
        }
    }
}
