//! Replies as text for people: a table for an array of objects, `key  value` lines for an object, one line for any other reply.

use nvo3_nva_proto::{Instant, MoveResult};
use nvoctl::Reply;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Prints a reply that is not an error.
pub(crate) fn reply(out: &mut impl Write, reply: &Reply) -> io::Result<()> {
    match reply {
        Reply::Shown(value) => shown(out, value),
        Reply::Event { at, what } => event(out, *at, what),
        other => writeln!(out, "{}", sentence(other)),
    }
}

/// The text of a reply that is one line.
pub(crate) fn sentence(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".into(),
        Reply::Prepared { move_id } => format!("prepared: move {}", move_id.0),
        Reply::Ended { move_id, result: MoveResult::Committed } => format!("committed: move {}", move_id.0),
        Reply::Ended { move_id, result: MoveResult::Aborted } => format!("aborted: move {}", move_id.0),
        Reply::Ended { move_id, result: MoveResult::Unknown } => format!("unknown: move {}", move_id.0),
        Reply::Refused { why } => format!("refused: {why}"),
        Reply::Shown(value) => scalar(value),
        Reply::Event { what, .. } => scalar(what),
    }
}

/// The time, the event's name, and its other keys. The time is UTC as in the logs; if the daemon does not say it, seconds of the
/// daemon's CLOCK_MONOTONIC.
fn event(out: &mut impl Write, at: Instant, what: &Value) -> io::Result<()> {
    let name = what.get("event").map_or("event".into(), scalar);
    match what.get("time") {
        Some(time) => write!(out, "{}  {name}", scalar(time))?,
        None => write!(out, "{}.{:06}  {name}", at.0 / 1_000_000, at.0 % 1_000_000)?,
    }
    let others = what.as_object().into_iter().flatten().filter(|(key, _)| !matches!(key.as_str(), "event" | "time"));
    for (key, value) in others {
        let text = scalar(value);
        if text.is_empty() || text.contains(char::is_whitespace) {
            write!(out, " {key}=\"{}\"", text.escape_debug())?;
        } else {
            write!(out, " {key}={text}")?;
        }
    }
    writeln!(out)
}

fn shown(out: &mut impl Write, value: &Value) -> io::Result<()> {
    match value {
        Value::Object(object) => self::object(out, object),
        Value::Array(rows) if rows.is_empty() => writeln!(out, "none"),
        Value::Array(rows) => table(out, rows),
        other => writeln!(out, "{}", scalar(other)),
    }
}

/// Prints an object. Keys of an inner object are joined by dots; an inner table follows under its name.
fn object(out: &mut impl Write, object: &Map<String, Value>) -> io::Result<()> {
    let (mut lines, mut tables) = (Vec::new(), Vec::new());
    flatten("", object, &mut lines, &mut tables);
    let width = lines.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    for (key, value) in lines {
        writeln!(out, "{key:width$}  {}", scalar(value))?;
    }
    for (key, rows) in tables {
        writeln!(out, "\n{key}")?;
        table(out, rows)?;
    }
    Ok(())
}

fn flatten<'a>(
    under: &str,
    object: &'a Map<String, Value>,
    lines: &mut Vec<(String, &'a Value)>,
    tables: &mut Vec<(String, &'a [Value])>,
) {
    for (key, value) in object {
        let key = if under.is_empty() { key.clone() } else { format!("{under}.{key}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(&key, inner, lines, tables),
            Value::Array(rows) if rows.iter().any(Value::is_object) => tables.push((key, rows)),
            _ => lines.push((key, value)),
        }
    }
}

/// Prints a table with a column for each key, in the order of the rows. Numbers are aligned to the right.
fn table(out: &mut impl Write, rows: &[Value]) -> io::Result<()> {
    let mut columns: Vec<&str> = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    if columns.is_empty() {
        return rows.iter().try_for_each(|row| writeln!(out, "{}", scalar(row)));
    }
    let cells = |row: &Value| -> Vec<Cell> { columns.iter().map(|key| Cell::new(row.get(key))).collect() };
    let cells: Vec<Vec<Cell>> = rows.iter().map(cells).collect();
    let head = columns.iter().enumerate().map(|(at, key)| {
        let numeric = cells.iter().filter_map(|row| row.get(at)).any(|cell| cell.numeric);
        Cell { text: key.to_uppercase(), numeric }
    });
    let cells: Vec<Vec<Cell>> = std::iter::once(head.collect()).chain(cells).collect();
    let width = |at: usize| cells.iter().filter_map(|row| row.get(at)).map(Cell::width).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in &cells {
        let mut line = String::new();
        for (Cell { text, numeric }, width) in row.iter().zip(&widths) {
            line += &if *numeric { format!("{text:>width$}  ") } else { format!("{text:<width$}  ") };
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

struct Cell {
    text: String,
    numeric: bool,
}

impl Cell {
    fn new(value: Option<&Value>) -> Self {
        Self { text: value.map_or("-".into(), scalar), numeric: value.is_some_and(Value::is_number) }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A value on one line, without control characters that a terminal would obey.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.contains(char::is_control) => text.escape_debug().to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".into(),
        Value::Array(values) => values.iter().map(scalar).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvo3_nva_proto::MoveId;
    use serde_json::json;

    fn printed(it: &Reply) -> String {
        let mut out = Vec::new();
        reply(&mut out, it).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rows_are_a_table_in_the_order_of_the_daemon() {
        let rows = json!([
            {"vni": 77, "mac": "52:54:00:77:00:10", "ips": ["192.168.77.10", "fd77::10"], "state": "here", "held": 0},
            {"vni": 8, "mac": "52:54:00:08:00:10", "ips": [], "state": "forwarding", "held": 1200, "move": 7},
        ]);

        let expected = "\
VNI  MAC                IPS                     STATE       HELD  MOVE
 77  52:54:00:77:00:10  192.168.77.10,fd77::10  here           0     -
  8  52:54:00:08:00:10  -                       forwarding  1200     7
"
        .replace("0     -\n", "0  -\n");

        assert_eq!(printed(&Reply::Shown(rows)), expected);
    }

    #[test]
    fn an_object_is_lines_then_tables() {
        let object = json!({
            "id": 1, "nva": null, "drops": {"spoofed": 3, "no_entry": 0},
            "ports": [{"name": "vm0"}, {"name": "vm1"}], "locators": ["192.0.2.1"],
        });

        let expected = "\
id              1
nva             -
drops.spoofed   3
drops.no_entry  0
locators        192.0.2.1

ports
NAME
vm0
vm1
";
        assert_eq!(printed(&Reply::Shown(object)), expected);
    }

    #[test]
    fn an_event_is_a_line() {
        let what = json!({"tsi": "52:54:00:77:00:10@77", "event": "moved", "why": "it runs\nthere \u{1b}[2J", "to": 2});

        let line = printed(&Reply::Event { at: Instant(12_000_034), what: what.clone() });

        assert_eq!(line, "12.000034  moved tsi=52:54:00:77:00:10@77 why=\"it runs\\\\nthere \\\\u{1b}[2J\" to=2\n");

        let what = json!({"event": "nve-up", "nve": 1, "time": "2026-11-30T05:29:48.173499Z"});
        let line = printed(&Reply::Event { at: Instant(12_000_034), what });
        assert_eq!(line, "2026-11-30T05:29:48.173499Z  nve-up nve=1\n");
    }

    #[test]
    fn the_rest_is_a_few_words() {
        let ended = |result| Reply::Ended { move_id: MoveId(7), result };
        let cases = [
            (Reply::Done, "done\n"),
            (Reply::Prepared { move_id: MoveId(7) }, "prepared: move 7\n"),
            (ended(MoveResult::Committed), "committed: move 7\n"),
            (ended(MoveResult::Aborted), "aborted: move 7\n"),
            (ended(MoveResult::Unknown), "unknown: move 7\n"),
            (Reply::Refused { why: "no such move".into() }, "refused: no such move\n"),
            (Reply::Shown(json!([])), "none\n"),
            (Reply::Shown(json!([1, 2])), "1\n2\n"),
            (Reply::Shown(json!("so")), "so\n"),
        ];
        for (it, expected) in cases {
            assert_eq!(printed(&it), expected);
        }
    }
}
