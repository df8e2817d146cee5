//! The thread that waits for the disk, so that nothing else does.

use super::{Error, Store};
use nvo3_mobility::nva::Record;
use nvo3_nva_proto::RecordNo;
use serde::Serialize;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// How far the thread has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Every record up to this one is durable.
    pub(crate) upto: RecordNo,
    /// What that took.
    pub(crate) counters: Counters,
}

/// What is counted here; it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counters {
    /// Records written.
    pub(crate) records_written: u64,
    /// Transactions that they took.
    pub(crate) commits: u64,
}

/// Takes records and says when they are durable. How many wait is bounded by the machine that makes them.
pub(crate) struct Writer {
    records: mpsc::Sender<(RecordNo, Record)>,
    progress: watch::Receiver<Progress>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(store: Store) -> std::io::Result<Self> {
        let (records, waiting) = mpsc::channel();
        let (said, progress) = watch::channel(Progress::default());
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || write(&store, &waiting, &said))?;
        Ok(Self { records, progress, thread })
    }

    /// Takes a record; false where the thread has failed.
    pub(crate) fn append(&self, number: RecordNo, record: Record) -> bool {
        self.records.send((number, record)).is_ok()
    }

    /// Waits for more to be durable; `None` where the thread has failed.
    pub(crate) async fn progressed(&mut self) -> Option<Progress> {
        self.progress.changed().await.ok()?;
        Some(*self.progress.borrow_and_update())
    }

    /// Waits until everything that was taken is durable, or says why it is not.
    pub(crate) fn finish(self) -> Result<(), Error> {
        drop(self.records);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// What waits goes in one transaction, so that a slow disk makes larger ones and no queue.
fn write(
    store: &Store,
    waiting: &mpsc::Receiver<(RecordNo, Record)>,
    said: &watch::Sender<Progress>,
) -> Result<(), Error> {
    let mut group = Vec::new();
    while let Ok(first) = waiting.recv() {
        group.push(first);
        group.extend(waiting.try_iter());
        store.append(&group)?;
        said.send_modify(|progress| {
            progress.upto = group.last().map_or(progress.upto, |(number, _)| *number);
            progress.counters.records_written += group.len() as u64;
            progress.counters.commits += 1;
        });
        group.clear();
    }
    Ok(())
}
