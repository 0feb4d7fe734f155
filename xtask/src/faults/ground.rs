//! The folder in which everything happens, and the program in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use entail_schema::Key;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tempfile::TempDir;

use super::canary;
use crate::child::{Ended, Running};
use crate::shell::{Profile, Shell};

/// Seconds that a child waits for one answer: those that stall do so forever.
const TIMEOUT: &str = "1";

/// Longest any one child may take.
const LIMIT: Duration = Duration::from_mins(30);

/// Where scenarios have their folders.
#[derive(Debug)]
pub(super) struct Ground {
    program: PathBuf,
    folder: TempDir,
    quick: bool,
    n_started: AtomicUsize,
}

impl Ground {
    /// Builds the program and makes a folder.
    pub(super) fn open(shell: &Shell, quick: bool) -> Result<Self> {
        let profile = if quick { Profile::Debug } else { Profile::Release };
        let program = shell.build("entail", profile)?;
        let folder = tempfile::tempdir()?;
        Ok(Self { program, folder, quick, n_started: AtomicUsize::new(0) })
    }

    /// Leaves the folder to whoever wants to see what went wrong.
    pub(super) fn keep(self) {
        eprintln!("faults: files and logs are in {}", self.folder.keep().display());
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether this is the gate's part.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// A size of the whole run, or of the gate's.
    pub(super) fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// A working folder of its own, with a `.env` full of keys.
    pub(super) fn room(&self, name: &str) -> Result<Room<'_>> {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(canary::DOTENV), canary::dotenv())?;
        Ok(Room { ground: self, folder, environment: Vec::new() })
    }
}

/// A working folder in which the program runs.
#[derive(Debug, Clone)]
pub(super) struct Room<'a> {
    pub(super) ground: &'a Ground,
    pub(super) folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// What a capture asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) model: &'a str,
    /// Samples per prompt.
    pub(super) samples: usize,
    /// Only so many prompts of each stance.
    pub(super) limit: Option<usize>,
    pub(super) more: &'a [&'a str],
}

/// Stances of the battery that captures ask, and all its prompts.
pub(super) fn claims() -> (usize, usize) {
    let batteries = entail_data::batteries(&entail_data::WorldText::embedded());
    let claims = batteries.iter().find(|battery| battery.name == entail_data::CLAIMS);
    let claims = claims.expect("the battery of claims is there");
    (claims.stances.len(), claims.stances.iter().map(|stance| stance.prompts.len()).sum())
}

impl<'a> Ask<'a> {
    /// At least so many answers from all prompts of the claims.
    pub(super) fn about(model: &'a str, n: usize) -> Self {
        Self { model, samples: n.div_ceil(claims().1), limit: None, more: &[] }
    }

    /// With these arguments too.
    pub(super) fn with(self, more: &'a [&'a str]) -> Self {
        Self { more, ..self }
    }

    /// How many answers that makes.
    pub(super) fn n(&self) -> usize {
        let (stances, prompts) = claims();
        self.samples * self.limit.map_or(prompts, |limit| limit * stances)
    }
}

impl Room<'_> {
    /// The same room with a variable set for every child. An empty one counts as none.
    #[must_use]
    pub(super) fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// The program with these arguments. Of this process's environment it sees nothing that has to do with models.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.ground.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).env_clear();
        let inherited = ["PATH", "HOME", "TMPDIR", "LANG"];
        command.envs(inherited.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("RUST_BACKTRACE", "1").envs(canary::environment());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The arguments of a capture into `answers.jsonl` and the store of this room.
    pub(super) fn capture(&self, ask: &Ask<'_>) -> Command {
        let samples = ask.samples.to_string();
        let mut command = self.command(&[
            "capture",
            ask.model,
            "--world",
            "--battery",
            "claims",
            "--samples",
            &samples,
        ]);
        command.args(["--out", ANSWERS, "--store", STORE, "--timeout", TIMEOUT]);
        if let Some(limit) = ask.limit {
            command.args(["--limit", &limit.to_string()]);
        }
        command.args(ask.more);
        command
    }

    /// Starts a command; what it prints is kept in this room.
    pub(super) fn start(&self, command: &mut Command) -> Result<Running> {
        let serial = self.ground.n_started.fetch_add(1, Ordering::Relaxed);
        let log = |what: &str| self.folder.join(format!("{serial:03}.{what}"));
        Running::start(command, [log("stdout"), log("stderr")])
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, command: &mut Command) -> Result<Ended> {
        self.start(command)?.finish(LIMIT)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.join(STORE).join("store.db")
    }

    /// Keys in the store, each with how often it stands there.
    pub(super) fn stored(&self) -> Result<BTreeMap<Key, usize>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(self.database(), flags)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        let mut statement = connection.prepare("SELECT key FROM completion")?;
        let keys = statement.query_map([], |row| row.get::<_, [u8; 32]>(0))?;
        count(keys.map(|key| Ok(Key::from_bytes(key?))))
    }

    /// Keys in the file of answers, each with how often it stands there.
    pub(super) fn written(&self) -> Result<BTreeMap<Key, usize>> {
        let text = fs::read_to_string(self.folder.join(ANSWERS)).context(ANSWERS)?;
        count(text.lines().map(|line| {
            let line: Value = serde_json::from_str(line)?;
            let said = line["answer"].as_str().is_some_and(|answer| !answer.is_empty());
            ensure!(said, "a line without an answer: {line}");
            line["key"].as_str().and_then(Key::parse).context("a line without a key")
        }))
    }
}

const ANSWERS: &str = "answers.jsonl";
pub(super) const STORE: &str = "store";

fn count(keys: impl Iterator<Item = Result<Key>>) -> Result<BTreeMap<Key, usize>> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key?).or_default() += 1;
    }
    Ok(counts)
}
