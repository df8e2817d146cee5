//! Reads random bytes as a Neighbor Discovery message. Every slice lies within the bytes, the message is the same when written again,
//! and the other crates read the same.
//!
//! The differences, and their reasons:
//! - smoltcp reads options only in its `Repr`, which refuses a message for an option that RFC 4861 §4.6 tells to ignore. So we
//!   compare only its views.
//! - smoltcp reads a link-layer address of any length as up to eight bytes; RFC 2464 §6 gives an Ethernet address the length 1.
//! - etherparse stops at a known option of a wrong length. RFC 4861 §6.1 to §8.1 drop a message only for length 0, and we keep that
//!   option as [`NdOption::Other`].
//! - etherparse does not require that a redirected header holds an IPv6 header.
//! - pnet gives options that reach beyond the message; we refuse the message (ND-01). So we compare only its fixed fields.
#![no_main]

use etherparse::icmpv6::{NdpOptionSlice, NdpOptionsIterator};
use libfuzzer_sys::fuzz_target;
use nvo3_wire::nd::{Body, Message, Nd, NdOption, Options, Outgoing};
use nvo3_wire::{Ipv6, Mac, Rule, icmpv6, ipv6};
use pnet_packet::icmpv6::ndp;
use smoltcp::wire::{Icmpv6Packet, NdiscOption};
use std::fmt::Write;

const ADDRESS: Ipv6 = Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut packet = vec![0x60, 0, 0, 0, (bytes.len() >> 8) as u8, bytes.len() as u8, ipv6::ICMPV6, 255];
    packet.extend([ADDRESS.0, ADDRESS.0].concat());
    packet.push(133 + first % 6); // one of the five messages, or the type after them
    packet.extend(rest);
    if bytes.len() > usize::from(u16::MAX) {
        return;
    }

    let Ok(nd) = Nd::parse(&ipv6::Packet::parse(&packet).unwrap()) else { return };
    let _ = (nd.validate(), write!(String::new(), "{nd}"));
    let message = &packet[40..];
    let head = nd.options().map_or(0, |options| message.len() - options.as_bytes().len());
    match nd {
        Nd::RouterSolicitation(m) => again(&m, head, 8),
        Nd::RouterAdvertisement(m) => {
            again(&m, head, 16);
            let (theirs, pnet) = (Icmpv6Packet::new_unchecked(message), ndp::RouterAdvertPacket::new(message).unwrap());
            let lifetime = m.body.router_lifetime.get();
            assert_eq!(
                (theirs.current_hop_limit(), pnet.get_hop_limit()),
                (m.body.cur_hop_limit, m.body.cur_hop_limit)
            );
            assert_eq!((theirs.router_lifetime().secs(), pnet.get_lifetime()), (lifetime.into(), lifetime));
            assert_eq!(theirs.reachable_time().total_millis(), m.body.reachable_time.get().into());
            assert_eq!(pnet.get_retrans_time(), m.body.retrans_timer.get());
            assert_eq!(theirs.router_flags().bits(), m.body.flags & 0xc0);
        }
        Nd::Solicitation(m) => {
            again(&m, head, 24);
            assert_eq!(Icmpv6Packet::new_unchecked(message).target_addr().octets(), m.body.target.0);
            assert_eq!(ndp::NeighborSolicitPacket::new(message).unwrap().get_target_addr().octets(), m.body.target.0);
        }
        Nd::Advertisement(m) => {
            again(&m, head, 24);
            let theirs = Icmpv6Packet::new_unchecked(message);
            assert_eq!(theirs.target_addr().octets(), m.body.target.0);
            assert_eq!(theirs.neighbor_flags().bits(), m.body.flags().bits());
        }
        Nd::Redirect(m) => {
            again(&m, head, 40);
            let (theirs, pnet) = (Icmpv6Packet::new_unchecked(message), ndp::RedirectPacket::new(message).unwrap());
            assert_eq!(
                (theirs.target_addr().octets(), theirs.dest_addr().octets()),
                (m.body.target.0, m.body.destination.0)
            );
            assert_eq!(pnet.get_target_addr().octets(), m.body.target.0);
        }
        Nd::Other(_) => {}
    }
    if let Some(options) = nd.options() {
        peers(options);
    }
});

/// Checks that the message written again is the same, except for its checksum, reserved bytes and unneeded padding of options.
fn again<T: Body + Copy>(message: &Message<'_, T>, head: usize, expected: usize) {
    assert_eq!(head, expected);
    let body = message.body.as_bytes();
    let options: Vec<_> = message.options.iter().collect();
    let outgoing = Outgoing { source: ADDRESS, destination: ADDRESS, body: *message.body, options: &options };
    let mut out = vec![0xa5; outgoing.frame_len()];
    match outgoing.write_frame(Mac::ZERO, Mac::ZERO, &mut out) {
        Err(error) => assert!(matches!(error.rule, Rule::TooLong(_))),
        Ok(length) => {
            assert_eq!(length, out.len());
            let packet = ipv6::Packet::parse(&out[14..]).unwrap();
            let ours = icmpv6::Message::parse(&packet).unwrap();
            assert_eq!(ours.validate(), Ok(()));
            assert_eq!((ours.header.kind, &ours.bytes[4..head]), (body[0], &body[4..]));
            assert_eq!(Nd::parse(&packet).unwrap().options().unwrap().iter().collect::<Vec<_>>(), options);
        }
    }
}

fn peers(options: Options<'_>) {
    let mut etherparse = NdpOptionsIterator::from_slice(options.as_bytes());
    let mut in_step = true;
    for raw in options.raw() {
        assert_eq!(raw.bytes, &options.as_bytes()[raw.offset..][..raw.bytes.len()]);
        let option = raw.read();
        let _ = option.validate();
        let theirs = if in_step { etherparse.next().unwrap().ok() } else { None };
        in_step = theirs.is_some();
        let smoltcp = NdiscOption::new_checked(raw.bytes).ok();
        match option {
            NdOption::SourceLink(mac) | NdOption::TargetLink(mac) => {
                assert_eq!(smoltcp.unwrap().link_layer_addr().as_bytes()[..6], mac.0);
                match theirs {
                    Some(NdpOptionSlice::SourceLinkLayerAddress(o)) => assert_eq!(o.link_layer_address(), mac.0),
                    Some(NdpOptionSlice::TargetLinkLayerAddress(o)) => assert_eq!(o.link_layer_address(), mac.0),
                    other => assert!(other.is_none()),
                }
            }
            NdOption::Prefix(prefix) => {
                let smoltcp = smoltcp.unwrap();
                assert_eq!((smoltcp.prefix_len(), smoltcp.prefix().octets()), (prefix.prefix_len, prefix.prefix.0));
                assert_eq!(smoltcp.valid_lifetime().secs(), prefix.valid_lifetime.get().into());
                assert_eq!(smoltcp.preferred_lifetime().secs(), prefix.preferred_lifetime.get().into());
                assert!(matches!(theirs, None | Some(NdpOptionSlice::PrefixInformation(_))));
            }
            NdOption::Mtu(mtu) => {
                assert_eq!(smoltcp.unwrap().mtu(), mtu.mtu.get());
                match theirs {
                    Some(NdpOptionSlice::Mtu(o)) => assert_eq!(o.mtu(), mtu.mtu.get()),
                    other => assert!(other.is_none()),
                }
            }
            _ => {}
        }
    }
}
