//! A sender of frames that never rests, and the frames of each kind of flood.

use super::world::Tenant;
use nved::port::{BATCH, Frames, Port, PortCounters, PortKind};
use nvo3_tests::netns::{Family, Namespace, Station};
use nvo3_wire::build::Layers;
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, arp, ethernet, ipv4, ipv6, nd, udp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The different frames of one flood.
const DIFFERENT: u32 = 4_096;

/// A thread that sends frames as fast as it can.
pub(crate) struct Flooder {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flooder {
    /// Sends these frames in turn out of an interface.
    pub(crate) fn start(namespace: &Namespace, interface: &'static str, frames: Vec<Vec<u8>>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = namespace.spawn({
            let over = over.clone();
            move || {
                let (mut port, _) = Port::open(interface, PortKind::Packet).unwrap();
                let (frames, mut counters): (Vec<&[u8]>, _) =
                    (frames.iter().map(Vec::as_slice).collect(), PortCounters::default());
                let mut sent = 0;
                while !over.load(Ordering::Relaxed) {
                    for batch in frames.chunks(BATCH) {
                        port.write(batch, &mut counters);
                        sent += batch.len() as u64;
                    }
                }
                sent - counters.full - counters.refused
            }
        });
        Self { over, thread }
    }

    /// Ends the flood. Gives the number of frames that left.
    pub(crate) fn end(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The time from a question of a tenant by ARP until the answer.
pub(crate) fn resolve(tenant: &Tenant, target: Ipv4) -> Duration {
    let (mac, ip) = (tenant.station.mac, v4(&tenant.station));
    tenant.namespace.enter(|| {
        let (mut port, _) = Port::open("eth0", PortKind::Packet).unwrap();
        let (mut counters, mut frames) = (PortCounters::default(), Frames::new());
        let mut question = vec![0; arp::FRAME_LEN];
        arp::request((mac, ip), target, &mut question).unwrap();
        let began = Instant::now();
        port.write(&[&question], &mut counters);
        loop {
            assert!(began.elapsed() < Duration::from_secs(10), "nobody answers for {target}");
            let _ = poll(&mut [PollFd::new(&port, PollFlags::IN)], Some(&Timespec { tv_sec: 1, tv_nsec: 0 }));
            port.read(&mut frames, &mut counters).unwrap();
            let answers = |frame: &[u8]| frame[12..14] == [8, 6] && frame[28..32] == target.0;
            if frames.iter().any(answers) {
                return began.elapsed();
            }
        }
    })
}

pub(crate) fn v4(station: &Station) -> Ipv4 {
    let ip = station.ips.iter().find_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None });
    ip.unwrap().into()
}

fn v6(station: &Station) -> Ipv6 {
    let ip = station.ips.iter().find_map(|ip| if let IpAddr::V6(ip) = ip { Some(*ip) } else { None });
    ip.unwrap().into()
}

/// An IPv4 address that nobody has.
fn nobody_v4(n: u32) -> Ipv4 {
    let [_, b, c, d] = n.to_be_bytes();
    Ipv4([192, 168, 128 | b | c, d])
}

fn nobody_v6(n: u32) -> Ipv6 {
    let [a, b, c, d] = n.to_be_bytes();
    Ipv6([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, a, b, c, d])
}

fn nobody(n: u32) -> Mac {
    let [a, b, c, d] = n.to_be_bytes();
    Mac([2, 0x66, a, b, c, d])
}

fn made(write: impl Fn(&mut [u8]) -> Result<usize, nvo3_wire::Error>) -> Vec<u8> {
    let mut frame = vec![0; 128];
    let length = write(&mut frame).unwrap();
    frame.truncate(length.max(60));
    frame
}

/// A UDP datagram over IPv4.
fn datagram(macs: (Mac, Mac), ips: (Ipv4, Ipv4), ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let ethernet = ethernet::Header { destination: macs.1, source: macs.0, ether_type: EtherType::IPV4 };
    let udp = udp::Fields { source_port: ports.0, destination_port: ports.1 };
    made(|out| (ethernet, ipv4::Fields::new(ips.0, ips.1), udp, payload).write(out))
}

/// A UDP datagram over IPv6.
fn datagram_v6(macs: (Mac, Mac), ips: (Ipv6, Ipv6), ports: (u16, u16)) -> Vec<u8> {
    let ethernet = ethernet::Header { destination: macs.1, source: macs.0, ether_type: EtherType::IPV6 };
    let udp = udp::Fields { source_port: ports.0, destination_port: ports.1 };
    made(|out| (ethernet, ipv6::Fields::new(ips.0, ips.1), udp, &[7; 12][..]).write(out))
}

/// The frames of a kind of flood.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// The floods by which a tenant may try to cost another one. `me` is the flooder, `other` a station of another port.
pub(crate) fn of_a_tenant(me: &Station, other: &Station) -> Vec<Kind> {
    let (mac, ip, ip6) = (me.mac, v4(me), v6(me));
    let kind = |name, one: &dyn Fn(u32) -> Vec<u8>| Kind { name, frames: (0..DIFFERENT).map(one).collect() };
    let unsolicited = |ip| nd::Advertise::unsolicited(mac, ip, nd::To::AllNodes, true);
    let group = |n: u32| {
        let [.., c, d] = n.to_be_bytes();
        (Mac([1, 0, 0x5e, 1, c, d]), Ipv4([239, 1, c, d]))
    };
    let router = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x66]);
    let advertisement = |n: u32| {
        // An advertisement of a neighbour is one of a router with another type: this port may send neither.
        let mut frame = made(|out| nd::advertisement(&unsolicited(router), out));
        (frame[54], frame[58]) = (134, n as u8);
        frame
    };
    #[rustfmt::skip]
    let all = vec![
        kind("ARP requests for addresses that nobody has", &|n| made(|out| arp::request((mac, ip), nobody_v4(n), out))),
        kind("announcements of the own address",           &|_| made(|out| arp::announcement(mac, ip, out))),
        kind("announcements of another's address",         &|_| made(|out| arp::announcement(mac, v4(other), out))),
        kind("RARP of the own MAC",                        &|_| made(|out| arp::rarp_request(mac, out))),
        kind("NS for addresses that nobody has",           &|n| made(|out| nd::solicitation(&nd::Solicit::resolve(mac, ip6, nobody_v6(n)), out))),
        kind("NA of the own address",                      &|_| made(|out| nd::advertisement(&unsolicited(ip6), out))),
        kind("NA of another's address",                    &|_| made(|out| nd::advertisement(&unsolicited(v6(other)), out))),
        kind("Router Advertisements",                      &advertisement),
        kind("answers of a DHCP server",                   &|n| datagram((mac, Mac::BROADCAST), (ip, Ipv4([255; 4])), (67, 68), &n.to_be_bytes())),
        kind("answers of a DHCPv6 server",                 &|n| datagram_v6((mac, nobody(n)), (ip6, nobody_v6(n)), (547, 546))),
        kind("data to everybody",                          &|n| datagram((mac, Mac::BROADCAST), (ip, Ipv4([255; 4])), (7, 7), &n.to_be_bytes())),
        kind("data to groups",                             &|n| datagram((mac, group(n).0), (ip, group(n).1), (7, 7), &[7; 12])),
        kind("data to MACs that nobody has",               &|n| datagram((mac, nobody(n)), (ip, nobody_v4(n)), (7, 7), &[7; 12])),
        kind("data from MACs of others",                   &|n| datagram((nobody(n), Mac::BROADCAST), (ip, Ipv4([255; 4])), (7, 7), &[7; 12])),
        kind("data from addresses of others",              &|n| datagram((mac, Mac::BROADCAST), (nobody_v4(n), Ipv4([255; 4])), (7, 7), &[7; 12])),
        kind("frames to reserved groups",                  &|n| datagram((mac, Mac([1, 0x80, 0xc2, 0, 0, n as u8 & 15])), (ip, ip), (7, 7), &[7; 12])),
    ];
    all
}

/// Datagrams of nobody in the underlay. `macs` are those of the sender and of the receiver.
pub(crate) fn of_the_underlay(macs: (Mac, Mac), to: u8, port: u16, payload: &dyn Fn(u32) -> Vec<u8>) -> Vec<Vec<u8>> {
    let address = |host| {
        let IpAddr::V4(ip) = Family::V4.underlay(host) else { panic!("version 4") };
        Ipv4::from(ip)
    };
    (0..DIFFERENT).map(|n| datagram(macs, (address(66), address(to)), (port, port), &payload(n))).collect()
}
