//! Daemons that answer by rote, and the command run against them.

use nvo3_nva_proto::{MoveId, MoveResult};
use nvoctl::daemon::{Call, Calls};
use nvoctl::{Reply, Request};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// The act of a daemon for a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    Says(Vec<Reply>),
    /// Keeps the caller waiting.
    Nothing,
    /// Dies, and is back after this time if it is.
    Dies(Option<Duration>),
}

impl From<Reply> for Does {
    fn from(reply: Reply) -> Self {
        Self::Says(vec![reply])
    }
}

/// A directory with the sockets, and one log of what was asked and run, in order.
pub(crate) struct Bench(TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A daemon that lives as long as the test.
    pub(crate) fn daemon(&self, name: &'static str, does: impl FnMut(&Request) -> Does + Send + 'static) {
        let (path, log) = (self.path(name), self.path("log"));
        let (listens, listening) = mpsc::channel();
        std::thread::spawn(move || live(name, &path, &log, does, &listens));
        listening.recv().unwrap();
    }

    /// `nvoctl` with these words, `{name}` of which stand for the paths here.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nvoctl"));
        command.args(
            words.iter().map(|word| word.replace('{', &format!("{}/", self.0.path().display())).replace('}', "")),
        );
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::from(self.command(words).output().unwrap())
    }

    /// The requests that came and the commands that ran, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        fs::read_to_string(self.path("log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn live(
    name: &str,
    path: &Path,
    log: &Path,
    mut does: impl FnMut(&Request) -> Does,
    listens: &mpsc::Sender<()>,
) -> Option<()> {
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let back = runtime.block_on(async {
            let mut calls = Calls::listen(path).unwrap();
            // Who waits for the first time only.
            _ = listens.send(());
            let mut waiting = Vec::new();
            loop {
                let Call { request, caller } = calls.next().await?;
                let mut log = OpenOptions::new().create(true).append(true).open(log).unwrap();
                writeln!(log, "{name} {}", word(&request)).unwrap();
                match does(&request) {
                    Does::Says(replies) => replies.into_iter().for_each(|reply| _ = caller.reply(reply)),
                    Does::Nothing => waiting.push(caller),
                    Does::Dies(back) => return back,
                }
            }
        })?;
        drop(runtime);
        std::thread::sleep(back);
    }
}

/// The name of a request.
pub(crate) fn word(request: &Request) -> String {
    match serde_json::to_value(request).unwrap() {
        serde_json::Value::String(word) => word,
        other => other.as_object().unwrap().keys().next().unwrap().clone(),
    }
}

pub(crate) fn prepared(id: u64) -> Reply {
    Reply::Prepared { move_id: MoveId(id) }
}

pub(crate) fn ended(id: u64, result: MoveResult) -> Reply {
    Reply::Ended { move_id: MoveId(id), result }
}

pub(crate) fn refused() -> Reply {
    Reply::Refused { why: "not so".into() }
}
