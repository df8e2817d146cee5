//! The encapsulation of frames that leave an edge by a tunnel.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use nvo3_nva_proto::Locators;
use nvo3_wire::tunnel::{Encap, Encapsulation};
use nvo3_wire::{Vni, flow};

/// The outer headers that an edge has made so far.
#[derive(Debug)]
pub(super) struct Tunnels {
    own: Locators,
    made: BTreeMap<(IpAddr, Vni), Encap<'static>>,
}

impl Tunnels {
    /// Makes the tunnels of an edge with these locators.
    pub(super) const fn new(own: Locators) -> Self {
        Self { own, made: BTreeMap::new() }
    }

    /// The outer packet for a frame; `None` if the edge has no locator of that family.
    pub(super) fn wrap(&mut self, to: IpAddr, vn: Vni, inner: &[u8]) -> Option<Vec<u8>> {
        let from = match to {
            IpAddr::V4(_) => self.own.v4().map(IpAddr::V4),
            IpAddr::V6(_) => self.own.v6().map(IpAddr::V6),
        };
        let made = || Encap::new(Encapsulation::Vxlan, from?, to, vn).ok();
        let encap = self.made.get(&(to, vn)).copied().or_else(made)?;
        self.made.insert((to, vn), encap);
        let mut packet = vec![0; encap.len() + inner.len()];
        encap.write(flow::entropy(inner), inner, &mut packet).ok()?;
        Some(packet)
    }
}
