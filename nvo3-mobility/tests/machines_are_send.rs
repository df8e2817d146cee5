//! Any thread may own a machine, and so may a task that moves from thread to thread.

use nvo3_mobility::edge::{Edge, foreign::ForeignEdge};
use nvo3_mobility::{forwarder::Forwarder, nva::Nva, nve::Nve};

const fn is_send<T: Send + 'static>() {}

/// The compiler checks it: a machine that is not `Send` does not compile here.
#[test]
const fn machines_are_send() {
    is_send::<Edge>();
    is_send::<ForeignEdge>();
    is_send::<Forwarder>();
    is_send::<Nva>();
    is_send::<Nve>();
}
