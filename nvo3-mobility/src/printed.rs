//! A table of rules as text, for reviewers. A test compares the file beside the code, so each change of a row shows in the diff.

extern crate std;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::Path;

/// One step that was tried: from which state, by which input, under which circumstances, to what.
pub(crate) struct Tried {
    pub(crate) state: &'static str,
    /// The state in words.
    pub(crate) meaning: &'static str,
    pub(crate) input: &'static str,
    /// The circumstances that tell the step from others of the same state and input: a name and a value each.
    pub(crate) when: Vec<(&'static str, &'static str)>,
    /// The next state and the outputs; `None` where there is no row.
    pub(crate) row: Option<(String, String)>,
}

type Values = BTreeMap<&'static str, BTreeSet<&'static str>>;
/// The circumstances of each next state with its outputs; `None` where there is no row.
type Rows<'a> = BTreeMap<Option<(&'a str, &'a str)>, Values>;

/// A Markdown table for each state: a row for each result of an input. The circumstances are named where the result depends on them.
pub(crate) fn render(tried: &[Tried]) -> String {
    let mut states: BTreeMap<(&str, &str), Vec<[String; 4]>> = BTreeMap::new();
    for ((state, meaning, input), (all, rows)) in &cells(tried) {
        for (row, values) in rows {
            let Some((next, outputs)) = row else { continue };
            let named = values.iter().filter(|(name, values)| all.get(*name) != Some(*values));
            let when: Vec<String> = named
                .map(|(name, values)| format!("{name}={}", values.iter().copied().collect::<Vec<_>>().join("/")))
                .collect();
            let line = [(*input).into(), when.join(" "), (*next).into(), (*outputs).into()];
            states.entry((state, meaning)).or_default().push(line);
        }
    }
    let head = ["input", "when", "next state", "outputs"].map(String::from);
    let lines = || states.values().flatten().chain([&head]);
    let width = |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths = [width(0), width(1), width(2), width(3)];
    let mut text = String::new();
    for ((state, meaning), lines) in &states {
        text += &format!("## {state}\n\nThe state in words: {meaning}.\n\n{}", aligned(&head, widths));
        text += &format!("|{}|\n", widths.map(|width| "-".repeat(width + 2)).join("|"));
        text.extend(lines.iter().map(|line| aligned(line, widths)));
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn aligned(line: &[String; 4], widths: [usize; 4]) -> String {
    let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The results of each state and input, with all circumstances that were tried.
fn cells(tried: &[Tried]) -> BTreeMap<(&str, &str, &str), (Values, Rows<'_>)> {
    let mut cells: BTreeMap<_, (Values, Rows<'_>)> = BTreeMap::new();
    for one in tried {
        let (all, rows) = cells.entry((one.state, one.meaning, one.input)).or_default();
        let row = one.row.as_ref().map(|(next, outputs)| (next.as_str(), outputs.as_str()));
        let values_of_row = rows.entry(row).or_default();
        for (name, value) in &one.when {
            all.entry(name).or_default().insert(value);
            values_of_row.entry(name).or_default().insert(value);
        }
    }
    cells
}

/// The number of pairs of a state and an input that have a row under some circumstances, and of those that never have one.
pub(crate) fn count(tried: &[Tried]) -> (usize, usize) {
    let mut cells: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for one in tried {
        *cells.entry((one.state, one.input)).or_default() |= one.row.is_some();
    }
    let with = cells.values().filter(|row| **row).count();
    (with, cells.len() - with)
}

/// Compares the text with a file of this crate, or writes the file if the environment has `UPDATE_TABLES=1`.
pub(crate) fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let changed =
        text.lines().filter(|line| !committed.lines().any(|old| old == *line)).map(|line| format!("+ {line}"));
    let gone = committed.lines().filter(|old| !text.lines().any(|line| line == *old)).map(|old| format!("- {old}"));
    let difference: Vec<String> = gone.chain(changed).collect();
    assert!(
        committed == text,
        "{file} is not the table any more; if it should change, run the tests with UPDATE_TABLES=1 and commit it:\n{}",
        difference.join("\n")
    );
}
