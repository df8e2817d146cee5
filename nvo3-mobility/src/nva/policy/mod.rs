//! What each NVE may register: a policy of the authority.
//!
//! Without a rule an NVE may register every TSI that is free: nobody has it, its NVE confirms that its VM is gone, or that NVE is not
//! protected any more. A [`Rule`] leaves an NVE a part of that. (I5, I11: no mapping changes on the word of an NVE that may not say it.)

mod offenders;
mod quotas;
mod rule;

pub(super) use offenders::{Offence, Offenders};
pub use quotas::{Quota, Quotas};
pub use rule::{Prefix, PrefixError, Rule};

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;
use nvo3_nva_proto::{NveId, TsiKey};
use nvo3_wire::{Mac, Vni};

/// What decides if a hypervisor's word takes a TSI from an NVE that has a session and is not fenced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ClaimsByWord {
    /// The old NVE asks its VM first, as after a frame. If the VM answers, the word is refused. If the old NVE does not answer until
    /// `NvaConfig.yield_deadline`, the word wins, with [`Event::DidNotYield`](super::Event::DidNotYield).
    ///
    /// About a VM that never sent a frame there, the old NVE answers nothing.
    #[default]
    Confirmed,
    /// The old NVE stops delivering at once. One hostile NVE then takes every VM of the domain that its rule allows.
    Trusted,
}

/// Which locators count where the *Hello* of an NVE names others than management admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum LocatorsFrom {
    /// Those of management. The *Hello* is refused.
    #[default]
    Admitted,
    /// Those of the *Hello*. The authority takes them over, and tells every interested NVE.
    Hello,
}

/// What each NVE may register, and the addresses that TSIs share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    rules: BTreeMap<NveId, Rule>,
    /// A list of entries, which every format can store.
    #[cfg_attr(feature = "serde", serde(default))]
    shared: BTreeSet<(Vni, IpAddr, Mac)>,
}

impl Policy {
    /// Sets the rule of an NVE, in place of one before. An NVE without a rule may register every TSI that is free.
    pub fn set(&mut self, nve: NveId, rule: Rule) {
        self.rules.insert(nve, rule);
    }

    /// Lets TSIs of a VN share an address, besides those that share it already: the one whose NVE claims it last has it. It is taken from
    /// the one of them that had it, which is not asked. An NVE claims it when the TSI announces it at a port that shares it
    /// ([`PortPolicy::shared`](crate::table::PortPolicy::shared)).
    pub fn share(&mut self, vn: Vni, ip: IpAddr, macs: impl IntoIterator<Item = Mac>) {
        self.shared.extend(macs.into_iter().map(|mac| (vn, ip, mac)));
    }

    /// True if a TSI is one of those that share an address.
    pub fn shares(&self, key: &TsiKey, ip: IpAddr) -> bool {
        self.shared.contains(&(key.vn, ip, key.mac))
    }

    /// True if an NVE may have a TSI with these addresses.
    pub fn allows(&self, nve: NveId, key: &TsiKey, ips: &[IpAddr]) -> bool {
        self.rules.get(&nve).is_none_or(|rule| rule.allows(key, ips))
    }
}
