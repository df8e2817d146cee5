//! A network namespace of this process.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread::JoinHandle;

/// A network namespace with a name that no other running process uses. It is removed when dropped.
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
        let name = format!("nvo3-{}-{name}", std::process::id());
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

fn enter(name: &str) {
    let file = File::open(format!("/run/netns/{name}")).unwrap();
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{command:?}: {stderr}"))
}
