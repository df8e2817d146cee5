//! What an operator says: flags, a TOML file with the same names, and what becomes of both.

use clap::Parser;
use nvo3_mobility::Transport;
use nvo3_mobility::nva::NvaConfig;
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{Locators, NveId, Place};
use nvoctl::daemon::{SettingsError, flags_or_file, settings};
use nvoctl::keys::{KeysError, Trust};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// An authority (NVA): it knows behind which edge each tenant address is, and moves virtual machines between edges.
#[derive(Debug, Parser)]
#[command(name = "nvad", version)]
pub(crate) struct Flags {
    /// Read settings from this TOML file; its keys are the flags' names, and flags win.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What may be said by flags and in the file.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Where edges reach it, such as `192.0.2.1` or `[2001:db8::1]:61635`. May be repeated, for IPv4 and IPv6.
    #[arg(long, value_name = "IP[:PORT]")]
    listen: Vec<Listen>,
    /// An edge of the domain and where it is reached, such as `1=198.51.100.1,2001:db8::1`. May be repeated.
    #[arg(long, value_name = "ID=IP[,IP]")]
    nve: Vec<Member>,
    /// Keep the records in this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    data: Option<PathBuf>,
    /// Keep nothing: every start begins with an empty directory.
    #[arg(long)]
    in_memory: bool,
    /// Authenticate messages by the keys of this file, which only its owner may read.
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_transport")]
    keys: Option<PathBuf>,
    /// Authenticate nothing: whoever can send here is believed.
    #[arg(long)]
    trusted_transport: bool,
    /// Where nvoctl reaches it.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// After a start, edges that have not come back count as gone only after this time.
    #[arg(long, value_name = "TIME")]
    grace: Option<Span>,
    /// How long an edge may keep an answer.
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Span>,
    /// Push new mappings as soon as the VM is suspended (the default), or only once it runs.
    #[arg(long, value_name = "BOOL")]
    early_push: Option<bool>,
    /// How many frames an edge may hold for a VM that is moving …
    #[arg(long, value_name = "FRAMES")]
    hold_frames: Option<u32>,
    /// … in how many bytes …
    #[arg(long, value_name = "BYTES")]
    hold_bytes: Option<u32>,
    /// … for how long.
    #[arg(long, value_name = "TIME")]
    hold_age: Option<Span>,
}

/// What the daemon runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) places: Vec<Place>,
    /// The data directory; none: in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) trust: Trust,
    pub(crate) socket: PathBuf,
    /// All but the epoch, which the store has, and the keys: it believes nobody before `start` reads them.
    pub(crate) nva: NvaConfig,
}

/// Why it cannot run so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] SettingsError),
    #[error("listen: at least one address is needed")]
    Deaf,
    #[error("listen: {0} is there twice")]
    ListenTwice(SocketAddr),
    #[error("nve: at least one edge is needed")]
    Nobody,
    #[error("nve: {0} is there twice")]
    NveTwice(NveId),
    #[error("nve: {0} is the locator of {1} and of {2}")]
    Shared(IpAddr, NveId, NveId),
    #[error("data or in-memory: one of both is needed, to keep records or not")]
    Nowhere,
    #[error("data and in-memory: only one of both can be")]
    Both,
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Machine(#[from] nvo3_mobility::ConfigError),
}

impl Config {
    /// What the flags and the file that they name say together.
    pub(crate) fn load(flags: Flags) -> Result<Self, Error> {
        let file = settings(flags.config.as_deref())?;
        flags.settings.or(file).checked()
    }
}

impl Settings {
    /// These, and the file's where these say nothing.
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
            trusted_transport,
            socket: self.socket.or(file.socket),
            grace: self.grace.or(file.grace),
            lifetime: self.lifetime.or(file.lifetime),
            early_push: self.early_push.or(file.early_push),
            hold_frames: self.hold_frames.or(file.hold_frames),
            hold_bytes: self.hold_bytes.or(file.hold_bytes),
            hold_age: self.hold_age.or(file.hold_age),
        }
    }

    fn checked(self) -> Result<Config, Error> {
        let nva = self.machine()?;
        let listen: Vec<SocketAddr> = self.listen.iter().map(|listen| listen.0).collect();
        let places: Vec<Place> = self.nve.iter().map(|member| member.0).collect();
        if listen.is_empty() {
            return Err(Error::Deaf);
        }
        if let Some(twice) = twice(&listen) {
            return Err(Error::ListenTwice(*twice));
        }
        if places.is_empty() {
            return Err(Error::Nobody);
        }
        for (n, place) in places.iter().enumerate() {
            for before in places.iter().take(n) {
                if before.nve == place.nve {
                    return Err(Error::NveTwice(place.nve));
                }
                if let Some(ip) = addresses(place).find(|ip| before.locators.contains(*ip)) {
                    return Err(Error::Shared(ip, before.nve, place.nve));
                }
            }
        }
        if self.data.is_some() && self.in_memory {
            return Err(Error::Both);
        }
        if self.data.is_none() && !self.in_memory {
            return Err(Error::Nowhere);
        }
        let trust = Trust::new(self.keys, self.trusted_transport)?;
        let socket = self.socket.unwrap_or_else(|| nvoctl::NVAD_SOCKET.into());
        Ok(Config { listen, places, data: self.data, trust, socket, nva })
    }

    fn machine(&self) -> Result<NvaConfig, Error> {
        let mut nva = NvaConfig::new(Transport::Sealed(Keys::default()));
        if let Some(Span(grace)) = self.grace {
            nva.grace = grace.into();
        }
        if let Some(Span(lifetime)) = self.lifetime {
            nva.lifetime = lifetime.into();
        }
        if let Some(Span(age)) = self.hold_age {
            nva.hold.age = age.into();
        }
        nva.early_push = self.early_push.unwrap_or(nva.early_push);
        nva.hold.frames = self.hold_frames.unwrap_or(nva.hold.frames);
        nva.hold.bytes = self.hold_bytes.unwrap_or(nva.hold.bytes);
        nva.validate()?;
        Ok(nva)
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
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = nvoctl::control_address(text).map(Self);
        address.ok_or_else(|| format!("listen: `{text}` is not an IP address with or without a port"))
    }
}

/// An edge of the domain.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Member(Place);

impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("nve: `{text}`: {what}");
        let (id, ips) = text.split_once('=').ok_or_else(|| wrong("ID=IP[,IP] is needed"))?;
        let id = id.trim().parse().map_err(|_| wrong("the id is not a number"))?;
        let ips: Result<Vec<IpAddr>, _> = ips.split(',').map(|ip| ip.trim().parse()).collect();
        let locators = match ips.map_err(|_| wrong("a locator is not an IP address"))?.as_slice() {
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
struct Span(std::time::Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map(Self).map_err(|error| format!("`{text}` is no length of time: {error}"))
    }
}

macro_rules! from_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
    )*};
}

from_text!(Listen, Member, Span);

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::Micros;

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
        let cases: [(&[&str], &str, &[&str]); 22] = [
            (&[], "", &["listen", "at least one"]),
            (&[], "listen = ['127.0.0.1']", &["nve", "at least one"]),
            (&[], "listen = ['127.0.0.1']\nnve = ['1=192.0.2.1']", &["data", "in-memory"]),
            (&[], "nve = []\nport = 5", &["line 2", "unknown field `port`"]),
            (&[], "nve = []\nlisten = ['localhost']", &["line 2", "listen", "`localhost`"]),
            (&[], "listen = 5", &["line 1", "listen"]),
            (&[], "\n\nnve = ['one=192.0.2.1']", &["line 3", "nve", "the id is not a number"]),
            (&[], "nve = ['1=192.0.2.1,192.0.2.2']", &["nve", "one locator of each address family"]),
            (&[], "nve = ['1=']", &["nve", "not an IP address"]),
            (&[], "nve = ['192.0.2.1']", &["nve", "ID=IP"]),
            (&[], "\ngrace = 'soon'", &["line 2", "grace", "`soon`"]),
            (&["--nve", "1=192.0.2.1", "--nve", "1=192.0.2.2"], GOOD, &["nve: nve1 is there twice"]),
            (
                &["--nve", "1=192.0.2.1", "--nve", "2=192.0.2.1"],
                GOOD,
                &["192.0.2.1 is the locator of nve1 and of nve2"],
            ),
            (&["--listen", "::1", "--listen", "[::1]:61635"], GOOD, &["listen: [::1]:61635 is there twice"]),
            (&[], &format!("{GOOD}data = '/var/lib/nvad'"), &["data and in-memory"]),
            (&[], "listen = ['127.0.0.1']\nnve = ['1=192.0.2.1']\nin-memory = true", &["keys or trusted-transport"]),
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
}
