//! Each message in one line, for a log.

use crate::message::{Address, Answer, Message, StateStream, TsiVersion};
use core::fmt;
use nvo3_wire::Vni;

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(a) => a.fmt(f),
            Self::Ip(a) => a.fmt(f),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::Prohibited => f.write_str("prohibited"),
            Self::Found(found) => match found.place {
                Some(place) => write!(f, "{} {} at {}", found.mac, found.version, place.nve),
                None => write!(f, "{} {} withdrawn", found.mac, found.version),
            },
        }
    }
}

impl fmt::Display for StateStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} to {} copy {}", self.move_id, self.version, self.source, self.target, self.copy)
    }
}

/// The VN, the first of its TSIs and how many more there are.
fn listed<T>(
    f: &mut fmt::Formatter<'_>,
    vn: Vni,
    tsis: &[T],
    first: impl FnOnce(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    write!(f, " VN {vn}: ")?;
    let [one, others @ ..] = tsis else { return f.write_str("no TSI") };
    first(f, one)?;
    if others.is_empty() { Ok(()) } else { write!(f, " and {} more", others.len()) }
}

fn versions(f: &mut fmt::Formatter<'_>, vn: Vni, tsis: &[TsiVersion]) -> fmt::Result {
    listed(f, vn, tsis, |f, tsi| write!(f, "{} {}", tsi.mac, tsi.version))
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Keepalive | Self::Goodbye => Ok(()),
            Self::Hello(m) => {
                let again = if m.resumed { "resumed" } else { "started" };
                write!(f, " {} {again} nonce {:016x}", m.place.nve, m.nonce)
            }
            Self::HelloAck(m) => {
                write!(
                    f,
                    " session {:016x} nonce {:016x} epoch {} published {}",
                    m.session.0, m.nonce, m.epoch, m.published.0
                )
            }
            Self::Error(m) => {
                write!(
                    f,
                    " about type {} sequence {} at byte {} TLV {}: {}",
                    m.about, m.sequence, m.offset, m.tlv, m.code
                )
            }
            Self::Ack(m) => write!(f, " received {} in force {}", m.received, m.in_force),
            Self::Resync(m) => {
                let more = if m.more { ", more follows" } else { "" };
                write!(f, " since {}: {} VNs, {} mappings{more}", m.since, m.vns.len(), m.mappings.len())
            }
            Self::Subscribe(vn) | Self::Unsubscribe(vn) => write!(f, " VN {vn}"),
            Self::RegistrationRequest(m) => listed(f, m.vn, &m.claims, |f, claim| {
                let sign = if claim.by_word { "word" } else { "frame" };
                write!(f, "{} {} by {sign} with {} addresses", claim.mac, claim.kind, claim.ips.len())?;
                claim.expected.map_or(Ok(()), |v| write!(f, " expected {v}"))
            }),
            Self::RegistrationReply(m) => {
                versions(f, m.vn, &m.tsis)?;
                m.current.map_or(Ok(()), |place| write!(f, " at {}", place.nve))?;
                write!(f, ": {}", m.result)
            }
            Self::Deregister(m) => versions(f, m.vn, &m.tsis),
            Self::DeregisterReply(m) => versions(f, m.vn, &m.tsis),
            Self::Restate(m) => {
                let more = if m.more { ", more follows" } else { "" };
                write!(f, " VN {}: {} TSIs{more}", m.vn, m.tsis.len())
            }
            Self::RestateMove(m) => {
                write!(f, " {} {} side {}, peer {}, ", m.move_id, m.version, m.side, m.peer)?;
                write!(f, "{} TSIs: {}", m.tsis.len(), m.party)
            }
            Self::Query(m) => write!(f, " {}@{}", m.address, m.vn),
            Self::Response(m) => {
                write!(f, " {}@{} ", m.address, m.vn)?;
                m.answer.fmt(f)
            }
            Self::Update(m) => {
                write!(f, " VN {} records {}..{}: {} mappings", m.vn, m.after.0, m.upto.0, m.mappings.len())?;
                m.members.as_ref().map_or(Ok(()), |members| write!(f, ", {} members", members.places.len()))?;
                f.write_str(if m.synced { ", synced" } else { "" })
            }
            Self::Invalidate(m) => write!(f, " {} at {} up to {}", m.tsi, m.nve, m.version),
            Self::Prepare(m) => {
                let suspended = if m.suspended { " suspended" } else { "" };
                write!(f, " {} {} {} side {}{suspended}, ", m.move_id, m.version, m.side, m.kind)?;
                write!(f, "{} TSIs, peer {}", m.tsis.len(), m.peer.nve)
            }
            Self::Ready(m) => {
                write!(f, " {} {}", m.move_id, m.version)?;
                m.refused.map_or(Ok(()), |why| write!(f, " refused: {why}"))
            }
            Self::Suspended(m) | Self::Activated(m) | Self::Resumed(m) | Self::Revoke(m) | Self::Revoked(m) => {
                write!(f, " {} {}", m.move_id, m.version)
            }
            Self::OutcomeQuery(id) => write!(f, " {id}"),
            Self::Outcome(m) => {
                write!(f, " {} {} {} at {}, {} TSIs", m.move_id, m.result, m.version, m.place.nve, m.tsis.len())
            }
            Self::Done(m) => write!(
                f,
                " {} in {}: {} held, {} tunnelled, {} dropped, {} stale senders",
                m.move_id,
                m.report.duration,
                m.report.held_frames,
                m.report.tunnelled_frames,
                m.report.dropped_frames,
                m.report.stale_senders
            ),
            Self::StateOffer(m) => {
                let last = if m.last { ", the last" } else { "" };
                write!(f, " {} {}: {} of format {}{last}", m.stream, m.kind, m.total.get(), m.format)
            }
            Self::StateChunk(m) => {
                write!(f, " {} {}: {} from {}", m.stream, m.part.kind(), m.part.amount(), m.offset.get())
            }
            Self::StateAck(m) => write!(f, " {} {}: {} up to {}", m.stream, m.kind, m.answer, m.upto.get()),
            Self::CacheReport(m) => {
                let more = if m.more { ", more follows" } else { "" };
                write!(f, " VN {}: {} entries{more}", m.vn, m.entries.len())
            }
            Self::CacheVerdict(m) => {
                let more = if m.more { ", more follows" } else { "" };
                write!(f, " VN {}: {} are wrong{more}", m.vn, m.wrong.len())
            }
        }
    }
}
