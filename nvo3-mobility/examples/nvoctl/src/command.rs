//! The command line.

use crate::migrate::Order;
use clap::{Args, Parser, Subcommand, ValueEnum};
use nvo3_nva_proto::{Instant, Micros, MoveId, NveId, TsiKey};
use nvo3_wire::{Mac, Vni};
use nvoctl::{NVAD_SOCKET, NVED_SOCKET, Port, Request, What, clock};
use std::path::PathBuf;
use std::time::Duration;

const AFTER_HELP: &str = "\
Exit codes: 0 done (a move: committed), 1 refused, 2 usage, 3 no daemon there or it went away, 4 the move was aborted, 5 no
answer in time (a move: look at its outcome).

A move, step by step, by whoever drives the hypervisors (`migrate` does all of it):
  nvoctl prepare --vni 77 --mac M --to 2 --move 9          the authority; the VM may be suspended when it returns
  nvoctl suspend --vni 77 --mac M --move 9                 the old edge; the VM may stop when it returns
  nvoctl activate --vni 77 --mac M --move 9                the new edge; the VM may start unless it is refused
  nvoctl outcome 9                                         the authority; returns when the move has ended
A VM that runs on at its old place: nvoctl resume --vni 77 --mac M there.";

/// Asks the edge (nved) or the authority (nvad) of this host for something.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The daemon's socket; else that of nvad for prepare, outcome, cancel, fence and migrate, that of nved for the others
    #[arg(long, global = true, value_name = "PATH", env = "NVOCTL_SOCKET")]
    socket: Option<PathBuf>,
    /// Print each reply as a line of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Wait for answers this long in all (watch: for the first connection only)
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Who the daemon is, whom it is connected to, and how much there is of what
    Status,
    /// What the daemon knows
    Show { what: Shown },
    /// Events as they come
    Watch,
    /// nved: open a port, for instance vm0,vni=77,kind=packet|tap,mac=M,ip=A,ip=B,trusted,active. It registers nothing unless
    /// it is active
    Attach { port: Port },
    /// nved: close a port; an interface that nved made goes with it
    Detach { interface: String },
    /// nved: the VM stops here for a move. Returns when what comes for it goes to the new edge
    Suspend {
        #[command(flatten)]
        tsi: Tsi,
        /// The move; else the one in hand
        #[arg(long = "move", value_name = "ID")]
        move_id: Option<u64>,
        /// It has stopped already, then: nanoseconds of CLOCK_MONOTONIC, or @SECONDS of CLOCK_REALTIME with a fraction
        #[arg(long, value_name = "TIME", value_parser = stopped_at)]
        stopped_at: Option<Instant>,
    },
    /// nved: the VM runs here. With a move, it may start only if this is not refused
    Activate {
        #[command(flatten)]
        tsi: Tsi,
        /// The move that brought it
        #[arg(long = "move", value_name = "ID")]
        move_id: Option<u64>,
    },
    /// nved: the VM that was to leave runs on here
    Resume {
        #[command(flatten)]
        tsi: Tsi,
    },
    /// nvad: plan a move. Returns when the VM may be suspended
    Prepare {
        #[command(flatten)]
        tsis: Tsis,
        #[command(flatten)]
        plan: Plan,
    },
    /// nvad: returns when the move has ended
    Outcome { move_id: u64 },
    /// nvad: call a move off, unless it is too late
    Cancel { move_id: u64 },
    /// nvad: this edge will not return and runs nothing any more
    Fence { nve: u64 },
    /// The whole order of a move, from one place
    Migrate(Order),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shown {
    Tables,
    Moves,
    Counters,
}

/// A station's interface.
#[derive(Debug, Args)]
pub(crate) struct Tsi {
    /// Its virtual network
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// Its address
    #[arg(long, value_name = "MAC")]
    mac: Mac,
}

/// All interfaces of a VM that move as one.
#[derive(Debug, Args)]
pub(crate) struct Tsis {
    /// Their virtual network
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// Their addresses; all interfaces of a VM move as one
    #[arg(long, value_name = "MAC", required = true)]
    mac: Vec<Mac>,
}

/// Where to and until when.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The new edge
    #[arg(long, value_name = "NVE")]
    to: u64,
    /// A number never used for a move before; else nvad finds one
    #[arg(long = "move", value_name = "ID")]
    move_id: Option<u64>,
    /// Revoked if the VM does not run there after this long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    deadline: Duration,
}

impl Arguments {
    pub(crate) fn socket(&self) -> PathBuf {
        let default = match self.command {
            Command::Prepare { .. }
            | Command::Outcome { .. }
            | Command::Cancel { .. }
            | Command::Fence { .. }
            | Command::Migrate(_) => NVAD_SOCKET,
            _ => NVED_SOCKET,
        };
        self.socket.clone().unwrap_or_else(|| default.into())
    }
}

impl Command {
    /// What is asked for; `None` for what takes more than one request.
    pub(crate) fn request(&self) -> Option<Request> {
        Some(match self {
            Self::Status => Request::Status,
            Self::Show { what } => Request::Show(match what {
                Shown::Tables => What::Tables,
                Shown::Moves => What::Moves,
                Shown::Counters => What::Counters,
            }),
            Self::Watch => Request::Watch,
            Self::Attach { port } => Request::Attach(port.clone()),
            Self::Detach { interface } => Request::Detach { port: interface.clone() },
            Self::Suspend { tsi, move_id, stopped_at } => {
                Request::Suspend { tsi: tsi.key(), move_id: move_id.map(MoveId), stopped_at: *stopped_at }
            }
            Self::Activate { tsi, move_id } => Request::Activate { tsi: tsi.key(), move_id: move_id.map(MoveId) },
            Self::Resume { tsi } => Request::Resume { tsi: tsi.key() },
            Self::Prepare { tsis, plan } => plan.request(tsis),
            Self::Outcome { move_id } => Request::Outcome { move_id: MoveId(*move_id) },
            Self::Cancel { move_id } => Request::Cancel { move_id: MoveId(*move_id) },
            Self::Fence { nve } => Request::Fence { nve: NveId(*nve) },
            Self::Migrate(_) => return None,
        })
    }
}

impl Tsi {
    const fn key(&self) -> TsiKey {
        TsiKey { vn: self.vni, mac: self.mac }
    }
}

impl Tsis {
    pub(crate) fn keys(&self) -> Vec<TsiKey> {
        self.mac.iter().map(|mac| TsiKey { vn: self.vni, mac: *mac }).collect()
    }
}

impl Plan {
    pub(crate) fn request(&self, tsis: &Tsis) -> Request {
        Request::Prepare {
            move_id: self.move_id.map(MoveId),
            tsis: tsis.keys(),
            to: NveId(self.to),
            deadline: Micros(u64::try_from(self.deadline.as_micros()).unwrap_or(u64::MAX)),
        }
    }
}

fn vni(text: &str) -> Result<Vni, &'static str> {
    text.parse().ok().and_then(Vni::new).ok_or("must be a number of 24 bits")
}

/// Microseconds of CLOCK_MONOTONIC from either form.
fn stopped_at(text: &str) -> Result<Instant, &'static str> {
    let wrong = "must be nanoseconds of CLOCK_MONOTONIC, or @SECONDS.FRACTION of CLOCK_REALTIME";
    let Some(real) = text.strip_prefix('@') else {
        return text.parse().map(|nanoseconds: u64| Instant(nanoseconds / 1_000)).map_err(|_| wrong);
    };
    let (seconds, fraction) = real.split_once('.').unwrap_or((real, "0"));
    let seconds: u64 = seconds.parse().map_err(|_| wrong)?;
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong);
    }
    let micros: u64 = format!("{fraction:0<6}").get(..6).and_then(|six| six.parse().ok()).ok_or(wrong)?;
    let real = seconds.checked_mul(1_000_000).and_then(|seconds| seconds.checked_add(micros)).ok_or(wrong)?;
    Ok(clock::from_realtime(real))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn request(line: &str) -> Request {
        let words = ["nvoctl"].into_iter().chain(line.split(' '));
        Arguments::try_parse_from(words).unwrap().command.request().unwrap()
    }

    #[test]
    fn the_command_line_is_whole() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn words_are_requests() {
        let tsi = TsiKey { vn: Vni::new(77).unwrap(), mac: Mac([2, 0, 0, 0, 0, 1]) };
        let of = "--vni 77 --mac 02:00:00:00:00:01";
        let late = Request::Suspend { tsi, move_id: Some(MoveId(9)), stopped_at: Some(Instant(1_234)) };
        #[rustfmt::skip]
        let table = [
            ("status".to_owned(),                                       Request::Status),
            ("show moves".to_owned(),                                   Request::Show(What::Moves)),
            (format!("suspend {of} --move 9 --stopped-at 1234567"),     late),
            (format!("activate {of}"),                                  Request::Activate { tsi, move_id: None }),
            (format!("resume {of}"),                                    Request::Resume { tsi }),
            (format!("prepare {of} --to 2 --deadline 5s"),              Request::Prepare { move_id: None, tsis: vec![tsi], to: NveId(2), deadline: Micros(5_000_000) }),
            ("fence 2".to_owned(),                                      Request::Fence { nve: NveId(2) }),
        ];

        for (line, wanted) in table {
            assert_eq!(request(&line), wanted, "{line}");
        }
    }

    #[test]
    fn a_stop_time_of_either_clock_is_the_same_instant() {
        let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let text = format!("@{}.{:09}", real.as_secs(), real.subsec_nanos());
        let now = clock::now();

        let told = stopped_at(&text).unwrap();

        assert!(now.0.abs_diff(told.0) < 100_000, "{told:?} {now:?}");
        for wrong in ["", "@", "x", "@1.", "@1.x", "@1.-5", "1.5", "@99999999999999999999"] {
            assert!(stopped_at(wrong).is_err(), "{wrong}");
        }
    }
}
