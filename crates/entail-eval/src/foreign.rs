//! Files of other tools: what can be wrong with them, and bounded reading.

use std::io::Read;

use serde_json::{Map, Value};

/// A file of another tool that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {place}{fault}")]
pub struct ForeignError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// What is wrong there.
    #[source]
    pub fault: Fault,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere in particular.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// A file inside an archive.
    Member(String),
    /// A conversation, by its number from 1 and its id as far as it has one.
    Sample(usize, Option<String>),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Member(name) => write!(f, "`{}`: ", name.escape_debug()),
            Self::Sample(number, None) => write!(f, "sample {number}: "),
            Self::Sample(number, Some(id)) => {
                write!(f, "sample {number} (id `{}`): ", id.escape_debug())
            }
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system could not read it, or a stream in it is damaged.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is no archive, or a damaged one.
    #[error("is no readable archive: {0}")]
    Archive(String),
    /// It is no JSON, or a part of it has another type.
    #[error("is not as expected: {0}")]
    Json(#[from] serde_json::Error),
    /// A part is something else than it should be.
    #[error("`{field}` is {found}, expected {expected}")]
    Shape {
        /// The part.
        field: String,
        /// What stands there, cut short.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A part is not there.
    #[error("has no {0}")]
    Missing(&'static str),
    /// It is, or would become, larger than allowed.
    #[error("is larger than {limit} {unit}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A form of the format that is not read here.
    #[error("{found} is not read here, only {expected}")]
    Unsupported {
        /// What was found.
        found: String,
        /// What is read.
        expected: &'static str,
    },
}

/// Bounds on what a file may ask of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one conversation once unpacked; of a whole file where a format keeps all in one.
    pub bytes: u64,
    /// Conversations in one file.
    pub samples: u64,
}

impl Default for Limits {
    /// 128 MiB and a million: more than real logs have, and little enough for a laptop.
    fn default() -> Self {
        Self { bytes: 128 << 20, samples: 1_000_000 }
    }
}

impl Limits {
    /// The fault of something with more bytes than allowed.
    pub(crate) fn too_large(self) -> Fault {
        Fault::TooLarge { limit: self.bytes, unit: "bytes" }
    }

    /// All bytes of a source, if they are no more than allowed.
    pub(crate) fn read(self, source: impl Read) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        source.take(self.bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.bytes { Err(self.too_large()) } else { Ok(bytes) }
    }
}

/// The fault of a part that is something else than expected.
pub(crate) fn shape(field: &str, found: &Value, expected: &'static str) -> Fault {
    const SHOWN: usize = 60;
    let text = found.to_string();
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown += "...";
    }
    Fault::Shape { field: field.to_owned(), found: shown, expected }
}

/// A text of an object; null is the same as absent.
pub(crate) fn text<'a>(
    object: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a str>, Fault> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(shape(field, other, "text")),
    }
}

/// A list of an object; null and absent are empty.
pub(crate) fn list<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a [Value], Fault> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(shape(field, other, "a list")),
    }
}

/// An object inside an object; null is the same as absent.
pub(crate) fn object<'a>(
    object: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a Map<String, Value>>, Fault> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(other) => Err(shape(field, other, "an object")),
    }
}

/// A value that must be an object.
pub(crate) fn as_object<'a>(
    field: &str,
    value: &'a Value,
) -> Result<&'a Map<String, Value>, Fault> {
    value.as_object().ok_or_else(|| shape(field, value, "an object"))
}

/// Python writes numbers that JSON does not have as bare words. In their place this has null.
pub(crate) fn without_bare_words(json: Vec<u8>) -> Vec<u8> {
    const WORDS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let mut kept: Vec<u8> = Vec::new();
    let (mut copied, mut at, mut in_text) = (0, 0, false);
    while at < json.len() {
        match json[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' if !in_text => {
                if let Some(word) = WORDS.into_iter().find(|word| json[at..].starts_with(word)) {
                    kept.extend_from_slice(&json[copied..at]);
                    kept.extend_from_slice(b"null");
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return json;
    }
    kept.extend_from_slice(&json[copied..]);
    kept
}

#[cfg(test)]
mod tests;
