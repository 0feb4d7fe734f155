//! Shares of a whole as stacked bars: where the variance of one answer comes from, arm by arm.

use crate::svg::{Anchor, Canvas, Style};

/// One bar.
#[derive(Debug, Clone)]
pub(crate) struct Stack<'a> {
    /// Arm.
    pub(crate) label: &'a str,
    /// Sizes of the parts, in the order of the names.
    pub(crate) parts: [f64; N_PARTS],
    /// Tooltip.
    pub(crate) title: String,
}

/// Parts of a bar: as many as the style sheet has fills for.
pub(crate) const N_PARTS: usize = 4;

const NAME: f64 = 176.0;
const LEFT: f64 = NAME + 16.0;
const BAR: f64 = 760.0;
const WIDTH: f64 = LEFT + BAR + 22.0;
const ROW: f64 = 32.0;
const TOP: f64 = 36.0;

/// The bars under a legend of `names`.
pub(crate) fn stacks(names: [&str; N_PARTS], rows: &[Stack<'_>]) -> Canvas {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut canvas = Canvas::new(WIDTH, bottom + 22.0);
    let mut x = LEFT;
    for (idx, name) in names.iter().enumerate() {
        canvas.rect((x, 4.0), (x + 13.0, 17.0), &format!("v{idx}"));
        canvas.text((x + 19.0, 15.0), Anchor::Start, Style::Label, name);
        x += 40.0 + Style::Label.width(name);
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = LEFT + BAR * share;
        canvas.line((x, TOP - 4.0), (x, bottom), if share > 0.0 { "g" } else { "a" });
        let label = format!("{:.0} %", 100.0 * share);
        canvas.text((x, bottom + 15.0), Anchor::Middle, Style::Small, &label);
    }
    for (idx, row) in rows.iter().enumerate() {
        bar(&mut canvas, row, TOP + ROW * idx as f64);
    }
    canvas
}

fn bar(canvas: &mut Canvas, row: &Stack<'_>, y: f64) {
    canvas.fitted((NAME, y + 19.0), Anchor::End, Style::Label, (row.label, NAME));
    // An estimated variance may lie below zero; a share cannot.
    let parts = row.parts.map(|part| if part.is_finite() { part.max(0.0) } else { 0.0 });
    let total: f64 = parts.iter().sum();
    if total <= 0.0 {
        return canvas.text((LEFT + 6.0, y + 19.0), Anchor::Start, Style::Small, "no variance");
    }
    canvas.tip(&row.title, |canvas| {
        let mut x = LEFT;
        for (idx, part) in parts.iter().enumerate() {
            let width = BAR * part / total;
            canvas.rect((x, y + 3.0), (x + width, y + ROW - 5.0), &format!("v{idx}"));
            let label = format!("{:.0} %", 100.0 * part / total);
            if width > Style::Inside.width(&label) + 6.0 {
                canvas.text((x + width / 2.0, y + 18.5), Anchor::Middle, Style::Inside, &label);
            }
            x += width;
        }
    });
}

#[cfg(test)]
mod tests;
