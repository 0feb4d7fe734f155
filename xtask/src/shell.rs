//! Processes, and what the environment says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Where commands run.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    /// Root of the workspace.
    pub(crate) root: PathBuf,
    /// Set for every command beside what is inherited.
    environment: Vec<(&'static str, PathBuf)>,
}

/// How a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// What a command printed and whether it succeeded.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

impl Shell {
    /// At the root of the workspace that the working directory is part of.
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new("cargo");
        command.args(["locate-project", "--workspace", "--message-format", "plain"]);
        let manifest = PathBuf::from(read(&mut command)?.trim_end());
        let root = manifest.parent().context("a manifest lies in a folder")?.to_owned();
        // Incremental artifacts are of no use to a machine that builds once.
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        let environment = ci.then(|| ("CARGO_INCREMENTAL", PathBuf::from("0")));
        Ok(Self { root, environment: environment.into_iter().collect() })
    }

    /// The same environment in a copy of the workspace with a target folder of its own.
    pub(crate) fn moved(&self, root: &Path, target_dir: &Path) -> Self {
        let mut environment = self.environment.clone();
        environment.push(("CARGO_TARGET_DIR", target_dir.to_owned()));
        Self { root: root.to_owned(), environment }
    }

    /// A program at the root. It gets no standard input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `cargo` with these arguments; its output goes where ours does.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<()> {
        run(self.command("cargo").args(arguments))
    }

    /// Builds a package; the program of its name.
    pub(crate) fn build(&self, package: &str, profile: Profile) -> Result<PathBuf> {
        let (name, folder) = match profile {
            // Cargo's own name for it is not that of its folder.
            Profile::Debug => ("dev", "debug"),
            Profile::Release => ("release", "release"),
        };
        self.cargo(&["build", "--profile", name, "--locked", "--quiet", "--package", package])?;
        let program = self.target_folder()?.join(folder).join(package);
        ensure!(program.is_file(), "{} is not there", program.display());
        Ok(program)
    }

    /// Builds an example of the workspace, from what its tests are built of; the program of its name.
    pub(crate) fn example(&self, name: &str) -> Result<PathBuf> {
        self.cargo(&["build", "--locked", "--quiet", "--workspace", "--example", name])?;
        let program = self.target_folder()?.join("debug").join("examples").join(name);
        ensure!(program.is_file(), "{} is not there", program.display());
        Ok(program)
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_folder(&self) -> Result<PathBuf> {
        let query = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
        let metadata: serde_json::Value =
            serde_json::from_str(&read(self.command("cargo").args(query))?)?;
        Ok(metadata["target_directory"].as_str().context("no target folder")?.into())
    }

    /// Files that are tracked, or would be: everything that git does not ignore. Paths are relative to the root.
    pub(crate) fn tracked_files(&self) -> Result<Vec<String>> {
        let list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
        // Git refuses a clone that belongs to another user, which is common in containers. Its code runs anyway.
        let trust = format!("safe.directory={}", self.root.display());
        let mut git = self.command("git");
        let mut files: Vec<String> = read(git.args(["-c", &trust]).args(list))?
            .split('\0')
            // A file that was deleted but not committed is still listed.
            .filter(|file| !file.is_empty() && self.root.join(file).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        ensure!(!files.is_empty(), "git lists no files in {}", self.root.display());
        Ok(files)
    }

    /// Reads a file of the workspace.
    pub(crate) fn read(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(file)).with_context(|| file.to_owned())
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

/// Standard output of a command that must succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed: {}\n{}", output.status, error.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of {command:?}"))
}

/// Everything that a command prints, whether it succeeds or not.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    Ok(Output { success: output.status.success(), text: format!("{out}{error}") })
}
