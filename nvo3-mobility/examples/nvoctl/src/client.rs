//! One connection to a daemon, without a runtime: the command starts and ends within a millisecond.

use crate::{Reply, Request};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No daemon listens there, or it may not be spoken to.
    #[error("{path}: {error}")]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// It went away.
    #[error("{0}: the daemon has ended the connection")]
    Ended(PathBuf),
    /// Too late.
    #[error("{0}: no reply in time")]
    Timeout(PathBuf),
    /// Of another version, for instance.
    #[error("{path}: not a reply: {error}")]
    NotAReply {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::NoDaemon`].
    pub fn connect(path: &Path) -> Result<Self, Error> {
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Self { path: path.to_owned(), stream: BufReader::new(stream) }),
            Err(error) => Err(Error::NoDaemon { path: path.to_owned(), error }),
        }
    }

    /// Asks, and takes the reply.
    ///
    /// # Errors
    /// Why there is none.
    pub fn call(&mut self, request: &Request, until: Instant) -> Result<Reply, Error> {
        self.ask(request, until)?;
        self.reply(Some(until))
    }

    /// Asks only.
    ///
    /// # Errors
    /// The daemon takes no request.
    pub fn ask(&mut self, request: &Request, until: Instant) -> Result<(), Error> {
        let stream = self.stream.get_mut();
        let mut line = serde_json::to_vec(request).map_err(|error| not_a_reply(&self.path, error))?;
        line.push(b'\n');
        let sent = stream.set_write_timeout(Some(left(until))).and_then(|()| stream.write_all(&line));
        sent.map_err(|error| self.failed(error))
    }

    /// The next reply; without a time limit for one that watches.
    ///
    /// # Errors
    /// Why there is none.
    pub fn reply(&mut self, until: Option<Instant>) -> Result<Reply, Error> {
        let mut line = String::new();
        loop {
            let set = self.stream.get_ref().set_read_timeout(until.map(left));
            match set.and_then(|()| self.stream.read_line(&mut line)) {
                Ok(0) => return Err(Error::Ended(self.path.clone())),
                Ok(_) => return serde_json::from_str(&line).map_err(|error| not_a_reply(&self.path, error)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(self.path.clone()),
            _ => Error::Ended(self.path.clone()),
        }
    }
}

fn not_a_reply(path: &Path, error: serde_json::Error) -> Error {
    Error::NotAReply { path: path.to_owned(), error }
}

/// The time that is left, which the system wants to be some.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
