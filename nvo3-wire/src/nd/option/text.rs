//! The text form of options.

use super::{HandoverAddress, NdOption};
use core::fmt;

impl fmt::Display for NdOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SourceLink(mac) => write!(f, "sll {mac}"),
            Self::TargetLink(mac) => write!(f, "tll {mac}"),
            Self::Prefix(o) => {
                write!(f, "prefix {}/{}", o.prefix, o.prefix_len)?;
                let flags =
                    [(super::Prefix::ON_LINK, "L"), (super::Prefix::AUTONOMOUS, "A"), (super::Prefix::ROUTER, "R")];
                for (bit, name) in flags {
                    if o.flags & bit != 0 {
                        write!(f, " {name}")?;
                    }
                }
                write!(
                    f,
                    " valid {} preferred {}",
                    Seconds(o.valid_lifetime.get()),
                    Seconds(o.preferred_lifetime.get())
                )
            }
            Self::Redirected(packet) => write!(f, "redirected packet {} B", packet.len()),
            Self::Mtu(o) => write!(f, "mtu {}", o.mtu),
            Self::ShortcutLimit(o) => write!(f, "shortcut limit {}", o.limit),
            Self::AdvertisementInterval(o) => write!(f, "interval {} ms", o.interval),
            Self::HomeAgent(o) => write!(f, "home agent preference {} for {} s", o.preference, o.lifetime),
            Self::SourceAddresses(list) => listed(f, "source addresses", list),
            Self::TargetAddresses(list) => listed(f, "target addresses", list),
            Self::Cga(o) => write!(f, "cga {} B", o.params.len()),
            Self::Signature(o) => write!(f, "rsa signature {} B", o.signature.len()),
            Self::Timestamp(o) => write!(f, "timestamp {}", o.timestamp.get() >> 16),
            Self::Nonce(nonce) => write!(f, "nonce {}", Hex(nonce)),
            Self::TrustAnchor(o) => write!(f, "trust anchor type {} {} B", o.name_type, o.name.len()),
            Self::Certificate(o) => write!(f, "certificate type {} {} B", o.cert_type, o.certificate.len()),
            Self::HandoverAddress(HandoverAddress { opt_code, addr, prefix_len, .. }) => {
                write!(f, "handover address {addr}/{prefix_len} code {opt_code}")
            }
            Self::RouterPrefix(HandoverAddress { addr, prefix_len, .. }) => {
                write!(f, "new router prefix {addr}/{prefix_len}")
            }
            Self::HandoverLink(o) => write!(f, "handover link {} code {}", o.lladdr, o.opt_code),
            Self::Acknowledgment(o) => write!(f, "acknowledgment status {}", o.status),
            Self::MobilityAnchor(o) => {
                write!(f, "anchor {} distance {} preference {}", o.addr, o.dist(), o.pref())?;
                write!(f, " valid {}", Seconds(o.valid_lifetime.get()))
            }
            Self::Route(o) => {
                let preference = ["medium", "high", "reserved", "low"].get(usize::from(o.preference)).unwrap_or(&"?");
                write!(f, "route {}/{} {preference} for {}", o.address(), o.prefix_len, Seconds(o.lifetime))
            }
            Self::Rdnss(o) => {
                listed(f, "dns", o.addrs)?;
                write!(f, " for {}", Seconds(o.lifetime))
            }
            Self::ExtendedFlags(bits) => write!(f, "extended flags {}", Hex(bits)),
            Self::MobileNode(o) => write!(f, "mobile node {}", o.mn_id.escape_ascii()),
            Self::Dnssl(o) => {
                listed(f, "search", o.domains())?;
                write!(f, " for {}", Seconds(o.lifetime))
            }
            Self::AddressRegistration(o) => {
                write!(f, "registers {} status {} for {} min", Hex(&o.eui64), o.status, o.lifetime)
            }
            Self::Context(o) => write!(f, "context {} {}/{} for {} min", o.cid, o.address(), o.context_len, o.lifetime),
            Self::BorderRouter(o) => {
                write!(f, "border router {} version {} for {} min", o.addr, o.version(), o.lifetime)
            }
            Self::Capabilities(o) => write!(f, "6lowpan capabilities {:#06x}", o.bits.get()),
            Self::CaptivePortal(o) => write!(f, "captive portal {}", o.uri.escape_ascii()),
            Self::Pref64(o) => {
                let seconds = u32::from(o.scaled_lifetime()) * 8;
                write!(f, "nat64 {}/{} for {seconds} s", o.address(), o.prefix_len().unwrap_or(0))
            }
            Self::Other { kind, content } => write!(f, "option {kind} {} B", content.len() + 2),
        }
    }
}

fn listed<T: fmt::Display>(f: &mut fmt::Formatter<'_>, name: &str, items: impl IntoIterator<Item = T>) -> fmt::Result {
    f.write_str(name)?;
    items.into_iter().try_for_each(|item| write!(f, " {item}"))
}

/// A lifetime in seconds, of which all ones means forever.
struct Seconds(u32);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u32::MAX { f.write_str("ever") } else { write!(f, "{} s", self.0) }
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
