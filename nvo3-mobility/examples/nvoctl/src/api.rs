//! Requests and replies.

use nvo3_nva_proto::{Instant, Micros, MoveId, MoveResult, NveId, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;

/// What a daemon is asked for; each answers what is its own and refuses the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Who it is, whom it is connected to, how much there is of what.
    Status,
    /// What it knows.
    Show(What),
    /// [`Reply::Event`]s as they come, until the connection ends.
    Watch,
    /// nved: open a port. It registers nothing, but for [`Port::active`].
    Attach(Port),
    /// nved: close a port; one that nved made is gone then.
    Detach {
        /// The interface.
        port: String,
    },
    /// nved: the VM will stop here, or has stopped. The reply comes when nothing is delivered to it any more and what comes
    /// for it goes to the new NVE.
    Suspend {
        /// Whose.
        tsi: TsiKey,
        /// The move; without, the one in hand.
        move_id: Option<MoveId>,
        /// The late word: when it stopped. What was delivered since goes to the new NVE too.
        stopped_at: Option<Instant>,
    },
    /// nved: the VM runs here. With a move it may start only if this is not refused.
    Activate {
        /// Whose.
        tsi: TsiKey,
        /// The move that brought it.
        move_id: Option<MoveId>,
    },
    /// nved: the VM that was to leave runs on here.
    Resume {
        /// Whose.
        tsi: TsiKey,
    },
    /// nvad: plan a move. The reply comes when the VM may be suspended, or when the move is refused or has ended.
    Prepare {
        /// A name never used before; nvad finds one where there is none.
        move_id: Option<MoveId>,
        /// What moves, as one.
        tsis: Vec<TsiKey>,
        /// Where to.
        to: NveId,
        /// How long until it is revoked if the VM does not run there.
        deadline: Micros,
    },
    /// nvad: the reply comes when the move has ended.
    Outcome {
        /// Which.
        move_id: MoveId,
    },
    /// nvad: call a move off, unless it is too late.
    Cancel {
        /// Which.
        move_id: MoveId,
    },
    /// nvad: this NVE will not return and runs nothing any more.
    Fence {
        /// Which.
        nve: NveId,
    },
}

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The TSIs: at nved with state, entry and mapping; at nvad where they are.
    Tables,
    /// The moves in hand, and the last ones at nvad.
    Moves,
    /// Everything that is counted; drops by reason.
    Counters,
}

/// What a daemon answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is so now.
    Done,
    /// Both parties are ready: the VM may be suspended.
    Prepared {
        /// The move.
        move_id: MoveId,
    },
    /// A move has ended.
    Ended {
        /// Which.
        move_id: MoveId,
        /// How.
        result: MoveResult,
    },
    /// An object, or an array of objects with the same keys.
    Shown(Value),
    /// Something happened.
    Event {
        /// When, microseconds of CLOCK_MONOTONIC.
        at: Instant,
        /// What: an object with the key `event`.
        what: Value,
    },
    /// Nothing changed.
    Refused {
        /// Why, a sentence.
        why: String,
    },
}

/// How nved gets at an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortKind {
    /// A packet socket on an interface that is there: a veth, or the tap of a hypervisor that has it open.
    #[default]
    Packet,
    /// A tap that nved opens: one that is there and that nobody has open, or one that it makes and that goes with it.
    Tap,
}

/// An access port. In a file a table, as a flag `vm0,vni=77,mac=52:54:00:77:00:10,ip=192.0.2.10,ip=2001:db8::10,active`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The interface.
    pub name: String,
    /// How nved gets at it.
    #[serde(default)]
    pub kind: PortKind,
    /// Its VN.
    pub vni: Vni,
    /// Who may be behind it.
    #[serde(default)]
    pub stations: Vec<Station>,
    /// Frames of any source may come in: a gateway or a bridge is behind it.
    #[serde(default)]
    pub trusted: bool,
    /// They run here already; else that is said later, by the hypervisor or by their own frames.
    #[serde(default)]
    pub active: bool,
}

/// Who may be behind a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its address.
    pub mac: Mac,
    /// Its IP addresses, one at least.
    pub ips: Vec<IpAddr>,
}

impl Port {
    /// Its stations as the machines know them.
    pub fn tsis(&self) -> Vec<Tsi> {
        let tsi = |station: &Station| Tsi { key: TsiKey { vn: self.vni, mac: station.mac }, ips: station.ips.clone() };
        self.stations.iter().map(tsi).collect()
    }
}
