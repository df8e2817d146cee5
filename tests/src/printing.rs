//! Lines on stdout. A reader that closes it, such as `head`, ends the program without a word.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// The exit code of a program that a closed pipe ends, as of one that the signal SIGPIPE ends.
const CLOSED: i32 = 141;

/// Prints a line, for [`say!`](crate::say).
///
/// # Panics
/// If stdout takes nothing, although nobody has closed it.
pub fn line(text: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "stdout: {error}");
        std::process::exit(CLOSED);
    }
}

/// Prints a line as `println!` does, and ends the program without a word if the reader has closed stdout.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::printing::line(format_args!($($text)*)) };
}
