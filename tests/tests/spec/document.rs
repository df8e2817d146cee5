//! The contents of SPEC.md: its examples, its tables and its diagrams.

use nvo3_nva_proto::type_name;
use std::collections::BTreeMap;

pub(crate) const SPEC: &str = include_str!("../../../nvo3-nva-proto/SPEC.md");

/// The titles and bytes of the examples. The text after a semicolon is a comment.
pub(crate) fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let blocks = SPEC.split("```hex ").skip(1).map(|block| block.split_once("\n```").unwrap().0);
    let examples = blocks.map(|block| {
        let (title, rows) = block.split_once('\n').unwrap();
        let digits = rows.lines().filter_map(|row| row.split(';').next()).flat_map(str::split_whitespace);
        (title, digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect())
    });
    examples.collect()
}

/// The names of a registry, by code.
pub(crate) type Registry = BTreeMap<u16, String>;

/// The registries of §5 by their titles, and those of §5.6 by their fields.
pub(crate) fn registries() -> BTreeMap<&'static str, Registry> {
    let sections = SPEC.split("\n### 5.").skip(1).map(|section| section.split("\n## ").next().unwrap());
    let mut all = BTreeMap::new();
    for section in sections {
        let (title, text) = section.split_once('\n').unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
        let rows: Vec<Vec<_>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
        let coded = rows.iter().filter_map(|row| {
            let code = row[0].trim_matches('`');
            let code =
                code.strip_prefix("0x").map_or_else(|| code.parse().ok(), |hex| u16::from_str_radix(hex, 16).ok());
            // A code without a name has its meaning as the name.
            let name = row[1..].iter().find(|name| !name.is_empty())?;
            Some((code?, (*name).to_owned()))
        });
        all.insert(title.split_once(' ').unwrap().1, coded.collect());
        // A cell such as "1 hot, 2 warm (by hand), 3 cold" names the values of a field.
        for row in rows {
            let named = row[1].split(", ").filter_map(|value| {
                let (code, name) = value.split_once(' ')?;
                Some((code.parse().ok()?, name.split(" (").next()?.to_owned()))
            });
            all.entry(row[0]).or_insert_with(|| named.collect());
        }
    }
    all
}

/// The fixed bodies of §6, by message: the names and lengths of the fields, in order.
pub(crate) fn bodies() -> BTreeMap<&'static str, Vec<(&'static str, usize)>> {
    let mut bodies = BTreeMap::new();
    let messages = SPEC.split("\n## 6. ").nth(1).unwrap().split("\n## 7. ").next().unwrap();
    for description in messages.split("\n\n**").skip(1) {
        let Some((start, diagram)) = description.split_once("```text\n24") else { continue };
        if start.contains("```") {
            continue; // the message has no diagram
        }
        let row = diagram.lines().find(|line| line.starts_with('|')).unwrap();
        let cells = row.split('|').filter_map(|cell| cell.trim().strip_suffix(')')?.split_once(" ("));
        let body: Vec<_> = cells.map(|(name, length)| (name, length.parse().unwrap())).collect();
        let words = start.split(|c: char| !c.is_alphanumeric());
        let named = (0..=u8::MAX).filter_map(type_name).collect::<Vec<_>>();
        let first_line = start.lines().next().unwrap().len();
        for name in words.filter(|word| named.contains(word)) {
            let bold = start.starts_with(&format!("{name}**")) || start[..first_line].contains(&format!("**{name}**"));
            if bold {
                bodies.insert(name, body.clone());
            }
        }
    }
    bodies
}
