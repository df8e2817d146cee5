//! Settings that come from flags, from a TOML file, or from both.

use serde::de::{DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt::{self, Display};
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The reason why a file of settings cannot be used. Each error names the file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The system does not let the file be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file is not TOML, or a key or a value in it is not one of these settings.
    #[error("{path}: {error}{}", hint(error))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, the column, and what is wrong there.
        error: toml::de::Error,
    },
}

/// Reads settings from a TOML file. Without a file, each setting has its default.
///
/// # Errors
/// [`SettingsError::Unreadable`] if the system does not let the file be read, [`SettingsError::Malformed`] if it does not hold such
/// settings.
pub fn settings<T: DeserializeOwned + Default>(file: Option<&Path>) -> Result<T, SettingsError> {
    let Some(path) = file else { return Ok(T::default()) };
    let text =
        std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable { path: path.to_owned(), error })?;
    toml::from_str(&text).map_err(|error| SettingsError::Malformed { path: path.to_owned(), error })
}

/// Names the known key that is nearest to an unknown one; empty for another error.
fn hint(error: &toml::de::Error) -> String {
    nearest(error.message()).map(|key| format!("the nearest key is `{key}`")).unwrap_or_default()
}

/// The known key that is nearest to the unknown one. serde names both, in this form: unknown field `a`, expected one of `b`, `c`.
fn nearest(message: &str) -> Option<&str> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    quoted.min_by_key(|key| distance(unknown, key))
}

/// The number of characters to insert, remove or replace to make `to` of `from` (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (n, a) in from.chars().enumerate() {
        let mut left = n + 1;
        let mut above_left = std::mem::replace(row.first_mut().unwrap_or(&mut 0), left);
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            left = (above_left + usize::from(a != b)).min(left + 1).min(*cell + 1);
            above_left = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Deserializes the values of a flag that may be repeated: one string, or an array of strings, each in the flag's form. For
/// `#[serde(deserialize_with = "one_or_many")]`.
///
/// # Errors
/// The key has neither form, or a string is not a value of the flag.
pub fn one_or_many<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(OneOrMany(PhantomData))
}

struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: Display>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        text.parse().map(|value| vec![value]).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(text) = texts.next_element::<String>()? {
            values.push(text.parse().map_err(A::Error::custom)?);
        }
        Ok(values)
    }
}

/// Chooses between flags and file for two settings that exclude each other, such as `keys = FILE` and `trusted-transport`. A flag of
/// the two replaces both settings of the file.
pub fn flags_or_file<T>(flags: (Option<T>, bool), file: (Option<T>, bool)) -> (Option<T>, bool) {
    if flags.0.is_some() || flags.1 { flags } else { file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Two {
        one: u8,
        other: u8,
        #[serde(deserialize_with = "one_or_many")]
        many: Vec<u8>,
    }

    #[test]
    fn a_file_gives_its_settings_or_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            settings::<Two>(Some(&path)).map_err(|error| error.to_string())
        };

        assert_eq!(read("one = 1\nother = 2"), Ok(Two { one: 1, other: 2, many: vec![] }));
        assert_eq!(settings::<Two>(None).unwrap(), Two::default());
        let malformed = read("one = 1\nother = 'x'").unwrap_err();
        assert!(malformed.contains("a.toml: ") && malformed.contains("line 2"), "{malformed}");
        let missing = settings::<Two>(Some(&directory.path().join("b.toml"))).unwrap_err().to_string();
        assert!(missing.contains("b.toml: "), "{missing}");
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        std::fs::write(&path, "one = 1\nothre = 2").unwrap();

        let said = settings::<Two>(Some(&path)).unwrap_err().to_string();

        assert!(said.contains("line 2") && said.contains("unknown field `othre`"), "{said}");
        assert!(said.ends_with("the nearest key is `other`"), "{said}");
        assert_eq!(["kitten", "", "same"].map(|text| distance(text, "sitting")), [3, 7, 6]);
    }

    #[test]
    fn a_key_of_a_repeated_flag_is_one_string_or_an_array_of_them() {
        let read = |text: &str| toml::from_str::<Two>(text).map(|two| two.many).map_err(|error| error.to_string());

        assert_eq!((read("many = '1'"), read("many = ['1', '2']")), (Ok(vec![1]), Ok(vec![1, 2])));
        assert!(read("many = ['1', 'x']").unwrap_err().contains("invalid digit"));
        assert!(read("many = 1").unwrap_err().contains("a string or an array of strings"));
    }

    #[test]
    fn a_flag_takes_the_place_of_both_names() {
        assert_eq!(flags_or_file((None, false), (Some(1), false)), (Some(1), false));
        assert_eq!(flags_or_file((None, true), (Some(1), false)), (None, true));
        assert_eq!(flags_or_file((Some(2), false), (None, true)), (Some(2), false));
    }
}
