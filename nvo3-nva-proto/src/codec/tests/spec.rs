//! The examples of SPEC.md agree with the code.

use crate::*;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};

const SPEC: &str = include_str!("../../../SPEC.md");

const VN: Option<Vni> = Vni::new(5_001);
const MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x0a]);
const IP4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));
const IP6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x0a));
const VERSION: Version = Version { epoch: 3, generation: 1_042 };
const OLD: Place = Place { nve: NveId(1), locators: Locators::V4(Ipv4Addr::new(192, 0, 2, 1)) };
const NEW: Place = Place {
    nve: NveId(2),
    locators: Locators::Both(Ipv4Addr::new(192, 0, 2, 2), Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 2)),
};
const NEWER: Version = Version { epoch: 3, generation: 1_050 };
/// The proof is that of the recommended construction, under the key of the example.
pub(crate) const SEEN: Seen = Seen {
    epoch: 3,
    record: RecordNo(1_040),
    shard: 0,
    proof: [0x5d, 0xa3, 0x88, 0x3c, 0x7a, 0x15, 0x55, 0xe4, 0x01, 0x3d, 0xec, 0xc1, 0x60, 0x8e, 0x7b, 0x79],
};
const MOVE: MoveId = MoveId(7);
const WORD: MoveWord = MoveWord { move_id: MOVE, version: VERSION };

fn tsi() -> Tsi {
    Tsi { key: TsiKey { vn: VN.unwrap(), mac: MAC }, ips: vec![IP4, IP6], role: Role::Unknown }
}

/// The examples of SPEC.md: the title, the header and the message of each.
pub(crate) fn examples() -> Vec<(&'static str, Header, Message)> {
    let vn = VN.unwrap();
    let key = tsi().key;
    let hello = Hello {
        place: NEW,
        nonce: 0x0123_4567_89ab_cdef,
        resumed: false,
        encapsulations: Encapsulations::VXLAN,
        capabilities: Capabilities::HOLD,
        seen: None,
    };
    let again = Hello { resumed: true, seen: Some(SEEN), ..hello };
    let hello_ack = HelloAck {
        session: SessionId(0xa1),
        nonce: hello.nonce,
        epoch: 3,
        published: RecordNo(1_040),
        seen: Some(SEEN),
    };
    let error = ErrorMessage { code: ErrorCode::UnknownCritical, about: 0x24, sequence: 9, offset: 57, tlv: 13 };
    let resync = Resync {
        since: Version { epoch: 3, generation: 1_040 },
        vns: vec![vn],
        mappings: vec![(vn, Address::Mac(MAC)), (vn, Address::Ip(IP4))],
        more: false,
    };
    let other = Mac([0x02, 0, 0, 0, 0, 0x0b]);
    let ip4 = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 11));
    let came = Claim {
        mac: MAC,
        kind: MoveKind::Failover,
        by_word: true,
        old: Some(NveId(1)),
        expected: Some(VERSION),
        ips: vec![IP4, IP6],
        role: Role::Unknown,
    };
    let started = Claim {
        mac: other,
        kind: MoveKind::Cold,
        by_word: false,
        old: None,
        expected: None,
        ips: vec![ip4],
        role: Role::Unknown,
    };
    let lifetime = Lifetime::new(Micros::from_secs(60));
    let request = RegistrationRequest { vn, lifetime, claims: vec![came, started] };
    let versions = vec![TsiVersion { mac: MAC, version: VERSION }, TsiVersion { mac: other, version: NEWER }];
    let accepted =
        RegistrationReply { vn, result: RegistrationResult::Accepted, lifetime, tsis: versions.clone(), current: None };
    let stale = RegistrationReply {
        vn,
        result: RegistrationResult::Stale,
        lifetime: Lifetime::ONCE,
        tsis: versions[..1].to_vec(),
        current: Some(OLD),
    };
    let resting = vec![
        Resting { mac: MAC, version: VERSION, ips: vec![IP4, IP6], role: Role::Unknown },
        Resting { mac: other, version: NEWER, ips: vec![ip4], role: Role::Unknown },
    ];
    let restate = Restate { vn, more: true, tsis: resting };
    let empty = Restate { vn: Vni::new(0).unwrap(), more: false, tsis: vec![] };
    let restated = RestateMove {
        move_id: MOVE,
        version: VERSION,
        side: Side::Old,
        party: PartyState::Stopped,
        peer: NveId(2),
        tsis: vec![tsi()],
    };
    let mapping = Mapping { mac: MAC, ips: vec![IP4, IP6], version: VERSION, place: Some(NEW), role: Role::Unknown };
    let found = Response {
        vn,
        address: Address::Ip(IP4),
        answer: Answer::Found(Mapping { role: Role::Router, ..mapping.clone() }),
        lifetime: Lifetime::new(Micros::from_secs(60)),
    };
    let not_found = Response {
        address: Address::Ip(IP6),
        answer: Answer::NotFound,
        lifetime: Lifetime::new(Micros::from_secs(5)),
        ..found.clone()
    };
    let gone = Mapping { mac: other, ips: vec![], version: NEWER, place: None, role: Role::Unknown };
    let restarted = Mapping {
        mac: Mac([0x02, 0, 0, 0, 0, 0x0c]),
        ips: vec![IP4],
        version: Version { epoch: 4, generation: 1 },
        place: Some(OLD),
        role: Role::Unknown,
    };
    let update = Update {
        vn,
        after: RecordNo(1_040),
        upto: RecordNo(1_051),
        mappings: vec![mapping, gone, restarted],
        members: Some(Members { places: vec![OLD, NEW], more: false }),
        synced: true,
    };
    let prepare = Prepare {
        move_id: MOVE,
        version: VERSION,
        side: Side::New,
        kind: MoveKind::Hot,
        suspended: false,
        tsis: vec![tsi()],
        peer: OLD,
        limits: HoldLimits { frames: 1_000, bytes: 1_500_000, age: Micros::from_secs(2) },
    };
    let ready = Ready { move_id: MOVE, version: VERSION, refused: None };
    let outcome =
        Outcome { move_id: MOVE, result: MoveResult::Committed, version: VERSION, place: NEW, tsis: vec![key] };
    let counted = Report {
        duration: Micros::from_millis(180),
        held_frames: 42,
        tunnelled_frames: 17,
        dropped_frames: 0,
        stale_senders: 3,
    };
    let invalidate = Invalidate { tsi: key, nve: NveId(1), version: VERSION };

    let stream = StateStream { move_id: MOVE, version: VERSION, source: NveId(1), target: NveId(2), copy: 1 };
    let kind = StateKind::Sessions;
    let offer = StateOffer { stream, kind, format: 0x0001_0002, total: Amount::new(3).unwrap(), last: true };
    let ssh = Flow {
        vn,
        vlan: Vlan::new(12).unwrap(),
        protocol: 6,
        source_port: 49_152,
        destination_port: 22,
        ends: FlowEnds::V4 { source: Ipv4Addr::new(10, 0, 0, 7), destination: Ipv4Addr::new(10, 0, 0, 10) },
    };
    let ping = Flow {
        vlan: Vlan::default(),
        protocol: 58,
        source_port: 0,
        destination_port: 0,
        ends: FlowEnds::V6 {
            source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7),
            destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x0a),
        },
        ..ssh
    };
    let guard = FlowState { expires: Some(Micros::from_secs(60)), data: b"strict".to_vec() };
    let sessions = vec![FlowRecord { flow: ssh, state: Some(guard.clone()) }, FlowRecord { flow: ping, state: None }];
    let policies = vec![
        PolicyRecord { tsi: key, number: 1, rules: Some(b"allow tcp/22".to_vec()) },
        PolicyRecord { tsi: key, number: 2, rules: None },
    ];
    let part = StatePart::Sessions(sessions);
    let chunk = StateChunk { stream, offset: Amount::new(1).unwrap(), part };
    let packed = FlowRecord { flow: ssh, state: Some(FlowState { expires: None, ..guard }) };
    let connections =
        StateChunk { offset: Amount::default(), part: StatePart::Connections(vec![packed]), ..chunk.clone() };
    let policies = StateChunk { part: StatePart::Policies(policies), ..connections.clone() };
    let snapshot = StateChunk { part: StatePart::Snapshot(b"timers".to_vec()), ..chunk.clone() };
    let opaque = StateChunk { part: StatePart::Opaque(b"lease 600".to_vec()), ..chunk.clone() };
    let ack = StateAck { stream, kind, upto: offer.total, answer: StateAnswer::Taken };
    let cached = CacheEntry { mac: MAC, ips: vec![IP4, IP6], version: VERSION, nve: NveId(1), role: Role::Unknown };
    let report = CacheReport {
        vn,
        entries: vec![
            cached.clone(),
            CacheEntry { mac: other, ips: vec![], version: NEWER, nve: NveId(2), role: Role::Unknown },
            CacheEntry {
                mac: Mac([0x02, 0, 0, 0, 0, 0x0c]),
                ips: vec![IP4],
                version: Version { epoch: 4, generation: 1 },
                ..cached
            },
        ],
        more: true,
    };
    let wrong = vec![
        WrongEntry { verdict: Verdict::Stale, mac: MAC, version: NEWER },
        WrongEntry { verdict: Verdict::Unknown, mac: other, version: Version::default() },
    ];
    let verdict = CacheVerdict { vn, wrong, more: false };

    let outside = Header { session: SessionId(0), sequence: 0, transaction: 0 };
    let under = Header { session: SessionId(0xa1), ..outside };
    let inside = Header { sequence: 9, transaction: 4, ..under };
    let unasked = Header { transaction: 0, ..inside };
    vec![
        ("Hello", outside, Message::Hello(hello)),
        ("Hello, with SEEN", outside, Message::Hello(again)),
        ("HelloAck", under, Message::HelloAck(hello_ack)),
        ("Keepalive", under, Message::Keepalive),
        ("Goodbye", under, Message::Goodbye),
        ("Error", under, Message::Error(error)),
        ("Ack", under, Message::Ack(Ack { received: 12, in_force: 9 })),
        ("RegistrationRequest", inside, Message::RegistrationRequest(request)),
        ("RegistrationReply, accepted", inside, Message::RegistrationReply(accepted)),
        ("RegistrationReply, refused", inside, Message::RegistrationReply(stale)),
        ("Deregister", inside, Message::Deregister(Deregister { vn, tsis: versions.clone() })),
        ("DeregisterReply", inside, Message::DeregisterReply(DeregisterReply { vn, tsis: versions })),
        ("Restate", unasked, Message::Restate(restate)),
        ("Restate, of an NVE without TSIs", unasked, Message::Restate(empty)),
        ("RestateMove", unasked, Message::RestateMove(restated)),
        ("Query", inside, Message::Query(Query { vn, address: Address::Ip(IP4) })),
        ("Response, found", inside, Message::Response(found)),
        ("Response, not found", inside, Message::Response(not_found)),
        ("Subscribe", inside, Message::Subscribe(vn)),
        ("Unsubscribe", inside, Message::Unsubscribe(vn)),
        ("Update", inside, Message::Update(update)),
        ("Resync", inside, Message::Resync(resync)),
        ("Invalidate, from the NVA", inside, Message::Invalidate(invalidate)),
        ("Invalidate, between NVEs", outside, Message::Invalidate(invalidate)),
        ("Prepare", inside, Message::Prepare(prepare)),
        ("Ready", inside, Message::Ready(ready)),
        ("Ready, refused", inside, Message::Ready(Ready { refused: Some(Refusal::Busy), ..ready })),
        ("Suspended", inside, Message::Suspended(WORD)),
        ("Activated", inside, Message::Activated(WORD)),
        ("Resumed", inside, Message::Resumed(WORD)),
        ("Revoke", inside, Message::Revoke(WORD)),
        ("Revoked", inside, Message::Revoked(WORD)),
        ("OutcomeQuery", inside, Message::OutcomeQuery(MOVE)),
        ("Outcome", inside, Message::Outcome(outcome)),
        ("Done", inside, Message::Done(Done { move_id: MOVE, report: counted })),
        ("StateOffer", unasked, Message::StateOffer(offer)),
        ("StateChunk, connections", unasked, Message::StateChunk(connections)),
        ("StateChunk, sessions", unasked, Message::StateChunk(chunk)),
        ("StateChunk, policies", unasked, Message::StateChunk(policies)),
        ("StateChunk, snapshot", unasked, Message::StateChunk(snapshot)),
        ("StateChunk, opaque", unasked, Message::StateChunk(opaque)),
        ("StateAck", unasked, Message::StateAck(ack)),
        ("CacheReport", inside, Message::CacheReport(report)),
        ("CacheVerdict", inside, Message::CacheVerdict(verdict)),
    ]
}

/// The bytes of each `hex` block, by its title. The text after a semicolon is a comment.
pub(crate) fn blocks() -> BTreeMap<&'static str, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    let mut lines = SPEC.lines();
    while let Some(line) = lines.next() {
        let Some(title) = line.strip_prefix("```hex ") else { continue };
        let rows = lines.by_ref().take_while(|line| *line != "```");
        let digits = rows.filter_map(|line| line.split(';').next()).flat_map(str::split_whitespace);
        let bytes = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
        assert!(blocks.insert(title, bytes).is_none(), "two examples named {title}");
    }
    blocks
}

#[test]
fn the_specification_s_examples_are_what_the_code_reads_and_writes() {
    let mut blocks = blocks();
    let mut seen = BTreeSet::new();
    for (title, header, message) in examples() {
        let bytes = blocks.remove(title).unwrap_or_default();
        let mut written = Vec::new();
        message.encode(&header, &mut written).unwrap();

        assert_eq!(written, bytes, "{title}");
        assert_eq!(Message::decode(&bytes), Ok((header, message.clone())), "{title}");
        seen.insert(message.type_code());
    }

    // The tests of seals read the sealed examples.
    blocks.retain(|title, _| !title.starts_with("sealed "));
    assert!(blocks.is_empty(), "not in the code: {:?}", blocks.keys());
    let all: BTreeSet<u8> = (0..=u8::MAX).filter(|code| type_name(*code).is_some()).collect();
    assert_eq!(seen, all);
}

/// The registry has exactly the message types of the code, each with its number.
#[test]
fn the_specification_s_registry_is_the_code_s() {
    let rows = SPEC.lines().filter_map(|line| line.strip_prefix("| `0x")?.split_once("` | "));
    let listed: BTreeMap<u8, &str> =
        rows.filter_map(|(code, rest)| Some((u8::from_str_radix(code, 16).ok()?, rest.split(' ').next()?))).collect();

    let types = (0..=u8::MAX).filter_map(|code| Some((code, type_name(code)?))).collect();
    assert_eq!(listed, types);
}
