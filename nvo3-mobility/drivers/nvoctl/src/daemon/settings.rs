//! Settings that come from flags, from a TOML file, or from both.

use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file of settings is not read. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The system does not give it.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is not TOML, or not these settings.
    #[error("{path}: {error}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, the column, and what is wrong there.
        error: toml::de::Error,
    },
}

/// Reads settings from a TOML file; without a file, every setting has its default.
///
/// # Errors
/// The file cannot be read, or it does not say such settings.
pub fn settings<T: DeserializeOwned + Default>(file: Option<&Path>) -> Result<T, SettingsError> {
    let Some(path) = file else { return Ok(T::default()) };
    let text =
        std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable { path: path.to_owned(), error })?;
    toml::from_str(&text).map_err(|error| SettingsError::Malformed { path: path.to_owned(), error })
}

/// One setting that has two names, one with a value and one without, such as `keys = FILE` and `trusted-transport`: what the
/// flags say, or what the file says if the flags say neither.
pub fn flags_or_file<T>(flags: (Option<T>, bool), file: (Option<T>, bool)) -> (Option<T>, bool) {
    if flags.0.is_some() || flags.1 { flags } else { file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Two {
        one: u8,
        other: u8,
    }

    #[test]
    fn a_file_gives_its_settings_or_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            settings::<Two>(Some(&path)).map_err(|error| error.to_string())
        };

        assert_eq!(read("one = 1\nother = 2"), Ok(Two { one: 1, other: 2 }));
        assert_eq!(settings::<Two>(None).unwrap(), Two::default());
        let malformed = read("one = 1\nother = 'x'").unwrap_err();
        assert!(malformed.contains("a.toml: ") && malformed.contains("line 2"), "{malformed}");
        let missing = settings::<Two>(Some(&directory.path().join("b.toml"))).unwrap_err().to_string();
        assert!(missing.contains("b.toml: "), "{missing}");
    }

    #[test]
    fn a_flag_takes_the_place_of_both_names() {
        assert_eq!(flags_or_file((None, false), (Some(1), false)), (Some(1), false));
        assert_eq!(flags_or_file((None, true), (Some(1), false)), (None, true));
        assert_eq!(flags_or_file((Some(2), false), (None, true)), (Some(2), false));
    }
}
