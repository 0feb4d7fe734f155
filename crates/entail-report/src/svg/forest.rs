//! Contrasts as points with intervals: one line per preference, one panel per control.

use entail_schema::Estimate;

use crate::format::points;
use crate::svg::{Anchor, Canvas, Scale, Style, ticks};
use crate::view::Reading;

/// One line of the plot.
#[derive(Debug, Clone)]
pub(crate) struct Line<'a> {
    /// Preference.
    pub(crate) label: &'a str,
    /// Its planted strength, in words.
    pub(crate) detail: String,
    /// Block: a heading stands where it changes.
    pub(crate) block: &'a str,
    /// One entry per control; `None` where the two were not compared.
    pub(crate) cells: Vec<Option<Entry>>,
}

/// One difference.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The difference; `None` is drawn as words.
    pub(crate) value: Option<Estimate>,
    /// How it is to be read.
    pub(crate) reading: Reading,
    /// Where a click leads.
    pub(crate) href: String,
    /// Tooltip.
    pub(crate) title: String,
}

const NAME: f64 = 176.0;
const DETAIL: f64 = 46.0;
const PANEL: f64 = 345.0;
const FIGURE: f64 = 52.0;
const GAP: f64 = 38.0;
const ROW: f64 = 20.0;
const TOP: f64 = 54.0;

/// The plot; `columns` names the panels.
pub(crate) fn forest(columns: &[String], lines: &[Line<'_>]) -> Canvas {
    let n_headings = headings(lines).count() as f64;
    let bottom = TOP + ROW * (lines.len() as f64 + n_headings) + 4.0;
    let left = NAME + DETAIL + 30.0;
    let mut canvas = Canvas::new(left + columns.len() as f64 * (PANEL + GAP), bottom + 40.0);
    let marks = range(lines);
    let domain = (marks[0], *marks.last().expect("ticks are never empty"));
    let scales: Vec<Scale> = (0..columns.len())
        .map(|idx| {
            let x = left + idx as f64 * (PANEL + GAP);
            Scale { domain, range: (x, x + PANEL - FIGURE) }
        })
        .collect();
    canvas.text((NAME + DETAIL, TOP - 12.0), Anchor::End, Style::Small, "planted");
    for (column, scale) in columns.iter().zip(&scales) {
        frame(&mut canvas, column, scale, (&marks, bottom));
    }
    let mut y = TOP;
    let mut block = None;
    for line in lines {
        if block != Some(line.block) {
            block = Some(line.block);
            canvas.fitted((0.0, y + 15.0), Anchor::Start, Style::Strong, (line.block, NAME));
            y += ROW;
        }
        canvas.fitted((12.0, y + 14.0), Anchor::Start, Style::Label, (line.label, NAME - 12.0));
        canvas.fitted(
            (NAME + DETAIL, y + 14.0),
            Anchor::End,
            Style::Small,
            (&line.detail, DETAIL - 4.0),
        );
        for (cell, scale) in line.cells.iter().zip(&scales) {
            entry(&mut canvas, cell.as_ref(), scale, y + 10.0);
        }
        y += ROW;
    }
    canvas
}

fn frame(canvas: &mut Canvas, column: &str, scale: &Scale, (marks, bottom): (&[f64], f64)) {
    canvas.fitted((scale.range.0, 14.0), Anchor::Start, Style::Strong, (column, PANEL));
    for mark in marks {
        let x = scale.at(*mark);
        canvas.line((x, TOP - 6.0), (x, bottom), if mark.abs() < 1e-9 { "a" } else { "g" });
        let label = points(*mark);
        // At both ends: a study's plot is taller than a screen.
        for y in [TOP - 12.0, bottom + 15.0] {
            canvas.text((x, y), Anchor::Middle, Style::Small, label.trim_end_matches(".0"));
        }
    }
    let middle = f64::midpoint(scale.range.0, scale.range.1);
    canvas.text((middle, bottom + 32.0), Anchor::Middle, Style::Small, "difference in points");
}

fn entry(canvas: &mut Canvas, cell: Option<&Entry>, scale: &Scale, y: f64) {
    let figure_x = scale.range.1 + FIGURE;
    let Some(cell) = cell else {
        return canvas.text((figure_x, y + 4.0), Anchor::End, Style::Small, "none");
    };
    canvas.link(&cell.href, &cell.title, |canvas| {
        let Some(value) = cell.value else {
            return canvas.text((figure_x, y + 4.0), Anchor::End, Style::Small, "too few");
        };
        if let (Some(low), Some(high)) = (value.low, value.high) {
            canvas.whisker((scale.at(low), y), (scale.at(high), y), 3.0);
        }
        canvas.dot((scale.at(value.estimate), y), 4.2, &format!("p {}", cell.reading.class()));
        canvas.text((figure_x, y + 4.0), Anchor::End, Style::Small, &points(value.estimate));
    });
}

/// Ticks over everything drawn, zero included.
fn range(lines: &[Line<'_>]) -> Vec<f64> {
    let values = lines.iter().flat_map(|line| &line.cells).flatten().filter_map(|cell| cell.value);
    let all =
        values.flat_map(|v| [Some(v.estimate), v.low, v.high]).flatten().filter(|x| x.is_finite());
    let (low, high) = all.fold((-0.1_f64, 0.1_f64), |(low, high), x| (low.min(x), high.max(x)));
    ticks(low, high, 5.0)
}

fn headings<'a>(lines: &'a [Line<'_>]) -> impl Iterator<Item = &'a str> {
    lines.chunk_by(|a, b| a.block == b.block).map(|chunk| chunk[0].block)
}

#[cfg(test)]
mod tests;
