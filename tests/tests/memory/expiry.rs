//! A mapping in use is asked for before its lifetime ends, and serves until the authority has answered. One that nobody uses ends.

use crate::world::{announces, config, hot, mapped, state};
use nvo3_mobility::forwarder::Verdict;
use nvo3_mobility::nve::NveCounters;
use nvo3_mobility::table::VapId;
use nvo3_nva_proto::Micros;
use nvo3_tests::direct::{Direct, place, prompt, tsi};

const PAUSE: Micros = Micros::from_millis(200);
/// The time for which an answer of the authority is believed.
const LIFETIME: Micros = Micros::from_secs(60);

/// TSI 1 runs at the first edge, TSI 2 at the second.
fn world() -> Direct {
    let mut world = Direct::with(2, config(1));
    world.start(0, 1, tsi(1));
    world.start(1, 1, tsi(2));
    world
}

/// TSI 2 sends a frame to TSI 1.
fn send(world: &mut Direct) -> Verdict {
    let (to, from) = (tsi(1).key.mac.0, tsi(2).key.mac.0);
    let frame = [&to[..], &from, &[0x88, 0xb5], &[0; 46]].concat();
    let verdict = world.edges[1].forwarder.vap_frame(world.now, VapId(1), &frame);
    world.settle();
    // Later frames would wait behind a held one.
    while world.edges[1].forwarder.poll_flush(world.now, &mut |_| true, &mut Vec::new()).is_some() {}
    verdict
}

/// TSI 2 sends for this long. Gives the number of frames that did not leave at once.
fn stream(world: &mut Direct, length: Micros) -> usize {
    let frames = length.0 / PAUSE.0;
    let waits = (0..frames).filter(|_| {
        world.run(PAUSE);
        !matches!(send(world), Verdict::Tunnel { .. })
    });
    waits.count()
}

fn counters(world: &Direct) -> NveCounters {
    *world.edges[1].nve().counters()
}

/// Checks DIR-03.
#[test]
fn a_mapping_in_steady_use_serves_until_its_refresh_is_answered() {
    let mut world = world();
    let _ = send(&mut world);
    let before = counters(&world).queries;

    assert_eq!(stream(&mut world, Micros(10 * LIFETIME.0)), 0);

    let asked = counters(&world).queries - before;
    assert!((10..=14).contains(&asked), "asked {asked} times in ten lifetimes");
}

/// The session counts as dead only seconds later. Until then the edge does not know that nobody answers.
///
/// Checks DIR-03.
#[test]
fn a_mapping_whose_lifetime_ends_while_the_authority_is_silent_serves_on() {
    for seconds in 50..70 {
        let mut world = world();
        let _ = send(&mut world);
        assert_eq!(stream(&mut world, Micros::from_secs(seconds)), 0);

        world.silence_nva();

        assert_eq!(stream(&mut world, Micros::from_secs(300)), 0, "silent after {seconds} s");
    }
}

/// Checks DIR-03.
#[test]
fn a_mapping_that_nobody_uses_ends_and_nobody_asks_for_it() {
    let mut world = world();
    let _ = send(&mut world);
    let asked = counters(&world).queries;

    world.run(Micros(3 * LIFETIME.0));

    assert_eq!(world.edges[1].nve().mapping(&tsi(1).key), None);
    assert_eq!(counters(&world).queries, asked);
}

/// Checks DIR-03.
#[test]
fn the_answer_that_a_tsi_is_gone_ends_its_mapping() {
    let mut world = world();
    let _ = send(&mut world);
    world.silence(1);
    world.tell(0, nvo3_mobility::nve::Input::Detach { vap: VapId(1) });
    world.edges[1].silent = false;

    stream(&mut world, Micros(2 * LIFETIME.0));

    assert!(matches!(send(&mut world), Verdict::Drop(_)));
}

/// The NVA notes no interest for an NVE whose claim it refuses, so it does not tell that NVE of the VM's next move.
#[test]
fn a_mapping_out_of_a_refusal_ends() {
    let mut world = Direct::with(3, prompt(nvo3_mobility::Transport::Trusted));
    let vm = tsi(1);
    world.start(0, 1, vm.clone());
    announces(&mut world, 0, 1, &vm);
    announces(&mut world, 1, 9, &vm);
    announces(&mut world, 0, 1, &vm);
    let mapping = |world: &Direct| world.edges[1].nve().mapping(&vm.key).and_then(|(_, place)| Some(place?.nve.0));
    assert_eq!((state(&world, 1, &vm.key), mapping(&world)), ("forwarding", Some(1)));

    hot(&mut world, 10, &vm, 0, 2);
    world.run(Micros(2 * nvo3_mobility::nve::NveConfig::new(place(2), nvo3_mobility::Transport::Trusted).pushed.0));

    assert_eq!(mapped(&world, &vm.key), Some(3));
    assert!(matches!(mapping(&world), None | Some(3)), "{:?}", mapping(&world));
}
