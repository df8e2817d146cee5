use super::world::{World, done, say, wait, world_with};
use nvo3_nva_proto::{
    CONTROL_PORT, Capabilities, Encapsulations, Header, Hello, Locators, Message, NveId, Place, SEAL_LEN, SessionId,
};
use nvo3_tests::netns::Family::V4;
use nvo3_tests::netns::{Burst, NVA, Station, open_tap};
use nvo3_wire::{Vni, vxlan};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// An input that no correct sender sends.
struct Nuisance {
    name: &'static str,
    way: Way,
    /// The daemon that counts the input, and its counter.
    counted: (&'static str, &'static str),
}

enum Way {
    /// The datagram comes from the address of host 3, where an edge is.
    Datagram(SocketAddr, Vec<u8>),
    /// The frame comes from a tenant system at host 3 that is not the VM.
    Frame(Vec<u8>),
}

pub(super) fn hello(id: u64) -> Vec<u8> {
    let place = Place { nve: NveId(id), locators: Locators::V4(Ipv4Addr::new(10, 99, 0, 3)) };
    let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
    let hello = Hello { place, nonce: 1, resumed: false, encapsulations, capabilities, seen: None };
    let mut bytes = Vec::new();
    let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    Message::Hello(hello).encode(&header, &mut bytes).unwrap();
    bytes
}

fn with_unknown_critical_tlv(mut message: Vec<u8>) -> Vec<u8> {
    message.extend_from_slice(&[0xbf, 0xff, 0, 0]);
    let length = u16::try_from(message.len()).unwrap();
    message[4..6].copy_from_slice(&length.to_be_bytes());
    message
}

/// A message as edge 3 seals it under its first key, with a wrong code.
pub(super) fn sealed_by_guess(mut message: Vec<u8>) -> Vec<u8> {
    message.extend_from_slice(&[0; SEAL_LEN]);
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    message[2..8].copy_from_slice(&[1, SEAL_LEN as u8, length[0], length[1], 0, 3]);
    message
}

fn vxlan_of(vni: u32) -> Vec<u8> {
    let header = vxlan::Header::new(Vni::new(vni).unwrap());
    [header.as_bytes(), &[0x52; 60]].concat()
}

fn announcement(mac: &Station, ip: &Station) -> Vec<u8> {
    let std::net::IpAddr::V4(ip) = ip.ips[0] else { panic!("the first address is IPv4") };
    let mut frame = vec![0; 42];
    nvo3_wire::arp::announcement(mac.mac, ip.into(), &mut frame).unwrap();
    frame
}

/// An IPv4 packet to everyone, from a MAC and with another station's address.
fn packet_of(mac: &Station, ip: &Station) -> Vec<u8> {
    let std::net::IpAddr::V4(ip) = ip.ips[0] else { panic!("the first address is IPv4") };
    let head = [&[0xff; 6], &mac.mac.0[..], &[8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0]].concat();
    [&head[..], &ip.octets(), &[255; 4]].concat()
}

fn nuisances(liar: &Station, vm: &Station) -> Vec<Nuisance> {
    let edge = |port| SocketAddr::new(V4.underlay(2), port);
    let nva = SocketAddr::new(V4.underlay(NVA), CONTROL_PORT);
    let whole = hello(3);
    let datagram = |name, to, bytes: Vec<u8>, counted| Nuisance { name, way: Way::Datagram(to, bytes), counted };
    let frame = |name, bytes, counted| Nuisance { name, way: Way::Frame(bytes), counted };
    #[rustfmt::skip]
    let all = vec![
        datagram("garbage for VXLAN",                edge(vxlan::PORT), vec![0; 64],                             ("h2", "underlay.malformed")),
        datagram("VXLAN of an unknown VN",           edge(vxlan::PORT), vxlan_of(78),                            ("h2", "dropped.unknown_vn")),
        datagram("garbage for an edge's control",    edge(CONTROL_PORT),     vec![0xff; 64],                          ("h2", "nve.malformed")),
        datagram("garbage for the NVA",              nva,               vec![0xff; 64],                          ("nvad", "malformed")),
        datagram("an unknown critical TLV",          nva,               with_unknown_critical_tlv(hello(3)),     ("nvad", "unsealed")),
        datagram("a truncated message",              nva,               whole[..whole.len() - 3].to_vec(),       ("nvad", "unsealed")),
        datagram("an unknown NVE",                   nva,               hello(66),                               ("nvad", "unsealed")),
        datagram("an edge's Hello, its seal guessed", nva,              sealed_by_guess(hello(3)),               ("nvad", "wrong_seal")),
        datagram("the NVA's word, its seal guessed", edge(CONTROL_PORT),     sealed_by_guess(hello(2)),               ("h2", "nve.unknown_key")),
        frame("the VM's address with another's MAC", announcement(liar, vm),                                     ("h3", "nve.spoofed")),
        frame("a packet from the VM's address",      packet_of(liar, vm),                                        ("h3", "dropped.address_not_allowed")),
        frame("the VM's address and MAC",            announcement(vm, vm),                                       ("h3", "dropped.source_not_allowed")),
    ];
    all
}

/// A world with a second tenant system at host 3, and the tap that sends its frames.
fn world_with_liar() -> Option<(World, Station, Arc<tun_rs::SyncDevice>)> {
    let liar = Station::new(66);
    let mut tap = None;
    let world = world_with(V4, |overlay| {
        tap = Some(open_tap(overlay.fabric.host(3), "vm9", None));
        overlay.port(3, "vm9", &liar, "active");
    })?;
    // A forwarder that has just started keeps frames of a VN that it does not know for 3 s, before it counts them.
    wait(3_100);
    Some((world, liar, Arc::new(tap?)))
}

/// Sends a nuisance at this rate, in inputs a second, until `over`.
fn send(
    nuisance: &Nuisance,
    rate: u32,
    world: &World,
    tap: &Arc<tun_rs::SyncDevice>,
    over: &Arc<AtomicBool>,
) -> std::thread::JoinHandle<u64> {
    let over = over.clone();
    match &nuisance.way {
        Way::Datagram(to, payload) => {
            let (to, burst) = (*to, Burst { payload: payload.clone(), rate: Some(rate) });
            world.overlay.fabric.host(3).spawn(move || {
                let socket = UdpSocket::bind((V4.underlay(3), 0)).unwrap();
                socket.connect(to).unwrap();
                let sent = AtomicU64::new(0);
                burst.send(&socket, &over, &sent);
                sent.into_inner()
            })
        }
        Way::Frame(frame) => {
            let (tap, frame) = (tap.clone(), frame.clone());
            std::thread::spawn(move || {
                let (began, mut sent) = (Instant::now(), 0u32);
                while !over.load(Ordering::Relaxed) {
                    sent += (0..32).filter(|_| tap.send(&frame).is_ok()).count() as u32;
                    let due = began + Duration::from_secs(1) * sent / rate;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                sent.into()
            })
        }
    }
}

/// Moves the VM while these nuisances come at this rate. Gives for each how many were sent, how many were counted, and the seconds.
fn move_amid(
    nuisances: &[Nuisance],
    rate: u32,
    id: u32,
    from: u8,
    to: u8,
    world: &World,
    tap: &Arc<tun_rs::SyncDevice>,
) -> Vec<(u64, u64, f64)> {
    let counters = || nuisances.iter().map(|n| world.overlay.counter(n.counted.0, n.counted.1)).collect::<Vec<_>>();
    let before = counters();
    let traffic = world.traffic(V4);
    let over = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let senders: Vec<_> = nuisances.iter().map(|nuisance| send(nuisance, rate, world, tap, &over)).collect();

    wait(100);
    world.move_until_paused(id, from, to);
    world.run_at(id, to);
    done(&world.outcome(id));
    wait(300);

    over.store(true, Ordering::Relaxed);
    let took = began.elapsed().as_secs_f64();
    let sent: Vec<u64> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    assert_eq!(world.place(), Some(to.into()));
    traffic.end_whole();
    let counted = counters().into_iter().zip(before).map(|(after, before)| after - before);
    sent.into_iter().zip(counted).map(|(sent, counted)| (sent, counted, took)).collect()
}

/// Checks VMM-6-01, VMM-10-02.
#[test]
fn bad_input_in_a_move_is_counted_and_changes_nothing() {
    let Some((world, liar, tap)) = world_with_liar() else { return };
    let all = nuisances(&liar, &world.vm.station);

    let results = move_amid(&all, 1_000, 1, 1, 2, &world, &tap);

    // One counter counts several nuisances.
    for (nuisance, (_, counted, _)) in all.iter().zip(&results) {
        let same = all.iter().zip(&results).filter(|(other, _)| other.counted == nuisance.counted);
        let sent: u64 = same.map(|(_, (sent, ..))| sent).sum();
        assert_eq!(*counted, sent, "{}: {sent} sent, {counted} counted", nuisance.name);
    }
}

/// Floods with each nuisance in turn while the VM moves, and prints the rates.
#[test]
#[ignore = "takes both cores for 20 s: cargo test --release -p nvo3-tests --test netns -- --ignored"]
fn a_flood_of_bad_input_in_a_move_loses_nothing() {
    let Some((world, liar, tap)) = world_with_liar() else { return };
    say("| flood | sent a second | counted |\n|---|---|---|");
    for (id, nuisance) in (1..).zip(nuisances(&liar, &world.vm.station)) {
        let (from, to) = if id % 2 == 1 { (1, 2) } else { (2, 1) };

        let name = nuisance.name;
        let results = move_amid(&[nuisance], 20_000, id, from, to, &world, &tap);

        let (sent, counted, took) = results[0];
        say(&format!("| {name} | {:.0} | {counted} of {sent} |", sent as f64 / took));
        assert!(counted > 0, "{name}");
    }
}
