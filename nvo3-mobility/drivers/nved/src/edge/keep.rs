//! What this edge keeps for its next start: a directory with a file for each attached port, one for the table, and one for what the
//! authority has shown.
//!
//! A file is written anew under another name, synced, and renamed, so it is whole or the one from before. A port's file is written before
//! any message or reply that rests on it leaves. The files belong to one edge. What runs, and the table, hold for one boot of the host: after a
//! reboot no VM runs. What the authority has shown holds for good: it is how an authority that has lost records learns of that.

use super::attached::{Attached, Attachment, Origin};
use nvo3_nva_proto::{Instant, Micros, NveId, Seen};
use nvo3_wire::Mac;
use nvoctl::Port;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use tempfile::Builder;

/// The end of the name of a port's file.
const PORT: &str = "port";

/// The name of the file with what the authority has shown.
const SEEN: &str = "seen";

/// The end of the name of a file that is not whole yet.
const NEW: &str = "new";

/// The time after which a file that was not written is tried again.
const AGAIN: Micros = Micros::from_secs(1);

/// A port in its file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The edge that wrote it.
    nve: NveId,
    /// The boot of the host in which it was written.
    boot: String,
    pub(super) port: Port,
    /// False if the settings attach the port.
    pub(super) by_command: bool,
    /// The stations whose VM ran here.
    runs: Vec<Mac>,
}

/// What the authority has shown this edge, in its file.
#[derive(Debug, Serialize, Deserialize)]
struct KeptSeen {
    nve: NveId,
    seen: Seen,
}

/// The directory, and the ports whose files are not up to date.
#[derive(Debug)]
pub(super) struct Keep {
    directory: PathBuf,
    nve: NveId,
    boot: String,
    due: BTreeSet<String>,
    /// What the authority has shown, as its file has it.
    seen: Option<Seen>,
    seen_is_due: bool,
    again_at: Instant,
    /// Attempts to write a file that failed.
    not_written: u64,
}

impl Keep {
    /// Makes the directory, mode 0700, if it is not there. Others must not be able to write to it: what is in it is attached.
    pub(super) fn open(directory: &Path, nve: NveId) -> io::Result<Self> {
        let failed = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let found = fs::metadata(directory).map_err(failed)?;
        if found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
            let why = "another user owns or may write the directory of --state";
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        // A process that was killed while it wrote left its new file.
        let left = fs::read_dir(directory).map_err(failed)?.flatten().map(|entry| entry.path());
        left.filter(|path| path.extension().is_some_and(|end| end == NEW))
            .try_for_each(fs::remove_file)
            .map_err(failed)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let (due, again_at) = (BTreeSet::new(), Instant::default());
        let seen = read_seen(&directory.join(SEEN), nve);
        let directory = directory.to_owned();
        Ok(Self { directory, nve, boot, due, seen, seen_is_due: false, again_at, not_written: 0 })
    }

    /// The file of the table.
    pub(super) fn table(&self) -> PathBuf {
        self.directory.join("table")
    }

    /// The newest record that the authority had shown an earlier process of this edge.
    pub(super) const fn seen(&self) -> Option<Seen> {
        self.seen
    }

    /// The boot of the host; empty if it is not known.
    pub(super) fn boot(&self) -> &str {
        &self.boot
    }

    pub(super) const fn not_written(&self) -> u64 {
        self.not_written
    }

    /// The ports that were attached when the edge ended, by name. A file that is damaged or of another edge is not used, and the log says
    /// so.
    pub(super) fn ports(&self) -> BTreeMap<String, Kept> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let ports = files.filter(|path| path.extension().is_some_and(|end| end == PORT));
        let kept = ports.filter_map(|path| match self.read(&path) {
            Ok(kept) => Some((kept.port.name.clone(), kept)),
            Err(why) => {
                tracing::error!(file = %path.display(), %why, "a kept port is not attached again: its file cannot be used");
                None
            }
        });
        kept.collect()
    }

    fn read(&self, path: &Path) -> Result<Kept, Box<dyn std::error::Error>> {
        let kept: Kept = serde_json::from_slice(&fs::read(path)?)?;
        kept.port.validate()?;
        if kept.nve != self.nve {
            return Err(format!("it is of {}, and this is {}", kept.nve, self.nve).into());
        }
        if self.path(&kept.port.name) != *path {
            return Err(format!("it is about {}", kept.port.name).into());
        }
        Ok(kept)
    }

    /// The stations of a kept port whose VM ran here and runs on; `None` if that is not known, because the host was booted since.
    pub(super) fn ran<'a>(&self, kept: &'a Kept) -> Option<&'a [Mac]> {
        (kept.boot == self.boot && !self.boot.is_empty()).then_some(kept.runs.as_slice())
    }

    /// Notes that a port has changed, was attached or detached. [`Keep::flush`] writes that down.
    pub(super) fn note(&mut self, name: &str) {
        self.due.insert(name.to_owned());
    }

    /// The time at which [`Keep::flush`] shall be called again, if something is left.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.due.is_empty() || self.seen_is_due).then_some(self.again_at)
    }

    /// Writes down what has changed, and what the authority has shown by now. What cannot be written is tried again after a second; the log and a counter tell.
    pub(super) fn flush(&mut self, now: Instant, attached: &Attached, seen: Option<Seen>) {
        self.seen_is_due = seen > self.seen;
        if (self.due.is_empty() && !self.seen_is_due) || now < self.again_at {
            return;
        }
        if let Some(seen) = seen.filter(|_| self.seen_is_due) {
            self.keep_seen(now, seen);
        }
        for name in std::mem::take(&mut self.due) {
            let path = self.path(&name);
            let written = match attached.get(&name) {
                Some(attachment) => self.write_port(&path, attachment),
                None => remove(&path),
            };
            if let Err(error) = written {
                tracing::error!(
                    port = name, file = %path.display(), %error,
                    "this edge cannot keep a port over its own restart, and tries again"
                );
                self.not_written += 1;
                self.again_at = now + AGAIN;
                self.due.insert(name);
            }
        }
    }

    fn keep_seen(&mut self, now: Instant, seen: Seen) {
        let path = self.directory.join(SEEN);
        let bytes = serde_json::to_vec(&KeptSeen { nve: self.nve, seen }).map_err(io::Error::from);
        match bytes.and_then(|bytes| replace(&path, &bytes, true)) {
            Ok(()) => (self.seen, self.seen_is_due) = (Some(seen), false),
            Err(error) => {
                tracing::error!(
                    file = %path.display(), %error,
                    "this edge cannot keep what the authority has shown over its own restart, and tries again"
                );
                self.not_written += 1;
                self.again_at = now + AGAIN;
            }
        }
    }

    fn write_port(&self, path: &Path, attachment: &Attachment) -> io::Result<()> {
        let kept = Kept {
            nve: self.nve,
            boot: self.boot.clone(),
            port: attachment.spec.clone(),
            by_command: attachment.origin == Origin::Command,
            runs: attachment.runs().collect(),
        };
        let bytes = serde_json::to_vec(&kept)?;
        // After a restart most files are as they were, and a sync may be slow.
        if fs::read(path).is_ok_and(|before| before == bytes) { Ok(()) } else { replace(path, &bytes, true) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.{PORT}"))
    }
}

/// Reads what the authority has shown. A damaged file, or one of another edge, is not used, and the log says so.
fn read_seen(path: &Path, nve: NveId) -> Option<Seen> {
    let kept = match fs::read(path) {
        Ok(bytes) => serde_json::from_slice::<KeptSeen>(&bytes).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => Err(error.to_string()),
    };
    let why = match kept {
        Ok(kept) if kept.nve == nve => return Some(kept.seen),
        Ok(kept) => format!("it is of {}, and this is {nve}", kept.nve),
        Err(why) => why,
    };
    tracing::error!(file = %path.display(), why, "what the authority has shown is not known: its file cannot be used");
    None
}

/// Puts a file with these bytes, mode 0600, in the place of another. `durable`: it is there after a power failure too.
pub(super) fn replace(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = Builder::new().suffix(&format!(".{NEW}")).tempfile_in(directory)?;
    file.write_all(bytes)?;
    if durable {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    if durable { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_mobility::nve::rules::State;
    use nvo3_mobility::table::VapId;
    use nvo3_nva_proto::RecordNo;
    use std::os::unix::fs::PermissionsExt;

    const NOW: Instant = Instant(1_000_000);

    fn port() -> Port {
        "vm0,vni=7,mac=02:00:00:00:00:01,ip=192.0.2.1,active".parse().unwrap()
    }

    fn written(directory: &Path) -> Keep {
        let (mut keep, mut attached) = (Keep::open(directory, NveId(1)).unwrap(), Attached::default());
        attached.open(port(), Origin::Command, VapId(1));
        attached.note(&port().tsis()[0].key, State::Here);
        keep.note("vm0");
        keep.flush(NOW, &attached, None);
        assert_eq!((keep.next(), keep.not_written()), (None, 0));
        keep
    }

    #[test]
    fn a_port_and_what_runs_behind_it_are_there_after_a_restart_and_a_detached_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path());

        let mut keep = Keep::open(directory.path(), NveId(1)).unwrap();
        let ports = keep.ports();
        let kept = &ports["vm0"];
        assert_eq!((&kept.port, kept.by_command), (&port(), true));
        assert_eq!(keep.ran(kept), Some(&[port().stations[0].mac][..]));

        keep.note("vm0");
        keep.flush(NOW, &Attached::default(), None);
        assert_eq!(keep.ports().len(), 0);
    }

    #[test]
    fn a_file_that_a_killed_process_left_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path());
        fs::write(directory.path().join(".tmpX.new"), "half").unwrap();

        Keep::open(directory.path(), NveId(1)).unwrap();

        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_others_may_write_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o770)).unwrap();

        let error = Keep::open(directory.path(), NveId(1)).unwrap_err().to_string();

        assert!(error.ends_with("another user owns or may write the directory of --state"), "{error}");
    }

    #[test]
    fn after_a_reboot_no_vm_runs() {
        let directory = tempfile::tempdir().unwrap();
        let mut keep = written(directory.path());
        keep.boot = "another".into();

        assert_eq!(keep.ran(&keep.ports()["vm0"]), None);
    }

    #[test]
    fn a_damaged_file_or_one_of_another_edge_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let keep = written(directory.path());
        let path = keep.path("vm0");
        let whole = fs::read(&path).unwrap();
        assert_eq!(Keep::open(directory.path(), NveId(2)).unwrap().ports().len(), 0);

        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(keep.ports().len(), 0, "{length}");
        }
        fs::write(keep.path("vm1"), &whole).unwrap();
        assert_eq!(keep.ports().len(), 0, "a copy under another name");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut keep = written(directory.path());
        fs::remove_dir_all(directory.path()).unwrap();
        let mut attached = Attached::default();
        attached.open(port(), Origin::Command, VapId(1));

        keep.note("vm0");
        keep.flush(NOW, &attached, Some(seen(1, 1)));
        keep.flush(NOW, &attached, Some(seen(1, 1)));
        assert_eq!((keep.not_written(), keep.next()), (2, Some(NOW + AGAIN)));

        fs::create_dir(directory.path()).unwrap();
        keep.flush(NOW + AGAIN, &attached, Some(seen(1, 1)));
        assert_eq!((keep.not_written(), keep.next(), keep.ports().len()), (2, None, 1));
        assert_eq!(Keep::open(directory.path(), NveId(1)).unwrap().seen(), Some(seen(1, 1)));
    }

    const fn seen(epoch: u32, record: u64) -> Seen {
        Seen { epoch, record: RecordNo(record), shard: 0, proof: [7; 16] }
    }

    #[test]
    fn the_newest_that_the_authority_has_shown_is_kept_for_good() {
        let directory = tempfile::tempdir().unwrap();
        let kept = || Keep::open(directory.path(), NveId(1)).unwrap().seen();
        let mut keep = written(directory.path());
        assert_eq!(kept(), None);

        for (shown, newest) in [((2, 5), (2, 5)), ((2, 9), (2, 9)), ((3, 1), (3, 1)), ((2, 10), (3, 1))] {
            keep.flush(NOW, &Attached::default(), Some(seen(shown.0, shown.1)));
            assert_eq!(kept(), Some(seen(newest.0, newest.1)));
        }
        keep.flush(NOW, &Attached::default(), None);
        assert_eq!((kept(), keep.next()), (Some(seen(3, 1)), None));

        assert_eq!(Keep::open(directory.path(), NveId(2)).unwrap().seen(), None, "of another edge");
        let whole = fs::read(directory.path().join(SEEN)).unwrap();
        for length in 0..whole.len() {
            fs::write(directory.path().join(SEEN), &whole[..length]).unwrap();
            assert_eq!(kept(), None, "{length}");
        }
    }
}
