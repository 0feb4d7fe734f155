//! `entail run`: loads a study, runs its plan, writes and prints the results.

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use entail_provider::{CompletionStore, StoreError};
use entail_schema::Key;
use entail_study::{Narrow, Outcome, Plan, Progress, RunError, Shelf, StudyError, Tally, Workshop};

use crate::folder::{FolderShelf, write_whole};
use crate::{RunArgs, StudyArgs};

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The study file is wrong.
    Study { path: PathBuf, error: StudyError },
    /// A file of the user's cannot be read.
    Input { path: PathBuf, error: io::Error },
    /// The store cannot be opened.
    Store { path: PathBuf, error: StoreError },
    /// Results cannot be written.
    Output { path: PathBuf, error: io::Error },
    /// Something failed on the way.
    Run(RunError),
    /// The threads or the signal handler could not be set up.
    Setup(String),
}

impl Failure {
    /// The documented exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Study { .. } | Self::Input { .. } => 2,
            Self::Store { .. } | Self::Run(RunError::Damaged { .. } | RunError::Store(StoreError::Newer { .. })) => 3,
            Self::Run(RunError::Cancelled) => 130,
            Self::Run(_) | Self::Output { .. } | Self::Setup(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = |f: &mut fmt::Formatter<'_>, error: &dyn std::error::Error| {
            write!(f, "{error}")?;
            let mut source = error.source();
            while let Some(cause) = source {
                write!(f, ": {cause}")?;
                source = cause.source();
            }
            Ok(())
        };
        match self {
            Self::Study { path, error } => match error.line {
                Some(line) => write!(f, "{}:{line}: {}", path.display(), error.problem),
                None => write!(f, "{}: {}", path.display(), error.problem),
            },
            Self::Input { path, error } | Self::Output { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Store { path, error } => {
                write!(f, "{}: ", path.display())?;
                chain(f, error)
            }
            Self::Run(error) => chain(f, error),
            Self::Setup(what) => f.write_str(what),
        }
    }
}

/// The opened store.
pub(crate) struct Place {
    pub(crate) shelf: FolderShelf,
    pub(crate) completions: CompletionStore,
}

impl Place {
    pub(crate) fn open(store: &Path) -> Result<Self, Failure> {
        let output = |path: &Path, error| Failure::Output { path: path.to_owned(), error };
        let artifacts = store.join("artifacts");
        let shelf = FolderShelf::open(artifacts.clone()).map_err(|error| output(&artifacts, error))?;
        let path = store.join("store.db");
        let opened = rusqlite::Connection::open(&path).map_err(StoreError::from).and_then(CompletionStore::new);
        let completions = opened.map_err(|error| Failure::Store { path, error })?;
        Ok(Self { shelf, completions })
    }
}

/// Reads and checks a study file.
pub(crate) fn load(args: &StudyArgs) -> Result<Plan, Failure> {
    let path = &args.study;
    let text = fs::read_to_string(path).map_err(|error| Failure::Input { path: path.clone(), error })?;
    let wrong = |error| Failure::Study { path: path.clone(), error };
    let spec = entail_study::parse(&text).map_err(wrong)?;
    let narrow = Narrow { arms: args.arms.clone(), samples: args.samples, limit: args.limit };
    // Files that a study names are looked for beside it.
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Plan::check(&spec, &text, &narrow, &|file| fs::read_to_string(folder.join(file))).map_err(wrong)
}

/// Files of a finished run, kept on the shelf under the key of plan and program.
const RESULTS: [&str; 5] = ["contrasts.csv", "rates.csv", "responses.csv", "report.html", "summary.txt"];

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let plan = load(&args.study)?;
    if let Some(threads) = args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| Failure::Setup(error.to_string()))?;
    }
    let place = Place::open(&args.study.store)?;
    let key = Key::of(&("results", plan.key(), program_hash()?));
    let folder = args.runs.join(plan.name()).join(plan.key().short());
    let shelf_error = |source| Failure::Run(RunError::Shelf { key, source });
    if !place.shelf.has(&key).map_err(shelf_error)? {
        let outcome = compute(&plan, &place, args)?;
        print_tallies(&outcome.tallies);
        let files = render(&outcome);
        place.shelf.put(&key, &files).map_err(shelf_error)?;
    } else {
        eprintln!("nothing to do: plan {} is in the store", plan.key().short());
    }
    let output = |path: &Path, error| Failure::Output { path: path.to_owned(), error };
    fs::create_dir_all(&folder).map_err(|error| output(&folder, error))?;
    for name in RESULTS {
        let bytes = place.shelf.get(&key, name).map_err(shelf_error)?.unwrap_or_default();
        let path = folder.join(name);
        write_whole(&path, &bytes).map_err(|error| output(&path, error))?;
        if name == "summary.txt" && !args.study.json {
            print!("{}", String::from_utf8_lossy(&bytes));
        }
    }
    point_latest(&folder).map_err(|error| output(&folder, error))?;
    if args.study.json {
        let json = serde_json::json!({ "study": plan.name(), "plan": plan.key(), "folder": folder, "files": RESULTS });
        println!("{json}");
    } else {
        println!("report: {}", folder.join("report.html").display());
    }
    Ok(())
}

/// Hash of this program: tables and pages made by another build are made again, from the same stored answers.
fn program_hash() -> Result<Key, Failure> {
    let path = std::env::current_exe().map_err(|error| Failure::Setup(error.to_string()))?;
    let bytes = fs::read(&path).map_err(|error| Failure::Input { path, error })?;
    Ok(Key::of_bytes(&bytes))
}

fn compute(plan: &Plan, place: &Place, args: &RunArgs) -> Result<Outcome, Failure> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = cancelled.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|error| Failure::Setup(format!("no handler for Ctrl-C: {error}")))?;
    let talk = Talk::new(io::stderr().is_terminal());
    let progress = |p: &Progress| talk.tell(p);
    let workshop = Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        progress: &progress,
        cancelled: &cancelled,
        side_by_side: args.batch_size.max(1),
    };
    entail_study::run(plan, workshop).map_err(Failure::Run)
}

fn render(outcome: &Outcome) -> Vec<(&'static str, Vec<u8>)> {
    let tables = &outcome.tables;
    let texts = [
        entail_report::contrasts_csv(tables),
        entail_report::rates_csv(tables),
        entail_report::responses_csv(tables),
        entail_report::html(tables),
        entail_report::terminal(tables, false, 110),
    ];
    RESULTS.into_iter().zip(texts.map(String::into_bytes)).collect()
}

fn print_tallies(tallies: &[(&'static str, Tally)]) {
    for (kind, tally) in tallies {
        eprintln!("  {kind:<14} reused {:>7}, made {:>7}", tally.reused, tally.made);
    }
}

/// `runs/<study>/latest`: a link where the system has links, else a file with the folder's name.
fn point_latest(folder: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else { return Ok(()) };
    let latest = parent.join("latest");
    #[cfg(unix)]
    {
        let temporary = parent.join(format!("latest.{}.tmp", std::process::id()));
        let _ = fs::remove_file(&temporary);
        std::os::unix::fs::symlink(name, &temporary)?;
        fs::rename(&temporary, &latest)
    }
    #[cfg(not(unix))]
    {
        write_whole(&latest, name.to_string_lossy().as_bytes())
    }
}

/// Progress on standard error: one moving line on a terminal, a line per tenth elsewhere.
struct Talk {
    moving: bool,
    last: Mutex<(String, usize)>,
}

impl Talk {
    fn new(moving: bool) -> Self {
        Self { moving, last: Mutex::new((String::new(), 0)) }
    }

    fn tell(&self, p: &Progress) {
        let tenth = 10 * p.done / p.total.max(1);
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last == (p.phase.clone(), tenth) && p.done < p.total {
            return;
        }
        *last = (p.phase.clone(), tenth);
        let mut stderr = io::stderr().lock();
        // Talk that cannot be written is no reason to stop.
        let _ = if self.moving {
            let end = if p.done >= p.total { "\n" } else { "" };
            write!(stderr, "\r{}: {}/{}{end}", p.phase, p.done, p.total)
        } else {
            writeln!(stderr, "{}: {}/{}", p.phase, p.done, p.total)
        };
    }
}
