//! A port as a flag.

use crate::{Port, PortKind, Station};
use nvo3_wire::{Mac, Vni};
use std::str::FromStr;

/// What is wrong with a port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// An interface's name has 1 to 15 bytes.
    #[error("name {0:?}: must have 1 to 15 bytes")]
    Name(String),
    /// There is no default.
    #[error("vni: missing")]
    NoVni,
    /// Not what the field takes.
    #[error("{field} {value:?}: must be {wanted}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// An address before any station.
    #[error("ip {0}: must follow the mac of its station")]
    NoStation(String),
    /// A station without one cannot be found.
    #[error("mac {0}: must be followed by an ip")]
    NoIp(Mac),
    /// Nobody could speak there.
    #[error("{0}: must have a station (mac and ip) or be trusted")]
    NoUse(String),
    /// No such field.
    #[error("{0:?}: must be one of vni= kind= mac= ip= trusted active")]
    Field(String),
}

impl Port {
    /// Whether it can be opened, as far as it says itself.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn validate(&self) -> Result<(), PortError> {
        if !(1..=15).contains(&self.name.len()) {
            return Err(PortError::Name(self.name.clone()));
        }
        for station in &self.stations {
            if station.mac.is_group() {
                return Err(bad("mac", station.mac, "the address of one station"));
            }
            if station.ips.is_empty() {
                return Err(PortError::NoIp(station.mac));
            }
        }
        if self.stations.is_empty() && !self.trusted {
            return Err(PortError::NoUse(self.name.clone()));
        }
        Ok(())
    }
}

impl FromStr for Port {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let mut fields = text.split(',');
        let name = fields.next().unwrap_or_default().to_owned();
        let (mut vni, mut kind, mut stations) = (None, PortKind::Packet, Vec::<Station>::new());
        let (mut trusted, mut active) = (false, false);
        for field in fields {
            match field.split_once('=').unwrap_or((field, "")) {
                ("vni", value) => {
                    let number = value.parse().ok().and_then(Vni::new);
                    vni = Some(number.ok_or_else(|| bad("vni", value, "a number of 24 bits"))?);
                }
                ("kind", "packet") => kind = PortKind::Packet,
                ("kind", "tap") => kind = PortKind::Tap,
                ("kind", value) => return Err(bad("kind", value, "packet or tap")),
                ("mac", value) => {
                    let mac = value.parse().map_err(|_| bad("mac", value, "six hex pairs separated by colons"))?;
                    stations.push(Station { mac, ips: Vec::new() });
                }
                ("ip", value) => {
                    let station = stations.last_mut().ok_or_else(|| PortError::NoStation(value.to_owned()))?;
                    station.ips.push(value.parse().map_err(|_| bad("ip", value, "an IPv4 or IPv6 address"))?);
                }
                ("trusted", "") => trusted = true,
                ("active", "") => active = true,
                _ => return Err(PortError::Field(field.to_owned())),
            }
        }
        let port = Self { name, kind, vni: vni.ok_or(PortError::NoVni)?, stations, trusted, active };
        port.validate()?;
        Ok(port)
    }
}

fn bad(field: &'static str, value: impl ToString, wanted: &'static str) -> PortError {
    PortError::Value { field, value: value.to_string(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_its_fields() {
        let text = "vm0,vni=77,kind=tap,mac=52:54:00:77:00:10,ip=192.0.2.10,ip=2001:db8::10,mac=02:00:00:00:00:01,ip=192.0.2.1,active";
        let port: Port = text.parse().unwrap();
        assert_eq!((port.name.as_str(), port.kind, port.vni.get()), ("vm0", PortKind::Tap, 77));
        assert_eq!((port.trusted, port.active), (false, true));
        assert_eq!(port.stations.iter().map(|station| station.ips.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(port.tsis()[1].key.mac, Mac([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn mistakes_name_their_field() {
        #[rustfmt::skip]
        let table = [
            ("",                                    "vni: missing"),
            (",vni=1,trusted",                      "name \"\": must have 1 to 15 bytes"),
            ("sixteen-and-more,vni=1,trusted",      "name \"sixteen-and-more\": must have 1 to 15 bytes"),
            ("a,vni=16777216,trusted",              "vni \"16777216\": must be a number of 24 bits"),
            ("a,vni=1,kind=tun",                    "kind \"tun\": must be packet or tap"),
            ("a,vni=1,mac=02:00",                   "mac \"02:00\": must be six hex pairs separated by colons"),
            ("a,vni=1,mac=01:00:5e:00:00:01,ip=192.0.2.1", "mac \"01:00:5e:00:00:01\": must be the address of one station"),
            ("a,vni=1,ip=192.0.2.1",                "ip 192.0.2.1: must follow the mac of its station"),
            ("a,vni=1,mac=02:00:00:00:00:01",       "mac 02:00:00:00:00:01: must be followed by an ip"),
            ("a,vni=1,mac=02:00:00:00:00:01,ip=x",  "ip \"x\": must be an IPv4 or IPv6 address"),
            ("a,vni=1",                             "a: must have a station (mac and ip) or be trusted"),
            ("a,vni=1,trusted=no",                  "\"trusted=no\": must be one of vni= kind= mac= ip= trusted active"),
        ];

        for (text, says) in table {
            assert_eq!(text.parse::<Port>().unwrap_err().to_string(), says);
        }
    }
}
