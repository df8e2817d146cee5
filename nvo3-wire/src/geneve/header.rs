//! The base header, and the packet that begins with it.

use super::option::{OptionKind, Options};
use crate::error::take;
use crate::{Error, EtherType, Protocol, Rule, Vni};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The UDP port of Geneve (GNV-07).
pub const PORT: u16 = 6081;

/// The most bytes of options that a packet can have.
pub const MAX_OPTIONS: usize = 252;

/// Geneve (RFC 8926 §3.4).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---+-----------+-+-+-----------+-------------------------------+
/// |ver| opt words |O|C| reserved  |         protocol type         |
/// +---+-----------+-+-+-----------+---------------+---------------+
/// |        virtual network identifier (VNI)       |   reserved    |
/// +-----------------------------------------------+---------------+
/// |               options, 0 to 63 words of 32 bits               |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Version (2 bits, 0) and length of the options in 32-bit words (6 bits).
    pub version_words: u8,
    /// O is 0x80, C is 0x40. Receivers ignore the other bits.
    pub flags: u8,
    /// Type of the payload, an EtherType.
    pub protocol: EtherType,
    /// The VNI.
    pub vni: [u8; 3],
    /// Reserved; receivers ignore it.
    pub reserved: u8,
}

impl Header {
    /// Flag O: a control packet.
    pub const CONTROL: u8 = 0x80;
    /// Flag C: at least one option is critical.
    pub const CRITICAL: u8 = 0x40;

    /// Creates the header for `vni` and a payload of type `protocol`. Sets flag C if an option is critical (GNV-02,
    /// GNV-05).
    ///
    /// # Errors
    /// [`Rule::OptionsBeyond`] if the options have more than [`MAX_OPTIONS`] bytes.
    pub fn new(vni: Vni, protocol: EtherType, options: Options<'_>) -> Result<Self, Error> {
        let length = options.as_bytes().len();
        let Some(words) = u8::try_from(length / 4).ok().filter(|words| *words < 64) else {
            return Err(Error::new(Protocol::Geneve, 0, Rule::OptionsBeyond { length, limit: MAX_OPTIONS }));
        };
        let flags = if options.any_critical() { Self::CRITICAL } else { 0 };
        Ok(Self { version_words: words, flags, protocol, vni: vni.to_bytes(), reserved: 0 })
    }

    /// Version, 0 to 3.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.version_words >> 6
    }

    /// Length of the options in bytes.
    #[inline]
    pub const fn options_len(&self) -> usize {
        (self.version_words & 0x3f) as usize * 4
    }

    /// Flag O: a control packet, which must not reach a tenant (GNV-04).
    #[inline]
    pub const fn is_control(&self) -> bool {
        self.flags & Self::CONTROL != 0
    }

    /// Flag C: at least one option is critical.
    #[inline]
    pub const fn is_critical(&self) -> bool {
        self.flags & Self::CRITICAL != 0
    }

    /// The VNI.
    #[inline]
    pub const fn vni(&self) -> Vni {
        Vni::from_bytes(self.vni)
    }
}

/// A packet: base header, options, payload.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The base header.
    pub header: &'a Header,
    /// The options.
    pub options: Options<'a>,
    /// The payload, of type [`Header::protocol`].
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads header and options of a UDP payload. Any version is accepted.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if the packet ends inside its options, and the errors of [`Options::parse`] (GNV-03).
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, behind) = take::<Header>(bytes, Protocol::Geneve)?;
        let length = header.options_len();
        if length == 0 {
            return Ok(Self { header, options: Options::NONE, payload: behind });
        }
        let Some((options, payload)) = behind.split_at_checked(length) else {
            return Err(Error::truncated(Protocol::Geneve, size_of::<Header>() + length, bytes.len()));
        };
        let options = Options::parse(options).map_err(|e| e.at(size_of::<Header>()))?;
        Ok(Self { header, options, payload })
    }

    /// Checks the receiver's rules: version 0 (GNV-01), a payload of Ethernet, IPv4 or IPv6, and no unknown critical
    /// option (GNV-02), whatever flag C says. `is_known` tells which options the endpoint knows.
    ///
    /// A control packet (GNV-04) passes. The caller must not deliver it to a tenant: see [`Header::is_control`].
    ///
    /// # Errors
    /// The first broken rule: [`Rule::Version`], [`Rule::PayloadType`], or [`Rule::UnknownCriticalOption`] at the
    /// option's offset.
    #[inline]
    pub fn validate(&self, is_known: impl Fn(OptionKind) -> bool) -> Result<(), Error> {
        let error = |rule| Err(Error::new(Protocol::Geneve, 0, rule));
        if self.header.version() != 0 {
            return error(Rule::Version(self.header.version()));
        }
        if !matches!(self.header.protocol, EtherType::BRIDGING | EtherType::IPV4 | EtherType::IPV6) {
            return error(Rule::PayloadType(self.header.protocol));
        }
        let mut offset = size_of::<Header>();
        for option in self.options {
            if option.kind.is_critical() && !is_known(option.kind) {
                let OptionKind { class, kind } = option.kind;
                return Err(Error::new(Protocol::Geneve, offset, Rule::UnknownCriticalOption { class, kind }));
            }
            offset += 4 + option.data.len();
        }
        Ok(())
    }

    /// The offset of the payload: 8 to 260.
    #[inline]
    pub const fn header_len(&self) -> usize {
        size_of::<Header>() + self.options.as_bytes().len()
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.header;
        write!(f, "Geneve VNI {} type {}", header.vni(), header.protocol)?;
        if header.version() != 0 {
            write!(f, " version {}", header.version())?;
        }
        if header.is_control() {
            f.write_str(" control")?;
        }
        if header.is_critical() {
            f.write_str(" critical")?;
        }
        for option in self.options {
            write!(f, " [{option}]")?;
        }
        Ok(())
    }
}
