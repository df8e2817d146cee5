//! An access port in the form that people write, and its checks.

use nvo3_nva_proto::{Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// The longest name of an interface, in bytes (`IFNAMSIZ`, less the zero at its end).
const LONGEST_NAME: usize = 15;

/// The most IP addresses of one TSI in a message.
const MOST_LEARNED: u32 = nvo3_nva_proto::MAX_IPS as u32;

/// The most shared addresses of one port.
const MOST_SHARED: usize = 16;

/// Serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives the form")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The way in which an edge reads and writes an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortKind {
    /// A packet socket on an interface that exists: a veth, or a tap that a hypervisor has open.
    #[default]
    Packet,
    /// A tap that the edge opens: one that exists and that no process has open, or a new one that is removed when the edge ends.
    Tap,
}

/// An access port (VAP). Flags and files of settings have it as text:
/// `vm0,vni=77,mac=52:54:00:77:00:10,ip=192.0.2.10,ip=2001:db8::10,active`.
///
/// ```
/// # fn main() -> Result<(), nvoctl::PortError> {
/// let port: nvoctl::Port = "vm0,vni=77,kind=tap,mac=52:54:00:77:00:10,ip=192.0.2.10,ip=2001:db8::10,active".parse()?;
/// assert_eq!(port.stations[0].ips.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The interface's name, 1 to 15 bytes.
    pub name: String,
    /// The way in which the edge reads and writes the interface.
    #[serde(default)]
    pub kind: PortKind,
    /// Its VN.
    pub vni: Vni,
    /// The tenant systems that may be behind it.
    #[serde(default)]
    pub stations: Vec<Station>,
    /// Frames of any source address may come in: a gateway or a bridge is behind the port.
    #[serde(default)]
    pub trusted: bool,
    /// A router is behind the port. It may send Router Advertisements and Redirects. Every trusted port may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub router_advertisements: bool,
    /// A DHCP server or relay is behind the port. It may send as one. Every trusted port may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dhcp_server: bool,
    /// A frame that is too long for the underlay is dropped without an answer. By default the edge tells the sender which length fits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_too_big: bool,
    /// The host's own stack may have a copy of each frame that comes in at a packet port. By default the edge keeps it from them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_may_hear: bool,
    /// The most IP addresses that each tenant system may have by its own ARP, Neighbor Discovery and DHCP, besides those that are named:
    /// 0 to 64.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub learn: u32,
    /// The prefixes that learned addresses must be in, as `IP/LENGTH`; empty: any address may be learned. The edge checks their form.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learn_within: Vec<String>,
    /// A legacy segment or a gateway is behind the port: the edge announces there each tenant system of the VN that comes to it, by ARP,
    /// Neighbor Discovery and RARP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub announce: bool,
    /// The edge answers RARP requests at the port, and names this IPv4 address as the server's; 0.0.0.0 names none. A tenant system without an
    /// IPv4 address gets the one that the authority has for its MAC, if `learn` lets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarp_server: Option<Ipv4Addr>,
    /// The most tenant systems that are learned behind a trusted port, each with up to `learn` addresses.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub learn_macs: u32,
    /// The addresses that the port shares with other ports, here or at other edges: the MAC of each virtual router (VRRP), or of a station
    /// of the port, with the IP addresses. The port that announced one last has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Station>,
    /// The tenant systems run here already. If false, the hypervisor or their own frames say so later.
    #[serde(default)]
    pub active: bool,
}

/// A tenant system that may be behind a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its MAC address, not a group's.
    pub mac: Mac,
    /// Its IP addresses, at least one unless the port has `learn`.
    pub ips: Vec<IpAddr>,
}

/// The fault in the description of a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port \"{}\": {field}: {why}", port.escape_debug())]
pub struct PortError {
    /// The interface's name, as it was given.
    pub port: String,
    /// The field's name, as it is written.
    pub field: &'static str,
    /// The fault in the field, or the form that it must have.
    pub why: String,
}

impl Port {
    /// The stations as TSIs of the port's VN.
    pub fn tsis(&self) -> Vec<Tsi> {
        self.stations.iter().map(|station| self.tsi(station)).collect()
    }

    /// The virtual routers whose addresses the port shares, as TSIs of the port's VN.
    pub fn shared_tsis(&self) -> impl Iterator<Item = Tsi> + '_ {
        self.shared.iter().filter(|station| station.mac.is_virtual_router()).map(|station| self.tsi(station))
    }

    fn tsi(&self, station: &Station) -> Tsi {
        let key = TsiKey { vn: self.vni, mac: station.mac };
        Tsi { key, ips: station.ips.clone(), role: Role::Unknown }
    }

    /// Checks a port that came in a request. A port that was parsed from text is valid.
    ///
    /// # Errors
    /// A [`PortError`] with the first field that is wrong.
    pub fn validate(&self) -> Result<(), PortError> {
        let wrong = |field, why| Err(PortError { port: self.name.clone(), field, why });
        if self.name.is_empty() || self.name.len() > LONGEST_NAME {
            return wrong("name", format!("an interface's name has 1 to {LONGEST_NAME} bytes"));
        }
        if matches!(self.name.as_str(), "." | "..") || self.name.contains(|c: char| "/:".contains(c) || c <= ' ') {
            return wrong("name", "an interface's name has no slash, colon or space in it".into());
        }
        if self.host_may_hear && self.kind == PortKind::Tap {
            return wrong("host-may-hear", "only a packet port has it; the host always hears its end of a tap".into());
        }
        if self.stations.is_empty() && self.active {
            return wrong("active", "there is no station (mac) that could run here".into());
        }
        if self.stations.is_empty() && !self.trusted {
            return wrong("mac", "missing; only a trusted port has no station".into());
        }
        if self.learn > MOST_LEARNED {
            return wrong("learn", format!("{} is more than {MOST_LEARNED}", self.learn));
        }
        if self.learn == 0 && !self.learn_within.is_empty() {
            return wrong("learn-within", "needs learn: no address is learned".into());
        }
        if self.learn_macs > 0 && (!self.trusted || self.learn == 0) {
            return wrong("learn-macs", "needs trusted, and learn for the addresses".into());
        }
        let mut macs = BTreeSet::new();
        let mut ips = BTreeSet::new();
        let is_own = |shared: &Station| self.stations.iter().any(|station| station.mac == shared.mac);
        if let Some(Station { mac, .. }) =
            self.shared.iter().find(|shared| !shared.mac.is_virtual_router() && !is_own(shared))
        {
            return wrong(
                "shared",
                format!("{mac} is no mac of the port, and no virtual router's: 00:00:5e:00:01:xx or 00:00:5e:00:02:xx"),
            );
        }
        if self.shared.len() > MOST_SHARED {
            return wrong("shared", format!("{} are more than {MOST_SHARED}", self.shared.len()));
        }
        let learns = |station: &Station| self.learn > 0 && !self.shared.contains(station);
        for station in self.stations.iter().chain(&self.shared) {
            let Station { mac, ips: own } = station;
            if !mac.is_station() {
                return wrong("mac", format!("{mac} is a group's address or nobody's"));
            }
            let floats = !mac.is_virtual_router() && self.shared.iter().any(|shared| std::ptr::eq(shared, station));
            if !macs.insert((mac, floats)) {
                return wrong("mac", format!("{mac} is there twice"));
            }
            if own.is_empty() && !learns(station) {
                return wrong("ip", format!("missing for {mac}"));
            }
            for ip in own {
                if ip.is_unspecified() || ip.is_multicast() || *ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
                    return wrong("ip", format!("{ip} is a group's address or nobody's"));
                }
                if !ips.insert(ip) {
                    return wrong("ip", format!("{ip} is there twice"));
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Port {
    type Err = PortError;

    /// `NAME,vni=N[,kind=packet|tap][,mac=MAC,ip=IP[,ip=IP]...]...[,shared=MAC,ip=IP[,ip=IP]...]...[,trusted][,router-advertisements]
    /// [,dhcp-server][,learn=N][,learn-within=PREFIX]...[,learn-macs=N][,announce][,rarp-server=IP][,no-too-big][,host-may-hear]
    /// [,active]`;
    /// each `ip` belongs to the `mac` or `shared` before it.
    fn from_str(text: &str) -> Result<Self, PortError> {
        let (name, rest) = text.split_once(',').unwrap_or((text, ""));
        let wrong = |field, why: String| PortError { port: name.to_owned(), field, why };
        let (mut kind, mut vni, mut learn, mut learn_macs, mut rarp_server) = (None, None, None, None, None);
        let mut learn_within = Vec::new();
        // Each is a station with true if it is shared.
        let mut stations = Vec::<(bool, Station)>::new();
        let (mut trusted, mut router_advertisements, mut dhcp_server, mut active) = (false, false, false, false);
        let (mut no_too_big, mut host_may_hear, mut announce) = (false, false, false);
        for part in rest.split(',').filter(|_| !rest.is_empty()) {
            match part.split_once('=') {
                Some(("kind", value)) => {
                    let found = match value {
                        "packet" => PortKind::Packet,
                        "tap" => PortKind::Tap,
                        _ => return Err(wrong("kind", format!("\"{value}\" is neither packet nor tap"))),
                    };
                    if kind.replace(found).is_some() {
                        return Err(wrong("kind", "is there twice".into()));
                    }
                }
                Some(("vni", value)) => {
                    let found = value.parse().ok().and_then(Vni::new);
                    let found = found.ok_or_else(|| wrong("vni", format!("\"{value}\" is no number below 2^24")))?;
                    if vni.replace(found).is_some() {
                        return Err(wrong("vni", "is there twice".into()));
                    }
                }
                Some((field @ ("mac" | "shared"), value)) => {
                    let (shared, field) = if field == "shared" { (true, "shared") } else { (false, "mac") };
                    let mac = value.parse().map_err(|error| wrong(field, format!("\"{value}\": {error}")))?;
                    stations.push((shared, Station { mac, ips: Vec::new() }));
                }
                Some(("ip", value)) => {
                    let ip = value.parse().map_err(|error| wrong("ip", format!("\"{value}\": {error}")))?;
                    let station = stations.last_mut();
                    station.ok_or_else(|| wrong("ip", format!("{value} comes before any mac")))?.1.ips.push(ip);
                }
                Some((field @ ("learn" | "learn-macs"), value)) => {
                    let (number, field) =
                        if field == "learn" { (&mut learn, "learn") } else { (&mut learn_macs, "learn-macs") };
                    let found = value.parse().map_err(|_| wrong(field, format!("\"{value}\" is no number")))?;
                    if number.replace(found).is_some() {
                        return Err(wrong(field, "is there twice".into()));
                    }
                }
                Some(("rarp-server", value)) => {
                    let found =
                        value.parse().map_err(|_| wrong("rarp-server", format!("\"{value}\" is no IPv4 address")))?;
                    if rarp_server.replace(found).is_some() {
                        return Err(wrong("rarp-server", "is there twice".into()));
                    }
                }
                Some(("learn-within", value)) => learn_within.push(value.to_owned()),
                None if part == "trusted" => trusted = true,
                None if part == "router-advertisements" => router_advertisements = true,
                None if part == "dhcp-server" => dhcp_server = true,
                None if part == "announce" => announce = true,
                None if part == "no-too-big" => no_too_big = true,
                None if part == "host-may-hear" => host_may_hear = true,
                None if part == "active" => active = true,
                _ => {
                    let why = format!(
                        "\"{part}\" is none of kind=, vni=, mac=, ip=, shared=, learn=, learn-within=, learn-macs=, rarp-server=, trusted, router-advertisements, dhcp-server, announce, no-too-big, host-may-hear, active"
                    );
                    return Err(wrong("flag", why));
                }
            }
        }
        let vni = vni.ok_or_else(|| wrong("vni", "missing".into()))?;
        let (name, kind) = (name.to_owned(), kind.unwrap_or_default());
        let (shared, stations): (Vec<_>, Vec<_>) = stations.into_iter().partition(|(shared, _)| *shared);
        let of = |stations: Vec<(bool, Station)>| stations.into_iter().map(|(_, station)| station).collect();
        let (stations, shared) = (of(stations), of(shared));
        let port = Self {
            name,
            kind,
            vni,
            stations,
            trusted,
            router_advertisements,
            dhcp_server,
            no_too_big,
            host_may_hear,
            learn: learn.unwrap_or(0),
            learn_within,
            learn_macs: learn_macs.unwrap_or(0),
            announce,
            rarp_server,
            shared,
            active,
        };
        port.validate()?;
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_says_all_that_a_table_says() {
        let flag = "vm0,vni=77,kind=tap,mac=52:54:00:77:00:10,ip=192.168.77.10,ip=fd77::10,mac=52:54:00:77:00:11,ip=192.168.77.11,trusted,router-advertisements,dhcp-server,no-too-big,active";
        let table = r#"{"name":"vm0","kind":"tap","vni":77,"trusted":true,"router_advertisements":true,"dhcp_server":true,"no_too_big":true,"active":true,"stations":[
            {"mac":"52:54:00:77:00:10","ips":["192.168.77.10","fd77::10"]},{"mac":"52:54:00:77:00:11","ips":["192.168.77.11"]}]}"#;

        let port: Port = flag.parse().unwrap();

        assert_eq!(port, serde_json::from_str(table).unwrap());
        assert_eq!(port.tsis().len(), 2);
    }

    #[test]
    fn a_rarp_server_and_announcements_are_said_alike() {
        let flag = "vm0,vni=77,mac=52:54:00:77:00:10,learn=1,announce,rarp-server=192.168.77.1";
        let table = r#"{"name":"vm0","vni":77,"stations":[{"mac":"52:54:00:77:00:10","ips":[]}],"learn":1,"announce":true,"rarp_server":"192.168.77.1"}"#;

        let port: Port = flag.parse().unwrap();

        assert_eq!((&port, port.rarp_server), (&serde_json::from_str(table).unwrap(), Some([192, 168, 77, 1].into())));
    }

    #[test]
    fn what_may_be_learned_is_said_alike() {
        let flag = "br0,vni=77,trusted,learn=2,learn-within=192.168.77.0/24,learn-within=fd77::/64,learn-macs=100";
        let table = r#"{"name":"br0","vni":77,"trusted":true,"learn":2,"learn_within":["192.168.77.0/24","fd77::/64"],"learn_macs":100}"#;

        assert_eq!(flag.parse::<Port>().unwrap(), serde_json::from_str(table).unwrap());
        let alone: Port = "vm0,vni=77,mac=52:54:00:77:00:10,learn=1".parse().unwrap();
        assert_eq!((alone.learn, alone.learn_within.len(), alone.learn_macs), (1, 0, 0));
    }

    #[test]
    fn a_shared_address_is_said_alike() {
        let flag =
            "vm0,vni=77,mac=52:54:00:77:00:10,ip=192.168.77.10,shared=00:00:5e:00:01:0a,ip=192.168.77.254,ip=fd77::254";
        let table = r#"{"name":"vm0","vni":77,"stations":[{"mac":"52:54:00:77:00:10","ips":["192.168.77.10"]}],
            "shared":[{"mac":"00:00:5e:00:01:0a","ips":["192.168.77.254","fd77::254"]}]}"#;

        let port: Port = flag.parse().unwrap();

        assert_eq!(port, serde_json::from_str(table).unwrap());
        assert_eq!((port.tsis().len(), port.shared_tsis().count()), (1, 1));
    }

    #[test]
    fn what_is_not_said_is_plain() {
        let port: Port = "vm0,vni=0,mac=52:54:00:77:00:10,ip=fd77::10".parse().unwrap();

        assert_eq!((port.kind, port.trusted, port.active), (PortKind::Packet, false, false));
        assert_eq!((port.router_advertisements, port.dhcp_server), (false, false));
        assert_eq!((port.no_too_big, port.host_may_hear), (false, false));
        assert!("gw0,vni=7,trusted".parse::<Port>().unwrap().stations.is_empty());
    }

    #[test]
    fn only_the_host_of_a_packet_port_may_hear() {
        let port = |kind| format!("vm0,vni=7,kind={kind},trusted,host-may-hear").parse::<Port>();

        assert!(port("packet").unwrap().host_may_hear);
        assert_eq!(port("tap").unwrap_err().field, "host-may-hear");
    }

    #[test]
    fn an_error_names_the_port_and_the_field() {
        let cases = [
            ("", "name: an interface's name has 1 to 15 bytes", ",vni=7,trusted"),
            ("interface-too-lo", "name: an interface's name has 1 to 15 bytes", ",vni=7,trusted"),
            ("a/b", "name: an interface's name has no slash, colon or space in it", ",vni=7,trusted"),
            ("a b", "name: an interface's name has no slash, colon or space in it", ",vni=7,trusted"),
            ("..", "name: an interface's name has no slash, colon or space in it", ",vni=7,trusted"),
            ("vm0", "vni: missing", ""),
            ("vm0", "vni: missing", ",trusted"),
            ("vm0", "vni: \"16777216\" is no number below 2^24", ",vni=16777216"),
            ("vm0", "vni: \"x\" is no number below 2^24", ",vni=x"),
            ("vm0", "vni: is there twice", ",vni=7,vni=7"),
            ("vm0", "kind: \"tun\" is neither packet nor tap", ",vni=7,kind=tun"),
            ("vm0", "kind: is there twice", ",vni=7,kind=tap,kind=tap"),
            ("vm0", "mac: missing; only a trusted port has no station", ",vni=7"),
            ("vm0", "mac: \"52:54\": a MAC address is six hex pairs separated by colons", ",vni=7,mac=52:54"),
            ("vm0", "mac: 01:00:5e:00:00:01 is a group's address or nobody's", ",vni=7,mac=01:00:5e:00:00:01,ip=::1"),
            ("vm0", "mac: 00:00:00:00:00:00 is a group's address or nobody's", ",vni=7,mac=00:00:00:00:00:00,ip=::1"),
            (
                "vm0",
                "mac: 52:54:00:77:00:10 is there twice",
                ",vni=7,mac=52:54:00:77:00:10,ip=fd77::1,mac=52:54:00:77:00:10,ip=fd77::2",
            ),
            ("vm0", "ip: missing for 52:54:00:77:00:10", ",vni=7,mac=52:54:00:77:00:10"),
            ("vm0", "ip: fd77::1 comes before any mac", ",vni=7,ip=fd77::1,mac=52:54:00:77:00:10"),
            ("vm0", "ip: \"fd77\": invalid IP address syntax", ",vni=7,mac=52:54:00:77:00:10,ip=fd77"),
            ("vm0", "ip: fd77::1 is there twice", ",vni=7,mac=52:54:00:77:00:10,ip=fd77::1,ip=fd77::1"),
            ("vm0", "ip: ff02::1 is a group's address or nobody's", ",vni=7,mac=52:54:00:77:00:10,ip=ff02::1"),
            ("vm0", "ip: 0.0.0.0 is a group's address or nobody's", ",vni=7,mac=52:54:00:77:00:10,ip=0.0.0.0"),
            ("vm0", "active: there is no station (mac) that could run here", ",vni=7,trusted,active"),
            (
                "vm0",
                "shared: 52:54:00:77:00:10 is no mac of the port, and no virtual router's: 00:00:5e:00:01:xx or 00:00:5e:00:02:xx",
                ",vni=7,trusted,shared=52:54:00:77:00:10,ip=fd77::1",
            ),
            ("vm0", "learn: 65 is more than 64", ",vni=7,trusted,learn=65"),
            ("vm0", "learn: \"x\" is no number", ",vni=7,trusted,learn=x"),
            ("vm0", "rarp-server: \"fd77::1\" is no IPv4 address", ",vni=7,trusted,rarp-server=fd77::1"),
            ("vm0", "rarp-server: is there twice", ",vni=7,trusted,rarp-server=192.0.2.1,rarp-server=192.0.2.1"),
            ("vm0", "learn-macs: is there twice", ",vni=7,trusted,learn=1,learn-macs=1,learn-macs=1"),
            ("vm0", "learn-macs: needs trusted, and learn for the addresses", ",vni=7,trusted,learn-macs=1"),
            (
                "vm0",
                "learn-macs: needs trusted, and learn for the addresses",
                ",vni=7,mac=52:54:00:77:00:10,learn=1,learn-macs=1",
            ),
            ("vm0", "learn-within: needs learn: no address is learned", ",vni=7,trusted,learn-within=fd77::/64"),
            ("vm0", "ip: missing for 00:00:5e:00:01:0a", ",vni=7,trusted,learn=1,shared=00:00:5e:00:01:0a"),
            ("vm0", "mac: missing; only a trusted port has no station", ",vni=7,shared=00:00:5e:00:01:0a,ip=fd77::1"),
            (
                "vm0",
                "mac: 00:00:5e:00:01:0a is there twice",
                ",vni=7,mac=00:00:5e:00:01:0a,ip=fd77::2,shared=00:00:5e:00:01:0a,ip=fd77::1",
            ),
            (
                "vm0",
                "flag: \"\" is none of kind=, vni=, mac=, ip=, shared=, learn=, learn-within=, learn-macs=, rarp-server=, trusted, router-advertisements, dhcp-server, announce, no-too-big, host-may-hear, active",
                ",vni=7,",
            ),
            (
                "vm0",
                "flag: \"mtu=9\" is none of kind=, vni=, mac=, ip=, shared=, learn=, learn-within=, learn-macs=, rarp-server=, trusted, router-advertisements, dhcp-server, announce, no-too-big, host-may-hear, active",
                ",vni=7,mtu=9",
            ),
        ];
        for (name, why, rest) in cases {
            let said = format!("{name}{rest}").parse::<Port>().unwrap_err().to_string();
            assert_eq!(said, format!("port {name:?}: {why}"), "{name}{rest}");
        }
    }

    #[test]
    fn a_port_from_elsewhere_is_checked_alike() {
        let read: Port =
            serde_json::from_str(r#"{"name":"vm0","vni":7,"stations":[{"mac":"52:54:00:77:00:10","ips":[]}]}"#)
                .unwrap();

        assert_eq!(read.validate().unwrap_err().field, "ip");
    }
}
