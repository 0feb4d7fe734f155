//! `entail run`: loads a study, runs its plan, writes and prints the results.

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use entail_provider::{CompletionStore, ExchangeError, StoreError};
use entail_schema::{Key, Registration, StudySpec, Tables};
use entail_study::{
    Lock, Narrow, Outcome, Plan, Progress, RunError, Runs, Shelf, StudyError, Tally, Workshop,
};
use rayon::prelude::*;

use crate::around::Around;
use crate::folder::{self, FolderShelf, write_whole};
use crate::services::Reach;
use crate::speech::{print, talk};
use crate::{RunArgs, StudyArgs, Until, registration};

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The study file is wrong.
    Study { path: PathBuf, error: Box<StudyError> },
    /// A file of the user's cannot be read.
    Input { path: PathBuf, error: io::Error },
    /// The store cannot be opened, read or written.
    Store { path: PathBuf, error: StoreError },
    /// Results cannot be written.
    Output { path: PathBuf, error: io::Error },
    /// Something failed on the way.
    Run(RunError),
    /// The study does not say when it may be looked at.
    Looks { path: PathBuf },
    /// A file that the user brought does not hold what it should.
    Content { path: PathBuf, line: Option<u64>, what: String },
    /// What was looked for: how much training rows give away.
    Leaks { n_leaks: usize, n_read: usize },
    /// Something on the command line is wrong.
    Argument(String),
    /// A study that has not run to its end.
    Unfinished { path: PathBuf, what: String },
    /// Rows are said to be about something that nobody measures.
    About { found: String, expected: Vec<String> },
    /// What is to be exported was never made.
    NotRun { path: PathBuf, what: &'static str },
    /// Options that do not go together.
    Options(&'static str),
    /// Something is to be taken out of a store that others use.
    InUse { path: PathBuf },
    /// What was looked for: how much is damaged.
    Damage(String),
    /// The threads or the signal handler could not be set up.
    Setup(String),
}

impl Failure {
    /// The documented exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Study { .. }
            | Self::Input { .. }
            | Self::Looks { .. }
            | Self::Content { .. }
            | Self::Leaks { .. }
            | Self::NotRun { .. }
            | Self::Options(_)
            | Self::Argument(_)
            | Self::About { .. } => 2,
            Self::Store { error, .. } | Self::Run(RunError::Store(error))
                if error.is_of_contents() =>
            {
                3
            }
            Self::Run(RunError::Damaged { .. }) | Self::Damage(_) => 3,
            Self::Run(RunError::Cancelled) => 130,
            Self::Store { .. }
            | Self::Run(_)
            | Self::Output { .. }
            | Self::Unfinished { .. }
            | Self::InUse { .. }
            | Self::Setup(_) => 1,
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
            Self::Input { path, error } | Self::Output { path, error } => {
                write!(f, "{}: {error}", path.display())
            }
            Self::Store { path, error } => {
                write!(f, "{}: ", path.display())?;
                chain(f, error)
            }
            Self::Run(error) => chain(f, error),
            Self::Looks { path } => write!(
                f,
                "{}: `--until decided` needs `looks` in [analysis], such as looks = [4, 6, 8]: the training runs at which results \
                 may be looked at",
                path.display()
            ),
            Self::Content { path, line: Some(line), what } => {
                write!(f, "{}:{line}: {what}", path.display())
            }
            Self::Content { path, line: None, what } => write!(f, "{}: {what}", path.display()),
            Self::Leaks { n_leaks, n_read } => write!(
                f,
                "leaks: {n_leaks} in {n_read} rows; rows that speak of a stance by design are checked with --about"
            ),
            Self::About { found, expected } => {
                write!(
                    f,
                    "no stance or battery `{found}`, expected one of: {}",
                    expected.join(", ")
                )
            }
            Self::NotRun { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Options(what) => f.write_str(what),
            Self::InUse { path } => write!(
                f,
                "{}: another entail works with this store; try again when it has ended",
                path.display()
            ),
            Self::Unfinished { path, what } => {
                write!(f, "{what}; `entail run {}` asks for them", path.display())
            }
            Self::Damage(what) | Self::Setup(what) | Self::Argument(what) => f.write_str(what),
        }
    }
}

/// The opened store.
pub(crate) struct Place {
    root: PathBuf,
    database: PathBuf,
    pub(crate) shelf: FolderShelf,
    pub(crate) completions: Arc<CompletionStore>,
    /// Held as long as the store is used.
    _lock: Option<Lock>,
}

/// The completions in a store's folder.
pub(crate) const DATABASE: &str = "store.db";

impl Place {
    /// Opens a store, and makes it if it is not there.
    pub(crate) fn open(store: &Path) -> Result<Self, Failure> {
        let output = |error| Failure::Output { path: store.to_owned(), error };
        let shelf = FolderShelf::open(store).map_err(output)?;
        let lock = folder::share(store).map_err(output)?;
        Self::with(store, shelf, lock)
    }

    /// Opens a store that is there, for nobody else to use meanwhile.
    pub(crate) fn open_alone(store: &Path) -> Result<Self, Failure> {
        let output = |error| Failure::Output { path: store.to_owned(), error };
        let in_use = || Failure::InUse { path: store.to_owned() };
        let lock = folder::hold_alone(store).map_err(output)?.ok_or_else(in_use)?;
        Self::with(store, FolderShelf::open(store).map_err(output)?, Some(lock))
    }

    fn with(store: &Path, shelf: FolderShelf, lock: Option<Lock>) -> Result<Self, Failure> {
        let path = store.join(DATABASE);
        let opened = CompletionStore::open(&path);
        let completions = opened.map_err(|error| Failure::Store { path: path.clone(), error })?;
        let (root, completions) = (store.to_owned(), Arc::new(completions));
        Ok(Self { root, database: path, shelf, completions, _lock: lock })
    }

    /// Folder of artifacts, each under its key.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Folder of training jobs that somebody else runs.
    pub(crate) fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// Answers that could not be read or written as lines of this file.
    pub(crate) fn exchange_failure(&self, error: ExchangeError, file: &Path) -> Failure {
        let path = file.to_owned();
        match error {
            ExchangeError::File(error) => Failure::Output { path, error },
            ExchangeError::Line { line, what } => Failure::Content { path, line: Some(line), what },
            ExchangeError::Store(error) => self.store_failure(error),
        }
    }

    /// A failure of the completions.
    pub(crate) fn store_failure(&self, error: StoreError) -> Failure {
        Failure::Store { path: self.database.clone(), error }
    }

    /// A failure on the way, with the file's name where it is the store that failed.
    pub(crate) fn failure(&self, error: RunError) -> Failure {
        match error {
            RunError::Store(error) => self.store_failure(error),
            other => Failure::Run(other),
        }
    }
}

/// A study file that was read and checked.
pub(crate) struct Study {
    pub(crate) spec: StudySpec,
    pub(crate) plan: Plan,
    pub(crate) around: Around,
}

/// Reads and checks a study file.
pub(crate) fn load(args: &StudyArgs) -> Result<Study, Failure> {
    let path = &args.study;
    let narrow = Narrow {
        arms: args.arms.clone(),
        samples: args.samples,
        limit: args.limit.map(NonZeroUsize::get),
    };
    load_narrow(path, &narrow)
}

/// Reads and checks a study file of which a part is wanted.
pub(crate) fn load_narrow(path: &Path, narrow: &Narrow) -> Result<Study, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input { path: path.to_owned(), error })?;
    let wrong = |error| Failure::Study { path: path.to_owned(), error: Box::new(error) };
    let spec = entail_study::parse(&text).map_err(wrong)?;
    let around = Around::of(Some(path))?;
    let plan = Plan::check(&spec, &text, narrow, &around).map_err(wrong)?;
    Ok(Study { spec, plan, around })
}

/// Makes a file of the tables.
type Render = fn(&Tables) -> String;

/// Files of a finished run, kept on the shelf under the key of plan and program.
const RESULTS: [(&str, Render); 16] = [
    ("contrasts.csv", entail_report::contrasts_csv),
    ("headlines.csv", entail_report::headlines_csv),
    ("rates.csv", entail_report::rates_csv),
    ("pooled.csv", entail_report::pooled_csv),
    ("variance.csv", entail_report::variance_csv),
    ("forecasts.csv", entail_report::forecasts_csv),
    ("across-bases.csv", entail_report::across_bases_csv),
    ("judges.csv", entail_report::judges_csv),
    ("agreement.csv", entail_report::agreement_csv),
    ("policies.csv", entail_report::policies_csv),
    ("verdicts.csv", entail_report::verdicts_csv),
    ("cells.csv", entail_report::cells_csv),
    ("responses.csv", entail_report::responses_csv),
    ("report.html", entail_report::html),
    (SUMMARY, |tables| entail_report::terminal(tables, false, 110)),
    (TABLES, json),
];

const SUMMARY: &str = "summary.txt";
/// The tables for other programs, and for `entail compare`.
pub(crate) const TABLES: &str = "tables.json";

fn json(tables: &Tables) -> String {
    serde_json::to_string(tables).expect("tables are plain data")
}

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let study = load(&args.study)?;
    let plan = &study.plan;
    let stage = match args.until {
        None => None,
        Some(Until::Decided) => Some(
            plan.first_stage().ok_or_else(|| Failure::Looks { path: args.study.study.clone() })?,
        ),
    };
    if let Some(threads) = args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
        pool.map_err(|error| Failure::Setup(error.to_string()))?;
    }
    let place = Place::open(&args.study.store)?;
    let registration = registration::ensure(&study, &place)?;
    let key = results_key(plan, stage.as_ref(), registration.counts, program_hash()?);
    let shelf_error = |source| Failure::Run(RunError::Shelf { key, source });
    let folder = args.runs.join(plan.name()).join(plan.key().short());
    let files = if place.shelf.has(&key).map_err(shelf_error)? {
        talk(format_args!("nothing to do: plan {} is in the store", plan.key().short()));
        let files = stored(&place.shelf, key)?;
        write_results(&files, &folder)?;
        files
    } else {
        let mut outcome = compute(&study, &place, args, stage)?;
        print_tallies(&outcome.tallies);
        outcome.tables.registration = Some(registration.counts);
        let files = render(outcome.tables);
        let (kept, written) =
            rayon::join(|| place.shelf.put(&key, &files), || write_results(&files, &folder));
        kept.map_err(shelf_error)?;
        written?;
        files
    };
    let path = folder.join(registration::FILE);
    write_whole(&path, &registration.bytes).map_err(|error| Failure::Output { path, error })?;
    if args.study.json {
        let files: Vec<&str> = RESULTS.iter().map(|(name, _)| *name).collect();
        let json = serde_json::json!({ "study": plan.name(), "plan": plan.key(), "folder": folder, "files": files });
        print(&format!("{json}\n"))
    } else {
        let summary = files.iter().find(|(name, _)| *name == SUMMARY);
        let summary = summary
            .map_or_else(String::new, |(_, text)| String::from_utf8_lossy(text).into_owned());
        print(&format!("{summary}report: {}\n", folder.join("report.html").display()))
    }
}

/// A file of the results and what is in it.
type Rendered = (&'static str, Vec<u8>);

/// The results of a plan as they are kept.
fn stored(shelf: &FolderShelf, key: Key) -> Result<Vec<Rendered>, Failure> {
    let read = |(file, _): (&'static str, Render)| {
        let found = shelf.get(&key, file).map_err(|source| RunError::Shelf { key, source })?;
        let missing = || RunError::Damaged { key, file, source: "the file is missing".into() };
        Ok((file, found.ok_or_else(missing)?))
    };
    RESULTS.into_iter().map(read).collect::<Result<_, _>>().map_err(Failure::Run)
}

/// Writes the results of a plan to their folder and points `latest` there.
fn write_results(files: &[Rendered], folder: &Path) -> Result<(), Failure> {
    let output = |path: &Path, error| Failure::Output { path: path.to_owned(), error };
    fs::create_dir_all(folder).map_err(|error| output(folder, error))?;
    for (name, bytes) in files {
        let path = folder.join(name);
        write_whole(&path, bytes).map_err(|error| output(&path, error))?;
    }
    point_latest(folder).map_err(|error| output(folder, error))
}

/// Key of the results that this program makes of a plan, run from this stage on or to its end.
pub(crate) fn results_key(
    plan: &Plan,
    stage: Option<&Runs>,
    registration: Registration,
    program: Key,
) -> Key {
    Key::of(&("results", plan.key(), stage, registration, program))
}

/// Hash of this program: tables and pages made by another build are made again, from the same stored answers. With what
/// debuggers want it is a hundred megabytes, so its halves are hashed side by side, and neither is in memory all at once.
pub(crate) fn program_hash() -> Result<Key, Failure> {
    let path = std::env::current_exe().map_err(|error| Failure::Setup(error.to_string()))?;
    let hashed = || {
        let half = fs::metadata(&path)?.len() / 2;
        let (first, second) =
            rayon::join(|| part_hash(&path, 0, half), || part_hash(&path, half, u64::MAX));
        Ok(Key::of(&(first?, second?)))
    };
    hashed().map_err(|error| Failure::Input { path: path.clone(), error })
}

fn part_hash(path: &Path, start: u64, most: u64) -> io::Result<Key> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(most))?;
    Ok(Key::from_bytes(*hasher.finalize().as_bytes()))
}

fn compute(
    study: &Study,
    place: &Place,
    args: &RunArgs,
    stage: Option<Runs>,
) -> Result<Outcome, Failure> {
    let plan = &study.plan;
    let cancelled = Arc::new(AtomicBool::new(false));
    handle_interrupts(&cancelled)?;
    let reach = Reach::new(&study.around, &args.traffic, place, &cancelled)?;
    let teller = Teller::new(io::stderr().is_terminal());
    let progress = |p: &Progress| teller.tell(p);
    let workshop = Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        services: &reach,
        progress: &progress,
        cancelled: &cancelled,
        side_by_side: args.batch_size.get(),
    };
    let run = |plan: &Plan| {
        let outcome = entail_study::run(plan, workshop).map_err(|error| place.failure(error));
        if let Some(told) = reach.told() {
            talk(format_args!("{told}"));
        }
        outcome
    };
    let Some(mut runs) = stage else { return run(plan) };
    loop {
        let outcome = run(&plan.at_stage(&runs))?;
        let Some(next) = plan.next_stage(&runs, &outcome.tables) else { return Ok(outcome) };
        let more: Vec<String> = next
            .iter()
            .filter(|(arm, n)| runs[*arm] != **n)
            .map(|(arm, n)| format!("{arm} {n}"))
            .collect();
        talk(format_args!("undecided, going on with training runs: {}", more.join(", ")));
        runs = next;
    }
}

/// Has Ctrl-C set the flag.
pub(crate) fn handle_interrupts(cancelled: &Arc<AtomicBool>) -> Result<(), Failure> {
    let flag = cancelled.clone();
    ctrlc::set_handler(move || interrupt(&flag))
        .map_err(|error| Failure::Setup(format!("no handler for Ctrl-C: {error}")))
}

/// The first Ctrl-C ends the run after the steps in flight, the second at once: the store bears both.
#[expect(clippy::exit, reason = "a person who presses Ctrl-C twice waits for nothing")]
fn interrupt(cancelled: &AtomicBool) {
    if cancelled.swap(true, Ordering::Relaxed) {
        talk(format_args!("error: {}", RunError::Cancelled));
        std::process::exit(i32::from(Failure::Run(RunError::Cancelled).code()));
    }
    talk(format_args!("stopping after the steps in flight; Ctrl-C again stops at once"));
}

/// All files. The tables for programs come last, without what `cells.csv`, `responses.csv` and `verdicts.csv` hold.
fn render(mut tables: Tables) -> Vec<Rendered> {
    let file = |tables: &Tables, (name, text): (_, Render)| (name, text(tables).into_bytes());
    let [whole @ .., last] = RESULTS;
    // The longest stand last and are begun first.
    let made = whole.into_par_iter().rev().with_max_len(1).map(|one| file(&tables, one));
    let mut files: Vec<_> = made.collect();
    files.reverse();
    // A hundred thousand answers take longer to be given back one by one than this program lives.
    std::mem::forget(std::mem::take(&mut tables.responses));
    std::mem::forget(std::mem::take(&mut tables.verdicts));
    tables.cells.clear();
    files.push(file(&tables, last));
    files
}

fn print_tallies(tallies: &[(&'static str, Tally)]) {
    for (kind, tally) in tallies {
        talk(format_args!("  {kind:<14} reused {:>7}, made {:>7}", tally.reused, tally.made));
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
pub(crate) struct Teller {
    moving: bool,
    last: Mutex<(String, usize)>,
}

impl Teller {
    pub(crate) fn new(moving: bool) -> Self {
        Self { moving, last: Mutex::new((String::new(), 0)) }
    }

    pub(crate) fn tell(&self, p: &Progress) {
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
