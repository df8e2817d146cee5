//! An encapsulator: sends an inner frame as an Ethernet frame of the underlay, and through a UDP socket.
//!
//! ```sh
//! cargo run -p nvo3-wire --example encapsulate
//! ```
//!
//! Prints the bytes of the VXLAN frame and its layers as `dissect` reads them. Then it sends the same inner frame in Geneve
//! over the loopback interface to a second socket, and decapsulates it there. It needs no special rights.

#[path = "common/say.rs"]
mod say;

use nvo3_wire::build::Layers;
use nvo3_wire::dissect::Dissect;
use nvo3_wire::tunnel::{self, Accept, Encap, Encapsulation};
use nvo3_wire::{EtherType, Ipv4, Mac, Vni, ethernet, flow, ipv4, udp};
use say::say;
use std::error::Error;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// A UDP datagram from one VM to another.
fn inner_frame() -> Result<Vec<u8>, nvo3_wire::Error> {
    let (vm1, vm2) = (Mac([2, 0, 0, 0, 0, 0x10]), Mac([2, 0, 0, 0, 0, 0x20]));
    let layers = (
        ethernet::Header { destination: vm2, source: vm1, ether_type: EtherType::IPV4 },
        ipv4::Fields::new(Ipv4([192, 0, 2, 10]), Ipv4([192, 0, 2, 20])),
        udp::Fields { source_port: 5000, destination_port: 53 },
        b"query",
    );
    let mut frame = vec![0; layers.frame_len()];
    layers.write(&mut frame)?;
    Ok(frame)
}

/// Writes the whole underlay frame: Ethernet, IPv4, UDP, VXLAN, inner frame.
fn frame_for_the_underlay(inner: &[u8], vni: Vni) -> Result<Vec<u8>, nvo3_wire::Error> {
    let (nve1, nve2) = (Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]));
    let (source, next_hop) = (Mac([2, 0, 0, 0, 1, 1]), Mac([2, 0, 0, 0, 1, 2]));
    let encap = Encap::new(Encapsulation::Vxlan, nve1, nve2, vni)?.with_ethernet(source, next_hop);
    let mut frame = vec![0; encap.len() + inner.len()];
    encap.write(flow::entropy(inner), inner, &mut frame)?;
    Ok(frame)
}

/// Sends the inner frame in Geneve from one UDP socket to another. The kernel writes the outer IP and UDP headers.
fn through_a_socket(inner: &[u8], vni: Vni) -> Result<(), Box<dyn Error>> {
    let nve1 = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let nve2 = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?; // a real NVE binds port 6081
    nve2.set_read_timeout(Some(Duration::from_secs(2)))?;

    let encap = Encap::for_socket(Encapsulation::Geneve, vni)?;
    let mut datagram = vec![0; encap.len() + inner.len()];
    encap.write(flow::entropy(inner), inner, &mut datagram)?;
    nve1.send_to(&datagram, nve2.local_addr()?)?;

    let mut buffer = [0; 2048];
    let (length, sender) = nve2.recv_from(&mut buffer)?;
    let received = buffer.get(..length).unwrap_or_default();
    let carried = tunnel::parse(Encapsulation::Geneve, received, &Accept::default())?;
    say!("Received {length} bytes from {sender}: VNI {}, inner frame of {} bytes", carried.vni, carried.inner.len());
    say!("  flow {}", flow::key(carried.inner).ok_or("the inner frame has no IP packet")?);
    say!("  the inner frame is {}", if carried.inner == inner { "unchanged" } else { "CHANGED" });
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (inner, vni) = (inner_frame()?, Vni::try_from(5001)?);

    let frame = frame_for_the_underlay(&inner, vni)?;
    say!("A frame of {} bytes for the underlay:", frame.len());
    for (row, bytes) in frame.chunks(16).enumerate() {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        say!("  {:04x}  {}", 16 * row, hex.join(" "));
    }
    say!("Its layers:");
    for found in Dissect::new(&frame) {
        let found = found?;
        say!("  byte {:3}  {:8} {}", found.offset, found.kind().to_string(), found.layer);
    }

    through_a_socket(&inner, vni)
}
