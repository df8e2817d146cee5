//! The Unix socket: mode 0600, a line a request, a task a caller.

use crate::{Reply, Request};
use rustix::fs::Mode;
use rustix::process::umask;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// The longest request, in bytes.
const LONGEST: u64 = 64 * 1024;
/// Replies that wait to be read by a caller; one that does not read them loses its connection.
const WAITING: usize = 4_096;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Someone answers there already.
    #[error("{0}: another process listens there")]
    Taken(PathBuf),
    /// The system's word.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What.
        error: io::Error,
    },
}

/// A request and who waits for its replies.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Who asks.
    pub caller: Caller,
}

/// Who waits for a reply.
#[derive(Clone, Debug)]
pub struct Caller(mpsc::Sender<Reply>);

impl Caller {
    /// Replies; false where nobody listens any more. The caller's next request is read once all [`Caller`]s of this one are
    /// dropped.
    pub fn reply(&self, reply: Reply) -> bool {
        self.0.try_send(reply).is_ok()
    }
}

/// The listening socket; its file goes with it.
#[derive(Debug)]
pub struct Calls {
    path: PathBuf,
    calls: mpsc::Receiver<Call>,
}

impl Calls {
    /// Listens at `path`, in a runtime. What a process that is gone left there is removed, and its directory is made.
    ///
    /// # Errors
    /// Why not, with the path.
    pub fn listen(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::Io { path: path.to_owned(), error };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err(Error::Taken(path.to_owned()));
            }
            tracing::info!(path = %path.display(), "removed the socket that an earlier process left");
            fs::remove_file(path).map_err(failed)?;
        }
        // From its first moment on nobody else may speak to it.
        let before = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        umask(before);
        let listener = listener.map_err(failed)?;
        let (sender, calls) = mpsc::channel(64);
        tokio::spawn(accept(listener, sender));
        Ok(Self { path: path.to_owned(), calls })
    }

    /// The next call.
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

async fn accept(listener: UnixListener, calls: mpsc::Sender<Call>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, calls.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a caller was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, calls: mpsc::Sender<Call>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = String::new();
    loop {
        line.clear();
        let Ok(1..) = (&mut read).take(LONGEST).read_line(&mut line).await else { return };
        let (sender, mut replies) = mpsc::channel(WAITING);
        match serde_json::from_str(&line) {
            Ok(request) => {
                if calls.send(Call { request, caller: Caller(sender) }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                Caller(sender).reply(Reply::Refused { why: format!("not a request: {error}") });
            }
        }
        while let Some(reply) = replies.recv().await {
            let Ok(mut text) = serde_json::to_vec(&reply) else { return };
            text.push(b'\n');
            if write.write_all(&text).await.is_err() {
                return;
            }
        }
    }
}
