//! Completions as JSON Lines, into a store and out of it, and what a store no longer needs.

use std::io::{self, BufRead, Write};

use entail_schema::Key;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::row::{COLUMNS, Origin, Row};
use super::{CompletionStore, StoreError, insert, lock};
use crate::{Completion, Finish, TokenLogprob, Usage};

/// One completion as a line of a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: Key,
    origin: Origin,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reasoning: Option<String>,
    finish: Finish,
    usage: Usage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logprob: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens: Option<Vec<TokenLogprob>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    served_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

impl Line {
    fn of(key: Key, origin: Origin, c: Completion) -> Self {
        let Completion { text, reasoning, finish, usage, logprob, tokens, served_by, raw } = c;
        Self { key, origin, text, reasoning, finish, usage, logprob, tokens, served_by, raw }
    }

    fn row(self) -> Row {
        let Self { key, origin, text, reasoning, finish, usage, logprob, tokens, served_by, raw } =
            self;
        let completion =
            Completion { text, reasoning, finish, usage, logprob, tokens, served_by, raw };
        Row::of(key, &completion, origin)
    }
}

/// What became of the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Imported {
    /// Completions that are new.
    pub added: u64,
    /// Completions whose key was there: what was there stays.
    pub present: u64,
}

/// Why completions could not be brought from one place to another.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// A line is no completion.
    #[error("line {line}: {what}")]
    Line {
        /// One-based.
        line: u64,
        /// What was found and what was expected.
        what: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ExchangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl CompletionStore {
    /// Writes every completion as a line of JSON, in the order of the keys: the same completions are the same bytes.
    /// Returns how many they are.
    ///
    /// # Errors
    /// [`ExchangeError`] when a row is damaged, the database fails or the lines cannot be written.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, ExchangeError> {
        let mut n_lines = 0;
        let mut unwritten = None;
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM completion ORDER BY key");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let row = Row::read(row)?;
                let key = row.key;
                let (completion, origin) = row.completion()?;
                let line = serde_json::to_string(&Line::of(key, origin, completion));
                if let Err(error) = writeln!(out, "{}", line.expect("plain data")) {
                    unwritten = Some(error);
                    break;
                }
                n_lines += 1;
            }
            Ok(())
        })?;
        match unwritten {
            Some(error) => Err(error.into()),
            None => Ok(n_lines),
        }
    }

    /// Takes in what [`CompletionStore::export`] wrote: all of it or, when a line is wrong, nothing.
    ///
    /// # Errors
    /// [`ExchangeError`] with the line, or when the database fails.
    pub fn import(&self, lines: impl BufRead) -> Result<Imported, ExchangeError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        let mut imported = Imported::default();
        for (line, text) in (1..).zip(lines.lines()) {
            let wrong = |what| ExchangeError::Line { line, what };
            let text = text.map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => wrong("found bytes that are no UTF-8".into()),
                _ => error.into(),
            })?;
            let parsed: Line =
                serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            if insert(&transaction, &parsed.row())? {
                imported.added += 1;
            } else {
                imported.present += 1;
            }
        }
        transaction.commit()?;
        Ok(imported)
    }

    /// Every key of an origin, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or holds something that is no key.
    pub fn keys(&self, origin: Origin) -> Result<Vec<Key>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT key FROM completion WHERE origin = ?1 ORDER BY key";
            let mut statement = connection.prepare(sql)?;
            let keys = statement.query_map([origin.as_str()], |row| row.get(0))?;
            Ok(keys.map(|key| key.map(Key::from_bytes)).collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Removes completions for good, all of them or none, and gives their room back to the file system.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn remove(&self, keys: &[Key]) -> Result<(), StoreError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        {
            let mut delete = transaction.prepare("DELETE FROM completion WHERE key = ?1")?;
            for key in keys {
                delete.execute(params![key.as_bytes()])?;
            }
        }
        transaction.commit()?;
        Ok(connection.execute_batch("VACUUM")?)
    }
}
