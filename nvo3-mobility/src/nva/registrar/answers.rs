//! The answers to the claims of one request, as few messages as possible.

use crate::nva::facts::Facts;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use nvo3_nva_proto::{Lifetime, Place, RegistrationReply, RegistrationResult, TsiKey, TsiVersion, Version};
use nvo3_wire::Vni;

/// The results for the TSIs of one VN. TSIs with the same result share a reply.
#[derive(Debug)]
pub(in crate::nva) struct Answers {
    vn: Vni,
    by_result: BTreeMap<(RegistrationResult, Option<Place>), Vec<TsiVersion>>,
}

impl Answers {
    pub(in crate::nva) const fn new(vn: Vni) -> Self {
        Self { vn, by_result: BTreeMap::new() }
    }

    /// Adds the result for a TSI. A refusal names the NVE that the mapping points to.
    pub(in crate::nva) fn add(&mut self, facts: &Facts, key: TsiKey, result: RegistrationResult, version: Version) {
        let current = match result {
            RegistrationResult::Accepted => None,
            _ => facts.book().get(&key).and_then(|registration| facts.place(registration.nve())),
        };
        self.by_result.entry((result, current)).or_default().push(TsiVersion { mac: key.mac, version });
    }

    /// The replies.
    pub(in crate::nva) fn into_replies(self, facts: &Facts) -> impl Iterator<Item = RegistrationReply> {
        let (vn, lifetime) = (self.vn, Lifetime::new(facts.config().registration_lifetime));
        let replies = self.by_result.into_iter();
        replies.flat_map(move |((result, current), tsis)| {
            RegistrationReply { vn, result, lifetime, tsis, current }.split()
        })
    }
}
