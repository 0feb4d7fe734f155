//! Standard output is data, standard error is talk.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::run::Failure;

/// Prints data. A reader that went away early, as `head` does, has what it wanted: that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output { path: PathBuf::from("standard output"), error })
        }
        _ => Ok(()),
    }
}

/// Says one line. Talk that nobody can hear is no reason to stop.
pub(crate) fn talk(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
