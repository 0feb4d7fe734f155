//! `entail plan`: what a run would do, and what it could show.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use entail_provider::Money;
use entail_schema::Tables;
use entail_study::{
    Asked, AskedCost, NoServices, Plan, PowerRow, Spread, Workshop, asked, describe, power, status,
    warnings,
};
use serde_json::{Value, json};

use crate::PlanArgs;
use crate::run::{Failure, Place, TABLES, load};
use crate::services::prices;
use crate::speech::print;

/// A workshop in which nothing is made.
pub(crate) fn idle(place: &Place) -> Workshop<'_> {
    static NEVER: AtomicBool = AtomicBool::new(false);
    Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        services: &NoServices,
        progress: &|_| {},
        cancelled: &NEVER,
        side_by_side: 1,
    }
}

pub(crate) fn plan(args: &PlanArgs) -> Result<(), Failure> {
    let plan = load(&args.study)?.plan;
    let place = Place::open(&args.study.store)?;
    let steps = status(&plan, idle(&place)).map_err(|error| place.failure(error))?;
    let prices = prices(args.prices.as_deref())?;
    let asked =
        asked(&plan, idle(&place), &prices, args.batch).map_err(|error| place.failure(error))?;
    let spread = match &args.pilot {
        Some(folder) => pilot(folder)?,
        None => Spread::ASSUMED,
    };
    let warnings = warnings(&plan, &spread);
    let rows = if args.power { power(&plan, &spread) } else { Vec::new() };
    let arms = describe(&plan);
    if args.study.json {
        let arms = arms
            .into_iter()
            .map(|(arm, what)| serde_json::json!({ "arm": arm, "intervention": what }));
        let json = serde_json::json!({
            "study": plan.name(), "plan": plan.key(), "arms": arms.collect::<Vec<_>>(), "steps": steps,
            "services": asked.iter().map(as_json).collect::<Vec<_>>(), "warnings": warnings, "spread": spread, "power": rows,
        });
        return print(&format!("{json:#}\n"));
    }
    let mut text = format!("study {}, plan {}\n\n", plan.name(), plan.key().short());
    let mut line =
        |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all text");
    for (arm, what) in arms {
        line(format_args!("  {arm}: {what}"));
    }
    line(format_args!("\n  {:<14} {:>8} {:>8}  what", "step", "cached", "to do"));
    for step in &steps {
        line(format_args!(
            "  {:<14} {:>8} {:>8}  {}",
            step.kind, step.cached, step.to_do, step.what
        ));
    }
    if !asked.is_empty() {
        line(format_args!("\n{}", services_table(&asked)));
    }
    if !rows.is_empty() {
        line(format_args!("\n{}", power_table(&plan, args.pilot.as_deref(), &rows)));
    }
    if !warnings.is_empty() && args.pilot.is_none() {
        line(format_args!(
            "\nassuming that training runs of one arm differ by 5 points, for want of a --pilot:"
        ));
    }
    for warning in &warnings {
        line(format_args!("\nwarning: {warning}"));
    }
    print(&text)
}

pub(crate) fn as_json(asked: &Asked) -> Value {
    json!({
        "model": asked.model, "calls": asked.calls, "answers": asked.answers,
        "prompt_tokens": asked.prompt_tokens, "expected_drawn_tokens": asked.expected_drawn_tokens,
        "most_drawn_tokens": asked.most_drawn_tokens, "measured": asked.measured,
        "expected_usd": asked.cost.map(|cost| cost.expected.dollars()),
        "worst_usd": asked.cost.map(|cost| cost.worst.dollars()),
    })
}

/// What is asked of services, a model on each line, and what that costs.
pub(crate) fn services_table(asked: &[Asked]) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 7]| {
        let [calls, answers, prompt, drawn, expected, worst, model] = cells;
        writeln!(
            text,
            "  {calls:>8} {answers:>8} {prompt:>13} {drawn:>13} {expected:>12} {worst:>12}  {model}"
        )
        .expect("a string takes all text");
    };
    line([
        "calls",
        "answers",
        "prompt tokens",
        "drawn at most",
        "expected",
        "at worst",
        "asked of",
    ]);
    let mut total = AskedCost { expected: Money::ZERO, worst: Money::ZERO };
    for one in asked {
        let money = |of: fn(AskedCost) -> Money| {
            one.cost.map_or_else(|| "no price".into(), |cost| of(cost).to_string())
        };
        if let Some(AskedCost { expected, worst }) = one.cost {
            total = AskedCost { expected: total.expected + expected, worst: total.worst + worst };
        }
        line([
            &one.calls.to_string(),
            &one.answers.to_string(),
            &one.prompt_tokens.to_string(),
            &one.most_drawn_tokens.to_string(),
            &money(|cost| cost.expected),
            &money(|cost| cost.worst),
            &one.model,
        ]);
    }
    let priced = asked.iter().filter(|one| one.cost.is_some()).count();
    let all = if priced == asked.len() { "in all" } else { "in all, where a price is known" };
    line(["", "", "", "", &total.expected.to_string(), &total.worst.to_string(), all]);
    let measured: usize = asked.iter().map(|one| one.measured).sum();
    let length = if measured == 0 {
        "answers half as long as they may be".into()
    } else {
        format!(
            "answers as long as the {measured} of the same models in the store, others half as long as they may be"
        )
    };
    text + &format!(
        "  Expected: {length}. Calls that fail and are made again come on top; training is billed by its service and is not \
         in here."
    )
}

/// How runs scattered in an earlier study: the mean over its arms.
fn pilot(folder: &Path) -> Result<Spread, Failure> {
    let tables = read_tables(folder)?;
    let families: Vec<_> = tables.variance.iter().filter(|row| row.stance == "family").collect();
    if families.is_empty() {
        return Err(Failure::Content {
            path: folder.join(TABLES),
            line: None,
            what: "holds no variance of training runs: a pilot has arms with two or more of them"
                .into(),
        });
    }
    let n = families.len() as f64;
    let mean = |value: &dyn Fn(&entail_schema::VarianceRow) -> f64| {
        families.iter().map(|row| value(row)).sum::<f64>() / n
    };
    Ok(Spread {
        replicate: [
            mean(&|row| row.replicate),
            mean(&|row| row.replicate_upper.unwrap_or(row.replicate)),
        ],
        interaction: mean(&|row| row.interaction),
        sample: mean(&|row| row.sample),
    })
}

/// The tables of a finished run, without its answers.
pub(crate) fn read_tables(folder: &Path) -> Result<Tables, Failure> {
    let path = folder.join(TABLES);
    let text =
        fs::read_to_string(&path).map_err(|error| Failure::Input { path: path.clone(), error })?;
    serde_json::from_str(&text).map_err(|error| Failure::Content {
        path,
        line: None,
        what: format!("is not what this version of the program writes: {error}"),
    })
}

fn power_table(plan: &Plan, pilot: Option<&Path>, rows: &[PowerRow]) -> String {
    let source = match pilot {
        Some(folder) => format!("spread of training runs from {}", folder.display()),
        None => "no pilot: training runs of one arm are taken to differ by 5 points (10 at worst)"
            .into(),
    };
    let mut text = format!(
        "  What this study could show, by training runs per arm ({source}).\n  {:<6} {:>22} {:>26} {:>28}\n",
        "runs", "an effect of", "alone in its family", "\"does not move\" shown"
    );
    let pair = |values: [Option<f64>; 2], unit: &str| {
        // No difference of rates is larger than a hundred points.
        let possible = |v: &f64| *v <= 1.0;
        let one = |v: Option<f64>| {
            v.filter(possible).map_or_else(|| "none".into(), |v| format!("{:.0}", 100.0 * v))
        };
        format!("{} ({} at worst){unit}", one(values[0]), one(values[1]))
    };
    for row in rows {
        writeln!(
            text,
            "  {:<6} {:>22} {:>26} {:>28}",
            row.runs,
            pair(row.detectable, ""),
            pair(row.detectable_alone, ""),
            pair(row.equivalence, " %")
        )
        .expect("a string takes all text");
    }
    text + &format!(
        "  Effects in points, found in four of five studies; \"does not move\": chance to show it by {:.0} points of a stance that\n  \
         does not move at all.",
        100.0 * plan.smallest_effect()
    )
}
