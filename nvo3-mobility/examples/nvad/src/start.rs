//! From a configuration to an authority that goes on where the last one stopped.

use crate::authority::{Authority, Journal};
use crate::config::Config;
use crate::sockets::Sockets;
use crate::store::{Store, Writer};
use nvo3_mobility::nva::{Input, Nva, NvaConfig, superseded};
use nvo3_nva_proto::RecordNo;
use nvoctl::clock;
use std::error::Error;
use std::time::{Duration, SystemTime};

/// Opens the store, does again what is recorded, and listens, in a runtime.
pub(crate) fn authority(config: Config) -> Result<Authority, Box<dyn Error>> {
    let store = config.data.as_deref().map(|directory| Store::open(directory, new_epoch)).transpose()?;
    let records = store.as_ref().map(Store::records).transpose()?.unwrap_or_default();
    if let Some(store) = &store {
        let superseded = superseded(&config.nva, &records);
        if !superseded.is_empty() {
            store.remove(&superseded)?;
            tracing::info!(removed = superseded.len(), of = records.len(), "the journal is shorter now");
        }
    }
    let last = records.last().map_or(RecordNo(0), |(number, _)| *number);
    let epoch = store.as_ref().map_or_else(new_epoch, Store::epoch);
    let sockets = Sockets::bind(&config.listen)?;

    let now = clock::now();
    let mut nva = Nva::replay(NvaConfig { epoch, ..config.nva }, getrandom::u64()?, now, records)?;
    for place in &config.places {
        nva.handle(now, Input::Admit(*place))?;
    }

    let listen = sockets.addresses();
    let journal = match store {
        None => {
            tracing::warn!(?listen, epoch, "answers, and keeps nothing: a crash loses the directory and every move");
            Journal::Memory
        }
        Some(store) => {
            let path = store.path().to_owned();
            tracing::info!(?listen, epoch, records = last.0, tsis = nva.tsis(), store = %path.display(), "answers");
            Journal::Store { writer: Writer::start(store)?, path }
        }
    };
    Ok(Authority::new(nva, config.places, epoch, journal, last, sockets))
}

/// An epoch larger than any before: the seconds since 1970. It returns when that second is over, so that whoever starts
/// later has a larger one, unless the clock is set back.
fn new_epoch() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    std::thread::sleep(Duration::from_secs(1).saturating_sub(Duration::from_nanos(since.subsec_nanos().into())));
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX).max(1)
}
