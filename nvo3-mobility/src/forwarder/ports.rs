//! The tenant-facing ports, and the TSIs behind each VAP.

use super::DropReason;
use super::classify::{self, Class};
use crate::fairness::{Limiter, Rate};
use crate::table::{Binding, Port, PortPolicy, VapId};
use ahash::RandomState;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;
use hashbrown::HashMap;
use nvo3_nva_proto::{Instant, TsiKey};
use nvo3_wire::ethernet::Frame;
use nvo3_wire::{Ipv6, Mac, Vni};

/// A tenant-facing port.
pub(super) struct PortState {
    vn: Vni,
    policy: PortPolicy,
    /// The MACs that may send there if the port is not trusted, sorted, each with its addresses.
    bindings: Vec<Binding>,
    misses: Limiter,
    groups: Limiter,
}

impl PortState {
    pub(super) const fn vn(&self) -> Vni {
        self.vn
    }

    /// The class of a frame that came in there, or the reason to drop it (VMM-10-02).
    #[inline]
    pub(super) fn judge(&self, bytes: &[u8], frame: &Frame<'_>) -> Result<Class, DropReason> {
        if self.policy.trusted {
            return classify::trusted(bytes, frame, &self.policy);
        }
        let find = |mac: &Mac| {
            let at = self.bindings.binary_search_by_key(mac, |binding| binding.mac).ok();
            at.and_then(|at| self.bindings.get(at))
        };
        let Some(sender) = find(&frame.header.source) else { return Err(DropReason::SourceNotAllowed) };
        classify::judge(bytes, frame, &self.policy, |mac, ip| {
            let binding = if *mac == sender.mac { Some(sender) } else { find(mac) };
            binding.is_some_and(|binding| ip.is_none_or(|ip| binding.ips.contains(&ip)))
        })
    }

    /// True if any MAC may send there: the port leads to a gateway or a bridge.
    pub(super) const fn is_trusted(&self) -> bool {
        self.policy.trusted
    }
}

pub(super) struct Ports {
    ports: HashMap<VapId, PortState, RandomState>,
    /// The TSIs behind each VAP, whether it is a port or not.
    attached: BTreeSet<(VapId, TsiKey)>,
    most: u32,
}

impl Ports {
    pub(super) fn new(most: u32, hasher: RandomState) -> Self {
        Self { ports: HashMap::with_hasher(hasher), attached: BTreeSet::new(), most }
    }

    #[inline]
    pub(super) fn get(&self, vap: VapId) -> Option<&PortState> {
        self.ports.get(&vap)
    }

    /// Checks that the control plane may be asked for one more destination because of a frame of this port. `has_share` is true if the port
    /// has a share left.
    ///
    /// # Errors
    /// The destination is not asked for. If a notice about the port is due, the number of refusals since the last one.
    pub(super) fn admit_miss(
        &mut self,
        now: Instant,
        vap: VapId,
        rate: Rate,
        has_share: bool,
    ) -> Result<(), Option<u64>> {
        let Some(port) = self.ports.get_mut(&vap) else { return Err(None) };
        if has_share { port.misses.take(now, rate) } else { Err(port.misses.refuse(now)) }
    }

    /// Checks that a port may send one more frame to a group.
    ///
    /// # Errors
    /// It may not. If a notice about the port is due, the number of refusals since the last one.
    #[inline]
    pub(super) fn admit_group(&mut self, now: Instant, vap: VapId, rate: Rate) -> Result<(), Option<u64>> {
        let Some(port) = self.ports.get_mut(&vap) else { return Err(None) };
        port.groups.take(now, rate)
    }

    pub(super) fn is_full(&self) -> bool {
        self.ports.len() >= self.most as usize
    }

    /// Makes, replaces or removes a port.
    pub(super) fn set(&mut self, vap: VapId, port: Option<&Port>) {
        match port {
            Some(port) => {
                let Port { vn, policy, bindings } = port;
                let limits = self.ports.get(&vap).map(|port| (port.misses, port.groups));
                let (misses, groups) = limits.unwrap_or_default();
                let state = PortState { vn: *vn, policy: policy.clone(), bindings: sorted(bindings), misses, groups };
                self.ports.insert(vap, state);
            }
            None => _ = self.ports.remove(&vap),
        }
    }

    /// Moves a TSI from one VAP to another.
    pub(super) fn reattach(&mut self, key: TsiKey, from: Option<VapId>, to: Option<VapId>) {
        if let Some(from) = from {
            self.attached.remove(&(from, key));
        }
        self.attached.extend(to.map(|to| (to, key)));
    }

    /// The TSIs behind a VAP.
    pub(super) fn attached(&self, vap: VapId) -> impl Iterator<Item = TsiKey> {
        let first = TsiKey { vn: Vni::from_bytes([0; 3]), mac: Mac::ZERO };
        let last = TsiKey { vn: Vni::MAX, mac: Mac::BROADCAST };
        self.attached.range((vap, first)..=(vap, last)).map(|(_, key)| *key)
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.ports.len(), self.attached.len())
    }
}

/// One binding for each MAC, in order. The link-local address that the MAC gives is bound with the MAC.
fn sorted(bindings: &[Binding]) -> Vec<Binding> {
    let mut sorted: Vec<Binding> = bindings.to_vec();
    sorted.sort_by_key(|binding| binding.mac);
    sorted.dedup_by(|next, kept| {
        let same = next.mac == kept.mac;
        if same {
            kept.ips.append(&mut next.ips);
        }
        same
    });
    sorted.iter_mut().for_each(|binding| binding.ips.push(IpAddr::V6(Ipv6::link_local(binding.mac).addr())));
    sorted
}
