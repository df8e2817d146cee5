//! The start of an authority: it goes on where the last one stopped.

use crate::authority::{Authority, Journal};
use crate::config::Config;
use nvad::sockets::Sockets;
use nvad::store::{Store, Writer, new_epoch};
use nvo3_mobility::Transport;
use nvo3_mobility::nva::{Input, Nva, superseded};
use nvo3_nva_proto::Place;
use nvo3_nva_proto::auth::{Keys, SeenKey};
use nvoctl::{clock, daemon};
use std::error::Error;

/// Opens the store, replays its records, and listens. It needs a tokio runtime.
pub(crate) fn authority(mut config: Config) -> Result<Authority, Box<dyn Error>> {
    let mut store = config.data.as_deref().map(Store::open).transpose()?;
    let records = store.as_ref().map(Store::records).transpose()?.unwrap_or_default();
    if let Some(store) = &mut store {
        let superseded = superseded(&config.nva, &records);
        if !superseded.is_empty() {
            store.remove(&superseded)?;
            if superseded.len() > records.len() / 2 {
                store.compact()?;
            }
            tracing::info!(
                removed = superseded.len(),
                records = records.len(),
                "records that newer ones replace were removed from the store"
            );
        }
    }
    let last = records.last().map(|(at, _)| *at).unwrap_or_default();
    if records.is_empty() {
        config.nva.epoch = new_epoch();
    }
    let sockets = Sockets::bind(&config.listen)?;

    config.nva.transport = daemon::transport(&config.trust)?;
    if let Transport::Sealed(keys) = &config.nva.transport {
        warn_without_key(keys, &config.places);
    }
    let secret = config.authority_key.as_deref().map(nvoctl::keys::secret).transpose()?;
    config.nva.seen_key = secret.as_ref().map(SeenKey::new);
    let now = clock::now();
    let mut nva = Nva::replay(config.nva, getrandom::u64()?, now, records)?;
    for place in &config.places {
        nva.handle(now, Input::Admit(*place))?;
    }

    let epoch = nva.book().epoch();
    let listen: Vec<String> = sockets.addresses().iter().map(ToString::to_string).collect();
    let listen = listen.join(", ");
    let journal = match store {
        None => {
            tracing::warn!(
                listen,
                epoch,
                "the authority answers and keeps no records: its end loses the directory and every move"
            );
            Journal::Memory
        }
        Some(store) => {
            let path = store.path().to_owned();
            let (file, records, tsis) = (path.display(), last.generation, nva.tsi_count());
            tracing::info!(%listen, epoch, records, tsis, store = %file, "the authority answers");
            Journal::Store { writer: Writer::start(store, nva.book().clone())?, path }
        }
    };
    Ok(Authority::new(nva, config.places, config.trust, journal, last, sockets))
}

/// Logs a warning for each edge that has no key.
pub(crate) fn warn_without_key(keys: &Keys, places: &[Place]) {
    for place in places.iter().filter(|place| keys.newest(place.nve).is_none()) {
        tracing::warn!(nve = %place.nve, "the file of keys has no key of an edge: that edge cannot connect");
    }
}
