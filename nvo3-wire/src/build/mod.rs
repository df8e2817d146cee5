//! Builds a frame from layers: a tuple of headers and a payload becomes one frame.
//!
//! The input is a tuple of [`Layer`]s, outermost first. If the number of layers is only known at run time, the input is
//! a slice. [`Layers::frame_len`] returns the length before anything is written. [`Layers::write`] writes the frame in
//! place and fills every field that depends on the neighbors: lengths, EtherTypes, protocol numbers, checksums.
//!
//! A layer without a protocol number, such as plain bytes, leaves the field of its carrier unchanged. [`Layer::with_checksum`]
//! selects another content of a checksum field: zero, the pseudo-header's sum, or a given value. The builder never
//! changes ports or other fields that the sender chooses.
//!
//! ```
//! use nvo3_wire::build::{Layer, Layers};
//! use nvo3_wire::checksum::Field;
//! use nvo3_wire::tunnel::{Accept, decap_frame};
//! use nvo3_wire::{EtherType, Ipv4, Mac, Vni, ethernet, ipv4, udp, vxlan};
//!
//! let ethernet = |host| ethernet::Header {
//!     destination: Mac([2, 0, 0, 0, 0, host]),
//!     source: Mac([2, 0, 0, 0, 0, 1]),
//!     ether_type: EtherType::ARP, // the builder changes this to IPv4
//! };
//! let ip = |host| ipv4::Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, host]));
//! let udp = |port| udp::Fields { source_port: 49152, destination_port: port };
//!
//! let tunnel = vxlan::Header::new(Vni::MAX);
//! let frame = (ethernet(2), ip(2), udp(4789).with_checksum(Field::Zero), tunnel, ethernet(3), ip(3), udp(53), b"query");
//! let mut out = [0; 128];
//! let length = frame.write(&mut out)?;
//!
//! assert_eq!((length, frame.frame_len()), (14 + 20 + 8 + 8 + 14 + 20 + 8 + 5, length));
//! let outer = decap_frame(&out[..length], &Accept::default())?.expect("a tunnel");
//! assert_eq!((outer.carried.vni, outer.carried.inner.len(), outer.checksummed), (Vni::MAX, 47, false));
//! # Ok::<(), nvo3_wire::Error>(())
//! ```

mod arrange;
mod ip;
mod link;
mod message;
#[cfg(test)]
mod tests;
mod tunnel;

pub use arrange::{Layers, Summed};
pub use ip::{DestinationOptions, Fragment, HopByHop, IpProtocol, WithOptions};
pub use link::Padding;

use crate::checksum::{Addresses, Field};
use crate::{Error, EtherType};
use core::fmt;

/// One part of a frame: a header with its options, or a payload.
///
/// To add a header type, implement [`Layer::header_len`], [`Layer::write`] and the methods for its protocol numbers.
pub trait Layer {
    /// Length in bytes, options and their padding included.
    fn header_len(&self) -> usize;

    /// Writes the layer to the beginning of `out`. `out` ends at the end of the layer's payload. The payload, of
    /// `out.len() - header_len()` bytes, is already written.
    ///
    /// # Errors
    /// The errors of the layer: a value that its length fields cannot express, or a checksum that needs addresses but
    /// has none.
    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error>;

    /// The EtherType of this layer, which its carrier (also Geneve and GRE) writes. `given` is the carrier's value so
    /// far. `length` is the number of bytes of this layer and all layers after it.
    fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        let _ = length;
        given
    }

    /// The protocol number of this layer, which an IP header in front writes. `given` is the header's value so far.
    fn ip_protocol(&self, given: u8) -> u8 {
        given
    }

    /// The addresses for checksums after this layer. `outer` are the addresses in front of this layer.
    fn addresses<'a>(&'a self, outer: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        outer
    }

    /// The number of bytes at the end of the frame that are no payload of this layer's carrier. `behind` is that number
    /// for this layer's own payload.
    fn padding(&self, behind: usize) -> usize {
        behind
    }

    /// True if there is no layer: an [`Option`] that is `None`. The next layer then gives the protocol number.
    fn is_absent(&self) -> bool {
        false
    }

    /// Returns this layer with another content of its checksum field. No effect on a layer without checksum.
    fn with_checksum(self, field: Field) -> Summed<Self>
    where
        Self: Sized,
    {
        Summed { layer: self, field }
    }
}

/// The place of a layer in the frame, and its neighbors.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The addresses of the nearest IP header in front: in a tunnel those of the inner header.
    pub addresses: Option<Addresses<'a>>,
    /// The content of the checksum field.
    pub field: Field,
    behind: &'a [&'a dyn Layer],
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addresses, field, behind } = self;
        let behind = behind.len();
        f.debug_struct("Place")
            .field("addresses", addresses)
            .field("field", field)
            .field("layers_behind", &behind)
            .finish()
    }
}

impl Place<'_> {
    /// The EtherType of the next layer, which has `length` bytes. Returns `given` if it has none.
    pub fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        self.next().map_or(given, |next| next.ether_type(given, length))
    }

    /// The IP protocol number of the next layer. Returns `given` if it has none.
    pub fn ip_protocol(&self, given: u8) -> u8 {
        self.next().map_or(given, |next| next.ip_protocol(given))
    }

    fn next(&self) -> Option<&dyn Layer> {
        self.behind.iter().copied().find(|layer| !layer.is_absent())
    }
}
