//! A tap: one that exists and that no process has open, or a new one that is removed when the process ends.

use super::{Error, Frames, LONGEST, PortCounters};
use crate::links::index_of;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

pub(super) struct Tap {
    device: SyncDevice,
    index: Option<u32>,
}

impl Tap {
    pub(super) fn open(name: &str) -> Result<(Self, bool), Error> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::ResourceBusy => Error::Busy(name.to_owned()),
            _ => Error::Io { name: name.to_owned(), error },
        };
        let was_there = Path::new("/sys/class/net").join(name).exists();
        let device = DeviceBuilder::new().name(name).layer(Layer::L2).build_sync().map_err(failed)?;
        device.set_nonblocking(true).map_err(failed)?;
        if !was_there {
            // The host itself must not speak on a tenant's port.
            let setting = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
            if let Err(error) = std::fs::write(&setting, "1") {
                tracing::warn!(setting, %error, "the host's IPv6 stays on");
            }
        }
        Ok((Self { device, index: index_of(name) }, was_there))
    }

    /// A removed tap is not attached to this descriptor any more. A tap in another network namespace still is.
    pub(super) fn is_at(&self, name: &str) -> bool {
        self.device.name().is_ok_and(|now| now == name) && self.index.is_some() && index_of(name) == self.index
    }

    pub(super) fn read(&mut self, frames: &mut Frames) -> io::Result<()> {
        for room in frames.bytes.chunks_exact_mut(LONGEST) {
            match self.device.recv(room) {
                Ok(length) => frames.lengths.push(length),
                Err(error) if frames.lengths.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, frame: &[u8], counters: &mut PortCounters) {
        if let Err(error) = self.device.send(frame) {
            counters.not_written(error.kind());
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}
