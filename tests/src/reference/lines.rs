//! The queues of the world: control messages, records for the disk, and packets in tunnels. Time lets their contents arrive.

use super::transition::{Fate, Queue};
use super::world::World;
use crate::direct::peer;
use nvo3_mobility::nva::{self, Record};
use nvo3_nva_proto::{Instant, Message, Micros, Version};
use nvo3_wire::Vni;
use std::collections::{BTreeMap, VecDeque};

/// The longest delay of the underlay and of the disk.
const DELAY: Micros = Micros::from_millis(300);
/// The most control messages of one direction that are lost in a row. More would be a cut, which is a transition of its own.
const LOSSES: u8 = 3;
/// The most rounds in which everything arrives at one instant.
const ENOUGH: usize = 10_000;

/// A frame in a tunnel: since when, its VN, and its bytes.
type Packet = (Instant, Vni, Vec<u8>);

/// The contents of the queues, each with the time since when it is under way.
#[derive(Default)]
pub struct Lines {
    pub tunnels: BTreeMap<(usize, usize), VecDeque<Packet>>,
    pub writing: Vec<(Instant, Version, Record)>,
    control: BTreeMap<Queue, Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<(Instant, Vec<u8>)>,
    /// The number of messages that were lost since the last delivery.
    lost: u8,
}

impl Lines {
    /// The time of the oldest element of each queue.
    fn oldest(&self) -> impl Iterator<Item = Instant> {
        let control = self.control.values().filter_map(|line| line.waiting.front().map(|(since, _)| *since));
        let tunnels = self.tunnels.values().filter_map(|line| line.front().map(|(since, ..)| *since));
        control.chain(tunnels).chain(self.writing.first().map(|(since, ..)| *since))
    }
}

impl World {
    pub fn say(&mut self, queue: Queue, bytes: Vec<u8>) {
        if self.is_recorded() {
            let what =
                Message::decode(&bytes).map_or_else(|error| error.to_string(), |(_, message)| message.to_string());
            self.log(|| format!("{queue:?} << {what}"));
        }
        self.lines.control.entry(queue).or_default().waiting.push_back((self.now, bytes));
    }

    /// Applies a fate to the head of a queue.
    pub fn control(&mut self, queue: Queue, fate: Fate) {
        let line = self.lines.control.entry(queue).or_default();
        let Some((since, bytes)) = line.waiting.pop_front() else { return };
        match fate {
            Fate::Lost if line.lost < LOSSES => return line.lost += 1,
            Fate::Overtaken => return line.waiting.push_back((since, bytes)),
            Fate::Repeated => line.waiting.push_front((since, bytes.clone())),
            Fate::Delivered | Fate::Lost => {}
        }
        line.lost = 0;
        self.hear(queue, &bytes);
    }

    fn hear(&mut self, queue: Queue, bytes: &[u8]) {
        let now = self.now;
        if let Queue::ToAuthority(edge) | Queue::ToEdge(edge) = queue
            && self.edges[edge].cut
        {
            return;
        }
        if self.is_recorded() {
            let what =
                Message::decode(bytes).map_or_else(|error| error.to_string(), |(_, message)| message.to_string());
            self.log(|| format!("{queue:?} >> {what}"));
        }
        match queue {
            Queue::ToAuthority(edge) => {
                if let Some(nva) = &mut self.nva {
                    nva.handle_datagram(now, peer(edge as u8 + 1), bytes);
                    self.drive_authority();
                }
            }
            Queue::ToEdge(edge) | Queue::Hints(edge) => {
                if let Some(node) = &mut self.edges[edge].live {
                    node.control.datagram(now, bytes);
                    self.drive(edge);
                }
            }
        }
    }

    /// The disk has written the records that it got until `until`.
    pub fn sync(&mut self, until: Instant) {
        let done = self.lines.writing.iter().take_while(|(since, ..)| *since <= until).count();
        let Some((_, upto, _)) = done.checked_sub(1).map(|last| &self.lines.writing[last]) else { return };
        let upto = *upto;
        self.disk.extend(self.lines.writing.drain(..done).map(|(_, at, record)| (at, record)));
        let now = self.now;
        if let Some(nva) = &mut self.nva {
            nva.handle(now, nva::Input::Persisted(upto)).unwrap();
            self.drive_authority();
        }
    }

    /// Delivers in turn everything that was sent until `until`. Returns false if there was nothing.
    fn arrive(&mut self, until: Instant) -> bool {
        let mut any = self.lines.writing.first().is_some_and(|(since, ..)| *since <= until);
        self.sync(until);
        let queues: Vec<Queue> = self.lines.control.keys().copied().collect();
        for queue in queues {
            let old = |line: &mut Line| line.waiting.front().is_some_and(|(since, _)| *since <= until);
            if self.lines.control.get_mut(&queue).is_some_and(old) {
                any = true;
                self.control(queue, Fate::Delivered);
            }
        }
        let tunnels: Vec<(usize, usize)> = self.lines.tunnels.keys().copied().collect();
        for (from, to) in tunnels {
            if self.lines.tunnels[&(from, to)].front().is_some_and(|(since, ..)| *since <= until) {
                any = true;
                self.leave_tunnel(from, to);
            }
        }
        any
    }

    /// Delivers everything, until no machine has more to send at this time.
    pub fn carry(&mut self) {
        for _ in 0..ENOUGH {
            if !self.arrive(self.now) {
                return;
            }
        }
        self.model.wrong.push("the machines talk for ever".into());
    }

    /// Lets time pass. Nothing stays under way longer than the longest delay.
    pub fn pass(&mut self, length: Micros, coarse: Micros) {
        let end = self.now + length;
        while self.now < end {
            let arrives = self.lines.oldest().min().map(|since| since + DELAY);
            let next = self.next_timer().into_iter().chain(arrives).min().unwrap_or(end);
            self.tick(next.max(self.now + coarse).min(end));
            while self.arrive(Instant(self.now.0.saturating_sub(DELAY.0))) {}
            if !self.model.wrong.is_empty() {
                return;
            }
        }
    }
}
