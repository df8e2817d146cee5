//! A sequence of layers: its length, and how it is written from the innermost layer outwards.

use super::{Layer, Place};
use crate::checksum::{Addresses, Field};
use crate::{Error, EtherType, Protocol};

/// A sequence of layers, outermost first: a tuple of up to 16 layers, or a slice of references.
///
/// A program may implement it for a collection of its own: it needs only [`Layers::as_slice`].
pub trait Layers {
    /// Calls `with` with the layers as a slice.
    fn as_slice<T>(&self, with: impl FnOnce(&[&dyn Layer]) -> T) -> T;

    /// Length of the whole frame in bytes.
    fn frame_len(&self) -> usize {
        self.as_slice(length)
    }

    /// Writes the frame to the beginning of `out`. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has fewer than [`Layers::frame_len`] bytes, and the errors of the
    /// layers with the offset of the layer in the frame. After an error the content of `out` is unspecified.
    fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        self.as_slice(|layers| {
            let (length, available) = (length(layers), out.len());
            let Some(out) = out.get_mut(..length) else {
                return Err(Error::no_room(Protocol::Ethernet, length, available));
            };
            write(layers, None, out)?;
            Ok(length)
        })
    }

    /// Appends the frame to a buffer that grows, such as `BytesMut` or `Vec<u8>`, and writes it there in place. Returns
    /// the number of bytes appended.
    ///
    /// ```
    /// use nvo3_wire::build::Layers;
    /// use nvo3_wire::{EtherType, Mac, ethernet};
    ///
    /// let header = ethernet::Header { destination: Mac::BROADCAST, source: Mac::ZERO, ether_type: EtherType::IPV4 };
    /// let mut out = bytes::BytesMut::new();
    /// assert_eq!((header, b"payload").put(&mut out)?, 21);
    /// assert_eq!(&out[14..], b"payload");
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`Layers::write`]. After an error of a layer, the buffer still has grown by the length of the
    /// frame.
    #[cfg(feature = "bytes")]
    fn put(&self, out: &mut (impl bytes::BufMut + core::ops::DerefMut<Target = [u8]>)) -> Result<usize, Error> {
        let (at, length) = (out.len(), self.frame_len());
        if out.remaining_mut() < length {
            return Err(Error::no_room(Protocol::Ethernet, length, out.remaining_mut()));
        }
        out.put_bytes(0, length);
        self.write(out.get_mut(at..).unwrap_or_default())
    }
}

fn length(layers: &[&dyn Layer]) -> usize {
    layers.iter().map(|layer| layer.header_len()).sum()
}

/// The number of bytes at the end that are no payload of a layer in front of `layers`.
fn padding(layers: &[&dyn Layer]) -> usize {
    layers.iter().rev().fold(0, |behind, layer| layer.padding(behind))
}

/// Writes the innermost layer first, because a checksum needs the finished payload.
fn write(layers: &[&dyn Layer], addresses: Option<Addresses<'_>>, out: &mut [u8]) -> Result<(), Error> {
    let Some((layer, behind)) = layers.split_first() else { return Ok(()) };
    let at = layer.header_len();
    write(behind, layer.addresses(addresses), out.get_mut(at..).unwrap_or_default()).map_err(|e| e.at(at))?;
    let end = out.len().saturating_sub(padding(behind));
    layer.write(&Place { addresses, field: Field::Fill, behind }, out.get_mut(..end).unwrap_or_default())
}

impl Layers for [&dyn Layer] {
    fn as_slice<T>(&self, with: impl FnOnce(&[&dyn Layer]) -> T) -> T {
        with(self)
    }
}

macro_rules! tuples {
    ($($layer:ident)+) => {
        #[allow(non_snake_case)] // the type parameters also name the fields
        impl<$($layer: Layer),+> Layers for ($($layer,)+) {
            fn as_slice<T>(&self, with: impl FnOnce(&[&dyn Layer]) -> T) -> T {
                let ($($layer,)+) = self;
                with(&[$($layer),+])
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
tuples!(A B C D E F G H I J K L M);
tuples!(A B C D E F G H I J K L M N);
tuples!(A B C D E F G H I J K L M N O);
tuples!(A B C D E F G H I J K L M N O P);

/// A layer whose checksum field is filled in another way; see [`Layer::with_checksum`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summed<L> {
    /// The layer.
    pub layer: L,
    /// The content of its checksum field.
    pub field: Field,
}

/// Implements `Layer` for a pointer to a layer, or an optional layer, by calling the layer itself.
macro_rules! delegated {
    ($self:ident, $layer:expr) => {
        fn ether_type(&$self, given: EtherType, length: usize) -> EtherType {
            $layer.map_or(given, |layer| layer.ether_type(given, length))
        }

        fn ip_protocol(&$self, given: u8) -> u8 {
            $layer.map_or(given, |layer| layer.ip_protocol(given))
        }

        fn addresses<'a>(&'a $self, outer: Option<Addresses<'a>>) -> Option<Addresses<'a>> {
            match $layer {
                Some(layer) => layer.addresses(outer),
                None => outer,
            }
        }

        fn padding(&$self, behind: usize) -> usize {
            $layer.map_or(behind, |layer| layer.padding(behind))
        }

        fn is_absent(&$self) -> bool {
            $layer.is_none_or(|layer| layer.is_absent())
        }

        fn header_len(&$self) -> usize {
            $layer.map_or(0, |layer| layer.header_len())
        }
    };
}

impl<L: Layer> Layer for Summed<L> {
    delegated!(self, Some(&self.layer));

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.layer.write(&Place { field: self.field, ..*place }, out)
    }
}

impl<L: Layer> Layer for Option<L> {
    delegated!(self, self.as_ref());

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.as_ref().map_or(Ok(()), |layer| layer.write(place, out))
    }
}

impl<L: Layer + ?Sized> Layer for &L {
    delegated!(self, Some(*self));

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        (**self).write(place, out)
    }
}
