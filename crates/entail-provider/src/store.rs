//! Every completion ever drawn, by the key of its recipe, in one `SQLite` database.
//!
//! A completion is durable before it is used: [`CompletionStore::put`] is one transaction. The database is handed
//! in open, so this crate touches no path.

use std::sync::{Mutex, PoisonError};

use entail_schema::Key;
use rusqlite::{Connection, OptionalExtension, params};

use serde::{Deserialize, Serialize};

use crate::{Completion, Finish, TokenLogprob, Usage};

/// The layout of the tables that this code writes.
const VERSION: i64 = 2;

/// Completions by key.
#[derive(Debug)]
pub struct CompletionStore {
    connection: Mutex<Connection>,
}

/// Why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file comes from a later version of this program.
    #[error(
        "the store has layout {found}, this program knows layouts up to {VERSION}: use a newer entail"
    )]
    Newer {
        /// The layout found.
        found: i64,
    },
    /// A row says something that this program never writes.
    #[error(
        "completion {key:?} in the store is damaged: {field} is {found:?}, expected {expected}"
    )]
    Damaged {
        /// Its key.
        key: Key,
        /// The column.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What this program writes there.
        expected: &'static str,
    },
    /// `SQLite` failed: disk full, not a database, locked.
    #[error("the store failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl CompletionStore {
    /// Takes over an open database and lays out its tables if it is new.
    ///
    /// # Errors
    /// [`StoreError`] when the file is from a later version, is no database, or cannot be written.
    pub fn new(connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(std::time::Duration::from_secs(30))?;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > VERSION {
            return Err(StoreError::Newer { found });
        }
        // Write-ahead logging lets two processes share a store; the setting answers with a row.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        if found < VERSION {
            lay_out(&connection, found)?;
        }
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// What is stored for each key, in order; `None` where nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn get(&self, keys: &[Key]) -> Result<Vec<Option<Completion>>, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(
            "SELECT text, finish, drawn, logprob, more FROM completion WHERE key = ?1",
        )?;
        keys.iter()
            .map(|key| {
                let row = statement.query_row(params![key.as_bytes()], Row::read).optional()?;
                row.map(|row| row.completion(*key)).transpose()
            })
            .collect()
    }

    /// How many of the keys are stored.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] when the database fails.
    pub fn count_present(&self, keys: &[Key]) -> Result<usize, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached("SELECT 1 FROM completion WHERE key = ?1")?;
        let mut present = 0;
        for key in keys {
            present += usize::from(statement.exists(params![key.as_bytes()])?);
        }
        Ok(present)
    }

    /// Stores completions in one transaction: all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] when the database fails; nothing of this call is stored then.
    pub fn put<'c>(
        &self,
        rows: impl IntoIterator<Item = (Key, &'c Completion)>,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO completion (key, text, finish, drawn, logprob, more) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (key, c) in rows {
                let drawn = c.usage.drawn.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
                insert.execute(params![
                    key.as_bytes(),
                    c.text,
                    c.finish.as_str(),
                    drawn,
                    c.logprob,
                    More::of(c),
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Makes the tables, or takes over those of an earlier layout.
fn lay_out(connection: &Connection, found: i64) -> Result<(), StoreError> {
    let table = "CREATE TABLE completion (
        key BLOB PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL, drawn INTEGER, logprob REAL, more TEXT
    ) WITHOUT ROWID;";
    let take_over = match found {
        1 => format!(
            "ALTER TABLE completion RENAME TO earlier; {table}
             INSERT INTO completion SELECT key, text, finish, tokens, logprob, NULL FROM earlier; DROP TABLE earlier;"
        ),
        _ => table.replace("TABLE", "TABLE IF NOT EXISTS"),
    };
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {take_over} PRAGMA user_version = {VERSION}; COMMIT;"
    ))?;
    Ok(())
}

/// A row as it stands.
struct Row {
    text: String,
    finish: String,
    drawn: Option<i64>,
    logprob: Option<f64>,
    more: Option<String>,
}

/// What only some answers have.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

impl More {
    /// As JSON; nothing where there is nothing.
    fn of(c: &Completion) -> Option<String> {
        let more = Self {
            reasoning: c.reasoning.clone(),
            usage: Usage { drawn: None, ..c.usage },
            tokens: c.tokens.clone(),
            served_by: c.served_by.clone(),
            raw: c.raw.clone(),
        };
        (more != Self::default()).then(|| serde_json::to_string(&more).expect("plain data"))
    }
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            text: row.get(0)?,
            finish: row.get(1)?,
            drawn: row.get(2)?,
            logprob: row.get(3)?,
            more: row.get(4)?,
        })
    }

    fn completion(self, key: Key) -> Result<Completion, StoreError> {
        let damaged = |field, found, expected| StoreError::Damaged { key, field, found, expected };
        let finish = Finish::parse(&self.finish).ok_or_else(|| {
            damaged("finish", self.finish.clone(), "stop, length, refusal, filter, tool or error")
        })?;
        let count =
            |n: i64| u64::try_from(n).map_err(|_| damaged("drawn", n.to_string(), "a count"));
        let drawn = self.drawn.map(count).transpose()?;
        let more: More = match &self.more {
            None => More::default(),
            Some(json) => serde_json::from_str(json)
                .map_err(|error| damaged("more", error.to_string(), "the JSON that was written"))?,
        };
        Ok(Completion {
            text: self.text,
            reasoning: more.reasoning,
            finish,
            usage: Usage { drawn, ..more.usage },
            logprob: self.logprob,
            tokens: more.tokens,
            served_by: more.served_by,
            raw: more.raw,
        })
    }
}

#[cfg(test)]
mod tests;
