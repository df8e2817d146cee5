//! A whole frame in one pass: its layers, outermost first, through tunnels to the innermost payload.
//!
//! [`Dissect`] is an iterator. Each [`Found`] says which layer it is, where it begins, how long its header is and where
//! its payload ends, and has the layer's own view in [`Layer`]; options, records and messages are decoded when they are
//! asked for. Nothing is copied or allocated. A layer that cannot be decoded ends the walk with a [`Stop`], the layers
//! before it were given. [`Dissect::lax`] reads cut captures: a payload that is not all there is read as far as it is,
//! and [`Found::cut`] says how much is missing, [`Stop::cut`] that a header is cut, not broken; [`Dissect::captured`] does
//! so where the original length is known. [`Found::validate`] applies the receiver's rules to a layer that decodes.
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
