//! A flood of one tenant, or of a stranger in the underlay, takes no more than a share of the programs: another tenant's registrations,
//! questions and moves take at most twice as long as with the same flood into an interface where nobody listens, and it loses no frame.
//!
//! The flooder sends as fast as it can, and takes a core of this machine either way. Times of one run vary, so medians are compared, and a
//! flood that seems to cost more is measured again, up to [`MOST`] rounds.

use super::flooder::{Flooder, of_a_tenant, of_the_underlay, resolve};
use super::world::{Tenant, Traffic, World, done, say, wait, world_with};
use nvo3_nva_proto::{CONTROL_PORT, Micros, MoveId, MoveResult, NveId, TsiKey};
use nvo3_tests::netns::Family::V4;
use nvo3_tests::netns::{NVA, Namespace, Station, VNI};
use nvo3_wire::{Ipv4, Mac, Vni};
use nvoctl::client::{Client, ask};
use nvoctl::{Reply, Request};
use std::time::{Duration, Instant};

/// The rounds of each flood: a run with the flood and one with the flood into nowhere.
const LEAST: usize = 3;
const MOST: usize = 12;

/// A median below this is as good as any. The programs may be built without optimization, and a turn of a port takes them a millisecond.
/// With floods into nowhere alone, the medians of one run were 1.5 to 8.7 ms for the same work.
const PROMPT: Duration = Duration::from_millis(10);

/// The measurements of each work in a run.
const TIMES: usize = 3;

/// The ports with TSIs that nobody has asked for yet, and the TSIs behind each.
const PORTS: u32 = 3;
const TSIS: u32 = 500;

/// The VN of the tenant that floods.
const EVIL: u32 = 88;

const WORKS: [&str; 3] = ["register", "resolve", "move"];

/// The times that each work took.
type Times = [Vec<Duration>; 3];

struct Stage {
    world: World,
    asking: Tenant,
    /// The namespace of the flooder. Its `eth0` is a port of edge 1, and nobody listens at the end of its `eth1`.
    evil: Tenant,
    /// Hears the events of edge 1.
    watch: Client,
    asked: u32,
    attached: u32,
    moves: u64,
    /// The host of the VM.
    at: u8,
}

impl Stage {
    fn new() -> Option<Self> {
        let (mut asking, mut evil) = (None, None);
        let world = world_with(V4, |overlay| {
            let tenant = |name: &str, port: &str, number| {
                let station = Station::new(number);
                Tenant { namespace: overlay.fabric.tenant(name, 1, port, &station), station }
            };
            (asking, evil) = (Some(tenant("ask", "ask0", 20)), Some(tenant("evil", "evil0", 66)));
        })?;
        let (asking, evil, overlay) = (asking?, evil?, &world.overlay);
        nobody_listens(&evil.namespace, "eth1", overlay.fabric.host(1));
        nobody_listens(overlay.fabric.host(3), "n0", overlay.fabric.host(3));
        let attach = |host: &str, spec: &str| done(&overlay.nvoctl(host, &["attach", spec]));
        attach("h1", &format!("ask0,vni={VNI},{},active", asking.station.spec()));
        attach("h1", &format!("evil0,vni={EVIL},{},active", evil.station.spec()));
        attach("h3", &format!("evil1,vni={EVIL},kind=tap,{},active", Station::new(67).spec()));
        for port in 0..PORTS {
            let stations: String = (0..TSIS).map(|n| format!(",{}", many(port * TSIS + n))).collect();
            attach("h3", &format!("many{port},vni={VNI},kind=tap{stations},active"));
        }
        let mut watch = Client::connect(&overlay.socket("h1"), None).unwrap();
        watch.send(&Request::Watch).unwrap();
        wait(1_000);
        let (asked, attached, moves, at) = (0, 0, 0, 1);
        Some(Self { world, asking, evil, watch, asked, attached, moves, at })
    }

    fn ask(&self, daemon: &str, request: &Request) -> Reply {
        ask(&self.world.overlay.socket(daemon), request, None).unwrap().reply
    }

    /// The time from an attach until the authority has registered the TSI.
    fn register(&mut self) -> Duration {
        self.attached += 1;
        let [.., c, d] = self.attached.to_be_bytes();
        let mac = Mac([2, 0x77, 1, 0, c, d]);
        let spec = format!("new0,vni={VNI},kind=tap,mac={mac},ip=10.9.{c}.{d},active").parse().unwrap();
        let began = Instant::now();

        assert_eq!(self.ask("h1", &Request::Attach(spec)), Reply::Done);
        while !matches!(
            self.watch.receive().unwrap().reply,
            Reply::Event { what, .. } if what["mac"] == mac.to_string() && what["to"] == "here"
        ) {}

        let took = began.elapsed();
        assert_eq!(self.ask("h1", &Request::Detach { port: "new0".into() }), Reply::Done);
        took
    }

    /// The time until a tenant has the answer to its first question for an address.
    fn resolve(&mut self) -> Duration {
        let [.., c, d] = (self.asked % (PORTS * TSIS)).to_be_bytes();
        self.asked += 1;
        resolve(&self.asking, Ipv4([10, 8, c, d]))
    }

    /// The time that the programs take for a move to the other host.
    fn move_once(&mut self) -> Duration {
        self.moves += 1;
        let (from, to) = (self.at, 3 - self.at);
        let (tsi, id) = (TsiKey { vn: Vni::new(VNI).unwrap(), mac: self.world.vm.station.mac }, MoveId(self.moves));
        let (move_id, deadline) = (Some(id), Micros::from_secs(20));
        let mut took = Duration::ZERO;
        let mut step = |daemon: &str, request, reply| {
            let began = Instant::now();
            assert_eq!(self.ask(daemon, &request), reply);
            took += began.elapsed();
        };

        let prepare = Request::Prepare { move_id, tsis: vec![tsi], to: NveId(to.into()), deadline };
        step("nvad", prepare, Reply::Prepared { move_id: id });
        step(&format!("h{from}"), Request::Suspend { tsi, move_id, stopped_at: None }, Reply::Done);
        self.world.vm.pause();
        step(&format!("h{to}"), Request::Activate { tsi, move_id }, Reply::Done);
        self.world.vm.resume_at(usize::from(to) - 1);
        let ended = Reply::Ended { move_id: id, result: MoveResult::Committed };
        step("nvad", Request::Outcome { move_id: id }, ended);
        self.at = to;
        took
    }

    /// Works while a flood goes out of an interface. Gives the frames of the flood in a second.
    fn run(&mut self, at: (bool, &'static str), frames: &[Vec<u8>], times: &mut Times) -> f64 {
        let (of_tenant, interface) = at;
        let namespace = if of_tenant { &self.evil.namespace } else { self.world.overlay.fabric.host(3) };
        let (began, flooder) = (Instant::now(), Flooder::start(namespace, interface, frames.to_vec()));
        wait(200);
        for _ in 0..TIMES {
            times[0].push(self.register());
            times[1].push(self.resolve());
        }
        // There and back: the flooded edge is the old one, and then the new one.
        times[2].push(self.move_once() + self.move_once());
        let sent = flooder.end();
        sent as f64 / began.elapsed().as_secs_f64()
    }

    /// Measures a flood until its medians are low enough. Gives the works that take too long after [`MOST`] rounds.
    fn measure(&mut self, name: &str, at: [(bool, &'static str); 2], frames: &[Vec<u8>]) -> Vec<String> {
        let traffic = Traffic::between(&self.world.vm, &self.world.correspondent, V4);
        let (mut alone, mut flooded) = <(Times, Times)>::default();
        let (mut rate, mut rounds, mut slow) = (0.0, 0, Vec::new());
        while rounds < LEAST || (rounds < MOST && !slow.is_empty()) {
            rounds += 1;
            self.run(at[1], frames, &mut alone);
            rate = self.run(at[0], frames, &mut flooded);
            let pairs = WORKS.iter().zip(alone.iter().zip(&flooded));
            let is_slow =
                |(alone, flooded): (&Vec<Duration>, &Vec<Duration>)| median(flooded) > PROMPT.max(2 * median(alone));
            slow = pairs.filter(|(_, times)| is_slow(*times)).map(|(work, _)| *work).collect();
        }
        let shown: String = alone
            .iter()
            .zip(&flooded)
            .map(|(alone, flooded)| format!(" {:.1} | {:.1} |", millis(median(alone)), millis(median(flooded))))
            .collect();
        say(&format!("| {name} | {rate:.0} |{shown} {rounds} |"));
        traffic.end_whole();
        slow.iter().map(|work| format!("{work} with {name}")).collect()
    }
}

fn say_head() {
    say("| flood | a second | register, ms | flooded | resolve | flooded | two moves | flooded | rounds |");
    say("|---|---|---|---|---|---|---|---|---|");
}

/// A station behind a port at host 3 that nobody has asked for yet.
fn many(n: u32) -> String {
    let [.., c, d] = n.to_be_bytes();
    format!("mac=02:77:08:00:{c:02x}:{d:02x},ip=10.8.{c}.{d}")
}

/// Gives a namespace an interface whose other end, at a host, is up and is no port.
fn nobody_listens(namespace: &Namespace, interface: &str, host: &Namespace) {
    let other = format!("{interface}x");
    namespace.ip(&format!("link add {interface} type veth peer name {other} netns {}", host.name()));
    for (namespace, interface) in [(namespace, interface), (host, &other)] {
        namespace.set(&format!("ipv6/conf/{interface}/disable_ipv6"), "1");
        namespace.ip(&format!("link set {interface} arp off up"));
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Checks I12.
#[test]
fn a_tenant_that_floods_costs_another_one_no_frame_and_at_most_as_much_time_again() {
    let Some(mut stage) = Stage::new() else { return };
    let kinds = of_a_tenant(&stage.evil.station, &Station::new(67));
    say_head();

    let slow: Vec<_> = kinds
        .iter()
        .flat_map(|kind| stage.measure(kind.name, [(true, "eth0"), (true, "eth1")], &kind.frames))
        .collect();

    assert!(slow.is_empty(), "more than twice the time: {slow:?}");
}

/// What nobody can believe comes from the underlay, at the control ports.
///
/// Checks I12, VMM-10-10.
#[test]
fn a_stranger_that_floods_costs_a_tenant_no_frame_and_at_most_as_much_time_again() {
    let Some(mut stage) = Stage::new() else { return };
    let fabric = &stage.world.overlay.fabric;
    let mac = |node: &Namespace| -> Mac {
        let address = node.command("cat").arg("/sys/class/net/u0/address").output().unwrap().stdout;
        String::from_utf8(address).unwrap().trim().parse().unwrap()
    };
    let (here, edge, nva) = (mac(fabric.host(3)), (mac(fabric.host(1)), 1), (mac(&fabric.control), NVA));
    let garbage = |n: u32| [&[0xff; 60], &n.to_be_bytes()[..]].concat();
    let hello = |n: u32| super::bad_input::hello(u64::from(n % 4));
    let guessed = |n: u32| super::bad_input::sealed_by_guess(hello(n));
    type Payload<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    let all: [(&str, (Mac, u8), Payload<'_>); 5] = [
        ("garbage for the NVA", nva, &garbage),
        ("Hellos without seal for the NVA", nva, &hello),
        ("Hellos with a guessed seal for the NVA", nva, &guessed),
        ("garbage for an edge's control", edge, &garbage),
        ("words of the NVA with a guessed seal", edge, &guessed),
    ];
    say_head();

    let mut slow = Vec::new();
    for (name, (to, host), payload) in all {
        let frames = of_the_underlay((here, to), host, CONTROL_PORT, payload);
        slow.extend(stage.measure(name, [(false, "u0"), (false, "n0")], &frames));
    }

    assert!(slow.is_empty(), "more than twice the time: {slow:?}");
}
