//! Aligned columns of text: measured in terminal cells, shrunk to a width, colored only on request.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::escape::visible;
use crate::view::Reading;

/// Which way a column leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// An ANSI style. It always repeats what a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// None.
    Plain,
    /// Headings.
    Bold,
    /// Asides.
    Dim,
    /// Raised.
    Up,
    /// Lowered.
    Down,
    /// Flags.
    Bad,
}

/// One entry of a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Text.
    pub(crate) text: String,
    /// Style.
    pub(crate) paint: Paint,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

const GAP: usize = 2;
const NARROWEST: usize = 6;

impl Paint {
    /// The style of a reading.
    pub(crate) fn of(reading: Reading) -> Self {
        match reading {
            Reading::Raised => Self::Up,
            Reading::Lowered => Self::Down,
            Reading::Unclear => Self::Plain,
            Reading::TooFew => Self::Dim,
        }
    }

    /// The text in this style, if color is wanted.
    pub(crate) fn apply(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Up => "34",
            Self::Down => "33",
            Self::Bad => "1;31",
        };
        if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: visible(text), paint: Paint::Plain }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl Grid {
    /// A table with named columns.
    pub(crate) fn new<S: AsRef<str>>(columns: &[(S, Align)]) -> Self {
        let columns =
            columns.iter().map(|(name, align)| (visible(name.as_ref()), *align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.columns.len(), "a row has one cell per column");
        self.rows.push(row);
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Width without shrinking.
    pub(crate) fn natural_width(&self) -> usize {
        total(&self.widths())
    }

    /// Lines of at most `width` cells: the widest columns of words give way first.
    pub(crate) fn render(&self, width: usize, color: bool) -> String {
        let widths = self.shrunk(width);
        let header: Vec<Cell> =
            self.columns.iter().map(|(name, _)| Cell::from(name.as_str())).collect();
        let mut out = Paint::Bold.apply(&self.line(&header, &widths, false), color) + "\n";
        let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
        out.push_str(&Paint::Dim.apply(&rule.join("  "), color));
        out.push('\n');
        for row in &self.rows {
            out.push_str(&self.line(row, &widths, color));
            out.push('\n');
        }
        out
    }

    fn widths(&self) -> Vec<usize> {
        let cell = |row: &Vec<Cell>, idx: usize| row[idx].text.width();
        let widest = |idx: usize| self.rows.iter().map(|row| cell(row, idx)).max().unwrap_or(0);
        self.columns
            .iter()
            .enumerate()
            .map(|(idx, (name, _))| name.width().max(widest(idx)))
            .collect()
    }

    fn shrunk(&self, width: usize) -> Vec<usize> {
        let mut widths = self.widths();
        for align in [Align::Left, Align::Right] {
            while total(&widths) > width {
                let candidates = (0..widths.len()).filter(|idx| self.columns[*idx].1 == align);
                match candidates.max_by_key(|idx| widths[*idx]) {
                    Some(idx) if widths[idx] > NARROWEST => widths[idx] -= 1,
                    _ => break,
                }
            }
        }
        widths
    }

    fn line(&self, row: &[Cell], widths: &[usize], color: bool) -> String {
        let mut out = String::new();
        for (idx, ((cell, width), (_, align))) in
            row.iter().zip(widths).zip(&self.columns).enumerate()
        {
            let text = cut(&cell.text, *width);
            let pad = " ".repeat(width - text.width());
            let painted = cell.paint.apply(&text, color && !text.is_empty());
            out.push_str(if idx > 0 { "  " } else { "" });
            match align {
                Align::Left => out.extend([painted, pad]),
                Align::Right => out.extend([pad, painted]),
            }
        }
        out.trim_end().to_owned()
    }
}

/// Paragraph of lines of at most `width` cells; `indent` starts all but the first.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in visible(text).split(' ') {
        let word = cut(word, width - indent.width());
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            out.push_str(&line);
            out.push('\n');
            line = indent.to_owned() + &word;
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(&word);
        }
    }
    out + &line + "\n"
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The start of a text that fits, with an ellipsis where something is left out.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let mut out: String = text.chars().take_while(fits).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests;
