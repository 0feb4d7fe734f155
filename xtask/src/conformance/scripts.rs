//! The comparisons that are Python scripts, and what their words say.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Ground;
use crate::shell::Profile;

/// Longest that a script may take.
const LIMIT: Duration = Duration::from_mins(15);

/// The vendors' types parse our fixtures.
pub(super) fn fixtures(ground: &Ground<'_>) -> Result<String> {
    let text = said(ground, &mut ground.python("fixtures/provider/check.py"))?;
    let root = ground.shell.root.join("fixtures/provider");
    fixtures_report(&text, replies(&root.join("documented"))? + replies(&root.join("recorded"))?)
}

/// Our client of Tinker beside a service of the official classes.
pub(super) fn tinker(ground: &Ground<'_>) -> Result<String> {
    let ours = ground.shell.example("tinker_check")?;
    let mut command = ground.python("fixtures/provider/fake_tinker.py");
    let text = said(ground, command.arg(ours))?;
    last_after(&text, "fake_tinker: ok, ")
}

/// Inspect on our logs, those of studies among them, and we on its logs.
pub(super) fn inspect(ground: &Ground<'_>) -> Result<String> {
    let program = ground.shell.build("entail", Profile::Debug)?;
    let ours = ground.shell.example("inspect_check")?;
    let mut command = ground.python("fixtures/inspect/check.py");
    let text = said(ground, command.arg(program).arg(ours))?;
    last_after(&text, "inspect: ok, ")
}

/// TRL on our job folders.
pub(super) fn trl(ground: &Ground<'_>) -> Result<String> {
    let ours = ground.shell.example("trl_check")?;
    let mut command = ground.python("fixtures/trl/check.py");
    let text = said(ground, command.arg(ours))?;
    trl_report(&text)
}

/// What a script printed. What one says that failed is passed on.
fn said(ground: &Ground<'_>, command: &mut Command) -> Result<String> {
    let output = ground.capture(command, LIMIT)?;
    if !output.success {
        println!("{}", output.text.trim_end());
    }
    ensure!(output.success, "the script failed; what it said stands above");
    Ok(output.text)
}

/// Number of files in the folders of a folder.
fn replies(folder: &Path) -> Result<usize> {
    let mut n = 0;
    for service in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        n += fs::read_dir(service?.path())?.count();
    }
    Ok(n)
}

/// Lines of a count and of what was counted. Together they count every file.
fn fixtures_report(text: &str, n_files: usize) -> Result<String> {
    let counted = |line: &str| {
        let (count, what) = line.trim_start().split_once(' ')?;
        Some((count.parse::<usize>().ok()?, what.split(':').next()?.to_owned()))
    };
    let counts: Vec<(usize, String)> = text.lines().filter_map(counted).collect();
    let total: usize = counts.iter().map(|(count, _)| count).sum();
    ensure!(total == n_files, "the script counts {total} replies, expected {n_files}");
    let shown: Vec<String> = counts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    Ok(format!("{n_files} replies: {}", shown.join(", ")))
}

/// The last line that begins so, without its beginning.
fn last_after(text: &str, beginning: &str) -> Result<String> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix(beginning));
    Ok(line.with_context(|| format!("the script did not say `{beginning}…`"))?.to_owned())
}

/// One line for each of the three runs.
fn trl_report(text: &str) -> Result<String> {
    let case = |name: &str| Ok(format!("{name}: {}", last_after(text, &format!("trl: {name}: "))?));
    let cases = ["marked", "plain", "two processes"].into_iter().map(case);
    Ok(cases.collect::<Result<Vec<_>>>()?.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Result<String>, expected: Result<&str, &str>) {
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_script_that_parsed_fewer_replies_than_there_are_is_not_believed() {
        let text = "   3 openai.types.Completion\n  12 not parsed: a (404), b (500)\n   1 break their type, as they should: c\n";
        let expected = "16 replies: 3 openai.types.Completion, 12 not parsed, 1 break their type, as they should";
        check(fixtures_report(text, 16), Ok(expected));
        check(fixtures_report(text, 17), Err("the script counts 16 replies, expected 17"));
        check(fixtures_report("", 17), Err("the script counts 0 replies, expected 17"));
    }

    #[test]
    fn a_service_that_does_not_say_that_all_is_well_is_not_believed() {
        check(
            last_after("a warning\nfake_tinker: ok, {'updates': 6}\n", "fake_tinker: ok, "),
            Ok("{'updates': 6}"),
        );
        check(
            last_after("fake_tinker: FAILED\n", "fake_tinker: ok, "),
            Err("the script did not say `fake_tinker: ok, …`"),
        );
    }

    #[test]
    fn all_three_runs_of_trl_must_be_there() {
        let two = "trl: marked: adapter 1e-9\ntrl: plain: adapter 2e-9\n";
        check(trl_report(two), Err("the script did not say `trl: two processes: …`"));
        check(
            trl_report(&format!("{two}trl: two processes: adapter 3e-9\n")),
            Ok("marked: adapter 1e-9; plain: adapter 2e-9; two processes: adapter 3e-9"),
        );
    }
}
