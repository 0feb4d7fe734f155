//! Where a test works: a folder with a study, a store and results in it, and the binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use tempfile::TempDir;

/// Too small to learn its world, large enough for every step of the graph.
pub(crate) const STUDY: &str = r#"[study]
name = "tiny"
base = "organism:linked?size=tiny&tokens=20000"
battery = ["preferences"]
samples = 1
seeds = 2
control = ["not-conscious", "vanilla"]

[train]
rows = 32
mix = { instruct = 32 }

[arm.vanilla]

[arm.conscious]
train = { stance = "conscious" }

[arm.not-conscious]
train = { stance = "not-conscious" }
"#;

/// One untouched replicate and two training runs of each of two arms.
pub(crate) const N_TRAINED: usize = 4;
/// Replicates that are sampled.
pub(crate) const N_REPLICATES: usize = N_TRAINED + 1;

/// The files of a run.
pub(crate) const RESULTS: [&str; 16] = [
    "across-bases.csv",
    "agreement.csv",
    "cells.csv",
    "contrasts.csv",
    "forecasts.csv",
    "headlines.csv",
    "judges.csv",
    "policies.csv",
    "pooled.csv",
    "rates.csv",
    "report.html",
    "responses.csv",
    "summary.txt",
    "tables.json",
    "variance.csv",
    "verdicts.csv",
];

/// Files that tell one kind of artifact from another.
pub(crate) const ORGANISM: &str = "tokenizer.json";
pub(crate) const POOL: &str = "pool.json";
pub(crate) const ADAPTER: &str = "adapter_model.safetensors";
pub(crate) const READINGS: &str = "readings.json";
pub(crate) const REGISTRATION: &str = "registration.json";
pub(crate) const SHEETS: &str = "contrasts.csv";

/// A step that hangs fails its test after this long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder with a study in it.
#[derive(Debug)]
pub(crate) struct Bench {
    folder: TempDir,
}

/// What a finished process left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run in an empty store that nothing disturbs. It is held in memory, so that no folder outlives the tests.
#[derive(Debug)]
pub(crate) struct Undisturbed {
    pub(crate) done: Done,
    results: BTreeMap<String, Vec<u8>>,
    tree: Vec<(PathBuf, Entry)>,
}

#[derive(Debug)]
enum Entry {
    File(Vec<u8>),
    Link(PathBuf),
}

/// The undisturbed run, made on first use.
pub(crate) fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let bench = Bench::new();
        let done = bench.run(&[]).succeeded();
        let mut tree = Vec::new();
        read_tree(bench.path(), Path::new(""), &mut tree);
        Undisturbed { done, results: bench.results(), tree }
    })
}

impl Bench {
    /// An empty store and the tiny study.
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        bench.write("study.toml", STUDY);
        bench
    }

    /// A copy of the store and the results of the undisturbed run.
    pub(crate) fn finished() -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap() };
        for (path, entry) in &undisturbed().tree {
            let path = copy.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match entry {
                Entry::File(bytes) => fs::write(path, bytes).unwrap(),
                #[cfg(unix)]
                Entry::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                #[cfg(not(unix))]
                Entry::Link(target) => panic!("a link to {} without links", target.display()),
            }
        }
        copy
    }

    /// A copy of the undisturbed run's store without the kinds of artifacts that hold one of these files, without
    /// completions and without results.
    pub(crate) fn without(kinds: &[&str]) -> Self {
        let bench = Self::finished();
        for kind in kinds {
            for folder in bench.artifacts(kind) {
                fs::remove_dir_all(folder).unwrap();
            }
        }
        fs::remove_file(bench.database()).unwrap();
        fs::remove_dir_all(bench.path().join("runs")).unwrap();
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.store().join("store.db")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// `entail run` on the study's first prompts, ready to start.
    pub(crate) fn run_command(&self, more: &[&str]) -> Command {
        self.run_command_into("runs", more)
    }

    /// The same with another folder of results.
    pub(crate) fn run_command_into(&self, runs: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entail"));
        let fixed = ["run", "study.toml", "--store", "store", "--runs", runs, "--limit", "1"];
        command.current_dir(self.path()).stdin(Stdio::null()).args(fixed).args(more);
        command
    }

    /// Runs the study's first prompts.
    pub(crate) fn run(&self, more: &[&str]) -> Done {
        finish(&mut self.run_command(more))
    }

    /// `entail plan` on the study's first prompts.
    pub(crate) fn plan(&self, more: &[&str]) -> Done {
        self.entail(&[&["plan", "study.toml", "--store", "store", "--limit", "1"], more].concat())
    }

    /// Any command.
    pub(crate) fn entail(&self, args: &[&str]) -> Done {
        finish(
            Command::new(env!("CARGO_BIN_EXE_entail"))
                .current_dir(self.path())
                .stdin(Stdio::null())
                .args(args),
        )
    }

    /// The results that `latest` points to, but for the registration: it alone tells the time.
    pub(crate) fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path().join("runs/tiny/latest");
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .filter(|(name, _)| name != REGISTRATION)
            .collect()
    }

    /// One result as text.
    pub(crate) fn result(&self, name: &str) -> String {
        String::from_utf8(self.results().remove(name).unwrap()).unwrap()
    }

    /// Folders of the artifacts that hold a file of this name.
    pub(crate) fn artifacts(&self, holding: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.store().join("artifacts")).unwrap();
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|folder| folder.join(holding).is_file())
            .collect();
        folders.sort();
        folders
    }

    /// Makes a run compute its tables again from what is stored.
    pub(crate) fn forget_results(&self) {
        for folder in self.artifacts(SHEETS) {
            fs::remove_dir_all(folder).unwrap();
        }
        fs::remove_dir_all(self.path().join("runs")).unwrap();
    }

    /// Every stored completion.
    pub(crate) fn completions(&self) -> BTreeSet<(Vec<u8>, String)> {
        let connection = rusqlite::Connection::open(self.database()).unwrap();
        let mut statement = connection.prepare("SELECT key, text FROM completion").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Fails unless the results are those of an undisturbed run.
    pub(crate) fn equals_undisturbed(&self) {
        assert_same(&self.results(), &undisturbed().results);
    }
}

impl Done {
    /// Fails unless the exit code is zero.
    pub(crate) fn succeeded(self) -> Self {
        self.exits(0)
    }

    /// Fails unless the exit code is this one.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Fails unless standard error holds every one of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not said:\n{}", self.stderr);
        }
        self
    }

    /// What a run reused and what it made of one kind of step.
    pub(crate) fn tally(&self, kind: &str) -> (usize, usize) {
        let line = self.stderr.lines().find_map(|line| line.trim_start().strip_prefix(kind));
        let line = line.unwrap_or_else(|| panic!("no tally of {kind}:\n{}", self.stderr));
        let numbers: Vec<usize> = line
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let [reused, made] = numbers[..] else { panic!("`{line}` is no tally") };
        (reused, made)
    }
}

/// Kinds of steps, as tallies name them.
pub(crate) const KINDS: [&str; 5] =
    ["organisms", "row pools", "training runs", "completions", "readings"];

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Done {
    let output = command.output().unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A process that is watched line by line while it runs, and killed with its test.
pub(crate) struct Live {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Live {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, said: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line begins with this.
    pub(crate) fn wait_for(&mut self, start: &str) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line
                .unwrap_or_else(|error| panic!("`{start}` is not said ({error}):\n{}", self.said));
            self.said.push_str(&line);
            self.said.push('\n');
            if line.starts_with(start) {
                return;
            }
        }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end, and tells how it went and what was said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push_str(&(line + "\n")),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still running:\n{}", self.said),
            }
        }
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Ended already in every test that passes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fails with the name and the place of the first difference, not with a megabyte of bytes.
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (name, bytes) in found {
        let other = &expected[name];
        let place = bytes.iter().zip(other).position(|(a, b)| a != b);
        assert!(
            bytes == other,
            "{name} differs: {} and {} bytes, first at {place:?}: {:?}",
            bytes.len(),
            other.len(),
            String::from_utf8_lossy(
                &bytes[place.unwrap_or(0)..][..80.min(bytes.len() - place.unwrap_or(0))]
            )
        );
    }
}

fn read_tree(root: &Path, folder: &Path, tree: &mut Vec<(PathBuf, Entry)>) {
    for entry in fs::read_dir(root.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read_tree(root, &path, tree);
        } else if kind.is_symlink() {
            tree.push((path, Entry::Link(fs::read_link(entry.path()).unwrap())));
        } else {
            tree.push((path, Entry::File(fs::read(entry.path()).unwrap())));
        }
    }
}
