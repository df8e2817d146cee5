//! The states of a session as a table (SPEC.md §7).

use super::DownReason;

/// Which side of it this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The NVE: asks for a session, again and again.
    Initiator,
    /// The NVA: grants one, and forgets it when it is over.
    Acceptor,
}

/// What is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No session; Hellos are sent.
    Connecting,
    /// There is a session and the peer is taken to be alive.
    Up,
    /// There is none and there will be none.
    Over,
}

/// What can happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The HelloAck to the Hello in hand.
    Granted,
    /// The peer, or the silence of it, ended the session.
    Lost(DownReason),
    /// The owner ends it.
    Close,
}

/// What is then to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Begin both orders anew and say Up.
    Establish,
    /// Forget what was not acknowledged, say Down, ask for another session.
    DownAndAgain(DownReason),
    /// Forget what was not acknowledged and say Down.
    Down(DownReason),
    /// The same, after a Goodbye to the peer.
    Goodbye,
    /// Nothing was promised to anybody.
    Nothing,
}

/// No row: it changes nothing.
#[rustfmt::skip]
pub(super) const fn step(role: Role, state: State, input: Input) -> Option<(State, Output)> {
    use {Input::*, Role::*, State::*};
    Some(match (role, state, input) {
        (Initiator, Connecting, Granted)   => (Up,         Output::Establish),
        (Initiator, Up,         Lost(why)) => (Connecting, Output::DownAndAgain(why)),
        (Acceptor,  Up,         Lost(why)) => (Over,       Output::Down(why)),
        (_,         Up,         Close)     => (Over,       Output::Goodbye),
        (_,         Connecting, Close)     => (Over,       Output::Nothing),
        _ => return None,
    })
}
