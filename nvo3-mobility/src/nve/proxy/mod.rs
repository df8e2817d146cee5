//! ARP and Neighbor Discovery: what a punted frame says, answers for stations elsewhere, and who waits for one.
//!
//! In come frames, and who has an address. Out go readings of frames, whether the NVA must be asked, and frames for ports. Knows
//! no port, no TSI and no mapping. (OPT-03, PXY-07 … PXY-11, ARMD-13 … ARMD-16, R-01, R-13, R-14.)

mod reading;
mod waiting;

pub(super) use reading::Reading;

use super::config::NveConfig;
use super::counters::NveCounters;
use crate::table::VapId;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use nvo3_wire::nd::Advertise;
use nvo3_wire::{Ipv4, Ipv6, Mac, Vni, arp, nd};
use waiting::Waiting;

/// Who asks for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asker {
    vap: VapId,
    mac: Mac,
    /// `None` for a probe: nobody has the address that asks.
    ip: Option<IpAddr>,
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The owner of the address answers itself.
    ByItself,
    /// Answered here, or dropped.
    Taken,
    /// The asker waits until the NVA has said who has the address.
    Waits,
}

/// Who waits for an answer, and the answers that wait to leave; bounded, each.
#[derive(Debug)]
pub(super) struct Proxy {
    waiting: Waiting,
    frames: VecDeque<(VapId, Vec<u8>)>,
    limit: usize,
}

impl Proxy {
    pub(super) fn new(config: &NveConfig) -> Self {
        Self { waiting: Waiting::new(config.queries as usize), frames: VecDeque::new(), limit: config.queue as usize }
    }

    /// A question for `target`, which `holder` has, behind that port if it is here.
    #[inline]
    pub(super) fn ask(
        &mut self,
        (vn, target): (Vni, IpAddr),
        asker: Asker,
        holder: Option<(Mac, Option<VapId>)>,
        counters: &mut NveCounters,
    ) -> Asked {
        match holder {
            // On its own port (PXY-09), or its own probe (ARMD-16).
            Some((mac, vap)) if vap == Some(asker.vap) || mac == asker.mac => Asked::ByItself,
            Some((mac, _)) => {
                self.reply(mac, target, asker, counters);
                Asked::Taken
            }
            None if self.waiting.enter(vn, target, asker) => Asked::Waits,
            None => {
                counters.shed_queries += 1;
                Asked::Taken
            }
        }
    }

    /// Who waits for the address has an answer now.
    pub(super) fn found(&mut self, vn: Vni, target: IpAddr, mac: Mac, counters: &mut NveCounters) {
        for asker in self.waiting.take(vn, target) {
            if asker.mac != mac {
                self.reply(mac, target, asker, counters);
            }
        }
    }

    /// Nobody has the address, as far as the NVA knows.
    pub(super) fn not_found(&mut self, vn: Vni, target: IpAddr, counters: &mut NveCounters) {
        counters.unknown_targets += self.waiting.take(vn, target).len() as u64;
    }

    /// Nobody waits behind this port any more.
    pub(super) fn forget(&mut self, vap: VapId) {
        self.waiting.forget(vap);
    }

    /// How many frames wait to leave.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The next frame, written into `out`, which is empty; gives its port.
    #[inline]
    pub(super) fn poll_frame(&mut self, out: &mut Vec<u8>) -> Option<VapId> {
        let (vap, frame) = self.frames.pop_front()?;
        out.extend_from_slice(&frame);
        Some(vap)
    }

    /// How many things are kept.
    pub(super) fn footprint(&self) -> usize {
        self.waiting.len() + self.frames.len()
    }

    /// The owner's own MAC and address, as it would answer itself.
    fn reply(&mut self, mac: Mac, target: IpAddr, asker: Asker, counters: &mut NveCounters) {
        if self.frames.len() >= self.limit {
            counters.shed_frames += 1;
        } else if let Some(frame) = answer(mac, target, asker) {
            counters.proxy_answers += 1;
            self.frames.push_back((asker.vap, frame));
        }
    }
}

fn answer(mac: Mac, target: IpAddr, asker: Asker) -> Option<Vec<u8>> {
    let mut frame = vec![0; arp::FRAME_LEN.max(nd::FRAME_LEN)];
    let written = match target {
        IpAddr::V4(target) => {
            let ip = match asker.ip {
                Some(IpAddr::V4(ip)) => ip,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            arp::reply((mac, Ipv4::from(target)), (asker.mac, Ipv4::from(ip)), &mut frame)
        }
        IpAddr::V6(target) => {
            let ip = match asker.ip {
                Some(IpAddr::V6(ip)) => ip,
                _ => Ipv6Addr::UNSPECIFIED,
            };
            let answer = Advertise::answer(mac, Ipv6::from(target), (asker.mac, Ipv6::from(ip)));
            nd::advertisement(&answer, &mut frame)
        }
    };
    frame.truncate(written.ok()?);
    Some(frame)
}
