//! The tenant-facing ports, and the TSIs behind each VAP.

use crate::table::{Port, VapId};
use ahash::RandomState;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use hashbrown::HashMap;
use nvo3_nva_proto::TsiKey;
use nvo3_wire::{Mac, Vni};

/// A tenant-facing port.
pub(super) struct PortState {
    vn: Vni,
    /// The MACs that may send there, sorted; `None`: any MAC may send.
    macs: Option<Vec<Mac>>,
}

impl PortState {
    pub(super) const fn vn(&self) -> Vni {
        self.vn
    }

    #[inline]
    pub(super) fn allows(&self, source: &Mac) -> bool {
        self.macs.as_ref().is_none_or(|macs| macs.binary_search(source).is_ok())
    }

    /// True if any MAC may send there: the port leads to a gateway or a bridge.
    pub(super) const fn is_trusted(&self) -> bool {
        self.macs.is_none()
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

    pub(super) fn is_full(&self) -> bool {
        self.ports.len() >= self.most as usize
    }

    /// Makes, replaces or removes a port.
    pub(super) fn set(&mut self, vap: VapId, port: Option<&Port>) {
        match port {
            Some(port) => {
                let mut macs = port.macs.clone();
                macs.iter_mut().for_each(|macs| macs.sort_unstable());
                self.ports.insert(vap, PortState { vn: port.vn, macs });
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
