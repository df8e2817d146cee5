//! Walks over all layers of a frame in one pass, outermost first, through tunnels to the innermost payload.
//!
//! [`Dissect`] is an iterator. Each [`Found`] has the kind of the layer, its offset, the length of its header, the end
//! of its payload, and the layer's own view in [`Layer`]. Options, records and messages are decoded when the caller
//! asks for them. The walk copies and allocates nothing. If a layer cannot be decoded, the walk ends with a [`Stop`].
//!
//! [`Dissect::lax`] reads captures that were cut. It reads a payload as far as its bytes are present; [`Found::cut`]
//! then says how many bytes are missing. [`Stop::cut`] says that a header is cut and not broken. [`Dissect::captured`]
//! does the same for a known original length. [`Found::validate`] applies the receiver's rules to a layer.
//!
//! ```
//! use nvo3_wire::dissect::{Dissect, Kind, Layer};
//! use nvo3_wire::{Ipv4, Mac, arp};
//!
//! let mut frame = [0; 60];
//! arp::probe(Mac([2, 0, 0x5e, 0, 0x53, 1]), Ipv4([192, 0, 2, 10]), &mut frame)?;
//!
//! let layers = Dissect::new(&frame).collect::<Result<Vec<_>, _>>().expect("well formed");
//! assert_eq!(layers.iter().map(|found| found.kind()).collect::<Vec<_>>(), [Kind::Ethernet, Kind::Arp]);
//! assert_eq!((layers[1].offset, layers[1].len, layers[1].end), (14, 28, 42)); // the rest is padding
//! let Layer::Arp(probe) = layers[1].layer else { panic!("no ARP") };
//! assert!(probe.sender_ip.is_unspecified() && layers[1].validate().is_ok());
//! # Ok::<(), nvo3_wire::Error>(())
//! ```

mod layer;
mod rules;
mod step;
#[cfg(test)]
mod tests;
mod walk;

pub use layer::{Found, Ila, Kind, Layer, Stop};
pub use walk::{Dissect, MAX_TUNNELS};
