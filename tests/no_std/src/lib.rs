//! Functions that call into each crate, so that the linker must resolve the crate's symbols.
#![no_std]

#[cfg(any(feature = "proto", feature = "mobility"))]
extern crate alloc;

#[cfg(any(feature = "proto", feature = "mobility"))]
#[global_allocator]
static HEAP: linked_list_allocator::LockedHeap = linked_list_allocator::LockedHeap::empty();

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// 1 if a frame is an announcement, otherwise 0.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_wire_is_announcement(frame: &[u8; 64]) -> u8 {
    nvo3_wire::announce::classify(frame).map_or(0, |kind| u8::from(kind.is_announcement()))
}

/// How many layers and options of a frame are read and valid. Calls each module of nvo3-wire once.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_wire_reads(frame: &[u8; 256]) -> u32 {
    use nvo3_wire::ethernet::Link;
    use nvo3_wire::{
        EtherType, arp, dhcpv4, dhcpv6, geneve, gre, icmpv4, igmp, ipv4, ipv6, mld, nd, tcp, udp, vxlan, vxlan_gpe,
    };

    fn seen<T, E>(result: Result<T, E>) -> u32 {
        u32::from(result.is_ok())
    }
    fn datagram(udp: udp::Datagram<'_>) -> u32 {
        let dhcp = dhcpv4::Message::parse(udp.payload).map_or(0, |message| u32::from(message.wanted().is_some()));
        let dhcpv6 = dhcpv6::Message::parse(udp.payload).map_or(0, |message| message.wanted().count() as u32);
        dhcp + dhcpv6
            + seen(vxlan::parse(udp.payload))
            + seen(vxlan_gpe::parse(udp.payload))
            + seen(geneve::Packet::parse(udp.payload))
    }
    fn upper(protocol: u8, bytes: &[u8]) -> u32 {
        match protocol {
            ipv4::UDP => udp::Datagram::parse(bytes).map_or(0, datagram),
            ipv4::TCP => tcp::Segment::parse(bytes).map_or(0, |segment| seen(tcp::Options::parse(segment.options))),
            gre::PROTOCOL => seen(gre::Packet::parse(bytes)),
            _ => seen(icmpv4::Message::parse(bytes)),
        }
    }
    let Ok(link) = Link::parse(frame) else { return 0 };
    match link.ether_type() {
        Some(EtherType::ARP) => arp::Arp::parse(link.payload).map_or(0, |(arp, _)| seen(arp.validate())),
        Some(EtherType::IPV4) => ipv4::Packet::parse(link.payload).map_or(0, |packet| {
            let options = packet.iter_options().count() as u32;
            options
                + seen(packet.validate())
                + seen(igmp::Message::parse(&packet))
                + upper(packet.header.protocol, packet.payload)
        }),
        Some(EtherType::IPV6) => ipv6::Packet::parse(link.payload).map_or(0, |packet| {
            let chain = packet.extensions().count() as u32 + seen(packet.validate());
            let options =
                nd::Nd::parse(&packet).ok().and_then(|nd| nd.options()).map_or(0, |o| o.iter().count() as u32);
            let inner = packet.upper().map_or(0, |found| upper(found.protocol, found.payload));
            chain + options + seen(mld::Message::parse(&packet)) + inner
        }),
        _ => seen(link.validate()),
    }
}

/// How many layers of a frame decode and are valid, also if the frame is cut short.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_wire_dissects(frame: &[u8; 256]) -> u32 {
    use nvo3_wire::dissect::Dissect;

    let valid = |walk: Dissect<'_>| walk.flatten().filter(|found| found.validate().is_ok()).count() as u32;
    valid(Dissect::new(frame)) + valid(Dissect::new(frame).lax())
}

/// The length in bytes of a frame that was composed, changed in place and put into a tunnel; 0 if a step failed.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_wire_writes(host: u8, out: &mut [u8; 256]) -> usize {
    use nvo3_wire::build::{HopByHop, Layer, Layers};
    use nvo3_wire::checksum::Field;
    use nvo3_wire::edit::Ipv6Mut;
    use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Vni, arp, ethernet, flow, geneve, ipv4, ipv6, nd, tunnel, udp};

    let (mac, ip) = (Mac([2, 0, 0, 0, 0, host]), Ipv4([192, 0, 2, host]));
    let mut inner = [0; arp::FRAME_LEN];
    if arp::announcement(mac, ip, &mut inner).is_err() || nd::dad(mac, Ipv6([host; 16]), None, out).is_err() {
        return 0;
    }
    let header = ethernet::Header { destination: Mac::BROADCAST, source: mac, ether_type: EtherType::IPV6 };
    let alert = [ipv6::Ipv6Option::RouterAlert(0)];
    let ip6 = ipv6::Fields::new(Ipv6([host; 16]), Ipv6::ALL_NODES);
    let udp = udp::Fields { source_port: flow::entropy(&inner), destination_port: geneve::PORT };
    let Ok(geneve) = geneve::Header::new(Vni::MAX, EtherType::BRIDGING, geneve::Options::NONE) else { return 0 };
    let Ok(length) = (header, ip6, HopByHop(&alert), udp, geneve, inner).write(out) else { return 0 };
    let Some(packet) = out.get_mut(14..length) else { return 0 };
    if !Ipv6Mut::parse(packet).is_ok_and(|mut packet| packet.decrement_hop_limit()) {
        return 0;
    }
    let encap = tunnel::Encap::new(tunnel::Encapsulation::Vxlan, ip, ip, Vni::MAX);
    let tunnelled = encap.and_then(|encap| encap.write(7, &inner, out)).unwrap_or(0);
    let fields = ipv4::Fields::new(ip, ip);
    tunnelled + (header, fields, udp.with_checksum(Field::Zero), inner).write(out).map_or(0, |_| length)
}

/// The type of a message; 0 if the bytes are no message.
#[cfg(feature = "proto")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_nva_proto_type(datagram: &[u8; 64]) -> u8 {
    nvo3_nva_proto::Message::decode(datagram).map_or(0, |(_, message)| message.type_code())
}

/// How many messages end in a piece of a stream.
#[cfg(feature = "proto")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_nva_proto_streams(piece: &[u8; 64], decoder: &mut nvo3_nva_proto::StreamDecoder) -> u32 {
    let (mut piece, mut messages) = (&piece[..], 0);
    while let Ok(Some(_)) = decoder.next(&mut piece) {
        messages += 1;
    }
    messages
}

/// The number of a datagram that is opened and sealed again with this secret; 0 if its seal is wrong.
#[cfg(feature = "auth")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_nva_proto_number(datagram: &[u8; 96], secret: &[u8; 32]) -> u64 {
    use nvo3_nva_proto::NveId;
    use nvo3_nva_proto::auth::{KeyId, Keys, NveSeals, Party, Secret};

    let mut keys = Keys::default();
    let Some(key) = KeyId::new(1) else { return 0 };
    if keys.add(key, NveId(1), &Secret::from(*secret)).is_err() {
        return 0;
    }
    let Ok(opened) = keys.open(Party::Nve, datagram) else { return 0 };
    let (Ok(message), Ok(mut seals)) = (opened.decode(), NveSeals::new(keys.clone(), NveId(1))) else { return 0 };
    let mut again = alloc::vec::Vec::new();
    if message.encode(&opened.header, &mut again).is_err() || seals.seal(&mut again).is_err() {
        return 0;
    }
    keys.open(Party::Nve, &again).map_or(0, |again| again.number)
}

/// Whether an authority accepts a datagram as a message.
#[cfg(feature = "mobility")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_mobility_takes(datagram: &[u8; 64], seed: u64, now: u64) -> u8 {
    use core::net::{Ipv4Addr, SocketAddr};
    use nvo3_mobility::Transport;
    use nvo3_mobility::nva::{Nva, NvaConfig};

    let now = nvo3_nva_proto::Instant(now);
    let Ok(mut nva) = Nva::new(NvaConfig::new(Transport::Trusted), seed, now) else { return 0 };
    nva.handle_datagram(now, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), datagram);
    u8::from(nva.counters().malformed == 0)
}
