//! What `nvoctl` and the daemons `nved` and `nvad` say to each other over a Unix socket: one JSON value a line, a [`Request`] in
//! and one [`Reply`] out; for [`Request::Watch`] a reply for each event.
//!
//! - [`client`] speaks to a daemon: for a hypervisor's hooks, an orchestrator, a test.
//! - `daemon` (feature `daemon`) is what a daemon needs around its machine: for an edge or an authority of your own.
//! - [`Port`] is an access port as flags, files and requests say it; [`keys`] reads and makes files of keys; [`clock`] is the
//!   machines' time.
//!
//! ```no_run
//! use nvoctl::{NVED_SOCKET, Reply, Request, client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let port = "vm0,vni=77,mac=52:54:00:77:00:10,ip=192.0.2.10".parse()?;
//! match client::ask(NVED_SOCKET.as_ref(), &Request::Attach(port), None)?.reply {
//!     Reply::Done => println!("attached"),
//!     reply => println!("not attached: {reply:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A script can rely on the exit codes of the program `nvoctl` (feature `command`, on by default):
//!
//! | code | meaning |
//! |---|---|
//! | 0 | it is done; a move is committed |
//! | 1 | it is refused and nothing changed. `attach`: the port is open, and the authority refused a TSI. `migrate`: see its last line |
//! | 2 | the command line is wrong |
//! | 3 | no daemon listens there, or it went away before it answered |
//! | 4 | the move ended aborted: the VM's place is the old NVE |
//! | 5 | timed out; what was asked may still happen |

mod api;
pub mod client;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod keys;
mod port;

pub use api::{Reply, Request, What};
pub use port::{Port, PortError, PortKind, Station};

use std::net::{IpAddr, SocketAddr};

/// The UDP port of the NVE–NVA protocol if no other is configured. It is of the dynamic range.
pub const CONTROL_PORT: u16 = 61_635;

/// Where `nved` listens for `nvoctl` if no other path is configured.
pub const NVED_SOCKET: &str = "/run/nvo3/nved.sock";

/// Where `nvad` listens for `nvoctl` if no other path is configured.
pub const NVAD_SOCKET: &str = "/run/nvo3/nvad.sock";

/// Reads an address of the NVE–NVA protocol: an IP address with a port, or an IP address alone, in brackets or not, for
/// [`CONTROL_PORT`]. `None` if `text` is neither.
pub fn control_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let without_port = || Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, CONTROL_PORT));
    text.parse().ok().or_else(without_port)
}

/// The README's example is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_usual_port_where_none_is_said() {
        let ports =
            ["192.0.2.1", "::1", "[::1]", "192.0.2.1:5", "[::1]:5"].map(|text| control_address(text).unwrap().port());
        assert_eq!(ports, [CONTROL_PORT, CONTROL_PORT, CONTROL_PORT, 5, 5]);
        assert_eq!(["localhost", "[::1", "192.0.2.1:"].map(control_address), [None; 3]);
    }
}
