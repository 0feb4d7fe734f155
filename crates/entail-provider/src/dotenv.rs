//! The text of a `.env` file: `NAME=value` on each line, maybe after `export`, with comments and quotes as in a
//! shell. Nothing is expanded: a `$` stays one, as keys may hold it.

use std::collections::BTreeMap;

/// Names with their values; the last of the same name counts. The error is the number of the first line that cannot
/// be read, from one.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut values = BTreeMap::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = rest;
    let line_of = |rest: &str| whole[..whole.len() - rest.len()].matches('\n').count() + 1;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(values);
        }
        if rest.starts_with('#') {
            rest = after_line(rest);
            continue;
        }
        let line = line_of(rest);
        let (name, value, after) = assignment(rest).ok_or(line)?;
        values.insert(name.to_owned(), value);
        rest = after;
    }
}

/// One assignment at the beginning of the text, and what follows its line.
fn assignment(text: &str) -> Option<(&str, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = match name.trim_end().strip_prefix("export") {
        Some(name) if name.starts_with([' ', '\t']) => name.trim_start(),
        _ => name.trim_end(),
    };
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(of_a_name) {
        return None;
    }
    let value = value.trim_start_matches([' ', '\t']);
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let line = value.split('\n').next().unwrap_or_default();
        let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
        let end = if line.starts_with('#') { 0 } else { end };
        return Some((name, line[..end].trim().to_owned(), after_line(value)));
    };
    let (value, after) = quoted(&value[1..], quote)?;
    let left = after.split('\n').next().unwrap_or_default().trim();
    (left.is_empty() || left.starts_with('#')).then(|| (name, value, after_line(after)))
}

/// What stands up to the closing quote, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((value, &text[at + 1..])),
            '\\' if quote == '"' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            _ => value.push(c),
        }
    }
    None
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}
