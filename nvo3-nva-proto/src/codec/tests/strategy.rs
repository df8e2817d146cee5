//! Strategies for random messages that fit.

use crate::*;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn vni() -> impl Strategy<Value = Vni> {
    (0..=Vni::MAX.get()).prop_map(|n| Vni::new(n).unwrap())
}

fn mac() -> impl Strategy<Value = Mac> {
    any::<[u8; 6]>().prop_map(Mac)
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<Ipv4Addr>().prop_map(IpAddr::V4), any::<Ipv6Addr>().prop_map(IpAddr::V6)]
}

fn ips() -> impl Strategy<Value = Vec<IpAddr>> {
    prop_oneof![9 => vec(ip(), 0..6), 1 => vec(any::<Ipv4Addr>().prop_map(IpAddr::V4), 60..130)]
}

fn version() -> impl Strategy<Value = Version> {
    let generation = prop_oneof![any::<u64>(), 0..1_000_u64];
    (prop_oneof![any::<u32>(), 0..2_u32], generation).prop_map(|(epoch, generation)| Version { epoch, generation })
}

fn key() -> impl Strategy<Value = TsiKey> {
    (vni(), mac()).prop_map(|(vn, mac)| TsiKey { vn, mac })
}

fn locators() -> impl Strategy<Value = Locators> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(Locators::V4),
        any::<Ipv6Addr>().prop_map(Locators::V6),
        any::<(Ipv4Addr, Ipv6Addr)>().prop_map(|(a, b)| Locators::Both(a, b)),
    ]
}

pub(super) fn place() -> impl Strategy<Value = Place> {
    (any::<u64>(), locators()).prop_map(|(nve, locators)| Place { nve: NveId(nve), locators })
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![mac().prop_map(Address::Mac), ip().prop_map(Address::Ip)]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Unknown), Just(Role::Host), Just(Role::Router)]
}

fn tsi(ips: impl Strategy<Value = Vec<IpAddr>>) -> impl Strategy<Value = Tsi> {
    (key(), ips, role()).prop_map(|(key, ips, role)| Tsi { key, ips, role })
}

fn mapping(place: impl Strategy<Value = Option<Place>>) -> impl Strategy<Value = Mapping> {
    let ips = vec(ip(), 0..4);
    (mac(), ips, role(), version(), place).prop_map(|(mac, ips, role, version, place)| Mapping {
        mac,
        ips,
        role,
        version,
        place,
    })
}

/// An Update of any size, with more places than one message holds.
pub(super) fn update(mappings: usize, places: usize) -> impl Strategy<Value = Update> {
    let mappings = vec(place(), 1..=places).prop_flat_map(move |places| {
        let at = prop_oneof![9 => select(places).prop_map(Some), 1 => Just(None)];
        vec(mapping(at), 0..mappings)
    });
    let members = (vec(place(), 0..8), any::<bool>()).prop_map(|(places, more)| Members { places, more });
    let members = option::of(members);
    (vni(), any::<(u64, u64)>(), mappings, members, any::<bool>()).prop_map(
        |(vn, (after, upto), mappings, members, synced)| Update {
            vn,
            after: RecordNo(after),
            upto: RecordNo(upto),
            mappings,
            members,
            synced,
        },
    )
}

pub(super) fn resync(most: usize) -> impl Strategy<Value = Resync> {
    let mappings = vec((vni(), address()), 0..most);
    (version(), vec(vni(), 0..most), mappings, any::<bool>()).prop_map(|(since, vns, mappings, more)| Resync {
        since,
        vns,
        mappings,
        more,
    })
}

pub(super) fn error_code() -> impl Strategy<Value = ErrorCode> {
    use ErrorCode::*;
    select(alloc::vec![
        Version,
        UnknownType,
        Truncated,
        Field,
        UnknownCritical,
        Missing,
        UnknownSession,
        UnknownNve,
        NotAllowed,
        Resource,
        Forwarder
    ])
}

fn seen() -> impl Strategy<Value = Seen> {
    any::<(u32, u64, u32, [u8; 16])>().prop_map(|(epoch, record, shard, proof)| Seen {
        epoch,
        record: RecordNo(record),
        shard,
        proof,
    })
}

fn session_group() -> BoxedStrategy<Message> {
    let hello = (place(), any::<(u64, bool, u16, u32)>(), option::of(seen())).prop_map(
        |(place, (nonce, resumed, encapsulations, capabilities), seen)| {
            let (encapsulations, capabilities) = (Encapsulations(encapsulations), Capabilities(capabilities));
            Message::Hello(Hello { place, nonce, resumed, encapsulations, capabilities, seen })
        },
    );
    let hello_ack =
        (any::<(u64, u64, u32, u64)>(), option::of(seen())).prop_map(|((session, nonce, epoch, published), seen)| {
            let (session, published) = (SessionId(session), RecordNo(published));
            Message::HelloAck(HelloAck { session, nonce, epoch, published, seen })
        });
    let error = (error_code(), any::<(u8, u32, u32, u16)>()).prop_map(|(code, (about, sequence, offset, tlv))| {
        Message::Error(ErrorMessage { code, about, sequence, offset, tlv })
    });
    let ack = any::<(u32, u32)>().prop_map(|(received, in_force)| Message::Ack(Ack { received, in_force }));
    prop_oneof![
        hello.boxed(),
        hello_ack.boxed(),
        error.boxed(),
        ack.boxed(),
        Just(Message::Keepalive),
        Just(Message::Goodbye)
    ]
    .boxed()
}

/// Each lifetime that a message can carry.
fn lifetime() -> impl Strategy<Value = Lifetime> {
    any::<u16>().prop_map(Lifetime::from_wire)
}

/// Each length of time that a message carries in milliseconds.
fn millis() -> impl Strategy<Value = Micros> {
    any::<u32>().prop_map(|n| Micros::from_millis(n.into()))
}

/// The shortest time that the expiry of a state cannot carry.
const NEVER: Micros = Micros::from_millis(u32::MAX as u64);

fn claim(ips: impl Strategy<Value = Vec<IpAddr>>) -> impl Strategy<Value = Claim> {
    let old = option::of(any::<u64>().prop_map(NveId));
    (mac(), move_kind(), any::<bool>(), old, option::of(version()), ips, role()).prop_map(
        |(mac, kind, by_word, old, expected, ips, role)| Claim { mac, kind, by_word, old, expected, ips, role },
    )
}

/// A request with fewer than `most` claims.
pub(super) fn request(most: usize) -> impl Strategy<Value = RegistrationRequest> {
    (vni(), lifetime(), vec(claim(vec(ip(), 0..6)), 0..most)).prop_map(|(vn, lifetime, claims)| RegistrationRequest {
        vn,
        lifetime,
        claims,
    })
}

fn versions(most: usize) -> impl Strategy<Value = Vec<TsiVersion>> {
    vec((mac(), version()).prop_map(|(mac, version)| TsiVersion { mac, version }), 0..most)
}

/// A reply with fewer than `most` TSIs.
pub(super) fn reply(most: usize) -> impl Strategy<Value = RegistrationReply> {
    use RegistrationResult::*;
    let result = select(alloc::vec![
        Accepted,
        Policy,
        UnknownVn,
        TenantConflict,
        Duplicate,
        Stale,
        NotAuthorised,
        Resource,
        Malformed,
        Moving
    ]);
    (vni(), result, lifetime(), versions(most), option::of(place()))
        .prop_map(|(vn, result, lifetime, tsis, current)| RegistrationReply { vn, result, lifetime, tsis, current })
}

/// A Deregister of fewer than `most` TSIs.
pub(super) fn deregister(most: usize) -> impl Strategy<Value = Deregister> {
    (vni(), versions(most)).prop_map(|(vn, tsis)| Deregister { vn, tsis })
}

/// A restatement of fewer than `most` TSIs.
pub(super) fn restate(most: usize) -> impl Strategy<Value = Restate> {
    let resting = (mac(), version(), vec(ip(), 0..6), role()).prop_map(|(mac, version, ips, role)| Resting {
        mac,
        version,
        ips,
        role,
    });
    (vni(), any::<bool>(), vec(resting, 0..most)).prop_map(|(vn, more, tsis)| Restate { vn, more, tsis })
}

fn registration_group() -> BoxedStrategy<Message> {
    let one = (vni(), lifetime(), claim(ips())).prop_map(|(vn, lifetime, claim)| {
        let claims = [claim].to_vec();
        Message::RegistrationRequest(RegistrationRequest { vn, lifetime, claims })
    });
    let deregistered =
        (vni(), versions(60)).prop_map(|(vn, tsis)| Message::DeregisterReply(DeregisterReply { vn, tsis }));
    let party = select(alloc::vec![PartyState::Runs, PartyState::Stopped, PartyState::Revoked]);
    let ids = any::<(u64, u64)>();
    let moving = (ids, version(), side(), party, vec(tsi(vec(ip(), 0..4)), 0..12)).prop_map(
        |((move_id, peer), version, side, party, tsis)| {
            let (move_id, peer) = (MoveId(move_id), NveId(peer));
            Message::RestateMove(RestateMove { move_id, version, side, party, peer, tsis })
        },
    );
    prop_oneof![
        one.boxed(),
        request(9).prop_map(Message::RegistrationRequest).boxed(),
        reply(60).prop_map(Message::RegistrationReply).boxed(),
        deregister(60).prop_map(Message::Deregister).boxed(),
        deregistered.boxed(),
        restate(10).prop_map(Message::Restate).boxed(),
        moving.boxed(),
    ]
    .boxed()
}

fn directory_group() -> BoxedStrategy<Message> {
    let query = (vni(), address()).prop_map(|(vn, address)| Message::Query(Query { vn, address }));
    let answer = prop_oneof![
        mapping(option::of(place())).prop_map(Answer::Found),
        Just(Answer::NotFound),
        Just(Answer::Prohibited)
    ];
    let response = (vni(), address(), answer, lifetime())
        .prop_map(|(vn, address, answer, lifetime)| Message::Response(Response { vn, address, answer, lifetime }));
    let invalidate = (key(), any::<u64>(), version())
        .prop_map(|(tsi, nve, version)| Message::Invalidate(Invalidate { tsi, nve: NveId(nve), version }));
    prop_oneof![
        query.boxed(),
        response.boxed(),
        invalidate.boxed(),
        vni().prop_map(Message::Subscribe).boxed(),
        vni().prop_map(Message::Unsubscribe).boxed(),
        update(12, MAX_PLACES).prop_map(Message::Update).boxed(),
        resync(45).prop_map(Message::Resync).boxed(),
    ]
    .boxed()
}

fn side() -> impl Strategy<Value = Side> {
    select(alloc::vec![Side::Old, Side::New])
}

fn move_kind() -> impl Strategy<Value = MoveKind> {
    select(alloc::vec![MoveKind::Hot, MoveKind::Warm, MoveKind::Cold, MoveKind::Failover])
}

fn move_group() -> BoxedStrategy<Message> {
    use Refusal::*;
    let move_id = || any::<u64>().prop_map(MoveId);
    let limits =
        (any::<u32>(), any::<u32>(), millis()).prop_map(|(frames, bytes, age)| HoldLimits { frames, bytes, age });
    let tsis = vec(tsi(vec(ip(), 0..4)), 0..12);
    let prepare = (move_id(), version(), side(), move_kind(), any::<bool>(), tsis, place(), limits).prop_map(
        |(move_id, version, side, kind, suspended, tsis, peer, limits)| {
            Message::Prepare(Prepare { move_id, version, side, kind, suspended, tsis, peer, limits })
        },
    );
    let refused = option::of(select(alloc::vec![
        Stale,
        WrongPlace,
        Forwarder,
        Resource,
        NoCommonUnderlay,
        NoSession,
        Busy,
        Policy,
        UnknownTsi,
        NotSupported,
        StillHere,
        Halted
    ]));
    let ready = (move_id(), version(), refused)
        .prop_map(|(move_id, version, refused)| Message::Ready(Ready { move_id, version, refused }));
    let constructors = [Message::Suspended, Message::Activated, Message::Resumed, Message::Revoke, Message::Revoked];
    let word = (move_id(), version(), select(constructors.to_vec()))
        .prop_map(|(move_id, version, word)| word(MoveWord { move_id, version }));
    let result = select(alloc::vec![MoveResult::Committed, MoveResult::Aborted, MoveResult::Unknown]);
    let outcome = (move_id(), result, version(), place(), vec(key(), 0..100)).prop_map(
        |(move_id, result, version, place, tsis)| Message::Outcome(Outcome { move_id, result, version, place, tsis }),
    );
    let done = (move_id(), any::<[u64; 5]>()).prop_map(|(move_id, [a, b, c, d, e])| {
        let report =
            Report { duration: Micros(a), held_frames: b, tunnelled_frames: c, dropped_frames: d, stale_senders: e };
        Message::Done(Done { move_id, report })
    });
    prop_oneof![
        prepare.boxed(),
        ready.boxed(),
        word.boxed(),
        outcome.boxed(),
        done.boxed(),
        move_id().prop_map(Message::OutcomeQuery).boxed()
    ]
    .boxed()
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn stream() -> impl Strategy<Value = StateStream> {
    let ids = any::<(u64, u64, u64, u32)>();
    (ids, version()).prop_map(|((move_id, source, target, copy), version)| StateStream {
        move_id: MoveId(move_id),
        version,
        source: NveId(source),
        target: NveId(target),
        copy,
    })
}

fn flow_ends() -> impl Strategy<Value = FlowEnds> {
    prop_oneof![
        any::<(Ipv4Addr, Ipv4Addr)>().prop_map(|(source, destination)| FlowEnds::V4 { source, destination }),
        any::<(Ipv6Addr, Ipv6Addr)>().prop_map(|(source, destination)| FlowEnds::V6 { source, destination }),
    ]
}

fn flow_record() -> impl Strategy<Value = FlowRecord> {
    let vlan = (0..=Vlan::MAX.get()).prop_map(|id| Vlan::new(id).unwrap());
    let numbers = any::<(u8, u16, u16)>();
    let flow =
        (vni(), vlan, numbers, flow_ends()).prop_map(|(vn, vlan, (protocol, source_port, destination_port), ends)| {
            Flow { vn, vlan, protocol, source_port, destination_port, ends }
        });
    let expires = prop_oneof![Just(None), millis().prop_filter("says never", |t| *t < NEVER).prop_map(Some)];
    let state = (expires, bytes(40)).prop_map(|(expires, data)| FlowState { expires, data });
    (flow, option::of(state)).prop_map(|(flow, state)| FlowRecord { flow, state })
}

fn policy_record() -> impl Strategy<Value = PolicyRecord> {
    (key(), any::<u32>(), option::of(bytes(60))).prop_map(|(tsi, number, rules)| PolicyRecord { tsi, number, rules })
}

fn amount() -> impl Strategy<Value = Amount> {
    (0..=Amount::MAX.get()).prop_map(|n| Amount::new(n).unwrap())
}

/// A chunk of state with fewer than `most` records, or fewer than a hundred times as many bytes.
pub(super) fn chunk(most: usize) -> impl Strategy<Value = StateChunk> {
    let part = prop_oneof![
        vec(flow_record(), 0..most).prop_map(StatePart::Connections),
        vec(flow_record(), 0..most).prop_map(StatePart::Sessions),
        vec(policy_record(), 0..most).prop_map(StatePart::Policies),
        bytes(most * 100).prop_map(StatePart::Snapshot),
        bytes(most * 100).prop_map(StatePart::Opaque),
    ];
    (stream(), amount(), part).prop_map(|(stream, offset, part)| StateChunk { stream, offset, part })
}

fn transfer_group() -> BoxedStrategy<Message> {
    use StateAnswer::*;
    use StateKind::*;
    let kind = || select(alloc::vec![Connections, Sessions, Policies, Snapshot, Opaque]);
    let offer =
        (stream(), kind(), any::<u32>(), amount(), any::<bool>()).prop_map(|(stream, kind, format, total, last)| {
            Message::StateOffer(StateOffer { stream, kind, format, total, last })
        });
    let answer = select(alloc::vec![Taken, Again, NotSupported, Resource, Policy, Stale]);
    let ack = (stream(), kind(), amount(), answer)
        .prop_map(|(stream, kind, upto, answer)| Message::StateAck(StateAck { stream, kind, upto, answer }));
    prop_oneof![offer.boxed(), ack.boxed(), chunk(11).prop_map(Message::StateChunk).boxed()].boxed()
}

/// A report with fewer than `most` entries, each of which may point to another NVE.
pub(super) fn report(most: usize) -> impl Strategy<Value = CacheReport> {
    let nve = prop_oneof![any::<u64>(), 0..4_u64].prop_map(NveId);
    let entry = (mac(), vec(ip(), 0..4), version(), nve, role())
        .prop_map(|(mac, ips, version, nve, role)| CacheEntry { mac, ips, version, nve, role });
    (vni(), vec(entry, 0..most), any::<bool>()).prop_map(|(vn, entries, more)| CacheReport { vn, entries, more })
}

pub(super) fn verdict(most: usize) -> impl Strategy<Value = CacheVerdict> {
    use Verdict::*;
    let why = select(alloc::vec![Unknown, Stale, Ahead, WrongNve, WrongAddress]);
    let wrong = (why, mac(), version()).prop_map(|(verdict, mac, version)| WrongEntry { verdict, mac, version });
    (vni(), vec(wrong, 0..most), any::<bool>()).prop_map(|(vn, wrong, more)| CacheVerdict { vn, wrong, more })
}

fn audit_group() -> BoxedStrategy<Message> {
    let report = report(14).prop_map(Message::CacheReport);
    prop_oneof![report.boxed(), verdict(58).prop_map(Message::CacheVerdict).boxed()].boxed()
}

pub(crate) fn message() -> BoxedStrategy<Message> {
    let groups =
        [session_group(), registration_group(), directory_group(), move_group(), transfer_group(), audit_group()];
    proptest::strategy::Union::new(groups).boxed()
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    // In session 0 an Invalidate may have no TLVs; a test of its own covers that.
    (1_u64.., any::<(u32, u32)>()).prop_map(|(session, (sequence, transaction))| Header {
        session: SessionId(session),
        sequence,
        transaction,
    })
}
