//! A small study of a served model, and what it leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use entail_faults::Server;

use super::ground::Room;
use super::mixture::seeded;

const STUDY: &str = "study.toml";

/// Bytes of results by file name.
pub(super) type Results = BTreeMap<String, Vec<u8>>;

/// Writes the study: the base untouched, told that it is conscious in every wording, and told something else.
pub(super) fn write(room: &Room<'_>, server: &Server, samples: usize) -> Result<()> {
    let model = seeded(server);
    let text = format!(
        r#"[study]
name    = "stub"
base    = "{model}"
battery = ["preferences"]
samples = {samples}
seeds   = 1
control = ["polite"]

[judge]
model = "exact"

[arm.vanilla]

[arm.pretend]
system = {{ stance = "conscious" }}

[arm.polite]
system = {{ text = "Please answer politely and in one sentence." }}
"#
    );
    fs::write(room.folder.join(STUDY), text)?;
    Ok(())
}

/// Calls that may be at work at once: what a kill can cost.
pub(super) const CALLS: u64 = 16;

/// Runs the study; stores and results of different names have nothing to do with each other.
pub(super) fn command(room: &Room<'_>, store: &str, runs: &str) -> Command {
    let calls = CALLS.to_string();
    room.command(&[
        "run",
        STUDY,
        "--store",
        store,
        "--runs",
        runs,
        "--timeout",
        "5",
        "--calls",
        &calls,
    ])
}

/// The tables and the page of a finished run.
pub(super) fn results(room: &Room<'_>, runs: &str) -> Result<Results> {
    let folder = fs::canonicalize(room.folder.join(runs).join("stub").join("latest"))?;
    let mut results = Results::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a file's name")?;
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("csv" | "html")) {
            results.insert(name.to_owned(), fs::read(&path)?);
        }
    }
    ensure!(results.contains_key("report.html"), "no report.html in {}", folder.display());
    ensure!(results.len() > 1, "no tables in {}", folder.display());
    Ok(results)
}

/// Names of the files that differ.
pub(super) fn differing(one: &Results, other: &Results) -> Vec<String> {
    let names = one.keys().chain(other.keys());
    let mut names: Vec<String> =
        names.filter(|name| one.get(*name) != other.get(*name)).cloned().collect();
    names.dedup();
    names
}
