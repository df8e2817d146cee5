//! Layers of tunnels.

use super::{Layer, Place, WithOptions};
use crate::checksum::{Field, Sum};
use crate::error::place as placed;
use crate::geneve::{self, GeneveOption, OptionHeader};
use crate::{Error, EtherType, Protocol, Rule, gre, nvgre, vxlan, vxlan_gpe};

impl Layer for vxlan::Header {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        *placed::<Self>(out, Protocol::Vxlan)?.0 = *self;
        Ok(())
    }
}

/// Fills the next protocol, if flag P says that there is one.
impl Layer for vxlan_gpe::Header {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        use vxlan_gpe::Next;
        const NONE: EtherType = EtherType([0; 2]);
        let (header, payload) = placed::<Self>(out, Protocol::VxlanGpe)?;
        *header = *self;
        if self.flags & Self::NEXT != 0 {
            header.next_protocol = match place.ether_type(NONE, payload.len()) {
                EtherType::IPV4 => Next::Ipv4.value(),
                EtherType::IPV6 => Next::Ipv6.value(),
                EtherType::BRIDGING => Next::Ethernet.value(),
                _ => self.next_protocol,
            };
        }
        Ok(())
    }
}

impl geneve::Header {
    /// This header with options, as a [`Layer`]. Writing counts the options, and sets flag C if one is critical
    /// (GNV-02, GNV-05).
    pub const fn with_options<'a>(self, options: &'a [GeneveOption<'a>]) -> WithOptions<'a, Self, GeneveOption<'a>> {
        WithOptions { fields: self, options }
    }
}

/// Fills the length of the options, flag C and the protocol type.
impl Layer for WithOptions<'_, geneve::Header, GeneveOption<'_>> {
    fn header_len(&self) -> usize {
        let options = self.options.iter().map(|option| size_of::<OptionHeader>() + option.data.len());
        size_of::<geneve::Header>() + options.sum::<usize>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let length = self.header_len() - size_of::<geneve::Header>();
        let Some(words) = u8::try_from(length / 4).ok().filter(|_| length <= geneve::MAX_OPTIONS) else {
            let rule = Rule::OptionsBeyond { length, limit: geneve::MAX_OPTIONS };
            return Err(Error::new(Protocol::Geneve, 0, rule));
        };
        let payload_len = out.len().saturating_sub(self.header_len());
        let (header, mut rest) = placed::<geneve::Header>(out, Protocol::Geneve)?;
        *header = self.fields;
        header.version_words = self.fields.version_words & 0xc0 | words;
        header.protocol = place.ether_type(self.fields.protocol, payload_len);
        for option in self.options {
            let written = geneve::write_option(option.kind, option.data, rest)?;
            rest = rest.get_mut(written..).unwrap_or_default();
            if option.kind.is_critical() {
                header.flags |= geneve::Header::CRITICAL;
            }
        }
        Ok(())
    }
}

/// Writes the header as [`WithOptions`] does, without options.
impl Layer for geneve::Header {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        self.with_options(&[]).write(place, out)
    }
}

/// Fills the protocol type, and the checksum if there is one.
impl Layer for gre::Gre {
    fn header_len(&self) -> usize {
        self.len()
    }

    fn write(&self, place: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        let protocol = place.ether_type(self.protocol, out.len().saturating_sub(self.len()));
        Self { protocol, ..*self }.write(&[], out)?;
        let Some(field) = out.get_mut(4..6).filter(|_| self.checksum) else { return Ok(()) };
        field.fill(0);
        let value = match place.field {
            Field::Zero | Field::Partial => 0,
            Field::Keep(value) => value,
            Field::Fill => Sum::ZERO.bytes(out).checksum(),
        };
        super::message::set(value, 4, out);
        Ok(())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        gre::PROTOCOL
    }
}

impl Layer for nvgre::Header {
    fn header_len(&self) -> usize {
        size_of::<Self>()
    }

    fn write(&self, _: &Place<'_>, out: &mut [u8]) -> Result<(), Error> {
        *placed::<Self>(out, Protocol::Nvgre)?.0 = *self;
        Ok(())
    }

    fn ip_protocol(&self, _: u8) -> u8 {
        gre::PROTOCOL
    }
}
