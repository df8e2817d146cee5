//! Programs that are killed in a move, and the datagrams that this loses.

use super::world::{World, assert_whole, done, say, wait, world};
use nvo3_tests::netns::Answer;
use nvo3_tests::netns::Family::V4;
use std::time::{Duration, Instant};

/// The exit codes of `nvoctl outcome`.
const COMMITTED: i32 = 0;
const ABORTED: i32 = 4;

#[test]
fn an_authority_killed_in_a_move_loses_nothing_and_commits_when_it_is_back() {
    let Some(mut world) = world(V4) else { return };
    let traffic = world.traffic(V4);

    done(&world.prepare(1, 2));
    world.overlay.kill_nvad();
    world.suspend_and_pause(1, 1);
    world.run_at(1, 2);
    wait(500);
    world.overlay.start_nvad();

    done(&world.outcome(1));
    assert_eq!(world.place(), Some(2));
    traffic.end_whole();
}

/// The longest time that the NVA and the old edge may need to undo the move.
const TO_UNDO: Duration = Duration::from_millis(100);

/// Kills the new edge while it holds frames; then `mend` ends the move, and the VM runs on at the old host.
fn the_new_edge_dies(mend: impl FnOnce(&mut World)) {
    let Some(mut world) = world(V4) else { return };
    let traffic = world.traffic(V4);
    world.move_until_paused(1, 1, 2);

    let asked = Instant::now();
    let held = usize::try_from(world.overlay.held(2)).unwrap();
    world.overlay.kill_nved(2);
    mend(&mut world);
    world.vm.resume_at(0);
    let mended = Instant::now() + TO_UNDO;
    let ended = world.outcome(1);

    assert_eq!(ended.code, ABORTED, "{}", ended.text);
    assert_eq!(world.place(), Some(1));
    let [to_vm, from_vm] = traffic.end();
    assert_whole(&from_vm, "from the VM");
    let before = to_vm.lost.iter().filter(|at| **at < asked).count();
    let meanwhile = to_vm.lost.iter().filter(|at| (asked..mended).contains(at)).count();
    say(&format!(
        "the new edge held {held} before it was killed: {before} of those sent until then are lost, and {meanwhile} of \
         the {} ms after which the VM ran again",
        (mended - TO_UNDO).duration_since(asked).as_millis()
    ));
    assert!(held > 0, "nothing was held");
    // The last datagrams may have been under way.
    assert!(before <= held + 5, "{before} lost, {held} held");
    assert_eq!(to_vm.lost.len(), before + meanwhile, "some were lost after the move was undone");
    assert_eq!(to_vm.duplicated, 0);
}

#[test]
fn a_new_edge_that_restarts_before_activation_loses_what_it_held_and_no_more() {
    the_new_edge_dies(|world| {
        world.overlay.start_nved(2);
        world.overlay.connected(2);
        done(&world.resume(1));
    });
}

#[test]
fn a_new_edge_that_is_fenced_loses_what_it_held_and_no_more() {
    the_new_edge_dies(|world| {
        done(&world.overlay.nvoctl("nvad", &["fence", "2"]));
        done(&world.resume(1));
    });
}

/// A program that is killed and started again at once in a move from host 1 to host 2.
struct Outage {
    who: Who,
    /// The step after which the program is killed.
    after: Step,
    /// The next act of the hypervisors.
    end: End,
    /// The exit code of `nvoctl outcome` that the move must end with.
    ends: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Old,
    New,
    Nva,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Traffic,
    Prepare,
    Suspend,
    Run,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    StartAtTarget,
    ResumeAtSource,
}

/// The longest time for which a program that has just started may lose datagrams.
const TO_RETURN: Duration = Duration::from_millis(100);

#[rustfmt::skip]
const OUTAGES: [Outage; 14] = [
    Outage { who: Who::Old, after: Step::Traffic, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Old, after: Step::Prepare, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Old, after: Step::Suspend, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Old, after: Step::Suspend, end: End::ResumeAtSource, ends: ABORTED },
    Outage { who: Who::Old, after: Step::Run,     end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::New, after: Step::Traffic, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::New, after: Step::Prepare, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::New, after: Step::Suspend, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::New, after: Step::Run,     end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Nva, after: Step::Traffic, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Nva, after: Step::Prepare, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Nva, after: Step::Suspend, end: End::StartAtTarget,  ends: COMMITTED },
    Outage { who: Who::Nva, after: Step::Suspend, end: End::ResumeAtSource, ends: ABORTED },
    Outage { who: Who::Nva, after: Step::Run,     end: End::StartAtTarget,  ends: COMMITTED },
];

/// Repeats a request until it is taken: a program that has just started refuses some requests at first.
fn until_done(word: impl Fn() -> Answer) {
    let deadline = Instant::now() + Duration::from_secs(4);
    loop {
        let answer = word();
        if answer.code == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{}", answer.text);
        wait(10);
    }
}

impl Outage {
    /// Kills the program and starts it again. Gives how many frames it held, and from when to when it was away.
    fn strike(&self, world: &mut World) -> (usize, Instant, Instant) {
        let host = match self.who {
            Who::Old => 1,
            Who::New => 2,
            Who::Nva => {
                let died = Instant::now();
                world.overlay.kill_nvad();
                world.overlay.start_nvad();
                return (0, died, Instant::now());
            }
        };
        if self.who == Who::Old && matches!(self.after, Step::Suspend | Step::Run) {
            world.overlay.nobody_runs_at(host);
        }
        let held = usize::try_from(world.overlay.held(host)).unwrap();
        let died = Instant::now();
        world.overlay.kill_nved(host);
        world.overlay.start_nved(host);
        world.overlay.connected(host);
        if self.who == Who::New && self.after == Step::Run {
            done(&world.resume(host));
        }
        (held, died, Instant::now() + TO_RETURN)
    }

    fn happens(&self) {
        let Some(mut world) = world(V4) else { return };
        let traffic = world.traffic(V4);
        let mut struck = None;

        for step in [Step::Traffic, Step::Prepare, Step::Suspend, Step::Run] {
            match (step, self.end) {
                (Step::Traffic, _) => {}
                (Step::Prepare, _) => until_done(|| world.prepare(1, 2)),
                (Step::Suspend, _) => {
                    until_done(|| world.suspend(1, 1));
                    world.vm.pause();
                    wait(50);
                }
                (Step::Run, End::StartAtTarget) => {
                    until_done(|| world.activate(2, 1));
                    world.vm.resume_at(1);
                }
                (Step::Run, End::ResumeAtSource) => {
                    until_done(|| world.resume(1));
                    world.vm.resume_at(0);
                }
            }
            if step == self.after {
                struck = Some(self.strike(&mut world));
            }
        }
        let (held, died, back) = struck.unwrap();
        let ended = world.outcome(1);
        wait(300);

        let Self { who, after, .. } = self;
        assert_eq!(ended.code, self.ends, "{who:?} after {after:?}: {}", ended.text);
        assert_eq!(world.place(), Some(if self.ends == COMMITTED { 2 } else { 1 }), "{who:?} after {after:?}");
        let directions = traffic.end();
        let overflowed = [1, 2].map(|host| world.overlay.fabric.host(host).overflowed("vm0"));
        for (counted, way) in directions.iter().zip(["to the VM", "from the VM"]) {
            let what = format!("{way}, {who:?} after {after:?}, {:?}, dropped by full taps {overflowed:?}", self.end);
            let lost = |from: Option<Instant>, until: Option<Instant>| {
                let within =
                    |at: &&Instant| from.is_none_or(|from| **at >= from) && until.is_none_or(|until| **at < until);
                counted.lost.iter().filter(within).count()
            };
            let (before, meanwhile, later) =
                (lost(None, Some(died)), lost(Some(died), Some(back)), lost(Some(back), None));
            let away = back.duration_since(died).as_millis();
            say(&format!("{what}: {held} held, {before} of those lost, and {meanwhile} of the next {away} ms"));
            if self.who == Who::Nva {
                assert_whole(counted, &what);
            }
            // The last datagrams may have been under way.
            assert!(before <= held + 5, "{what}: {before} lost, {held} held");
            assert_eq!((later, counted.duplicated), (0, 0), "{what}: lost after it was back, and duplicated");
            let reached = counted.sent.iter().filter(|at| **at > back).count();
            assert!(reached > 100, "{what}: only {reached} sent when it was back");
        }
    }
}

fn outages(of: Who) {
    OUTAGES.iter().filter(|outage| outage.who == of).for_each(Outage::happens);
}

/// Checks VMM-5-01, VMM-7-03.
#[test]
fn an_old_edge_killed_anywhere_in_a_move_loses_what_it_held_and_what_was_sent_to_it() {
    outages(Who::Old);
}

/// Checks VMM-5-01, VMM-7-03.
#[test]
fn a_new_edge_killed_anywhere_in_a_move_loses_what_it_held_and_what_was_sent_to_it() {
    outages(Who::New);
}

/// Checks VMM-6-03, VMM-7-03.
#[test]
fn an_authority_killed_anywhere_in_a_move_loses_nothing() {
    outages(Who::Nva);
}
