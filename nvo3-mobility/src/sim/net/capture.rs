//! What each link carried, as a capture at its sending end would show it.

use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::Instant;

/// What the packets of an interface begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// An IPv4 or IPv6 header.
    Ip,
}

/// One link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `A-B` or `A/vm`.
    pub name: String,
    /// What its packets begin with.
    pub link_type: LinkType,
}

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was sent.
    pub at: Instant,
    /// On which of the interfaces.
    pub interface: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// All that was carried, as far as it is recorded.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    on: bool,
    interfaces: Vec<Interface>,
    packets: Vec<Packet>,
}

impl Capture {
    pub(crate) const fn new(on: bool) -> Self {
        Self { on, interfaces: Vec::new(), packets: Vec::new() }
    }

    /// The links, in the order of their numbers.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The packets, in order of time.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// `bytes` went over the link of this name, which is made where it is new.
    pub(crate) fn saw(
        &mut self,
        at: Instant,
        link_type: LinkType,
        name: impl FnOnce() -> String,
        bytes: impl FnOnce() -> Vec<u8>,
    ) {
        if !self.on {
            return;
        }
        let name = name();
        let interface = self.interfaces.iter().position(|interface| interface.name == name).unwrap_or_else(|| {
            self.interfaces.push(Interface { name, link_type });
            self.interfaces.len() - 1
        });
        self.packets.push(Packet { at, interface, bytes: bytes() });
    }
}
