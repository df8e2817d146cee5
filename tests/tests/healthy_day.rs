//! A day of healthy life: every counter with a bad name stays 0.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::{DropReason, Entrance, Target, Verdict};
use nvo3_mobility::nve::rules::State;
use nvo3_mobility::nve::{self, Handled};
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::{Micros, MoveId, Report, Tsi, TsiKey};
use nvo3_tests::direct::{Direct, peer, prompt, tsi};
use nvo3_tests::healthy::OF_AN_EDGE;
use nvo3_wire::arp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};

const DAY: u64 = 86_400;
/// The time between two pings of each pair: shorter than the lifetime of a mapping, so that mappings are refreshed, and now and then
/// longer, so that they end.
const ROUND: u64 = 50;

/// The counters of the authority and of sessions that may grow in a healthy fabric.
const GOOD: [&str; 9] = [
    "nva.queries",
    "nva.updates",
    "session.established",
    "session.hellos_sent",
    "session.sent",
    "session.received",
    "session.acks_sent",
    "session.acks_received",
    "session.keepalives_sent",
];

/// The counters by name, from the form that `Debug` writes.
fn named(prefix: &str, counters: &impl Debug) -> BTreeMap<String, u64> {
    let text = format!("{counters:?}");
    let (_, fields) = text.split_once('{').unwrap();
    let fields = fields.trim_end_matches('}').split(',').filter_map(|field| field.split_once(": "));
    let read = |(name, value): (&str, &str)| Some((format!("{prefix}.{}", name.trim()), value.trim().parse().ok()?));
    fields.filter_map(read).collect()
}

/// A world whose tenants send frames.
struct Day {
    world: Direct,
    next_move: u64,
    /// Where each TSI is: the edge, and its port.
    at: BTreeMap<TsiKey, (usize, VapId)>,
    delivered: u64,
    sent: u64,
}

impl Day {
    fn new() -> Self {
        Self {
            world: Direct::with(3, prompt(Transport::Trusted)),
            next_move: 10,
            at: BTreeMap::new(),
            delivered: 0,
            sent: 0,
        }
    }

    fn start(&mut self, edge: usize, vap: u32, vms: &[Tsi]) {
        self.world.attach(edge, vap, vms.to_vec());
        for vm in vms {
            self.world.tell(edge, nve::Input::Activate { key: vm.key, move_id: None });
            self.at.insert(vm.key, (edge, VapId(vap)));
            self.announce(vm);
        }
        self.drain();
    }

    fn stop(&mut self, vm: &Tsi) {
        let (edge, vap) = self.at[&vm.key];
        self.world.tell(edge, nve::Input::Detach { vap });
        self.at.retain(|_, place| *place != (edge, vap));
    }

    /// The VM says where it is.
    fn announce(&mut self, vm: &Tsi) {
        let mut frame = [0; 60];
        arp::announcement(vm.key.mac, ip(vm).into(), &mut frame).unwrap();
        self.send(vm.key, &frame);
    }

    /// The VM asks for an address.
    fn ask(&mut self, vm: &Tsi, target: Ipv4Addr) {
        let mut frame = [0; 60];
        arp::request((vm.key.mac, ip(vm).into()), target.into(), &mut frame).unwrap();
        self.send(vm.key, &frame);
    }

    /// The VM sends a frame to another one. It need not arrive if that one is down.
    fn ping(&mut self, from: &Tsi, to: &Tsi) {
        let mut frame = vec![0; 60];
        frame[..6].copy_from_slice(&to.key.mac.0);
        frame[6..12].copy_from_slice(&from.key.mac.0);
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        frame[14..34].copy_from_slice(&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        frame[26..30].copy_from_slice(&ip(from).octets());
        frame[30..34].copy_from_slice(&ip(to).octets());
        self.sent += u64::from(self.at.contains_key(&to.key));
        self.send(from.key, &frame);
    }

    fn send(&mut self, from: TsiKey, frame: &[u8]) {
        let (edge, vap) = self.at[&from];
        let verdict = self.enter(edge, vap, frame);
        self.carry(edge, verdict, frame);
        self.drain();
    }

    fn enter(&mut self, edge: usize, vap: VapId, frame: &[u8]) -> Verdict {
        let now = self.world.now;
        let at = &mut self.world.edges[edge];
        match at.forwarder.vap_frame(now, vap, frame) {
            Verdict::Punt if at.nve_mut().handle_frame(now, vap, frame) == Handled::Pass => {
                at.forwarder.vap_frame_passed(now, vap, frame)
            }
            verdict => verdict,
        }
    }

    fn again(&mut self, edge: usize, place: Entrance, frame: &[u8]) -> Verdict {
        match place {
            Entrance::Vap(vap) => self.enter(edge, vap, frame),
            Entrance::Tunnel { from, vn } => {
                let now = self.world.now;
                self.world.edges[edge].forwarder.tunnel_frame(now, from, vn, frame)
            }
        }
    }

    /// Brings a frame to where the edge sends it, at once.
    fn carry(&mut self, edge: usize, verdict: Verdict, frame: &[u8]) {
        let mut verdicts = VecDeque::from([(edge, verdict)]);
        while let Some((edge, verdict)) = verdicts.pop_front() {
            let targets = match verdict {
                Verdict::Deliver(vap) => vec![Target::Port(vap)],
                Verdict::Tunnel { to, vn } => vec![Target::Tunnel { to, vn }],
                Verdict::Replicate => self.world.edges[edge].forwarder.replicas().to_vec(),
                _ => vec![],
            };
            for target in targets {
                match target {
                    Target::Port(_) => self.delivered += u64::from(frame[12..14] == [0x08, 0x00]),
                    Target::Tunnel { to: IpAddr::V4(to), vn } => {
                        let to = usize::from(to.octets()[3]) - 1;
                        let (now, from) = (self.world.now, peer(edge as u8 + 1).ip());
                        verdicts.push_back((to, self.world.edges[to].forwarder.tunnel_frame(now, from, vn, frame)));
                    }
                    Target::Again(place) => verdicts.push_back((edge, self.again(edge, place, frame))),
                    Target::Tunnel { .. } => panic!("no IPv6 here"),
                }
            }
        }
    }

    /// Lets messages and held frames go where they go.
    fn drain(&mut self) {
        self.world.settle();
        let mut frame = Vec::new();
        for edge in 0..self.world.edges.len() {
            loop {
                let now = self.world.now;
                let Some(target) = self.world.edges[edge].forwarder.poll_flush(now, &mut |_| true, &mut frame) else {
                    break;
                };
                let verdict = match target {
                    Target::Port(vap) => Verdict::Deliver(vap),
                    Target::Tunnel { to, vn } => Verdict::Tunnel { to, vn },
                    Target::Again(place) => self.again(edge, place, &frame),
                };
                self.carry(edge, verdict, &frame.clone());
                self.world.settle();
            }
        }
    }

    fn run(&mut self, length: Micros) {
        self.world.run(length);
        let now = self.world.now;
        self.world.edges.iter_mut().for_each(|edge| edge.forwarder.handle_timeout(now));
        self.drain();
    }

    /// Moves the TSIs behind one port, while `talker` sends to them all the time.
    fn move_all(&mut self, vms: &[Tsi], to: usize, talker: &Tsi, by_frames: bool) {
        let keys: Vec<TsiKey> = vms.iter().map(|vm| vm.key).collect();
        let ((from, vap), move_id, key) = (self.at[&keys[0]], MoveId(self.next_move), keys[0]);
        self.next_move += 1;
        self.world.attach(to, vap.0, vms.to_vec());
        self.world.plan(move_id.0, keys.clone(), to as u8 + 1);
        self.pings(talker, vms);
        self.world.tell(from, nve::Input::Suspend { key, move_id, stopped_at: None });
        self.pings(talker, vms);
        self.run(Micros::from_millis(200));
        self.at.extend(keys.iter().map(|key| (*key, (to, vap))));
        if by_frames {
            vms.iter().for_each(|vm| self.announce(vm));
        }
        self.world.tell(to, nve::Input::Activate { key, move_id: Some(move_id) });
        self.drain();
        self.pings(talker, vms);
        for edge in [from, to] {
            self.world.tell(edge, nve::Input::Report { move_id, report: Report::default() });
        }
        self.world.tell(from, nve::Input::Detach { vap });
        self.run(Micros::from_secs(3));
        for key in &keys {
            assert_eq!(self.world.edges[to].nve().state(key).state, State::Here);
        }
    }

    fn pings(&mut self, talker: &Tsi, vms: &[Tsi]) {
        for vm in vms {
            self.ping(talker, vm);
        }
    }

    /// All counters that grew, by name.
    fn grown(&self) -> BTreeMap<String, u64> {
        let mut all = named("nva", self.world.nva.counters());
        for edge in &self.world.edges {
            let nve = edge.nve();
            let mut add = |counters: BTreeMap<String, u64>| {
                for (name, count) in counters {
                    *all.entry(name).or_default() += count;
                }
            };
            add(named("nve", nve.counters()));
            add(named("forwarder", edge.forwarder.counters()));
            add(named("session", nve.session_counters().unwrap()));
            add(named("session", self.world.nva.session_counters(nve.place().nve).unwrap()));
            let dropped = |reason: &DropReason| {
                (format!("dropped.{}", reason.name()), edge.forwarder.counters().dropped_frames(*reason))
            };
            add(DropReason::ALL.iter().map(dropped).collect());
        }
        all
    }
}

fn ip(vm: &Tsi) -> Ipv4Addr {
    match vm.ips[0] {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => panic!("no IPv6 here"),
    }
}

/// Checks VMM-1-01, VMM-5-09.
#[test]
fn after_a_healthy_day_no_counter_with_a_bad_name_has_counted() {
    let (vm, group, talker, guest) = (tsi(1), [tsi(2), tsi(3)], tsi(4), tsi(5));
    let mut day = Day::new();
    day.start(0, 1, std::slice::from_ref(&vm));
    day.start(1, 2, &group);
    day.start(2, 3, std::slice::from_ref(&talker));
    let end = day.world.now + Micros::from_secs(DAY);

    for round in 0.. {
        for (a, b) in [(&vm, &talker), (&talker, &vm), (&talker, &group[0]), (&group[1], &vm)] {
            day.ask(a, ip(b));
            day.ping(a, b);
        }
        let (hour, quiet) = (round % 72, round % 5 == 4);
        match hour {
            5 => day.move_all(std::slice::from_ref(&vm), 1, &talker, false),
            20 => day.move_all(std::slice::from_ref(&vm), 0, &talker, true),
            35 => day.move_all(&group, 0, &talker, true),
            50 => day.move_all(&group, 1, &talker, false),
            10 => day.start(round / 72 % 3, 9, std::slice::from_ref(&guest)),
            15 => day.ping(&talker, &guest),
            30 => day.stop(&guest),
            40 => {
                let vn = vm.key.vn;
                day.world.tell(2, nve::Input::Subscribe(vn));
                day.run(Micros::from_secs(1));
                day.world.tell(2, nve::Input::Unsubscribe(vn));
            }
            // An edge ends its session, as for an upgrade, and comes back.
            60 => {
                day.world.tell(2, nve::Input::Goodbye);
                day.run(Micros::from_secs(1));
                day.world.tell(2, nve::Input::Connect);
            }
            65 => day.ask(&talker, Ipv4Addr::new(192, 0, 2, 200)),
            _ => {}
        }
        day.run(Micros::from_secs(if quiet { 70 } else { ROUND }));
        if day.world.now >= end {
            break;
        }
    }

    // The simulated links lose nothing and no machine is busy: nothing comes again, and nothing comes late.
    let is_good = |name: &&str| !["nve.repeated", "nve.stale"].contains(name);
    let good: BTreeSet<&str> = GOOD.into_iter().chain(OF_AN_EDGE).filter(is_good).collect();
    let all = day.grown();
    let bad: BTreeMap<_, _> = all.iter().filter(|(name, count)| **count > 0 && !good.contains(name.as_str())).collect();
    assert_eq!(bad, BTreeMap::new());
    let unknown: Vec<&&str> = good.iter().filter(|name| !all.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "no counter has this name: {unknown:?}");
    assert!(day.sent > 5_000 && day.delivered == day.sent, "{} of {} frames", day.delivered, day.sent);
}
