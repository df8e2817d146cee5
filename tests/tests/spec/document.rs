//! What SPEC.md itself says: its examples and its tables.

pub(crate) const SPEC: &str = include_str!("../../../nvo3-nva-proto/SPEC.md");

/// The examples' titles and bytes; what follows a semicolon is for people.
pub(crate) fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let blocks = SPEC.split("```hex ").skip(1).map(|block| block.split_once("\n```").unwrap().0);
    let examples = blocks.map(|block| {
        let (title, rows) = block.split_once('\n').unwrap();
        let digits = rows.lines().filter_map(|row| row.split(';').next()).flat_map(str::split_whitespace);
        (title, digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect())
    });
    examples.collect()
}
