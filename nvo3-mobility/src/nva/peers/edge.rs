//! One NVE of the domain.

use super::letter::Receipt;
use crate::nva::Peer;
use alloc::collections::VecDeque;
use core::net::IpAddr;
use nvo3_nva_proto::auth::NvaSeals;
use nvo3_nva_proto::{Hello, Instant, Locators, RecordNo, Session};

/// An NVE of the domain, with a session or without.
#[derive(Default)]
pub(super) struct Edge {
    /// The locators under which the NVE was admitted.
    pub(super) locators: Option<Locators>,
    pub(super) peer: Option<Peer>,
    pub(super) session: Option<Session>,
    pub(super) hello: Option<Hello>,
    /// The time since which the NVE has no session: it ended, or the grace after a start ended without one.
    pub(super) gone: Option<Instant>,
    /// True if the NVE was granted a session since the start of the NVA.
    pub(super) granted: bool,
    /// The nonces of *Hello* messages that were answered. A late copy of such a *Hello* is ignored.
    pub(super) answered: VecDeque<u64>,
    /// The receipts of the session's letters, by sequence.
    pub(super) receipts: VecDeque<(u32, Receipt)>,
    /// The sequences of parts of lists that are not in force at the NVE.
    pub(super) listed: VecDeque<u32>,
    /// The number of parts of lists that wait for the journal.
    pub(super) listed_waiting: usize,
    /// The records that the last letter and the last acknowledgement of *in force* wait for. Later ones wait for no less.
    pub(super) letters_after: RecordNo,
    pub(super) in_force_after: RecordNo,
    pub(super) timer: Option<Instant>,
    pub(super) seals: NvaSeals,
}

impl Edge {
    /// The address of the NVE's session, if the NVE has one and it is another address than this one.
    pub(super) fn elsewhere(&self, from: Peer) -> Option<IpAddr> {
        let up = self.session.as_ref().is_some_and(Session::is_up);
        self.peer.map(|peer| peer.ip()).filter(|at| up && *at != from.ip())
    }
}
