//! How stances hang together: correlations, factors, profiles, mediation, diagnosticity. All of it is exploratory.

use entail_schema::{DiagnosticityRow, FactorTable, MediationRow, ProfileRow, StructureTable};

use crate::add;
use crate::escape::html;
use crate::format::{TOO_FEW, effect, fixed, signed};
use crate::html::details::plain;
use crate::html::page::{Cell, figure, table};
use crate::html::sections::{each_base, nothing};
use crate::html::tables::organism_words;
use crate::svg::heat::heat;
use crate::view::View;
use crate::view::summary::grouped;

/// Loadings from here on are set in bold: about a sixth of a stance's variance.
const STRONG: f64 = 0.4;

/// Eigenvalues shown beyond those that are kept, so that the cut can be seen.
const BEYOND: usize = 3;

/// The whole section.
pub(crate) fn structure(view: &View<'_>) -> String {
    let content = each_base(view, &|base| {
        let tables = view.tables.structure.iter().filter(|row| row.base == base);
        let parts: String = tables.map(|row| parts(view, row)).collect();
        if parts.is_empty() {
            nothing("There are too few training runs to look for structure.")
        } else {
            parts
        }
    });
    format!(
        r#"<section id="structure"><h2>How stances hang together <span class="tag">exploratory</span></h2><p class="lead">{}</p>{content}</section>"#,
        html(
            "None of this was planned as a test, and nothing here is corrected for having looked: take it as a source of \
             questions for the next study, not as a result."
        )
    ) + "\n"
}

fn parts(view: &View<'_>, row: &StructureTable) -> String {
    let words = organism_words(view, &row.base);
    let mut out = correlations(row, &words);
    match &row.factors {
        Some(found) => out.push_str(&factors(row, found, &words)),
        None => out.push_str(&nothing(
            "Too few training runs, or stances that vary, to look for factors.",
        )),
    }
    if !row.profiles.is_empty() {
        out.push_str(&profiles(&row.profiles, &words));
    }
    if !row.mediation.is_empty() {
        out.push_str(&mediation(&row.mediation, &words));
    }
    if !row.diagnosticity.is_empty() {
        out.push_str(&diagnosticity(&row.diagnosticity, &words));
    }
    out
}

fn correlations(row: &StructureTable, words: &str) -> String {
    let names: Vec<&str> = row.stances.iter().map(|(_, name)| name.as_str()).collect();
    if names.len() < 2 {
        return nothing("Fewer than two stances: nothing to correlate.");
    }
    let note = format!(
        "Correlations between stances over {} training runs, with each arm's mean taken out: blue where runs that hold one \
         stance more also hold the other more, orange where they hold it less. Each cell pairs the stance of its row with \
         that of its column's number.",
        row.runs
    );
    figure(
        "wide",
        &format!("Which stances vary together from run to run{words}"),
        &note,
        &heat(&names, &row.correlations),
    )
}

fn factors(row: &StructureTable, found: &FactorTable, words: &str) -> String {
    let n_kept = found.loadings.first().map_or(0, Vec::len);
    let mut out = lead(
        "Factors: a few hidden dimensions that would account for the correlations",
        "An eigenvalue is how many stances' worth of variance a factor accounts for. A factor is kept while it accounts for \
         more than factors of random data of the same size do. A loading says how strongly a stance goes with the factor, \
         from −1 to +1; from 0.4 on, either way, it is bold.",
    );
    let eigenvalues: Vec<Vec<Cell>> = found
        .eigenvalues
        .iter()
        .enumerate()
        .take(n_kept + BEYOND)
        .map(|(idx, value)| {
            let threshold = found.thresholds.get(idx);
            vec![
                Cell::Head(format!("factor {}", idx + 1)),
                Cell::figure(&fixed(*value, 2)),
                Cell::figure(&threshold.map_or_else(|| TOO_FEW.to_owned(), |x| fixed(*x, 2))),
                Cell::text(if idx < n_kept { "✓ kept" } else { "no" }),
            ]
        })
        .collect();
    let columns = ["Factor", "Eigenvalue", "Random data reach", "Kept"];
    out.push_str(&table(
        &format!("Eigenvalues beside those of random data{words}"),
        &columns,
        &eigenvalues,
    ));
    if n_kept == 0 {
        return out + &nothing("No factor accounts for more than random data would.");
    }
    let heads: Vec<String> = (1..=n_kept).map(|idx| format!("Factor {idx}")).collect();
    let columns: Vec<&str> =
        std::iter::once("Stance").chain(heads.iter().map(String::as_str)).collect();
    let lines: Vec<Vec<Cell>> = found
        .stances
        .iter()
        .zip(&found.loadings)
        .map(|(idx, line)| loading(row, *idx, line))
        .collect();
    out + &table(&format!("Loadings{words}"), &columns, &lines)
}

fn loading(row: &StructureTable, idx: usize, line: &[f64]) -> Vec<Cell> {
    let name = row.stances.get(idx).map_or("unknown", |(_, name)| name);
    let mut cells = vec![Cell::Head(html(name))];
    cells.extend(line.iter().map(|x| {
        let figure = html(&signed(*x, 2));
        Cell::Figure(if x.abs() >= STRONG {
            format!("<b>{figure}</b>")
        } else {
            format!(r#"<span class="quiet">{figure}</span>"#)
        })
    }));
    cells
}

fn profiles(rows: &[ProfileRow], words: &str) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::Head(html(&row.arm)),
                Cell::text(&row.other),
                Cell::text(&row.control),
                Cell::figure(&plain(Some(row.slope))),
                Cell::figure(&plain(row.slope_with_errors)),
                Cell::figure(&fixed(row.r_squared, 2)),
                Cell::figure(
                    &row.rank_correlation.map_or_else(|| TOO_FEW.to_owned(), |x| signed(x, 2)),
                ),
            ]
        })
        .collect();
    let columns = [
        "Arm",
        "Against",
        "Both minus",
        "Slope",
        "Slope, both uncertain",
        "Variance explained",
        "Rank correlation",
    ];
    lead(
        "Profiles: does one arm move the same stances as another?",
        "Over the stances of the family, the effects of the first arm are set against those of the second. A slope of 1 is the \
         same profile at the same size, 0 is none of it. “Both uncertain” allows for error in both profiles.",
    ) + &table(&format!("One arm's effects against another's{words}"), &columns, &cells)
}

fn mediation(rows: &[MediationRow], words: &str) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            vec![
                Cell::Head(html(&format!("{} minus {}", row.arm, row.control))),
                Cell::text(&row.outcome),
                Cell::figure(&effect(Some(row.total))),
                Cell::figure(&effect(row.indirect)),
                Cell::figure(&effect(row.direct)),
                Cell::figure(&plain(row.within_slope)),
            ]
        })
        .collect();
    let columns = [
        "Contrast",
        "Outcome",
        "Whole effect, points",
        "Through the claim",
        "Not through it",
        "Slope between runs",
    ];
    lead(
        "Mediation: does the effect go through the claim?",
        "If the claim's strength carries the effect, runs of one arm that make the claim more often should also move more: \
         that is the slope between runs, the outcome's change per whole claim. The other columns split the contrast \
         itself and rest on more assumptions.",
    ) + &table(&format!("The claim as a carrier of the effect{words}"), &columns, &cells)
        + &notes(rows)
}

/// How to read the rows: each note once, after the rows that it is about.
fn notes(rows: &[MediationRow]) -> String {
    let mut out = String::new();
    for (note, about) in grouped(rows, |row| &row.note) {
        if note.is_empty() {
            continue;
        }
        let about: Vec<String> = about
            .iter()
            .map(|row| format!("{} minus {} ({})", row.arm, row.control, row.outcome))
            .collect();
        add!(out, "<li>{}: {}</li>", html(&about.join(", ")), html(note));
    }
    if out.is_empty() { out } else { format!(r#"<ul class="reading">{out}</ul>"#) }
}

fn diagnosticity(rows: &[DiagnosticityRow], words: &str) -> String {
    let cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let moved: Vec<String> =
                row.moved_by.iter().map(|(arm, sign)| moved(arm, *sign)).collect();
            vec![
                Cell::Head(html(&row.name)),
                Cell::text(&row.verdict),
                Cell::figure(&format!("{} of {}", row.moved_by.len(), row.arms)),
                Cell::Words(if moved.is_empty() { "none".into() } else { moved.join(", ") }),
            ]
        })
        .collect();
    let columns = ["Stance", "Verdict", "Arms", "Moved by"];
    lead(
        "Diagnosticity: which arms move a stance?",
        "A stance that moves under every arm says little about any one claim; one that moves under the claim's arms alone \
         says much. Arms are held against the untouched base.",
    ) + &table(&format!("Arms that move each stance{words}"), &columns, &cells)
}

fn moved(arm: &str, sign: i8) -> String {
    let (class, symbol) = match sign {
        ..0 => ("down", "▼"),
        0 => ("quiet", "·"),
        1.. => ("up", "▲"),
    };
    format!(r#"<span class="{class}">{symbol}</span> {}"#, html(arm))
}

/// A heading with its plain explanation.
fn lead(title: &str, words: &str) -> String {
    let mut out = String::new();
    add!(out, r#"<h3>{}</h3><p class="lead">{}</p>"#, html(title), html(words));
    out
}
