//! What the command line can say.

use crate::values::{move_id, nve_id, stopped_at, time, vni};
use clap::{Args, Parser, Subcommand, ValueEnum};
use nvo3_nva_proto::{Instant, Micros, MoveId, NveId, TsiKey};
use nvo3_wire::{Mac, Vni};
use nvoctl::{NVAD_SOCKET, NVED_SOCKET, Port, Request, What};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon is waited for where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
nvad hears: prepare, outcome, cancel, fence, migrate (at /run/nvo3/nvad.sock).
nved hears: attach, detach, suspend, activate, resume (at /run/nvo3/nved.sock).
Both hear status, show, watch and reload-keys; without --socket nved is asked.

Exit codes:
  0  it is done; a move is committed
  1  refused, and nothing changed (migrate: or what it says last)
  2  the command line is wrong
  3  no daemon there, or it went away before it answered
  4  the move ended aborted: the VM's place is where it was
  5  timed out; what was asked may still happen

With --json each reply is printed as it came, a line each: \"done\", {\"prepared\":{..}}, {\"ended\":{..}}, {\"shown\":..},
{\"event\":{..}} or {\"refused\":{..}}.";

/// Speaks to nved and nvad: attaches ports, orders and follows moves.
#[derive(Debug, Parser)]
#[command(name = "nvoctl", version, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The daemon's socket.
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print each reply as its JSON line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long the whole command may take, such as 500ms or 30s (default 30s; watch: for ever; migrate: each answer of a
    /// daemon).
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Who the daemon is, whom it is connected to, how much there is of what.
    Status,
    /// What the daemon knows.
    Show {
        /// Of what.
        what: Shown,
    },
    /// Events as they come, until the daemon ends.
    Watch,
    /// nved: open an access port. It says that the port exists; `active` in it says that the VM runs here.
    Attach {
        /// NAME,vni=N[,kind=packet|tap][,mac=MAC,ip=IP[,ip=IP]...]...[,trusted][,active]: who may be behind it, each ip of
        /// the mac before it.
        #[arg(value_name = "SPEC")]
        port: Port,
    },
    /// nved: close an access port.
    Detach {
        /// The interface.
        #[arg(value_name = "NAME")]
        port: String,
    },
    /// nvad: plan a move; returns when the VM may be suspended.
    Prepare(Prepare),
    /// nved, the old one: the VM will stop, or has stopped; returns when what comes for it goes to the new NVE.
    Suspend {
        #[command(flatten)]
        whose: Whose,
        /// The move; without, the one in hand.
        #[arg(long = "move", value_name = "ID", value_parser = move_id)]
        move_id: Option<MoveId>,
        /// The VM has stopped already, then: nanoseconds of CLOCK_MONOTONIC, or @SECONDS.FRACTION since 1970. What was
        /// delivered since goes to the new NVE too.
        #[arg(long, value_name = "TIME", value_parser = stopped_at)]
        stopped_at: Option<Instant>,
    },
    /// nved: the VM runs here. With --move the VM may start only once this is done.
    Activate {
        #[command(flatten)]
        whose: Whose,
        /// The move that brings it.
        #[arg(long = "move", value_name = "ID", value_parser = move_id)]
        move_id: Option<MoveId>,
    },
    /// nved, the old one: the VM that was to leave runs on here.
    Resume {
        #[command(flatten)]
        whose: Whose,
    },
    /// nvad: wait for a move's end.
    Outcome {
        /// The move.
        #[arg(value_name = "ID", value_parser = move_id)]
        move_id: MoveId,
    },
    /// nvad: call a move off, unless it is too late.
    Cancel {
        /// The move.
        #[arg(value_name = "ID", value_parser = move_id)]
        move_id: MoveId,
    },
    /// nvad: this NVE will not return and runs nothing any more.
    Fence {
        /// The NVE.
        #[arg(value_name = "NVE", value_parser = nve_id)]
        nve: NveId,
    },
    /// Make a key of an NVE and add it to these files; no daemon is asked.
    ///
    /// Give nvad's file and the NVE's, or copy the line from the one to the other; then `reload-keys` at nvad, then at nved, and
    /// once both have it take the old key's line from both files and reload them again: no message is refused meanwhile. A file that
    /// is not there is made, for its owner alone.
    MakeKey {
        /// The NVE.
        #[arg(long, value_name = "NVE", value_parser = nve_id)]
        nve: NveId,
        /// Where to.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Both: read the file of keys again.
    ReloadKeys,
    /// A whole move from one place: prepare, suspend, STOP, activate, START, outcome.
    ///
    /// STOP stops the VM at the old place and brings its last state to the new one; START starts it there and is run only
    /// once the new nved has accepted that. Give `true` where someone else does it meanwhile. Their output goes to stderr,
    /// and they are never cut short: a VM half copied is worse than a late one.
    ///
    /// Where a step fails before the suspend, the move is called off and the VM runs on. Where one fails after it, nvad is
    /// asked to call the move off and for how it ended: if aborted, the old nved is told that the VM runs on and RESTART is
    /// run (exit code 4); if committed, it was too late and the VM's place is the new NVE; if nvad does not answer, the move
    /// is in doubt, and nothing is started until `nvoctl outcome` tells. A START that fails leaves a committed move and a VM
    /// that does not run, at the new place (exit code 1). nvad calls off what has no end at the deadline, also where this
    /// command is killed.
    Migrate(Migrate),
}

/// What moves, and where to.
#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// The VN.
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// An interface of the VM; repeat it for those that move as one.
    #[arg(long = "mac", value_name = "MAC", required = true)]
    macs: Vec<Mac>,
    /// The new NVE.
    #[arg(long, value_name = "NVE", value_parser = nve_id)]
    to: NveId,
    /// A name for the move that was never used before; nvad finds one where there is none.
    #[arg(long = "move", value_name = "ID", value_parser = move_id)]
    pub(crate) move_id: Option<MoveId>,
    /// Until then the VM runs at the new NVE, or the move is called off.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    deadline: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) prepare: Prepare,
    /// The socket of the nved that the VM leaves; of one on another machine, as `ssh -L` forwards it.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) old: PathBuf,
    /// The socket of the nved that it comes to.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) new: PathBuf,
    /// nvad's socket, as --socket.
    #[arg(long, value_name = "SOCKET", conflicts_with = "socket")]
    nva: Option<PathBuf>,
    /// For `sh -c`: stops the VM and brings its last state over.
    #[arg(long, value_name = "CMD")]
    pub(crate) stop: String,
    /// For `sh -c`: starts the VM at the new place.
    #[arg(long, value_name = "CMD")]
    pub(crate) start: String,
    /// For `sh -c`: lets the VM run on at the old place, whether STOP did its work or failed.
    #[arg(long, value_name = "CMD")]
    pub(crate) restart: Option<String>,
}

/// One interface of a VM.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The VN.
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// The interface; its word stands for all that move with it.
    #[arg(long, value_name = "MAC")]
    mac: Mac,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shown {
    /// Who is where: at nved with state, entry and mapping.
    Tables,
    /// The moves in hand, and the last ones at nvad.
    Moves,
    /// Everything that is counted; drops by reason.
    Counters,
}

impl Flags {
    /// Where the daemon listens.
    pub(crate) fn socket(&self) -> &Path {
        let own = match &self.command {
            Command::Migrate(migrate) => migrate.nva.as_deref(),
            _ => None,
        };
        own.or(self.socket.as_deref()).unwrap_or(Path::new(match self.command {
            Command::Prepare(_)
            | Command::Outcome { .. }
            | Command::Cancel { .. }
            | Command::Fence { .. }
            | Command::Migrate(_) => NVAD_SOCKET,
            _ => NVED_SOCKET,
        }))
    }

    /// How long it may take.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout.or(match self.command {
            Command::Watch => None,
            _ => Some(TIMEOUT),
        })
    }
}

impl Prepare {
    pub(crate) fn tsis(&self) -> impl Iterator<Item = TsiKey> {
        self.macs.iter().map(|mac| TsiKey { vn: self.vni, mac: *mac })
    }

    pub(crate) fn request(&self) -> Request {
        let deadline = Micros(u64::try_from(self.deadline.as_micros()).unwrap_or(u64::MAX));
        Request::Prepare { move_id: self.move_id, tsis: self.tsis().collect(), to: self.to, deadline }
    }
}

impl Whose {
    fn tsi(&self) -> TsiKey {
        TsiKey { vn: self.vni, mac: self.mac }
    }
}

impl Command {
    /// What the daemon is asked, if one is.
    pub(crate) fn request(&self) -> Option<Request> {
        Some(match self {
            Self::Status => Request::Status,
            Self::Show { what: Shown::Tables } => Request::Show(What::Tables),
            Self::Show { what: Shown::Moves } => Request::Show(What::Moves),
            Self::Show { what: Shown::Counters } => Request::Show(What::Counters),
            Self::Watch => Request::Watch,
            Self::Attach { port } => Request::Attach(port.clone()),
            Self::Detach { port } => Request::Detach { port: port.clone() },
            Self::Prepare(prepare) => prepare.request(),
            Self::Suspend { whose, move_id, stopped_at } => {
                Request::Suspend { tsi: whose.tsi(), move_id: *move_id, stopped_at: *stopped_at }
            }
            Self::Activate { whose, move_id } => Request::Activate { tsi: whose.tsi(), move_id: *move_id },
            Self::Resume { whose } => Request::Resume { tsi: whose.tsi() },
            Self::Outcome { move_id } => Request::Outcome { move_id: *move_id },
            Self::Cancel { move_id } => Request::Cancel { move_id: *move_id },
            Self::Fence { nve } => Request::Fence { nve: *nve },
            Self::ReloadKeys => Request::ReloadKeys,
            Self::Migrate(migrate) => migrate.prepare.request(),
            Self::MakeKey { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(line: &str) -> Result<Flags, clap::Error> {
        Flags::try_parse_from(["nvoctl"].into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Flags::command().debug_assert();
    }

    #[test]
    fn a_command_is_a_request_at_a_socket() {
        let (mac, nved, nvad) = (r#"{"vn":77,"mac":"52:54:00:77:00:10"}"#, NVED_SOCKET, NVAD_SOCKET);
        let whose = "--vni 77 --mac 52:54:00:77:00:10";
        let cases = [
            ("status".to_owned(), nved, r#""status""#.to_owned()),
            ("--socket a.sock status".into(), "a.sock", r#""status""#.into()),
            ("show tables".into(), nved, r#"{"show":"tables"}"#.into()),
            ("show moves --socket=a".into(), "a", r#"{"show":"moves"}"#.into()),
            ("show counters".into(), nved, r#"{"show":"counters"}"#.into()),
            ("watch".into(), nved, r#""watch""#.into()),
            (
                "attach vm0,vni=77,trusted".into(),
                nved,
                r#"{"attach":{"name":"vm0","kind":"packet","vni":77,"stations":[],"trusted":true,"active":false}}"#
                    .into(),
            ),
            ("detach vm0".into(), nved, r#"{"detach":{"port":"vm0"}}"#.into()),
            (
                format!("prepare {whose} --to 2"),
                nvad,
                format!(r#"{{"prepare":{{"move_id":null,"tsis":[{mac}],"to":2,"deadline":10000000}}}}"#),
            ),
            (
                format!("prepare {whose} --mac 52:54:00:77:00:10 --to 2 --move 9 --deadline 250ms"),
                nvad,
                format!(r#"{{"prepare":{{"move_id":9,"tsis":[{mac},{mac}],"to":2,"deadline":250000}}}}"#),
            ),
            (
                format!("suspend {whose}"),
                nved,
                format!(r#"{{"suspend":{{"tsi":{mac},"move_id":null,"stopped_at":null}}}}"#),
            ),
            (
                format!("suspend {whose} --move 9 --stopped-at 1999"),
                nved,
                format!(r#"{{"suspend":{{"tsi":{mac},"move_id":9,"stopped_at":1}}}}"#),
            ),
            (format!("activate {whose}"), nved, format!(r#"{{"activate":{{"tsi":{mac},"move_id":null}}}}"#)),
            (format!("activate {whose} --move 9"), nved, format!(r#"{{"activate":{{"tsi":{mac},"move_id":9}}}}"#)),
            (format!("resume {whose}"), nved, format!(r#"{{"resume":{{"tsi":{mac}}}}}"#)),
            ("outcome 9".into(), nvad, r#"{"outcome":{"move_id":9}}"#.into()),
            ("cancel 9".into(), nvad, r#"{"cancel":{"move_id":9}}"#.into()),
            ("fence 2".into(), nvad, r#"{"fence":{"nve":2}}"#.into()),
            (
                format!("migrate {whose} --to 2 --old a --new b --stop true --start true"),
                nvad,
                format!(r#"{{"prepare":{{"move_id":null,"tsis":[{mac}],"to":2,"deadline":10000000}}}}"#),
            ),
            (
                format!("migrate {whose} --to 2 --old a --new b --nva c --stop true --start true --move 9"),
                "c",
                format!(r#"{{"prepare":{{"move_id":9,"tsis":[{mac}],"to":2,"deadline":10000000}}}}"#),
            ),
        ];
        for (line, socket, request) in cases {
            let flags = parsed(&line).unwrap();
            assert_eq!(flags.socket(), Path::new(socket), "{line}");
            assert_eq!(serde_json::to_string(&flags.command.request()).unwrap(), request, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let cases = [
            ("", "Usage"),
            ("status --timeout 0s", "must be more than 0"),
            ("status --timeout 5", "time unit needed"),
            ("show frames", "tables, moves, counters"),
            ("attach vm0,vni=7", "port \"vm0\": mac: missing"),
            ("detach", "<NAME>"),
            ("prepare --vni 7 --to 2", "--mac <MAC>"),
            ("prepare --vni 16777216 --mac 02:00:00:00:00:01 --to 2", "a VNI is a number up to 16777215"),
            ("prepare --vni 7 --mac 02:00 --to 2", "six hex pairs"),
            ("prepare --vni 7 --mac 02:00:00:00:00:01 --to nve2", "invalid digit"),
            ("suspend --vni 7 --mac 02:00:00:00:00:01 --stopped-at yesterday", "neither nanoseconds"),
            ("suspend --vni 7 --mac 02:00:00:00:00:01 --stopped-at 99999999999999999", "in the future"),
            ("suspend --vni 7 --mac 02:00:00:00:00:01 --stopped-at @1700000000000", "in the future"),
            ("suspend --vni 7 --mac 02:00:00:00:00:01 --stopped-at @17e8", "no number of seconds"),
            ("migrate --vni 7 --mac 02:00:00:00:00:01 --to 2 --old a --new b --start true", "--stop <CMD>"),
            ("migrate --vni 7 --mac 02:00:00:00:00:01 --to 2 --old a --new b --stop true", "--start <CMD>"),
            (
                "migrate --vni 7 --mac 02:00:00:00:00:01 --to 2 --old a --new b --stop true --start true --nva c --socket d",
                "cannot be used with",
            ),
        ];
        for (line, said) in cases {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn only_watching_has_no_end() {
        assert_eq!(parsed("watch").unwrap().timeout(), None);
        assert_eq!(parsed("watch --timeout 1m").unwrap().timeout(), Some(Duration::from_secs(60)));
        assert_eq!(parsed("status").unwrap().timeout(), Some(TIMEOUT));
    }
}
