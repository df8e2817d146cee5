//! ICMP for IPv4 (RFC 792): echo, errors with the packet that they quote, and errors to send.
//!
//! [`Header`] shows the layout. [`Message::parse`] reads a message, [`Message::kind`] decodes it, and [`error()`] writes an
//! error about a packet.

mod error;

pub use error::{Report, answerable, error};

use crate::error::{place, take};
use crate::{Error, Ipv4, Protocol, Rule, ipv4};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Type of Destination Unreachable.
pub const UNREACHABLE: u8 = 3;
/// Type of Redirect.
pub const REDIRECT: u8 = 5;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 8;
/// Type of Time Exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// Type of Parameter Problem.
pub const PARAMETER_PROBLEM: u8 = 12;

/// Code of Destination Unreachable: the packet is too long for the next hop and must not be fragmented.
pub const FRAGMENTATION_NEEDED: u8 = 4;

/// The ICMP header (RFC 792).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+-------------------------------+
/// |     type      |     code      |           checksum            |
/// +---------------+---------------+-------------------------------+
/// |                      depends on the type                      |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum over the whole message, without pseudo-header.
    pub checksum: U16,
    /// Identifier and sequence number, next-hop MTU, gateway or pointer, depending on the type.
    pub rest: [u8; 4],
}

/// A message: fixed header and data.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The fixed header.
    pub header: &'a Header,
    /// The data of an echo, or the packet that an error quotes.
    pub payload: &'a [u8],
    bytes: &'a [u8],
}

/// An echo request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Identifies the sender on its host.
    pub identifier: u16,
    /// Identifies the request of one sender.
    pub sequence: u16,
    /// The data, which the reply returns unchanged.
    pub data: &'a [u8],
}

/// The packet that an error quotes: its whole header, and as much payload as was quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The fixed header.
    pub header: &'a ipv4::Header,
    /// The quoted part of the payload; at least 8 bytes from a sender that follows RFC 792.
    pub payload: &'a [u8],
}

impl<'a> Quote<'a> {
    /// Reads the header of a quoted packet. `None` if it is not an IPv4 header. The quote may end anywhere after it.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, _) = ipv4::Header::ref_from_prefix(bytes).ok()?;
        if header.version_words >> 4 != 4 || header.header_len() < size_of::<ipv4::Header>() {
            return None;
        }
        Some(Self { header, payload: bytes.get(header.header_len()..)? })
    }

    /// Source and destination port of quoted UDP or TCP.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let quoted = matches!(self.header.protocol, ipv4::UDP | ipv4::TCP) && self.header.fragment_offset() == 0;
        let [a, b, c, d] = self.payload.first_chunk::<4>().filter(|_| quoted)?;
        Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
    }
}

/// A message by type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Type 8.
    EchoRequest(Echo<'a>),
    /// Type 0.
    EchoReply(Echo<'a>),
    /// Type 3: the destination is unreachable.
    Unreachable {
        /// 0 net, 1 host, 2 protocol, 3 port, 4 the packet is too long, and others.
        code: u8,
        /// With code 4, the longest packet for the next hop (RFC 1191 §4). Old routers send 0.
        mtu: u16,
    },
    /// Type 5.
    Redirect {
        /// 0 for a net, 1 for a host, 2 and 3 the same for a type of service.
        code: u8,
        /// The better first hop.
        gateway: Ipv4,
    },
    /// Type 11.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
    },
    /// Type 12.
    ParameterProblem {
        /// 0 the pointer names the place, 1 an option is missing, 2 a length is wrong.
        code: u8,
        /// The offset of the wrong byte in the quoted packet.
        pointer: u8,
    },
    /// Any other type.
    Other,
}

impl<'a> Message<'a> {
    /// Reads the fixed header. `bytes` is the whole message.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, payload) = take(bytes, Protocol::Icmpv4)?;
        Ok(Self { header, payload, bytes })
    }

    /// Verifies the checksum (RFC 1122 §3.2.2).
    ///
    /// # Errors
    /// [`Rule::Checksum`] if the checksum does not verify.
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        if crate::checksum::verify(self.bytes) {
            return Ok(());
        }
        Err(Error::new(Protocol::Icmpv4, 0, Rule::Checksum(self.header.checksum.get())))
    }

    /// The message by its type.
    pub fn kind(&self) -> Kind<'a> {
        let Header { kind, code, rest: [a, b, c, d], .. } = *self.header;
        let echo =
            Echo { identifier: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]), data: self.payload };
        match kind {
            ECHO_REQUEST => Kind::EchoRequest(echo),
            ECHO_REPLY => Kind::EchoReply(echo),
            UNREACHABLE => Kind::Unreachable { code, mtu: u16::from_be_bytes([c, d]) },
            REDIRECT => Kind::Redirect { code, gateway: Ipv4([a, b, c, d]) },
            TIME_EXCEEDED => Kind::TimeExceeded { code },
            PARAMETER_PROBLEM => Kind::ParameterProblem { code, pointer: a },
            _ => Kind::Other,
        }
    }

    /// The packet that an error quotes. `None` for other messages, and if the quote is not an IPv4 packet.
    pub fn quote(&self) -> Option<Quote<'a>> {
        matches!(self.header.kind, 3..=5 | 11 | 12).then(|| Quote::parse(self.payload)).flatten()
    }
}

/// For example `ICMP echo request, id 7, seq 1, length 56`. An error shows the flow of the quoted packet.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ICMP ")?;
        match self.kind() {
            Kind::EchoRequest(echo) => write!(f, "echo request, {echo}")?,
            Kind::EchoReply(echo) => write!(f, "echo reply, {echo}")?,
            Kind::Unreachable { code: FRAGMENTATION_NEEDED, mtu } => write!(f, "fragmentation needed, mtu {mtu}")?,
            Kind::Unreachable { code, .. } => write!(f, "unreachable, code {code}")?,
            Kind::Redirect { gateway, .. } => write!(f, "redirect to {gateway}")?,
            Kind::TimeExceeded { code } => write!(f, "time exceeded, code {code}")?,
            Kind::ParameterProblem { code, pointer } => write!(f, "parameter problem, code {code} at byte {pointer}")?,
            Kind::Other => {
                return write!(f, "type {} code {}, length {}", self.header.kind, self.header.code, self.payload.len());
            }
        }
        let Some(quote) = self.quote() else { return Ok(()) };
        write!(f, ", about {} > {}", quote.header.source, quote.header.destination)?;
        match quote.ports() {
            Some((source, destination)) => {
                write!(f, " protocol {} ports {source} > {destination}", quote.header.protocol)
            }
            None => write!(f, " protocol {}", quote.header.protocol),
        }
    }
}

/// For example `id 7, seq 1, length 56`.
impl fmt::Display for Echo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id {}, seq {}, length {}", self.identifier, self.sequence, self.data.len())
    }
}

impl Echo<'_> {
    /// Writes an ICMP message of type [`ECHO_REQUEST`] or [`ECHO_REPLY`]. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` is too short.
    pub fn write(&self, kind: u8, out: &mut [u8]) -> Result<usize, Error> {
        let [a, b] = self.identifier.to_be_bytes();
        let [c, d] = self.sequence.to_be_bytes();
        write(kind, 0, [a, b, c, d], self.data, out)
    }
}

/// Writes a message with its checksum. Returns the number of bytes written.
pub(crate) fn write(kind: u8, code: u8, rest: [u8; 4], payload: &[u8], out: &mut [u8]) -> Result<usize, Error> {
    let (length, available) = (size_of::<Header>() + payload.len(), out.len());
    let (header, behind) = place::<Header>(out, Protocol::Icmpv4)?;
    let Some(placed) = behind.get_mut(..payload.len()) else {
        return Err(Error::no_room(Protocol::Icmpv4, length, available));
    };
    placed.copy_from_slice(payload);
    header.kind = kind;
    header.code = code;
    header.rest = rest;
    header.checksum = U16::ZERO;
    header.checksum = U16::new(crate::checksum::Sum::ZERO.bytes(header.as_bytes()).bytes(payload).checksum());
    Ok(length)
}

#[cfg(test)]
mod tests;
