//! Any bytes through every parser: no panic, and what is accepted is consistent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_wire::nd::{Nd, Options};
use nvo3_wire::{Ipv4, announce, arp, ecn, ethernet, flow, icmpv6, ipv4, ipv6, udp, vxlan};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(kind) = announce::classify(bytes) {
        let _ = (kind.binding(), kind.variant(Ipv4([192, 0, 2, 1])), kind.is_probe());
        assert!(!(kind.is_announcement() && kind.is_probe()));
    }
    if let Ok(frame) = ethernet::Frame::parse(bytes) {
        assert_eq!(frame.offset() + frame.payload.len(), bytes.len());
        let _ = frame.validate();
        packet(frame.payload);
    }
    packet(bytes);
    let _ = flow::entropy(bytes);

    let mut changed = bytes.to_vec();
    if ecn::set(&mut changed, ecn::Ecn::Ce).is_ok() {
        ecn::set(&mut changed, ecn::Ecn::of_frame(bytes)).unwrap();
        assert_eq!(ecn::Ecn::of_frame(&changed), ecn::Ecn::of_frame(bytes));
    }
});

fn packet(bytes: &[u8]) {
    if let Ok((arp, _)) = arp::Arp::parse(bytes) {
        let _ = (arp.validate(), arp.learnable(&arp.sender_mac), arp.operation(nvo3_wire::EtherType::RARP));
    }
    if let Ok(ip) = ipv4::Packet::parse(bytes) {
        assert_eq!(ip.header_len() + ip.payload.len(), usize::from(ip.header.total_length.get()));
        let _ = (ip.validate(), udp::Datagram::parse(ip.payload).map(|udp| udp.validate(ip.pseudo_header(8))));
    }
    if let Ok(ip) = ipv6::Packet::parse(bytes) {
        let _ = ip.validate();
        if let Ok(upper) = ip.upper() {
            assert_eq!(upper.offset + upper.payload.len(), 40 + ip.payload.len());
        }
        assert!(ip.extensions().count() <= usize::from(ipv6::MAX_EXTENSIONS));
        let _ = icmpv6::Message::parse(&ip).map(|message| message.validate());
        match Nd::parse(&ip) {
            Ok(Nd::Solicitation(ns)) => drop((ns.validate(), ns.source_link(), ns.nonce(), ns.options.iter().count())),
            Ok(Nd::Advertisement(na)) => drop((na.validate(), na.target_link(), na.options.iter().count())),
            Ok(other) => drop(other.validate()),
            Err(_) => {}
        }
    }
    if let Ok(options) = Options::parse(bytes) {
        assert!(options.iter().count() <= bytes.len() / 8);
    }
    let accept = vxlan::Accept { zero_checksum_over_ipv6: true, ..Default::default() };
    for outer in [vxlan::decap(bytes), vxlan::decap_with(bytes, &accept)].into_iter().flatten() {
        assert_eq!(outer.inner, &bytes[outer.inner_offset..][..outer.inner.len()]);
    }
    let _ = vxlan::parse(bytes);
}
