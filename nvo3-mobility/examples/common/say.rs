//! Lines on stdout. A reader that closes it, such as `head`, ends the example without a word.

/// Prints a line as `println!` does. If the reader has closed stdout, the program ends.
macro_rules! say {
    ($($text:tt)*) => {
        if std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{}\n", format_args!($($text)*))).is_err() {
            std::process::exit(0);
        }
    };
}
pub(crate) use say;
