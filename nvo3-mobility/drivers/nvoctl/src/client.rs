//! A blocking connection to a daemon. It needs no async runtime, so a command or a hook that uses it starts fast.
//!
//! ```no_run
//! use nvoctl::{NVED_SOCKET, Reply, Request, client::Client};
//! use std::path::Path;
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> Result<(), nvoctl::client::Error> {
//! let until = Instant::now() + Duration::from_secs(5);
//! let mut client = Client::connect(Path::new(NVED_SOCKET), Some(until))?;
//! client.send(&Request::Watch)?;
//! while let Reply::Event { at, what } = client.receive()?.reply {
//!     println!("{}: {what}", at.0);
//! }
//! # Ok(())
//! # }
//! ```

use crate::{Reply, Request};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The reason why there is no reply. Each error names the socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No daemon listens at the socket. No daemon got the request.
    #[error("{path}: no daemon there: {error}; start it, or name its socket with --socket")]
    NotThere {
        /// The daemon's socket.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The daemon closed the connection before it replied. It may have carried out the request.
    #[error("{path}: the daemon went away")]
    WentAway {
        /// The daemon's socket.
        path: PathBuf,
    },
    /// The time is over. The daemon may still carry out the request.
    #[error("{path}: no answer in time")]
    TimedOut {
        /// The daemon's socket.
        path: PathBuf,
    },
    /// The line is not a [`Reply`]. The daemon may have carried out the request.
    #[error("{path}: not a reply: {error}")]
    Garbled {
        /// The daemon's socket.
        path: PathBuf,
        /// The fault in the line.
        error: serde_json::Error,
    },
}

/// A reply, and the line that it came in.
#[derive(Debug)]
pub struct Heard {
    /// The JSON as the daemon wrote it, without the end of the line.
    pub line: String,
    /// The reply in the line.
    pub reply: Reply,
}

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    until: Option<Instant>,
}

impl Client {
    /// Connects to the daemon that listens at `path`. From `until` on, no call of this client waits any more; without it, each
    /// waits as long as it takes.
    ///
    /// # Errors
    /// No daemon listens there, or the time is over.
    pub fn connect(path: &Path, until: Option<Instant>) -> Result<Self, Error> {
        let not_there = |error: rustix::io::Errno| match error {
            // What the kernel says where a full backlog stays full for SO_SNDTIMEO.
            rustix::io::Errno::AGAIN => Error::TimedOut { path: path.to_owned() },
            other => Error::NotThere { path: path.to_owned(), error: other.into() },
        };
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = socket.map_err(not_there)?;
        let left = left(path, until)?;
        set_socket_timeout(&socket, Timeout::Send, left).map_err(not_there)?;
        SocketAddrUnix::new(path).and_then(|address| connect(&socket, &address)).map_err(not_there)?;
        Ok(Self { path: path.to_owned(), stream: BufReader::new(UnixStream::from(socket)), until })
    }

    /// Sends a request. If the daemon does not take it, the next [`Client::receive`] says so: the daemon may have said why before
    /// it closed the connection.
    ///
    /// # Errors
    /// The time is over.
    pub fn send(&mut self, request: &Request) -> Result<(), Error> {
        let garbled = |error| Error::Garbled { path: self.path.clone(), error };
        let mut line = serde_json::to_vec(request).map_err(garbled)?;
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            Err(error) if out_of_time(&error) => Err(Error::TimedOut { path: self.path.clone() }),
            _ => Ok(()),
        }
    }

    /// Waits for the next reply: one for each request, and for [`Request::Watch`] one for each event.
    ///
    /// # Errors
    /// The daemon went away, the time is over, or the line is not a reply.
    pub fn receive(&mut self) -> Result<Heard, Error> {
        let line = self.line()?;
        match serde_json::from_slice(&line) {
            Ok(reply) => Ok(Heard { line: String::from_utf8_lossy(line.trim_ascii_end()).into_owned(), reply }),
            Err(error) => Err(Error::Garbled { path: self.path.clone(), error }),
        }
    }

    /// One line. It may come in many reads, so each read gets the time that is left.
    fn line(&mut self) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        loop {
            let left = left(&self.path, self.until)?;
            let read = self.stream.get_ref().set_read_timeout(left).and_then(|()| self.stream.fill_buf());
            match read {
                Ok([]) => return Err(Error::WentAway { path: self.path.clone() }),
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
                Err(error) if out_of_time(&error) => return Err(Error::TimedOut { path: self.path.clone() }),
                Err(_) => return Err(Error::WentAway { path: self.path.clone() }),
            }
        }
    }
}

/// Connects, sends one request and waits for its reply.
///
/// # Errors
/// Those of [`Client::connect`], [`Client::send`] and [`Client::receive`].
pub fn ask(path: &Path, request: &Request, until: Option<Instant>) -> Result<Heard, Error> {
    let mut client = Client::connect(path, until)?;
    client.send(request)?;
    client.receive()
}

/// The time left, never zero, which the kernel would take for "no limit".
fn left(path: &Path, until: Option<Instant>) -> Result<Option<Duration>, Error> {
    let Some(until) = until else { return Ok(None) };
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(Error::TimedOut { path: path.to_owned() }),
        // The kernel counts in microseconds and would make zero of less.
        left => Ok(Some(left.max(Duration::from_micros(1)))),
    }
}

fn out_of_time(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
