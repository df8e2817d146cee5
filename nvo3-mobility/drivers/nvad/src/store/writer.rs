//! The thread that waits for the disk, so that the authority does not.

use super::shorten::Shortening;
use super::{Error, Store};
use nvo3_mobility::nva::{Book, Record};
use nvo3_nva_proto::Version;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;
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
    /// Records that newer ones replaced, and that were removed.
    pub records_removed: u64,
    /// Attempts to write that found the disk full. Each is made again.
    pub disk_full: u64,
}

/// The time after which a writer that found the disk full tries again.
const AGAIN: Duration = Duration::from_secs(1);

/// A thread that writes records, and tells when they are durable.
///
/// A thread writes all the records that wait in one transaction, so a slow disk makes larger transactions and no queue. The machine
/// that makes the records bounds how many wait. While the disk is full, the thread tries again each second; what rests on the records
/// waits, and nothing else does.
///
/// The thread also removes records that newer ones replace. When the file has at least 4,096 records, and twice as many as such a pass
/// left last, it looks at all of them, 1,024 at a time between two transactions.
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
    /// Starts the thread. `book` is made of all the records of the store.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread, [`Error::Failed`] if the store cannot be read.
    pub fn start(store: Store, book: Book) -> Result<Self, Error> {
        let (records, waiting) = mpsc::channel();
        let (said, progress) = watch::channel(Progress { upto: book.newest(), counters: WriterCounters::default() });
        let path = store.path().to_owned();
        let shortening = Shortening::new(&store, book)?;
        let work = Work { store: Some(store), is_full: false, path: path.clone(), waiting, said, shortening };
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || work.run());
        let thread = thread.map_err(|error| Error::Io { path, error })?;
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

/// The work of the thread.
struct Work {
    /// `None` after the disk was full, until it is open again.
    store: Option<Store>,
    /// True from an attempt that found the disk full until one that did not.
    is_full: bool,
    path: PathBuf,
    waiting: mpsc::Receiver<(Version, Record)>,
    said: watch::Sender<Progress>,
    shortening: Shortening,
}

impl Work {
    /// Writes the records that wait in one transaction, again and again until no more can come.
    fn run(mut self) -> Result<(), Error> {
        let mut group = Vec::new();
        while self.more(&mut group) {
            self.write(&mut group)?;
            self.shorten(&mut group)?;
        }
        Ok(())
    }

    /// Adds the records that wait, at least one unless the journal is being shortened. False if no more can come.
    fn more(&self, group: &mut Vec<(Version, Record)>) -> bool {
        let first = if self.shortening.goes_on() {
            match self.waiting.try_recv() {
                Err(TryRecvError::Empty) => return true,
                first => first.ok(),
            }
        } else {
            self.waiting.recv().ok()
        };
        group.extend(first.into_iter().chain(self.waiting.try_iter()));
        !group.is_empty()
    }

    /// Makes the group durable, and empties it.
    fn write(&mut self, group: &mut Vec<(Version, Record)>) -> Result<(), Error> {
        while !group.is_empty() {
            match self.with_store(|store, _| store.append(group)) {
                Ok(()) => {
                    self.note_room();
                    self.shortening.note(group);
                    self.said.send_modify(|progress| {
                        progress.upto = group.last().map_or(progress.upto, |(at, _)| *at);
                        progress.counters.records_written += group.len() as u64;
                        progress.counters.commits += 1;
                    });
                    group.clear();
                }
                Err(error) => self.await_room(error, group)?,
            }
        }
        Ok(())
    }

    /// Goes on with a pass over the journal, if one is due. While the disk is full, the pass waits.
    fn shorten(&mut self, group: &mut Vec<(Version, Record)>) -> Result<(), Error> {
        if !self.shortening.goes_on() {
            return Ok(());
        }
        match self.with_store(|store, shortening| shortening.step(store)) {
            Ok(removed) => {
                if removed > 0 {
                    self.note_room();
                    self.said.send_modify(|progress| progress.counters.records_removed += removed);
                }
                Ok(())
            }
            Err(error) => self.await_room(error, group),
        }
    }

    fn with_store<T>(&mut self, work: impl FnOnce(&Store, &mut Shortening) -> Result<T, Error>) -> Result<T, Error> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Store::open(self.path.parent().unwrap_or(&self.path))?,
        };
        work(self.store.insert(store), &mut self.shortening)
    }

    /// Something was written.
    fn note_room(&mut self) {
        if std::mem::take(&mut self.is_full) {
            tracing::info!(store = %self.path.display(), "the disk has room again: the records that waited are written");
        }
    }

    /// Waits before the next attempt if the disk is full, and takes the records that come meanwhile. redb gives up a file after an
    /// error, so the file is opened again.
    fn await_room(&mut self, error: Error, group: &mut Vec<(Version, Record)>) -> Result<(), Error> {
        if !error.is_full() {
            return Err(error);
        }
        self.store = None;
        if !std::mem::replace(&mut self.is_full, true) {
            tracing::error!(%error, "the disk is full: what rests on new records waits until there is room");
        }
        self.said.send_modify(|progress| progress.counters.disk_full += 1);
        match self.waiting.recv_timeout(AGAIN) {
            Ok(record) => group.push(record),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(error),
        }
        Ok(())
    }
}
