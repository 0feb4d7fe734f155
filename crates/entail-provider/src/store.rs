//! Every completion ever drawn, by the key of its recipe, in one `SQLite` database.
//!
//! A completion is durable before it is used: [`CompletionStore::put`] is one transaction. The database is handed
//! in open, so this crate touches no path.

use std::sync::{Mutex, PoisonError};

use entail_schema::Key;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Completion, Finish};

/// The layout of the tables that this code writes.
const VERSION: i64 = 1;

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
        connection.execute_batch(&format!(
            "PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS completion (
                 key BLOB PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL,
                 tokens INTEGER NOT NULL, logprob REAL NOT NULL
             ) WITHOUT ROWID;
             PRAGMA user_version = {VERSION};"
        ))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// What is stored for each key, in order; `None` where nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn get(&self, keys: &[Key]) -> Result<Vec<Option<Completion>>, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare_cached(
            "SELECT text, finish, tokens, logprob FROM completion WHERE key = ?1",
        )?;
        keys.iter()
            .map(|key| {
                let row = statement
                    .query_row(params![key.as_bytes()], |row| {
                        Ok((
                            row.get(0)?,
                            row.get::<_, String>(1)?,
                            row.get::<_, i64>(2)?,
                            row.get(3)?,
                        ))
                    })
                    .optional()?;
                let Some((text, finish, tokens, logprob)) = row else { return Ok(None) };
                let finish = match finish.as_str() {
                    "stop" => Finish::Stop,
                    "length" => Finish::Length,
                    _ => {
                        let expected = "\"stop\" or \"length\"";
                        return Err(StoreError::Damaged {
                            key: *key,
                            field: "finish",
                            found: finish,
                            expected,
                        });
                    }
                };
                let tokens = usize::try_from(tokens).map_err(|_| StoreError::Damaged {
                    key: *key,
                    field: "tokens",
                    found: tokens.to_string(),
                    expected: "a count",
                })?;
                Ok(Some(Completion { text, finish, tokens, logprob }))
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
                "INSERT OR IGNORE INTO completion (key, text, finish, tokens, logprob) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (key, c) in rows {
                let tokens = i64::try_from(c.tokens).unwrap_or(i64::MAX);
                insert.execute(params![
                    key.as_bytes(),
                    c.text,
                    c.finish.as_str(),
                    tokens,
                    c.logprob
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests;
