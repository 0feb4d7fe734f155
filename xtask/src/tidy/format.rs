//! Formatting, as rustfmt sees it.

use anyhow::{Result, bail};

use super::Violation;
use crate::shell::{self, Shell};

/// Every place that rustfmt would change.
pub(super) fn check(shell: &Shell) -> Result<Vec<Violation>> {
    let output = shell::capture(shell.command("cargo").args(["fmt", "--all", "--check"]))?;
    let root = format!("{}/", shell.root.display());
    let violations: Vec<Violation> =
        output.text.lines().filter_map(|line| difference(line, &root)).collect();
    if !output.success && violations.is_empty() {
        bail!("cargo fmt failed:\n{}", output.text.trim_end());
    }
    Ok(violations)
}

/// Reads rustfmt's `Diff in FILE:LINE:`.
fn difference(line: &str, root: &str) -> Option<Violation> {
    let place = line.strip_prefix("Diff in ")?.trim_end().trim_end_matches(':');
    let (file, number) = place.rsplit_once(':')?;
    let file = file.strip_prefix(root).unwrap_or(file);
    Some(Violation::at(file, number.parse().ok()?, "not as rustfmt writes it"))
}

#[cfg(test)]
mod tests;
