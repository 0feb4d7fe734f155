//! What a store holds, and whether all of it is as it was written.

use std::collections::{BTreeMap, BTreeSet};

use entail_schema::Key;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::{Value, json};

use super::jobs::Job;
use super::row::{COLUMNS, Row, hexadecimal};
use super::{CompletionStore, StoreError, lock};
use crate::Completion;

/// What a look at every row found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verified {
    /// Completions that are as they were written.
    pub completions: u64,
    /// States of jobs that are as they were written.
    pub jobs: u64,
    /// Rows that are not.
    pub damaged: Vec<DamagedRow>,
    /// What `SQLite` says about the file itself; empty if it is sound.
    pub structure: Vec<String>,
    /// Every completion's key that the table or its index still names.
    pub keys: BTreeSet<Key>,
}

impl Verified {
    /// Whether nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.structure.is_empty()
    }
}

/// A row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DamagedRow {
    /// `completion` or `job`.
    pub table: &'static str,
    /// Its number in the table.
    pub id: i64,
    /// What is wrong with it, its key among it.
    pub problem: String,
    /// Its columns as they stand; bytes that are no text as `{"hex": …}`.
    pub row: Value,
}

/// Sums over some completions. Tokens and costs are those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Group {
    /// Completions.
    pub completions: u64,
    /// Tokens of conversations.
    pub prompt_tokens: u64,
    /// Tokens drawn.
    pub drawn_tokens: u64,
    /// Of these, tokens of the reasoning.
    pub reasoning_tokens: u64,
    /// US dollars.
    pub cost: f64,
}

impl Group {
    fn add(&mut self, c: &Completion) {
        self.completions += 1;
        self.prompt_tokens += c.usage.prompt.unwrap_or(0);
        self.drawn_tokens += c.usage.drawn.unwrap_or(0);
        self.reasoning_tokens += c.usage.reasoning.unwrap_or(0);
        self.cost += c.usage.cost.unwrap_or(0.0);
    }
}

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// All completions.
    pub all: Group,
    /// By who asked.
    pub origins: BTreeMap<&'static str, Group>,
    /// By who answered, as the answers name it; `None` where they do not.
    pub models: BTreeMap<Option<String>, Group>,
    /// Bytes of the database.
    pub bytes: u64,
    /// The last state of every job.
    pub jobs: Vec<(Key, String)>,
}

impl CompletionStore {
    /// Looks at every row and at the file's own structure.
    ///
    /// # Errors
    /// [`StoreError`] when the look could not even begin. Damage is no error here: it is what is looked for.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        self.read(|connection| {
            let mut found = Verified { structure: structure(connection), ..Verified::default() };
            let completions =
                format!("SELECT {COLUMNS}, id FROM completion NOT INDEXED ORDER BY id");
            found.look(connection, "completion", &completions, |row| {
                Row::read(row)?.completion().map(|_| ())
            });
            let jobs = "SELECT id, key, state, checksum, id FROM job NOT INDEXED ORDER BY id";
            found.look(connection, "job", jobs, |row| Job::read(row)?.checked().map(|_| ()));
            if !found.structure.is_empty() {
                // The index may know of rows that the table has lost. It is read as far as it can be.
                let _ = found.read_index(connection);
            }
            Ok(found)
        })
    }

    /// Takes damaged rows out of the tables. Keep them elsewhere first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; all of them are still there then.
    pub fn remove_damaged(&self, rows: &[DamagedRow]) -> Result<(), StoreError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        for row in rows {
            let sql = format!("DELETE FROM {} WHERE id = ?1", row.table);
            transaction.execute(&sql, params![row.id])?;
        }
        Ok(transaction.commit()?)
    }

    /// Counts and sums of everything.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let jobs = self.jobs()?;
        self.read(|connection| {
            let mut stats = Stats { jobs, ..Stats::default() };
            let sql = format!("SELECT {COLUMNS} FROM completion");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (completion, origin) = Row::read(row)?.completion()?;
                stats.all.add(&completion);
                stats.origins.entry(origin.as_str()).or_default().add(&completion);
                stats.models.entry(completion.served_by.clone()).or_default().add(&completion);
            }
            let pragma = |name: &str| {
                connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            };
            stats.bytes = u64::try_from(pragma("page_count")? * pragma("page_size")?).unwrap_or(0);
            Ok(stats)
        })
    }
}

impl Verified {
    /// Checks every row of a table, as far as the table can be walked. The row's number is the last column.
    fn look(
        &mut self,
        connection: &Connection,
        table: &'static str,
        sql: &str,
        check: impl Fn(&rusqlite::Row<'_>) -> Result<(), StoreError>,
    ) {
        if let Err(error) = self.try_look(connection, table, sql, check) {
            self.structure.push(format!("table {table}: {error}"));
        }
    }

    fn try_look(
        &mut self,
        connection: &Connection,
        table: &'static str,
        sql: &str,
        check: impl Fn(&rusqlite::Row<'_>) -> Result<(), StoreError>,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(sql)?;
        let names: Vec<String> = statement.column_names().iter().map(ToString::to_string).collect();
        let last = names.len() - 1;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if table == "completion"
                && let Ok(key) = row.get(0)
            {
                self.keys.insert(Key::from_bytes(key));
            }
            match check(row) {
                Ok(()) if table == "job" => self.jobs += 1,
                Ok(()) => self.completions += 1,
                Err(error) => {
                    let cells = names[..last].iter().enumerate();
                    let cells = cells.map(|(i, name)| Ok((name.clone(), cell(row.get_ref(i)?))));
                    let row_as_it_stands = Value::Object(cells.collect::<rusqlite::Result<_>>()?);
                    let (id, problem) = (row.get(last)?, error.to_string());
                    self.damaged.push(DamagedRow { table, id, problem, row: row_as_it_stands });
                }
            }
        }
        Ok(())
    }

    fn read_index(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("SELECT key FROM completion ORDER BY key")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.keys.extend(row.get(0).ok().map(Key::from_bytes));
        }
        Ok(())
    }
}

/// `SQLite`'s own findings.
fn structure(connection: &Connection) -> Vec<String> {
    let check = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("PRAGMA integrity_check")?;
        let lines = statement.query_map([], |row| row.get(0))?;
        lines.collect()
    };
    match check() {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn cell(value: ValueRef<'_>) -> Value {
    let bytes = |bytes: &[u8]| json!({ "hex": hexadecimal(bytes) });
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => json!(n),
        ValueRef::Real(x) => json!(x),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map_or_else(|_| bytes(text), |text| json!(text))
        }
        ValueRef::Blob(blob) => bytes(blob),
    }
}
