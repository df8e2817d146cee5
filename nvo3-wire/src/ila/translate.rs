//! The translation from SIR address to ILA address and back, in place.

use super::address::{Address, Identifier, Prefix};
use crate::checksum::{self, Sum};
use crate::{Error, Ipv6, Protocol, Rule, icmpv6, ipv4, ipv6, udp};
use zerocopy::FromBytes;

/// The value of flag C in a 16-bit word of an address.
const NEUTRAL_WORD: u16 = 0x1000;

/// The method that keeps upper checksums right (ILA-06). Both ends of a domain must use the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Mode {
    /// No method: checksums are right again when the egress restores the prefix.
    None,
    /// The low 16 bits of the identifier compensate the change, and flag C says so (ILA-03).
    #[default]
    Neutral,
    /// As `Neutral`, but for every address and without flag C.
    NeutralAlways,
    /// The translation updates the checksum of TCP, of ICMPv6, and of UDP unless it is zero.
    Transport,
}

/// A translation of destinations between a SIR prefix and a locator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Translation {
    /// The SIR prefix, which applications see.
    pub sir: Prefix,
    /// The locator: the present place of the endpoint. A move changes only this field (ILA-07).
    pub locator: Prefix,
    /// The method that keeps checksums right.
    pub mode: Mode,
}

impl Translation {
    /// Translates a SIR address to its ILA address.
    ///
    /// ```
    /// use nvo3_wire::ila::{Mode, Prefix, Translation};
    /// let translation = Translation {
    ///     sir: Prefix([0x33, 0x33, 0, 0, 0, 0, 0, 1]),
    ///     locator: Prefix([0x20, 1, 0, 0, 0, 0x87, 0, 0]),
    ///     mode: Mode::Neutral,
    /// };
    /// let sir = "3333:0:0:1:2000:0:1:87".parse::<core::net::Ipv6Addr>().unwrap().into();
    /// let ila = translation.to_ila(sir)?;
    /// assert_eq!(ila.to_string(), "2001:0:87:0:3000:0:1:333");
    /// assert_eq!(translation.to_sir(ila)?, sir);
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Rule::OtherPrefix`]; [`Rule::IdentifierType`]; [`Rule::NeutralBit`], because a SIR address has no flag C
    /// (ILA-02); in the neutral modes [`Rule::AmbiguousIdentifier`] for an identifier that ends in 0xffff (ILA-04).
    pub fn to_ila(&self, sir: Ipv6) -> Result<Ipv6, Error> {
        let Address { prefix, identifier } = sir.into();
        if prefix != self.sir {
            return Err(Error::new(Protocol::Ila, 0, Rule::OtherPrefix(sir)));
        }
        match identifier.assignable() {
            Err(Error { rule: Rule::AmbiguousIdentifier, .. }) if !self.is_neutral() => {}
            verdict => verdict?,
        }
        let change = || add(identifier.low(), self.sir.sum().fold(), !self.locator.sum().fold());
        let identifier = match self.mode {
            Mode::None | Mode::Transport => identifier,
            Mode::NeutralAlways => identifier.with_low(change()),
            Mode::Neutral => identifier.with_low(add(change(), !NEUTRAL_WORD, 0)).with_neutral(true),
        };
        Ok(Address { prefix: self.locator, identifier }.into())
    }

    /// Translates an ILA address to its SIR address.
    ///
    /// If flag C is set, or in [`Mode::NeutralAlways`], it undoes the change in the identifier. Otherwise it replaces
    /// only the prefix (ILA-05).
    ///
    /// # Errors
    /// [`Rule::OtherPrefix`], [`Rule::IdentifierType`].
    pub fn to_sir(&self, ila: Ipv6) -> Result<Ipv6, Error> {
        let Address { prefix, identifier } = ila.into();
        if prefix != self.locator {
            return Err(Error::new(Protocol::Ila, 0, Rule::OtherPrefix(ila)));
        }
        identifier.validate()?;
        let change = || add(identifier.low(), self.locator.sum().fold(), !self.sir.sum().fold());
        let identifier = match (identifier.is_neutral(), self.mode) {
            (true, _) => given(identifier, add(change(), NEUTRAL_WORD, 0)).with_neutral(false),
            (false, Mode::NeutralAlways) => given(identifier, change()),
            (false, _) => identifier,
        };
        Ok(Address { prefix: self.sir, identifier }.into())
    }

    /// Translates the destination of an IPv6 packet at the ingress. Nothing else of its header changes (ILA-01).
    ///
    /// # Errors
    /// The errors of [`Translation::to_ila`] at the destination's offset, and those of an invalid IPv6 packet. After an
    /// error the packet is unchanged.
    pub fn ingress(&self, packet: &mut [u8]) -> Result<(), Error> {
        self.translate(packet, Self::to_ila)
    }

    /// Translates the destination of an IPv6 packet at the egress. Nothing else of its header changes (ILA-01).
    ///
    /// # Errors
    /// The errors of [`Translation::to_sir`] at the destination's offset, and those of an invalid IPv6 packet. After an
    /// error the packet is unchanged.
    pub fn egress(&self, packet: &mut [u8]) -> Result<(), Error> {
        self.translate(packet, Self::to_sir)
    }

    fn translate(&self, packet: &mut [u8], map: fn(&Self, Ipv6) -> Result<Ipv6, Error>) -> Result<(), Error> {
        let parsed = ipv6::Packet::parse(packet)?;
        let old = parsed.header.destination;
        let new = map(self, old).map_err(|e| e.at(DESTINATION))?;
        let transport = match self.mode {
            Mode::Transport => checksum_of(&parsed)?,
            _ => None,
        };
        if let Some(Transport { at, is_udp }) = transport
            && let Some(field) = packet.get_mut(at..).and_then(|field| field.first_chunk_mut())
        {
            *field = changed(u16::from_be_bytes(*field), &old, &new, is_udp).to_be_bytes();
        }
        if let Ok((header, _)) = ipv6::Header::mut_from_prefix(packet) {
            header.destination = new;
        }
        Ok(())
    }

    const fn is_neutral(&self) -> bool {
        matches!(self.mode, Mode::Neutral | Mode::NeutralAlways)
    }
}

const DESTINATION: usize = 24;

/// One's-complement addition. To subtract a number, add its complement.
fn add(a: u16, b: u16, c: u16) -> u16 {
    Sum::ZERO.word(a).word(b).word(c).fold()
}

/// The identifier that its owner has. Its low bits are never 0xffff (ILA-04).
fn given(identifier: Identifier, low: u16) -> Identifier {
    identifier.with_low(if low == 0xffff { 0 } else { low })
}

struct Transport {
    at: usize,
    is_udp: bool,
}

/// The place of the upper checksum. Only the first fragment of a packet has one.
fn checksum_of(packet: &ipv6::Packet<'_>) -> Result<Option<Transport>, Error> {
    let upper = packet.upper()?;
    let later = |extension: ipv6::Extension<'_>| extension.fragment().is_some_and(|fragment| fragment & 0xfff8 != 0);
    if upper.fragment && packet.extensions().any(later) {
        return Ok(None);
    }
    let field = match upper.protocol {
        ipv4::TCP => 16,
        ipv6::UDP => size_of::<udp::Header>() - 2,
        ipv6::ICMPV6 => size_of::<icmpv6::Header>() - 2,
        _ => return Ok(None),
    };
    Ok(Some(Transport { at: upper.offset + field, is_udp: upper.protocol == ipv6::UDP }))
}

fn changed(field: u16, old: &Ipv6, new: &Ipv6, is_udp: bool) -> u16 {
    if is_udp && field == 0 {
        return 0;
    }
    let [old, new] = [old, new].map(|address| Sum::ZERO.ipv6(address).fold());
    match checksum::update(field, old, new) {
        0 if is_udp => 0xffff,
        updated => updated,
    }
}
