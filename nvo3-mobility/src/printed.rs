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
    pub(crate) input: &'static str,
    /// What tells it from other steps of the same state and input: a name and a value each.
    pub(crate) when: Vec<(&'static str, &'static str)>,
    /// The next state and the outputs; `None` where there is no row.
    pub(crate) row: Option<(String, String)>,
}

type Values = BTreeMap<&'static str, BTreeSet<&'static str>>;
/// The circumstances of each next state with its outputs; `None` where there is no row.
type Rows<'a> = BTreeMap<Option<(&'a str, &'a str)>, Values>;

/// A line for each result of a state and an input; circumstances are named where the result depends on them.
pub(crate) fn render(tried: &[Tried]) -> String {
    let mut cells: BTreeMap<(&str, &str), (Values, Rows<'_>)> = BTreeMap::new();
    for one in tried {
        let (all, rows) = cells.entry((one.state, one.input)).or_default();
        let row = one.row.as_ref().map(|(next, outputs)| (next.as_str(), outputs.as_str()));
        let of_row = rows.entry(row).or_default();
        for (name, value) in &one.when {
            all.entry(name).or_default().insert(value);
            of_row.entry(name).or_default().insert(value);
        }
    }
    let mut text = String::from("state | input | when | next state | outputs\n");
    for ((state, input), (all, rows)) in &cells {
        for (row, values) in rows {
            let Some((next, outputs)) = row else { continue };
            let named = values.iter().filter(|(name, values)| all.get(*name) != Some(*values));
            let when: Vec<String> = named
                .map(|(name, values)| format!("{name}={}", values.iter().copied().collect::<Vec<_>>().join("/")))
                .collect();
            text += &format!("{state} | {input} | {} | {next} | {outputs}\n", when.join(" "));
        }
    }
    text
}

/// How many pairs of a state and an input have a row under some circumstances, and how many never.
pub(crate) fn count(tried: &[Tried]) -> (usize, usize) {
    let mut cells: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for one in tried {
        *cells.entry((one.state, one.input)).or_default() |= one.row.is_some();
    }
    let with = cells.values().filter(|row| **row).count();
    (with, cells.len() - with)
}

/// Compares with a file of this crate, or writes it where the environment says `UPDATE_TABLES=1`.
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
