//! What `entail run` prints at the end: aligned tables for a terminal of a given width.

mod analysis;
mod grid;

use entail_schema::{CheckRow, ContrastRow, Estimate, Tables};

use crate::add;
use crate::format::{count, effect, interval, p_short, share, signed};
use crate::text::grid::{Align, Cell, Grid, Paint, wrap};
use crate::view::summary::{first_notes, prompts_words};
use crate::view::{Reading, View, is_block, is_single, raw, remark, unit_words};

/// The results of a study as text: what to know first, forecasts that missed, manipulation checks, what survives
/// every control, then block by block, preference by preference, and where the variance is.
pub fn terminal(tables: &Tables, color: bool, width: usize) -> String {
    let screen = Screen { view: View::new(tables), color, width: width.max(NARROWEST) };
    let mut out = String::new();
    if screen.view.any_organism() {
        out.push_str(&wrap(ORGANISM, screen.width, ""));
    }
    add!(
        out,
        "{}",
        wrap(&format!("Study {}, plan {:.12}", tables.study, tables.plan), screen.width, "")
    );
    for note in first_notes(tables) {
        out.push_str(&wrap(&format!("! {note}"), screen.width, "  "));
    }
    analysis::forecast_table(&mut out, &screen);
    for base in &screen.view.bases {
        base_heading(&mut out, &screen, base);
        checks(&mut out, &screen, base);
    }
    analysis::headline_tables(&mut out, &screen);
    for base in &screen.view.bases {
        base_heading(&mut out, &screen, base);
        base_text(&mut out, &screen, base);
    }
    out
}

/// The first line of everything that shows an organism's numbers.
pub(crate) const ORGANISM: &str = "Results about an organism: evidence about mechanism and instrument, never about deployed models.";

/// Narrower terminals get lines of this width: six columns do not fit into less.
const NARROWEST: usize = 60;

/// Where the text goes.
struct Screen<'a> {
    view: View<'a>,
    color: bool,
    width: usize,
}

impl Screen<'_> {
    fn heading(&self, text: &str) -> String {
        format!("\n{}", Paint::Bold.apply(wrap(text, self.width, "  ").trim_end(), self.color))
            + "\n"
    }

    fn print(&self, grid: &Grid) -> String {
        grid.render(self.width, self.color)
    }
}

fn base_heading(out: &mut String, screen: &Screen<'_>, base: &str) {
    if screen.view.bases.len() > 1 {
        out.push_str(&screen.heading(&format!("=== {base} ===")));
    }
}

fn base_text(out: &mut String, screen: &Screen<'_>, base: &str) {
    let main = screen.view.main_arm(base);
    for arm in screen.view.compared(base) {
        if screen.view.arm(base, arm).is_none_or(|row| !row.is_control) {
            blocks(out, screen, base, arm);
        }
    }
    match main {
        None => out.push_str(
            &screen.heading("No contrasts: there is no arm with a control to compare it with."),
        ),
        Some(arm) => preferences(out, screen, base, arm),
    }
    analysis::family_table(out, screen, base);
    analysis::variance_table(out, screen, base);
    analysis::pooled_table(out, screen, base);
}

/// Manipulation checks: what every arm is meant to say, and the main claim wherever nothing is meant.
fn checks(out: &mut String, screen: &Screen<'_>, base: &str) {
    let rows: Vec<&CheckRow> =
        screen.view.tables.checks.iter().filter(|row| row.base == base).collect();
    let claim = rows.iter().find(|row| row.intended).map(|row| &row.claim);
    let has_intended = |arm: &str| rows.iter().any(|row| row.arm == arm && row.intended);
    let shown = rows
        .iter()
        .filter(|row| row.intended || (!has_intended(&row.arm) && Some(&row.claim) == claim));
    let mut grid = Grid::new(&[
        ("arm", Align::Left),
        ("claim", Align::Left),
        ("makes it", Align::Right),
        ("interval", Align::Right),
        ("answers", Align::Right),
        ("well formed", Align::Right),
        ("check", Align::Left),
    ]);
    for row in shown {
        let (flag, paint) = match row.passed {
            Some(true) => ("passed", Paint::Plain),
            Some(false) => ("FLAGGED: claim not made", Paint::Bad),
            None => ("not trained or told to", Paint::Dim),
        };
        grid.push(vec![
            row.arm.as_str().into(),
            row.claim.as_str().into(),
            share(row.rate).into(),
            interval(row.low, row.high).into(),
            count(row.responses).into(),
            share(row.well_formed).into(),
            Cell { text: flag.into(), paint },
        ]);
    }
    out.push_str(
        &screen
            .heading("Manipulation checks: does an arm make its claim on phrasings it never saw?"),
    );
    out.push_str(&if grid.is_empty() {
        "No check was made.\n".into()
    } else {
        screen.print(&grid)
    });
}

/// One arm's table of blocks: rows are blocks, columns are controls.
fn blocks(out: &mut String, screen: &Screen<'_>, base: &str, arm: &str) {
    let rows = screen.view.block_rows(base, arm);
    if rows.is_empty() {
        return;
    }
    let unit = screen
        .view
        .arm(base, arm)
        .map_or_else(|| "unit unknown".to_owned(), |row| unit_words(row.unit, row.replicates));
    let flag = if screen.view.is_flagged(base, arm) { " FLAGGED: claim not made." } else { "" };
    let organism = if screen.view.is_organism(base) { "organism, " } else { "" };
    out.push_str(&screen.heading(&format!(
        "{arm} minus each control by block, in points ({organism}{unit}).{flag}"
    )));
    let controls = screen.view.controls(base, arm);
    block_grids(out, screen, &rows, &controls);
}

/// As many controls side by side as fit.
fn block_grids(out: &mut String, screen: &Screen<'_>, rows: &[&ContrastRow], controls: &[&str]) {
    let mut columns = vec![("block".to_owned(), Align::Left)];
    for control in controls {
        columns.push((format!("minus {control}"), Align::Right));
        columns.push(("replicates".to_owned(), Align::Right));
    }
    let mut grid = Grid::new(&columns);
    for row in rows {
        let found: Vec<Option<&ContrastRow>> =
            controls.iter().map(|c| screen.view.contrast(row, c)).collect();
        block_line(&mut grid, screen, row, &found);
        if found.iter().flatten().any(|row| row.net_of_drift.is_some()) {
            net_line(&mut grid, &found);
        }
    }
    if grid.natural_width() > screen.width && controls.len() > 1 {
        let (left, right) = controls.split_at(controls.len() / 2);
        block_grids(out, screen, rows, left);
        block_grids(out, screen, rows, right);
    } else {
        out.push_str(&screen.print(&grid));
    }
}

fn block_line(
    grid: &mut Grid,
    screen: &Screen<'_>,
    row: &ContrastRow,
    found: &[Option<&ContrastRow>],
) {
    let mut line: Vec<Cell> = vec![row.name.as_str().into()];
    for contrast in found {
        let Some(contrast) = contrast else {
            line.extend(["not compared".into(), "".into()]);
            continue;
        };
        let reading = Reading::of(contrast, screen.view.tables.confidence);
        line.push(Cell { text: effect(raw(contrast)), paint: Paint::of(reading) });
        let replicates = format!("{} v {}", contrast.replicates, contrast.control_replicates);
        line.push(if is_single(contrast) { "one model".into() } else { replicates.into() });
    }
    grid.push(line);
}

fn net_line(grid: &mut Grid, found: &[Option<&ContrastRow>]) {
    let mut line: Vec<Cell> = vec![Cell { text: "  net of drift".into(), paint: Paint::Dim }];
    for contrast in found {
        let net = contrast.and_then(|row| row.net_of_drift);
        line.extend([
            Cell { text: net.map_or_else(String::new, |e| effect(Some(e))), paint: Paint::Dim },
            "".into(),
        ]);
    }
    grid.push(line);
}

/// Every preference of one arm against its first control.
fn preferences(out: &mut String, screen: &Screen<'_>, base: &str, arm: &str) {
    let controls = screen.view.controls(base, arm);
    let Some(control) = controls.first() else { return };
    let mut grid = Grid::new(&[
        ("preference", Align::Left),
        ("planted", Align::Right),
        ("difference", Align::Right),
        ("adjusted p", Align::Right),
        ("net of drift", Align::Right),
        ("reading", Align::Left),
    ]);
    let rows = screen.view.stance_rows(base, arm);
    for row in rows.iter().filter_map(|row| screen.view.contrast(row, control)) {
        grid.push(preference_line(row, screen.view.tables.confidence));
    }
    if grid.is_empty() {
        return;
    }
    let organism = if screen.view.is_organism(base) { " (organism)" } else { "" };
    out.push_str(
        &screen.heading(&format!("{arm} minus {control} by preference, in points{organism}")),
    );
    out.push_str(&screen.print(&grid));
    out.push_str(&wrap(&legend(screen.view.tables), screen.width, ""));
}

fn preference_line(row: &ContrastRow, confidence: f64) -> Vec<Cell> {
    let reading = Reading::of(row, confidence);
    let single =
        if is_single(row) && !is_block(&row.stance) { ", describes this one model" } else { "" };
    let adjusted = match (row.p_adjusted, row.p) {
        (None, Some(_)) => "outside".to_owned(),
        (adjusted, _) => p_short(adjusted),
    };
    vec![
        row.name.as_str().into(),
        row.planted.map_or_else(|| "unknown".to_owned(), |rho| signed(rho, 2)).into(),
        effect(raw(row)).into(),
        adjusted.into(),
        row.net_of_drift.map_or_else(String::new, |e: Estimate| effect(Some(e))).into(),
        Cell { text: remark(row, confidence) + single, paint: Paint::of(reading) },
    ]
}

fn legend(tables: &Tables) -> String {
    format!(
        "Intervals: {:.0} %. {} Adjusted p: {} within the family; some rows stand outside it. Raised and lowered: adjusted p below {:.3}, or an \
         interval without zero where there is none. \"a v b\": replicates of the arm and of the control.",
        100.0 * tables.confidence,
        prompts_words(tables),
        tables.correction,
        1.0 - tables.confidence,
    )
}

#[cfg(test)]
mod tests;
