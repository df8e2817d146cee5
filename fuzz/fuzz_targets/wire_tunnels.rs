//! Reads random bytes with the parser of every tunnel, and compares with another crate that knows the format. A decapsulated frame
//! equals the encapsulated one, and the reverse of an ILA translation gives the first address.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nvo3_wire::ecn::Ecn;
use nvo3_wire::geneve::{self, OptionKind, Options, write_option};
use nvo3_wire::ila::Translation;
use nvo3_wire::tunnel::{self, Accept, EcnMode, Encap, Encapsulation, Payload, ZeroChecksum};
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Rule, Vni, ethernet, flow, gre, nvgre, vxlan, vxlan_gpe};
use pnet_packet::gre::GrePacket;
use pnet_packet::vxlan::VxlanPacket;
use std::net::IpAddr;

#[derive(Arbitrary, Debug)]
enum Case<'a> {
    Bytes(&'a [u8]),
    Tunnel(Tunnel<'a>),
    Gre { gre: gre::Gre, payload: &'a [u8] },
    Ila { translation: Translation, identifier: [u8; 8], packet: &'a [u8] },
}

#[derive(Arbitrary, Debug)]
struct Tunnel<'a> {
    encapsulation: Encapsulation,
    payload: Payload,
    ends: Ends,
    vni: Vni,
    checksum: bool,
    ecn: EcnMode,
    dscp: Option<u8>,
    entropy: u16,
    options: Vec<(OptionKind, [u8; 4])>,
    inner: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Ends {
    V4(Ipv4, Ipv4),
    V6(Ipv6, Ipv6),
}

const ALL: [Encapsulation; 4] =
    [Encapsulation::Vxlan, Encapsulation::VxlanGpe, Encapsulation::Geneve, Encapsulation::Nvgre];

fuzz_target!(|case: Case| match case {
    Case::Bytes(bytes) => parse(bytes),
    Case::Tunnel(tunnel) => there_and_back(&tunnel),
    Case::Gre { gre, payload } => {
        let mut bytes = vec![0xa5; gre.len()];
        assert_eq!(gre.write(payload, &mut bytes), Ok(bytes.len()));
        bytes.extend(payload);
        let packet = gre::Packet::parse(&bytes).unwrap();
        assert_eq!((packet.validate(), packet.payload), (Ok(()), payload));
        assert_eq!((packet.header.protocol, packet.checksum.is_some()), (gre.protocol, gre.checksum));
        assert_eq!((packet.key.map(|key| key.get()), packet.sequence.map(|s| s.get())), (gre.key, gre.sequence));
    }
    Case::Ila { translation, identifier, packet } => ila(translation, identifier, packet),
});

fn parse(bytes: &[u8]) {
    let accept = Accept { zero_checksum_over_ipv6: ZeroChecksum::Anyone, inner_vlan: true, ..Accept::default() };
    let ports = &[(4789, Encapsulation::Vxlan), (8472, Encapsulation::Vxlan), (6081, Encapsulation::Geneve)];
    let several = Accept { ports, ..Accept::default() };
    let opened = [&accept, &several, &Accept::default()].map(|accept| tunnel::decap(bytes, accept));
    let framed = [&accept, &several].map(|accept| tunnel::decap_frame(bytes, accept));
    for packet in opened.into_iter().chain(framed).flatten().flatten() {
        assert_eq!(packet.carried.inner, &bytes[packet.carried.inner_offset..][..packet.carried.inner.len()]);
        let _ = packet.to_string();
    }
    for encapsulation in ALL {
        if let Ok(carried) = tunnel::parse(encapsulation, bytes, &accept) {
            assert_eq!(carried.inner, &bytes[carried.inner_offset..]);
            for ecn in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
                let mut inner = carried.inner.to_vec();
                let _ = tunnel::egress(&mut inner, carried.payload, ecn);
                assert_eq!(inner.len(), carried.inner.len());
            }
        }
    }
    if let (Ok((vni, _)), Some(theirs)) = (vxlan::parse(bytes), VxlanPacket::new(bytes)) {
        assert_eq!((vni.get(), bytes[0]), (theirs.get_vni(), theirs.get_flags()));
    }
    if let Ok(packet) = gre::Packet::parse(bytes) {
        assert_eq!(packet.header_len() + packet.payload.len(), bytes.len());
        let _ = (packet.validate(), packet.to_string());
        let theirs = GrePacket::new(bytes).unwrap();
        let header = packet.header;
        let [c, k, s]: [u8; 3] =
            [gre::Header::CHECKSUM, gre::Header::KEY, gre::Header::SEQUENCE].map(|f| header.has(f).into());
        assert_eq!([c, k, s], [theirs.get_checksum_present(), theirs.get_key_present(), theirs.get_sequence_present()]);
        assert_eq!((header.version(), header.protocol.get()), (theirs.get_version(), theirs.get_protocol_type()));
    }
    if let Ok(packet) = geneve::Packet::parse(bytes) {
        assert_eq!(packet.header_len() + packet.payload.len(), bytes.len());
        let length: usize = packet.options.iter().map(|option| 4 + option.data.len()).sum();
        assert_eq!(length, packet.header.options_len());
        let _ = (packet.validate(|_| true), packet.validate(|_| false), packet.to_string());
    }
    let _ = (vxlan_gpe::parse(bytes).map(|(header, ..)| header.to_string()), nvgre::parse(bytes, false));
}

fn there_and_back(tunnel: &Tunnel) {
    let (source, destination, group) = match tunnel.ends {
        Ends::V4(source, to) => {
            (IpAddr::V4(source.into()), IpAddr::V4(to.into()), source.is_multicast() || source == Ipv4::BROADCAST)
        }
        Ends::V6(source, to) => (IpAddr::V6(source.into()), IpAddr::V6(to.into()), source.is_multicast()),
    };
    let Ok(encap) = Encap::new(tunnel.encapsulation, source, destination, tunnel.vni) else {
        assert!(tunnel.encapsulation == Encapsulation::Nvgre && !nvgre::is_tenant(tunnel.vni));
        return;
    };
    let mut space = vec![0; tunnel.options.len() * 8];
    for ((kind, data), room) in tunnel.options.iter().zip(space.chunks_mut(8)) {
        write_option(*kind, data, room).unwrap();
    }
    let options = Options::parse(&space).unwrap();
    let Ok(encap) = encap.with_options(options) else {
        assert!(space.len() > 252 || tunnel.encapsulation != Encapsulation::Geneve);
        return;
    };
    let Ok(encap) = encap.with_payload(tunnel.payload) else { return };
    let encap = match tunnel.dscp {
        Some(dscp) => encap.with_dscp(dscp),
        None => encap.with_inner_dscp(),
    };
    let encap = encap.with_udp_checksum(tunnel.checksum).with_ecn(tunnel.ecn);

    let inner = tunnel.inner;
    let entropy = if tunnel.payload == Payload::Ethernet { flow::entropy(inner) } else { tunnel.entropy };
    let mut out = vec![0xa5; encap.len() + inner.len()];
    if encap.write(entropy, inner, &mut out).is_err() {
        return;
    }
    let mut buffer = vec![0x5a; tunnel::MAX_OVERHEAD + inner.len()];
    buffer[tunnel::MAX_OVERHEAD..].copy_from_slice(inner);
    let start = encap.prepend(entropy, &mut buffer, tunnel::MAX_OVERHEAD).unwrap();
    assert_eq!(buffer[start..], out);
    let framed = encap.with_ethernet(Mac::ZERO, Mac::BROADCAST);
    let start = framed.prepend(entropy, &mut buffer, tunnel::MAX_OVERHEAD).unwrap();
    assert_eq!(buffer[start + 14..], out);
    let socket = Encap::for_socket(tunnel.encapsulation, tunnel.vni).unwrap().with_options(options).unwrap();
    let socket = socket.with_payload(tunnel.payload).unwrap();
    let length = socket.write(entropy, inner, &mut buffer).unwrap();
    assert!(out.ends_with(&buffer[..length]));

    let kinds: Vec<_> = tunnel.options.iter().map(|(kind, _)| *kind).collect();
    let accept = Accept {
        zero_checksum_over_ipv6: ZeroChecksum::Anyone,
        inner_vlan: true,
        geneve_options: &kinds,
        ..Accept::default()
    };
    let outer = match tunnel::decap(&out, &accept) {
        Ok(outer) => outer.expect("a tunnel"),
        Err(error) if group => return assert_eq!(error.rule, Rule::MulticastSource),
        Err(error) => return assert!(is_cut_tag(inner), "{error}"),
    };
    assert_eq!((outer.encapsulation, outer.source, outer.destination), (tunnel.encapsulation, source, destination));
    assert_eq!((outer.carried.vni, outer.carried.payload), (tunnel.vni, tunnel.payload));
    assert_eq!((outer.carried.inner, outer.carried.options), (inner, options));
    assert_eq!(outer.checksummed, tunnel.checksum && tunnel.encapsulation != Encapsulation::Nvgre);
    if let Some(dscp) = tunnel.dscp {
        assert_eq!(outer.dscp, dscp & 0x3f);
    }
    if tunnel.ecn == EcnMode::Compatibility {
        assert_eq!(outer.ecn, Ecn::NotEct);
    } else if tunnel.payload == Payload::Ethernet {
        assert_eq!(outer.ecn, Ecn::of_frame(inner));
    }
}

/// True if the frame ends within its tag.
fn is_cut_tag(frame: &[u8]) -> bool {
    let tagged =
        frame.get(12..14).is_some_and(|tag| [EtherType::VLAN.0, EtherType::SERVICE_VLAN.0].contains(&[tag[0], tag[1]]));
    tagged && ethernet::Frame::parse(frame).is_err()
}

fn ila(translation: Translation, identifier: [u8; 8], packet: &[u8]) {
    let mut bytes = packet.to_vec();
    let _ = (translation.ingress(&mut bytes), translation.egress(&mut bytes));
    let mut sir = [0; 16];
    sir[..8].copy_from_slice(&translation.sir.0);
    sir[8..].copy_from_slice(&identifier);
    if let Ok(address) = translation.to_ila(Ipv6(sir)) {
        assert_eq!(translation.to_sir(address), Ok(Ipv6(sir)));
    }
}
