//! ICMPv6 errors to send: which packets get one, and how much they quote (RFC 4443 §2.4).

use super::echo::{self, MINIMUM_MTU, PACKET_TOO_BIG, PARAMETER_PROBLEM, TIME_EXCEEDED, UNREACHABLE};
use crate::checksum::Addresses;
use crate::ipv6::{self, Fields, Packet};
use crate::{Error, Ipv6, Protocol, Rule, Unanswerable};

/// An error to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Report {
    /// Destination Unreachable with this code: 0 no route, 1 prohibited, 3 address, 4 port.
    Unreachable(u8),
    /// The packet is too long for the next hop, whose MTU is this many bytes.
    PacketTooBig(u32),
    /// Time Exceeded: 0 in transit, 1 in reassembly.
    TimeExceeded(u8),
    /// A part of the packet is wrong.
    ParameterProblem {
        /// The wrong part: 0 a field, 1 a next header, 2 an option.
        code: u8,
        /// The offset of the wrong byte in the packet.
        pointer: u32,
    },
}

impl Report {
    /// True for the two errors that may also answer packets to groups: Packet Too Big, and Parameter Problem for an
    /// unknown option whose type asks for it (RFC 4443 §2.4 (e.3)).
    fn may_answer_groups(self, original: &[u8]) -> bool {
        match self {
            Self::PacketTooBig(_) => true,
            Self::ParameterProblem { code: 2, pointer } => {
                original.get(pointer as usize).is_some_and(|kind| kind >> 6 == 2)
            }
            _ => false,
        }
    }
}

/// Checks that `report` may be sent about the packet `original`, which begins with its IPv6 header.
///
/// `to_link_group` is true if the frame went to a link-layer group.
///
/// # Errors
/// The errors of [`Packet::parse`] for `original`, and [`Rule::NoErrorAbout`] with the reason (RFC 4443 §2.4 (e)).
pub fn answerable(report: Report, original: &[u8], to_link_group: bool) -> Result<(), Error> {
    let silent = |why| Err(Error::new(Protocol::Icmpv6, 0, Rule::NoErrorAbout(why)));
    let packet = Packet::parse(original)?;
    let is_error = |kind: u8| kind < echo::ECHO_REQUEST || kind == super::REDIRECT;
    if packet.upper().is_ok_and(|upper| upper.later_fragment()) {
        return silent(Unanswerable::LaterFragment);
    }
    if let Some((ipv6::ICMPV6, message, _)) = packet.upper_of_first()
        && message.first().is_none_or(|kind| is_error(*kind))
    {
        return silent(Unanswerable::IcmpError);
    }
    let may_answer_groups = report.may_answer_groups(original);
    if packet.header.destination.is_multicast() && !may_answer_groups {
        return silent(Unanswerable::ToGroup);
    }
    if to_link_group && !may_answer_groups {
        return silent(Unanswerable::ToLinkGroup);
    }
    let source = packet.header.source;
    if source.is_unspecified() || source.is_multicast() || source.addr().is_loopback() {
        return silent(Unanswerable::SourceNotHost);
    }
    Ok(())
}

/// Writes an IPv6 packet from `from` with the error about `original` to its source. Returns its length, at most
/// [`MINIMUM_MTU`].
///
/// The error quotes as many of the first bytes of `original` as fit. For `to_link_group` see [`answerable`].
///
/// # Errors
/// The errors of [`answerable`], [`Rule::NoRoom`].
///
/// ```
/// use nvo3_wire::icmpv6::{self, Kind, Message, Report};
/// use nvo3_wire::{Ipv6, ipv6};
///
/// let (host, far, edge) = (Ipv6([0x20; 16]), Ipv6([0x21; 16]), Ipv6([0x22; 16]));
/// let mut original = [0; 1400];
/// ipv6::Fields { next_header: ipv6::UDP, ..ipv6::Fields::new(host, far) }.write(1360, &mut original)?;
///
/// let mut out = [0; 1280];
/// let length = icmpv6::error(Report::PacketTooBig(1390), edge, &original, false, &mut out)?;
///
/// let message = Message::parse(&ipv6::Packet::parse(&out[..length])?)?;
/// assert_eq!((length, message.kind()?), (1280, Kind::PacketTooBig { mtu: 1390 }));
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
pub fn error(report: Report, from: Ipv6, original: &[u8], to_link_group: bool, out: &mut [u8]) -> Result<usize, Error> {
    answerable(report, original, to_link_group)?;
    let packet = Packet::parse(original)?;
    let quoted = original.get(..(40 + packet.payload.len()).min(MINIMUM_MTU - 48)).unwrap_or(original);
    let (kind, code, word) = match report {
        Report::Unreachable(code) => (UNREACHABLE, code, 0),
        Report::PacketTooBig(mtu) => (PACKET_TOO_BIG, 0, mtu),
        Report::TimeExceeded(code) => (TIME_EXCEEDED, code, 0),
        Report::ParameterProblem { code, pointer } => (PARAMETER_PROBLEM, code, pointer),
    };
    let to = packet.header.source;
    let fields = Fields { next_header: ipv6::ICMPV6, ..Fields::new(from, to) };
    let header = fields.write(8 + quoted.len(), out)?;
    let message = out.get_mut(header..).unwrap_or_default();
    Ok(header + echo::write(kind, code, word, quoted, Addresses::V6(&from, &to), message)?)
}

#[cfg(test)]
mod tests {
    use super::super::{ECHO_REPLY, ECHO_REQUEST, Echo, Kind, Message};
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    const HOST: Ipv6 = Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const FAR: Ipv6 = Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    const EDGE: Ipv6 = Ipv6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);

    fn packet(change: impl FnOnce(&mut Fields), payload: &[u8]) -> Vec<u8> {
        let mut fields = Fields { next_header: ipv6::UDP, ..Fields::new(HOST, FAR) };
        change(&mut fields);
        let mut packet = std::vec![0; 40];
        fields.write(payload.len(), &mut packet).unwrap();
        packet.extend(payload);
        packet
    }

    #[test]
    fn every_error_is_written_and_read() {
        let original = packet(|_| {}, &[0x13, 0x88, 0, 53, 0, 8, 0, 0]);
        let cases = [
            (Report::Unreachable(3), "ICMPv6 unreachable, code 3"),
            (Report::PacketTooBig(1400), "ICMPv6 packet too big, mtu 1400"),
            (Report::TimeExceeded(0), "ICMPv6 time exceeded, code 0"),
            (Report::ParameterProblem { code: 1, pointer: 6 }, "ICMPv6 parameter problem, code 1 at byte 6"),
        ];
        for (report, line) in cases {
            let mut out = [0xa5; 1280];
            let length = error(report, EDGE, &original, false, &mut out).unwrap();

            let packet = Packet::parse(&out[..length]).unwrap();
            let message = Message::parse(&packet).unwrap();
            assert_eq!((packet.validate(), message.validate_kind(), length), (Ok(()), Ok(()), 96));
            assert_eq!((packet.header.source, packet.header.destination), (EDGE, HOST));
            assert_eq!(message.to_string(), std::format!("{line}, about 2001:db8::1 > 2001:db8::2 ports 5000 > 53"));
        }
    }

    #[test]
    fn an_error_is_at_most_the_minimum_mtu() {
        let long = packet(|_| {}, &[7; 1400]);

        assert_eq!(error(Report::TimeExceeded(0), EDGE, &long, false, &mut [0; 2000]), Ok(1280));
        let full = error(Report::TimeExceeded(0), EDGE, &long, false, &mut [0; 1279]).unwrap_err();
        assert!(matches!(full.rule, Rule::NoRoom { .. }));
    }

    #[test]
    fn packets_that_rfc_4443_excludes_get_no_error() {
        let verdict = |report, change: &dyn Fn(&mut Fields), payload: &[u8], to_link_group| {
            let packet = packet(change, payload);
            match error(report, EDGE, &packet, to_link_group, &mut [0; 1280]) {
                Ok(_) => None,
                Err(Error { rule: Rule::NoErrorAbout(why), .. }) => Some(why),
                Err(error) => panic!("{error}"),
            }
        };
        let no_route = Report::Unreachable(0);
        let icmp = |fields: &mut Fields| fields.next_header = ipv6::ICMPV6;
        let to_group = |fields: &mut Fields| fields.destination = Ipv6::ALL_NODES;

        assert_eq!(verdict(no_route, &|_| {}, &[0; 8], false), None);
        for kind in [1, 4, 99, 127, 137] {
            assert_eq!(verdict(no_route, &icmp, &[kind, 0], false), Some(Unanswerable::IcmpError));
        }
        assert_eq!(verdict(no_route, &icmp, &[128, 0], false), None);
        assert_eq!(verdict(no_route, &to_group, &[0; 8], false), Some(Unanswerable::ToGroup));
        assert_eq!(verdict(no_route, &|_| {}, &[0; 8], true), Some(Unanswerable::ToLinkGroup));
        for source in [Ipv6::UNSPECIFIED, Ipv6::ALL_NODES, core::net::Ipv6Addr::LOCALHOST.into()] {
            assert_eq!(verdict(no_route, &|f| f.source = source, &[0; 8], false), Some(Unanswerable::SourceNotHost));
        }
        let later = [17, 0, 0, 8, 0, 0, 0, 1, 5, 5];
        assert_eq!(
            verdict(no_route, &|f| f.next_header = ipv6::FRAGMENT, &later, false),
            Some(Unanswerable::LaterFragment)
        );

        assert_eq!(verdict(Report::PacketTooBig(1400), &to_group, &[0; 8], true), None);
        let option = Report::ParameterProblem { code: 2, pointer: 42 };
        for (kind, why) in [(0x9e, None), (0xde, Some(Unanswerable::ToGroup))] {
            let options = |fields: &mut Fields| {
                to_group(fields);
                fields.next_header = ipv6::DESTINATION_OPTIONS;
            };
            assert_eq!(verdict(option, &options, &[59, 0, kind, 4, 0, 0, 0, 0], true), why);
        }
    }

    #[test]
    fn a_packet_too_big_below_the_minimum_mtu_is_refused() {
        let mut out = [0; 1280];
        let length = error(Report::PacketTooBig(1279), EDGE, &packet(|_| {}, &[0; 8]), false, &mut out).unwrap();

        let packet = Packet::parse(&out[..length]).unwrap();

        assert_eq!(Message::parse(&packet).unwrap().validate_kind().unwrap_err().rule, Rule::Mtu(1279));
    }

    proptest! {
        #[test]
        fn an_echo_written_is_read(identifier: u16, sequence: u16, data: Vec<u8>) {
            let echo = Echo { identifier, sequence, data: &data };
            let mut bytes = packet(|fields| fields.next_header = ipv6::ICMPV6, &std::vec![0; data.len() + 8]);
            for (kind, read) in [(ECHO_REQUEST, Kind::EchoRequest(echo)), (ECHO_REPLY, Kind::EchoReply(echo))] {
                echo.write_icmpv6(kind, Addresses::V6(&HOST, &FAR), &mut bytes[40..]).unwrap();
                let packet = Packet::parse(&bytes).unwrap();
                let message = Message::parse(&packet).unwrap();
                prop_assert_eq!((message.kind(), message.validate_kind()), (Ok(read), Ok(())));
            }
        }

        #[test]
        fn any_bytes_parse_or_fail(bytes: Vec<u8>) {
            let bytes = packet(|fields| fields.next_header = ipv6::ICMPV6, &bytes);
            let packet = Packet::parse(&bytes).unwrap();
            if let Ok(message) = Message::parse(&packet) {
                let _ = (message.validate_kind(), message.to_string());
            }
        }
    }
}
