//! The command line.

use crate::values::{move_id, nve_id, stopped_at, time, vni};
use clap::{Args, Parser, Subcommand, ValueEnum};
use nvo3_nva_proto::{Instant as MachineTime, Micros, MoveId, NveId, TsiKey};
use nvo3_wire::{Mac, Vni};
use nvoctl::{NVAD_SOCKET, NVED_SOCKET, Port, Request, What};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The default of `--timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
TIME is a number and a unit, such as 500ms, 10s or 5m. MAC is such as 02:00:00:00:00:10.

nvad takes: prepare, outcome, cancel, fence, forget, release, migrate (at /run/nvo3/nvad.sock).
nved takes: attach, detach, suspend, activate, resume (at /run/nvo3/nved.sock).
Both take status, show, watch and reload-keys. Without --socket these ask nved.

Example:
  nvoctl attach vm0,vni=77,mac=02:00:00:00:00:10,ip=192.0.2.10,active
  nvoctl --socket /run/nvo3/nvad.sock show tables
  nvoctl migrate --vni 77 --mac 02:00:00:00:00:10 --to 2 --old h1.sock --new h2.sock --stop ./stop-vm --start ./start-vm

Exit codes:
  0  it is done; a move is committed
  1  refused, and nothing changed (attach: the port is open, and the authority refused a TSI; migrate: see its last line)
  2  the command line is wrong
  3  no daemon there, or it went away before it answered
  4  the move ended aborted: the VM's place is where it was
  5  timed out; what was asked may still happen

Files:
  /run/nvo3/nved.sock, /run/nvo3/nvad.sock  the daemons' sockets, mode 0600: nvoctl runs as their owner or as root
  the files of make-key                     mode 0600; make-key makes a file that is not there

Environment:
  nvoctl reads no variable. nved and nvad log to stderr as RUST_LOG says.

With --json each reply is printed as it came, a line each: \"done\", {\"prepared\":{..}}, {\"ended\":{..}}, {\"shown\":..},
{\"event\":{..}} or {\"refused\":{..}}.";

/// Controls nved (an edge) and nvad (the authority) over their Unix sockets: attaches ports, orders moves and follows them.
#[derive(Debug, Parser)]
#[command(name = "nvoctl", version, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The daemon's socket [default: /run/nvo3/nvad.sock for nvad's commands, else /run/nvo3/nved.sock].
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Print each reply as one line of JSON [default: text for people].
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How long the whole command may take; for migrate, how long each answer of a daemon may take [default: 30s; watch: no limit].
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show who the daemon is, whether it is connected, and its main counts.
    Status,
    /// Show what the daemon knows.
    Show {
        /// The part to show.
        what: Shown,
    },
    /// Print events as they come, with the time of day (UTC), until the daemon ends.
    Watch,
    /// nved: open an access port, or change what is attached to it.
    ///
    /// A port that is there gets the stations, addresses and rights of SPEC in place of its own, while its VMs run: an address that is
    /// new is bound, and a station that is missing leaves. Its kind cannot change. nved attaches the port again after its own restart,
    /// until `detach`. If the interface goes away, the port waits five minutes for another one of that name.
    ///
    /// With `active` in SPEC the VM runs here: nved registers its TSIs, and the command waits up to 2s for the authority's answer. Exit
    /// code 0: the TSIs are registered, or the registration is pending, as the output says. Exit code 1 with the port open: the
    /// authority refused a TSI.
    Attach {
        /// NAME,vni=N[,kind=packet|tap][,mac=MAC,ip=IP[,ip=IP]...]...[,shared=MAC,ip=IP[,ip=IP]...]...[,trusted]
        /// [,router-advertisements][,dhcp-server][,learn=N][,learn-within=PREFIX]...[,learn-macs=N][,announce]
        /// [,rarp-server=IP][,no-too-big][,host-may-hear][,active]
        ///
        /// NAME is the interface, N the VNI. kind=packet is a packet socket on an interface that is there, kind=tap a tap that nved
        /// opens or makes [default: packet]. Each mac is a tenant system that may be behind the port, and each ip belongs to the mac
        /// before it. shared: the MAC and the addresses of a virtual router (VRRP), of which the VM is one, or a mac of the port with
        /// addresses that VMs of other MACs have too (see --share of nvad); the port that announced one last has it. trusted: any frame of any source may come in (a gateway or a bridge is behind the port). router-advertisements
        /// and dhcp-server: a tenant system may be a router or a DHCP server for the others. learn: each tenant system may
        /// have N more addresses by its own ARP, Neighbor Discovery and DHCP, and needs no ip [default: 0]. learn-within: only addresses of
        /// this prefix are learned [default: any]. learn-macs: at a trusted port, N tenant systems behind it are learned by
        /// their own ARP, Neighbor Discovery and DHCP [default: 0]. announce: nved announces here each tenant system of the VN that
        /// comes to it, for a legacy segment or a gateway. rarp-server: nved answers RARP requests, and names IP as the server's
        /// address (0.0.0.0: none) [default: it does not]. no-too-big: a sender is
        /// not told that its frame is too long for the underlay. host-may-hear: the host's own stack may have the port's frames too.
        /// active: the VM runs here.
        #[arg(value_name = "SPEC")]
        port: Port,
        /// Do not wait for the authority's answer [default: wait up to 2s].
        #[arg(long)]
        no_wait: bool,
    },
    /// nved: close an access port. nved removes an interface that it made.
    Detach {
        /// The interface's name.
        #[arg(value_name = "NAME")]
        port: String,
    },
    /// nvad: plan a move. It returns when the VM may be suspended.
    Prepare(Prepare),
    /// nved, the old NVE: the VM will stop here, or has stopped. It returns when frames for the VM go to the new NVE.
    Suspend {
        #[command(flatten)]
        whose: Whose,
        /// The move [default: the move in hand].
        #[arg(long = "move", value_name = "ID", value_parser = move_id)]
        move_id: Option<MoveId>,
        /// When the VM stopped, if it has: nanoseconds of CLOCK_MONOTONIC, or @SECONDS.FRACTION since 1970. Frames that were
        /// delivered since then go to the new NVE too [default: the VM has not stopped yet].
        #[arg(long, value_name = "TIME", value_parser = stopped_at)]
        stopped_at: Option<MachineTime>,
    },
    /// nved: the VM runs here. A VM that a move brings may start only once this command (with --move) is done.
    Activate {
        #[command(flatten)]
        whose: Whose,
        /// The move that brings the VM [default: no move brings it].
        #[arg(long = "move", value_name = "ID", value_parser = move_id)]
        move_id: Option<MoveId>,
    },
    /// nved, the old NVE: the VM does not leave and runs on here.
    Resume {
        #[command(flatten)]
        whose: Whose,
    },
    /// nvad: wait until a move has ended. The exit code says how: 0 committed, 4 aborted, 1 unknown.
    Outcome {
        /// The move.
        #[arg(value_name = "ID", value_parser = move_id)]
        move_id: MoveId,
    },
    /// nvad: call a move off, unless it is too late. `outcome` tells how the move ended.
    Cancel {
        /// The move.
        #[arg(value_name = "ID", value_parser = move_id)]
        move_id: MoveId,
    },
    /// nvad: an NVE will not return, and no VM runs there any more.
    Fence {
        /// The NVE.
        #[arg(value_name = "NVE", value_parser = nve_id)]
        nve: NveId,
    },
    /// nvad: take a TSI out of the directory. Where its VM still runs, `activate` or `attach` registers it again.
    Forget {
        #[command(flatten)]
        whose: Whose,
    },
    /// nvad: release a TSI that is frozen because it moved too often without a plan (a duplicate address).
    Release {
        #[command(flatten)]
        whose: Whose,
    },
    /// Make a key for an NVE and add it to these files. No daemon is asked.
    ///
    /// Give nvad's file and the NVE's file, or copy the new line from one to the other. Then `reload-keys` at nvad, and then at nved.
    /// Once both have the new key, remove the line of the old key from both files and reload them again: no message is refused
    /// meanwhile. A file that is not there is made with mode 0600.
    MakeKey {
        /// The NVE.
        #[arg(long, value_name = "NVE", value_parser = nve_id)]
        nve: NveId,
        /// The files that get the key.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Both daemons: read the file of --keys again.
    ReloadKeys,
    /// Do a whole move: prepare, suspend, STOP, activate, START, outcome.
    ///
    /// STOP stops the VM at the old place and brings its last state to the new place. START starts the VM at the new place; it is run
    /// only once the new nved has accepted that. Give `true` for a step that another program does. The output of both goes to
    /// stderr. They have no time limit: a VM half copied is worse than a late one.
    ///
    /// If a step fails before the suspend is done, the move is called off and the VM runs on. If a step fails later, nvad is asked to
    /// call the move off, and how the move ended:
    ///
    /// - aborted (exit code 4): the VM's place is the old NVE. The old nved is told that the VM runs on, and RESTART is run. Without
    ///   RESTART nothing starts the VM: bring its interface back to the old place and start it;
    ///
    /// - committed (exit code 1): it was too late, and the VM's place is the new NVE. START was not run;
    ///
    /// - no answer (exit code 5 or 3): the move is in doubt. Start nothing until `nvoctl outcome` tells the end.
    ///
    /// If START fails, the move is committed and the VM does not run, at the new place (exit code 1). If this command is killed, nvad
    /// calls the move off at its deadline, unless the VM runs at the new place by then.
    Migrate(Migrate),
}

/// A VM and the NVE that it moves to.
#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// The VNI of the VN, up to 16777215.
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// The MAC address of an interface of the VM. Repeat it for interfaces that move as one.
    #[arg(long = "mac", value_name = "MAC", required = true)]
    macs: Vec<Mac>,
    /// The number of the new NVE.
    #[arg(long, value_name = "NVE", value_parser = nve_id)]
    to: NveId,
    /// A number for the move, 1 to 2^63-1, that was never used before [default: nvad chooses one].
    #[arg(long = "move", value_name = "ID", value_parser = move_id)]
    pub(crate) move_id: Option<MoveId>,
    /// If the VM does not run at the new NVE after this time, the move is called off.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    deadline: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) prepare: Prepare,
    /// The socket of the nved that the VM leaves. `ssh -L` forwards the socket of an nved on another machine.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) old: PathBuf,
    /// The socket of the nved that it comes to.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) new: PathBuf,
    /// nvad's socket, the same as --socket [default: /run/nvo3/nvad.sock].
    #[arg(long, value_name = "SOCKET", conflicts_with = "socket")]
    nva: Option<PathBuf>,
    /// A command for `sh -c` that stops the VM and brings its last state to the new place.
    #[arg(long, value_name = "CMD")]
    pub(crate) stop: String,
    /// A command for `sh -c` that starts the VM at the new place.
    #[arg(long, value_name = "CMD")]
    pub(crate) start: String,
    /// A command for `sh -c` that lets the VM run on at the old place after an abort, whether STOP did all of its work or a part of
    /// it [default: nothing is run].
    #[arg(long, value_name = "CMD")]
    pub(crate) restart: Option<String>,
    /// Move too what is behind the VM's ports at the old place: the shared addresses that it has, and the tenant systems that were learned
    /// there (see `shared` and `learn-macs` of `attach`) [default: they stay until they show themselves elsewhere].
    #[arg(long)]
    pub(crate) along: bool,
}

/// One interface of a VM.
#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// The VNI of the VN, up to 16777215.
    #[arg(long, value_name = "N", value_parser = vni)]
    vni: Vni,
    /// The MAC address of one interface. In a move it stands for all that move with it.
    #[arg(long, value_name = "MAC")]
    mac: Mac,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shown {
    /// The TSIs: at nvad where each one is, at nved its state, its mapping, and why the authority refused it.
    Tables,
    /// The moves in hand, and the last ones that ended: at nved 16, with the frames that were held, tunnelled and dropped.
    Moves,
    /// All counters; dropped frames by reason.
    Counters,
}

impl Flags {
    /// The time at which the whole command must be over.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.timeout().and_then(|timeout| Instant::now().checked_add(timeout))
    }

    /// The path of the daemon's socket.
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
            | Command::Forget { .. }
            | Command::Release { .. }
            | Command::Migrate(_) => NVAD_SOCKET,
            _ => NVED_SOCKET,
        }))
    }

    /// The time that the command may take.
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
        self.request_for(self.tsis().collect())
    }

    /// The request to move these TSIs.
    pub(crate) fn request_for(&self, tsis: Vec<TsiKey>) -> Request {
        let deadline = Micros::from_duration_ceil(self.deadline);
        Request::Prepare { move_id: self.move_id, tsis, to: self.to, deadline }
    }
}

impl Whose {
    fn tsi(&self) -> TsiKey {
        TsiKey { vn: self.vni, mac: self.mac }
    }
}

impl Command {
    /// The request to the daemon; `None` if the command asks no daemon.
    pub(crate) fn request(&self) -> Option<Request> {
        Some(match self {
            Self::Status => Request::Status,
            Self::Show { what: Shown::Tables } => Request::Show(What::Tables),
            Self::Show { what: Shown::Moves } => Request::Show(What::Moves),
            Self::Show { what: Shown::Counters } => Request::Show(What::Counters),
            Self::Watch => Request::Watch,
            Self::Attach { port, .. } => Request::Attach(port.clone()),
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
            Self::Forget { whose } => Request::Forget { tsi: whose.tsi() },
            Self::Release { whose } => Request::Release { tsi: whose.tsi() },
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
            (format!("forget {whose}"), nvad, format!(r#"{{"forget":{{"tsi":{mac}}}}}"#)),
            (format!("release {whose}"), nvad, format!(r#"{{"release":{{"tsi":{mac}}}}}"#)),
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
            ("prepare --vni 7 --mac 02:00:00:00:00:01 --to nve2", "the number of an NVE is needed"),
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
