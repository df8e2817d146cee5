//! The values in messages, on the wire (SPEC.md §4). Numbers are big-endian, and there is no padding.

use super::reader::Reader;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::id::{Locators, MoveId, NveId, Place, RecordNo, SessionId, TsiKey, Version};
use crate::message::{Address, Capabilities, Encapsulations, HoldLimits, Report, Role, Tsi};
use crate::time::{Lifetime, Micros};
use crate::view::{self, Addresses};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::{Mac, Vni};

/// The target of encoding: a buffer, or a counter of bytes.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
    fn size(&self) -> usize;
    /// Overwrites two bytes at `at`, which were written before.
    fn set(&mut self, at: usize, bytes: [u8; 2]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn size(&self) -> usize {
        self.len()
    }

    fn set(&mut self, at: usize, bytes: [u8; 2]) {
        if let Some(place) = self.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
    }
}

/// A sink that only counts the bytes.
pub(super) struct Count(pub(super) usize);

impl Sink for Count {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = self.0.saturating_add(bytes.len());
    }

    fn size(&self) -> usize {
        self.0
    }

    fn set(&mut self, _: usize, _: [u8; 2]) {}
}

/// A value that can be written. Each value has one encoding.
pub(crate) trait Put {
    fn put<S: Sink>(&self, out: &mut S);
}

/// A value that can be read. It is copied, or it borrows from the datagram.
pub(crate) trait Get<'a>: Sized {
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// Implements writing and reading for a struct: its fields, in this order.
macro_rules! fields {
    ($($name:ident { $($field:tt),* })*) => {
        $(impl $crate::codec::value::Put for $name {
            fn put<S: $crate::codec::value::Sink>(&self, out: &mut S) {
                $(self.$field.put(out);)*
            }
        }

        impl $crate::codec::value::Get<'_> for $name {
            #[inline(always)]
            fn get(r: &mut $crate::codec::reader::Reader<'_>) -> Result<Self, $crate::error::DecodeError> {
                Ok(Self { $($field: r.get()?),* })
            }
        })*
    };
}

pub(super) use fields;

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Put for $number {
            fn put<S: Sink>(&self, out: &mut S) {
                out.put(&self.to_be_bytes());
            }
        }

        impl Get<'_> for $number {
            #[inline(always)]
            fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_be_bytes(r.array()?))
            }
        })*
    };
}

numbers!(u8 u16 u32 u64);

fields! {
    NveId { 0 }
    MoveId { 0 }
    RecordNo { 0 }
    SessionId { 0 }
    Encapsulations { 0 }
    Capabilities { 0 }
    Version { epoch, generation }
    TsiKey { vn, mac }
    Lifetime { 0 }
    Micros { 0 }
    Report { duration, held_frames, tunnelled_frames, dropped_frames, stale_senders }
    Place { nve, locators }
}

/// The limits; the age is in whole milliseconds.
impl Put for HoldLimits {
    fn put<S: Sink>(&self, out: &mut S) {
        self.frames.put(out);
        self.bytes.put(out);
        self.age.to_wire_millis().put(out);
    }
}

impl Get<'_> for HoldLimits {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { frames: r.get()?, bytes: r.get()?, age: Micros::from_millis(r.get::<u32>()?.into()) })
    }
}

/// One byte, 0 or 1.
impl Put for bool {
    fn put<S: Sink>(&self, out: &mut S) {
        out.put(&[u8::from(*self)]);
    }
}

impl Get<'_> for bool {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.offset();
        match r.get::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(r.fail(at, DecodeErrorKind::TooLarge { found: byte.into(), max: 1 })),
        }
    }
}

/// Four bytes, the first 0.
impl Put for Vni {
    fn put<S: Sink>(&self, out: &mut S) {
        self.get().put(out);
    }
}

impl Get<'_> for Vni {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.offset();
        let value: u32 = r.get()?;
        let too_large = DecodeErrorKind::TooLarge { found: value, max: Self::MAX.get() };
        Self::new(value).ok_or_else(|| r.fail(at, too_large))
    }
}

impl Put for Mac {
    fn put<S: Sink>(&self, out: &mut S) {
        out.put(&self.0);
    }
}

impl Get<'_> for Mac {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.array()?))
    }
}

impl Put for Ipv4Addr {
    fn put<S: Sink>(&self, out: &mut S) {
        out.put(&self.octets());
    }
}

impl Get<'_> for Ipv4Addr {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from(r.array::<4>()?))
    }
}

impl Put for Ipv6Addr {
    fn put<S: Sink>(&self, out: &mut S) {
        out.put(&self.octets());
    }
}

impl Get<'_> for Ipv6Addr {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self::from(r.array::<16>()?))
    }
}

/// A byte with the families (1 IPv4, 2 IPv6, 3 both), then the addresses.
impl Put for Locators {
    fn put<S: Sink>(&self, out: &mut S) {
        match self {
            Self::V4(a) => {
                out.put(&[1]);
                a.put(out);
            }
            Self::V6(a) => {
                out.put(&[2]);
                a.put(out);
            }
            Self::Both(a, b) => {
                out.put(&[3]);
                a.put(out);
                b.put(out);
            }
        }
    }
}

impl Get<'_> for Locators {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.offset();
        match r.get::<u8>()? {
            1 => Ok(Self::V4(r.get()?)),
            2 => Ok(Self::V6(r.get()?)),
            3 => Ok(Self::Both(r.get()?, r.get()?)),
            byte => Err(r.wrong(at, byte)),
        }
    }
}

/// A byte with the kind (1 MAC, 4 IPv4, 6 IPv6), then the address.
impl Put for Address {
    fn put<S: Sink>(&self, out: &mut S) {
        match self {
            Self::Mac(a) => {
                out.put(&[1]);
                a.put(out);
            }
            Self::Ip(IpAddr::V4(a)) => {
                out.put(&[4]);
                a.put(out);
            }
            Self::Ip(IpAddr::V6(a)) => {
                out.put(&[6]);
                a.put(out);
            }
        }
    }
}

impl Get<'_> for Address {
    #[inline(always)]
    fn get(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.offset();
        match r.get::<u8>()? {
            1 => Ok(Self::Mac(r.get()?)),
            4 => Ok(Self::Ip(IpAddr::V4(r.get()?))),
            6 => Ok(Self::Ip(IpAddr::V6(r.get()?))),
            byte => Err(r.wrong(at, byte)),
        }
    }
}

/// The most IP addresses of one TSI in a message: 64. That many fit each message about a TSI, whatever their families.
pub const MAX_IPS: usize = 64;

const RUN_V6: u8 = 0x80;
const RUN_ROUTER: u8 = 0x80;
const RUN_MORE: u8 = 0x40;
const RUN_COUNT: u8 = 0x3f;

/// Runs of addresses of one family: a byte, then the addresses. In the byte, 0x80 is set for IPv6 and 0x40 if another run follows;
/// 0x3f masks the number of addresses. A list without addresses is the byte 0. Before the runs there is a mark if the role of the TSI is
/// known: a byte with 0x40 and no addresses, and with 0x80 for a router.
impl Put for (Role, &Vec<IpAddr>) {
    fn put<S: Sink>(&self, out: &mut S) {
        let (role, ips) = *self;
        match role {
            Role::Unknown => {}
            Role::Host => out.put(&[RUN_MORE]),
            Role::Router => out.put(&[RUN_MORE | RUN_ROUTER]),
        }
        let mut runs =
            ips.chunk_by(|a, b| a.is_ipv4() == b.is_ipv4()).flat_map(|run| run.chunks(RUN_COUNT.into())).peekable();
        if runs.peek().is_none() {
            out.put(&[0]);
        }
        while let Some(run) = runs.next() {
            let family = if run.first().is_some_and(IpAddr::is_ipv6) { RUN_V6 } else { 0 };
            let more = if runs.peek().is_some() { RUN_MORE } else { 0 };
            out.put(&[family | more | u8::try_from(run.len()).unwrap_or(RUN_COUNT)]);
            for address in run {
                match address {
                    IpAddr::V4(a) => a.put(out),
                    IpAddr::V6(a) => a.put(out),
                }
            }
        }
    }
}

impl<'a> Get<'a> for Addresses<'a> {
    #[inline]
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (mut all, mut any, mut role) = (*r, false, Role::Unknown);
        loop {
            let at = r.offset();
            let run: u8 = r.get()?;
            if run & RUN_COUNT == 0 && run & RUN_MORE != 0 && !any && role == Role::Unknown {
                role = Role::from_flag(run & RUN_ROUTER != 0);
                all = *r;
                continue;
            }
            // Only a list without addresses has an empty run, so that each list has one encoding.
            if run & RUN_COUNT == 0 && (run != 0 || any) {
                return Err(r.wrong(at, 0_u32));
            }
            for _ in 0..run & RUN_COUNT {
                let _: IpAddr = get_address(r, run)?;
                any = true;
            }
            if run & RUN_MORE == 0 {
                all.end_at(r);
                return Ok(Self { role, runs: all });
            }
        }
    }
}

/// Reads the next address of a run.
#[inline(always)]
fn get_address(r: &mut Reader<'_>, run: u8) -> Result<IpAddr, DecodeError> {
    Ok(if run & RUN_V6 == 0 { IpAddr::V4(r.get()?) } else { IpAddr::V6(r.get()?) })
}

impl<'a> Addresses<'a> {
    /// What the TSI is for Neighbor Discovery.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The addresses, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let (mut r, mut run) = (self.runs, 0);
        core::iter::from_fn(move || {
            if run & RUN_COUNT == 0 {
                run = r.get().ok()?;
            }
            let left = (run & RUN_COUNT).checked_sub(1)?;
            let address = get_address(&mut r, run).ok();
            run = run & !RUN_COUNT | left;
            address
        })
    }
}

impl Put for Tsi {
    fn put<S: Sink>(&self, out: &mut S) {
        self.key.put(out);
        (self.role, &self.ips).put(out);
    }
}

impl<'a> Get<'a> for view::Tsi<'a> {
    #[inline]
    fn get(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { key: r.get()?, ips: r.get()? })
    }
}
