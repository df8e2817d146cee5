//! What an edge is told before it starts: by flags, by a TOML file with the same names, or by both; flags win.

use clap::Parser;
use nvo3_nva_proto::{Locators, NveId, Place};
use nvo3_wire::vxlan;
use nvoctl::daemon::{SettingsError, flags_or_file, settings};
use nvoctl::keys::{KeysError, Trust};
use nvoctl::{NVED_SOCKET, Port, PortError, control_address};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// An edge of a network virtualization overlay: connects tenant systems, tunnels their frames in VXLAN, and takes part in
/// their moves.
#[derive(Debug, Default, Parser, Deserialize)]
#[command(version)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// A TOML file with these flags' names as keys, each port a table in the array `port`; flags win
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// This edge's number in its domain, the same across its restarts
    #[arg(long, value_name = "N")]
    id: Option<u64>,
    /// Its address on the underlay; one of each family at most
    #[arg(long, value_name = "IP")]
    locator: Vec<IpAddr>,
    /// The authority: IP or IP:PORT
    #[arg(long, value_name = "ADDRESS")]
    nva: Option<String>,
    /// An access port that is there from the start: vm0,vni=77,kind=packet|tap,mac=M,ip=A,ip=B,trusted,active
    #[arg(long, value_name = "SPEC")]
    port: Vec<Port>,
    /// Authenticate messages by this edge's keys in this file, which only its owner may read
    #[arg(long, value_name = "FILE", conflicts_with = "trusted_transport")]
    keys: Option<PathBuf>,
    /// Authenticate nothing: whoever can send here is believed
    #[arg(long)]
    trusted_transport: bool,
    /// Where nvoctl speaks to it [default: /run/nvo3/nved.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The UDP port of VXLAN [default: 4789]
    #[arg(long, value_name = "PORT")]
    vxlan_port: Option<u16>,
    /// A frame alone activates no VM that was moved here
    #[arg(long)]
    hypervisor_word_only: bool,
}

/// What an edge runs with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) place: Place,
    pub(crate) nva: SocketAddr,
    pub(crate) ports: Vec<Port>,
    pub(crate) trust: Trust,
    pub(crate) socket: PathBuf,
    pub(crate) vxlan_port: u16,
    pub(crate) hypervisor_word_only: bool,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    File(#[from] SettingsError),
    #[error("{0}: missing")]
    Missing(&'static str),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("locator {0}: there is one of this family already")]
    SecondLocator(IpAddr),
    #[error("locator {0}: not the address of one host")]
    NotAHost(IpAddr),
    #[error("nva {0:?}: neither IP nor IP:PORT")]
    Nva(String),
    #[error("nva {0}: no locator of its family")]
    NvaFamily(SocketAddr),
    #[error("port {0}: named twice")]
    SecondPort(String),
    #[error("port {name}: {error}")]
    Port { name: String, error: PortError },
}

impl Config {
    /// From the command line, whose mistakes and `--help` end the process.
    pub(crate) fn from_args() -> Result<Self, Error> {
        Self::from_settings(Settings::parse())
    }

    fn from_settings(flags: Settings) -> Result<Self, Error> {
        let file: Settings = settings(flags.config.as_deref())?;
        let locator = if flags.locator.is_empty() { file.locator } else { flags.locator };
        let locators = locators(&locator)?;
        let nva = flags.nva.or(file.nva).ok_or(Error::Missing("nva"))?;
        let nva = control_address(&nva).ok_or(Error::Nva(nva))?;
        let reachable = if nva.is_ipv4() { locators.v4().is_some() } else { locators.v6().is_some() };
        if !reachable {
            return Err(Error::NvaFamily(nva));
        }
        let ports: Vec<Port> = file.port.into_iter().chain(flags.port).collect();
        for port in &ports {
            port.validate().map_err(|error| Error::Port { name: port.name.clone(), error })?;
        }
        let twice =
            ports.iter().enumerate().find(|(n, port)| ports.iter().take(*n).any(|other| other.name == port.name));
        if let Some((_, port)) = twice {
            return Err(Error::SecondPort(port.name.clone()));
        }
        let (keys, trusted_transport) =
            flags_or_file((flags.keys, flags.trusted_transport), (file.keys, file.trusted_transport));
        Ok(Self {
            trust: Trust::new(keys, trusted_transport)?,
            place: Place { nve: NveId(flags.id.or(file.id).ok_or(Error::Missing("id"))?), locators },
            nva,
            ports,
            socket: flags.socket.or(file.socket).unwrap_or_else(|| NVED_SOCKET.into()),
            vxlan_port: flags.vxlan_port.or(file.vxlan_port).unwrap_or(vxlan::PORT),
            hypervisor_word_only: flags.hypervisor_word_only || file.hypervisor_word_only,
        })
    }
}

fn locators(addresses: &[IpAddr]) -> Result<Locators, Error> {
    let (mut v4, mut v6) = (None, None);
    for address in addresses {
        if address.is_unspecified() || address.is_multicast() {
            return Err(Error::NotAHost(*address));
        }
        let before = match address {
            IpAddr::V4(address) => v4.replace(*address).is_some(),
            IpAddr::V6(address) => v6.replace(*address).is_some(),
        };
        if before {
            return Err(Error::SecondLocator(*address));
        }
    }
    match (v4, v6) {
        (Some(v4), Some(v6)) => Ok(Locators::Both(v4, v6)),
        (Some(v4), None) => Ok(Locators::V4(v4)),
        (None, Some(v6)) => Ok(Locators::V6(v6)),
        (None, None) => Err(Error::Missing("locator")),
    }
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

            [[port]]
            name = "vm0"
            kind = "tap"
            vni = 77
            active = true
            [[port.stations]]
            mac = "52:54:00:77:00:10"
            ips = ["192.168.77.10", "fd77::10"]
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
        let nva = |nva: &str| config(&["--id=1", "--locator=::1", "--trusted-transport", "--nva", nva]).unwrap().nva;
        assert_eq!(["::2", "[::2]", "[::2]:7"].map(nva).map(|nva| nva.port()), [61_635, 61_635, 7]);
    }

    #[test]
    fn mistakes_name_their_field() {
        let ok = ["--id=1", "--locator=192.0.2.1", "--nva=192.0.2.100", "--trusted-transport"];
        #[rustfmt::skip]
        let table: [(&[&str], &str); 9] = [
            (&ok[1..],                                               "id: missing"),
            (&ok[..3],                                               "keys or trusted-transport: one of both is needed, to authenticate messages or not"),
            (&[ok[0], ok[2]],                                        "locator: missing"),
            (&ok[..2],                                               "nva: missing"),
            (&[ok[0], ok[1], ok[2], "--locator=192.0.2.2"],          "locator 192.0.2.2: there is one of this family already"),
            (&[ok[0], ok[2], "--locator=0.0.0.0"],                   "locator 0.0.0.0: not the address of one host"),
            (&[ok[0], ok[1], "--nva=nva.example"],                   "nva \"nva.example\": neither IP nor IP:PORT"),
            (&[ok[0], ok[1], "--nva=2001:db8::1"],                   "nva [2001:db8::1]:61635: no locator of its family"),
            (&[ok[0], ok[1], ok[2], "--port=a,vni=1,trusted", "--port=a,vni=2,trusted"], "port a: named twice"),
        ];

        for (flags, says) in table {
            assert_eq!(config(flags).unwrap_err().to_string(), says);
        }
        assert!(config(&ok).is_ok());
    }
}
