//! The words that people and scripts read for the machine's values.

use nvo3_mobility::nva::Error;

/// The reason why the machine did not take an input, as a sentence.
pub(crate) fn error(error: Error) -> String {
    match error {
        Error::Refused { id, why } => format!("move {}: {why}", id.0),
        Error::UnknownMove(id) => format!("move {} is not in hand: it is not known, or its end is decided", id.0),
        Error::UnknownNve(nve) => {
            format!("nve {0} is not an edge of this domain: nvad was started without --nve {0}=…", nve.0)
        }
        Error::Busy { other, .. } => {
            let busy = other.0;
            format!("{error}; `nvoctl outcome {busy}` waits for its end, `nvoctl cancel {busy}` calls it off")
        }
        Error::InMove { key, other } => {
            let busy = other.0;
            format!("{key} takes part in move {busy}; `nvoctl cancel {busy}` calls it off")
        }
        _ => error.to_string(),
    }
}
