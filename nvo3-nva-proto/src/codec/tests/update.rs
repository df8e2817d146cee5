//! Updates: mappings share places, and an Update that is too long is split.

use super::encoded;
use super::strategy::{place, resync, update};
use crate::*;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn dual(nve: u64) -> Place {
    Place { nve: NveId(nve), locators: Locators::Both(Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::LOCALHOST) }
}

fn dual_stack(count: u64, places: u64) -> Update {
    let mapping = |n: u64| Mapping {
        mac: Mac([2, 0, 0, 0, 0, (n & 0xff) as u8]),
        ips: [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].to_vec(),
        version: Version { epoch: 3, generation: u64::MAX / 2 + n * 1_000_000 },
        place: Some(dual(n % places)),
        role: Role::Unknown,
    };
    Update {
        vn: Vni::MAX,
        after: RecordNo(1),
        upto: RecordNo(u64::MAX),
        mappings: (0..count).map(mapping).collect(),
        members: None,
        synced: true,
    }
}

/// Checks DAP-04.
#[test]
fn thirty_dual_stack_mappings_in_four_dual_stack_places_fit_one_message() {
    let bytes = encoded(&Message::Update(dual_stack(30, 4)));

    assert_eq!(bytes.len(), 1_171);
}

#[test]
fn a_fifth_place_or_too_many_mappings_are_not_encoded() {
    let mut out = Vec::new();
    let places = Message::Update(dual_stack(7, 7)).encode(&Header::default(), &mut out);
    let length = Message::Update(dual_stack(60, 4)).encode(&Header::default(), &mut out);

    assert_eq!(places, Err(EncodeError::TooManyPlaces { count: 7 }));
    assert!(matches!(length, Err(EncodeError::TooLong { name: "Update", .. })));
    assert!(out.is_empty());
}

/// Neighbours in the list have different families, so that each address has a run of its own.
#[test]
fn a_tsi_with_as_many_addresses_as_it_may_have_fits_each_message() {
    let both = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];
    for family in [&both[..1], &both] {
        let ips: Vec<_> = family.iter().copied().cycle().take(MAX_IPS).collect();
        let (mac, vn, address) = (Mac::ZERO, Vni::MAX, Address::Ip(both[0]));
        let version = Version { epoch: 1, generation: 1 };
        let mapping = Mapping { mac, ips: ips.clone(), version, place: Some(dual(1)), role: Role::Unknown };
        let update = Update { mappings: [mapping.clone()].to_vec(), ..dual_stack(0, 1) };
        let (kind, old, expected) = (MoveKind::Hot, Some(NveId(1)), Some(version));
        let claim = Claim { mac, kind, by_word: true, old, expected, ips: ips.clone(), role: Role::Unknown };
        let resting = Resting { mac, version, ips: ips.clone(), role: Role::Unknown };
        let tsi = Tsi { key: TsiKey { vn, mac }, ips, role: Role::Unknown };
        let messages = [
            Message::Response(Response {
                vn,
                address,
                answer: Answer::Found(mapping),
                lifetime: Lifetime::from_wire(1),
            }),
            Message::Update(update),
            Message::RegistrationRequest(RegistrationRequest {
                vn,
                lifetime: Lifetime::from_wire(1),
                claims: [claim].to_vec(),
            }),
            Message::Restate(Restate { vn, more: false, tsis: [resting].to_vec() }),
            Message::RestateMove(RestateMove {
                move_id: MoveId(1),
                version,
                side: Side::New,
                party: PartyState::Runs,
                peer: NveId(1),
                tsis: [tsi.clone()].to_vec(),
            }),
            Message::Prepare(Prepare {
                move_id: MoveId(1),
                version,
                side: Side::New,
                kind: MoveKind::Hot,
                suspended: false,
                tsis: [tsi].to_vec(),
                peer: dual(1),
                limits: HoldLimits { frames: 1, bytes: 1, age: Micros::from_millis(1) },
            }),
        ];
        for message in messages {
            assert!(message.encoded_len() <= MAX_MESSAGE, "{}: {}", message.name(), message.encoded_len());
        }
    }
}

proptest! {
    #[test]
    fn the_parts_of_an_update_fit_and_say_the_same(update in update(150, 9), members in option::of(vec(place(), 0..200))) {
        let members = members.map(|places| Members { places, more: false });
        let update = Update { members, ..update };
        let parts = update.clone().split();

        for part in &parts {
            prop_assert!(encoded(&Message::Update(part.clone())).len() <= MAX_MESSAGE);
            prop_assert_eq!((part.vn, part.after), (update.vn, update.after));
        }
        let (last, others) = parts.split_last().unwrap();
        prop_assert_eq!((last.upto, last.synced), (update.upto, update.synced));
        for part in others {
            prop_assert!(part.upto == update.after && !part.synced);
            prop_assert!(part.members.as_ref().map_or(!part.mappings.is_empty(), |members| members.more));
        }
        let lists: Vec<_> = parts.iter().filter_map(|part| part.members.clone()).collect();
        prop_assert_eq!(lists.last().map(|list| list.more), update.members.as_ref().map(|_| false));
        let places: Vec<_> = lists.into_iter().flat_map(|list| list.places).collect();
        prop_assert_eq!(places, update.members.map(|members| members.places).unwrap_or_default());
        let mappings: Vec<_> = parts.into_iter().flat_map(|part| part.mappings).collect();
        prop_assert_eq!(mappings, update.mappings);
    }

    #[test]
    fn the_parts_of_a_resync_fit_and_say_the_same(resync in resync(500)) {
        let parts = resync.clone().split();

        for part in &parts {
            prop_assert!(encoded(&Message::Resync(part.clone())).len() <= MAX_MESSAGE);
            prop_assert_eq!(part.since, resync.since);
        }
        let more: Vec<_> = parts.iter().map(|part| part.more).collect();
        prop_assert!(more[..more.len() - 1].iter().all(|more| *more) && more.last() == Some(&resync.more));
        prop_assert_eq!(parts.iter().flat_map(|part| part.vns.clone()).collect::<Vec<_>>(), resync.vns);
        prop_assert_eq!(parts.into_iter().flat_map(|part| part.mappings).collect::<Vec<_>>(), resync.mappings);
    }
}

/// One message holds about 30 of these mappings, and parts should not be much smaller.
#[test]
fn parts_are_full() {
    assert_eq!(dual_stack(30, 4).split().len(), 1);
    assert_eq!(dual_stack(3_000, 4).split().len(), 100);
}
