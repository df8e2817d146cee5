//! Composition: layers side by side are a frame.
//!
//! In goes a tuple of [`Layer`]s, outermost first, or a slice of them where their number is known only when the program
//! runs. Its length is known before anything is written ([`Layers::frame_len`]), and [`Layers::write`] writes it in place
//! and fills what follows from the layers' being together: lengths, EtherTypes, protocol numbers, checksums. A layer that
//! has no number of its own, such as plain bytes, leaves its carrier's field as the carrier has it. A checksum field that
//! is to be zero, to hold the pseudo-header's sum, or to keep a value is asked for by [`Layer::with`]. Ports and what
//! else the sender chooses are never touched.
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
//!     ether_type: EtherType::ARP, // becomes IPv4's
//! };
//! let ip = |host| ipv4::Fields::new(Ipv4([192, 0, 2, 1]), Ipv4([192, 0, 2, host]));
//! let udp = |port| udp::Fields { source_port: 49152, destination_port: port };
//!
//! let tunnel = vxlan::Header::new(Vni::MAX);
//! let frame = (ethernet(2), ip(2), udp(4789).with(Field::Zero), tunnel, ethernet(3), ip(3), udp(53), b"query");
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
/// A header of one's own needs [`Layer::header_len`], [`Layer::write`] and the names it goes by.
pub trait Layer {
    /// Length in bytes, options and their padding included.
    fn header_len(&self) -> usize;

    /// Writes the layer to the beginning of `out`, which ends where its payload does. The payload, of
    /// `out.len() - header_len()` bytes, is there already.
    ///
    /// # Errors
    /// Those of the layer: what its length fields cannot say, or a checksum that needs addresses where there are none.
    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error>;

    /// The EtherType by which a carrier names this layer (and protocol type of Geneve and GRE), where it stands at
    /// `given` as yet and this layer with all behind it has `length` bytes.
    fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        let _ = length;
        given
    }

    /// The number by which an IP header names this layer, where it stands at `given` as yet.
    fn ip_protocol(&self, given: u8) -> u8 {
        given
    }

    /// The addresses that checksums behind this layer are over, where those in front of it are `outer`.
    fn addresses<'a>(&'a self, outer: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
        outer
    }

    /// How many bytes at the frame's end are no part of this layer's carrier's payload, where `behind` are none of this
    /// layer's own.
    fn padding(&self, behind: usize) -> usize {
        behind
    }

    /// Whether there is nothing here, so that the layer behind gives the names: an [`Option`] that is `None`.
    fn is_absent(&self) -> bool {
        false
    }

    /// This layer with its checksum field filled otherwise; of no effect on a layer that has none.
    fn with(self, field: Field) -> Summed<Self>
    where
        Self: Sized,
    {
        Summed { layer: self, field }
    }
}

/// Where a layer stands in the frame: what is around it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Addresses of the IP header in front, of an inner one the inner.
    pub addresses: Option<Addresses<'a>>,
    /// What to write into the checksum field.
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
    /// The EtherType of what follows in `length` bytes, `given` where it has none.
    pub fn ether_type(&self, given: EtherType, length: usize) -> EtherType {
        self.next().map_or(given, |next| next.ether_type(given, length))
    }

    /// The IP protocol number of what follows, `given` where it has none.
    pub fn ip_protocol(&self, given: u8) -> u8 {
        self.next().map_or(given, |next| next.ip_protocol(given))
    }

    fn next(&self) -> Option<&dyn Layer> {
        self.behind.iter().copied().find(|layer| !layer.is_absent())
    }
}
