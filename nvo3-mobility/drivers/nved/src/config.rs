//! The settings of an edge: flags, a TOML file with the same names as keys, or both; flags win.

use clap::{CommandFactory, Parser};
use nvo3_nva_proto::{Locators, NveId, Place};
use nvo3_wire::vxlan;
use nvoctl::daemon::{SettingsError, check_host, check_loopback, check_socket, flags_or_file, one_or_many, settings};
use nvoctl::keys::{KeysError, Trust};
use nvoctl::{NVED_SOCKET, Port, control_address};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Example:
  nvoctl make-key --nve 1 nvad.keys h1.keys
  nved --id 1 --locator 198.51.100.1 --nva 198.51.100.9 --keys h1.keys
  nvoctl attach vm0,vni=77,mac=02:00:00:00:00:10,ip=192.0.2.10,active

Exit codes:
  0  nved was asked to end (SIGTERM, SIGINT) and has told the NVA
  1  nved cannot start or go on: the last line on stderr says why
  2  the command line or the file of --config is wrong

Files:
  /run/nvo3/nved.sock  the control socket, mode 0600: only its owner and root can connect. nved removes it when it ends
  the directory of --state  mode 0700: what nved needs to go on after a restart. `nvoctl detach` removes a port from it
  the file of --keys   mode 0600: nved does not start if others may read it. `nvoctl reload-keys` reads it again
  the file of --config nved.toml in this package has every key with its default; nved reads it once, at the start

Environment:
  RUST_LOG  what is logged to stderr, such as warn, debug or nved=debug [default: info]

nved needs CAP_NET_RAW and CAP_NET_ADMIN, and gives up all other capabilities.";

/// An edge (NVE) of a network virtualization overlay.
///
/// It connects tenant systems to the overlay, tunnels their Ethernet frames in VXLAN to the other edges, and takes part in the moves
/// of VMs. It needs --id, --locator, --nva, and --keys or --trusted-transport.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(name = "nved", version, after_help = AFTER_HELP)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Read settings from this TOML file. Its keys are the flags' names; a flag replaces the key, --port adds to it
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The number of this edge in its domain, the same after each restart. No other edge may have it [no default]
    #[arg(long, value_name = "N")]
    id: Option<u64>,
    /// The address of this edge on the underlay. Give one IPv4 address, one IPv6 address, or both [no default]
    #[arg(long, value_name = "IP")]
    #[serde(deserialize_with = "one_or_many")]
    locator: Vec<IpAddr>,
    /// The address of the authority (nvad). The default PORT is UDP 61635 [no default]
    #[arg(long, value_name = "IP[:PORT]")]
    nva: Option<String>,
    /// Open this access port at the start:
    /// NAME,vni=N[,kind=packet|tap][,mac=MAC,ip=IP[,ip=IP]...]...[,shared=MAC,ip=IP[,ip=IP]...]...[,trusted]
    /// [,router-advertisements][,dhcp-server][,learn=N][,learn-within=PREFIX]...[,learn-macs=N][,announce]
    /// [,rarp-server=IP][,no-too-big][,host-may-hear][,active], as
    /// `nvoctl attach` does. May be repeated [default: none]
    #[arg(long, value_name = "SPEC")]
    #[serde(deserialize_with = "one_or_many")]
    port: Vec<Port>,
    /// Authenticate the messages between this edge and the authority by the keys in this file, mode 0600 [no default]
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_transport")]
    keys: Option<PathBuf>,
    /// Authenticate nothing, in place of --keys: nved believes whoever can send to its address [default: false]
    #[arg(long)]
    trusted_transport: bool,
    /// Listen for nvoctl on this Unix socket [default: /run/nvo3/nved.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Keep here what was attached by command, what runs, and where others are, so that a restart of nved forgets nothing. A directory,
    /// mode 0700. Best in a file system that is empty after a boot [default: the path of --socket, with the ending .state]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    state: Option<PathBuf>,
    /// Keep nothing, in place of --state: after a restart only the ports of --port are attached [default: false]
    #[arg(long)]
    no_state: bool,
    /// The UDP port of VXLAN, the same at all edges of the domain [default: 4789]
    #[arg(long, value_name = "PORT")]
    vxlan_port: Option<u16>,
    /// Let only the hypervisor's word (`nvoctl activate`) start a VM that a move brings. Otherwise a frame of the VM does it too
    /// [default: false]
    #[arg(long)]
    hypervisor_word_only: bool,
    /// When a VM leaves, ask the other tenant systems of its VN here by ARP and Neighbor Discovery, 3 times 1s apart, and withdraw those that do
    /// not answer. A frame of such a one registers it again [default: false]
    #[arg(long)]
    scan: bool,
}

/// The checked settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) place: Place,
    pub(crate) nva: SocketAddr,
    pub(crate) ports: Vec<Port>,
    pub(crate) trust: Trust,
    pub(crate) socket: PathBuf,
    /// The directory of what is kept over a restart.
    pub(crate) state: Option<PathBuf>,
    pub(crate) vxlan_port: u16,
    pub(crate) hypervisor_word_only: bool,
    pub(crate) scan: bool,
}

/// The reason why an edge cannot run with these settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] SettingsError),
    #[error("missing, as a flag or as a key of the file of --config: {}", .0.join("; "))]
    Missing(Vec<&'static str>),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("--locator {0}: there is one of this address family already")]
    SecondLocator(IpAddr),
    #[error("--id 0: the number of an edge is more than 0")]
    NoId,
    #[error("--{flag} {address}: {why}")]
    NotAHost { flag: &'static str, address: IpAddr, why: &'static str },
    #[error("--locator, --nva: {0} {1}")]
    Loopback(IpAddr, String),
    #[error("--nva {0}: the port is 0")]
    NvaPort(SocketAddr),
    #[error("--vxlan-port 0: a UDP port is 1 to 65535")]
    VxlanPort,
    #[error("--socket {}: {why}", path.display())]
    Socket { path: PathBuf, why: String },
    #[error("--nva {0}: neither IP nor IP:PORT")]
    Nva(String),
    #[error("--nva {0}: this edge has no --locator of that address family")]
    NvaFamily(SocketAddr),
    #[error("--port {0}: two ports have this name")]
    SecondPort(String),
}

impl Config {
    /// Reads the command line and the file that it names. A mistake in either ends the process with exit code 2, `--help` with 0.
    pub(crate) fn from_args() -> Self {
        Self::from_settings(Settings::parse())
            .unwrap_or_else(|error| Settings::command().error(clap::error::ErrorKind::ValueValidation, error).exit())
    }

    fn from_settings(flags: Settings) -> Result<Self, Error> {
        let file: Settings = settings(flags.config.as_deref())?;
        let id = flags.id.or(file.id);
        let locators = locators(if flags.locator.is_empty() { &file.locator } else { &flags.locator })?;
        let nva = flags.nva.or(file.nva);
        let (keys, trusted_transport) =
            flags_or_file((flags.keys, flags.trusted_transport), (file.keys, file.trusted_transport));
        let missing = [
            (id.is_none(), "--id <N>"),
            (locators.is_none(), "--locator <IP>"),
            (nva.is_none(), "--nva <IP[:PORT]>"),
            (keys.is_none() && !trusted_transport, "--keys <FILE> or --trusted-transport"),
        ];
        let missing = || missing.iter().filter(|(is_missing, _)| *is_missing).map(|(_, flag)| *flag).collect();
        let (Some(id), Some(locators), Some(nva)) = (id, locators, nva) else { return Err(Error::Missing(missing())) };
        if keys.is_none() && !trusted_transport {
            return Err(Error::Missing(missing()));
        }
        if id == 0 {
            return Err(Error::NoId);
        }
        let nva = control_address(&nva).ok_or(Error::Nva(nva))?;
        one_host("nva", nva.ip())?;
        if nva.port() == 0 {
            return Err(Error::NvaPort(nva));
        }
        let reachable = if nva.is_ipv4() { locators.v4().is_some() } else { locators.v6().is_some() };
        if !reachable {
            return Err(Error::NvaFamily(nva));
        }
        let own = [locators.v4().map(IpAddr::V4), locators.v6().map(IpAddr::V6)].into_iter().flatten();
        check_loopback(own.chain([nva.ip()])).map_err(|(address, why)| Error::Loopback(address, why))?;
        let vxlan_port = flags.vxlan_port.or(file.vxlan_port).unwrap_or(vxlan::PORT);
        if vxlan_port == 0 {
            return Err(Error::VxlanPort);
        }
        let ports: Vec<Port> = file.port.into_iter().chain(flags.port).collect();
        let twice =
            ports.iter().enumerate().find(|(n, port)| ports.iter().take(*n).any(|other| other.name == port.name));
        if let Some((_, port)) = twice {
            return Err(Error::SecondPort(port.name.clone()));
        }
        let socket = flags.socket.or(file.socket).unwrap_or_else(|| NVED_SOCKET.into());
        check_socket(&socket, NVED_SOCKET).map_err(|why| Error::Socket { path: socket.clone(), why })?;
        let (state, no_state) = flags_or_file((flags.state, flags.no_state), (file.state, file.no_state));
        let beside_socket = || (!no_state).then(|| socket.with_extension("state"));
        Ok(Self {
            state: state.or_else(beside_socket),
            trust: Trust::new(keys, trusted_transport)?,
            place: Place { nve: NveId(id), locators },
            nva,
            ports,
            socket,
            vxlan_port,
            hypervisor_word_only: flags.hypervisor_word_only || file.hypervisor_word_only,
            scan: flags.scan || file.scan,
        })
    }
}

fn one_host(flag: &'static str, address: IpAddr) -> Result<(), Error> {
    check_host(address).map_err(|why| Error::NotAHost { flag, address, why })
}

/// The locators of an edge; `None` if there is no address.
fn locators(addresses: &[IpAddr]) -> Result<Option<Locators>, Error> {
    let (mut v4, mut v6) = (None, None);
    for address in addresses {
        one_host("locator", *address)?;
        let before = match address {
            IpAddr::V4(address) => v4.replace(*address).is_some(),
            IpAddr::V6(address) => v6.replace(*address).is_some(),
        };
        if before {
            return Err(Error::SecondLocator(*address));
        }
    }
    Ok(match (v4, v6) {
        (Some(v4), Some(v6)) => Some(Locators::Both(v4, v6)),
        (Some(v4), None) => Some(Locators::V4(v4)),
        (None, Some(v6)) => Some(Locators::V6(v6)),
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[&str]) -> Result<Config, Error> {
        let flags = ["nved"].iter().chain(flags);
        Config::from_settings(Settings::try_parse_from(flags).unwrap())
    }

    #[test]
    fn flags_and_file_say_the_same_and_flags_win() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("nved.toml");
        let text = r#"
            id = 3
            locator = ["192.0.2.3", "2001:db8::3"]
            nva = "192.0.2.100:7"
            socket = "/tmp/a.sock"
            vxlan-port = 8472
            keys = "/etc/nvo3/nved.keys"
            port = "vm0,vni=77,kind=tap,mac=52:54:00:77:00:10,ip=192.168.77.10,ip=fd77::10,active"
        "#;
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let spec = "vm0,vni=77,kind=tap,mac=52:54:00:77:00:10,ip=192.168.77.10,ip=fd77::10,active";

        let by_file = config(&["--config", file]).unwrap();
        let by_flags = config(&[
            "--id=3",
            "--locator=192.0.2.3",
            "--locator=2001:db8::3",
            "--nva=192.0.2.100:7",
            "--port",
            spec,
            "--socket=/tmp/a.sock",
            "--keys=/etc/nvo3/nved.keys",
            "--vxlan-port=8472",
        ]);
        assert_eq!(by_file, by_flags.unwrap());

        let both = config(&["--config", file, "--id=4", "--nva=192.0.2.101"]).unwrap();
        assert_eq!((both.place.nve, both.nva), (NveId(4), "192.0.2.101:61635".parse().unwrap()));
        assert_eq!(both.ports, by_file.ports);
    }

    #[test]
    fn the_authority_is_an_address_with_or_without_a_port_and_brackets() {
        let nva =
            |nva: &str| config(&["--id=1", "--locator=2001:db8::1", "--trusted-transport", "--nva", nva]).unwrap().nva;
        assert_eq!(
            ["2001:db8::2", "[2001:db8::2]", "[2001:db8::2]:7"].map(nva).map(|nva| nva.port()),
            [61_635, 61_635, 7]
        );
    }

    #[test]
    fn mistakes_name_their_field() {
        let ok = ["--id=1", "--locator=192.0.2.1", "--nva=192.0.2.100", "--trusted-transport"];
        #[rustfmt::skip]
        let table: [(&[&str], &str); 18] = [
            (&[],                                                    "missing, as a flag or as a key of the file of --config: --id <N>; --locator <IP>; --nva <IP[:PORT]>; --keys <FILE> or --trusted-transport"),
            (&ok[1..],                                               "missing, as a flag or as a key of the file of --config: --id <N>"),
            (&ok[..3],                                               "missing, as a flag or as a key of the file of --config: --keys <FILE> or --trusted-transport"),
            (&ok[..2],                                               "missing, as a flag or as a key of the file of --config: --nva <IP[:PORT]>; --keys <FILE> or --trusted-transport"),
            (&[ok[0], ok[1], ok[2], "--locator=192.0.2.2"],          "--locator 192.0.2.2: there is one of this address family already"),
            (&[ok[0], ok[2], "--locator=0.0.0.0"],                   "--locator 0.0.0.0: not the address of one host"),
            (&[ok[0], ok[2], "--locator=224.0.0.1"],                 "--locator 224.0.0.1: a group's address, not the address of one host"),
            (&[ok[0], ok[2], "--locator=255.255.255.255"],           "--locator 255.255.255.255: the broadcast address, not the address of one host"),
            (&[ok[0], ok[2], "--locator=fe80::1"],                   "--locator fe80::1: a link-local address, which means a host only on one link"),
            (&["--id=0", ok[1], ok[2], ok[3]],                       "--id 0: the number of an edge is more than 0"),
            (&[ok[0], ok[1], ok[3], "--nva=0.0.0.0"],                "--nva 0.0.0.0: not the address of one host"),
            (&[ok[0], ok[1], ok[3], "--nva=192.0.2.9:0"],            "--nva 192.0.2.9:0: the port is 0"),
            (&[ok[0], ok[1], ok[3], "--nva=127.0.0.1"],              "--locator, --nva: 127.0.0.1 does not reach 192.0.2.1: only one of both is a loopback address"),
            (&[ok[0], ok[1], ok[2], ok[3], "--vxlan-port=0"],        "--vxlan-port 0: a UDP port is 1 to 65535"),
            (&[ok[0], ok[1], ok[2], ok[3], "--socket=/nonexist/s"],  "--socket /nonexist/s: there is no directory /nonexist"),
            (&[ok[0], ok[1], ok[3], "--nva=nva.example"],            "--nva nva.example: neither IP nor IP:PORT"),
            (&[ok[0], ok[1], ok[3], "--nva=2001:db8::1"],            "--nva [2001:db8::1]:61635: this edge has no --locator of that address family"),
            (&[ok[0], ok[1], ok[2], ok[3], "--port=a,vni=1,trusted", "--port=a,vni=2,trusted"], "--port a: two ports have this name"),
        ];

        for (flags, says) in table {
            assert_eq!(config(flags).unwrap_err().to_string(), says);
        }
        assert!(config(&ok).is_ok());
    }

    /// The lines of the sample that set a key, each with its key; a comment sets the default.
    fn sample() -> Vec<(&'static str, &'static str)> {
        let lines = include_str!("../nved.toml").lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
        let keys = lines.filter_map(|line| Some((line.split_once(" = ")?.0, line)));
        keys.filter(|(key, _)| !key.contains(' ')).collect()
    }

    #[test]
    fn the_sample_has_every_key_and_its_comments_are_the_defaults() {
        let keys: Vec<&str> = sample().into_iter().map(|(key, _)| key).collect();
        let command = Settings::command();
        let mut flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        flags.retain(|flag| *flag != "config");
        assert_eq!(keys, flags, "in the order of --help");

        let directory = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = directory.path().join("nved.toml");
            std::fs::write(&path, text).unwrap();
            config(&["--config", path.to_str().unwrap()]).unwrap()
        };
        let with_defaults: String = sample().into_iter().map(|(_, line)| format!("{line}\n")).collect();
        assert_eq!(read(include_str!("../nved.toml")), read(&with_defaults));
    }
}
