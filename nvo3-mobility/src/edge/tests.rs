use super::foreign::{self, ForeignEdge};
use super::{Edge, Next, Peer};
use crate::Transport;
use crate::forwarder::{ChangeRefusal, DropReason, Forwarder, ForwarderConfig, Target, Verdict};
use crate::health::{Duty, PATIENCE, Waiting};
use crate::nva::{self, Nva, NvaConfig};
use crate::nve::rules::State;
use crate::nve::{Event, Handled, Input, Nve, NveConfig};
use crate::table::{Action, Bum, Change, Entry, Gate, PortPolicy, TableChange, VapId};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use nvo3_nva_proto::{
    HoldLimits, Instant, Locators, Micros, MoveId, MoveKind, NveId, Place, Role, Tsi, TsiKey, Version,
};
use nvo3_wire::{Mac, Vni, arp};

/// The number of table changes that the forwarder of [`edge`] has applied.
const CHANGES: u64 = 6;
const NOW: Instant = Instant(1_000_000);
/// More outputs than an edge of a few stations can have at one instant.
const ENOUGH: usize = 1_000;

fn place(n: u8) -> Place {
    Place { nve: NveId(n.into()), locators: Locators::V4([198, 51, 100, n].into()) }
}

fn ip(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn tsi(n: u8) -> Tsi {
    let key = TsiKey { vn: Vni::new(7).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) };
    Tsi { key, ips: vec![ip(n)], role: Role::Unknown }
}

fn nve() -> Nve {
    Nve::new(NveConfig::new(place(1), Transport::Trusted), 7).unwrap()
}

fn attach(n: u8) -> Input {
    let tsi = tsi(n);
    Input::Attach { vap: VapId(n.into()), vn: tsi.key.vn, tsis: vec![tsi], policy: PortPolicy::untrusted() }
}

/// An edge that delivers to stations 1 and 2. It has no session, so the test orders the entries and not the control plane.
fn edge() -> Edge {
    let mut edge = Edge::new(nve(), Forwarder::new(ForwarderConfig::new(place(1).locators), 7).unwrap());
    for n in [1, 2] {
        edge.tell(NOW, attach(n)).unwrap();
        edge.tell(NOW, Input::Activate { key: tsi(n).key, move_id: None }).unwrap();
    }
    let ordered = drain(&mut edge, NOW).changes.len() as u64;
    assert_eq!(ordered + 2, CHANGES);
    order(&mut edge, CHANGES - 1, 1, Entry::DELIVER);
    order(&mut edge, CHANGES, 2, Entry::DELIVER);
    edge
}

fn frame(to: Mac, from: u8) -> Vec<u8> {
    [&to.0[..], &tsi(from).key.mac.0[..], &[0x08, 0x00, from][..]].concat()
}

/// The outputs of an edge.
#[derive(Debug, Default, PartialEq)]
struct Drained {
    frames: Vec<(Vec<Target>, Vec<u8>)>,
    datagrams: Vec<Peer>,
    events: Vec<Event>,
    changes: Vec<u64>,
    until: Option<Instant>,
}

fn drain(edge: &mut Edge, now: Instant) -> Drained {
    drain_with(edge, now, |_| true)
}

fn drain_with(edge: &mut Edge, now: Instant, mut room: impl FnMut(&Target) -> bool) -> Drained {
    let (mut drained, mut buffer) = (Drained::default(), Vec::new());
    for _ in 0..ENOUGH {
        match edge.poll(now, &mut room, &mut buffer) {
            Next::Frame(fate) => drained.frames.push((fate.targets().to_vec(), buffer.clone())),
            Next::Datagram(peer) => drained.datagrams.push(peer),
            Next::Event(event) => drained.events.push(event),
            Next::Changed { change, .. } => drained.changes.push(change.number),
            Next::Wait(until) => {
                drained.until = until;
                return drained;
            }
        }
    }
    panic!("the loop does not end: {drained:?}");
}

/// Gives the forwarder an entry that the control plane would order in a move.
fn order(edge: &mut Edge, number: u64, n: u8, entry: Entry) {
    let limits = HoldLimits { frames: 8, bytes: 8_192, age: Micros::from_secs(1) };
    let change = Change::Tsi {
        key: tsi(n).key,
        vap: Some(VapId(n.into())),
        entry: Some(entry),
        route: None,
        version: Version::default(),
        limits,
        replay_since: None,
    };
    edge.forwarder_mut().apply(&TableChange { number, change }).unwrap();
}

#[test]
fn the_loop_ends_and_says_until_when() {
    let mut edge = edge();
    assert_eq!(drain(&mut edge, NOW), Drained::default(), "nothing is left, and nothing is due");

    edge.tell(NOW, Input::Connect).unwrap();
    let hello = drain(&mut edge, NOW);

    assert_eq!(hello.datagrams, [Peer::Nva]);
    assert!(hello.until.is_some_and(|until| until > NOW));
}

#[test]
fn time_that_is_due_passes_by_poll() {
    let mut edge = edge();
    edge.tell(NOW, Input::Connect).unwrap();
    let until = drain(&mut edge, NOW).until.unwrap();

    assert_eq!(drain(&mut edge, Instant(until.0 - 1)).datagrams, []);
    let late = drain(&mut edge, until);

    assert_eq!(late.datagrams, [Peer::Nva], "Hello is said again");
    assert!(late.until.is_some_and(|next| next > until));
}

#[test]
fn health_names_what_a_poll_gives_and_nothing_after_it() {
    let mut edge = edge();
    assert!(edge.health(NOW).is_idle());

    edge.tell(NOW, Input::Connect).unwrap();
    edge.tell(NOW, Input::Detach { vap: VapId(2) }).unwrap();
    let late = NOW + PATIENCE;
    let waits = [Duty::PollEvents, Duty::PollTransmit, Duty::PollTableChanges];
    assert_eq!(edge.health(late).overdue(late).map(|late| late.duty).collect::<Vec<_>>(), waits);

    drain(&mut edge, late);
    assert!(edge.health(late).is_idle());
}

/// Names another NVE in the VN.
fn list(edge: &mut Edge, number: u64, nve: u8) {
    let change = Change::Members { vn: tsi(1).key.vn, locators: vec![ip(nve)], sources: vec![ip(nve)] };
    edge.forwarder_mut().apply(&TableChange { number, change }).unwrap();
}

#[test]
fn a_frame_has_its_targets_at_once() {
    let mut edge = edge();

    let fate = edge.frame(NOW, VapId(1), &frame(tsi(2).key.mac, 1));
    assert_eq!((fate.targets(), fate.verdict()), (&[Target::Port(VapId(2))][..], Verdict::Deliver(VapId(2))));

    list(&mut edge, CHANGES + 1, 9);
    let fate = edge.tunnelled(NOW, ip(9), tsi(1).key.vn, &frame(Mac::BROADCAST, 9));
    assert_eq!(fate.targets(), [Target::Port(VapId(1)), Target::Port(VapId(2))]);
}

/// Checks TUN-10, VMM-5-09.
#[test]
fn a_frame_of_an_nve_that_a_list_names_later_has_its_targets_then() {
    let mut edge = edge();
    let first = frame(Mac::BROADCAST, 9);
    assert_eq!(edge.tunnelled(NOW, ip(9), tsi(1).key.vn, &first).verdict(), Verdict::Held);
    assert_eq!(edge.tunnelled(NOW, ip(9), tsi(1).key.vn, &frame(tsi(1).key.mac, 9)).verdict(), Verdict::Held);

    list(&mut edge, CHANGES + 1, 9);

    let both = [Target::Port(VapId(1)), Target::Port(VapId(2))];
    let mut buffer = Vec::new();
    let Next::Frame(fate) = edge.poll(NOW, &mut |_| false, &mut buffer) else { panic!("a frame waits") };
    assert_eq!((fate.targets(), &buffer), (&both[..], &first));
    let Next::Frame(fate) = edge.poll(NOW, &mut |_| false, &mut buffer) else { panic!("a frame waits") };
    assert_eq!(fate.targets(), [Target::Port(VapId(1))]);
}

#[test]
fn an_announcement_goes_through_the_control_plane_and_a_forged_one_stays_there() {
    let mut edge = edge();
    let announcement = |ip| {
        let mut out = [0; arp::FRAME_LEN];
        arp::announcement(tsi(1).key.mac, Ipv4Addr::from(ip).into(), &mut out).unwrap();
        out
    };

    let own = announcement([192, 0, 2, 1]);
    assert_eq!(edge.frame(NOW, VapId(1), &own).targets(), [Target::Port(VapId(2))]);

    let forged = announcement([192, 0, 2, 2]);
    let fate = edge.frame(NOW, VapId(1), &forged);
    assert_eq!((fate.targets(), fate.verdict()), (&[][..], Verdict::Punt));
    assert!(matches!(drain(&mut edge, NOW).events[..], [Event::Spoofed { .. }]));
}

/// Checks VMM-5-09.
#[test]
fn held_frames_wait_for_room_and_leave_in_order() {
    let mut edge = edge();
    let held = Entry::all(Action::Hold(crate::table::Lane::Direct), Bum::Hold, Gate::Open);
    order(&mut edge, CHANGES + 1, 2, held);
    let mut frames = [frame(tsi(2).key.mac, 1), frame(tsi(2).key.mac, 1)];
    frames[1].push(1);
    for frame in &frames {
        assert_eq!(edge.frame(NOW, VapId(1), frame).verdict(), Verdict::Held);
    }
    order(&mut edge, CHANGES + 2, 2, Entry::DELIVER);

    assert_eq!(drain_with(&mut edge, NOW, |_| false).frames, []);
    let left = drain(&mut edge, NOW).frames;

    assert_eq!(left, frames.map(|frame| (vec![Target::Port(VapId(2))], frame)));
}

#[test]
fn an_owner_whose_port_has_no_room_is_told_once() {
    let mut edge = edge();
    order(&mut edge, CHANGES + 1, 2, Entry::all(Action::Hold(crate::table::Lane::Direct), Bum::Hold, Gate::Open));
    let _ = edge.frame(NOW, VapId(1), &frame(tsi(2).key.mac, 1));
    order(&mut edge, CHANGES + 2, 2, Entry::DELIVER);
    let told = |edge: &mut Edge, now| {
        let events = drain_with(edge, now, |_| false).events;
        events.into_iter().filter(|event| matches!(event, Event::Stalled(_))).collect::<Vec<_>>()
    };
    let waiting = Waiting { duty: Duty::MakeRoom, count: 1, since: NOW };

    assert_eq!(told(&mut edge, NOW), []);
    assert_eq!(edge.health(NOW).waiting(), [waiting]);
    assert_eq!(told(&mut edge, NOW + PATIENCE), [Event::Stalled(waiting)]);
    assert_eq!(told(&mut edge, NOW + PATIENCE), []);

    drain(&mut edge, NOW + PATIENCE);
    assert!(edge.health(NOW + PATIENCE).is_idle());
}

/// Checks R-35.
#[test]
fn what_a_closed_gate_kept_goes_through_the_vap_again() {
    let mut edge = edge();
    order(&mut edge, CHANGES + 1, 1, Entry::all(Action::Deliver, Bum::Deliver, Gate::Hold));
    let (unicast, broadcast) = (frame(tsi(2).key.mac, 1), frame(Mac::BROADCAST, 1));
    for frame in [&unicast, &broadcast] {
        assert_eq!(edge.frame(NOW, VapId(1), frame).verdict(), Verdict::Held);
    }
    assert_eq!(drain(&mut edge, NOW).frames, []);
    order(&mut edge, CHANGES + 2, 1, Entry::DELIVER);

    let mut asked = Vec::new();
    let left = drain_with(&mut edge, NOW, |target| {
        asked.push(*target);
        true
    });

    let to = vec![Target::Port(VapId(2))];
    assert_eq!(left.frames, [(to.clone(), unicast), (to, broadcast)]);
    assert!(!asked.iter().any(|target| matches!(target, Target::Again(_))), "the owner never sees one");
}

#[test]
fn a_refused_change_is_told_to_the_control_plane_and_shown() {
    let config = ForwarderConfig { ports: 1, ..ForwarderConfig::new(place(1).locators) };
    let mut edge = Edge::new(nve(), Forwarder::new(config, 7).unwrap());
    edge.tell(NOW, attach(1)).unwrap();
    edge.tell(NOW, attach(2)).unwrap();

    let (mut refusals, mut buffer) = (Vec::new(), Vec::new());
    loop {
        match edge.poll(NOW, &mut |_| true, &mut buffer) {
            Next::Changed { change, refused } => refusals.extend(refused.map(|why| (change.change, why))),
            Next::Wait(_) => break,
            _ => {}
        }
    }

    assert!(matches!(refusals[..], [(Change::Port { vap: VapId(2), .. }, ChangeRefusal::TooManyPorts)]));
    assert_eq!(edge.nve().counters().refused_changes, 1);
}

#[test]
fn a_forwarder_that_is_reset_gets_its_table_again() {
    let mut edge = edge();

    edge.tell(NOW, Input::ForwarderReset).unwrap();
    let lost = edge.frame(NOW, VapId(1), &frame(tsi(2).key.mac, 1)).verdict();
    drain(&mut edge, NOW);
    let again = edge.frame(NOW, VapId(1), &frame(tsi(2).key.mac, 1)).verdict();

    assert_eq!((lost, again), (Verdict::Drop(DropReason::UnknownPort), Verdict::Held));
}

#[test]
fn an_owner_cannot_answer_for_the_forwarder() {
    let mut edge = edge();

    edge.tell(NOW, Input::Refused { number: CHANGES }).unwrap();
    edge.tell(NOW, Input::Applied(u64::MAX)).unwrap();

    assert_eq!((edge.nve().counters().refused_changes, drain(&mut edge, NOW)), (0, Drained::default()));
}

/// A foreign edge with station 1 and two data planes, and its table changes so far.
fn foreign_edge() -> (ForeignEdge, Vec<TableChange>) {
    let mut edge = ForeignEdge::new(nve(), 2);
    edge.tell(NOW, attach(1)).unwrap();
    let orders = orders(&mut edge);
    (edge, orders)
}

/// Polls an edge until nothing is left, and gives its table changes. Answers none of them.
fn orders(edge: &mut ForeignEdge) -> Vec<TableChange> {
    let (mut orders, mut buffer) = (Vec::new(), Vec::new());
    for _ in 0..ENOUGH {
        match edge.poll(NOW, &mut buffer) {
            foreign::Next::Change(order) => orders.push(order),
            foreign::Next::Wait(_) => return orders,
            _ => {}
        }
    }
    panic!("the loop does not end");
}

/// Checks VMM-5-09.
#[test]
fn an_order_is_in_force_once_every_plane_has_applied_it() {
    let (mut edge, orders) = foreign_edge();
    let (first, last) = (orders[0].number, orders[1].number);
    let kept = edge.nve().footprint();

    edge.applied(NOW, 0, last);
    edge.applied(NOW, 7, last);
    assert_eq!((edge.nve().footprint(), edge.unanswered(0), edge.unanswered(1)), (kept, 0, 2));

    edge.applied(NOW, 1, first);
    assert_eq!((edge.nve().footprint(), edge.unanswered(1)), (kept - 1, 1));

    edge.applied(NOW, 1, u64::MAX);
    assert_eq!((edge.nve().footprint(), edge.unanswered(1)), (kept - 2, 0));
}

#[test]
fn an_order_is_refused_once_where_any_plane_refuses_it() {
    let (mut edge, orders) = foreign_edge();
    let (first, last) = (orders[0].number, orders[1].number);
    let kept = edge.nve().footprint();

    edge.refused(NOW, 0, last);
    edge.refused(NOW, 1, last);
    edge.refused(NOW, 1, last + 1);
    // The row of the refused order is kept instead of the order.
    assert_eq!((edge.nve().counters().refused_changes, edge.nve().footprint()), (1, kept));

    edge.applied(NOW, 0, first);
    edge.applied(NOW, 1, first);
    assert_eq!(edge.nve().footprint(), kept - 1);
}

#[test]
fn planes_that_never_answer_stop_nothing() {
    let (mut edge, _) = foreign_edge();

    for _ in 0..ENOUGH {
        edge.tell(NOW, Input::Detach { vap: VapId(1) }).unwrap();
        edge.tell(NOW, attach(1)).unwrap();
        orders(&mut edge);
    }

    assert!(edge.nve().footprint() < 5_000, "no more than NveConfig.unapplied");
}

#[test]
fn a_plane_that_lost_its_table_gets_all_orders_again() {
    let (mut edge, before) = foreign_edge();

    edge.tell(NOW, Input::ForwarderReset).unwrap();
    let again = orders(&mut edge);

    assert_eq!(again.len(), before.len());
    assert_eq!((edge.unanswered(0), edge.unanswered(1)), (2, 2));
}

#[test]
fn a_punted_frame_of_a_foreign_plane_is_judged() {
    let (mut edge, mut out) = (foreign_edge().0, [0; arp::FRAME_LEN]);

    arp::announcement(tsi(1).key.mac, Ipv4Addr::new(192, 0, 2, 1).into(), &mut out).unwrap();
    assert_eq!(edge.punted(NOW, VapId(1), &out), Handled::Pass);

    arp::announcement(tsi(1).key.mac, Ipv4Addr::new(192, 0, 2, 9).into(), &mut out).unwrap();
    assert_eq!(edge.punted(NOW, VapId(1), &out), Handled::Taken);
}

#[test]
fn health_names_the_orders_that_a_plane_has_not_answered() {
    let (mut edge, orders) = foreign_edge();
    let (first, last) = (orders[0].number, orders[1].number);
    let waiting = |edge: &ForeignEdge| edge.health(NOW).waiting().to_vec();
    let orders = |count, since| [Waiting { duty: Duty::AnswerTableChanges, count, since }];

    edge.applied(NOW, 0, last);
    assert_eq!(waiting(&edge), orders(2, NOW));

    edge.applied(Instant(NOW.0 + 5), 1, first);
    assert_eq!(waiting(&edge), orders(1, Instant(NOW.0 + 5)));

    edge.applied(NOW, 1, last);
    assert_eq!(waiting(&edge), []);
}

/// An authority, the old NVE, and the new NVE with two data planes. Every datagram arrives at once.
struct Move {
    nva: Nva,
    old: Edge,
    new: ForeignEdge,
    /// The number of the new NVE's newest table change.
    ordered: u64,
}

impl Move {
    fn exchange(&mut self) {
        let (mut buffer, mut quiet) = (Vec::new(), false);
        let address = |n: u8| SocketAddr::from(([198, 51, 100, n], 4_790));
        while !core::mem::replace(&mut quiet, true) {
            loop {
                match self.old.poll(NOW, &mut |_| true, &mut buffer) {
                    Next::Datagram(Peer::Nva) => self.nva.handle_datagram(NOW, address(1), &buffer),
                    Next::Wait(_) => break,
                    _ => {}
                }
            }
            loop {
                match self.new.poll(NOW, &mut buffer) {
                    foreign::Next::Datagram(Peer::Nva) => self.nva.handle_datagram(NOW, address(2), &buffer),
                    foreign::Next::Change(order) => self.ordered = order.number,
                    foreign::Next::Wait(_) => break,
                    _ => {}
                }
            }
            while let Some((record, _)) = self.nva.poll_persist() {
                self.nva.handle(NOW, nva::Input::Persisted(record)).unwrap();
                quiet = false;
            }
            while self.nva.poll_event().is_some() {}
            while let Some(to) = self.nva.poll_transmit(NOW, &mut buffer) {
                quiet = false;
                if to == address(1) {
                    self.old.datagram(NOW, &buffer);
                } else {
                    self.new.datagram(NOW, &buffer);
                }
            }
        }
    }
}

#[test]
fn a_new_nve_is_ready_once_every_plane_has_its_orders() {
    let forwarder = Forwarder::new(ForwarderConfig::new(place(1).locators), 7).unwrap();
    let new = ForeignEdge::new(Nve::new(NveConfig::new(place(2), Transport::Trusted), 8).unwrap(), 2);
    let nva = Nva::new(NvaConfig::new(Transport::Trusted), 9, NOW).unwrap();
    let mut world = Move { nva, old: Edge::new(nve(), forwarder), new, ordered: 0 };
    for n in [1, 2] {
        world.nva.handle(NOW, nva::Input::Admit(place(n))).unwrap();
    }
    let key = tsi(1).key;
    world.old.tell(NOW, Input::Connect).unwrap();
    world.new.tell(NOW, Input::Connect).unwrap();
    world.old.tell(NOW, attach(1)).unwrap();
    world.old.tell(NOW, Input::Activate { key, move_id: None }).unwrap();
    world.exchange();
    let (id, tsis, to, kind) = (MoveId(1), vec![key], place(2).nve, MoveKind::Hot);
    world.nva.handle(NOW, nva::Input::Move { id, tsis, to, kind, deadline: Micros::from_secs(5) }).unwrap();
    let state = |world: &Move| world.new.nve().state(&key).state;

    world.exchange();
    assert!(matches!(state(&world), State::Installing(_)));

    world.new.applied(NOW, 0, world.ordered);
    world.exchange();
    assert!(matches!(state(&world), State::Installing(_)), "the other plane has not answered");

    world.new.applied(NOW, 1, world.ordered);
    world.exchange();
    assert!(matches!(state(&world), State::Prepared(_)));
}

#[test]
fn debug_of_a_machine_is_a_short_summary() {
    let (edge, nva) = (edge(), Nva::new(NvaConfig::new(Transport::Trusted), 7, NOW).unwrap());
    let foreign = ForeignEdge::new(nve(), 2);

    for text in [format!("{edge:?}"), format!("{foreign:?}"), format!("{nva:?}"), format!("{:?}", nva.book())] {
        assert!(text.len() < 600 && text.contains(".."), "{text}");
    }
}
