//! What follows `?`, and lists that are handed out in pages.

use serde_json::{Value, json};

use crate::reply::ApiError;

/// Decoded names and values in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decode = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        };
        Query(pairs.map(decode).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Pairs of `metadata[name]=value`.
    pub(crate) fn metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name, value.as_str()))
        })
    }

    /// The envelope with those rows, each with its `id`, that come after the id in `after`, at most `limit` of them.
    pub(crate) fn page(&self, rows: &[Value], limit: usize) -> Result<Value, ApiError> {
        let limit = match self.get("limit") {
            Some(limit) => limit
                .parse()
                .map_err(|_| ApiError::bad(Some("limit"), "`limit` must be a count"))?,
            None => limit,
        };
        let start = match self.get("after") {
            Some(after) => {
                let place = rows.iter().position(|row| row["id"] == after);
                place
                    .ok_or_else(|| ApiError::bad(Some("after"), "`after` is no id of this list"))?
                    + 1
            }
            None => 0,
        };
        let rest = &rows[start..];
        let page = &rest[..rest.len().min(limit)];
        Ok(json!({
            "object": "list",
            "data": page,
            "first_id": page.first().map(|row| &row["id"]),
            "last_id": page.last().map(|row| &row["id"]),
            "has_more": rest.len() > limit,
        }))
    }
}

/// Percent-decoding, with `+` as a blank; what is no escape stays as it is.
fn decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%').then(|| tail.get(..2)).flatten();
        let escaped = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(if first == b'+' { b' ' } else { first }));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
