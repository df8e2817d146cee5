//! How many frames a second go from a tenant system behind one edge to one behind another, beside plain UDP of the same
//! frame lengths between the same hosts, in the same run, by the same sender and receiver: a Markdown table, medians of the
//! rounds with lowest and highest. Needs root.
//!
//! `cargo run --release -p nvo3-tests --bin throughput [SECONDS [ROUNDS]]`
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement is a test")]

use nvo3_tests::netns::Family::{self, V4, V6};
use nvo3_tests::netns::{Burst, Fabric, Namespace, Overlay, Station, count, missing};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Of the tenants' frames, and of the plain ones, in bytes, Ethernet header included.
const FRAMES: [usize; 2] = [100, 1_400];
/// Ethernet, IPv4 and UDP.
const HEADERS: usize = 14 + 20 + 8;
const PORT: u16 = 7_009;

/// Where datagrams go from and to, both IPv4.
struct Path<'a> {
    from: (&'a Namespace, IpAddr),
    to: (&'a Namespace, IpAddr),
}

fn main() {
    if let Some(why) = missing() {
        println!("skipped: {why}");
        return;
    }
    let number = |n, default| std::env::args().nth(n).map_or(default, |text| text.parse().unwrap());
    let (seconds, rounds) = (number(1, 3), number(2, 5));

    println!("| underlay | frame | overlay, frames/s | plain UDP, frames/s | ratio | overlay, Gbit/s |");
    println!("|---|---|---|---|---|---|");
    for underlay in [V4, V6] {
        measure(underlay, Duration::from_secs(seconds.into()), rounds);
    }
}

fn measure(underlay: Family, time: Duration, rounds: u32) {
    let fabric = Fabric::new();
    let (a, b) = (Station::new(1), Station::new(3));
    let (tenant_a, tenant_b) = (fabric.tenant("a", 1, "ca0", &a), fabric.tenant("b", 3, "cb0", &b));
    let mut overlay = Overlay::new(fabric, underlay);
    overlay.port(1, "ca0", &a, "active");
    overlay.port(3, "cb0", &b, "active");
    overlay.start();
    let over = Path { from: (&tenant_a, a.ips[0]), to: (&tenant_b, b.ips[0]) };
    let hosts = [1, 3].map(|n| (overlay.fabric.host(n), V4.underlay(n)));
    let plain = Path { from: hosts[0], to: hosts[1] };

    for frame in FRAMES {
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..rounds {
            let (overlaid, plain) = (over.rate(frame, time), plain.rate(frame, time));
            for (rates, rate) in rates.iter_mut().zip([overlaid, plain, overlaid / plain]) {
                rates.push(rate);
            }
        }
        let [overlaid, plain, ratio] = rates.map(Spread::of);
        let bits = overlaid.median * frame as f64 * 8.0 / 1e9;
        let [ratio, low, high] = [ratio.median, ratio.low, ratio.high];
        println!("| {underlay:?} | {frame} | {overlaid} | {plain} | {ratio:.2} ({low:.2}–{high:.2}) | {bits:.2} |");
    }
}

impl Path<'_> {
    /// Datagrams received a second, once it is under way.
    fn rate(&self, frame: usize, time: Duration) -> f64 {
        let receiving = self.to.0.enter(|| UdpSocket::bind((self.to.1, PORT)).unwrap());
        socket2::SockRef::from(&receiving).set_recv_buffer_size(8 << 20).unwrap();
        let sending = self.from.0.enter(|| UdpSocket::bind((self.from.1, 0)).unwrap());
        sending.connect((self.to.1, PORT)).unwrap();
        let (over, received) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let receiver = std::thread::spawn({
            let (over, received) = (over.clone(), received.clone());
            move || count(&receiving, &over, &received)
        });
        let sender = std::thread::spawn({
            let (over, burst) = (over.clone(), Burst { payload: vec![0x5a; frame - HEADERS], rate: None });
            move || burst.send(&sending, &over)
        });
        std::thread::sleep(Duration::from_millis(500));
        let (before, began) = (received.load(Ordering::Relaxed), Instant::now());
        std::thread::sleep(time);
        let rate = (received.load(Ordering::Relaxed) - before) as f64 / began.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        let _ = (sender.join().unwrap(), receiver.join().unwrap());
        // What is still queued is not the next one's.
        std::thread::sleep(Duration::from_millis(300));
        rate
    }
}

struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

impl Spread {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self { median: all[all.len() / 2], low: all[0], high: all[all.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} ({:.0}–{:.0})", self.median, self.low, self.high)
    }
}
