//! The walk: names the next layer and finds its end.

use super::layer::{Found, Kind, Layer, Stop};
use super::rules::Context;
use super::step::{Read, Step};
use crate::{Error, EtherType, Protocol, Rule, ila};

/// The most tunnels within tunnels that a walk enters. The content of one more is a payload.
pub const MAX_TUNNELS: u8 = 8;

/// An iterator over the layers of a frame; see the [module](super).
///
/// It ends after the last layer, or with the first [`Stop`].
#[derive(Clone, Debug)]
pub struct Dissect<'a> {
    pub(super) step: Step<'a>,
    /// The bytes of the layers to come, within the lengths of the layers so far.
    pub(super) rest: &'a [u8],
    /// The offset of `rest` in the frame.
    pub(super) at: usize,
    pub(super) context: Context<'a>,
    reading: Reading,
    /// The end of the current layer in the frame as it was sent, according to the lengths so far.
    ends: usize,
    /// True inside the head of a fragmented packet.
    piece: bool,
    sir: Option<ila::Prefix>,
    tunnels: u8,
}

/// The treatment of a payload that is not all present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Strict,
    Lax,
    /// The length of the frame as it was sent is known.
    Captured,
}

impl<'a> Dissect<'a> {
    /// Starts at the destination MAC of an Ethernet frame.
    pub fn new(frame: &'a [u8]) -> Self {
        Self::start(Step::Ethernet, frame)
    }

    /// Starts at the IPv4 or IPv6 header of a packet.
    pub fn ip(packet: &'a [u8]) -> Self {
        let version = packet.first().map(|first| first >> 4);
        Self::start(if version == Some(6) { Step::Ipv6 } else { Step::Ipv4 }, packet)
    }

    /// Starts after a link-layer header. `ether_type` is the type of `payload`.
    pub fn carried(ether_type: EtherType, payload: &'a [u8]) -> Self {
        Self::start(Step::Carried(ether_type), payload)
    }

    fn start(step: Step<'a>, rest: &'a [u8]) -> Self {
        let (context, reading, ends) = (Context::default(), Reading::Strict, rest.len());
        Self { step, rest, at: 0, context, reading, ends, piece: false, sir: None, tunnels: 0 }
    }

    /// Reads on if a payload is not all present, as in captures.
    ///
    /// The walk finds every layer of the strict walk, and maybe more. A cut header ends it with [`Stop::cut`].
    #[must_use]
    pub fn lax(self) -> Self {
        Self { reading: Reading::Lax, ends: usize::MAX, ..self }
    }

    /// Reads the captured part of a frame that had `original` bytes from the start of this walk on.
    ///
    /// The walk finds the layers that a strict walk over the whole frame finds, as far as the bytes are present. It
    /// reads on if a payload is cut, and ends with [`Stop::cut`] in the middle of a header. A length beyond the end of
    /// the original frame stops it.
    ///
    /// ```
    /// use nvo3_wire::dissect::Dissect;
    ///
    /// let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    /// let ip = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    /// let captured = [&ethernet[..], &ip, &[0x13, 0x88, 0, 80]].concat(); // four bytes of TCP
    /// let stop = |original| Dissect::new(&captured).captured(original).find_map(Result::err);
    ///
    /// assert!(stop(54).is_some_and(|stop| stop.cut)); // the capture ends in TCP's header
    /// assert!(stop(38).is_some_and(|stop| !stop.cut)); // the packet says that it is longer than its frame
    /// ```
    #[must_use]
    pub fn captured(self, original: usize) -> Self {
        match original > self.rest.len() {
            true => Self { reading: Reading::Captured, ends: original, ..self },
            false => self,
        }
    }

    /// Reads IPv6 destinations outside of tunnels as ILA addresses of the domain with the prefix `sir`.
    ///
    /// Nothing in a packet says that an address is of ILA. So the walk takes a destination for one if it is unicast,
    /// not under this prefix, and its identifier is not an ordinary interface's.
    #[must_use]
    pub fn sir_prefix(self, sir: ila::Prefix) -> Self {
        Self { sir: Some(sir), ..self }
    }

    /// Reads UDP to this port as VXLAN too, for example 8472 of old Linux kernels.
    #[must_use]
    pub fn vxlan_port(mut self, port: u16) -> Self {
        self.context.vxlan_port = Some(port);
        self
    }

    /// Enters a tunnel, unless [`MAX_TUNNELS`] are entered already.
    pub(super) fn enter(&mut self, step: Step<'a>) -> Step<'a> {
        if self.tunnels == MAX_TUNNELS {
            return Step::Payload;
        }
        self.tunnels += 1;
        step
    }

    /// The SIR prefix. `None` inside tunnels.
    pub(super) fn sir(&self) -> Option<ila::Prefix> {
        self.sir.filter(|_| self.tunnels == 0)
    }

    /// True if a payload may end early: the frame is a capture, or the packet is a first fragment.
    pub(super) fn may_be_cut(&self) -> bool {
        self.reading != Reading::Strict || self.context.partial
    }

    /// The error for missing bytes, or a stop if the bytes never were in the frame.
    pub(super) fn missing(&self, kind: Kind, cut: Option<Error>) -> Result<Option<Error>, Stop> {
        match cut {
            Some(error) if self.reading == Reading::Captured && !self.piece && !self.was_sent(error.at(self.at)) => {
                self.stop(kind, error)
            }
            cut => Ok(cut),
        }
    }

    /// True if the missing bytes of `error` were in the frame as it was sent. Its offset counts from the start of the
    /// frame.
    fn was_sent(&self, error: Error) -> bool {
        match error.rule {
            Rule::Truncated { needed, .. } => error.offset.saturating_add(needed) <= self.ends,
            // A query that is cut here would be one of an earlier version if it were shorter.
            Rule::Length(_) if matches!(error.protocol, Protocol::Igmp | Protocol::Mld) => {
                self.context.partial && !self.piece
            }
            _ => false,
        }
    }
}

impl<'a> Iterator for Dissect<'a> {
    type Item = Result<Found<'a>, Stop>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = core::mem::replace(&mut self.step, Step::Done);
        let read = match step {
            Step::Done => return None,
            Step::Ethernet => self.ethernet(),
            Step::Tag(announced) => self.tag(announced),
            Step::Llc => self.llc(),
            Step::Snap => self.snap(),
            Step::Carried(ether_type) => return self.carries(ether_type),
            Step::Arp => self.arp(Kind::Arp),
            Step::Rarp => self.arp(Kind::Rarp),
            Step::Ipv4 => self.ipv4(),
            Step::Ipv6 => self.ipv6(),
            Step::Ila(address, sir, chain) => return Some(Ok(self.ila(address, sir, chain))),
            Step::Chain(chain) => return self.chain(chain),
            Step::Upper(protocol) => return self.upper(protocol),
            Step::Udp => self.udp(),
            Step::Tcp => self.tcp(),
            Step::Icmpv4 => self.icmpv4(),
            Step::Igmp => self.igmp(),
            Step::Icmpv6 => self.icmpv6(),
            Step::Vxlan => self.vxlan(),
            Step::VxlanGpe => self.vxlan_gpe(),
            Step::Geneve => self.geneve(),
            Step::Gre => self.gre(),
            Step::Payload if self.rest.is_empty() => return None,
            Step::Payload => Ok(Read::new(Layer::Payload(self.rest), self.rest.len(), self.rest.len(), Step::Done)),
        };
        Some(read.map(|read| self.found(read)))
    }
}

impl<'a> Dissect<'a> {
    /// Sets the place of a layer in the frame and moves to the end of its header.
    pub(super) fn found(&mut self, read: Read<'a>) -> Found<'a> {
        let Read { layer, len, whole, claims, cut, fault, first_fragment, step } = read;
        let offset = self.at;
        let cut = cut.map(|error| error.at(offset));
        self.context.partial |= cut.is_some();
        let context = Context { fault, rest: self.rest.get(len..whole).unwrap_or_default(), ..self.context };
        self.rest = context.rest;
        self.at += len;
        self.step = step;
        self.context.partial |= first_fragment;
        self.piece |= first_fragment;
        self.ends = claims.map_or(self.ends, |claims| self.ends.min(offset + claims));
        Found { offset, len, end: offset + whole, layer, cut, context }
    }

    /// Ends the walk. `error` counts from the start of the layer.
    pub(super) fn stop<T>(&self, kind: Kind, error: Error) -> Result<T, Stop> {
        Err(self.stopped(kind, error.at(self.at)))
    }

    /// Ends the walk. `error` counts from the start of the frame.
    pub(super) fn stopped(&self, kind: Kind, error: Error) -> Stop {
        Stop { kind, error, cut: self.reading != Reading::Strict && self.was_sent(error) }
    }
}
