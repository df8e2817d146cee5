//! Inert messages: their delivery can change nothing any more. Worlds that differ only in them count as one.

use super::edge::Stage;
use super::fence::Fence;
use super::net::{At, Msg, Packet};
use super::world::{EDGES, Frame, World, generation, move_id};
use nvo3_mobility::nva::rules::State::{AbortingNew, AbortingOld, Committing};
use nvo3_mobility::nve::rules::State::{Installing, Prepared};
use nvo3_nva_proto::{MoveResult, Side};

impl Stage<'_> {
    /// Makes equivalent worlds equal. A frame that arrived or was excused makes room for another. A VM that all know is astray no more.
    pub fn normalize(&mut self) {
        let World { host, nva, .. } = &*self.world;
        let all_know = nva.open.is_none() && nva.at == host.at;
        if all_know && EDGES.into_iter().all(|n| self.world.delivers(n, self.rules) == (n == self.world.host.at)) {
            (self.world.host.astray, self.world.host.overtaken) = (false, false);
        }
        if matches!(self.world.frame, Frame::Delivered | Frame::Excused) {
            self.world.frame = Frame::Unsent;
        }
        self.forget_inert();
    }

    /// Removes the messages that can change nothing before their session ends.
    fn forget_inert(&mut self) {
        // Without one of these rules an old message can still change something.
        let powerful = [Fence::Floor, Fence::LatePrepare, Fence::Outcome, Fence::NextMove];
        if powerful.into_iter().any(|fence| self.rules.lacks(fence)) {
            return;
        }
        let world = &mut *self.world;
        let mut net = std::mem::take(&mut world.net);
        let before = net.clone();
        net.retain(|packet| match packet.up {
            true => !inert_at_authority(world, *packet, &|other| before.has(other)),
            false => !inert_at_edge(world, *packet, &|other| before.has(other)),
        });
        world.net = net;
    }
}

/// True if the move of a message is over, or is decided and the sender's part in it is done.
fn inert_at_authority(world: &World, packet: Packet, is_said: &dyn Fn(Packet) -> bool) -> bool {
    let open = |id| world.nva.open.filter(|mv| mv.id == id);
    // An authority that lost records may end a move before a party is asked. Its word brings it the outcome.
    let is_told = |id| world.nva.memory.is_some() && open(id).is_none() && world.nva.find(id).is_some();
    let answered = |answer| is_said(answer) || inert_at_edge(world, answer, is_said);
    match packet.msg {
        Msg::Ready { id, .. }
        | Msg::Refused { id, .. }
        | Msg::Suspended { id, .. }
        | Msg::Resumed { id, .. }
        | Msg::Revoked { id, .. } => !is_told(id) && open(id).is_none_or(|mv| mv.state.is_decided()),
        Msg::Activated { id, .. } => {
            !is_told(id)
                && open(id)
                    .is_none_or(|mv| mv.state.is_decided() && outcome(world, id, packet.edge).is_none_or(answered))
        }
        Msg::OutcomeInForce { id } => open(id).is_none_or(|mv| match (mv.state, mv.side(packet.edge)) {
            (Committing { old, .. }, Some(Side::Old)) => old,
            (Committing { new, .. }, Some(Side::New)) => new,
            (state, Some(Side::Old)) => state == AbortingNew,
            _ => false,
        }),
        Msg::OutcomeQuery { id } => outcome(world, id, packet.edge).is_some_and(answered),
        _ => false,
    }
}

/// The authority's answer to an edge that asks how a move ended, if that can no longer change.
fn outcome(world: &World, id: u8, n: At) -> Option<Packet> {
    let mv = world.nva.find(id)?;
    let side = mv.side(n)?;
    let (result, version, place) = match mv.state {
        Committing { .. } => (MoveResult::Committed, mv.committed(), mv.new),
        AbortingOld { .. } if side == Side::New => return None,
        AbortingOld { .. } | AbortingNew => (MoveResult::Aborted, mv.aborted, mv.old),
        _ if world.nva.open.is_some_and(|open| open.id == id) => return None,
        _ if mv.aborted == 0 => (MoveResult::Committed, mv.committed(), mv.new),
        _ => (MoveResult::Aborted, mv.aborted, mv.old),
    };
    Some(Packet { edge: n, up: false, msg: Msg::Outcome { id, result, version, place } })
}

/// True if a message says no more than the edge knows.
fn inert_at_edge(world: &World, packet: Packet, is_said: &dyn Fn(Packet) -> bool) -> bool {
    let edge = world.edge(packet.edge);
    let tsi = edge.tsi.get();
    let floor = generation(tsi.floor);
    let in_hand = |id: u8| tsi.state.plan().is_some_and(|plan| plan.id == move_id(id));
    let heard_of = |id: u8, failover| edge.heard && (failover || edge.moves & (1 << id) != 0);
    match packet.msg {
        Msg::Update { version, place } => {
            let arms = matches!(tsi.state, Installing(target) | Prepared(target) if generation(target.plan.version) == version);
            let followed = edge.heard && version <= floor && !arms;
            version < edge.cached.0.max(floor) || followed && edge.cached == (version, place)
        }
        Msg::Prepare { id, version, failover, .. } => version <= floor && !in_hand(id) && heard_of(id, failover),
        Msg::Left { id } => {
            let waits = matches!(tsi.state, Installing(target) | Prepared(target) if !target.left);
            let over = world.nva.find(id).is_some_and(|mv| mv.version <= floor);
            if in_hand(id) { world.left.refusals == 0 && !waits } else { over }
        }
        Msg::Revoke { id, version, .. } => {
            let answered = world.nva.memory.is_some();
            version < floor && !in_hand(id) && heard_of(id, false) && !answered
        }
        Msg::Outcome { id, version, place, .. } => {
            let acknowledged = Packet { edge: packet.edge, up: true, msg: Msg::OutcomeInForce { id } };
            let answered = is_said(acknowledged) || inert_at_authority(world, acknowledged, is_said);
            let cached = version < edge.cached.0 || (version, place) == edge.cached;
            version <= floor && cached && !in_hand(id) && edge.heard && answered
        }
        Msg::Accepted { version } => version < floor,
        _ => false,
    }
}
