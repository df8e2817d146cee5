//! The authority's records in a [redb](https://docs.rs/redb) file.
//!
//! At the start, [`Store`] reads the records and removes those that newer records replace. [`Writer`] writes new records in a thread of
//! its own.
//!
//! A record's number is its key. Its value is the epoch and the record in [postcard](https://docs.rs/postcard), which is small and
//! carries no schema. The version of the format in the file says how to read the bytes.
//!
//! ```
//! use nvad::store::Store;
//! use nvo3_mobility::nva::Record;
//! use nvo3_nva_proto::{MoveId, Version};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let closed = (Version { epoch: 1, generation: 1 }, Record::Closed { id: MoveId(7) });
//! let store = Store::open(directory.path())?;
//! store.append(&[closed.clone()])?;
//! drop(store);
//!
//! let store = Store::open(directory.path())?;
//! assert_eq!(store.records()?, [closed]);
//! # Ok(())
//! # }
//! ```

mod writer;

pub use writer::{Progress, Writer, WriterCounters};

use nvo3_mobility::nva::Record;
use nvo3_nva_proto::{RecordNo, Version};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::fmt;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// The version of the layout of both tables and of a record's bytes.
const FORMAT: u64 = 2;

/// The reason why records cannot be kept or read. Each error names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the file open.
    #[error("{0}: another process has it open: end that nvad, or give this one another directory")]
    Locked(PathBuf),
    /// The file has the format of another version.
    #[error("{path}: its format is {found}, not {FORMAT}: another version of nvad made it")]
    Format {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        found: u64,
    },
    /// The file does not hold the bytes that were written.
    #[error(
        "{path}: the file is damaged ({what}). Put a copy in its place, or move it away to begin with an empty directory. The edges then \
         restate the TSIs and moves that they have; fences, freezes and forgotten TSIs that the copy does not have are lost"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        what: String,
    },
    /// The directory or the file cannot be made or made durable.
    #[error("the records cannot be kept at {path}: {error}")]
    Io {
        /// The directory or the file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The database failed, for example because the disk is full.
    #[error("{path}: {error}")]
    Failed {
        /// The file.
        path: PathBuf,
        /// The database's error.
        error: redb::Error,
    },
}

/// The records of one authority, in a file that no other process has open.
pub struct Store {
    path: PathBuf,
    database: Database,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file `nva.redb` in `directory` and checks all of it. If there is none, makes directory and file.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has the file open, [`Error::Damaged`] or [`Error::Format`] if it cannot be read, [`Error::Io`]
    /// or [`Error::Failed`] if the system or the database fails.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("nva.redb");
        fs::create_dir_all(directory).map_err(|error| Error::Io { path: directory.to_owned(), error })?;
        // redb panics for some damaged files.
        let opened = catch_unwind(|| open(&path));
        let database = opened.unwrap_or_else(|_| Err(damaged(&path, "its pages make no sense")))?;
        let store = Self { path, database };
        // An authority that ended before it wrote a record promised nothing.
        if store.is_empty()? {
            store.begin()?;
            // The directory's entry for the file must survive a crash too.
            let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| Error::Io { path: directory.to_owned(), error })?;
        } else {
            store.check()?;
        }
        Ok(store)
    }

    /// The file of the store.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn is_empty(&self) -> Result<bool, Error> {
        let empty = || Ok(self.database.begin_read()?.list_tables()?.next().is_none());
        empty().map_err(|error| self.failed(error))
    }

    fn begin(&self) -> Result<(), Error> {
        self.write(|transaction| {
            transaction.open_table(RECORDS)?;
            let mut meta = transaction.open_table(META)?;
            meta.insert("format", FORMAT)?;
            Ok(())
        })
    }

    fn check(&self) -> Result<(), Error> {
        let format = || -> Result<Option<u64>, redb::Error> {
            Ok(self.database.begin_read()?.open_table(META)?.get("format")?.map(|value| value.value()))
        };
        match format().map_err(|error| damaged(&self.path, &error.to_string()))? {
            Some(FORMAT) => Ok(()),
            Some(found) => Err(Error::Format { path: self.path.clone(), found }),
            None => Err(damaged(&self.path, "it has no format")),
        }
    }

    /// Every record with its epoch and number, in the order of the numbers.
    ///
    /// # Errors
    /// [`Error::Failed`] if the file cannot be read, [`Error::Damaged`] with the record's number if a record cannot be decoded.
    pub fn records(&self) -> Result<Vec<(Version, Record)>, Error> {
        let failed = |error| self.failed(error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let table = transaction.open_table(RECORDS).map_err(|error| failed(error.into()))?;
        let rows = table.iter().map_err(|error| failed(error.into()))?;
        let decoded = rows.map(|row| {
            let (number, bytes) = row.map_err(|error| failed(error.into()))?;
            let generation = number.value();
            let (epoch, record) = postcard::from_bytes(bytes.value())
                .map_err(|error| damaged(&self.path, &format!("record {generation}: {error}")))?;
            Ok((Version { epoch, generation }, record))
        });
        decoded.collect()
    }

    /// Writes records, all or none. They are durable when this returns.
    ///
    /// # Errors
    /// [`Error::Failed`] if the disk or the database fails. Then no record is written.
    pub fn append(&self, records: &[(Version, Record)]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (at, record) in records {
                // Encoding fails only without memory.
                let bytes = postcard::to_stdvec(&(at.epoch, record))
                    .map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
                table.insert(at.generation, bytes.as_slice())?;
            }
            Ok(())
        })
    }

    /// Removes records, all or none: those that [`superseded`](nvo3_mobility::nva::superseded) names.
    ///
    /// # Errors
    /// [`Error::Failed`] if the disk or the database fails. Then no record is removed.
    pub fn remove(&self, numbers: &[RecordNo]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for number in numbers {
                table.remove(number.0)?;
            }
            Ok(())
        })
    }

    fn write(&self, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), Error> {
        let written = || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            change(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        written().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: redb::Error) -> Error {
        match error {
            redb::Error::Corrupted(what) => damaged(&self.path, &what),
            error => Error::Failed { path: self.path.clone(), error },
        }
    }
}

/// An epoch for an authority without records, larger than any before: the seconds since 1970.
///
/// The call returns when that second is over, so that an authority that starts later has a larger epoch, unless the clock is set back.
pub fn new_epoch() -> u32 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    std::thread::sleep(Duration::from_secs(1).saturating_sub(Duration::from_nanos(since.subsec_nanos().into())));
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// Opens the database and checks all of it.
fn open(path: &Path) -> Result<Database, Error> {
    let mut database = Database::create(path).map_err(|error| refused(path, error))?;
    // A wrong directory is worse than none, and the start reads every page anyway.
    let before = newest(&database);
    let intact = database.check_integrity().map_err(|error| refused(path, error))?;
    // redb also repairs its list of free pages, which loses nothing. If it gives up the last commit, that had a newer record.
    if intact || newest(&database) == before { Ok(database) } else { Err(damaged(path, "a checksum is wrong")) }
}

/// The number of the newest record, if one can be read.
fn newest(database: &Database) -> Option<u64> {
    let table = database.begin_read().ok()?.open_table(RECORDS).ok()?;
    let (number, _) = table.last().ok()??;
    Some(number.value())
}

fn refused(path: &Path, error: DatabaseError) -> Error {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::Locked(path),
        DatabaseError::Storage(redb::StorageError::Corrupted(what)) => Error::Damaged { path, what },
        DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof) =>
        {
            Error::Damaged { path, what: error.to_string() }
        }
        error => Error::Failed { path, error: error.into() },
    }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Damaged { path: path.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests;
