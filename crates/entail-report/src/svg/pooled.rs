//! Pooled effects: every stance's own difference, what it shrinks to, and the effect of the whole cluster as a band.

use entail_schema::Estimate;

use crate::format::{points, probability};
use crate::svg::{Anchor, Canvas, Scale, Style, ticks};

/// One stance.
#[derive(Debug, Clone)]
pub(crate) struct Dot<'a> {
    /// Name.
    pub(crate) label: &'a str,
    /// Its own difference.
    pub(crate) raw: f64,
    /// With the others taken into account.
    pub(crate) shrunken: Estimate,
    /// Probability that the effect is above zero.
    pub(crate) positive: f64,
    /// Where a click leads.
    pub(crate) href: String,
    /// Tooltip.
    pub(crate) title: String,
}

const NAME: f64 = 176.0;
const LEFT: f64 = NAME + 24.0;
const RIGHT: f64 = 830.0;
const SHRUNKEN: f64 = RIGHT + 76.0;
const WIDTH: f64 = SHRUNKEN + 84.0;
const ROW: f64 = 20.0;
const TOP: f64 = 70.0;

/// The plot: largest effect first.
pub(crate) fn pooled(cluster: Estimate, dots: &[Dot<'_>]) -> Canvas {
    let bottom = TOP + ROW * dots.len() as f64 + 4.0;
    let mut canvas = Canvas::new(WIDTH, bottom + 40.0);
    let marks = range(cluster, dots);
    let domain = (marks[0], *marks.last().expect("ticks are never empty"));
    let scale = Scale { domain, range: (LEFT, RIGHT) };
    legend(&mut canvas);
    if let (Some(low), Some(high)) = (cluster.low, cluster.high) {
        canvas.rect((scale.at(low), TOP - 6.0), (scale.at(high), bottom), "band");
    }
    axis(&mut canvas, &marks, &scale, bottom);
    let middle = scale.at(cluster.estimate);
    canvas.line((middle, TOP - 6.0), (middle, bottom), "midband");
    let mut order: Vec<&Dot<'_>> = dots.iter().collect();
    order.sort_by(|a, b| b.shrunken.estimate.total_cmp(&a.shrunken.estimate));
    for (idx, dot) in order.into_iter().enumerate() {
        row(&mut canvas, dot, &scale, TOP + ROW * idx as f64 + 10.0);
    }
    canvas
}

/// What the marks mean, in one line above the plot.
fn legend(canvas: &mut Canvas) {
    let mut x = LEFT;
    for (idx, words) in [
        "its own difference",
        "with the others taken into account",
        "mean over any stances like these",
    ]
    .into_iter()
    .enumerate()
    {
        match idx {
            0 => canvas.dot((x + 7.0, 10.0), 3.4, "raw"),
            1 => {
                canvas.whisker((x - 3.0, 10.0), (x + 17.0, 10.0), 3.0);
                canvas.dot((x + 7.0, 10.0), 4.2, "p kept");
            }
            _ => {
                canvas.rect((x, 3.0), (x + 15.0, 17.0), "band");
                canvas.line((x + 7.5, 3.0), (x + 7.5, 17.0), "midband");
            }
        }
        canvas.text((x + 23.0, 14.0), Anchor::Start, Style::Small, words);
        x += 50.0 + Style::Small.width(words);
    }
    canvas.text((SHRUNKEN, TOP - 12.0), Anchor::End, Style::Small, "points");
    canvas.text((WIDTH, TOP - 12.0), Anchor::End, Style::Small, "above zero");
}

fn axis(canvas: &mut Canvas, marks: &[f64], scale: &Scale, bottom: f64) {
    for mark in marks {
        let x = scale.at(*mark);
        canvas.line((x, TOP - 6.0), (x, bottom), if mark.abs() < 1e-9 { "a" } else { "g" });
        let label = points(*mark);
        for y in [TOP - 12.0, bottom + 15.0] {
            canvas.text((x, y), Anchor::Middle, Style::Small, label.trim_end_matches(".0"));
        }
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    canvas.text((middle, bottom + 32.0), Anchor::Middle, Style::Small, "difference in points");
}

fn row(canvas: &mut Canvas, dot: &Dot<'_>, scale: &Scale, y: f64) {
    canvas.fitted((0.0, y + 4.0), Anchor::Start, Style::Label, (dot.label, NAME));
    let (raw, at) = (scale.at(dot.raw), scale.at(dot.shrunken.estimate));
    canvas.link(&dot.href, &dot.title, |canvas| {
        canvas.line((raw, y), (at, y), "tie");
        if let (Some(low), Some(high)) = (dot.shrunken.low, dot.shrunken.high) {
            canvas.whisker((scale.at(low), y), (scale.at(high), y), 3.0);
        }
        canvas.dot((at, y), 4.2, "p kept");
        canvas.dot((raw, y), 3.4, "raw");
        let figure = points(dot.shrunken.estimate);
        canvas.text((SHRUNKEN, y + 4.0), Anchor::End, Style::Small, &figure);
        canvas.text((WIDTH, y + 4.0), Anchor::End, Style::Small, &probability(dot.positive));
    });
}

/// Ticks over everything drawn, zero included.
fn range(cluster: Estimate, dots: &[Dot<'_>]) -> Vec<f64> {
    let ends = |e: Estimate| [Some(e.estimate), e.low, e.high];
    let all = dots.iter().flat_map(|dot| [ends(dot.shrunken), [Some(dot.raw), None, None]]);
    let finite = all.chain([ends(cluster)]).flatten().flatten().filter(|x| x.is_finite());
    let (low, high) = finite.fold((-0.1_f64, 0.1_f64), |(low, high), x| (low.min(x), high.max(x)));
    ticks(low, high, 7.0)
}

#[cfg(test)]
mod tests;
