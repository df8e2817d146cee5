//! A small disk that can be full.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

/// The size of the disk.
const MEBIBYTES: usize = 16;

/// A file system in memory. It is unmounted when dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one at a new directory.
    pub(super) fn new(at: PathBuf) -> Self {
        std::fs::create_dir(&at).unwrap();
        let size = format!("size={MEBIBYTES}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "nvo3-test"]).arg(&at).status();
        assert!(mounted.unwrap().success(), "mount {}", at.display());
        Self(at)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        let full = (0..=MEBIBYTES * 256).find_map(|_| filler.write_all(&[0xa5; 4_096]).err());
        assert_eq!(full.map(|error| error.kind()), Some(ErrorKind::StorageFull));
    }

    /// Gives the room back.
    pub fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
