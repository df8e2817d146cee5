//! The three programs: they are built once, started in namespaces, and killed.

use super::Namespace;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The path of a program of the suite, in the profile of this process. The first call builds the program.
pub fn program(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let mut directory = this.parent().unwrap();
    if directory.ends_with("deps") {
        directory = directory.parent().unwrap();
    }
    let profile = match directory.file_name().and_then(|name| name.to_str()).unwrap() {
        "debug" => "dev",
        profile => profile,
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile, "-p", "nvad", "-p", "nved", "-p", "nvoctl", "--target-dir"])
        .arg(directory.parent().unwrap())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status();
    assert!(status.unwrap().success(), "nvad, nved and nvoctl do not build");
    directory.to_owned()
}

/// A running `nvad` or `nved`. It is killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program in a namespace, and appends its log to a file.
    pub(super) fn start(namespace: &Namespace, name: &str, flags: &[String], log: PathBuf) -> Self {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = namespace.command(program(name));
        let child = command.args(flags).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    /// Kills the program by SIGKILL, like a crash.
    pub fn kill(mut self) {
        self.end();
    }

    /// Ends the program by SIGTERM, as an operator would, and waits for its end.
    pub fn terminate(mut self) {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}: {status}", self.log.display());
    }

    /// Stops the program by SIGSTOP, until [`Daemon::go_on`].
    pub fn stand_still(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets the program go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// The memory that the program has in use, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The text that a failed test prints: the end of the program's log.
    fn last_words(&mut self) {
        let status = self.child.try_wait();
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(30).collect();
        eprintln!("--- the end of {}, which runs or has ended: {status:?}", self.log.display());
        last.iter().rev().for_each(|line| eprintln!("{line}"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.last_words();
        }
        self.end();
    }
}

/// The result of a call of `nvoctl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The exit code.
    pub code: i32,
    /// The output and the errors.
    pub text: String,
}

/// Calls `nvoctl`.
pub(super) fn nvoctl(socket: &Path, words: &[&str]) -> Answer {
    let output = Command::new(program("nvoctl")).arg("--socket").arg(socket).args(words).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Answer { code: output.status.code().unwrap_or(-1), text: String::from_utf8_lossy(&text).into_owned() }
}
