//! What is printed: JSON lines, or text for people. A reader that has gone ends the command without a word.

use crate::End;
use nvo3_nva_proto::MoveResult;
use nvoctl::Reply;
use serde_json::{Map, Value};
use std::io::{self, Write};

pub(crate) struct Printer {
    json: bool,
    closed: bool,
}

impl Printer {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, closed: false }
    }

    /// Nobody reads any more.
    pub(crate) const fn closed(&self) -> bool {
        self.closed
    }

    /// A reply, and how the command ends if it was the last.
    pub(crate) fn reply(&mut self, reply: &Reply) -> End {
        if self.json {
            self.line(&serde_json::to_string(reply).unwrap_or_default());
        } else {
            match reply {
                Reply::Done => {}
                Reply::Prepared { move_id } => self.line(&format!("{move_id}: the VM may be suspended")),
                Reply::Ended { move_id, result } => self.line(&format!("{move_id}: {}", ended(*result))),
                Reply::Shown(shown) => self.line(&text(shown)),
                Reply::Event { at, what } => self.line(&event(at.0, what)),
                Reply::Refused { why } => self.complain(&format!("refused: {why}")),
            }
        }
        match reply {
            Reply::Refused { .. } => End::Refused,
            Reply::Ended { result: MoveResult::Aborted, .. } => End::Aborted,
            Reply::Ended { result: MoveResult::Unknown, .. } => End::Refused,
            _ => End::Done,
        }
    }

    /// One line of output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end_matches('\n');
        if !line.is_empty() && writeln!(io::stdout(), "{line}").and_then(|()| io::stdout().flush()).is_err() {
            self.closed = true;
        }
    }

    /// What a step of several was and how long it took, in milliseconds.
    pub(crate) fn step(&mut self, name: &str, milliseconds: f64) {
        if self.json {
            self.line(&serde_json::json!({ "step": name, "ms": milliseconds }).to_string());
        } else {
            self.line(&format!("{milliseconds:>10.3} ms  {name}"));
        }
    }

    /// What went wrong, to the other stream.
    pub(crate) fn complain(&self, what: &str) {
        // There is nobody to tell that this is not read either.
        let _ = writeln!(io::stderr(), "nvoctl: {what}");
    }
}

pub(crate) const fn ended(result: MoveResult) -> &'static str {
    match result {
        MoveResult::Committed => "committed",
        MoveResult::Aborted => "aborted",
        MoveResult::Unknown => "not known",
    }
}

/// An object as one line a key, an array of objects as a table.
fn text(shown: &Value) -> String {
    match shown {
        Value::Object(object) => {
            let rows: Vec<Vec<String>> = object.iter().map(|(key, value)| vec![key.clone(), cell(value)]).collect();
            aligned(&rows)
        }
        Value::Array(rows) => {
            let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
            let Some(first) = objects.first() else { return "(none)".to_owned() };
            let mut lines = vec![first.keys().cloned().collect::<Vec<_>>()];
            lines.extend(objects.iter().map(|object| object.values().map(cell).collect()));
            aligned(&lines)
        }
        other => cell(other),
    }
}

fn event(at: u64, what: &Value) -> String {
    let name = what.get("event").map(cell).unwrap_or_default();
    let others = what.as_object().into_iter().flatten().filter(|(key, value)| *key != "event" && !value.is_null());
    let others: Vec<String> = others.map(|(key, value)| format!("{key}={}", cell(value))).collect();
    format!("{:>6}.{:06}  {name}  {}", at / 1_000_000, at % 1_000_000, others.join(" "))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Columns as wide as their widest cell.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_has_a_line_for_each_object() {
        let shown = json!([{ "mac": "02:00:00:00:00:01", "nve": 1 }, { "mac": "02:00:00:00:00:02", "nve": null }]);
        assert_eq!(text(&shown), "mac                nve\n02:00:00:00:00:01  1\n02:00:00:00:00:02  -");
        assert_eq!(text(&json!({ "nve": 1, "ports": ["vm0", "vm1"] })), "nve    1\nports  vm0,vm1");
        assert_eq!(text(&json!([])), "(none)");
    }

    #[test]
    fn an_event_is_a_line() {
        let what = json!({ "event": "state", "from": "here", "move": null, "to": "leaving" });
        assert_eq!(event(12_000_345, &what), "    12.000345  state  from=here to=leaving");
    }
}
