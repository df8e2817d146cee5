//! The summary of a run.

use crate::sim::hypervisor::{Hypervisor, Leg};
use crate::sim::nodes::Edge;
use crate::sim::oracle::{Loss, Oracle, Violation};
use crate::sim::tenants::{TenantSummary, Tenants};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Serialize;

/// The figures of one run. Datagrams are those of the hosts, numbered per sender and receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The seed that gives the same run again.
    pub seed: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that arrived.
    pub delivered: u64,
    /// Datagrams that did not arrive and that no excuse covers. 0 in a good run.
    pub lost: u64,
    /// Datagrams that arrived twice. 0 in a good run.
    pub duplicated: u64,
    /// Datagrams that a later datagram of their sender overtook.
    pub reordered: u64,
    /// Datagrams in the memory of a node when it died.
    pub in_dead_node: u64,
    /// Datagrams sent to a node while it was down.
    pub to_down_node: u64,
    /// Datagrams dropped at the limit of frames held for a destination that is being resolved.
    pub asked_overflow: u64,
    /// Frames that edges held.
    pub held: u64,
    /// Frames that the entry of a move tunnelled to the other NVE.
    pub tunnelled: u64,
    /// Tunnelled frames that had been delivered to a VM that had stopped, because its NVE got *Suspend* late.
    pub replayed: u64,
    /// Frames that edges dropped, by reason; requests and broadcasts of hosts count too.
    pub dropped: BTreeMap<String, u64>,
    /// The time from the end of the pause until every interested NVE uses the mapping of the last committed move, in microseconds.
    pub converged_us: Option<u64>,
    /// The time for which the VM ran nowhere, in the last move that stopped it, in microseconds.
    pub pause_us: Option<u64>,
    /// The moves, in order.
    pub moves: Vec<MoveOutcome>,
    /// The result of the tenant's own frames, if the parameters have some.
    pub tenant: Option<TenantSummary>,
    /// The violations, as text.
    pub violations: Vec<String>,
}

/// The outcome of one move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MoveOutcome {
    /// The id of the move.
    pub id: u64,
    /// The time from the request to the end of the move, in microseconds.
    pub took_us: Option<u64>,
    /// The result: `committed`, `aborted` or `unknown`; `None` if the move did not end.
    pub result: Option<&'static str>,
}

impl From<&Leg> for MoveOutcome {
    fn from(leg: &Leg) -> Self {
        let took_us = leg.asked().zip(leg.ended()).map(|(asked, (ended, _))| (ended - asked).0);
        let result = leg.ended().map(|(_, result)| result.as_str());
        Self { id: leg.id().0, took_us, result }
    }
}

impl RunSummary {
    /// The figures as they stand.
    pub(crate) fn new(seed: u64, oracle: &Oracle, edges: &[Edge], moves: &Hypervisor, tenants: &Tenants) -> Self {
        let losses = oracle.losses();
        let count = |loss| losses.get(&loss).copied().unwrap_or(0);
        let excused = [Loss::InDeadNode, Loss::ToDownNode, Loss::AskedOverflow, Loss::Cut, Loss::Forgotten];
        let excused: u64 = excused.into_iter().map(count).sum();
        let mut dropped = BTreeMap::new();
        for (reason, frames) in edges.iter().flat_map(Edge::dropped) {
            // The key is a contract: the variant's name.
            *dropped.entry(format!("{reason:?}")).or_insert(0) += frames;
        }
        let [sent, delivered, duplicated, reordered] = oracle.counts();
        Self {
            seed,
            sent,
            delivered,
            lost: sent - delivered - excused,
            duplicated,
            reordered,
            in_dead_node: count(Loss::InDeadNode),
            to_down_node: count(Loss::ToDownNode),
            asked_overflow: count(Loss::AskedOverflow),
            held: edges.iter().map(Edge::held).sum(),
            tunnelled: edges.iter().map(Edge::tunnelled).sum(),
            replayed: edges.iter().map(Edge::replayed).sum(),
            dropped,
            converged_us: moves.last_convergence().map(|time| time.0),
            pause_us: moves.last_pause().map(|time| time.0),
            moves: moves.legs().iter().filter(|leg| !leg.is_skipped()).map(MoveOutcome::from).collect(),
            tenant: tenants.own_report(),
            violations: oracle.violations().iter().map(Violation::to_string).collect(),
        }
    }
}
