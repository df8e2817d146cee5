//! DHCP for IPv4 (RFC 2131) with the options (RFC 2132) that say which address a client wants or gives up.
//!
//! [`Header`] shows the layout. [`Message::parse`] reads the payload of a UDP datagram to or from port 67 ([`SERVER`]).
//! [`Message::wanted`] and [`Message::given_up`] say what a client claims. Servers' messages are read too; what they grant is
//! [`Header::your_ip`].

mod option;

pub use option::{DhcpOption, Options};

use crate::codes::codes;
use crate::error::take;
use crate::{Error, Ipv4, Mac, Protocol, Rule};
use core::fmt;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The UDP port of servers and relays.
pub const SERVER: u16 = 67;
/// The UDP port of clients.
pub const CLIENT: u16 = 68;
/// The operation (op) of a client's message, BOOTREQUEST.
pub const FROM_CLIENT: u8 = 1;
/// The operation (op) of a server's message, BOOTREPLY.
pub const FROM_SERVER: u8 = 2;
/// The magic cookie in front of the options (RFC 2132 §2).
pub const COOKIE: u32 = 0x6382_5363;

/// Option codes of RFC 2132.
mod code {
    pub(super) const REQUESTED_IP: u8 = 50;
    pub(super) const OVERLOAD: u8 = 52;
    pub(super) const KIND: u8 = 53;
    pub(super) const SERVER_ID: u8 = 54;
}

/// The part of a message in front of the options, with the magic cookie (RFC 2131 §2).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |      op       |   htype = 1   |   hlen = 6    |     hops      |
/// +---------------+---------------+---------------+---------------+
/// |                              xid                              |
/// +-------------------------------+-------------------------------+
/// |             secs              |             flags             |
/// +-------------------------------+-------------------------------+
/// |                  ciaddr, yiaddr, siaddr, giaddr               |
/// +---------------------------------------------------------------+
/// |                          chaddr (16)                          |
/// +---------------------------------------------------------------+
/// |                     sname (64), file (128)                    |
/// +---------------------------------------------------------------+
/// |                   magic cookie = 0x63825363                   |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Operation (op): [`FROM_CLIENT`] or [`FROM_SERVER`].
    pub operation: u8,
    /// Hardware type (htype), 1 for Ethernet.
    pub hardware: u8,
    /// Hardware address length (hlen), 6.
    pub hardware_len: u8,
    /// The number of relays that the message went through.
    pub hops: u8,
    /// Transaction id (xid), chosen by the client.
    pub transaction: U32,
    /// Seconds since the client began (secs).
    pub seconds: U16,
    /// Flags; the highest bit asks for a broadcast answer.
    pub flags: U16,
    /// The address that the client has (ciaddr); 0.0.0.0 if it may not use one yet.
    pub client_ip: Ipv4,
    /// The address that the server grants or offers (yiaddr).
    pub your_ip: Ipv4,
    /// The server of the next step of a boot (siaddr).
    pub server_ip: Ipv4,
    /// The relay between client and server (giaddr).
    pub relay_ip: Ipv4,
    /// The client's hardware address (chaddr), padded with zeros.
    pub client_hardware: [u8; 16],
    /// Server name (sname), or more options (RFC 2132 §9.3).
    pub server_name: [u8; 64],
    /// Boot file (file), or more options (RFC 2132 §9.3).
    pub file: [u8; 128],
    /// Magic cookie, [`COOKIE`].
    pub cookie: U32,
}

codes! {
    /// The type of a message (option 53, RFC 2132 §9.6).
    pub enum Kind: u8 {
        /// 1: a client looks for servers.
        Discover = 1, "discover";
        /// 2: a server offers an address.
        Offer = 2, "offer";
        /// 3: a client wants an address: an offered one, the one that it had before, or more time for the one that it has.
        Request = 3, "request";
        /// 4: a client found that another host uses the address that it was granted.
        Decline = 4, "decline";
        /// 5: a server grants an address.
        Ack = 5, "ack";
        /// 6: a server refuses an address.
        Nak = 6, "nak";
        /// 7: a client gives its address back.
        Release = 7, "release";
        /// 8: a client with an address asks for other configuration.
        Inform = 8, "inform";
    }
    /// Any other number.
    else Other, "message type {}";
}

/// A message: the header, and the options of all fields that have some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The part in front of the options.
    pub header: &'a Header,
    /// The options.
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// Reads the payload of a UDP datagram. All options are well formed then, also those in the fields `file` and `sname`, if option 52
    /// says that these have options.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if there are fewer than 240 bytes, [`Rule::Cookie`], [`Rule::OptionTruncated`], or [`Rule::Overload`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(payload, Protocol::Dhcpv4)?;
        let cookie = header.cookie.get();
        if cookie != COOKIE {
            return Err(Error::new(Protocol::Dhcpv4, size_of::<Header>() - 4, Rule::Cookie(cookie)));
        }
        Ok(Self { header, options: Options::parse(header, behind)? })
    }

    /// Checks what a receiver goes by: Ethernet with 6 bytes of address, one message type, and each option that this module names at
    /// most once and with its length. An option that comes twice is one long option (RFC 3396 §5), which none of these can be.
    ///
    /// # Errors
    /// The first broken rule: [`Rule::HardwareType`], [`Rule::Length`] for another address length, [`Rule::OptionLength`],
    /// [`Rule::OptionTwice`], or [`Rule::OptionMissing`] if there is no message type.
    pub fn validate(&self) -> Result<(), Error> {
        let error = |offset, rule| Err(Error::new(Protocol::Dhcpv4, offset, rule));
        match (self.header.hardware, self.header.hardware_len) {
            (1, 6) => {}
            (1, length) => return error(2, Rule::Length(length.into())),
            (other, _) => return error(1, Rule::HardwareType(other.into())),
        }
        self.options.validate()?;
        if self.kind().is_none() {
            return error(size_of::<Header>(), Rule::OptionMissing(code::KIND));
        }
        Ok(())
    }

    /// The type of the message; `None` for a message of BOOTP.
    pub fn kind(&self) -> Option<Kind> {
        self.options.only(code::KIND).map(|[kind]| Kind::new(kind))
    }

    /// The address that the client asks for by option 50.
    pub fn requested_ip(&self) -> Option<Ipv4> {
        self.options.only(code::REQUESTED_IP).map(Ipv4)
    }

    /// The server that the message comes from, or that the client has chosen, by option 54.
    pub fn server_id(&self) -> Option<Ipv4> {
        self.options.only(code::SERVER_ID).map(Ipv4)
    }

    /// The client's MAC; `None` if its hardware address is no MAC.
    pub fn client_mac(&self) -> Option<Mac> {
        let mac = self.header.client_hardware.first_chunk().copied().map(Mac);
        mac.filter(|_| (self.header.hardware, self.header.hardware_len) == (1, 6))
    }

    /// The address that the client wants by its request (RFC 2131 §4.3.2): the one in option 50 when it has none yet, and else its own,
    /// which it wants to keep. `None` for other messages, and for a request that names neither, or both.
    pub fn wanted(&self) -> Option<Ipv4> {
        match (self.client_kind()?, self.requested_ip(), self.client_ip()) {
            (Kind::Request, Some(ip), None) => Some(ip),
            (Kind::Request, None, Some(ip)) if self.server_id().is_none() => Some(ip),
            _ => None,
        }
    }

    /// The address that the client does not have any more: by a decline the one in option 50, by a release its own (RFC 2131 §4.4.4 and
    /// table 5). `None` for other messages.
    pub fn given_up(&self) -> Option<Ipv4> {
        match (self.client_kind()?, self.requested_ip(), self.client_ip()) {
            (Kind::Decline, Some(ip), None) | (Kind::Release, None, Some(ip)) => Some(ip),
            _ => None,
        }
    }

    fn client_kind(&self) -> Option<Kind> {
        self.kind().filter(|_| self.header.operation == FROM_CLIENT)
    }

    fn client_ip(&self) -> Option<Ipv4> {
        Some(self.header.client_ip).filter(|ip| !ip.is_unspecified())
    }
}

/// For example `DHCP request by 02:00:5e:00:53:01 for 192.0.2.10`.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Some(kind) => write!(f, "DHCP {kind}")?,
            None => f.write_str("BOOTP")?,
        }
        if let Some(mac) = self.client_mac() {
            write!(f, " by {mac}")?;
        }
        match (self.wanted().or(self.given_up()), self.header.your_ip) {
            (Some(ip), _) => write!(f, " for {ip}"),
            (None, Ipv4::UNSPECIFIED) => Ok(()),
            (None, ip) => write!(f, " to have {ip}"),
        }
    }
}

#[cfg(test)]
mod tests;
