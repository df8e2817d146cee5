//! Explores small worlds of the two tables of a move and says whether an invariant breaks. The last line is fixed: `states N depth D
//! violations V`; the exit code is 1 where V is not 0.

use clap::Parser;
use nvo3_tests::model::case::{CASES, Case};
use nvo3_tests::model::fence::Fence;
use std::process::ExitCode;

/// Explores small worlds of the two tables of a move.
#[derive(Parser)]
struct Flags {
    /// Prints the cases, and the fences with the case that catches the removal of each.
    #[arg(long)]
    list: bool,
    /// Takes a rule away.
    #[arg(long, value_name = "FENCE")]
    without: Option<String>,
    /// Explores to this depth only.
    #[arg(long)]
    depth: Option<usize>,
    /// Ends after about so many steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Walks at random instead, so many times.
    #[arg(long)]
    walks: Option<u64>,
    /// The number of the first walk.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is explored.
    #[arg(required_unless_present = "list")]
    case: Option<String>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.list {
        CASES.iter().for_each(|case| println!("case {}", case.name));
        Fence::ALL.iter().for_each(|(_, fence, case)| println!("fence {fence} {case}"));
        return ExitCode::SUCCESS;
    }
    let name = flags.case.unwrap_or_default();
    let Some(case) = Case::named(&name) else {
        eprintln!("{name} is no case; --list prints them");
        return ExitCode::from(2);
    };
    let without = flags.without.as_deref().map(|name| Fence::named(name).ok_or(name));
    let without = match without.transpose() {
        Ok(without) => without,
        Err(name) => {
            eprintln!("{name} is no fence; --list prints them");
            return ExitCode::from(2);
        }
    };
    let explored = match flags.walks {
        Some(walks) => case.walk(without, flags.seed, walks),
        None => case.explore(without, flags.depth, flags.steps),
    };
    explored.said.iter().for_each(|line| println!("{line}"));
    println!("states {} depth {} violations {}", explored.states, explored.depth, explored.violations);
    if explored.violations == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
