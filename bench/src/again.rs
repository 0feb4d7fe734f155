//! A study that is run again, with every answer in its store and its results gone.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::spent;

/// Runs `study.toml` of this folder with this program, after its results were taken out of its store.
pub(crate) fn run(folder: &Path, program: &Path) -> Result<Value> {
    let removed = forget_results(folder)?;
    ensure!(removed == 1, "{removed} results in {}, expected those of one run", folder.display());
    let mut command = Command::new(program);
    command.args(["run", "study.toml", "--store", "store", "--runs", "runs"]).current_dir(folder);
    spent::there(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Removes what is made of answers, and of no answer itself; how often there was such a thing.
fn forget_results(folder: &Path) -> Result<usize> {
    let artifacts = folder.join("store").join("artifacts");
    let mut removed = 0;
    for entry in fs::read_dir(&artifacts).with_context(|| artifacts.display().to_string())? {
        let path = entry?.path();
        if path.join("report.html").is_file() {
            fs::remove_dir_all(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "files are laid out here")]
    fn results_are_forgotten_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for (artifact, file) in [("a", "report.html"), ("b", "readings.json")] {
            let artifact = folder.path().join("store/artifacts").join(artifact);
            fs::create_dir_all(&artifact).unwrap();
            fs::write(artifact.join(file), "").unwrap();
        }
        assert!(run(folder.path(), Path::new("true")).is_ok());
        assert!(folder.path().join("store/artifacts/b").is_dir());
        assert!(
            run(folder.path(), Path::new("true")).is_err(),
            "nothing was there to be made again"
        );
    }
}
