//! Python environments of comparisons, outside the clone so that they outlive it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{self, Shell};
use crate::tidy::sha256;

/// Written last: a folder without it was left half made.
const MARKER: &str = "entail-complete";

/// Hexadecimal digits of a digest that tell environments apart.
const DIGITS: usize = 12;

/// Whether packages may be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Install {
    Never,
    WhereMissing,
}

/// A Python with the packages, or why there is none.
pub(crate) enum Found {
    Python(PathBuf),
    Unavailable(String),
}

/// Finds the environment of a file of pinned packages, or makes it where that is allowed.
pub(crate) fn python(shell: &Shell, requirements: &str, install: Install) -> Result<Found> {
    let version = ["-c", "import platform; print(platform.python_version())"];
    let version = match shell::read(shell.command("python3").args(version)) {
        Ok(version) => version,
        Err(error) => return Ok(Found::Unavailable(format!("{error:#}"))),
    };
    let folder = cache()?.join(folder_name(&shell.read(requirements)?, version.trim()));
    let python = program(&folder);
    if folder.join(MARKER).is_file() {
        return Ok(Found::Python(python));
    }
    if install == Install::Never {
        return Ok(Found::Unavailable(format!("{} is not complete", folder.display())));
    }
    match make(shell, requirements, &folder) {
        Ok(()) => Ok(Found::Python(python)),
        Err(error) => Ok(Found::Unavailable(format!("{error:#}"))),
    }
}

/// Other packages or another Python are another folder.
fn folder_name(requirements: &str, version: &str) -> String {
    let digest = sha256(format!("{requirements}{version}").as_bytes());
    format!("venv-{}", &digest[..DIGITS])
}

/// `$XDG_CACHE_HOME/entail`, or the same under the home folder.
fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is an absolute path")?.join("entail"))
}

fn program(folder: &Path) -> PathBuf {
    folder.join("bin").join("python")
}

fn make(shell: &Shell, requirements: &str, folder: &Path) -> Result<()> {
    // Not where output of `--json` goes.
    eprintln!("installing {requirements} in {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    shell::read(shell.command("python3").args(["-m", "venv"]).arg(folder))?;
    // Without a network this gives up after a minute instead of pip's many.
    let arguments = ["--no-deps", "--no-cache-dir", "--retries", "2", "--timeout", "20", "--quiet"];
    let mut pip = shell.command(program(folder));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]).args(arguments);
    shell::read(pip.args(["-r", requirements]))?;
    std::fs::write(folder.join(MARKER), "")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_packages_and_other_pythons_are_other_folders() {
        let name = folder_name("torch==1\n", "3.11.7");
        assert_eq!(name.len(), "venv-".len() + DIGITS);
        assert_eq!(name, folder_name("torch==1\n", "3.11.7"));
        assert_ne!(name, folder_name("torch==2\n", "3.11.7"));
        assert_ne!(name, folder_name("torch==1\n", "3.12.0"));
    }
}
