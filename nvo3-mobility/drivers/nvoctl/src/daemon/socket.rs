//! The Unix socket of a daemon: mode 0600, one daemon for each path, at most 64 callers.

use super::caller::{Caller, serve};
use crate::{Reply, Request};
use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// The most callers at a time; the next caller is refused.
const CALLERS: usize = 64;
/// The most connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// The reason why a daemon cannot listen at its socket. Each error names the path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("{0}: another process listens there")]
    Taken(PathBuf),
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// The path of the socket.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// A request, and the caller that waits for its reply.
#[derive(Debug)]
pub struct Call {
    /// The request.
    pub request: Request,
    /// The caller that waits for the reply.
    pub caller: Caller,
}

/// The socket on which a daemon listens for `nvoctl`. Dropping it removes its file.
#[derive(Debug)]
pub struct Calls {
    path: PathBuf,
    calls: mpsc::Receiver<Call>,
}

impl Calls {
    /// Listens at `path`, mode 0600, in a tokio runtime. Makes the directory, and removes a socket that no process listens on any
    /// more. 64 callers can be connected at a time; one more is refused.
    ///
    /// # Errors
    /// [`Error::Taken`] if another process listens there, [`Error::Io`] if the system refuses.
    pub fn listen(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::Io { path: path.to_owned(), error };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            match net::UnixStream::connect(path) {
                Ok(_) => return Err(Error::Taken(path.to_owned())),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                    tracing::info!(path = %path.display(), "removed the socket that an earlier process left");
                }
                Err(error) => return Err(failed(error)),
            }
        }
        let listener = private_listener(path).map_err(failed)?;
        let (sender, calls) = mpsc::channel(CALLERS);
        tokio::spawn(accept(listener, sender));
        Ok(Self { path: path.to_owned(), calls })
    }

    /// Waits for the next call. It may be dropped while it waits (`tokio::select!`).
    pub async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file stays");
        }
    }
}

/// A listener whose file has mode 0600 from the start: the file gets the mode that the socket has at the bind. A `chmod` after the bind
/// would leave a moment for others to connect, and a umask would change the whole process.
fn private_listener(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    UnixListener::from_std(net::UnixListener::from(socket))
}

async fn accept(listener: UnixListener, calls: mpsc::Sender<Call>) {
    let room = Arc::new(Semaphore::new(CALLERS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = calls.closed() => return,
        };
        match (accepted, Arc::clone(&room).try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                let calls = calls.clone();
                tokio::spawn(async move {
                    serve(stream, calls).await;
                    drop(place);
                });
            }
            (Ok((stream, _)), Err(_)) => {
                tracing::warn!("a caller was refused: {CALLERS} are connected already");
                if let Err(error) = refuse(stream) {
                    tracing::debug!(%error, "the refused caller could not be told");
                }
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a caller was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Writes a refusal without waiting: a new connection has room for one line.
fn refuse(stream: UnixStream) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Reply::Refused { why: format!("{CALLERS} callers are connected already") })?;
    line.push(b'\n');
    stream.into_std()?.write_all(&line)
}
