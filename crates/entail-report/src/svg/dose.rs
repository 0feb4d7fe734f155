//! Effect against planted strength: points with intervals, the ideal reader, and the fitted line.

use entail_schema::{DosePoint, DoseRow};

use crate::format::{effect, points, signed};
use crate::svg::{Anchor, Canvas, Point, Scale, Style, TextBox, cut, ticks};

const WIDTH: f64 = 530.0;
const PLOT: (f64, f64) = (66.0, 28.0);
const SIDE: f64 = 370.0;
const IDEAL: &str = "ideal reader";

/// The plot; `href` gives the link of a stance.
pub(crate) fn dose(row: &DoseRow, href: &dyn Fn(&str) -> String) -> Canvas {
    let mut canvas = Canvas::new(WIDTH, PLOT.1 + SIDE + 48.0);
    let span = row
        .points
        .iter()
        .map(|p| p.planted.abs())
        .filter(|x| x.is_finite())
        .fold(0.5, f64::max)
        .min(1.0);
    let marks = ticks(-span, span, 4.0);
    let domain = (marks[0], *marks.last().expect("ticks are never empty"));
    let x = Scale { domain, range: (PLOT.0, PLOT.0 + SIDE) };
    let reach = reach(row, domain.1);
    let y = Scale { domain: (-reach, reach), range: (PLOT.1 + SIDE, PLOT.1) };
    axes(&mut canvas, &marks, (&x, &y));
    // The identity line stays inside the plot because the y axis reaches at least as far as the x axis.
    canvas.line((x.at(domain.0), y.at(domain.0)), (x.at(domain.1), y.at(domain.1)), "ideal");
    if let Some((from, to)) = fit(row) {
        canvas.line((x.at(from.0), y.at(from.1)), (x.at(to.0), y.at(to.1)), "fit");
    }
    for point in &row.points {
        let at = (x.at(point.planted), y.at(point.effect.estimate));
        let title = format!(
            "{}: planted {}, effect {}",
            point.name,
            signed(point.planted, 2),
            effect(Some(point.effect))
        );
        canvas.link(&href(&point.stance), &title, |canvas| {
            if let (Some(low), Some(high)) = (point.effect.low, point.effect.high) {
                canvas.whisker((at.0, y.at(low)), (at.0, y.at(high)), 3.0);
            }
            canvas.dot(at, 4.2, "p up");
        });
    }
    labels(&mut canvas, row, (&x, &y));
    canvas
}

/// How far the y axis goes to both sides.
fn reach(row: &DoseRow, at_least: f64) -> f64 {
    let ends =
        row.points.iter().flat_map(|p| [Some(p.effect.estimate), p.effect.low, p.effect.high]);
    let furthest =
        ends.flatten().filter(|v| v.is_finite()).fold(at_least, |reach, v| reach.max(v.abs()));
    *ticks(0.0, furthest, 2.0).last().expect("ticks are never empty")
}

fn axes(canvas: &mut Canvas, marks: &[f64], (x, y): (&Scale, &Scale)) {
    let (left, right, top, bottom) = (x.range.0, x.range.1, y.range.1, y.range.0);
    for mark in marks {
        let at = x.at(*mark);
        canvas.line((at, top), (at, bottom), if mark.abs() < 1e-9 { "a" } else { "g" });
        canvas.text((at, bottom + 16.0), Anchor::Middle, Style::Small, &signed(*mark, 1));
    }
    for mark in ticks(y.domain.0, y.domain.1, 4.0) {
        let at = y.at(mark);
        canvas.line((left, at), (right, at), if mark.abs() < 1e-9 { "a" } else { "g" });
        canvas.text(
            (left - 8.0, at + 4.0),
            Anchor::End,
            Style::Small,
            points(mark).trim_end_matches(".0"),
        );
    }
    let middle = f64::midpoint(left, right);
    canvas.text((middle, bottom + 38.0), Anchor::Middle, Style::Label, "planted strength ρ");
    canvas.text((0.0, 11.0), Anchor::Start, Style::Label, "effect, points");
}

/// Ends of the fitted line in data. Least squares passes through the mean of the points, so slope and mean are all
/// it takes.
fn fit(row: &DoseRow) -> Option<(Point, Point)> {
    let slope = row.slope?;
    let n = row.points.len() as f64;
    let mean_x = row.points.iter().map(|p| p.planted).sum::<f64>() / n;
    let mean_y = row.points.iter().map(|p| p.effect.estimate).sum::<f64>() / n;
    let at = |x: f64| (x, mean_y + slope.estimate * (x - mean_x));
    let planted = || row.points.iter().map(|p| p.planted);
    let ends = (
        at(planted().fold(f64::INFINITY, f64::min)),
        at(planted().fold(f64::NEG_INFINITY, f64::max)),
    );
    (ends.0.1.is_finite() && ends.1.1.is_finite()).then_some(ends)
}

/// What labels keep clear of.
struct Taken {
    /// Points along the two lines and along ties of labels: no label may cover them.
    lines: Vec<Point>,
    /// Across, top and bottom of every whisker with its point: neither label nor tie may cross them.
    whiskers: Vec<[f64; 3]>,
}

/// Names of the line, then of the points, strongest first, each only where there is room. A tie leads from a point
/// to its name, down to the right or up to the left, so that a row of topics stays readable.
fn labels(canvas: &mut Canvas, row: &DoseRow, scales: (&Scale, &Scale)) {
    let (x, y) = scales;
    let mut taken = taken(row, scales);
    let end = (x.at(x.domain.1), y.at(x.domain.1));
    for spot in [(end.0 - 28.0, end.1 + 14.0), (end.0 - 78.0, end.1 + 40.0)] {
        if is_free(canvas, &Canvas::measure(spot, Anchor::End, Style::Small, IDEAL), &taken) {
            canvas.text(spot, Anchor::End, Style::Small, IDEAL);
            break;
        }
    }
    let mut linked: Vec<&DosePoint> =
        row.points.iter().filter(|p| p.planted.abs() > 1e-9).collect();
    linked.sort_by(|a, b| b.planted.abs().total_cmp(&a.planted.abs()));
    for point in linked {
        let at = (x.at(point.planted), y.at(point.effect.estimate));
        name_point(canvas, &cut(&point.name, Style::Small, 130.0), at, &mut taken);
    }
}

/// A name with a tie to its point, at the first distance and direction where both are clear.
fn name_point(canvas: &mut Canvas, name: &str, at: Point, taken: &mut Taken) {
    for step in 0..10 {
        let far = 20.0 + 9.0 * f64::from(step);
        for (right, down) in [(0.6, 0.8), (0.9, 0.44), (-0.6, -0.8), (-0.9, -0.44)] {
            let anchor = if right > 0.0 { Anchor::Start } else { Anchor::End };
            let end = (at.0 + right * far, at.1 + down * far);
            let spot = (end.0 + 3.0 * f64::signum(right), end.1 + 4.0);
            let tie: Vec<Point> = between((at.0 + 7.0 * right, at.1 + 7.0 * down), end).collect();
            let is_crossing = tie.iter().any(|p| {
                canvas.boxes().iter().any(|other| is_inside(*p, &other.edges))
                    || taken
                        .whiskers
                        .iter()
                        .any(|w| (w[0] - at.0).abs() > 0.5 && is_inside(*p, &around(w)))
            });
            if !is_crossing
                && is_free(canvas, &Canvas::measure(spot, anchor, Style::Small, name), taken)
            {
                canvas.line(tie[0], end, "tie");
                canvas.text(spot, anchor, Style::Small, name);
                taken.lines.extend(tie);
                return;
            }
        }
    }
}

fn taken(row: &DoseRow, (x, y): (&Scale, &Scale)) -> Taken {
    let ideal = (x.at(x.domain.0), y.at(x.domain.0));
    let mut lines: Vec<Point> = between(ideal, (x.at(x.domain.1), y.at(x.domain.1))).collect();
    if let Some((from, to)) = fit(row) {
        lines.extend(between((x.at(from.0), y.at(from.1)), (x.at(to.0), y.at(to.1))));
    }
    let whisker = |point: &DosePoint| {
        let [high, low] = [point.effect.high, point.effect.low]
            .map(|end| y.at(end.unwrap_or(point.effect.estimate)));
        [x.at(point.planted), high, low]
    };
    Taken { lines, whiskers: row.points.iter().map(whisker).collect() }
}

/// The box of a whisker and its point.
fn around([across, top, bottom]: &[f64; 3]) -> [f64; 4] {
    [across - 5.0, top - 5.0, across + 5.0, bottom + 5.0]
}

/// Closely set points on a line.
fn between(from: Point, to: Point) -> impl Iterator<Item = Point> {
    const STEPS: u32 = 60;
    (0..=STEPS).map(move |step| {
        let share = f64::from(step) / f64::from(STEPS);
        (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
    })
}

/// Whether a label lies right of the axis and inside the figure, apart from texts, lines and whiskers.
fn is_free(canvas: &Canvas, label: &TextBox, taken: &Taken) -> bool {
    let [left, top, right, bottom] = label.edges;
    let fits = left > PLOT.0 && right < WIDTH && top > PLOT.1 && bottom < PLOT.1 + SIDE;
    let is_over = |edges: [f64; 4]| TextBox { edges, text: String::new() }.overlaps(label);
    fits && !taken.lines.iter().any(|p| is_inside(*p, &label.edges))
        && !taken.whiskers.iter().any(|w| is_over(around(w)))
        && !canvas.boxes().iter().any(|other| other.overlaps(label))
}

fn is_inside((x, y): Point, [left, top, right, bottom]: &[f64; 4]) -> bool {
    x > *left && x < *right && y > *top && y < *bottom
}

#[cfg(test)]
mod tests;
