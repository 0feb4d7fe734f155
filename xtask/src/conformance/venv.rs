//! The Python environment of the comparison, outside the clone so that it outlives it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Install;
use crate::shell::{self, Shell};
use crate::tidy::sha256;

const REQUIREMENTS: &str = "tools/requirements-min.txt";

/// Written last: a folder without it was left half made.
const MARKER: &str = "entail-complete";

/// Hexadecimal digits of a digest that tell environments apart.
const DIGITS: usize = 12;

/// A Python with the packages, or why there is none.
pub(super) enum Found {
    Python(PathBuf),
    Unavailable(String),
}

/// Finds the environment, or makes it where that is allowed.
pub(super) fn python(shell: &Shell, install: Install) -> Result<Found> {
    let version = ["-c", "import platform; print(platform.python_version())"];
    let version = match shell::read(shell.command("python3").args(version)) {
        Ok(version) => version,
        Err(error) => return Ok(Found::Unavailable(format!("{error:#}"))),
    };
    let folder = cache()?.join(folder_name(&shell.read(REQUIREMENTS)?, version.trim()));
    let python = folder.join("bin").join("python");
    if folder.join(MARKER).is_file() {
        return Ok(Found::Python(python));
    }
    if install == Install::Never {
        return Ok(Found::Unavailable(format!("{} is not complete", folder.display())));
    }
    match make(shell, &folder, &python) {
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

fn make(shell: &Shell, folder: &Path, python: &Path) -> Result<()> {
    println!("conformance: installing {REQUIREMENTS} in {}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    shell::read(shell.command("python3").args(["-m", "venv"]).arg(folder))?;
    // Without a network this gives up after a minute instead of pip's many.
    let arguments = ["--no-deps", "--no-cache-dir", "--retries", "2", "--timeout", "20", "--quiet"];
    let mut pip = shell.command(python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]).args(arguments);
    shell::read(pip.args(["-r", REQUIREMENTS]))?;
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
