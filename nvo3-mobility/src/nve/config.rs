//! The configuration of an edge: identity, times and bounds.

use crate::error::{IPS, above_zero, covers, fits, limits, rates};
use crate::fairness::Rate;
use crate::{ConfigError, Transport};
use nvo3_nva_proto::{Capabilities, Encapsulations, HoldLimits, Micros, Place, Seen, SessionConfig};

/// The configuration of an [`Nve`](super::Nve): its identity, its times and its bounds.
///
/// [`NveConfig::new`] takes what has no default and fills in the rest; set other fields afterwards. Every bound must be more than 0
/// ([`NveConfig::validate`]). At a bound the edge refuses or drops, and counts it in [`NveCounters`](super::NveCounters).
///
/// ```
/// use nvo3_mobility::{Transport, nve::NveConfig};
/// use nvo3_nva_proto::{Locators, Micros, NveId, Place};
///
/// let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
/// let mut config = NveConfig::new(place, Transport::Trusted);
/// config.linger = Micros::from_secs(60);
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.to_string(), "NveConfig.in_flight is 30 s: must be at least 60 s, which is linger");
/// ```
///
/// With the feature `serde`, a stored form belongs to the version of this crate that wrote it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NveConfig {
    /// The id of this NVE and its locators. No default.
    pub place: Place,
    /// What an earlier process of this NVE had seen, [`Nve::seen`](super::Nve::seen). The first *Hello* says it, so that an NVA that has
    /// lost records in the meantime learns of it. Default: `None`.
    pub seen: Option<Seen>,
    /// The encapsulations that the forwarder sends and receives. Default: [`Encapsulations::VXLAN`].
    pub encapsulations: Encapsulations,
    /// The abilities of the forwarder. Default: [`Capabilities::HOLD`], it can hold frames.
    pub capabilities: Capabilities,
    /// The session with the NVA. Default: [`SessionConfig::default`].
    pub session: SessionConfig,
    /// The authentication of the messages of the NVA (authentication is left out only where the configuration says so, R-38). No
    /// default. [`Transport::Sealed`] needs keys of this NVE, and no other.
    pub transport: Transport,
    /// The limits on frames held for one TSI that came without a planned move (each hold is bounded, R-36). Default: 4,096 frames,
    /// 4 MiB, 5 s; each more than 0. At a limit the forwarder drops the oldest frame first.
    pub hold: HoldLimits,
    /// The longest life of a forward entry (it covers the time in which NVEs get the new mapping, VMM-5-04). Default: 30 s; at least
    /// `linger`. For the same time, this NVE accepts the frames of an NVE that left the VN.
    pub in_flight: Micros,
    /// The time for which a forward entry stays after every interested NVE follows the move. It must exceed the longest delay of the
    /// underlay (a forward entry ends a loop only if it outlives the frames on their way, R-37). Default: 1 s; more than 0.
    pub linger: Micros,
    /// The time for which this NVE believes that a TSI is withdrawn before it queries the NVA again. Default: 5 s; 0 is allowed.
    pub negative: Micros,
    /// The time for which this NVE believes a mapping that the NVA pushed unasked, in a VN without subscription. Default: 50 s; more than
    /// 0.
    ///
    /// It must be shorter than [`NvaConfig::lifetime`](crate::nva::NvaConfig::lifetime): the NVA pushes changes for that long.
    pub pushed: Micros,
    /// The shortest time between two hints, or two alarms, about the same thing; a second one within it changes nothing. Default:
    /// 100 ms; 0 is allowed. A hint that is not sent, and a received one that causes no query, count in `repeated_hints`.
    pub hint_interval: Micros,
    /// The time that a VM has to answer when a frame at another NVE shows it there. Default: 1 s; at least 3 us.
    ///
    /// It must be shorter than [`NvaConfig::yield_deadline`](crate::nva::NvaConfig::yield_deadline): the NVA refuses the claim then.
    pub confirm: Micros,
    /// The time for which a registration stays protected after the session has ended, as far as the NVA grants it. Default: 600 s; at most
    /// 6,553.4 s.
    pub registration_lifetime: Micros,
    /// The time after which the registration of a TSI that the NVA refused is tried again; each further attempt waits twice as long, up to
    /// 32 times this. Also the least time between two messages of a DHCP client that end addresses; one that comes sooner ends nothing and
    /// counts in `limited_leases`. Default: 1 s; more than 0.
    pub claim_interval: Micros,
    /// The time after which an address or a TSI that was learned ends, if its TSI has not shown it again by ARP, ND or DHCP. After half of it
    /// the TSI is asked, every eighth of it. Default: 300 s; at least 8 us.
    pub learned_age: Micros,
    /// The scan of the stations that remain in a VN when a VM of it leaves this NVE. Default: `None`, nobody is scanned.
    pub scan: Option<Scan>,
    /// The most TSIs that are attached, moving, or remembered by their floor. Default: 65,536. At the bound an attach fails with
    /// [`Error::Full`](super::Error::Full).
    pub tsis: u32,
    /// The most IP addresses of one TSI. Default: 64; 1 to [`MAX_IPS`](nvo3_nva_proto::MAX_IPS). An attach with more fails with
    /// [`Error::Full`](super::Error::Full).
    pub ips_per_tsi: u32,
    /// The most ports. Default: 65,536. At the bound an attach fails with [`Error::Full`](super::Error::Full).
    pub ports: u32,
    /// The most mappings of TSIs at other NVEs. Default: 65,536. At the bound the oldest mapping makes room and counts in
    /// `shed_mappings`.
    pub mappings: u32,
    /// The most NVEs of one VN with which this NVE exchanges frames. Default: 1,024. An NVE beyond the bound gets no BUM frames from
    /// this NVE, its frames are dropped here, and it counts in `shed_members`.
    pub members: u32,
    /// The most addresses that are being resolved by the NVA. Default: 4,096. At the bound a query is not sent and counts in
    /// `shed_queries`.
    pub queries: u32,
    /// The most open queries that frames of one port have caused, and the most stations of one port that wait for an answer, so that
    /// one port does not use up `queries`. Default: 256. At the bound a query is not sent and counts in `limited_queries`.
    pub queries_per_port: u32,
    /// The rate of announcements of one port: gratuitous ARP, RARP, unsolicited NA, and other ARP and ND to a group that asks nothing,
    /// and DHCP to a server. Default: 100/s, 200 at once; more than 0. A frame beyond it is dropped and counts in `limited_announcements`.
    pub announcements: Rate,
    /// The rate of questions of one port for addresses: ARP requests, NS and probes to a group. Default: 200/s, 400 at once; more than
    /// 0. A question beyond it is dropped and counts in `limited_questions`.
    pub questions: Rate,
    /// The rate of queries that hints of other NVEs cause, for all hints together; about one TSI, it is one per `hint_interval`.
    /// Default: 1,000/s, 1,000 at once; more than 0. A hint beyond it changes nothing and counts in `limited_hints`.
    pub hinted_queries: Rate,
    /// The rate of hints to one NVE that shares a VN with this one, and the rate of hints to all other addresses together. Default:
    /// 1,000/s, 1,000 at once; more than 0. A hint beyond it is not sent and counts in `shed_hints`.
    pub hints: Rate,
    /// The most moves that are under way or not yet forgotten. Default: 4,096. At the bound a *Prepare* is refused and counts in
    /// `shed_moves`.
    pub moves: u32,
    /// The most events, frames and hints, each, that wait to be polled. Default: 4,096. At the bound the new one is dropped and
    /// counts in `shed_events`, `shed_frames` or `shed_hints`.
    pub queue: u32,
    /// The most table changes that the owner has polled and not yet reported as applied. Default: 4,096. At the bound no more changes
    /// come out until one is reported.
    pub unapplied: u32,
    /// True if a frame alone never activates a VM and only the hypervisor's word does (the VN setting *hypervisor word only*, R-35).
    /// Default: false.
    pub hypervisor_word_only: bool,
}

/// How an NVE scans the stations that remain when a VM leaves, to refresh what it has (VMM-4.2-05, VMM-4.2-06, VMM-4.2-26).
///
/// Each station is asked for each of its addresses, to its MAC alone: by an ARP probe, or by a Neighbor Solicitation. A station that does not
/// answer is told by [`Event::Silent`](super::Event::Silent), and withdrawn; a frame of it registers it again. So scan only where all stations
/// answer ARP and Neighbor Discovery. With [`NveConfig::hypervisor_word_only`] a silent station is told, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scan {
    /// How often a station is asked before it is silent. Default: 3; more than 0.
    pub times: u32,
    /// The time that a station has to answer each question. Default: 1 s; more than 0.
    pub answer: Micros,
    /// The time between the first questions to two stations. Default: 10 ms; more than 0.
    pub pace: Micros,
}

impl Default for Scan {
    fn default() -> Self {
        Self { times: 3, answer: Micros::from_secs(1), pace: Micros::from_millis(10) }
    }
}

impl NveConfig {
    /// The defaults for an NVE at this place, over this transport.
    pub fn new(place: Place, transport: Transport) -> Self {
        Self {
            place,
            seen: None,
            encapsulations: Encapsulations::VXLAN,
            capabilities: Capabilities::HOLD,
            session: SessionConfig::default(),
            transport,
            hold: HoldLimits { frames: 4_096, bytes: 4 << 20, age: Micros::from_secs(5) },
            in_flight: Micros::from_secs(30),
            linger: Micros::from_secs(1),
            negative: Micros::from_secs(5),
            pushed: Micros::from_secs(50),
            hint_interval: Micros::from_millis(100),
            confirm: Micros::from_secs(1),
            registration_lifetime: Micros::from_secs(600),
            claim_interval: Micros::from_secs(1),
            learned_age: Micros::from_secs(300),
            scan: None,
            tsis: 65_536,
            ips_per_tsi: 64,
            ports: 65_536,
            mappings: 65_536,
            members: 1_024,
            queries: 4_096,
            queries_per_port: 256,
            announcements: Rate { per_second: 100, burst: 200 },
            questions: Rate { per_second: 200, burst: 400 },
            hinted_queries: Rate { per_second: 1_000, burst: 1_000 },
            hints: Rate { per_second: 1_000, burst: 1_000 },
            moves: 4_096,
            queue: 4_096,
            unapplied: 4_096,
            hypervisor_word_only: false,
        }
    }

    /// Checks that an edge can work with this configuration.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("tsis", self.tsis),
            ("ports", self.ports),
            ("mappings", self.mappings),
            ("members", self.members),
            ("queries", self.queries),
            ("queries_per_port", self.queries_per_port),
            ("moves", self.moves),
            ("queue", self.queue),
            ("unapplied", self.unapplied),
        ];
        above_zero("NveConfig", positive)?;
        let limited = [
            (["announcements.per_second", "announcements.burst"], self.announcements),
            (["questions.per_second", "questions.burst"], self.questions),
            (["hinted_queries.per_second", "hinted_queries.burst"], self.hinted_queries),
            (["hints.per_second", "hints.burst"], self.hints),
        ];
        rates("NveConfig", limited)?;
        limits("NveConfig", ["hold.frames", "hold.bytes", "hold.age"], self.hold)?;
        fits("NveConfig", ("ips_per_tsi", self.ips_per_tsi), IPS)?;
        let times = [("linger", self.linger), ("pushed", self.pushed), ("claim_interval", self.claim_interval)];
        above_zero("NveConfig", times.map(|(name, time)| (name, time.0)))?;
        above_zero("NveConfig", [("confirm", self.confirm.0 / 3), ("learned_age", self.learned_age.0 / 8)])?;
        if let Some(Scan { times, answer, pace }) = self.scan {
            let scan = [("scan.times", u64::from(times)), ("scan.answer", answer.0), ("scan.pace", pace.0)];
            above_zero("NveConfig", scan)?;
        }
        covers("NveConfig", ("in_flight", self.in_flight), ("linger", self.linger))?;
        self.transport.validate_for(self.place.nve)?;
        Ok(self.session.validate()?)
    }
}
