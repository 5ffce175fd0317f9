//! What the commands print: results to standard output, progress and complaints to standard error.

use std::fmt::Display;

/// One line for the reader.
#[expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}

/// One line about what went wrong.
#[expect(clippy::print_stderr, reason = "a command line tool complains on standard error")]
pub(crate) fn complain(text: impl Display) {
    eprintln!("{text}");
}

/// One line about what is being done.
pub(crate) fn progress(text: impl Display) {
    complain(text);
}
