//! The counters of a forwarder, in total and per TSI.

use super::DropReason;
use core::fmt;

/// The counters of a [`Forwarder`](super::Forwarder) since it was made. They count frames and only grow; a reset keeps them.
///
/// "Healthy: 0" marks a counter that stays 0 while every part works.
///
/// With the feature `serde`, a stored form of an older version of this crate reads: a counter that it lacks is 0. The format must
/// name the fields, as JSON does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct ForwarderCounters {
    /// Unicast frames, and held copies of group frames, given to a VAP.
    pub delivered_frames: u64,
    /// Unicast frames given to a tunnel.
    pub tunnelled_frames: u64,
    /// Group frames that were replicated.
    pub replicated_frames: u64,
    /// Copies of replicated frames that left at once.
    pub replicas: u64,
    /// Frames and copies that were held. Frames kept at their sender's gate count too.
    pub held_frames: u64,
    /// Kept frames that were forwarded again, after their sender's gate opened or after a list named their sender.
    pub again_frames: u64,
    /// Frames given to the control plane: ARP, RARP, neighbour solicitations and advertisements.
    pub punted_frames: u64,
    /// Frames from the other party of a move that were delivered after direct frames, so possibly out of order.
    pub reordered_frames: u64,
    /// Delivered frames that were taken back, because the VM had stopped before it read them. Each is counted again when it is
    /// tunnelled, dropped or delivered.
    pub replayed_frames: u64,
    /// Replays that did not reach back to the VM's stop: the first frames delivered after the stop are lost. Healthy: 0.
    pub incomplete_replays: u64,
    /// Remembered frames that were forgotten before they were too old, because newer frames needed the room
    /// (`ForwarderConfig.recent`).
    pub shed_recent_frames: u64,
    /// Notices that were dropped because the owner did not poll them (`ForwarderConfig.notices`). Healthy: 0.
    pub shed_notices: u64,
    /// Dropped frames that could not wait to be polled, because [`ForwarderConfig::drops`](super::ForwarderConfig::drops) of them
    /// waited already. 0 if that limit is 0.
    pub shed_drops: u64,
    /// Inputs with an earlier time than an input before. The later time was used. Healthy: 0.
    pub clock_backwards: u64,
    /// Tunnelled frames that were kept, because no list of their VN named their sender when they came. Those that came in again
    /// count in `again_frames` too, and dropped ones as [`DropReason::Stranger`].
    pub stranger_frames: u64,
    dropped: Drops,
}

/// Dropped frames, by the number of the [`DropReason`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
struct Drops([u64; DropReason::ALL.len()]);

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Drops {
    /// Reads the numbers in order. A reason that an older form does not have counts 0.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> serde::de::Visitor<'de> for Numbers {
            type Value = Drops;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number for each drop reason")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut numbers: A) -> Result<Drops, A::Error> {
                let mut drops = Drops::default();
                for count in &mut drops.0 {
                    let Some(number) = numbers.next_element()? else { break };
                    *count = number;
                }
                Ok(drops)
            }
        }

        deserializer.deserialize_tuple(DropReason::ALL.len(), Numbers)
    }
}

impl fmt::Debug for Drops {
    /// The reasons that occurred, by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = DropReason::ALL.iter().map(|reason| reason.name()).zip(self.0);
        f.debug_map().entries(named.filter(|(_, frames)| *frames > 0)).finish()
    }
}

impl ForwarderCounters {
    /// The frames that were dropped for this reason.
    pub fn dropped_frames(&self, reason: DropReason) -> u64 {
        self.dropped.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// The frames that were dropped, for all reasons.
    pub fn all_dropped_frames(&self) -> u64 {
        self.dropped.0.iter().sum()
    }

    #[inline]
    pub(super) fn count_drop(&mut self, reason: DropReason) {
        if let Some(count) = self.dropped.0.get_mut(reason as usize) {
            *count += 1;
        }
    }
}

/// The counters of one TSI since its entry was created. The report of a move is computed from them (VMM-5-16).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct TsiCounters {
    /// Frames for the TSI that were held, and frames of the TSI that were kept.
    pub held_frames: u64,
    /// Frames for the TSI that went into a tunnel.
    pub tunnelled_frames: u64,
    /// Delivered frames for the TSI that were taken back and sent after its VM.
    pub replayed_frames: u64,
    /// Frames for the TSI, and kept frames of the TSI, that were dropped.
    pub dropped_frames: u64,
    /// [`Notice::Stale`](super::Notice::Stale) notices: an NVE sent a frame for the TSI here while the TSI was at another NVE.
    pub stale_senders: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_the_reasons_of_dropped_frames() {
        let mut counters = ForwarderCounters::default();
        counters.count_drop(DropReason::HoldAge);

        let text = alloc::format!("{counters:?}");

        assert!(text.ends_with("dropped: {\"hold_age\": 1} }"), "{text}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_stored_form_is_read_back_also_if_it_lacks_newer_counters() {
        let mut counters = ForwarderCounters { held_frames: 7, ..ForwarderCounters::default() };
        counters.count_drop(DropReason::HoldAge);
        let stored = serde_json::to_string(&counters).unwrap();
        let bytes = postcard::to_allocvec(&counters).unwrap();

        assert_eq!(serde_json::from_str::<ForwarderCounters>(&stored).unwrap(), counters);
        assert_eq!(postcard::from_bytes::<ForwarderCounters>(&bytes).unwrap(), counters);
        let older = r#"{"held_frames": 7, "dropped": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]}"#;
        assert_eq!(serde_json::from_str::<ForwarderCounters>(older).unwrap(), counters);
        assert_eq!(serde_json::from_str::<crate::nve::NveCounters>("{}").unwrap(), Default::default());
        assert_eq!(serde_json::from_str::<crate::nva::NvaCounters>("{}").unwrap(), Default::default());
    }
}
