//! A small canvas for figures: text with estimated boxes, lines, scales, axes, whiskers.
//!
//! Styling is by class only, so that the page's style sheet decides on colors (dark mode) and no inline style has
//! to pass the content security policy. Every text leaves its estimated box behind: layouts ask it where there is
//! room, tests ask it whether labels overlap.

pub(crate) mod bars;
pub(crate) mod curves;
pub(crate) mod dose;
pub(crate) mod forest;
pub(crate) mod heat;
pub(crate) mod pooled;
pub(crate) mod stack;

use crate::add;
use crate::escape::{html, visible};

/// A place: x to the right, y down.
pub(crate) type Point = (f64, f64);

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// To the right of it.
    Start,
    /// Centered on it.
    Middle,
    /// To the left of it.
    End,
}

/// Size and weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Ordinary labels.
    Label,
    /// Ticks and asides.
    Small,
    /// Names of panels.
    Strong,
    /// Figures inside a filled shape.
    Inside,
}

/// The estimated extent of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextBox {
    /// Left, top, right, bottom.
    pub(crate) edges: [f64; 4],
    /// What it says.
    pub(crate) text: String,
}

/// A figure in the making.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    /// Width in pixels at full size.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
    body: String,
    boxes: Vec<TextBox>,
}

/// A linear map from data to pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Data at both ends.
    pub(crate) domain: (f64, f64),
    /// Pixels at both ends.
    pub(crate) range: (f64, f64),
}

impl Style {
    fn class(self) -> &'static str {
        match self {
            Self::Label => "t",
            Self::Small => "t s",
            Self::Strong => "t b",
            Self::Inside => "t i",
        }
    }

    fn size(self) -> f64 {
        match self {
            Self::Label => 12.0,
            Self::Small | Self::Inside => 11.0,
            Self::Strong => 12.5,
        }
    }

    /// Estimated width of a text: system fonts differ, so widths per class of letter are on the generous side.
    pub(crate) fn width(self, text: &str) -> f64 {
        let em: f64 = text.chars().map(letter_em).sum();
        let weight = if self == Self::Strong { 1.07 } else { 1.0 };
        em * self.size() * weight
    }
}

impl TextBox {
    /// Whether two texts would touch.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let [l, t, r, b] = self.edges;
        let [left, top, right, bottom] = other.edges;
        l < right && left < r && t < bottom && top < b
    }
}

impl Canvas {
    /// An empty figure.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new(), boxes: Vec::new() }
    }

    /// The texts so far.
    pub(crate) fn boxes(&self) -> &[TextBox] {
        &self.boxes
    }

    /// The box a text would get.
    pub(crate) fn measure(at: Point, anchor: Anchor, style: Style, text: &str) -> TextBox {
        let width = style.width(text);
        let left = match anchor {
            Anchor::Start => at.0,
            Anchor::Middle => at.0 - width / 2.0,
            Anchor::End => at.0 - width,
        };
        let edges = [left, at.1 - 0.78 * style.size(), left + width, at.1 + 0.24 * style.size()];
        TextBox { edges, text: text.to_owned() }
    }

    /// A text on one line; `at` is on its baseline.
    pub(crate) fn text(&mut self, at: Point, anchor: Anchor, style: Style, text: &str) {
        let text = visible(text);
        self.boxes.push(Self::measure(at, anchor, style, &text));
        self.raw_text(at, anchor, style, &html(&text));
    }

    /// A text cut to a width, with the whole text as a tooltip.
    pub(crate) fn fitted(
        &mut self,
        at: Point,
        anchor: Anchor,
        style: Style,
        (text, room): (&str, f64),
    ) {
        let whole = visible(text);
        let shown = cut(&whole, style, room);
        self.boxes.push(Self::measure(at, anchor, style, &shown));
        let title =
            if shown == whole { String::new() } else { format!("<title>{}</title>", html(&whole)) };
        self.raw_text(at, anchor, style, &(html(&shown) + &title));
    }

    /// A straight line.
    pub(crate) fn line(&mut self, from: Point, to: Point, class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(pixel);
        add!(self.body, r#"<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{class}"/>"#);
    }

    /// A rectangle between two corners.
    pub(crate) fn rect(&mut self, a: Point, b: Point, class: &str) {
        let [x, y] = [a.0.min(b.0), a.1.min(b.1)].map(pixel);
        let [width, height] = [(a.0 - b.0).abs(), (a.1 - b.1).abs()].map(pixel);
        add!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" class="{class}"/>"#
        );
    }

    /// A dot.
    pub(crate) fn dot(&mut self, at: Point, radius: f64, class: &str) {
        let [x, y, r] = [at.0, at.1, radius].map(pixel);
        add!(self.body, r#"<circle cx="{x}" cy="{y}" r="{r}" class="{class}"/>"#);
    }

    /// A line through points.
    pub(crate) fn polyline(&mut self, points: &[Point], class: &str) {
        let path: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", pixel(*x), pixel(*y))).collect();
        add!(self.body, r#"<polyline points="{}" class="{class}"/>"#, path.join(" "));
    }

    /// An interval: a line with a stop at each end, across `half` pixels to both sides.
    pub(crate) fn whisker(&mut self, from: Point, to: Point, half: f64) {
        let across = if (from.1 - to.1).abs() < f64::EPSILON { (0.0, half) } else { (half, 0.0) };
        self.line(from, to, "w");
        for (x, y) in [from, to] {
            self.line((x - across.0, y - across.1), (x + across.0, y + across.1), "w");
        }
    }

    /// What `draw` adds, as one link with a tooltip.
    pub(crate) fn link(&mut self, href: &str, title: &str, draw: impl FnOnce(&mut Self)) {
        add!(self.body, r#"<a href="{}"><title>{}</title>"#, html(href), html(title));
        draw(self);
        self.body.push_str("</a>");
    }

    /// What `draw` adds, with a tooltip.
    pub(crate) fn tip(&mut self, title: &str, draw: impl FnOnce(&mut Self)) {
        add!(self.body, "<g><title>{}</title>", html(title));
        draw(self);
        self.body.push_str("</g>");
    }

    /// The figure as an SVG element; `label` is what a screen reader says.
    pub(crate) fn finish(&self, label: &str) -> String {
        let [width, height] = [self.width, self.height].map(pixel);
        format!(
            r#"<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{}">{}</svg>"#,
            html(label),
            self.body
        )
    }

    fn raw_text(&mut self, at: Point, anchor: Anchor, style: Style, content: &str) {
        let [x, y] = [at.0, at.1].map(pixel);
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        add!(
            self.body,
            r#"<text x="{x}" y="{y}"{anchor} class="{}">{content}</text>"#,
            style.class()
        );
    }
}

impl Scale {
    /// Where a value stands; outside the domain it stays at the end, so nothing is drawn beyond its panel.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let (from, to) = self.domain;
        let share =
            if (to - from).abs() < f64::EPSILON { 0.0 } else { (value - from) / (to - from) };
        self.range.0 + share.clamp(0.0, 1.0) * (self.range.1 - self.range.0)
    }
}

/// Round steps that cover `low..=high` in about `n` ticks, wider than the data at both ends; at least two.
pub(crate) fn ticks(low: f64, high: f64, n: f64) -> Vec<f64> {
    let span = (high - low).max(1e-9);
    let rough = span / n;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * magnitude).into_iter().find(|s| *s >= rough * 0.999);
    let step = step.unwrap_or(10.0 * magnitude);
    let first = (low / step + 1e-9).floor();
    let mut ticks = vec![first * step];
    while ticks.len() < 2 || ticks.last().is_some_and(|last| *last < high - 1e-9 * step) {
        ticks.push((first + ticks.len() as f64) * step);
    }
    ticks
}

/// The start of a text that fits into `room` pixels, with an ellipsis where something is left out.
pub(crate) fn cut(text: &str, style: Style, room: f64) -> String {
    if style.width(text) <= room {
        return text.to_owned();
    }
    let mut shown: Vec<char> = text.chars().collect();
    while !shown.is_empty() {
        shown.pop();
        let candidate = shown.iter().collect::<String>().trim_end().to_owned() + "…";
        if style.width(&candidate) <= room {
            return candidate;
        }
    }
    "…".to_owned()
}

/// One decimal, no negative zero.
fn pixel(x: f64) -> String {
    let text = crate::format::fixed(x, 1).replace('−', "-");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn letter_em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.30,
        'f' | 't' | 'r' | 'I' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' => 0.92,
        'A'..='Z' | '+' | '−' | '=' | '≥' | '≤' => 0.70,
        c if c.is_ascii() => 0.58,
        c if u32::from(c) < 0x1100 => 0.64,
        _ => 1.05,
    }
}

#[cfg(test)]
mod tests;
