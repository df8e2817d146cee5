//! The decision about a TSI that an NVE restates, as far as neither addresses nor policies and quotas count.
//!
//! A restatement claims nothing. The NVA takes up what it lacks, tells an NVE what it knows better, and lets the version decide between
//! two NVEs only against one that has nothing to say about the TSI.

use nvo3_nva_proto::Version;

/// What the directory says of the TSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Nothing. The TSI was withdrawn at this version, if the NVA remembers that.
    Nowhere(Option<Version>),
    /// The restating NVE has it.
    Here {
        /// The version of its mapping.
        version: Version,
        /// True if the NVE restates the addresses and the role of the mapping, besides addresses that other TSIs have.
        same: bool,
        /// True if other NVEs may have a version of a lost record: then the mapping needs a newer one.
        restamps: bool,
    },
    /// Another NVE has it.
    There {
        /// The version of its mapping.
        version: Version,
        /// True if that NVE's registration holds against others.
        holds: bool,
        /// True if that NVE has restated all its TSIs, or is not waited for any more.
        spoke: bool,
    },
}

/// A move of the TSI that is in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InHand {
    /// True if the restated version is newer than any that the move can have given to the NVE.
    pub beyond: bool,
    /// True if the NVE is the one of the mapping and restates other addresses or another role.
    pub differs: bool,
}

/// What an NVE says of a TSI that rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The version of the mapping that the NVE has.
    pub version: Version,
    /// True if the NVA does not have the record of that version.
    pub lost: bool,
}

/// What the NVA does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing: the directory says the same, or the move in hand decides.
    Known,
    /// Enter the TSI once the move in hand has ended.
    AfterMove,
    /// Enter the TSI at the NVE, and answer with its new version.
    Enter,
    /// Give the mapping a newer version, and answer with it.
    Restamp,
    /// Answer with the version of the mapping, which the NVE has missed.
    Confirm(Version),
    /// Say the newer mapping, or that there is none.
    Newer,
    /// Judge again once the other NVE has spoken, or the move in hand has ended.
    Wait,
    /// Ask the NVE that has the TSI whether its VM is there.
    Probe,
}

/// Judges a TSI that rests at an NVE.
#[rustfmt::skip]
pub fn judge(in_hand: Option<InHand>, listed: Listed, said: Said) -> Judgement {
    use Judgement::{AfterMove, Confirm, Enter, Known, Newer, Probe, Restamp, Wait};
    use Listed::{Here, Nowhere, There};
    match (in_hand, listed) {
        (Some(InHand { beyond: true, .. }), _)                               => Wait,
        (Some(InHand { differs: true, .. }), _)                              => AfterMove,
        (Some(_), _)                                                         => Known,
        (_, Nowhere(Some(gone)))           if gone >= said.version           => Newer,
        (_, Nowhere(_))                                                      => Enter,
        (_, Here { version, .. })          if said.version < version         => Confirm(version),
        (_, Here { version, same, restamps }) if said.version == version && same => if restamps { Restamp } else { Known },
        (_, Here { .. })                                                     => Enter,
        (_, There { version, .. })         if said.version <= version && !said.lost => Newer,
        (_, There { holds: false, .. })                                      => Enter,
        (_, There { spoke: true, .. })                                       => Probe,
        (_, There { .. })                                                    => Wait,
    }
}
