//! What brings messages between edges and authority, and how far it is trusted.

#[cfg(feature = "auth")]
use nvo3_nva_proto::auth::Keys;

/// Who vouches for the messages of a session.
///
/// Stored with `serde`, keys are left out, and what is read back believes nobody: see [`Keys`].
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Transport {
    /// The transport below does: nobody but edges and authority can send on it, or change what they send.
    #[default]
    Trusted,
    /// A seal on each message does (VMM-10-10); what has none, or a wrong one, changes nothing, is counted and not answered. An
    /// edge's ring has its own keys only.
    #[cfg(feature = "auth")]
    Sealed(Keys),
}
