//! DHCP for IPv6 (RFC 8415), as far as it says which addresses a client wants or gives up.
//!
//! [`Header`] shows the layout. [`Message::parse`] reads the payload of a UDP datagram between a client and a server or relay. A
//! message that a relay has wrapped is not unwrapped. [`Message::wanted`] and [`Message::given_up`] say what a client claims.

use crate::codes::codes;
use crate::error::take;
use crate::{Error, Ipv6, Protocol, Rule};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The UDP port of servers and relays.
pub const SERVER: u16 = 547;
/// The UDP port of clients.
pub const CLIENT: u16 = 546;

/// Option codes of RFC 8415 §21.
mod code {
    pub(super) const CLIENT_ID: u8 = 1;
    pub(super) const SERVER_ID: u8 = 2;
    pub(super) const IA_NA: u8 = 3;
    pub(super) const IA_ADDRESS: u8 = 5;
}

/// Relay-forward and Relay-reply, which have another layout (RFC 8415 §9).
const RELAYED: [u8; 2] = [12, 13];

/// The part of a message in front of the options (RFC 8415 §8).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+-----------------------------------------------+
/// |     type      |                transaction id                 |
/// +---------------+-----------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Type; see [`Kind`].
    pub kind: u8,
    /// Transaction id, chosen by the client.
    pub transaction: [u8; 3],
}

/// The head of an option (RFC 8415 §21.1).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |             code              |      length of the data       |
/// +-------------------------------+-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct OptionHeader {
    /// Code.
    pub code: U16,
    /// Length of the data, in bytes.
    pub length: U16,
}

/// The data of an identity association for addresses, IA_NA, in front of its options (RFC 8415 §21.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Association {
    /// The number of the association (IAID), chosen by the client.
    pub id: U32,
    /// Seconds until the client renews at its server (T1).
    pub renew: U32,
    /// Seconds until the client asks any server (T2).
    pub rebind: U32,
}

/// The data of an IA Address in front of its options (RFC 8415 §21.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AssociatedAddress {
    /// The address.
    pub ip: Ipv6,
    /// Preferred lifetime in seconds.
    pub preferred: U32,
    /// Valid lifetime in seconds.
    pub valid: U32,
}

codes! {
    /// The type of a message (RFC 8415 §7.3).
    pub enum Kind: u8 {
        /// 1: a client looks for servers.
        Solicit = 1, "solicit";
        /// 2: a server is there.
        Advertise = 2, "advertise";
        /// 3: a client wants addresses from a server.
        Request = 3, "request";
        /// 4: a client asks whether its addresses still fit the link.
        Confirm = 4, "confirm";
        /// 5: a client wants to keep its addresses, from its server.
        Renew = 5, "renew";
        /// 6: a client wants to keep its addresses, from any server.
        Rebind = 6, "rebind";
        /// 7: a server grants, refuses or answers.
        Reply = 7, "reply";
        /// 8: a client gives addresses back.
        Release = 8, "release";
        /// 9: a client found that other nodes use addresses that it was granted.
        Decline = 9, "decline";
        /// 10: a server asks a client to begin again.
        Reconfigure = 10, "reconfigure";
        /// 11: a client asks for configuration without addresses.
        InformationRequest = 11, "information-request";
    }
    /// Any other number.
    else Other, "message type {}";
}

/// A message of a client or a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The part in front of the options.
    pub header: &'a Header,
    /// The options.
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// Reads the payload of a UDP datagram. All options are well formed then, also those in an IA_NA.
    ///
    /// # Errors
    /// [`Rule::Truncated`] at a header or an option that is cut, [`Rule::Length`] at an IA_NA or an IA Address that is too short, or
    /// [`Rule::MessageType`] for a message that a relay has wrapped.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(payload, Protocol::Dhcpv6)?;
        if RELAYED.contains(&header.kind) {
            return Err(Error::new(Protocol::Dhcpv6, 0, Rule::MessageType(header.kind)));
        }
        let options = Options::parse(behind).map_err(|error| error.at(size_of::<Header>()))?;
        Ok(Self { header, options })
    }

    /// Checks that a client's message names its client, and its server if it goes to one (RFC 8415 §16).
    ///
    /// # Errors
    /// [`Rule::OptionMissing`].
    pub fn validate(&self) -> Result<(), Error> {
        let needed: &[u8] = match self.kind() {
            Kind::Solicit | Kind::Confirm | Kind::Rebind => &[code::CLIENT_ID],
            Kind::Request | Kind::Renew | Kind::Release | Kind::Decline => &[code::CLIENT_ID, code::SERVER_ID],
            _ => &[],
        };
        let lacks = |code: &&u8| !self.options.iter().any(|option| option.code == u16::from(**code));
        match needed.iter().find(lacks) {
            Some(code) => Err(Error::new(Protocol::Dhcpv6, size_of::<Header>(), Rule::OptionMissing(*code))),
            None => Ok(()),
        }
    }

    /// The type of the message.
    pub const fn kind(&self) -> Kind {
        Kind::new(self.header.kind)
    }

    /// The addresses in each IA_NA.
    pub fn addresses(&self) -> impl Iterator<Item = &'a AssociatedAddress> + use<'a> {
        let associations = self.options.iter().filter(|option| option.code == u16::from(code::IA_NA));
        let inside = associations.filter_map(|option| option.data.get(size_of::<Association>()..));
        let addresses = inside.flat_map(OptionIter).filter(|option| option.code == u16::from(code::IA_ADDRESS));
        addresses.filter_map(|option| Some(AssociatedAddress::ref_from_prefix(option.data).ok()?.0))
    }

    /// The addresses that the client wants to get or to keep (RFC 8415 §18.2.2 to §18.2.5). None in other messages.
    pub fn wanted(&self) -> impl Iterator<Item = Ipv6> + use<'a> {
        self.addresses_if(matches!(self.kind(), Kind::Request | Kind::Renew | Kind::Rebind | Kind::Confirm))
    }

    /// The addresses that the client does not have any more (RFC 8415 §18.2.7, §18.2.8). None in other messages.
    pub fn given_up(&self) -> impl Iterator<Item = Ipv6> + use<'a> {
        self.addresses_if(matches!(self.kind(), Kind::Release | Kind::Decline))
    }

    fn addresses_if(&self, applies: bool) -> impl Iterator<Item = Ipv6> + use<'a> {
        self.addresses().filter(move |_| applies).map(|address| address.ip)
    }
}

/// For example `DHCPv6 request for 2001:db8::1`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DHCPv6 {}", self.kind())?;
        let mut addresses = self.addresses();
        if let Some(address) = addresses.next() {
            write!(f, " for {}", address.ip)?;
        }
        addresses.try_for_each(|address| write!(f, ", {}", address.ip))
    }
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpOption<'a> {
    /// Code.
    pub code: u16,
    /// Data, 0 to 65,535 bytes.
    pub data: &'a [u8],
}

/// The options of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Checks that no option reaches beyond `bytes`, also within each IA_NA and each IA Address in one.
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        check(
            bytes,
            |outer| (outer == u16::from(code::IA_NA)).then_some(size_of::<Association>()),
            |association| {
                check(
                    association,
                    |inner| (inner == u16::from(code::IA_ADDRESS)).then_some(size_of::<AssociatedAddress>()),
                    |address| check(address, |_| None, |_| Ok(())),
                )
            },
        )?;
        Ok(Self(bytes))
    }

    /// The options in order.
    pub const fn iter(&self) -> OptionIter<'a> {
        OptionIter(self.0)
    }
}

/// Checks options. `head` is the length of the data in front of the options inside an option of this code; those, `inside` checks.
fn check(
    bytes: &[u8],
    head: impl Fn(u16) -> Option<usize>,
    inside: impl Fn(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut walk = OptionIter(bytes);
    while let Some(option) = walk.next() {
        let Some(head) = head(option.code) else { continue };
        let base = bytes.len() - walk.0.len() - option.data.len();
        let Some(options) = option.data.get(head..) else {
            return Err(Error::new(Protocol::Dhcpv6, base, Rule::Length(option.data.len())));
        };
        inside(options).map_err(|error| error.at(base + head))?;
    }
    if walk.0.is_empty() {
        return Ok(());
    }
    let length = OptionHeader::ref_from_prefix(walk.0).map_or(0, |(head, _)| usize::from(head.length.get()));
    let cut = Error::truncated(Protocol::Dhcpv6, size_of::<OptionHeader>() + length, walk.0.len());
    Err(cut.at(bytes.len() - walk.0.len()))
}

/// An iterator over options; see [`Options::iter`].
#[derive(Clone, Debug)]
pub struct OptionIter<'a>(&'a [u8]);

impl<'a> Iterator for OptionIter<'a> {
    type Item = DhcpOption<'a>;

    /// Leaves the bytes of a broken option where they are.
    fn next(&mut self) -> Option<DhcpOption<'a>> {
        let (head, behind) = OptionHeader::ref_from_prefix(self.0).ok()?;
        let (data, rest) = behind.split_at_checked(usize::from(head.length.get()))?;
        self.0 = rest;
        Some(DhcpOption { code: head.code.get(), data })
    }
}

#[cfg(test)]
mod tests;
