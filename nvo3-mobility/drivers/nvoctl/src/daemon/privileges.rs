//! Gives up capabilities that are not needed.

use caps::{CapSet, Capability, CapsHashSet};

/// Gives up every capability but `needed`, for this thread and the threads that it starts later. Call it before other threads start. It
/// adds no capability.
///
/// # Errors
/// The kernel's error; it does not refuse a process that gives up what it has.
pub fn keep_only(needed: &[Capability]) -> Result<(), caps::errors::CapsError> {
    caps::clear(None, CapSet::Ambient)?;
    let kept: CapsHashSet =
        caps::read(None, CapSet::Permitted)?.into_iter().filter(|capability| needed.contains(capability)).collect();
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)?.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_stays() {
        // A thread's own affair, so the other tests keep what they have.
        let kept = std::thread::spawn(|| {
            keep_only(&[Capability::CAP_NET_RAW]).unwrap();
            [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Ambient]
                .map(|set| caps::read(None, set).unwrap())
        });

        let [effective, permitted, inheritable, ambient] = kept.join().unwrap();
        assert!(permitted.iter().all(|capability| *capability == Capability::CAP_NET_RAW));
        assert_eq!(effective, permitted);
        assert!(inheritable.is_empty() && ambient.is_empty());
    }
}
