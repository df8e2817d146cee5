//! Explores small worlds of the move core, and tells whether an invariant breaks. The last line is `states N depth D violations V`. The
//! exit code is 1 if V is not 0, and 2 if the command line is wrong.

use clap::Parser;
use nvo3_tests::model::case::{CASES, Case};
use nvo3_tests::model::fence::Fence;
use nvo3_tests::say;
use std::process::ExitCode;

/// Explores small worlds of the move core, and tells whether an invariant breaks.
///
/// The exit code is 0 if no invariant breaks, 1 if one breaks, 2 if the command line is wrong.
#[derive(Parser)]
struct Flags {
    /// Print the cases, and each fence with the case that catches its removal.
    #[arg(long)]
    list: bool,
    /// Explore without this fence, a rule of the move core [default: with all fences].
    #[arg(long, value_name = "FENCE")]
    without: Option<String>,
    /// Explore only to this depth, in steps [default: no limit].
    #[arg(long)]
    depth: Option<usize>,
    /// End after about this many steps [default: no limit].
    #[arg(long)]
    steps: Option<usize>,
    /// Walk at random this many times, in place of exploring every step.
    #[arg(long)]
    walks: Option<u64>,
    /// The seed of the first walk.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The case to explore; --list prints the cases.
    #[arg(required_unless_present = "list")]
    case: Option<String>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.list {
        CASES.iter().for_each(|case| say!("case {}", case.name));
        Fence::ALL.iter().for_each(|(_, fence, case)| say!("fence {fence} {case}"));
        return ExitCode::SUCCESS;
    }
    let name = flags.case.unwrap_or_default();
    let Some(case) = Case::named(&name) else {
        eprintln!("model: {name} is no case; --list prints the cases");
        return ExitCode::from(2);
    };
    let without = flags.without.as_deref().map(|name| Fence::named(name).ok_or(name));
    let without = match without.transpose() {
        Ok(without) => without,
        Err(name) => {
            eprintln!("model: {name} is no fence; --list prints the fences");
            return ExitCode::from(2);
        }
    };
    let explored = match flags.walks {
        Some(walks) => case.walk(without, flags.seed, walks),
        None => case.explore(without, flags.depth, flags.steps),
    };
    explored.lines.iter().for_each(|line| say!("{line}"));
    say!("states {} depth {} violations {}", explored.states, explored.depth, explored.violations);
    if explored.violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
