//! Files of conversations, whichever tool wrote them: what stands in them tells which.

use std::io::Cursor;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::foreign::{ForeignError, Limits, without_bare_words};
use crate::inspect;
use crate::petri::read_petri;
use crate::transcript::Transcript;

/// The conversations of one file.
#[derive(Debug)]
pub enum Conversations {
    /// A log of Inspect in either form.
    Inspect(Box<inspect::Reader<Cursor<Vec<u8>>>>),
    /// A transcript of Petri 1 or 2.
    Petri(Box<Transcript>),
    /// Anything else, which is read line by line.
    Lines(Vec<u8>),
}

/// First bytes of an archive.
const ARCHIVE: &[u8] = b"PK\x03\x04";

/// Names by which the formats of one JSON object are told apart.
#[derive(Default, Deserialize)]
struct Names {
    version: Option<IgnoredAny>,
    eval: Option<IgnoredAny>,
    metadata: Option<IgnoredAny>,
    events: Option<IgnoredAny>,
    target_messages: Option<IgnoredAny>,
}

impl Conversations {
    /// Opens a file. `file` is its name, for messages.
    ///
    /// # Errors
    /// A log or a transcript that cannot be read. Lines are not looked at yet.
    pub fn open(file: &str, content: Vec<u8>, limits: Limits) -> Result<Self, ForeignError> {
        let names = names(&content);
        let is_log = names.eval.is_some() && names.version.is_some();
        if content.starts_with(ARCHIVE) || is_log {
            let reader = inspect::Reader::open(file, Cursor::new(content), limits)?;
            return Ok(Self::Inspect(Box::new(reader)));
        }
        let seen = names.events.is_some() || names.target_messages.is_some();
        if names.metadata.is_some() && seen {
            return Ok(Self::Petri(Box::new(read_petri(file, content.as_slice(), limits)?)));
        }
        Ok(Self::Lines(content))
    }
}

/// Names in the first JSON object of a file; none where it does not begin with one.
fn names(content: &[u8]) -> Names {
    fn first(content: &[u8]) -> Option<Names> {
        serde_json::Deserializer::from_slice(content).into_iter().next()?.ok()
    }
    if content.trim_ascii_start().first() != Some(&b'{') {
        return Names::default();
    }
    let found = first(content).or_else(|| first(&without_bare_words(content.to_vec())));
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests;
