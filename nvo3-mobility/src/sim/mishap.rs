//! What goes wrong, when its time comes.

use super::check::AGREE;
use super::hypervisor::{RETRY, Seat};
use super::scenario::{Since, Spot, Trouble};
use super::world::{Event, Node, World};
use crate::nva;
use alloc::format;
use nvo3_nva_proto::Micros;

/// How long a dead node stays down.
const DOWN: (Micros, Micros) = (Micros(20_000), Micros(400_000));

/// How far one has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// What it waits for has not happened.
    #[default]
    Waiting,
    /// Its time is set, or it lasts.
    Coming,
    /// It is over, or nothing waits for it.
    Over,
}

impl From<Spot> for Node {
    fn from(spot: Spot) -> Self {
        match spot {
            Spot::Nva => Self::Nva,
            Spot::Edge(edge) => Self::Edge(edge),
        }
    }
}

impl World {
    /// What mishaps wait for has happened.
    pub(super) fn plan_mishaps(&mut self, since: Since) {
        for n in 0..self.scenario.mishaps.len() {
            let Some(mishap) = self.scenario.mishaps.get(n).copied().filter(|mishap| mishap.since == since) else {
                continue;
            };
            let Some(progress) = self.mishaps.get_mut(n).filter(|progress| **progress == Progress::Waiting) else {
                continue;
            };
            // A VM that does not stop is not resumed: the run need not wait for that.
            let waited_for = !matches!(mishap.what, Trouble::SelfResume(_));
            *progress = if waited_for { Progress::Coming } else { Progress::Over };
            let drawn = match since {
                Since::Traffic => Micros(0),
                Since::Asked(leg) => {
                    let pause = self.legs.get(leg).map_or(0, |leg| leg.plan.pause.0);
                    self.random.between(Micros(0), Micros(pause + 12 * self.scenario.rtt.0 + 3_000))
                }
                Since::Stopped(leg) => {
                    let pause = self.legs.get(leg).map_or(0, |leg| leg.plan.pause.0);
                    self.random.between(Micros(0), Micros(pause.saturating_sub(1)))
                }
            };
            let at = self.now() + mishap.wait.unwrap_or(drawn);
            self.queue.put(at, Event::Mishap(n));
        }
    }

    /// Whether one is still to come or lasts.
    pub(super) fn more_mishaps(&self) -> bool {
        self.mishaps.contains(&Progress::Coming)
    }

    pub(super) fn over(&mut self, n: usize) {
        if let Some(progress) = self.mishaps.get_mut(n) {
            *progress = Progress::Over;
        }
    }

    pub(super) fn go_wrong(&mut self, n: usize) {
        let drawn = self.random.between(DOWN.0, DOWN.1);
        let Some(mishap) = self.scenario.mishaps.get(n).copied() else { return };
        match mishap.what {
            Trouble::Abort(leg) => {
                self.over(n);
                let Some(id) = self.legs.get(leg).map(|leg| leg.id) else { return };
                self.did("mgmt", || format!("{id} is called off"));
                match self.tell_authority(nva::Input::Cancel(id)) {
                    Ok(()) => self.happened(&mishap.what),
                    Err(()) => self.did("mgmt", || format!("{id}: too late")),
                }
            }
            Trouble::SelfResume(leg) => self.resume_by_itself(leg, &mishap.what),
            Trouble::Restart { node, down } => {
                let node = Node::from(node);
                if !self.is_up(node) {
                    return self.over(n);
                }
                self.happened(&mishap.what);
                self.kill(node, Some((down.unwrap_or(drawn), n)));
            }
            Trouble::Cut { nodes: (a, b), length } => {
                self.happened(&mishap.what);
                let (a, b) = (Node::from(a), Node::from(b));
                let names = (self.name(a), self.name(b));
                self.did("mgmt", || format!("{} and {} are cut off for {} ms", names.0, names.1, length.0 / 1_000));
                self.cut.push((a, b));
                let at = self.now() + length;
                self.queue.put(at, Event::Mended(n, (a, b)));
            }
            Trouble::Jump { node, by } => {
                self.over(n);
                self.happened(&mishap.what);
                let node = Node::from(node);
                let name = self.name(node);
                self.did(name, || format!("its clock jumps by {by} us"));
                self.last_return = self.now();
                match node {
                    Node::Nva => self.authority.clock.jump(by),
                    Node::Edge(edge) => {
                        if let Some(edge) = self.edges.get_mut(edge) {
                            edge.clock.jump(by);
                        }
                    }
                }
                // Back, its timers are as much later.
                self.last_return = self.last_return + Micros(by.min(0).unsigned_abs());
                self.drive(node);
            }
            Trouble::Burst { flow, frames } => {
                self.over(n);
                self.happened(&mishap.what);
                let flow = u32::try_from(flow).unwrap_or(u32::MAX);
                for _ in 0..frames {
                    self.emit(flow);
                }
            }
            Trouble::Fence(edge) => self.fence(n, edge, drawn, &mishap.what),
        }
    }

    fn happened(&mut self, what: &Trouble) {
        *self.happened.entry(what.kind()).or_default() += 1;
    }

    fn resume_by_itself(&mut self, n: usize, what: &Trouble) {
        let Some(leg) = self.legs.get(n).copied() else { return };
        if self.seat(leg.plan.vm) == Seat::Stopped(leg.from) && leg.in_hand() {
            self.happened(what);
            self.leg(n, |leg| leg.self_resumed = true);
            self.did("mgmt", || "the source's hypervisor resumes the VM by itself".into());
            self.resume(n, &leg);
        }
    }

    /// Management fences an edge at which no VM has its seat.
    fn fence(&mut self, n: usize, edge: usize, down: Micros, what: &Trouble) {
        let node = Node::Edge(edge);
        if self.fenced.contains(&edge) {
            return self.say_fenced(n, edge);
        }
        if !self.is_up(node) {
            return self.over(n);
        }
        if self.vms.iter().any(|machine| machine.seat.edge() == edge) {
            return self.kill(node, Some((down, n)));
        }
        self.happened(what);
        self.kill(node, None);
        self.fenced.insert(edge);
        // Who fences makes sure that nothing of it is still on its way.
        let at = self.now() + self.scenario.rtt;
        self.queue.put(at, Event::Mishap(n));
    }

    fn say_fenced(&mut self, n: usize, edge: usize) {
        if !self.authority.is_up() {
            let at = self.now() + RETRY;
            return self.queue.put(at, Event::Mishap(n));
        }
        self.over(n);
        self.last_return = self.now();
        let (now, node) = (self.now(), Node::Edge(edge));
        let (name, nve) = (self.name(node), self.place(edge).nve);
        self.did("mgmt", || format!("{name} is fenced"));
        self.authority.fence(now, nve);
        self.drive(Node::Nva);
    }

    /// Two nodes reach each other again.
    pub(super) fn mended(&mut self, n: usize, nodes: (Node, Node)) {
        if let Some(at) = self.cut.iter().position(|cut| *cut == nodes) {
            self.cut.remove(at);
        }
        self.last_return = self.last_return.max(self.now());
        self.over(n);
        self.did("mgmt", || "what was cut is mended".into());
    }

    /// Whether the authority could not reach an edge until lately.
    pub(super) fn was_cut_off(&self, edge: usize) -> bool {
        let lately = self.now() <= self.last_return + AGREE;
        let between = |(a, b): (Spot, Spot)| matches!((a, b), (Spot::Nva, Spot::Edge(n)) | (Spot::Edge(n), Spot::Nva) if n == edge);
        let over = self.mishaps.iter().zip(&self.scenario.mishaps).any(|(progress, mishap)| {
            *progress == Progress::Over && matches!(mishap.what, Trouble::Cut { nodes, .. } if between(nodes))
        });
        self.is_cut(Node::Nva, Node::Edge(edge)) || lately && over
    }

    /// Whether what one sends the other is lost.
    pub(super) fn is_cut(&self, a: Node, b: Node) -> bool {
        self.cut.iter().any(|cut| *cut == (a, b) || *cut == (b, a))
    }
}
