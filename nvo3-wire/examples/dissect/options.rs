//! Options of ND messages as JSON.

use nvo3_wire::nd::{NdOption, Options, Prefix, RawOption};
use serde_json::{Value, json};

/// All options with their offset in the message, whose fixed part has `body` bytes.
pub(crate) fn list(options: Options<'_>, body: usize) -> Value {
    options.raw().map(|raw| option(raw, body)).collect()
}

fn option(raw: RawOption<'_>, body: usize) -> Value {
    let read = raw.read();
    let byte = |at: usize| raw.bytes.get(at).copied().unwrap_or_default();
    let place = json!({
        "name": name(byte(0)), "type": byte(0), "len": byte(1), "off": body + raw.offset, "size": raw.bytes.len(),
    });
    let ignored = if read.validate().is_err() { json!({"ignored": true}) } else { json!({}) };
    merged(merged(place, fields(read, byte)), ignored)
}

fn name(kind: u8) -> &'static str {
    match kind {
        1 => "sll",
        2 => "tll",
        3 => "pio",
        4 => "rh",
        5 => "mtu",
        6 => "scl",
        7 => "ai",
        8 => "hai",
        9 => "sal",
        10 => "tal",
        11 => "cga",
        12 => "rsa",
        13 => "ts",
        14 => "nonce",
        15 => "ta",
        16 => "cert",
        17 => "ipp",
        18 => "nrp",
        19 => "lla",
        20 => "naack",
        23 => "map",
        24 => "rio",
        25 => "rdnss",
        26 => "efo",
        30 => "mnid",
        31 => "dnssl",
        33 => "aro",
        34 => "6co",
        35 => "abro",
        36 => "6cio",
        37 => "cp",
        38 => "pref64",
        _ => "unk",
    }
}

/// The content of an option. `byte` returns a byte of the whole option, for padding lengths as they were sent.
fn fields(option: NdOption<'_>, byte: impl Fn(usize) -> u8) -> Value {
    match option {
        NdOption::SourceLink(mac) | NdOption::TargetLink(mac) => json!({"lladdr": mac.to_string()}),
        NdOption::Prefix(o) => json!({
            "prefix_len": o.prefix_len, "prefix": o.prefix.to_string(), "l": bit(o.flags & Prefix::ON_LINK != 0),
            "a": bit(o.flags & Prefix::AUTONOMOUS != 0), "r": bit(o.flags & Prefix::ROUTER != 0),
            "valid_lifetime": o.valid_lifetime.get(), "preferred_lifetime": o.preferred_lifetime.get(),
        }),
        NdOption::Redirected(packet) => json!({"inner_len": packet.len()}),
        NdOption::Mtu(o) => json!({"mtu": o.mtu.get()}),
        NdOption::ShortcutLimit(o) => json!({"limit": o.limit}),
        NdOption::AdvertisementInterval(o) => json!({"interval": o.interval.get()}),
        NdOption::HomeAgent(o) => json!({"preference": o.preference.get(), "lifetime": o.lifetime.get()}),
        NdOption::SourceAddresses(list) | NdOption::TargetAddresses(list) => json!({"addrs": texts(list)}),
        NdOption::Cga(o) => json!({"pad_len": byte(2), "params": hex(o.params)}),
        NdOption::Signature(o) => json!({"key_hash": hex(o.key_hash)}),
        NdOption::Timestamp(o) => json!({"timestamp": o.timestamp.get()}),
        NdOption::Nonce(nonce) => json!({"nonce": hex(nonce)}),
        NdOption::TrustAnchor(o) => json!({"name_type": o.name_type, "pad_len": byte(3)}),
        NdOption::Certificate(o) => json!({"cert_type": o.cert_type}),
        NdOption::HandoverAddress(o) => {
            json!({"opt_code": o.opt_code, "prefix_len": o.prefix_len, "addr": o.addr.to_string()})
        }
        NdOption::RouterPrefix(o) => {
            json!({"opt_code": o.opt_code, "prefix_len": o.prefix_len, "prefix": o.addr.to_string()})
        }
        NdOption::HandoverLink(o) => json!({"opt_code": o.opt_code, "lladdr": o.lladdr.to_string()}),
        NdOption::Acknowledgment(o) => json!({"status": o.status}),
        NdOption::MobilityAnchor(o) => json!({
            "dist": o.dist(), "pref": o.pref(), "r": bit(o.is_regional()), "valid_lifetime": o.valid_lifetime.get(),
            "addr": o.addr.to_string(),
        }),
        NdOption::Route(o) => json!({
            "prefix_len": o.prefix_len, "prf": o.preference, "lifetime": o.lifetime, "prefix": o.address().to_string(),
        }),
        NdOption::Rdnss(o) => json!({"lifetime": o.lifetime, "addrs": texts(o.addrs)}),
        NdOption::MobileNode(o) => json!({
            "opt_code": o.opt_code, "pad_len": byte(3), "mn_id": o.mn_id.escape_ascii().to_string(),
        }),
        NdOption::Dnssl(o) => json!({"lifetime": o.lifetime, "domains": texts(o.domains())}),
        NdOption::AddressRegistration(o) => {
            json!({"status": o.status, "lifetime": o.lifetime.get(), "eui64": hex(&o.eui64)})
        }
        NdOption::Context(o) => json!({
            "context_len": o.context_len, "c": bit(o.compression), "cid": o.cid, "lifetime": o.lifetime,
            "prefix": hex(o.prefix),
        }),
        NdOption::BorderRouter(o) => {
            json!({"version": o.version(), "lifetime": o.lifetime.get(), "addr": o.addr.to_string()})
        }
        NdOption::Capabilities(o) => json!({"bits": o.bits.get()}),
        NdOption::CaptivePortal(o) => json!({"uri": o.text()}),
        NdOption::Pref64(o) => {
            json!({"scaled_lifetime": o.scaled_lifetime(), "plc": o.plc(), "prefix": o.address().to_string()})
        }
        _ => json!({}),
    }
}

pub(crate) fn bit(set: bool) -> u8 {
    set.into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

/// Merges the fields of both objects.
pub(crate) fn merged(fields: Value, more: Value) -> Value {
    match (fields, more) {
        (Value::Object(fields), Value::Object(more)) => Value::Object(fields.into_iter().chain(more).collect()),
        (fields, _) => fields,
    }
}
