//! Reads and writes the frames of a network virtualization overlay in place, without allocation.
//!
//! The crate is for authors of an NVE, a virtual switch, a router, a DPU program or a test tool. It knows Ethernet, ARP,
//! RARP, IPv4, IPv6, Neighbor Discovery, UDP, TCP, ICMP, IGMP, MLD, VXLAN, VXLAN-GPE, Geneve, GRE, NVGRE and ILA, and reads the
//! addresses in DHCP. It is safe Rust and `no_std`, and no input makes it panic.
//!
//! # The first lines
//!
//! A VM announces its address, its NVE sends the announcement in VXLAN, and another NVE reads it:
//!
//! ```
//! use nvo3_wire::tunnel::{Accept, Encap, Encapsulation, decap_frame};
//! use nvo3_wire::{Ipv4, Mac, Vni, announce, arp, flow};
//!
//! let (mac, ip) = (Mac([2, 0, 0, 0, 0, 0x10]), Ipv4([192, 0, 2, 10]));
//! let mut inner = [0; arp::FRAME_LEN];
//! arp::announcement(mac, ip, &mut inner)?;
//!
//! let (nve1, nve2) = (Ipv4([198, 51, 100, 1]), Ipv4([198, 51, 100, 2]));
//! let encap = Encap::new(Encapsulation::Vxlan, nve1, nve2, Vni::MAX)?
//!     .with_ethernet(Mac([2, 0, 0, 0, 1, 1]), Mac([2, 0, 0, 0, 1, 2]));
//! let mut frame = [0; 128];
//! let length = encap.write(flow::entropy(&inner), &inner, &mut frame)?;
//!
//! let outer = decap_frame(&frame[..length], &Accept::default())?.expect("a tunnel");
//! let kind = announce::classify(outer.carried.inner)?;
//! assert!(kind.is_announcement());
//! assert_eq!(kind.binding(), Some((ip.addr().into(), &mac)));
//! # Ok::<(), nvo3_wire::Error>(())
//! ```
//!
//! # How it works
//!
//! - **Read:** `parse` takes `&[u8]` and returns a view that borrows from it. It accepts every packet that the view can
//!   represent. `validate` checks the receiver's rules of the RFC. `parse_lax` reads packets that a capture has cut.
//! - **Write:** a builder writes to `&mut [u8]` and returns the number of bytes written. The length is known before.
//!   [`build`] makes one frame from a tuple of layers; [`tunnel::Encap`] writes prebuilt outer headers.
//! - **Numbers** in headers are [`U16`] and [`U32`], which lie in network order; `get` returns the host's number.
//!
//! # A frame, and the module of each layer
//!
//! ```text
//! +------------------------------------------------+
//! | outer Ethernet, VLAN tags                      |  ethernet
//! +------------------------------------------------+
//! | outer IPv4 or IPv6                             |  ipv4, ipv6, ah
//! +-----------------------------------+------------+
//! | UDP                               | GRE with   |  udp
//! +-----------+-----------+-----------+ a key:     |
//! | VXLAN     | VXLAN-GPE | Geneve    | NVGRE      |  vxlan, vxlan_gpe, geneve, gre, nvgre
//! +-----------+-----------+-----------+------------+
//! | inner Ethernet, VLAN tags                      |  ethernet
//! +-----------+------------------------------------+
//! | ARP, RARP | inner IPv4 or IPv6                 |  arp, ipv4, ipv6, ila
//! +-----------+------------------------------------+
//!             | UDP, TCP, ICMP, IGMP,              |  udp, tcp, icmpv4, igmp,
//!             | ICMPv6, Neighbor Discovery, MLD    |  icmpv6, nd, mld
//!             +------------------------------------+
//! ```
//!
//! [`tunnel`] reads and writes the outer headers together. [`dissect`] reads all layers of a frame, and [`build`] writes them.
//!
//! # Headers
//!
//! | header | module | source |
//! |---|---|---|
//! | Ethernet II, IEEE 802.3 and LLC, SNAP, 802.1Q and 802.1ad tags | [`ethernet`] | RFC 894, RFC 1042, IEEE 802.3, IEEE 802.1Q |
//! | ARP, RARP, probes and announcements | [`arp`] | RFC 826, RFC 903, RFC 5227 |
//! | IPv4 with options | [`ipv4`] | RFC 791, RFC 1122, RFC 2113 |
//! | IPv6 with extension headers and their options | [`ipv6`] | RFC 8200, RFC 2675, RFC 2711, RFC 6275, RFC 8754 |
//! | authentication header | [`ah`] | RFC 4302 |
//! | UDP, also without checksum over IPv6 | [`udp`] | RFC 768, RFC 6935, RFC 6936 |
//! | TCP with options | [`tcp`] | RFC 9293, RFC 7323, RFC 2018 |
//! | ICMP for IPv4 | [`icmpv4`] | RFC 792, RFC 1812 |
//! | ICMPv6 | [`icmpv6`] | RFC 4443 |
//! | Neighbor Discovery with every kind of option | [`nd`] | RFC 4861, RFC 4862, RFC 7527, RFC 3971, RFC 8106 and others |
//! | DHCP for IPv4: addresses that clients want or give up | [`dhcpv4`] | RFC 2131, RFC 2132 |
//! | DHCP for IPv6: addresses that clients want or give up | [`dhcpv6`] | RFC 8415 |
//! | IGMP of versions 1 to 3 | [`igmp`] | RFC 1112, RFC 2236, RFC 3376 |
//! | MLD of versions 1 and 2 | [`mld`] | RFC 2710, RFC 3810 |
//! | VXLAN | [`vxlan`] | RFC 7348 |
//! | VXLAN-GPE | [`vxlan_gpe`] | draft-ietf-nvo3-vxlan-gpe |
//! | Geneve with options | [`geneve`] | RFC 8926 |
//! | GRE with key and sequence number | [`gre`] | RFC 2784, RFC 2890 |
//! | NVGRE | [`nvgre`] | RFC 7637 |
//! | ILA addresses and their translation | [`ila`] | draft-herbert-intarea-ila |
//!
//! # Which module for which task
//!
//! | task | module |
//! |---|---|
//! | put a frame into a tunnel, or take it out | [`tunnel`] |
//! | find announcements, probes, questions and answers | [`announce`] |
//! | print or check all layers of a frame or a capture | [`dissect`] |
//! | write any frame from its layers | [`build`] |
//! | change addresses, ports or TTL and keep the checksums right | [`edit`] |
//! | name the flow of a frame, or spread flows over paths | [`flow`] |
//! | carry congestion marks through a tunnel | [`ecn`] |
//! | tell a sender which length fits into a tunnel | [`too_big`] |
//! | sum up and verify | [`checksum`] |
//!
//! # Errors
//!
//! Every function that can fail returns an [`Error`]: the protocol, the byte offset and the broken [`Rule`]. Its text
//! is one sentence, such as `ICMPv6 NA at byte 54: option 2 has length 0`. Comments name rules by an id, such as
//! `VXL-03`; [RULES.md] has the sentence and the source of each.
//!
//! # Features
//!
//! All are off by default.
//!
//! | feature | adds |
//! |---|---|
//! | `bytes` | `put_frame`, `Layers::put` and `Encap::put`, which append to the buffers of the crate `bytes` |
//! | `serde` | `Serialize` and `Deserialize` for addresses and identifiers: text for people, bytes for other formats |
//! | `arbitrary` | `Arbitrary` for addresses, headers and the inputs of builders, for fuzzing; needs `std` |
//!
//! The crates [`zerocopy`] and `bytes`, whose types are in this interface, are re-exported. The minimum supported Rust
//! version is 1.88.
//!
//! # Where to go next
//!
//! Each example is a page of code and runs by `cargo run -p nvo3-wire --example NAME`:
//!
//! - `responder` answers ARP requests and neighbor solicitations for a table of addresses;
//! - `strip_vxlan` takes frames out of VXLAN, Geneve and NVGRE, and prints flows and announcements;
//! - `encapsulate` puts a frame into VXLAN for the underlay, and into Geneve through a UDP socket;
//! - `dissect` prints the layers of the frames in a capture, with `--json` as one object per frame.
//!
//! The messages between NVEs and their authority are in the crate `nvo3-nva-proto`, the state machines of both in
//! `nvo3-mobility`. The [fuzz targets][fuzz] compare this crate with other parsers.
//!
//! [RULES.md]: https://github.com/nvo3-suite/nvo3/blob/HEAD/RULES.md
//! [fuzz]: https://github.com/nvo3-suite/nvo3/tree/HEAD/fuzz
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "arbitrary"))] // the crate `arbitrary` needs std
extern crate std;

mod addr;
pub mod ah;
pub mod announce;
pub mod arp;
#[cfg(feature = "bytes")]
mod buf;
pub mod build;
pub mod checksum;
mod codes;
pub mod dhcpv4;
pub mod dhcpv6;
pub mod dissect;
pub mod ecn;
pub mod edit;
mod error;
pub mod ethernet;
pub mod flow;
pub mod geneve;
pub mod gre;
pub mod group;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ila;
pub mod ipv4;
pub mod ipv6;
pub mod mld;
pub mod nd;
pub mod nvgre;
pub mod tcp;
#[cfg(feature = "serde")]
mod text;
mod tlv;
pub mod too_big;
pub mod tunnel;
pub mod udp;
#[cfg(test)]
mod vectors;
pub mod vxlan;
pub mod vxlan_gpe;

pub use addr::{EtherType, Ipv4, Ipv6, Mac, ParseEtherTypeError, ParseMacError, Vni, VniError};
#[cfg(feature = "bytes")]
pub use buf::put_frame;
/// The crate `bytes`, whose [`BufMut`](bytes::BufMut) this crate writes to.
#[cfg(feature = "bytes")]
pub use bytes;
pub use error::{Error, Protocol, Rule, Unanswerable};
/// The crate `zerocopy`, whose traits every header implements and whose numbers are the fields of headers.
pub use zerocopy;
pub use zerocopy::big_endian::{U16, U32};

/// Tests the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
