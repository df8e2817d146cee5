//! The thread that waits for the disk, so that the authority does not.

use super::{Error, Store};
use nvo3_mobility::nva::Record;
use nvo3_nva_proto::Version;
use serde::Serialize;
use std::fmt;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The progress of the writer's thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Every record up to this one is durable.
    pub upto: Version,
    /// The writer's counters until then.
    pub counters: WriterCounters,
}

/// The counters of a [`Writer`]. Each counter only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriterCounters {
    /// Records that are durable.
    pub records_written: u64,
    /// Transactions that wrote these records.
    pub commits: u64,
}

/// A thread that writes records, and tells when they are durable.
///
/// A thread writes all the records that wait in one transaction, so a slow disk makes larger transactions and no queue. The machine
/// that makes the records bounds how many wait.
pub struct Writer {
    records: mpsc::Sender<(Version, Record)>,
    progress: watch::Receiver<Progress>,
    thread: JoinHandle<Result<(), Error>>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("progress", &*self.progress.borrow()).finish_non_exhaustive()
    }
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's error if it gives no thread.
    pub fn start(store: Store) -> std::io::Result<Self> {
        let (records, waiting) = mpsc::channel();
        let (said, progress) = watch::channel(Progress::default());
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || write(&store, &waiting, &said))?;
        Ok(Self { records, progress, thread })
    }

    /// Takes a record with its epoch and number, without waiting. False if the thread has failed; [`Writer::finish`] says why.
    pub fn append(&self, at: Version, record: Record) -> bool {
        self.records.send((at, record)).is_ok()
    }

    /// Waits until more records are durable. `None` if the thread has failed; [`Writer::finish`] says why. It may be dropped while it
    /// waits (`tokio::select!`).
    pub async fn progressed(&mut self) -> Option<Progress> {
        self.progress.changed().await.ok()?;
        Some(*self.progress.borrow_and_update())
    }

    /// Waits until every record that was taken is durable.
    ///
    /// # Errors
    /// The error of the disk or the database if a record is not durable.
    ///
    /// # Panics
    /// If the database panicked in the thread.
    pub fn finish(self) -> Result<(), Error> {
        drop(self.records);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Writes the records that wait in one transaction, again and again until no more can come.
fn write(
    store: &Store,
    waiting: &mpsc::Receiver<(Version, Record)>,
    progress: &watch::Sender<Progress>,
) -> Result<(), Error> {
    let mut group = Vec::new();
    while let Ok(first) = waiting.recv() {
        group.push(first);
        group.extend(waiting.try_iter());
        store.append(&group)?;
        progress.send_modify(|progress| {
            progress.upto = group.last().map_or(progress.upto, |(at, _)| *at);
            progress.counters.records_written += group.len() as u64;
            progress.counters.commits += 1;
        });
        group.clear();
    }
    Ok(())
}
