//! Files of keys, and whether messages are authenticated at all.
//!
//! A line is a key: `ID NVE SECRET`, with the secret in 64 hexadecimal digits; what follows a `#` is a comment. If an NVE has
//! several keys, it seals with the last one. An NVE's file has its own keys; nvad's file has the keys of all NVEs.
//!
//! ```
//! use nvo3_nva_proto::NveId;
//! use nvoctl::keys;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let (authority, edge) = (directory.path().join("nvad.keys"), directory.path().join("nved.keys"));
//! let id = keys::make(NveId(1), &[authority.clone(), edge])?;
//! assert_eq!(keys::read(&authority)?.newest(NveId(1)), Some(id));
//! # Ok(())
//! # }
//! ```

use nvo3_nva_proto::NveId;
use nvo3_nva_proto::auth::{KeyError, KeyId, Keys, Secret};
use nvo3_nva_proto::seals::Transport;
use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of a file of keys: only its owner may read and write it.
const MODE: u32 = 0o600;

/// The reason why the keys cannot be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Neither a file of keys nor trust in the transport is configured.
    #[error("keys or trusted-transport: one of both is needed, to authenticate messages or not")]
    Neither,
    /// A file of keys and trust in the transport are both configured.
    #[error("keys and trusted-transport: only one of both can be")]
    Both,
    /// The keys cannot be read again: the transport is trusted.
    #[error("the transport is trusted: there is no file of keys")]
    NoFile,
    /// The file cannot be read or written.
    #[error("the file of keys {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others than the file's owner may read or change it.
    #[error("{path}: mode {mode:04o}: nobody but its owner may read or change a file of keys (chmod 600)")]
    Open {
        /// The file.
        path: PathBuf,
        /// The file's mode bits.
        mode: u32,
    },
    /// The file belongs to somebody else than root and the user of this process, who could put keys into it.
    #[error(
        "{path}: user {owner} owns it, and this process is user {user}: a file of keys belongs to its user or to root (chown)"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The number of the user who owns the file.
        owner: u32,
        /// The number of the effective user of this process.
        user: u32,
    },
    /// A line is not a key.
    #[error("{path}: line {line}: {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The fault in the line.
        why: String,
    },
    /// The largest id of a key is in use, so there is none for a new key.
    #[error("65535 is the last id of a key, and in use")]
    NoId,
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

/// The way in which a daemon authenticates the messages of NVEs and NVA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Not at all: the daemon trusts the transport and believes whoever can send to it.
    Transport,
    /// By their seals, with the keys of this file.
    KeyFile(PathBuf),
}

impl Trust {
    /// The meaning of the settings `keys` and `trusted-transport` together.
    ///
    /// # Errors
    /// [`KeysError::Neither`] if neither of the two is set, [`KeysError::Both`] if both are.
    pub fn new(keys: Option<PathBuf>, trusted_transport: bool) -> Result<Self, KeysError> {
        match (keys, trusted_transport) {
            (Some(path), false) => Ok(Self::KeyFile(path)),
            (None, true) => Ok(Self::Transport),
            (None, false) => Err(KeysError::Neither),
            (Some(_), true) => Err(KeysError::Both),
        }
    }

    /// The transport for a machine: a trusted one, or one that is sealed with the keys that are in the file now.
    ///
    /// # Errors
    /// Those of [`read`].
    pub fn transport(&self) -> Result<Transport, KeysError> {
        match self {
            Self::Transport => Ok(Transport::Trusted),
            Self::KeyFile(path) => read(path).map(Transport::Sealed),
        }
    }
}

/// Reads the keys of a file that only its owner may read and write.
///
/// # Errors
/// [`KeysError::File`] if the file cannot be read, [`KeysError::Open`] if others may read or change it, [`KeysError::Foreign`] if it
/// belongs to another user, [`KeysError::Line`] if a line is not a key.
pub fn read(path: &Path) -> Result<Keys, KeysError> {
    parse(path, &text(path)?)
}

fn parse(path: &Path, text: &str) -> Result<Keys, KeysError> {
    let mut keys = Keys::default();
    for (n, line) in text.lines().enumerate() {
        let bare = line.split('#').next().unwrap_or_default().trim();
        if bare.is_empty() {
            continue;
        }
        let added = parsed(bare)
            .and_then(|(id, nve, secret)| keys.add(id, nve, &secret).map_err(|error: KeyError| error.to_string()));
        added.map_err(|why| KeysError::Line { path: path.to_owned(), line: n + 1, why })?;
    }
    Ok(keys)
}

/// Makes a key for an NVE, with an id that none of these files has, and adds it to the end of each file. A file that is not there is
/// made, for its owner alone. A file that is there keeps its owner.
///
/// A file is whole at any time, for readers and after a crash. Two calls that have a directory in common wait for each other: each
/// locks the directories of its files.
///
/// # Errors
/// Those of [`read`] for a file that is there, a file cannot be locked or written (those before it may have the key already),
/// [`KeysError::NoId`], or [`KeysError::Random`].
pub fn make(nve: NveId, paths: &[PathBuf]) -> Result<KeyId, KeysError> {
    // All calls lock in one order, and each directory once.
    let mut directories = BTreeSet::new();
    for path in paths {
        directories.insert(directory(path).map_err(|error| KeysError::File { path: path.clone(), error })?);
    }
    let locks =
        directories.iter().map(|path| lock(path).map_err(|error| KeysError::File { path: path.clone(), error }));
    let _locks = locks.collect::<Result<Vec<File>, _>>()?;

    let mut last = 0_u16;
    let mut texts = BTreeMap::new();
    for path in paths {
        let text = match text(path) {
            Err(KeysError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        last = parse(path, &text)?.last().map_or(last, |id| last.max(id.get()));
        texts.insert(path, text);
    }
    let id = last.checked_add(1).and_then(KeyId::new).ok_or(KeysError::NoId)?;
    let line = format!("{id} {} {}\n", nve.0, digits(&random()?));
    for (path, mut text) in texts {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        replace(path, &text).map_err(|error| KeysError::File { path: path.clone(), error })?;
    }
    Ok(id)
}

/// Reads a secret of 64 hexadecimal digits from a file that only its owner may read and write. A file that is not there is made, for its
/// owner alone, with a secret that nobody can guess.
///
/// # Errors
/// [`KeysError::File`] if the file cannot be read or made, [`KeysError::Open`] if others may read or change it, [`KeysError::Line`] if it
/// has something else, [`KeysError::Random`] if the system has no random bytes.
pub fn secret(path: &Path) -> Result<Secret, KeysError> {
    let failed = |error| KeysError::File { path: path.to_owned(), error };
    match text(path) {
        Err(KeysError::File { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        read => {
            let secret = hex(read?.trim());
            let why = || "the secret is not 64 hexadecimal digits".to_owned();
            return secret.ok_or_else(|| KeysError::Line { path: path.to_owned(), line: 1, why: why() });
        }
    }
    let secret = random()?;
    replace(path, &format!("{}\n", digits(&secret))).map_err(failed)?;
    Ok(secret)
}

fn random() -> Result<Secret, KeysError> {
    let mut bytes = [0; Secret::LEN];
    getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
    Ok(Secret::from(bytes))
}

/// The directory of the file that a path or the link there leads to.
fn directory(path: &Path) -> io::Result<PathBuf> {
    let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    std::fs::canonicalize(directory.unwrap_or(Path::new(".")))
}

/// Waits until no other process has locked a directory. The lock ends with the file that is given.
fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Puts a file with this text in the place of another one, whose owner it gets. A crash leaves the old file or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // The name of a link stays: the file that it points to is replaced.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut new = path.clone().into_os_string();
    new.push(".new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
    if let Ok(before) = std::fs::metadata(path) {
        std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(directory(path)?)?.sync_all()
}

fn digits(secret: &Secret) -> String {
    secret.expose().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a file that only its owner may read and write.
fn text(path: &Path) -> Result<String, KeysError> {
    let failed = |error| KeysError::File { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeysError::Open { path: path.to_owned(), mode });
    }
    trusted(path, found.uid(), geteuid().as_raw())?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Checks the owner of a file. Root reads the files of the users that its daemons run as.
fn trusted(path: &Path, owner: u32, user: u32) -> Result<(), KeysError> {
    if user == 0 || owner == 0 || owner == user {
        return Ok(());
    }
    Err(KeysError::Foreign { path: path.to_owned(), owner, user })
}

fn parsed(line: &str) -> Result<(KeyId, NveId, Secret), String> {
    let mut words = line.split_whitespace();
    let (Some(id), Some(nve), Some(secret), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err("ID NVE SECRET is needed".into());
    };
    let id = id.parse().ok().and_then(KeyId::new).ok_or_else(|| format!("`{id}` is no id of a key: 1 to 65535"))?;
    let nve = nve.parse().map_err(|_| format!("`{nve}` is no number of an NVE"))?;
    // Text that is not a secret is not shown either, since it may be most of one.
    let secret = hex(secret).ok_or("the secret is not 64 hexadecimal digits")?;
    Ok((id, NveId(nve), secret))
}

fn hex(digits: &str) -> Option<Secret> {
    let mut secret = [0; Secret::LEN];
    let pairs = digits.as_bytes().chunks_exact(2);
    if digits.len() != 2 * Secret::LEN {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(pairs) {
        let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let [high, low] = pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(Secret::from(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn refused(text: &str, mode: u32) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let whole = read(&path).unwrap_err().to_string();
        whole.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
    }

    #[test]
    fn a_key_that_is_made_is_read_from_each_file_and_the_next_has_another_id() {
        let directory = tempfile::tempdir().unwrap();
        let (all, one) = (directory.path().join("all"), directory.path().join("one"));
        let (both, first) = ([all.clone(), one.clone()], KeyId::new(1));

        assert_eq!(make(NveId(7), std::slice::from_ref(&all)).ok(), first);
        let second = make(NveId(1), &both).unwrap();
        let third = make(NveId(1), &both).unwrap();

        let (all, one) = (read(&all).unwrap(), read(&one).unwrap());
        assert_eq!((second.get(), third.get()), (2, 3));
        assert_eq!((all.len(), one.len()), (3, 2));
        assert_eq!((all.newest(NveId(7)), one.newest(NveId(1))), (first, Some(third)));
        assert_eq!(fs::metadata(&both[0]).unwrap().permissions().mode() & 0o777, MODE);
    }

    #[test]
    fn a_key_is_added_behind_a_last_line_without_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        make(NveId(1), std::slice::from_ref(&path)).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        fs::write(&path, line.trim_end()).unwrap();

        let second = make(NveId(2), std::slice::from_ref(&path)).unwrap();

        assert!(fs::read_to_string(&path).unwrap().starts_with(&line));
        let keys = read(&path).unwrap();
        assert_eq!((keys.len(), keys.newest(NveId(2))), (2, Some(second)));
    }

    #[test]
    fn many_calls_at_once_make_keys_of_different_ids_and_lose_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (all, one, other) = (path("all"), path("one"), path("other"));

        let ids: std::collections::BTreeSet<u16> = std::thread::scope(|scope| {
            let make = |n: u64| {
                // The order of the files must not matter.
                let files = if n.is_multiple_of(2) { [all.clone(), one.clone()] } else { [other.clone(), all.clone()] };
                scope.spawn(move || make(NveId(1 + n), &files).unwrap().get())
            };
            let threads: Vec<_> = (0..16).map(make).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });

        assert_eq!(ids, (1..=16).collect());
        assert_eq!([&all, &one, &other].map(|path| read(path).unwrap().len()), [16, 8, 8]);
    }

    #[test]
    fn a_file_that_is_a_link_stays_one_and_keeps_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        make(NveId(1), std::slice::from_ref(&real)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let root = geteuid().is_root();
        if root {
            std::os::unix::fs::chown(&real, Some(65_534), Some(65_534)).unwrap();
        }

        make(NveId(1), std::slice::from_ref(&link)).unwrap();

        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&real).unwrap().len(), 2);
        assert!(!root || fs::metadata(&real).unwrap().uid() == 65_534);
    }

    #[test]
    fn a_file_of_another_user_is_refused_unless_root_reads_it() {
        let refused = |user, owner| trusted(Path::new("keys"), owner, user).map_err(|error| error.to_string());

        assert_eq!([refused(0, 7), refused(7, 7), refused(7, 0)], [(); 3].map(Ok));
        let said =
            "keys: user 8 owns it, and this process is user 7: a file of keys belongs to its user or to root (chown)";
        assert_eq!(refused(7, 8), Err(said.into()));
    }

    #[test]
    fn a_file_that_others_may_read_or_that_has_something_else_is_refused_with_a_sentence() {
        let secret = "00ff".repeat(16);
        let good = format!("\n# ours\n1 1 {secret} # since May\n");
        let only = "nobody but its owner may read or change a file of keys (chmod 600)";

        assert_eq!(refused(&good, 0o640), format!("mode 0640: {only}"));
        assert_eq!(refused(&good, 0o602), format!("mode 0602: {only}"));
        assert_eq!(
            refused(&format!("{good}1 2 {secret}"), 0o600),
            "line 4: key 1 is already in the ring: use another id"
        );
        assert_eq!(refused("0 1 ff", 0o600), "line 1: `0` is no id of a key: 1 to 65535");
        assert_eq!(refused("1 x ff", 0o400), "line 1: `x` is no number of an NVE");
        assert_eq!(refused("1 1 ff", 0o400), "line 1: the secret is not 64 hexadecimal digits");
        assert_eq!(
            refused(&format!("1 1 +{}", &secret[1..]), 0o400),
            "line 1: the secret is not 64 hexadecimal digits"
        );
        assert_eq!(refused("1 1", 0o400), "line 1: ID NVE SECRET is needed");
    }

    #[test]
    fn a_secret_is_made_once_for_its_owner_alone_and_anything_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("authority");
        fs::write(directory.path().join("authority.new"), "half").unwrap();

        let first = secret(&path).unwrap();
        let again = secret(&path).unwrap();

        assert_eq!(first.expose(), again.expose());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_ne!(first.expose(), secret(&directory.path().join("other")).unwrap().expose());
        fs::write(&path, "00ff").unwrap();
        let why = secret(&path).unwrap_err().to_string();
        assert!(why.ends_with("authority: line 1: the secret is not 64 hexadecimal digits"), "{why}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(secret(&path), Err(KeysError::Open { mode: 0o644, .. })));
        assert!(matches!(secret(&path.join("no/directory")), Err(KeysError::File { .. })));
    }

    #[test]
    fn one_of_both_has_to_be_said() {
        let path = || Some(PathBuf::from("/k"));
        assert_eq!(Trust::new(path(), false).unwrap(), Trust::KeyFile("/k".into()));
        assert_eq!(Trust::new(None, true).unwrap(), Trust::Transport);
        assert!(Trust::new(None, false).unwrap_err().to_string().starts_with("keys or trusted-transport"));
        assert!(Trust::new(path(), true).unwrap_err().to_string().starts_with("keys and trusted-transport"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_no_trust() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let trust = Trust::new(Some(path.clone()), false).unwrap();

        assert!(matches!(trust.transport(), Err(KeysError::File { .. })));
        make(NveId(1), &[path]).unwrap();
        assert!(matches!(trust.transport(), Ok(Transport::Sealed(keys)) if keys.len() == 1));
        assert!(matches!(Trust::Transport.transport(), Ok(Transport::Trusted)));
    }
}
