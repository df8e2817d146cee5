//! Changes fields of a packet in place. Each checksum then equals the sum over the whole packet, and no other byte changes.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_wire::build::{Layer, Layers};
use nvo3_wire::checksum::Field;
use nvo3_wire::edit::{Ipv4Mut, Ipv6Mut, Port};
use nvo3_wire::{Ipv4, Ipv6, icmpv6, ipv4, ipv6, tcp, udp};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    ip: Ip,
    upper: Upper,
    payload: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Ip {
    V4(ipv4::Fields, Vec<Change<Ipv4>>),
    V6(ipv6::Fields, Vec<Change<Ipv6>>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Upper {
    Udp(udp::Fields),
    Unsummed(udp::Fields),
    Tcp(tcp::Fields),
    Icmpv6(u8, u8),
}

#[derive(Arbitrary, Debug)]
enum Change<A> {
    Source(A),
    Destination(A),
    Hops(u8),
    Hop,
    Class(u8),
    SourcePort(u16),
    DestinationPort(u16),
}

impl Upper {
    fn set_port(&mut self, port: Port, new: u16) {
        let (source, destination) = match self {
            Self::Udp(fields) | Self::Unsummed(fields) => (&mut fields.source_port, &mut fields.destination_port),
            Self::Tcp(fields) => (&mut fields.source_port, &mut fields.destination_port),
            Self::Icmpv6(..) => return,
        };
        match port {
            Port::Source => *source = new,
            Port::Destination => *destination = new,
        }
    }

    fn built(&self, ip: &dyn Layer, payload: &[u8]) -> Option<Vec<u8>> {
        let upper: Box<dyn Layer> = match *self {
            Self::Udp(fields) => Box::new(fields),
            Self::Unsummed(fields) => Box::new(fields.with_checksum(Field::Zero)),
            Self::Tcp(fields) => Box::new(fields),
            Self::Icmpv6(kind, code) => Box::new(icmpv6::Header { kind, code, checksum: Default::default() }),
        };
        let layers: [&dyn Layer; 3] = [ip, &*upper, &payload];
        let mut out = vec![0; layers[..].frame_len()];
        layers[..].write(&mut out).ok().map(|_| out)
    }
}

/// Checks that a packet changed in place equals the packet summed anew. The one's complement has two zeros: a new sum gives 0xffff
/// only over zeros, and a change in place may give it elsewhere (RFC 1624 §3). UDP writes both as 0xffff.
fn assert_same(mut changed: Vec<u8>, mut anew: Vec<u8>, fields: &[usize]) {
    for at in fields {
        for packet in [&mut changed, &mut anew] {
            if packet.get(*at..at + 2) == Some(&[0xff, 0xff]) {
                packet[*at..at + 2].fill(0);
            }
        }
    }
    assert_eq!(changed, anew);
}

fuzz_target!(|case: Case| {
    let Case { ip, mut upper, payload } = case;
    let field = match upper {
        Upper::Udp(_) => 6,
        Upper::Unsummed(_) => usize::MAX / 2, // no checksum, so the field has to stay 0
        Upper::Tcp(_) => 16,
        Upper::Icmpv6(..) => 2,
    };
    match ip {
        Ip::V4(fields, changes) => {
            // A later fragment has no upper header, and ICMPv6 is not an upper header of IPv4.
            let mut fields = ipv4::Fields { fragment: fields.fragment & 0xe000, ..fields };
            if matches!(upper, Upper::Icmpv6(..)) {
                return;
            }
            let Some(mut bytes) = upper.built(&fields, payload) else { return };
            for change in changes {
                let mut packet = Ipv4Mut::parse(&mut bytes).unwrap();
                match change {
                    Change::Source(new) => (packet.set_source(new), fields.source = new).0,
                    Change::Destination(new) => (packet.set_destination(new), fields.destination = new).0,
                    Change::Hops(new) => (packet.set_ttl(new), fields.ttl = new).0,
                    Change::Class(new) => (packet.set_traffic_class(new), fields.traffic_class = new).0,
                    Change::Hop => fields.ttl -= u8::from(packet.decrement_ttl()),
                    Change::SourcePort(new) => {
                        assert!(packet.set_port(Port::Source, new));
                        upper.set_port(Port::Source, new);
                    }
                    Change::DestinationPort(new) => {
                        assert!(packet.set_port(Port::Destination, new));
                        upper.set_port(Port::Destination, new);
                    }
                }
            }
            assert_same(bytes, upper.built(&fields, payload).unwrap(), &[10, field + 20]);
        }
        Ip::V6(mut fields, changes) => {
            let Some(mut bytes) = upper.built(&fields, payload) else { return };
            for change in changes {
                let mut packet = Ipv6Mut::parse(&mut bytes).unwrap();
                match change {
                    Change::Source(new) => (packet.set_source(new), fields.source = new).0,
                    Change::Destination(new) => (packet.set_destination(new), fields.destination = new).0,
                    Change::Hops(new) => (packet.set_hop_limit(new), fields.hop_limit = new).0,
                    Change::Class(new) => (packet.set_traffic_class(new), fields.traffic_class = new).0,
                    Change::Hop => fields.hop_limit -= u8::from(packet.decrement_hop_limit()),
                    Change::SourcePort(new) => {
                        assert_eq!(packet.set_port(Port::Source, new), !matches!(upper, Upper::Icmpv6(..)));
                        upper.set_port(Port::Source, new);
                    }
                    Change::DestinationPort(new) => {
                        assert_eq!(packet.set_port(Port::Destination, new), !matches!(upper, Upper::Icmpv6(..)));
                        upper.set_port(Port::Destination, new);
                    }
                }
            }
            assert_same(bytes, upper.built(&fields, payload).unwrap(), &[field + 40]);
        }
    }
});
