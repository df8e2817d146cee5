//! The option grammar that IPv4 and TCP share: one byte for end and no-operation, otherwise kind, length, content.

use crate::{Error, Protocol, Rule};
use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::verify;
use nom::number::complete::u8 as byte;

/// One option with its undecoded content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tlv<'a> {
    End,
    NoOperation,
    Option(u8, &'a [u8]),
}

/// Reads `0`, `1`, or `kind, length of all three parts, content` (RFC 791 §3.1, RFC 9293 §3.1).
fn tlv(input: &[u8]) -> nom::IResult<&[u8], Tlv<'_>, ()> {
    let (input, kind) = byte(input)?;
    match kind {
        0 => Ok((input, Tlv::End)),
        1 => Ok((input, Tlv::NoOperation)),
        _ => {
            let (input, length) = verify(byte, |length| *length >= 2).parse(input)?;
            let (input, content) = take(length - 2).parse(input)?;
            Ok((input, Tlv::Option(kind, content)))
        }
    }
}

/// An iterator over options that [`check`] has checked. It ends after the end-of-list option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// Checks that all options are well formed.
    ///
    /// # Errors
    /// [`Rule::OptionLength`] for a length below 2, [`Rule::OptionTruncated`] for an option that reaches beyond
    /// `bytes`.
    pub(crate) fn check(bytes: &'a [u8], protocol: Protocol) -> Result<Self, Error> {
        let mut walk = Self(bytes);
        while walk.next().is_some() {}
        let [kind, rest @ ..] = walk.0 else { return Ok(Self(bytes)) };
        let rule = match rest.first() {
            Some(length @ 0..2) => Rule::OptionLength { kind: *kind, length: *length },
            length => {
                let needed = length.map_or(2, |length| usize::from(*length));
                Rule::OptionTruncated { kind: *kind, needed, available: walk.0.len() }
            }
        };
        Err(Error::new(protocol, bytes.len() - walk.0.len(), rule))
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (rest, tlv) = tlv(self.0).ok()?;
        self.0 = if tlv == Tlv::End { &[] } else { rest };
        Some(tlv)
    }
}

/// Writes one option. Returns the number of bytes written.
pub(crate) fn put(option: Written<'_>, out: &mut [u8], protocol: Protocol) -> Result<usize, Error> {
    let (kind, parts) = match option {
        Written::Byte(kind) => (kind, None),
        Written::Parts(kind, parts) => (kind, Some(parts)),
    };
    let length = parts.map_or(1, |[first, second]| 2 + first.len() + second.len());
    let Ok(octet) = u8::try_from(length) else {
        return Err(Error::new(protocol, 0, Rule::OptionsTooLong(length)));
    };
    let available = out.len();
    let Some(out) = out.get_mut(..length) else { return Err(Error::no_room(protocol, length, available)) };
    let head = [kind, octet];
    let bytes = match parts {
        None => [&head[..1], &[], &[]],
        Some([first, second]) => [&head[..], first, second],
    };
    out.iter_mut().zip(bytes.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    Ok(length)
}

/// Pads `used` bytes of options with zeros to a multiple of 4. Returns the new length.
pub(crate) fn pad(used: usize, out: &mut [u8], protocol: Protocol) -> Result<usize, Error> {
    let (padded, available) = (used.next_multiple_of(4), out.len());
    match out.get_mut(used..padded) {
        Some(padding) => padding.fill(0),
        None => return Err(Error::no_room(protocol, padded, available)),
    }
    Ok(padded)
}

/// An option to write: a single byte, or a kind with its content in up to two parts.
pub(crate) enum Written<'a> {
    Byte(u8),
    Parts(u8, [&'a [u8]; 2]),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn the_error_of_a_broken_option_has_offset_and_reason() {
        let broken = |bytes: &[u8]| Tlvs::check(bytes, Protocol::Ipv4).map(|_| ()).map_err(|e| (e.offset, e.rule));

        assert_eq!(broken(&[1, 1, 7, 3, 4, 0, 7]), Ok(()));
        assert_eq!(broken(&[1, 7, 0, 0]), Err((1, Rule::OptionLength { kind: 7, length: 0 })));
        assert_eq!(broken(&[7, 1, 0, 0]), Err((0, Rule::OptionLength { kind: 7, length: 1 })));
        assert_eq!(broken(&[7, 5, 0, 0]), Err((0, Rule::OptionTruncated { kind: 7, needed: 5, available: 4 })));
        assert_eq!(broken(&[1, 1, 1, 7]), Err((3, Rule::OptionTruncated { kind: 7, needed: 2, available: 1 })));
    }

    proptest! {
        #[test]
        fn checked_options_cover_their_bytes(bytes in prop::collection::vec(0u8..12, 0..41)) {
            let Ok(options) = Tlvs::check(&bytes, Protocol::Tcp) else { return Ok(()) };
            let all: Vec<_> = options.collect();
            let length: usize = all.iter().map(|tlv| if let Tlv::Option(_, content) = tlv { content.len() + 2 } else { 1 }).sum();
            prop_assert!(length == bytes.len() || all.last() == Some(&Tlv::End));
        }
    }
}
