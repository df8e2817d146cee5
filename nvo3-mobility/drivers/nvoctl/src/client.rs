//! The connection to a daemon, blocking: a command that starts in a millisecond needs no runtime.

use nvoctl::{Reply, Request};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// Nothing was asked.
    #[error("{path}: no daemon there: {error}")]
    NotThere { path: PathBuf, error: io::Error },
    /// It may have done what it was asked, or not; nor is that known of the following.
    #[error("{path}: the daemon went away")]
    WentAway { path: PathBuf },
    #[error("{path}: no answer in time")]
    TimedOut { path: PathBuf },
    #[error("{path}: not a reply: {error}")]
    Garbled { path: PathBuf, error: serde_json::Error },
}

/// A reply, and the line that it came in.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) line: String,
    pub(crate) reply: Reply,
}

/// A connection and the time when waiting on it ends, if ever.
#[derive(Debug)]
pub(crate) struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    until: Option<Instant>,
}

impl Client {
    pub(crate) fn connect(path: &Path, until: Option<Instant>) -> Result<Self, Lost> {
        let not_there = |error: rustix::io::Errno| match error {
            // What the kernel says where a full backlog stays full for SO_SNDTIMEO.
            rustix::io::Errno::AGAIN => Lost::TimedOut { path: path.to_owned() },
            other => Lost::NotThere { path: path.to_owned(), error: other.into() },
        };
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(not_there)?;
        let left = left(path, until)?;
        set_socket_timeout(&socket, Timeout::Send, left).map_err(not_there)?;
        SocketAddrUnix::new(path).and_then(|address| connect(&socket, &address)).map_err(not_there)?;
        Ok(Self { path: path.to_owned(), stream: BufReader::new(UnixStream::from(socket)), until })
    }

    /// Sends a request. One that the daemon does not take shows in [`Client::next`]: it may have said why before it hung up.
    pub(crate) fn send(&mut self, request: &Request) -> Result<(), Lost> {
        let garbled = |error| Lost::Garbled { path: self.path.clone(), error };
        let mut line = serde_json::to_vec(request).map_err(garbled)?;
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            Err(error) if out_of_time(&error) => Err(Lost::TimedOut { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// The next reply.
    pub(crate) fn next(&mut self) -> Result<Heard, Lost> {
        let line = self.line()?;
        match serde_json::from_slice(&line) {
            Ok(reply) => Ok(Heard { line: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(), reply }),
            Err(error) => Err(Lost::Garbled { path: self.path.clone(), error }),
        }
    }

    /// One line; the time left is asked for before each read, as a line may come in many.
    fn line(&mut self) -> Result<Vec<u8>, Lost> {
        let mut line = Vec::new();
        loop {
            let left = left(&self.path, self.until)?;
            let read = self.stream.get_ref().set_read_timeout(left).and_then(|()| self.stream.fill_buf());
            match read {
                Ok([]) => return Err(Lost::WentAway { path: self.path.clone() }),
                Ok(bytes) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let taken = end.map_or(bytes.len(), |end| end + 1);
                    line.extend(bytes.iter().take(taken));
                    self.stream.consume(taken);
                    if end.is_some() {
                        return Ok(line);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if out_of_time(&error) => return Err(Lost::TimedOut { path: self.path.clone() }),
                Err(_) => return Err(Lost::WentAway { path: self.path.clone() }),
            }
        }
    }
}

/// Asks once and hears one reply.
pub(crate) fn ask(path: &Path, request: &Request, until: Option<Instant>) -> Result<Heard, Lost> {
    let mut client = Client::connect(path, until)?;
    client.send(request)?;
    client.next()
}

/// The time left, never zero, which the kernel would take for "no limit".
fn left(path: &Path, until: Option<Instant>) -> Result<Option<Duration>, Lost> {
    let Some(until) = until else { return Ok(None) };
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Lost::TimedOut { path: path.to_owned() }),
        // The kernel counts in microseconds and would make zero of less.
        left => Ok(Some(left.max(Duration::from_micros(1)))),
    }
}

fn out_of_time(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
