//! A completion as a row: its columns, what only some answers have, and the checksum over all of it.

use std::io::{self, Read, Write};

use entail_schema::Key;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{Completion, Finish, TokenLogprob, Usage};

/// Columns of a completion but for its number, in the order of the table.
pub(super) const COLUMNS: &str = "key, text, finish, drawn, logprob, more, raw, origin, checksum";

/// Bytes of JSON from which deflating pays. An answer of some hundred bytes wins little; one with the alternatives of
/// every token shrinks to a seventh.
const DEFLATED_FROM: usize = 2048;

/// What is expected of a column of JSON.
const WRITTEN: &str = "the JSON that was written";

/// Who asked for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A study.
    Study,
    /// `entail capture`, or another program whose traffic was recorded: no study needs it, and it was paid for.
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

/// JSON as it is stored, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Packed {
    /// Nothing.
    Absent,
    /// JSON.
    Plain(String),
    /// JSON, deflated (RFC 1951).
    Deflated(Vec<u8>),
}

/// What only some answers have, but for the answer as it came, which has a column of its own.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    usage: Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<TokenLogprob>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<String>,
}

impl More {
    fn of(c: &Completion) -> Option<String> {
        let more = Self {
            reasoning: c.reasoning.clone(),
            usage: Usage { drawn: None, ..c.usage },
            tokens: c.tokens.as_ref().map(|tokens| tokens.iter().map(finite).collect()),
            served_by: c.served_by.clone(),
        };
        (more != Self::default()).then(|| serde_json::to_string(&more).expect("plain data"))
    }
}

impl Packed {
    fn of(json: Option<String>) -> Self {
        match json {
            None => Self::Absent,
            Some(json) if json.len() < DEFLATED_FROM => Self::Plain(json),
            Some(json) => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
                let deflated = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
                Self::Deflated(deflated.expect("memory takes all bytes"))
            }
        }
    }

    fn json(self) -> io::Result<Option<String>> {
        match self {
            Self::Absent => Ok(None),
            Self::Plain(json) => Ok(Some(json)),
            Self::Deflated(bytes) => {
                let mut json = String::new();
                DeflateDecoder::new(bytes.as_slice()).read_to_string(&mut json)?;
                Ok(Some(json))
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::Plain(json) => json.len(),
            Self::Deflated(deflated) => deflated.len(),
        }
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Absent => put(bytes, 0, &[]),
            Self::Plain(json) => put(bytes, 1, json.as_bytes()),
            Self::Deflated(deflated) => put(bytes, 2, deflated),
        }
    }
}

/// A token without those alternatives whose logarithm is no number: JSON could not tell it.
fn finite(token: &TokenLogprob) -> TokenLogprob {
    let top = token.top.iter().filter(|(_, logprob)| logprob.is_finite()).cloned().collect();
    TokenLogprob { top, ..token.clone() }
}

impl ToSql for Packed {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Absent => ValueRef::Null,
            Self::Plain(json) => ValueRef::Text(json.as_bytes()),
            Self::Deflated(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl FromSql for Packed {
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
    pub(super) more: Packed,
    pub(super) raw: Packed,
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
            more: Packed::of(More::of(c)),
            raw: Packed::of(c.raw.clone()),
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
        let key: [u8; 32] = row.get(0).map_err(|error| wrong(row, "key", error))?;
        Ok(Self {
            key: Key::from_bytes(key),
            text: row.get(1).map_err(|error| wrong(row, "text", error))?,
            finish: row.get(2).map_err(|error| wrong(row, "finish", error))?,
            drawn: row.get(3).map_err(|error| wrong(row, "drawn", error))?,
            logprob: row.get(4).map_err(|error| wrong(row, "logprob", error))?,
            more: row.get(5).map_err(|error| wrong(row, "more", error))?,
            raw: row.get(6).map_err(|error| wrong(row, "raw", error))?,
            origin: row.get(7).map_err(|error| wrong(row, "origin", error))?,
            checksum: row.get(8).map_err(|error| wrong(row, "checksum", error))?,
        })
    }

    /// What the row says, if all of it is as it was written.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first column that is not.
    pub(super) fn completion(self) -> Result<(Completion, Origin), StoreError> {
        let key = self.key.to_string();
        let raw = self.raw.clone().json();
        let (said, origin) = self.said()?;
        let raw = raw.map_err(|error| StoreError::Damaged {
            key,
            field: "raw",
            found: error.to_string(),
            expected: WRITTEN,
        })?;
        Ok((Completion { raw, ..said }, origin))
    }

    /// The same without the answer as it came.
    pub(super) fn said(self) -> Result<(Completion, Origin), StoreError> {
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
        let more = match self.more.json() {
            Ok(None) => Ok(More::default()),
            Ok(Some(json)) => serde_json::from_str(&json).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let more = more.map_err(|what| damaged("more", what, WRITTEN))?;
        let completion = Completion {
            text: self.text,
            reasoning: more.reasoning,
            finish,
            usage: Usage { drawn, ..more.usage },
            logprob: self.logprob,
            tokens: more.tokens,
            served_by: more.served_by,
            raw: None,
        };
        Ok((completion, origin))
    }

    /// First eight bytes of blake3 over the columns, each with its kind and length, so that no two rows read alike.
    fn expected_checksum(&self) -> i64 {
        let said = self.text.len() + self.finish.len() + self.origin.len();
        // A kind and a length for each of seven columns, and two numbers.
        let room = 32 + said + self.more.len() + self.raw.len() + 7 * 9 + 2 * 8;
        let mut bytes = Vec::with_capacity(room);
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
        self.more.put(&mut bytes);
        self.raw.put(&mut bytes);
        put(&mut bytes, 1, self.origin.as_bytes());
        checksum(&bytes)
    }
}

/// A column that is not of its type, or a database that fails.
fn wrong(row: &rusqlite::Row<'_>, field: &'static str, error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code().is_some() {
        return error.into();
    }
    let key = row.get_ref(0).ok().and_then(|key| key.as_bytes().map(hexadecimal).ok());
    let key = key.unwrap_or_else(|| "without a key".into());
    StoreError::Damaged { key, field, found: error.to_string(), expected: "the column's type" }
}

/// Two digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("a half byte is a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
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
