//! The exit codes.

use nvo3_nva_proto::MoveResult;
use nvoctl::Reply;
use nvoctl::client::Error;
use std::process::ExitCode;

/// The exit code of the command. clap itself ends with 2 if the command line is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Refused = 1,
    NoDaemon = 3,
    Aborted = 4,
    TimedOut = 5,
}

impl Exit {
    pub(crate) fn for_reply(reply: &Reply) -> Self {
        match reply {
            Reply::Refused { .. } | Reply::Ended { result: MoveResult::Unknown, .. } => Self::Refused,
            Reply::Ended { result: MoveResult::Aborted, .. } => Self::Aborted,
            Reply::Ended { result: MoveResult::Committed, .. }
            | Reply::Done
            | Reply::Prepared { .. }
            | Reply::Shown(_)
            | Reply::Event { .. } => Self::Done,
        }
    }

    pub(crate) fn without_reply(lost: &Error) -> Self {
        match lost {
            Error::NotThere { .. } | Error::WentAway { .. } | Error::Garbled { .. } => Self::NoDaemon,
            Error::TimedOut { .. } => Self::TimedOut,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
