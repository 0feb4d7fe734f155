//! Untrusted text on its way out: to HTML, to JSON inside a script tag, to a hash link, to a terminal.
//!
//! Control characters and invisible direction marks are made visible first, so that a model cannot reorder a line,
//! end a tag or drive a terminal.

/// The text with control characters as control pictures and direction marks spelled out.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c) {
            code @ 0..=0x1F => out.extend(char::from_u32(0x2400 + code)),
            0x7F => out.push('\u{2421}'),
            code if is_hidden(c) => crate::add!(out, "[U+{code:04X}]"),
            _ => out.push(c),
        }
    }
    out
}

/// Characters that change how others look and show nothing themselves.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text as HTML or SVG content, safe in an element and in a quoted attribute.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// JSON that cannot end a script tag, nor hide what it says from a reader of the source. The characters replaced
/// occur only inside JSON strings, so it stays JSON.
pub(crate) fn json_in_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(|c| matches!(c, '<' | '>' | '&' | '\u{7f}') || is_hidden(c)) {
        let (before, from) = rest.split_at(at);
        let mut after = from.chars();
        let found = after.next().expect("there is one where it was found");
        crate::add!(out, "{before}\\u{:04x}", u32::from(found));
        rest = after.as_str();
    }
    out + rest
}

/// One value of a query string inside a hash link: everything but letters, digits and `-._~` percent-encoded.
pub(crate) fn query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            crate::add!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests;
