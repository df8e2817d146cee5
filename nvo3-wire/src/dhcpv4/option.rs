//! Options: checked once, then iterated without errors.

use super::{Header, code};
use crate::{Error, Protocol, Rule};

/// The one-byte options (RFC 2132 §3.1, §3.2).
const PAD: u8 = 0;
const END: u8 = 255;

/// An option (RFC 2132 §2).
///
/// ```text
///  0                   1
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
/// +---------------+---------------+---------------+
/// |     code      |    length     |  data (length)
/// +---------------+---------------+---------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpOption<'a> {
    /// Code.
    pub code: u8,
    /// Data, 0 to 255 bytes.
    pub data: &'a [u8],
}

/// The options of a message. They begin behind the header, and may go on in the fields `file` and `sname` (RFC 2131 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a>([Field<'a>; 3]);

impl<'a> Options<'a> {
    pub(super) fn parse(header: &'a Header, behind: &'a [u8]) -> Result<Self, Error> {
        let empty = Field { offset: 0, bytes: &[] };
        let main = Field { offset: size_of::<Header>(), bytes: behind };
        main.check()?;
        let mut overload = main.walk().filter(|(_, option)| option.code == code::OVERLOAD);
        let (file, name) = match overload.next() {
            None => (false, false),
            Some((_, DhcpOption { data: [which @ 1..=3], .. })) => (which & 1 != 0, which & 2 != 0),
            Some((at, option)) => return Err(Error::new(Protocol::Dhcpv4, at, overload_rule(&option))),
        };
        let file = if file { Field { offset: 108, bytes: &header.file } } else { empty };
        let name = if name { Field { offset: 44, bytes: &header.server_name } } else { empty };
        file.check()?;
        name.check()?;
        Ok(Self([main, file, name]))
    }

    /// The options in order, without padding. The fields come in the order in which a receiver reads them (RFC 2131 §4.1).
    pub fn iter(&self) -> impl Iterator<Item = DhcpOption<'a>> + use<'a> {
        self.located().map(|(_, option)| option)
    }

    /// The data of an option that comes exactly once and has this length.
    pub(super) fn only<const N: usize>(&self, code: u8) -> Option<[u8; N]> {
        let mut found = self.iter().filter(|option| option.code == code);
        let option = found.next().filter(|_| found.next().is_none())?;
        option.data.try_into().ok()
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        let mut seen = [false; 4];
        for (at, option) in self.located() {
            let length = option.data.len();
            let (row, needed) = match option.code {
                code::REQUESTED_IP => (0, 4),
                code::OVERLOAD => (1, 1),
                code::KIND => (2, 1),
                code::SERVER_ID => (3, 4),
                _ => continue,
            };
            let again = seen.get_mut(row).is_some_and(|seen| core::mem::replace(seen, true));
            let rule = match u8::try_from(length) {
                _ if again => Rule::OptionTwice(option.code),
                Ok(length) if length != needed => Rule::OptionLength { kind: option.code, length },
                _ => continue,
            };
            return Err(Error::new(Protocol::Dhcpv4, at, rule));
        }
        Ok(())
    }

    fn located(&self) -> impl Iterator<Item = (usize, DhcpOption<'a>)> + use<'a> {
        self.0.into_iter().flat_map(|field| field.walk())
    }
}

fn overload_rule(option: &DhcpOption<'_>) -> Rule {
    match *option.data {
        [which] => Rule::Overload(which),
        _ => Rule::OptionLength { kind: option.code, length: option.data.len().try_into().unwrap_or(u8::MAX) },
    }
}

/// A field of options, and where it begins in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field<'a> {
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Field<'a> {
    /// Checks that no option reaches beyond the field. A field without an end option ends with its bytes.
    fn check(&self) -> Result<(), Error> {
        let mut walk = self.walk();
        while walk.next().is_some() {}
        let [kind, rest @ ..] = walk.rest else { return Ok(()) };
        let needed = rest.first().map_or(2, |length| 2 + usize::from(*length));
        let rule = Rule::OptionTruncated { kind: *kind, needed, available: walk.rest.len() };
        Err(Error::new(Protocol::Dhcpv4, walk.offset(), rule))
    }

    const fn walk(self) -> Walk<'a> {
        Walk { field: self, rest: self.bytes }
    }
}

struct Walk<'a> {
    field: Field<'a>,
    /// What was not read yet. At the end, it begins with the option that is broken, if there is one.
    rest: &'a [u8],
}

impl Walk<'_> {
    const fn offset(&self) -> usize {
        self.field.offset + (self.field.bytes.len() - self.rest.len())
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (usize, DhcpOption<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while let [PAD, rest @ ..] = self.rest {
            self.rest = rest;
        }
        match self.rest {
            [END, ..] => {
                self.rest = &[];
                None
            }
            [code, length, behind @ ..] => {
                let (data, rest) = behind.split_at_checked(usize::from(*length))?;
                let found = (self.offset(), DhcpOption { code: *code, data });
                self.rest = rest;
                Some(found)
            }
            _ => None,
        }
    }
}
