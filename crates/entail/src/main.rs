//! The command line: the only place with hands. It reads files, the environment and the clock, and prints.
#![expect(clippy::disallowed_methods, reason = "the shell: files are opened and written here")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod around;
mod capture;
mod compare;
mod data;
mod doctor;
mod folder;
mod judge;
mod memory;
mod plan;
mod program;
mod rates;
mod registration;
mod run;
mod services;
mod speech;
mod store;

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
    /// Show what a run would do, and what it could not show: arms resolved, steps cached or to do, warnings.
    ///
    /// With --json: `study`, `plan`, `arms` (each `arm`, `intervention`), `steps` (each `kind`, `what`, `cached`,
    /// `to_do`), `warnings`, `spread` and `power`.
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArgs),
    /// Ask a model a whole battery now and keep everything it says, to be judged and analysed whenever: hosted models
    /// vanish.
    ///
    /// The file has one answer per line; a study takes it as `responses`. With --json: `model`, `answers`, `reused`,
    /// `made` and `file`.
    #[command(after_help = EXIT_CODES)]
    Capture(CaptureArgs),
    /// Say what this machine, these keys and this store can do; with --probe ask each service one cheap question.
    ///
    /// With --json: `machine`, `store` and `services`.
    #[command(after_help = EXIT_CODES)]
    Doctor(DoctorArgs),
    /// Print what changed between two runs: in what was planned, and in what was found.
    ///
    /// With --json: `old` and `new` (plans), `settings` and `contrasts`.
    #[command(after_help = EXIT_CODES)]
    Compare(CompareArgs),
    /// Give a table of rates and counts the intervals that it allows, such as one copied from a paper.
    ///
    /// The CSV file has columns `arm`, `stance`, `n`, and `yes`, `rate` or `percent`; with `seed` there may be several
    /// training runs per arm.
    #[command(after_help = EXIT_CODES)]
    Rates(RatesArgs),
    /// Look after judges: how well they read answers whose labels are known, and what people say of theirs.
    #[command(subcommand)]
    Judge(judge::JudgeCommand),
    /// Look after rows and answers: what rows give away of what is measured, and both in other tools' formats.
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Look after the store: what it holds, whether all of it is sound, what no study needs any more.
    #[command(subcommand)]
    Store(store::StoreCommand),
}

/// How services are called.
#[derive(Debug, Args)]
struct TrafficArgs {
    /// Stop before more than this is spent in this run: `5usd`, `2Mtok`, or both with a comma.
    #[arg(long, value_name = "LIMIT")]
    budget: Option<entail_provider::Allowance>,
    /// Price table for the budget, instead of the one that is built in.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Most calls at work at once for one key; how many there are is found out on the way.
    #[arg(long, value_name = "N", default_value = "200")]
    calls: NonZeroUsize,
    /// Give a call up when it was not answered after so many seconds, and make it again.
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    timeout: std::num::NonZeroU64,
    /// Send what can be sent as batches: half the price, up to a day.
    #[arg(long)]
    batch: bool,
    /// Seconds between two looks at a batch.
    #[arg(long, value_name = "SECONDS", default_value = "30", requires = "batch")]
    batch_interval: std::num::NonZeroU64,
}

#[derive(Debug, Args)]
struct CaptureArgs {
    /// The model, such as `openai:gpt-4.1` or `vllm:http://localhost:8000#name`.
    model: String,
    /// A battery, or a file of one; may be given several times.
    #[arg(long = "battery", value_name = "NAME", default_values = ["claims", "preferences"])]
    batteries: Vec<String>,
    /// Ask the questions of the organism's world, which the exact judge reads; organisms are asked them in any case.
    #[arg(long)]
    world: bool,
    /// Samples per prompt.
    #[arg(long, value_name = "N", default_value = "10")]
    samples: NonZeroUsize,
    /// Only the first prompts of each stance.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// A system prompt.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Divides the logits.
    #[arg(long, value_name = "T", default_value = "1")]
    temperature: f64,
    /// Share of probability that is drawn from.
    #[arg(long, value_name = "P", default_value = "1")]
    top_p: f64,
    /// Longest answer in tokens.
    #[arg(long, value_name = "N", default_value = "512")]
    max_tokens: NonZeroUsize,
    /// Keep the drawn tokens with their log-probabilities, and K others in the place of each.
    #[arg(long, value_name = "K")]
    logprobs: Option<u8>,
    /// Where the answers go.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// Folder of the store.
    #[arg(long, value_name = "DIR", default_value = ".entail")]
    store: PathBuf,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// Models to look at, such as `openai:gpt-4.1`; without any, those whose keys are there.
    models: Vec<String>,
    /// Ask each of them one cheap question.
    #[arg(long)]
    probe: bool,
    /// Folder of the store.
    #[arg(long, value_name = "DIR", default_value = ".entail")]
    store: PathBuf,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
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
    #[command(flatten)]
    traffic: TrafficArgs,
    /// Folder of the results.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
    /// Train only as many runs as it takes: the study's `looks` say when results may be looked at, and alpha is spent over
    /// them.
    #[arg(long, value_name = "WHEN")]
    until: Option<Until>,
    /// Threads; all cores by default. Never changes a result.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Samples decoded side by side. Never changes a result.
    #[arg(long, value_name = "N", default_value = "256")]
    batch_size: NonZeroUsize,
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// When every planned contrast is shown to move or not to move, or all training runs are done.
    Decided,
}

#[derive(Debug, Args)]
struct PlanArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Print what each number of training runs could show.
    #[arg(long)]
    power: bool,
    /// Results of an earlier run, whose training runs tell how far such runs differ.
    #[arg(long, value_name = "DIR")]
    pilot: Option<PathBuf>,
    /// Price table, instead of the one that is built in.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Count with the prices of batches.
    #[arg(long)]
    batch: bool,
}

#[derive(Debug, Args)]
struct CompareArgs {
    /// Results of the earlier run, such as `runs/conscious/1f2e…`.
    old: PathBuf,
    /// Results of the later run.
    new: PathBuf,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RatesArgs {
    /// The table.
    table: PathBuf,
    /// The arm that the others are compared with.
    #[arg(long, value_name = "ARM")]
    control: String,
    /// Confidence of the intervals.
    #[arg(long, value_name = "SHARE", default_value = "0.95")]
    confidence: Confidence,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// A share strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Confidence(f64);

impl std::str::FromStr for Confidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
        share.map(Self).ok_or_else(|| "expected a number between 0 and 1".into())
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Capture(args) => capture::capture(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Rates(args) => rates::rates(&args),
        Command::Judge(command) => judge::judge(&command),
        Command::Data(command) => data::data(&command),
        Command::Store(command) => store::store(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            speech::talk(format_args!("error: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}
