//! The sections of the page. Notes and forecasts that missed stand before any other number.

use entail_schema::ContrastRow;

use crate::add;
use crate::escape::html;
use crate::format::{count, interval, points};
use crate::html::figures::{block_bars, curve_panels, dose_plot, forest_plot, preference_bars};
use crate::html::page::folded;
use crate::html::tables;
use crate::text::ORGANISM;
use crate::view::summary::{first_notes, prompts_words};
use crate::view::{Reading, View, excludes_zero, raw};

/// Anchors and names of the sections, in order.
const SECTIONS: [(&str, &str); 15] = [
    ("forecasts", "Forecasts"),
    ("headline", "Headline"),
    ("checks", "Checks"),
    ("blocks", "Blocks"),
    ("rates", "Rates"),
    ("preferences", "Preferences"),
    ("dose", "Dose"),
    ("pooled", "Pooled"),
    ("variance", "Variance"),
    ("structure", "Structure"),
    (ACROSS, "Seeds"),
    (JUDGES, "Judges"),
    ("training", "Training"),
    ("arms", "Arms and bases"),
    ("transcripts", "Transcripts"),
];

/// A section that a study of one seed does not have.
const ACROSS: &str = "across";
/// A section that a study read by the exact judge does not have.
const JUDGES: &str = "judges";

/// The first line, the name of the study and what it holds.
pub(crate) fn header(view: &View<'_>) -> String {
    let tables = view.tables;
    let organism = if view.any_organism() {
        format!(r#"<p class="organism">{}</p>"#, html(ORGANISM))
    } else {
        String::new()
    };
    format!(
        r#"<header>{organism}<h1>{}</h1><p class="lead">{} · {} · {} answers</p><p class="plan">plan <code>{}</code></p></header>"#,
        html(&tables.study),
        plural(view.bases.len(), "base"),
        plural(view.arms.len(), "arm"),
        count(tables.responses.len()),
        html(&tables.plan),
    )
}

/// Links that stay at the top.
pub(crate) fn navigation(view: &View<'_>) -> String {
    let is_shown = |(id, _): &&(&str, &str)| match *id {
        ACROSS => !view.tables.across_bases.is_empty(),
        JUDGES => !view.tables.judges.is_empty(),
        _ => true,
    };
    let shown = SECTIONS.iter().filter(is_shown);
    let links: Vec<String> =
        shown.map(|(id, name)| format!(r##"<a href="#{id}">{name}</a>"##)).collect();
    format!(r#"<nav aria-label="Sections"><div>{}</div></nav>"#, links.join(""))
}

/// What a reader must know before any number.
pub(crate) fn notes(view: &View<'_>) -> String {
    let notes = first_notes(view.tables);
    if notes.is_empty() {
        return String::new();
    }
    let items: Vec<String> = notes.iter().map(|note| format!("<li>{}</li>", html(note))).collect();
    format!(
        r#"<div class="notes first"><h3>Before any number</h3><ul>{}</ul></div>"#,
        items.join("")
    )
}

/// Manipulation checks.
pub(crate) fn checks(view: &View<'_>) -> String {
    section(
        "checks",
        "Does each arm make its claim?",
        "Held-out phrasings, read by the judge. A flagged arm is to be read with that in mind.",
        &each_base(view, &|base| check_tables(view, base)),
    )
}

/// Effects by block, control by control.
pub(crate) fn blocks(view: &View<'_>) -> String {
    let effects = each_base(view, &|base| block_tables(view, base));
    let legend = format!(
        "Effects are differences of rates in points, with {:.0} % intervals. {} Net of drift: minus what an arm that merely \
         loosens the persona would show at this base rate. Net of nuisance: minus the mean of the nuisance block. \
         Replicates: arm v control. Every name leads to its answers.",
        100.0 * view.tables.confidence,
        prompts_words(view.tables)
    );
    section("blocks", "What follows from the claim, control by control", &legend, &effects)
}

/// Rates per arm.
pub(crate) fn rates(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let mut out = block_bars(view, base).unwrap_or_default();
        let mut blocks: Vec<String> = Vec::new();
        for rows in view.rates(base, false) {
            if !blocks.contains(&rows[0].block) {
                blocks.push(rows[0].block.clone());
            }
        }
        for block in blocks {
            let panels = preference_bars(view, base, &block);
            let name =
                format!("Preference by preference: {block}{}", tables::organism_words(view, base));
            match block.as_str() {
                "planted" | "reversed" | "preference" => {
                    add!(out, "<h4>{}</h4>{panels}", html(&name));
                }
                _ => out.push_str(&folded(&name, &panels)),
            }
        }
        out
    });
    section("rates", "How often each arm says yes", "Rates, before any comparison.", &content)
}

/// Contrasts per preference.
pub(crate) fn preferences(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let Some(main) = view.main_arm(base) else {
            return nothing("No arm was compared with a control.");
        };
        let mut out = forest_plot(view, base, main).unwrap_or_default();
        for arm in view.compared(base) {
            for control in view.controls(base, arm) {
                let name = format!("Table: {arm} minus {control}");
                out.push_str(&folded(&name, &tables::preferences(view, base, arm, control)));
            }
        }
        out
    });
    section(
        "preferences",
        "Preference by preference",
        &format!(
            "Strongest planted link first within each block. In the tables, rows marked exploratory or check stand outside \
             the declared family; the verdict compares a difference with zero and with the {} points that matter; “more” \
             opens what else is known of a row.",
            points(view.tables.smallest_effect).trim_start_matches('+').trim_end_matches(".0")
        ),
        &content,
    )
}

/// Effect against planted strength.
pub(crate) fn doses(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let main = view.main_arm(base);
        let rows = || view.tables.doses.iter().filter(|row| row.base == base);
        let plots = |is_main: bool| -> String {
            rows()
                .filter(|row| (Some(row.arm.as_str()) == main) == is_main)
                .map(|row| dose_plot(view, row))
                .collect()
        };
        let (first, others) = (plots(true), plots(false));
        let mut out = if first.is_empty() {
            nothing("No planted strengths to compare with.")
        } else {
            pair(&first)
        };
        if !others.is_empty() {
            out.push_str(&folded("Other arms", &pair(&others)));
        }
        out
    });
    let lead = "Each point is one topic. An ideal reader of the corpus would stand on the dashed line: effect equal to planted strength. \
                The solid line is the least-squares fit.";
    section("dose", "Does the effect follow the planted strength?", lead, &content)
}

/// Curves over training.
pub(crate) fn training(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let panels = curve_panels(view, base);
        if panels.is_empty() {
            nothing("No arm was trained, or no curve was kept.")
        } else {
            pair(&panels)
        }
    });
    section("training", "During training", "One thin line per replicate.", &content)
}

/// What was done, and to what.
pub(crate) fn arms(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let mut out = String::new();
        if let Some(row) = view.tables.bases.iter().find(|row| row.base == base) {
            add!(out, "<p>{}</p>", html(&row.description));
            if !row.gates.is_empty() {
                out.push_str(&tables::gates(view, row));
            }
        }
        out + &tables::arms(view, base)
    });
    section("arms", "Arms and bases", "What was done, and to what.", &content)
}

/// One section with its heading.
pub(crate) fn section(id: &str, title: &str, lead: &str, content: &str) -> String {
    format!(
        r#"<section id="{id}"><h2>{}</h2><p class="lead">{}</p>{content}</section>"#,
        html(title),
        html(lead)
    ) + "\n"
}

fn check_tables(view: &View<'_>, base: &str) -> String {
    let (intended, others): (Vec<_>, Vec<_>) =
        view.tables.checks.iter().filter(|row| row.base == base).partition(|row| row.intended);
    if intended.is_empty() && others.is_empty() {
        return nothing("No check was made.");
    }
    let words = tables::organism_words(view, base);
    let mut out: String = view.arms.iter().map(|arm| flagged(view, base, arm)).collect();
    if !intended.is_empty() {
        out.push_str(&tables::checks(
            &format!("Claims that arms are meant to make{words}"),
            &intended,
        ));
    }
    if !others.is_empty() {
        let table =
            tables::checks(&format!("Claims that arms are not meant to make{words}"), &others);
        out.push_str(&folded("Every other claim of every arm", &table));
    }
    out
}

fn block_tables(view: &View<'_>, base: &str) -> String {
    let Some(main) = view.main_arm(base) else {
        return nothing("No arm was compared with a control.");
    };
    let mut out = cards(view, base, main);
    out.push_str(&flagged(view, base, main));
    out.push_str(&tables::blocks(view, base, main));
    for arm in view.compared(base).into_iter().filter(|arm| *arm != main) {
        let content = flagged(view, base, arm) + &tables::blocks(view, base, arm);
        out.push_str(&folded(&format!("{arm} minus each control"), &content));
    }
    out
}

/// The main arm's effect on the blocks that carry the question, large.
fn cards(view: &View<'_>, base: &str, arm: &str) -> String {
    let mut out = String::from(r#"<div class="cards">"#);
    for block in view.block_rows(base, arm) {
        if matches!(block.block.as_str(), "claim" | "planted" | "reversed" | "zero" | "preference")
        {
            out.push_str(&card(view, block));
        }
    }
    out + "</div>"
}

fn card(view: &View<'_>, row: &ContrastRow) -> String {
    let class = Reading::of(row, view.tables.confidence).class();
    let figure = row.estimate.map_or_else(|| "too few".to_owned(), points);
    let controls = view.controls(&row.base, &row.arm);
    let found: Vec<&ContrastRow> =
        controls.iter().filter_map(|control| view.contrast(row, control)).collect();
    let clear = found
        .iter()
        .filter_map(|row| row.net_of_drift.or(raw(row)))
        .filter(|e| excludes_zero(*e) == Some(true))
        .count();
    let net =
        if found.iter().any(|row| row.net_of_drift.is_some()) { ", net of drift" } else { "" };
    format!(
        r#"<div class="card"><p>{}</p><p class="big {class}">{figure}</p><p>{} points, {} minus {}</p><p>clear of zero against {clear} of {}{net}</p></div>"#,
        html(&row.name),
        interval(row.low, row.high),
        html(&row.arm),
        html(&row.control),
        plural(found.len(), "control"),
    )
}

fn flagged(view: &View<'_>, base: &str, arm: &str) -> String {
    if view.is_flagged(base, arm) {
        format!(
            "<p>{}</p>",
            tables::flag(&format!("⚑ {arm} does not make its claim on held-out phrasings."))
        )
    } else {
        String::new()
    }
}

/// A part per base, with a heading where there are several.
pub(crate) fn each_base(view: &View<'_>, part: &dyn Fn(&str) -> String) -> String {
    if view.bases.is_empty() {
        return nothing("The tables are empty.");
    }
    view.bases
        .iter()
        .map(|base| {
            let heading = if view.bases.len() > 1 {
                format!("<h3>{}</h3>", html(base))
            } else {
                String::new()
            };
            heading + &part(base)
        })
        .collect()
}

fn pair(figures: &str) -> String {
    format!(r#"<div class="pair">{figures}</div>"#)
}

pub(crate) fn nothing(why: &str) -> String {
    format!(r#"<p class="quiet">{}</p>"#, html(why))
}

fn plural(n: usize, what: &str) -> String {
    format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" })
}
