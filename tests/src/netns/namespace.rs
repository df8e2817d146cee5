//! A network namespace of this process.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// The directory in which `ip` keeps the names of namespaces.
const DIRECTORY: &str = "/run/netns";

/// The beginning of each name.
const PREFIX: &str = "nvo3-";

/// A network namespace with a name of its own, `nvo3-PID-NUMBER-NAME`. It is removed when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one.
    ///
    /// # Panics
    /// If the namespace cannot be made.
    pub fn new(name: &str) -> Self {
        Self::try_new(name).unwrap()
    }

    /// Makes one.
    ///
    /// # Errors
    /// The message of `ip`.
    pub fn try_new(name: &str) -> Result<Self, String> {
        static FIRST: Once = Once::new();
        static MADE: AtomicU32 = AtomicU32::new(1);
        FIRST.call_once(remove_leftovers);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{name}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        run(Command::new("ip").args(["-n", &namespace.name, "link", "set", "lo", "up"]))?;
        Ok(namespace)
    }

    /// The name of the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` with these words in the namespace.
    ///
    /// # Panics
    /// If `ip` fails.
    pub fn ip(&self, words: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(words.split_whitespace())).unwrap();
    }

    /// A command that runs a program in the namespace; not yet started.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Sets the sysctl `net.{setting}`, whose parts are separated by `/`.
    pub fn set(&self, setting: &str, value: &str) {
        let path = format!("/proc/sys/net/{setting}");
        self.enter(|| std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}")));
    }

    /// Turns checksum and segmentation offload off for an interface, so that packet sockets read plain frames.
    pub fn plain_frames(&self, interface: &str) {
        let off = ["tx", "off", "tso", "off", "gso", "off", "gro", "off"];
        run(self.command("ethtool").arg("-K").arg(interface).args(off)).unwrap();
    }

    /// The frames for an interface that the kernel dropped because its queue was full. Nobody else is told of such a loss.
    pub fn overflowed(&self, interface: &str) -> u64 {
        let devices = self.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let counters = devices.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'));
        counters.and_then(|counters| counters.split_whitespace().nth(11)).unwrap().parse().unwrap()
    }

    /// Runs a function in the namespace. The sockets that it opens stay there.
    pub fn enter<T: Send>(&self, function: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = || {
                enter(&self.name);
                function()
            };
            scope.spawn(inside).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread in the namespace.
    pub fn spawn<T: Send + 'static>(&self, function: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let name = self.name.clone();
        std::thread::spawn(move || {
            enter(&name);
            function()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = run(Command::new("ip").args(["netns", "del", &self.name]));
    }
}

/// Removes the namespaces of processes that were killed before they could: one of them may have had this process's number.
fn remove_leftovers() {
    let names = std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten().map(|entry| entry.file_name());
    for name in names.filter_map(|name| name.into_string().ok()) {
        let made_by = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')?.0.parse::<u32>().ok());
        let is_left = |pid: u32| pid == std::process::id() || !Path::new(&format!("/proc/{pid}")).exists();
        if made_by.is_some_and(is_left) {
            // Another process may remove it at the same time.
            let _ = run(Command::new("ip").args(["netns", "del", &name]));
        }
    }
}

fn enter(name: &str) {
    let file = File::open(format!("{DIRECTORY}/{name}")).unwrap();
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {stderr}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_processes_left_is_removed_and_what_running_ones_have_is_not() {
        if let Some(why) = crate::netns::missing() {
            return eprintln!("skipped: {why}");
        }
        // No process has the greatest number, and the first process always runs.
        let [left, used] = [u32::MAX, 1].map(|pid| format!("{PREFIX}{pid}-of-a-test"));
        for name in [&left, &used] {
            run(Command::new("ip").args(["netns", "add", name])).unwrap();
        }

        remove_leftovers();

        let is_there = |name: &String| Path::new(DIRECTORY).join(name).exists();
        assert_eq!([is_there(&left), is_there(&used)], [false, true]);
        run(Command::new("ip").args(["netns", "del", &used])).unwrap();
    }
}
