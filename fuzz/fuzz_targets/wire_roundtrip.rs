//! Builds messages and parses them. The values are the same, and the length is the one computed before.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_wire::arp::{self, Arp, Operation};
use nvo3_wire::nd::{self, Advertise, Nd, Solicit};
use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, MAX_OVERHEAD, ZeroChecksum, decap};
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, announce, ethernet, flow, ipv6};

#[derive(Arbitrary, Debug)]
enum Case<'a> {
    Arp { to: Mac, operation: u8, sender: (Mac, Ipv4), target: (Mac, Ipv4) },
    Solicit(Solicit),
    Advertise(Advertise),
    Vxlan { locators: Locators, vni: Vni, port: u16, checksum: bool, dscp: u8, ttl: u8, inner: &'a [u8] },
}

#[derive(Arbitrary, Debug)]
enum Locators {
    V4(Ipv4, Ipv4),
    V6(Ipv6, Ipv6),
}

fuzz_target!(|case: Case| match case {
    Case::Arp { to, operation, sender, target } => {
        let operation = [Operation::Request, Operation::Reply, Operation::ReverseRequest, Operation::ReverseReply]
            [usize::from(operation % 4)];
        let mut out = [0xa5; arp::FRAME_LEN];
        assert_eq!(arp::write(to, operation, sender, target, &mut out), Ok(out.len()));

        let frame = ethernet::Frame::parse(&out).unwrap();
        let (arp, _) = Arp::parse(frame.payload).unwrap();
        assert_eq!((frame.header.destination, frame.header.source), (to, sender.0));
        assert_eq!((arp.validate(), arp.operation(frame.ether_type())), (Ok(()), Ok(operation)));
        assert_eq!(((arp.sender_mac, arp.sender_ip), (arp.target_mac, arp.target_ip)), (sender, target));
        let _ = announce::classify(&out);
    }
    Case::Solicit(message) => {
        let mut out = [0xa5; 128];
        let length = nd::solicitation(&message, &mut out).unwrap();
        assert_eq!(length, message.frame_len());
        let packet = ipv6::Packet::parse(&out[14..length]).unwrap();
        let Ok(Nd::Solicitation(read)) = Nd::parse(&packet) else { panic!("no solicitation") };
        assert_eq!((read.ip.source, read.ip.destination), (message.source, message.destination));
        assert_eq!((read.body.target, read.source_link()), (message.target, message.source_link.as_ref()));
        assert_eq!(read.nonce(), message.nonce.as_ref().map(|nonce| &nonce[..]));
        assert!(!matches!(read.validate().map_err(|e| e.rule), Err(nvo3_wire::Rule::Checksum(_))));
        let _ = announce::classify(&out[..length]);
    }
    Case::Advertise(message) => {
        let mut out = [0xa5; 128];
        let length = nd::advertisement(&message, &mut out).unwrap();
        assert_eq!(length, message.frame_len());
        let packet = ipv6::Packet::parse(&out[14..length]).unwrap();
        let Ok(Nd::Advertisement(read)) = Nd::parse(&packet) else { panic!("no advertisement") };
        assert_eq!((read.ip.source, read.ip.destination), (message.source, message.destination));
        assert_eq!((read.body.target, read.body.flags()), (message.target, message.flags));
        assert_eq!(read.target_link(), message.target_link.as_ref());
        assert!(!matches!(read.validate().map_err(|e| e.rule), Err(nvo3_wire::Rule::Checksum(_))));
        let _ = announce::classify(&out[..length]);
    }
    Case::Vxlan { locators, vni, port, checksum, dscp, ttl, inner } => {
        let most = if matches!(locators, Locators::V4(..)) { 65_535 - 36 } else { 65_535 - 16 };
        let (encap, group) = match locators {
            Locators::V4(source, destination) => (
                Encap::new(Encapsulation::Vxlan, source, destination, vni),
                source.is_multicast() || source == Ipv4::BROADCAST,
            ),
            Locators::V6(source, destination) => {
                (Encap::new(Encapsulation::Vxlan, source, destination, vni), source.is_multicast())
            }
        };
        let encap = encap.unwrap().with_port(port).with_udp_checksum(checksum).with_dscp(dscp).with_ttl(ttl);
        let mut out = vec![0xa5; encap.len() + inner.len()];
        let written = encap.write(flow::entropy(inner), inner, &mut out);
        assert_eq!(written.is_ok(), (14..=most).contains(&inner.len()));
        if written.is_err() {
            return;
        }

        let mut headroom = vec![0x5a; MAX_OVERHEAD + inner.len()];
        headroom[MAX_OVERHEAD..].copy_from_slice(inner);
        let start = encap.prepend(flow::entropy(inner), &mut headroom, MAX_OVERHEAD).unwrap();
        assert_eq!(headroom[start..], out);

        let zero_checksum_over_ipv6 = ZeroChecksum::Anyone;
        let ports = &[(port, Encapsulation::Vxlan)];
        let accept = Accept { ports, zero_checksum_over_ipv6, inner_vlan: true, ..Accept::default() };
        let outer = decap(&out, &accept);
        assert_eq!(outer.is_err(), group);
        if let Ok(outer) = outer {
            let outer = outer.expect("a tunnel on that port");
            assert_eq!((outer.carried.vni, outer.carried.inner, outer.checksummed), (vni, inner, checksum));
            assert_eq!(outer.ecn, nvo3_wire::ecn::Ecn::of_frame(inner));
        }
    }
});
