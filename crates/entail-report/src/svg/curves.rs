//! Values over training updates: one thin line per replicate, in the color of its arm, named at its end.

use crate::format::fixed;
use crate::svg::bars::N_COLORS;
use crate::svg::{Anchor, Canvas, Point, Scale, Style, ticks};

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Trace<'a> {
    /// Arm.
    pub(crate) arm: &'a str,
    /// Index of its color.
    pub(crate) color: usize,
    /// (updates, value).
    pub(crate) points: &'a [(usize, f64)],
}

/// What the y axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Shares, from 0 to 100 %.
    Share,
    /// Nats per token, from zero.
    Nats,
}

const WIDTH: f64 = 520.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 372.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 234.0;

/// One panel.
pub(crate) fn curves(name: &str, axis: Axis, traces: &[Trace<'_>]) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, BOTTOM + 42.0);
    canvas.fitted((0.0, 14.0), Anchor::Start, Style::Strong, (name, WIDTH - 4.0));
    let values = || traces.iter().flat_map(|t| t.points).filter(|(_, value)| value.is_finite());
    let last = values().map(|(updates, _)| *updates).max().unwrap_or(1).max(1);
    let x = Scale { domain: (0.0, last as f64), range: (LEFT, RIGHT) };
    let marks = match axis {
        Axis::Share => vec![0.0, 0.25, 0.5, 0.75, 1.0],
        Axis::Nats => ticks(0.0, values().map(|(_, value)| *value).fold(0.1, f64::max), 4.0),
    };
    let y = Scale { domain: (marks[0], *marks.last().expect("never empty")), range: (BOTTOM, TOP) };
    for mark in &marks {
        canvas.line((LEFT, y.at(*mark)), (RIGHT, y.at(*mark)), if *mark > 0.0 { "g" } else { "a" });
        let label = match axis {
            Axis::Share => format!("{:.0} %", 100.0 * mark),
            Axis::Nats => fixed(*mark, 1),
        };
        canvas.text((LEFT - 7.0, y.at(*mark) + 4.0), Anchor::End, Style::Small, &label);
    }
    for mark in ticks(0.0, last as f64, 4.0).into_iter().filter(|mark| *mark <= last as f64) {
        canvas.text((x.at(mark), BOTTOM + 16.0), Anchor::Middle, Style::Small, &fixed(mark, 0));
    }
    canvas.text(
        (f64::midpoint(LEFT, RIGHT), BOTTOM + 35.0),
        Anchor::Middle,
        Style::Small,
        "training updates",
    );
    for trace in traces {
        let finite = trace.points.iter().filter(|(_, value)| value.is_finite());
        let points: Vec<Point> =
            finite.map(|(updates, value)| (x.at(*updates as f64), y.at(*value))).collect();
        canvas.polyline(&points, &format!("l{}", trace.color % N_COLORS));
    }
    names(&mut canvas, traces, &y);
    canvas
}

/// The arms at the right edge, each at the mean end of its lines and pushed down where they would touch.
fn names(canvas: &mut Canvas, traces: &[Trace<'_>], y: &Scale) {
    const STEP: f64 = 15.0;
    let mut ends: Vec<(f64, usize, &str)> = Vec::new();
    for trace in traces {
        if ends.iter().any(|(_, _, arm)| *arm == trace.arm) {
            continue;
        }
        let same = traces.iter().filter(|t| t.arm == trace.arm);
        let last: Vec<f64> =
            same.filter_map(|t| t.points.last()).map(|p| p.1).filter(|v| v.is_finite()).collect();
        if !last.is_empty() {
            ends.push((y.at(last.iter().sum::<f64>() / last.len() as f64), trace.color, trace.arm));
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Push down from the top, then back up from the bottom edge.
    let mut spots: Vec<f64> = ends.iter().map(|end| end.0).collect();
    for idx in 1..spots.len() {
        spots[idx] = spots[idx].max(spots[idx - 1] + STEP);
    }
    let mut floor = BOTTOM;
    for spot in spots.iter_mut().rev() {
        *spot = spot.min(floor);
        floor = *spot - STEP;
    }
    for ((end, color, arm), spot) in ends.iter().zip(spots) {
        canvas.line((RIGHT + 3.0, *end), (RIGHT + 14.0, spot), "g");
        canvas.line(
            (RIGHT + 14.0, spot),
            (RIGHT + 24.0, spot),
            &format!("key l{}", color % N_COLORS),
        );
        canvas.fitted(
            (RIGHT + 29.0, spot + 4.0),
            Anchor::Start,
            Style::Small,
            (arm, WIDTH - RIGHT - 31.0),
        );
    }
}

#[cfg(test)]
mod tests;
