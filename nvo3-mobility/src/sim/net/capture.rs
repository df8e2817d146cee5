//! The packets of each link, as a capture at its sending end shows them.

use alloc::string::String;
use alloc::vec::Vec;
use nvo3_nva_proto::Instant;

/// The first header of the packets of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet,
    /// An IPv4 or IPv6 header.
    Ip,
}

/// One link of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name of the link, such as `A-B` or `A/vm`.
    pub name: String,
    /// The first header of its packets.
    pub link_type: LinkType,
}

/// One packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The time at which it was sent.
    pub at: Instant,
    /// The index of its interface.
    pub interface: usize,
    /// The bytes of the packet.
    pub bytes: Vec<u8>,
}

/// The recorded packets of all links.
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

    /// Notes that `bytes` went over the link of this name. A new name makes a new link.
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
