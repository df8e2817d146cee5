//! An overlay of real programs in network namespaces: `nvad`, three `nved`, a VM that moves, a correspondent, and traffic of
//! real kernel sockets between them. Each part is removed when its value is dropped.
//!
//! ```text
//!  p  correspondent --veth cp0-- h3 --u0--+
//!                                         | u  underlay: a bridge
//!  vm  eth0 (tap) -- [Vm] -+- vm0 h1 --u0-+-- c  nvad
//!                          +- vm0 h2 --u0-+
//! ```
//!
//! [`Fabric`] has the namespaces and links, [`Overlay`] runs the programs on it, [`Vm`] does what a hypervisor does with a VM's
//! interface, [`Flow`] sends numbered datagrams, and [`Burst`] sends as many as the machine can.

mod burst;
mod disk;
mod fabric;
mod flow;
mod namespace;
mod overlay;
mod programs;
mod vm;

pub use burst::{BATCH, Burst, count};
pub use disk::Disk;
pub use fabric::{Fabric, Family, HOSTS, NVA};
pub use flow::{Counted, End, Flow};
pub use namespace::Namespace;
pub use overlay::{Overlay, VNI};
pub use programs::{Answer, Daemon, program};
pub use vm::{Clock, Station, Vm, open_tap};

use std::process::{Command, Stdio};

/// The reason why this machine cannot run these tests; `None` if it can.
pub fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    for (program, flag) in [("ip", "-V"), ("ethtool", "--version")] {
        let found = Command::new(program).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Some(format!("needs the command {program}"));
        }
    }
    if !std::path::Path::new("/dev/net/tun").exists() {
        return Some("needs /dev/net/tun".to_owned());
    }
    Namespace::try_new("probe").err().map(|why| format!("needs the right to make network namespaces: {why}"))
}
