//! The states of a session as a table (SPEC.md §7).

use super::DownReason;

/// The side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The NVE: it asks for a session, again and again.
    Initiator,
    /// The NVA: it grants a session, and forgets it when the session is over.
    Acceptor,
}

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is no session; Hellos are sent.
    Connecting,
    /// There is a session, and the peer counts as alive.
    Up,
    /// The session is closed and cannot return.
    Over,
}

/// An event that may change the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The HelloAck to the last Hello.
    Granted,
    /// The peer ended the session, or is silent for too long.
    Lost(DownReason),
    /// The owner closes the session.
    Close,
}

/// The work that a row of the table orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Begin both orders anew and report Up.
    Establish,
    /// Forget unacknowledged messages, report Down, ask for a new session.
    DownAndAgain(DownReason),
    /// Forget unacknowledged messages and report Down.
    Down(DownReason),
    /// Send a Goodbye, forget unacknowledged messages and report Down.
    Goodbye,
    /// Do nothing.
    Nothing,
}

/// The table. An input without a row changes nothing.
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
