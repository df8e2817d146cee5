//! What messages cost: to bytes, and back as a view or owned, with a seal and without. The longest Update has thirty dual-stack
//! mappings in four places, the longest Restate 49 TSIs.
#![allow(clippy::unwrap_used, missing_docs, reason = "criterion makes the public items")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nvo3_nva_proto::auth::{KeyId, Keys, Party, Secret};
use nvo3_nva_proto::*;
use nvo3_wire::{Mac, Vni};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NVE: NveId = NveId(1);
const IPS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

fn registration() -> Message {
    let claim = Claim {
        mac: Mac([2, 0, 0, 0, 0, 1]),
        kind: MoveKind::Hot,
        by_word: true,
        old: Some(NVE),
        expected: Some(Version { epoch: 3, generation: 1_042 }),
        ips: IPS.to_vec(),
        role: Role::Unknown,
    };
    let lifetime = Lifetime::from_wire(600);
    Message::RegistrationRequest(RegistrationRequest { vn: Vni::MAX, lifetime, claims: vec![claim] })
}

/// As many TSIs with one IPv4 address as a message holds.
fn restatement() -> Message {
    let resting = |n: u8| Resting {
        mac: Mac([2, 0, 0, 0, 0, n]),
        version: Version { epoch: 3, generation: 1_042 },
        ips: IPS[..1].to_vec(),
        role: Role::Unknown,
    };
    let whole = Restate { vn: Vni::MAX, more: true, tsis: (0..100).map(resting).collect() };
    Message::Restate(whole.split().swap_remove(0))
}

fn update() -> Message {
    let mapping = |n: u8| Mapping {
        mac: Mac([2, 0, 0, 0, 0, n]),
        ips: IPS.to_vec(),
        version: Version { epoch: 3, generation: u64::MAX / 2 + u64::from(n) * 1_000_000 },
        place: Some(Place {
            nve: NveId((n % 4).into()),
            locators: Locators::Both([192, 0, 2, n % 4].into(), Ipv6Addr::LOCALHOST),
        }),
        role: Role::Unknown,
    };
    Message::Update(Update {
        vn: Vni::MAX,
        after: RecordNo(1),
        upto: RecordNo(u64::MAX),
        mappings: (0..30).map(mapping).collect(),
        members: None,
        synced: true,
    })
}

/// Looks at all that a view has.
fn values(message: &view::Message<'_>) -> usize {
    match message {
        view::Message::RegistrationRequest(request) => {
            request.claims.iter().map(|claim| black_box(claim).ips.iter().map(black_box).count()).sum()
        }
        view::Message::Restate(restate) => {
            restate.tsis.iter().map(|tsi| black_box(tsi).ips.iter().map(black_box).count()).sum()
        }
        view::Message::Update(update) => {
            update.mappings.iter().map(|mapping| black_box(mapping).ips.iter().map(black_box).count()).sum()
        }
        _ => 0,
    }
}

fn messages(c: &mut Criterion) {
    let (key, header) = (KeyId::new(1).unwrap(), Header { session: SessionId(5), sequence: 6, transaction: 7 });
    let mut keys = Keys::default();
    keys.add(key, NVE, &Secret::from([7; 32])).unwrap();
    let messages = [
        ("Keepalive", Message::Keepalive),
        ("Registration", registration()),
        ("Restate", restatement()),
        ("Update", update()),
    ];
    for (name, message) in messages {
        let mut plain = Vec::new();
        message.encode(&header, &mut plain).unwrap();
        let mut sealed = plain.clone();
        keys.seal(Party::Nve, key, 1, &mut sealed).unwrap();
        println!("{name}: {} bytes, sealed {}", plain.len(), sealed.len());

        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        let room = || Vec::with_capacity(MAX_SEALED);
        group.bench_function("encode", |b| {
            b.iter_batched_ref(room, |out| message.encode(&header, out).unwrap(), BatchSize::SmallInput);
        });
        group.bench_function("put", |b| {
            let mut room = [0; MAX_MESSAGE];
            b.iter(|| black_box(&message).put(&header, &mut black_box(&mut room[..])).unwrap());
        });
        group.bench_function("encode and seal", |b| {
            let both = |out: &mut Vec<u8>| {
                message.encode(&header, out).unwrap();
                keys.seal(Party::Nve, key, 1, out).unwrap();
            };
            b.iter_batched_ref(room, both, BatchSize::SmallInput);
        });
        group.bench_function("view", |b| b.iter(|| values(&view::Message::parse(black_box(&plain)).unwrap().1)));
        group.bench_function("decode", |b| b.iter(|| Message::decode(black_box(&plain)).unwrap()));
        group.bench_function("open and decode", |b| {
            b.iter(|| keys.open(Party::Nve, black_box(&sealed)).unwrap().decode().unwrap());
        });
        let mut forged = sealed.clone();
        forged.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        group.bench_function("refuse", |b| b.iter(|| keys.open(Party::Nve, black_box(&forged)).is_err()));
        group.finish();
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
