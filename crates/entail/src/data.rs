//! `entail data`: training rows, and what they give away.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use entail_data::{FreeLeaks, Leak, ShippedText, parse_rows, shipped_texts};
use entail_eval::{Questionnaire, SHIPPED};
use entail_study::free_leaks;
use serde::Serialize;
use serde_json::json;

use crate::EXIT_CODES;
use crate::run::Failure;
use crate::speech::print;

mod export;

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Look for what training rows give away of what is measured; exit code 2 where something is found.
    ///
    /// Found are prompts of a battery, texts that share much wording with one, words by which one speaks of a stance,
    /// and role-play. Without files, every row, system prompt and instruction that comes with the program is read.
    ///
    /// With --json: `read` (how many rows or shipped lines) and `leaks`, each with `place`, `kind` (`same-prompt`,
    /// `overlap`, `topic` or `role-play`) and what belongs to it: `stance`, `prompt`, `words`.
    #[command(after_help = EXIT_CODES)]
    Lint(LintArgs),
    /// Write what a study that was run has of answers, verdicts or training rows in another tool's format. Nobody is
    /// asked.
    ///
    /// A log of Inspect is one replicate of one arm; what the run has not reached is missing in it, and it says so. A
    /// study takes such logs as `responses`. With --json: `study`, `plan`, `folder` and `files`, each with `file` and,
    /// of logs, `status`, `answers`, `missing` and `unjudged`; of rows `arm`, `base`, `replicate` and `rows`.
    #[command(after_help = EXIT_CODES)]
    Export(export::ExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Files of rows, such as a study takes as `train = { file = … }`.
    files: Vec<PathBuf>,
    /// Only this battery; may be given several times.
    #[arg(long = "battery", value_name = "NAME", value_parser = SHIPPED.map(|(name, _)| name))]
    batteries: Vec<String>,
    /// A stance, or a battery, of which the rows of the files speak by design: only its own prompts are leaks. May be
    /// given several times.
    #[arg(long, value_name = "STANCE", requires = "files")]
    about: Vec<String>,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// A leak, and where it is.
#[derive(Debug, Serialize)]
struct Found {
    place: String,
    #[serde(flatten)]
    leak: Leak,
}

pub(crate) fn data(command: &DataCommand) -> Result<(), Failure> {
    match command {
        DataCommand::Lint(args) => lint(args),
        DataCommand::Export(args) => export::export(args),
    }
}

fn lint(args: &LintArgs) -> Result<(), Failure> {
    let all: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    let chosen =
        |name: &&str| args.batteries.is_empty() || args.batteries.iter().any(|b| b == name);
    let batteries: Vec<Questionnaire> =
        all.into_iter().filter(chosen).filter_map(entail_eval::shipped).collect();
    let (n_read, leaks) = if args.files.is_empty() {
        lint_shipped(&batteries)
    } else {
        let about = stances(&args.about)?;
        let check = free_leaks(&batteries, &about.iter().map(String::as_str).collect::<Vec<_>>());
        lint_files(&check, &args.files)?
    };
    tell(n_read, &leaks, args.json)?;
    if leaks.is_empty() { Ok(()) } else { Err(Failure::Leaks { n_leaks: leaks.len(), n_read }) }
}

fn tell(n_read: usize, leaks: &[Found], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print(&format!("{:#}\n", json!({ "read": n_read, "leaks": leaks })));
    }
    let mut text = String::new();
    for Found { place, leak } in leaks {
        writeln!(text, "{place}: {leak}").expect("a string takes all text");
    }
    if leaks.is_empty() {
        writeln!(text, "no leaks in {n_read} rows").expect("a string takes all text");
    }
    print(&text)
}

/// The stances of these names, each a stance or a battery.
fn stances(names: &[String]) -> Result<Vec<String>, Failure> {
    let batteries: Vec<Questionnaire> =
        SHIPPED.iter().filter_map(|(name, _)| entail_eval::shipped(name)).collect();
    let ids = |battery: &Questionnaire| battery.stances.iter().map(|s| s.id.clone()).collect();
    let of = |name: &String| -> Result<Vec<String>, Failure> {
        if let Some(battery) = batteries.iter().find(|battery| battery.name == *name) {
            return Ok(ids(battery));
        }
        if batteries.iter().any(|battery| battery.stance(name).is_some()) {
            return Ok(vec![name.clone()]);
        }
        let names = batteries.iter().map(|battery| battery.name.clone());
        let expected = names.chain(batteries.iter().flat_map(ids)).collect();
        Err(Failure::About { found: name.clone(), expected })
    };
    Ok(names.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
}

/// What the rows of files give away, and how many rows there are.
fn lint_files(check: &FreeLeaks, files: &[PathBuf]) -> Result<(usize, Vec<Found>), Failure> {
    let (mut n_read, mut found) = (0, Vec::new());
    for path in files {
        for placed in read_rows(path)? {
            n_read += 1;
            let place = format!("{}:{}", path.display(), placed.line);
            let leaks = check.in_row(&placed.row).into_iter();
            found.extend(leaks.map(|leak| Found { place: place.clone(), leak }));
        }
    }
    Ok((n_read, found))
}

fn read_rows(path: &Path) -> Result<Vec<entail_data::PlacedRow>, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input { path: path.to_owned(), error })?;
    parse_rows(&text).map_err(|error| {
        let (line, what) = match error {
            entail_data::RowsError::Line { line, what } => (Some(line as u64), what),
            empty @ entail_data::RowsError::Empty => (None, empty.to_string()),
        };
        Failure::Content { path: path.to_owned(), line, what }
    })
}

/// What the shipped texts give away, and how many lines they have.
fn lint_shipped(batteries: &[Questionnaire]) -> (usize, Vec<Found>) {
    let texts = shipped_texts();
    let mut checks: BTreeMap<Vec<&str>, FreeLeaks> = BTreeMap::new();
    let mut found = Vec::new();
    for ShippedText { place, about, texts } in &texts {
        let check = checks.entry(about.clone()).or_insert_with(|| free_leaks(batteries, about));
        let leaks = texts.iter().flat_map(|text| check.in_message(text));
        found.extend(leaks.map(|leak| Found { place: place.clone(), leak }));
    }
    (texts.len(), found)
}
