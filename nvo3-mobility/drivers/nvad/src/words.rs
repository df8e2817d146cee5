//! The words that people and scripts read for the machine's values.

use nvo3_mobility::nva::Error;
use nvo3_nva_proto::NveId;

/// Why the machine did not take an input, as a sentence.
pub(crate) fn error(error: Error) -> String {
    match error {
        Error::Refused { id, why } => format!("move {}: {why}", id.0),
        Error::UnknownMove(id) => format!("move {} is not in hand: it is not known, or its end is decided", id.0),
        Error::UnknownNve(nve) => not_admitted(nve),
        other => other.to_string(),
    }
}

/// An NVE that is not an edge of the domain.
pub(crate) fn not_admitted(nve: NveId) -> String {
    format!("nve {0} is not an edge of this domain: nvad was started without --nve {0}=…", nve.0)
}
