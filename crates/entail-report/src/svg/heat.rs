//! Correlations as a triangle of colored cells; strong ones carry their number, so that color is not the only sign.

use crate::format::signed;
use crate::svg::{Anchor, Canvas, Style};

const NAME: f64 = 196.0;
const TOP: f64 = 34.0;

/// The triangle below the diagonal. `None` is a dash: the stance does not vary.
pub(crate) fn heat(names: &[&str], values: &[Vec<Option<f64>>]) -> Canvas {
    let n = names.len();
    let cell = (640.0 / n.max(1) as f64).clamp(15.0, 30.0);
    let side = cell * n as f64;
    let width = NAME + 8.0 + side.max(380.0);
    let mut canvas = Canvas::new(width, TOP + side + 22.0);
    legend(&mut canvas);
    for (row, name) in names.iter().enumerate() {
        let y = TOP + cell * row as f64;
        let label = format!("{} {name}", row + 1);
        canvas.fitted((NAME, y + cell / 2.0 + 4.0), Anchor::End, Style::Small, (&label, NAME));
        let column = (NAME + 8.0 + cell * (row as f64 + 0.5), TOP + side + 15.0);
        canvas.text(column, Anchor::Middle, Style::Small, &(row + 1).to_string());
        for (other, other_name) in names.iter().enumerate().take(row + 1) {
            let at = (NAME + 8.0 + cell * other as f64, y);
            if other == row {
                canvas.rect(
                    (at.0 + 0.5, at.1 + 0.5),
                    (at.0 + cell - 0.5, at.1 + cell - 0.5),
                    "self",
                );
                continue;
            }
            let value = values.get(row).and_then(|line| line.get(other)).copied().flatten();
            let words = value.map_or_else(|| "does not vary".to_owned(), |r| signed(r, 2));
            canvas.tip(&format!("{name} with {other_name}: {words}"), |canvas| {
                square(canvas, at, cell, value);
            });
        }
    }
    canvas
}

fn square(canvas: &mut Canvas, (x, y): (f64, f64), cell: f64, value: Option<f64>) {
    let middle = (x + cell / 2.0, y + cell / 2.0);
    let Some(value) = value.filter(|value| value.is_finite()) else {
        return canvas.line((x + 4.0, middle.1), (x + cell - 4.0, middle.1), "m");
    };
    canvas.rect((x + 0.5, y + 0.5), (x + cell - 0.5, y + cell - 0.5), &class(value));
    let label = short(value);
    if value.abs() >= 0.25 && cell > Style::Inside.width(&label) + 2.0 {
        canvas.text((middle.0, middle.1 + 4.0), Anchor::Middle, Style::Inside, &label);
    }
}

/// Sign and strength in five steps.
fn class(value: f64) -> String {
    let sign = if value < 0.0 { "hn" } else { "hp" };
    let step = [0.1, 0.25, 0.45, 0.65].iter().filter(|bound| value.abs() >= **bound).count();
    format!("{sign} o{step}")
}

/// `.7` or `−.7`, and `1` for one.
fn short(value: f64) -> String {
    signed(value, 1).trim_start_matches('+').replacen("0.", ".", 1).replace("1.0", "1")
}

fn legend(canvas: &mut Canvas) {
    let mut x = NAME + 8.0;
    for value in [-0.8, -0.5, -0.3, 0.0, 0.3, 0.5, 0.8] {
        canvas.rect((x, 2.0), (x + 26.0, 18.0), &class(value));
        canvas.text((x + 13.0, 14.0), Anchor::Middle, Style::Inside, &short(value));
        x += 27.0;
    }
    canvas.line((x + 16.0, 10.0), (x + 34.0, 10.0), "m");
    canvas.text((x + 41.0, 14.0), Anchor::Start, Style::Small, "does not vary");
}

#[cfg(test)]
mod tests;
