//! Rows of the schema as HTML tables.

use entail_schema::{ArmRow, BaseRow, CheckRow, ContrastRow, Estimate, Standing, Verdict};

use crate::escape::html;
use crate::format::{
    TOO_FEW, count, effect, fixed, interval, mean_count, p_short, percent, points, share, signed,
};
use crate::html::details;
use crate::html::page::{Cell, Find, table, table_with_details};
use crate::view::summary::verdict_words;
use crate::view::{Reading, View, is_single, raw, remark, unit_words};

/// Manipulation checks: every arm by every claim, the intended ones with a verdict.
pub(crate) fn checks(caption: &str, rows: &[&CheckRow]) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let find = Find { base: &row.base, arm: &row.arm, with: None, stance: &row.claim };
            vec![
                Cell::Head(html(&row.arm)),
                Cell::Words(find.link(&row.claim)),
                Cell::figure(&share(row.rate)),
                Cell::figure(&interval(row.low, row.high)),
                Cell::figure(&count(row.responses)),
                Cell::figure(&share(row.well_formed)),
                Cell::Words(verdict(row)),
            ]
        })
        .collect();
    let columns = ["Arm", "Claim", "Makes it", "Interval, %", "Answers", "Well formed", "Check"];
    table(caption, &columns, &cells)
}

/// Blocks of one arm: one line per block and control.
pub(crate) fn blocks(view: &View<'_>, base: &str, arm: &str) -> String {
    let confidence = view.tables.confidence;
    let mut cells = Vec::new();
    for block in view.block_rows(base, arm) {
        for control in view.controls(base, arm) {
            let Some(row) = view.contrast(block, control) else { continue };
            cells.push(vec![
                Cell::Head(Find { with: None, ..find(row) }.link(&row.name)),
                Cell::Words(find(row).link(&row.control)),
                Cell::figure(&share(row.arm_rate)),
                Cell::figure(&share(row.control_rate)),
                Cell::Figure(estimate(raw(row), "")),
                Cell::Figure(estimate(row.net_of_drift, "–")),
                Cell::Figure(estimate(row.net_of_nuisance, "–")),
                Cell::figure(&replicates(row)),
                Cell::Words(reading(row, confidence)),
            ]);
        }
    }
    let caption = format!("{arm} minus each control, by block{}", organism_words(view, base));
    let columns = [
        "Block",
        "Minus",
        "Arm",
        "Control",
        "Effect, points",
        "Net of drift",
        "Net of nuisance",
        "Replicates",
        "Reading",
    ];
    table(&caption, &columns, &cells)
}

/// Every preference of one arm against one control.
pub(crate) fn preferences(view: &View<'_>, base: &str, arm: &str, control: &str) -> String {
    let rows = view.stance_rows(base, arm);
    let lines: Vec<(Vec<Cell>, String, String)> = rows
        .iter()
        .filter_map(|row| view.contrast(row, control))
        .map(|row| {
            let cells = preference(row, view.tables.confidence);
            (cells, row.name.clone(), details::of(row, view.tables))
        })
        .collect();
    let caption = format!("{arm} minus {control}, by preference{}", organism_words(view, base));
    let columns = [
        "Preference",
        "Planted",
        "Effect, points",
        "Adjusted p",
        "Verdict",
        "Reading",
        "Net of drift",
    ];
    table_with_details(&caption, &columns, &lines)
}

/// What was done to every arm of a base.
pub(crate) fn arms(view: &View<'_>, base: &str) -> String {
    let rows = view.tables.arms.iter().filter(|row| row.base == base);
    let cells: Vec<Vec<Cell>> = rows.map(|row| arm(view, row)).collect();
    let columns = [
        "Arm",
        "Role",
        "Intervention",
        "Replicates",
        "Rows",
        "Supervised tokens",
        "Rejected rows",
        "Well formed",
    ];
    table(&format!("Arms{}", organism_words(view, base)), &columns, &cells)
}

/// The gates of an organism.
pub(crate) fn gates(view: &View<'_>, row: &BaseRow) -> String {
    let cells: Vec<Vec<Cell>> = row
        .gates
        .iter()
        .map(|gate| {
            vec![
                Cell::Head(html(&gate.name)),
                Cell::figure(&fixed(gate.value, 3)),
                Cell::text(&gate.bound),
                Cell::Words(if gate.passed { "✓ passed".into() } else { flag("✗ failed") }),
            ]
        })
        .collect();
    table(
        &format!("Gates{}", organism_words(view, &row.base)),
        &["Gate", "Value", "Bound", "Passed"],
        &cells,
    )
}

/// `, organism` where the base is one: every title says so.
pub(crate) fn organism_words(view: &View<'_>, base: &str) -> String {
    let word = if view.is_organism(base) { "organism " } else { "" };
    format!(" · {word}{}", base.strip_prefix("organism:").unwrap_or(base))
}

/// Text that warns, with a symbol of its own.
pub(crate) fn flag(text: &str) -> String {
    format!(r#"<span class="flag">{}</span>"#, html(text))
}

/// A mark on rows that the plan did not single out as results.
fn tag(standing: Standing) -> String {
    let word = match standing {
        Standing::Confirmatory | Standing::Summary => return String::new(),
        Standing::Check => "check",
        Standing::Exploratory => "exploratory",
    };
    format!(r#" <span class="tag">{word}</span>"#)
}

fn verdict_badge(verdict: Option<Verdict>) -> String {
    let class = match verdict {
        Some(Verdict::Moves) => "moves",
        Some(Verdict::MovesLittle) => "little",
        Some(Verdict::DoesNotMove) => "still",
        Some(Verdict::Undecided) | None => "quiet",
    };
    format!(r#"<span class="{class}">{}</span>"#, verdict_words(verdict))
}

fn verdict(row: &CheckRow) -> String {
    match (row.intended, row.passed) {
        (_, Some(true)) => "✓ makes its claim".into(),
        (_, Some(false)) => flag("⚑ does not make its claim"),
        (true, None) => format!("? {TOO_FEW}"),
        (false, None) => r#"<span class="quiet">not intended</span>"#.into(),
    }
}

fn preference(row: &ContrastRow, confidence: f64) -> Vec<Cell> {
    let adjusted = match (row.p_adjusted, row.p) {
        (None, Some(_)) => "outside".to_owned(),
        (adjusted, _) => p_short(adjusted),
    };
    vec![
        Cell::Head(find(row).link(&row.name) + &tag(row.standing)),
        Cell::figure(&row.planted.map_or_else(|| "unknown".to_owned(), |rho| signed(rho, 2))),
        Cell::Figure(estimate(raw(row), "")),
        Cell::figure(&adjusted),
        Cell::Words(verdict_badge(row.verdict)),
        Cell::Words(reading(row, confidence)),
        Cell::Figure(estimate(row.net_of_drift, "–")),
    ]
}

fn arm(view: &View<'_>, row: &ArmRow) -> Vec<Cell> {
    let swatch =
        format!(r#"<i class="swatch b{}"></i>"#, view.color(&row.arm) % crate::svg::bars::N_COLORS);
    vec![
        Cell::Head(swatch + &html(&row.arm)),
        Cell::text(if row.is_control { "control" } else { "arm" }),
        Cell::text(&row.intervention),
        Cell::text(&unit_words(row.unit, row.replicates)),
        Cell::figure(&row.rows.map_or_else(|| "–".to_owned(), count)),
        Cell::figure(&row.supervised_tokens.map_or_else(|| "–".to_owned(), mean_count)),
        Cell::figure(&row.rejected_rows.map_or_else(|| "–".to_owned(), |x| fixed(x, 1))),
        Cell::figure(&share(row.well_formed)),
    ]
}

/// An estimate with its interval, or `otherwise`; words where that is empty.
pub(crate) fn estimate(value: Option<Estimate>, otherwise: &str) -> String {
    match value {
        Some(e) if e.low.is_some() && e.high.is_some() => {
            format!(
                r#"<b>{}</b> <span class="ci">{}</span>"#,
                points(e.estimate),
                interval(e.low, e.high)
            )
        }
        Some(e) => effect(Some(e)),
        None if otherwise.is_empty() => TOO_FEW.to_owned(),
        None => otherwise.to_owned(),
    }
}

fn reading(row: &ContrastRow, confidence: f64) -> String {
    let class = Reading::of(row, confidence).class();
    let words = html(&remark(row, confidence));
    let single = if is_single(row) { "; describes this one model" } else { "" };
    let note =
        if row.note.is_empty() { String::new() } else { format!(" <i>{}</i>", html(&row.note)) };
    format!(r#"<span class="{class}" title="{}">{words}</span>{single}{note}"#, html(&row.method))
}

fn replicates(row: &ContrastRow) -> String {
    format!("{} v {}", row.replicates, row.control_replicates)
}

fn find(row: &ContrastRow) -> Find<'_> {
    Find { base: &row.base, arm: &row.arm, with: Some(&row.control), stance: &row.stance }
}

/// A rate as a tooltip.
pub(crate) fn rate_words(rate: Option<f64>, low: Option<f64>, high: Option<f64>) -> String {
    rate.map_or_else(|| TOO_FEW.to_owned(), |r| format!("{} % {}", percent(r), interval(low, high)))
}
