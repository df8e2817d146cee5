//! Encapsulation and decapsulation: VXLAN, VXLAN-GPE, Geneve and NVGRE, each over IPv4 and IPv6.
//!
//! [`Encap`] holds the outer headers of one tunnel, built once, and writes them in front of inner frames: into
//! headroom, into a buffer of their own, or with a copy of the frame. The output is an IP packet, an Ethernet frame, or
//! the payload of a UDP socket.
//!
//! [`decap()`] reads an outer IP packet, [`decap_frame`] an outer Ethernet frame, and [`parse`] the payload of a UDP
//! socket. A packet that is not a tunnel's is `None`; a broken packet is an error. [`decap()`] says how to tell a broken
//! tunnel packet from a broken IP packet.
//!
//! The module follows TUN-01 to TUN-08 (ECN, DSCP, TTL, entropy, fragmentation) and U6-01 to U6-06 (zero UDP checksums
//! over IPv6) for all encapsulations. For single ones it follows GNV-04, GNV-06 to GNV-10, NVG-03 to NVG-08, and
//! VXL-13.
//!
//! ```
//! use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, decap};
//! use nvo3_wire::{Ipv6, Vni, flow};
//!
//! let [from, to] = ["2001:db8::1", "2001:db8::2"].map(|address| address.parse::<Ipv6>().unwrap());
//! let encap = Encap::new(Encapsulation::Geneve, from, to, Vni::new(7).unwrap())?;
//! let (inner, mut packet) = ([0u8; 60], [0u8; 128]);
//! let length = encap.write(flow::entropy(&inner), &inner, &mut packet)?;
//!
//! let outer = decap(&packet[..length], &Accept::default())?.expect("a tunnel");
//! assert_eq!((outer.encapsulation, outer.carried.vni.get()), (Encapsulation::Geneve, 7));
//! assert_eq!(outer.carried.inner, inner);
//! # Ok::<(), nvo3_wire::Error>(())
//! ```

mod decap;
mod encap;
mod kind;
pub(crate) mod outer;
pub(crate) mod template;
#[cfg(test)]
mod tests;

pub use decap::{Accept, Carried, Decap, PORTS, ZeroChecksum, decap, decap_frame, egress, parse};
pub use encap::{Encap, MAX_OVERHEAD};
pub use kind::{Encapsulation, Payload};
pub use template::{EcnMode, source_port};
