//! The family as a whole: pooled effects, and where the variance of an answer comes from.

use entail_schema::{PooledRow, VarianceRow};

use crate::escape::html;
use crate::format::{TOO_FEW, effect, interval, points};
use crate::html::page::{Cell, Find, figure, folded, folded_table, table};
use crate::html::sections::{each_base, nothing, section};
use crate::html::tables::{estimate, organism_words};
use crate::svg::pooled::{Dot, pooled as plot};
use crate::svg::stack::{Stack, stacks};
use crate::view::View;
use crate::view::summary::{deviation, prompts_words};

/// Parts of the variance, as the figures name them.
const PARTS: [&str; 4] = ["training runs", "prompts", "runs × prompts", "answers"];

/// Effects pooled over the family.
pub(crate) fn pooled(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let rows: Vec<&PooledRow> =
            view.tables.pooled.iter().filter(|row| row.base == base).collect();
        let main = view.main_arm(base);
        let first = rows.iter().position(|row| Some(row.arm.as_str()) == main).unwrap_or(0);
        if rows.is_empty() {
            return nothing("No contrast had enough stances in its family to pool.");
        }
        let mut out = summary(view, base, &rows);
        out.push_str(&forest(view, rows[first]));
        for (_, row) in rows.iter().enumerate().filter(|(idx, _)| *idx != first) {
            let name = format!("{} minus {}", row.arm, row.control);
            out.push_str(&folded(&name, &forest(view, row)));
        }
        out
    });
    let lead = format!(
        "A single stance is a noisy measurement; the others say what size to expect. Each stance's own difference \
         (grey) is drawn towards the rest, more so where it is uncertain. Read the filled points for single stances \
         and the band for the mean over any stances like these. {}",
        prompts_words(view.tables)
    );
    section("pooled", "The family, taken together", &lead, &content)
}

fn summary(view: &View<'_>, base: &str, rows: &[&PooledRow]) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let spread = row.spread;
            let size = points(spread.estimate).trim_start_matches('+').to_owned();
            vec![
                Cell::Head(html(&format!("{} minus {}", row.arm, row.control))),
                Cell::Figure(estimate(Some(row.cluster), "")),
                Cell::Figure(estimate(Some(row.mean), "")),
                Cell::figure(&format!("{size} {}", interval(spread.low, spread.high))),
            ]
        })
        .collect();
    let columns = [
        "Contrast",
        "Mean over any stances like these",
        "Mean of exactly these",
        "Spread between stances (standard deviation)",
    ];
    table(
        &format!("Effects on the whole family, points{}", organism_words(view, base)),
        &columns,
        &cells,
    )
}

fn forest(view: &View<'_>, row: &PooledRow) -> String {
    let dots: Vec<Dot<'_>> = row
        .stances
        .iter()
        .map(|stance| Dot {
            label: &stance.name,
            raw: stance.raw,
            shrunken: stance.shrunken,
            positive: stance.positive,
            href: Find {
                base: &row.base,
                arm: &row.arm,
                with: Some(&row.control),
                stance: &stance.stance,
            }
            .href(),
            title: format!(
                "{}: its own difference {}, with the others {}",
                stance.name,
                points(stance.raw),
                effect(Some(stance.shrunken))
            ),
        })
        .collect();
    let title =
        format!("{} minus {}, pooled{}", row.arm, row.control, organism_words(view, &row.base));
    let note = format!(
        "Mean over any stances like these: {} points. Whiskers and band: {:.0} % intervals. Above zero: how probable it is that the \
         effect is positive.",
        effect(Some(row.cluster)),
        100.0 * view.tables.confidence
    );
    figure("wide", &title, &note, &plot(row.cluster, &dots))
}

/// Where the variance of one answer comes from.
pub(crate) fn variance(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let rows: Vec<&VarianceRow> =
            view.tables.variance.iter().filter(|row| row.base == base).collect();
        let (family, single): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.stance == "family");
        if family.is_empty() && single.is_empty() {
            return nothing(
                "No arm has enough training runs to tell their variance from that of answers.",
            );
        }
        let words = organism_words(view, base);
        let mut out = String::new();
        if !family.is_empty() {
            out.push_str(&bars(&format!("Shares of the variance of one answer{words}"), &family));
            let caption = format!("Standard deviations, points, mean over the family{words}");
            out.push_str(&table(&caption, &COLUMNS, &lines(&family, false)));
        }
        let caption = format!("Standard deviations, points, stance by stance{words}");
        out + &folded_table("Stance by stance", &caption, &COLUMNS, &lines(&single, true))
    });
    let lead = "One answer differs from the next because the model was trained again (training runs), was asked in other \
                words (prompts), takes a wording differently from run to run (runs × prompts), or was sampled again (answers). \
                More samples shrink only the last part of an arm's error; the first shrinks with more training runs alone, the \
                second with more prompts. Runs, at most: the upper end of a one-sided 80 % interval, to plan with. Error: of the \
                arm's mean, on these prompts or on any like them.";
    section("variance", "Where the variance is", lead, &content)
}

const COLUMNS: [&str; 8] = [
    "Arm",
    "Training runs",
    "Runs, at most",
    "Prompts",
    "Runs × prompts",
    "Answers",
    "Error, these prompts",
    "Error, any prompts",
];

fn bars(title: &str, rows: &[&VarianceRow]) -> String {
    let stacks_of: Vec<Stack<'_>> = rows
        .iter()
        .map(|row| {
            let parts = parts(row);
            let words: Vec<String> = PARTS
                .iter()
                .zip(parts)
                .map(|(name, part)| format!("{name} {}", deviation(part)))
                .collect();
            let title = format!("{}, standard deviations in points: {}", row.arm, words.join(", "));
            Stack { label: &row.arm, parts, title }
        })
        .collect();
    figure("wide", title, "Mean over the family, arm by arm.", &stacks(PARTS, &stacks_of))
}

fn parts(row: &VarianceRow) -> [f64; 4] {
    [row.replicate, row.prompt, row.interaction, row.sample]
}

fn lines(rows: &[&VarianceRow], with_stance: bool) -> Vec<Vec<Cell>> {
    let error = |share: f64| Cell::figure(points(share).trim_start_matches('+'));
    let line = |row: &&VarianceRow| {
        let head = if with_stance { format!("{}, {}", row.arm, row.name) } else { row.arm.clone() };
        vec![
            Cell::Head(html(&head)),
            Cell::figure(&deviation(row.replicate)),
            Cell::figure(&row.replicate_upper.map_or_else(|| TOO_FEW.to_owned(), deviation)),
            Cell::figure(&deviation(row.prompt)),
            Cell::figure(&deviation(row.interaction)),
            Cell::figure(&deviation(row.sample)),
            error(row.error_fixed),
            error(row.error_sampled),
        ]
    };
    rows.iter().map(line).collect()
}
