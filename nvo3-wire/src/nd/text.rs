//! The text form of messages: one line of a packet analyser.

use super::{Advertisement, Message, Nd, Options, Redirect, RouterAdvertisement, RouterSolicitation, Solicitation};
use core::fmt;

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for option in *self {
            write!(f, "{between}{option}")?;
            between = ", ";
        }
        Ok(())
    }
}

/// Writes the options after the message's own text.
fn behind(options: &Options<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    options.iter().try_for_each(|option| write!(f, ", {option}"))
}

impl fmt::Display for Message<'_, Solicitation> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NS who has {}", self.body.target)?;
        behind(&self.options, f)
    }
}

impl fmt::Display for Message<'_, Advertisement> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.body.flags();
        write!(f, "NA {} is here", self.body.target)?;
        named(f, &[(flags.router, "router"), (flags.solicited, "solicited"), (flags.overrides, "override")])?;
        behind(&self.options, f)
    }
}

impl fmt::Display for Message<'_, RouterSolicitation> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RS from {}", self.ip.source)?;
        behind(&self.options, f)
    }
}

impl fmt::Display for Message<'_, RouterAdvertisement> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (body, flags) = (self.body, self.body.flags());
        write!(
            f,
            "RA from {} router for {} s, hop limit {}",
            self.ip.source, body.router_lifetime, body.cur_hop_limit
        )?;
        named(
            f,
            &[
                (flags.managed, "managed"),
                (flags.other, "other"),
                (flags.home_agent, "home agent"),
                (flags.proxied, "proxied"),
                (flags.preference == 1, "high preference"),
                (flags.preference == 3, "low preference"),
            ],
        )?;
        if body.reachable_time.get() != 0 {
            write!(f, ", reachable {} ms", body.reachable_time)?;
        }
        if body.retrans_timer.get() != 0 {
            write!(f, ", retransmit {} ms", body.retrans_timer)?;
        }
        behind(&self.options, f)
    }
}

impl fmt::Display for Message<'_, Redirect> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redirect {} to {}", self.body.destination, self.body.target)?;
        behind(&self.options, f)
    }
}

fn named(f: &mut fmt::Formatter<'_>, flags: &[(bool, &str)]) -> fmt::Result {
    flags.iter().filter(|(set, _)| *set).try_for_each(|(_, name)| write!(f, ", {name}"))
}

impl fmt::Display for Nd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouterSolicitation(message) => message.fmt(f),
            Self::RouterAdvertisement(message) => message.fmt(f),
            Self::Solicitation(message) => message.fmt(f),
            Self::Advertisement(message) => message.fmt(f),
            Self::Redirect(message) => message.fmt(f),
            Self::Other(message) => write!(f, "ICMPv6 type {} code {}", message.header.kind, message.header.code),
        }
    }
}
