//! What an edge is told before it starts.

use crate::error::{IPS, above_zero, covers, fits, limits};
use crate::{ConfigError, Transport};
use nvo3_nva_proto::{Capabilities, Encapsulations, HoldLimits, Micros, Place, SessionConfig};

/// An edge's identity, times and bounds.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct NveConfig {
    /// Who it is and where it is reached.
    pub place: Place,
    /// What its forwarder sends and receives.
    pub encapsulations: Encapsulations,
    /// What its forwarder is able to do.
    pub capabilities: Capabilities,
    /// The session with the NVA.
    pub session: SessionConfig,
    /// What its messages are believed by.
    pub transport: Transport,
    /// Held at most for a TSI that has just come and that no move brought.
    pub hold: HoldLimits,
    /// How long a forward entry stays at most (VMM-5-04).
    pub in_flight: Micros,
    /// How long it stays after everyone interested follows (R-37: longer than the underlay's longest delay).
    pub linger: Micros,
    /// How long a withdrawn mapping is believed before the NVA is asked again.
    pub negative: Micros,
    /// How long a mapping is believed that was pushed without being asked for, in a VN that is not subscribed to: shorter
    /// than the NVA's lifetime of answers, since for that long it pushes changes.
    pub pushed: Micros,
    /// A second hint or alarm about the same thing within this time changes nothing.
    pub hint_interval: Micros,
    /// TSIs: attached, moving, and remembered by their floor.
    pub tsis: u32,
    /// Addresses of one TSI, at most [`nvo3_nva_proto::MAX_IPS`].
    pub ips_per_tsi: u32,
    /// Ports.
    pub ports: u32,
    /// Mappings of TSIs elsewhere.
    pub mappings: u32,
    /// NVEs of one VN to which its BUM frames are replicated.
    pub members: u32,
    /// Addresses being asked for.
    pub queries: u32,
    /// Moves in hand or not yet forgotten.
    pub moves: u32,
    /// Events, frames and hints that wait to be taken, each.
    pub queue: u32,
    /// Table changes handed out and not yet answered.
    pub unapplied: u32,
    /// A frame alone activates no VM (R-35, *hypervisor word only*).
    pub hypervisor_word_only: bool,
}

impl NveConfig {
    /// An edge with the defaults.
    pub fn new(place: Place, transport: Transport) -> Self {
        Self {
            place,
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
            tsis: 65_536,
            ips_per_tsi: 64,
            ports: 65_536,
            mappings: 65_536,
            members: 1_024,
            queries: 4_096,
            moves: 4_096,
            queue: 4_096,
            unapplied: 4_096,
            hypervisor_word_only: false,
        }
    }

    /// Whether an edge can run with it.
    ///
    /// # Errors
    /// The first field that cannot be as it is.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("tsis", self.tsis),
            ("ports", self.ports),
            ("mappings", self.mappings),
            ("members", self.members),
            ("queries", self.queries),
            ("moves", self.moves),
            ("queue", self.queue),
            ("unapplied", self.unapplied),
        ];
        above_zero("NveConfig", positive)?;
        limits("NveConfig", ["hold.frames", "hold.bytes", "hold.age"], self.hold)?;
        fits("NveConfig", ("ips_per_tsi", self.ips_per_tsi), IPS)?;
        above_zero("NveConfig", [("linger", self.linger.0), ("pushed", self.pushed.0)])?;
        covers("NveConfig", ("in_flight", self.in_flight), ("linger", self.linger))?;
        self.transport.validate_for(self.place.nve)?;
        Ok(self.session.validate()?)
    }
}
