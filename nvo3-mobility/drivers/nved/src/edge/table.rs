//! The file of the table: where the TSIs of others are, so that frames flow at once after a restart, before the NVA has answered; and what
//! was learned at each port.

use super::keep::{Keep, replace};
use nvo3_mobility::nve::Snapshot;
use nvo3_nva_proto::{Instant, Micros, Tsi};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// The shortest time between two writes of a table that changes.
const CHANGED: Micros = Micros::from_secs(1);

/// The time between two writes of a table that does not change: a restarted edge does not believe an old file
/// ([`NveConfig::pushed`](nvo3_mobility::nve::NveConfig::pushed)).
const UNCHANGED: Micros = Micros::from_secs(10);

/// A table in its file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// The version of the program that wrote it: another one may have another form.
    program: String,
    boot: String,
    known: Known,
}

/// What a restarted edge believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) snapshot: Snapshot,
    /// What was learned at each port, by the name of the port.
    pub(super) learned: BTreeMap<String, Vec<Tsi>>,
}

/// Writes the table at a bounded rate, in a thread of its own.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    boot: String,
    changed: bool,
    written_at: Instant,
    thread: Option<(SyncSender<Known>, JoinHandle<()>)>,
}

impl Table {
    pub(super) fn open(keep: &Keep) -> io::Result<Self> {
        let (path, boot) = (keep.table(), keep.boot().to_owned());
        let (tables, waiting) = sync_channel::<Known>(1);
        let (file, now) = (path.clone(), boot.clone());
        let write = move || waiting.iter().for_each(|known| write(&file, &now, known));
        let thread = std::thread::Builder::new().name("table".into()).spawn(write)?;
        Ok(Self { path, boot, changed: true, written_at: Instant::default(), thread: Some((tables, thread)) })
    }

    /// The table of the edge before its restart. `None`, and a line in the log, if it cannot be used.
    pub(super) fn read(&self) -> Option<Known> {
        let stored = match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice::<Stored>(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(error.to_string()),
        };
        let why = match stored {
            Ok(stored) if stored.program != env!("CARGO_PKG_VERSION") => "another version of nved wrote it".into(),
            Ok(stored) if self.boot.is_empty() || stored.boot != self.boot => "the host was booted since".into(),
            Ok(stored) => return Some(stored.known),
            Err(why) => why,
        };
        tracing::warn!(file = %self.path.display(), why, "the kept table is not used; this edge asks the NVA about each address");
        None
    }

    /// Notes that the table has changed.
    pub(super) const fn note(&mut self) {
        self.changed = true;
    }

    /// The time at which the table shall be written.
    pub(super) fn next(&self) -> Instant {
        self.written_at + if self.changed { CHANGED } else { UNCHANGED }
    }

    /// Writes the table if it is time to, without waiting for the disk.
    pub(super) fn write(&mut self, now: Instant, known: impl FnOnce() -> Known) {
        if now < self.next() {
            return;
        }
        self.written_at = now;
        let Some((tables, _)) = &self.thread else { return };
        // While the last table is not written, this one waits: `changed` stays.
        self.changed = matches!(tables.try_send(known()), Err(TrySendError::Full(_)));
    }

    /// Writes the last table, at the end of the process.
    pub(super) fn end(&mut self, known: Known) {
        let Some((tables, thread)) = self.thread.take() else { return };
        // Each fails only if the thread has ended.
        drop(tables.send(known));
        drop(tables);
        drop(thread.join());
    }
}

fn write(path: &Path, boot: &str, known: Known) {
    let stored = Stored { program: env!("CARGO_PKG_VERSION").into(), boot: boot.into(), known };
    let bytes = serde_json::to_vec(&stored).map_err(io::Error::from);
    // Not durable: after a power failure the host was booted.
    if let Err(error) = bytes.and_then(|bytes| replace(path, &bytes, false)) {
        tracing::warn!(file = %path.display(), %error, "this edge cannot keep its table over its own restart, and tries again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_mobility::Transport;
    use nvo3_mobility::nve::{Nve, NveConfig};
    use nvo3_nva_proto::{Locators, NveId, Place};

    fn known() -> Known {
        let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
        let snapshot = Nve::new(NveConfig::new(place, Transport::Trusted), 7).unwrap().snapshot();
        let port: nvoctl::Port = "vm0,vni=7,mac=02:00:00:00:00:01,ip=192.0.2.1".parse().unwrap();
        Known { snapshot, learned: [("vm0".into(), port.tsis())].into() }
    }

    fn table(directory: &Path) -> Table {
        Table::open(&Keep::open(directory, NveId(1)).unwrap()).unwrap()
    }

    #[test]
    fn the_last_table_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(table(directory.path()).read(), None);

        table(directory.path()).end(known());

        assert_eq!(table(directory.path()).read(), Some(known()));
    }

    #[test]
    fn a_damaged_table_and_one_of_another_boot_or_version_are_not_used() {
        let directory = tempfile::tempdir().unwrap();
        table(directory.path()).end(known());
        let path = directory.path().join("table");
        let whole = fs::read_to_string(&path).unwrap();

        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(table(directory.path()).read(), None, "{length}");
        }
        for other in [r#""program":"0.0.0""#, r#""boot":"another""#] {
            let mut stored: serde_json::Value = serde_json::from_str(&whole).unwrap();
            let (key, value) = other.split_once(':').unwrap();
            stored[key.trim_matches('"')] = serde_json::from_str(value).unwrap();
            fs::write(&path, stored.to_string()).unwrap();
            assert_eq!(table(directory.path()).read(), None, "{other}");
        }
    }

    #[test]
    fn a_table_is_written_at_most_once_a_second_and_at_least_every_ten() {
        let directory = tempfile::tempdir().unwrap();
        let mut table = table(directory.path());
        let written = |table: &mut Table, now| {
            let mut written = false;
            table.write(Instant(now), || {
                written = true;
                known()
            });
            std::thread::sleep(std::time::Duration::from_millis(20));
            written
        };

        assert!(written(&mut table, 5_000_000));
        table.note();
        assert!(!written(&mut table, 5_999_999));
        assert!(written(&mut table, 6_000_000));
        assert!(!written(&mut table, 15_999_999));
        assert!(written(&mut table, 16_000_000));
    }
}
