//! Machines whose outputs nobody takes stay within their bounds, whatever arrives.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use nvo3_mobility::Transport;
use nvo3_mobility::forwarder::Notice;
use nvo3_mobility::nva::{self, Nva, NvaConfig};
use nvo3_mobility::nve::{self, Nve, NveConfig, Timer};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{
    Address, Capabilities, Claim, Encapsulations, Header, Hello, HelloAck, Instant, Lifetime, Message, Micros, MoveId,
    MoveKind, NveId, Query, RegistrationRequest, Role, SessionId, Tsi, TsiKey,
};
use nvo3_tests::direct::{peer, place};
use nvo3_wire::{Mac, Vni};
use std::net::{IpAddr, Ipv4Addr};

const INPUTS: u32 = 1_000_000;

fn numbered(n: u32) -> Tsi {
    let [_, a, b, c] = n.to_be_bytes();
    let key = TsiKey { vn: Vni::new(7).unwrap(), mac: Mac([2, 0, 0, a, b, c]) };
    Tsi { key, ips: vec![IpAddr::V4(Ipv4Addr::new(10, a, b, c))], role: Role::Unknown }
}

/// Checks VMM-10-04.
#[test]
fn an_edge_that_nobody_drains_stays_within_its_bounds() {
    let mut config = NveConfig::new(place(1), Transport::Trusted);
    let NveConfig { tsis, ports, mappings, queries, moves, queue, unapplied, .. } = &mut config;
    for bound in [tsis, ports, mappings, queries, moves, queue, unapplied] {
        *bound = 64;
    }
    let bound = 16 * 64;
    let mut nve = Nve::new(config, 1).unwrap();
    nve.handle(Instant(0), nve::Input::Connect).unwrap();
    let mut most = 0;

    for n in 0..INPUTS {
        let now = Instant(u64::from(n) * 10);
        let tsi = numbered(n / 8 % 4_096);
        let (key, vap) = (tsi.key, VapId(n / 8 % 4_096));
        // A refusal is as good as an acceptance: this test checks bounds.
        let _ = match n % 8 {
            0 => nve
                .handle(now, nve::Input::Attach { vap, vn: key.vn, tsis: vec![tsi], policy: PortPolicy::untrusted() }),
            1 => nve.handle(now, nve::Input::Activate { key, move_id: None }),
            2 => nve.handle(now, nve::Input::Suspend { key, move_id: MoveId(u64::from(n)), stopped_at: Some(now) }),
            3 if n % 16 == 3 => nve.handle(now, nve::Input::Detach { vap }),
            4 => {
                nve.handle_notice(now, Notice::Miss { vn: key.vn, mac: key.mac, vap: None });
                Ok(())
            }
            5 => {
                let from = IpAddr::V4(Ipv4Addr::from(n));
                nve.handle_notice(now, Notice::Stale { key, from, version: Default::default() });
                Ok(())
            }
            6 => {
                let mut frame = [0; 42];
                let IpAddr::V4(ip) = tsi.ips[0] else { unreachable!() };
                let asker = (key.mac, Ipv4Addr::new(10, 255, 0, 1).into());
                nvo3_wire::arp::request(asker, ip.into(), &mut frame).unwrap();
                let _ = nve.handle_frame(now, vap, &frame);
                Ok(())
            }
            _ => {
                nve.handle_datagram(now, &n.to_be_bytes());
                Ok(())
            }
        };
        if n % 1_024 == 0 {
            nve.handle_timeout(now);
            most = most.max(nve.footprint());
        }
    }

    assert!(most <= bound, "{most} things kept");
    assert!(matches!(nve.poll_timeout(), Some((_, Timer::Output))));
}

/// Checks VMM-10-04.
#[test]
fn an_authority_that_nobody_drains_stays_within_its_bounds() {
    let mut config = NvaConfig::new(Transport::Trusted);
    config.nves = 8;
    let NvaConfig { tsis, moves, ended_moves, unpersisted, queue, .. } = &mut config;
    for bound in [tsis, moves, ended_moves, unpersisted, queue] {
        *bound = 64;
    }
    let bound = 16 * 64;
    let mut nva = Nva::new(config, 1, Instant(0)).unwrap();
    // No edge hears of an epoch whose record is not durable. This record is the only one that the owner takes.
    let (epoch, _) = nva.poll_persist().unwrap();
    nva.handle(Instant(0), nva::Input::Persisted(epoch)).unwrap();
    for n in 1..=8 {
        nva.handle(Instant(0), nva::Input::Admit(place(n))).unwrap();
    }
    let sessions: Vec<SessionId> = (1..=4).map(|n| session_of(&mut nva, n)).collect();
    let mut most = 0;

    for n in 0..INPUTS {
        let now = Instant(u64::from(n));
        let from = n % 4;
        let tsi = numbered(n / 32 % 4_096);
        let key = tsi.key;
        let message = match n / 4 % 8 {
            0 | 1 => Message::RegistrationRequest(RegistrationRequest {
                vn: key.vn,
                lifetime: Lifetime::SESSION,
                claims: vec![Claim {
                    mac: key.mac,
                    kind: MoveKind::Cold,
                    by_word: n % 8 < 4,
                    old: None,
                    expected: None,
                    ips: tsi.ips,
                    role: Role::Unknown,
                }],
            }),
            2 => Message::Query(Query { vn: key.vn, address: Address::Mac(key.mac) }),
            3 => Message::OutcomeQuery(MoveId(u64::from(n))),
            4 => Message::Subscribe(key.vn),
            5 => Message::Hello(hello(from as u8 + 5, u64::from(n))),
            6 => Message::Keepalive,
            _ => {
                let to = NveId(u64::from(n % 5));
                let deadline = Micros::from_secs(1);
                let input =
                    nva::Input::Move { id: MoveId(u64::from(n)), tsis: vec![key], to, kind: MoveKind::Hot, deadline };
                // A refusal is as good as an acceptance: this test checks bounds.
                let _ = nva.handle(now, input);
                continue;
            }
        };
        let outside = matches!(message, Message::Hello(_) | Message::Keepalive);
        let sequence = if outside { 0 } else { n / 32 + 1 };
        let session = if n % 64 < 60 { sessions[from as usize] } else { SessionId(u64::from(n)) };
        let header = Header { session, sequence, transaction: n };
        let mut bytes = Vec::new();
        message.encode(&header, &mut bytes).unwrap();
        nva.handle_datagram(now, peer(from as u8 + 1), &bytes);
        if n % 1_024 == 0 {
            nva.handle_timeout(now);
            most = most.max(nva.footprint());
        }
    }

    assert!(most <= bound, "{most} things kept");
    assert!(matches!(nva.poll_timeout(), Some((_, nva::Timer::Output))));
}

fn hello(n: u8, nonce: u64) -> Hello {
    Hello {
        place: place(n),
        nonce,
        resumed: false,
        encapsulations: Encapsulations::VXLAN,
        capabilities: Capabilities::HOLD,
        seen: None,
    }
}

fn session_of(nva: &mut Nva, n: u8) -> SessionId {
    let header = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    let mut bytes = Vec::new();
    Message::Hello(hello(n, u64::MAX - u64::from(n))).encode(&header, &mut bytes).unwrap();
    nva.handle_datagram(Instant(0), peer(n), &bytes);
    while nva.poll_transmit(Instant(0), &mut bytes).is_some() {
        if let Ok((_, Message::HelloAck(HelloAck { session, .. }))) = Message::decode(&bytes) {
            return session;
        }
    }
    panic!("a Hello of an admitted NVE is answered");
}

/// The floor of a TSI that is gone stays only as long as there is room.
#[test]
fn floors_of_tsis_that_are_gone_make_room_for_new_ones() {
    let mut config = NveConfig::new(place(1), Transport::Trusted);
    config.tsis = 4;
    let mut nve = Nve::new(config, 1).unwrap();

    for n in 0..100 {
        let tsi = numbered(n);
        let (vn, vap) = (tsi.key.vn, VapId(n));
        nve.handle(Instant(0), nve::Input::Attach { vap, vn, tsis: vec![tsi], policy: PortPolicy::untrusted() })
            .unwrap();
        nve.handle(Instant(0), nve::Input::Detach { vap }).unwrap();
    }

    assert!(nve.tsis().count() <= 4);
}
