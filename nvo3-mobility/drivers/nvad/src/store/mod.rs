//! The authority's records in a [redb](https://docs.rs/redb) file.
//!
//! [`Store`] reads and writes records. [`Writer`] writes new records in a thread of its own. It removes those that newer records replace
//! while it runs, so that the file stays as small as the directory.
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

mod shorten;
mod writer;

pub use writer::{Progress, Writer, WriterCounters};

use nvo3_mobility::nva::Record;
use nvo3_nva_proto::{RecordNo, Version};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use std::fmt;
use std::fs;
use std::io::ErrorKind;
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
    /// The file is empty. nvad never leaves it so.
    #[error(
        "{0}: the file is empty, and nvad did not leave it so: something has cut it. Put a copy in its place, or move it away to begin \
         with an empty directory. The edges then restate the TSIs and moves that they have; fences, freezes and forgotten TSIs are lost"
    )]
    Empty(PathBuf),
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

impl Error {
    /// True if the disk or the quota is full: the same call may succeed later.
    pub fn is_full(&self) -> bool {
        let error = match self {
            Self::Io { error, .. } | Self::Failed { error: redb::Error::Io(error), .. } => error,
            _ => return false,
        };
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    }
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
    /// [`Error::Locked`] if another process has the file open, [`Error::Empty`], [`Error::Damaged`] or [`Error::Format`] if it cannot be
    /// read, [`Error::Io`] or [`Error::Failed`] if the system or the database fails.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("nva.redb");
        fs::create_dir_all(directory).map_err(|error| Error::Io { path: directory.to_owned(), error })?;
        match fs::metadata(&path) {
            Ok(file) if file.len() == 0 => return Err(Error::Empty(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::begin(directory, &path)?,
            _ => {}
        }
        let store = Self::opened(path)?;
        store.check()?;
        Ok(store)
    }

    fn opened(path: PathBuf) -> Result<Self, Error> {
        // redb panics for some damaged files.
        let opened = catch_unwind(|| open(&path));
        let database = opened.unwrap_or_else(|_| Err(damaged(&path, "its pages make no sense")))?;
        Ok(Self { path, database })
    }

    /// Makes the file under another name first, so that a crash leaves a whole file or none.
    fn begin(directory: &Path, path: &Path) -> Result<(), Error> {
        let new = directory.join("nva.redb.new");
        let io = |error| Error::Io { path: new.clone(), error };
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        Self::opened(new.clone())?.write(|transaction| {
            transaction.open_table(RECORDS)?;
            let mut meta = transaction.open_table(META)?;
            meta.insert("format", FORMAT)?;
            Ok(())
        })?;
        fs::rename(&new, path).map_err(io)?;
        // The directory's entry for the file must survive a crash too.
        let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| Error::Io { path: directory.to_owned(), error })
    }

    /// The file of the store.
    pub fn path(&self) -> &Path {
        &self.path
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
        self.records_from(RecordNo(0), usize::MAX)
    }

    /// At most `most` records from this number on.
    fn records_from(&self, first: RecordNo, most: usize) -> Result<Vec<(Version, Record)>, Error> {
        let failed = |error| self.failed(error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let table = transaction.open_table(RECORDS).map_err(|error| failed(error.into()))?;
        let rows = table.range(first.0..).map_err(|error| failed(error.into()))?;
        let decoded = rows.take(most).map(|row| {
            let (number, bytes) = row.map_err(|error| failed(error.into()))?;
            let generation = number.value();
            let (epoch, record) = postcard::from_bytes(bytes.value())
                .map_err(|error| damaged(&self.path, &format!("record {generation}: {error}")))?;
            Ok((Version { epoch, generation }, record))
        });
        decoded.collect()
    }

    /// The number of records in the file.
    fn count(&self) -> Result<u64, Error> {
        let count = || Ok(self.database.begin_read()?.open_table(RECORDS)?.len()?);
        count().map_err(|error| self.failed(error))
    }

    /// Writes records, all or none. They are durable when this returns.
    ///
    /// # Errors
    /// [`Error::Failed`] if the disk or the database fails. Then no record is written.
    pub fn append(&self, records: &[(Version, Record)]) -> Result<(), Error> {
        self.change(records, &[])
    }

    /// Removes records, all or none: those that [`superseded`](nvo3_mobility::nva::superseded) names.
    ///
    /// # Errors
    /// [`Error::Failed`] if the disk or the database fails. Then no record is removed.
    pub fn remove(&self, numbers: &[RecordNo]) -> Result<(), Error> {
        self.change(&[], numbers)
    }

    fn change(&self, new: &[(Version, Record)], gone: &[RecordNo]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (at, record) in new {
                // Encoding fails only without memory.
                let bytes = postcard::to_stdvec(&(at.epoch, record))
                    .map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
                table.insert(at.generation, bytes.as_slice())?;
            }
            for number in gone {
                table.remove(number.0)?;
            }
            Ok(())
        })
    }

    /// Gives the disk the room that removed records took. It reads and writes the whole file.
    ///
    /// # Errors
    /// [`Error::Failed`] if the disk or the database fails. Then the records are as before.
    pub fn compact(&mut self) -> Result<(), Error> {
        let compacted = self.database.compact().map(drop);
        compacted.map_err(|error| self.failed(error.into()))
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
            if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) =>
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
