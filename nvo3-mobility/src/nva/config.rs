//! The configuration of an authority: times and bounds.

use super::policy::{ClaimsByWord, LocatorsFrom, Policy, Quotas};
use crate::error::{AGE, IPS, above_zero, covers, fits, limits, rates};
use crate::fairness::Rate;
use crate::{ConfigError, Transport};
use nvo3_nva_proto::auth::SeenKey;
use nvo3_nva_proto::{HoldLimits, Lifetime, Micros, SessionConfig};

/// The configuration of an [`Nva`](super::Nva): its times and its bounds.
///
/// [`NvaConfig::new`] takes what has no default and fills in the rest; set other fields afterwards. Every bound must be more than 0
/// ([`NvaConfig::validate`]). What the authority drops or refuses at a bound counts in [`NvaCounters`](super::NvaCounters).
///
/// With the feature `serde`, a stored form belongs to the version of this crate that wrote it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NvaConfig {
    /// The lowest epoch of the versions that this authority gives. Default: 1; more than 0.
    ///
    /// Each start takes a higher epoch than the records have. An authority whose records are lost or old takes an epoch above the one
    /// that its edges have seen.
    pub epoch: u32,
    /// The number of this authority's part of the directory, for the proof in *HelloAck*. Default: 0.
    pub shard: u32,
    /// The key by which this authority knows again what its edges have seen. Default: none.
    ///
    /// Keep it apart from the records, and keep it when they are lost. Without it an edge is believed over a trusted transport, and not
    /// believed over a sealed one: then an authority whose records went back does not notice it by its edges.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub seen_key: Option<SeenKey>,
    /// The session with each NVE. Default: [`SessionConfig::default`].
    pub session: SessionConfig,
    /// The authentication of the messages of edges (authentication is left out only where the configuration says so, R-38). No default.
    pub transport: Transport,
    /// The time for which an NVE may keep an answer (an answer has a lifetime, DIR-03). Default: 60 s; 100 ms to 6,553.4 s, rounded down
    /// to 100 ms.
    pub lifetime: Micros,
    /// The time for which an NVE may keep the answer that an address does not exist. Default: 5 s; range and rounding as for `lifetime`.
    pub negative_lifetime: Micros,
    /// The limits on frames that a new NVE holds for one moving TSI (each hold is bounded, R-36). Default: 4,096 frames, 4 MiB, 5 s;
    /// each more than 0, the age at most 4,294,967.295 s and rounded up to 1 ms.
    pub hold: HoldLimits,
    /// The most mappings of a VN that the authority looks through for a prepared move. Default: 4,096; 0 is allowed.
    ///
    /// Among these it finds the mappings that the old NVE uses, and pushes them to the new NVE at once. The new NVE queries the rest
    /// when it needs them.
    pub handover: u32,
    /// The shortest time between two announcements of a VN's members to its NVEs. Default: 10 ms; 0 is allowed.
    pub members_interval: Micros,
    /// True if the authority pushes new mappings as soon as the VM is suspended (allowed from *Suspended* on, R-34). Default: true.
    pub early_push: bool,
    /// The time for which an old NVE stays interested in a TSI that left it. Default: 60 s; 0 is allowed.
    ///
    /// It must be at least as long as a forward entry lives there ([`NveConfig::in_flight`](crate::nve::NveConfig::in_flight)).
    pub in_flight: Micros,
    /// The time for which the NVA waits for an old NVE to yield a TSI that another NVE claims. Default: 5 s; more than 0.
    ///
    /// After it a claim by a hypervisor's word wins, and a claim by a frame is refused.
    pub yield_deadline: Micros,
    /// The time after a start in which an NVE without a session still counts as alive. Default: 10 s; at least `session.dead_after`.
    pub grace: Micros,
    /// The number of unplanned moves within `duplicate_window` that means a duplicate address (the TSI is frozen and reported,
    /// EVM-05). Default: 5.
    pub duplicate_moves: u32,
    /// The time in which unplanned moves of one TSI are counted (EVM-05). Default: 180 s; 0 is allowed.
    pub duplicate_window: Micros,
    /// The time after which a frozen TSI is released (the hold-down of PXY-16 is 540 s). Default: none, an operator releases it
    /// (EVM-05). The time begins anew when the authority starts.
    pub duplicate_hold: Option<Micros>,
    /// The time for which a registration stays protected after the session of its NVE has ended. Default: 600 s; 0 is allowed.
    ///
    /// Until then no other TSI gets one of its IP addresses. A mapping whose protection has ended stays until another NVE claims the TSI
    /// or an address, or management takes it away.
    pub registration_lifetime: Micros,
    /// The most TSIs that went and are remembered. Default: 65,536. At the bound the oldest is forgotten: an NVE that has missed more
    /// than these gets all mappings again.
    pub tombstones: u32,
    /// The most admitted NVEs. Default: 65,536. At the bound an admission fails with [`Error::Full`](super::Error::Full).
    pub nves: u32,
    /// The most TSIs in the directory. Default: 16,777,216. At the bound a registration is refused as *Resource* and counts in
    /// `refused_registrations`.
    pub tsis: u32,
    /// The most IP addresses of one TSI. Default: 64; 1 to [`MAX_IPS`](nvo3_nva_proto::MAX_IPS). A registration with more is refused as
    /// *Resource* and counts in `refused_registrations`.
    pub ips_per_tsi: u32,
    /// The most moves that have not ended. Default: 65,536. At the bound a planned move fails with
    /// [`Error::Full`](super::Error::Full).
    pub moves: u32,
    /// The most ended moves whose outcome is remembered. Default: 65,536. At the bound the oldest outcome is forgotten.
    pub ended_moves: u32,
    /// The most records, and the most messages, that wait for the journal. Default: 1,048,576.
    ///
    /// At the bound of records a registration is refused as *Resource*, and a planned move fails with
    /// [`Error::Full`](super::Error::Full). At the bound of messages the session of the next message is closed, which counts in
    /// `shed_sessions`.
    pub unpersisted: u32,
    /// The most events, and the most answers outside a session, that wait to be polled. Default: 65,536. At the bound the new one is
    /// dropped and counts in `shed_events` or `shed_answers`.
    pub queue: u32,
    /// The rate of answers outside a session to one address: challenges and errors. Default: 100/s, 200 at once; more than 0. An answer
    /// beyond it is not sent and counts in `limited_answers`. A copy of one *Hello* is answered at most 10 times a second.
    pub answers: Rate,
    /// The rate of answers outside a session to all addresses together that are no locators of an admitted NVE. Default: 1,000/s, 1,000
    /// at once; more than 0. An answer beyond it is not sent and counts in `limited_answers`.
    pub strangers: Rate,
    /// What each NVE may register. Default: [`Policy::default`], no rule for any NVE.
    pub policy: Policy,
    /// What decides if a hypervisor's word takes a TSI from a live NVE. Default: [`ClaimsByWord::Confirmed`].
    pub claims_by_word: ClaimsByWord,
    /// Which locators count where those of a *Hello* are not those of [`Input::Admit`](super::Input::Admit). Default:
    /// [`LocatorsFrom::Admitted`].
    pub locators: LocatorsFrom,
    /// How much memory one NVE may take. Default: [`Quotas::default`].
    pub quotas: Quotas,
}

impl NvaConfig {
    /// The defaults for an authority over this transport.
    pub fn new(transport: Transport) -> Self {
        Self {
            epoch: 1,
            shard: 0,
            seen_key: None,
            session: SessionConfig::default(),
            transport,
            lifetime: Micros::from_secs(60),
            negative_lifetime: Micros::from_secs(5),
            hold: HoldLimits { frames: 4_096, bytes: 4 << 20, age: Micros::from_secs(5) },
            handover: 4_096,
            members_interval: Micros::from_millis(10),
            early_push: true,
            in_flight: Micros::from_secs(60),
            yield_deadline: Micros::from_secs(5),
            grace: Micros::from_secs(10),
            duplicate_moves: 5,
            duplicate_window: Micros::from_secs(180),
            duplicate_hold: None,
            registration_lifetime: Micros::from_secs(600),
            tombstones: 65_536,
            nves: 65_536,
            tsis: 1 << 24,
            ips_per_tsi: 64,
            moves: 65_536,
            ended_moves: 65_536,
            unpersisted: 1 << 20,
            queue: 65_536,
            answers: Rate { per_second: 100, burst: 200 },
            strangers: Rate { per_second: 1_000, burst: 1_000 },
            policy: Policy::default(),
            claims_by_word: ClaimsByWord::default(),
            locators: LocatorsFrom::default(),
            quotas: Quotas::default(),
        }
    }

    /// Checks that an authority can work with this configuration.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("epoch", self.epoch),
            ("duplicate_moves", self.duplicate_moves),
            ("nves", self.nves),
            ("tombstones", self.tombstones),
            ("tsis", self.tsis),
            ("moves", self.moves),
            ("ended_moves", self.ended_moves),
            ("unpersisted", self.unpersisted),
            ("queue", self.queue),
            ("quotas.tsis", self.quotas.tsis),
            ("quotas.addresses", self.quotas.addresses),
            ("quotas.subscriptions", self.quotas.subscriptions),
            ("quotas.interest", self.quotas.interest),
            ("quotas.absent", self.quotas.absent),
            ("quotas.moves", self.quotas.moves),
        ];
        above_zero("NvaConfig", positive)?;
        let limited = [
            (["answers.per_second", "answers.burst"], self.answers),
            (["strangers.per_second", "strangers.burst"], self.strangers),
            (["quotas.registrations.per_second", "quotas.registrations.burst"], self.quotas.registrations),
        ];
        rates("NvaConfig", limited)?;
        limits("NvaConfig", ["hold.frames", "hold.bytes", "hold.age"], self.hold)?;
        fits("NvaConfig", ("hold.age", self.hold.age), AGE)?;
        fits("NvaConfig", ("ips_per_tsi", self.ips_per_tsi), IPS)?;
        for lifetime in [("lifetime", self.lifetime), ("negative_lifetime", self.negative_lifetime)] {
            fits("NvaConfig", lifetime, (Lifetime::MIN, Lifetime::MAX))?;
        }
        above_zero("NvaConfig", [("yield_deadline", self.yield_deadline.0)])?;
        fits("NvaConfig", ("registration_lifetime", self.registration_lifetime), (Micros(0), Lifetime::MAX))?;
        covers("NvaConfig", ("grace", self.grace), ("session.dead_after", self.session.dead_after))?;
        Ok(self.session.validate()?)
    }
}
