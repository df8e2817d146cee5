//! Measures how many frames a second go from a tenant system behind one edge to a tenant system behind another edge. Compares with plain
//! UDP of the same frame lengths between the same hosts, in the same run, by the same sender and receiver. Prints a Markdown table with
//! the median of the rounds, and the lowest and highest. Needs root.
//!
//! `cargo run --release -p nvo3-tests --bin throughput [SECONDS [ROUNDS]]`
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement is a test")]

use nvo3_tests::netns::Family::{self, V4, V6};
use nvo3_tests::netns::{Burst, Fabric, Namespace, Overlay, Station, count, missing};
use nvo3_tests::say;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The lengths of the tenants' frames and of the plain frames, in bytes, Ethernet header included.
const FRAMES: [usize; 2] = [100, 1_400];
const PORT: u16 = 7_009;
/// How long traffic runs before the measurement begins.
const SETTLES: Duration = Duration::from_millis(500);

/// The sender and the receiver of datagrams, of one address family.
struct Path<'a> {
    from: (&'a Namespace, IpAddr),
    to: (&'a Namespace, IpAddr),
}

fn main() {
    if let Some(why) = missing() {
        say!("skipped: {why}");
        return;
    }
    let number = |n, default| std::env::args().nth(n).map_or(default, |text| text.parse().unwrap());
    let (seconds, rounds) = (number(1, 3), number(2, 5));

    say!("The sender sends as many frames as it can. The share that arrives is in brackets behind the rate.\n");
    say!("| underlay | frame | overlay, frames/s | plain UDP, frames/s | ratio | overlay, Gbit/s |");
    say!("|---|---|---|---|---|---|");
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
    let hosts = [1, 3].map(|n| (overlay.fabric.host(n), underlay.underlay(n)));
    let plain = Path { from: hosts[0], to: hosts[1] };

    for frame in FRAMES {
        let (mut ratios, mut overlaid, mut plainly) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let [a, b] = [&over, &plain].map(|path| path.rate(frame, time));
            ratios.push(a.received / b.received);
            overlaid.push(a);
            plainly.push(b);
        }
        let bits = Spread::new(overlaid.iter().map(|rate| rate.received)).median * frame as f64 * 8.0 / 1e9;
        let ratio = Spread::new(ratios.into_iter());
        let (overlaid, plainly) = (in_words(&overlaid), in_words(&plainly));
        say!("| {underlay:?} | {frame} | {overlaid} | {plainly} | {ratio:.2} | {bits:.2} |");
    }
}

/// Frames a second.
struct Rate {
    sent: f64,
    received: f64,
}

fn in_words(rates: &[Rate]) -> String {
    let share = Spread::new(rates.iter().map(|rate| 100.0 * rate.received / rate.sent)).median;
    format!("{:.0} [{share:.0} %]", Spread::new(rates.iter().map(|rate| rate.received)))
}

impl Path<'_> {
    /// Measures the frames a second that are sent and that arrive.
    fn rate(&self, frame: usize, time: Duration) -> Rate {
        let headers = 14 + 8 + if self.from.1.is_ipv4() { 20 } else { 40 };
        let receiving = self.to.0.enter(|| UdpSocket::bind((self.to.1, PORT)).unwrap());
        socket2::SockRef::from(&receiving).set_recv_buffer_size(8 << 20).unwrap();
        let sending = self.from.0.enter(|| UdpSocket::bind((self.from.1, 0)).unwrap());
        sending.connect((self.to.1, PORT)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (sent, received) = <(Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let receiver = std::thread::spawn({
            let (over, received) = (over.clone(), received.clone());
            move || count(&receiving, &over, &received)
        });
        let sender = std::thread::spawn({
            let (over, sent, burst) =
                (over.clone(), sent.clone(), Burst { payload: vec![0x5a; frame - headers], rate: None });
            move || burst.send(&sending, &over, &sent)
        });
        let both = || [&sent, &received].map(|count| count.load(Ordering::Relaxed));
        std::thread::sleep(SETTLES);
        let (before, began) = (both(), Instant::now());
        std::thread::sleep(time);
        let (after, took) = (both(), began.elapsed().as_secs_f64());
        over.store(true, Ordering::Relaxed);
        sender.join().unwrap();
        receiver.join().unwrap();
        let [sent, received] = [0, 1].map(|n| (after[n] - before[n]) as f64 / took);
        // Frames that are still queued must not count for the next measurement.
        std::thread::sleep(Duration::from_millis(300));
        Rate { sent, received }
    }
}

struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

impl Spread {
    fn new(all: impl Iterator<Item = f64>) -> Self {
        let mut all: Vec<f64> = all.collect();
        all.sort_by(f64::total_cmp);
        Self { median: all[all.len() / 2], low: all[0], high: all[all.len() - 1] }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(0);
        write!(f, "{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.low, self.high)
    }
}
