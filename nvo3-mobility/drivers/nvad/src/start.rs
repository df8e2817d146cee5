//! From a configuration to an authority that goes on where the last one stopped.

use crate::authority::{Authority, Journal};
use crate::config::Config;
use crate::sockets::Sockets;
use crate::store::{Store, Writer};
use nvo3_mobility::Transport;
use nvo3_mobility::nva::{Input, Nva, NvaConfig, superseded};
use nvo3_nva_proto::auth::Keys;
use nvo3_nva_proto::{Place, RecordNo};
use nvoctl::clock;
use nvoctl::keys::KeysError;
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

    let transport = transport(&config)?;
    let now = clock::now();
    let mut nva = Nva::replay(NvaConfig { epoch, transport, ..config.nva }, getrandom::u64()?, now, records)?;
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
    Ok(Authority::new(nva, config.places, config.trust, epoch, journal, last, sockets))
}

/// Keys, or nothing; the log says which.
fn transport(config: &Config) -> Result<Transport, KeysError> {
    let Some(keys) = config.trust.keys()? else {
        tracing::warn!("trusted-transport: messages are not authenticated, whoever can send here is believed");
        return Ok(Transport::Trusted);
    };
    complete(&keys, &config.places);
    Ok(Transport::Sealed(keys))
}

/// Says which edges cannot be believed.
pub(crate) fn complete(keys: &Keys, places: &[Place]) {
    tracing::info!(keys = keys.len(), "messages are authenticated");
    for place in places.iter().filter(|place| keys.newest(place.nve).is_none()) {
        tracing::warn!("there is no key for {}: it cannot connect", place.nve);
    }
}

/// An epoch larger than any before: the seconds since 1970. It returns when that second is over, so that whoever starts
/// later has a larger one, unless the clock is set back.
fn new_epoch() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    std::thread::sleep(Duration::from_secs(1).saturating_sub(Duration::from_nanos(since.subsec_nanos().into())));
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX).max(1)
}
