//! The terminal's tables of what is made from contrasts and runs.

use entail_schema::{ForecastOutcome, ForecastRow, HeadlineRow, PooledRow};

use super::Screen;
use crate::format::{effect, interval, points};
use crate::text::grid::{Align, Cell, Grid, Paint, wrap};
use crate::view::summary::{Outcomes, deviation, forecasts, grouped, strongest, survives};

/// More misses than this are counted, not listed.
const MOST_MISSES: usize = 12;

/// Forecasts that missed, then how many did what.
pub(super) fn forecast_table(out: &mut String, screen: &Screen<'_>) {
    let tables = screen.view.tables;
    if tables.forecasts.is_empty() {
        return;
    }
    out.push_str(&screen.heading("Forecasts frozen with the plan: what missed comes first."));
    let rows = forecasts(tables);
    let misses: Vec<&ForecastRow> =
        rows.into_iter().filter(|row| row.outcome == ForecastOutcome::Miss).collect();
    if !misses.is_empty() {
        out.push_str(&screen.print(&miss_grid(screen, &misses)));
    }
    if misses.len() > MOST_MISSES {
        let more = format!("And {} more misses: see the page.", misses.len() - MOST_MISSES);
        out.push_str(&wrap(&more, screen.width, ""));
    }
    out.push_str(&wrap(&Outcomes::of(&tables.forecasts).words(), screen.width, ""));
}

fn miss_grid(screen: &Screen<'_>, misses: &[&ForecastRow]) -> Grid {
    let has_bases = screen.view.bases.len() > 1;
    let mut columns = vec![
        ("missed", Align::Left),
        ("arm minus control", Align::Left),
        ("expected", Align::Left),
        ("by", Align::Left),
        ("found, points", Align::Right),
    ];
    if has_bases {
        columns.insert(0, ("base", Align::Left));
    }
    let mut grid = Grid::new(&columns);
    for row in misses.iter().take(MOST_MISSES) {
        let mut line: Vec<Cell> = vec![
            row.name.as_str().into(),
            format!("{} minus {}", row.arm, row.control).into(),
            row.expected.as_str().into(),
            row.by.as_str().into(),
            effect(row.found).into(),
        ];
        if has_bases {
            line.insert(0, row.base.as_str().into());
        }
        grid.push(line);
    }
    grid
}

/// What survives every control, for the strongest blocks and stances of every arm.
pub(super) fn headline_tables(out: &mut String, screen: &Screen<'_>) {
    let groups = grouped(&screen.view.tables.headlines, |row| &row.base);
    for (base, rows) in &groups {
        let of_base = if groups.len() > 1 { format!(" of {base}") } else { String::new() };
        out.push_str(&screen.heading(&format!(
            "Headlines{of_base}: what survives every control, in points (strongest blocks, then strongest stances)"
        )));
        out.push_str(&screen.print(&headline_grid(screen, base, &strongest(rows))));
    }
    if !groups.is_empty() {
        let legend = "Difference from the nearest control. Beats all: this interval and the one net of drift lie on one side of zero.";
        out.push_str(&wrap(legend, screen.width, ""));
    }
}

fn headline_grid(screen: &Screen<'_>, base: &str, rows: &[&HeadlineRow]) -> Grid {
    let mut grid = Grid::new(&[
        ("arm", Align::Left),
        ("on", Align::Left),
        ("survives", Align::Right),
        ("net of drift", Align::Right),
        ("beats all", Align::Left),
    ]);
    for (idx, row) in rows.iter().enumerate() {
        let is_same = idx > 0 && rows[idx - 1].arm == row.arm;
        let remark = if screen.view.is_flagged(base, &row.arm) {
            " (flagged)"
        } else if screen.view.is_one_model(base, &row.arm) {
            " (one model)"
        } else {
            ""
        };
        let arm = if is_same { String::new() } else { format!("{}{remark}", row.arm) };
        let (beats, paint) = match row.effect {
            Some(effect) if row.beats_all && effect.estimate < 0.0 => ("yes", Paint::Down),
            Some(_) if row.beats_all => ("yes", Paint::Up),
            _ => ("no", Paint::Plain),
        };
        grid.push(vec![
            arm.into(),
            row.name.as_str().into(),
            Cell { text: survives(row), paint },
            row.net_of_drift.map_or_else(|| "none".to_owned(), |e| effect(Some(e))).into(),
            beats.into(),
        ]);
    }
    grid
}

/// One line per contrast: how many stances of the family came to which verdict.
pub(super) fn family_table(out: &mut String, screen: &Screen<'_>, base: &str) {
    let families = screen.view.families(base);
    if families.is_empty() {
        return;
    }
    let least = points(screen.view.tables.smallest_effect);
    out.push_str(&screen.heading(&format!(
        "The declared family, stance by stance: how many move by what matters ({} points)?",
        least.trim_start_matches('+').trim_end_matches(".0")
    )));
    let mut grid = Grid::new(&[
        ("contrast", Align::Left),
        ("stances", Align::Right),
        ("up", Align::Right),
        ("down", Align::Right),
        ("a little", Align::Right),
        ("do not move", Align::Right),
        ("undecided", Align::Right),
        ("too few", Align::Right),
    ]);
    for family in families {
        let tally = family.tally;
        grid.push(vec![
            format!("{} minus {}", family.arm, family.control).into(),
            tally.total().to_string().into(),
            tally.up.to_string().into(),
            tally.down.to_string().into(),
            tally.little.to_string().into(),
            tally.still.to_string().into(),
            tally.undecided.to_string().into(),
            tally.too_few.to_string().into(),
        ]);
    }
    out.push_str(&screen.print(&grid));
}

/// Where the variance is, per arm, over the whole family.
pub(super) fn variance_table(out: &mut String, screen: &Screen<'_>, base: &str) {
    let mut grid = Grid::new(&[
        ("arm", Align::Left),
        ("runs", Align::Right),
        ("runs, at most", Align::Right),
        ("prompts", Align::Right),
        ("run × prompt", Align::Right),
        ("answers", Align::Right),
        ("error, these prompts", Align::Right),
        ("any prompts", Align::Right),
    ]);
    let rows = screen.view.tables.variance.iter();
    for row in rows.filter(|row| row.base == base && row.stance == "family") {
        grid.push(vec![
            row.arm.as_str().into(),
            deviation(row.replicate).into(),
            row.replicate_upper.map_or_else(|| "too few".to_owned(), deviation).into(),
            deviation(row.prompt).into(),
            deviation(row.interaction).into(),
            deviation(row.sample).into(),
            points(row.error_fixed).trim_start_matches('+').into(),
            points(row.error_sampled).trim_start_matches('+').into(),
        ]);
    }
    if grid.is_empty() {
        return;
    }
    let title = "Where the variance is: standard deviations in points, mean over the family";
    out.push_str(&screen.heading(title));
    out.push_str(&screen.print(&grid));
    let legend = "Runs: how far runs of one arm differ; at most: what to plan with (one-sided 80 %). Error: of the arm's mean, on these \
                  prompts or on any prompts like them.";
    out.push_str(&wrap(legend, screen.width, ""));
}

/// The cluster-wide effects.
pub(super) fn pooled_table(out: &mut String, screen: &Screen<'_>, base: &str) {
    let mut grid = Grid::new(&[
        ("contrast", Align::Left),
        ("on stances like these", Align::Right),
        ("on exactly these", Align::Right),
        ("spread between stances", Align::Right),
    ]);
    let rows = screen.view.tables.pooled.iter();
    rows.filter(|row| row.base == base).for_each(|row| grid.push(pooled_line(row)));
    if grid.is_empty() {
        return;
    }
    out.push_str(&screen.heading("The family as a whole: mean effect in points, pooled"));
    out.push_str(&screen.print(&grid));
}

fn pooled_line(row: &PooledRow) -> Vec<Cell> {
    let spread = row.spread;
    let size = points(spread.estimate);
    vec![
        format!("{} minus {}", row.arm, row.control).into(),
        effect(Some(row.cluster)).into(),
        effect(Some(row.mean)).into(),
        format!("{} {}", size.trim_start_matches('+'), interval(spread.low, spread.high)).into(),
    ]
}
