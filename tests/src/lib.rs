//! Tests of the nvo3 suite that cross crates or need the system; see `tests/`.
