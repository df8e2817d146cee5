use super::*;
use nvo3_mobility::nva::{Book, Plan};
use nvo3_nva_proto::{Micros, MoveId, MoveKind, NveId, Role, Tsi, TsiKey};
use nvo3_wire::{Mac, Vni};
use std::process::Command;
use tempfile::TempDir;

fn key(n: u8) -> TsiKey {
    TsiKey { vn: Vni::new(7).unwrap(), mac: Mac([2, 0, 0, 0, 0, n]) }
}

fn at(generation: u64) -> Version {
    Version { epoch: 300, generation }
}

fn one_of_each() -> Vec<(Version, Record)> {
    let ips = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let (id, deadline) = (MoveId(u64::MAX), Micros::from_secs(5));
    let (nve, old, new, tsis) = (NveId(1), NveId(1), NveId(2), vec![key(1), key(2)]);
    let (tsi, version) = (key(1), Version { epoch: 299, generation: 300 });
    let plan = Plan { id, tsis, old, new, kind: MoveKind::Hot, by_word: true, deadline };
    let all = [
        Record::Registered { tsi: Tsi { key: key(1), ips, role: Role::Unknown }, nve },
        Record::Planned(plan.clone()),
        Record::Committed { id },
        Record::Aborted { id },
        Record::Closed { id },
        Record::Withdrawn { tsi },
        Record::Epoch,
        Record::Rewound { kept: 299 },
        Record::Forgotten { tsi },
        Record::Fenced { nve },
        Record::Returned { nve },
        Record::Frozen { tsi },
        Record::Released { tsi },
        Record::Restored { plan, version },
    ];
    (1..).map(at).zip(all).collect()
}

fn closed(n: u64) -> (Version, Record) {
    (at(n), Record::Closed { id: MoveId(n) })
}

/// Records of earlier versions can be read.
#[test]
fn the_bytes_of_a_record_stay_as_they_are() {
    let written = [
        "ac0200070200000000010200c00002010120010db80000000000000000000000010001",
        "ac0202ffffffffffffffffff0102070200000000010702000000000201020001c096b102",
        "ac0203ffffffffffffffffff01",
        "ac0204ffffffffffffffffff01",
        "ac0205ffffffffffffffffff01",
        "ac020107020000000001",
        "ac0206",
        "ac0207ab02",
        "ac020807020000000001",
        "ac020901",
        "ac020a01",
        "ac020b07020000000001",
        "ac020c07020000000001",
        "ac020dffffffffffffffffff0102070200000000010702000000000201020001c096b102ab02ac02",
    ];

    let hex = |(at, record): (Version, Record)| -> String {
        postcard::to_stdvec(&(at.epoch, record)).unwrap().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(one_of_each().into_iter().map(hex).collect::<Vec<_>>(), written);
}

fn open_in(directory: &TempDir) -> Result<Store, Error> {
    Store::open(directory.path())
}

fn filled() -> TempDir {
    let directory = TempDir::new().unwrap();
    let store = open_in(&directory).unwrap();
    store.append(&(1..=1_000).map(closed).collect::<Vec<_>>()).unwrap();
    directory
}

fn why(result: Result<Store, Error>) -> String {
    result.and_then(|store| store.records()).unwrap_err().to_string()
}

/// Checks I6.
#[test]
fn records_come_back_in_order_each_with_the_epoch_it_was_made_in() {
    let directory = TempDir::new().unwrap();
    let store = open_in(&directory).unwrap();
    assert_eq!(store.records().unwrap(), []);
    let mut last = [closed(256), closed(300)];
    last[1].0.epoch = u32::MAX;
    let first = one_of_each();
    store.append(&last).unwrap();
    store.append(&first).unwrap();
    drop(store);

    let store = open_in(&directory).unwrap();

    assert_eq!(store.records().unwrap(), [first.as_slice(), &last].concat());
}

#[test]
fn what_is_removed_is_gone_and_the_rest_keeps_its_numbers() {
    let directory = filled();
    let store = open_in(&directory).unwrap();
    let odd: Vec<_> = (1..=1_000).step_by(2).map(RecordNo).collect();

    store.remove(&odd).unwrap();
    drop(store);

    let left: Vec<_> = (2..=1_000).step_by(2).map(closed).collect();
    assert_eq!(open_in(&directory).unwrap().records().unwrap(), left);
}

#[test]
fn a_store_that_someone_has_open_is_refused() {
    let directory = TempDir::new().unwrap();
    let _open = open_in(&directory).unwrap();

    let refused = why(open_in(&directory));

    assert!(refused.contains("nva.redb: another process has it open: end that nvad"), "{refused}");
}

#[test]
fn a_store_of_another_format_is_refused() {
    let directory = filled();
    let store = open_in(&directory).unwrap();
    store.write(|transaction| transaction.open_table(META)?.insert("format", 1).map(drop).map_err(Into::into)).unwrap();
    drop(store);

    let refused = why(open_in(&directory));

    assert!(refused.contains("its format is 1, not 2"), "{refused}");
}

/// Something cut the file. It is not taken for a first start.
#[test]
fn an_empty_file_and_a_database_without_tables_are_refused() {
    for make in
        [|path: &Path| drop(fs::File::create(path).unwrap()), |path: &Path| drop(Database::create(path).unwrap())]
    {
        let directory = TempDir::new().unwrap();
        make(&directory.path().join("nva.redb"));

        let refused = why(open_in(&directory));

        assert!(refused.contains("nva.redb: the file is ") && refused.contains("Put a copy in its place"), "{refused}");
    }
}

#[test]
fn what_a_crash_in_the_first_start_left_is_no_obstacle() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("nva.redb.new"), [0; 100]).unwrap();

    assert_eq!(open_in(&directory).unwrap().records().unwrap(), []);
}

#[test]
fn a_database_of_something_else_is_refused() {
    let directory = TempDir::new().unwrap();
    let other = Database::create(directory.path().join("nva.redb")).unwrap();
    let transaction = other.begin_write().unwrap();
    transaction.open_table(RECORDS).unwrap();
    transaction.commit().unwrap();
    drop(other);

    let refused = why(open_in(&directory));

    assert!(refused.contains("the file is damaged"), "{refused}");
}

#[test]
fn a_record_that_makes_no_sense_is_named() {
    let directory = filled();
    let store = open_in(&directory).unwrap();
    let wrong = [99_u8].as_slice();
    store.write(|transaction| transaction.open_table(RECORDS)?.insert(5, wrong).map(drop).map_err(Into::into)).unwrap();

    let refused = store.records().unwrap_err().to_string();

    assert!(refused.contains("the file is damaged (record 5: "), "{refused}");
}

#[test]
fn a_damaged_file_is_refused_and_never_read_as_something_else() {
    let directory = filled();
    let path = directory.path().join("nva.redb");
    let whole = fs::read(&path).unwrap();
    let expected: Vec<_> = (1..=1_000).map(closed).collect();
    let mut refused = 0;
    let cut = [1, 100, 4_096, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec());
    let flipped = (0..64).map(|n| {
        let mut bytes = whole.clone();
        let at = n * whole.len() / 64 + n * 7;
        bytes[at] ^= 0x10;
        bytes
    });
    let garbage = [vec![0xa5; 65_536]];

    for bytes in cut.into_iter().chain(flipped).chain(garbage) {
        fs::write(&path, &bytes).unwrap();
        match open_in(&directory).and_then(|store| store.records()) {
            // What was damaged was not in use.
            Ok(records) => assert_eq!(records, expected),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("nva.redb: "), "{error}");
            }
        }
    }

    assert!(refused >= 6, "{refused} refused");
}

/// Checks I6.
#[test]
fn what_waits_goes_in_one_transaction_and_is_reported_in_order() {
    let directory = TempDir::new().unwrap();
    let mut writer = Writer::start(open_in(&directory).unwrap(), Book::new(8, 8)).unwrap();
    for n in 1..=2_000 {
        assert!(writer.append(at(n), closed(n).1));
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut before, mut counted) = (at(0), WriterCounters::default());
    while before < at(2_000) {
        let progress = runtime.block_on(writer.progressed()).unwrap();
        assert!(progress.upto > before);
        (before, counted) = (progress.upto, progress.counters);
    }
    assert!(counted.records_written == 2_000 && counted.commits < 1_000, "{counted:?}");

    assert!(writer.append(at(2_001), closed(2_001).1));
    writer.finish().unwrap();
    assert_eq!(open_in(&directory).unwrap().records().unwrap().len(), 2_001);
}

/// A change of one of three TSIs, as a journal of a long life has them.
fn change(n: u64) -> (Version, Record) {
    let tsi =
        Tsi { key: key((n % 3) as u8), ips: vec![std::net::Ipv4Addr::from(n as u32).into()], role: Role::Unknown };
    let record = match n % 10 {
        0 => Record::Withdrawn { tsi: tsi.key },
        _ => Record::Registered { tsi, nve: NveId(n % 5) },
    };
    (at(n), record)
}

/// A directory in memory if possible: the test writes much, and no power fails in it.
fn quick_directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn book(records: &[(Version, Record)]) -> Book {
    Book::fold(8, 8, records)
}

/// Writes changes from a number on, and never more than 512 at once: so many wait at most.
fn write_changes(directory: &Path, from: u64, until: u64, mut each: impl FnMut(Progress)) {
    let store = Store::open(directory).unwrap();
    let before = book(&store.records().unwrap());
    let mut writer = Writer::start(store, before).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for first in (from..until).step_by(512) {
        let last = until.min(first + 512) - 1;
        assert!((first..=last).map(change).all(|(at, record)| writer.append(at, record)));
        while let progress = runtime.block_on(writer.progressed()).unwrap()
            && progress.upto < at(last)
        {
            each(progress);
        }
        each(Progress { upto: at(last), ..Progress::default() });
    }
    writer.finish().unwrap();
}

/// Checks I6.
#[test]
fn a_journal_is_shortened_while_it_grows_and_its_file_stays_level() {
    let directory = quick_directory();
    let size = || fs::metadata(directory.path().join("nva.redb")).unwrap().len();
    let (mut early, mut largest) = (0, 0);

    write_changes(directory.path(), 1, 100_001, |progress| {
        if progress.upto < at(20_000) {
            early = early.max(size());
        }
        largest = largest.max(size());
    });

    assert!(largest <= early, "{early} bytes with 20,000 changes, {largest} with 100,000");
    let kept = open_in(&directory).unwrap().records().unwrap();
    assert!(kept.len() < 8_192, "{} records", kept.len());
    assert!(book(&kept) == book(&(1..=100_000).map(change).collect::<Vec<_>>()));
}

/// The test starts itself as another process, which writes until it is killed.
///
/// Checks I6.
#[test]
fn a_crash_while_a_journal_is_shortened_loses_nothing() {
    const DIRECTORY: &str = "NVAD_TEST_STORE";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let last = book(&Store::open(directory.as_ref()).unwrap().records().unwrap()).last();
        return write_changes(directory.as_ref(), last.0 + 1, u64::MAX, |_| {});
    }
    let (directory, mut largest, mut shortened) = (quick_directory(), 0, 0);
    for n in 0..20 {
        let test = "store::tests::a_crash_while_a_journal_is_shortened_loses_nothing";
        let mut writer = Command::new(std::env::current_exe().unwrap());
        let mut writer =
            writer.args(["--exact", test, "--nocapture"]).env(DIRECTORY, directory.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(150 + 37 * n));
        writer.kill().unwrap();
        writer.wait().unwrap();

        let kept = open_in(&directory).unwrap().records().unwrap();
        let last = kept.last().map_or(0, |(at, _)| at.generation);
        assert!(last >= largest, "record {largest} was durable");
        assert!(book(&kept) == book(&(1..=last).map(change).collect::<Vec<_>>()), "after {last} records");
        (largest, shortened) = (last, shortened + usize::from((kept.len() as u64) < last));
    }
    assert!(shortened > 10, "{largest} records, and shortened {shortened} times");
}
