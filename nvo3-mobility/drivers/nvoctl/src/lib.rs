//! The protocol between `nvoctl` and the daemons `nved` and `nvad` over a Unix socket. Each line is one JSON value: a [`Request`] of the
//! caller, and one [`Reply`] of the daemon. [`Request::Watch`] gets a reply for each event.
//!
//! - [`client`] speaks to a daemon, for a hypervisor's hooks, an orchestrator or a test.
//! - `daemon` (feature `daemon`) has the parts of a daemon around its machine, for an edge or an authority of your own.
//! - [`Port`] is an access port in the form of flags, files and requests.
//! - [`keys`] reads and makes files of keys, and [`clock`] is the time that the machines are given.
//!
//! ```no_run
//! use nvoctl::{NVED_SOCKET, Reply, Request, client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let port = "vm0,vni=77,mac=52:54:00:77:00:10,ip=192.0.2.10".parse()?;
//! match client::ask(NVED_SOCKET.as_ref(), &Request::Attach(port), None)?.reply {
//!     Reply::Done => println!("attached"),
//!     Reply::Refused { why } => println!("not attached: {why}"),
//!     _ => println!("not the reply to an attach"),
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
//! | 3 | no daemon listens at the socket, or it went away before it answered |
//! | 4 | the move ended aborted: the VM's place is the old NVE |
//! | 5 | timed out; what was asked may still happen |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
pub mod client;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod keys;
mod port;

pub use api::{Reply, Request, What};
pub use port::{Port, PortError, PortKind, Station};

use nvo3_nva_proto::CONTROL_PORT;
use std::net::{IpAddr, SocketAddr};

/// The default path of `nved`'s socket.
pub const NVED_SOCKET: &str = "/run/nvo3/nved.sock";

/// The default path of `nvad`'s socket.
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
