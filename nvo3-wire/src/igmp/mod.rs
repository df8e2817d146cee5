//! IGMP of versions 1 to 3 (RFC 1112, RFC 2236, RFC 3376): queries, reports and leaves.
//!
//! An edge reads them to snoop group membership, and writes them to query its hosts.
//!
//! [`Header`] shows the layout of the first 8 bytes, [`group`] those of records and sources.
//! [`Message::parse`] reads a message; [`Query`], [`Header`] and [`Report`] write one.

mod build;

pub use crate::group::{RecordKind, Report};

use crate::error::take;
use crate::group::{self, from_code};
use crate::ipv4::{self, Ipv4Option};
use crate::{Error, Ipv4, Protocol, Rule};
use core::fmt;
use core::time::Duration;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Type of a query of any version.
pub const QUERY: u8 = 0x11;
/// Type of a version 1 report.
pub const REPORT_V1: u8 = 0x12;
/// Type of a version 2 report.
pub const REPORT_V2: u8 = 0x16;
/// Type of a version 2 leave.
pub const LEAVE: u8 = 0x17;
/// Type of a version 3 report.
pub const REPORT_V3: u8 = 0x22;

/// The first 8 bytes of every message except the version 3 report (RFC 2236 §2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      | response time |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                         group address                         |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type.
    pub kind: u8,
    /// Longest time until an answer, in tenths of a second. From 128 on it has an exponent in version 3; see [`Query`].
    pub response_code: u8,
    /// Checksum over the whole message, without pseudo-header.
    pub checksum: U16,
    /// Group; unspecified in a general query. In a version 3 report: reserved, and the number of records.
    pub group: Ipv4,
}

/// The part of a version 3 query after the first 8 bytes (RFC 3376 §4.1).
pub type QueryV3 = group::Querier;
/// A group record (RFC 3376 §4.2.4).
pub type Record<'a> = group::Record<'a, Ipv4>;
/// The records of a version 3 report, checked once.
pub type Records<'a> = group::Records<'a, Ipv4>;

/// A query of any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// 1, 2 or 3. Length and response code determine it (RFC 3376 §7.1).
    pub version: u8,
    /// The group in question; unspecified for all groups.
    pub group: Ipv4,
    /// Longest time until an answer. [`Query::write`] rounds it down to tenths of a second, and to a value of the code.
    pub response: Duration,
    /// The part that only version 3 has.
    pub v3: Option<&'a QueryV3>,
    /// The sources in question.
    pub sources: &'a [Ipv4],
}

/// A message by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// A router asks for the members.
    Query(Query<'a>),
    /// A host is a member of this group (version 1 or 2).
    Report {
        /// 1 or 2.
        version: u8,
        /// The group.
        group: Ipv4,
    },
    /// A host is no longer a member of this group (version 2).
    Leave(Ipv4),
    /// Records of version 3.
    Records(Records<'a>),
    /// Another type, which receivers ignore (RFC 3376 §4).
    Other(u8),
}

/// A message and the IPv4 packet that carries it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The packet.
    pub ip: ipv4::Packet<'a>,
    /// The first 8 bytes.
    pub header: &'a Header,
    /// The message by type.
    pub kind: Kind<'a>,
}

impl<'a> Message<'a> {
    /// Reads the message of an IPv4 packet with its records.
    ///
    /// # Errors
    /// [`Rule::NextHeader`] if the packet carries another protocol, [`Rule::Fragment`], [`Rule::Truncated`],
    /// [`Rule::Length`] for a query of 9 to 11 bytes (RFC 3376 §7.1). The offset counts from the IPv4 header.
    pub fn parse(ip: &ipv4::Packet<'a>) -> Result<Self, Error> {
        if ip.header.protocol != ipv4::IGMP {
            return Err(Error::new(Protocol::Ipv4, 0, Rule::NextHeader(ip.header.protocol)));
        }
        if ip.header.is_fragment() {
            return Err(Error::new(Protocol::Igmp, ip.header_len(), Rule::Fragment));
        }
        let read = || {
            let (header, behind) = take::<Header>(ip.payload, Protocol::Igmp)?;
            let kind = match header.kind {
                QUERY => Kind::Query(query(header, behind)?),
                REPORT_V1 => Kind::Report { version: 1, group: header.group },
                REPORT_V2 => Kind::Report { version: 2, group: header.group },
                LEAVE => Kind::Leave(header.group),
                REPORT_V3 => {
                    let [.., high, low] = header.group.0;
                    Kind::Records(Records::parse(behind, u16::from_be_bytes([high, low]))?)
                }
                other => Kind::Other(other),
            };
            Ok(Self { ip: *ip, header, kind })
        };
        read().map_err(|error: Error| error.at(ip.header_len()))
    }

    /// Checks the receiver's rules of RFC 2236 §2 and RFC 3376 §4: the checksum verifies, the TTL is 1, version 2 and 3
    /// have a router alert, and group addresses are groups.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Checksum`], [`Rule::NotOneHop`], [`Rule::NoRouterAlert`] or [`Rule::NotGroup`].
    pub fn validate(&self) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Igmp, self.ip.header_len(), rule));
        if !crate::checksum::verify(self.ip.payload) {
            return error(Rule::Checksum(self.header.checksum.get()));
        }
        if self.ip.header.ttl != 1 {
            return error(Rule::NotOneHop(self.ip.header.ttl));
        }
        let version1 = matches!(self.kind, Kind::Report { version: 1, .. } | Kind::Query(Query { version: 1, .. }));
        if !version1 && !self.ip.iter_options().any(|option| matches!(option, Ipv4Option::RouterAlert(_))) {
            return error(Rule::NoRouterAlert);
        }
        let no_group = match self.kind {
            Kind::Query(query) => Some(query.group).filter(|group| !group.is_unspecified() && !group.is_multicast()),
            Kind::Report { group, .. } | Kind::Leave(group) => Some(group).filter(|group| !group.is_multicast()),
            Kind::Records(records) => records.iter().map(|r| r.group).find(|group| !group.is_multicast()),
            Kind::Other(_) => None,
        };
        no_group.map_or(Ok(()), |group| error(Rule::NotGroup(group)))
    }
}

/// The unit of response times.
const TENTH: Duration = Duration::from_millis(100);

fn query<'a>(header: &Header, behind: &'a [u8]) -> Result<Query<'a>, Error> {
    let (group, code) = (header.group, header.response_code);
    let plain = |version, code| Ok(Query { version, group, response: TENTH * u32::from(code), v3: None, sources: &[] });
    match (behind.len(), code) {
        (0, 0) => return plain(1, 100),
        (0, code) => return plain(2, code),
        (length @ 1..4, _) => return Err(Error::new(Protocol::Igmp, 0, Rule::Length(length + 8))),
        _ => {}
    }
    let (v3, sources) = QueryV3::parse(behind, size_of::<Header>())?;
    let response = TENTH * u32::from(from_code(code));
    Ok(Query { version: 3, group, response, v3: Some(v3), sources })
}

/// For example `IGMPv3 report 239.1.2.3 to_ex {}`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Query(query) if query.group.is_unspecified() => write!(f, "IGMPv{} general query", query.version),
            Kind::Query(query) => {
                write!(f, "IGMPv{} query for {}", query.version, query.group)?;
                query.sources.iter().try_for_each(|source| write!(f, " {source}"))
            }
            Kind::Report { version, group } => write!(f, "IGMPv{version} report {group}"),
            Kind::Leave(group) => write!(f, "IGMPv2 leave {group}"),
            Kind::Records(records) => {
                f.write_str("IGMPv3 report")?;
                records.iter().try_for_each(|record| write!(f, " {record}"))
            }
            Kind::Other(kind) => write!(f, "IGMP type {kind:#04x}"),
        }
    }
}

#[cfg(test)]
mod tests;
