//! The command line: the only place with hands. It reads files, the environment and the clock, and prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the shell: stdout is data, stderr is talk, and files are opened here"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod folder;
mod plan;
mod run;

use crate::run::Failure;

/// Train a model to make one claim about itself, and measure, honestly, everything that follows from it.
///
/// Exit codes: 0 done; 1 something failed while running (what was finished is kept); 2 the command line, the study or
/// one of its files is wrong, and nothing ran; 3 a store or artifact is damaged or from a newer version; 130 stopped
/// by Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "entail", version, about, long_about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a study: make what is missing, print the contrasts, write the report.
    Run(RunArgs),
    /// Show what a run would do: arms resolved, steps cached or to do.
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
    limit: Option<usize>,
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
    threads: Option<usize>,
    /// Samples decoded side by side. Never changes a result.
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch_size: usize,
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
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
