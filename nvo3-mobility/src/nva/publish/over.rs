//! The NVEs that take more of the room than their quotas, until the machine asks for them.

use crate::nva::policy::Quota;
use alloc::collections::BTreeMap;
use nvo3_nva_proto::NveId;

/// How often each NVE was over each of its quotas.
#[derive(Debug, Default)]
pub(super) struct Over(BTreeMap<(NveId, Quota), u64>);

impl Over {
    /// Notes something of an NVE. `room`: it was within the quota.
    pub(super) fn note(&mut self, nve: NveId, quota: Quota, room: bool) {
        if !room {
            *self.0.entry((nve, quota)).or_default() += 1;
        }
    }

    pub(super) fn pop(&mut self) -> Option<(NveId, Quota, u64)> {
        self.0.pop_first().map(|((nve, quota), count)| (nve, quota, count))
    }
}
