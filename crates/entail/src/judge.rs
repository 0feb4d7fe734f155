//! `entail judge`: how far judges can be trusted.

use clap::Subcommand;

use crate::EXIT_CODES;
use crate::run::Failure;

mod confusion;
mod label;
mod labels;
mod recalibrate;
mod selftest;

#[derive(Debug, Subcommand)]
pub(crate) enum JudgeCommand {
    /// Ask judges about hand-written answers whose labels are known, and print what they made of them.
    ///
    /// A judge is a model, as studies name one, or `exec:` with a program that reads and writes JSON Lines. Replies are
    /// kept, and nobody is asked twice. The exit code is 0 whatever the judges say.
    ///
    /// With --json: `examples` and `judges`, each with `judge`, `prompt`, `prompt_key`, `total`, `right`, `counts` (each
    /// `expected`, `given`, `count`), `kinds` and `stances` (each with `total` and `right`), `misread`, `reused` and
    /// `made`; with --plan: `examples`, `steps` and `services`, as `entail plan` prints them.
    #[command(after_help = EXIT_CODES)]
    Selftest(selftest::SelftestArgs),
    /// Label answers of a study by hand, without knowing whose they are or what judges said of them.
    ///
    /// Each answer is shown with its question and criterion; one letter and Enter labels it. A label is in the file at
    /// once, and the same command goes on with what is not labelled yet. The screen is on standard error.
    ///
    /// With --json: `file`, `drawn`, `labelled` (now) and `left`.
    #[command(after_help = EXIT_CODES)]
    Label(label::LabelArgs),
    /// Hold the judges of a study against labels of people, and take the judges' errors out of its rates and differences.
    ///
    /// Everything is read from the store: run the study first.
    ///
    /// With --json: `policy`, `confidence`, `people` (`raw`, `alpha` and `ac1`), `judges` (each `judge`, `counts`,
    /// `sensitivity`, `specificity`, `calibration`, `not_judged`, `without_label`, `dropped`), `rates` and `differences`
    /// (each `base`, `arm`, `control`, `battery`, `stance`, `raw`, `corrected`, `problem`).
    #[command(after_help = EXIT_CODES)]
    Recalibrate(recalibrate::RecalibrateArgs),
}

pub(crate) fn judge(command: &JudgeCommand) -> Result<(), Failure> {
    match command {
        JudgeCommand::Label(args) => label::label(args),
        JudgeCommand::Recalibrate(args) => recalibrate::recalibrate(args),
        JudgeCommand::Selftest(args) => selftest::selftest(args),
    }
}

/// Refuses a study whose answers a grammar reads: there is nothing that people could know better.
fn needs_judges(study: &crate::run::Study, path: &std::path::Path) -> Result<(), Failure> {
    if study.plan.has_judges() {
        return Ok(());
    }
    let what = "its answers are read by the organism's grammar, without error; expected a study with [judge]";
    Err(Failure::Content { path: path.to_owned(), line: None, what: what.into() })
}
