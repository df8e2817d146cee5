//! The values of the flags that say what an edge may do.

use nvo3_mobility::nva::{ClaimsByWord, LocatorsFrom, Rule};
use nvo3_nva_proto::NveId;
use nvo3_nva_proto::nvo3_wire::{Mac, Vni};
use serde::Deserialize;
use std::net::IpAddr;
use std::str::FromStr;

/// The VMs that one edge may have.
#[derive(Clone, Debug)]
pub(crate) struct Allow {
    pub(crate) nve: NveId,
    pub(crate) rule: Rule,
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| format!("allow: `{text}`: {what}");
        let (id, all) = text.split_once('=').ok_or_else(|| wrong(&"ID=KIND:VALUE,... is needed"))?;
        let nve = NveId(id.trim().parse().map_err(|_| wrong(&"the id is not a number"))?);
        let mut rule = Rule::default();
        for part in all.split(',').map(str::trim) {
            let bad = |what: &dyn std::fmt::Display| wrong(&format_args!("`{part}`: {what}"));
            match part.split_once(':') {
                Some(("vni", value)) => {
                    let vni = value.parse().ok().and_then(Vni::new);
                    rule.vns.insert(vni.ok_or_else(|| bad(&"a VNI is 0 to 16777215"))?);
                }
                Some(("mac", value)) => {
                    rule.macs.insert(value.parse().map_err(|error| bad(&error))?);
                }
                Some(("ip", value)) => rule.prefixes.push(value.parse().map_err(|error| bad(&error))?),
                _ => return Err(bad(&"vni:, mac: or ip: is needed")),
            }
        }
        Ok(Self { nve, rule })
    }
}

/// An address that VMs of a VN share.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) vn: Vni,
    pub(crate) ip: IpAddr,
    pub(crate) macs: Vec<Mac>,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &dyn std::fmt::Display| format!("share: `{text}`: {what}");
        let (vni, all) = text.split_once('=').ok_or_else(|| wrong(&"VNI=IP,MAC,MAC,... is needed"))?;
        let vni = vni.trim().parse().ok().and_then(Vni::new);
        let vn = vni.ok_or_else(|| wrong(&"a VNI is 0 to 16777215"))?;
        let mut parts = all.split(',').map(str::trim);
        let ip = parts.next().unwrap_or_default();
        let ip = ip.parse().map_err(|error| wrong(&format_args!("`{ip}`: {error}")))?;
        let macs = parts.map(|mac| mac.parse().map_err(|error| wrong(&format_args!("`{mac}`: {error}"))));
        let macs = macs.collect::<Result<Vec<_>, _>>()?;
        if macs.len() < 2 {
            return Err(wrong(&"it needs two MACs or more"));
        }
        Ok(Self { vn, ip, macs })
    }
}

/// What a hypervisor's word is worth against an edge that is alive.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByWord(pub(crate) ClaimsByWord);

impl FromStr for ByWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "confirmed" => Ok(Self(ClaimsByWord::Confirmed)),
            "trusted" => Ok(Self(ClaimsByWord::Trusted)),
            _ => Err(format!("`{text}` is neither confirmed nor trusted")),
        }
    }
}

impl TryFrom<String> for ByWord {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Whose locators count.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Whose(pub(crate) LocatorsFrom);

impl FromStr for Whose {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "admitted" => Ok(Self(LocatorsFrom::Admitted)),
            "hello" => Ok(Self(LocatorsFrom::Hello)),
            _ => Err(format!("`{text}` is neither admitted nor hello")),
        }
    }
}

impl TryFrom<String> for Whose {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_vnis_macs_and_prefixes_of_one_edge() {
        let Allow { nve, rule } =
            "3=vni:77, vni:78,mac:02:00:00:00:00:10,ip:192.0.2.0/24,ip:2001:db8::/32".parse().unwrap();

        assert_eq!(nve, NveId(3));
        assert_eq!(rule.vns.iter().map(|vn| vn.get()).collect::<Vec<_>>(), [77, 78]);
        assert_eq!(rule.macs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["02:00:00:00:00:10"]);
        assert_eq!(
            rule.prefixes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["192.0.2.0/24", "2001:db8::/32"]
        );
    }

    #[test]
    fn a_shared_address_names_the_macs_that_share_it() {
        let Share { vn, ip, macs } = "77=192.0.2.254, 02:00:00:00:00:10,02:00:00:00:00:11".parse().unwrap();

        assert_eq!((vn.get(), ip.to_string(), macs.len()), (77, "192.0.2.254".into(), 2));
        for (text, part) in [
            ("77", "VNI=IP,MAC,MAC"),
            ("x=192.0.2.1", "a VNI is 0 to 16777215"),
            ("77=,02:00:00:00:00:10", "``: "),
            ("77=192.0.2.1,02", "`02`: "),
            ("77=192.0.2.1,02:00:00:00:00:10", "two MACs or more"),
        ] {
            let error = text.parse::<Share>().map(|_| ()).unwrap_err();
            assert!(error.contains(part), "{part} in: {error}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_names_its_part() {
        for (text, part) in [
            ("3", "ID=KIND:VALUE"),
            ("x=vni:1", "the id is not a number"),
            ("3=", "vni:, mac: or ip:"),
            ("3=vni:16777216", "`vni:16777216`: a VNI is 0 to 16777215"),
            ("3=mac:02", "`mac:02`: "),
            ("3=vni:1,ip:192.0.2.0/33", "`ip:192.0.2.0/33`: the length of the prefix must be 0 to 32"),
            ("3=vlan:1", "`vlan:1`"),
        ] {
            let error = text.parse::<Allow>().map(|_| ()).unwrap_err();
            assert!(error.contains(part), "{part} in: {error}");
        }
    }
}
