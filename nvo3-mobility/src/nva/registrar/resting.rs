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
        (_, Here { version, same: true, .. }) if said.version < version      => Confirm(version),
        (_, Here { version, same: true, restamps }) if said.version == version => if restamps { Restamp } else { Known },
        // What the NVE has now counts, also if it has missed a version.
        (_, Here { .. })                                                     => Enter,
        (_, There { version, .. })         if said.version <= version && !said.lost => Newer,
        (_, There { holds: false, .. })                                      => Enter,
        (_, There { spoke: true, .. })                                       => Probe,
        (_, There { .. })                                                    => Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(generation: u64) -> Version {
        Version { epoch: 1, generation }
    }

    fn judged(listed: Listed, version: Version) -> Judgement {
        judge(None, listed, Said { version, lost: false })
    }

    #[test]
    fn the_addresses_that_an_nve_has_now_count_under_any_version() {
        let here = |same| Listed::Here { version: at(5), same, restamps: false };
        for version in [at(4), at(5), at(6)] {
            assert_eq!(judged(here(false), version), Judgement::Enter, "{version:?}");
        }
        assert_eq!(judged(here(true), at(4)), Judgement::Confirm(at(5)));
        assert_eq!(judged(here(true), at(5)), Judgement::Known);
        assert_eq!(judged(here(true), at(6)), Judgement::Enter);
    }

    #[test]
    fn against_another_nve_the_version_counts_only_if_that_one_has_nothing_to_say() {
        let there = |holds, spoke| Listed::There { version: at(5), holds, spoke };
        assert_eq!(judged(there(true, true), at(5)), Judgement::Newer);
        assert_eq!(judged(there(true, false), at(6)), Judgement::Wait);
        assert_eq!(judged(there(true, true), at(6)), Judgement::Probe);
        assert_eq!(judged(there(false, false), at(6)), Judgement::Enter);
        let lost = Said { version: at(4), lost: true };
        assert_eq!(judge(None, there(true, true), lost), Judgement::Probe);
    }

    #[test]
    fn a_move_in_hand_decides_unless_the_nve_is_beyond_it() {
        let listed = Listed::Nowhere(None);
        let judged =
            |beyond, differs| judge(Some(InHand { beyond, differs }), listed, Said { version: at(9), lost: false });
        assert_eq!(judged(false, false), Judgement::Known);
        assert_eq!(judged(false, true), Judgement::AfterMove);
        assert_eq!(judged(true, true), Judgement::Wait);
        assert_eq!(
            super::judge(None, Listed::Nowhere(Some(at(9))), Said { version: at(9), lost: false }),
            Judgement::Newer
        );
    }
}
