//! Rates as bars with intervals: one wide figure of groups, or one small panel per preference.

use entail_schema::Estimate;

use crate::format::percent;
use crate::svg::{Anchor, Canvas, Scale, Style};

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Bar<'a> {
    /// Arm.
    pub(crate) label: &'a str,
    /// Index of its color.
    pub(crate) color: usize,
    /// Rate; `None` is drawn as words, never as a bar of height zero.
    pub(crate) value: Option<Estimate>,
    /// Where a click leads.
    pub(crate) href: String,
    /// Tooltip.
    pub(crate) title: String,
}

/// Bars that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    /// Name.
    pub(crate) label: &'a str,
    /// Second line.
    pub(crate) detail: String,
    /// Bars.
    pub(crate) bars: Vec<Bar<'a>>,
}

/// Number of colors in the style sheet.
pub(crate) const N_COLORS: usize = 8;

const LEFT: f64 = 46.0;
const PLOT: f64 = 230.0;

/// All groups side by side over one axis from 0 to 100 %, with a legend of (color, name) above.
pub(crate) fn grouped(groups: &[Group<'_>], legend: &[(usize, &str)]) -> Canvas {
    let n_bars = groups.iter().map(|g| g.bars.len()).max().unwrap_or(0).max(1) as f64;
    let slot = (1000.0 / groups.len().max(1) as f64).clamp(110.0, 210.0).max(n_bars * 9.0 + 16.0);
    let width = LEFT + slot * groups.len() as f64 + 8.0;
    let rows = legend_rows(legend, width - LEFT);
    let top = 14.0 + 22.0 * rows.len() as f64;
    let mut canvas = Canvas::new(width, top + PLOT + 44.0);
    draw_legend(&mut canvas, &rows);
    let scale = Scale { domain: (0.0, 1.0), range: (top + PLOT, top) };
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let y = scale.at(share);
        canvas.line((LEFT, y), (width - 8.0, y), if share > 0.0 { "g" } else { "a" });
        canvas.text(
            (LEFT - 7.0, y + 4.0),
            Anchor::End,
            Style::Small,
            &format!("{:.0} %", 100.0 * share),
        );
    }
    let bar_width = ((slot - 16.0) / n_bars).min(26.0);
    for (idx, group) in groups.iter().enumerate() {
        let middle = LEFT + slot * (idx as f64 + 0.5);
        let left = middle - bar_width * group.bars.len() as f64 / 2.0;
        for (bar_idx, bar) in group.bars.iter().enumerate() {
            upright(&mut canvas, bar, (left + bar_width * bar_idx as f64, bar_width), &scale);
        }
        let below = top + PLOT;
        canvas.fitted(
            (middle, below + 18.0),
            Anchor::Middle,
            Style::Strong,
            (group.label, slot - 8.0),
        );
        canvas.fitted(
            (middle, below + 34.0),
            Anchor::Middle,
            Style::Small,
            (&group.detail, slot - 8.0),
        );
    }
    canvas
}

/// One preference: a line per arm with its name, bar, interval and figure.
pub(crate) fn panel(group: &Group<'_>) -> Canvas {
    const WIDTH: f64 = 268.0;
    const NAME: f64 = 116.0;
    const ROW: f64 = 19.0;
    let top = 40.0;
    let bottom = top + ROW * group.bars.len() as f64;
    let mut canvas = Canvas::new(WIDTH, bottom + 22.0);
    canvas.fitted((0.0, 14.0), Anchor::Start, Style::Strong, (group.label, WIDTH - 4.0));
    canvas.fitted((0.0, 30.0), Anchor::Start, Style::Small, (&group.detail, WIDTH - 4.0));
    let scale = Scale { domain: (0.0, 1.0), range: (NAME + 8.0, WIDTH - 48.0) };
    for share in [0.0, 0.5, 1.0] {
        let x = scale.at(share);
        canvas.line((x, top), (x, bottom), if share > 0.0 { "g" } else { "a" });
        canvas.text(
            (x, bottom + 15.0),
            Anchor::Middle,
            Style::Small,
            &format!("{:.0} %", 100.0 * share),
        );
    }
    for (idx, bar) in group.bars.iter().enumerate() {
        let y = top + ROW * idx as f64;
        canvas.fitted((NAME, y + 13.5), Anchor::End, Style::Small, (bar.label, NAME));
        lying(&mut canvas, bar, (y, ROW), &scale);
    }
    canvas
}

fn upright(canvas: &mut Canvas, bar: &Bar<'_>, (x, width): (f64, f64), scale: &Scale) {
    let (floor, middle) = (scale.at(0.0), x + width / 2.0);
    canvas.link(&bar.href, &bar.title, |canvas| match bar.value {
        None => canvas.line((x + 2.0, floor - 3.0), (x + width - 2.0, floor - 3.0), "m"),
        Some(rate) => {
            // A rate of zero still leaves a line to see and to click.
            let top = scale.at(rate.estimate).min(floor - 1.0);
            canvas.rect((x + 1.0, floor), (x + width - 1.0, top), &color(bar.color));
            if let (Some(low), Some(high)) = (rate.low, rate.high) {
                canvas.whisker((middle, scale.at(low)), (middle, scale.at(high)), 3.0);
            }
        }
    });
}

fn lying(canvas: &mut Canvas, bar: &Bar<'_>, (y, height): (f64, f64), scale: &Scale) {
    let (wall, middle) = (scale.at(0.0), y + height / 2.0);
    let figure_x = scale.range.1 + 48.0;
    canvas.link(&bar.href, &bar.title, |canvas| match bar.value {
        None => canvas.text((wall + 4.0, y + 13.5), Anchor::Start, Style::Small, "too few"),
        Some(rate) => {
            let end = scale.at(rate.estimate).max(wall + 1.0);
            canvas.rect((wall, y + 3.0), (end, y + height - 3.0), &color(bar.color));
            if let (Some(low), Some(high)) = (rate.low, rate.high) {
                canvas.whisker((scale.at(low), middle), (scale.at(high), middle), 3.5);
            }
            canvas.text((figure_x, y + 13.5), Anchor::End, Style::Small, &percent(rate.estimate));
        }
    });
}

/// Class of a filled shape in an arm's color.
pub(crate) fn color(idx: usize) -> String {
    format!("f{}", idx % N_COLORS)
}

type LegendRow<'a> = Vec<(f64, usize, &'a str)>;

/// Entries of a legend over as many lines as they need.
fn legend_rows<'a>(legend: &[(usize, &'a str)], room: f64) -> Vec<LegendRow<'a>> {
    let mut rows: Vec<LegendRow<'a>> = vec![vec![]];
    let mut x = 0.0;
    for (color, name) in legend {
        let width = 36.0 + Style::Label.width(name).min(220.0);
        if x > 0.0 && x + width > room {
            rows.push(vec![]);
            x = 0.0;
        }
        rows.last_mut().expect("starts with one row").push((x, *color, name));
        x += width;
    }
    rows
}

fn draw_legend(canvas: &mut Canvas, rows: &[LegendRow<'_>]) {
    for (row_idx, row) in rows.iter().enumerate() {
        let y = 4.0 + 22.0 * row_idx as f64;
        for (x, idx, name) in row {
            canvas.rect((LEFT + x, y), (LEFT + x + 13.0, y + 13.0), &color(*idx));
            canvas.fitted((LEFT + x + 19.0, y + 11.0), Anchor::Start, Style::Label, (name, 220.0));
        }
    }
}

#[cfg(test)]
mod tests;
