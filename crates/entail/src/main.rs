//! The command line: the only place with hands. It reads files, the environment and the clock, and prints.
#![expect(clippy::disallowed_methods, reason = "the shell: files are opened and written here")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod folder;
mod plan;
mod run;
mod speech;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    something failed while running; what was finished is kept, and the same command goes on from there
  2    the command line, the study or one of its files is wrong; nothing ran
  3    the store or an artifact is damaged, or from a newer version
  130  stopped by Ctrl-C; what was finished is kept, and the same command goes on from there";

/// Train a model to make one claim about itself, and measure, honestly, everything that follows from it.
#[derive(Debug, Parser)]
#[command(name = "entail", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a study: make what is missing, print the contrasts, write the report.
    ///
    /// With --json the summary is replaced by one object: `study`, `plan`, `folder` and `files`.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Show what a run would do: arms resolved, steps cached or to do.
    ///
    /// With --json: `study`, `plan`, `arms` (each `arm`, `intervention`) and `steps` (each `kind`, `what`, `cached`,
    /// `to_do`).
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArgs),
}

/// Which study, and which part of it.
#[derive(Debug, Args)]
struct StudyArgs {
    /// The study file.
    study: PathBuf,
    /// Only this arm (and the untouched base); may be given several times.
    #[arg(long = "arm", value_name = "ARM")]
    arms: Vec<String>,
    /// Samples per prompt, instead of the study's.
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Only the first prompts of each stance.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Folder of the store.
    #[arg(long, value_name = "DIR", default_value = ".entail")]
    store: PathBuf,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Folder of the results.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Threads; all cores by default. Never changes a result.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Samples decoded side by side. Never changes a result.
    #[arg(long, value_name = "N", default_value = "256")]
    batch_size: NonZeroUsize,
}

#[derive(Debug, Args)]
struct PlanArgs {
    #[command(flatten)]
    study: StudyArgs,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::plan(&args.study),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            speech::talk(format_args!("error: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}
