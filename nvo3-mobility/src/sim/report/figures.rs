//! What a run comes to.

use crate::sim::hypervisor::{Hypervisor, Leg};
use crate::sim::nodes::Edge;
use crate::sim::oracle::{Loss, Oracle, Violation};
use crate::sim::tenants::{TenantSummary, Tenants};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use nvo3_nva_proto::MoveResult;
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
    /// Datagrams that did not, and that no excuse covers.
    pub lost: u64,
    /// Datagrams that arrived once too often.
    pub duplicated: u64,
    /// Datagrams that were overtaken by a later one of their sender.
    pub reordered: u64,
    /// Datagrams in the memory of a node when it died.
    pub in_dead_node: u64,
    /// Datagrams sent to a node while it was down.
    pub to_down_node: u64,
    /// Datagrams over the limit of what is held for an address being asked for.
    pub asked_overflow: u64,
    /// Frames held by edges.
    pub held: u64,
    /// Frames that the entry of a move tunnelled on.
    pub tunnelled: u64,
    /// Of those: delivered before, to the VM that had stopped and whose edge was told late.
    pub replayed: u64,
    /// Frames that edges dropped, by reason; hosts' questions and broadcasts count as well.
    pub dropped: BTreeMap<String, u64>,
    /// From the end of the pause until everyone interested follows the last committed move.
    pub converged_us: Option<u64>,
    /// How long the VM ran nowhere, in the last move in which it was stopped.
    pub pause_us: Option<u64>,
    /// The moves, in order.
    pub moves: Vec<MoveOutcome>,
    /// The tenant's own frames.
    pub tenant: Option<TenantSummary>,
    /// What was violated, in words.
    pub violations: Vec<String>,
}

/// One move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MoveOutcome {
    /// Its number.
    pub id: u64,
    /// From when it was asked for to its end.
    pub took_us: Option<u64>,
    /// How it ended.
    pub result: Option<&'static str>,
}

impl From<&Leg> for MoveOutcome {
    fn from(leg: &Leg) -> Self {
        let took_us = leg.asked().zip(leg.ended()).map(|(asked, (ended, _))| (ended - asked).0);
        let result = leg.ended().map(|(_, result)| match result {
            MoveResult::Committed => "committed",
            MoveResult::Aborted => "aborted",
            MoveResult::Unknown => "unknown",
        });
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
