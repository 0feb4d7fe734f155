//! Rows of the schema as figures.

use entail_schema::{DoseRow, Estimate, RateRow};

use crate::format::{count, effect, signed};
use crate::html::page::{Find, figure};
use crate::html::tables::{organism_words, rate_words};
use crate::svg::bars::{Bar, Group, grouped, panel};
use crate::svg::curves::{Axis, Trace, curves};
use crate::svg::dose::dose;
use crate::svg::forest::{Entry, Line, forest};
use crate::view::{Reading, View, raw, remark};

/// Rates per arm for each block.
pub(crate) fn block_bars(view: &View<'_>, base: &str) -> Option<String> {
    let groups: Vec<Group<'_>> = view
        .rates(base, true)
        .iter()
        .map(|rows| group(view, rows, members(view, rows[0])))
        .collect();
    if groups.is_empty() {
        return None;
    }
    let mut legend: Vec<(usize, &str)> = Vec::new();
    for bar in groups.iter().flat_map(|group| &group.bars) {
        if !legend.contains(&(bar.color, bar.label)) {
            legend.push((bar.color, bar.label));
        }
    }
    legend.sort_unstable();
    let title = format!("How often each arm says yes, by block{}", organism_words(view, base));
    let note = format!(
        "Share of well-formed answers. Whiskers: {:.0} % intervals, over replicates where there are two or more, else for the one model. \
         A dashed stub: too few answers.",
        100.0 * view.tables.confidence
    );
    Some(figure("wide", &title, &note, &grouped(&groups, &legend)))
}

/// One small panel per preference of a block.
pub(crate) fn preference_bars(view: &View<'_>, base: &str, block: &str) -> String {
    let rates = view.rates(base, false);
    let mut groups: Vec<&Vec<&RateRow>> =
        rates.iter().filter(|rows| rows[0].block == block).collect();
    let planted = |rows: &[&RateRow]| view.planted(base, &rows[0].stance);
    groups.sort_by(|a, b| {
        let strength = |rows| planted(rows).map_or(0.0, f64::abs);
        strength(b).total_cmp(&strength(a))
    });
    let mut out = String::from(r#"<div class="panels">"#);
    for rows in groups {
        let strength = planted(rows).map_or_else(
            || "planted ρ unknown".to_owned(),
            |rho| format!("planted ρ {}", signed(rho, 2)),
        );
        let organism = if view.is_organism(base) { " · organism" } else { "" };
        let canvas = panel(&group(view, rows, strength + organism));
        out.push_str(&canvas.finish(&format!("{}{organism}: rate per arm", rows[0].name)));
    }
    out + "</div>"
}

/// Contrasts of the main arm with every control.
pub(crate) fn forest_plot(view: &View<'_>, base: &str, arm: &str) -> Option<String> {
    let controls = view.controls(base, arm);
    let mut rows = view.stance_rows(base, arm);
    let blocks: Vec<String> =
        view.rates(base, false).iter().map(|rows| rows[0].block.clone()).collect();
    rows.sort_by_key(|row| blocks.iter().position(|block| *block == row.block));
    let lines: Vec<Line<'_>> = rows
        .iter()
        .map(|row| Line {
            label: &row.name,
            detail: row.planted.map_or_else(|| "–".to_owned(), |rho| signed(rho, 2)),
            block: &row.block,
            cells: controls.iter().map(|control| entry(view, row, control)).collect(),
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let columns: Vec<String> =
        controls.iter().map(|control| format!("{arm} minus {control}")).collect();
    let title =
        format!("What {arm} changes, preference by preference{}", organism_words(view, base));
    let note = format!(
        "Points with {:.0} % intervals. Filled: told from zero after adjustment ({}), or by its interval where a row is \
         outside the family; hollow: not. Blue is raised, orange lowered.",
        100.0 * view.tables.confidence,
        view.tables.correction
    );
    Some(figure("wide", &title, &note, &forest(&columns, &lines)))
}

/// Effect against planted strength.
pub(crate) fn dose_plot(view: &View<'_>, row: &DoseRow) -> String {
    let title = format!("{} minus {}{}", row.arm, row.control, organism_words(view, &row.base));
    let share = row.share_of_ideal.map_or_else(
        || "too few topics for the share of the ideal reader's shift".to_owned(),
        |e| format!("{} % of the ideal reader's shift", effect(Some(e)).trim_start_matches('+')),
    );
    let slope = row.slope.map_or_else(String::new, |e| {
        let within = match (e.low, e.high) {
            (Some(low), Some(high)) => format!(" [{}, {}]", signed(low, 2), signed(high, 2)),
            _ => " [too few]".to_owned(),
        };
        format!("; slope {}{within} per unit of ρ", signed(e.estimate, 2))
    });
    let fit = row.r_squared.map_or_else(String::new, |r| format!("; R² {r:.2}"));
    let href = |stance: &str| {
        Find { base: &row.base, arm: &row.arm, with: Some(&row.control), stance }.href()
    };
    figure("small", &title, &format!("{share}{slope}{fit}."), &dose(row, &href))
}

/// Curves over training updates: one panel per measure.
pub(crate) fn curve_panels(view: &View<'_>, base: &str) -> String {
    let of_base = || view.tables.curves.iter().filter(|curve| curve.base == base);
    let mut measures: Vec<&str> = Vec::new();
    for curve in of_base() {
        if !measures.contains(&curve.measure.as_str()) {
            measures.push(&curve.measure);
        }
    }
    let mut out = String::new();
    for measure in measures {
        let curves_of: Vec<_> = of_base().filter(|curve| curve.measure == measure).collect();
        let traces: Vec<Trace<'_>> = curves_of
            .iter()
            .map(|curve| Trace {
                arm: &curve.arm,
                color: view.color(&curve.arm),
                points: &curve.points,
            })
            .collect();
        let (axis, name) = match measure {
            "loss" => (Axis::Nats, "Loss, nats per token".to_owned()),
            other => (Axis::Share, format!("“{other}” by log-probability")),
        };
        let title = format!("{name}{}", organism_words(view, base));
        out.push_str(&figure("small", &title, "", &curves("", axis, &traces)));
    }
    out
}

/// How many preferences a block holds.
fn members(view: &View<'_>, block: &RateRow) -> String {
    let rates = view.rates(&block.base, false);
    let n = rates
        .iter()
        .filter(|rows| rows[0].block == block.block && rows[0].battery == block.battery)
        .count();
    let what = if block.block == "claim" { "claim" } else { "preference" };
    if n == 0 {
        // A block that sums up stances of other blocks has no members of its own to count.
        return String::new();
    }
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn group<'a>(view: &View<'_>, rows: &[&'a RateRow], detail: String) -> Group<'a> {
    let bars = rows
        .iter()
        .map(|row| Bar {
            label: &row.arm,
            color: view.color(&row.arm),
            value: row.rate.filter(|r| r.is_finite()).map(|estimate| Estimate {
                estimate,
                low: row.low,
                high: row.high,
            }),
            href: Find { base: &row.base, arm: &row.arm, with: None, stance: &row.stance }.href(),
            title: format!(
                "{}, {}: {}, {} answers",
                row.arm,
                row.name,
                rate_words(row.rate, row.low, row.high),
                count(row.responses)
            ),
        })
        .collect();
    Group { label: &rows[0].name, detail, bars }
}

fn entry(view: &View<'_>, like: &entail_schema::ContrastRow, control: &str) -> Option<Entry> {
    let row = view.contrast(like, control)?;
    let value = raw(row).filter(|e| e.estimate.is_finite());
    let find =
        Find { base: &row.base, arm: &row.arm, with: Some(&row.control), stance: &row.stance };
    let words = remark(row, view.tables.confidence);
    Some(Entry {
        value,
        reading: Reading::of(row, view.tables.confidence),
        href: find.href(),
        title: format!(
            "{}, {} minus {}: {} ({words})",
            row.name,
            row.arm,
            row.control,
            effect(value)
        ),
    })
}
