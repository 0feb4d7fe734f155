//! `entail store`: what a store holds, whether it is sound, and what goes in and out.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use entail_provider::{ExchangeError, Group};
use serde_json::json;

use crate::EXIT_CODES;
use crate::folder::write_whole_by;
use crate::run::{DATABASE, Failure, Place};
use crate::speech::{print, talk};

mod gc;
mod verify;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Count what is there: completions by who asked and who answered, tokens, costs, jobs, artifacts.
    ///
    /// With --json: `all`, `origins`, `models`, `bytes`, `jobs`, `artifacts`, `artifact_bytes`.
    #[command(after_help = EXIT_CODES)]
    Stats(StoreArgs),
    /// Read everything and compare it with its checksums; exit code 3 where something is damaged.
    ///
    /// With --json: `completions`, `jobs`, `structure`, `artifacts`, `quarantine`.
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
    /// Remove what none of these studies needs: completions, organisms, rows, readings, results. Without --yes nothing
    /// is removed, only shown.
    ///
    /// Training runs, captured answers and registrations stay. A study needs what a run of it would look for, whole or
    /// with fewer --arm, --samples or --limit; what more --samples than the study's drew is not among it.
    ///
    /// With --json: `removed` and, under `completions`, `artifacts`, `half_written` and `bytes`, what.
    #[command(after_help = EXIT_CODES)]
    Gc(GcArgs),
    /// Write every completion as a line of JSON.
    ///
    /// With --json: `completions` and `file`.
    #[command(after_help = EXIT_CODES)]
    Export(FileArgs),
    /// Take in completions that `entail store export` wrote: all of them or, when a line is wrong, none. Those that
    /// are there stay as they are.
    ///
    /// With --json: `added` and `present`.
    #[command(after_help = EXIT_CODES)]
    Import(FileArgs),
}

/// Which store.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the store.
    #[arg(long = "store", value_name = "DIR", default_value = ".entail")]
    folder: PathBuf,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Move what is damaged to `quarantine/` in the store, so that it is made again. A database file that is damaged
    /// itself is kept as `store.db.damaged-1`, and all rows that can be read go to a new one.
    #[arg(long)]
    quarantine: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// The studies whose parts are kept.
    #[arg(required = true)]
    studies: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    /// Remove it.
    #[arg(long)]
    yes: bool,
    /// Training runs too.
    #[arg(long)]
    adapters: bool,
    /// Captured answers too.
    #[arg(long)]
    captures: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The file; `-` for standard output or input.
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn store(command: &StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::Stats(args) => stats(args),
        StoreCommand::Verify(args) => verify::verify(args),
        StoreCommand::Gc(args) => gc::gc(args),
        StoreCommand::Export(args) => export(args),
        StoreCommand::Import(args) => import(args),
    }
}

impl StoreArgs {
    /// Fails where there is no store: looking into one must not make it.
    fn exists(&self) -> Result<(), Failure> {
        let path = self.folder.join(DATABASE);
        match fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::Input { path, error }),
        }
    }

    fn open(&self) -> Result<Place, Failure> {
        self.exists()?;
        Place::open(&self.folder)
    }

    fn failure(&self, error: io::Error) -> Failure {
        Failure::Output { path: self.folder.clone(), error }
    }
}

fn stats(args: &StoreArgs) -> Result<(), Failure> {
    let place = args.open()?;
    let stats = place.completions.stats().map_err(|error| place.store_failure(error))?;
    let keys = place.shelf.keys().map_err(|error| args.failure(error))?;
    let sizes = keys.iter().map(|key| place.shelf.size(key));
    let artifact_bytes: u64 = sizes.sum::<io::Result<_>>().map_err(|error| args.failure(error))?;
    if args.json {
        let models =
            stats.models.iter().map(|(model, sums)| json!({ "model": model, "sums": sums }));
        let jobs = stats.jobs.iter().map(|(key, state)| json!({ "key": key, "state": state }));
        let json = json!({
            "all": stats.all, "origins": stats.origins, "models": models.collect::<Vec<_>>(),
            "bytes": stats.bytes, "jobs": jobs.collect::<Vec<_>>(),
            "artifacts": keys.len(), "artifact_bytes": artifact_bytes,
        });
        return print(&format!("{json:#}\n"));
    }
    let mut text = format!(
        "{:<40} {:>12} {:>14} {:>14} {:>12}\n",
        "", "completions", "prompt tokens", "drawn tokens", "US dollars"
    );
    let mut line = |name: &str, sums: &Group| {
        let Group { completions, prompt_tokens, drawn_tokens, cost, .. } = sums;
        writeln!(
            text,
            "{name:<40} {completions:>12} {prompt_tokens:>14} {drawn_tokens:>14} {cost:>12.4}"
        )
        .expect("a string takes all text");
    };
    for (origin, sums) in &stats.origins {
        line(&format!("asked by: {origin}"), sums);
    }
    for (model, sums) in &stats.models {
        line(
            &format!("answered by: {}", model.as_deref().unwrap_or("the local engine, or unnamed")),
            sums,
        );
    }
    line("all", &stats.all);
    let sizes = format!(
        "{DATABASE}: {} bytes\nartifacts: {} in {artifact_bytes} bytes\n",
        stats.bytes,
        keys.len()
    );
    let jobs = stats.jobs.iter().map(|(key, state)| format!("job {}: {state}\n", key.short()));
    text.extend([sizes].into_iter().chain(jobs));
    print(&text)
}

fn is_dash(file: &Path) -> bool {
    file == Path::new("-")
}

fn export(args: &FileArgs) -> Result<(), Failure> {
    let place = args.store.open()?;
    let failure = |error| place.exchange_failure(error, &args.file);
    if is_dash(&args.file) {
        let mut out = BufWriter::new(io::stdout().lock());
        let written =
            place.completions.export(&mut out).and_then(|n| Ok(out.flush().map(|()| n)?));
        return match written {
            // A reader that went away early, as `head` does, has what it wanted.
            Err(ExchangeError::File(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(failure(error)),
            Ok(_) => Ok(()),
        };
    }
    let n_lines =
        write_whole_by(&args.file, |out| place.completions.export(out)).map_err(failure)?;
    if args.store.json {
        return print(&format!("{:#}\n", json!({ "completions": n_lines, "file": args.file })));
    }
    talk(format_args!("{}: {n_lines} completions", args.file.display()));
    Ok(())
}

fn import(args: &FileArgs) -> Result<(), Failure> {
    let input = |error| Failure::Input { path: args.file.clone(), error };
    let lines: Box<dyn io::BufRead> = if is_dash(&args.file) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&args.file).map_err(input)?))
    };
    let place = Place::open(&args.store.folder)?;
    let imported = place.completions.import(lines).map_err(|error| match error {
        ExchangeError::File(error) => input(error),
        other => place.exchange_failure(other, &args.file),
    })?;
    if args.store.json {
        return print(&format!("{:#}\n", json!(imported)));
    }
    talk(format_args!("{} completions added, {} were there", imported.added, imported.present));
    Ok(())
}
