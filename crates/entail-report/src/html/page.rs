//! The frame of the page and its smallest parts: links, tables, figures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::escape::{html, query};
use crate::svg::Canvas;

/// One cell of a table. What it holds is HTML, so text must have been escaped by [`Cell::text`] or `escape::html`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Names its row.
    Head(String),
    /// Words.
    Words(String),
    /// A figure, aligned to the right.
    Figure(String),
}

/// What a link to the transcripts selects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Find<'a> {
    /// Base.
    pub(crate) base: &'a str,
    /// Arm.
    pub(crate) arm: &'a str,
    /// A second arm beside it.
    pub(crate) with: Option<&'a str>,
    /// A stance, or `block:planted` and the like.
    pub(crate) stance: &'a str,
}

impl Cell {
    /// A cell of untrusted words.
    pub(crate) fn text(text: &str) -> Self {
        Self::Words(html(text))
    }

    /// A cell with a figure made by `format`.
    pub(crate) fn figure(text: &str) -> Self {
        Self::Figure(html(text))
    }
}

impl Find<'_> {
    /// The hash link that the page's script understands.
    pub(crate) fn href(&self) -> String {
        let with = self.with.map_or_else(String::new, |arm| format!("&with={}", query(arm)));
        format!(
            "#find?base={}&arm={}{with}&stance={}",
            query(self.base),
            query(self.arm),
            query(self.stance)
        )
    }

    /// Text as a link to the transcripts.
    pub(crate) fn link(&self, text: &str) -> String {
        format!(r#"<a href="{}">{}</a>"#, html(&self.href()), html(text))
    }
}

/// A table that scrolls sideways inside its own box on narrow screens.
pub(crate) fn table(caption: &str, columns: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut out = table_head(caption, columns, &rows.iter());
    for (idx, row) in rows.iter().enumerate() {
        // A line with the head of the line before goes on about the same thing.
        let is_more = idx > 0
            && matches!(&row[0], Cell::Head(head) if rows[idx - 1][0] == Cell::Head(head.clone()));
        out.push_str(if is_more { r#"<tr class="more">"# } else { "<tr>" });
        out.push_str(&cells(row));
        out.push_str("</tr>\n");
    }
    out + "</tbody></table></div>"
}

/// A table whose rows each bring HTML that shows below them when their last cell, a switch, is opened. `rows` holds
/// cells, the name of the row in plain text, and that HTML.
pub(crate) fn table_with_details(
    caption: &str,
    columns: &[&str],
    rows: &[(Vec<Cell>, String, String)],
) -> String {
    let columns: Vec<&str> = columns.iter().copied().chain(["More"]).collect();
    let mut out = table_head(caption, &columns, &rows.iter().map(|row| &row.0)).replacen(
        "<table ",
        r#"<table class="rich" "#,
        1,
    );
    for (row, name, details) in rows {
        crate::add!(
            out,
            r#"<tr>{}<td><details><summary aria-label="more about {}">more</summary></details></td></tr><tr class="extra"><td colspan="{}">{details}</td></tr>"#,
            cells(row),
            html(name),
            columns.len(),
        );
        out.push('\n');
    }
    out + "</tbody></table></div>"
}

fn table_head<'a>(
    caption: &str,
    columns: &[&str],
    rows: &(impl Iterator<Item = &'a Vec<Cell>> + Clone),
) -> String {
    // The caption stands outside the box, so that it wraps and does not scroll away.
    let caption = html(caption);
    let mut out = format!(
        r#"<p class="caption">{caption}</p><div class="scroll" tabindex="0"><table aria-label="{caption}"><thead><tr>"#
    );
    for (idx, column) in columns.iter().enumerate() {
        let is_figure = rows.clone().any(|row| matches!(row.get(idx), Some(Cell::Figure(_))));
        let class = if is_figure { r#" class="n""# } else { "" };
        crate::add!(out, r#"<th scope="col"{class}>{}</th>"#, html(column));
    }
    out + "</tr></thead><tbody>"
}

fn cells(row: &[Cell]) -> String {
    let mut out = String::new();
    for cell in row {
        match cell {
            Cell::Head(content) => crate::add!(out, r#"<th scope="row">{content}</th>"#),
            Cell::Words(content) => crate::add!(out, "<td>{content}</td>"),
            Cell::Figure(content) => crate::add!(out, r#"<td class="n">{content}</td>"#),
        }
    }
    out
}

/// A figure with its title above and its explanation below. `class` is `wide` or `small`.
pub(crate) fn figure(class: &str, title: &str, note: &str, canvas: &Canvas) -> String {
    let note = if note.is_empty() { String::new() } else { format!("<p>{}</p>", html(note)) };
    format!(
        r#"<figure class="{class}"><figcaption><b>{}</b>{note}</figcaption><div class="scroll" tabindex="0">{}</div></figure>"#,
        html(title),
        canvas.finish(title)
    ) + "\n"
}

/// A part of the page that is closed at first.
pub(crate) fn folded(summary: &str, content: &str) -> String {
    format!("<details><summary>{}</summary>{content}</details>\n", html(summary))
}

/// A table that is closed at first.
pub(crate) fn folded_table(
    summary: &str,
    caption: &str,
    columns: &[&str],
    rows: &[Vec<Cell>],
) -> String {
    if rows.is_empty() { String::new() } else { folded(summary, &table(caption, columns, rows)) }
}

/// The whole page around its body.
pub(crate) fn document(study: &str, body: &str) -> String {
    let (css, js) = (style(), script());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        digest(&css),
        digest(&js)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{} · entail</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>{css}</style>\n</head>\n<body>\n{body}\n<script>{js}</script>\n</body>\n</html>\n",
        html(study)
    )
}

// Browsers hash a block after turning line ends into `\n`, so a checkout with `\r\n` must not change ours.
fn style() -> String {
    include_str!("style.css").replace("\r\n", "\n")
}

fn script() -> String {
    include_str!("browser.js").replace("\r\n", "\n")
}

fn digest(block: &str) -> String {
    STANDARD.encode(Sha256::digest(block.as_bytes()))
}
