//! One NVE of the domain.

use super::letter::Receipt;
use crate::nva::Peer;
use alloc::collections::VecDeque;
use nvo3_nva_proto::auth::NvaSeals;
use nvo3_nva_proto::{Hello, Instant, Session};

/// An NVE of the domain, with a session or without.
#[derive(Default)]
pub(super) struct Edge {
    pub(super) peer: Option<Peer>,
    pub(super) session: Option<Session>,
    pub(super) hello: Option<Hello>,
    /// Since when it has no session any more, or had a start's grace and has none.
    pub(super) gone: Option<Instant>,
    /// Management says that it will not return; a session says otherwise.
    pub(super) fenced: bool,
    /// Nonces of Hellos that were answered: a late copy asks for nothing.
    pub(super) answered: VecDeque<u64>,
    /// Receipts of what was sent in the session, by sequence.
    pub(super) receipts: VecDeque<(u32, Receipt)>,
    pub(super) timer: Option<Instant>,
    pub(super) seals: NvaSeals,
}
