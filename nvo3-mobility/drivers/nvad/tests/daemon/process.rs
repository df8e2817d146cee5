//! The start and the end of the process, and its endurance of input that no correct sender sends.

use crate::world::{World, nvad, place, run, tsi};
use nvo3_mobility::nve::Event;
use nvo3_nva_proto::{Capabilities, Encapsulations, Header, Hello, Message, SessionId};
use nvoctl::What;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn sentence(output: &std::process::Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// Checks I5, I7.
#[test]
fn garbage_truncation_and_strangers_are_counted_and_change_nothing() {
    let vm = tsi(1);
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(0, &vm);
    world.directory_is(&[(&vm, 1)]);
    let tables = world.show(What::Tables);
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let encoded = |message: Message, session| {
        let mut bytes = Vec::new();
        let header = Header { session: SessionId(session), sequence: 0, transaction: 0 };
        message.encode(&header, &mut bytes).unwrap();
        bytes
    };
    let (encapsulations, capabilities) = (Encapsulations::VXLAN, Capabilities::HOLD);
    let hello = |n, nonce| {
        let hello = Hello { place: place(n), nonce, resumed: false, encapsulations, capabilities, seen: None };
        encoded(Message::Hello(hello), 0)
    };
    let mut unknown = encoded(Message::Keepalive, 5);
    let whole = hello(99, 1);
    world.edges[0].events.clear();

    for n in 0..5_000_usize {
        let garbage: Vec<u8> = (0..n % 1_400).map(|at| (at * 31 + n * 17) as u8).collect();
        stranger.send_to(&garbage, world.listen).unwrap();
        stranger.send_to(&whole[..n % whole.len()], world.listen).unwrap();
        stranger.send_to(&hello(99, n as u64), world.listen).unwrap();
        unknown[5] ^= n as u8;
        stranger.send_to(&unknown, world.listen).unwrap();
        if n % 16 == 0 {
            world.until("a turn", |_| Some(()));
        }
    }

    let counters = world.until("all are counted", |world| {
        let counters = world.show(What::Counters);
        let count = |name: &str| counters[name].as_u64().unwrap();
        (count("unknown_nve") + count("malformed") + count("unknown_session") > 15_000).then(|| counters.clone())
    });
    let count = |name: &str| counters[name].as_u64().unwrap();
    assert!(count("unknown_nve") > 3_000 && count("malformed") > 6_000, "{counters}");
    assert_eq!(world.show(What::Tables), tables);
    assert!(!world.edges[0].events.iter().any(|event| matches!(event, Event::SessionDown(_))));
}

#[test]
fn it_ends_in_order_on_a_signal_and_leaves_no_socket_behind() {
    let vm = tsi(1);
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.vm_at(0, &vm);
    world.directory_is(&[(&vm, 1)]);

    assert_eq!(world.end().code(), Some(0));

    assert!(!world.directory.path().join("nvad.sock").exists());
    world.start();
    world.directory_is(&[(&vm, 1)]);
}

/// Checks R-38.
#[test]
fn it_does_not_start_without_keys_of_its_own_or_the_word_that_none_are_needed() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    std::fs::write(&keys, "").unwrap();
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o644)).unwrap();
    let start = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nvad"));
        command.args(["--listen=127.0.0.1:0", "--nve=1=192.0.2.1", "--in-memory", "--socket"]);
        sentence(&run(command.arg(directory.path().join("sock")).args(more)))
    };

    let (code, why) = start(&[]);
    assert_eq!(code, Some(2));
    assert!(why.contains("--keys <FILE> or --trusted-transport"), "{why}");

    let file = keys.to_str().unwrap();
    let (code, why) = start(&["--keys", file]);
    assert_eq!(code, Some(1));
    assert!(why.contains(&format!("{file}: mode 0644: nobody but its owner may read")), "{why}");
}

#[test]
fn a_second_one_on_the_same_data_ends_with_a_sentence() {
    let world = World::new(Ipv4Addr::LOCALHOST.into());
    let mut second = nvad(&world.directory, "127.0.0.1:0".parse().unwrap(), "other.sock");

    let (code, why) = sentence(&run(&mut second));

    assert_eq!(code, Some(1));
    assert!(why.contains("nva.redb: another process has it open"), "{why}");
}

/// Checks I6.
#[test]
fn it_stops_answering_when_its_store_fails() {
    let mut world = World::new(Ipv4Addr::LOCALHOST.into());
    world.end();
    // The limit takes nothing but the file's first page: as a full disk.
    let full = nvad(&world.directory, world.listen, "nvad.sock");
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""]);
    limited.arg(full.get_program()).args(full.get_args());
    let failed = std::thread::spawn(move || sentence(&run(&mut limited)));

    world.vm_at(0, &tsi(1));
    world.until("it has ended", |_| failed.is_finished().then_some(()));
    let (code, why) = failed.join().unwrap();

    assert_eq!(code, Some(1));
    assert!(why.contains("the store has failed") && why.contains("File too large"), "{why}");
    assert!(!world.edges[0].events.iter().any(|event| matches!(event, Event::Refused { .. })));
}
