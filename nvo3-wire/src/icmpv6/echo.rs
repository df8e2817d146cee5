//! Echo and errors by type, with the packet that an error quotes.

use super::Message;
use crate::checksum::Addresses;
use crate::icmpv4::Echo;
use crate::{Error, Protocol, Rule, ipv6};
use core::fmt;
use zerocopy::{FromBytes, IntoBytes};

/// Type of Destination Unreachable.
pub const UNREACHABLE: u8 = 1;
/// Type of Packet Too Big.
pub const PACKET_TOO_BIG: u8 = 2;
/// Type of Time Exceeded.
pub const TIME_EXCEEDED: u8 = 3;
/// Type of Parameter Problem.
pub const PARAMETER_PROBLEM: u8 = 4;
/// Type of an echo request.
pub const ECHO_REQUEST: u8 = 128;
/// Type of an echo reply.
pub const ECHO_REPLY: u8 = 129;

/// The minimum MTU of every IPv6 link (RFC 8200 §5).
pub const MINIMUM_MTU: usize = 1280;

/// The packet that an error quotes: its whole header, and as much payload as was quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The fixed header.
    pub header: &'a ipv6::Header,
    /// The quoted part of the payload, extension headers included.
    pub payload: &'a [u8],
}

impl<'a> Quote<'a> {
    /// Reads the header of a quoted packet. `None` if it is not an IPv6 header.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = ipv6::Header::ref_from_prefix(bytes).ok()?;
        (header.version_class_label.get() >> 28 == 6).then_some(Self { header, payload })
    }

    /// Source and destination port of quoted UDP or TCP, after any extension headers.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let packet = ipv6::Packet { header: self.header, payload: self.payload };
        let (ipv6::UDP | ipv6::TCP, upper, _) = packet.upper_of_first()? else { return None };
        let [a, b, c, d] = upper.first_chunk::<4>()?;
        Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
    }
}

/// A message by type. For Neighbor Discovery use [`nd`](crate::nd), for MLD [`mld`](crate::mld).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Type 128.
    EchoRequest(Echo<'a>),
    /// Type 129.
    EchoReply(Echo<'a>),
    /// Type 1 (RFC 4443 §3.1).
    Unreachable {
        /// 0 no route, 1 prohibited, 2 beyond scope, 3 address, 4 port, 5 and 6 source or route rejected.
        code: u8,
    },
    /// Type 2 (RFC 4443 §3.2).
    PacketTooBig {
        /// The longest packet for the next hop.
        mtu: u32,
    },
    /// Type 3 (RFC 4443 §3.3).
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
    },
    /// Type 4 (RFC 4443 §3.4).
    ParameterProblem {
        /// The wrong part: 0 a field, 1 a next header, 2 an option.
        code: u8,
        /// The offset of the wrong byte in the packet. It can lie beyond the end of the quote.
        pointer: u32,
    },
    /// Any other type below 128: an unknown error.
    OtherError,
    /// Any other type.
    Other,
}

impl<'a> Message<'a> {
    /// The message by its type.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if an echo or an error has fewer than 8 bytes.
    pub fn kind(&self) -> Result<Kind<'a>, Error> {
        let code = self.header.code;
        if !matches!(self.header.kind, 0..=ECHO_REPLY) {
            return Ok(Kind::Other);
        }
        let [_, _, _, _, a, b, c, d, data @ ..] = self.bytes else {
            return Err(Error::truncated(Protocol::Icmpv6, 8, self.bytes.len()).at(self.offset));
        };
        let word = u32::from_be_bytes([*a, *b, *c, *d]);
        let echo = Echo { identifier: (word >> 16) as u16, sequence: word as u16, data };
        Ok(match self.header.kind {
            ECHO_REQUEST => Kind::EchoRequest(echo),
            ECHO_REPLY => Kind::EchoReply(echo),
            UNREACHABLE => Kind::Unreachable { code },
            PACKET_TOO_BIG => Kind::PacketTooBig { mtu: word },
            TIME_EXCEEDED => Kind::TimeExceeded { code },
            PARAMETER_PROBLEM => Kind::ParameterProblem { code, pointer: word },
            _ => Kind::OtherError,
        })
    }

    /// The packet that an error quotes. `None` for other messages, and if the quote is not an IPv6 packet.
    pub fn quote(&self) -> Option<Quote<'a>> {
        self.bytes.get(8..).filter(|_| self.header.kind < ECHO_REQUEST).and_then(Quote::parse)
    }

    /// Checks the receiver's rules of echo and errors: the checksum verifies, and the MTU in a Packet Too Big is at
    /// least [`MINIMUM_MTU`] (RFC 8201 §4).
    ///
    /// # Errors
    /// [`Rule::Checksum`], [`Rule::Mtu`], and the errors of [`Message::kind`].
    pub fn validate_kind(&self) -> Result<(), Error> {
        self.validate()?;
        match self.kind()? {
            Kind::PacketTooBig { mtu } if (mtu as usize) < MINIMUM_MTU => {
                Err(Error::new(Protocol::Icmpv6, self.offset, Rule::Mtu(mtu)))
            }
            _ => Ok(()),
        }
    }
}

/// For example `ICMPv6 packet too big, mtu 1400, about 2001:db8::1 > 2001:db8::2 ports 5000 > 53`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ICMPv6 ")?;
        match self.kind() {
            Ok(Kind::EchoRequest(echo)) => write!(f, "echo request, {echo}")?,
            Ok(Kind::EchoReply(echo)) => write!(f, "echo reply, {echo}")?,
            Ok(Kind::Unreachable { code }) => write!(f, "unreachable, code {code}")?,
            Ok(Kind::PacketTooBig { mtu }) => write!(f, "packet too big, mtu {mtu}")?,
            Ok(Kind::TimeExceeded { code }) => write!(f, "time exceeded, code {code}")?,
            Ok(Kind::ParameterProblem { code, pointer }) => {
                write!(f, "parameter problem, code {code} at byte {pointer}")?;
            }
            Ok(Kind::OtherError | Kind::Other) | Err(_) => {
                write!(f, "type {} code {}, length {}", self.header.kind, self.header.code, self.bytes.len())?;
            }
        }
        let Some(quote) = self.quote() else { return Ok(()) };
        write!(f, ", about {} > {}", quote.header.source, quote.header.destination)?;
        match quote.ports() {
            Some((source, destination)) => write!(f, " ports {source} > {destination}"),
            None => write!(f, " next header {}", quote.header.next_header),
        }
    }
}

impl Echo<'_> {
    /// Writes an ICMPv6 message of type [`ECHO_REQUEST`] or [`ECHO_REPLY`]. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` is too short.
    pub fn write_icmpv6(&self, kind: u8, addresses: Addresses<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let word = u32::from(self.identifier) << 16 | u32::from(self.sequence);
        write(kind, 0, word, self.data, addresses, out)
    }
}

/// Writes a message with its checksum. Returns the number of bytes written.
pub(super) fn write(
    kind: u8,
    code: u8,
    word: u32,
    payload: &[u8],
    addresses: Addresses<'_>,
    out: &mut [u8],
) -> Result<usize, Error> {
    let (length, available) = (8 + payload.len(), out.len());
    let Some((head, behind)) = out.split_first_chunk_mut::<8>() else {
        return Err(Error::no_room(Protocol::Icmpv6, length, available));
    };
    let Some(placed) = behind.get_mut(..payload.len()) else {
        return Err(Error::no_room(Protocol::Icmpv6, length, available));
    };
    placed.copy_from_slice(payload);
    let [a, b, c, d] = word.to_be_bytes();
    *head = [kind, code, 0, 0, a, b, c, d];
    let pseudo = addresses.pseudo_header(ipv6::ICMPV6, length as u32);
    let [high, low] = pseudo.bytes(head.as_bytes()).bytes(payload).checksum().to_be_bytes();
    *head = [kind, code, high, low, a, b, c, d];
    Ok(length)
}
