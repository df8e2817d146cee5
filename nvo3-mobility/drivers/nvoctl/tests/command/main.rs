//! The command as a script sees it: exit codes, lines, ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod fake;
mod migrate;

use fake::{Bench, Does, ended, prepared, refused};
use nvo3_nva_proto::{Instant, MoveResult};
use nvoctl::{Reply, Request};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant as Clock};

#[test]
fn the_exit_code_says_what_the_daemon_said() {
    let cases = [
        (Reply::Done, 0, "done\n"),
        (prepared(7), 0, "prepared: move 7\n"),
        (ended(7, MoveResult::Committed), 0, "committed: move 7\n"),
        (ended(7, MoveResult::Aborted), 4, "aborted: move 7\n"),
        (ended(7, MoveResult::Unknown), 1, "unknown: move 7\n"),
        (Reply::Shown(json!({"b": 1, "a": "x"})), 0, "b  1\na  x\n"),
        (refused(), 1, ""),
    ];
    for (reply, code, out) in cases {
        let bench = Bench::new();
        let said = reply.clone();
        bench.daemon("sock", move |_| said.clone().into());

        let plain = bench.run(&["--socket", "{sock}", "outcome", "7"]);
        assert_eq!((plain.code, plain.out.as_str()), (Some(code), out), "{plain:?}");
        assert_eq!(plain.err, if code == 1 && out.is_empty() { "nvoctl: refused: not so\n" } else { "" });

        let json = bench.run(&["outcome", "7", "--json", "--socket", "{sock}"]);
        assert_eq!((json.code, json.err.as_str()), (Some(code), ""));
        assert_eq!(json.out, format!("{}\n", serde_json::to_string(&reply).unwrap()));
    }
}

#[test]
fn no_daemon_is_told_from_one_that_does_not_answer() {
    let bench = Bench::new();
    bench.daemon("mute", |_| Does::Nothing);
    bench.daemon("dies", |_| Does::Dies(None));
    let full = std::os::unix::net::UnixListener::bind(bench.path("full")).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let _queued = std::os::unix::net::UnixStream::connect(bench.path("full")).unwrap();

    let cases = [
        (
            "{none}",
            3,
            "no daemon there: No such file or directory (os error 2); start it, or name its socket with --socket\n",
        ),
        ("{dies}", 3, "the daemon went away\n"),
        ("{mute}", 5, "no answer in time\n"),
        ("{full}", 5, "no answer in time\n"),
    ];
    for (socket, code, said) in cases {
        let began = Clock::now();
        let ran = bench.run(&["--socket", socket, "--timeout", "200ms", "status"]);
        assert_eq!(ran.code, Some(code), "{socket}: {ran:?}");
        assert!(ran.err.starts_with("nvoctl: /") && ran.err.ends_with(said), "{ran:?}");
        assert_eq!(began.elapsed() >= Duration::from_millis(200), code == 5, "{socket}");
        assert!(began.elapsed() < Duration::from_secs(5), "{socket}");
    }
    assert_eq!(bench.run(&["frobnicate"]).code, Some(2));
}

/// One byte every 20 ms: the time is that of the command, not of each read.
#[test]
fn a_reply_that_drips_is_timed_out() {
    let bench = Bench::new();
    let listener = std::os::unix::net::UnixListener::bind(bench.path("slow")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while std::io::Write::write_all(&mut stream, b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });

    let began = Clock::now();
    let ran = bench.run(&["--socket", "{slow}", "--timeout", "300ms", "status"]);

    assert_eq!(ran.code, Some(5));
    assert!(began.elapsed() < Duration::from_secs(5));
}

fn event(at: u64) -> Reply {
    Reply::Event { at: Instant(at), what: json!({"event": "here", "n": at}) }
}

#[test]
fn watching_goes_on_until_the_daemon_ends() {
    let bench = Bench::new();
    bench.daemon("sock", |_| Does::Says((1..=3).map(event).collect()));

    let plain = bench.run(&["--socket", "{sock}", "--timeout", "300ms", "watch"]);
    assert_eq!(
        (plain.code, plain.out.as_str()),
        (Some(5), "0.000001  here n=1\n0.000002  here n=2\n0.000003  here n=3\n")
    );

    let json = bench.run(&["--socket", "{sock}", "--timeout", "300ms", "--json", "watch"]);
    let lines: Vec<Value> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[2], json!({"event": {"at": 3, "what": {"event": "here", "n": 3}}}));
}

#[test]
fn a_reader_that_has_seen_enough_is_a_normal_end() {
    let bench = Bench::new();
    bench.daemon("sock", |_| Does::Says((1..=4_000).map(event).collect()));
    let mut command = bench.command(&["--socket", "{sock}", "watch"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();

    assert_eq!(first, "0.000001  here n=1\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn an_attach_says_what_the_authority_answered() {
    let spec = "vm0,vni=77,mac=52:54:00:77:00:10,ip=192.0.2.10,active";
    let row = |state: &str| json!({"vni": 77, "mac": "52:54:00:77:00:10", "state": state});
    let mut refused = row("away");
    refused["refused"] = "it moved too often".into();
    let cases = [
        (row("here"), &[spec][..], 0, "port vm0 is attached; registered\n", ""),
        (
            row("claiming"),
            &["--timeout", "100ms", spec],
            0,
            "port vm0 is attached; registration pending: the authority has not answered yet\n",
            "",
        ),
        (row("claiming"), &["--no-wait", spec], 0, "port vm0 is attached; registration pending\n", ""),
        (
            row("away"),
            &[spec.trim_end_matches(",active")],
            0,
            "port vm0 is attached; its TSIs are registered once they run here\n",
            "",
        ),
        (
            refused,
            &[spec],
            1,
            "",
            "nvoctl: port vm0 is attached, but the authority refused to register 52:54:00:77:00:10: it moved too often\n",
        ),
        (row("here"), &["--json", spec], 0, "\"done\"\n", ""),
    ];
    for (row, words, code, out, err) in cases {
        let bench = Bench::new();
        bench.daemon("sock", move |request| match request {
            Request::Attach(_) => Reply::Done.into(),
            _ => Reply::Shown(json!([row])).into(),
        });

        let ran = bench.run(&[&["--socket", "{sock}", "attach"], words].concat());

        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(code), out, err), "{words:?}");
    }
}

#[test]
fn help_tells_the_exit_codes_and_every_command() {
    let help = Bench::new().run(&["--help"]).out;
    for word in [
        "status",
        "show",
        "watch",
        "attach",
        "detach",
        "prepare",
        "suspend",
        "activate",
        "resume",
        "outcome",
        "cancel",
        "fence",
        "migrate",
        "Exit codes",
        "4  the move ended aborted",
    ] {
        assert!(help.contains(word), "{word}");
    }
}
