//! A copy of the workspace in which files are changed and put back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use safetensors::SafeTensors;
use tempfile::TempDir;

use super::{Check, Edit};
use crate::shell::{self, Output, Shell};

/// A copy of the workspace.
pub(super) struct Scratch {
    shell: Shell,
    /// A copy of this program: building the workspace may replace the one that runs.
    program: PathBuf,
    /// Removes the copy in the end.
    _folder: TempDir,
}

/// Stands in a target folder that is used for nothing else.
const MARKER: &str = "only-for-break-it";

/// Takes a target folder that is new, empty, or was taken before.
///
/// Cargo tells crates apart by their place *inside* a workspace, and fresh from stale by time alone. In a shared
/// folder it would take what was built from a planted fault for the same crate of the real workspace.
fn reserve(target_dir: &Path) -> Result<PathBuf> {
    fs::create_dir_all(target_dir)?;
    let target_dir = fs::canonicalize(target_dir)?;
    let marker = target_dir.join(MARKER);
    ensure!(
        marker.is_file() || fs::read_dir(&target_dir)?.next().is_none(),
        "{} has been built in: break-it needs a target folder of its own",
        target_dir.display()
    );
    fs::write(marker, "")?;
    Ok(target_dir)
}

/// A file's name and what stood in it.
pub(super) type Original = (&'static str, Vec<u8>);

impl Scratch {
    /// Copies everything that git does not ignore. The target folder lies in the copy unless one is given.
    pub(super) fn copy(from: &Shell, target_dir: Option<&Path>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("xtask");
        fs::copy(std::env::current_exe()?, &program)?;
        let root = folder.path().join("workspace");
        for file in from.tracked_files()? {
            let to = root.join(&file);
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::copy(from.root.join(&file), &to).with_context(|| file.clone())?;
        }
        let target_dir = match target_dir {
            Some(path) => reserve(path)?,
            None => root.join("target"),
        };
        let shell = from.moved(&root, &target_dir);
        // Tidy asks git for the list of files.
        shell::run(shell.command("git").args(["init", "--quiet"]))?;
        Ok(Self { shell, program, _folder: folder })
    }

    /// Makes the changes and returns what they replaced. A change that does not fit is an error.
    pub(super) fn plant(&self, edits: &[Edit]) -> Result<Vec<Original>> {
        let mut originals = Vec::new();
        for edit in edits {
            let path = self.shell.root.join(edit.file());
            let bytes = fs::read(&path).with_context(|| edit.file())?;
            fs::write(&path, edit.apply(&bytes)?)?;
            originals.push((edit.file(), bytes));
        }
        Ok(originals)
    }

    /// Puts back what stood there, the last change first.
    pub(super) fn restore(&self, originals: Vec<Original>) -> Result<()> {
        for (file, bytes) in originals.into_iter().rev() {
            fs::write(self.shell.root.join(file), bytes)?;
        }
        Ok(())
    }

    /// Runs a check in the copy.
    pub(super) fn check(&self, check: Check) -> Result<Output> {
        let conformance =
            ["run", "--quiet", "--locked", "-p", "xtask", "--", "conformance", "--skip-install"];
        let mut command = match check {
            // What tidy looks at is data to this program, so it need not be built again.
            Check::Tidy => self.shell.command(&self.program),
            Check::Cargo(_) | Check::Conformance(_) | Check::Faults(_) => {
                self.shell.command("cargo")
            }
        };
        match check {
            Check::Tidy => command.arg("tidy"),
            Check::Cargo(arguments) => command.args(arguments),
            Check::Conformance(part) => command.args(conformance).arg(part),
            Check::Faults(scenario) => command
                .args([
                    "run", "--quiet", "--locked", "-p", "xtask", "--", "faults", "--quick",
                    "--only",
                ])
                .arg(scenario),
        };
        shell::capture(&mut command)
    }
}

impl Edit {
    pub(super) fn file(&self) -> &'static str {
        match self {
            Self::Once { file, .. } | Self::Everywhere { file, .. } | Self::Tensor { file, .. } => {
                file
            }
        }
    }

    /// The file with the change.
    pub(super) fn apply(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let text = || std::str::from_utf8(bytes).with_context(|| self.file());
        match *self {
            Self::Once { file, from, to } => {
                let found = text()?.matches(from).count();
                ensure!(found != 0, "fault no longer applies: {file} does not hold {from:?}");
                ensure!(found == 1, "fault no longer applies: {file} holds {from:?} {found} times");
                Ok(text()?.replace(from, to).into_bytes())
            }
            Self::Everywhere { file, from, to } => {
                let text = text()?;
                ensure!(
                    text.contains(from),
                    "fault no longer applies: {file} does not hold {from:?}"
                );
                Ok(text.replace(from, to).into_bytes())
            }
            Self::Tensor { file, tensor } => {
                let parsed = SafeTensors::deserialize(bytes).with_context(|| file)?;
                let Ok(view) = parsed.tensor(tensor) else {
                    bail!("fault no longer applies: {file} has no tensor {tensor}");
                };
                let start = view.data().as_ptr().addr() - bytes.as_ptr().addr();
                let mut changed = bytes.to_vec();
                // The last byte of a little-endian f32: its sign and the upper part of its exponent.
                changed[start + size_of::<f32>() - 1] ^= 0x80;
                Ok(changed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_folder_that_others_build_in_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [fresh, used] = ["fresh", "used"].map(|name| folder.path().join(name));
        reserve(&fresh).unwrap();
        fs::create_dir_all(fresh.join("debug")).unwrap();
        reserve(&fresh).unwrap();
        fs::create_dir_all(used.join("debug")).unwrap();
        let refused = reserve(&used).unwrap_err().to_string();
        assert!(refused.ends_with("break-it needs a target folder of its own"), "{refused}");
    }
}
