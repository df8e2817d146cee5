//! ICMP errors to send: which packets get one (RFC 1122 §3.2.2), and how much they quote (RFC 1812 §4.3.2.3).

use super::{ECHO_REPLY, ECHO_REQUEST, PARAMETER_PROBLEM, REDIRECT, TIME_EXCEEDED, UNREACHABLE};
use crate::ipv4::{self, Fields, Packet};
use crate::{Error, Ipv4, Protocol, Rule, Unanswerable};

/// The longest error, IPv4 header included: a length that every host accepts.
const LONGEST: usize = 576;

/// Precedence "internetwork control", the precedence of errors (RFC 1812 §4.3.2.5).
const CONTROL: u8 = 0xc0;

/// An error to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Report {
    /// Destination Unreachable with this code: 0 net, 1 host, 2 protocol, 3 port, 13 prohibited.
    Unreachable(u8),
    /// The packet is too long for the next hop, whose MTU is this many bytes (RFC 1191 §4).
    FragmentationNeeded(u16),
    /// Time Exceeded: 0 in transit, 1 in reassembly.
    TimeExceeded(u8),
    /// This address is a better first hop for the destination host.
    Redirect(Ipv4),
    /// The byte of this offset in the packet is wrong.
    ParameterProblem(u8),
}

/// Checks that an error about `packet` may be sent.
///
/// `to_link_group` is true if the frame went to a link-layer group, or the destination is a subnet's broadcast address.
///
/// # Errors
/// [`Rule::NoErrorAbout`] with the reason (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7).
pub fn answerable(packet: &Packet<'_>, to_link_group: bool) -> Result<(), Error> {
    let silent = |why| Err(Error::new(Protocol::Icmpv4, 0, Rule::NoErrorAbout(why)));
    let header = packet.header;
    let is_query = |kind: u8| matches!(kind, ECHO_REPLY | ECHO_REQUEST | 9 | 10 | 13..=18 | 42 | 43);
    if header.fragment_offset() != 0 {
        return silent(Unanswerable::LaterFragment);
    }
    if header.protocol == ipv4::ICMP && packet.payload.first().is_none_or(|kind| !is_query(*kind)) {
        return silent(Unanswerable::IcmpError);
    }
    if header.destination.is_multicast() || header.destination == Ipv4::BROADCAST {
        return silent(Unanswerable::ToGroup);
    }
    if to_link_group {
        return silent(Unanswerable::ToLinkGroup);
    }
    match header.source.0 {
        [0 | 127 | 224.., ..] => silent(Unanswerable::SourceNotHost),
        _ => Ok(()),
    }
}

/// Writes an IPv4 packet from `from` with the error about `original` to its source. Returns its length, at most 576
/// bytes.
///
/// `original` is the whole packet from its IPv4 header on. The error quotes as many of its first bytes as fit. For
/// `to_link_group` see [`answerable`].
///
/// # Errors
/// The errors of [`Packet::parse`] for `original`, [`Rule::NoErrorAbout`] (see [`answerable`]), [`Rule::NoRoom`].
///
/// ```
/// use nvo3_wire::icmpv4::{self, Kind, Message, Report};
/// use nvo3_wire::{Ipv4, ipv4};
///
/// let (host, far, edge) = (Ipv4([192, 0, 2, 1]), Ipv4([198, 51, 100, 1]), Ipv4([192, 0, 2, 254]));
/// let mut original = [0; 28];
/// ipv4::Fields { protocol: ipv4::UDP, ..ipv4::Fields::new(host, far) }.write([], 8, &mut original)?;
///
/// let mut out = [0; 576];
/// let length = icmpv4::error(Report::FragmentationNeeded(1450), edge, &original, false, &mut out)?;
///
/// let packet = ipv4::Packet::parse(&out[..length])?;
/// assert_eq!(packet.header.destination, host);
/// assert_eq!(Message::parse(packet.payload)?.kind(), Kind::Unreachable { code: 4, mtu: 1450 });
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
pub fn error(report: Report, from: Ipv4, original: &[u8], to_link_group: bool, out: &mut [u8]) -> Result<usize, Error> {
    let packet = Packet::parse(original)?;
    answerable(&packet, to_link_group)?;
    let whole = packet.header_len() + packet.payload.len();
    let quoted = original.get(..whole.min(LONGEST - 28)).unwrap_or(original);
    let (kind, code, rest) = match report {
        Report::Unreachable(code) => (UNREACHABLE, code, [0; 4]),
        Report::FragmentationNeeded(mtu) => {
            let [high, low] = mtu.to_be_bytes();
            (UNREACHABLE, super::FRAGMENTATION_NEEDED, [0, 0, high, low])
        }
        Report::TimeExceeded(code) => (TIME_EXCEEDED, code, [0; 4]),
        Report::Redirect(gateway) => (REDIRECT, 1, gateway.0),
        Report::ParameterProblem(pointer) => (PARAMETER_PROBLEM, 0, [pointer, 0, 0, 0]),
    };
    let fields =
        Fields { traffic_class: CONTROL, protocol: ipv4::ICMP, fragment: 0, ..Fields::new(from, packet.header.source) };
    let header = fields.write([], 8 + quoted.len(), out)?;
    let message = out.get_mut(header..).unwrap_or_default();
    Ok(header + super::write(kind, code, rest, quoted, message)?)
}
