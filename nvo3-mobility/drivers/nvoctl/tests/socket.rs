//! The daemons' socket, and callers that do not behave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use nvo3_nva_proto::Instant;
use nvoctl::daemon::{Call, Caller, Calls, Error};
use nvoctl::{Reply, Request};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// A daemon's loop: answers a status, keeps those who watch.
struct Daemon {
    _directory: tempfile::TempDir,
    path: PathBuf,
    calls: Calls,
    watchers: Vec<Caller>,
}

impl Daemon {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made/nved.sock");
        let calls = Calls::listen(&path).unwrap();
        Self { _directory: directory, path, calls, watchers: Vec::new() }
    }

    async fn run(&mut self) {
        while let Some(Call { request, caller }) = self.calls.next().await {
            match request {
                Request::Watch => self.watchers.push(caller),
                Request::Fence { .. } => drop(caller),
                _ => _ = caller.reply(Reply::Done),
            }
        }
    }

    /// Runs while `others` do what they do.
    async fn beside<T>(&mut self, others: impl Future<Output = T>) -> T {
        tokio::select! {
            () = self.run() => panic!("the daemon ended"),
            done = tokio::time::timeout(Duration::from_secs(10), others) => done.expect("it hangs"),
        }
    }

    fn tell(&mut self, event: &str) {
        let what = serde_json::json!({"event": event});
        self.watchers.retain(|watcher| watcher.reply(Reply::Event { at: Instant(1), what: what.clone() }));
    }
}

struct Client(BufReader<UnixStream>);

impl Client {
    async fn new(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).await.unwrap()))
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next reply; `None` where the connection has ended.
    async fn heard(&mut self) -> Option<Reply> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(1..) => Some(serde_json::from_str(&line).unwrap()),
            _ => None,
        }
    }

    async fn ask(&mut self, bytes: &[u8]) -> Option<Reply> {
        self.say(bytes).await;
        self.heard().await
    }
}

fn refused(reply: Option<Reply>) -> String {
    match reply {
        Some(Reply::Refused { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_its_owner_may_speak_to_a_daemon() {
    let daemon = Daemon::new();

    assert_eq!(std::fs::metadata(&daemon.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_file_goes_with_the_daemon() {
    let daemon = Daemon::new();
    let path = daemon.path.clone();

    drop(daemon);

    assert!(!path.exists());
}

#[tokio::test]
async fn what_a_dead_daemon_left_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nvad.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());

    let _calls = Calls::listen(&path).unwrap();

    UnixStream::connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_living_daemon_keeps_its_socket() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();

    assert!(matches!(Calls::listen(&path), Err(Error::Taken(taken)) if taken == path));

    let answer = daemon.beside(async { Client::new(&path).await.ask(b"\"status\"\n").await }).await;
    assert_eq!(answer, Some(Reply::Done));
}

#[tokio::test]
async fn a_file_that_is_no_socket_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes");
    std::fs::write(&path, "notes").unwrap();

    assert!(matches!(Calls::listen(&path), Err(Error::Io { path: named, .. }) if named == path));
    assert_eq!(std::fs::read(&path).unwrap(), b"notes");
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_line_is_heard() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();
    let lines: [&[u8]; 6] = [
        b"\n",
        b"status\n",
        b"{\"suspend\":{}}\n",
        b"\xff\xfe\x00\n",
        b"\"status\" \"status\"\n",
        b"{\"resume\":{\"tsi\":{\"vn\":7,\"mac\":\"02:00:00:00:00:01\"},\"move-id\":4}}\n",
    ];

    daemon
        .beside(async {
            let mut client = Client::new(&path).await;
            for line in lines {
                assert!(refused(client.ask(line).await).starts_with("not a request: "));
            }
            assert_eq!(client.ask(b"\"status\"\n").await, Some(Reply::Done));
        })
        .await;
}

#[tokio::test]
async fn a_line_without_end_ends_the_connection() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();

    daemon
        .beside(async {
            let mut client = Client::new(&path).await;
            let why = refused(client.ask(&vec![b' '; 65_536]).await);
            assert_eq!(why, "a request of more than 65536 bytes");
            assert_eq!(client.heard().await, None);
        })
        .await;
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_turn_even_where_no_more_follow() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();

    let replies = daemon
        .beside(async {
            let mut client = Client::new(&path).await;
            client.say(b"\"status\"\nwhat\n\"status\"").await;
            client.0.shutdown().await.unwrap();
            let mut text = String::new();
            client.0.read_to_string(&mut text).await.unwrap();
            text
        })
        .await;

    let kinds: Vec<bool> = replies.lines().map(|line| line == "\"done\"").collect();
    assert_eq!(kinds, [true, false, true]);
}

#[tokio::test]
async fn who_watches_and_does_not_read_is_dropped_and_costs_nobody_else() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();
    let (mut deaf, mut keen) = (Client::new(&path).await, Client::new(&path).await);
    deaf.say(b"\"watch\"\n").await;
    keen.say(b"\"watch\"\n").await;
    let mut heard = 0;

    while daemon.watchers.len() != 2 {
        daemon.beside(tokio::time::sleep(Duration::from_millis(10))).await;
    }
    for _ in 0..100 {
        for _ in 0..1_000 {
            daemon.tell("a long enough name that the kernel's own room is soon full");
        }
        daemon
            .beside(async {
                for _ in 0..1_000 {
                    assert!(keen.heard().await.is_some());
                    heard += 1;
                }
            })
            .await;
    }

    assert_eq!((heard, daemon.watchers.len()), (100_000, 1));
    let ends = async { while deaf.heard().await.is_some() {} };
    daemon.beside(ends).await;
}

#[tokio::test]
async fn who_hangs_up_while_it_waits_makes_room_for_the_next() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();

    daemon
        .beside(async {
            let mut all = Vec::new();
            for _ in 0..64 {
                let mut client = Client::new(&path).await;
                client.say(b"\"watch\"\n").await;
                all.push(client);
            }
            let why = refused(Client::new(&path).await.heard().await);
            assert_eq!(why, "64 callers are connected already");

            drop(all);
            loop {
                let mut client = Client::new(&path).await;
                if client.0.write_all(b"\"status\"\n").await.is_ok() && client.heard().await == Some(Reply::Done) {
                    break;
                }
            }
        })
        .await;
}

#[tokio::test]
async fn who_gets_no_answer_is_not_left_waiting() {
    let mut daemon = Daemon::new();
    let path = daemon.path.clone();

    let answer = daemon.beside(async { Client::new(&path).await.ask(b"{\"fence\":{\"nve\":1}}\n").await }).await;

    assert_eq!(answer, None);
}
