//! A completion as a row: its columns, what only some answers have, and the checksum over all of it.

use std::io::{Read, Write};

use entail_schema::Key;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{Completion, Finish, TokenLogprob, Usage};

/// Columns of a completion but for its number, in the order of the table.
pub(super) const COLUMNS: &str = "key, text, finish, drawn, logprob, more, origin, checksum";

/// Bytes of JSON from which deflating pays. An answer of some hundred bytes wins little; one with the alternatives of
/// every token shrinks to a seventh.
const DEFLATED_FROM: usize = 2048;

/// Who asked for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A study.
    Study,
    /// Another program, whose traffic was recorded.
    Capture,
}

impl Origin {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Study => "study",
            Self::Capture => "capture",
        }
    }

    /// The origin of this name in files.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Study, Self::Capture].into_iter().find(|origin| origin.as_str() == name)
    }
}

/// What only some answers have, as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum More {
    /// Nothing.
    Absent,
    /// JSON.
    Plain(String),
    /// JSON, deflated (RFC 1951).
    Deflated(Vec<u8>),
}

/// [`More`] as JSON.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<TokenLogprob>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

impl More {
    fn of(c: &Completion) -> Self {
        let fields = Fields {
            reasoning: c.reasoning.clone(),
            usage: Usage { drawn: None, ..c.usage },
            tokens: c.tokens.as_ref().map(|tokens| tokens.iter().map(finite).collect()),
            served_by: c.served_by.clone(),
            raw: c.raw.clone(),
        };
        if fields == Fields::default() {
            return Self::Absent;
        }
        let json = serde_json::to_string(&fields).expect("plain data");
        if json.len() < DEFLATED_FROM {
            return Self::Plain(json);
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        let deflated = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
        Self::Deflated(deflated.expect("memory takes all bytes"))
    }

    fn fields(&self) -> Result<Fields, String> {
        let text = |error: serde_json::Error| error.to_string();
        match self {
            Self::Absent => Ok(Fields::default()),
            Self::Plain(json) => serde_json::from_str(json).map_err(text),
            Self::Deflated(bytes) => {
                let mut json = Vec::new();
                let read = DeflateDecoder::new(bytes.as_slice()).read_to_end(&mut json);
                read.map_err(|error| error.to_string())?;
                serde_json::from_slice(&json).map_err(text)
            }
        }
    }
}

/// A token without those alternatives whose logarithm is no number: JSON could not tell it.
fn finite(token: &TokenLogprob) -> TokenLogprob {
    let top = token.top.iter().filter(|(_, logprob)| logprob.is_finite()).cloned().collect();
    TokenLogprob { top, ..token.clone() }
}

impl ToSql for More {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Absent => ValueRef::Null,
            Self::Plain(json) => ValueRef::Text(json.as_bytes()),
            Self::Deflated(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl FromSql for More {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self::Absent),
            ValueRef::Text(_) => String::column_result(value).map(Self::Plain),
            ValueRef::Blob(bytes) => Ok(Self::Deflated(bytes.to_vec())),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// A completion as it stands in the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) finish: String,
    pub(super) drawn: Option<i64>,
    pub(super) logprob: Option<f64>,
    pub(super) more: More,
    pub(super) origin: String,
    pub(super) checksum: i64,
}

impl Row {
    /// The row of a completion. What is no number, such as the logarithm of zero, is not known.
    pub(super) fn of(key: Key, c: &Completion, origin: Origin) -> Self {
        Self {
            key,
            text: c.text.clone(),
            finish: c.finish.as_str().into(),
            drawn: c.usage.drawn.map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
            // `SQLite` keeps no sign of a zero, which adding one takes away.
            logprob: c.logprob.filter(|logprob| logprob.is_finite()).map(|logprob| logprob + 0.0),
            more: More::of(c),
            origin: origin.as_str().into(),
            checksum: 0,
        }
        .sealed()
    }

    /// With the checksum that its columns have.
    pub(super) fn sealed(self) -> Self {
        Self { checksum: self.expected_checksum(), ..self }
    }

    /// Reads a row of [`COLUMNS`], whatever stands there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where a column holds what this program never writes.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> Result<Self, StoreError> {
        let name: Option<Vec<u8>> = row.get(0).ok();
        let key = name.as_ref().and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        let shown = match &key {
            Some(key) => Key::from_bytes(*key).to_string(),
            None => format!("{:?}", name.unwrap_or_default()),
        };
        let damaged = |field, found, expected| StoreError::Damaged {
            key: shown.clone(),
            field,
            found,
            expected,
        };
        let key = key.ok_or_else(|| damaged("key", shown.clone(), "32 bytes"))?;
        let wrong = |field| {
            let damaged = &damaged;
            move |error: rusqlite::Error| match error {
                rusqlite::Error::SqliteFailure(..) => StoreError::from(error),
                other => damaged(field, other.to_string(), "the column's type"),
            }
        };
        Ok(Self {
            key: Key::from_bytes(key),
            text: row.get(1).map_err(wrong("text"))?,
            finish: row.get(2).map_err(wrong("finish"))?,
            drawn: row.get(3).map_err(wrong("drawn"))?,
            logprob: row.get(4).map_err(wrong("logprob"))?,
            more: row.get(5).map_err(wrong("more"))?,
            origin: row.get(6).map_err(wrong("origin"))?,
            checksum: row.get(7).map_err(wrong("checksum"))?,
        })
    }

    /// What the row says, if all of it is as it was written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first column that is not.
    pub(super) fn completion(self) -> Result<(Completion, Origin), StoreError> {
        let key = self.key;
        let damaged = |field, found, expected| {
            let key = key.to_string();
            StoreError::Damaged { key, field, found, expected }
        };
        let finish = Finish::parse(&self.finish).ok_or_else(|| {
            damaged("finish", self.finish.clone(), "stop, length, refusal, filter, tool or error")
        })?;
        let count =
            |n: i64| u64::try_from(n).map_err(|_| damaged("drawn", n.to_string(), "a count"));
        let drawn = self.drawn.map(count).transpose()?;
        let origin = Origin::parse(&self.origin)
            .ok_or_else(|| damaged("origin", self.origin.clone(), "study or capture"))?;
        if self.checksum != self.expected_checksum() {
            let found = format!("{:016x}", self.checksum);
            return Err(damaged("checksum", found, "that of the other columns"));
        }
        let fields = self.more.fields();
        let more = fields.map_err(|what| damaged("more", what, "the JSON that was written"))?;
        let completion = Completion {
            text: self.text,
            reasoning: more.reasoning,
            finish,
            usage: Usage { drawn, ..more.usage },
            logprob: self.logprob,
            tokens: more.tokens,
            served_by: more.served_by,
            raw: more.raw,
        };
        Ok((completion, origin))
    }

    /// First eight bytes of blake3 over the columns, each with its kind and length, so that no two rows read alike.
    fn expected_checksum(&self) -> i64 {
        let mut bytes = Vec::with_capacity(self.text.len() + 128);
        bytes.extend_from_slice(self.key.as_bytes());
        put(&mut bytes, 1, self.text.as_bytes());
        put(&mut bytes, 1, self.finish.as_bytes());
        match self.drawn {
            None => put(&mut bytes, 0, &[]),
            Some(drawn) => put(&mut bytes, 1, &drawn.to_le_bytes()),
        }
        match self.logprob {
            None => put(&mut bytes, 0, &[]),
            Some(logprob) => put(&mut bytes, 1, &logprob.to_bits().to_le_bytes()),
        }
        match &self.more {
            More::Absent => put(&mut bytes, 0, &[]),
            More::Plain(json) => put(&mut bytes, 1, json.as_bytes()),
            More::Deflated(deflated) => put(&mut bytes, 2, deflated),
        }
        put(&mut bytes, 1, self.origin.as_bytes());
        checksum(&bytes)
    }
}

fn put(bytes: &mut Vec<u8>, kind: u8, column: &[u8]) {
    bytes.push(kind);
    bytes.extend_from_slice(&(column.len() as u64).to_le_bytes());
    bytes.extend_from_slice(column);
}

/// First eight bytes of blake3.
pub(super) fn checksum(bytes: &[u8]) -> i64 {
    let hash = Key::of_bytes(bytes);
    let first = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    i64::from_le_bytes(*first)
}
