//! What a compiler does not see: crate edges, formatting, lists kept by hand, sources, fixture digests.
//!
//! Every violation is listed with its place, not only the first.

use std::fmt;

use anyhow::{Result, bail};

use crate::shell::Shell;

mod digests;
mod documents;
mod edges;
mod format;
mod sources;

pub(crate) use digests::sha256;
pub(crate) use documents::test_command;

/// Something that must be put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    /// One-based; `None` where the whole file is meant.
    line: Option<usize>,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

impl Violation {
    fn whole(file: &str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, what: what.into() }
    }

    fn at(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: Some(line), what: what.into() }
    }
}

type Check = fn(&Shell) -> Result<Vec<Violation>>;

const CHECKS: [(&str, Check); 5] = [
    ("crate edges", edges::check),
    ("formatting", format::check),
    ("documents", documents::check),
    ("sources", sources::check),
    ("fixture digests", digests::check),
];

/// Runs every check and prints what is wrong.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let mut n_violations = 0;
    for (name, check) in CHECKS {
        // A check that cannot run is red like one that found something, and the others still run.
        let violations = check(shell).unwrap_or_else(|error| {
            vec![Violation::whole(name, format!("cannot be checked: {error:#}"))]
        });
        for violation in &violations {
            println!("tidy: {violation}");
        }
        n_violations += violations.len();
    }
    match n_violations {
        0 => println!("tidy: ok ({})", CHECKS.map(|(name, _)| name).join(", ")),
        1 => bail!("tidy: 1 violation"),
        n => bail!("tidy: {n} violations"),
    }
    Ok(())
}
