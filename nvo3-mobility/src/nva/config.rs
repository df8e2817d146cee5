//! What an authority is told before it starts.

use crate::error::{AGE, IPS, above_zero, covers, fits, limits};
use crate::{ConfigError, Transport};
use nvo3_nva_proto::{HoldLimits, Lifetime, Micros, SessionConfig};

/// An authority's times and bounds.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NvaConfig {
    /// The epoch of its versions. A journal that was lost needs a larger one than any before.
    pub epoch: u32,
    /// Each session with an NVE.
    pub session: SessionConfig,
    /// What the messages of edges are believed by.
    pub transport: Transport,
    /// How long an NVE may keep an answer (DIR-03).
    pub lifetime: Micros,
    /// The same for an answer that there is no such address.
    pub negative_lifetime: Micros,
    /// How much a new NVE may hold for a moving TSI.
    pub hold: HoldLimits,
    /// How many mappings of a VN are looked through when a move is prepared, for those that the old NVE uses; the new one is
    /// told them at once. 0: it asks when it needs them.
    pub handover: u32,
    /// The NVEs of a VN are told no more often than this who they are.
    pub members_interval: Micros,
    /// New mappings are pushed as soon as the VM is suspended.
    pub early_push: bool,
    /// How long old NVEs stay interested in a TSI that left them: no shorter than their forward entries live.
    pub in_flight: Micros,
    /// After a start, NVEs without a session count as gone only after this time.
    pub grace: Micros,
    /// This many unplanned moves … (EVM-05)
    pub duplicate_moves: u32,
    /// … within this time mean a duplicate address, which is frozen …
    pub duplicate_window: Micros,
    /// … for this long (PXY-16).
    pub duplicate_hold: Micros,
    /// NVEs.
    pub nves: u32,
    /// TSIs in the directory.
    pub tsis: u32,
    /// Addresses of one TSI, at most [`nvo3_nva_proto::MAX_IPS`].
    pub ips_per_tsi: u32,
    /// Moves that have not ended.
    pub moves: u32,
    /// Moves whose outcome is remembered.
    pub ended_moves: u32,
    /// Records and messages that wait for the journal, each.
    pub unpersisted: u32,
    /// Events and answers to strangers that wait to be taken, each.
    pub queue: u32,
}

impl NvaConfig {
    /// An authority with the defaults.
    pub fn new(transport: Transport) -> Self {
        Self {
            epoch: 1,
            session: SessionConfig::default(),
            transport,
            lifetime: Micros::from_secs(60),
            negative_lifetime: Micros::from_secs(5),
            hold: HoldLimits { frames: 4_096, bytes: 4 << 20, age: Micros::from_secs(5) },
            handover: 4_096,
            members_interval: Micros::from_millis(10),
            early_push: true,
            in_flight: Micros::from_secs(60),
            grace: Micros::from_secs(10),
            duplicate_moves: 5,
            duplicate_window: Micros::from_secs(180),
            duplicate_hold: Micros::from_secs(540),
            nves: 65_536,
            tsis: 1 << 24,
            ips_per_tsi: 64,
            moves: 65_536,
            ended_moves: 65_536,
            unpersisted: 1 << 20,
            queue: 65_536,
        }
    }

    /// Whether an authority can run with it.
    ///
    /// # Errors
    /// The first field that cannot be as it is.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("epoch", self.epoch),
            ("duplicate_moves", self.duplicate_moves),
            ("nves", self.nves),
            ("tsis", self.tsis),
            ("moves", self.moves),
            ("ended_moves", self.ended_moves),
            ("unpersisted", self.unpersisted),
            ("queue", self.queue),
        ];
        above_zero("NvaConfig", positive)?;
        limits("NvaConfig", ["hold.frames", "hold.bytes", "hold.age"], self.hold)?;
        fits("NvaConfig", ("hold.age", self.hold.age), AGE)?;
        fits("NvaConfig", ("ips_per_tsi", self.ips_per_tsi), IPS)?;
        for lifetime in [("lifetime", self.lifetime), ("negative_lifetime", self.negative_lifetime)] {
            fits("NvaConfig", lifetime, (Lifetime::MIN, Lifetime::MAX))?;
        }
        covers("NvaConfig", ("grace", self.grace), ("session.dead_after", self.session.dead_after))?;
        Ok(self.session.validate()?)
    }
}
