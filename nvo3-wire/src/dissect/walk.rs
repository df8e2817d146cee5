//! The walk: which layer comes next, and where it ends.

use super::layer::{Found, Kind, Layer, Stop};
use super::rules::Context;
use super::step::{Read, Step};
use crate::{Error, EtherType, Protocol, Rule, ila};

/// Tunnels within tunnels that are entered; what the next one carries is a payload.
pub const MAX_TUNNELS: u8 = 8;

/// Walks over the layers of a frame; see the [module](super).
///
/// Ends behind the last layer, or with the first [`Stop`].
#[derive(Clone, Debug)]
pub struct Dissect<'a> {
    pub(super) step: Step<'a>,
    /// What is left for the layers to come, bounded by the lengths of those before.
    pub(super) rest: &'a [u8],
    /// Where `rest` begins in the frame.
    pub(super) at: usize,
    pub(super) context: Context<'a>,
    reading: Reading,
    /// Where in the frame as it was sent the layer at hand ends, as the lengths so far say.
    ends: usize,
    /// What is walked over is the head of a fragmented packet.
    piece: bool,
    sir: Option<ila::Prefix>,
    tunnels: u8,
}

/// What is made of a payload that is not all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Strict,
    Lax,
    /// The length of the frame as it was sent is known.
    Captured,
}

impl<'a> Dissect<'a> {
    /// Begins at the destination of an Ethernet frame.
    pub fn new(frame: &'a [u8]) -> Self {
        Self::start(Step::Ethernet, frame)
    }

    /// Begins at the IPv4 or IPv6 header of a packet.
    pub fn ip(packet: &'a [u8]) -> Self {
        let version = packet.first().map(|first| first >> 4);
        Self::start(if version == Some(6) { Step::Ipv6 } else { Step::Ipv4 }, packet)
    }

    /// Begins behind a link-layer header that says what `payload` is.
    pub fn carried(ether_type: EtherType, payload: &'a [u8]) -> Self {
        Self::start(Step::Carried(ether_type), payload)
    }

    fn start(step: Step<'a>, rest: &'a [u8]) -> Self {
        let (context, reading, ends) = (Context::default(), Reading::Strict, rest.len());
        Self { step, rest, at: 0, context, reading, ends, piece: false, sir: None, tunnels: 0 }
    }

    /// Reads on where a payload is not all there, as captures have it.
    ///
    /// Every layer of the strict walk is found, and maybe more; a cut header ends this walk too, with [`Stop::cut`].
    #[must_use]
    pub fn lax(self) -> Self {
        Self { reading: Reading::Lax, ends: usize::MAX, ..self }
    }

    /// Reads what a capture has kept of a frame of `original` bytes, from where this walk begins.
    ///
    /// What is found is what a strict walk over the whole frame finds, as far as the bytes go: the walk reads on where a
    /// payload is cut, ends with [`Stop::cut`] in the middle of a header, and stops at a length beyond the original frame.
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

    /// Takes IPv6 destinations outside of tunnels, if they are unicast, not under this prefix and not ordinary interface
    /// identifiers, for ILA addresses of its domain; nothing in a packet says that they are.
    #[must_use]
    pub fn sir_prefix(self, sir: ila::Prefix) -> Self {
        Self { sir: Some(sir), ..self }
    }

    /// Takes UDP to this port for VXLAN as well, such as 8472 of old Linux kernels.
    #[must_use]
    pub fn vxlan_port(mut self, port: u16) -> Self {
        self.context.vxlan_port = Some(port);
        self
    }

    /// What a tunnel header carries comes next, if it is not the one too many.
    pub(super) fn enter(&mut self, step: Step<'a>) -> Step<'a> {
        if self.tunnels == MAX_TUNNELS {
            return Step::Payload;
        }
        self.tunnels += 1;
        step
    }

    /// The SIR prefix, outside of tunnels.
    pub(super) fn sir(&self) -> Option<ila::Prefix> {
        self.sir.filter(|_| self.tunnels == 0)
    }

    /// Whether a payload may be cut short: by the capture, or because it is a first fragment's.
    pub(super) fn may_be_cut(&self) -> bool {
        self.reading != Reading::Strict || self.context.partial
    }

    /// How much is missing, or that it was never there.
    pub(super) fn missing(&self, kind: Kind, cut: Option<Error>) -> Result<Option<Error>, Stop> {
        match cut {
            Some(error) if self.reading == Reading::Captured && !self.piece && !self.was_sent(error.at(self.at)) => {
                self.stop(kind, error)
            }
            cut => Ok(cut),
        }
    }

    /// Whether what an error, counted from the start of the frame, calls missing was in the frame as it was sent.
    fn was_sent(&self, error: Error) -> bool {
        match error.rule {
            Rule::Truncated { needed, .. } => error.offset.saturating_add(needed) <= self.ends,
            // a query that is cut, and would be one of an earlier version if it were shorter
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
    /// Places what was read in the frame and moves behind its header.
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

    /// Ends the walk: `error` counts from where the layer begins.
    pub(super) fn stop<T>(&self, kind: Kind, error: Error) -> Result<T, Stop> {
        Err(self.stopped(kind, error.at(self.at)))
    }

    /// As [`Dissect::stop`], where `error` counts from the start of the frame.
    pub(super) fn stopped(&self, kind: Kind, error: Error) -> Stop {
        Stop { kind, error, cut: self.reading != Reading::Strict && self.was_sent(error) }
    }
}
