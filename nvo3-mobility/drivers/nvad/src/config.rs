//! The settings of an authority: flags, a TOML file with the same names as keys, or both; flags win.

use crate::allow::{Allow, ByWord, Share, Whose};
use clap::{CommandFactory, Parser};
use nvo3_mobility::Transport;
use nvo3_mobility::nva::{NvaConfig, Policy};
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{Locators, Micros, NveId, Place};
use nvoctl::daemon::{SettingsError, check_host, check_loopback, check_socket, flags_or_file, one_or_many, settings};
use nvoctl::keys::{KeysError, Trust};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

const AFTER_HELP: &str = "\
TIME is a number and a unit, such as 500ms, 10s or 5m.

Example:
  for n in 1 2; do nvoctl make-key --nve $n nvad.keys h$n.keys; done
  nvad --listen 198.51.100.9 --data /var/lib/nvad --keys nvad.keys --nve 1=198.51.100.1 --nve 2=198.51.100.2
  nvoctl --socket /run/nvo3/nvad.sock show tables

Exit codes:
  0  nvad was asked to end (SIGTERM, SIGINT), and every record is on disk
  1  nvad cannot start or go on: the last line on stderr says why
  2  the command line or the file of --config is wrong

Files:
  /run/nvo3/nvad.sock  the control socket, mode 0600: only its owner and root can connect. nvad removes it when it ends
  DIR/nva.redb         the records, in the directory of --data, which nvad makes. One nvad at a time has it open
  the file of --keys   mode 0600: nvad does not start if others may read it. `nvoctl reload-keys` reads it again
  the file of --authority-key  mode 0600: nvad makes it if it is not there. Keep it apart from the records and when they are lost
  the file of --config nvad.toml in this package has every key with its default; nvad reads it once, at the start

Environment:
  RUST_LOG  what is logged to stderr, such as warn, debug or nvad=debug [default: info]

nvad needs no privilege, and gives up all capabilities.";

/// An authority (NVA) of a network virtualization overlay.
///
/// It knows behind which edge (NVE) each tenant address is, answers the edges, and moves VMs between them. It needs --listen, --nve,
/// --data or --in-memory, and --keys or --trusted-transport.
#[derive(Debug, Parser)]
#[command(name = "nvad", version, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// Read settings from this TOML file. Its keys are the flags' names; a flag replaces the key.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The settings that flags and the file can give.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Listen for edges on this address, such as `192.0.2.1` or `[2001:db8::1]:61635`. The default PORT is UDP 61635. May be
    /// repeated [no default].
    #[arg(long, value_name = "IP[:PORT]")]
    #[serde(deserialize_with = "one_or_many")]
    listen: Vec<Listen>,
    /// An edge of the domain: its number and its address on the underlay, such as `1=198.51.100.1,2001:db8::1`. No other edge can
    /// connect. May be repeated [no default].
    #[arg(long, value_name = "ID=IP[,IP]")]
    #[serde(deserialize_with = "one_or_many")]
    nve: Vec<Member>,
    /// Keep the records in this directory [no default].
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    data: Option<PathBuf>,
    /// Keep no records, in place of --data: every start begins with an empty directory [default: false].
    #[arg(long)]
    in_memory: bool,
    /// Authenticate the messages between the edges and nvad by the keys in this file, mode 0600 [no default].
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_transport")]
    keys: Option<PathBuf>,
    /// By the key in this file, mode 0600, nvad knows again what it told an edge before its records were lost. nvad makes the file if
    /// it is not there [default: the file of --keys with `.authority` after its name; without --keys none].
    #[arg(long, value_name = "FILE")]
    authority_key: Option<PathBuf>,
    /// Authenticate nothing, in place of --keys: nvad believes whoever can send to its address [default: false].
    #[arg(long)]
    trusted_transport: bool,
    /// Listen for nvoctl on this Unix socket [default: /run/nvo3/nvad.sock].
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// After a start, how long nvad waits for its edges to come back before it counts them as gone, at least 3.5s [default: 10s].
    #[arg(long, value_name = "TIME")]
    grace: Option<Span>,
    /// How long an edge may keep an answer, 100ms to 6553s [default: 60s].
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Span>,
    /// Push the new mappings as soon as the VM is suspended; false: only once it runs at the new edge [default: true].
    #[arg(long, value_name = "BOOL")]
    early_push: Option<bool>,
    /// The most frames that an edge may hold for one VM that moves [default: 4096].
    #[arg(long, value_name = "FRAMES")]
    hold_frames: Option<u32>,
    /// The most bytes that an edge may hold for one VM that moves [default: 4194304].
    #[arg(long, value_name = "BYTES")]
    hold_bytes: Option<u32>,
    /// How long an edge may hold a frame for a VM that moves, 1ms to 49 days [default: 5s].
    #[arg(long, value_name = "TIME")]
    hold_age: Option<Span>,
    /// The VMs that an edge may have, such as `1=vni:77,vni:78,ip:192.0.2.0/24`: VNIs, MACs and IP prefixes. What is not named of a kind
    /// is all allowed. Without a rule an edge may have every VM that no other edge has. May be repeated [default: []].
    #[arg(long, value_name = "ID=KIND:VALUE,...")]
    #[serde(deserialize_with = "one_or_many")]
    allow: Vec<Allow>,
    /// An IP address that VMs of a VN share under their own MACs, such as `77=192.0.2.254,02:00:00:00:00:10,02:00:00:00:00:11`: the VM that
    /// announced it last has it. Their ports need `shared`. May be repeated [default: []].
    #[arg(long, value_name = "VNI=IP,MAC,MAC,...")]
    #[serde(deserialize_with = "one_or_many")]
    share: Vec<Share>,
    /// What takes a VM from an edge that is alive when a hypervisor says at another edge that it runs there. confirmed: its old edge,
    /// once the VM does not answer there; trusted: the word alone [default: confirmed].
    #[arg(long, value_name = "confirmed|trusted")]
    claims_by_word: Option<ByWord>,
    /// Where an edge says other locators than --nve: admitted refuses the edge, hello believes it [default: admitted].
    #[arg(long, value_name = "admitted|hello")]
    locators: Option<Whose>,
    /// The most VMs at one edge [default: 65536].
    #[arg(long, value_name = "VMS")]
    tsis_per_nve: Option<u32>,
    /// The most IP addresses of all VMs at one edge [default: 262144].
    #[arg(long, value_name = "ADDRESSES")]
    addresses_per_nve: Option<u32>,
}

/// The checked settings.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) places: Vec<Place>,
    /// The directory of the records; `None` keeps no records.
    pub(crate) data: Option<PathBuf>,
    pub(crate) trust: Trust,
    /// The file of the authority's own key; `None`: it has none.
    pub(crate) authority_key: Option<PathBuf>,
    pub(crate) socket: PathBuf,
    /// The machine's configuration, but for the epoch of an empty store, and the keys: it believes nobody before `start` reads them.
    pub(crate) nva: NvaConfig,
}

/// The reason why an authority cannot run with these settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] SettingsError),
    #[error("missing, as a flag or as a key of the file of --config: {}", .0.join("; "))]
    Missing(Vec<&'static str>),
    #[error("--listen {0}: is there twice")]
    ListenTwice(SocketAddr),
    #[error("--nve {0}: is there twice")]
    NveTwice(u64),
    #[error("--nve: {0} is the locator of {1} and of {2}")]
    Shared(IpAddr, NveId, NveId),
    #[error("--allow {0}: is there twice; name all that the edge may have in one")]
    AllowTwice(u64),
    #[error("--allow {0}: there is no --nve {0}")]
    AllowUnknown(u64),
    #[error("--nve: {0} {1}")]
    Loopback(IpAddr, String),
    #[error("--listen {0}: {1}")]
    Listen(SocketAddr, &'static str),
    #[error("--socket {}: {why}", path.display())]
    Socket { path: PathBuf, why: String },
    #[error("--data and --in-memory: only one of both can be")]
    Both,
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Machine(#[from] nvo3_mobility::ConfigError),
}

impl Config {
    /// Reads the command line and the file that it names. A mistake in either ends the process with exit code 2, `--help` with 0.
    pub(crate) fn from_args() -> Self {
        Self::load(Flags::parse())
            .unwrap_or_else(|error| Flags::command().error(clap::error::ErrorKind::ValueValidation, error).exit())
    }

    /// The settings of the flags and of the file that they name.
    pub(crate) fn load(flags: Flags) -> Result<Self, Error> {
        let file = settings(flags.config.as_deref())?;
        flags.settings.or(file).checked()
    }
}

impl Settings {
    /// These settings, and the file's where these have none.
    fn or(self, file: Self) -> Self {
        let filled = |these: Vec<Listen>, others| if these.is_empty() { others } else { these };
        let members = |these: Vec<Member>, others| if these.is_empty() { others } else { these };
        let (data, in_memory) = flags_or_file((self.data, self.in_memory), (file.data, file.in_memory));
        let (keys, trusted_transport) =
            flags_or_file((self.keys, self.trusted_transport), (file.keys, file.trusted_transport));
        Self {
            listen: filled(self.listen, file.listen),
            nve: members(self.nve, file.nve),
            data,
            in_memory,
            keys,
            authority_key: self.authority_key.or(file.authority_key),
            trusted_transport,
            socket: self.socket.or(file.socket),
            grace: self.grace.or(file.grace),
            lifetime: self.lifetime.or(file.lifetime),
            early_push: self.early_push.or(file.early_push),
            hold_frames: self.hold_frames.or(file.hold_frames),
            hold_bytes: self.hold_bytes.or(file.hold_bytes),
            hold_age: self.hold_age.or(file.hold_age),
            allow: if self.allow.is_empty() { file.allow } else { self.allow },
            share: if self.share.is_empty() { file.share } else { self.share },
            claims_by_word: self.claims_by_word.or(file.claims_by_word),
            locators: self.locators.or(file.locators),
            tsis_per_nve: self.tsis_per_nve.or(file.tsis_per_nve),
            addresses_per_nve: self.addresses_per_nve.or(file.addresses_per_nve),
        }
    }

    fn checked(self) -> Result<Config, Error> {
        let missing = [
            (self.listen.is_empty(), "--listen <IP[:PORT]>"),
            (self.nve.is_empty(), "--nve <ID=IP[,IP]>"),
            (self.data.is_none() && !self.in_memory, "--data <DIR> or --in-memory"),
            (self.keys.is_none() && !self.trusted_transport, "--keys <FILE> or --trusted-transport"),
        ];
        if missing.iter().any(|(is_missing, _)| *is_missing) {
            let flags = missing.iter().filter(|(is_missing, _)| *is_missing).map(|(_, flag)| *flag);
            return Err(Error::Missing(flags.collect()));
        }
        let nva = self.machine()?;
        let listen: Vec<SocketAddr> = self.listen.iter().map(|listen| listen.0).collect();
        let places: Vec<Place> = self.nve.iter().map(|member| member.0).collect();
        if let Some(twice) = twice(&listen) {
            return Err(Error::ListenTwice(*twice));
        }
        for (n, place) in places.iter().enumerate() {
            for before in places.iter().take(n) {
                if before.nve == place.nve {
                    return Err(Error::NveTwice(place.nve.0));
                }
                if let Some(ip) = addresses(place).find(|ip| before.locators.contains(*ip)) {
                    return Err(Error::Shared(ip, before.nve, place.nve));
                }
            }
        }
        check_loopback(places.iter().flat_map(addresses)).map_err(|(address, why)| Error::Loopback(address, why))?;
        for address in &listen {
            let ip = address.ip();
            // The unspecified address means each of this host.
            let host = if ip.is_unspecified() { Ok(()) } else { check_host(ip) };
            host.map_err(|why| Error::Listen(*address, why))?;
        }
        if self.data.is_some() && self.in_memory {
            return Err(Error::Both);
        }
        let beside = |keys: &PathBuf| {
            let mut path = keys.clone().into_os_string();
            path.push(".authority");
            path.into()
        };
        let authority_key = self.authority_key.or_else(|| self.keys.as_ref().map(beside));
        let trust = Trust::new(self.keys, self.trusted_transport)?;
        let socket = self.socket.unwrap_or_else(|| nvoctl::NVAD_SOCKET.into());
        check_socket(&socket, nvoctl::NVAD_SOCKET).map_err(|why| Error::Socket { path: socket.clone(), why })?;
        Ok(Config { listen, places, data: self.data, trust, authority_key, socket, nva })
    }

    fn machine(&self) -> Result<NvaConfig, Error> {
        let mut nva = NvaConfig::new(Transport::Sealed(Keys::default()));
        if let Some(Span(grace)) = self.grace {
            nva.grace = grace;
        }
        if let Some(Span(lifetime)) = self.lifetime {
            nva.lifetime = lifetime;
        }
        if let Some(Span(age)) = self.hold_age {
            nva.hold.age = age;
        }
        nva.early_push = self.early_push.unwrap_or(nva.early_push);
        nva.hold.frames = self.hold_frames.unwrap_or(nva.hold.frames);
        nva.hold.bytes = self.hold_bytes.unwrap_or(nva.hold.bytes);
        nva.policy = self.policy()?;
        nva.claims_by_word = self.claims_by_word.map_or(nva.claims_by_word, |ByWord(by_word)| by_word);
        nva.locators = self.locators.map_or(nva.locators, |Whose(locators)| locators);
        nva.quotas.tsis = self.tsis_per_nve.unwrap_or(nva.quotas.tsis);
        nva.quotas.addresses = self.addresses_per_nve.unwrap_or(nva.quotas.addresses);
        nva.validate()?;
        Ok(nva)
    }
}

impl Settings {
    /// The rules of the edges. Each rule is for an edge of the domain, and there is one for each edge.
    fn policy(&self) -> Result<Policy, Error> {
        let mut policy = Policy::default();
        for (n, Allow { nve, rule }) in self.allow.iter().enumerate() {
            if self.allow.iter().take(n).any(|before| before.nve == *nve) {
                return Err(Error::AllowTwice(nve.0));
            }
            if !self.nve.iter().any(|member| member.0.nve == *nve) {
                return Err(Error::AllowUnknown(nve.0));
            }
            policy.set(*nve, rule.clone());
        }
        for Share { vn, ip, macs } in &self.share {
            policy.share(*vn, *ip, macs.iter().copied());
        }
        Ok(policy)
    }
}

fn twice<T: PartialEq>(all: &[T]) -> Option<&T> {
    all.iter().enumerate().find_map(|(n, one)| all.iter().take(n).any(|before| before == one).then_some(one))
}

fn addresses(place: &Place) -> impl Iterator<Item = IpAddr> + use<> {
    let Place { locators, .. } = place;
    [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)].into_iter().flatten()
}

/// An address to listen on.
#[derive(Clone, Copy, Debug)]
struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = nvoctl::control_address(text).map(Self);
        address.ok_or_else(|| format!("listen: `{text}` is not an IP address with or without a port"))
    }
}

/// An edge of the domain.
#[derive(Clone, Copy, Debug)]
struct Member(Place);

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("nve: `{text}`: {what}");
        let (id, ips) = text.split_once('=').ok_or_else(|| wrong("ID=IP[,IP] is needed"))?;
        let id = id.trim().parse().map_err(|_| wrong("the id is not a number"))?;
        if id == 0 {
            return Err(wrong("the number of an edge is more than 0"));
        }
        let ips: Result<Vec<IpAddr>, _> = ips.split(',').map(|ip| ip.trim().parse()).collect();
        let ips = ips.map_err(|_| wrong("a locator is not an IP address"))?;
        for ip in &ips {
            check_host(*ip).map_err(|why| wrong(&format!("the locator {ip} is {why}")))?;
        }
        let locators = match ips.as_slice() {
            [IpAddr::V4(v4)] => Locators::V4(*v4),
            [IpAddr::V6(v6)] => Locators::V6(*v6),
            [IpAddr::V4(v4), IpAddr::V6(v6)] | [IpAddr::V6(v6), IpAddr::V4(v4)] => Locators::Both(*v4, *v6),
            _ => return Err(wrong("one locator of each address family at most")),
        };
        Ok(Self(Place { nve: NveId(id), locators }))
    }
}

/// A length of time, such as 10s or 500ms.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Span(Micros);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = humantime::parse_duration(text).map(Micros::from_duration_ceil);
        length.map(Self).map_err(|error| format!("`{text}` is no length of time: {error}"))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "listen = ['127.0.0.1']\nnve = ['1=192.0.2.1']\nin-memory = true\ntrusted-transport = true\n";

    fn load(flags: &[&str], file: &str) -> Result<Config, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nvad.toml");
        std::fs::write(&path, file).unwrap();
        let all = ["nvad", "--config", path.to_str().unwrap()].into_iter().chain(flags.iter().copied());
        let flags = Flags::try_parse_from(all).map_err(|error| error.to_string())?;
        Config::load(flags).map_err(|error| error.to_string())
    }

    #[test]
    fn an_error_names_the_field_and_in_a_file_the_line() {
        let cases: [(&[&str], &str, &[&str]); 28] = [
            (&[], "", &["missing", "--listen <", "; --nve <", "; --data <DIR> or --in-memory; --keys <"]),
            (&[], "listen = '127.0.0.1'", &[": --nve <ID=IP[,IP]>; --data"]),
            (&[], "listen = ['127.0.0.1']\nnve = '1=192.0.2.1'", &[": --data <DIR> or --in-memory; --keys"]),
            (&[], "nve = []\nsokcet = 5", &["line 2", "unknown field `sokcet`", "the nearest key is `socket`"]),
            (&[], "nve = []\nlisten = ['localhost']", &["line 2", "listen", "`localhost`"]),
            (&[], "listen = 5", &["line 1", "listen"]),
            (&[], "\n\nnve = ['one=192.0.2.1']", &["line 3", "nve", "the id is not a number"]),
            (&[], "nve = ['1=192.0.2.1,192.0.2.2']", &["nve", "one locator of each address family"]),
            (&[], "nve = ['1=']", &["nve", "not an IP address"]),
            (&[], "nve = ['192.0.2.1']", &["nve", "ID=IP"]),
            (&["--nve", "1=0.0.0.0"], GOOD, &["--nve", "the locator 0.0.0.0 is not the address of one host"]),
            (&["--nve", "1=239.0.0.1"], GOOD, &["--nve", "the locator 239.0.0.1 is a group's address"]),
            (&["--nve", "0=192.0.2.1"], GOOD, &["--nve", "the number of an edge is more than 0"]),
            (&["--nve", "1=127.0.0.1", "--nve", "2=192.0.2.1"], GOOD, &["--nve: 192.0.2.1 does not reach 127.0.0.1"]),
            (&["--listen", "224.0.0.1"], GOOD, &["--listen 224.0.0.1:61635: a group's address"]),
            (&["--socket", "/nonexist/s"], GOOD, &["--socket /nonexist/s: there is no directory /nonexist"]),
            (&[], "\ngrace = 'soon'", &["line 2", "grace", "`soon`"]),
            (&["--nve", "1=192.0.2.1", "--nve", "1=192.0.2.2"], GOOD, &["--nve 1: is there twice"]),
            (
                &["--nve", "1=192.0.2.1", "--nve", "2=192.0.2.1"],
                GOOD,
                &["192.0.2.1 is the locator of nve1 and of nve2"],
            ),
            (&["--listen", "::1", "--listen", "[::1]:61635"], GOOD, &["--listen [::1]:61635: is there twice"]),
            (&[], &format!("{GOOD}data = '/var/lib/nvad'"), &["--data and --in-memory"]),
            (
                &[],
                "listen = ['127.0.0.1']\nnve = ['1=192.0.2.1']\nin-memory = true",
                &[": --keys <FILE> or --trusted-transport"],
            ),
            (&["--keys", "/k", "--trusted-transport"], GOOD, &["--keys", "--trusted-transport"]),
            (&["--lifetime", "2h"], GOOD, &["NvaConfig.lifetime is 7200 s", "6553.4 s"]),
            (&["--hold-age", "0s"], GOOD, &["NvaConfig.hold.age is 0"]),
            (&["--hold-frames", "0"], GOOD, &["NvaConfig.hold.frames"]),
            (&["--grace", "1s"], GOOD, &["NvaConfig.grace"]),
            (&["--data", "/d", "--in-memory"], GOOD, &["--data", "--in-memory"]),
        ];
        for (flags, file, expected) in cases {
            let error = load(flags, file).unwrap_err();
            assert!(expected.iter().all(|part| error.contains(part)), "{expected:?} in: {error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let flags = Flags::try_parse_from(["nvad", "--config", "/nowhere/nvad.toml"]).unwrap();
        assert!(Config::load(flags).unwrap_err().to_string().starts_with("/nowhere/nvad.toml: "));
    }

    #[test]
    fn flags_win_over_the_file_and_what_neither_says_is_the_default() {
        let file = format!("{GOOD}grace = '20s'\nearly-push = false\nhold-frames = 100\nsocket = '/run/a.sock'");
        let flags = ["--listen", "[::1]:7", "--grace", "30s", "--data", "/d", "--nve", "2=::2,192.0.2.2"];

        let config = load(&flags, &file).unwrap();

        assert_eq!(config.listen, ["[::1]:7".parse().unwrap()]);
        assert_eq!(config.data, Some("/d".into()));
        assert_eq!(config.socket, PathBuf::from("/run/a.sock"));
        let both = Locators::Both([192, 0, 2, 2].into(), "::2".parse().unwrap());
        assert_eq!(config.places, [Place { nve: NveId(2), locators: both }]);
        assert_eq!(
            (config.nva.grace, config.nva.early_push, config.nva.hold.frames),
            (Micros::from_secs(30), false, 100)
        );
        assert_eq!(config.nva.lifetime, NvaConfig::new(Transport::Trusted).lifetime);
    }

    #[test]
    fn the_authoritys_own_key_is_beside_the_keys_of_the_edges_unless_it_is_said_where() {
        let place = |flags: &[&str]| load(flags, &GOOD.replace("trusted-transport = true", "")).unwrap().authority_key;

        assert_eq!(place(&["--trusted-transport"]), None);
        assert_eq!(place(&["--keys", "/k/nvad.keys"]), Some("/k/nvad.keys.authority".into()));
        assert_eq!(place(&["--keys", "/k/nvad.keys", "--authority-key", "/a"]), Some("/a".into()));
        assert_eq!(place(&["--trusted-transport", "--authority-key", "/a"]), Some("/a".into()));
    }

    #[test]
    fn a_length_of_time_below_a_microsecond_is_not_0() {
        assert_eq!(load(&["--hold-age", "500ns"], GOOD).unwrap().nva.hold.age, Micros(1));
    }

    /// The lines of the sample that set a key, each with its key; a comment sets the default.
    fn sample() -> Vec<(&'static str, &'static str)> {
        let lines = include_str!("../nvad.toml").lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
        let keys = lines.filter_map(|line| Some((line.split_once(" = ")?.0, line)));
        keys.filter(|(key, _)| !key.contains(' ')).collect()
    }

    #[test]
    fn the_sample_has_every_key_and_its_comments_are_the_defaults() {
        let keys: Vec<&str> = sample().into_iter().map(|(key, _)| key).collect();
        let command = Flags::command();
        let mut flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        flags.retain(|flag| *flag != "config");
        assert_eq!(keys, flags, "in the order of --help");

        let with_defaults: String = sample().into_iter().map(|(_, line)| format!("{line}\n")).collect();
        let read = |text: &str| format!("{:?}", load(&[], text).unwrap());
        assert_eq!(read(include_str!("../nvad.toml")), read(&with_defaults));
    }

    #[test]
    fn help_names_each_default_of_the_sample() {
        let help = Flags::command().render_long_help().to_string();
        let commented =
            include_str!("../nvad.toml").lines().filter_map(|line| line.strip_prefix("# ")?.split_once(" = "));
        for (key, default) in commented.filter(|(key, _)| !key.contains(' ')) {
            let flag = help.split(&format!("      --{key}")).nth(1).unwrap();
            let said = flag.split_once("[default: ").unwrap().1.split_once(']').unwrap().0;
            assert_eq!(said, default.trim_matches(['"', ']']), "--{key}");
        }
    }
}
