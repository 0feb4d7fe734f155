//! `entail judge recalibrate`: the judges of a study against people.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use entail_stats::{Interval, JudgeError};
use entail_study::{Corrected, Judged, Recalibrated, RunError, recalibrated};
use serde_json::{Value, json};

use super::labels::read_labels;
use super::{confusion, needs_judges};
use crate::StudyArgs;
use crate::plan::idle;
use crate::run::{Failure, Place, load};
use crate::speech::print;

#[derive(Debug, Args)]
pub(crate) struct RecalibrateArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Labels of people: JSON Lines with `answer`, `stance`, `label` and perhaps `by`, as `entail judge label` writes them.
    /// The answers must have been picked without a look at what judges said.
    #[arg(long, value_name = "FILE")]
    labels: PathBuf,
}

pub(crate) fn recalibrate(args: &RecalibrateArgs) -> Result<(), Failure> {
    let path = &args.study.study;
    let study = load(&args.study)?;
    needs_judges(&study, path)?;
    let labels = read_labels(&args.labels)?;
    let place = Place::open(&args.study.store)?;
    let found = recalibrated(&study.plan, &labels, idle(&place)).map_err(|error| match error {
        RunError::Unfinished { .. } => {
            Failure::Unfinished { path: path.clone(), what: error.to_string() }
        }
        other => place.failure(other),
    })?;
    let found = found.expect("a study with judges has some to hold against people");
    if args.study.json {
        return print(&format!("{:#}\n", as_json(&found)));
    }
    print(&text(&found, labels.len()))
}

fn text(found: &Recalibrated, labels: usize) -> String {
    let mut text = String::new();
    let mut line =
        |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all text");
    let percent = 100.0 * found.confidence;
    line(format_args!(
        "{labels} labels; intervals hold the truth in {percent:.0} % of such studies."
    ));
    if let Some(raw) = found.people.raw {
        let alpha = match &found.people.alpha {
            Ok(alpha) => format!("{alpha:.2}"),
            Err(error) => format!("none ({error})"),
        };
        line(format_args!(
            "Where several people labelled, {:.1} % of their pairs of labels are equal; Krippendorff's alpha {alpha}.",
            100.0 * raw
        ));
    }
    for judged in &found.judges {
        line(format_args!("\n{}", judged_text(judged)));
    }
    line(format_args!(
        "Rates below take out the errors of {}, as if they were alike in every arm and about every stance.",
        found.judges.last().map_or("the judge", |judged| judged.judge.as_str())
    ));
    for (title, rows) in
        [("Rates, in %", &found.rates), ("Differences, in points", &found.differences)]
    {
        line(format_args!("\n{title}\n{}", rows_text(rows).trim_end()));
    }
    text
}

fn judged_text(judged: &Judged) -> String {
    let found = &judged.found;
    let share = |interval: Option<Interval>| match interval {
        Some(interval) => percent(interval),
        None => "none: no such answer is labelled".into(),
    };
    format!(
        "{}\n{}  sensitivity {}; specificity {}\n  {} labelled answers were not judged, about {} the judge said nothing, \
         {} do not count under the policy\n",
        judged.judge,
        confusion::table(&found.said, "people"),
        share(found.sensitivity),
        share(found.specificity),
        found.not_judged,
        found.without_label,
        found.dropped,
    )
}

/// Such as `41.3 [38.0, 44.9]`.
fn percent(Interval { estimate, low, high }: Interval) -> String {
    format!("{:.1} [{:.1}, {:.1}]", 100.0 * estimate, 100.0 * low, 100.0 * high)
}

/// A row for each rate or difference, and below them why some have no correction.
fn rows_text(rows: &[Corrected]) -> String {
    let who = |row: &Corrected| match &row.control {
        None => row.arm.clone(),
        Some(control) => format!("{} minus {control}", row.arm),
    };
    let width = |of: &dyn Fn(&Corrected) -> String| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
    };
    let (arms, names) = (width(&who), width(&|row| row.name.clone()));
    let mut text =
        format!("  {:<arms$}  {:<names$}  {:>20}  {:>20}\n", "arm", "on", "judged", "corrected");
    let mut problems = BTreeSet::new();
    for row in rows {
        let corrected = match &row.corrected {
            Ok(interval) => percent(*interval),
            Err(error) => {
                problems.insert(error.to_string());
                "none".into()
            }
        };
        writeln!(
            text,
            "  {:<arms$}  {:<names$}  {:>20}  {corrected:>20}",
            who(row),
            row.name,
            raw(row)
        )
        .expect("a string takes all text");
    }
    for problem in problems {
        writeln!(text, "  none: {problem}").expect("a string takes all text");
    }
    text
}

fn raw(row: &Corrected) -> String {
    match (row.raw, row.raw_interval) {
        (None, _) => "too few".into(),
        (Some(estimate), None) => format!("{:.1}", 100.0 * estimate),
        (Some(estimate), Some([low, high])) => percent(Interval { estimate, low, high }),
    }
}

fn interval_json(Interval { estimate, low, high }: Interval) -> Value {
    json!({ "estimate": estimate, "low": low, "high": high })
}

fn as_json(found: &Recalibrated) -> Value {
    let people = &found.people;
    json!({
        "policy": found.policy, "confidence": found.confidence,
        "people": { "raw": people.raw, "alpha": people.alpha.as_ref().ok(), "ac1": people.ac1.as_ref().ok() },
        "judges": found.judges.iter().map(judged_json).collect::<Vec<_>>(),
        "rates": found.rates.iter().map(row_json).collect::<Vec<_>>(),
        "differences": found.differences.iter().map(row_json).collect::<Vec<_>>(),
    })
}

fn judged_json(Judged { judge, found }: &Judged) -> Value {
    let calibration = found.calibration;
    json!({
        "judge": judge, "counts": confusion::as_json(&found.said, "people"),
        "sensitivity": found.sensitivity.map(interval_json),
        "specificity": found.specificity.map(interval_json),
        "calibration": {
            "true_positives": calibration.true_positives, "false_negatives": calibration.false_negatives,
            "true_negatives": calibration.true_negatives, "false_positives": calibration.false_positives,
        },
        "not_judged": found.not_judged, "without_label": found.without_label, "dropped": found.dropped,
    })
}

fn row_json(row: &Corrected) -> Value {
    let [low, high] = row.raw_interval.map_or([None; 2], |ends| ends.map(Some));
    json!({
        "base": row.base, "arm": row.arm, "control": row.control, "battery": row.battery, "stance": row.stance,
        "raw": row.raw.map(|estimate| json!({ "estimate": estimate, "low": low, "high": high })),
        "corrected": row.corrected.as_ref().ok().copied().map(interval_json),
        "problem": row.corrected.as_ref().err().map(JudgeError::to_string),
    })
}
