//! MLD of versions 1 and 2 (RFC 2710, RFC 3810): queries, reports and dones.
//!
//! An edge reads them to snoop group membership, and writes them to query its hosts.
//!
//! [`Header`] shows the layout of a query, [`group`] those of records and sources. [`Message::parse`] reads
//! a message; [`Query`], [`Header`] and [`Report`] write one.

mod build;

pub use crate::group::{RecordKind, Report};

use crate::error::take;
use crate::ipv6::{self, Ipv6Option};
use crate::{Error, Ipv6, Protocol, Rule};
use crate::{group, icmpv6};
use core::fmt;
use core::time::Duration;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Type of a query of either version.
pub const QUERY: u8 = 130;
/// Type of a version 1 report.
pub const REPORT_V1: u8 = 131;
/// Type of a version 1 done.
pub const DONE: u8 = 132;
/// Type of a version 2 report.
pub const REPORT_V2: u8 = 143;

/// The body of a query, a version 1 report and a done (RFC 2710 §3).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      |     code      |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |         response code         |           reserved            |
/// +-------------------------------+-------------------------------+
/// |                       group address (16)                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type, code and checksum.
    pub icmp: icmpv6::Header,
    /// Longest time until an answer, in milliseconds. From 32,768 on it has an exponent in version 2.
    pub response_code: U16,
    /// Reserved; zero when sent.
    pub reserved: U16,
    /// Group; unspecified in a general query.
    pub group: Ipv6,
}

/// The part that only a version 2 query has (RFC 3810 §5.1).
pub type QueryV2 = group::Querier;
/// An address record (RFC 3810 §5.2.4).
pub type Record<'a> = group::Record<'a, Ipv6>;
/// The records of a version 2 report, checked once.
pub type Records<'a> = group::Records<'a, Ipv6>;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ReportHeader {
    _icmp: icmpv6::Header,
    _reserved: U16,
    records: U16,
}

/// A query of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// 1 or 2. The length determines it (RFC 3810 §8.1).
    pub version: u8,
    /// The group in question; unspecified for all groups.
    pub group: &'a Ipv6,
    /// Longest time until an answer. [`Query::write`] rounds it down to milliseconds, and to a value of the code.
    pub response: Duration,
    /// The part that only version 2 has.
    pub v2: Option<&'a QueryV2>,
    /// The sources in question.
    pub sources: &'a [Ipv6],
}

/// A message by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// A router asks for the listeners.
    Query(Query<'a>),
    /// A host listens to this group (version 1).
    Report(&'a Ipv6),
    /// A host no longer listens to this group (version 1).
    Done(&'a Ipv6),
    /// Records of version 2.
    Records(Records<'a>),
}

/// A message and the packet that carries it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The packet.
    pub ip: ipv6::Packet<'a>,
    /// The ICMPv6 message.
    pub icmp: icmpv6::Message<'a>,
    /// The message by type.
    pub kind: Kind<'a>,
}

impl<'a> Message<'a> {
    /// Reads the message of an IPv6 packet with its records.
    ///
    /// # Errors
    /// The errors of [`icmpv6::Message::parse`], [`Rule::MessageType`] for other messages, [`Rule::Truncated`],
    /// [`Rule::Length`] for a query of 25 to 27 bytes (RFC 3810 §8.1). The offset counts from the IPv6 header.
    pub fn parse(ip: &ipv6::Packet<'a>) -> Result<Self, Error> {
        let icmp = icmpv6::Message::parse(ip)?;
        let read = || match icmp.header.kind {
            QUERY => query(icmp.bytes).map(Kind::Query),
            REPORT_V1 => take::<Header>(icmp.bytes, Protocol::Mld).map(|(header, _)| Kind::Report(&header.group)),
            DONE => take::<Header>(icmp.bytes, Protocol::Mld).map(|(header, _)| Kind::Done(&header.group)),
            REPORT_V2 => records(icmp.bytes).map(Kind::Records),
            other => Err(Error::new(Protocol::Mld, 0, Rule::MessageType(other))),
        };
        let kind = read().map_err(|error| error.at(icmp.offset))?;
        Ok(Self { ip: *ip, icmp, kind })
    }

    /// Checks the receiver's rules of RFC 3810 §5.1.14, §6.2 and §7.4: the checksum verifies, the hop limit is 1, a
    /// router alert is present, the source is link-local, and group addresses are groups.
    ///
    /// A report or done may come from `::`, because a starting host has no address yet. Routers ignore such a message,
    /// but a snooping switch must not (RFC 3590 §4).
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Checksum`], [`Rule::NotOneHop`], [`Rule::NoRouterAlert`], [`Rule::NotLinkLocal`]
    /// or [`Rule::NotGroup6`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Mld, self.icmp.offset, rule));
        self.icmp.validate()?;
        if self.icmp.ip.hop_limit != 1 {
            return error(Rule::NotOneHop(self.icmp.ip.hop_limit));
        }
        if !self.has_router_alert() {
            return error(Rule::NoRouterAlert);
        }
        let source = self.icmp.ip.source;
        let unspecified_report = source.is_unspecified() && !matches!(self.kind, Kind::Query(_));
        if !source.addr().is_unicast_link_local() && !unspecified_report {
            return error(Rule::NotLinkLocal(source));
        }
        let no_group = match self.kind {
            Kind::Query(query) => Some(*query.group).filter(|group| !group.is_unspecified() && !group.is_multicast()),
            Kind::Report(group) | Kind::Done(group) => Some(*group).filter(|group| !group.is_multicast()),
            Kind::Records(records) => records.iter().map(|r| r.group).find(|group| !group.is_multicast()),
        };
        no_group.map_or(Ok(()), |group| error(Rule::NotGroup6(group)))
    }

    fn has_router_alert(&self) -> bool {
        self.ip.extensions().any(|extension| match extension.typed() {
            Ok(ipv6::Kind::HopByHop(options)) => options.iter().any(|o| matches!(o, Ipv6Option::RouterAlert(_))),
            _ => false,
        })
    }
}

/// The unit of response times.
const MILLI: Duration = Duration::from_millis(1);

fn query(bytes: &[u8]) -> Result<Query<'_>, Error> {
    let (header, behind) = take::<Header>(bytes, Protocol::Mld)?;
    let (group, code) = (&header.group, header.response_code.get());
    match behind.len() {
        0 => return Ok(Query { version: 1, group, response: MILLI * code.into(), v2: None, sources: &[] }),
        1..4 => return Err(Error::new(Protocol::Mld, 0, Rule::Length(bytes.len()))),
        _ => {}
    }
    let (v2, sources) = QueryV2::parse(behind, size_of::<Header>())?;
    Ok(Query { version: 2, group, response: MILLI * from_code(code), v2: Some(v2), sources })
}

/// The value of a 16-bit code: a number below 32,768, otherwise 12 bits of mantissa shifted by a 3-bit exponent (RFC
/// 3810 §5.1.3).
const fn from_code(code: u16) -> u32 {
    if code < 0x8000 { code as u32 } else { ((code & 0xfff | 0x1000) as u32) << ((code >> 12 & 7) + 3) }
}

fn records(bytes: &[u8]) -> Result<Records<'_>, Error> {
    let (header, behind) = take::<ReportHeader>(bytes, Protocol::Mld)?;
    Records::parse(behind, header.records.get())
}

/// For example `MLDv2 report ff02::1:ff00:1 to_ex {}`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Query(query) if query.group.is_unspecified() => write!(f, "MLDv{} general query", query.version),
            Kind::Query(query) => {
                write!(f, "MLDv{} query for {}", query.version, query.group)?;
                query.sources.iter().try_for_each(|source| write!(f, " {source}"))
            }
            Kind::Report(group) => write!(f, "MLDv1 report {group}"),
            Kind::Done(group) => write!(f, "MLDv1 done {group}"),
            Kind::Records(records) => {
                f.write_str("MLDv2 report")?;
                records.iter().try_for_each(|record| write!(f, " {record}"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
