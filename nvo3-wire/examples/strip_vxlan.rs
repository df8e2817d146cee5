//! A tunnel stripper: takes the inner frames out of VXLAN, Geneve and NVGRE, and prints their flows and announcements.
//!
//! ```sh
//! cargo run -p nvo3-wire --example strip_vxlan                # strips six built-in frames
//! cargo run -p nvo3-wire --example strip_vxlan -- FILE.pcap   # strips the frames of a capture
//! ```
//!
//! Prints for each frame: the tunnel with its VNI, the inner 5-tuple, and the announcement if the inner frame is one
//! (gratuitous ARP, RARP, unsolicited NA). A frame of no tunnel and a broken tunnel packet are told apart.

#[path = "dissect/capture.rs"]
#[allow(dead_code)] // the example `dissect` uses all of it
mod capture;
#[path = "common/say.rs"]
mod say;

use nvo3_wire::announce::{Kind, classify};
use nvo3_wire::build::Layers;
use nvo3_wire::tunnel::{Accept, Carried, Encap, Encapsulation, Payload, decap_frame};
use nvo3_wire::{EtherType, Ipv4, Ipv6, Mac, Vni, arp, ethernet, flow, ipv4, nd, udp};
use say::say;
use std::error::Error;

/// The inner flow, and the announcement if there is one.
fn describe(carried: &Carried<'_>) -> String {
    let key = match carried.payload {
        Payload::Ethernet => flow::key(carried.inner),
        _ => flow::packet_key(carried.inner),
    };
    let flow = key.map(|key| format!("flow {key}"));
    let announcement = match carried.payload {
        Payload::Ethernet => announcement(carried.inner),
        _ => None,
    };
    announcement.or(flow).unwrap_or_else(|| "no IP flow, no announcement".into())
}

fn announcement(frame: &[u8]) -> Option<String> {
    let kind = classify(frame).ok().filter(Kind::is_announcement)?;
    Some(match (kind, kind.binding()) {
        (Kind::RarpAnnouncement(arp), _) => format!("announcement: {} (RARP)", arp.sender_mac),
        (Kind::UnsolicitedNa(_), Some((ip, mac))) => format!("announcement: {ip} is at {mac} (unsolicited NA)"),
        (_, Some((ip, mac))) => format!("announcement: {ip} is at {mac} (gratuitous ARP)"),
        (_, None) => "announcement without an address".into(),
    })
}

/// An announcement in each kind of tunnel, a UDP flow in VXLAN, a frame of no tunnel, and a VXLAN frame with a wrong header.
fn built_in() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let (vm, vm_v4, vm_v6) = (Mac([2, 0, 0, 0, 0, 0x10]), Ipv4([192, 0, 2, 10]), "2001:db8::10".parse::<Ipv6>()?);
    let (mut arp_frame, mut rarp, mut na, mut udp_frame) =
        ([0; arp::FRAME_LEN], [0; arp::FRAME_LEN], [0; nd::FRAME_LEN], [0; 47]);
    arp::announcement(vm, vm_v4, &mut arp_frame)?;
    arp::rarp_request(vm, &mut rarp)?;
    nd::announcement(vm, vm_v6, nd::To::AllNodes, true, &mut na)?;
    let header = ethernet::Header { destination: Mac([2, 0, 0, 0, 0, 0x20]), source: vm, ether_type: EtherType::IPV4 };
    let ip = ipv4::Fields::new(vm_v4, Ipv4([192, 0, 2, 20]));
    (header, ip, udp::Fields { source_port: 5000, destination_port: 53 }, b"query").write(&mut udp_frame)?;

    let (from, to, vni) = (Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]), Vni::try_from(5001)?);
    let wrap = |encapsulation, inner: &[u8]| -> Result<Vec<u8>, nvo3_wire::Error> {
        let encap = Encap::new(encapsulation, from, to, vni)?;
        let encap = encap.with_ethernet(Mac([2, 0, 0, 0, 1, 1]), Mac([2, 0, 0, 0, 1, 2]));
        let mut frame = vec![0; encap.len() + inner.len()];
        encap.write(flow::entropy(inner), inner, &mut frame)?;
        Ok(frame)
    };
    let mut no_vni = wrap(Encapsulation::Vxlan, &udp_frame)?;
    if let Some(flags) = no_vni.get_mut(42) {
        *flags = 0; // the header then has no valid VNI
    }
    let frames = [
        wrap(Encapsulation::Vxlan, &arp_frame)?,
        wrap(Encapsulation::Nvgre, &rarp)?,
        wrap(Encapsulation::Geneve, &na)?,
        wrap(Encapsulation::Vxlan, &udp_frame)?,
        udp_frame.to_vec(),
        no_vni,
    ];
    Ok(frames.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let frames = match std::env::args().nth(1) {
        Some(file) => capture::read(file.as_ref())?.into_iter().map(|frame| frame.data).collect(),
        None => built_in()?,
    };
    for (number, frame) in (1..).zip(&frames) {
        match decap_frame(frame, &Accept::default()) {
            Ok(Some(outer)) => {
                say!(
                    "{number}: {} VNI {}, {} > {}",
                    outer.encapsulation,
                    outer.carried.vni,
                    outer.source,
                    outer.destination
                );
                say!("   {}", describe(&outer.carried));
            }
            Ok(None) => say!("{number}: no tunnel"),
            Err(error) => say!("{number}: broken tunnel packet: {error}"),
        }
    }
    Ok(())
}
