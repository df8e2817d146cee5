//! IGMP as far as an edge snoops it, or asks itself: queries, reports and leaves of versions 1 to 3 (RFC 1112, RFC 2236,
//! RFC 3376).

mod build;

pub use build::Report;
pub(crate) use build::{aux_words, put_auxiliary, to_code};

use crate::error::take;
use crate::ipv4::{self, Ipv4Option};
use crate::{Error, Ipv4, Protocol, Rule};
use core::fmt;
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

/// The first 8 bytes of every message but the version 3 report (RFC 2236 §2).
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
    /// Longest time until an answer, in tenths of a second; from 128 on with an exponent, see [`Query`].
    pub response_code: u8,
    /// Checksum over the whole message; there is no pseudo-header.
    pub checksum: U16,
    /// Group, unspecified in a general query; in a version 3 report, reserved and the number of records.
    pub group: Ipv4,
}

/// What a version 3 query has behind the first 8 bytes (RFC 3376 §4.1).
///
/// ```text
/// +-------+-+-----+---------------+-------------------------------+
/// |  res  |S| QRV |     QQIC      |       number of sources       |
/// +-------+-+-----+---------------+-------------------------------+
/// |                      source addresses (4 n)                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct QueryV3 {
    /// Reserved (4 bits), suppress router-side processing (1), querier's robustness (3).
    pub flags: u8,
    /// Querier's query interval code, in seconds; from 128 on with an exponent.
    pub interval_code: u8,
    /// Sources that follow.
    pub sources: U16,
}

/// The first bytes of a group record (RFC 3376 §4.2.4).
///
/// ```text
/// +---------------+---------------+-------------------------------+
/// |     type      |  words of aux |       number of sources       |
/// +---------------+---------------+-------------------------------+
/// |                         group address                         |
/// +---------------------------------------------------------------+
/// |             source addresses (4 n), auxiliary data            |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordHeader {
    kind: u8,
    aux_words: u8,
    sources: U16,
    group: Ipv4,
}

/// What a record of a version 3 report says about its sources (RFC 3376 §4.2.12); MLDv2 has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// 1: from these only, in answer to a query.
    IsInclude,
    /// 2: from all but these, in answer to a query.
    IsExclude,
    /// 3: from now on from these only; with no source it is a leave.
    ToInclude,
    /// 4: from now on from all but these; with no source it is a join.
    ToExclude,
    /// 5: from these too.
    Allow,
    /// 6: from these no longer.
    Block,
    /// Any other, which receivers pass over (RFC 3376 §4.2.12).
    Unknown(u8),
}

impl From<u8> for RecordKind {
    fn from(kind: u8) -> Self {
        match kind {
            1 => Self::IsInclude,
            2 => Self::IsExclude,
            3 => Self::ToInclude,
            4 => Self::ToExclude,
            5 => Self::Allow,
            6 => Self::Block,
            other => Self::Unknown(other),
        }
    }
}

/// As packet analysers have it: `to_ex`
impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IsInclude => "is_in",
            Self::IsExclude => "is_ex",
            Self::ToInclude => "to_in",
            Self::ToExclude => "to_ex",
            Self::Allow => "allow",
            Self::Block => "block",
            Self::Unknown(kind) => return write!(f, "record {kind}"),
        })
    }
}

/// A group record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says about the sources.
    pub kind: RecordKind,
    /// The group.
    pub group: Ipv4,
    /// The sources.
    pub sources: &'a [Ipv4],
    /// Auxiliary data, which no version defines.
    pub auxiliary: &'a [u8],
}

/// The records of a version 3 report, found well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a> {
    bytes: &'a [u8],
    count: u16,
}

impl<'a> Records<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each record.
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (record, behind) = record(rest).ok()?;
            rest = behind;
            Some(record)
        })
    }
}

fn record(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), Error> {
    let (header, behind) = take::<RecordHeader>(bytes, Protocol::Igmp)?;
    let (sources, auxiliary) = (4 * usize::from(header.sources.get()), 4 * usize::from(header.aux_words));
    let split = behind.split_at_checked(sources).and_then(|(sources, behind)| {
        let (auxiliary, rest) = behind.split_at_checked(auxiliary)?;
        Some((<[Ipv4]>::ref_from_bytes(sources).ok()?, auxiliary, rest))
    });
    match split {
        Some((sources, auxiliary, rest)) => {
            Ok((Record { kind: header.kind.into(), group: header.group, sources, auxiliary }, rest))
        }
        None => Err(Error::truncated(Protocol::Igmp, 8 + sources + auxiliary, bytes.len())),
    }
}

/// A query of any version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// 1, 2 or 3, told by length and response code (RFC 3376 §7.1).
    pub version: u8,
    /// The group asked about; unspecified: all.
    pub group: Ipv4,
    /// Longest time until an answer, in milliseconds.
    pub response_ms: u32,
    /// What version 3 has more.
    pub v3: Option<&'a QueryV3>,
    /// The sources asked about.
    pub sources: &'a [Ipv4],
}

/// A message by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Who is a member?
    Query(Query<'a>),
    /// A member of this group, by version 1 or 2.
    Report {
        /// 1 or 2.
        version: u8,
        /// The group.
        group: Ipv4,
    },
    /// No longer a member of this group (version 2).
    Leave(Ipv4),
    /// Records of version 3.
    Records(Records<'a>),
    /// Another type, which receivers ignore (RFC 3376 §4).
    Other(u8),
}

/// A message behind its IPv4 header.
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
    /// Reads the message of an IPv4 packet, its records too.
    ///
    /// # Errors
    /// [`Rule::NextHeader`] where the packet carries something else, [`Rule::Fragment`], [`Rule::Truncated`],
    /// [`Rule::Length`] for a query of 9 to 11 bytes (RFC 3376 §7.1). The offset is from the IPv4 header on.
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
                REPORT_V3 => Kind::Records(records(header, behind)?),
                other => Kind::Other(other),
            };
            Ok(Self { ip: *ip, header, kind })
        };
        read().map_err(|error: Error| error.at(ip.header_len()))
    }

    /// The receiver's rules of RFC 2236 §2 and RFC 3376 §4: the checksum verifies, TTL 1, router alert from version 2
    /// on, and groups are groups; the first that fails.
    ///
    /// # Errors
    /// [`Rule::Checksum`], [`Rule::NotOneHop`], [`Rule::NoRouterAlert`], [`Rule::NotGroup`].
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

fn query<'a>(header: &Header, behind: &'a [u8]) -> Result<Query<'a>, Error> {
    let (group, code) = (header.group, header.response_code);
    let plain =
        |version, code| Ok(Query { version, group, response_ms: u32::from(code) * 100, v3: None, sources: &[] });
    match (behind.len(), code) {
        (0, 0) => return plain(1, 100),
        (0, code) => return plain(2, code),
        (length @ 1..4, _) => return Err(Error::new(Protocol::Igmp, 0, Rule::Length(length + 8))),
        _ => {}
    }
    let (v3, behind) = take::<QueryV3>(behind, Protocol::Igmp).map_err(|e| e.at(8))?;
    let length = 4 * usize::from(v3.sources.get());
    let Some(Ok(sources)) = behind.get(..length).map(<[Ipv4]>::ref_from_bytes) else {
        return Err(Error::truncated(Protocol::Igmp, 12 + length, 12 + behind.len()));
    };
    let response_ms = u32::from(from_code(code)) * 100;
    Ok(Query { version: 3, group, response_ms, v3: Some(v3), sources })
}

/// A code of 8 bits: a number below 128, else 4 bits of mantissa shifted by an exponent of 3 (RFC 3376 §4.1.1, §4.1.7).
const fn from_code(code: u8) -> u16 {
    if code < 128 { code as u16 } else { ((code & 0xf | 0x10) as u16) << ((code >> 4 & 7) + 3) }
}

impl QueryV3 {
    /// Time between general queries, in seconds; 0 where the querier does not say.
    pub const fn interval(&self) -> u16 {
        from_code(self.interval_code)
    }
}

fn records<'a>(header: &Header, bytes: &'a [u8]) -> Result<Records<'a>, Error> {
    let [.., high, low] = header.group.0;
    let count = u16::from_be_bytes([high, low]);
    let mut rest = bytes;
    for _ in 0..count {
        (_, rest) = record(rest).map_err(|e| e.at(8 + bytes.len() - rest.len()))?;
    }
    Ok(Records { bytes, count })
}

/// `IGMPv3 report 239.1.2.3 to_ex {}`
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
                for record in records.iter() {
                    write!(f, " {} {} {{", record.group, record.kind)?;
                    for (n, source) in record.sources.iter().enumerate() {
                        write!(f, "{}{source}", if n == 0 { "" } else { " " })?;
                    }
                    f.write_str("}")?;
                }
                Ok(())
            }
            Kind::Other(kind) => write!(f, "IGMP type {kind:#04x}"),
        }
    }
}

#[cfg(test)]
mod tests;
