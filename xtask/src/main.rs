//! The gate of this repository: `cargo xtask ci` is what runs on a laptop and in CI.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the shell: it prints, measures time and reads the environment"
)]

mod bench;
mod break_it;
mod child;
mod ci;
mod conformance;
mod coverage;
mod faults;
mod machine;
mod shell;
mod tidy;
mod venv;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Checks of the entail workspace")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything that must be green: tidy, clippy, tests, docs, conformance
    Ci {
        /// Plant known faults instead and require that each is noticed
        #[arg(long)]
        break_it: bool,
        #[command(flatten)]
        scratch: Scratch,
    },
    /// Crate edges, formatting, crate lists, sources, fixture digests
    Tidy,
    /// Our code beside the code of others: libraries, servers that run here, the vendors' own types
    Conformance(conformance::Options),
    /// Tries every interval and test on studies whose truth is known, and holds them to what they state
    Coverage(coverage::Options),
    /// Our speed beside a peer's on the same inputs, in alternation, with the answers compared
    Bench(bench::Options),
    /// The real program against a server that misbehaves: what it paid for against what its files and store hold
    Faults(faults::Options),
    /// Plants known faults in a scratch copy and requires that each is noticed
    BreakIt(Scratch),
}

/// Where and which faults are planted.
#[derive(Debug, clap::Args)]
struct Scratch {
    /// Target folder of the scratch copy, kept for the next time; new or empty the first time
    #[arg(long)]
    target_dir: Option<PathBuf>,
    /// Only the faults with this in their name
    #[arg(long)]
    only: Option<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that the environment may ask for: it shows this program, not the fault.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let shell = shell::Shell::find()?;
    match Cli::parse().command {
        Command::Ci { break_it: false, .. } => ci::run(&shell),
        Command::Tidy => tidy::run(&shell),
        Command::Conformance(options) => conformance::run(&shell, options).map(|_| ()),
        Command::Coverage(options) => coverage::run(&shell, &options),
        Command::Bench(options) => bench::run(&shell, &options),
        Command::Faults(options) => faults::run(&shell, &options),
        Command::Ci { break_it: true, scratch } | Command::BreakIt(scratch) => {
            break_it::run(&shell, scratch.target_dir.as_deref(), scratch.only.as_deref())
        }
    }
}
