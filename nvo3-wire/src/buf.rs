//! Builders that append to a `bytes::BufMut`.

use crate::Error;
use crate::tunnel::{Encap, MAX_OVERHEAD};
use bytes::BufMut;

/// Appends the frame that a builder writes, up to 128 bytes: enough for every ARP, RARP, NS and NA frame of this crate.
///
/// ```
/// use nvo3_wire::{Ipv4, Mac, arp, put_frame};
/// let mut out = Vec::new();
/// put_frame(&mut out, |out| arp::probe(Mac([2, 0, 0, 0, 0, 1]), Ipv4([192, 0, 2, 10]), out))?;
/// assert_eq!(out.len(), 42);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
///
/// # Errors
/// The errors of the builder, or [`Rule::NoRoom`](crate::Rule::NoRoom) if `out` has less room than the frame needs.
pub fn put_frame(out: &mut impl BufMut, build: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Result<usize, Error> {
    let mut frame = [0; 128];
    let length = build(&mut frame)?;
    let frame = frame.get(..length).unwrap_or_default();
    room(out, length)?;
    out.put_slice(frame);
    Ok(length)
}

impl Encap<'_> {
    /// Appends the outer headers and a copy of `inner`. See [`Encap::write`].
    ///
    /// # Errors
    /// The errors of [`Encap::write`].
    pub fn put(&self, entropy: u16, inner: &[u8], out: &mut impl BufMut) -> Result<usize, Error> {
        let mut headers = [0; MAX_OVERHEAD];
        let length = self.write_headers(entropy, inner, &mut headers)?;
        room(out, length + inner.len())?;
        out.put_slice(headers.get(..length).unwrap_or_default());
        out.put_slice(inner);
        Ok(length + inner.len())
    }
}

fn room(out: &impl BufMut, needed: usize) -> Result<(), Error> {
    if out.remaining_mut() < needed {
        return Err(Error::no_room(crate::Protocol::Ethernet, needed, out.remaining_mut()));
    }
    Ok(())
}
