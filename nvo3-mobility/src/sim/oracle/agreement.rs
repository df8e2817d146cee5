//! The differences between edges, directory and truth, and what moves leave behind.

use crate::nve::rules::State;
use crate::sim::hypervisor::Seat;
use crate::sim::net::{EdgeNo, place};
use crate::sim::nodes::{Authority, Edge};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use nvo3_nva_proto::{Place, TsiKey};

/// The true place of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: TsiKey,
    /// The number of the host's IP addresses.
    pub(crate) addresses: usize,
    /// The edge where the host's frames enter: for an interface of a VM, the edge where the VM runs or last ran.
    pub(crate) at: EdgeNo,
    /// For an interface of a VM: the VM's seat, and the edge that does not know yet that the VM stopped there.
    pub(crate) vm: Option<(Seat, Option<EdgeNo>)>,
}

/// Describes what is left of moves, one sentence each (I8). `edges` are the edges that have not died for good.
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

/// Describes the differences between caches, directory and truth, one sentence each (I4).
pub(crate) fn disagreements<'a>(
    hosts: impl Iterator<Item = Truth<'a>>,
    authority: &Authority,
    edges: &[Edge],
) -> Vec<String> {
    if !authority.is_up() {
        return vec!["the NVA is down".into()];
    }
    let mut wrong = Vec::new();
    for Truth { name, key, addresses, at, .. } in hosts {
        let truth = place(at).nve;
        let Some((version, place)) = authority.lookup(&key) else {
            wrong.push(format!("the directory does not know {name}"));
            continue;
        };
        if place.map(|place| place.nve) != Some(truth) {
            wrong.push(format!("the directory has {name} {}, but {name} is at {truth}", at_nve(place)));
        }
        let known = authority.addresses(&key);
        if known != addresses {
            wrong.push(format!("the directory has {known} addresses of {name}, which has {addresses}"));
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
