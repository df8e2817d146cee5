//! Numbered datagrams from one kernel socket to another. Each is accounted for.

use super::{Clock, Namespace};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time between two datagrams.
const INTERVAL: Duration = Duration::from_millis(1);
/// The time for which the receiver listens after the last datagram left.
const GRACE: Duration = Duration::from_millis(500);
/// Bytes that may wait for the receiver.
const RECEIVE_BUFFER: usize = 16 << 20;
/// The datagram that is sent before counting begins, until the receiver has got it.
const WARM_UP: u32 = u32::MAX;

/// An end of a flow.
#[derive(Clone, Copy)]
pub struct End<'a> {
    /// The namespace of the end.
    pub namespace: &'a Namespace,
    /// Its address.
    pub ip: IpAddr,
    /// The clock of the VM at this end; `None` for an end that never pauses.
    pub clock: Option<&'a Clock>,
}

/// A running flow: one datagram each millisecond.
#[derive(Debug)]
pub struct Flow {
    ending: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    sender: JoinHandle<Vec<Instant>>,
    receiver: JoinHandle<Vec<u32>>,
}

/// The result of a flow.
#[derive(Debug)]
pub struct Counted {
    /// The time at which each datagram was sent.
    pub sent: Vec<Instant>,
    /// The times at which the lost datagrams were sent.
    pub lost: Vec<Instant>,
    /// Copies that arrived beyond the first.
    pub duplicated: usize,
}

impl Flow {
    /// Starts the flow, and returns when the first datagram has arrived.
    pub fn start(from: End<'_>, to: End<'_>, port: u16) -> Self {
        let (ending, over, heard) = <(Arc<AtomicBool>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let receiving = to.namespace.enter(|| UdpSocket::bind((to.ip, port)).unwrap());
        // Frames that were held for a second arrive at once. The receiver's own queue must not overflow.
        setsockopt(&receiving, sockopt::RcvBufForce, &RECEIVE_BUFFER).unwrap();
        let sending = from.namespace.enter(|| UdpSocket::bind((from.ip, 0)).unwrap());
        let receiver = std::thread::spawn({
            let (over, heard) = (over.clone(), heard.clone());
            move || receive(&receiving, &over, &heard)
        });
        let sender = std::thread::spawn({
            let (ending, heard, clock) = (ending.clone(), heard.clone(), from.clock.cloned());
            let to = (to.ip, port);
            move || {
                let deadline = Instant::now() + Duration::from_secs(20);
                while !heard.load(Ordering::Relaxed) {
                    assert!(Instant::now() < deadline, "nothing reaches {to:?}");
                    let _ = sending.send_to(&WARM_UP.to_be_bytes(), to);
                    std::thread::sleep(Duration::from_millis(20));
                }
                send(&sending, to, &ending, clock.as_ref())
            }
        });
        while !heard.load(Ordering::Relaxed) && !sender.is_finished() {
            std::thread::sleep(INTERVAL);
        }
        Self { ending, over, sender, receiver }
    }

    /// Ends the flow.
    pub fn end(self) -> Counted {
        self.ending.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        std::thread::sleep(GRACE);
        self.over.store(true, Ordering::Relaxed);
        let numbers = self.receiver.join().unwrap();
        let mut copies = vec![0; sent.len()];
        for number in numbers {
            copies[number as usize] += 1;
        }
        let lost = sent.iter().zip(&copies).filter(|(_, copies)| **copies == 0).map(|(at, _)| *at).collect();
        let duplicated = copies.iter().map(|copies: &usize| copies.saturating_sub(1)).sum();
        Counted { sent, lost, duplicated }
    }
}

fn send(socket: &UdpSocket, to: (IpAddr, u16), ending: &AtomicBool, clock: Option<&Clock>) -> Vec<Instant> {
    let mut sent = Vec::new();
    let mut due = Instant::now();
    while !ending.load(Ordering::Relaxed) {
        let number = u32::try_from(sent.len()).unwrap();
        let send = || {
            // The first call may report that the peer's port is unreachable; then the second call sends.
            socket.send_to(&number.to_be_bytes(), to).or_else(|_| socket.send_to(&number.to_be_bytes(), to)).unwrap();
            Instant::now()
        };
        match clock {
            None => sent.push(send()),
            Some(clock) => sent.extend(clock.while_running(send)),
        }
        due = (due + INTERVAL).max(Instant::now() - 20 * INTERVAL);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    sent
}

fn receive(socket: &UdpSocket, over: &AtomicBool, heard: &AtomicBool) -> Vec<u32> {
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut numbers = Vec::new();
    let mut bytes = [0; 4];
    loop {
        match socket.recv(&mut bytes) {
            Ok(_) if bytes == WARM_UP.to_be_bytes() => heard.store(true, Ordering::Relaxed),
            Ok(_) => numbers.push(u32::from_be_bytes(bytes)),
            Err(_) if over.load(Ordering::Relaxed) => return numbers,
            Err(_) => {}
        }
    }
}
