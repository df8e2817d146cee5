//! Simulates moves with random links, times and faults. No run violates an invariant.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use nvo3_mobility::sim::{self, Chance, Fault, Mischief, Params, Path};
use nvo3_nva_proto::Micros;

#[derive(Debug)]
struct World(Params);

impl Arbitrary<'_> for World {
    fn arbitrary(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let seed = u.int_in_range(0..=u32::MAX)?;
        Ok(Self(Params {
            control: Mischief { loss: chance(u, 5)?, duplicate: chance(u, 10)?, reorder: chance(u, 20)? },
            rtt: Micros(u.int_in_range(100..=20_000)?),
            pause: Micros(u.int_in_range(1_000..=100_000)?),
            rate: u.int_in_range(10..=100)?,
            path: *u.choose(&[Path::AB, Path::ABA, Path::ABC])?,
            fault: *u.choose(&[
                None,
                Some(Fault::Abort),
                Some(Fault::NvaRestart),
                Some(Fault::OldRestart),
                Some(Fault::NewRestart),
                Some(Fault::SelfResume),
            ])?,
            fault_at: Some(Micros(u.int_in_range(0..=250_000)?)),
            sync: Micros(u.int_in_range(0..=5_000)?),
            payload: u.int_in_range(16..=256)?,
            late: Option::<u16>::arbitrary(u)?.map(|us| Micros(u64::from(us))),
            ..Params::new(u64::from(seed))
        }))
    }
}

/// A random share of up to this percentage, in millionths.
fn chance(u: &mut Unstructured<'_>, percent: u32) -> arbitrary::Result<Chance> {
    u.int_in_range(0..=percent * 10_000).map(Chance)
}

fuzz_target!(|world: World| {
    let run = sim::run(world.0.clone());
    assert!(run.violations.is_empty(), "{:#?}", run.summary.violations);
    assert_eq!(run.summary.lost, 0);
    assert_eq!(run.summary.duplicated, 0);
});
