//! The programs on a fabric, and the calls to them.

use super::programs::nvoctl;
use super::{Answer, Daemon, Disk, Fabric, Family, HOSTS, NVA, Station};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The VN of all tenants.
pub const VNI: u32 = 77;

/// `nvad` with its records on disk, and an `nved` in each host.
#[derive(Debug)]
pub struct Overlay {
    nvad: Option<Daemon>,
    nved: [Option<Daemon>; HOSTS],
    ports: [Vec<String>; HOSTS],
    /// More flags of the authority, and of each edge.
    authority: Vec<String>,
    edges: Vec<String>,
    family: Family,
    /// The fabric. It is dropped after the programs.
    pub fabric: Fabric,
    /// Unmounted before the directory is removed.
    disk: Option<Disk>,
    directory: tempfile::TempDir,
}

impl Overlay {
    /// An overlay over an underlay of this family. No program runs yet.
    pub fn new(fabric: Fabric, family: Family) -> Self {
        // In memory if possible, so that a busy disk does not change what is measured.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let overlay = Self {
            nvad: None,
            nved: Default::default(),
            ports: Default::default(),
            authority: Vec::new(),
            edges: Vec::new(),
            family,
            fabric,
            disk: None,
            directory,
        };
        overlay.make_keys();
        overlay
    }

    /// Makes a new key for each edge, in its file and in `nvad`'s. Running programs do not read it yet.
    pub fn make_keys(&self) {
        for n in 1..=HOSTS {
            let (all, own) = (self.keys("nvad"), self.keys(&format!("h{n}")));
            let words = ["make-key", "--nve", &n.to_string(), all.to_str().unwrap(), own.to_str().unwrap()];
            let answer = self.nvoctl("nvad", &words);
            assert_eq!(answer.code, 0, "{answer:?}");
        }
    }

    /// Leaves each edge only its newest key in the files. Running programs do not read them yet.
    pub fn drop_old_keys(&self) {
        for n in 0..=HOSTS {
            let path = self.keys(&if n == 0 { "nvad".into() } else { format!("h{n}") });
            let text = std::fs::read_to_string(&path).unwrap();
            let keep = if n == 0 { HOSTS } else { 1 };
            let newest: Vec<&str> = text.lines().skip(text.lines().count() - keep).collect();
            std::fs::write(&path, newest.join("\n")).unwrap();
        }
    }

    /// Lets `nvad`, and then each edge, read its keys again.
    pub fn reload_keys(&self) {
        for n in 0..=HOSTS {
            let answer = self.nvoctl(&if n == 0 { "nvad".into() } else { format!("h{n}") }, &["reload-keys"]);
            assert_eq!(answer.code, 0, "{answer:?}");
        }
    }

    /// Adds a port to the configuration of an edge; `more` is `active`, `trusted`, or empty.
    pub fn port(&mut self, host: u8, name: &str, station: &Station, more: &str) {
        let spec = format!("{name},vni={VNI},{}", station.spec());
        let spec = if more.is_empty() { spec } else { format!("{spec},{more}") };
        self.ports[usize::from(host) - 1].push(spec);
    }

    /// Gives each edge one more flag, from its next start on.
    pub fn edge_flag(&mut self, flag: &str) {
        self.edges.push(flag.to_owned());
    }

    /// Adds a flag to the authority's configuration.
    pub fn authority_flag(&mut self, flag: String) {
        self.authority.push(flag);
    }

    /// Takes a port out of the configuration of an edge.
    pub fn drop_port(&mut self, host: u8, name: &str) {
        self.ports[usize::from(host) - 1].retain(|port| !port.starts_with(&format!("{name},")));
    }

    /// Removes `active` from the ports of a host, so that a restarted edge is not told that a VM runs there.
    pub fn nobody_runs_at(&mut self, host: u8) {
        for port in &mut self.ports[usize::from(host) - 1] {
            if let Some(plain) = port.strip_suffix(",active") {
                *port = plain.to_owned();
            }
        }
    }

    /// Starts all programs, and returns when each edge has its session.
    pub fn start(&mut self) {
        self.start_nvad();
        for host in 1..=HOSTS {
            self.start_nved(u8::try_from(host).unwrap());
        }
        for host in 1..=HOSTS {
            self.connected(u8::try_from(host).unwrap());
        }
    }

    /// Starts `nvad`, whose records are on disk, and returns when it answers.
    pub fn start_nvad(&mut self) {
        let mut flags = vec![
            format!("--listen={}", self.family.underlay(NVA)),
            format!("--data={}", self.data().display()),
            format!("--keys={}", self.keys("nvad").display()),
            format!("--socket={}", self.socket("nvad").display()),
        ];
        flags.extend((1..=HOSTS).map(|n| format!("--nve={n}={}", self.family.underlay(u8::try_from(n).unwrap()))));
        flags.extend(self.authority.iter().cloned());
        self.nvad = Some(Daemon::start(&self.fabric.control, "nvad", &flags, self.log("nvad")));
        self.wait_until("nvad", |_| true);
    }

    /// Starts the edge of host `n` with the ports of its configuration.
    pub fn start_nved(&mut self, n: u8) {
        let name = format!("h{n}");
        let mut flags = vec![
            format!("--id={n}"),
            format!("--keys={}", self.keys(&name).display()),
            format!("--locator={}", self.family.underlay(n)),
            format!("--nva={}", self.family.underlay(NVA)),
            format!("--socket={}", self.socket(&name).display()),
        ];
        flags.extend(self.ports[usize::from(n) - 1].iter().map(|port| format!("--port={port}")));
        flags.extend(self.edges.iter().cloned());
        let daemon = Daemon::start(self.fabric.host(n), "nved", &flags, self.log(&name));
        self.nved[usize::from(n) - 1] = Some(daemon);
    }

    /// Kills `nvad`.
    pub fn kill_nvad(&mut self) {
        self.nvad.take().unwrap().kill();
    }

    /// Kills the edge of host `n`.
    pub fn kill_nved(&mut self, n: u8) {
        self.nved[usize::from(n) - 1].take().unwrap().kill();
    }

    /// The program of the edge of host `n`.
    pub fn edge(&self, n: u8) -> &Daemon {
        self.nved[usize::from(n) - 1].as_ref().unwrap()
    }

    /// The program `nvad`.
    pub fn authority(&self) -> &Daemon {
        self.nvad.as_ref().unwrap()
    }

    /// Ends the edge of host `n` as an operator would.
    pub fn end_nved(&mut self, n: u8) {
        self.nved[usize::from(n) - 1].take().unwrap().terminate();
    }

    /// Ends all programs as an operator would.
    pub fn terminate(&mut self) {
        self.nved.iter_mut().chain([&mut self.nvad]).filter_map(Option::take).for_each(Daemon::terminate);
    }

    /// Waits until the edge of host `n` answers `nvoctl`. It may have no session yet.
    pub fn answers(&self, n: u8) {
        self.wait_until(&format!("h{n}"), |_| true);
    }

    /// Waits until the edge of host `n` has a session.
    pub fn connected(&self, n: u8) {
        self.wait_until(&format!("h{n}"), |status| status["connected"] == true);
    }

    fn wait_until(&self, daemon: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = self.nvoctl(daemon, &["--json", "status"]);
            if answer.code == 0 && is_so(&json(&answer)) {
                return;
            }
            assert!(Instant::now() < deadline, "{daemon} does not get ready: {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Calls `nvoctl` for `nvad`, or for `hN`.
    pub fn nvoctl(&self, daemon: &str, words: &[&str]) -> Answer {
        nvoctl(&self.socket(daemon), words)
    }

    /// Calls `nvoctl` about one TSI.
    pub fn about(&self, daemon: &str, command: &str, station: &Station, words: &[&str]) -> Answer {
        let (vni, mac) = (VNI.to_string(), station.mac.to_string());
        let all = [&[command, "--vni", &vni, "--mac", &mac], words].concat();
        self.nvoctl(daemon, &all)
    }

    /// The output of `nvoctl --json show`.
    pub fn show(&self, daemon: &str, what: &str) -> Value {
        let answer = self.nvoctl(daemon, &["--json", "show", what]);
        assert_eq!(answer.code, 0, "{answer:?}");
        json(&answer)
    }

    /// A counter of a daemon.
    pub fn counter(&self, daemon: &str, name: &str) -> u64 {
        let counters = self.show(daemon, "counters");
        counters[name].as_u64().unwrap_or_else(|| panic!("{daemon} counts no {name}: {counters}"))
    }

    /// The number of frames that an edge holds now.
    pub fn held(&self, host: u8) -> u64 {
        let answer = self.nvoctl(&format!("h{host}"), &["--json", "status"]);
        json(&answer)["held_frames"].as_u64().unwrap()
    }

    /// The warnings and errors that the daemons have logged.
    pub fn warnings(&self) -> Vec<String> {
        let logs =
            ["nvad", "h1", "h2", "h3"].map(|daemon| std::fs::read_to_string(self.log(daemon)).unwrap_or_default());
        let lines = logs.iter().flat_map(|log| log.lines());
        lines.filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).map(str::to_owned).collect()
    }

    /// The lines of a daemon's log with these words.
    pub fn logged(&self, daemon: &str, words: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.log(daemon)).unwrap_or_default();
        log.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }

    /// The control socket of `nvad`, or of `hN`.
    pub fn socket(&self, daemon: &str) -> PathBuf {
        self.directory.path().join(format!("{daemon}.sock"))
    }

    /// The directory of `nvad`'s records.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Gives `nvad` a disk of its own for its records. Call it before [`Overlay::start`].
    pub fn give_disk(&mut self) {
        self.disk = Some(Disk::new(self.data()));
    }

    /// The disk of `nvad`'s records, if it has one of its own.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    fn keys(&self, daemon: &str) -> PathBuf {
        self.directory.path().join(format!("{daemon}.keys"))
    }

    fn log(&self, daemon: &str) -> PathBuf {
        self.directory.path().join(format!("{daemon}.log"))
    }
}

fn json(answer: &Answer) -> Value {
    let printed: Value = serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error} in {answer:?}"));
    printed["shown"].clone()
}
