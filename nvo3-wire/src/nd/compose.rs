//! ND messages of any type with any list of options, written in place.

use super::{Advertisement, Flags, NdOption, Redirect, RouterAdvertisement, RouterSolicitation, Solicitation};
use crate::checksum::pseudo_ipv6;
use crate::error::place;
use crate::{Error, EtherType, Ipv6, Mac, Protocol, Rule, ethernet, icmpv6, ipv6};
use zerocopy::big_endian::{U16, U32};
use zerocopy::{Immutable, IntoBytes};

/// The fixed part of a message that [`Outgoing`] can write. Only this crate implements it.
pub trait Body: sealed::Sealed + IntoBytes + Immutable {
    /// The name of the message in errors.
    const PROTOCOL: Protocol;
}

impl Body for RouterSolicitation {
    const PROTOCOL: Protocol = Protocol::RouterSolicitation;
}

impl Body for RouterAdvertisement {
    const PROTOCOL: Protocol = Protocol::RouterAdvertisement;
}

impl Body for Solicitation {
    const PROTOCOL: Protocol = Protocol::NeighborSolicitation;
}

impl Body for Advertisement {
    const PROTOCOL: Protocol = Protocol::NeighborAdvertisement;
}

impl Body for Redirect {
    const PROTOCOL: Protocol = Protocol::Redirect;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::RouterSolicitation {}
    impl Sealed for super::RouterAdvertisement {}
    impl Sealed for super::Solicitation {}
    impl Sealed for super::Advertisement {}
    impl Sealed for super::Redirect {}
}

impl Solicitation {
    /// Creates a solicitation for `target`.
    pub const fn new(target: Ipv6) -> Self {
        Self { kind: icmpv6::NEIGHBOR_SOLICITATION, code: 0, checksum: U16::ZERO, reserved: [0; 4], target }
    }
}

impl Advertisement {
    /// Creates an advertisement of `target`.
    pub const fn new(flags: Flags, target: Ipv6) -> Self {
        let (kind, checksum, reserved) = (icmpv6::NEIGHBOR_ADVERTISEMENT, U16::ZERO, [0; 3]);
        Self { kind, code: 0, checksum, flags: flags.bits(), reserved, target }
    }
}

/// An ND message to write: addresses, fixed part, and options in order. The checksum field of the fixed part is
/// ignored.
///
/// ```
/// use nvo3_wire::{Ipv6, Mac, nd};
///
/// let (mac, router) = (Mac([2, 0, 0, 0, 0, 1]), Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
/// let mtu = nd::Mtu::new(1450);
/// let message = nd::Outgoing {
///     source: router,
///     destination: Ipv6::ALL_NODES,
///     body: nd::RouterAdvertisement::new(nd::RouterFlags::default(), 1800),
///     options: &[nd::NdOption::SourceLink(&mac), nd::NdOption::Mtu(&mtu)],
/// };
/// let mut frame = [0; 128];
/// assert_eq!(message.write_frame(Ipv6::ALL_NODES.multicast_mac(), mac, &mut frame)?, 54 + 16 + 8 + 8);
/// # Ok::<(), nvo3_wire::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a, T> {
    /// IPv6 source.
    pub source: Ipv6,
    /// IPv6 destination.
    pub destination: Ipv6,
    /// The fixed part.
    pub body: T,
    /// Options in the order in which they are written.
    pub options: &'a [NdOption<'a>],
}

impl<T: Body> Outgoing<'_, T> {
    /// The length of the ICMPv6 message that [`Outgoing::write`] writes.
    pub fn len(&self) -> usize {
        size_of::<T>() + self.options.iter().map(NdOption::size).sum::<usize>()
    }

    /// Always false, because the fixed part is never empty.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The length of the frame that [`Outgoing::write_frame`] writes.
    pub fn frame_len(&self) -> usize {
        size_of::<ethernet::Header>() + size_of::<ipv6::Header>() + self.len()
    }

    /// Writes the ICMPv6 message with its checksum. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` has fewer than [`Outgoing::len`] bytes; [`Rule::TooLong`] if the message exceeds what
    /// IPv6 carries, or an option exceeds its length field.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.len(), out.len());
        if length > usize::from(u16::MAX) {
            return Err(Error::new(T::PROTOCOL, 0, Rule::TooLong(length)));
        }
        let no_room = || Error::no_room(T::PROTOCOL, length, available);
        let out = out.get_mut(..length).ok_or_else(no_room)?;
        let (body, mut rest) = out.split_at_mut_checked(size_of::<T>()).ok_or_else(no_room)?;
        self.body.write_to(body).map_err(|_| no_room())?;
        for option in self.options {
            let written = option.write(rest).map_err(|e| Error { protocol: T::PROTOCOL, ..e })?;
            rest = rest.get_mut(written..).ok_or_else(no_room)?;
        }
        let (header, _) = place::<icmpv6::Header>(out, T::PROTOCOL)?;
        header.checksum = U16::ZERO;
        let sum = pseudo_ipv6(&self.source, &self.destination, ipv6::ICMPV6, length as u32).bytes(out).checksum();
        let (header, _) = place::<icmpv6::Header>(out, T::PROTOCOL)?;
        header.checksum = U16::new(sum);
        Ok(length)
    }

    /// Writes a whole frame: Ethernet, IPv6 with hop limit 255, and the message. Returns the number of bytes written.
    ///
    /// # Errors
    /// The errors of [`Outgoing::write`], with [`Rule::NoRoom`] if `out` has fewer than [`Outgoing::frame_len`] bytes.
    pub fn write_frame(&self, destination: Mac, source: Mac, out: &mut [u8]) -> Result<usize, Error> {
        let (length, available) = (self.frame_len(), out.len());
        if available < length {
            return Err(Error::no_room(T::PROTOCOL, length, available));
        }
        let (ethernet, rest) = place::<ethernet::Header>(out, T::PROTOCOL)?;
        let (ip, rest) = place::<ipv6::Header>(rest, T::PROTOCOL)?;
        let written = self.write(rest)?;
        ethernet.destination = destination;
        ethernet.source = source;
        ethernet.ether_type = EtherType::IPV6;
        ip.version_class_label = U32::new(6 << 28);
        ip.payload_length = U16::new(written as u16);
        ip.next_header = ipv6::ICMPV6;
        ip.hop_limit = 255;
        ip.source = self.source;
        ip.destination = self.destination;
        Ok(length)
    }
}
