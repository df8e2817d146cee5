//! Whether edges, directory and truth agree, and what moves leave behind.

use crate::nve::rules::State;
use crate::sim::hypervisor::Seat;
use crate::sim::net::{EdgeNo, place};
use crate::sim::nodes::{Authority, Edge};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{Place, TsiKey};

/// Where a host is in truth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: TsiKey,
    /// Where its frames enter: for an interface of a VM, where that runs or last ran.
    pub(crate) at: EdgeNo,
    /// For an interface of a VM: where that is, and which edge does not know yet that it stopped there.
    pub(crate) vm: Option<(Seat, Option<EdgeNo>)>,
}

/// What is left over of moves, in words (I8). `edges` are those that have not died for good.
pub(crate) fn leftovers<'a>(
    hosts: impl Iterator<Item = Truth<'a>> + Clone,
    edges: impl Iterator<Item = &'a Edge>,
) -> Vec<String> {
    let mut left = Vec::new();
    for edge in edges {
        let Some(nve) = edge.nve() else {
            left.push(format!("{} is down", edge.name()));
            continue;
        };
        for Truth { name, key, .. } in hosts.clone().filter(|host| host.vm.is_some()) {
            let state = nve.state(&key).state;
            if !matches!(state, State::Away | State::Here | State::Forwarding { .. }) {
                left.push(format!("{name} is {} at {}", state.name(), edge.name()));
            }
        }
    }
    left
}

/// Where cache, directory and truth differ, in words (I4).
pub(crate) fn disagreements<'a>(
    hosts: impl Iterator<Item = Truth<'a>>,
    authority: &Authority,
    edges: &[Edge],
) -> Vec<String> {
    if !authority.is_up() {
        return vec!["the NVA is down".into()];
    }
    let mut wrong = Vec::new();
    for Truth { name, key, at, .. } in hosts {
        let truth = place(at).nve;
        let Some((version, place)) = authority.lookup(&key) else {
            wrong.push(format!("the directory does not know {name}"));
            continue;
        };
        if place.map(|place| place.nve) != Some(truth) {
            wrong.push(format!("the directory has {name} {}, and it is at {truth}", at_nve(place)));
        }
        for edge in edges {
            let Some(nve) = edge.nve() else { continue };
            let here = edge.no() == at;
            if here != edge.delivers(&key) {
                let does = if here { "does not deliver" } else { "delivers" };
                wrong.push(format!("{} {does} to {name}", edge.name()));
            }
            match nve.mapping(&key) {
                Some((cached, at)) if cached != version || at.map(|at| at.nve) != Some(truth) => {
                    wrong.push(format!(
                        "{} has {name} {} by {cached}, the directory {version}",
                        edge.name(),
                        at_nve(at)
                    ));
                }
                _ => {}
            }
        }
    }
    wrong
}

fn at_nve(place: Option<Place>) -> String {
    place.map_or_else(|| "nowhere".into(), |place| format!("at {}", place.nve))
}
