//! Layers of Neighbor Discovery and of the messages that share its options.

use super::{Row, hex, kept};
use nvo3_wire::build::Layer;
use nvo3_wire::nd::*;
use nvo3_wire::{Ipv6, Mac, icmpv6};
use serde_json::Value;
use zerocopy::big_endian::{U16, U32};

pub(crate) fn layers<'a>(row: &Row<'a>, take: &mut impl FnMut(&'static str), out: &mut Vec<Box<dyn Layer + 'a>>) {
    let (kind, code, checksum) = (row.number("type") as u8, row.number("code") as u8, U16::ZERO);
    let (icmp, reserved) = (icmpv6::Header { kind, code, checksum }, [0; 4]);
    let described = row.layer()["fields"]["options"].as_array().unwrap().iter();
    let options = kept(described.map(|fields| option(Described { fields, raw: raw(row, fields) }, take)).collect());
    let fixed: Box<dyn Layer + 'a> = match row.layer()["fields"]["kind"].as_str().unwrap() {
        "ns" => whole(row, Solicitation::new(row.ipv6("target")), options),
        "na" => {
            let [router, solicited, overrides] = ["r", "s", "o"].map(|key| row.flag(key));
            whole(row, Advertisement::new(Flags { router, solicited, overrides }, row.ipv6("target")), options)
        }
        "rs" => whole(row, RouterSolicitation::new(), options),
        "ra" => {
            let [managed, other, home_agent, proxied] = ["m", "o", "h", "p"].map(|key| row.flag(key));
            let preference = row.number("prf") as u8;
            let flags = RouterFlags { managed, other, home_agent, proxied, preference };
            let body = RouterAdvertisement {
                cur_hop_limit: row.number("cur_hop_limit") as u8,
                reachable_time: U32::new(row.number("reachable_time") as u32),
                retrans_timer: U32::new(row.number("retrans_timer") as u32),
                ..RouterAdvertisement::new(flags, row.number("router_lifetime") as u16)
            };
            whole(row, body, options)
        }
        "redirect" => whole(row, Redirect::new(row.ipv6("target"), row.ipv6("destination")), options),
        "ins" | "ina" => Box::new(Inverse { icmp, reserved }),
        "cps" => {
            let [identifier, component] = ["identifier", "component"].map(|key| U16::new(row.number(key) as u16));
            Box::new(CertificationSolicitation { icmp, identifier, component })
        }
        "cpa" => {
            let [identifier, all_components, component] =
                ["identifier", "all_components", "component"].map(|key| U16::new(row.number(key) as u16));
            let reserved = [0; 2];
            Box::new(CertificationAdvertisement { icmp, identifier, all_components, component, reserved })
        }
        "fmip" => {
            let identifier = U16::new(row.number("identifier") as u16);
            Box::new(FastHandover { icmp, subtype: row.number("subtype") as u8, reserved: 0, identifier })
        }
        "dar" | "dac" => {
            let eui64 = hex(&row.text::<String>("eui64")).try_into().unwrap();
            let (status, lifetime) = (row.number("status") as u8, U16::new(row.number("lifetime") as u16));
            Box::new(Duplicate { icmp, status, reserved: 0, lifetime, eui64, address: row.ipv6("addr") })
        }
        other => panic!("ICMPv6 {other}"),
    };
    out.push(fixed);
    out.extend(options.iter().map(|option| Box::new(option) as Box<dyn Layer>));
}

/// The fixed part as a layer. Written together with its options it must give the same message.
fn whole<'a, T: Body + Layer + Copy + 'a>(row: &Row<'a>, body: T, options: &[NdOption<'_>]) -> Box<dyn Layer + 'a> {
    let ip = row.all[..row.at].iter().rfind(|layer| layer["proto"] == "ipv6").unwrap();
    let [source, destination] = ["src", "dst"].map(|key| ip_of(&ip["fields"][key]));
    let message = Outgoing { source, destination, body, options };
    let mut out = vec![0xa5; message.len()];

    assert!(message.write(&mut out[1..]).is_err());
    assert_eq!(message.write(&mut out), Ok(out.len()));
    assert_eq!(out, row.frame[row.offset()..row.end()], "{}", row.layer());
    Box::new(body)
}

/// The bytes of an option, for the values that its row does not have.
fn raw<'a>(row: &Row<'a>, fields: &Value) -> &'a [u8] {
    let [at, size] = ["off", "size"].map(|key| fields[key].as_u64().unwrap() as usize);
    &row.bytes()[at..at + size]
}

fn ip_of(text: &Value) -> Ipv6 {
    text.as_str().unwrap().parse::<std::net::Ipv6Addr>().unwrap().into()
}

/// A value that an option borrows. A test may leak it.
fn lent<'a, T: 'a>(value: T) -> &'a T {
    Box::leak(Box::new(value))
}

/// An option from its row.
struct Described<'a> {
    fields: &'a Value,
    raw: &'a [u8],
}

impl<'a> Described<'a> {
    fn number(&self, key: &str) -> u64 {
        self.fields[key].as_u64().unwrap_or_else(|| panic!("{key}: {}", self.fields))
    }

    fn byte(&self, key: &str) -> u8 {
        self.number(key) as u8
    }

    fn text(&self, key: &str) -> &'a str {
        self.fields[key].as_str().unwrap_or_else(|| panic!("{key}: {}", self.fields))
    }

    fn mac(&self, key: &str) -> Mac {
        self.text(key).parse().unwrap()
    }

    fn ip(&self, key: &str) -> Ipv6 {
        ip_of(&self.fields[key])
    }

    fn ips(&self, key: &str) -> &'a [Ipv6] {
        kept(self.fields[key].as_array().unwrap().iter().map(ip_of).collect())
    }

    fn hex(&self, key: &str) -> &'a [u8] {
        kept(hex(self.text(key)))
    }
}

fn option<'a>(row: Described<'a>, take: &mut impl FnMut(&'static str)) -> NdOption<'a> {
    let raw = row.raw;
    match row.text("name") {
        "sll" => NdOption::SourceLink(lent(row.mac("lladdr"))),
        "tll" => NdOption::TargetLink(lent(row.mac("lladdr"))),
        "pio" => {
            let flags = row.byte("l") << 7 | row.byte("a") << 6 | row.byte("r") << 5;
            let [valid, preferred] = ["valid_lifetime", "preferred_lifetime"].map(|key| row.number(key) as u32);
            NdOption::Prefix(lent(Prefix::new(row.ip("prefix"), row.byte("prefix_len"), flags, valid, preferred)))
        }
        "rh" => {
            take("ND redirected packet: the row has its length only");
            NdOption::Redirected(&raw[8..])
        }
        "mtu" => NdOption::Mtu(lent(Mtu::new(row.number("mtu") as u32))),
        "scl" => NdOption::ShortcutLimit(lent(ShortcutLimit::new(row.byte("limit")))),
        "ai" => NdOption::AdvertisementInterval(lent(AdvertisementInterval::new(row.number("interval") as u32))),
        "hai" => {
            NdOption::HomeAgent(lent(HomeAgent::new(row.number("preference") as u16, row.number("lifetime") as u16)))
        }
        "sal" => NdOption::SourceAddresses(row.ips("addrs")),
        "tal" => NdOption::TargetAddresses(row.ips("addrs")),
        "cga" => NdOption::Cga(Cga { params: row.hex("params") }),
        "rsa" => {
            take("SEND signature, trust anchor or certificate: absent from the row");
            let key_hash = row.hex("key_hash").try_into().unwrap();
            NdOption::Signature(Signature { key_hash, signature: &raw[20..] })
        }
        "ts" => NdOption::Timestamp(lent(Timestamp::new(row.number("timestamp")))),
        "nonce" => NdOption::Nonce(row.hex("nonce")),
        "ta" => {
            take("SEND signature, trust anchor or certificate: absent from the row");
            let name = &raw[4..raw.len() - row.number("pad_len") as usize];
            NdOption::TrustAnchor(TrustAnchor { name_type: row.byte("name_type"), name })
        }
        "cert" => {
            take("SEND signature, trust anchor or certificate: absent from the row");
            NdOption::Certificate(Certificate { cert_type: row.byte("cert_type"), certificate: &raw[4..] })
        }
        "ipp" => {
            let option = HandoverAddress::new(row.byte("opt_code"), row.ip("addr"), row.byte("prefix_len"));
            NdOption::HandoverAddress(lent(option))
        }
        "nrp" => {
            let option = HandoverAddress::router_prefix(row.ip("prefix"), row.byte("prefix_len"));
            NdOption::RouterPrefix(lent(option))
        }
        "lla" => NdOption::HandoverLink(lent(HandoverLink::new(row.byte("opt_code"), row.mac("lladdr")))),
        "naack" => NdOption::Acknowledgment(lent(Acknowledgment::new(row.byte("status")))),
        "map" => {
            let [dist, pref, regional] = ["dist", "pref", "r"].map(|key| row.byte(key));
            let (lifetime, addr) = (row.number("valid_lifetime") as u32, row.ip("addr"));
            NdOption::MobilityAnchor(lent(MobilityAnchor::new(dist, pref, regional == 1, lifetime, addr)))
        }
        "rio" => {
            let (preference, lifetime) = (row.byte("prf"), row.number("lifetime") as u32);
            let prefix = &lent(row.ip("prefix")).0[..(row.number("len") as usize - 1) * 8];
            NdOption::Route(Route { prefix_len: row.byte("prefix_len"), preference, lifetime, prefix })
        }
        "rdnss" => NdOption::Rdnss(Rdnss { lifetime: row.number("lifetime") as u32, addrs: row.ips("addrs") }),
        "efo" => {
            take("ND option of no fields in the row");
            NdOption::ExtendedFlags(raw[2..].try_into().unwrap())
        }
        "mnid" => {
            NdOption::MobileNode(MobileNode { opt_code: row.byte("opt_code"), mn_id: row.text("mn_id").as_bytes() })
        }
        "dnssl" => {
            let (mut written, mut at) = ([0; 2048], 0);
            for domain in row.fields["domains"].as_array().unwrap() {
                at += Name::write(domain.as_str().unwrap(), &mut written[at..]).unwrap();
            }
            NdOption::Dnssl(Dnssl { lifetime: row.number("lifetime") as u32, names: kept(written[..at].to_vec()) })
        }
        "aro" => {
            let (lifetime, eui64) = (row.number("lifetime") as u16, row.hex("eui64").try_into().unwrap());
            NdOption::AddressRegistration(lent(AddressRegistration::new(row.byte("status"), lifetime, eui64)))
        }
        "6co" => NdOption::Context(Context {
            context_len: row.byte("context_len"),
            compression: row.byte("c") == 1,
            cid: row.byte("cid"),
            lifetime: row.number("lifetime") as u16,
            prefix: row.hex("prefix"),
        }),
        "abro" => {
            let (version, lifetime) = (row.number("version") as u32, row.number("lifetime") as u16);
            NdOption::BorderRouter(lent(BorderRouter::new(version, lifetime, row.ip("addr"))))
        }
        "6cio" => NdOption::Capabilities(lent(Capabilities::new(row.number("bits") as u16))),
        "cp" => NdOption::CaptivePortal(CaptivePortal { uri: row.text("uri").as_bytes() }),
        "pref64" => {
            let prefix = *row.ip("prefix").0.first_chunk().unwrap();
            NdOption::Pref64(lent(Pref64::new(prefix, row.number("scaled_lifetime") as u16, row.byte("plc"))))
        }
        _ => {
            take("ND option of no fields in the row");
            NdOption::Other { kind: row.byte("type"), content: &raw[2..] }
        }
    }
}
