//! One connection of a caller: each line is a request or a reply.

use super::socket::Call;
use crate::{Reply, Request};
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

/// The longest request, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most replies that a caller may leave unread; with more it loses its connection.
const WAITING: usize = 4_096;

/// A caller that waits for a reply. A clone is the same caller.
#[derive(Clone, Debug)]
pub struct Caller {
    replies: mpsc::Sender<Reply>,
    overrun: Arc<Notify>,
}

impl Caller {
    /// Sends a reply, without waiting. False if the caller has gone away. A caller that leaves more than 4,096 replies unread loses its
    /// connection.
    ///
    /// Once every clone of this caller is dropped, its next request is read; if none of them replied, the connection ends.
    pub fn reply(&self, reply: Reply) -> bool {
        match self.replies.try_send(reply) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.overrun.notify_one();
                false
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

pub(super) async fn serve(stream: UnixStream, calls: mpsc::Sender<Call>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let Ok(1..) = (&mut read).take(LONGEST as u64).read_until(b'\n', &mut line).await else { return };
        if line.len() == LONGEST && !line.ends_with(b"\n") {
            let why = format!("a request of more than {LONGEST} bytes");
            // Nobody knows where the next request begins, so the connection ends here.
            return drop(say(&mut write, &Reply::Refused { why }).await);
        }
        let request = match serde_json::from_slice(&line) {
            Ok(request) => request,
            Err(error) => {
                let why = format!("not a request: {error}");
                if say(&mut write, &Reply::Refused { why }).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let overrun = Arc::new(Notify::new());
        let answered = tokio::select! {
            answered = answer(request, &overrun, &calls, &mut write) => answered,
            () = overrun.notified() => {
                tracing::warn!("the connection of a caller was closed: it left 4,096 replies unread");
                return;
            }
            () = gone(&mut read) => return,
        };
        if answered.is_err() {
            return;
        }
    }
}

/// Passes the request on and every reply back. No reply at all is an error, since the caller waits for one.
async fn answer(
    request: Request,
    overrun: &Arc<Notify>,
    calls: &mpsc::Sender<Call>,
    write: &mut OwnedWriteHalf,
) -> std::io::Result<()> {
    let (sender, mut replies) = mpsc::channel(WAITING);
    let caller = Caller { replies: sender, overrun: Arc::clone(overrun) };
    if calls.send(Call { request, caller }).await.is_err() {
        return say(write, &Reply::Refused { why: "the daemon ends".into() }).await;
    }
    let mut reply = replies.recv().await.ok_or(ErrorKind::UnexpectedEof)?;
    loop {
        say(write, &reply).await?;
        match replies.recv().await {
            Some(next) => reply = next,
            None => return Ok(()),
        }
    }
}

/// Waits until the caller has closed its side for reading and writing. A caller that only ended its requests still reads.
async fn gone(read: &mut BufReader<OwnedReadHalf>) {
    if read.fill_buf().await.is_ok_and(|next| !next.is_empty()) {
        return std::future::pending().await;
    }
    match read.get_ref().as_ref().ready(Interest::WRITABLE).await {
        Ok(ready) if !ready.is_write_closed() => std::future::pending().await,
        _ => {}
    }
}

async fn say(write: &mut OwnedWriteHalf, reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}
