//! The authority's records in a redb file: what was written is read at the start, what is new is written by a thread of its
//! own, and what nothing rests on any more is removed at the start.
//!
//! A record's number is its key. Its value is the record in postcard, which is small, has no schema to carry and leaves it
//! to the format's version here to say what the bytes are.

mod writer;

pub(crate) use writer::{Counters, Writer};

use nvo3_mobility::nva::Record;
use nvo3_nva_proto::RecordNo;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// The layout of both tables and of a record's bytes.
const FORMAT: u64 = 1;

/// Why records cannot be kept. Each names the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}: another process has it open")]
    Locked(PathBuf),
    #[error("{path}: its format is {found}, not {FORMAT}: another version of nvad made it")]
    Format { path: PathBuf, found: u64 },
    #[error("{path}: it is damaged ({what}); restore a copy, or move it away to begin with an empty directory")]
    Damaged { path: PathBuf, what: String },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{path}: {error}")]
    Failed { path: PathBuf, error: redb::Error },
}

/// A store that is open and that nobody else has.
pub(crate) struct Store {
    path: PathBuf,
    database: Database,
    epoch: u32,
}

impl Store {
    /// Opens what is in `directory`, or makes it, with a new epoch.
    pub(crate) fn open(directory: &Path, new_epoch: impl FnOnce() -> u32) -> Result<Self, Error> {
        let path = directory.join("nva.redb");
        fs::create_dir_all(directory).map_err(|error| Error::Io { path: directory.to_owned(), error })?;
        // What a damaged file holds is not always foreseen by redb: it panics on some.
        let opened = catch_unwind(|| open(&path));
        let database = opened.unwrap_or_else(|_| Err(damaged(&path, "its pages make no sense")))?;
        let mut store = Self { path, database, epoch: 0 };
        // One that died before it wrote anything promised nothing.
        if store.is_empty()? {
            store.epoch = new_epoch();
            store.begin()?;
            // The file's name is to survive a crash too.
            let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| Error::Io { path: directory.to_owned(), error })?;
        } else {
            store.check()?;
        }
        Ok(store)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The epoch of its records: a store that is new has one larger than any before.
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    fn is_empty(&self) -> Result<bool, Error> {
        let empty = || Ok(self.database.begin_read()?.list_tables()?.next().is_none());
        empty().map_err(|error| self.failed(error))
    }

    fn begin(&self) -> Result<(), Error> {
        self.write(|transaction| {
            transaction.open_table(RECORDS)?;
            let mut meta = transaction.open_table(META)?;
            meta.insert("epoch", u64::from(self.epoch))?;
            meta.insert("format", FORMAT)?;
            Ok(())
        })
    }

    fn check(&mut self) -> Result<(), Error> {
        let meta = |name: &str| -> Result<Option<u64>, redb::Error> {
            let found = self.database.begin_read()?.open_table(META)?.get(name)?.map(|value| value.value());
            Ok(found)
        };
        let found = meta("format").map_err(|error| damaged(&self.path, &error.to_string()))?;
        let epoch = meta("epoch").map_err(|error| self.failed(error))?;
        match found {
            Some(FORMAT) => {}
            Some(found) => return Err(Error::Format { path: self.path.clone(), found }),
            None => return Err(damaged(&self.path, "it has no format")),
        }
        let epoch = epoch.and_then(|epoch| u32::try_from(epoch).ok());
        self.epoch = epoch.ok_or_else(|| damaged(&self.path, "it has no epoch"))?;
        Ok(())
    }

    /// Every record, in order.
    pub(crate) fn records(&self) -> Result<Vec<(RecordNo, Record)>, Error> {
        let failed = |error| self.failed(error);
        let transaction = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let table = transaction.open_table(RECORDS).map_err(|error| failed(error.into()))?;
        let rows = table.iter().map_err(|error| failed(error.into()))?;
        let decoded = rows.map(|row| {
            let (number, bytes) = row.map_err(|error| failed(error.into()))?;
            let number = number.value();
            let record = postcard::from_bytes(bytes.value())
                .map_err(|error| damaged(&self.path, &format!("record {number}: {error}")))?;
            Ok((RecordNo(number), record))
        });
        decoded.collect()
    }

    /// Writes records, all or none; they are durable when this returns.
    pub(crate) fn append(&self, records: &[(RecordNo, Record)]) -> Result<(), Error> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (number, record) in records {
                // Memory is all that this needs.
                let bytes =
                    postcard::to_stdvec(record).map_err(|error| redb::Error::Io(std::io::Error::other(error)))?;
                table.insert(number.0, bytes.as_slice())?;
            }
            Ok(())
        })
    }

    /// Removes records, all or none.
    pub(crate) fn remove(&self, numbers: &[RecordNo]) -> Result<(), Error> {
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

/// The database, checked whole.
fn open(path: &Path) -> Result<Database, Error> {
    let mut database = Database::create(path).map_err(|error| refused(path, error))?;
    // A directory that is not what was acknowledged is worse than none, and every page is read now anyway.
    let intact = database.check_integrity().map_err(|error| refused(path, error))?;
    if intact { Ok(database) } else { Err(damaged(path, "a checksum is wrong")) }
}

fn refused(path: &Path, error: DatabaseError) -> Error {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => Error::Locked(path),
        DatabaseError::Storage(redb::StorageError::Corrupted(what)) => Error::Damaged { path, what },
        DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
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
