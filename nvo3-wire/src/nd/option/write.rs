//! Options written: the parts of each kind's content in order.

use super::{NONCE, NdOption, SOURCE_LINK, TARGET_LINK, kind};
use crate::{Error, Protocol, Rule};
use zerocopy::{Immutable, IntoBytes};

impl NdOption<'_> {
    /// The length of the option in bytes, with type, length and padding, as [`NdOption::write`] writes it.
    pub fn size(&self) -> usize {
        self.with_parts(|_, parts| (2 + parts.iter().map(|part| part.len()).sum::<usize>()).next_multiple_of(8))
    }

    /// Writes the option, padded with zeros to a multiple of 8 bytes. Returns the number of bytes written.
    ///
    /// # Errors
    /// [`Rule::NoRoom`] if `out` has fewer than [`NdOption::size`] bytes, [`Rule::TooLong`] above 255 units of 8 bytes.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, Error> {
        let (size, available) = (self.size(), out.len());
        let units = u8::try_from(size / 8).map_err(|_| Error::new(Protocol::Icmpv6, 0, Rule::TooLong(size)))?;
        let no_room = || Error::no_room(Protocol::Icmpv6, size, available);
        let ([kind, length], mut rest) =
            out.get_mut(..size).and_then(|out| out.split_first_chunk_mut()).ok_or_else(no_room)?;
        *length = units;
        self.with_parts(|number, parts| {
            *kind = number;
            for part in parts {
                let (place, behind) =
                    core::mem::take(&mut rest).split_at_mut_checked(part.len()).ok_or_else(no_room)?;
                place.copy_from_slice(part);
                rest = behind;
            }
            rest.fill(0);
            Ok(size)
        })
    }

    /// Calls `then` with the type and the pieces of the content, reserved bytes included.
    pub(super) fn with_parts<R>(&self, then: impl FnOnce(u8, &[&[u8]]) -> R) -> R {
        match *self {
            Self::SourceLink(mac) => then(SOURCE_LINK, &[&mac.0]),
            Self::TargetLink(mac) => then(TARGET_LINK, &[&mac.0]),
            Self::Prefix(o) => then(kind::PREFIX, &[content(o)]),
            Self::Redirected(packet) => then(kind::REDIRECTED, &[&[0; 6], packet]),
            Self::Mtu(o) => then(kind::MTU, &[content(o)]),
            Self::ShortcutLimit(o) => then(kind::SHORTCUT_LIMIT, &[content(o)]),
            Self::AdvertisementInterval(o) => then(kind::ADVERTISEMENT_INTERVAL, &[content(o)]),
            Self::HomeAgent(o) => then(kind::HOME_AGENT, &[content(o)]),
            Self::SourceAddresses(list) => then(kind::SOURCE_ADDRESSES, &[&[0; 6], list.as_bytes()]),
            Self::TargetAddresses(list) => then(kind::TARGET_ADDRESSES, &[&[0; 6], list.as_bytes()]),
            Self::Cga(o) => then(kind::CGA, &[&[pad(o.params), 0], o.params]),
            Self::Signature(o) => then(kind::SIGNATURE, &[&[0; 2], o.key_hash, o.signature]),
            Self::Timestamp(o) => then(kind::TIMESTAMP, &[content(o)]),
            Self::Nonce(nonce) => then(NONCE, &[nonce]),
            Self::TrustAnchor(o) => then(kind::TRUST_ANCHOR, &[&[o.name_type, pad(o.name)], o.name]),
            Self::Certificate(o) => then(kind::CERTIFICATE, &[&[o.cert_type, 0], o.certificate]),
            Self::HandoverAddress(o) => then(kind::HANDOVER_ADDRESS, &[content(o)]),
            Self::RouterPrefix(o) => then(kind::ROUTER_PREFIX, &[content(o)]),
            Self::HandoverLink(o) => then(kind::HANDOVER_LINK, &[content(o)]),
            Self::Acknowledgment(o) => then(kind::ACKNOWLEDGMENT, &[content(o)]),
            Self::MobilityAnchor(o) => then(kind::MOBILITY_ANCHOR, &[content(o)]),
            Self::Route(o) => {
                let head = [o.prefix_len, (o.preference & 3) << 3];
                then(kind::ROUTE, &[&head, &o.lifetime.to_be_bytes(), o.prefix])
            }
            Self::Rdnss(o) => then(kind::RDNSS, &[&[0; 2], &o.lifetime.to_be_bytes(), o.addrs.as_bytes()]),
            Self::ExtendedFlags(bits) => then(kind::EXTENDED_FLAGS, &[bits]),
            Self::MobileNode(o) => then(kind::MOBILE_NODE, &[&[o.opt_code, pad(o.mn_id)], o.mn_id]),
            Self::Dnssl(o) => then(kind::DNSSL, &[&[0; 2], &o.lifetime.to_be_bytes(), o.names]),
            Self::AddressRegistration(o) => then(kind::ADDRESS_REGISTRATION, &[content(o)]),
            Self::Context(o) => {
                let head = [o.context_len, u8::from(o.compression) << 4 | (o.cid & 15), 0, 0];
                then(kind::CONTEXT, &[&head, &o.lifetime.to_be_bytes(), o.prefix])
            }
            Self::BorderRouter(o) => then(kind::BORDER_ROUTER, &[content(o)]),
            Self::Capabilities(o) => then(kind::CAPABILITIES, &[content(o)]),
            Self::CaptivePortal(o) => then(kind::CAPTIVE_PORTAL, &[o.uri]),
            Self::Pref64(o) => then(kind::PREF64, &[content(o)]),
            Self::Other { kind, content } => then(kind, &[content]),
        }
    }
}

/// The bytes of a fixed option after its type and length.
fn content<T: IntoBytes + Immutable>(option: &T) -> &[u8] {
    option.as_bytes().get(2..).unwrap_or_default()
}

/// The number of bytes that pad an option of four bytes and `body` to a multiple of 8.
fn pad(body: &[u8]) -> u8 {
    let length = body.len() + 4;
    (length.next_multiple_of(8) - length) as u8
}
